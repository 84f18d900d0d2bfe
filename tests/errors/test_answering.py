"""Frameworks answer as we would, unless the application has an answer of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import flask
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route

import midwatch
from midwatch import ASGIMiddleware, ErrorReport, Tracing, WSGIMiddleware
from midwatch.testing import Answer, call_asgi, call_wsgi

SETTINGS: dict[str, Any] = {"log": False, "errors": {"respond": "problem+json"}}

THEIRS: dict[str, Any] = {"log": False}

ASKED = [("host", "x"), ("x-request-id", "abc-1")]

Served = Callable[..., Answer]


async def starlette_bug(request: Any) -> None:
    raise ValueError("swordfish")


def starlette(settings: Any, **options: Any) -> Served:
    app = Starlette(routes=[Route("/bug", starlette_bug, methods=["GET", "POST"])], **options)
    return lambda **call: call_asgi(midwatch.install(app, settings), path="/bug", **call)


def fastapi(settings: Any, **options: Any) -> Served:
    app = FastAPI(**options)

    @app.get("/bug")
    @app.head("/bug")
    def bug() -> str:
        raise ValueError("swordfish")

    return lambda **call: call_asgi(midwatch.install(app, settings), path="/bug", **call)


def flask_app() -> flask.Flask:
    app = flask.Flask("shop")

    @app.get("/bug")
    def bug() -> str:
        raise ValueError("swordfish")

    @app.get("/aborts")
    def aborts() -> str:
        flask.abort(500)

    return app


def of_flask(settings: Any) -> Served:
    app = midwatch.install(flask_app(), settings)
    return lambda **call: call_wsgi(app, path="/bug", **call)


@pytest.fixture(params=["starlette", "fastapi", "flask", "django asgi", "django wsgi"])
def serve(request: pytest.FixtureRequest) -> Callable[[Any], Served]:
    """An application of a framework, installed with some settings, that raises."""
    kind: str = request.param
    if kind.startswith("django"):
        handlers = request.getfixturevalue("django")
        call = call_asgi if kind == "django asgi" else call_wsgi

        def served(settings: Any) -> Served:
            app = midwatch.install(handlers[kind[7:]](), settings)
            return lambda **options: call(app, path="/bug", **options)

        return served
    return {"starlette": starlette, "fastapi": fastapi, "flask": of_flask}[kind]


def told(answer: Answer) -> Any:
    assert (answer.status, answer.header("content-type")) == (500, "application/problem+json")
    return json.loads(answer.body)


def test_the_500_is_a_problem(serve: Any, lines: Any) -> None:
    """Of each framework: the ids and no detail, in the form that the client prefers; reported once."""
    served = serve(SETTINGS)
    problem = served(headers=ASKED)
    members = told(problem)
    assert members == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "request_id": "abc-1",
        "trace_id": lines.one["trace_id"],
    }
    page = served(headers=[*ASKED, ("accept", "text/html,*/*;q=0.1")])
    text = served(headers=[*ASKED, ("accept", "text/plain")])
    assert b"<code>abc-1</code>" in page.body
    assert text.body == b"Internal Server Error\nrequest abc-1\n"
    for answer in (problem, page, text):
        assert answer.status == 500
        assert answer.header("x-request-id") == "abc-1"
        assert "Accept" in (answer.header("vary") or "")
        assert answer.header("cache-control") == "no-store"
        assert b"swordfish" not in answer.body
    assert len(lines.all) == 3


def test_head(serve: Any) -> None:
    """As long as the answer to GET, and without its body."""
    served = serve(SETTINGS)
    head, whole = served(method="HEAD", headers=ASKED), served(headers=ASKED)
    assert (head.status, head.body) == (500, b"")
    assert head.header("content-length") == str(len(whole.body))


def test_by_default_the_answer_is_the_framework_s(serve: Any, lines: Any) -> None:
    """Its own page, with the request id in the header."""
    answer = serve(THEIRS)(headers=ASKED)
    assert (answer.status, answer.header("x-request-id")) == (500, "abc-1")
    assert "json" not in (answer.header("content-type") or "")
    assert lines.one["exception.message"] == "swordfish"


async def ours(request: Any, error: Exception) -> PlainTextResponse:
    return PlainTextResponse("ours", 500)


@pytest.mark.parametrize("key", [500, Exception])
@pytest.mark.parametrize("kind", [Starlette, FastAPI])
def test_a_handler_of_a_starlette_application_wins(kind: Any, key: Any) -> None:
    """Registered before us or after, by either name."""
    routes = [Route("/bug", starlette_bug)]
    before = midwatch.install(kind(routes=routes, exception_handlers={key: ours}), SETTINGS)
    after = midwatch.install(kind(routes=routes), SETTINGS)
    after.add_exception_handler(key, ours)
    assert [call_asgi(app, path="/bug").body for app in (before, after)] == [b"ours", b"ours"]


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
def test_debug_mode_of_starlette_stays(kind: Any) -> None:
    """Developers see the traceback."""
    app = midwatch.install(kind(routes=[Route("/bug", starlette_bug)], debug=True), SETTINGS)
    assert b"swordfish" in call_asgi(app, path="/bug").body


def test_applications_that_are_mounted_answer_alike() -> None:
    """Mounted before us, or before the first request."""
    inner: list[BaseRoute] = [Route("/bug", starlette_bug)]
    app = Starlette(routes=[Mount("/one", FastAPI(routes=inner))])
    midwatch.install(app, SETTINGS)
    app.mount("/two", Starlette(routes=inner))
    for path in ("/one/bug", "/two/bug"):
        assert told(call_asgi(app, path=path, headers=ASKED))["request_id"] == "abc-1"


def test_without_install() -> None:
    """A door that is put around an application by hand does the same."""
    report = ErrorReport(respond="problem+json")
    asgi = ASGIMiddleware(Starlette(routes=[Route("/bug", starlette_bug)]), Tracing(), report)
    app = flask_app()
    wsgi = WSGIMiddleware(app.wsgi_app, Tracing(), report)
    assert told(call_asgi(asgi, path="/bug", headers=ASKED))["request_id"] == "abc-1"
    assert told(call_wsgi(wsgi, path="/bug", headers=ASKED))["request_id"] == "abc-1"


def test_answers_that_the_application_chose_stay(door: Any) -> None:
    """abort(500), HTTPException(503): the framework's, as they are."""
    from starlette.exceptions import HTTPException

    async def busy(request: Any) -> None:
        raise HTTPException(503, "busy")

    app = midwatch.install(Starlette(routes=[Route("/busy", busy)]), SETTINGS)
    assert call_asgi(app, path="/busy").body == b"busy"
    aborted = call_wsgi(midwatch.install(flask_app(), SETTINGS), path="/aborts")
    assert (aborted.status, aborted.header("content-type")) == (500, "text/html; charset=utf-8")


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("what", [500, "HTTPException", Exception])
def test_a_handler_of_a_flask_application_wins(late: bool, what: Any, lines: Any) -> None:
    """Registered before us or after, by code or by class."""
    from werkzeug.exceptions import HTTPException

    app = flask_app()
    if late:
        midwatch.install(app, SETTINGS)
    app.register_error_handler(HTTPException if what == "HTTPException" else what, lambda error: ("ours", 500))
    answer = call_wsgi(midwatch.install(app, SETTINGS), path="/bug")
    assert (answer.status, answer.body) == (500, b"ours")


