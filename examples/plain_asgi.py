"""
An ASGI application without a framework, with all six around it.

    uvicorn plain_asgi:app --app-dir examples
    curl -i localhost:8000/greeting -X PUT -H 'authorization: Bearer sesame'
    curl localhost:8000/metrics localhost:8000/health
"""

from typing import Any

import midwatch

users = {b"Bearer sesame": "ada"}


async def greet(scope: Any, _receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])  # servers then go on without a lifespan
    exchange = midwatch.current()
    if exchange is not None and scope["path"] == "/greeting":
        exchange.route = "/greeting"  # nothing routes here, so nobody else can tell
    user = users.get(dict(scope["headers"]).get(b"authorization", b""))
    if user is not None:
        midwatch.audit.actor(user)  # verified, so the audit trail may believe it
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": f"hello {user or 'stranger'}\n".encode()})


app = midwatch.install(greet, {"service": {"name": "greeter"}})
