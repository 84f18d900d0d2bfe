"""
The two formats of the page, which of them a client wants, and rendering without making anybody wait for it.

Sources: Prometheus text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), OpenMetrics 1.0.0
(https://prometheus.io/docs/specs/om/open_metrics_spec/), negotiation by RFC 9110 section 12.5.1.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from prometheus_client import exposition as text
from prometheus_client.openmetrics import exposition as openmetrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..answers import Reply

__all__ = ["OPENMETRICS", "TEXT", "Format", "Renders", "negotiate"]

OPENMETRICS_TYPE: Final = "application/openmetrics-text"
OPENMETRICS_VERSIONS: Final = frozenset({"", "1.0.0", "0.0.1"})
TEXT_VERSIONS: Final = frozenset({"", "0.0.4"})

MAX_RANGES: Final = 32
"""Media ranges of one `Accept` that are read."""


class Format(NamedTuple):
    """How a page is written."""

    media_type: str
    write: Callable[[Any], bytes]


TEXT: Final = Format("text/plain; version=0.0.4; charset=utf-8", text.generate_latest)
OPENMETRICS: Final = Format(openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest)


def negotiate(accept: str | None) -> Format:
    """
    The format for a request with this `Accept`.

    OpenMetrics only where it is named, in a version that we write, and not wanted less than text. Nothing is refused:
    who accepts neither gets text.
    """
    if not accept or "openmetrics" not in accept.lower():
        return TEXT
    wanted = 0.0
    text_by_range: dict[str, float] = {}
    for media_range in accept.split(",", MAX_RANGES)[:MAX_RANGES]:
        name, version, quality = _parse(media_range)
        if name == OPENMETRICS_TYPE and version in OPENMETRICS_VERSIONS:
            wanted = max(wanted, quality)
        elif name in {"text/*", "*/*"} or (name == "text/plain" and version in TEXT_VERSIONS):
            text_by_range[name] = max(quality, text_by_range.get(name, 0.0))
    # The most specific range counts (RFC 9110 section 12.5.1).
    as_text = next((text_by_range[name] for name in ("text/plain", "text/*", "*/*") if name in text_by_range), 0.0)
    return OPENMETRICS if wanted > 0 and wanted >= as_text else TEXT


def _parse(media_range: str) -> tuple[str, str, float]:
    """Type, version and quality of one range; no quality that is none counts as zero."""
    name, *parameters = media_range.split(";")
    version, quality = "", 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        key, value = key.strip().lower(), value.strip(' \t"')
        if key == "version":
            version = value
        elif key == "q":
            quality = float(value) if value.isascii() and value.replace(".", "", 1).isdecimal() else 0.0
    return name.strip().lower(), version, min(quality, 1.0)


@final
class _Render(NamedTuple):
    answer: Future[Reply]
    expires: float


@final
class Renders:
    """
    Renders pages in threads of their own, one at a time for each format; who asks meanwhile gets the same page.

    Args:
        render: Makes the answer; runs in the thread.
        failed: The answer where that raises.
        limit: Seconds after which nobody waits for a render any more.
    """

    def __init__(self, render: Callable[[Format], Reply], failed: Reply, limit: float) -> None:
        self._render = render
        self._failed = failed
        self._limit = limit
        self.forget()

    def forget(self) -> None:
        """Start afresh, in a forked child: the threads are the parent's."""
        self._lock = threading.Lock()
        self._running: dict[Format, _Render] = {}

    def ask(self, wanted: Format) -> tuple[Future[Reply], float]:
        """
        The render under way, or a new one, and the seconds that it has left: none if it hangs.

        Raises:
            RuntimeError: no thread can be started.
        """
        with self._lock:
            running = self._running.get(wanted)
            if running is None:
                running = _Render(Future(), monotonic() + self._limit)
                # Those who wait share it: none of them may cancel it.
                running.answer.set_running_or_notify_cancel()
                thread = threading.Thread(
                    target=self._run, args=(wanted, running.answer), name="midwatch-metrics", daemon=True
                )
                thread.start()
                self._running[wanted] = running
        return running.answer, running.expires - monotonic()

    def _run(self, wanted: Format, answer: Future[Reply]) -> None:
        reply = self._failed
        try:
            reply = self._render(wanted)
        finally:
            with self._lock:
                del self._running[wanted]
            answer.set_result(reply)
