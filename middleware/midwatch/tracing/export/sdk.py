"""
Exporters of OpenTelemetry's SDK as destinations: gRPC, vendors, the console, whatever has `export` and `shutdown`.

Our span answers what they read of the SDK's (`ReadableSpan`). They retry by themselves, so nothing is handed in twice.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeGuard, final

from opentelemetry.context import (
    _SUPPRESS_HTTP_INSTRUMENTATION_KEY,
    _SUPPRESS_INSTRUMENTATION_KEY,
    attach,
    detach,
    set_value,
)

from ...delivery import Channel, Refused, worker
from ...plugin import hook_failed
from ..details import Scope
from .options import Options
from .resource import resource_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...service import Service
    from ..span import Span

__all__ = ["SDKExporter", "SpanExporter", "is_exporter", "is_exporter_class"]

AGAIN: Final = 0.1


class SpanExporter(Protocol):
    """What is used of `opentelemetry.sdk.trace.export.SpanExporter`."""

    def export(self, spans: Sequence[Any], /) -> Any:
        """Send finished spans; a `SpanExportResult`."""

    def shutdown(self) -> Any:
        """Called once, at the end."""


def is_exporter(candidate: object) -> TypeGuard[SpanExporter]:
    """Whether *candidate* is an exporter."""
    return _exports(candidate) and not isinstance(candidate, type)


def is_exporter_class(candidate: object) -> bool:
    """Whether *candidate* only makes exporters."""
    return _exports(candidate) and isinstance(candidate, type)


def _exports(candidate: object) -> bool:
    return all(callable(getattr(candidate, name, None)) for name in ("export", "shutdown"))


@final
class SDKExporter:
    """
    One exporter, with a channel of its own.

    Args:
        exporter: Used by one thread only, and shut down once.
        service: Becomes the resource of each span.
    """

    def __init__(self, exporter: SpanExporter, service: Service) -> None:
        self._exporter = exporter
        self._resource = resource_of(service)
        self._closed = False
        options = Options.known()
        self.channel: Channel[Span] = Channel(
            f"spans to {type(exporter).__name__}",
            self._deliver,
            max_items=options.queue,
            batch=min(options.batch, options.queue),
            linger=options.delay,
            apart=True,
        )

    def _deliver(self, spans: list[Span]) -> None:
        """
        Hand *spans* over.

        Raises:
            Refused: the exporter failed, or raised. It has tried what there was to try.
        """
        for span in spans:
            span.resource = self._resource
            scope = span.instrumentation_scope
            if type(scope) is Scope and scope.attributes:
                span.instrumentation_scope = _Scope(*scope)  # type: ignore[assignment]  # read alike
        try:
            result = _untraced(lambda: self._exporter.export(tuple(spans)))
        except Exception as error:
            raise Refused(f"export raised {type(error).__name__}") from error
        if result is not None and getattr(result, "value", result) != 0:
            raise Refused(f"export answered {getattr(result, 'name', type(result).__name__)}")

    def close(self, deadline: float) -> None:
        """Deliver what is queued and shut the exporter down, within *deadline* seconds; a second time nothing."""
        if self._closed:
            return
        self._closed = True
        end = monotonic() + deadline
        while self.channel.pending and (left := end - monotonic()) > 0:
            with worker.rounds:
                self.channel.worker.press()
                worker.rounds.wait(min(left, AGAIN))
        # In a thread of its own: it may hang, and there is no way to ask it not to.
        thread = threading.Thread(target=self._shut_down, args=(end,), name="midwatch-shutdown", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return
        thread.join(max(0.0, end - monotonic()))

    def _shut_down(self, end: float) -> None:
        flush: Callable[..., Any] | None = getattr(self._exporter, "force_flush", None)
        if callable(flush):
            _last(flush, max(0, int(1000 * (end - monotonic()))))
        _last(self._exporter.shutdown)


def _last(call: Callable[..., Any], *arguments: Any) -> None:
    try:
        _untraced(lambda: call(*arguments))
    except Exception:
        hook_failed(call)


class _Scope(NamedTuple):
    """A `Scope` whose attributes are a mapping, as the SDK's are; equal ones may have values without a hash."""

    name: str
    version: str | None
    schema_url: str | None
    pairs: tuple[tuple[str, Any], ...]

    @property
    def attributes(self) -> dict[str, Any]:
        return dict(self.pairs)

    def __hash__(self) -> int:
        return hash(self[:3])


def _untraced(call: Callable[[], Any]) -> Any:
    """What an exporter calls is not traced: its spans would be exported, and so on."""
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True, set_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY, True)))
    try:
        return call()
    finally:
        detach(token)
