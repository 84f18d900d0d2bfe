"""
A WSGI application without a framework, with all six around it.

    gunicorn --chdir examples plain_wsgi:app
    curl -i localhost:8000/greeting -X PUT -H 'authorization: Bearer sesame'
    curl localhost:8000/metrics localhost:8000/health
"""

from collections.abc import Iterable
from typing import Any

import midwatch

users = {"Bearer sesame": "ada"}


def greet(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    exchange = midwatch.current()
    if exchange is not None and environ["PATH_INFO"] == "/greeting":
        exchange.route = "/greeting"  # nothing routes here, so nobody else can tell
    user = users.get(environ.get("HTTP_AUTHORIZATION", ""))
    if user is not None:
        midwatch.audit.actor(user)  # verified, so the audit trail may believe it
    start_response("200 OK", [("content-type", "text/plain")])
    return [f"hello {user or 'stranger'}\n".encode()]


app = midwatch.install(greet, {"service": {"name": "greeter"}})
