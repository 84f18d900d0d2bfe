"""What a span holds is weighed and cut, whatever it is, and nothing that is said of it raises."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from midwatch.tracing import Span, TracerProvider, Tracing, sequel
from midwatch.tracing.bounds import LONGEST_NAME

BIG = "x" * 1_000_000


@pytest.mark.parametrize(
    "say",
    [
        lambda span: span.set_attribute("v", [BIG]),
        lambda span: span.set_attribute("v", {"a": BIG}),
        lambda span: span.set_attribute("v", [[BIG], {"a": [BIG]}]),
        lambda span: span.add_event("e", {"v": [BIG]}),
        lambda span: span.add_event("e", {"v": {"a": BIG}}),
    ],
)
def test_what_is_kept_is_weighed(span: Span, say: Any) -> None:
    """However deep it lies: a queue is bounded by bytes too."""
    say(span)
    assert span.bulk >= len(BIG)


def test_texts_of_its_own_are_cut(span: Span) -> None:
    """Its name, the names of attributes, what its status says."""
    span.update_name(BIG)
    span.set_attribute(BIG, 1)
    span.set_status(StatusCode.ERROR, BIG)
    assert len(span.name) == LONGEST_NAME
    assert (span.attributes, span.dropped_attributes) == ({}, 1)
    assert len(span.status_description or "") <= 32_768 <= span.bulk


class HostileList(list[int]):
    def __getitem__(self, index: Any) -> Any:
        raise RuntimeError("hostile")


class HostileTruth:
    def __bool__(self) -> bool:
        raise RuntimeError("hostile")


@pytest.mark.parametrize(
    "say",
    [
        lambda span: span.add_link(None),
        lambda span: span.add_event("e", {"a": HostileList([1])}),
        lambda span: span.add_event("e", HostileTruth()),
        lambda span: span.update_name(123),
        lambda span: span.update_name(b"x y"),
    ],
)
def test_nothing_raises(span: Span, exported: list[Span], say: Any) -> None:
    say(span)
    span.end()
    assert exported == [span]
    assert isinstance(span.name, str)


def test_an_exception_put_together_by_hand(span: Span, exported: list[Span]) -> None:
    """It leaves the block as it is, and is recorded as far as it can be."""
    error = SyntaxError("x")
    error.text, error.lineno, error.offset, error.filename = 5, 1, "a", "f"  # type: ignore[assignment]
    with pytest.raises(SyntaxError) as raised, span:
        raise error
    assert raised.value is error
    assert [event.name for event in exported[0].events] == ["exception"]


def test_a_signal_handler_may_make_a_span_while_one_is_made(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the very line that makes what follows the server span."""
    from midwatch.testing import Recorder, ScriptedApp

    spans: list[Span] = []
    tracer = TracerProvider().get_tracer("test")
    make = sequel._make

    def interrupted(span: Span, exchange: Any) -> Span:
        signal.raise_signal(signal.SIGUSR1)
        return make(span, exchange)

    def handler(number: int, frame: Any) -> None:
        monkeypatch.setattr(sequel, "_make", make)
        tracer.start_span("from the handler").end()

    class Late(Recorder):
        def on_finish(self, exchange: Any) -> None:
            tracer.start_span("late").end()

    before = signal.signal(signal.SIGUSR1, handler)
    monkeypatch.setattr(sequel, "_make", interrupted)
    try:
        door.call(door.watch(ScriptedApp(), Tracing(to=[spans.append]), Late()))
    finally:
        signal.signal(signal.SIGUSR1, before)
    names = [span.name for span in spans]
    assert sorted(names) == sorted(["from the handler", "late", "background", "GET"]) or names.count("GET") == 1


def test_trust_of_a_tracing_made_by_hand(door: Any) -> None:
    """One that raises trusts nobody, and costs nothing else."""
    from midwatch.plugin import failures
    from midwatch.testing import Recorder, ScriptedApp

    def trust(exchange: Any) -> bool:
        raise RuntimeError("broken")

    recorder = Recorder()
    headers = [("host", "x"), ("traceparent", f"00-{'a' * 32}-{'b' * 16}-01")]
    answer = door.call(door.watch(ScriptedApp(), Tracing(trust=trust), recorder), headers=headers)
    assert failures.pop(trust.__qualname__) == 1
    assert answer.header("x-request-id") == recorder.exchange.trace_id != "a" * 32
