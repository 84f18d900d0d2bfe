"""What every registry can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .instance import Instance

__all__ = ["Registry"]


class Registry(Protocol):
    """What a registry is asked for. Each may raise `CallError`."""

    @property
    def beat(self) -> float: ...
    def register(self, instance: Instance, *, out: bool, weight: int) -> None: ...
    def beat_once(self, instance: Instance) -> bool: ...
    def drain(self, instance: Instance) -> None: ...
    def resume(self, instance: Instance) -> None: ...
    def leave(self, instance: Instance) -> None: ...
