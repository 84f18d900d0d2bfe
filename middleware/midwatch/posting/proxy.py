"""
Connections by way of a proxy, where the environment names one.

The variables are the usual ones: `HTTP_PROXY` and `HTTPS_PROXY`, `ALL_PROXY`, and `NO_PROXY` with names of hosts, their
endings, addresses and networks.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3 import PoolManager, ProxyManager
from urllib3.util import make_headers

__all__ = ["manager_for"]


def manager_for(scheme: str, netloc: str) -> PoolManager:
    """Connections to `scheme://netloc`."""
    proxies = getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or proxy_bypass(netloc) or _is_within(netloc, proxies.get("no", "")):
        return PoolManager()
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    parts = urlsplit(proxy)
    if parts.username is None:
        return ProxyManager(proxy)
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return ProxyManager(proxy, proxy_headers=make_headers(proxy_basic_auth=credentials))


def _is_within(netloc: str, networks: str) -> bool:
    """Whether *netloc* is an address in one of *networks*, which the standard library does not look for."""
    host = urlsplit(f"//{netloc}").hostname or ""
    for network in networks.split(","):
        try:
            if ip_address(host) in ip_network(network.strip()):
                return True
        except ValueError:
            continue
    return False
