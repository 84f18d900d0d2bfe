"""From an exception behind a door to a person: at once what is new, later the rest, and a request waits for nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from typing import Any

import pytest

from midwatch import ASGIMiddleware, WSGIMiddleware
from midwatch.delivery import flush
from midwatch.errors import ErrorReport
from midwatch.errors.notices import Alarm, Policy
from midwatch.plugin import failures
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi

from .people_double import LONG, NOON, Heard, raised


class Clock:
    """Time stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bug(Exception):
    pass


class OtherBug(Exception):
    pass


@pytest.mark.no_cover  # Others cover what it does; tracing would double its time.
def test_ten_thousand_errors_of_three_kinds_through_both_doors() -> None:
    """In the time of one window: three first notices, three steps of each kind, one digest."""
    clock = Clock()
    heard = Heard(policy=Policy(window=600), clock=clock, wall=lambda: NOON)
    errors = [ValueError, KeyError, Bug]
    turn = iter(range(10_000))

    def before() -> None:
        number = next(turn)
        clock.now = number * 60 / 10_000
        raise errors[number % 3](f"order {number}")

    report = ErrorReport(to=[heard.people])
    asgi = ASGIMiddleware(ScriptedApp(before=before).asgi, report)
    wsgi = WSGIMiddleware(ScriptedApp(before=before).wsgi, report)
    for number in range(10_000):
        if number % 10:
            call_wsgi(wsgi)
        else:
            call_asgi(asgi)
    heard.wait(12)
    clock.now = 700
    heard.people.alarm.look()
    notices = heard.wait(13)
    assert heard.people.alarm.join(LONG)
    assert Counter(heard.kinds) == {"first": 3, "count": 9, "digest": 1}
    digest = notices[-1]
    assert digest.title == "[orders production] 9988 errors of 3 kinds"
    assert [line["error.count"] for line in digest.fields["errors"]] == [3330, 3329, 3329]
    heard.people.close(1.0)
    assert flush(LONG)
    assert len(heard.notices) == 13
    assert heard.channel.dropped == 0


def test_the_digest_comes_by_itself() -> None:
    """By the real clock; then the thread is gone."""
    heard = Heard(policy=Policy(window=0.05))
    for _ in range(3):
        heard.take(raised(Bug()))
    assert [notice.kind for notice in heard.wait(2)] == ["first", "digest"]
    assert heard.people.alarm.join(LONG)
    heard.take(raised(Bug()))
    heard.wait(3)
    assert heard.people.alarm.join(LONG)


def test_nothing_is_started_for_what_was_told() -> None:
    """No thread waits where nothing is due."""
    heard = Heard()
    heard.take(raised(Bug()))
    assert heard.people.alarm._thread is None
    assert heard.people.alarm.join(0)


def test_what_was_suppressed_comes_before_a_digest_that_is_far_away() -> None:
    """The thread that waits for the digest wakes earlier."""
    clock = Clock()
    heard = Heard(policy=Policy(window=6000, cap=1), clock=clock)
    heard.take(raised(Bug()))
    heard.take(raised(Bug()))
    heard.take(raised(OtherBug()))
    clock.now = 3600
    heard.people.alarm.look()
    notices = heard.wait(2)
    assert [notice.kind for notice in notices] == ["first", "suppressed"]
    assert "1 notice suppressed: 2 errors of 2 kinds" in notices[1].title
    assert heard.people.alarm.join(LONG)


def test_closing_tells_the_rest() -> None:
    """Also twice, and it goes on afterwards: test clients start an application again."""
    heard = Heard(policy=Policy(window=6000))
    for _ in range(2):
        for _ in range(5):
            heard.take(raised(Bug()))
        heard.people.close(1.0)
        heard.people.close(1.0)
        assert heard.people.alarm.join(LONG)
    assert [notice.kind for notice in heard.wait(4)] == ["first", "digest", "count", "digest"]
    assert [notice.fields["error.count"] for notice in heard.notices] == [1, 4, 10, 4]


def test_a_door_that_stops_tells_the_rest(door: Any) -> None:
    """At the end of the server's life nothing is kept."""
    heard = Heard(policy=Policy(window=6000))
    report = ErrorReport(to=[heard.people])
    app = door.watch(ScriptedApp(error=Bug()), report)
    for _ in range(5):
        door.call(app)
    report.on_shutdown(1.0)
    heard.wait(2)
    assert sum(notice.fields["error.count"] for notice in heard.notices) == 5


