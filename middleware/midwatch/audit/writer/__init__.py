"""Events on their way into a store: numbered, chained, committed in groups, and on disk when the store is late."""

from .intake import SHARES
from .item import Ack, Lost, Mode, Rank
from .state import State
from .writer import Writer

__all__ = ["SHARES", "Ack", "Lost", "Mode", "Rank", "State", "Writer"]
