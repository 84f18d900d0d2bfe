"""`midwatch audit`, and the commands below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import describe, erase, export, findings, keygen, prune, show, stats, tail, verify

if TYPE_CHECKING:
    from ..parser import Commands

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch audit verify audit.jsonl\n"
    examples += "  midwatch audit show sqlite:////var/lib/orders/audit.db --actor u42 --since 1d\n"
    examples += "  midwatch audit findings --settings orders.config:MIDWATCH"
    about = (
        "STORE is a URL (sqlite:////path, postgresql://user:password@host/database, file:///path) or a path."
        "\nWithout it, it is the one of --settings, or of the variable MIDWATCH_AUDIT_STORE: there a password"
        "\nis not seen by others on the machine. Looking at a trail leaves a record in it (audit.read)."
    )
    audit = commands.add_parser("audit", help="look at the audit trail", description=about, examples=examples)
    actions = audit.add_subparsers(required=True, metavar="COMMAND")
    for action in (verify, tail, show, stats, findings, export, keygen, prune, erase, describe):
        action.add_to(actions)
