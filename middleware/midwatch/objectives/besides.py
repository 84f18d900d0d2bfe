"""Routes that operators' machines ask for: no requests of users."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = ["besides"]


def besides(settings: Settings) -> list[str]:
    """The page of metrics and the paths of health, which an objective that is about all routes leaves out."""
    found = []
    if settings.metrics is not None and settings.metrics.path is not None:
        found.append(settings.metrics.path)
    if settings.health is not None:
        base = settings.health.path.rstrip("/")
        found += [base, f"{base}/*"] if base else ["/", "/live", "/ready", "/startup"]
        if settings.health.profile == "k8s":
            found += ["/livez", "/readyz", "/startupz"]
    return found
