"""Texts that stand for checks, and those that do not."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.health.builtin import BuiltIn, builtin, described, known

SECRET = "c4n4ry"


@pytest.mark.parametrize(
    "spec",
    [
        "tcp://db:5432", "tcp://[::1]:5432", "http://a.example", "https://a.example:8443/x?y=z#status=204",
        "dns://a.example", "tls://a.example", "redis://cache", "rediss://u:p@cache:6380/3", "sqlite:///orders.db",
        "sqlite+aiosqlite:////var/lib/orders.db", "postgresql://u:p@db/x", "postgresql+psycopg://u:p@db/x#timeout=1",
        "disk:/", "disk:/var?warn=80&fail=99", "memory", "memory?warn=80", "fds", "loop?warn=0.1", "threads",
        "deliveries?pending=5", "audit",
    ],
)  # fmt: skip
def test_these_are_ours(spec: str) -> None:
    assert known(spec)
    assert isinstance(builtin(spec), BuiltIn)


@pytest.mark.parametrize("spec", ["orders.health:database", "orders:check", "redis:ping", "disk:room", "orders.health"])
def test_these_are_not(spec: str) -> None:
    assert not known(spec)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("memroy", "'memroy' is no built-in check; did you mean 'memory'?"),
        ("postgres://u:c4n4ry@db/x", "'postgres' is no built-in check; did you mean 'postgresql'?"),
        ("valkey://cache", "did you mean 'redis'?"),
        ("ftp://u:c4n4ry@db/x", "did you mean 'tcp'?"),
        ("redis://u:c4n@ry@cache", '"@" is %40'),
        ("redis://u:p/c4n4ry@cache", '"@" is %40'),
        ("c4n4ry@db://x", "this is no built-in check; known are tcp, "),
        ("tcp+tls://db:1", "'tcp+tls' is no built-in check"),
        ("tcp://db", "tcp://db:5432"),
        ("tcp://u:c4n4ry@db", "tcp://db:5432"),
        ("tcp://db:0", "tcp://db:5432"),
        ("tcp://db:c4n4ry", "no such host or port"),
        ("tcp://db:5432?timout=1", "'timout' is no parameter; did you mean timeout?"),
        ("tcp://db:5432?timeout=soon", "timeout: expected seconds between 0.001 and 600"),
        ("tcp://db:5432?scope=global", "scope: expected local, shared or external"),
        ("http:///x", "http://host:port/path"),
        ("http://u:c4n4ry/x", "http://host:port/path"),
        ("http://db/#status=fine", "status: expected a status such as 204"),
        ("http://db/#stauts=204", "did you mean status?"),
        ("dns://db:53", "dns://db.example.org"),
        ("tls://", "tls://www.example.org:443"),
        ("tls://db?ca=/nowhere.pem", "/nowhere.pem"),
        ("redis://u:c4n4ry@cache/zero", "redis://user:password@host:6379/0"),
        ("redis:///0", "redis://user:password@host:6379/0"),
        ("sqlite://", "sqlite:////var"),
        ("sqlite:///:memory:", "sqlite:////var"),
        ("disk", "disk:/path"),
        ("disk:var", "disk:/var/lib"),
        ("disk://host/var", "disk:/var/lib"),
        ("disk:/?warn=101", "warn: expected percent between 0 and 100"),
        ("memory:/", "expected memory?warn=90"),
        ("memory?wran=9", "did you mean warn?"),
        ("loop?warn=never", "warn: expected seconds"),
        ("postgresql+nodriver://u:c4n4ry@db/x", "knows no such dialect"),
        ("oracle+oracledb://u:c4n4ry@db/x", "needs the driver oracledb"),
        ("postgresql://u:c4n4ry@db:port/x", "not a URL; write postgresql://user:password@host/database"),
        ("postgresql://u:p@db/x#timout=1", "did you mean timeout?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_without_credentials(spec: str, told: str) -> None:
    with pytest.raises(ValueError) as error:
        builtin(spec)
    assert told in str(error.value)
    assert SECRET not in str(error.value)
    assert error.value.__suppress_context__ or error.value.__context__ is None


SCHEMES = ("tcp", "http", "https", "dns", "tls", "redis", "rediss", "postgresql+psycopg", "mysql", "ftp")


@settings(deadline=None)
@given(
    st.sampled_from(SCHEMES),
    st.sampled_from(("", "u", "12", "u:", "u:12")),
    st.sampled_from(("@", "/", "?", "#", ":", "%", " ", "[", "\n")),
    st.sampled_from(("host", "host:12", "[::1]:12", "")),
    st.sampled_from(("", "/", "/0", "?timeout=1", "#timeout=1", "#x", "?x")),
)
def test_no_password_however_it_is_spelled_gets_out(scheme: str, user: str, mark: str, host: str, behind: str) -> None:
    spec = f"{scheme}://{user}:{mark}{SECRET}{mark}@{host}{behind}"
    shown = ""
    try:
        shown = repr(builtin(spec))
    except ValueError as error:
        shown = f"{error} {error.__cause__}"
    assert SECRET not in shown


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_check_or_an_error_of_value(text: str) -> None:
    for spec in (text, f"tcp://{text}", f"http://{text}", f"redis://{text}", f"disk:{text}", f"memory?{text}"):
        assert known(spec) in {True, False}
        with contextlib.suppress(ValueError):
            builtin(spec)


def test_the_scope_can_be_said() -> None:
    assert builtin("tcp://db:5432").scope == "shared"
    assert builtin("tcp://db:5432?scope=local").scope == "local"
    assert builtin("http://pay.example/#scope=external").scope == "external"
    assert builtin("postgresql://db/x#scope=external").scope == "external"
    assert builtin("memory").scope == "local"


def test_what_is_late_or_lost_takes_nothing_out_of_traffic() -> None:
    assert [builtin(spec).gate for spec in ("loop", "threads", "deliveries")] == [False] * 3
    assert builtin("disk:/").gate is None


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("disk:/?warn=99&fail=90", "warn=99 is above fail=90: it would never warn"),
        ("disk:/?warn=99", "warn=99 is above fail=98, the default: it would never warn"),
        ("fds?warn=99", "warn=99 is above fail=95, the default: it would never warn"),
        ("loop?warn=3", "warn=3 is above fail=2, the default: it would never warn"),
        ("memory?warn=99&fail=90", "warn=99 is above fail=90: it would never warn"),
        ("tls://host:443?warn=1&fail=2", "warn=1 is below fail=2: it would never warn"),
    ],
)
def test_levels_that_would_never_warn_are_refused(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        builtin(spec)


@pytest.mark.parametrize("spec", ["disk:/?fail=80", "fds?warn=50&fail=50", "loop?fail=0.1", "tls://host:443?fail=30"])
def test_what_fails_earlier_than_it_would_warn_by_default_only_fails(spec: str) -> None:
    assert repr(builtin(spec)).endswith(spec.partition("?")[2])


def test_each_form_that_is_described_is_one() -> None:
    forms = [form for form, meaning in described() if meaning]
    assert len(forms) == 20
    for form in forms:
        assert known(form)
        if not form.startswith(("mysql", "mariadb", "oracle", "mssql")):  # their drivers are not installed
            builtin(form.replace("host:port", "host:1"))
