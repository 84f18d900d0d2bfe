"""A reader of syslog messages that takes nothing but what the ABNF of RFC 5424 section 6 allows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

PRINTABLE = rb"[\x21-\x7e]"
SD_NAME = rb"[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}"
VALUE = rb'(?:[^"\\\]]|\\["\\\]]|\\(?!["\\\]]))*'

HEADER = re.compile(
    rb"<(0|[1-9][0-9]{0,2})>([1-9][0-9]{0,2}) (-|[0-9TZ:.+\-]+)"
    rb" (%(p)b{1,255}) (%(p)b{1,48}) (%(p)b{1,128}) (%(p)b{1,32}) " % {b"p": PRINTABLE}
)
TIMESTAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
ELEMENT = re.compile(rb'\[(%(n)b)((?: %(n)b="%(v)b")*)\]' % {b"n": SD_NAME, b"v": VALUE})
PARAM = re.compile(rb' (%b)="(%b)"' % (SD_NAME, VALUE))
MARK = b"\xef\xbb\xbf"


@dataclass
class Message:
    """One message, taken apart; what is `-` is None."""

    facility: int
    severity: int
    created: datetime | None
    host: str | None
    app: str | None
    procid: str | None
    msgid: str | None
    data: dict[str, dict[str, str]]
    marked: bool
    text: str


def read(message: bytes) -> Message:
    """
    What *message* says.

    Raises:
        AssertionError: it is not as RFC 5424 wants it.
    """
    found = HEADER.match(message)
    assert found, message
    priority = int(found[1])
    assert priority <= 191
    assert found[2] == b"1"
    data, rest = _structured_data(message[found.end() :])
    assert rest == b"" or rest.startswith(b" "), rest
    text = rest[1:]
    marked = text.startswith(MARK)
    host, app, procid, msgid = (None if name == b"-" else name.decode("ascii") for name in found.groups()[3:])
    said = text.removeprefix(MARK).decode("utf-8")
    return Message(*divmod(priority, 8), _created(found[3]), host, app, procid, msgid, data, marked, said)


def _created(text: bytes) -> datetime | None:
    if text == b"-":
        return None
    assert TIMESTAMP.fullmatch(text), text
    return datetime.fromisoformat(text.decode())


def _structured_data(rest: bytes) -> tuple[dict[str, dict[str, str]], bytes]:
    if rest.startswith(b"-"):
        return {}, rest[1:]
    data: dict[str, dict[str, str]] = {}
    while element := ELEMENT.match(rest):
        name = element[1].decode("ascii")
        assert name not in data, "an SD-ID occurs once"
        data[name] = {
            param[1].decode("ascii"): re.sub(rb'\\(["\\\]])', rb"\1", param[2]).decode("utf-8")
            for param in PARAM.finditer(element[2])
        }
        rest = rest[element.end() :]
    assert data, rest
    return data, rest


def split_octets(stream: bytes) -> tuple[list[bytes], bytes]:
    """The messages of a stream with octet counting (RFC 6587 section 3.4.1), and what is left of an unfinished one."""
    messages: list[bytes] = []
    while True:
        found = re.match(rb"([1-9][0-9]*) ", stream)
        if found is None:
            assert stream == b"" or stream.isdigit(), stream[:100]
            return messages, stream
        end = found.end() + int(found[1])
        if len(stream) < end:
            return messages, stream
        messages.append(stream[found.end() : end])
        stream = stream[end:]
