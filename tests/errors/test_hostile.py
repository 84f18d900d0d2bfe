"""No exception, however it is made, costs a request its answer or a log its shape."""

from __future__ import annotations

import json
import sys
from types import FunctionType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.errors import ErrorReport, fingerprint
from midwatch.errors.describe import describe
from midwatch.errors.frames import is_in_app
from midwatch.logs.safe import encode_line
from midwatch.testing import ScriptedApp

LONGEST = 150_000
"""Characters that a line may have, whatever happens."""


class Raises(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class SaysNumber(Exception):
    def __str__(self) -> str:
        return 42  # type: ignore[return-value]  # noqa: PLE0307


class Liar(str):
    __slots__ = ()

    def __len__(self) -> int:
        raise RuntimeError

    def isascii(self) -> bool:
        return True

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError

    def __str__(self) -> Any:
        return self


class SaysLiar(Exception):
    def __str__(self) -> str:
        return Liar("\ud800 lied")


class Closed(Exception):
    """Every attribute raises; the class alone is told, which isinstance() asks for."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Closed
        raise RuntimeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise RuntimeError(name)

    def __hash__(self) -> int:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


class Slotted(Exception):
    __slots__ = ("value",)


class Strange(Exception):
    __module__ = 42  # type: ignore[assignment]


Strange.__qualname__ = "St\ud800range\n" * 100


def no_module() -> Exception:
    error: Exception = eval(
        "type('NoModule', (Exception,), {})()", {"__builtins__": {"type": type, "Exception": Exception}}
    )
    return error


def generated(file: str, name: str = "handle") -> Exception:
    code = (
        compile("def handle():\n raise ValueError", "x", "exec")
        .co_consts[0]
        .replace(co_filename=file, co_qualname=name)
    )
    handle = FunctionType(code, {"__name__": 42, "__file__": object()})
    try:
        handle()
    except Exception as error:
        return error
    raise AssertionError


def cyclic(*, cause: bool) -> Exception:
    one, two = ValueError("one"), KeyError("two")
    if cause:
        one.__cause__, two.__cause__ = two, one
    else:
        one.__context__ = two
        two.__cause__ = one
    return one


def own_cause() -> Exception:
    group = ExceptionGroup("g", [ValueError()])
    group.__cause__ = group
    return group


def nested(depth: int) -> Exception:
    error: Exception = ValueError("leaf")
    for number in range(depth):
        error = ExceptionGroup(f"level {number}", [error])
    return error


def wide() -> Exception:
    members: list[Exception] = [ValueError("m" * 5000) for _ in range(20)]
    for _ in range(4):
        members = [ExceptionGroup("g" * 5000, members) for _ in range(20)]
    error = ExceptionGroup("top", members)
    error.__cause__ = long_chain()
    return error


def long_chain() -> Exception:
    error: Exception = ValueError("root")
    for number in range(5000):
        after = ValueError(f"{number} " + "x" * 5000)
        after.__cause__ = error
        error = after
    return error


def recursion() -> Exception:
    def down(depth: int) -> None:
        if depth:
            down(depth - 1)
        raise ValueError("bottom")

    try:
        down(500)
    except ValueError as error:
        return error
    raise AssertionError


def noted(notes: Any) -> Exception:
    error = ValueError("noted")
    error.__notes__ = notes
    return error


def odd_syntax() -> Exception:
    error = SyntaxError("bad", ("file", 1, 2, "text"))
    error.filename, error.lineno, error.text, error.offset = object(), "one", 3, [4]  # type: ignore[assignment]
    return error


def odd_unicode() -> Exception:
    return UnicodeDecodeError("utf-8", b"\xff" * 100_000, 0, 2**31, "\ud800\x00")


HOSTILE = {
    "str raises": Raises,
    "str is a number": SaysNumber,
    "str lies": SaysLiar,
    "all raises": Closed,
    "slots": Slotted,
    "strange names": Strange,
    "no module": no_module,
    "huge": lambda: ValueError("\x00\ud800" * (1 << 19)),
    "escape codes": lambda: ValueError("\x1b[31m\x07\x9b\u2028\x7f"),
    "arguments": lambda: ValueError({"a": [1, float("nan")]}, 10**300, b"\xff"),
    "cyclic cause": lambda: cyclic(cause=True),
    "cyclic context": lambda: cyclic(cause=False),
    "its own cause": own_cause,
    "nested": lambda: nested(1000),
    "wide": wide,
    "long chain": long_chain,
    "recursion": recursion,
    "generated": lambda: generated("<string>"),
    "file with NUL": lambda: generated("/srv/a\x00b.py"),
    "file with surrogate": lambda: generated("/srv/\ud800.py", "na\ud800me"),
    "endless names": lambda: generated("/" + "f" * 100_000, "q" * 100_000),
    "relative file": lambda: generated("template.html"),
    "syntax": odd_syntax,
    "unicode": odd_unicode,
    "notes that are none": lambda: noted(42),
    "notes that raise": lambda: noted([Raises(), "\ud800", None, "n" * 1_000_000] * 100),
}


@pytest.mark.parametrize("made", [pytest.param(make, id=name) for name, make in HOSTILE.items()])
def test_a_hostile_exception_is_one_valid_line_and_still_leaves(door: Any, lines: Any, made: Any) -> None:
    """The line is valid JSON of bounded length, the client is answered, and the same object leaves."""
    error = made()

    def before() -> None:
        raise error

    answer = door.call(door.watch(ScriptedApp(before=before), ErrorReport()))
    assert answer.error is error
    assert answer.status == 500
    line = lines.one
    assert line["exception.type"]
    assert line["error.fingerprint"] == fingerprint(error)
    assert line["exception.frames"]
    assert len(lines.texts[0]) < LONGEST
    assert lines.texts[0].isprintable()
    door.call(door.watch(door.watch(ScriptedApp(before=before), ErrorReport()), ErrorReport()))
    assert len(lines.texts) == 2  # once for each request, however many doors it leaves through


@given(st.text(st.characters()), st.lists(st.text(st.characters(), max_size=20), max_size=3))
def test_any_message_is_one_valid_line(message: str, notes: list[str]) -> None:
    """Whatever an exception says, the fields are encoded at once, on one line."""
    error = ValueError(message)
    error.__notes__ = notes
    fields = describe(error, is_in_app)
    text = encode_line(fields)
    assert json.loads(text) == fields
    assert "\n" not in text


def test_an_exception_without_a_traceback_has_no_frames() -> None:
    """An exception that was noted and never raised is its type and message."""
    assert describe(ValueError("x"), is_in_app) == {
        "exception.type": "ValueError",
        "exception.message": "x",
        "exception.stacktrace": "ValueError: x",
    }


def test_a_deep_stack_loses_its_middle() -> None:
    """A hundred frames are kept, half from each end, and the gap is told."""
    fields = describe(recursion(), is_in_app)
    frames = fields["exception.frames"]
    assert len(frames) == 100
    assert fields["exception.frames_omitted"] == 402
    assert frames[0]["function"] == "recursion"
    assert "  [402 frames left out]\n" in fields["exception.stacktrace"]
    assert fields["exception.stacktrace"].endswith("ValueError: bottom")


def test_a_long_chain_loses_its_middle() -> None:
    """Sixteen causes are kept, half from each end, and the gap is told."""
    root: Exception = ValueError("root")
    error = root
    for number in range(30):
        after = ValueError(str(number))
        after.__cause__ = error
        error = after
    fields = describe(error, is_in_app)
    assert len(fields["exception.chain"]) == 16
    assert fields["exception.chain"][-1] == {"type": "ValueError", "message": "root", "relation": "cause"}
    assert fields["exception.chain_omitted"] == 14


def test_a_long_stack_keeps_its_end() -> None:
    """The text is cut at its beginning, visibly, to 16 KiB."""
    error = ValueError("outermost")
    link: BaseException = error
    for _ in range(10):
        link.__cause__ = ValueError("x" * 4000)
        link = link.__cause__
    text = describe(error, is_in_app)["exception.stacktrace"]
    assert len(text) == 16_384
    assert text.startswith("…")
    assert text.endswith("\nValueError: outermost")


def test_a_wide_group_is_cut_visibly() -> None:
    """Sixteen members are told, and how many there are."""
    fields = describe(ExceptionGroup("many", [ValueError(number) for number in range(50)]), is_in_app)
    assert fields["exception.group"]["count"] == 50
    assert len(fields["exception.group"]["members"]) == 16
    assert fields["exception.stacktrace"].endswith("  +---------------- 34 more")


def test_a_deep_group_is_cut_visibly() -> None:
    """Four levels are told, and that there are members below."""
    level = describe(nested(10), is_in_app)["exception.group"]
    for _ in range(3):
        (member,) = level["members"]
        level = member["group"]
    (member,) = level["members"]
    assert member["group"] == {"count": 1, "members": []}


def test_messages_are_asked_for_once() -> None:
    """A text that is expensive to make is made once, however often it is told."""
    asked = []

    class Costly(Exception):
        def __str__(self) -> str:
            asked.append(1)
            return "costly"

    describe(ExceptionGroup("g", [Costly()]), is_in_app)
    assert asked == [1]


@pytest.mark.parametrize("file", [sys.modules["json"].__file__, pytest.__file__, "<frozen importlib._bootstrap>"])
def test_what_is_installed_or_pythons_is_not_the_applications(file: str) -> None:
    """Frames of the standard library, of installed packages and of frozen modules are not in-app."""
    assert not is_in_app(file)


def test_this_file_is_the_applications() -> None:
    """Everything else is."""
    assert is_in_app(__file__)
    assert is_in_app("<string>")
