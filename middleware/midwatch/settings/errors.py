"""The section `errors`. What is said of a setting is said here, once."""

from collections.abc import Callable
from typing import Annotated, Any

from ..proxies import LOCAL
from . import kinds
from .addresses import error_destination, networks
from .kinds import list_of, one_of
from .named import function
from .section import Section, Setting

__all__ = ["ErrorSettings"]


class ErrorSettings(Section, frozen=True, kw_only=True):
    """Every unhandled exception once, with a fingerprint that groups it."""

    to: Annotated[
        tuple[str, ...],
        Setting(
            list_of(error_destination, 'destinations, as in "log" or "sentry://key@host/1"'),
            "Who is told. `log`: a line each. `sentry://key@host/project`: trackers that speak Sentry's protocol."
            " People, who are told and not flooded: `smtp://host/to@example.org`, `webhook+https://host/path` (JSON"
            " with a `text`, as Slack wants it), any URL of Apprise (`pip install midwatch[notify]`). Their parameters:"
            " `docs/errors.md`.",
            ["log", "sentry://key@bugs.example/1", "smtp://mail/ops@example.org"],
        ),
    ] = ("log",)
    respond: Annotated[
        str,
        Setting(
            one_of("framework", "problem+json", "server"),
            "Who answers for an unhandled exception. `framework`: its framework, else Midwatch with an RFC 9457 problem"
            " that carries the request id and no detail. `problem+json`: such a problem also in place of the"
            " framework's own page; handlers of the application still win. `server`: never Midwatch.",
            "problem+json",
        ),
    ] = "framework"
    fingerprint: Annotated[
        Callable[..., Any] | None,
        Setting(
            function('"module:callable" or a callable that takes (exception, route)', 2),
            "Groups exceptions in place of `v1`: takes the exception and its route, returns text, or None for `v1`.",
            "orders.errors:group",
        ),
    ] = None
    threads: Annotated[
        bool,
        Setting(kinds.flag, "Whether exceptions that end a thread are reported too (`threading.excepthook`).", True),
    ] = False
    path: Annotated[
        str | None,
        Setting(
            kinds.path_or_off,
            "Where counts and the latest occurrence of each fingerprint are served. False for nowhere.",
            "/internal/errors",
        ),
    ] = "/errors"
    allow: Annotated[
        tuple[str, ...],
        Setting(
            networks,
            "Direct peers that may read them; for others, and for requests that carry a forwarding header, the path"
            " does not exist. By default loopback and private networks.",
            ["10.0.0.0/8"],
        ),
    ] = LOCAL
    quiet: Annotated[
        float,
        Setting(
            kinds.seconds_of_a_week,
            "Seconds of silence after which people are told of a fingerprint again, as of a new one.",
            3600,
        ),
    ] = 86_400.0
    window: Annotated[
        float,
        Setting(
            kinds.seconds_of_a_week,
            "Seconds after which one digest tells people what has occurred besides.",
            900,
        ),
    ] = 600.0
    cap: Annotated[
        int,
        Setting(kinds.count, "Most notices to people in an hour; then one says how many there were besides.", 30),
    ] = 20
