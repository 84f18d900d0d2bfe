"""What was counted since the last look, though counters may begin again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .objective import Counted

__all__ = ["Increases"]

MOST: Final = 20_000
"""Series that are remembered besides those that are still counted; whose labels change for ever has more."""

Key: TypeAlias = "tuple[str, str | None, str | int | None, str | None]"


@final
class Increases:
    """
    The increase of every series between two looks, as Prometheus' `increase` has it.

    A counter that is lower than before has begun again at zero. The first look only remembers: what was counted before
    it may be days old. A series that appears later began at zero.
    """

    def __init__(self) -> None:
        self._before: dict[Key, tuple[float, ...]] | None = None

    def of(self, counted: Iterable[Counted]) -> Iterator[tuple[Counted, Sequence[float]]]:
        """Every series that has increased, and its increase by bucket."""
        before, first = self._before, self._before is None
        if before is None:
            before = self._before = {}
        seen: set[Key] = set()
        for series in counted:
            key = series.method, series.route, series.status, series.error_type
            seen.add(key)
            now = tuple(series.counts)
            then = before.get(key)
            before[key] = now
            if first or now == then:
                continue
            yield series, now if then is None else _increase(then, now)
        if len(before) > MOST:
            self._before = {key: before[key] for key in seen}


def _increase(then: Sequence[float], now: Sequence[float]) -> Sequence[float]:
    if len(then) != len(now) or any(new < old for old, new in zip(then, now, strict=True)):
        return now
    return [new - old for old, new in zip(then, now, strict=True)]
