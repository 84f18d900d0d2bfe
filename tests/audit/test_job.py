"""Jobs: one event when the work is over, with what it came to; what leaves it goes on as it is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from midwatch import audit
from midwatch.audit.job import current_job


class Hostile:
    """Raises whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


def test_a_job_and_what_it_records_name_who_does_it(trail: Any) -> None:
    with audit.job("nightly.cleanup", actor="cron", resource="table:orders"):
        audit.record("orders.purge")
    record, job = trail.bodies
    assert [(body["action"], body["outcome"]) for body in trail.bodies] == [
        ("orders.purge", "unknown"),
        ("nightly.cleanup", "success"),
    ]
    assert record["actor"]["id"] == job["actor"]["id"] == "cron"
    assert job["actor"]["type"] == "service"
    assert job["resource"] == [{"type": "table", "id": "orders"}]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ValueError("broken"), "error"),
        (PermissionError("no"), "denied"),
        (asyncio.CancelledError(), "aborted"),
        (KeyboardInterrupt(), "aborted"),
    ],
)
def test_an_exception_goes_on_as_it_is(trail: Any, error: BaseException, outcome: str) -> None:
    with pytest.raises(type(error)) as caught, audit.job("nightly.cleanup"):
        raise error
    assert caught.value is error
    assert trail.body["outcome"] == outcome
    assert current_job() is None


def test_jobs_in_jobs(trail: Any) -> None:
    with audit.job("outer", actor="cron"):
        with audit.job("inner", actor="worker"):
            audit.tenant("acme")
        audit.record("between")
    assert [(body["action"], body["actor"]["id"], body.get("tenant")) for body in trail.bodies] == [
        ("inner", "worker", "acme"),
        ("between", "cron", None),
        ("outer", "cron", None),
    ]


def test_a_job_that_is_denied(trail: Any) -> None:
    with audit.job("nightly.cleanup"):
        assert audit.deny("retention", reason="a hold")
    assert (trail.body["outcome"], trail.body["reason"]["policy"]) == ("denied", "retention")


def test_hostile_objects_change_nothing(trail: Any) -> None:
    hostile: Any = Hostile()
    done = False
    with audit.job(hostile, actor=hostile, type=hostile, resource=hostile):
        audit.actor(hostile)
        done = True
    assert done
    assert trail.body["outcome"] == "success"
