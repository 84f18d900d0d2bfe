"""
Libraries with OpenTelemetry's own instrumentations, used within requests that Midwatch watches.

    python instrumented.py asgi|wsgi SPANS PEER

SPANS is the file that spans go to, PEER the address of an HTTP server. One JSON object on stdout: by library the trace
id of its request, and whether anybody has loaded the SDK. A process of its own, because the provider is the process's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import celery
import httpx
import requests
import sqlalchemy
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

import midwatch
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi

door, spans, peer = sys.argv[1:]

for instrumentor in (CeleryInstrumentor(), HTTPXClientInstrumentor(), RequestsInstrumentor()):
    instrumentor.instrument()
engine = sqlalchemy.create_engine("sqlite://")
# The instrumentation declares no SQLAlchemy newer than those it was released with.
SQLAlchemyInstrumentor().instrument(engine=engine, skip_dep_check=True)

eager = celery.Celery("eager", broker="memory://", set_as_current=False)
eager.conf.task_always_eager = True


@eager.task(name="count")
def count() -> int:
    return use_sqlalchemy()


def use_sqlalchemy() -> int:
    with engine.connect() as connection:
        found: int = connection.execute(sqlalchemy.text("SELECT 1")).scalar_one()
        return found


def use_failing_sqlalchemy() -> None:
    try:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT nothing"))
    except sqlalchemy.exc.OperationalError:
        pass


USES: dict[str, Callable[[], Any]] = {
    "sqlalchemy": use_sqlalchemy,
    "failing": use_failing_sqlalchemy,
    "httpx": lambda: httpx.get(f"{peer}/httpx"),
    "requests": lambda: requests.get(f"{peer}/requests", timeout=10),
    "celery": lambda: count.delay().get(),
}


def trace_of(use: Callable[[], Any]) -> str:
    """The trace id of one request that uses a library."""
    found: list[int] = []

    def handler() -> None:
        use()
        found.append(trace.get_current_span().get_span_context().trace_id)

    app = ScriptedApp(before=handler)
    settings = {"service": {"name": "app"}, "trace": {"to": [f"file://{spans}"]}, "log": False, "audit": False}
    if door == "asgi":
        answer = call_asgi(midwatch.install(app.asgi, settings))
    else:
        answer = call_wsgi(midwatch.install(app.wsgi, settings))
    assert (answer.status, answer.error) == (200, None)
    return f"{found[0]:032x}"


traces = {name: trace_of(use) for name, use in USES.items()}
assert midwatch.flush()
sdk = sorted(name for name in sys.modules if name.startswith("opentelemetry.sdk"))
print(json.dumps({"traces": traces, "sdk": sdk}))
