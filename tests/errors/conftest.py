"""The lines that reports leave, through real logging; an application of Django's that fails in several ways."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest

from midwatch.logs.formatter import JsonFormatter

if TYPE_CHECKING:
    from collections.abc import Iterator


class Lines(logging.Handler):
    """Keeps what a handler would write, as text and parsed."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.texts: list[str] = []
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.texts.append(self.format(record))

    @property
    def all(self) -> list[dict[str, Any]]:
        assert not any("\n" in text for text in self.texts)
        return [json.loads(text) for text in self.texts]

    @property
    def one(self) -> dict[str, Any]:
        (line,) = self.all
        return line


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    logger = logging.getLogger("midwatch.error")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def django() -> Iterator[dict[str, Any]]:
    """Django's two handlers, over one urlconf of ours."""
    import django
    from django.conf import settings
    from django.conf import urls as defaults
    from django.core.exceptions import PermissionDenied
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import Http404
    from django.test.utils import override_settings
    from django.urls import clear_url_caches, path

    def bug(request: Any) -> None:
        raise ValueError("swordfish")

    def missing(request: Any) -> None:
        raise Http404

    def denied(request: Any) -> None:
        raise PermissionDenied

    urls: Any = type(sys)("midwatch_error_urls")
    urls.urlpatterns = [path("bug", bug), path("missing", missing), path("denied", denied)]
    sys.modules["midwatch_error_urls"] = urls
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="test", USE_TZ=True, LOGGING_CONFIG=None)
        django.setup()
    before = defaults.handler500
    with override_settings(ROOT_URLCONF="midwatch_error_urls"):
        yield {"asgi": ASGIHandler, "wsgi": WSGIHandler, "urls": urls}
    defaults.handler500 = before
    clear_url_caches()
    del sys.modules["midwatch_error_urls"]
