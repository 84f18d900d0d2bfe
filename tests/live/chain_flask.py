"""
The second service of a chain: asks SQLite through SQLAlchemy.

`CHAIN_TO` is a JSON list of destinations; the database is a file in the folder that it is started in.
"""

from __future__ import annotations

import json
import os
from typing import Any

import flask
import sqlalchemy
from opentelemetry import trace
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

import midwatch

app = flask.Flask("stock")
engine = sqlalchemy.create_engine("sqlite:///stock.db")
# The instrumentation declares no SQLAlchemy newer than those it was released with.
SQLAlchemyInstrumentor().instrument(engine=engine, skip_dep_check=True)


@app.get("/stock/<int:item>")
def stock(item: int) -> dict[str, Any]:
    with engine.connect() as connection:
        found = connection.execute(sqlalchemy.text("SELECT :item * 2"), {"item": item}).scalar_one()
    context = trace.get_current_span().get_span_context()
    return {"left": found, "trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


midwatch.install(app, {"service": {"name": "stock"}, "trace": {"to": json.loads(os.environ["CHAIN_TO"])}})
