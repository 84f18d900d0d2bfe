"""`tls`: certificates that are good, run out, or are somebody else's."""

from __future__ import annotations

import threading

import pytest

from midwatch.health.builtin import builtin

from .conftest import look
from .peers import Authority, passes_slowly, serving, silent


def said(authority: Authority, days: float, more: str = "", **options: float) -> tuple[str, str | None]:
    with serving(silent, authority.context(days, **options)) as port:  # type: ignore[arg-type]
        found = look(f"tls://localhost:{port}?ca={authority.ca}{more}")
    return found.status, found.output


def test_a_certificate_that_is_valid_for_long(authority: Authority) -> None:
    with serving(silent, authority.context(90)) as port:
        found = look(f"tls://127.0.0.1:{port}?ca={authority.ca}")
    assert found.status == "pass"
    assert found.output is None
    assert isinstance(found.observed, float)
    assert 89 < found.observed <= 90
    assert found.unit == "days"


@pytest.mark.parametrize(
    ("days", "more", "status"),
    [(13, "", "warn"), (13, "&warn=7", "pass"), (5, "&fail=6", "fail"), (15, "", "pass")],
)
def test_one_that_runs_out(authority: Authority, days: float, more: str, status: str) -> None:
    assert said(authority, days, more)[0] == status


def test_the_warning_says_when(authority: Authority) -> None:
    assert said(authority, 3.5)[1] == "the certificate expires in 3.5 days"


def test_one_that_has_run_out(authority: Authority) -> None:
    assert said(authority, -1) == ("fail", "the certificate is not trusted: certificate has expired")


def test_one_that_is_not_valid_yet(authority: Authority) -> None:
    assert said(authority, 40, since=1) == ("fail", "the certificate is not trusted: certificate is not yet valid")


def test_one_for_another_name_and_the_name_is_not_said(authority: Authority) -> None:
    with serving(silent, authority.context(30, "other.example")) as port:
        place = f"tls://localhost:{port}?ca={authority.ca}"
        found = look(place)
        assert look(f"{place}&servername=other.example").status == "pass"
    assert (found.status, found.output) == ("fail", "the certificate is for another name")


def test_one_that_nobody_known_signed(authority: Authority) -> None:
    with serving(silent, authority.context(30)) as port:
        found = look(f"tls://localhost:{port}")
    assert found.status == "fail"
    assert found.output is not None
    assert found.output.startswith("the certificate is not trusted: ")


def test_a_server_without_tls() -> None:
    with serving(lambda connection: connection.sendall(b"220 mail ESMTP\r\n")) as port:
        found = look(f"tls://localhost:{port}")
    assert found.status == "fail"
    assert found.output is not None
    assert found.output.startswith("TLS: ")


def test_a_server_that_accepts_and_says_nothing() -> None:
    with serving(silent) as port:
        assert look(f"tls://localhost:{port}?timeout=0.1").output == "timed out"


@pytest.mark.parametrize("kind", ["tls://localhost:{}?", "rediss://localhost:{}?", "https://localhost:{}/#"])
def test_a_handshake_that_trickles_ends_in_time(authority: Authority, stopped: threading.Event, kind: str) -> None:
    with (
        serving(silent, authority.context(30)) as behind,
        serving(passes_slowly(behind, stopped)) as port,
    ):
        assert look(f"{kind.format(port)}ca={authority.ca}&timeout=0.2").output == "timed out"
        stopped.set()


@pytest.mark.parametrize("kind", ["tls://a.example?", "https://a.example/#", "rediss://a.example?"])
@pytest.mark.parametrize("name", ["", ".x", "a..b", "a" * 70, "%00"])
def test_a_name_that_cannot_be_one(kind: str, name: str) -> None:
    with pytest.raises(ValueError, match="no host can have such a name"):
        builtin(f"{kind}servername={name}")


@pytest.mark.parametrize("kind", ["tls", "https", "rediss", "tcp", "dns"])
def test_a_host_that_cannot_be_one(kind: str) -> None:
    assert look(f"{kind}://a..b{':1' if kind == 'tcp' else ''}").status == "fail"
