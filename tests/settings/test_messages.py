"""What a person reads: whole messages, and nothing that is secret."""

from __future__ import annotations

import functools
import pickle
from textwrap import dedent
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.settings import SettingsError, load
from midwatch.settings.loading import in_force
from midwatch.settings.reference import find, rows
from midwatch.settings.shown import masked, masked_words, plain, shown
from midwatch.testing import Recorder

recorder = Recorder()

PLACE = (
    'expected "otlp://host:4318", "zipkin://host:9411", "file:///path", "console", "memory", a callable or a'
    " SpanExporter"
)


LOG = (
    "access_logs, body_bytes, fields, keep, level, probes, project, propagate, query, request_headers,"
    " response_headers, root, routes, spill, spill_bytes, to"
)

TOP = "audit, errors, forwarded_header, health, log, metrics, plugins, redact, service, trace, trusted_proxies"


def check() -> None: ...


def check_of(name: str) -> None: ...


def refused(settings: Any) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(settings)
    return caught.value


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"log": {"feilds": "otel", "to": ["stdout"]}}, """\
            error: log.feilds: unknown setting
              in settings
                "log": {"feilds": ..., ...}
                        ^^^^^^^^ did you mean "fields"?
              known: {LOG}
              help: midwatch check --explain log.fields"""),
        ({"trace": {"to": ["memory", "https://user:secret@host/?key=secret", "stdout"]}, "zzz": {"key": "secret"}}, """\
            error: trace.to[1]: {PLACE}, got "https://***@host/?key=***"
              in settings
                "trace": {"to": [..., "https://***@host/?key=***", ...]}
                                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^
              help: midwatch check --explain trace.to
            error: trace.to[2]: {PLACE}, got "stdout"
              in settings
                "trace": {"to": [..., "stdout"]}
                                      ^^^^^^^^
              help: midwatch check --explain trace.to
            error: zzz: unknown setting
              in settings
                "zzz": ...
                ^^^^^
              known: {TOP}
              help: midwatch settings"""),
        ({"health": {"checks": {"my db": {"call": check, "timeout": -1}}}}, """\
            error: health.checks["my db"].timeout: expected a number of seconds above 0, up to 3600, got -1
              in settings
                "health": {"checks": {"my db": {"timeout": -1, ...}}}
                                                           ^^
              help: midwatch check --explain health.checks.NAME.timeout"""),
        ([], """\
            error: settings: expected a dict of settings, got []
              in settings
              help: midwatch settings"""),
    ],
)  # fmt: skip
def test_whole_message(settings: Any, message: str) -> None:
    """A message shows the place, points at what is wrong with it, and says what to run next."""
    whole = dedent(message).replace("{PLACE}", PLACE).replace("{LOG}", LOG).replace("{TOP}", TOP)
    assert str(refused(settings)) == whole


def test_all_problems_at_once() -> None:
    """Every problem is kept; the text tells twenty of them and counts the rest."""
    error = refused({f"zzz{number}": number for number in range(30)})
    assert len(error.problems) == 30
    assert str(error).count("error: ") == 20
    assert str(error).endswith("and 10 more problems")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert isinstance(error, ValueError)


NAMES = sorted({part for row in rows() for part in row.path.split(".")} | {"zzz"})
WORDS = ["memory", "stdout", "log", "file:///tmp/x", "unix", "10.0.0.0/8", "INFO", "/a", "os:getcwd", "os:nope", "1:2"]
leaf = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=3)
    | st.sampled_from(WORDS)
    | st.sampled_from([print, check, check_of, recorder, Recorder, object(), float])
)
keys = st.sampled_from(NAMES) | st.text(max_size=5) | st.integers() | st.none()


def nested(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(children, max_size=4) | st.dictionaries(keys, children, max_size=5)


@given(st.dictionaries(keys, st.recursive(leaf, nested, max_leaves=12), max_size=6))
def test_anything(settings: Any) -> None:
    """Whatever is given is accepted or refused in printable words of bounded length; nothing else happens."""
    told: SettingsError | None = None
    try:
        loaded = load(settings)
    except SettingsError as error:
        told = error
    if told is None:
        assert msgspec.json.encode([setting.value for setting in in_force(loaded, settings)])
        return
    assert told.problems
    assert all(line.isprintable() for line in str(told).split("\n"))
    assert len(str(told)) < 20 * 2000
    for found in told.problems:
        assert "--explain" not in found.help or find(found.help.rpartition(" ")[2])


@given(st.text(), st.text())
def test_masked_user(user: str, password: str) -> None:
    """User information is hidden whatever is in it."""
    assert masked(f"scheme://{user}:{password}@host/path") == "scheme://***@host/path"


@given(st.text(alphabet="X#=?%/"), st.text(alphabet="X#=?"))
def test_masked_query(value: str, fragment: str) -> None:
    """The values of the query and the fragment are hidden whatever is in them."""
    assert "X" not in masked(f"https://host/path?key={value}&other={value}#{fragment}")


def test_masked_forms() -> None:
    """What is hidden, and what is left."""
    assert masked("file:///var/log/a.jsonl") == "file:///var/log/a.jsonl"
    assert masked("https://h/p?a=1&b=&c#frag") == "https://h/p?a=***&b=&***#***"
    assert masked("user:pa//ss@host") == "***@host"
    assert masked("a team @ work") == "a team @ work"
    assert masked_words("x " * 500).endswith("...")
    assert masked_words("a\x1b[2J b") == "a?[2J b"


def test_secrets_of_settings() -> None:
    """Neither the text of settings nor what is in force shows credentials, or what a callable holds."""
    sink = functools.partial(print, "hunter2")
    settings = load({"trace": {"to": [sink]}, "service": {"name": "https://user:hunter2@host/?key=hunter2"}})
    told = f"{settings!r} {settings} {settings.trace!r} {in_force(settings, {})}"
    assert "hunter2" not in told
    assert "functools:partial" in told
    assert "https://***@host/?key=***" in told
    assert "hunter2" not in str(refused({"trace": {"to": {"password": "hunter2"}}, "password": "hunter2"}))


def test_shown() -> None:
    """A value is shown by a short literal, an object by its name alone."""

    class Odd:
        __module__ = None  # type: ignore[assignment]

    assert [shown(value) for value in ({}, {1: 2}, (), (1,), 1.5, "x" * 100)] == [
        "{}", "{...}", "()", "(...)", "1.5", '"' + "x" * 69 + '..."',
    ]  # fmt: skip
    assert shown(Odd()) == "<object>"
    assert plain({"a": (check, None)}) == {"a": ["tests.settings.test_messages:check", None]}
