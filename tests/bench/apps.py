"""
The two bare applications: one route that answers with a small JSON object.

A process imports no framework but that of its application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask
    from starlette.applications import Starlette
    from starlette.requests import Request

__all__ = ["flask_app", "starlette_app"]


def _item(item_id: str) -> dict[str, Any]:
    return {"id": item_id, "name": "storm lantern", "price": 24.5, "in_stock": True, "tags": ["brass", "oil"]}


def starlette_app() -> Starlette:
    """A new Starlette application with `/items/{item_id}`."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def item(request: Request) -> JSONResponse:
        return JSONResponse(_item(request.path_params["item_id"]))

    return Starlette(routes=[Route("/items/{item_id}", item)])


def flask_app() -> Flask:
    """A new Flask application with `/items/<item_id>`."""
    from flask import Flask

    app = Flask("shop")

    @app.get("/items/<item_id>")
    def item(item_id: str) -> dict[str, Any]:
        return _item(item_id)

    return app
