"""What only real servers do: clients that hang up, their own 500, HTTP/1.0 without Host, files."""

from __future__ import annotations

import socket
from typing import Any

import pytest

pytestmark = pytest.mark.live

ASGI = ["uvicorn", "uvicorn h11", "hypercorn", "granian", "gunicorn asgi"]
WSGI = ["gunicorn", "gunicorn threads", "waitress", "granian wsgi"]

BOTH = [(server, "fastapi_app") for server in ASGI] + [(server, "flask_app") for server in WSGI]


def raw(server: Any, text: bytes, upto: int = 65536) -> bytes:
    """Send *text* as it is, read up to *upto* bytes, hang up."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(text)
        connection.settimeout(10)
        received = b""
        while len(received) < upto and (chunk := connection.recv(65536)):
            received += chunk
    return received


@pytest.mark.parametrize(("server", "app"), BOTH)
def test_the_500_carries_the_request_id(serve: Any, client: Any, server: str, app: str) -> None:
    """No rival's ASGI middleware returns it."""
    running = serve(server, app)

    answer = client.get(f"{running.url}/bug", headers={"x-request-id": "abc-1"})
    running.until(1)
    running.stop()

    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "abc-1")
    (line,) = running.requests()
    assert (line["outcome"], line["error.type"], line["request_id"]) == ("error", "ValueError", "abc-1")
    assert [entry["exception.type"] for entry in running.lines("log") if entry["logger"] == "midwatch.error"] == [
        "ValueError"
    ]


# gunicorn's own ASGI worker neither fails a send nor says http.disconnect: the application streams on for ever.
TELLING = [case for case in BOTH if case[0] != "gunicorn asgi"]


@pytest.mark.parametrize(("server", "app"), TELLING)
def test_a_client_that_hangs_up(serve: Any, client: Any, server: str, app: str) -> None:
    """In the middle of an endless stream: aborted, once, and the server goes on."""
    running = serve(server, app)

    raw(running, b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n", 200_000)
    assert client.post(f"{running.url}/orders").status_code == 200
    running.until(2)
    running.stop()

    outcomes = {line["url.path"]: line["outcome"] for line in running.requests()}
    assert outcomes == {"/endless": "aborted", "/orders": "ok"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(("server", "app"), [("uvicorn", "fastapi_app"), ("gunicorn", "flask_app")])
def test_load_balancers(serve: Any, server: str, app: str, method: str) -> None:
    """HAProxy asks OPTIONS / HTTP/1.0 without a Host."""
    running = serve(server, app)

    answer = raw(running, f"{method} /health/ready HTTP/1.0\r\n\r\n".encode())

    assert b" 200 " in answer.split(b"\r\n")[0]


@pytest.mark.parametrize(("server", "app"), [("uvicorn h11", "bare_app"), ("gunicorn", "bare_wsgi_app")])
def test_bare_app_that_raises(serve: Any, client: Any, server: str, app: str) -> None:
    """A problem document, and the server still logs the exception."""
    running = serve(server, app)

    # An exception behind a complete answer makes servers close the connection, as they do behind Starlette's own 500.
    answer = client.get(f"{running.url}/bug", headers={"connection": "close"})
    assert client.get(f"{running.url}/").text == "ok"
    running.stop()

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "ValueError: bug" in (running.folder / "server.out").read_text()


@pytest.mark.parametrize("server", ["gunicorn", "waitress"])
def test_files_are_sent_by_the_server(serve: Any, client: Any, server: str) -> None:
    """The server's file wrapper is untouched; the line says how long the file was."""
    running = serve(server, "flask_app")

    answer = client.get(f"{running.url}/file")
    running.until(1)
    running.stop()

    assert b"flask.send_file" in answer.content
    (line,) = running.requests()
    assert (line["http.response.body.size"], line["outcome"]) == (len(answer.content), "ok")


@pytest.mark.parametrize(("server", "app"), [("uvicorn h11", "fastapi_app"), ("gunicorn", "flask_app")])
def test_metrics_page(serve: Any, client: Any, server: str, app: str) -> None:
    """Strangers' methods and paths make no series; a forwarded request may not look."""
    running = serve(server, app)
    for number in range(50):
        raw(running, f"BREW{number} /pot/{number} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())

    page = client.get(f"{running.url}/metrics").text
    refused = client.get(f"{running.url}/metrics", headers={"x-forwarded-for": "203.0.113.9"})

    counts = [line for line in page.splitlines() if line.startswith("http_server_request_duration_seconds_count")]
    assert len(counts) == 1, counts
    assert 'http_request_method="_OTHER"' in counts[0]
    assert counts[0].endswith(" 50.0")
    assert refused.status_code == 403
