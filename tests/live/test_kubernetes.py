"""The examples for Kubernetes, by the schemas of Kubernetes, KEDA and the Prometheus operator."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from . import fetch_kubernetes
from .conftest import HERE

pytestmark = pytest.mark.live

EXAMPLES = HERE.parents[1] / "examples" / "kubernetes"

VALUES = {"prometheus-adapter-rule.yaml"}
"""What is no document of Kubernetes, but of a chart."""


@pytest.fixture(scope="module")
def python() -> Path:
    try:
        return fetch_kubernetes.python()
    except fetch_kubernetes.MissingError as missing:
        pytest.skip(str(missing))


def _check(python: Path, *files: Path) -> tuple[int, str]:
    command: list[str | Path] = [python, fetch_kubernetes.__file__, "check", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_examples(python: Path) -> None:
    files = [file for file in sorted(EXAMPLES.glob("*.yaml")) if file.name not in VALUES]
    assert len(files) >= 4
    assert _check(python, *files) == (0, "\n")


MISTAKES = [
    ("deployment.yaml", "readinessProbe:", "readynessProbe:"),
    ("deployment.yaml", "periodSeconds: 2", "periodSeconds: often"),
    ("hpa.yaml", "averageValue:", "averageValues:"),
    ("keda-scaledobject.yaml", "maxReplicaCount:", "maxReplicas:"),
    ("keda-scaledobject.yaml", "minReplicaCount: 2", "minReplicaCount: some"),
    ("podmonitor.yaml", "podMetricsEndpoints:", "endpoints:"),
    ("podmonitor.yaml", "interval: 15s", "every: 15s"),
]


def test_mistakes_are_found(python: Path, tmp_path: Path) -> None:
    """The check can fail."""
    files = []
    for number, (name, right, wrong) in enumerate(MISTAKES):
        text = (EXAMPLES / name).read_text()
        assert right in text
        files.append(tmp_path / f"{number}-{name}")
        files[-1].write_text(text.replace(right, wrong))
    code, words = _check(python, *files)
    assert code == 1
    assert [file.name for file in files if str(file) not in words] == []
