"""An exchange as ASGI shows it: the two channels with an observer in each."""

from __future__ import annotations

import contextlib
from time import perf_counter
from typing import TYPE_CHECKING, Final, final

from ..exchange import Exchange
from .reply import responder, settle
from .scoped import Scoped

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from ..answers import Reply
    from ..frameworks import Framework
    from ..moments import Answers, Moments
    from ..proxies import Proxies

__all__ = ["Observed"]

ABNORMAL: Final = 1006
"""WebSocket close code of a connection that broke (RFC 6455 section 7.4.1)."""


@final
class Observed(Scoped):
    """One HTTP request or websocket connection."""

    __slots__ = ("_receive", "_replaced", "_send")

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        moments: Moments,
        framework: Framework,
        proxies: Proxies | None,
    ) -> None:
        Exchange.__init__(self, scope, moments, framework)  # For each request; `super()` takes longer.
        self._receive = receive
        self._send = send
        self._headers = self._start = None
        self._replaced = False
        path = scope["path"]
        if path[:1] != "/" and "://" in path:
            # A request line in absolute form (RFC 9112 section 3.2.2), which may hold credentials.
            path = "/" + path.partition("://")[2].partition("/")[2]
        self.path = self.app_path = path
        root = scope.get("root_path")
        if root and path.startswith(root):
            self.app_path = path[len(root) :] or "/"
        if scope["type"] == "http":
            self.method = scope["method"]
        else:
            self.kind = "websocket"
            self.method = "GET"
        self.scheme = scope.get("scheme") or ("http" if self.kind == "http" else "ws")
        self.peer = peer = scope.get("client")
        if peer is not None:
            self.client = peer[0]
        if proxies is not None:
            proxies.apply(self)

    async def observe_receive(self) -> Message:
        """What the application receives from; notes body bytes and a client that left."""
        message = await self._receive()
        kind = message["type"]
        if kind == "http.request":
            body = message.get("body", b"")
            self.bytes_in += len(body)
            if self.on_body is not None:
                self.on_body(body)
        elif kind == "http.disconnect":
            # Servers send it after every response too: only before the last byte does it mean anything.
            self.disconnected = not self.complete
        elif kind == "websocket.receive":
            self._message("RECEIVED", message)
        elif kind == "websocket.disconnect" and self.close_code is None:
            self.close_code = message.get("code", 1005)
            self.disconnected = self.status != 101 or self.close_code == ABNORMAL
            self.complete = not self.disconnected
        return message

    async def observe_send(self, message: Message) -> None:
        """What the application sends to; notes status, bytes and the end of the response."""
        if self._replaced:
            return
        kind = message["type"]
        try:
            if kind == "http.response.body":
                await self._send(message)
                self.bytes_out += len(message.get("body", b""))
                if not message.get("more_body", False):
                    self.ended = perf_counter()
                    self.complete = True
            elif kind == "http.response.start":
                headers = message.get("headers")
                if headers is not None and type(headers) is not list:
                    # The specification allows any iterable; we look before the server does.
                    message = {**message, "headers": list(headers)}
                self.status = message["status"]
                self._start = message
                if self.moments.on_response:
                    answers = self.moments.response(self)
                    if answers is not None and await self._replace(answers):
                        return
                self.first_byte = perf_counter()
                if self._added is not None:
                    message = self._with_added(message)
                await self._send(message)
            else:
                await self._other(kind, message)
        except OSError as error:
            self.disconnected = not self.complete
            self.departure = error
            raise

    async def _replace(self, answers: Answers) -> bool:
        """Wait for what plugins wait for; whether one of them answers in place of the application."""
        reply = await settle(answers)
        if reply is None:
            return False
        self._replaced = True
        self.status = reply.status
        await responder(reply, self.native)(self.native, self._receive, self._send_replaced)
        return True

    def _with_added(self, message: Message) -> Message:
        """A copy of the start message with our headers: the application may send the same object again."""
        copy = dict(message)
        copy["headers"] = [*message.get("headers", ()), *(self._added or ())]
        return copy

    async def _other(self, kind: str, message: Message) -> None:
        """The rarer messages: websockets, and extensions that send a whole file."""
        if kind == "websocket.accept" or kind == "websocket.http.response.start":
            message = {**message, "headers": list(message.get("headers") or ())}
            self.status = message.get("status", 101)
            self._start = message
            answers = self.moments.response(self)
            if answers is not None and await settle(answers) is not None:
                self._replaced = True
                self.status = 403
                await self._send({"type": "websocket.close", "code": 1008})
                self.ended, self.complete = perf_counter(), True
                return
            message = self._with_added(message)
            self.first_byte = perf_counter()
        if kind == "websocket.close" and self.status is None:
            self.status = 403
            self.moments.response(self)
            self.first_byte = perf_counter()
        await self._send(message)
        if kind == "websocket.send":
            self._message("SENT", message)
        elif kind == "websocket.close":
            self.close_code = message.get("code", 1000)
            self.ended, self.complete = perf_counter(), True
        elif kind == "websocket.http.response.body":
            self.bytes_out += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        elif kind == "http.response.pathsend" or kind == "http.response.zerocopysend":
            self.complete = not message.get("more_body", False)
            self.ended = perf_counter() if self.complete else None

    def _message(self, direction: str, message: Message) -> None:
        size = len(message.get("bytes") or message.get("text") or b"")
        if direction == "SENT":
            self.bytes_out += size
        else:
            self.bytes_in += size
        if self.on_message is not None:
            self.on_message(direction, size)

    async def _send_replaced(self, message: Message) -> None:
        """Send what stands in for the application's response: observed, but no plugin is asked again."""
        if message["type"].endswith(".start"):
            self.first_byte = perf_counter()
            await self._send(self._with_added(message))
        else:
            await self._send(message)
            self.bytes_out += len(message.get("body", b""))
            self.ended, self.complete = perf_counter(), True

    async def answer(self, reply: Reply) -> None:
        """Send *reply* as the response; a websocket is refused with it."""
        scope = self.native
        if self.kind == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
            await self.observe_send({"type": "websocket.close", "code": 1008})
        else:
            await responder(reply, scope)(scope, self.observe_receive, self.observe_send)

    async def answer_failure(self, reply: Reply) -> None:
        """Answer for an application that raised before it answered and has nobody else to do it."""
        if self.kind == "http" and self.status is None and not self.disconnected and not self.framework.answers:
            # Whatever becomes of it, the application's exception is the one that leaves.
            with contextlib.suppress(Exception):
                await self.answer(reply)
