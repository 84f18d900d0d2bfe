"""When checks run, how long their results count, and what a frozen, dead or stopped scheduler comes to."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch import WSGIMiddleware
from midwatch.health import Check, HealthCheck
from midwatch.health.result import Status
from midwatch.health.tolerance import Patience, Tolerance, limit
from midwatch.testing import ScriptedApp, call_wsgi

from .clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from midwatch.health.checks import CheckLike


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Runs:
    """A check that counts how often it ran."""

    def __init__(self, *answers: object) -> None:
        self.times = 0
        self._answers = list(answers)

    def __call__(self) -> object:
        self.times += 1
        return self._answers.pop(0) if self._answers else True


def runner(stepped: Any, clock: Clock, health: HealthCheck) -> Callable[[float], None]:
    """Lets so many seconds pass in steps of a tenth, with the scheduler looking each time."""

    def run(seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            clock.now += 0.1
            health.engine.turn()
            stepped.until(health.engine, lambda: all(probe._flight is None for probe in health.engine.probes))

    return run


def test_interval(stepped: Any, clock: Clock) -> None:
    """A check runs at once and then each interval, give or take a tenth."""
    check = Runs()
    health = HealthCheck(checks={"it": Check(check, interval=10)}, clock=clock)
    run = runner(stepped, clock, health)
    run(0.1)
    assert check.times == 1
    run(100)
    assert 9 <= check.times - 1 <= 12


def test_each_its_own_interval(stepped: Any, clock: Clock) -> None:
    often, seldom = Runs(), Runs()
    checks: dict[str, CheckLike] = {"often": Check(often, interval=1), "seldom": seldom}
    run = runner(stepped, clock, HealthCheck(checks=checks, interval=30, clock=clock))
    run(30)
    assert 25 <= often.times <= 35
    assert 1 <= seldom.times <= 3


def test_not_in_step(stepped: Any, clock: Clock) -> None:
    """Checks of one process, and processes of one service, do not ask at the same moments."""
    times: list[float] = []
    checks = {f"check {number}": Check(lambda: times.append(clock.now), interval=10) for number in range(20)}
    run = runner(stepped, clock, HealthCheck(checks=checks, clock=clock))
    run(12)
    assert len({round(time, 1) for time in times[20:]}) > 10


def test_soon_again_after_a_bad_start(stepped: Any, clock: Clock) -> None:
    """An application that is still starting does not wait a whole interval to be ready."""
    check = Runs(False, False, True)
    health = HealthCheck(checks={"it": Check(check, interval=60)}, clock=clock)
    run = runner(stepped, clock, health)
    run(3)
    assert (check.times, health.engine.probes[0].state.status) == (3, Status.PASS)
    run(30)
    assert check.times == 3


def test_background(document: Any) -> None:
    """The first exchange starts the checks; they go on without any poller, and end with the server."""
    ran = threading.Semaphore(0)
    health = HealthCheck(checks={"it": Check(lambda: ran.release(), interval=0.02)})
    app = WSGIMiddleware(ScriptedApp().wsgi, health)
    others = scheduler()
    assert call_wsgi(app, path="/orders").status == 200
    for _ in range(3):
        assert ran.acquire(timeout=10)
    assert document(call_wsgi(app, path="/health"))["status"] == "pass"
    (thread,) = [thread for thread in scheduler() if thread not in others]
    app.lifecycle.stop()
    thread.join(10)
    assert not thread.is_alive()
    app.lifecycle.start()
    while ran.acquire(blocking=False):
        pass
    assert ran.acquire(timeout=10)
    app.lifecycle.stop()


def scheduler() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "midwatch-health" and thread.daemon]


def test_no_checks_no_thread() -> None:
    app = WSGIMiddleware(ScriptedApp().wsgi, HealthCheck())
    before = scheduler()
    assert call_wsgi(app, path="/health").status == 200
    assert scheduler() == before
    app.lifecycle.stop()


def test_forgotten() -> None:
    """An application that nobody holds any more has its checks run no longer."""
    ran = threading.Semaphore(0)
    health = HealthCheck(checks={"it": Check(lambda: ran.release(), interval=0.02)})
    health.engine.start()
    assert ran.acquire(timeout=10)
    (thread,) = [thread for thread in scheduler() if thread is health.engine._thread]
    gone = weakref.ref(health.engine)
    del health
    for _ in range(1000):  # A run in progress holds it.
        gc.collect()
        thread.join(0.01)
        if not thread.is_alive():
            break
    assert not thread.is_alive()
    assert gone() is None


def test_dead_scheduler_is_revived(door: Any, released: threading.Event) -> None:
    """A thread that has died is started again by the next poller."""
    app_health = HealthCheck(checks={"it": released.set})
    app = door.watch(ScriptedApp(), app_health)
    dead = threading.Thread(target=int)
    dead.start()
    dead.join()
    app_health.engine._thread, app_health.engine.idle = dead, False
    door.call(app, path="/health")
    assert released.wait(10)


def test_clock_steps(stepped: Any, clock: Clock) -> None:
    """A clock that steps back, as a machine's that was restored from a snapshot, stops no check."""
    check = Runs()
    health = HealthCheck(checks={"it": Check(check, interval=10)}, clock=clock)
    stepped.run(health)
    clock.now -= 900
    run = runner(stepped, clock, health)
    run(1)
    assert check.times == 2
    clock.now += 100_000
    run(1)
    assert check.times == 3


