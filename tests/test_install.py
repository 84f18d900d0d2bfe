"""install(): what it finds, what it leaves alone, and what the frameworks tell."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any, cast

import flask
import flask_login
import pytest
from asgiref.testing import ApplicationCommunicator
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import midwatch
from midwatch import ASGIMiddleware, Outcome, WSGIMiddleware
from midwatch.testing import Recorder, ScriptedApp, call_asgi, call_wsgi


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def settings(recorder: Recorder) -> dict[str, Any]:
    return {"log": {"to": ["stderr"], "root": False}, "plugins": [recorder]}


# Which kind of application


async def coroutine(scope: Any, receive: Any, send: Any) -> None:
    await ScriptedApp().asgi(scope, receive, send)


def returns_coroutine(scope: Any, receive: Any, send: Any) -> Any:
    return coroutine(scope, receive, send)


def wsgi(environ: Any, start_response: Any) -> Any:
    return ScriptedApp().wsgi(environ, start_response)


class ASGIObject:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await coroutine(scope, receive, send)


class WSGIObject:
    def __call__(self, environ: Any, start_response: Any) -> Any:
        return wsgi(environ, start_response)


class WSGIClass:
    """PEP 3333: a class may be the application, its instances the bodies."""

    def __init__(self, environ: Any, start_response: Any) -> None:
        self.body = wsgi(environ, start_response)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.body)


def with_option(option: int, environ: Any, start_response: Any) -> Any:
    return wsgi(environ, start_response)


APPS = [coroutine, returns_coroutine, ASGIObject(), functools.partial(coroutine)]


@pytest.mark.parametrize("app", APPS, ids=range(4))
def test_any_asgi_callable(app: Any, settings: Any) -> None:
    """Told apart without calling it."""
    watched = midwatch.install(app, settings)

    assert isinstance(watched, ASGIMiddleware)
    assert call_asgi(watched).body == b"hello"


@pytest.mark.parametrize("app", [wsgi, WSGIObject(), WSGIClass, functools.partial(with_option, 1)], ids=range(4))
def test_any_wsgi_callable(app: Any, settings: Any) -> None:
    """Told apart without calling it."""
    watched = midwatch.install(app, settings)

    assert isinstance(watched, WSGIMiddleware)
    assert call_wsgi(watched).body == b"hello"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param(None, "None is no application", id="None"),
        pytest.param("app", "'app' is no application", id="text"),
        pytest.param(lambda: None, r"it takes \(\)", id="no arguments"),
        pytest.param(lambda request: None, r"it takes \(request\)", id="one argument"),
        pytest.param(print, "neither ASGI nor WSGI", id="builtin"),
        pytest.param(dict, "neither ASGI nor WSGI", id="class"),
    ],
)
def test_what_is_no_application(wrong: Any, said: str) -> None:
    """A TypeError that says what was seen."""
    with pytest.raises(TypeError, match=said):
        midwatch.install(wrong)


def test_wrong_settings_stop_the_start() -> None:
    """Path, reason and the nearest right key."""
    with pytest.raises(midwatch.SettingsError, match=r'(?s)log\.feilds.*"fields"'):
        midwatch.install(FastAPI(), {"log": {"feilds": "otel"}})


@pytest.mark.parametrize("make", [FastAPI, Starlette, lambda: flask.Flask("app"), lambda: coroutine, lambda: wsgi])
def test_twice_is_once(make: Callable[[], Any], settings: Any, recorder: Recorder) -> None:
    """The second call changes nothing, whatever its settings."""
    app = midwatch.install(make(), settings)

    again = midwatch.install(app, {"health": False})

    assert again is app
    call = call_wsgi if isinstance(app, flask.Flask | WSGIMiddleware) else call_asgi
    assert call(app, path="/health").status == 200
    assert len(recorder.exchanges) == 1


def test_no_settings_are_fine(capfd: pytest.CaptureFixture[str]) -> None:
    """All six on: ids, lines on stdout, metrics, health."""
    app = midwatch.install(FastAPI())

    answer = call_asgi(app, path="/health/ready", peer=("127.0.0.1", 1))
    midwatch.flush()

    assert answer.status == 200
    assert answer.header("x-request-id")
    assert '"http.route"' not in capfd.readouterr().out, "probes that pass are quiet"
    call_asgi(app, path="/nowhere")
    midwatch.flush()
    assert '"url.path":"/nowhere"' in capfd.readouterr().out
    assert b"http_server_request_duration_seconds" in call_asgi(app, path="/metrics").body


def test_each_of_the_six_can_be_off() -> None:
    """False is off."""
    names = ("trace", "log", "errors", "metrics", "audit", "health")
    app = midwatch.install(coroutine, dict.fromkeys(names, False) | {"plugins": [Recorder()]})

    assert [type(plugin) for plugin in app.moments.plugins] == [Recorder]  # type: ignore[attr-defined]
    assert call_asgi(app, path="/health").body == b"hello"


# Starlette and FastAPI


def routes_seen(app: Any, recorder: Recorder, *paths: str, method: str = "GET") -> list[str | None]:
    for path in paths:
        call_asgi(app, method, path)
    return [exchange.route for exchange in recorder.exchanges]


def test_fastapi_routes(settings: Any, recorder: Recorder, tmp_path: Any) -> None:
    """Full templates: routers with prefixes, mounts with parameters, mounted applications, files; else None."""
    deep = FastAPI()
    deep.get("/deep/{key}")(lambda key: key)
    router = APIRouter(prefix="/v1")
    router.get("/orders/{order_id}")(lambda order_id: order_id)
    app = FastAPI()
    app.get("/items/{item_id:path}")(lambda item_id: item_id)
    app.include_router(router, prefix="/api")
    app.mount("/tenants/{tenant}", deep)
    app.mount("/fixed", deep)
    app.mount("/static", StaticFiles(directory=tmp_path))

    assert midwatch.install(app, settings) is app
    paths = ["/items/1/2", "/api/v1/orders/7", "/tenants/42/deep/x", "/fixed/deep/x", "/fixed/deep/x", "/static/a.css"]
    seen = routes_seen(app, recorder, *paths, "/nowhere", "/tenants/42/nowhere")

    assert seen == [
        "/items/{item_id}",
        "/api/v1/orders/{order_id}",
        "/tenants/{tenant}/deep/{key}",
        "/fixed/deep/{key}",
        "/fixed/deep/{key}",
        "/static/{path}",
        None,
        "/tenants/{tenant}/{path}",
    ]


def test_starlette_routes(settings: Any, recorder: Recorder) -> None:
    """Nested mounts, methods that do not fit, redirects."""

    async def ok(request: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    inner = Mount("/b/{two}", routes=[Route("/{three:int}", ok)])
    app = Starlette(routes=[Mount("/a/{one}", routes=[inner]), Route("/plain/", ok)])

    midwatch.install(app, settings)
    assert routes_seen(app, recorder, "/a/1/b/2/3", "/plain/", "/plain") == [
        "/a/{one}/b/{two}/{three}",
        "/plain/",
        None,
    ]
    assert routes_seen(app, recorder, "/plain/", method="DELETE")[-1] == "/plain/"


def test_mount_that_cannot_be_found_is_one_value() -> None:
    """A prefix that no mount explains must not become a label."""
    from midwatch.frameworks.starlette import SOMEWHERE
    from midwatch.frameworks.starlette import Starlette as Told

    scope = {"route": Route("/x", lambda request: None), "app_root_path": "", "root_path": "/random"}

    assert Told().route(scope) == SOMEWHERE + "/x"
    assert Told().route({"route": object()}) is None


def test_the_500_of_fastapi_carries_the_request_id(settings: Any, recorder: Recorder) -> None:
    """Outside of the error middleware: its answer is seen, and its exception too, once."""
    app = FastAPI()

    @app.get("/bug")
    def bug() -> None:
        raise ValueError("bug")

    @app.exception_handler(Exception)
    def handler(request: Any, error: Exception) -> PlainTextResponse:
        current = midwatch.current()
        assert current is not None
        return PlainTextResponse(f"see {current.request_id}", 500)

    midwatch.install(app, settings)
    answer = call_asgi(app, path="/bug", headers=[("x-request-id", "abc-1")])

    assert (answer.status, answer.body, answer.header("x-request-id")) == (500, b"see abc-1", "abc-1")
    assert recorder.moments.count("on_error") == 1
    assert isinstance(answer.error, ValueError)


def test_the_app_stays_what_it_is(settings: Any) -> None:
    """Same object, same class to the eye; routes and middleware can still be added."""

    class Shop(FastAPI):
        """A shop."""

    app = Shop(title="shop")
    midwatch.install(app, settings)
    app.get("/late")(lambda: "late")
    app.add_middleware(AuthenticationMiddleware, backend=Anyone())

    assert isinstance(app, Shop)
    assert (type(app).__name__, type(app).__doc__, type(app).__module__) == ("Shop", "A shop.", __name__)
    assert call_asgi(app, path="/late").body == b'"late"'


class Anyone(AuthenticationBackend):
    """Believes whoever says a name."""

    async def authenticate(self, conn: Any) -> Any:
        name = conn.headers.get("x-user")
        return (AuthCredentials(), SimpleUser(name)) if name else None


def test_the_user_of_starlette(settings: Any, recorder: Recorder) -> None:
    """scope["user"] if it is authenticated; never a header by itself."""
    app = Starlette(middleware=[Middleware(AuthenticationMiddleware, backend=Anyone())])
    midwatch.install(app, settings)

    call_asgi(app, headers=[("x-user", "eve")])
    call_asgi(app, headers=[("authorization", "Bearer eve")])

    assert [exchange.actor for exchange in recorder.exchanges] == [midwatch.Actor("eve", name="eve"), None]


def test_lifespan_of_an_installed_app(settings: Any, recorder: Recorder) -> None:
    """The application's own lifespan runs, and starts and stops the plugins."""
    app = midwatch.install(FastAPI(), settings)

    async def client() -> None:
        communicator: Any = cast("Any", ApplicationCommunicator)(app, {"type": "lifespan", "state": {}})
        for message in ("lifespan.startup", "lifespan.shutdown"):
            await communicator.send_input({"type": message})
            assert (await communicator.receive_output())["type"] == f"{message}.complete"
        await communicator.wait()

    asyncio.run(client())

    assert recorder.moments == ["on_startup", "on_shutdown"]


