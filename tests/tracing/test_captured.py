"""Headers that the settings ask to have on the server span."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch import ASGIMiddleware, Tracing
from midwatch.testing import ScriptedApp, call_asgi
from midwatch.tracing import Captured, Sampler, Span

RESPONSE = (("content-type", "text/plain"), ("x-tenant", "acme"), ("set-cookie", "sid=secret"))


def served(door: Any, captured: Captured, *headers: tuple[str, str], **options: Any) -> dict[str, Any]:
    spans: list[Span] = []
    tracing = Tracing(to=[spans.append], captured=captured, **options)
    call: dict[str, Any] = {} if door.name == "asgi" else {"validate": False}
    app = door.watch(ScriptedApp(headers=RESPONSE), tracing)
    assert door.call(app, headers=[("host", "h"), *headers], **call).status == 200
    return {
        name: value
        for span in spans
        for name, value in span.attributes.items()
        if name.startswith(("http.request.header", "http.response.header"))
    }


def test_none_unless_asked_for(door: Any) -> None:
    assert served(door, Captured(), ("x-tenant", "acme")) == {}
    assert not Captured()
    assert not Captured(sanitize=["x"])


def test_those_that_were_asked_for(door: Any) -> None:
    """Names in lower case with their dashes, values as lists; what is not there is left out."""
    captured = Captured(["X-Tenant", "x-missing", "Content-Type"], ["Content-Type", "x-missing"])
    assert served(door, captured, ("X-TENANT", "acme"), ("content-type", "a/b"), ("x-other", "1")) == {
        "http.request.header.x-tenant": ["acme"],
        "http.request.header.content-type": ["a/b"],
        "http.response.header.content-type": ["text/plain"],
    }


def test_several_lines_are_one_value(door: Any) -> None:
    """As WSGI has it in any case (RFC 9110 section 5.3)."""
    (value,) = served(door, Captured(["x-tenant"]), ("x-tenant", "a"), ("x-tenant", "b")).values()
    assert [part.strip() for part in value[0].split(",")] == ["a", "b"]


@pytest.mark.parametrize(
    "name",
    ["authorization", "Proxy-Authorization", "cookie", "set-cookie", "x-auth-token", "x-csrf-token", "api-key",
     "x-api-key", "apikey", "X-API_KEY", "x-client-secret", "x-session-id", "x-password", "x-amz-credential"],
)  # fmt: skip
def test_secrets_by_their_names(door: Any, name: str) -> None:
    """That there was one may be told, not which."""
    if "_" in name and door.name == "wsgi":
        pytest.skip("WSGI servers drop such names")
    assert served(door, Captured([name]), (name, "hunter2")) == {f"http.request.header.{name.lower()}": ["[REDACTED]"]}


def test_secrets_of_the_response(door: Any) -> None:
    assert served(door, Captured([], ["set-cookie", "x-tenant"], ["TENANT"])) == {
        "http.response.header.set-cookie": ["[REDACTED]"],
        "http.response.header.x-tenant": ["[REDACTED]"],
    }


@pytest.mark.parametrize(
    ("pattern", "hidden"),
    [("x-tenant", True), ("tenant", True), ("X-.*", True), ("^tenant", False), ("x-ten$", False), ("x-other", False)],
)
def test_further_secrets(door: Any, pattern: str, hidden: bool) -> None:
    """An expression is looked for anywhere in the name, whatever its case: rather too much than too little."""
    (value,) = served(door, Captured(["x-tenant"], sanitize=[pattern]), ("x-tenant", "acme")).values()
    assert value == ["[REDACTED]" if hidden else "acme"]


def test_what_strangers_write_is_cut(door: Any) -> None:
    (value,) = served(door, Captured(["x-tenant"]), ("x-tenant", "a" * 100_000)).values()
    assert value == ["a" * 1024]


def test_an_empty_value(door: Any) -> None:
    assert served(door, Captured(["x-tenant"]), ("x-tenant", "")) == {"http.request.header.x-tenant": [""]}


def test_not_of_what_is_not_kept(door: Any) -> None:
    assert served(door, Captured(["host"]), sampler=Sampler(ratio=0)) == {}


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=50))
def test_any_value(value: str) -> None:
    """It is shown as it came."""
    spans: list[Span] = []
    app = ASGIMiddleware(ScriptedApp().asgi, Tracing(to=[spans.append], captured=Captured(["x-tenant"])))
    call_asgi(app, headers=[("x-tenant", value)])
    assert spans[0].attributes["http.request.header.x-tenant"] == [value]


def test_what_is_no_expression() -> None:
    with pytest.raises(Exception, match="unterminated"):
        Captured(["a"], sanitize=["["])
