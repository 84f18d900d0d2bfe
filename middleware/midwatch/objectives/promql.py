"""Questions to Prometheus about our requests, under both sets of names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from prometheus_client import utils

from .objective import NEITHER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .objective import Objective

__all__ = ["CLASSIC", "OTEL", "Names", "error_ratio", "matcher", "objective_error", "spelled"]


UNTOLD: Final = "|".join(NEITHER)


class Names(NamedTuple):
    """
    What our figures are called.

    Attributes:
        duration: Histogram of seconds.
        requests: Counter of requests.
        method, route: Labels of both.
        sound, failed: What tells requests without an error in `requests` from those with one.
        answered: What leaves out clients who left.
        split: Whether `duration` tells errors apart, too.
        bounds: Upper bounds of `duration`, seconds; None for those of `metrics.buckets`.
    """

    duration: str
    requests: str
    method: str
    route: str
    sound: str
    failed: str
    answered: str
    split: bool
    bounds: tuple[float, ...] | None


OTEL: Final = Names(
    duration="http_server_request_duration_seconds",
    requests="http_server_request_duration_seconds_count",
    method="http_request_method",
    route="http_route",
    sound='error_type=""',
    failed=f'error_type!~"|{UNTOLD}"',
    answered=f'error_type!~"{UNTOLD}"',
    split=True,
    bounds=None,
)

CLASSIC: Final = Names(
    duration="http_request_duration_seconds",
    requests="http_requests_total",
    method="method",
    route="handler",
    sound='status!~"5.*|overflow"',
    failed='status=~"5.*"',
    answered='status!="overflow"',
    split=False,
    bounds=(0.1, 0.5, 1.0),
)


def spelled(names: str) -> Names:
    """The names that are called `otel` or `classic` in `metrics.names`."""
    return CLASSIC if names == "classic" else OTEL


def objective_error(objective: Objective, names: Names, window: str, job: str, besides: Sequence[str]) -> str:
    """The share of bad requests of *objective* in *window*; nothing where there were none at all."""
    chosen = [[job, *matchers] for matchers in _matchers(objective, names, besides)]
    total = _sum(names.requests, chosen, names.answered, window)
    good = _sum(names.requests, chosen, names.sound, window)
    if objective.within is not None:
        le = matcher("le", _as_bound(objective.within))
        if names.split:
            good = _sum(f"{names.duration}_bucket", chosen, f"{names.sound},{le}", window)
        else:
            # An error may be slow as well; then it is counted twice rather than as good.
            fast = _sum(f"{names.duration}_bucket", chosen, le, window)
            failed = _sum(names.requests, chosen, names.failed, window)
            good = f"clamp_min(\n{_indented(fast)}\n  - (\n{_indented(_indented(failed))} or vector(0)\n  ),\n  0\n)"
    return f"1 - (\n{_indented(good)} or vector(0)\n)\n/ {total}"


def error_ratio(names: Names, window: str, job: str, besides: Sequence[str]) -> str:
    """The share of all requests but *besides* that ended with an error, by job."""
    chosen = [[job, *_besides(names, besides)]]
    failed = _sum(names.requests, chosen, names.failed, window, " by (job) ")
    return f"{failed}\n/ {_sum(names.requests, chosen, names.answered, window, ' by (job) ')}"


def matcher(label: str, value: str, how: str = "=") -> str:
    """`label="value"`, whatever *value* holds; nothing for an empty one."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{label}{how}"{escaped}"' if value else ""


def _sum(metric: str, chosen: Iterable[Sequence[str]], more: str, window: str, by: str = "") -> str:
    """
    The rate of all series that any of some lists of matchers chooses.

    `or` takes a series once, even if several choose it.
    """
    rates = []
    for matchers in chosen:
        inner = ",".join(text for text in (*matchers, more) if text)
        rates.append(f"rate({metric}{{{inner}}}[{window}])" if inner else f"rate({metric}[{window}])")
    if len(rates) == 1:
        return f"sum{by}({rates[0]})"
    either = "\nor ".join(rates)
    return f"sum{by}(\n{_indented(either)}\n)"


def _indented(expression: str) -> str:
    return "\n".join(f"  {line}" for line in expression.split("\n"))


def _matchers(objective: Objective, names: Names, besides: Sequence[str]) -> Iterator[list[str]]:
    """Lists of matchers, one for each method that the routes name."""
    if not objective.match:
        yield _besides(names, besides)
        return
    by_method: dict[str, list[str]] = {}
    for route in objective.match:
        method, _, path = route.rpartition(" ")
        by_method.setdefault(method.strip(), []).append(path)
    for method, paths in by_method.items():
        plain = len(paths) == 1 and not _wild.search(paths[0])
        route = matcher(names.route, paths[0]) if plain else matcher(names.route, "|".join(map(_regex, paths)), "=~")
        yield [text for text in (matcher(names.method, method), route) if text]


def _besides(names: Names, routes: Sequence[str]) -> list[str]:
    paths = [_regex(route.rpartition(" ")[2]) for route in routes]
    return [matcher(names.route, "|".join(paths), "!~")] if paths else []


_wild: Final = re.compile(r"(\*|\{[^{}/]*:path\}|<path:[^<>/]*>)|\{[^{}/]*\}|<[^<>/]*>")
"""As `midwatch.routes` reads them; the group is for those that take slashes."""

_as_bound: Callable[[float], str] = utils.floatToGoString

_special: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")


def _regex(template: str) -> str:
    """*template* in RE2, which knows no atomic groups and refuses needless backslashes."""
    parts, end = [], 0
    for found in _wild.finditer(template):
        parts += [_special.sub(r"\\\g<0>", template[end : found.start()]), ".*" if found[1] else "[^/]+"]
        end = found.end()
    return "".join(parts) + _special.sub(r"\\\g<0>", template[end:])
