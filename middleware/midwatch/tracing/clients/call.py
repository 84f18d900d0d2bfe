"""One attempt of a call: the client span around it, by the stable conventions, and what is current meanwhile."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final
from urllib.parse import urlsplit

import opentelemetry.context as otel
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode

from ...context import attach, detach, get_current
from ...exchange import KEY
from ...plugin import hook_failed
from ..conventions import MAX_TEXT, known_method
from ..policy import policy
from ..provider import Tracer, active_tracer
from ..span import SPAN
from .chain import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

    from ...exchange import Exchange
    from .chain import Chain

__all__ = ["VERSIONS", "Answered", "Attempt"]

CLIENT: Final = SpanKind.CLIENT

PLAIN: Final = "suppress_instrumentation"
ALL: Final = getattr(otel, "_SUPPRESS_INSTRUMENTATION_KEY", PLAIN)
HTTP: Final = getattr(otel, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", PLAIN)
"""Where OpenTelemetry keeps that nothing, or no HTTP client, is to be traced here."""

VERSIONS: Final = {9: "0.9", 10: "1.0", 11: "1.1", 20: "2", 30: "3"}
"""Versions of HTTP as `http.client` and urllib3 number them."""

CONTRIB: Final = frozenset(
    f"opentelemetry.instrumentation.{name}" for name in ("aiohttp_client", "httpx", "requests", "urllib", "urllib3")
)


class Answered(NamedTuple):
    """
    What a response says of the call.

    Attributes:
        version: Of the protocol, such as `1.1` or `2`; None where the client does not tell.
        peer: The socket address of the server or proxy, where the client tells.
    """

    status: int
    version: str | None
    peer: Any = None


@final
class Attempt:
    """
    A `with` block in which one attempt is made.

    It makes a span and puts it into *headers*, or does nothing where somebody else traces the call or nobody wants it
    traced. Exceptions end the span and pass. What fails here is counted, and the call goes on.
    """

    __slots__ = ("_arguments", "_span", "_token")

    _token: Token[Context]

    def __init__(self, chain: Chain, method: str, url: str, headers: MutableMapping[str, Any]) -> None:
        self._arguments = chain, method, url, headers
        self._span: Span | None = None

    def __enter__(self) -> Attempt:
        try:
            self._begin(*self._arguments)
        except Exception:
            hook_failed(Attempt)
        return self

    def _begin(self, chain: Chain, method: str, url: str, headers: MutableMapping[str, Any]) -> None:
        context = get_current()
        if context and _belongs_to_others(context):
            return
        told = chain.follow(url, headers)
        tracer = active_tracer()
        name = known_method(method)
        # Samplers of an SDK see the attributes; ours does not look, so what is not sampled costs less.
        attributes = None if type(tracer) is Tracer else _attributes(chain, method, url)
        span = tracer.start_span("HTTP" if name == "_OTHER" else name, context, CLIENT, attributes)
        if attributes is None and span.is_recording():
            span.set_attributes(_attributes(chain, method, url))
        inner = Context({**context, SPAN: span, HTTP: _Within(context.get(KEY))})
        self._token = attach(inner)
        self._span = span
        if told:
            chain.tell(headers, inner)

    def answered(self, response: Any, read: Callable[[Any], Answered]) -> None:
        """The headers of *response* are there; *read* is asked for what they say, if anybody wants to know."""
        span = self._span
        if span is None or not span.is_recording():
            return
        try:
            status, version, peer = read(response)
            span.set_attribute("http.response.status_code", status)
            if version:
                span.set_attribute("network.protocol.version", version)
            if isinstance(peer, tuple) and len(peer) >= 2:
                span.set_attribute("network.peer.address", str(peer[0]))
                span.set_attribute("network.peer.port", peer[1])
            if status >= 400:
                span.set_attribute("error.type", str(status))
                span.set_status(StatusCode.ERROR)
        except Exception:
            hook_failed(Attempt.answered)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        span = self._span
        if span is None:
            return
        try:
            if error is not None and span.is_recording():
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(StatusCode.ERROR)
            span.end()
        except Exception:
            hook_failed(Attempt)
        with contextlib.suppress(ValueError):  # Closed in another task: there is nothing to restore.
            detach(self._token)


@final
class _Within:
    """
    Says that a call is being traced, to what the client is made of; not to an application that it calls in-process.

    That one serves an exchange of its own, and its calls are calls.
    """

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange | object) -> None:
        self._exchange = exchange

    def __bool__(self) -> bool:
        return get_current().get(KEY) is self._exchange


def _belongs_to_others(context: Context) -> bool:
    """Whether nothing is to be traced here, or somebody has made a client span for this very call."""
    if context.get(HTTP) or context.get(ALL) or context.get(PLAIN):
        return True
    span: Any = context.get(SPAN)
    scope = getattr(span, "instrumentation_scope", None)
    return scope is not None and scope.name in CONTRIB and span.kind is CLIENT and span.is_recording()


def _attributes(chain: Chain, method: str, url: str) -> dict[str, AttributeValue]:
    """What is known of an attempt from the start (semantic conventions, "HTTP client")."""
    name = known_method(method)
    attributes: dict[str, AttributeValue] = {"http.request.method": name}
    if name == "_OTHER":
        attributes["http.request.method_original"] = method[:MAX_TEXT]
    if chain.resent:
        attributes["http.request.resend_count"] = chain.resent
    origin = origin_of(url)
    if origin is not None:
        attributes["url.full"] = _without_secrets(url)
        attributes["server.address"] = origin.host[:MAX_TEXT]
        attributes["server.port"] = origin.port
    return attributes


def _without_secrets(url: str) -> str:
    """*url* without credentials and fragment, its query redacted."""
    parts = urlsplit(url)
    query = f"?{policy.redactor.query(parts.query)}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{query}"[:MAX_TEXT]
