"""What a door and its plugins leave behind when an application is dropped."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from midwatch import ASGIMiddleware, Exchange, Plugin, WSGIMiddleware
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
def test_an_application_that_is_dropped_lets_go_of_its_threads(protocol: str) -> None:
    """As tests do with every application that they make: nobody says that it stops."""
    told = threading.Event()

    class LetsGo(Plugin):
        def on_request(self, exchange: Exchange) -> None: ...

        def let_go(self) -> None:
            told.set()

    app = ScriptedApp()
    plugin = LetsGo()
    if protocol == "asgi":
        door: Any = ASGIMiddleware(app.asgi, plugin)
        call_asgi(door)
    else:
        door = WSGIMiddleware(app.wsgi, plugin)
        call_wsgi(door)
    gc.collect()
    assert not told.is_set()
    del door
    gc.collect()
    assert told.is_set()
    door = ASGIMiddleware(app.asgi, plugin), ASGIMiddleware(app.asgi, plugin)
    told.clear()
    for one in door:
        call_asgi(one)
    del one
    door = door[0]
    gc.collect()
    assert not told.is_set()
