"""Files that somebody cut, filled with something else, or made: none is believed, none is an obstacle."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from midwatch.metrics.slots import Slot

if TYPE_CHECKING:
    from .conftest import Make

WRITTEN = {("a", ("x",), 2.0), ("a", ("yy", "z"), 3.0), ("b", (), 4.0)}


@pytest.fixture
def whole(make: Make, directory: Path) -> bytes:
    """A file with three records, that nobody has."""
    slot = make()
    slot.cells("a", ("x",), 3)[2] = 2
    slot.cells("a", ("yy", "z"), 2)[1] = 3
    slot.cells("b", (), 2)[1] = 4
    slot.close()
    return (directory / "slot-0").read_bytes()


def said(slot: Slot) -> set[tuple[str, tuple[str, ...], float]]:
    reading = slot.read()
    return {(family, labels, values[-1]) for family in reading.families() for labels, values in reading.total(family)}


def claims(directory: Path) -> Slot:
    """A process that comes after, whatever lies there."""
    slot = Slot(directory)
    slot.cells("mine", (), 2)[1] = 1
    assert slot.number is not None
    assert ("mine", ()) in {told[:2] for told in said(slot)}
    slot.check()
    assert slot.epoch == 0
    return slot


def lengths(used: int) -> Iterator[int]:
    """None, those about the end of each word, and what is nearly all of the file."""
    yield from (at + more for at in range(0, used + 8, 8) for more in (0, 1, 7))
    yield 65535


def test_a_file_cut_at_any_length_is_left_out_or_whole(whole: bytes, make: Make, directory: Path) -> None:
    used = int.from_bytes(whole[16:24], "little")
    reader = make()
    for length in lengths(used):
        (directory / "slot-0").write_bytes(whole[:length])
        assert said(reader) == (WRITTEN if length >= used else set())
        assert reader.read().damaged == (length < used)
        heir = claims(directory)
        assert heir.number == 0
        assert heir.errors == (length < used)
        assert reader.read().damaged == 0
        heir.close()


def test_no_flipped_bit_makes_a_figure_that_was_not_counted(whole: bytes, make: Make, directory: Path) -> None:
    used = int.from_bytes(whole[16:24], "little")
    cells = {at for at in range(used) if whole[at - at % 8 : at - at % 8 + 8] != bytes(8)}
    assert cells
    path = directory / "slot-0"
    unharmed = 0
    # Of each byte the lowest and highest bit, which change a number by little and by much, and one between.
    bits = [8 * at + bit for at in range(used) for bit in (0, 1 + at % 6, 7)]
    for bit in bits:
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        reader = Slot(directory)
        reading = reader.read()
        found = said(reader)
        assert reading.damaged in (0, 1)
        assert {name[:2] for name in found} <= {name[:2] for name in WRITTEN}
        changed = found - WRITTEN
        # A bit of a number is believed: it has no checksum, since one would have to change at the same moment.
        assert len(changed) <= 1
        unharmed += not reading.damaged and not changed
        if bit % 64 == 0:
            claims(directory).close()
    assert unharmed < len(bits) / 2
    path.write_bytes(whole)
    assert said(make()) == WRITTEN


def test_random_bytes_are_no_file(make: Make, directory: Path) -> None:
    make().cells("a", (), 1)
    chance = random.Random(6)
    for _ in range(60):
        (directory / "slot-1").write_bytes(chance.randbytes(chance.randrange(4000)))
        assert make().read().damaged == 1
        heir = claims(directory)
        assert (heir.number, heir.errors) == (1, 1)
        heir.close()


def test_random_bytes_behind_a_header_are_no_records(whole: bytes, make: Make, directory: Path) -> None:
    used = int.from_bytes(whole[16:24], "little")
    chance = random.Random(7)
    for _ in range(60):
        data = whole[:used] + chance.randbytes(800)
        (directory / "slot-0").write_bytes(
            data[:16] + (used + 8 * chance.randrange(1, 100)).to_bytes(8, "little") + data[24:]
        )
        reading = make().read()
        assert reading.damaged == 1
        assert reading.families() == set()


def test_another_version_or_another_boot(whole: bytes, make: Make, directory: Path) -> None:
    path = directory / "slot-0"
    path.write_bytes(whole[:8] + b"\x02" + whole[9:])
    assert make().read().damaged == 1
    path.write_bytes(whole[:24] + bytes(16) + whole[40:])
    assert make().read().damaged == 1


def test_what_lies_around_is_no_slot(make: Make, directory: Path) -> None:
    slot = make()
    slot.cells("a", (), 1)[0] = 1
    for name in ("slot-", "slot-01", "slot-x", "slot-1.db", "counter_12.db", ".new-1-2", "slot-99999999", "Slot-1"):
        (directory / name).write_bytes(b"x")
    other = make()
    other.cells("a", (), 1)[0] = 2
    assert other.number == 1
    assert other.read().damaged == 0
    assert not (directory / ".new-1-2").exists()
    assert other.read().total("a") == [((), [3.0])]


def test_what_is_no_file_is_left_out(make: Make, directory: Path, tmp_path: Path) -> None:
    slot = make()
    slot.cells("a", (), 1)[0] = 1
    (tmp_path / "elsewhere").write_bytes((directory / "slot-0").read_bytes())
    (directory / "slot-1").symlink_to(tmp_path / "elsewhere")
    (directory / "slot-2").mkdir()
    os.mkfifo(directory / "slot-3")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "slot-4"))
        assert slot.read().damaged == 4
        assert slot.read().total("a") == [((), [1.0])]
        heirs = [claims(directory) for _ in range(4)]
        assert [heir.number for heir in heirs] == [1, 3, 4, 5]
        for heir in heirs:
            heir.close()
    assert (tmp_path / "elsewhere").exists()
    assert slot.read().damaged == 1


def test_a_damaged_file_that_somebody_has_is_left_to_them(make: Make, directory: Path) -> None:
    slot = make()
    slot.cells("a", (), 1)[0] = 1
    with (directory / "slot-0").open("r+b") as file:
        file.write(b"garbage!")
    other = make()
    other.cells("a", (), 1)[0] = 2
    assert (other.number, other.errors) == (1, 0)
    assert other.read().damaged == 1
    assert (directory / "slot-0").read_bytes()[:8] == b"garbage!"


def test_too_few_descriptors_delete_nothing(make: Make, directory: Path, run: object) -> None:
    slot = make()
    slot.cells("a", (), 1)[0] = 1
    slot.close()
    assert callable(run)
    said = run("""import resource
slot = Slot(directory)
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
slot.cells("a", (), 1)[0] += 1
print(slot.number, slot.errors)
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
assert slot.read().total("a") == [((), [2.0])], slot.read().total("a")""")
    assert said.split() == ["None", "1"]
    assert make().read().total("a") == [((), [1.0])]
