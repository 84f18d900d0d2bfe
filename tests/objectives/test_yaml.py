"""YAML is read back as what was written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.objectives.yaml import to_yaml

yaml: Any = pytest.importorskip("yaml", reason="PyYAML, which reads it back, is not installed")

texts = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    ["", "yes", "No", "null", "~", "1e3", "0x1f", "1:30", "- a", "a: b", "a #b", "{{ x }}", "a\nb", " a\nb", "a\n\nb",
     "a \nb", "a\n", "\n", "'", '"', "\\", "%", "&a", "*a", "!x", "|", ">", "=", "on", "12h", "a:", "é", "\x85",
     "\u2028", "\ufeff", "2001-01-01", "@", "`", "?", "a\tb", "x\n  y", "sum(\n  rate(x[5m])\n) or vector(0)"]
)  # fmt: skip
scalars = texts | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=15
)


@given(values)
def test_read_back(value: Any) -> None:
    assert yaml.safe_load(to_yaml(value)) == value


def test_as_a_person_would() -> None:
    assert to_yaml({"groups": [{"name": "a-b", "rules": [{"expr": "sum(\n  x\n)", "for": "5m"}], "empty": []}]}) == (
        "groups:\n- name: a-b\n  rules:\n  - expr: |-\n      sum(\n        x\n      )\n    for: 5m\n  empty: []\n"
    )


def test_nothing_else() -> None:
    with pytest.raises(TypeError, match="bytes"):
        to_yaml([b""])
