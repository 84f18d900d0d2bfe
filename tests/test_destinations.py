"""Lines on streams, in pipes and in files: whole, in order, once."""

from __future__ import annotations

import io
import os
import re
import resource
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import midwatch
from midwatch.delivery import Channel
from midwatch.destinations import lines_to, whole
from midwatch.destinations.stream import Stream
from midwatch.destinations.whole import WholeLines

LONG = 60.0


class Late:
    """A line that becomes text when it is written."""

    def text(self) -> str:
        return "late"


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "",
        "stdin",
        "STDOUT",
        "stdout://",
        "file",
        "file:",
        "file://",
        "file:lines",
        "file:./lines",
        "file://lines",
        "file://host/lines",
        "http://x/",
        "/var/log/lines",
        "syslog://x",
        "file://[/x",
    ],
)
def test_what_is_no_destination_stops_the_start(url: str) -> None:
    with pytest.raises(ValueError, match=r"not a destination for lines|Invalid IPv6"):
        lines_to(url)


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    """It is not made: a mistyped path would be somewhere else."""
    with pytest.raises(ValueError, match=f"^file://{tmp_path}/missing/lines: No such file or directory$"):
        lines_to(f"file://{tmp_path}/missing/lines")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Is a directory"):
        lines_to(f"file://{tmp_path}")


def test_a_symlink_is_refused(tmp_path: Path) -> None:
    """Whoever may write into the directory would choose the file."""
    target = tmp_path / "target"
    target.touch()
    (tmp_path / "lines").symlink_to(target)
    with pytest.raises(ValueError, match=f"file://{tmp_path}/lines: "):
        lines_to(f"file://{tmp_path}/lines")


def test_a_named_pipe_that_nobody_reads_does_not_hold_up_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="No such device or address"):
        lines_to(f"file://{tmp_path}/pipe")


def test_a_named_pipe_with_a_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    lines_to(f"file://{tmp_path}/pipe")("a line")
    assert midwatch.flush(LONG)
    assert os.read(reader, 100) == b"a line\n"
    os.close(reader)


