"""URLs of ways to people: what they mean, and what is said of those that cannot be meant."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from midwatch.destinations.address import AddressError
from midwatch.errors.destinations.people import check, is_for_people, people_to
from midwatch.errors.destinations.people.mail import _target

from .people_double import SERVICE


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail/ops@example.org",
        "SMTP://mail/ops@example.org",
        "smtp://[::1]:2525/ops@example.org,b@example.org?from=me@example.org&timeout=5",
        "smtp://me:pass@mail/ops@example.org?starttls=required&ca=/nowhere.pem",
        "smtps://mail/ops%2Bx@example.org",
        "webhook+https://hooks.example/services/T/B/x?y=z",
        "webhook+http://127.0.0.1:8080/",
        "slack://a/b/c",
        "mailto://user:pass@example.org",
        "apprise+json://localhost",
    ],
)
def test_urls_that_are_taken(url: str) -> None:
    """Nothing is opened to find out."""
    assert is_for_people(url)
    check(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("smpt://mail/ops@example.org", "'smpt' is no scheme of a way to people; did you mean smtp?"),
        ("webhook://hooks.example/x", "'webhook' is no scheme of a way to people; did you mean webhook+https?"),
        ("https://hooks.example/SECRET", "'https' is no scheme of a way to people; did you mean webhook+https?"),
        ("slak://SECRET", "'slak' is no scheme of a way to people; did you mean slack?"),
        ("telegram://SECRET", "'telegram' is no scheme of a way to people; did you mean tgram?"),
        (
            "pigeon://SECRET",
            (
                "'pigeon' is no scheme of a way to people; known are smtp, smtps, webhook+https, webhook+http,"
                " and those of Apprise"
            ),
        ),
        ("hooks.example/SECRET", "expected a URL, as in smtp://host/to@example.org"),
        ("smtp:SECRET", "expected a URL, as in smtp://host/to@example.org"),
        ("smtp://mail", "smtp://mail: expected mail addresses, as in smtp://host/to@example.org"),
        ("smtp://mail/ops", "smtp://mail/ops: expected mail addresses, as in smtp://host/to@example.org"),
        ("smtp://mail/a@b,,c@d", "smtp://mail/a@b,,c@d: expected mail addresses, as in smtp://host/to@example.org"),
        ("smtp://mail/a%0Ab@c", "smtp://mail/a%0Ab@c: expected mail addresses, as in smtp://host/to@example.org"),
        ("smtp:///ops@example.org", "smtp:/ops@example.org: names no host; expected smtp://host/to@example.org"),
        ("smtp://mail:0/a@b", "smtp://mail:0/a@b: no port has the number 0"),
        ("smtp://me:SECRET@mail:x/a@b", "smtp: no such host or port"),
        ("smtp://me@mail/a@b", "smtp://mail/a@b: expected a user and a password, or none of them"),
        ("smtp://me:SECR%C3%89T@mail/a@b", "smtp://mail/a@b: user and password: expected ASCII, as SMTP knows it"),
        ("smtp://mail/a@b?form=c@d", "smtp://mail/a@b: 'form' is no parameter; did you mean from?"),
        ("smtp://mail/a@b?from=c", "smtp://mail/a@b: from: expected a mail address"),
        ("smtp://mail/a@b?starttls=1", "smtp://mail/a@b: starttls: expected required or no"),
        ("smtp://mail/a@b?timeout=0", "smtp://mail/a@b: timeout: expected seconds between 0.001 and 600"),
        ("smtp://mail/a@b?key=/k", "smtp://mail/a@b: key: expected a cert that it belongs to"),
        ("webhook+https://", "webhook+https: expected webhook+https://host/path"),
        ("webhook+https://h:SECRET/x", "webhook+https: expected webhook+https://host/path"),
        ("webhook+https://h/SECRET x", "webhook+https: expected webhook+https://host/path"),
        ("webhook+https://u:SECRET@h/SECRET#x", 'webhook+https://h: an address has no fragment; write "#" as %23'),
        ("slack://", "slack: a URL of Apprise says more"),
        ("slack://SECRET x", "slack: holds what no URL does; write a space as %20"),
    ],
)
def test_urls_that_are_refused(url: str, message: str) -> None:
    """What is wrong, what was probably meant, and no secrets."""
    with pytest.raises(ValueError) as caught:
        check(url)
    assert str(caught.value) == message
    with pytest.raises(ValueError):
        people_to([url], SERVICE)


def test_starttls_is_no_parameter_of_smtps() -> None:
    """It is TLS from the start."""
    with pytest.raises(ValueError, match="'starttls' is no parameter"):
        check("smtps://mail/a@b?starttls=no")


@pytest.mark.parametrize(
    ("url", "port", "name"),
    [
        ("smtp://mail/a@b", 25, "smtp://mail/a@b"),
        ("smtp://me:SECRET@mail/a@b", 587, "smtp://mail/a@b"),
        ("smtp://me:SECRET@mail:2525/a@b", 2525, "smtp://mail:2525/a@b"),
        ("smtps://me:SECRET@mail/a@b", 465, "smtps://mail/a@b"),
    ],
)
def test_ports_of_mail(url: str, port: int, name: str) -> None:
    """As is usual; what is shown has no password."""
    target = _target(url)
    assert (target.address.port, target.address.name) == (port, name)


def test_files_of_tls_that_cannot_be_read() -> None:
    """Stop the start, not the check, which opens nothing."""
    url = "smtps://mail/a@b?ca=/nowhere.pem"
    check(url)
    with pytest.raises(ValueError, match=r"ca=/nowhere\.pem"):
        people_to([url], SERVICE)


SCHEMES = st.sampled_from(
    ["smtp://", "smtps://", "webhook+https://", "webhook+http://", "slack://", "apprise+x://", ""]
)


def refusal(url: str) -> str:
    """What is said of *url*; nothing if it is taken."""
    try:
        check(url)
    except AddressError as error:
        return str(error)
    return ""


@given(SCHEMES, st.text(st.characters(), max_size=60))
@example("smtp://", "[/a@b")
@example("smtp://", "mail/a@b?from=\ud800@b")
@example("webhook+https://", "[::1/")
def test_any_url(scheme: str, rest: str) -> None:
    """Is taken or refused, on one line."""
    assert "\n" not in refusal(scheme + rest)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20), st.sampled_from("@:/?#"))
def test_a_password_is_in_no_message(password: str, mark: str) -> None:
    """Whatever is wrong with the URL that it is in."""
    secret = "zq" + "".join(character for character in password if character not in "@/?#:[]") + "qz"
    urls = (f"smtp://me:{secret}{mark}mail/a@b", f"webhook+https://me:{secret}{mark}h/x", f"slack://{secret}{mark}x")
    assert not any(secret in refusal(url) for url in urls)
