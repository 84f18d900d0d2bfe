"""Spills of real processes: killed, forked, out of disk, several at once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .receiver import SENDER, Receiver

LONG = 30.0

Start = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.down()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spill"


@pytest.fixture
def start(receiver: Receiver, folder: Path) -> Iterator[Start]:
    """Start a process that sends to the receiver."""
    made: list[subprocess.Popen[str]] = []

    def begin(script: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SENDER + script]
        made.append(
            subprocess.Popen(
                [*command, str(receiver.port), str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return made[-1]

    yield begin
    for process in made:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str], said: str | None = None) -> str:
    """Wait for the orderly end of *process*; what it printed."""
    out, err = process.communicate(said, timeout=LONG)
    assert process.returncode == 0, err
    return out


DRAIN = """
assert flush(20)
"""

WRITES = """
detour.ROOM, spill.SEGMENT, detour.LOOK_EVERY = 50, 5000, 0.1
append = spill.Spill.append

def acknowledged(self, contents):
    done = append(self, contents)
    texts = [detour._decode(content).text for content in contents[:done]]
    os.write(1, "".join(text + "\\n" for text in texts).encode())
    return done

spill.Spill.append = acknowledged
print("ready", flush=True)
for number in count(FIRST):
    put(number)
    if number % 20 == 0:
        time.sleep(0.001)  # Or the queue would be full at once.
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_kill_at_any_time_loses_nothing_that_is_on_disk(
    start: Start, receiver: Receiver, folder: Path, seed: int
) -> None:
    """While the server goes and comes: all that was written arrives, in order but for what comes twice."""
    chance = random.Random(seed)
    acknowledged: list[int] = []
    pause = threading.Event()
    for life in range(4):
        process = start(WRITES.replace("FIRST", str(1_000_000 * life)))
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        found: list[str] = []
        reading = threading.Thread(target=lambda out=process.stdout, found=found: found.extend(out))
        reading.start()
        for _ in range(chance.randint(1, 4)):
            pause.wait(chance.uniform(0.0, 0.15))  # at random is what this is about
            chance.choice([receiver.up, receiver.down])()
        process.send_signal(signal.SIGKILL)
        process.wait()
        reading.join()
        acknowledged += [int(text) for text in found if text.endswith("\n")]
    receiver.up()
    end(start(DRAIN))
    assert len(acknowledged) > 500
    assert set(acknowledged) <= set(receiver.arrived)
    firsts = list(dict.fromkeys(receiver.arrived))
    assert firsts == sorted(firsts)
    assert list(folder.iterdir()) == []


def test_the_next_process_sends_what_one_could_not(start: Start, receiver: Receiver, folder: Path) -> None:
    """It ended in order: all of it, once, without a line of its own."""
    end(start("put(*range(10_000))"))
    assert receiver.arrived == []
    receiver.up()
    end(start("settled(lambda: figures(channels)['lines'].sent == 10_000)"))
    assert receiver.arrived == list(range(10_000))
    assert list(folder.iterdir()) == []


def test_children_of_multiprocessing_save_theirs(start: Start, receiver: Receiver, folder: Path) -> None:
    """They end without `atexit`; each has files of its own."""
    script = """
import multiprocessing
put(0)
child = multiprocessing.get_context("fork").Process(target=put, args=(1, 2))
child.start()
child.join()
assert child.exitcode == 0
"""
    end(start(script))
    assert len({path.name.rsplit("-", 1)[0] for path in folder.glob("*.spill")}) == 2
    receiver.up()
    end(start(DRAIN))
    assert sorted(receiver.arrived) == [0, 1, 2]


def test_an_end_without_last_words(start: Start, receiver: Receiver, folder: Path) -> None:
    """After `os._exit`, what was flushed is on disk, and all but the newest that has no room in memory."""
    end(start("put(*range(5000)); assert not flush(0.1); put(9_000_000); os._exit(0)"))
    script = """
put(*range(10_000, 20_000))
settled(lambda: channel._detour.unsettled() + network.pending == 15_000)
os._exit(0)
"""
    end(start(script))
    receiver.up()
    end(start(DRAIN))
    firsts = list(dict.fromkeys(receiver.arrived))
    assert firsts == [*range(5000), *range(10_000, 20_000)]


def test_a_fork_shares_neither_lines_nor_files(start: Start, receiver: Receiver, folder: Path) -> None:
    """With full queues and a file open: nothing is sent twice, and the lock is the parent's, until it ends."""
    script = """
network._deliver = lambda batch: 1 / 0
put(*range(6000))
settled(lambda: channel._detour.unsettled() + network.pending == 6000)
name = channel._detour._spill._owner._name
child = os.fork()
if child == 0:
    assert (channel.pending, network.pending, channel.spilled, channel.busy) == (0, 0, 0, False)
    put(*range(10_000, 10_010))
    assert not flush(0.1)
    assert channel._detour._spill.count == 10
    assert channel._detour._spill._owner._name not in ("", name)
    sys.stdin.read()
    os._exit(0)
assert channel._detour._spill._owner._claimed(name) is None
assert network.pending + channel.pending == 6000
print("forked", flush=True)
sys.stdin.read()
"""
    process = start(script)
    assert process.stdout is not None
    assert process.stdout.readline() == "forked\n"
    receiver.up()
    end(start(DRAIN))
    assert receiver.arrived == [], "both are alive"
    process.kill()
    process.wait()
    end(start(DRAIN))
    assert receiver.arrived == list(range(6000)), "the child is alive, and its files are its own"


def test_of_two_that_start_at_once_one_inherits(start: Start, receiver: Receiver, folder: Path) -> None:
    """And neither from the other."""
    end(start("put(*range(20_000))"))
    receiver.up()
    script = """
settled(lambda: not channel.busy)
assert flush(20)
print(figures(channels)["lines"].sent, flush=True)
sys.stdin.read()
"""
    both = [start(script), start(script)]
    shares = []
    for process in both:
        assert process.stdout is not None
        shares.append(int(process.stdout.readline()))
    for process in both:
        end(process)
    assert sorted(shares) == [0, 20_000]
    assert receiver.arrived == list(range(20_000))


def test_a_limit_on_file_sizes(start: Start, receiver: Receiver) -> None:
    """The disk takes a part of a batch and no more; nothing is torn, and nothing lost that memory has room for."""
    script = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
put(*range(10_000))
settled(lambda: not channel._items)
time.sleep(0.3)  # several attempts
print("full", flush=True)
input()
assert flush(20)
assert figures(channels)["lines"] == (0, 10_000, 0)
"""
    process = start(script)
    assert process.stdout is not None
    assert process.stdout.readline() == "full\n"
    receiver.up()
    end(process, "\n")
    assert receiver.arrived == list(range(10_000))
