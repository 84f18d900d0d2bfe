"""Syslog messages of RFC 5424."""

from __future__ import annotations

import os
import re
from time import time
from typing import Final, final

from ...logs.timestamp import rfc3339
from ..cut import cut
from ..entry import Entry
from .priority import severity_of

__all__ = ["NIL", "Messages", "legal"]

NIL: Final = "-"

"""Of records, by their loggers: the MSGID. Whatever else logs has `log`."""

YEAR_10000: Final = 253_402_300_800
"""Seconds since the epoch: the first that the format cannot say."""

APP_NAME: Final = 48
ID: Final = 32
"""Characters of an APP-NAME, and of an id in structured data."""

ROOM: Final = 128
"""Octets that MSG has at least."""

_illegal: Final = re.compile(r"[^\x21-\x7e]")
_is_hex: Final = re.compile(f"[0-9A-Fa-f]{{1,{ID}}}").fullmatch

# What a terminal, a line reader or the framing would act on.
_control: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def legal(text: str, most: int) -> str:
    """*text* as a field of the header: printable US-ASCII, no space, at most so many characters, `-` for none."""
    return _illegal.sub("_", text)[:most] or NIL


@final
class Messages:
    """
    Makes messages of log lines. What it is handed is sent, whatever it holds; nothing raises.

    The text goes into MSG as it is, one JSON object, with control characters escaped as JSON does. The trace goes into
    structured data: `[opentelemetry trace_id="" span_id="" trace_flags=""]`.

    Args:
        app, host: APP-NAME and HOSTNAME.
        facility: Its number.
        procid: PROCID, by default the process id.
        msgid: MSGID, by default the kind of record (see `Entry.kind`).
        pen: Private enterprise number for `opentelemetry@PEN`: without one, the name is IANA's to give (RFC 5424
            section 7), which receivers do not mind.
        bom: Whether MSG begins with the mark of UTF-8 (section 6.4), which rsyslog hands on as a part of the text.
        most: Octets of a message; what is longer is cut, visibly.

    Raises:
        ValueError: *most* has no room for text beside the header.

    Attributes:
        least: What *most* may be at least.
    """

    def __init__(
        self,
        *,
        app: str,
        host: str,
        facility: int,
        most: int,
        procid: str | None = None,
        msgid: str | None = None,
        pen: str | None = None,
        bom: bool = False,
    ) -> None:
        self._facility = 8 * facility
        self._names = f"{legal(host, 255)} {legal(app, APP_NAME)}"
        self._procid, self._msgid = procid, msgid
        self._sd_id = f"opentelemetry@{pen}" if pen else "opentelemetry"
        self._mark = b"\xef\xbb\xbf" if bom else b""
        self._most = most
        longest = f"<191>1 {rfc3339(0)} {legal(host, 255)} {procid or '4194304'} {msgid or 'request'} [{self._sd_id}"
        ids = ' trace_id="" span_id="" trace_flags=""] '
        self.least = len(longest) + 1 + APP_NAME + len(ids) + 3 * ID + len(self._mark) + ROOM
        if most < self.least:
            raise ValueError(f"max: expected {self.least} octets or more, for these names")

    def encode(self, entry: Entry, most: int | None = None) -> bytes:
        """
        The message of *entry*.

        Args:
            entry: The line.
            most: Octets that it may have, if fewer than usual; never fewer than `least`.
        """
        try:
            return self._encoded(entry, most)
        except Exception as error:  # A level or an id of the application's own making.
            text = f"<line that raises {type(error).__name__}>"
            return self._encoded(Entry(time(), "ERROR", "", text), most)

    def _encoded(self, entry: Entry, most: int | None) -> bytes:
        priority = self._facility + severity_of(entry.level)
        procid = self._procid or os.getpid()
        msgid = self._msgid or entry.kind
        header = f"<{priority}>1 {_timestamp(entry.created)} {self._names} {procid} {msgid} {self._data(entry)} "
        start = header.encode() + self._mark
        most = self._most if most is None else max(most, self.least)
        return start + cut(_escaped(entry.text), most - len(start))

    def _data(self, entry: Entry) -> str:
        """STRUCTURED-DATA: what is not hexadecimal is no id, so that nothing has to be escaped."""
        ids = (("trace_id", entry.trace_id), ("span_id", entry.span_id), ("trace_flags", entry.trace_flags))
        known = [f'{name}="{value}"' for name, value in ids if isinstance(value, str) and _is_hex(value)]
        return f"[{self._sd_id} {' '.join(known)}]" if known else NIL


def _timestamp(created: float) -> str:
    return rfc3339(created) if 0 <= created < YEAR_10000 else NIL


def _escaped(text: str) -> bytes:
    if not (text.isascii() and text.isprintable()):
        text = _control.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return text.encode("utf-8", "backslashreplace")