@pytest.mark.parametrize("telemetry", [True, False])
def test_outside_of_fastapis_own_telemetry(settings: Any, recorder: Recorder, telemetry: bool) -> None:
    """Our span is current when FastAPI's telemetry looks, so that whatever it makes nests below ours."""
    from fastapi.applications import FastAPI as Native
    from opentelemetry.trace import get_current_span

    seen: list[Any] = []

    class Looks(Native):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            seen.append(get_current_span())
            await super().__call__(scope, receive, send)

    app = Looks(telemetry={"tracing": telemetry})
    midwatch.install(app, settings)
    call_asgi(app)

    assert seen == [recorder.exchange.span]


# Flask


def test_flask_routes_and_config(recorder: Recorder) -> None:
    """Rules with blueprint prefixes; a wrong method or path has none. Settings come from app.config."""
    app = flask.Flask("shop")
    app.config["MIDWATCH"] = {"log": False, "plugins": [recorder], "service": {"name": "shop"}}
    blueprint = flask.Blueprint("v1", "v1", url_prefix="/v1")
    blueprint.get("/orders/<int:order>")(lambda order: str(order))
    app.register_blueprint(blueprint, url_prefix="/api/v1")

    assert midwatch.install(app) is app
    for method, path in (("GET", "/api/v1/orders/7"), ("POST", "/api/v1/orders/7"), ("GET", "/nowhere")):
        call_wsgi(app, method, path)

    assert [exchange.route for exchange in recorder.exchanges] == ["/api/v1/orders/<int:order>", None, None]


