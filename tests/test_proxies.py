"""The client's address behind proxies: what counts is what trusted networks wrote, read from the right."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from midwatch.proxies import LOCAL, Networks, Proxies, address_of
from midwatch.testing import Recorder, ScriptedApp, call_asgi

if TYPE_CHECKING:
    from midwatch import Exchange

PROXY = ("10.0.0.1", 5000)
TRUSTED = ["10.0.0.0/8", "fd00::/8"]


def observed(door: Any, lines: list[tuple[str, str]], proxies: Proxies | None, **options: Any) -> Exchange:
    recorder = Recorder()
    app = door.watch(ScriptedApp(), recorder, proxies=proxies)
    answer = door.call(app, **{"headers": [("host", "x"), *lines], "peer": PROXY, **options})
    assert answer.status == 200
    return recorder.exchange


CASES: dict[str, tuple[list[str], Any, str | None]] = {
    # what it shows: header lines, peer, client
    "no header": ([], PROXY, "10.0.0.1"),
    "one hop": (["203.0.113.9"], PROXY, "203.0.113.9"),
    "a stranger's own header": (["1.1.1.1"], ("198.51.100.7", 1), "198.51.100.7"),
    "a forged hop on the left": (["1.1.1.1, 203.0.113.9"], PROXY, "203.0.113.9"),
    "trusted hops are skipped": (["203.0.113.9, 10.1.1.1, 10.2.2.2"], PROXY, "203.0.113.9"),
    "a forged trusted hop": (["10.9.9.9, 203.0.113.9, 10.1.1.1"], PROXY, "203.0.113.9"),
    "all hops trusted": (["10.3.3.3, 10.2.2.2"], PROXY, "10.3.3.3"),
    "several lines are one list": (["1.1.1.1", "203.0.113.9", "10.1.1.1"], PROXY, "203.0.113.9"),
    "two lines, the last one counts": (["203.0.113.9", "198.51.100.1"], PROXY, "198.51.100.1"),
    "a port": (["203.0.113.9:4711"], PROXY, "203.0.113.9"),
    "white space": (["  203.0.113.9\t,\t10.1.1.1  "], PROXY, "203.0.113.9"),
    "IPv6": (["2001:db8::1"], PROXY, "2001:db8::1"),
    "IPv6 in brackets": (["[2001:db8::1]"], PROXY, "2001:db8::1"),
    "IPv6 in brackets with a port": (["[2001:db8::1]:443"], PROXY, "2001:db8::1"),
    "IPv6, long form": (["2001:0DB8:0:0:0:0:0:1"], PROXY, "2001:db8::1"),
    "IPv6 with a zone": (["fe80::1%eth0"], PROXY, "fe80::1"),
    "IPv6 with a zone in brackets": (["[fe80::1%25eth0]:80"], PROXY, "fe80::1"),
    "IPv4 in IPv6": (["::ffff:203.0.113.9"], PROXY, "203.0.113.9"),
    "trusted IPv4 in IPv6": (["203.0.113.9, ::ffff:10.1.1.1"], PROXY, "203.0.113.9"),
    "a trusted peer, IPv4 in IPv6": (["203.0.113.9"], ("::ffff:10.0.0.1", 1), "203.0.113.9"),
    "a trusted IPv6 peer": (["203.0.113.9"], ("fd00::1", 1), "203.0.113.9"),
    "an IPv6 stranger": (["203.0.113.9"], ("2001:db8::7", 1), "2001:db8::7"),
    "garbage stops the walk": (["203.0.113.9, garbage, 10.1.1.1"], PROXY, "10.1.1.1"),
    "garbage alone": (["garbage"], PROXY, "10.0.0.1"),
    "unknown": (["203.0.113.9, unknown"], PROXY, "10.0.0.1"),
    "an empty hop": (["203.0.113.9, , 10.1.1.1"], PROXY, "10.1.1.1"),
    "an empty header": ([""], PROXY, "10.0.0.1"),
    "a host name": (["client.example"], PROXY, "10.0.0.1"),
    "leading zeros": (["010.0.0.1"], PROXY, "10.0.0.1"),
    "a number": (["3405803785"], PROXY, "10.0.0.1"),
    "markup": (["<script>"], PROXY, "10.0.0.1"),
    "non-ASCII": (["203.0.113.\xb9"], PROXY, "10.0.0.1"),
    "a network": (["203.0.113.0/24"], PROXY, "10.0.0.1"),
    "10 000 trusted hops": ([", ".join(["203.0.113.9", *["10.1.1.1"] * 10_000])], PROXY, "10.1.1.1"),
    "10 000 hops in lines": (["10.1.1.1"] * 10_000, PROXY, "10.1.1.1"),
    "64 KiB of commas": (["," * 65_536], PROXY, "10.0.0.1"),
    "64 KiB of one hop": (["1" * 65_536], PROXY, "10.0.0.1"),
    "a unix socket that is not trusted": (["203.0.113.9"], None, None),
}


@pytest.mark.parametrize("name", CASES)
def test_x_forwarded_for(door: Any, name: str) -> None:
    lines, peer, client = CASES[name]
    exchange = observed(door, [("x-forwarded-for", line) for line in lines], Proxies(TRUSTED), peer=peer)
    assert exchange.client == client
    assert exchange.peer == peer
    assert exchange.client == client, "asked twice"


@pytest.mark.parametrize(
    ("lines", "client"), [(["203.0.113.9"], "203.0.113.9"), ([], None), (["1.1.1.1, 203.0.113.9"], "203.0.113.9")]
)
def test_a_trusted_unix_socket(door: Any, lines: list[str], client: str | None) -> None:
    """A peer without an address, as behind a local proxy."""
    proxies = Proxies(["unix", "10.0.0.0/8"])
    assert observed(door, [("x-forwarded-for", line) for line in lines], proxies, peer=None).client == client


FORWARDED: dict[str, tuple[list[str], str]] = {
    "plain": (["for=203.0.113.9"], "203.0.113.9"),
    "the name has no case": (["For=203.0.113.9;Proto=http"], "203.0.113.9"),
    "not the first parameter": (["by=10.1.1.1;for=203.0.113.9;host=x"], "203.0.113.9"),
    "quoted": (['for="203.0.113.9"'], "203.0.113.9"),
    "quoted with a port": (['for="203.0.113.9:4711"'], "203.0.113.9"),
    "IPv6": (['for="[2001:db8:cafe::17]:4711"'], "2001:db8:cafe::17"),
    "IPv6 without a port": (['for="[2001:db8:cafe::17]"'], "2001:db8:cafe::17"),
    "a list": (["for=1.1.1.1, for=203.0.113.9;by=10.1.1.1, for=10.2.2.2"], "203.0.113.9"),
    "lines": (["for=1.1.1.1", "for=203.0.113.9", "for=10.2.2.2"], "203.0.113.9"),
    "white space": (["for=203.0.113.9 , for = 10.2.2.2"], "203.0.113.9"),
    "unknown": (["for=203.0.113.9, for=unknown, for=10.2.2.2"], "10.2.2.2"),
    "obfuscated": (["for=203.0.113.9, for=_hidden"], "10.0.0.1"),
    "obfuscated port": (['for="203.0.113.9:_port"'], "203.0.113.9"),
    "no for": (["for=203.0.113.9, by=10.1.1.1"], "10.0.0.1"),
    "an open quote of a stranger": (['for="1.1.1.1, for=203.0.113.9'], "203.0.113.9"),
    "garbage": (["garbage"], "10.0.0.1"),
    "empty": ([""], "10.0.0.1"),
}


@pytest.mark.parametrize("header", ["forwarded", "Forwarded"])
@pytest.mark.parametrize("name", FORWARDED)
def test_forwarded(door: Any, name: str, header: str) -> None:
    """RFC 7239, where that is what the proxies write; the other header then counts for nothing."""
    lines, client = FORWARDED[name]
    sent = [("x-forwarded-for", "6.6.6.6"), *(("forwarded", line) for line in lines)]
    assert observed(door, sent, Proxies(TRUSTED, header)).client == client


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("forwarded", "for=6.6.6.6"),
        ("x-real-ip", "6.6.6.6"),
        ("cf-connecting-ip", "6.6.6.6"),
        ("true-client-ip", "6.6.6.6"),
        ("x-client-ip", "6.6.6.6"),
        ("x-forwarded-client-cert", "By=6.6.6.6"),
        ("via", "1.1 6.6.6.6"),
    ],
)
def test_other_headers_count_for_nothing(door: Any, name: str, value: str) -> None:
    """Only the one that is configured, never the first that exists."""
    assert observed(door, [(name, value)], Proxies(TRUSTED)).client == "10.0.0.1"


def test_without_proxies_there_is_only_the_peer(door: Any) -> None:
    sent = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-proto", "https")]
    exchange = observed(door, sent, None)
    assert (exchange.client, exchange.scheme) == ("10.0.0.1", "http")


def test_an_underscore_is_another_name() -> None:
    """
    CVE-2026-3902: a proxy strips `X-Forwarded-For` and lets `X_Forwarded_For` through.

    ASGI can tell the two apart. WSGI cannot: both are HTTP_X_FORWARDED_FOR, and the server has to drop the one with
    underscores, as gunicorn (from 22 on) and waitress do.
    """
    from midwatch import ASGIMiddleware

    recorder = Recorder()
    app = ASGIMiddleware(ScriptedApp().asgi, recorder, proxies=Proxies(TRUSTED))
    call_asgi(app, peer=PROXY, scope={"headers": [(b"x_forwarded_for", b"6.6.6.6"), (b"x_forwarded_proto", b"https")]})
    assert (recorder.exchange.client, recorder.exchange.scheme) == ("10.0.0.1", "http")
    assert recorder.exchange.direct


# Scheme


@pytest.mark.parametrize(
    ("sent", "peer", "scheme"),
    [
        ([], PROXY, "http"),
        ([("x-forwarded-proto", "https")], PROXY, "https"),
        ([("x-forwarded-proto", "HTTPS ")], PROXY, "https"),
        ([("x-forwarded-proto", "wss")], PROXY, "https"),
        ([("x-forwarded-proto", "ws")], PROXY, "http"),
        ([("x-forwarded-proto", "http, https")], PROXY, "https"),
        ([("x-forwarded-proto", "https, http")], PROXY, "http"),
        ([("x-forwarded-proto", "http"), ("x-forwarded-proto", "https")], PROXY, "https"),
        ([("x-forwarded-proto", "javascript")], PROXY, "http"),
        ([("x-forwarded-proto", "")], PROXY, "http"),
        ([("x-forwarded-proto", "https")], ("198.51.100.7", 1), "http"),
        ([("x-forwarded-proto", "https")], None, "http"),
        ([("forwarded", "proto=https")], PROXY, "http"),
    ],
)
def test_the_scheme_is_told_by_trusted_peers_alone(door: Any, sent: Any, peer: Any, scheme: str) -> None:
    assert observed(door, sent, Proxies(TRUSTED), peer=peer).scheme == scheme


@pytest.mark.parametrize(
    ("sent", "scheme"),
    [
        ([("forwarded", "for=1.1.1.1;proto=https")], "https"),
        ([("forwarded", 'Proto="HTTPS"')], "https"),
        ([("forwarded", "proto=https, for=1.1.1.1;proto=http")], "http"),
        ([("forwarded", "proto=https, for=1.1.1.1")], "http"),
        ([("x-forwarded-proto", "https")], "http"),
        ([("x-forwarded-proto", "https"), ("forwarded", "for=1.1.1.1")], "http"),
    ],
)
def test_the_scheme_by_forwarded(door: Any, sent: Any, scheme: str) -> None:
    """Never both headers: the proxies do not write the other one, so a stranger may have."""
    assert observed(door, sent, Proxies(TRUSTED, "forwarded")).scheme == scheme


@pytest.mark.parametrize(("told", "scheme"), [("https", "wss"), ("http", "ws"), ("wss", "wss"), ("x", "ws")])
def test_the_scheme_of_a_websocket(told: str, scheme: str) -> None:
    proxies = Proxies(TRUSTED)
    seen: list[str] = []
    from midwatch import ASGIMiddleware, Plugin

    class Look(Plugin):
        def on_request(self, exchange: Exchange) -> None:
            seen.append(exchange.scheme)

    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    headers = [(b"x-forwarded-proto", told.encode())]
    call_asgi(
        ASGIMiddleware(app, Look(), proxies=proxies),
        peer=PROXY,
        scope={"type": "websocket", "scheme": "ws", "headers": headers},
    )
    assert seen == [scheme]


# Who asks


@pytest.mark.parametrize(
    ("name", "direct"),
    [
        ("accept", True),
        ("x-forwarded-for", False),
        ("forwarded", False),
        ("x-forwarded-host", False),
        ("x-real-ip", False),
        ("via", False),
    ],
)
def test_direct(door: Any, name: str, direct: bool) -> None:
    """A header of any proxy, also an empty one, says that the peer is not the one who asks."""
    for value in ("x", ""):
        assert observed(door, [(name, value)], None).direct is direct


# Networks


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("172.31.255.255", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("169.254.1.1", False),
        ("8.8.8.8", False),
        ("::1", True),
        ("fd12::1", True),
        ("fe80::1%eth0", True),
        ("2001:db8::1", False),
        ("::ffff:10.1.2.3", True),
        ("::ffff:8.8.8.8", False),
        ("testclient", False),
        ("", False),
        (None, False),
    ],
)
def test_local_networks(address: str | None, local: bool) -> None:
    networks = Networks(LOCAL)
    for _ in range(2):
        assert (address in networks) is local


def test_unix_stands_for_peers_without_an_address() -> None:
    networks = Networks(["unix"])
    assert None in networks
    assert "" in networks
    assert "unix:/run/app.sock" in networks
    assert "127.0.0.1" not in networks


def test_no_network_is_nobody() -> None:
    assert "127.0.0.1" not in Networks([])
    assert None not in Networks([])


@pytest.mark.parametrize("network", ["", "x", "10.0.0.0/33", "10.0.0.1/8", "10.0.0", "*", "::/129"])
def test_what_is_no_network_stops_the_start(network: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Networks([network])


def test_a_hundred_thousand_addresses_are_not_kept() -> None:
    """What is known of peers is bounded; what is not kept is answered all the same."""
    networks = Networks(["10.0.0.0/8"])
    for number in range(5000):
        assert str(IPv4Address(0x0A000000 + number)) in networks
        assert str(IPv4Address(0x0B000000 + number)) not in networks
    assert len(networks._known) == 1024


@given(st.text(max_size=60) | st.text('0123456789abcdef.:[]%" \t', max_size=60))
@example("[")
@example("[]")
@example("%")
@example(":")
@example('"')
def test_any_hop_is_an_address_or_none(text: str) -> None:
    """Never an exception, and never a mapped address."""
    address = address_of(text)
    assert address is None or address == ip_address(str(address))
    assert not isinstance(address, IPv6Address) or address.ipv4_mapped is None


@given(st.ip_addresses(), st.integers(0, 65_535))
def test_every_spelling_of_an_address(address: Any, port: int) -> None:
    """With port, brackets, quotes and space it is the same one."""
    expected = getattr(address, "ipv4_mapped", None) or address
    plain = str(address)
    spellings = [plain, f" {plain}\t", f'"{plain}"', f"[{plain}]", f"[{plain}]:{port}", f'"[{plain}]:{port}"']
    if address.version == 4:
        spellings += [f"{plain}:{port}", f"::ffff:{plain}"]
    else:
        spellings += [f"{address.exploded}", f"{address.exploded.upper()}", f"{plain.partition('%')[0]}%eth0"]
    assert {address_of(spelling) for spelling in spellings} == {expected}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.ip_addresses(v=4).map(str) | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
        max_size=80,
    )
)
def test_no_stranger_is_believed(door: Any, hops: list[str]) -> None:
    """The client is the right-most hop that is not ours; what stands left of it changes nothing."""
    chain = ", ".join([*hops, "203.0.113.9", "10.1.1.1"])
    assert observed(door, [("x-forwarded-for", chain)], Proxies(TRUSTED)).client == "203.0.113.9"
