"""The checkpoints that are known elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from ..checkpoints.payload import digest, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..anchors import Published
    from ..keys import Verifier
    from .verdict import Findings

__all__ = ["Elsewhere", "checked"]


def checked(verifiers: Sequence[Verifier], payload: bytes, signature: bytes | None, key_id: str | None) -> bool | None:
    """Whether *signature* holds; None if none of the keys is the one that it names."""
    known = [verifier for verifier in verifiers if verifier.key_id == key_id]
    if not known:
        return None
    return signature is not None and any(verifier.check(payload, signature) for verifier in known)


@final
class Elsewhere:
    """
    What was published.

    With keys, only what is signed with one of them counts: anybody may write something like a checkpoint into a log.

    Attributes:
        digests: By number.
        committed: Of each stream the last event: number, chain value, number of the checkpoint, its time.
        given: Whether there are anchors at all.
    """

    def __init__(
        self, anchors: Iterable[Published] | None, verifiers: Sequence[Verifier], log: str | None, findings: Findings
    ) -> None:
        self.digests: dict[int, bytes] = {}
        self.committed: dict[str, tuple[int, bytes, int, int]] = {}
        self.given = anchors is not None
        self._verifiers, self._log, self._findings = verifiers, log, findings
        self._odd = 0
        for one in anchors or ():
            self._take(one)
        if self._odd:
            text = f"{self._odd} published checkpoints are not signed with a given key, or not whole; they do not count"
            findings.add("warning", "odd anchors", "anchors", text)
        if self.given and not self.digests:
            findings.add("unknown", "no anchor", "anchors", "there is no checkpoint of this log among them")

    @property
    def last(self) -> int:
        """The last number, -1 if there is none."""
        return max(self.digests, default=-1)

    def _take(self, one: Published) -> None:
        data = one.payload.encode(errors="replace")
        try:
            signature = None if one.signature is None else bytes.fromhex(one.signature)
            payload = parse(data)
        except ValueError:
            self._odd += 1
            return
        if self._log is not None and payload.log != self._log:
            return
        if self._verifiers and not checked(self._verifiers, data, signature, payload.key_id):
            self._odd += 1
            return
        found = digest(data)
        if self.digests.setdefault(payload.n, found) != found:
            text = "two different ones of this number were published: the trail was made anew, or taken back"
            self._findings.add("tampered", "two histories", f"checkpoint {payload.n}", text)
        for stream, seq, chain in payload.commitments:
            known = self.committed.get(stream)
            if known is None or seq > known[0]:
                self.committed[stream] = (seq, _bytes(chain), payload.n, payload.time)


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
