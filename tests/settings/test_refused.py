"""Wrong settings: one line for each that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from midwatch.settings import SettingsError, load
from midwatch.testing import Recorder

recorder = Recorder()


PLACE = (
    'trace.to[0]: expected "otlp://host:4318", "zipkin://host:9411", "file:///path", "console", "memory",'
    " a callable or a SpanExporter, got "
)


LOG = (
    "access_logs, body_bytes, fields, keep, level, probes, project, propagate, query, request_headers,"
    " response_headers, root, routes, spill, spill_bytes, to"
)

LINES = (
    '"stdout", "stderr", "file:///path", "syslog+tls://host:6514" (also udp, tcp, unix)'
    ' or "fluentd://host:24224" (also fluentd+tls)'
)


def check() -> None: ...


def check_of(name: str) -> None: ...


async def asynchronous(span: object) -> None: ...


def problem(settings: Any) -> str:
    """The only problem of *settings*, in one line."""
    with pytest.raises(SettingsError) as caught:
        load(settings)
    (only,) = caught.value.problems
    return str(only)


CHECK = 'expected "module:callable", a callable, or a check of ours such as "tcp://host:5432" or "disk:/data"'


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (5, "settings: expected a dict of settings, got 5"),
        ({"log": {"feilds": "otel"}},
         f'log.feilds: unknown setting, did you mean "fields"? known: {LOG}'),
        ({"errors": {"zzz": 1}},
         "errors.zzz: unknown setting; known: allow, cap, fingerprint, path, quiet, respond, threads, to, window"),
        ({"buckets": [1]}, ('buckets: unknown setting, did you mean "metrics.buckets"? known: audit, errors,'
         " forwarded_header, health, log, metrics, plugins, redact, service, trace, trusted_proxies")),
        ({"metrics": {"path": 5}}, 'metrics.path: expected a path that starts with "/" or False, got 5'),
        ({"metrics": {"path": "metrics"}},
         'metrics.path: expected a path that starts with "/" or False, got "metrics", did you mean "/metrics"?'),
        ({"health": {"path": "/"}},
         'health.path: expected a path that starts with "/", got "/", it would take the root from the application'),
        ({"health": {"path": "/health/"}},
         'health.path: expected a path that starts with "/", got "/health/", did you mean "/health"?'),
        ({"health": {"path": "/a?b=c"}}, 'health.path: expected a path that starts with "/", got "/a?b=***"'),
        ({"health": {"path": False}}, 'health.path: expected a path that starts with "/", got False'),
        ({"metrics": {"path": "/health/live"}},
         'metrics.path: health is served at "/health/live", and so are metrics'),
        ({"health": {"path": "/metrics"}}, 'health.path: health is served at "/metrics", and so are metrics'),
        ({"metrics": {"buckets": [1, True]}},
         "metrics.buckets: expected a list of increasing numbers above 0, got [...]"),
        ({"metrics": {"buckets": [2, 1]}}, "metrics.buckets: expected bounds that increase, 1 follows 2"),
        ({"metrics": {"buckets": []}}, "metrics.buckets: expected a list of increasing numbers above 0, got []"),
        ({"metrics": {"directory": "shared"}},
         'metrics.directory: expected "auto", the whole path of a directory, or False, got "shared"'),
        ({"metrics": {"listen": 9464}}, ('metrics.listen: expected an address and a port to listen at, such as'
         ' "0.0.0.0:9464" or "[::]:9464", got 9464, did you mean "0.0.0.0:9464"?')),
        ({"metrics": {"listen": "0.0.0.0:99999"}},
         'metrics.listen: "0.0.0.0:99999" has no port between 1 and 65535'),
        ({"metrics": {"listen": "0.0.0.0:9777"}, "health": {"agent": "0.0.0.0:9777"}},
         ('health.agent: HAProxy is answered at "0.0.0.0:9777", and metrics.listen is "0.0.0.0:9777", take another'
          " port")),
        ({"metrics": {"listen": "[::]:09777"}, "health": {"agent": "127.0.0.1:9777"}},
         ('health.agent: HAProxy is answered at "127.0.0.1:9777", and metrics.listen is "[::]:09777", take another'
          " port")),
        ({"metrics": {"names": "clasic"}},
         'metrics.names: expected "otel" or "classic", got "clasic", did you mean "classic"?'),
        ({"metrics": {"labels": {"le-x": len}}},
         "metrics.labels.le-x: expected the name of a label: letters, digits and _, and no __ in front"),
        ({"metrics": {"shed": {"match": ["/a"], "above": 0.9}}},
         "metrics.shed.above: expected a number of percent, 1 to 100, got 0.9, did you mean 90?"),
        ({"metrics": {"objectives": {"all": 99.9}}},
         "metrics.objectives.all: expected a share above 0 and below 1, got 99.9, did you mean 0.999?"),
        ({"health": {"profile": "kubernetes"}}, ('health.profile: expected "health+json", "k8s", "spring", "consul",'
         ' "haproxy" or "gcp", got "kubernetes"')),
        ({"health": {"address": "10.0.0.5:8000"}}, ('health.address: expected where the service is reached, such as'
         ' "http://10.0.0.5:8000", got "10.0.0.5:8000", did you mean "http://10.0.0.5:8000"?')),
        ({"health": {"profile": "k8s"}, "errors": {"path": "/readyz"}},
         'errors.path: health is served at "/readyz", and so are errors'),
        ({"health": {"checks": {"a": {"call": check, "groups": ["deep"]}}}, "metrics": {"path": "/health/deep"}},
         'metrics.path: health is served at "/health/deep", and so are metrics'),
        ({"health": {"drain": 5}, "metrics": {"path": "/health/drain"}},
         'metrics.path: health is served at "/health/drain", and so are metrics'),
        ({"health": {"checks": {"db": {"call": check, "fail_after": 2.5}}}},
         ('health.checks.db.fail_after: expected a whole number above 0, or seconds as in "30s", got 2.5, did you mean'
          ' "2.5s"?')),
        ({"health": {"checks": {"db": {"call": check, "gate": "forced"}}}},
         'health.checks.db.gate: expected True, False or "force", got "forced", did you mean "force"?'),
        ({"health": {"checks": {"db": "tcp://db"}}},
         "health.checks.db: tcp: needs a host and a port, and nothing more: tcp://db:5432"),
        ({"health": {"register": ["konsul://a"]}},
         "health.register[0]: 'konsul' is no registry; did you mean 'consul'?"),
        ({"metrics": {"labels": {"method": len}}},
         'metrics.labels.method: "method" is a label of ours, or of Prometheus, call it something else'),
        ({"metrics": {"objectives": {"o": {"within": 0.3}}}},
         ("metrics.objectives.o.within: within 0.3 is no bound of the latency histogram (metrics.buckets); the nearest"
          " are 0.25 and 0.5, put it into `metrics.buckets`, or take one that is there")),
        ({"metrics": {"names": "classic", "objectives": {"o": {"within": 0.25}}}},
         ("metrics.objectives.o.within: within 0.25 is no bound of the latency histogram (metrics.buckets); the nearest"
          ' are 0.1 and 0.5, the histogram of each route has these bounds under the name "classic"')),
        ({"health": {"checks": {"db": {"call": "tcp://db:1", "max_age": 5}}}},
         "health.checks.db.max_age: 5 s have to be more than the interval, 10 s"),
        ({"health": {"checks": {"db": {"call": "tcp://db:1", "groups": ["live"]}}}},
         ("health.checks.db: what is shared does not belong into 'live': when it fails, all instances are restarted,"
          " which cures nothing. Ask it in 'ready'; or say gate='force' to have it so nevertheless")),
        ({"health": {"drain_file": "drain"}},
         'health.drain_file: expected the whole path of a file, such as "/run/orders/drain", got "drain"'),
        ({"metrics": {"max_series": True}}, "metrics.max_series: expected a whole number above 0, got True"),
        ({"metrics": {"allow": ["10.0.0.1/8"]}}, ('metrics.allow[0]: "10.0.0.1/8" is an address within a network, not'
         ' a network, did you mean "10.0.0.0/8"?')),
        ({"trusted_proxies": ["Unix"]}, ('trusted_proxies[0]: expected a network such as "10.0.0.0/8", an address, or'
         ' "unix", got "Unix", did you mean "unix"?')),
        ({"trusted_proxies": [5]},
         'trusted_proxies[0]: expected a network such as "10.0.0.0/8", an address, or "unix", got 5'),
        ({"trusted_proxies": "10.0.0.0/8"}, ('trusted_proxies: expected a list of networks ("10.0.0.0/8"), addresses,'
         ' "unix", got "10.0.0.0/8", write ["10.0.0.0/8"]')),
        ({"forwarded_header": "Forwarded"}, ('forwarded_header: expected "x-forwarded-for" or "forwarded", got'
         ' "Forwarded", did you mean "forwarded"?')),
        ({"trace": True}, "trace: expected a dict of settings or False, got True"),
        ({"trace": {"request_id": "a b"}},
         'trace.request_id: expected the name of a header (RFC 9110 section 5.1) or False, got "a b"'),
        ({"trace": {"to": ["memory", "memory"]}}, 'trace.to[1]: "memory" is in the list twice, remove one'),
        ({"trace": {"to": ["memry"]}}, PLACE + '"memry", did you mean "memory"?'),
        ({"trace": {"to": ["fil:///x"]}}, PLACE + '"fil:///x", did you mean "file:///x"?'),
        ({"trace": {"to": ["/tmp/a b"]}}, PLACE + '"/tmp/a b", did you mean "file:///tmp/a%20b"?'),
        ({"trace": {"to": ["file://tmp/x"]}},
         'trace.to[0]: a file URL has three slashes and the whole path, did you mean "file:///tmp/x"?'),
        ({"trace": {"to": ["file:///x?y"]}}, ("trace.to[0]: a file URL has no query and no fragment, in a file name,"
         ' write "?" as %3F and "#" as %23')),
        ({"trace": {"to": ["file:///x/"]}}, 'trace.to[0]: "file:///x/" names no file'),
        ({"trace": {"to": ["file:///x\n"]}}, PLACE + '"file:///x\\n"'),
        ({"trace": {"to": ["http://[x"]}}, PLACE + '"http://[x"'),
        ({"trace": {"to": [asynchronous]}}, ("trace.to[0]: expected a plain function, got a coroutine function, make it"
         " a plain function")),
        ({"log": {"to": [print]}}, f"log.to[0]: expected {LINES}, got <print>"),
        ({"log": {"level": 20}},
         'log.level: expected the name of a logging level, such as "INFO", got 20, did you mean "INFO"?'),
        ({"log": {"level": "loud"}}, 'log.level: expected the name of a logging level, such as "INFO", got "loud"'),
        ({"log": {"propagate": 1}}, "log.propagate: expected True or False, got 1"),
        ({"service": False}, "service: expected a dict of settings, got False"),
        ({"service": {"name": " "}}, 'service.name: expected text of one line, up to 255 characters, got " "'),
        ({"service": {"name": "a\x1b[2J"}},
         'service.name: expected text of one line, up to 255 characters, got "a\\u001b[2J"'),
        ({"service": {"name": 10**30}},
         "service.name: expected text of one line, up to 255 characters, got <a huge int>"),
        ({"health": {"timeout": 3000000}}, ("health.timeout: expected a number of seconds above 0, up to 3600, got"
         " 3000000, it is in seconds, not milliseconds")),
        ({"health": {"timeout": float("nan")}},
         "health.timeout: expected a number of seconds above 0, up to 3600, got nan"),
        ({"health": {"timeout": 10**400}},
         "health.timeout: expected a number of seconds above 0, up to 3600, got <a huge int>"),
        ({"health": {"checks": ["orders.health:database"]}}, "health.checks: expected a dict by name, got [...]"),
        *(({"health": {"checks": {name: check}}},
           (f'health.checks["{name}"]: expected a name of one line, up to 64 characters, without "/"'
            " and spaces around it"))
          for name in ("", "/db", "db/", " db", "db ")),
        ({"health": {"checks": {"db": {"timeout": 1}}}},
         f'health.checks.db: "call" is missing, {CHECK}'),
        ({"health": {"checks": {"db": {"call": check, "groups": ["liv"]}}}},
         ('health.checks.db.groups[0]: expected "live", "ready", "startup" or a group of your own,'
         ' got "liv", did you mean "live"?')),
        ({"health": {"checks": {"db": False}}},
         f"health.checks.db: {CHECK}, got False"),
        ({"health": {"checks": {"db": "orders.health.database"}}},
         f'health.checks.db: {CHECK}, got "orders.health.database", did you mean "orders.health:database"?'),
        ({"health": {"checks": {"db": "orders.helth:database"}}},
         'health.checks.db: there is no module orders.helth, did you mean "orders.health"?'),
        ({"health": {"checks": {"db": "ordrs.health:database"}}},
         'health.checks.db: there is no module ordrs, did you mean "orders"?'),
        ({"health": {"checks": {"db": "orders.health:databse"}}},
         'health.checks.db: orders.health has no databse, did you mean "database"?'),
        ({"health": {"checks": {"db": "orders.health:limit"}}},
         "health.checks.db: orders.health:limit is 5, which is no function"),
        ({"health": {"checks": {"db": check_of}}}, (
         "health.checks.db: <tests.settings.test_refused:check_of> cannot be called:"
         " missing a required argument: 'name', a check is called without arguments")),
        ({"health": {"checks": {"db": "orders.broken:database"}}}, ("health.checks.db: importing orders.broken raised"
         " ModuleNotFoundError: No module named 'a_module_that_is_missing'")),
        ({"health": {"checks": {"db": "orders.quits:database"}}},
         "health.checks.db: importing orders.quits raised SystemExit: 3"),
        ({"health": {"checks": {"db": "orders.leaks:database"}}}, ("health.checks.db: importing orders.leaks raised"
         " RuntimeError: cannot reach postgresql://***@db/orders")),
        ({"health": {"checks": {"db": "orders.mute:database"}}},
         "health.checks.db: importing orders.mute raised Mute"),
        ({"health": {"checks": {"db": "orders.watch:lazy.check"}}},
         "health.checks.db: orders.watch.lazy.check raised OSError: gone"),
        ({"plugins": ["orders.watch:SlowOrder"]},
         'plugins[0]: orders.watch has no SlowOrder, did you mean "SlowOrders"?'),
        ({"plugins": ["orders.health:limit"]}, "plugins[0]: orders.health:limit is not a midwatch.Plugin: it is 5"),
        ({"plugins": ["orders.watch:Idle"]}, ("plugins[0]: Idle overrides no moment; override one of on_startup,"
         " on_serving, on_request, on_response, on_error, on_finish, on_shutdown")),
        ({"plugins": ["orders.watch:Fails"]}, ("plugins[0]: orders.watch:Fails() raised RuntimeError: no"
         " https://***@host, give an instance")),
        ({"plugins": ["orders.watch:NeedsMore"]}, ("plugins[0]: orders.watch:NeedsMore() raised TypeError:"
         " NeedsMore.__init__() missing 1 required positional argument: 'threshold', give an instance")),
        ({"plugins": [Recorder]}, "plugins[0]: expected a Plugin instance, got the class Recorder, write Recorder()"),
        ({"plugins": [recorder, recorder]},
         "plugins[1]: <midwatch.testing.parts:Recorder> is in the list twice, remove one"),
        ({"plugins": [5]}, 'plugins[0]: expected a Plugin instance, "module:Class" or "module:instance", got 5'),
        ({"audit": {"to": "file:"}}, ('audit.to: a file URL has three slashes and the whole path, did you mean'
         ' "file:///"?')),
        ({7: 1}, ("[7]: unknown setting; known: audit, errors, forwarded_header, health, log, metrics, plugins, redact,"
         " service, trace, trusted_proxies")),
    ],
)  # fmt: skip
def test_refused(settings: Any, message: str) -> None:
    """Wrong settings are told by path, reason and remedy."""
    assert problem(settings) == message


@pytest.mark.parametrize(
    ("listen", "agent"),
    [("0.0.0.0:9464", "0.0.0.0:9777"), ("127.0.0.1:9777", "10.0.0.5:9777"), (None, "0.0.0.0:9777"),
     ("0.0.0.0:9777", None)],
)  # fmt: skip
def test_two_ports_may_be_where_they_do_not_meet(listen: str | None, agent: str | None) -> None:
    """Other ports, or other addresses of the machine."""
    load({"metrics": {"listen": listen}, "health": {"agent": agent}})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0.0.0.0", "[::]"])
def test_one_address_has_several_names(host: str) -> None:
    """A port of all addresses is also one of each."""
    told = problem({"metrics": {"listen": "127.0.0.1:9777"}, "health": {"agent": f"{host}:9777"}})
    assert told.startswith("health.agent: HAProxy is answered at")
