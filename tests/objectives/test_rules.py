"""Rules say what they are about, whatever it is called."""

from __future__ import annotations

import re
from typing import Any

import pytest

from midwatch.objectives import Objective
from midwatch.objectives.promql import matcher
from midwatch.objectives.rules import rules

yaml: Any = pytest.importorskip("yaml", reason="PyYAML, which reads what is printed, is not installed")

HOSTILE = ("{{ boom }}", "{{ $value }}", "{{", "{JOB}", 'a"} or b', "a\\", "a: b", "- c", "$labels", "%s", "\xe9", "#x")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("names", ["otel", "classic"])
def test_names_of_services_and_objectives_are_only_ever_values(name: str, names: str) -> None:
    """Neither templates, nor YAML, nor PromQL."""
    made = yaml.safe_load(rules([Objective(name)], names=names, job=name))
    every = [rule for group in made["groups"] for rule in group["rules"]]
    burns = [rule for rule in every if "Burns" in rule.get("alert", "")]
    assert [rule["labels"]["objective"] for rule in every if "record" in rule] == [name] * 7
    assert [_shown(rule["labels"]["objective"]) for rule in burns] == [name] * 4
    assert all(_shown(rule["annotations"]["summary"]).startswith(f"The error budget of {name} is") for rule in burns)
    for rule in every:
        assert matcher("job", name) in rule["expr"]
        assert not re.sub(r'"(?:[^"\\]|\\.)*"', "", rule["expr"]).count("JOB")


def _shown(text: str) -> str:
    """What Prometheus makes of a template, where it has nothing to ask."""
    assert not re.sub(r'{{ "{{" }}', "", text).count("{{")
    return text.replace('{{ "{{" }}', "{{")
