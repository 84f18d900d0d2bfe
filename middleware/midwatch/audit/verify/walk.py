"""One stream of a store, event by event."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, final

import msgspec

from ..chain import START
from ..columns import COLUMNS, values_of
from ..octets import octets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..event import Body
    from ..stores.store import Store, StreamRow
    from .verdict import Findings

__all__ = ["Promise", "Walk"]

PAGE: Final = 1000

LOWEST: Final = -(2**63) + 1

FEW: Final = 5
"""Findings of one kind in one stream: more of them tell nobody more."""

WRITTEN: Final = (int, bytes, bytes)
OPTIONAL: Final = frozenset({bytes, type(None)})
"""Types of what is kept. SQLite keeps any type in any column, and would read text as the bytes that it was."""

Row = tuple[Any, ...]

Promise = tuple[int, bytes, str]
"""A number, the chain value that it has to have, and who says so."""

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


@final
class Walk:
    """
    Recomputes a chain, in pages.

    After something that does not fit it goes on from what is there, so that what follows is not blamed for it.

    Args:
        known: What is registered.
        promises: What has to be there, in the order of numbers.

    Attributes:
        events: How many there are.
        last, head: Number and chain value of the last one.
        first: Number before the first one that is there: that of the last pruned one.
        pruned: Its chain value, as far as anybody says.
        stripped: Number and id of those whose detail is gone.
        begun_after: Digest of the checkpoint that `stream.open` names.
        lost: Events that were dropped, by its own account.
        steps: How often its clock was set back.
    """

    def __init__(self, store: Store, known: StreamRow, promises: Sequence[Promise], findings: Findings) -> None:
        self._store, self.stream, self._findings = store, known.stream, findings
        self._known, self._promises = known, list(promises)
        self._told: dict[str, int] = {}
        self._closed = False
        self.events = self.lost = self.steps = 0
        self.last, self.head = -1, START
        self.first, self.pruned = -1, START
        if known.prune_seq is not None and known.prune_chain is not None:
            self._start_after(known.prune_seq, known.prune_chain)
        self.stripped: list[tuple[int, str]] = []
        self.begun_after: str | None = None

    def _start_after(self, seq: int, chain: bytes) -> None:
        self._keep_promises(seq, chain)
        self.first, self.pruned = self.last, self.head = seq, chain

    def pages(self) -> Iterator[int]:
        """Go through all of it; yields the number of events after each page."""
        after = self.last
        self._look_before()
        while True:
            rows = self._store.kept(self.stream, after, PAGE)
            if self._pruned_meanwhile(rows[0][1] if rows else None):
                after = self.last
            elif not rows:
                break
            if rows:
                self._page(rows)
                # Lines of a file may be out of order; the pages must not be.
                numbers = [row[1] for row in rows if type(row[1]) is int]
                after = max(after, *numbers) if numbers else after
                self.events += len(rows)
                yield len(rows)
                if not numbers:
                    # What is no number sorts behind all numbers.
                    break
        self.last = after
        for seq, _, who in self._promises:
            if seq > self.last:
                what = f"its end is missing, from event {self.last + 1} on" if self.last >= 0 else "it is missing"
                self._tell("missing", self.last + 1, f"{what}: {who} says that there is an event {seq}")
                break

    def _look_before(self) -> None:
        """Whoever asks is shown all events that are there; so none may be where no verification comes by."""
        for row in self._store.kept(self.stream, LOWEST, 1):
            if type(row[1]) is int and row[1] <= self.last:
                self._tell("altered", row[1], f"it is there, and its stream begins with {self.last + 1}")

    def _pruned_meanwhile(self, seq: int | None) -> bool:
        """Whether the events before *seq*, or to the end, are missing because somebody is pruning just now."""
        if seq == self.last + 1 or (seq is None and not self._promises):
            return False
        for row in self._store.streams():
            if row.stream == self.stream and row.prune_seq is not None and row.prune_chain is not None:
                upto = row.prune_seq
                if type(upto) is int and upto > self.last and seq in {None, upto + 1}:
                    self._start_after(upto, row.prune_chain)
                    return True
        return False

    def _page(self, rows: list[Row]) -> None:
        """The part that has to be fast: one pass, and nothing but hashes and comparisons for an event that is well."""
        last, head, stream, columns = self.last, self.head, self.stream, len(COLUMNS)
        promised = self._promises[0][0] if self._promises else -1
        for row in rows:
            _, seq, data, chain, detail, salt = row[:6]
            if (type(seq), type(data), type(chain)) != WRITTEN or {type(detail), type(salt)} - OPTIONAL:
                if type(seq) is not int:
                    self._tell("altered", last + 1, "there is an event whose number is none")
                    continue
                self._tell("altered", seq, "it is not kept as the bytes that were written")
                data, chain = octets(data) or b"", octets(chain) or b""
                detail, salt = octets(detail), octets(salt)
            computed = sha256(b"\x02" + head + sha256(b"\x00" + data).digest()).digest()
            if seq != last + 1:
                self._out_of_place(seq, last)
            elif computed != chain:
                self._tell("altered", seq, "its content, or that of the event before it, is not what was chained")
            try:
                body = _decode(data)
            except (ValueError, RecursionError):
                self._tell("altered", seq, "it is no event at all")
                body = {}
            if body.get("seq") != seq or body.get("stream") != stream:
                self._tell("misplaced", seq, "it says itself that it belongs elsewhere")
            if row[6:] != values_of(body) and len(row) == 6 + columns:
                self._columns(seq, row[6:], body)
            if detail is not None or salt is not None or "detail_digest" in body:
                self._detail(seq, detail, salt, body)
            if self._closed:
                self._tell("altered", seq, "it comes after the end of its stream")
            if body.get("kind") == "system" or seq == 0:
                self._system(seq, body)
            if seq >= promised >= 0:
                self._keep_promises(seq, chain)
                promised = self._promises[0][0] if self._promises else -1
            last, head = seq, chain
        self.last, self.head = last, head

    def _out_of_place(self, seq: int, last: int) -> None:
        if seq <= last:
            self._tell("out of order", seq, f"it comes after event {last}")
        else:
            text = f"event {last + 1} is" if seq == last + 2 else f"events {last + 1} to {seq - 1} are"
            self._tell("missing", last + 1, f"{text} not there")

    def _keep_promises(self, seq: int, chain: bytes) -> None:
        """Compare the one about *seq*; those before it have passed, or were pruned."""
        while self._promises and self._promises[0][0] <= seq:
            wanted, value, who = self._promises.pop(0)
            if wanted == seq and value != chain:
                text = f"{who} says that it has another chain value: it, or events before it, were made anew"
                self._tell("altered", seq, text)

    def _columns(self, seq: int, kept: Row, body: Body) -> None:
        derived = values_of(body)
        wrong = [name for name, a, b in zip(COLUMNS, kept, derived, strict=True) if a != b]
        self._tell("column altered", seq, f"what it is found by is not what it says: {', '.join(wrong)}")

    def _detail(self, seq: int, detail: bytes | None, salt: bytes | None, body: Body) -> None:
        digest = body.get("detail_digest")
        if detail is None and salt is None:
            self.stripped.append((seq, str(body.get("id"))))
        elif detail is None or salt is None or sha256(salt + detail).hexdigest() != digest:
            self._tell("detail altered", seq, "its detail is not the one that it was written with")

    def _system(self, seq: int, body: Body) -> None:
        action = body.get("action")
        if seq == 0:
            if action != "stream.open":
                self._tell("altered", 0, "a stream begins with stream.open")
            self._opening(body)
        elif action == "stream.close":
            self._closed = True
        elif action == "audit.gap":
            count = body.get("count")
            self.lost += count if type(count) is int else 0
        elif action == "audit.clock_step":
            self.steps += 1

    def _opening(self, body: Body) -> None:
        named = body.get("checkpoint")
        self.begun_after = named if isinstance(named, str) else None
        known, service = self._known, body.get("service")
        told = service if isinstance(service, dict) else {}
        said = (told.get("host", ""), body.get("pid"), told.get("name"), body.get("public_key"))
        key = None if known.public_key is None else known.public_key.hex()
        if said != (known.host, known.pid, known.service, key):
            self._tell("registration altered", 0, "who is registered is not who opened it")

    def _tell(self, what: str, seq: int, detail: str) -> None:
        count = self._told[what] = self._told.get(what, 0) + 1
        if count <= FEW:
            self._findings.event(what, self.stream, seq, detail)
