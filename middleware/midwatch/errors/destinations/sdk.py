"""
Beside sentry-sdk: where an application uses it, its events go through it, with our ids in them, and none goes twice.

The SDK is never imported by us: what a process has not loaded costs one look into `sys.modules`. A processor within it
sees every event that its integrations make. It adds the ids of the request, and notes which exceptions have been sent.
What nobody has captured by the time it leaves the application, we do, through the SDK. Our lines in the log, which
it would make events and breadcrumbs of, are kept from it.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, final
from weakref import ref

from ...exchange import current
from ...logs.safe import safe_text
from ...plugin import hook_failed
from ..fingerprint import fingerprint
from ..text import one_line
from .log import LOGGER

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...exchange import Exchange
    from ..occurrence import Occurrence

__all__ = ["SDK", "carries", "meet"]

OURS: Final = (LOGGER, "midwatch.request")
"""Loggers whose lines are told to the SDK otherwise, or are no errors."""

MARK: Final = "__midwatch_sdk__"

AFTERWARDS: Final = 10.0
"""Seconds in which the same object is the same error outside of a request, as in what a server logs at its end."""

VALUE: Final = 199

_attributes: Any = BaseException.__dict__["__dict__"]
_met: Any = None
_group: Callable[[BaseException, str | None], str] = lambda error, route: fingerprint(error, route=route)  # noqa: E731


@final
class SDK:
    """
    A destination: the SDK, where the application has one that sends. To be the first of all.

    Args:
        group: Fingerprint of an exception and its route, as in all other places.
    """

    def __init__(self, group: Callable[[BaseException, str | None], str] | None = None) -> None:
        global _group  # noqa: PLW0603 - there is one SDK in a process, too
        _group = group or _group
        meet()

    def take(self, occurrence: Occurrence) -> None:
        """Have the SDK send *occurrence*, unless it has."""
        carries(occurrence)

    def close(self, deadline: float) -> None:
        """The SDK sees to its own end."""


def meet() -> bool:
    """Join the SDK, once, if this process has loaded it by now; the earlier, the better. Whether it was now."""
    global _met  # noqa: PLW0603
    sdk = sys.modules.get("sentry_sdk")
    if sdk is _met or not hasattr(sdk, "get_client"):  # Absent, of another time, or being imported right now.
        return False
    _met = sdk
    try:
        from sentry_sdk.integrations.logging import ignore_logger  # noqa: PLC0415 - it is loaded
        from sentry_sdk.scope import add_global_event_processor  # noqa: PLC0415

        add_global_event_processor(_process)
        for name in OURS:
            ignore_logger(name)
    except Exception:
        hook_failed(meet)
    return True


def carries(occurrence: Occurrence) -> bool:
    """Whether the SDK has the exception, or has been handed it now. False where there is none, or it sends nothing."""
    just_met = meet()
    if _met is None:
        return False
    try:
        client = _met.get_client()
        # Without a DSN it is active too, and has nowhere to send to.
        if not client.is_active() or getattr(client, "transport", None) is None:
            return False
        error = occurrence.error
        if _sent(error, occurrence.exchange):
            return True
        if _is_last_of(client, error):
            if just_met:
                return True
            # Raised again in another request, it is another error, which the SDK would take for the same.
            _last_of(client).set(None)
        _capture(client, occurrence)
    except Exception:
        hook_failed(carries)
        return False
    return True


def _capture(client: Any, occurrence: Occurrence) -> None:
    """Hand the exception to the SDK, which makes an event of it as of any other."""
    from sentry_sdk.utils import event_from_exception  # noqa: PLC0415

    from .sentry.request import request_fields  # noqa: PLC0415

    mechanism = {"type": "midwatch", "handled": occurrence.where == "handled"}
    event, hint = event_from_exception(occurrence.error, client_options=client.options, mechanism=mechanism)
    exchange = occurrence.exchange
    event["tags"] = {"midwatch.fingerprint": occurrence.fingerprint, **_ids(exchange)}
    if exchange is not None:
        event["request"] = request_fields(exchange, occurrence.redactor)
        traces = client.options.get("traces_sample_rate") is not None or client.options.get("traces_sampler")
        if exchange.trace_id and exchange.span_id and not traces:
            event["contexts"] = {"trace": {"trace_id": exchange.trace_id, "span_id": exchange.span_id}}
    _met.capture_event(event, hint)
    # By its options it may have been left out before the processor saw it; that is its decision.
    _mark(occurrence.error)


def _process(event: Any, hint: Any) -> Any:
    """Within the SDK: add what we know to an event; None for one that has been sent."""
    if event.get("type") is not None:  # A transaction, a check-in, ...
        return event
    try:
        exchange = current()
        info = (hint or {}).get("exc_info")
        error = info[1] if isinstance(info, tuple) else None
        tags = _ids(exchange)
        if isinstance(error, BaseException):
            if _sent(error, exchange, event.get("event_id")):
                return None
            _mark(error, event.get("event_id"))
            if "midwatch.fingerprint" not in event.get("tags", ()):
                tags["midwatch.fingerprint"] = _group(error, None if exchange is None else exchange.route)
        if tags:
            event["tags"] = tags | dict(event.get("tags") or {})
        if exchange is not None and exchange.route is not None and not event.get("transaction"):
            event["transaction"] = safe_text(f"{exchange.method} {exchange.route}"[:VALUE])
    except Exception:
        hook_failed(_process)
    return event


def _ids(exchange: Exchange | None) -> dict[str, str]:
    if exchange is None:
        return {}
    known = {"request_id": exchange.request_id, "trace_id": exchange.trace_id, "span_id": exchange.span_id}
    return {name: one_line(safe_text(value[:VALUE]), VALUE) for name, value in known.items() if value}


def _sent(error: BaseException, exchange: Exchange | None, event: str | None = None) -> bool:
    """Whether the SDK has had this object in this request, in another *event*; in the next one it is another error."""
    # A copy, or one that was pickled, carries the mark of its original.
    known, when, marked = _attributes.__get__(error).get(MARK, (0, 0.0, None))
    started: float = perf_counter() - AFTERWARDS if exchange is None else exchange.started
    return bool(known == id(error) and when >= started and (event is None or marked != event))


def _mark(error: BaseException, event: str | None = None) -> None:
    _attributes.__get__(error)[MARK] = (id(error), perf_counter(), event)


def _last_of(client: Any) -> Any:
    """Where the SDK keeps the last exception that it had in this context; None where it does not."""
    from sentry_sdk.integrations.dedupe import DedupeIntegration  # noqa: PLC0415

    return getattr(client.get_integration(DedupeIntegration), "_last_seen", None)


def _is_last_of(client: Any, error: BaseException) -> bool:
    last = _last_of(client)
    found: object = None if last is None else last.get(None)
    return found is error or (isinstance(found, ref) and found() is error)
