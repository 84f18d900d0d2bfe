"""
Calls of our own that leave no trace: no log lines and no spans.

They would name the URL, which often is all that is needed to send something there. The libraries write theirs at
levels that a user may well have turned on, and a notice that leaves log lines may lead to the next one.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry.context import (
    _SUPPRESS_HTTP_INSTRUMENTATION_KEY,
    _SUPPRESS_INSTRUMENTATION_KEY,
    attach,
    detach,
    get_value,
    set_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["hushed"]

KEY: Final = "midwatch.hushed"

TALKATIVE: Final = (
    "apprise",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.util.retry",
    "slixmpp",
)


def _is_ours_to_write(record: logging.LogRecord) -> bool:
    return get_value(KEY) is None


@contextmanager
def hushed() -> Iterator[None]:
    """Within it, nothing is logged by the libraries that send, and nothing is traced."""
    for name in TALKATIVE:
        logging.getLogger(name).addFilter(_is_ours_to_write)  # Once, however often it is said.
    context = set_value(_SUPPRESS_INSTRUMENTATION_KEY, True, set_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY, True))
    token = attach(set_value(KEY, True, context))
    try:
        yield
    finally:
        detach(token)
