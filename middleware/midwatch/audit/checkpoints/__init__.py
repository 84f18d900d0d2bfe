"""Signed statements about all streams, made now and then, each of which names the one before."""

from .checkpointer import Checkpointer
from .payload import Commitment, Payload, digest, parse, root_of
from .state import CheckpointState

__all__ = ["CheckpointState", "Checkpointer", "Commitment", "Payload", "digest", "parse", "root_of"]
