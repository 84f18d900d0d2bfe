"""What the page says of a family is what prometheus_client would say, to the byte."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import generate_latest as theirs_in_text
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.utils import floatToGoString

from midwatch.metrics.dense import DenseHistogram, Row
from midwatch.metrics.exposition import OPENMETRICS, TEXT
from midwatch.metrics.writing import PIECE

write_text, write_openmetrics = TEXT.write, OPENMETRICS.write
theirs_in_openmetrics: Any = openmetrics.generate_latest
parse_openmetrics: Any = parser.text_string_to_metric_families

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['"', "\\", "\n", '\\"\n', "\\n", "", "{}", " "]
)
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,6}", fullmatch=True).filter(lambda name: name != "le")
numbers = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-5, 2_000_000) | st.sampled_from([0.0, -0.0])
counts = st.integers(0, 3_000_000) | st.integers(0, 3_000_000).map(float) | st.just(0)
exemplars = st.none() | st.builds(
    Exemplar, st.dictionaries(names, texts, max_size=2), st.floats(), st.none() | st.floats(0, 2e9)
)


@st.composite
def histograms(draw: Any) -> tuple[DenseHistogram, HistogramMetricFamily]:
    """Ours and theirs of the same figures."""
    labels = draw(st.lists(names, max_size=4, unique=True))
    bounds = sorted(draw(st.lists(st.floats(-10, 1e9), min_size=1, max_size=4, unique=True)))
    named = [*map(floatToGoString, bounds), "+Inf"]
    told = draw(texts), draw(names)
    unit = draw(st.sampled_from(["", "seconds"]))
    rows: list[Row] = []
    ours = DenseHistogram(told[1], told[0], named, labels, unit, rows)
    theirs = HistogramMetricFamily(told[1], told[0], labels=labels, unit=unit)
    for _ in range(draw(st.integers(0, 3))):
        values = [draw(texts) for _ in labels]
        counted = [draw(counts) for _ in named]
        shown = [draw(exemplars) for _ in named] if draw(st.booleans()) else []
        total = draw(numbers)
        rows.append(Row(values, counted, total, shown))
        buckets: list[Any] = list(zip(named, accumulate(counted), *([shown] if shown else []), strict=True))
        theirs.add_metric(values, buckets, total)
    return ours, theirs


def registry_of(*families: Metric) -> Any:
    class Registry:
        def collect(self) -> tuple[Metric, ...]:
            return families

    return Registry()


@given(st.lists(histograms(), max_size=3))
def test_histograms_of_ours_are_written_as_theirs(pairs: Any) -> None:
    """In both formats, whatever labels, values, exemplars and help hold."""
    ours, theirs = [pair[0] for pair in pairs], registry_of(*[pair[1] for pair in pairs])
    assert write_text(ours) == theirs_in_text(theirs)
    assert write_openmetrics(ours) == theirs_in_openmetrics(theirs)


@given(histograms())
def test_the_samples_of_ours_are_theirs(pair: Any) -> None:
    """Other registries and exporters see an ordinary histogram."""
    ours, theirs = pair
    assert repr(ours.samples) == repr(theirs.samples)
    assert (ours.name, ours.unit, ours.type) == (theirs.name, theirs.unit, theirs.type)
    assert theirs_in_text(registry_of(ours)) == theirs_in_text(registry_of(theirs))


@settings(max_examples=20)
@given(st.integers(0, 3 * PIECE) | st.sampled_from([PIECE - 1, PIECE, PIECE + 1, 2 * PIECE]))
def test_pieces_leave_no_seam(number: int) -> None:
    """However many rows there are."""
    rows = [Row((str(row),), (row, 1), 2.5) for row in range(number)]
    ours = DenseHistogram("x", "x", ("1.0", "+Inf"), ("a",), rows=rows)
    theirs = HistogramMetricFamily("x", "x", labels=("a",))
    for row in range(number):
        theirs.add_metric((str(row),), [("1.0", row), ("+Inf", row + 1)], 2.5)
    assert write_text([ours]) == theirs_in_text(registry_of(theirs))


def mixed() -> list[Metric]:
    """One family of each kind, and names that have to be escaped."""
    counter = CounterMetricFamily("jobs", 'Said "so"\\.\n', labels=("kind",))
    counter.add_metric(('a"\\\n',), 3, created=1e9, exemplar=Exemplar({"trace_id": "ab"}, 1.0))
    summary = SummaryMetricFamily("size", "Sizes.", count_value=3, sum_value=4.5, unit="bytes")
    row = Row(("eu", "shop"), [2, 1], 0.75, [Exemplar({"trace_id": "ab"}, 0.05, 1.5), None])
    dense = DenseHistogram("took", "Took.", ("0.1", "+Inf"), ("zone", "app"), "seconds", [row])
    odd = DenseHistogram("took.odd", "Odd.", ("0.1", "+Inf"), ("a.b",), rows=[Row(("x",), [2, 1], 0.75)])
    return [counter, GaugeMetricFamily("level", "Level.", 2), summary, InfoMetricFamily("build", "B.", {"v": "1"}),
            dense, odd]  # fmt: skip


def test_every_other_family_is_theirs_to_write() -> None:
    """Counters with their creation, summaries, infos, and names that only some formats can carry."""
    assert write_text(mixed()) == theirs_in_text(registry_of(*mixed()))
    assert write_openmetrics(mixed()) == theirs_in_openmetrics(registry_of(*mixed()))


def test_an_empty_page_is_one() -> None:
    """Nothing in text, the end in OpenMetrics."""
    assert (write_text([]), write_openmetrics([])) == (b"", b"# EOF\n")


@pytest.mark.parametrize(("write", "parse"), [(write_text, parse_text), (write_openmetrics, parse_openmetrics)])
def test_the_parsers_read_what_is_written(write: Any, parse: Any) -> None:
    """Both of prometheus_client."""
    families = {family.name: family for family in parse(write(mixed()).decode())}
    assert families["took_seconds"].samples[0].value == 2
    assert families["took_seconds"].samples[0].labels == {"zone": "eu", "app": "shop", "le": "0.1"}


@given(histograms())
def test_the_openmetrics_parser_reads_our_exemplars(pair: Any) -> None:
    """Where figures are ones that a histogram can have."""
    ours, _ = pair
    ours.name, ours.unit, ours.bounds = "x", "", ("0.1", "+Inf")
    rows = ours.rows = [
        Row(row.labels, (1, 2), 0.5, (Exemplar({"trace_id": "ab"}, 0.01, 3.5), None))
        for row in {tuple(row.labels): row for row in ours.rows}.values()
    ]
    (family,) = parse_openmetrics(write_openmetrics([ours]).decode())
    shown = [sample.exemplar for sample in family.samples if sample.exemplar]
    assert [exemplar.labels for exemplar in shown] == [{"trace_id": "ab"}] * len(rows)


def test_a_registry_of_others_can_hold_ours() -> None:
    """`registry.register(metrics.collector)`, and a question for one value."""
    registry = CollectorRegistry()
    dense = DenseHistogram("took", "Took.", ("0.1", "+Inf"), ("zone",), "seconds", [Row(("eu",), [2, 1], 0.75)])
    registry.register(registry_of(dense))
    assert registry.get_sample_value("took_seconds_count", {"zone": "eu"}) == 3
    assert registry.get_sample_value("took_seconds_bucket", {"zone": "eu", "le": "0.1"}) == 2
