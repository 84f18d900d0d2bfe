"""What becomes of SIGTERM, in real processes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from midwatch.health.drain import Drain

# A server in a few lines: it ends when its handler says so, and says when it hears of the signal.
SERVER = """
over = threading.Event()
def handler(number, frame):
    say("server heard", number, frame is not None, drain.draining)
    over.set()
signal.signal(signal.SIGTERM, handler)
drain = Drain(delay=float(sys.argv[1]))
drain.on_startup()
say("serving")
while not over.wait(0.05):
    pass
"""


def test_the_server_hears_it_after_the_delay(program: Callable[..., Any]) -> None:
    """The previous handler is called once, in the main thread, with a frame; meanwhile the process drains."""
    server = program(SERVER, "0.3")
    server.until("serving")
    server.signal(signal.SIGTERM)
    server.until("draining for 0.3 s (SIGTERM)")
    assert server.until("server heard") == "server heard 15 True True"
    assert server.end() == 0
    assert not any(
        "server heard" in line for line in server.heard[server.heard.index("server heard 15 True True") + 1 :]
    )


def test_a_second_signal_is_passed_on_at_once(program: Callable[..., Any]) -> None:
    server = program("from midwatch.health.drain import sigterm\nsigterm.ECHO = 0.0\n" + SERVER, "600")
    server.until("serving")
    server.signal(signal.SIGTERM)
    server.until("draining for 600 s")
    server.signal(signal.SIGTERM)
    server.until("server heard 15 True True")
    assert server.end() == 0


def test_an_echo_is_no_second_signal(program: Callable[..., Any]) -> None:
    """Whoever signals a whole group of processes has each worker signalled twice: by himself, and by its master."""
    server = program(SERVER.replace("drain.draining)", "round(drain.left, 1))"), "0.6")
    server.until("serving")
    for _ in range(3):
        server.signal(signal.SIGTERM)
    server.until("draining for 0.6 s")
    server.signal(signal.SIGTERM)
    assert server.until("server heard") == "server heard 15 True 0.0"
    assert server.end() == 0


def test_without_a_delay_nothing_is_touched(program: Callable[..., Any]) -> None:
    server = program(SERVER + "\nsay(signal.getsignal(signal.SIGTERM) is handler)", "0")
    server.until("serving")
    server.signal(signal.SIGTERM)
    server.until("server heard 15 True False")
    server.until("True")
    assert server.end() == 0


def test_the_default_action_comes_after_the_delay(program: Callable[..., Any]) -> None:
    """The process ends by the signal, as its parent expects."""
    server = program("drain = Drain(delay=0.2)\ndrain.on_startup()\nsay('serving')\nhear()")
    server.until("serving")
    server.signal(signal.SIGTERM)
    server.until("draining")
    assert server.end() == -signal.SIGTERM


def test_a_drain_under_way_counts(program: Callable[..., Any]) -> None:
    """preStop has waited already: the signal is passed on when what it began is over."""
    server = program(SERVER.replace('say("serving")', "drain.begin('POST', 0.0)\nsay('serving')"), "600")
    server.until("serving")
    server.signal(signal.SIGTERM)
    server.until("server heard 15 True True")
    assert server.end() == 0


def test_a_forked_child_is_not_kept(program: Callable[..., Any]) -> None:
    """Processes that the application makes end as they would: what handles the signal there is the server's."""
    server = program(
        """
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
drain = Drain(delay=600)
drain.on_startup()
child = os.fork()
if child == 0:
    say("child")
    while True:
        signal.pause()
hear()
os.kill(child, signal.SIGTERM)
say("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    )
    server.until("child")
    server.tell()
    assert server.until("ended") == "ended 7"


def test_two_drains_share_the_handler(program: Callable[..., Any]) -> None:
    """Two applications in one process: the longer delay counts, once."""
    server = program(
        SERVER.replace("drain.on_startup()", "drain.on_startup()\nother = Drain(delay=0.1)\nother.on_startup()"), "0.4"
    )
    server.until("serving")
    server.signal(signal.SIGTERM)
    server.until("server heard")
    assert server.end() == 0
    assert sum("draining for" in line for line in server.heard) == 2


def test_after_the_shutdown_the_server_hears_it_at_once(program: Callable[..., Any]) -> None:
    server = program(SERVER.replace('say("serving")', 'drain.on_shutdown(1.0)\nsay("serving")'), "600")
    server.until("serving")
    server.signal(signal.SIGTERM)
    server.until("server heard 15 True False")
    assert server.end() == 0


def test_a_server_starts_again(program: Callable[..., Any]) -> None:
    """Its second start sets its handler anew, and ours stands before that too, once."""
    server = program(
        SERVER.replace(
            'say("serving")',
            "drain.on_shutdown(1.0)\nsignal.signal(signal.SIGTERM, handler)\ndrain.on_startup()\nsay('serving')",
        ),
        "0.2",
    )
    server.until("serving")
    server.signal(signal.SIGTERM)
    server.until("draining for 0.2 s (SIGTERM)")
    server.until("server heard 15 True True")
    assert server.end() == 0


SAYS = """
drain = Drain(delay=5)
{before}
drain.on_startup()
{after}
hear()
"""


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("", "", "SIGTERM drains: requests are served for 5 s more"),
        ("", "signal.signal(signal.SIGTERM, lambda *_: None)", "has set a handler of its own after the start"),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "", "the process ignores it"),
        (
            "import asyncio\nloop = asyncio.new_event_loop()\nloop.add_signal_handler(signal.SIGTERM, print)",
            "",
            "event loop takes it",
        ),
        ("import types\nsys.modules['hypercorn.run'] = types.ModuleType('hypercorn.run')", "", "hypercorn stops"),
        (
            """
import multiprocessing, types
multiprocessing.parent_process = lambda: True
sys.modules["hypercorn.asyncio.run"] = types.ModuleType("hypercorn.asyncio.run")
""",
            "",
            "hypercorn stops",
        ),
    ],
)
def test_what_is_said_at_the_start(program: Callable[..., Any], before: str, after: str, words: str) -> None:
    """One line says whether the signal drains; where it does not, also what to do."""
    server = program(SAYS.format(before=before, after=after))
    line = server.until(words)
    assert ("preStop" in line) == ("drains:" not in line)


def test_another_thread_can_set_no_handler(program: Callable[..., Any]) -> None:
    server = program("thread = threading.Thread(target=Drain(delay=5).on_startup)\nthread.start()\nthread.join()")
    server.until("outside of the main thread")
    assert server.end() == 0


def test_in_this_process() -> None:
    """The handler of a server that runs here is reached in its time, and as often as it should be."""
    heard: list[int] = []
    reached = threading.Event()

    def handler(number: int, frame: object) -> None:
        heard.append(number)
        reached.set()

    drain = Drain(delay=0.05)
    before = signal.signal(signal.SIGTERM, handler)
    try:
        drain.on_startup()
        assert drain.standing is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == []
        assert reached.wait(10)
        assert heard == [signal.SIGTERM]
        assert drain.begun is not None
        assert drain.begun.reason == "SIGTERM"
        assert not drain.end(), "a signal is not taken back"
        drain.on_shutdown(1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [signal.SIGTERM] * 2
        assert drain.standing is not None
    finally:
        signal.signal(signal.SIGTERM, before)


STARTS = """
heard = threading.Event()
def handler(number, frame):
    say("server heard", drain.draining)
    heard.set()
signal.signal(signal.SIGTERM, handler)
drain = Drain(delay=0.1)
def stop_elsewhere():
    stopping = threading.Thread(target=drain.on_shutdown, args=(1,))
    stopping.start()
    stopping.join()
for _ in range(50):
    drain.on_startup()
    first = signal.getsignal(signal.SIGTERM)
    stop_elsewhere()  # As under ASGI, where no handler can be set.
    drain.on_startup()
    assert signal.getsignal(signal.SIGTERM) == first
    drain.on_shutdown(1)
    assert signal.getsignal(signal.SIGTERM) is handler
drain.on_startup()
stop_elsewhere()
for thread in threading.enumerate():
    if thread.name == "midwatch-drain":
        thread.join(10)
say("threads", threading.active_count())
os.kill(os.getpid(), signal.SIGTERM)
assert heard.wait(10)
heard.clear()
drain.on_startup()
os.kill(os.getpid(), signal.SIGTERM)
assert not heard.is_set()
while not heard.wait(0.05):
    pass
"""


def test_starts_without_end_leave_nothing_behind(program: Callable[..., Any]) -> None:
    """A server that starts and stops again and again has one handler of ours and one thread, or none."""
    server = program(STARTS)
    server.until("threads 1")
    server.until("server heard False")
    server.until("server heard True")
    assert server.end() == 0
