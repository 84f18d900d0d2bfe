"""
Judges a store: every chain, every checkpoint, and what of them is known elsewhere.

It reads what was published first, then the checkpoints, then the streams, and the events last: each may grow meanwhile
and still holds what was read before it. It needs memory for the streams, not for the events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from ...picture.words import counted
from ..checkpoints.payload import digest
from ..stores.store import StreamRow
from .checkpoints import Checkpoints, log_of, payloads
from .published import Elsewhere
from .records import erased_ids, may_be_pruned
from .registered import well_kept
from .verdict import Findings, Verdict
from .walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..anchors import Published
    from ..keys import Verifier
    from ..stores.store import Store
    from .verdict import Finding
    from .walk import Promise

__all__ = ["verify_store"]

ORDER: Final = ("tampered", "unknown", "warning")


def verify_store(
    store: Store,
    *,
    verifiers: Sequence[Verifier] = (),
    anchors: Iterable[Published] | None = None,
    since: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """
    Verify everything in *store*, which is open; writers may go on meanwhile.

    Args:
        verifiers: Keys. With one, checkpoints have to be signed.
        anchors: What was published elsewhere.
        since: Leave out streams that were last heard of before; nanoseconds since the epoch.
        progress: Told how many events are done, and how many there are.

    Raises:
        StoreError: the store cannot be read.
    """
    return _Verification(store, verifiers, anchors, since, progress).run()


@final
class _Verification:
    def __init__(
        self,
        store: Store,
        verifiers: Sequence[Verifier],
        anchors: Iterable[Published] | None,
        since: int | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._store, self._since, self._progress = store, since, progress
        self._findings = Findings()
        self._elsewhere = Elsewhere(anchors, verifiers, log_of(store), self._findings)
        self._checkpoints = Checkpoints(store, self._elsewhere, verifiers, self._findings)
        self._keyed = bool(verifiers)
        self._events = self._anchored = self._pruned = self._erased = self._lost = self._steps = self._open = 0
        self._stripped: list[tuple[str, int, str]] = []
        self._begun_after: dict[str, list[str]] = {}
        self._done = self._total = 0

    def run(self) -> Verdict:
        streams = self._streams()
        heads = {stream: self._store.head(stream) for stream in streams} if self._progress else {}
        self._total = sum(head[0] + 1 - _pruned(streams[stream]) for stream, head in heads.items() if head)
        for stream in sorted(streams, key=lambda name: (streams[name].opened, name)):
            known = streams[stream]
            if self._since is None or self._heard_of(known) >= self._since:
                self._walk(known)
        self._check_erased()
        self._check_beginnings()
        self._say_what_is_not_there(streams)
        self._date()
        return self._verdict(len(streams))

    def _streams(self) -> dict[str, StreamRow]:
        """All that are registered, have events, or are in a checkpoint."""
        streams = self._registered()
        named = {*self._checkpoints.committed, *self._elsewhere.committed}
        unknown = [name for name in (*self._store.names(), *named) if name not in streams]
        if unknown:
            streams |= self._registered()
        for name in unknown:
            if name not in streams:
                self._findings.add("tampered", "registration missing", f"stream {name[:8]}", "nothing says whose it is")
                if isinstance(name, str):
                    streams[name] = _unregistered(name)
        return streams

    def _registered(self) -> dict[str, StreamRow]:
        """As they say; of what is no registration, only that it is there."""
        found = {}
        for row in self._store.streams():
            if well_kept(row):
                found[row.stream] = row
            else:
                text = "it is not kept as it was written"
                self._findings.add("tampered", "registration altered", f"stream {row.stream[:8]}", text)
                if isinstance(row.stream, str):
                    found[row.stream] = _unregistered(row.stream)
        return found

    def _heard_of(self, known: StreamRow) -> int:
        """When last; its registration alone may be edited."""
        committed = (self._checkpoints.committed.get(known.stream), self._elsewhere.committed.get(known.stream))
        return max(known.last_seen, *(one[3] for one in committed if one is not None), 0)

    def _walk(self, known: StreamRow) -> None:
        walk = Walk(self._store, known, self._promises(known), self._findings)
        for count in walk.pages():
            self._done += count
            if self._progress is not None:
                self._progress(self._done, max(self._done, self._total))
        if walk.first >= 0:
            if may_be_pruned(self._store, walk.stream, walk.first, walk.pruned):
                self._pruned += walk.first + 1
            else:
                text = f"the events up to {walk.first} are gone, and no record says who pruned them"
                self._findings.event("missing", walk.stream, 0, text)
        self._events += walk.events
        self._anchored += max(0, min(walk.last, self._checkpoints.anchored.get(walk.stream, -1)) - walk.first)
        self._lost += walk.lost
        self._steps += walk.steps
        self._open += known.closed is None and known.final_seq is None
        self._stripped += [(walk.stream, *one) for one in walk.stripped]
        if walk.begun_after is not None:
            self._begun_after.setdefault(walk.begun_after, []).append(walk.stream)

    def _promises(self, known: StreamRow) -> list[Promise]:
        """What the registration, the checkpoints and those elsewhere say of it."""
        found: list[Promise] = []
        if known.final_seq is not None and known.final_chain is not None and known.final_seq >= 0:
            found.append((known.final_seq, known.final_chain, "its registration"))
        places = {"checkpoint": self._checkpoints.committed, "published checkpoint": self._elsewhere.committed}
        for place, committed in places.items():
            one = committed.get(known.stream)
            if one is not None:
                found.append((one[0], one[1], f"{place} {one[2]}"))
        return sorted(found)

    def _check_erased(self) -> None:
        if not self._stripped:
            return
        erased = erased_ids(self._store)
        for stream, seq, name in self._stripped:
            if name in erased:
                self._erased += 1
            else:
                self._findings.event(
                    "detail missing", stream, seq, "its detail is gone, and no record says who erased it"
                )

    def _check_beginnings(self) -> None:
        """A stream that names a checkpoint which never was here comes from elsewhere, or has outlived its trail."""
        if not self._begun_after:
            return
        for one, _ in payloads(self._store):
            self._begun_after.pop(digest(one.payload).hex(), None)
        for streams in self._begun_after.values():
            for stream in streams:
                text = "it began after a checkpoint that is not here: it is another trail's, or this one was taken back"
                self._findings.event("foreign", stream, 0, text)

    def _say_what_is_not_there(self, streams: dict[str, StreamRow]) -> None:
        add, here = self._findings.add, self._checkpoints
        if not streams and not here.count:
            add("unknown", "empty", "store", "there is nothing to verify")
        elif not here.count:
            text = "nothing shows that an end was cut off, or all of it made anew"
            add("unknown" if self._keyed else "warning", "no checkpoint", "store", text)
        if not self._elsewhere.given and streams:
            text = "checkpoints that are known elsewhere would show whether all of it was made anew, or taken back"
            add("warning", "no anchor", "store", text)
        if self._lost:
            add("warning", "lost", "store", f"{counted(self._lost, 'event')} dropped, as audit.gap records say")
        if self._steps:
            add(
                "warning",
                "clock",
                "store",
                f"a clock was set back {counted(self._steps, 'time')}, as audit.clock_step records say",
            )

    def _date(self) -> None:
        """Since when: the first checkpoint that covers an event is from when it was still as it should be."""
        wanted: dict[str, list[Finding]] = {}
        for finding in self._findings.kept:
            if finding.stream is not None and finding.seq is not None and finding.severity == "tampered":
                wanted.setdefault(finding.stream, []).append(finding)
        if not wanted:
            return
        for _, payload in payloads(self._store):
            for stream, seq, _ in () if payload is None else payload.commitments:
                for finding in wanted.get(stream, ()):
                    if finding.since is None and finding.seq is not None and seq >= finding.seq:
                        finding.since = payload.time if payload is not None else None

    def _verdict(self, streams: int) -> Verdict:
        counts = self._findings.counts
        return Verdict(
            state="tampered" if counts.get("tampered") else "unknown" if counts.get("unknown") else "sound",
            findings=tuple(sorted(self._findings.kept, key=lambda finding: ORDER.index(finding.severity))),
            events=self._events,
            streams=streams,
            open=self._open,
            checkpoints=self._checkpoints.count,
            anchored=self._anchored,
            unanchored=self._events - self._anchored,
            pruned=self._pruned,
            erased=self._erased,
            lost=self._lost,
            more=sum(counts.values()) - len(self._findings.kept),
        )


def _pruned(known: StreamRow) -> int:
    return 0 if known.prune_seq is None else known.prune_seq + 1


def _unregistered(name: str) -> StreamRow:
    """Enough to go on: who opened it is taken from its first event, about which nothing else is known."""
    return StreamRow(name, "", 0, "", None, 0, 2**62)
