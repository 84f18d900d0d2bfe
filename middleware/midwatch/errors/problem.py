"""
The answer for an application that raised before it answered: which request it was, and no detail of the exception.

It is a problem as RFC 9457 has it. `request_id` and `trace_id` are extension members (section 3.2), and what a client
quotes to be helped. There is no `instance` (section 3.1.5): it would have to be a URI, and neither id is one.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from ..answers import Reply
from ..logs.safe import encode_line

if TYPE_CHECKING:
    from ..exchange import Exchange

__all__ = ["negotiated", "problem"]

TITLE: Final = "Internal Server Error"

NO_STORE: Final = {"cache-control": "no-store"}
VARYING: Final = {**NO_STORE, "vary": "Accept"}

PROBLEM: Final = "application/problem+json"
HTML: Final = "text/html"
TEXT: Final = "text/plain"

OFFERS: Final = (PROBLEM, "application/json", HTML, TEXT)
"""What there is to choose from; a client that wants any of several gets the first."""

LONGEST: Final = 2048
"""Characters of an `Accept` header that is read; no client has a longer one."""

PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body><h1>{title}</h1>{said}</body>
</html>
"""


def problem(exchange: Exchange | None, headers: dict[str, str] = NO_STORE) -> Reply:
    """A 500 in `application/problem+json`."""
    members: dict[str, Any] = {"type": "about:blank", "title": TITLE, "status": 500}
    if exchange is not None and exchange.request_id is not None:
        members["request_id"] = exchange.request_id
    if exchange is not None and exchange.trace_id is not None:
        members["trace_id"] = exchange.trace_id
    return Reply(500, encode_line(members), media_type=PROBLEM, headers=headers)


def negotiated(exchange: Exchange | None) -> Reply:
    """
    A 500 in what the client prefers (RFC 9110 section 12.5.1): a problem, a small page, or text.

    A client that wants none of them gets the problem: an answer that it may not read is better than another error.
    """
    wanted = PROBLEM if exchange is None else _wanted(exchange.header("accept"))
    request_id = None if exchange is None else exchange.request_id
    if wanted == HTML:
        said = "" if request_id is None else f"<p>Request <code>{escape(request_id)}</code></p>"
        return Reply(500, PAGE.format(title=TITLE, said=said), media_type=f"{HTML}; charset=utf-8", headers=VARYING)
    if wanted == TEXT:
        said = f"{TITLE}\n" if request_id is None else f"{TITLE}\nrequest {request_id}\n"
        return Reply(500, said, headers=VARYING)
    return problem(exchange, VARYING)


def _wanted(accept: str | None) -> str:
    if not accept or len(accept) > LONGEST:
        return PROBLEM
    from werkzeug.datastructures import MIMEAccept  # noqa: PLC0415 - takes as long to import as all of Midwatch
    from werkzeug.http import parse_accept_header  # noqa: PLC0415

    try:
        return parse_accept_header(accept, MIMEAccept).best_match(OFFERS) or PROBLEM
    except Exception:
        return PROBLEM  # A header of a stranger's must not cost the answer.
