"""What breaking it on purpose has found: each of these once lost a line, a secret, memory, or a request."""

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

import midwatch
from midwatch import ErrorReport, RequestLog
from midwatch.errors.destinations import check_destination
from midwatch.logs import DeliveryHandler, JsonFormatter, Shown
from midwatch.logs.line import WEIGHT
from midwatch.plugin import failures
from midwatch.redaction import DEFAULT, Redactor
from midwatch.settings import SettingsError, load
from midwatch.testing import ScriptedApp, call_asgi

SECRET = "hunter2hunter2"


class Lines:
    """The lines of all loggers below `midwatch` and of `app`."""

    def __init__(self, **options: Any) -> None:
        self.queued: list[Any] = []
        self.handler = DeliveryHandler(self.queued.append, JsonFormatter(**options))

    @property
    def texts(self) -> list[str]:
        return [line if isinstance(line, str) else line.text() for line in self.queued]


@pytest.fixture
def listen() -> Any:
    made: list[logging.Handler] = []
    loggers = [logging.getLogger("midwatch"), logging.getLogger("app")]
    levels = [logger.level for logger in loggers]

    def start(**options: Any) -> Lines:
        lines = Lines(**options)
        made.append(lines.handler)
        for logger in loggers:
            logger.addHandler(lines.handler)
            logger.setLevel(logging.INFO)
        return lines

    yield start
    for logger, level in zip(loggers, levels, strict=True):
        for handler in made:
            logger.removeHandler(handler)
        logger.setLevel(level)


def test_names_of_the_settings_count_for_fields_and_bodies(door: Any, listen: Any) -> None:
    """Also where neither a query nor headers are asked for."""
    lines = listen()
    shown = Shown(redactor=Redactor(names=["iban"]))
    door.call(door.watch(ScriptedApp(before=lambda: midwatch.log(iban="DE89")), RequestLog(shown=shown)))
    assert not any("DE89" in text for text in lines.texts)


@pytest.mark.parametrize("path", [f"/reset/token={SECRET}", f"/hooks/sk_live_{SECRET}", f"/go/https://u:{SECRET}@h/"])
def test_secrets_in_paths_are_hidden(door: Any, listen: Any, path: str) -> None:
    """In the line of a request as in that of an error, and in the message of it."""
    lines = listen()
    door.call(door.watch(ScriptedApp(), RequestLog()), "GET", path)
    assert not any(SECRET in text for text in lines.texts)


def test_patterns_of_the_settings_count_for_paths(door: Any, listen: Any) -> None:
    lines = listen()
    shown = Shown(redactor=Redactor(patterns=["CUST-[0-9]{4}"]))
    door.call(door.watch(ScriptedApp(), RequestLog(shown=shown)), "GET", "/c/CUST-1234")
    assert not any("CUST-1234" in text for text in lines.texts)


def test_what_waits_is_weighed(door: Any, listen: Any) -> None:
    """Fields of the application, and paths of strangers, count in a queue that is bounded in bytes."""
    lines = listen()
    door.call(door.watch(ScriptedApp(before=lambda: midwatch.log(text="x" * 10_000)), RequestLog()))
    door.call(door.watch(ScriptedApp(), RequestLog()), "GET", "/" + "x" * 60_000)
    wide, plain = lines.queued
    assert wide.weight > 10_000
    assert plain.weight == WEIGHT
    assert len(plain.path) <= 1024


def test_long_names_are_not_kept() -> None:
    """A cache of what strangers call their fields would be memory of their making."""
    redactor = Redactor()
    redactor.fields({"warm": 1})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(200):
        redactor.fields({f"{number}" + "x" * 500_000: 1})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


FORKED = """
import os, threading, sys, midwatch
from midwatch.errors import seen
from midwatch.errors.ledger import Ledger
from midwatch import exchange
ledger = Ledger()
held = threading.Event(); over = threading.Event()
def hold():
    with seen._lock, ledger._lock, exchange._first:
        held.set(); over.wait()
thread = threading.Thread(target=hold); thread.start(); held.wait()
child = os.fork()
if child == 0:
    seen.first_sight(ValueError(), 0.0); ledger.add("a", 0.0)
    with exchange._first: os._exit(0)
over.set(); thread.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_fork_while_locks_are_held() -> None:
    """The child has none of its parent's locks."""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], timeout=30, check=False).returncode == 0


