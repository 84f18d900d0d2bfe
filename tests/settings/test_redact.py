"""The section `redact`: what is accepted, and what is refused before it could take long."""

from __future__ import annotations

import pytest

from midwatch.settings import SettingsError, load


def hide(name: str, value: str) -> str | None:
    return None if name == "mail" else value


def problem(settings: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load({"redact": settings})
    (only,) = caught.value.problems
    return str(only)


def test_nothing_is_needed() -> None:
    """Without any, what is known to be secret is hidden."""
    assert load(None).redact.redactor().fields({"password": "a", "b": "c"}) == {"password": "[redacted]", "b": "c"}


def test_all_of_them() -> None:
    settings = load({"redact": {"names": ["iban"], "patterns": ["CUST-[0-9]{8}"], "calls": [hide]}})
    assert settings.redact.redactor().fields({"my_iban": "a", "c": "CUST-12345678!", "mail": "b", "d": "e"}) == {
        "my_iban": "[redacted]",
        "c": "[redacted]!",
        "mail": "[redacted]",
        "d": "e",
    }


@pytest.mark.usefixtures("orders")
def test_a_function_by_name() -> None:
    (call,) = load({"redact": {"calls": ["orders.privacy:shown"]}}).redact.calls
    assert call("a", "b") == "b"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (False, "redact: expected a dict of settings, got False"),
        ({"names": ["--"]}, 'redact.names[0]: expected a name with letters or digits, up to 64 characters, got "--"'),
        ({"names": [5]}, "redact.names[0]: expected a name with letters or digits, up to 64 characters, got 5"),
        ({"patterns": ["("]}, ('redact.patterns[0]: "(" is no regular expression: missing ), unterminated subpattern at'
         " position 0")),
        ({"patterns": [""]}, 'redact.patterns[0]: expected a regular expression, got ""'),
        ({"patterns": ["(a+)+"]}, ('redact.patterns[0]: "(a+)+" is too risky: it has nested quantifiers, make it'
         " plainer: bounds such as {1,40} help")),
        ({"calls": [len]}, "redact.calls[0]: <len> cannot be called with 2 arguments: too many positional arguments"),
        ({"calls": ["os:sep"]}, 'redact.calls[0]: os:sep is "/", which is no function'),
    ],
)  # fmt: skip
def test_refused(settings: object, message: str) -> None:
    assert problem(settings) == message
