"""What the labels of our families may be called, and what their values may hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..logs.safe import safe_text

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MAX_TEXT", "OVERFLOW", "TAKEN", "checked_labels", "checked_name", "label_text"]

MAX_TEXT: Final = 256
"""Characters of one label value."""

OVERFLOW: Final = "overflow"
"""Every label value of the one series that takes what no further series is made for."""

_name: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_label: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)

RESERVED: Final = frozenset({"le", "quantile", "worker"})
"""Labels that Prometheus, or the merging of workers, adds itself."""

TAKEN: Final = RESERVED | {
    "error_type", "handler", "http_request_method", "http_response_status_code", "http_route", "instance", "job",
    "method", "status", "url_scheme",
}  # fmt: skip
"""What labels of the operator's own for requests are not called: those of ours, by either names, and of Prometheus."""

SUFFIXES: Final = ("_total", "_created", "_bucket", "_count", "_sum", "_info")
"""What the formats add to a name; one that has it already would be shown under another's."""


def label_text(value: object) -> str:
    """*value* as text that UTF-8 can carry, cut; without NUL, at which some readers stop. Never raises."""
    text = value if type(value) is str else safe_text(value)
    if len(text) <= MAX_TEXT and text.isascii() and "\0" not in text:
        return text
    return safe_text(text)[:MAX_TEXT].replace("\0", "\ufffd")


def checked_name(name: str) -> str:
    """
    *name* of a family.

    Raises:
        ValueError: it is none by Prometheus' rules, or ends in what the formats add.
    """
    if not isinstance(name, str) or not _name.fullmatch(name) or len(name) > MAX_TEXT:
        shown = ascii(name)[:MAX_TEXT]
        raise ValueError(f"name: {shown} is no name of a metric: letters, digits, _ and : only, no digit first")
    ending = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)
    if ending is not None:
        raise ValueError(f"name: {name!r} ends in {ending}, which the page adds itself; leave it out")
    return name


def checked_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """
    Names of labels.

    Raises:
        ValueError: one is none by Prometheus' rules, is added by others, or comes twice.
    """
    if isinstance(labels, str):
        raise ValueError(f"labels: {labels!r} is one string; give a tuple of names")  # noqa: TRY004 - see Raises
    names = tuple(labels)
    for name in names:
        if not isinstance(name, str) or not _label.fullmatch(name) or name in RESERVED or len(name) > MAX_TEXT:
            raise ValueError(f"labels: {name!r} is no name of a label")
    if len(set(names)) < len(names):
        raise ValueError(f"labels: {', '.join(names)} holds a name twice")
    return names
