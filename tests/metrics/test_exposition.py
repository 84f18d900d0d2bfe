"""Which format a client gets (RFC 9110 section 12.5.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.metrics.exposition import OPENMETRICS, TEXT, Format, negotiate

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