def test_flask_settings_say_where_they_are(recorder: Recorder) -> None:
    """The message names the place."""
    app = flask.Flask("shop")
    app.config["MIDWATCH"] = {"nonsense": 1}

    with pytest.raises(midwatch.SettingsError, match=r'app\.config\["MIDWATCH"\]'):
        midwatch.install(app)


def test_flask_exceptions_are_seen(settings: Any, recorder: Recorder) -> None:
    """Flask turns them into a 500 before they reach us; handled ones are none."""
    app = flask.Flask("shop")

    @app.get("/bug")
    def bug() -> str:
        raise KeyError("bug")

    @app.get("/handled")
    def handled() -> str:
        raise ValueError("handled")

    @app.get("/missing")
    def missing() -> str:
        flask.abort(404)

    app.register_error_handler(ValueError, lambda error: ("sorry", 400))
    midwatch.install(app, settings)
    answers = [call_wsgi(app, path=path) for path in ("/bug", "/handled", "/missing")]

    assert [answer.status for answer in answers] == [500, 400, 404]
    assert answers[0].header("x-request-id")
    assert [exchange.outcome for exchange in recorder.exchanges] == [Outcome.ERROR, Outcome.OK, Outcome.OK]
    assert isinstance(recorder.exchanges[0].error, KeyError)
    assert recorder.exchanges[0].route == "/bug"
    assert recorder.moments.count("on_error") == 1