def test_a_handler_of_a_blueprint_wins() -> None:
    """Even one for all HTTP errors, which Flask would ask after a handler of the application for 500."""
    from werkzeug.exceptions import HTTPException

    app, blueprint = flask.Flask("shop"), flask.Blueprint("orders", "orders")
    blueprint.register_error_handler(HTTPException, lambda error: ("ours", 500))
    blueprint.add_url_rule("/bug", view_func=lambda: str(int("seven")))
    midwatch.install(app, SETTINGS)
    app.register_blueprint(blueprint)
    assert call_wsgi(app, path="/bug").body == b"ours"


def test_what_flask_does_after_each_request_is_done() -> None:
    """after_request sees the problem as it would have seen the page."""
    app = flask_app()
    app.after_request(lambda response: (response.headers.set("x-after", "yes"), response)[1])
    answer = call_wsgi(midwatch.install(app, SETTINGS), path="/bug")
    assert (answer.status, answer.header("x-after")) == (500, "yes")


def test_debug_and_test_modes_of_flask_stay() -> None:
    """The exception goes to the debugger, or to the test."""
    app = midwatch.install(flask_app(), SETTINGS)
    app.debug = True
    answer = call_wsgi(app, path="/bug")
    assert (answer.status, type(answer.error)) == (None, ValueError)


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_a_handler_of_a_django_application_wins(kind: str, django: Any) -> None:
    """handler500 of the urlconf."""
    from django.http import HttpResponse

    django["urls"].handler500 = lambda request: HttpResponse("ours", status=500)
    call: Any = call_asgi if kind == "asgi" else call_wsgi
    assert call(midwatch.install(django[kind](), SETTINGS), path="/bug").body == b"ours"


def page(text: str) -> list[dict[str, Any]]:
    loaders = [("django.template.loaders.locmem.Loader", {"500.html": text})]
    return [{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": loaders}}]


def test_the_page_of_a_django_application_wins(django: Any) -> None:
    """Its template 500.html, for who prefers a page; unless that is broken."""
    from django.test.utils import override_settings

    app = midwatch.install(django["wsgi"](), SETTINGS)
    html = [*ASKED, ("accept", "text/html")]
    with override_settings(TEMPLATES=page("<p>ours</p>")):
        assert call_wsgi(app, path="/bug", headers=html).body == b"<p>ours</p>"
        assert told(call_wsgi(app, path="/bug", headers=ASKED))["request_id"] == "abc-1"
    with override_settings(TEMPLATES=page("{% nonsense %}")):
        assert b"<code>abc-1</code>" in call_wsgi(app, path="/bug", headers=html).body


def test_debug_mode_of_django_stays(django: Any) -> None:
    """Developers see the traceback."""
    from django.test.utils import override_settings

    app = midwatch.install(django["wsgi"](), SETTINGS)
    with override_settings(DEBUG=True):
        assert b"swordfish" in call_wsgi(app, path="/bug", headers=ASKED).body


def test_another_application_of_the_process_keeps_its_answer(django: Any) -> None:
    """Django has one default for all of a process; who did not ask for problems gets none."""
    asked, other = midwatch.install(django["wsgi"](), SETTINGS), midwatch.install(django["wsgi"](), THEIRS)
    assert told(call_wsgi(asked, path="/bug", headers=ASKED))
    assert call_wsgi(other, path="/bug").header("content-type") == "text/html; charset=utf-8"
