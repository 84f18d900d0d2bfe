"""Where a request came from: thirty cases, through both doors, and none in which a stranger chooses the address."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from midwatch import ASGIMiddleware, WSGIMiddleware
from midwatch.proxies import Proxies
from midwatch.source import Source, source_of
from midwatch.testing import Recorder, ScriptedApp, call_asgi, call_wsgi

if TYPE_CHECKING:
    from midwatch import Exchange

PROXY = ("10.0.0.1", 5000)
STRANGER = ("198.51.100.7", 40000)
EDGE = ("192.0.2.10", 443)

XFF = Proxies(["10.0.0.0/8", "fd00::/8"])
RFC = Proxies(["10.0.0.0/8"], "forwarded")
CDN = Proxies(["192.0.2.0/24"], "cf-connecting-ip")
LOCAL = Proxies(["unix"])

Lines = list[tuple[str, str]]


def xff(*lines: str) -> Lines:
    return [("x-forwarded-for", line) for line in lines]


def rfc(*lines: str) -> Lines:
    return [("forwarded", line) for line in lines]


MANY = ", ".join(["203.0.113.9", *["10.1.1.1"] * 10_000])

TABLE: dict[str, tuple[Proxies | None, Any, Lines, Source]] = {
    # what it shows: who is trusted, the peer, the lines, what is recorded
    "no proxy at all": (None, STRANGER, [], Source("198.51.100.7", 40000, "198.51.100.7", "peer", None)),
    "a header that nobody vouches for": (
        None, STRANGER, xff("6.6.6.6"), Source("198.51.100.7", 40000, "198.51.100.7", "peer", "6.6.6.6"),
    ),
    "a stranger beside the proxies": (
        XFF, STRANGER, xff("10.0.0.1"), Source("198.51.100.7", 40000, "198.51.100.7", "peer", "10.0.0.1"),
    ),
    "the proxy itself": (XFF, PROXY, [], Source("10.0.0.1", 5000, "10.0.0.1", "peer", None)),
    "one hop": (XFF, PROXY, xff("203.0.113.9"), Source("203.0.113.9", None, "10.0.0.1", "proxy", "203.0.113.9")),
    "the leftmost is what strangers write": (
        XFF, PROXY, xff("6.6.6.6, 203.0.113.9"),
        Source("203.0.113.9", None, "10.0.0.1", "proxy", "6.6.6.6, 203.0.113.9"),
    ),
    "trusted hops are skipped": (
        XFF, PROXY, xff("203.0.113.9, 10.2.2.2"),
        Source("203.0.113.9", None, "10.0.0.1", "proxy", "203.0.113.9, 10.2.2.2"),
    ),
    "a trusted address on the left is forged": (
        XFF, PROXY, xff("10.9.9.9, 203.0.113.9"),
        Source("203.0.113.9", None, "10.0.0.1", "proxy", "10.9.9.9, 203.0.113.9"),
    ),
    "nothing but trusted hops": (
        XFF, PROXY, xff("10.3.3.3, 10.2.2.2"),
        Source("10.3.3.3", None, "10.0.0.1", "proxy", "10.3.3.3, 10.2.2.2"),
    ),
    "all lines are one list": (
        XFF, PROXY, xff("6.6.6.6", "203.0.113.9", "10.2.2.2"),
        Source("203.0.113.9", None, "10.0.0.1", "proxy", "6.6.6.6, 203.0.113.9, 10.2.2.2"),
    ),
    "a hop that is no address": (
        XFF, PROXY, xff("203.0.113.9, garbage, 10.2.2.2"),
        Source("10.2.2.2", None, "10.0.0.1", "broken", "203.0.113.9, garbage, 10.2.2.2"),
    ),
    "nothing but garbage": (XFF, PROXY, xff("<script>"), Source("10.0.0.1", 5000, "10.0.0.1", "broken", "<script>")),
    "an empty hop": (
        XFF, PROXY, xff("203.0.113.9,,10.2.2.2"),
        Source("10.2.2.2", None, "10.0.0.1", "broken", "203.0.113.9,,10.2.2.2"),
    ),
    "a port": (
        XFF, PROXY, xff("203.0.113.9:4711"), Source("203.0.113.9", 4711, "10.0.0.1", "proxy", "203.0.113.9:4711"),
    ),
    "IPv6": (XFF, PROXY, xff("2001:DB8::1"), Source("2001:db8::1", None, "10.0.0.1", "proxy", "2001:DB8::1")),
    "IPv6 with a port": (
        XFF, PROXY, xff("[2001:db8::1]:5"), Source("2001:db8::1", 5, "10.0.0.1", "proxy", "[2001:db8::1]:5"),
    ),
    "IPv6 with a zone": (
        XFF, PROXY, xff("[fe80::1%25eth0]:80"), Source("fe80::1", 80, "10.0.0.1", "proxy", "[fe80::1%25eth0]:80"),
    ),
    "text behind the brackets": (
        XFF, PROXY, xff("[2001:db8::1]6.6.6.6"), Source("10.0.0.1", 5000, "10.0.0.1", "broken", "[2001:db8::1]6.6.6.6"),
    ),
    "IPv4 in IPv6": (
        XFF, PROXY, xff("::ffff:203.0.113.9"),
        Source("203.0.113.9", None, "10.0.0.1", "proxy", "::ffff:203.0.113.9"),
    ),
    "a proxy that is IPv4 in IPv6": (
        XFF, ("::ffff:10.0.0.1", 5000), xff("203.0.113.9"),
        Source("203.0.113.9", None, "10.0.0.1", "proxy", "203.0.113.9"),
    ),
    "a peer that is IPv4 in IPv6": (
        XFF, ("::ffff:198.51.100.7", 40000), [], Source("198.51.100.7", 40000, "198.51.100.7", "peer", None),
    ),
    "a unix socket": (None, None, [], Source("unix", None, "unix", "peer", None)),
    "a unix socket that is trusted": (
        LOCAL, None, xff("203.0.113.9"), Source("203.0.113.9", None, "unix", "proxy", "203.0.113.9"),
    ),
    "a unix socket that is not": (XFF, None, xff("6.6.6.6"), Source("unix", None, "unix", "peer", "6.6.6.6")),
    "RFC 7239": (
        RFC, PROXY, rfc('for=6.6.6.6, For="[2001:db8::17]:4711";proto=https'),
        Source("2001:db8::17", 4711, "10.0.0.1", "proxy", 'for=6.6.6.6, For="[2001:db8::17]:4711";proto=https'),
    ),
    "RFC 7239, a token": (
        RFC, PROXY, rfc("for=203.0.113.9, for=_hidden"),
        Source("10.0.0.1", 5000, "10.0.0.1", "broken", "for=203.0.113.9, for=_hidden"),
    ),
    "RFC 7239, unknown": (
        RFC, PROXY, rfc("for=203.0.113.9, for=unknown, for=10.2.2.2"),
        Source("10.2.2.2", None, "10.0.0.1", "broken", "for=203.0.113.9, for=unknown, for=10.2.2.2"),
    ),
    "the header that is not configured": (
        RFC, PROXY, [*xff("6.6.6.6"), *rfc("for=203.0.113.9")],
        Source("203.0.113.9", None, "10.0.0.1", "proxy", "for=203.0.113.9"),
    ),
    "the header of a CDN": (
        CDN, EDGE, [*xff("6.6.6.6"), ("cf-connecting-ip", "203.0.113.9")],
        Source("203.0.113.9", None, "192.0.2.10", "proxy", "203.0.113.9"),
    ),
    "the header of a CDN, forged": (
        CDN, STRANGER, [("cf-connecting-ip", "6.6.6.6")],
        Source("198.51.100.7", 40000, "198.51.100.7", "peer", "6.6.6.6"),
    ),
    "ten thousand hops": (XFF, PROXY, xff(MANY), Source("10.1.1.1", None, "10.0.0.1", "broken", "..." + MANY[-509:])),
    "what moves a terminal": (
        XFF, PROXY, xff("\x1b[2J\x85\xe9, 203.0.113.9"),
        Source("203.0.113.9", None, "10.0.0.1", "proxy", "?[2J??, 203.0.113.9"),
    ),
}  # fmt: skip


def observed(door: Any, lines: Lines, proxies: Proxies | None, **options: Any) -> Exchange:
    recorder = Recorder()
    app = door.watch(ScriptedApp(), recorder, proxies=proxies)
    assert door.call(app, **{"headers": [("host", "x"), *lines], **options}).status == 200
    return recorder.exchange


@pytest.mark.parametrize("name", TABLE)
def test_where_a_request_came_from(door: Any, name: str) -> None:
    proxies, peer, lines, source = TABLE[name]
    exchange = observed(door, lines, proxies, peer=peer)
    found = source_of(exchange)
    if len(lines) > 1 and found.forwarded is not None and source.forwarded is not None:
        # WSGI joins lines without a space.
        found = found._replace(forwarded=found.forwarded.replace(", ", ","))
        source = source._replace(forwarded=source.forwarded.replace(", ", ","))
    assert found == source
    assert exchange.client in {found.ip, None} or peer[0].startswith("::ffff:"), "the door says the same"


# Servers and middlewares outside of Midwatch that have read the header first


@pytest.mark.parametrize(
    ("chain", "ip", "peer_ip", "trust"),
    [
        ("6.6.6.6, 203.0.113.9", "203.0.113.9", None, "proxy"),
        ("203.0.113.9", "203.0.113.9", None, "proxy"),
        (None, "10.0.0.1", "10.0.0.1", "peer"),
    ],
)
def test_uvicorn_has_overwritten_the_peer(chain: str | None, ip: str, peer_ip: str | None, trust: str) -> None:
    """Its peer is what a header said: that is told, and not passed off as the other end of the socket."""
    recorder = Recorder()
    app: Any = ProxyHeadersMiddleware(ASGIMiddleware(ScriptedApp().asgi, recorder), trusted_hosts=["10.0.0.1"])  # type: ignore[arg-type]
    call_asgi(app, peer=PROXY, headers=xff(chain) if chain else [])
    found = source_of(recorder.exchange)
    assert (found.ip, found.peer_ip, found.trust, found.forwarded) == (ip, peer_ip, trust, chain)


def test_a_stranger_of_uvicorn_stays_one() -> None:
    recorder = Recorder()
    app: Any = ProxyHeadersMiddleware(ASGIMiddleware(ScriptedApp().asgi, recorder), trusted_hosts=["10.0.0.1"])  # type: ignore[arg-type]
    call_asgi(app, peer=STRANGER, headers=xff("6.6.6.6"))
    assert source_of(recorder.exchange) == Source("198.51.100.7", 40000, "198.51.100.7", "peer", "6.6.6.6")


def test_proxy_fix_keeps_the_peer() -> None:
    recorder = Recorder()
    app = ProxyFix(WSGIMiddleware(ScriptedApp().wsgi, recorder))
    call_wsgi(app, peer=PROXY, headers=[("host", "x"), *xff("6.6.6.6, 203.0.113.9")])
    found = source_of(recorder.exchange)
    assert (found.ip, found.peer_ip, found.trust) == ("203.0.113.9", "10.0.0.1", "proxy")


# Whatever is sent


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=600), max_size=4),
    st.sampled_from([None, XFF, RFC]),
    st.sampled_from([PROXY, STRANGER, None, ("testclient", 50000)]),
)
def test_a_source_is_bounded_and_printable(door: Any, lines: list[str], proxies: Any, peer: Any) -> None:
    name = "forwarded" if proxies is RFC else "x-forwarded-for"
    clean = [(name, line.replace("\r", "").replace("\n", "")) for line in lines]
    found = source_of(observed(door, clean, proxies, peer=peer))
    assert found.trust in {"peer", "proxy", "broken"}
    if proxies is None or peer is not PROXY:
        assert (found.ip, found.trust) == (peer[0] if peer else "unix", "peer")
    else:
        assert found.ip == str(ip_address(found.ip))
    assert found.forwarded is None or (
        len(found.forwarded) <= 512 and found.forwarded.isascii() and found.forwarded.isprintable()
    )
    assert found.port is None or 0 < found.port < 65_536
