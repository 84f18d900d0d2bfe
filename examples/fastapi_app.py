"""
FastAPI, with all six around it.

    uvicorn fastapi_app:app --app-dir examples
    curl -i localhost:8000/items/7
    curl -i localhost:8000/orders -d '' -H 'authorization: Bearer sesame'
    curl localhost:8000/metrics localhost:8000/health
"""

from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException

import midwatch

app = FastAPI()
users = {"Bearer sesame": "ada"}


def signed_in(authorization: Annotated[str, Header()] = "") -> str:
    user = users.get(authorization)
    if user is None:
        raise HTTPException(401)
    midwatch.audit.actor(user)  # verified, so the audit trail may believe it
    return user


@app.get("/items/{item}")
async def item(item: int) -> dict[str, int]:
    return {"item": item}


@app.post("/orders", status_code=201)
async def order(user: Annotated[str, Depends(signed_in)]) -> dict[str, str]:
    midwatch.audit.record("order.create", resource="order:17")
    return {"order": "17", "of": user}


midwatch.install(app, {"service": {"name": "shop"}})
