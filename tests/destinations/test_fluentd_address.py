"""URLs: what can be meant is accepted, anything else is told apart from it, and never with a secret."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.destinations import check_network
from midwatch.destinations.fluentd import check
from midwatch.destinations.fluentd.options import addresses_of, name_of

SECRET = "s3cr3t"


def parts(url: str) -> list[tuple[str, int]]:
    return [(address.host, address.port) for address in addresses_of(url)]


@pytest.mark.parametrize(
    ("url", "places"),
    [
        ("fluentd://logs", [("logs", 24224)]),
        ("fluentd://logs:24225/orders.web", [("logs", 24225)]),
        ("fluentd+tls://logs/", [("logs", 24224)]),
        ("fluentd://a,b:1,c", [("a", 24224), ("b", 1), ("c", 24224)]),
        ("fluentd://[::1]:1,[::2]/x", [("::1", 1), ("::2", 24224)]),
        ("fluentd://user:pass@a:1,b:2/x?shared_key=k", [("a", 1), ("b", 2)]),
        ("fluentd://user:p@ss,word@a,b?shared_key=k", [("a", 24224), ("b", 24224)]),
        ("fluentd+unix:/run/fluent.sock", [("", 0)]),
        ("fluentd+unix:///run/fluent.sock", [("", 0)]),
    ],
)
def test_servers(url: str, places: list[tuple[str, int]]) -> None:
    assert parts(url) == places
    check(url)
    check_network(url)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("fluentd://logs", "fluentd://logs"),
        ("fluentd://user:pass@logs:1/orders?shared_key=k", "fluentd://logs:1/orders"),
        ("fluentd://user:pass@a:1,b,[::1]:2/orders?shared_key=k", "fluentd://a:1,b,[::1]:2/orders"),
        ("fluentd+unix:/run/fluent.sock?tag=x", "fluentd+unix:/run/fluent.sock"),
    ],
)
def test_the_name_has_no_secrets(url: str, name: str) -> None:
    assert name_of(addresses_of(url)) == name


def options(url: str) -> dict[str, Any]:
    return addresses_of(url)[0].options


def test_what_is_not_said_is_as_usual() -> None:
    assert options("fluentd://a/x") == {"compression": "gzip", "ack": True, "timeout": 10.0, "prefix": "x"}
    local = {"compression": "none", "ack": False, "timeout": 10.0, "prefix": ""}
    assert options("fluentd+unix:/run/f") == local
    assert options("fluentd+unix:/run/f?ack=1&compression=gzip&tag=shop") == {
        **local, "ack": True, "compression": "gzip", "prefix": "shop",
    }  # fmt: skip


def test_credentials_are_decoded() -> None:
    (address,) = addresses_of("fluentd://ann%40x:p%3Ass@a?shared_key=a%26b+c")
    assert (address.user, address.password, address.options["shared_key"]) == ("ann@x", "p:ss", "a&b+c")


def test_key_is_short_for_shared_key() -> None:
    assert options("fluentd://a?key=k") == options("fluentd://a?shared_key=k")


def test_with_tls_key_is_the_file_that_belongs_to_a_cert() -> None:
    (address,) = addresses_of("fluentd+tls://a?cert=c.pem&key=k.pem&shared_key=s")
    assert address.tls is not None
    assert (address.tls.key, address.options["shared_key"]) == ("k.pem", "s")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("fluentd", "names no host"),
        ("fluentd:", "names no host"),
        ("fluentd://", "names no host; expected fluentd://host:24224/tag"),
        ("fluentd:///tag", "names no host"),
        ("fluentd://a,/tag", "names no host"),
        ("fluentd://a:0", "no port has the number 0"),
        ("fluentd://a:70000", "no such host or port"),
        (f"fluentd://user:{SECRET}", "no such host or port"),
        (f"fluentd://user:{SECRET}/x@a", "in a password, write"),
        (f"fluentd://user:@{SECRET}/x@a", "in a password, write"),
        ("fluentd://[::1", "no such host or port"),
        ("fluentd://a b", "write a space as %20"),
        ("fluentd://a#x", "no fragment"),
        ("forward://a", r"did you mean fluentd\?"),
        ("fluentds://a", r"did you mean fluentd\+tls\?"),
        ("fluentd+ssl://a", r"did you mean fluentd\+tls\?"),
        ("fluetd://a", r"did you mean fluentd\?"),
        ("http://a", r"known are fluentd, fluentd\+tls, fluentd\+unix"),
        ("fluentd://a?shared_kye=s3cr3t", r"did you mean shared_key\?"),
        ("fluentd://a?compress=gzip", r"did you mean compression\?"),
        ("fluentd://a?compression=gzp", r"expected gzip or none; did you mean gzip\?"),
        ("fluentd://a?ack=yes", "ack: expected 1 or 0"),
        ("fluentd://a?timeout=0", "timeout: expected seconds between"),
        ("fluentd://a?shared_key=", "it is empty"),
        ("fluentd://a?ca=x", "'ca' is no parameter"),
        ("fluentd://a?tag=x", "'tag' is no parameter"),
        (f"fluentd://a?key={SECRET}&shared_key={SECRET}", "short for shared_key"),
        (f"fluentd+tls://a?key={SECRET}", "a shared secret is shared_key"),
        (f"fluentd://ann:{SECRET}@a", "names a user; expected a shared_key too"),
        ("fluentd+unix:", "names no socket"),
        ("fluentd+unix:run/f", "names no socket"),
        ("fluentd+unix://run/f", r"did you mean fluentd\+unix:/run/f\?"),
        ("fluentd+unix:/run/", "names no socket"),
        ("fluentd+unix:/" + "x" * 200, "at most 107 bytes"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_a_secret(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        check(url)
    assert SECRET not in str(raised.value)


@given(st.text(max_size=60), st.sampled_from(["fluentd", "fluentd+tls", "fluentd+unix"]))
def test_any_text_is_accepted_or_refused(text: str, scheme: str) -> None:
    try:
        found = addresses_of(f"{scheme}:{text}")
    except ValueError:
        return
    assert all(address.host or address.path for address in found)


LETTERS = st.text("abcdefgh0123456789@:/?#&=,%[] ", max_size=12)
WRONG = st.sampled_from(["", ",other", ",b:99999", ":x", "?ack=2", "?nothing=1", "#x"])


def assert_hidden(url: str) -> None:
    try:
        told = name_of(addresses_of(url))
    except ValueError as error:
        told = str(error)
    assert "Z9Z9Z9" not in told


@given(LETTERS, LETTERS, WRONG)
def test_a_password_is_in_no_message(before: str, after: str, wrong: str) -> None:
    """Not even where its characters end what comes before the host."""
    assert_hidden(f"fluentd://ann:{before}Z9Z9Z9{after}@logs{wrong}")


@given(LETTERS.filter(lambda text: "&" not in text), LETTERS, WRONG)
def test_a_shared_key_is_in_no_message(before: str, after: str, wrong: str) -> None:
    assert_hidden(f"fluentd://logs{wrong}?shared_key={before}Z9Z9Z9{after}")
