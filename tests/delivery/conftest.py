"""A network that is up, down or hangs, and a spill behind it, stepped by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midwatch.delivery import Channel, channels, figures
from midwatch.delivery.spilling import Spilling, spilling
from midwatch.destinations import Entry


def line(number: int, length: int = 0) -> Entry:
    return Entry(1.5, "INFO", "app", f"{number}".ljust(length), "4bf92f3577b34da6a3ce929d0e0e4736", None, "01")


class Rig:
    """One process, so to speak: two channels that no worker steps, and the destination behind them."""

    line = staticmethod(line)

    def __init__(self, folder: Path, *, max_bytes: int = 64 << 20, name: str = "syslog://h", **options: Any) -> None:
        self.arrived: list[int] = []
        self.error: BaseException | None = None
        self.network: Channel[Any] = Channel(name, self._deliver, **options)
        self.channel: Spilling = spilling(self.network, folder, max_bytes)
        self.spill = self.channel._detour._spill
        channels.discard(self.network)
        channels.discard(self.channel)
        self.folder = folder

    def _deliver(self, batch: list[Entry]) -> None:
        if self.error is not None:
            raise self.error
        self.arrived += [int(entry.text) for entry in batch]

    def put(self, *numbers: int, length: int = 0) -> None:
        for number in numbers:
            self.channel.put(line(number, length), max(length, 5))

    def step(self) -> None:
        """Both, until there is nothing to do."""
        while True:
            self.network.hurry()
            self.channel.hurry()
            worked = [self.channel.step(), self.error is None and self.network.step()]
            if not any(worked):
                return

    def down(self) -> None:
        """The network fails, as the first batch finds out."""
        self.error = OSError("down")
        self.network.step()

    def up(self) -> None:
        self.error = None

    def die(self) -> None:
        """What `kill -9` leaves of the process: its files, and nobody who has the lock."""
        self.channel.forget()
        self.network.forget()

    @property
    def totals(self) -> tuple[int, int, int]:
        """Pending, sent and dropped, under the name of the destination."""
        (found,) = figures([self.channel, self.network]).values()
        return found

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.spill"))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Any]:
    """Makes rigs, in the same folder unless told otherwise."""
    made: list[Rig] = []

    def make(folder: Path = tmp_path / "spill", **options: Any) -> Rig:
        made.append(Rig(folder, **options))
        return made[-1]

    yield make
    for one in made:
        one.die()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few lines in memory, and few in a file."""
    monkeypatch.setattr("midwatch.delivery.detour.ROOM", 4)
    monkeypatch.setattr("midwatch.delivery.spill.SEGMENT", 400)
