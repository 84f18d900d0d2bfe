"""Notices as a mail."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...notices import Notice

__all__ = ["letter"]

RULE: Final = f"\n\n{'-' * 40}\n\n"


def letter(notices: Sequence[Notice], service: str, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """
    One mail of one or several notices, the same one whenever it is made again.

    Args:
        notices: At least one.
        service: By whose name it is sent.
        sender, recipients: Mail addresses.
    """
    first = notices[0]
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(SMTP)
    more = len(notices) - 1
    mail["Subject"] = _printable(f"{first.title} and {more} more" if more else first.title)
    mail["From"] = Address(_printable(f"{service} (Midwatch)"), *_parts(sender))
    mail["To"] = [Address("", *_parts(recipient)) for recipient in recipients]
    mail["Date"] = format_datetime(datetime.fromtimestamp(int(first.time), UTC))
    mail["Message-ID"] = f"<{first.id}.midwatch@{_ascii(domain)}>"
    if first.fingerprint is not None and not more:
        # Mail readers show what refers to the same as one conversation.
        mail["References"] = f"<{_token(first.fingerprint)}.midwatch@{_ascii(domain)}>"
    # Nobody on holiday answers (RFC 3834 section 5).
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Midwatch-Notice"] = first.kind
    mail.set_content(RULE.join(notice.whole for notice in notices) + "\n", charset="utf-8")
    return mail


def _parts(mailbox: str) -> tuple[str, str]:
    user, _, domain = mailbox.rpartition("@")
    return user, domain


def _printable(text: str) -> str:
    """A header is one line (RFC 5322 section 2.2)."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return "localhost"


def _token(text: str) -> str:
    return "".join(character if character.isascii() and character.isalnum() else "-" for character in text)
