"""
A service whose requests wait for each other: none is answered before `MEETING_OF` are there.

`MEETING_BY` says what they are: `fork`, workers of a preloaded application, or `greenlet`, within one worker.
`CHAIN_TO` is a JSON list of destinations.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from typing import Any

import flask
from opentelemetry import trace

import midwatch

of = int(os.environ["MEETING_OF"])
# gevent has replaced threading's before the application is loaded; that of the processes is shared with what is forked.
meeting: Any = (
    multiprocessing.get_context("fork").Barrier(of) if os.environ["MEETING_BY"] == "fork" else threading.Barrier(of)
)
tracer = trace.get_tracer("meeting")

app = flask.Flask("meeting")


@app.get("/meet/<int:number>")
def meet(number: int) -> dict[str, Any]:
    """Every switch to another request happens with a span open; each must find its own again."""
    server = here()
    with tracer.start_as_current_span(f"work {number}"):
        work = here()
        meeting.wait(20)
        between = here()
        meeting.wait(20)
    assert (between, here()) == (work, server), "another request's context"
    return {"pid": os.getpid(), "trace_id": server[0], "server": server[1], "work": work[1]}


def here() -> tuple[str, str]:
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


midwatch.install(app, {"service": {"name": "meeting"}, "trace": {"to": json.loads(os.environ["CHAIN_TO"])}})
