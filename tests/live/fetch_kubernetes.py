"""
Schemas of Kubernetes, KEDA and the Prometheus operator, from PyPI, in an environment of their own.

    python -m tests.live.fetch_kubernetes
    .venv/kubernetes/bin/python -m tests.live.fetch_kubernetes check FILE...

Exit status: 0 they are there, and what is checked is valid; 1 not so, and stderr says why.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2] / ".venv" / "kubernetes"
"""Where they are kept, about 170 MB; `make clean` removes it."""

PYTHON = ROOT / "bin" / "python"

PACKAGES = ("kubernetes-validate", "cloudcoil-models-keda", "cloudcoil-models-prometheus-operator")

VERSIONS = ("1.27", "1.33")
"""Of Kubernetes: an old and a newer one."""

PATIENCE = 600
"""Seconds."""


class MissingError(Exception):
    """The schemas cannot be had; why."""


def python() -> Path:
    """
    The Python that has them.

    Raises:
        MissingError: it is not there.
    """
    modules = "import kubernetes_validate, cloudcoil.models.keda.v1alpha1, cloudcoil.models.prometheus_operator.v1"
    if not PYTHON.exists() or subprocess.run([PYTHON, "-c", modules], capture_output=True, check=False).returncode:
        raise MissingError("the schemas are not there; `python -m tests.live.fetch_kubernetes` fetches them")
    return PYTHON


def fetch() -> None:
    """
    Install them, unless they are.

    Raises:
        MissingError: PyPI does not give them.
    """
    try:
        python()
    except MissingError:
        try:
            venv.create(ROOT, with_pip=True)
            command: list[str | Path] = [
                PYTHON,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                *PACKAGES,
            ]
            subprocess.run(command, check=True, timeout=PATIENCE, stdout=sys.stderr)
        except (OSError, subprocess.SubprocessError) as error:
            raise MissingError(f"the schemas cannot be fetched: {error}") from None
        python()


def check(files: list[str]) -> list[str]:
    """What is wrong with the documents in *files*; runs in the environment that has the schemas."""
    import kubernetes_validate  # type: ignore[import-not-found,unused-ignore]
    import yaml  # type: ignore[import-untyped,unused-ignore]
    from cloudcoil.models.keda.v1alpha1 import ScaledObject  # type: ignore[import-not-found,unused-ignore]
    from cloudcoil.models.prometheus_operator.v1 import (  # type: ignore[import-not-found,unused-ignore]
        PodMonitor,
        PrometheusRule,
    )

    models: dict[str, Any] = {"ScaledObject": ScaledObject, "PodMonitor": PodMonitor, "PrometheusRule": PrometheusRule}
    problems = []
    for file in files:
        for document in yaml.safe_load_all(Path(file).read_text("utf-8")):
            kind = document["kind"]
            try:
                if kind in models:
                    read = models[kind].model_validate(document)
                    # The models take unknown fields without a word, and forget them.
                    kept = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
                    problems += [f"{file}: unknown field {field}" for field in _forgotten(document, kept)]
                else:
                    for version in VERSIONS:
                        kubernetes_validate.validate(document, version, strict=True)
            except (ValueError, kubernetes_validate.ValidationError) as error:
                problems.append(f"{file}: {error}")
    return problems


def _forgotten(given: Any, kept: Any, path: str = "") -> list[str]:
    if isinstance(given, dict) and isinstance(kept, dict):
        return [
            name
            for key, value in given.items()
            for name in ([f"{path}.{key}"] if key not in kept else _forgotten(value, kept[key], f"{path}.{key}"))
        ]
    if isinstance(given, list) and isinstance(kept, list):
        return [name for one, other in zip(given, kept, strict=False) for name in _forgotten(one, other, f"{path}[]")]
    return []


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        found = check(sys.argv[2:])
        print("\n".join(found), file=sys.stderr)
        sys.exit(1 if found else 0)
    try:
        fetch()
    except MissingError as missing:
        print(f"fetch_kubernetes: {missing}", file=sys.stderr)
        sys.exit(1)