def test_flask_under_test_raises_as_ever(settings: Any, recorder: Recorder) -> None:
    """TESTING lets exceptions through to the test; we do not answer them away, and count them once."""
    app = flask.Flask("shop")
    app.testing = True

    @app.get("/bug")
    def bug() -> str:
        raise KeyError("bug")

    midwatch.install(app, settings)
    with pytest.raises(KeyError):
        app.test_client().get("/bug")

    assert recorder.exchange.outcome is Outcome.ERROR
    assert recorder.moments.count("on_error") == 1


def test_flask_login_is_read_only_when_loaded(settings: Any, recorder: Recorder) -> None:
    """A user that the view has looked at; asking by ourselves would read the session and add Vary: Cookie."""
    app = flask.Flask("shop")
    app.secret_key = "test"
    manager = flask_login.LoginManager(app)

    @manager.request_loader
    def load(request: Any) -> Any:
        user = flask_login.UserMixin()
        user.id = "u7"
        return user

    app.get("/looks")(lambda: flask_login.current_user.get_id())
    app.get("/does-not", endpoint="other")(lambda: "ok")
    bare = [call_wsgi(app, path=path).headers for path in ("/looks", "/does-not")]

    midwatch.install(app, settings)
    answers = [call_wsgi(app, path=path) for path in ("/looks", "/does-not")]

    assert [exchange.actor for exchange in recorder.exchanges] == [midwatch.Actor("u7"), None]
    assert [[h for h in answer.headers if h[0] != "x-request-id"] for answer in answers] == bare


def test_flask_streams(settings: Any, recorder: Recorder) -> None:
    """Chunks leave as they are made; a failure half way is an error with a 200."""
    app = flask.Flask("shop")

    @app.get("/stream")
    def stream() -> Any:
        def chunks() -> Iterator[bytes]:
            yield b"one"
            raise ValueError("half way")

        return app.response_class(flask.stream_with_context(chunks()))

    midwatch.install(app, settings)
    answer = call_wsgi(app, path="/stream")

    assert (answer.status, answer.chunks) == (200, [b"one"])
    assert isinstance(answer.error, ValueError)
    assert (recorder.exchange.outcome, recorder.exchange.route) == (Outcome.ERROR, "/stream")


def test_flask_mounted_by_werkzeug(settings: Any, recorder: Recorder) -> None:
    """The mount point belongs to the template."""
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    app = flask.Flask("shop")
    app.get("/orders/<int:order>")(lambda order: str(order))
    mounted = DispatcherMiddleware(wsgi, {"/shop": app})

    call_wsgi(midwatch.install(mounted, settings), path="/shop/orders/7")

    assert recorder.exchange.route == "/shop/orders/<int:order>"


# Django


@pytest.fixture(scope="module")
def django_handlers() -> Iterator[tuple[Any, Any]]:
    import django
    from django.conf import settings as django_settings
    from django.http import HttpResponse
    from django.urls import path

    def item(request: Any, item_id: int) -> HttpResponse:
        return HttpResponse(str(item_id))

    def bug(request: Any) -> HttpResponse:
        raise KeyError("bug")

    urls = type(sys)("midwatch_test_urls")
    urls.urlpatterns = [path("items/<int:item_id>/", item), path("bug", bug)]  # type: ignore[attr-defined]
    sys.modules["midwatch_test_urls"] = urls
    if not django_settings.configured:  # Once in a process; tests of errors need it too.
        django_settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="test", USE_TZ=True, LOGGING_CONFIG=None)
        django.setup()
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler
    from django.test.utils import override_settings

    with override_settings(ROOT_URLCONF="midwatch_test_urls"):
        yield ASGIHandler, WSGIHandler
    del sys.modules["midwatch_test_urls"]


