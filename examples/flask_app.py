"""
Flask, with all six around it.

    flask --app examples/flask_app.py run
    curl -i localhost:5000/items/7
    curl -i localhost:5000/orders -d '' -H 'authorization: Bearer sesame'
    curl localhost:5000/metrics localhost:5000/health
"""

from flask import Flask, abort, request

import midwatch

app = Flask(__name__)
app.config["MIDWATCH"] = {"service": {"name": "shop"}}
users = {"Bearer sesame": "ada"}


@app.get("/items/<int:item>")
def item(item: int) -> dict[str, int]:
    return {"item": item}


@app.post("/orders")
def order() -> tuple[dict[str, str], int]:
    user = users.get(request.headers.get("authorization", ""))
    if user is None:
        abort(401)
    midwatch.audit.actor(user)  # verified, so the audit trail may believe it
    midwatch.audit.record("order.create", resource="order:17")
    return {"order": "17", "of": user}, 201


midwatch.install(app)
