"""The section `metrics`: what is counted, how near to its limits the service is, and what follows from both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, final

from ..metrics import LatencyMetrics
from ..metrics.slots import default_directory, shared_directory
from ..saturation import SaturationWatch, Shedding
from .unusable import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..objectives import Objectives
    from ..plugin import Plugin
    from ..service import Service
    from ..settings.metrics import MetricSettings

__all__ = ["Measured", "directory_of"]


def directory_of(metrics: MetricSettings, service: Service) -> Path | None:
    """Where workers share their figures; None if each keeps to itself."""
    if metrics.directory is None:
        return None
    if metrics.directory == "auto":
        return default_directory(service.name)
    with named("metrics.directory"):
        return shared_directory(Path(metrics.directory), service.name)


@final
class Measured:
    """
    What the section asks for.

    Args:
        metrics: The section.
        service: Named in the figures.
        directory: Where workers share them (`directory_of`).
        agent: Address for HAProxy's agent check; None for none.
        draining: Whether the service wants no new traffic.
        besides: Routes that operators ask for, which are no requests of users.

    Attributes:
        objectives: None without any.
        saturation: How near to its limits the service is.

    Raises:
        ValueError: what only trying tells.
    """

    def __init__(
        self,
        metrics: MetricSettings,
        service: Service,
        *,
        directory: Path | None,
        agent: str | None,
        draining: Callable[[], bool],
        besides: Iterable[str],
    ) -> None:
        self._metrics = metrics
        with named("metrics"):
            self._counts = counts = LatencyMetrics(
                path=metrics.path,
                allow=metrics.allow,
                service=service,
                buckets=metrics.buckets,
                max_series=metrics.max_series,
                directory=directory,
                names=metrics.names,
                labels=metrics.labels,
                listen=metrics.listen,
            )
        watch = self._watch = SaturationWatch(
            counts.store,
            active=counts.active,
            capacity=metrics.capacity,
            lag=metrics.lag,
            agent=agent,
            draining=draining,
        )
        self.saturation = watch.saturation
        counts.pulse.each(self.saturation.turn)
        self.objectives = self._watched(besides)

    def _watched(self, besides: Iterable[str]) -> Objectives | None:
        asked = self._metrics.objectives
        if not asked:
            return None
        from ..objectives import Objective, Objectives  # noqa: PLC0415 - where there are some

        with named("metrics.objectives"):
            found = [Objective(name, one.match, one.within, one.target) for name, one in asked.items()]
            objectives = Objectives(found, self._counts.counted, self._counts.bounds, besides=besides)
        self._counts.pulse.each(objectives.turn)
        return objectives

    def plugins(self) -> Iterator[Plugin]:
        """What counts and looks."""
        yield self._counts
        yield self._watch

    def shedding(self) -> Iterator[Plugin]:
        """What refuses requests; to be asked after all that answer probes, which it leaves alone."""
        shed = self._metrics.shed
        if shed is not None:
            with named("metrics.shed"):
                yield Shedding(
                    shed.match,
                    score=self.saturation.current,
                    store=self._counts.store,
                    above=shed.above,
                    retry_after=shed.retry_after,
                )
