"""A WSGI server of one request."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

from .parts import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["call_wsgi"]


def call_wsgi(
    app: Any,
    method: str = "GET",
    path: str = "/",
    *,
    query: str = "",
    headers: Iterable[tuple[str, str]] = (("host", "testserver"),),
    body: bytes = b"",
    peer: tuple[str, int] | None = ("127.0.0.1", 50000),
    leave_after: int | None = None,
    environ: Mapping[str, Any] | None = None,
    validate: bool = True,
) -> Answer:
    """
    Serve one request with a WSGI application, inside `wsgiref.validate`.

    Args:
        leave_after: The client is gone after so many chunks: the server closes the body and asks for no more.
        environ: Entries that replace those of the environ.
        validate: False for methods and headers that the validator refuses although servers pass them on.

    Raises:
        AssertionError: the application broke PEP 3333.
    """
    whole: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": _Errors(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body:
        whole["CONTENT_LENGTH"] = str(len(body))
    if peer is not None:
        whole["REMOTE_ADDR"], whole["REMOTE_PORT"] = peer[0], str(peer[1])
    for name, value in headers:
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        whole[key] = f"{whole[key]}, {value}" if key in whole else value
    whole.update(environ or {})
    return _serve_wsgi(validator(app) if validate else app, whole, leave_after)


def _serve_wsgi(app: Any, environ: dict[str, Any], leave_after: int | None) -> Answer:
    answer = Answer()

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        assert answer.status is None or exc_info is not None, "two starts"
        answer.status = int(status[:3])
        answer.headers = [(name.lower(), value) for name, value in headers]
        return answer.chunks.append

    try:
        chunks = app(environ, start_response)
        try:
            iterator = iter(chunks)
            while leave_after is None or len(answer.chunks) < leave_after:
                try:
                    chunk = next(iterator)
                except StopIteration:
                    break
                assert answer.status is not None, "body before start_response"
                if chunk:
                    answer.chunks.append(chunk)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
    except BaseException as error:
        if isinstance(error, AssertionError | KeyboardInterrupt):
            raise
        answer.error = error
    return answer


class _Errors:
    """A `wsgi.errors` that keeps nothing."""

    def write(self, text: str) -> None: ...

    def writelines(self, lines: list[str]) -> None: ...

    def flush(self) -> None: ...
