"""One scenario, both doors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from midwatch import ASGIMiddleware, Plugin, WSGIMiddleware
from midwatch.testing import Answer, ScriptedApp, call_asgi, call_wsgi


class Door:
    """One of the two doors: how to put it around an application, and how to call it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.call: Callable[..., Answer] = call_asgi if name == "asgi" else call_wsgi

    def watch(self, app: Any, *plugins: Plugin, **options: Any) -> Any:
        inner = self.app(app)
        kind: Any = ASGIMiddleware if self.name == "asgi" else WSGIMiddleware
        return kind(inner, *plugins, **options)

    def app(self, app: Any) -> Any:
        return getattr(app, self.name) if isinstance(app, ScriptedApp) else app


@pytest.fixture(params=["asgi", "wsgi"])
def door(request: pytest.FixtureRequest) -> Door:
    return Door(request.param)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    yield
