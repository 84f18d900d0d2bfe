"""`midwatch audit keygen`: a key that checkpoints are signed with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...audit.keys import keygen
from ..answer import Answer
from . import where

if TYPE_CHECKING:
    import argparse

    from ..parser import Commands

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch audit keygen /etc/orders/audit.key\n  midwatch audit keygen --hmac /etc/orders/audit.key"
    about = (
        "Makes FILE, mode 0600, for who signs, and FILE.pub for who verifies (Ed25519). Nothing is written over.\n"
        "Whoever can check an HMAC can also forge it."
    )
    made = commands.add_parser("keygen", help="make a key to sign with", description=about, examples=examples)
    made.add_argument("file", type=Path, metavar="FILE", help="where to")
    made.add_argument("--hmac", action="store_true", help="one shared secret (HMAC-SHA256), without midwatch[audit]")
    made.set_defaults(run=where.answered(_keygen))


def _keygen(arguments: argparse.Namespace) -> Answer:
    path: Path = arguments.file.absolute()
    try:
        key = keygen(path, algorithm="HMAC-SHA256" if arguments.hmac else "Ed25519")
    except FileExistsError as error:
        there = error.filename or error
        raise where.refusal(str(path), f"a key is never written over: {there}") from None
    except OSError as error:
        raise where.refusal(str(path), error.strerror or str(error)) from None
    except ValueError as error:
        raise where.refusal(str(path), str(error)) from None
    words = f'{key.algorithm}, key id {key.key_id}; in the settings: "audit": {{"key": "{path}"}}'
    return Answer(0, str(path) if arguments.hmac else f"{path}\n{path}.pub", words)