def test_startup_latches(door: Any, served: Any, document: Any) -> None:
    """What has started has started, whether anybody has looked or not."""
    check = Runs(False, True, False)
    health = HealthCheck(checks={"it": Check(check, ("startup", "ready"))})
    app = served(health)
    assert document(door.call(app, path="/health/startup"))["status"] == "fail"
    served.run(health)
    served.run(health)
    assert document(door.call(app, path="/health/startup"))["status"] == "warn"
    assert document(door.call(app, path="/health/ready"))["status"] == "fail"


def test_before_the_first_result(door: Any, document: Any, served: Any) -> None:
    """Nobody waits: what gates fails until it is known, soon to be asked again; only live passes."""
    checks = {"it": Check(lambda: True, ("live", "ready", "startup")), "db": Check(lambda: True, scope="shared")}
    app = door.watch(ScriptedApp(), HealthCheck(checks=checks))
    for group, status in (("live", "pass"), ("ready", "fail"), ("startup", "fail")):
        answer = door.call(app, path=f"/health/{group}")
        told = document(answer)
        assert (told["status"], told["checks"]["it"][0]["output"]) == (status, "not checked yet")
        assert answer.header("retry-after") == ("1" if status == "fail" else None)
    app = door.watch(ScriptedApp(), HealthCheck(checks={"db": Check(lambda: True, scope="shared")}))
    assert document(door.call(app, path="/health/ready"))["status"] == "warn"


@pytest.mark.parametrize(
    ("fail", "recover", "said", "counts"),
    [
        (1, 1, "PFPFF", "PFPFF"),
        (3, 1, "PFFFFP", "PWWFFP"),
        (3, 1, "PFFPFF", "PWWPWW"),
        (1, 2, "PFPFPP", "PFFFFP"),
        (2, 2, "PFFPPFP", "PWFFPWP"),
        (3, 1, "FFP", "FFP"),
        (3, 1, "PWFWFFF", "PWWWWWF"),
        (1, 3, "FWWWP", "FFFWP"),
    ],
)
def test_tolerance(fail: int, recover: int, said: str, counts: str) -> None:
    """A failure counts after so many in a row, and so does recovery; the first run is believed."""
    words = {"P": Status.PASS, "W": Status.WARN, "F": Status.FAIL}
    tolerance = Tolerance(limit("f", fail), limit("r", recover))
    assert "".join(tolerance.weigh(words[word], 0.0)[0][0].upper() for word in said) == counts


def test_tolerance_in_seconds(served: Any, door: Any, document: Any, clock: Clock) -> None:
    """Or after so many seconds."""
    health = HealthCheck(checks={"it": Check(Runs(True, False, False, False), fail_after="30s")}, clock=clock)
    app = served(health)
    seen = []
    for _ in range(3):
        served.run(health)
        (member,) = document(door.call(app, path="/health"))["checks"]["it"]
        seen.append((member["status"], member["output"]))
        clock.now += 15
    assert seen == [
        ("warn", "returned False (tolerated, for 30 s)"),
        ("warn", "returned False (tolerated, for 30 s)"),
        ("fail", "returned False"),
    ]


@settings(deadline=None)
@given(st.lists(st.sampled_from([Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN])), st.integers(1, 4))
def test_any_course(said: list[Status], runs: int) -> None:
    """Whatever comes, so many failures in a row fail, and a run that passes is never worse than tolerated."""
    tolerance = Tolerance(Patience(runs), Patience())
    in_row = 0
    for status in said:
        counts, _ = tolerance.weigh(status, 0.0)
        bad = status in {Status.FAIL, Status.UNKNOWN}
        in_row = in_row + 1 if bad else 0
        assert not (in_row >= runs and counts not in {Status.FAIL, Status.UNKNOWN})
        assert bad or counts is status