@pytest.mark.parametrize(
    "raised",
    [
        ValueError(f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n" + "y" * 20_000),
        ValueError("x" * 16_355 + f" https://user:{SECRET}@host/"),
        ValueError(f"password={SECRET}" + "y" * 20_000),
    ],
    ids=["key", "user", "password"],
)
def test_secrets_are_hidden_before_anything_is_cut(listen: Any, raised: Exception) -> None:
    """A cut must not take away what a secret is known by."""
    lines = listen()
    try:
        raise raised
    except ValueError:
        logging.getLogger("app").exception("%s", raised)
    assert not any(SECRET in text for text in lines.texts)


def test_a_stack_that_is_asked_for_hides_secrets(listen: Any) -> None:
    lines = listen()

    def connect(password: str) -> None:
        logging.getLogger("app").info("hi", stack_info=True)

    connect(password="hunter2hunter2")
    assert not any(SECRET in text for text in lines.texts)


@pytest.mark.parametrize("fields", ["otel", "ecs", "gcp", "datadog"])
@pytest.mark.parametrize(
    "extra",
    [
        {"trace_id": "not-hexadecimal"},
        {"span_id": 5},
        {"trace_flags": "zz"},
        {"outcome": ["a"]},
        {"http.server.request.duration": "long"},
        {"client.address": {}},
    ],
    ids=str,
)
def test_no_field_of_the_application_loses_a_line(listen: Any, fields: str, extra: dict[str, Any]) -> None:
    """Whatever it is called and whatever it holds."""
    lines = listen(fields=fields)
    logging.getLogger("app").info("told", extra=extra)
    assert json.loads(lines.texts[0])["message"] == "told"


def test_odd_records_are_lines(listen: Any) -> None:
    """Keys that are no text, and clocks that are none."""
    lines = listen()
    odd: list[dict[Any, Any]] = [{1: 2}, {"created": float("nan")}, {"created": 1e18}]
    for attributes in odd:
        record = logging.makeLogRecord({"name": "app", "msg": "told", "levelno": 20, "levelname": "INFO"})
        record.__dict__.update(attributes)
        lines.handler.handle(record)
    assert [json.loads(text)["message"] for text in lines.texts] == ["told"] * 3


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        if name == "__qualname__":
            raise RuntimeError
        return super().__getattribute__(name)


class Nameless(Exception, metaclass=Meta):
    """Its class does not say what it is called."""


class Quits(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


@pytest.mark.parametrize("error", [Nameless(), Quits()], ids=["nameless", "quits"])
def test_hostile_exceptions_cost_neither_answer_nor_line(door: Any, listen: Any, error: Exception) -> None:
    lines = listen()
    before = dict(failures)
    answer = door.call(door.watch(ScriptedApp(error=error), RequestLog(), ErrorReport()))
    assert (answer.status, answer.error) == (500, error)
    assert len(lines.texts) == 2
    assert failures == before


class Login(NamedTuple):
    user: str
    password: str


@pytest.mark.parametrize(
    "value",
    [
        [(b"cookie", SECRET.encode()), (b"host", b"h")],
        [["password", SECRET]],
        list({"api_key": SECRET}.items()),
        Login("ada", SECRET),
    ],
    ids=["headers", "lists", "items", "namedtuple"],
)
def test_pairs_are_names_and_values(value: Any) -> None:
    """As headers come, and as `dict.items()` are."""
    assert SECRET not in json.dumps(DEFAULT.fields({"value": value}))


@pytest.mark.parametrize(
    "name", ["task-runner-configuration-service", "risk-assessment-questionnaire", "disk-usage-report-2024-01-02"]
)
def test_words_that_look_like_keys_are_words(name: str) -> None:
    assert DEFAULT.text(name, 100) == name


def test_a_huge_field_takes_no_time_of_the_loop() -> None:
    """All texts of one value together are bounded."""
    shown = DEFAULT.fields({"payload": [f"x={number} é " * 500 for number in range(1000)]})
    assert len(json.dumps(shown)) < 200_000


def test_fields_of_ours_are_ours(door: Any, listen: Any) -> None:
    """Also those that only the settings ask for."""
    lines = listen()
    app = ScriptedApp(before=lambda: midwatch.log({"url.query": "forged", "http.request.header.x-a": "forged"}))
    shown = Shown(query=["page"], request=["x-a"])
    headers = [("host", "h"), ("x-a", "b")]
    door.call(door.watch(app, RequestLog(shown=shown)), query="page=1", headers=headers)
    line = json.loads(lines.texts[0])
    assert (line["url.query"], line["http.request.header.x-a"]) == ("page=1", "b")


@pytest.mark.parametrize(
    ("section", "url"),
    [
        ("errors", f"https://hooks.example/services/T00000000/B00000000/{SECRET}1Abcd"),
        ("errors", f"webhok+https://h/{SECRET}1Abcd"),
        ("log", f"syslog+tcp:u:{SECRET}@h"),
        ("log", f"syslog+tcp:///u:{SECRET}@h"),
    ],
)
def test_wrong_addresses_are_told_without_their_secrets(section: str, url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({section: {"to": [url]}})
    assert SECRET not in str(caught.value)
    if section == "errors":
        with pytest.raises(ValueError, match=r"scheme|host|sentry") as told:
            check_destination(url)
        assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    "header", ["x-forwarded-proto", "cf-connecting-ip", "x-envoy-external-address", "true-client-ip"]
)
def test_whoever_came_through_a_proxy_is_no_direct_peer(header: str) -> None:
    app = midwatch.ASGIMiddleware(ScriptedApp(status=418).asgi, ErrorReport(path="/errors"))
    assert call_asgi(app, path="/errors").status == 200
    assert call_asgi(app, path="/errors", headers=[("host", "h"), (header, "1.2.3.4")]).status == 418


def test_a_flush_that_waits_does_not_spin() -> None:
    """A destination that is away costs a flush its time, and not a core."""
    script = (
        "import time, midwatch\nfrom midwatch.delivery import Channel\n"
        "def away(batch): raise OSError\n"
        "channel = Channel('away', away); channel.put(1)\n"
        "before = time.process_time(); midwatch.flush(0.8)\n"
        "import os; os._exit(0 if time.process_time() - before < 0.4 else 1)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=30, check=False).returncode == 0


def test_what_was_not_delivered_is_said_at_the_end() -> None:
    """Nothing is lost in silence: the last line of a process tells how much, once."""
    script = (
        "import midwatch\nfrom midwatch.delivery import Channel\n"
        "def away(batch): raise OSError\n"
        "midwatch.delivery.last_words.__defaults__ = (0.2,)\n"
        "channel = Channel('away', away); channel.put(1); channel.put(2)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], timeout=30, check=True, capture_output=True, text=True)
    assert ended.stderr.splitlines()[-1] == "midwatch: away: 2 not delivered when the process ended"
    assert ended.stderr.count("not delivered") == 1
