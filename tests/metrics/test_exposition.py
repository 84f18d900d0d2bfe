"""Which format a client gets, how much of it, and whether compressed (RFC 9110 sections 12.5.1 and 12.5.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from midwatch.metrics.dense import DenseHistogram, Row
from midwatch.metrics.exposition import OPENMETRICS, TEXT, Format, accepts_gzip, names_of, negotiate, restrict

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;"
    "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, TEXT),
        ("", TEXT),
        ("*/*", TEXT),
        ("application/*", TEXT),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", TEXT),
        (PROMETHEUS_3, OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("Application/OpenMetrics-Text ; Version=1.0.0 ; charset=utf-8", OPENMETRICS),
        ('application/openmetrics-text; version="0.0.1"', OPENMETRICS),
        ("application/openmetrics-text; version=2.0.0", TEXT),
        ("application/openmetrics-text; version=99.0.0", TEXT),
        ("application/openmetrics-text; version=2.0.0, application/openmetrics-text; version=1.0.0", OPENMETRICS),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=0, text/plain;q=0", TEXT),
        ("application/openmetrics-text;q=0.3, text/plain;q=0.4", TEXT),
        ("application/openmetrics-text;q=0.4, text/plain;q=0.3", OPENMETRICS),
        ("application/openmetrics-text;q=0.4, text/plain;q=0.4", OPENMETRICS),
        ("application/openmetrics-text;q=0.4, text/plain;version=1.0.0;q=0.9", OPENMETRICS),
        ("application/openmetrics-text;q=0.5, */*;q=0.8", TEXT),
        ("application/openmetrics-text;q=0.5, */*;q=0.8, text/plain;q=0.1", OPENMETRICS),
        ("application/openmetrics-text;q=0.5, text/*;q=0.6, */*;q=0.1", TEXT),
        ("application/openmetrics-text;q=nan", TEXT),
        ("application/openmetrics-text;q=inf", TEXT),
        ("application/openmetrics-text;q=-1", TEXT),
        ("application/openmetrics-text;q=", TEXT),
        ("application/openmetrics-text;q=7, text/plain;q=1", OPENMETRICS),
        ("application/openmetrics-textual", TEXT),
        ("text/plain," * 100_000 + "application/openmetrics-text", TEXT),
    ],
)
def test_the_format_is_what_the_client_wants_most(accept: str | None, expected: Format) -> None:
    """OpenMetrics where it is named, in a version that exists, and not wanted less than text."""
    assert negotiate(accept) is expected


@given(
    st.one_of(st.text(), st.from_regex(r"(application/openmetrics-text|text/plain|\*/\*)(;\s*(q|version)=.*)*(,.*)?"))
)
def test_any_accept_gets_a_format(accept: str) -> None:
    """No header is an error, and there is no third format."""
    assert negotiate(accept) in {TEXT, OPENMETRICS}


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZip", True),
        ("x-gzip", True),
        ("gzip, deflate, br", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0.001", True),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("br, *;q=0.1", True),
        ("identity", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("identity;q=0.5, gzip;q=0.5", True),
        ("identity;q=0, gzip;q=0", False),
        ("deflate", False),
        ("gzip;q=nan", False),
        ("gzipped", False),
        ("br," * 100_000 + "gzip", False),
    ],
)
def test_gzip_is_for_who_accepts_it(accept_encoding: str | None, expected: bool) -> None:
    """And wants it no less than no coding at all."""
    assert accepts_gzip(accept_encoding) is expected


@given(st.one_of(st.text(), st.from_regex(r"(gzip|\*|identity)(;\s*q=.*)*(,.*)?")))
def test_any_accept_encoding_is_an_answer(accept_encoding: str) -> None:
    """No header is an error."""
    assert accepts_gzip(accept_encoding) in {True, False}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", set()),
        ("name[]=a", {"a"}),
        ("name[]=a&name[]=b_total&name[]=a", {"a", "b_total"}),
        ("name%5B%5D=a", {"a"}),
        ("name[]=", set()),
        ("name[]", set()),
        ("name=a&names[]=b&x=name[]", set()),
        ("name[]=%ff%00", {"\ufffd\0"}),
        ("&&&=&name[]=a+b", {"a b"}),
    ],
)
def test_names_are_repeated_parameters(query: str, expected: set[str]) -> None:
    """As prometheus_client has it; all others mean nothing."""
    assert names_of(query) == expected


@given(st.text())
def test_any_query_of_a_sane_length_is_one(query: str) -> None:
    """Whatever its escapes hold."""
    assert isinstance(names_of(query), frozenset)


def test_an_endless_query_is_refused() -> None:
    """Nobody asks for more than a thousand names."""
    with pytest.raises(ValueError, match="fields"):
        names_of("name[]=a&" * 1001)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("jobs", "Jobs.", ["kind"], registry=registry).labels("a").inc()
    Gauge("level", "Level.", registry=registry).set(2)
    Histogram("took", "Took.", unit="seconds", registry=registry).observe(0.1)
    return registry


NAMES = ["jobs_total", "jobs_created", "level", "took_seconds_bucket", "took_seconds_count", "took_seconds_sum",
         "took_seconds_created", "nothing"]  # fmt: skip


@given(st.sets(st.sampled_from(NAMES), min_size=1))
def test_a_part_of_the_page_is_what_prometheus_client_would_show(names: set[str]) -> None:
    """Samples by their full name."""
    registry = _registry()
    ours = TEXT.write(restrict(list(registry.collect()), frozenset(names)))
    theirs = generate_latest(registry.restricted_registry(list(names)))
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines())  # Their order is that of a set.


def test_a_family_is_all_its_samples() -> None:
    """prometheus_client knows samples only; whoever reads TYPE, or our own names, asks for families."""
    registry = _registry()
    dense = DenseHistogram("slow", "Slow.", ("0.1", "+Inf"), (), "seconds", [Row((), (1, 2), 0.5)])
    families = [*registry.collect(), dense]
    shown = {family.name: family for family in restrict(families, frozenset({"jobs", "took_seconds", "slow_seconds"}))}
    assert set(shown) == {"jobs", "took_seconds", "slow_seconds"}
    assert {sample.name for sample in shown["jobs"].samples} == {"jobs_total", "jobs_created"}
    assert shown["slow_seconds"] is dense


def test_families_that_are_no_families_are_left_out() -> None:
    """Of a part of the page as well."""
    broken = Gauge("level", "Level.", registry=None)
    (family,) = broken.collect()
    family.samples = None  # type: ignore[assignment]
    assert not list(restrict([family], frozenset({"other"})))


@given(st.sets(st.sampled_from(NAMES)))
def test_a_part_of_a_histogram_of_ours_is_the_same(names: set[str]) -> None:
    """Whether it is written from rows or from samples."""
    dense = DenseHistogram("took", "Took.", ("0.1", "+Inf"), (), "seconds", [Row((), (1, 2), 0.5)])
    (family,) = _registry_of_one(dense).collect()
    ours = TEXT.write(restrict([dense], frozenset(names)))
    plain = [sample for sample in family.samples if not names or sample.name in names]
    lines = [line for line in ours.decode().splitlines() if not line.startswith("#")]
    assert len(lines) == len(plain)
    assert all(line.startswith(sample.name) for line, sample in zip(lines, plain, strict=True))


def _registry_of_one(dense: DenseHistogram) -> CollectorRegistry:
    class One:
        def collect(self) -> list[DenseHistogram]:
            return [dense]

    registry = CollectorRegistry()
    registry.register(One())
    return registry
