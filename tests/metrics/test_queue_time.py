"""How long a request waited: units told by size, only trusted proxies believed, clocks that disagree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.metrics.queue_time import QueueTime, seconds_since_epoch
from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store
from midwatch.proxies import Proxies

NOW = 1_700_000_000.0
NAME = "http_server_queue_time_seconds"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1700000000", NOW),
        ("1700000000.25", NOW + 0.25),
        ("t=1700000000.250", NOW + 0.25),
        ("1700000000250", NOW + 0.25),
        ("t=1700000000250000", NOW + 0.25),
        ("1700000000250000000", NOW + 0.25),
        (" t=1700000000.25 , t=1700000001.0", NOW + 0.25),
    ],
)
def test_the_unit_is_told_by_the_size(text: str, seconds: float) -> None:
    assert seconds_since_epoch(text) == pytest.approx(seconds, abs=1e-3)


@pytest.mark.parametrize(
    "text",
    ["", "t=", "now", "-1700000000", "1e9", "nan", "inf", "1.2.3", "17", "٣" * 10, "0x10", "t=t=1", ".", "9" * 33],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert seconds_since_epoch(text) is None


@given(st.text() | st.from_regex(r"(t=)?[0-9.,eE+\-_ ]{0,40}", fullmatch=True))
def test_nothing_a_header_holds_raises(text: str) -> None:
    seconds = seconds_since_epoch(text)
    assert seconds is None or seconds > 0


@given(st.floats(1e8, 4e9), st.sampled_from([1, 1e3, 1e6]))
def test_every_unit_reads_back(seconds: float, unit: float) -> None:
    assert seconds_since_epoch(f"t={int(seconds * unit)}") == pytest.approx(int(seconds), abs=1.001)


def observed(finished: Any, peer: str, **headers: str) -> dict[str, float]:
    """Samples after one request with these *headers*."""
    exchange = finished(peer=(peer, 1), client=peer, proxies=Proxies(["10.0.0.0/8"]), started_at=int(NOW * 1e9))
    store = Store(Slot(None))
    stands_in: Any = With(exchange, {name.replace("_", "-"): value for name, value in headers.items()})
    QueueTime(store).observe(stands_in)
    return {sample.name: sample.value for family in store.collect() for sample in family.samples}


class With:
    """An exchange with headers, which the bare one has none of."""

    def __init__(self, exchange: Any, headers: dict[str, str]) -> None:
        self._exchange, self._headers = exchange, headers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    def header(self, name: str) -> str | None:
        return self._headers.get(name)


def test_a_trusted_proxy_is_believed(finished: Any) -> None:
    samples = observed(finished, "10.0.0.1", x_request_start=f"t={NOW - 0.5}")
    assert samples[f"{NAME}_count"] == 1
    assert samples[f"{NAME}_sum"] == pytest.approx(0.5, abs=1e-3)
    assert f"{NAME}_count" in observed(finished, "10.0.0.1", x_queue_start=f"{NOW - 0.5}")


def test_a_stranger_is_not(finished: Any) -> None:
    assert f"{NAME}_count" not in observed(finished, "203.0.113.9", x_request_start=f"t={NOW - 0.5}")


def test_a_clock_that_is_ahead_is_no_wait(finished: Any) -> None:
    samples = observed(finished, "10.0.0.1", x_request_start=f"t={NOW + 5}")
    assert (samples[f"{NAME}_count"], samples[f"{NAME}_sum"]) == (1, 0)


@pytest.mark.parametrize("told", [f"t={NOW - 3601}", "yesterday"])
def test_more_than_an_hour_is_ignored_and_counted(finished: Any, told: str) -> None:
    samples = observed(finished, "10.0.0.1", x_request_start=told)
    assert f"{NAME}_count" not in samples
    assert samples["midwatch_queue_time_ignored_total"] == 1


@pytest.mark.parametrize("told", [f"t={NOW - 3601}", "yesterday", "(null)", ","])
def test_one_header_that_says_nothing_leaves_the_other(finished: Any, told: str) -> None:
    """As of a proxy that sets the one, behind a client that may send the other."""
    samples = observed(finished, "10.0.0.1", x_request_start=told, x_queue_start=f"{NOW - 0.5}")
    assert samples[f"{NAME}_sum"] == pytest.approx(0.5, abs=1e-3)
    assert samples["midwatch_queue_time_ignored_total"] == 1
    samples = observed(finished, "10.0.0.1", x_request_start=told, x_queue_start=told)
    assert f"{NAME}_count" not in samples
    assert samples["midwatch_queue_time_ignored_total"] == 2


def test_the_first_header_that_says_a_time_counts_alone(finished: Any) -> None:
    samples = observed(finished, "10.0.0.1", x_request_start=f"{NOW - 0.25}", x_queue_start="yesterday")
    assert samples[f"{NAME}_sum"] == pytest.approx(0.25, abs=1e-3)
    assert samples.get("midwatch_queue_time_ignored_total", 0) == 0
