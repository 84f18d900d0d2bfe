"""All built-in checks: which text stands for which. A module is imported where a setting asks for it."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from ...nearest import suggested

if TYPE_CHECKING:
    from .kind import BuiltIn

__all__ = ["builtin", "described", "known"]


class _Kind(NamedTuple):
    module: str
    form: str
    meaning: str


KINDS: Final = {
    "tcp": _Kind("tcp", "tcp://host:port", "something listens"),
    "http": _Kind("http", "http://host/path#status=204", "a GET is answered with 2xx or 3xx, or with that status"),
    "https": _Kind("http", "https://host/path#status=204", "the same over TLS, with a certificate that is trusted"),
    "dns": _Kind("dns", "dns://name", "the name has an address"),
    "tls": _Kind("tls", "tls://host:port?warn=14&fail=0", "the certificate is trusted, and for more than so many days"),
    "redis": _Kind("redis", "redis://user:password@host:port/0", "a Redis or Valkey server answers to PING"),
    "rediss": _Kind("redis", "rediss://user:password@host:port/0", "the same over TLS"),
    "sqlite": _Kind("sqlite", "sqlite:////path", "the file is there, and a database that can be read"),
    "postgresql": _Kind(
        "sql", "postgresql+psycopg://user:password@host/database", "SELECT 1 is answered (needs SQLAlchemy)"
    ),
    "mysql": _Kind("sql", "mysql+pymysql://user:password@host/database", "the same"),
    "mariadb": _Kind("sql", "mariadb+pymysql://user:password@host/database", "the same"),
    "oracle": _Kind("sql", "oracle+oracledb://user:password@host/database", "the same"),
    "mssql": _Kind("sql", "mssql+pymssql://user:password@host/database", "the same"),
    "disk": _Kind("disk", "disk:/path?warn=90&fail=98", "less than so many percent of space and inodes are used"),
    "memory": _Kind(
        "memory", "memory?warn=90", "less than so many percent of the container's, or the machine's, memory are used"
    ),
    "fds": _Kind("fds", "fds?warn=80&fail=95", "less than so many percent of this process's descriptors are open"),
    "loop": _Kind("loop", "loop?warn=0.25&fail=2", "the event loop is late by less than so many seconds"),
    "threads": _Kind("threads", "threads", "warns when all threads of the pool are busy and calls wait"),
    "deliveries": _Kind(
        "deliveries",
        "deliveries?pending=10000",
        "warns when spans, lines, errors or events of ours are lost, wait in such numbers, or a destination fails",
    ),
    "audit": _Kind("audit", "audit", "the store of the audit trail takes events"),
}

WORDS: Final = frozenset({"memory", "fds", "loop", "threads", "deliveries", "audit"})

OTHERWISE: Final = {"postgres": "postgresql", "valkey": "redis", "valkeys": "rediss", "file": "disk", "ssl": "tls"}
"""What people write, and what they mean."""

_authority: Final = re.compile(r"[^/?#]*").match


def known(spec: str) -> bool:
    """Whether *spec* is meant to be one of ours rather than `module:callable`; `builtin` says what is wrong with it."""
    if "://" in spec:
        return True
    name, colon, rest = spec.partition("?")[0].partition(":")
    return (name == "disk" and rest.startswith("/")) if colon else "." not in name


def builtin(spec: str) -> BuiltIn:
    """
    The check that *spec* stands for (see `described`); called without arguments it says what it finds.

    `scope=local`, `shared` or `external` among the parameters says whose fault a failure is, `timeout=1.5` how many
    seconds a look at the network may take. Parameters are the query; of URLs whose query has a meaning of its own
    (those of HTTP and SQL) they are the fragment.

    Raises:
        ValueError: it cannot be meant, or needs what is not installed; says what to write, without credentials.
    """
    name, colon, rest = spec.partition("?")[0].partition(":")
    kind = KINDS.get(name.lower().partition("+")[0])
    if kind is None or (kind.module != "sql" and "+" in name and kind.module != "sqlite"):
        raise ValueError(f"{_word(name)} is no built-in check{_meant(name)}")
    if (name in WORDS) == bool(colon) or (colon and name != "disk" and not rest.startswith("//")):
        raise ValueError(f"{name}: expected {kind.form}")
    authority, behind = _parts(spec.partition("://")[2])
    if authority.count("@") > 1 or ("@" in behind and set(authority) & set(":@")):
        # What stands there may be of a password, and libraries differ in where one ends.
        raise ValueError(f'{name}: but for the one before the host, "@" is %40; in a password "/?#" are %2F, %3F, %23')
    check: BuiltIn = import_module(f".{kind.module}", __package__).made(spec)
    return check


def described() -> list[tuple[str, str]]:
    """How each is written, and when it passes."""
    return [(kind.form, kind.meaning) for kind in KINDS.values()]


def _parts(rest: str) -> tuple[str, str]:
    """What names a server, and what is behind it."""
    found = _authority(rest)
    end = found.end() if found else 0
    return rest[:end], rest[end:]


def _word(name: str) -> str:
    return repr(name[:20]) if name.replace("+", "").isalnum() else "this"


def _meant(name: str) -> str:
    meant = OTHERWISE.get(name.lower())
    return f"; did you mean {meant!r}?" if meant else suggested(name, KINDS) or f"; known are {', '.join(KINDS)}"
