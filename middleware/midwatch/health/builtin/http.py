"""`http://host/path` and `https://host/path`: a URL answers. Its query is its own, ours is the fragment."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final, final

from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from ...destinations.address import parameters
from ...posting import VERSION
from ...posting.place import place_of
from ...posting.proxy import manager_for
from ...posting.timed import POOLS
from ..result import Result
from .kind import NETWORK, PATIENCE, Quick, Scope
from .tls import Trust

__all__ = ["HTTP", "made"]

MOST_READ: Final = 16 << 10
"""Bytes of an answer that are read, so that most servers see an end and no break."""

_is_status: Final = re.compile(r"[1-5][0-9][0-9]").fullmatch


def _status(text: str) -> int:
    if _is_status(text) is None:
        raise ValueError("a status such as 204")
    return int(text)


@final
class HTTP(Quick):
    """
    Whether a GET is answered with success: 2xx or 3xx, or the one status that the parameter `status` names.

    Each look makes a connection of its own, by way of the proxy that the environment names. Redirects are not followed:
    they say that the server works, and could lead anywhere.

    Raises:
        ValueError: no URL of HTTP; the message holds no credentials.
    """

    scope: Scope = "shared"

    def __init__(self, url: str) -> None:
        place = place_of(url, "http: not a URL; write http://host:port/path")
        parts = place.parts
        self._scheme, self._netloc = parts.scheme, place.netloc
        shown = f"{parts.scheme}://{self._netloc}"  # A path may be a secret, as those of webhooks are.
        secure = parts.scheme == "https"
        options, tls = parameters(shown, parts.fragment, NETWORK | {"status": _status}, tls=secure)
        super().__init__(shown, options)
        self._trust = Trust(tls) if secure else None
        self._name = tls.servername
        self._url = f"{shown}{parts.path}?{parts.query}" if parts.query else f"{shown}{parts.path}"
        self._expected = options.get("status")
        self._timeout = options.get("timeout", PATIENCE)
        self._headers = {"user-agent": f"midwatch/{VERSION}", "accept": "*/*", "connection": "close"}
        self._headers |= place.authorization

    def look(self) -> Result:
        manager = manager_for(self._scheme, self._netloc)
        manager.pool_classes_by_scheme = POOLS
        if self._trust is not None:
            manager.connection_pool_kw["ssl_context"] = self._trust.context()
            if self._name is not None:
                manager.connection_pool_kw |= {"server_hostname": self._name, "assert_hostname": self._name}
        try:
            response = manager.urlopen(
                "GET",
                self._url,
                headers=self._headers,
                timeout=Timeout(total=self._timeout),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            with suppress(HTTPError, OSError):  # The status has come, and counts.
                response.read(MOST_READ)
            response.close()
        finally:
            manager.clear()
        good = 200 <= response.status < 400 if self._expected is None else response.status == self._expected
        return Result("pass") if good else Result("fail", f"answers {response.status}")


def made(spec: str) -> HTTP:
    """
    The check.

    Raises:
        ValueError: see `HTTP`.
    """
    return HTTP(spec)
