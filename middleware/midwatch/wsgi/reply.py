"""Answers in place of the application's: waiting for them, and handing them to a WSGI server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import BODILESS, Hold, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from ..moments import Answers

__all__ = ["respond", "settle"]


def settle(answers: Answers) -> Reply | None:
    """Wait for every `Hold`; the first `Reply` of all."""
    reply: Reply | None = None
    for answer in answers:
        found = answer.wait() if isinstance(answer, Hold) else answer
        if reply is None and isinstance(found, Reply):
            reply = found
    return reply


def respond(
    reply: Reply,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    added: Iterable[tuple[str, str]] = (),
    exc_info: Any = None,
) -> list[bytes]:
    """Start *reply* with *added* headers; its body."""
    from werkzeug.wrappers import Response  # noqa: PLC0415 - takes as long to import as all of Midwatch

    response = Response(reply.body, reply.status, reply.headers, content_type=reply.media_type)
    if reply.status in BODILESS:
        del response.headers["content-type"]
    body, status, headers = response.get_wsgi_response(environ)
    start_response(status, [*headers, *added], *(() if exc_info is None else (exc_info,)))
    return list(body)
