"""A log record that is ready-made: making a `logging.LogRecord` costs more than all else that Midwatch does."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, final

from .line import RequestLine, WideLine

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ReadyRecord"]

_attributes = logging.LogRecord.__dict__["__dict__"].__get__


@final
class ReadyRecord(logging.LogRecord):
    """
    A record that carries its line; the formatter encodes it in one step.

    Other handlers and filters find what they find in any record, and the fields of the line as attributes besides: all
    of that is made when somebody looks.

    Args:
        line: What will be written: the line of a request, or fields in their order.
    """

    __slots__ = ("line",)
    line: RequestLine | WideLine | Mapping[str, Any]

    def __init__(
        self,
        logger: str,
        level: int,
        level_name: str,
        created: float,
        line: RequestLine | WideLine | Mapping[str, Any],
    ) -> None:
        self.name = logger
        self.levelno = level
        self.levelname = level_name
        self.created = created
        self.line = line

    @property
    def fields(self) -> Mapping[str, Any]:
        """The line as a mapping."""
        if isinstance(self.line, RequestLine | WideLine):
            self.line = self.line.fields()
        return self.line

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """Every attribute of a record: `Formatter` goes by this, and whoever looks makes it complete."""
        attributes: dict[str, Any] = _attributes(self)
        if "process" not in attributes:
            fields = self.fields
            plain = logging.LogRecord(self.name, self.levelno, "", 0, fields["message"], None, None)
            attributes.update({**fields, **vars(plain), **attributes})
            attributes["msecs"] = self.created * 1000 % 1000
        return attributes

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies, in queues and other processes, are records like any other."""
        return logging.makeLogRecord, (dict(self.__dict__),)

    def getMessage(self) -> str:  # noqa: N802 - named by logging
        """The message; it takes no arguments."""
        return str(self.fields["message"])
