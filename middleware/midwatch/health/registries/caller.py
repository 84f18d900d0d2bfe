"""One HTTP call to a registry: it ends in time, nothing traces it, and no message repeats what could be secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import msgspec
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from ...hushed import hushed
from ...posting import VERSION, is_header
from ...posting.answer import read_answer
from ...posting.place import place_of
from ...posting.proxy import manager_for
from ...posting.timed import POOLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3 import PoolManager

__all__ = ["CallError", "Caller"]

TIMEOUT: Final = 3.0
"""Seconds that one call may take: a registry is near, and the end of the process waits for the last one."""


class CallError(Exception):
    """A call that came to nothing; the message may be shown."""


@final
class Caller:
    """
    Calls one registry.

    Args:
        url: `http` or `https`, with the path that all calls begin with; user information becomes basic authentication.
        headers: Sent with each call.
        timeout: Seconds that one may take.

    Attributes:
        place: The URL as messages may show it.

    Raises:
        ValueError: a URL or header that HTTP does not know; the message holds no credentials.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float = TIMEOUT) -> None:
        place = place_of(url, "expected a registry such as consul://host:8500 or eureka://host:8761/eureka")
        parts = place.parts
        self.host, self.port = place.host, place.port or (443 if parts.scheme == "https" else 80)
        self._scheme, self._netloc = parts.scheme, place.netloc
        self.place = f"{parts.scheme}://{self._netloc}{parts.path.rstrip('/')}"
        self._headers = {"user-agent": f"midwatch/{VERSION}", "accept": "application/json", **headers}
        self._headers |= place.authorization
        for name, value in self._headers.items():
            if not is_header(name, value):
                raise ValueError(f"the registry's header {name}: its value cannot be one of HTTP's")
        self._timeout = timeout
        self._manager: PoolManager | None = None

    def call(self, method: str, path: str, body: Any = None, *, expect: frozenset[int] = frozenset()) -> int:
        """
        The status of the answer: one of success, or one that the caller can *expect* as well.

        Raises:
            CallError: no answer, or another one.
        """
        try:
            with hushed():
                response = self._pools().urlopen(
                    method,
                    self.place + path,
                    body=None if body is None else msgspec.json.encode(body),
                    headers=self._headers | ({} if body is None else {"content-type": "application/json"}),
                    timeout=Timeout(total=self._timeout),
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,
                )
                read_answer(response)
        except (HTTPError, OSError) as error:
            raise CallError(f"{self.place}: no answer ({type(error).__name__})") from None
        if 200 <= response.status < 300 or response.status in expect:
            return response.status
        # Not the body: a registry that refuses a token may repeat it.
        raise CallError(f"{self.place}: {response.status} to {method}")

    def forget(self) -> None:
        """Make connections of its own, in a forked child."""
        self._manager = None

    def _pools(self) -> PoolManager:
        if self._manager is None:
            self._manager = manager_for(self._scheme, self._netloc)
            self._manager.pool_classes_by_scheme = POOLS
        return self._manager