def test_what_says_nothing_new_is_not_even_described() -> None:
    """Nothing is made for it but a count."""
    asked: list[int] = []

    class Asks(Exception):
        def __str__(self) -> str:
            asked.append(1)
            return "text"

    heard = Heard(policy=Policy(window=6000))
    error = raised(Asks())
    heard.take(error)
    before = len(asked)
    for _ in range(8):
        heard.take(error)
    assert len(asked) == before
    heard.people.close(1.0)
    assert heard.people.alarm.join(LONG)


def test_a_title_that_takes_its_time_holds_nobody_up() -> None:
    """What the application wrote is called without a lock."""
    heard = Heard(policy=Policy(window=6000))
    other = threading.Event()

    class Slow(Exception):
        def __str__(self) -> str:
            thread = threading.Thread(target=heard.take, args=(raised(Bug()),))
            thread.start()
            thread.join(LONG)
            if not thread.is_alive():
                other.set()
            return "slow"

    heard.take(raised(Slow()))
    assert other.is_set()


def test_an_alarm_that_fails_rings_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted, and the thread lives on."""
    monkeypatch.setattr("midwatch.errors.notices.alarm.AFTER_FAILURE", 0.01)
    due: list[float] = [0.0]
    rung = threading.Semaphore(0)

    def ring() -> None:
        rung.release()
        if rung._value < 2:
            raise RuntimeError("broken")
        due.clear()

    before = dict(failures)
    alarm = Alarm(lambda: due[0] if due else None, ring, Clock())
    alarm.set()
    assert alarm.join(LONG)
    assert rung._value == 2
    assert sum(failures.values()) == sum(before.values()) + 1


def test_an_alarm_that_is_set_by_many() -> None:
    """Each time something is due it rings, however threads interleave with its end."""
    clock = Clock()
    lock = threading.Lock()
    waiting = 0
    rung = 0

    def due() -> float | None:
        return 0.0 if waiting else None

    def ring() -> None:
        nonlocal waiting, rung
        with lock:
            rung += waiting
            waiting = 0

    alarm = Alarm(due, ring, clock)

    def work() -> None:
        nonlocal waiting
        for _ in range(300):
            with lock:
                waiting += 1
            alarm.set()
            alarm.join(LONG)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert alarm.join(LONG)
    assert rung == 1200


def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody notices; the next one tries again."""
    heard = Heard(policy=Policy(window=0.01))

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        for _ in range(5):
            heard.take(raised(Bug()))
    heard.take(raised(Bug()))
    heard.wait(2)
    assert heard.people.alarm.join(LONG)
    assert sum(notice.fields["error.count"] for notice in heard.notices if notice.kind == "digest") == 5


FORK = """
import os, sys, threading
from midwatch.delivery import Channel, flush
from midwatch.errors.destinations.people import People
from midwatch.errors.fingerprint import fingerprint
from midwatch.errors.frames import is_in_app
from midwatch.errors.ledger import Sighting
from midwatch.errors.notices import Policy
from midwatch.errors.occurrence import Occurrence
from midwatch.service import Service

def deliver(notices):
    for notice in notices:
        who = "parent" if os.getpid() == parent else "child"
        os.write(1, f"{who} {notice.kind} {notice.fields['error.count']}\\n".encode())
        assert notice.fields["process.pid"] == os.getpid()

parent = os.getpid()
channel = Channel("people", deliver)
people = People([channel], Service("orders"), Policy(window=0.2))

def take(kind):
    try:
        raise kind
    except Exception as error:
        people.take(Occurrence(error, None, "request", fingerprint(error), Sighting(1, 0.0, None), 0.0, is_in_app))

take(ValueError)
take(ValueError)
assert people.alarm._thread is not None
child = os.fork()
if child == 0:
    take(ValueError)
    take(KeyError)
assert people.alarm.join(20)
assert flush(20)
if child == 0:
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_a_fork_while_a_digest_is_due() -> None:
    """Parent and child tell their own, each from a thread of its own; what the parent knows is no news in the child."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONG, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "child digest 1",
        "child first 1",
        "parent digest 1",
        "parent first 1",
    ]
