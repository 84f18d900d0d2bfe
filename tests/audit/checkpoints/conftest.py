"""What the tests of checkpoints share: a store on disk, processes that write into it, and who makes checkpoints."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from midwatch.audit.checkpoints import Checkpointer, Payload, parse
from midwatch.audit.entry import Entry
from midwatch.audit.event import event, service_part
from midwatch.audit.keys import Signer
from midwatch.audit.stores import Checkpoint, Store, open_store
from midwatch.audit.writer import Writer
from midwatch.service import Service

SERVICE = service_part(Service("orders", "1.4.2", "production"), "host")

SIGNER = Signer(b"\x5e" * 32)

LONG = 20.0
"""Seconds after which a test hangs."""

Make: TypeAlias = Callable[..., Checkpointer]


def until(happened: Callable[[], object]) -> None:
    """Until *happened*, of which another thread tells nobody."""
    end = time.monotonic() + LONG
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)  # another thread counts, and tells nobody


class Trail:
    """A store as everybody else sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store: Store = open_store(url)
        self.store.open()
        self._made: list[Writer] = []

    def writer(self) -> Writer:
        self._made.append(Writer(open_store(self.url), service=SERVICE, deadline=10.0))
        return self._made[-1]

    def checkpoints(self) -> list[Checkpoint]:
        return self.store.checkpoints(-1, 10_000)

    def payloads(self) -> list[Payload]:
        return [parse(checkpoint.payload) for checkpoint in self.checkpoints()]

    def heads(self) -> dict[str, tuple[int, str]]:
        """The last event of each stream."""
        found = {row.stream: self.store.head(row.stream) for row in self.store.streams()}
        return {stream: (head[0], head[1].hex()) for stream, head in found.items() if head is not None}

    def actions(self) -> list[str]:
        found = (self.store.chain_of(row.stream, -1, 10_000) for row in self.store.streams())
        return [json.loads(row.body)["action"] for rows in found for row in rows]

    def close(self) -> None:
        for writer in self._made:
            writer.close(10)
        self.store.close()


def put(writer: Writer, count: int = 1) -> None:
    """Have so many events in the store."""
    for number in range(count):
        entry = Entry(time.time_ns(), "order.refund", outcome="success")
        writer.put(event("action", time.time_ns(), number << 40 | time.monotonic_ns(), SERVICE, entry=entry))
    assert writer.flush(LONG)


def committed(payloads: list[Payload]) -> dict[str, tuple[int, str]]:
    """What all of them say, the later ones last."""
    return {stream: (seq, chain) for payload in payloads for stream, seq, chain in payload.commitments}


@pytest.fixture(params=["sqlite", "file"])
def trail(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trail]:
    made = Trail(f"{request.param}:///{tmp_path}/audit".replace("file:////", "file:///"))
    yield made
    made.close()


@pytest.fixture
def make(trail: Trail) -> Iterator[Make]:
    """Make who makes checkpoints; looked for often, and for a new one only when asked to."""
    made: list[Checkpointer] = []

    def begin(**options: Any) -> Checkpointer:
        options = {"log": "orders", "signer": SIGNER, "every": 3600.0, **options}
        made.append(Checkpointer(options.pop("store", None) or open_store(trail.url), **options))
        made[-1]._look_every = 0.02
        return made[-1]

    yield begin
    for one in made:
        one.close(LONG)
