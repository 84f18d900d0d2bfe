"""What bounds the stream of events: the address, what a tracker asks for, and how many there are of a kind."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.errors.destinations.sentry import allowance, check
from midwatch.errors.destinations.sentry.address import Tracker
from midwatch.errors.destinations.sentry.allowance import Allowance
from midwatch.errors.destinations.sentry.discards import Discards
from midwatch.errors.destinations.sentry.envelope import envelope
from midwatch.errors.destinations.sentry.limits import Limits, asked

from .tracker import envelope_of

CANARY = "c4n4ryc4n4ry"


@pytest.mark.parametrize(
    ("url", "posted", "dsn"),
    [
        ("sentry://abc@bugs.example/1", "https://bugs.example/api/1/envelope/", "https://abc@bugs.example/1"),
        ("sentry+http://a:b@[::1]:9000/1", "http://[::1]:9000/api/1/envelope/", "http://a@[::1]:9000/1"),
        ("sentry://a@h/team/bugs/42/", "https://h/team/bugs/api/42/envelope/", "https://a@h/team/bugs/42"),
        ("sentry://a@h/t%20m/my-app", "https://h/t%20m/api/my-app/envelope/", "https://a@h/t%20m/my-app"),
        ("SENTRY://a@Bugs.example/1", "https://bugs.example/api/1/envelope/", "https://a@bugs.example/1"),
    ],
)
def test_an_address_names_a_tracker(url: str, posted: str, dsn: str) -> None:
    found = Tracker.of(url)
    assert (found.url, found.dsn) == (posted, dsn)


def test_an_address_has_parameters() -> None:
    found = Tracker.of("sentry://a@h/1?timeout=2.5&queue=7&burst=1&every=60&give_up=3&server_name=web-1")
    assert found.options == {
        "timeout": 2.5,
        "queue": 7,
        "burst": 1,
        "every": 60,
        "give_up": 3,
        "server_name": "web-1",
    }
    assert found.name == "sentry://h/1"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param(f"https://{CANARY}@h.example/1", "did you mean sentry://***@h.example/1?", id="a-dsn"),
        pytest.param(f"http://{CANARY}@h:9000/1", "did you mean sentry+http://***@h:9000/1?", id="a-plain-dsn"),
        pytest.param(f"https://{CANARY}:x@h/1?a={CANARY}", "did you mean sentry://***@h/1?", id="an-old-dsn"),
        pytest.param("sentry://h/1", "expected the key of a project", id="no-key"),
        pytest.param(f"sentry://{CANARY},x@h/1", "expected the key of a project", id="a-key-that-is-none"),
        pytest.param(f"sentry://a:{CANARY}%20b@h/1", "expected the key of a project", id="a-secret-that-is-none"),
        pytest.param(f"sentry://{CANARY}@h", "expected the id of a project", id="no-project"),
        pytest.param(f"sentry://{CANARY}@h/a%20b", "expected the id of a project", id="no-id"),
        pytest.param(f"sentry://{CANARY}@/1", "expected sentry://key@host/project", id="no-host"),
        pytest.param(f"sentry://a:b@h:{CANARY}/1", "no such host or port", id="no-port"),
        pytest.param(f"sentry://{CANARY}@h/1?timeot=1", "did you mean timeout?", id="no-parameter"),
        pytest.param(f"sentry://{CANARY}@h/1?queue=0", "queue: expected events between 1 and 10000", id="no-queue"),
        pytest.param(f"sentry://{CANARY}@h/1#x", "no fragment", id="a-fragment"),
        pytest.param(f"syslog://{CANARY}@h/1", "'syslog' is no scheme of a tracker", id="another-scheme"),
        pytest.param("", "is no scheme of a tracker", id="nothing"),
    ],
)
def test_what_is_no_address_is_said_without_credentials(url: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        check(url)
    assert said in str(caught.value)
    assert CANARY not in str(caught.value)


texts = st.text(st.sampled_from("abc019:/@?&=%#[]. \n\u0130"), max_size=12)


@given(st.sampled_from(["sentry", "sentry+http", "https", "http", "ftp", ""]), texts, texts, texts)
def test_no_address_shows_its_key(scheme: str, before: str, host: str, rest: str) -> None:
    """Whatever is wrong with it, and however the key is surrounded, as long as it is one of user information."""
    url = f"{scheme}://{before.replace('/', '').replace('?', '').replace('#', '')}{CANARY}@{host}/{rest}"
    assert CANARY not in shown_of(url)


def shown_of(url: str) -> str:
    """All that a person may see of an address."""
    try:
        found = Tracker.of(url)
    except ValueError as error:
        return str(error)
    return f"{found.name} {found.url}"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("", 0),
        ("60", 60),
        ("60:", 60),
        ("60::key", 60),
        ("60:error", 60),
        ("60:ERROR;transaction:organization:usage", 60),
        ("60:transaction;span:organization", 0),
        ("10:error, 2700:default;error:organization, 50::project", 2700),
        ("10:error,x,900:transaction", 10),
        ("1.5:error", 1.5),
        ("-5:error", 0),
        ("nan:error", 0),
        ("1e9:error", 0),
        ("inf", 0),
        ("999999999:error", 86_400),
        ("9" * 400, 0),
        ("\u0664:error", 0),
    ],
)
def test_what_the_header_asks_for(told: str, seconds: float) -> None:
    assert asked(told) == seconds


@given(st.text(st.sampled_from("019.:;, errotansc\u0664"), max_size=60) | st.text())
def test_no_header_asks_for_more_than_a_day(told: str) -> None:
    assert 0 <= asked(told) <= 86_400


@given(st.sampled_from([200, 429, 503]), st.text(max_size=40), st.text(max_size=40))
def test_no_answer_is_a_pause_of_more_than_a_day(status: int, limits: str, after: str) -> None:
    now = [0.0]
    found = Limits(lambda: now[0])
    found.heed(status, {"X-Sentry-Rate-Limits": limits, "Retry-After": after})
    assert found.active() or status != 429
    now[0] = 86_401
    assert not found.active()


@given(st.dictionaries(st.text(), st.text(), max_size=3), st.lists(st.binary(max_size=200), max_size=4))
def test_an_envelope_reads_as_it_was_written(head: dict[str, str], payloads: list[bytes]) -> None:
    """Payloads may hold anything, line ends too."""
    body = envelope(head, [("attachment", payload) for payload in payloads])
    read = envelope_of("/", {}, body)
    assert read.head == head
    assert [payload for _, payload in read.items] == payloads


@given(st.lists(st.tuples(st.sampled_from([200, 413, 429, 503]), st.integers(0, 90), st.integers(0, 50))))
def test_the_longest_pause_holds(steps: list[tuple[int, int, int]]) -> None:
    now = [0.0]
    limits = Limits(lambda: now[0])
    until = 0.0
    for status, seconds, later in steps:
        limits.heed(status, {"X-Sentry-Rate-Limits": f"{seconds}:error"} if seconds else {})
        until = max(until, now[0] + (seconds or (60 if status == 429 else 0)))
        assert limits.active() == (now[0] < until)
        now[0] += later


@given(
    st.integers(1, 5),
    st.integers(1, 20),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 15)), max_size=80),
)
def test_of_each_kind_there_is_a_burst_and_then_a_trickle(burst: int, every: int, steps: list[tuple[str, int]]) -> None:
    """In any span of time no more than the burst and what the time is worth; and a kind that rested has its burst."""
    now = [0.0]
    allowance = Allowance(burst, every, lambda: now[0])
    granted: dict[str, list[float]] = {kind: [] for kind in "abc"}
    for kind, later in steps:
        now[0] += later
        if allowance.grants(kind):
            granted[kind].append(now[0])
    for times in granted.values():
        for first, start in enumerate(times):
            for last, end in enumerate(times[first:], first):
                assert last - first + 1 <= burst + (end - start) / every
    now[0] += burst * every
    assert [allowance.grants("a") for _ in range(burst + 1)] == [True] * burst + [False]


def test_kinds_without_end_take_bounded_memory() -> None:
    found = Allowance(1, 10, lambda: 0.0)
    assert all(found.grants(str(number)) for number in range(10 * allowance.KEPT))
    assert len(found._paid) == allowance.KEPT


def test_no_count_is_lost_between_threads() -> None:
    discards = Discards()
    taken: list[dict[Any, int]] = []

    def add() -> None:
        for _ in range(2000):
            discards.add("sample_rate")

    threads = [Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        taken.append(discards.take())
        discards.give_back(taken.pop())
    for thread in threads:
        thread.join()
    assert discards.take() == {"sample_rate": 8000}
    assert not discards