def test_django(door: Any, django_handlers: Any, settings: Any, recorder: Recorder) -> None:
    """Routes, and exceptions that Django turns into a 500, under both of its handlers."""
    handler = django_handlers[0 if door.name == "asgi" else 1]()
    app = midwatch.install(handler, settings)

    answers = [door.call(app, path=path) for path in ("/items/7/", "/bug", "/nowhere")]

    assert [answer.status for answer in answers] == [200, 500, 404]
    assert all(answer.header("x-request-id") for answer in answers)
    assert [exchange.route for exchange in recorder.exchanges] == ["/items/<int:item_id>/", "/bug", None]
    assert [exchange.outcome for exchange in recorder.exchanges] == [Outcome.OK, Outcome.ERROR, Outcome.OK]
    assert recorder.moments.count("on_error") == 1
    assert midwatch.install(app) is app


def test_django_settings(django_handlers: Any, recorder: Recorder) -> None:
    """settings.MIDWATCH where no dict is given."""
    from django.conf import settings as django_settings

    django_settings.MIDWATCH = {"log": False, "plugins": [recorder]}
    try:
        call_wsgi(midwatch.install(django_handlers[1]()), path="/items/7/")
    finally:
        del django_settings.MIDWATCH

    assert len(recorder.exchanges) == 1


def test_django_knows_no_lifespan_and_is_stood_in_for(django_handlers: Any, settings: Any, recorder: Recorder) -> None:
    """Else nothing would run before the first request, and no drain would hear of SIGTERM."""
    app = midwatch.install(django_handlers[0](), settings)

    async def serve() -> None:
        server = cast("Any", ApplicationCommunicator)(
            app, {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        )
        for moment in ("startup", "shutdown"):
            await server.send_input({"type": f"lifespan.{moment}"})
            assert await server.receive_output(10) == {"type": f"lifespan.{moment}.complete"}
        await server.wait(10)

    asyncio.run(serve())
    assert recorder.moments == ["on_startup", "on_shutdown"]


@pytest.mark.parametrize("section", ["trace", "log", "audit"])
def test_a_file_that_cannot_be_opened_is_told_as_a_setting(section: str, tmp_path: Any) -> None:
    """Only trying tells; the message names the file, and there is no traceback behind it."""
    url = f"file://{tmp_path}/missing/x.jsonl"

    with pytest.raises(midwatch.SettingsError, match="missing") as caught:
        midwatch.install(coroutine, {"log": False, section: {"to": url if section == "audit" else [url]}})

    assert caught.value.__suppress_context__


def test_logging_configured_after_install(recorder: Recorder, tmp_path: Any) -> None:
    """dictConfig disables the loggers that it does not name and empties the root; request lines survive it."""
    import logging.config

    path = tmp_path / "log.jsonl"
    app = midwatch.install(coroutine, {"log": {"to": [f"file://{path}"], "root": True}, "plugins": [recorder]})
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logging.config.dictConfig({"version": 1, "root": {"handlers": [], "level": "WARNING"}})
        call_asgi(app, "POST")
        midwatch.flush()
    finally:
        root.handlers[:], root.level = handlers, level
        for logger in list(logging.Logger.manager.loggerDict.values()):
            if isinstance(logger, logging.Logger):
                logger.disabled = False

    loggers = [
        line for name in ("request", "audit") for line in path.read_text().splitlines() if f'"midwatch.{name}"' in line
    ]
    assert len(loggers) == 3  # the request, the opening of the audit stream, the event


def test_the_route_is_known_inside_the_handler(settings: Any) -> None:
    """Application code may ask for it."""
    seen: list[Any] = []
    app = FastAPI()
    flask_app = flask.Flask("shop")

    def look(item: int) -> str:
        exchange = midwatch.current()
        seen.append(exchange and exchange.route)
        return "ok"

    app.get("/items/{item}")(look)
    flask_app.get("/items/<int:item>")(look)
    call_asgi(midwatch.install(app, settings), path="/items/7")
    call_wsgi(midwatch.install(flask_app, settings), path="/items/7")

    assert seen == ["/items/{item}", "/items/<int:item>"]
