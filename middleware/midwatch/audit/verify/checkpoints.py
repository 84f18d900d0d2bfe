"""The checkpoints of a store: whether they are one chain, signed, in the order of time, and those known elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from ..checkpoints.payload import digest, parse, root_of
from ..event import utc
from .published import checked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..checkpoints.payload import Payload
    from ..keys import Verifier
    from ..stores.store import Checkpoint, Store
    from .published import Elsewhere
    from .verdict import Findings

__all__ = ["Checkpoints", "log_of", "payloads"]

PAGE: Final = 500


def payloads(store: Store) -> Iterator[tuple[Checkpoint, Payload | None]]:
    """All checkpoints, in their order; None for what cannot be read."""
    after = -1
    while found := store.checkpoints(after, PAGE):
        for one in found:
            try:
                yield one, parse(one.payload)
            except ValueError:
                yield one, None
        after = found[-1].n


def log_of(store: Store) -> str | None:
    """Name of the deployment, as the first readable checkpoint says."""
    return next((payload.log for _, payload in payloads(store) if payload is not None), None)


@final
class Checkpoints:
    """
    Reads them all, once.

    Attributes:
        count: How many there are.
        last: Number of the last one, -1 if there is none.
        time: Of the last one.
        committed: Of each stream the last event: number, chain value, number of the checkpoint, its time.
        anchored: The same of those that are known elsewhere, or come before one that is: number and chain value.
    """

    def __init__(self, store: Store, elsewhere: Elsewhere, verifiers: Sequence[Verifier], findings: Findings) -> None:
        self.count, self.last, self.time = 0, -1, 0
        self.committed: dict[str, tuple[int, bytes, int, int]] = {}
        self.anchored: dict[str, int] = {}
        self._elsewhere, self._verifiers, self._findings = elsewhere, verifiers, findings
        self._digest = ""
        self._signed = False
        self._unsure: int | None = None
        self._log: str | None = None
        self._anchored_to = self._meet(store)
        payload = None
        for one, payload in payloads(store):
            self._follow(one, payload)
        if payload is not None:
            self._check_root(payload)
        self._end()

    def _tell(self, what: str, n: int, detail: str) -> None:
        self._findings.add("tampered", what, f"checkpoint {n}", detail)

    def _meet(self, store: Store) -> int:
        """The last one that is the same here and elsewhere; everything before it is bound by it."""
        digests = self._elsewhere.digests
        if not digests:
            return -1
        same = -1
        for one, _ in payloads(store):
            known = digests.get(one.n)
            if known is None:
                continue
            if known == digest(one.payload):
                same = one.n
            else:
                self._tell("not the published one", one.n, "another one of this number is known elsewhere")
                break
        return same

    def _follow(self, one: Checkpoint, payload: Payload | None) -> None:
        self.count += 1
        if type(one.n) is not int:
            self._tell("altered", self.last + 1, "there is one whose number is none")
            return
        if one.n != self.last + 1:
            self._tell("missing", self.last + 1, f"the next one there is number {one.n}")
        found = digest(one.payload)
        if payload is None:
            self._tell("altered", one.n, "it cannot be read")
        else:
            self._check(one, payload, found, connected=one.n == self.last + 1)
        self.last, self._digest = one.n, found.hex()

    def _check(self, one: Checkpoint, payload: Payload, found: bytes, *, connected: bool) -> None:
        time = one.time // 1000 if type(one.time) is int else None
        kept = (one.n, time, one.digest, one.key_id)
        if kept != (payload.n, payload.time // 1000, found, payload.key_id):
            self._tell("altered", one.n, "its columns do not say what was signed")
        if connected and payload.previous != self._digest:
            self._tell("altered", one.n, "it does not follow the one before: that one was altered, or replaced")
        if payload.time <= self.time:
            text = f"its time {utc(payload.time)} is not after that of the one before: a clock was set back"
            self._findings.add("warning", "time", f"checkpoint {one.n}", text)
        self.time = payload.time
        if self._log not in {None, payload.log}:
            self._findings.add(
                "warning", "renamed", f"checkpoint {one.n}", "the deployment has another name from here on"
            )
        self._log = payload.log
        self._check_signature(one, payload)
        for stream, seq, chain in payload.commitments:
            self._commit(one, payload, stream, seq, chain)

    def _check_signature(self, one: Checkpoint, payload: Payload) -> None:
        if payload.key_id is None or one.signature is None:
            if self._signed or payload.key_id is not None:
                self._tell("not signed", one.n, "it has no signature, though those before it do or it names a key")
            return
        self._signed = True
        if self._verifiers:
            holds = checked(self._verifiers, one.payload, one.signature, payload.key_id)
            if holds is None:
                self._unsure = one.n if self._unsure is None else self._unsure
            elif not holds:
                self._tell("forged", one.n, "its signature was not made with the key that it names")

    def _commit(self, one: Checkpoint, payload: Payload, stream: str, seq: int, chain: str) -> None:
        known = self.committed.get(stream)
        if known is not None and seq <= known[0]:
            self._tell("altered", one.n, f"it says of stream {stream[:8]} less than the ones before")
            return
        try:
            value = bytes.fromhex(chain)
        except ValueError:
            value = b""
        self.committed[stream] = (seq, value, one.n, payload.time)
        if one.n <= self._anchored_to:
            self.anchored[stream] = seq

    def _check_root(self, payload: Payload) -> None:
        every = [(stream, seq, chain.hex()) for stream, (seq, chain, *_) in sorted(self.committed.items())]
        totals = {"events": sum(seq + 1 for _, seq, _ in every), "streams": len(every)}
        if payload.root != root_of(every).hex() or payload.totals != totals:
            self._tell("altered", payload.n, "its root or its totals are not those of all commitments")

    def _end(self) -> None:
        if self._elsewhere.last > self.last:
            text = f"it is known elsewhere, and the last one here is {self.last}: an older state was put in place"
            self._tell("missing", self._elsewhere.last, text)
        if self._unsure is not None:
            text = "it is signed with a key that was not given: one that has been replaced, or a stranger's"
            self._findings.add("unknown", "unknown key", f"checkpoint {self._unsure}", text)
        elif self._signed and not self._verifiers:
            self._findings.add("warning", "not checked", "signatures", "give the key to have them checked")
        elif self._verifiers and not self._signed and self.count:
            self._tell("not signed", self.last, "a key was given, and no checkpoint is signed")
