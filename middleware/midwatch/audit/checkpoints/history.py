"""What the checkpoints until now say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from .payload import digest, parse, root_of

if TYPE_CHECKING:
    from ..stores.store import Checkpoint, Store
    from .payload import Commitment

__all__ = ["History"]

PAGE: Final = 500


@final
class History:
    """
    The last checkpoint, and the last commitment of every stream that there ever was.

    Read once, which takes some seconds for a million of them, and then followed: so every process is ready to go on.

    Attributes:
        last: None before the first one.
        digest: What the next one names it by.
        open: Streams that it says may go on.
    """

    def __init__(self) -> None:
        self.last: Checkpoint | None = None
        self.digest = b""
        self.open: list[str] = []
        self._committed: dict[str, tuple[int, str]] = {}

    def follow(self, store: Store) -> bool:
        """
        Read those that came meanwhile; whether there were any.

        Raises:
            Exception: whatever the store does; may be called again.
        """
        news = False
        while found := store.checkpoints(-1 if self.last is None else self.last.n, PAGE):
            for checkpoint in found:
                self.add(checkpoint)
            news = True
        return news

    def add(self, checkpoint: Checkpoint) -> None:
        """Take up the next one. One that nobody can read is passed over: verification says so."""
        self.last, self.digest = checkpoint, digest(checkpoint.payload)
        try:
            payload = parse(checkpoint.payload)
        except ValueError:
            return
        self.open = list(payload.open)
        self._committed.update((stream, (seq, chain)) for stream, seq, chain in payload.commitments)

    def committed(self, stream: str) -> tuple[int, str] | None:
        """Number and chain value of its last event in a checkpoint."""
        return self._committed.get(stream)

    def root(self, moved: list[Commitment]) -> str:
        """The root once *moved* is in a checkpoint, in hexadecimal."""
        return root_of(self._with(moved)).hex()

    def totals(self, moved: list[Commitment]) -> dict[str, int]:
        """The same for the totals; what was pruned counts too."""
        every = self._with(moved)
        return {"events": sum(seq + 1 for _, seq, _ in every), "streams": len(every)}

    def _with(self, moved: list[Commitment]) -> list[Commitment]:
        every = self._committed | {stream: (seq, chain) for stream, seq, chain in moved}
        return [(stream, *every[stream]) for stream in sorted(every)]