def test_a_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """Whatever the umask; one that exists keeps its mode and its lines."""
    before = os.umask(0)
    try:
        lines_to(f"file://{tmp_path}/new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    there = tmp_path / "there"
    there.write_text("old\n")
    there.chmod(0o640)
    lines_to(f"file://{there}")("new")
    assert midwatch.flush(LONG)
    assert stat.S_IMODE(there.stat().st_mode) == 0o640
    assert there.read_text() == "old\nnew\n"


def test_a_path_may_be_escaped(tmp_path: Path) -> None:
    """And the host may be said."""
    lines_to(f"file://localhost{tmp_path}/a%20b%23c")("x")
    assert midwatch.flush(LONG)
    assert (tmp_path / "a b#c").read_text() == "x\n"


def test_two_callers_share_a_channel(tmp_path: Path) -> None:
    """Their lines stay in order."""
    first, second = lines_to(f"file://{tmp_path}/lines"), lines_to(f"file://{tmp_path}/lines")
    for number in range(100):
        (first if number % 2 else second)(str(number))
    first(Late())
    assert midwatch.flush(LONG)
    assert (tmp_path / "lines").read_text().split() == [*map(str, range(100)), "late"]


def test_what_utf8_cannot_carry_is_escaped(tmp_path: Path) -> None:
    """A line that cannot be encoded would take its batch with it."""
    lines_to(f"file://{tmp_path}/lines")("a\ud800ä")
    assert midwatch.flush(LONG)
    assert (tmp_path / "lines").read_text() == "a\\ud800ä\n"


# Standard streams


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_capsys_sees_lines(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The stream is the one that is there when lines are written."""
    lines_to(name)("a line")
    lines_to(name)(Late())
    assert midwatch.flush(LONG)
    captured = capsys.readouterr()
    assert getattr(captured, name[3:]) == "a line\nlate\n"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_capfd_sees_lines(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    lines_to(name)("a line")
    lines_to(name)(Late())
    assert midwatch.flush(LONG)
    captured = capfd.readouterr()
    assert getattr(captured, name[3:]) == "a line\nlate\n"


def by_hand(name: str = "stdout") -> Channel[Any]:
    from midwatch import delivery

    channel: Channel[Any] = Channel(name, Stream(name).deliver)
    delivery.channels.discard(channel)
    return channel


def closed() -> Any:
    stream = io.TextIOWrapper(io.BytesIO())
    stream.close()
    return stream


class Descriptor:
    """A stream that has only a descriptor."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def fileno(self) -> int:
        return self.fd


@pytest.mark.parametrize("stream", [None, closed(), Descriptor(1 << 20)], ids=["none", "closed", "bad descriptor"])
def test_a_stream_that_is_gone_keeps_its_lines(monkeypatch: pytest.MonkeyPatch, stream: Any) -> None:
    """For as long as a failed destination is tried; when it is back, they are written, once."""
    channel = by_hand()
    channel.put("a line")
    monkeypatch.setattr(sys, "stdout", stream)
    for _ in range(3):
        assert channel.step()
        channel.hurry()
        assert (channel.sent, channel.pending) == (0, 1)
    back = io.StringIO()
    monkeypatch.setattr(sys, "stdout", back)
    assert channel.step()
    assert back.getvalue() == "a line\n"
    assert (channel.sent, channel.pending) == (1, 0)


def test_a_reader_that_is_gone_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """`head` has read enough: no signal, no exception anywhere else."""
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(sys, "stdout", Descriptor(writing))
    channel = by_hand()
    channel.put("a line")
    assert channel.step()
    assert (channel.sent, channel.pending) == (0, 1)
    os.close(writing)


def test_a_stale_batch_is_never_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was given up half written is over, also when the next one fails at first."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    monkeypatch.setattr(whole, "STALL", 0.01)
    writer = WholeLines()
    with pytest.raises(TimeoutError):
        writer.write(writing, ["a" * 4000] * 100)
    second: list[Any] = ["second"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        writer.write(1 << 20, second)
    os.read(reading, 1 << 20)
    writer.write(writing, second)
    assert os.read(reading, 1 << 20) == b"second\n"
    os.close(reading)
    os.close(writing)


# Pipes that are full


def test_a_pipe_that_nobody_reads_and_then_somebody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch goes on where it was cut: nothing is missing, nothing comes twice."""
    monkeypatch.setattr(whole, "STALL", 0.01)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    writer = WholeLines()
    lines: list[Any] = [f"{number} " + "x" * (number * 37 % 9000) for number in range(300)]
    found = b""
    stalls = 0
    while True:
        try:
            writer.write(writing, lines)
            break
        except TimeoutError:
            stalls += 1
            found += os.read(reading, 50_000)
    found += os.read(reading, 1 << 20)
    assert stalls > 5
    assert found.decode().splitlines() == lines
    os.close(reading)
    os.close(writing)


def test_a_channel_counts_a_full_pipe_as_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, and in the end all lines are there."""
    monkeypatch.setattr(whole, "STALL", 0.01)
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdout", Descriptor(writing))
    channel = by_hand()
    lines = [f"{number:09}" * 50 for number in range(500)]
    for line in lines:
        channel.put(line)
    assert channel.step()
    assert (channel.sent, channel.pending) == (0, 500)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.extend(iter(lambda: os.read(reading, 65_536), b"")))
    reader.start()
    while channel.pending:
        channel.hurry()
        channel.step()
    os.close(writing)
    reader.join()
    os.close(reading)
    assert b"".join(found).decode().splitlines() == lines


def test_what_follows_a_torn_line_starts_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that was given up within a long line costs that line alone."""
    monkeypatch.setattr(whole, "STALL", 0.01)
    reading, writing = os.pipe()
    writer = WholeLines()
    with pytest.raises(TimeoutError):
        writer.write(writing, ["x" * 1_000_000])
    found = os.read(reading, 1 << 20)
    writer.write(writing, ["whole"])
    found += os.read(reading, 1 << 20)
    assert found.endswith(b"x\nwhole\n")
    writer.write(writing, ["next"])
    assert os.read(reading, 100) == b"next\n"
    os.close(reading)
    os.close(writing)


def test_a_pipe_that_does_not_block_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers may have set it so; a write that would block is tried again."""
    monkeypatch.setattr(whole, "STALL", 0.01)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    os.set_blocking(reading, False)
    writer = WholeLines()
    lines: list[Any] = ["y" * 3000] * 100
    found = b""
    while True:
        try:
            writer.write(writing, lines)
            break
        except OSError:
            found += os.read(reading, 1 << 20)
    found += os.read(reading, 1 << 20)
    assert found.decode().splitlines() == lines
    os.close(reading)
    os.close(writing)


def test_a_disk_that_is_full_for_a_while(tmp_path: Path) -> None:
    """What could be written stays, the rest follows where it was cut."""
    fd = os.open(tmp_path / "lines", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    writer = WholeLines()
    lines: list[Any] = [f"{number} " + "z" * 500 for number in range(100)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_001, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            writer.write(fd, lines)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "lines").stat().st_size == 10_001
    writer.write(fd, lines)
    assert (tmp_path / "lines").read_text().splitlines() == lines
    os.close(fd)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    st.lists(
        st.text(
            st.characters(exclude_characters="\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", exclude_categories=["Cs"]),
            max_size=9000,
        ),
        max_size=20,
    )
)
def test_pieces_are_whole_lines(lines: list[str]) -> None:
    """What is written in one piece is never cut within a line that would fit, and never too large for one write."""
    encoded = [(line + "\n").encode() for line in lines]
    pieces = whole._pieces(encoded)
    assert b"".join(pieces) == b"".join(encoded)
    assert all(0 < len(piece) <= 4096 for piece in pieces)
    if all(len(line) <= 4096 for line in encoded):
        assert all(piece.endswith(b"\n") for piece in pieces)


# Several processes


WRITER = """
import sys
from midwatch import flush
from midwatch.destinations import lines_to, whole
name, to = sys.argv[1:]
put = lines_to(to)
for number in range(2000):
    put(f"{name} {number} " + "x" * (number * 31 % 3900) + " end")
    if number % 100 == 0:
        flush(30)
assert flush(60)
"""


def check_whole(text: str) -> None:
    """Every line of four writers, whole and in the order of each."""
    found: dict[str, list[int]] = {name: [] for name in "abcd"}
    for line in text.splitlines():
        match = re.fullmatch("([a-d]) ([0-9]+) (x*) end", line)
        assert match, line[:200]
        assert len(match[3]) == int(match[2]) * 31 % 3900
        found[match[1]].append(int(match[2]))
    assert found == {name: list(range(2000)) for name in "abcd"}


def test_four_processes_share_a_pipe() -> None:
    """Lines that fit into one write are never interleaved."""
    reading, writing = os.pipe()
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, name, "stdout"], stdout=writing) for name in "abcd"]
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    assert [writer.wait(LONG) for writer in writers] == [0] * 4
    check_whole(text)


def test_four_processes_share_a_file(tmp_path: Path) -> None:
    """Each write is appended as a whole."""
    to = f"file://{tmp_path}/lines"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, name, to]) for name in "abcd"]
    assert [writer.wait(LONG) for writer in writers] == [0] * 4
    check_whole((tmp_path / "lines").read_text())
