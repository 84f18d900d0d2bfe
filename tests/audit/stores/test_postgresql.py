"""What can be said of PostgreSQL without a server; the rest is in `tests/live/test_audit_postgresql.py`."""

from __future__ import annotations

import socket
from collections.abc import Generator
from typing import Any

import pytest

from midwatch.audit.stores import Store, StoreError, open_store
from midwatch.audit.stores.bounded import _bounded

from .rows import events, name


def _away() -> Store:
    """A store on a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return open_store(f"postgresql://watch:not-a-secret@127.0.0.1:{port}/orders")


def test_a_server_that_is_not_there_is_an_error_without_a_password() -> None:
    store = _away()
    assert store.name.endswith("/orders")
    for ask in (
        store.open,
        lambda: store.append(events(1, 2)),
        lambda: store.chain_of(name(1), -1, 9),
        store.streams,
        store.leading,
    ):
        with pytest.raises(StoreError, match="refused") as caught:
            ask()
        assert "secret" not in str(caught.value)
        assert "watch" not in store.name
        assert caught.value.__suppress_context__
    store.close()


def _answers(said: list[Any]) -> Generator[str, int, str]:
    said.append((yield "read"))
    said.append((yield "write"))
    return "done"


def test_what_answers_in_time_is_left_alone() -> None:
    said: list[int] = []
    bounded = _bounded(_answers(said), 60)
    assert next(bounded) == "read"
    assert bounded.send(0) == "write"
    with pytest.raises(StopIteration) as end:
        bounded.send(2)
    assert (end.value.value, said) == ("done", [0, 2])


def test_what_does_not_is_given_up() -> None:
    """Only while nothing comes: an answer that takes long, but comes, is taken."""
    import psycopg

    bounded = _bounded(_answers([]), -1)
    next(bounded)
    assert bounded.send(1) == "write"
    with pytest.raises(psycopg.OperationalError, match="no answer within"):
        bounded.send(0)
