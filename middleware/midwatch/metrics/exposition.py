"""
How the page is written for one client: in which of the two formats, whole or in part, compressed or not.

Sources: Prometheus text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), OpenMetrics 1.0.0
(https://prometheus.io/docs/specs/om/open_metrics_spec/), negotiation by RFC 9110 sections 12.4.2, 12.5.1 and 12.5.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl

from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics

from ..plugin import hook_failed
from .dense import DenseHistogram
from .writing import openmetrics_pieces, text_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["OPENMETRICS", "TEXT", "Format", "accepts_gzip", "names_of", "negotiate", "restrict"]

OPENMETRICS_TYPE: Final = "application/openmetrics-text"
OPENMETRICS_VERSIONS: Final = frozenset({"", "1.0.0", "0.0.1"})
TEXT_VERSIONS: Final = frozenset({"", "0.0.4"})

MAX_RANGES: Final = 32
"""Media ranges of one `Accept` that are read, and codings of one `Accept-Encoding`."""

MAX_FIELDS: Final = 1000
"""Parameters of one query."""


class Format(NamedTuple):
    """
    How a page is written.

    Attributes:
        media_type: What it is.
        pieces: Makes it of families, piece by piece.
    """

    media_type: str
    pieces: Callable[[Iterable[Metric]], Iterator[bytes]]

    def write(self, families: Iterable[Metric]) -> bytes:
        """All of it."""
        return b"".join(self.pieces(families))


TEXT: Final = Format("text/plain; version=0.0.4; charset=utf-8", text_pieces)
OPENMETRICS: Final = Format(openmetrics.CONTENT_TYPE_LATEST, openmetrics_pieces)


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


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Whether a request with this `Accept-Encoding` wants gzip at least as much as no coding (RFC 9110 12.5.3)."""
    if not accept_encoding:
        return False
    qualities: dict[str, float] = {}
    for coding in accept_encoding.split(",", MAX_RANGES)[:MAX_RANGES]:
        name, _, quality = _parse(coding)
        name = "gzip" if name == "x-gzip" else name
        qualities[name] = max(quality, qualities.get(name, 0.0))
    wanted = qualities.get("gzip", qualities.get("*", 0.0))
    return wanted > 0 and wanted >= qualities.get("identity", 0.0)


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


def names_of(query: str) -> frozenset[str]:
    """
    What *query* asks for: the values of `name[]`; none for everything.

    They are names of families or, as in prometheus_client, of samples.

    Raises:
        ValueError: more than `MAX_FIELDS` parameters.
    """
    if not query:
        return frozenset()
    fields = parse_qsl(query, max_num_fields=MAX_FIELDS, errors="replace")
    return frozenset(value for name, value in fields if name == "name[]")


def restrict(families: Iterable[Metric], names: frozenset[str]) -> Iterator[Metric]:
    """Of *families* those that have one of *names*, and the samples that have; all where no name is given."""
    for family in families:
        if not names or family.name in names:
            yield family
            continue
        if isinstance(family, DenseHistogram):
            # Whoever wants a histogram wants all of it, and that needs no samples.
            shown = {f"{family.name}_{suffix}" for suffix in family.suffixes}
            if shown <= names:
                yield family
                continue
            if shown.isdisjoint(names):
                continue
        part = _part(family, names)
        if part is not None:
            yield part


def _part(family: Metric, names: frozenset[str]) -> Metric | None:
    try:
        part = Metric(family.name, family.documentation, family.type, family.unit)
        part.samples = [sample for sample in family.samples if sample.name in names]
    except Exception:  # The application's collectors may make anything.
        hook_failed(restrict)
        return None
    return part if part.samples else None
