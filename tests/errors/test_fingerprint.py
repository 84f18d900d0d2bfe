"""The fingerprint groups what is the same bug, and nothing else."""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from midwatch.errors import fingerprint

SHOP = """
{blank}
def handle(depth, message):
    return [{function}(depth, message) for _ in range(1)]
{blank}
def {function}(depth, message):
    {filler}
    if depth:
        return {function}(depth - 1, message)
    {blank}
    raise {kind}(message)
"""

KINDS = ["ValueError", "KeyError", "RuntimeError", "LookupError", "UnicodeError"]
names = st.from_regex(r"[a-z]{1,12}", fullmatch=True).map(lambda name: f"do_{name}")
blanks = st.integers(0, 40).map(lambda count: "\n" * count)


def raised(source: str, *args: Any, file: str = "/srv/shop/orders.py", name: str = "shop.orders") -> Exception:
    """What `handle` of a module of that name raises."""
    module: dict[str, Any] = {"__name__": name, "__file__": file}
    exec(compile(source, file, "exec"), module)
    try:
        module["handle"](*args)
    except Exception as error:
        return below(error)
    raise AssertionError("nothing was raised")


def below(error: Exception) -> Exception:
    """*error* without the frame of the test that caught it."""
    assert error.__traceback__ is not None
    return error.with_traceback(error.__traceback__.tb_next)


def shop(
    *,
    function: str = "price",
    kind: str = "ValueError",
    blank: str = "",
    filler: str = "pass",
    depth: int = 0,
    message: Any = "",
    **where: str,
) -> str:
    source = SHOP.format(function=function, kind=kind, blank=blank, filler=filler)
    return fingerprint(raised(source, depth, message, **where))


def test_it_has_a_version_and_thirty_two_digits() -> None:
    """Fingerprints of different versions cannot be mistaken for each other."""
    assert re.fullmatch(r"v1:[0-9a-f]{32}", shop())


def test_version_1_is_what_it_was() -> None:
    """An upgrade does not regroup what is known."""
    assert fingerprint(ValueError("x"), route="/orders/{id}") == "v1:890b69c6d74314571f56a072234d2e03"
    assert shop() == "v1:8c5cdda4c5275738c773cde6d643869e"


@given(blanks, st.text(), st.integers(0, 60))
def test_lines_messages_and_depth_do_not_count(blank: str, message: str, depth: int) -> None:
    """The same bug has one fingerprint wherever its line is, whatever it says, however deep it recurs."""
    assert shop(blank=blank, message=message, depth=depth) == shop()


@given(st.integers())
def test_addresses_do_not_count(value: int) -> None:
    """Objects in arguments and variables do not matter, nor does where they are in memory."""
    assert shop(message=[object(), value], filler=f"value = [object(), {value}]") == shop()


@given(names, names)
def test_functions_count(one: str, other: str) -> None:
    """Another function is another bug."""
    assume(one != other)
    assert shop(function=one) != shop(function=other)


@given(st.sampled_from(KINDS), st.sampled_from(KINDS))
def test_types_count(one: str, other: str) -> None:
    """Another type is another bug."""
    assume(one != other)
    assert shop(kind=one) != shop(kind=other)


def test_modules_count() -> None:
    """A function of the same name in another module is another one."""
    assert shop(name="shop.orders") != shop(name="shop.stock")


def test_the_file_stands_in_for_the_main_module() -> None:
    """A script has no module name of its own; its file has one, below the entry of sys.path."""
    root = next(entry for entry in sys.path if Path(entry).is_dir())
    one, other = f"{root}/serve.py", f"{root}/work.py"
    assert shop(name="__main__", file=one) != shop(name="__main__", file=other)
    assert shop(name="__main__", file=one) == shop(name="__main__", file="serve.py")


@pytest.mark.parametrize("depth", [2, 3, 10, 101])
def test_recursion_through_others_does_not_count(depth: int) -> None:
    """Two functions that call each other count once each, where they were last."""
    source = """
def handle(depth):
    return visit(depth)

def visit(depth):
    return visit_children(depth)

def visit_children(depth):
    return visit(depth - 1) if depth else visit_name()

def visit_name():
    raise ValueError
"""
    assert fingerprint(raised(source, depth)) == fingerprint(raised(source, 1))


def test_a_chain_that_recurs_does_not_count() -> None:
    """An exception that is wrapped again at each level is one bug at every depth."""
    source = """
def handle(depth):
    try:
        if not depth:
            raise KeyError(depth)
        handle(depth - 1)
    except Exception as error:
        raise ValueError(depth) from error
"""
    assert len({fingerprint(raised(source, depth)) for depth in (1, 2, 20, 200)}) == 1


def test_causes_count() -> None:
    """What led to an exception is part of the bug, unless it was hidden."""

    def wrapped(inner: str, how: str = "") -> str:
        source = f"def handle():\n try:\n  raise {inner}\n except Exception as error:\n  raise RuntimeError {how}"
        return fingerprint(raised(source))

    assert wrapped("KeyError") != wrapped("ValueError")
    assert wrapped("KeyError") == wrapped("KeyError", "from error")
    assert wrapped("KeyError", "from None") == wrapped("ValueError", "from None")


@given(st.lists(st.sampled_from([ValueError, KeyError, OSError]), min_size=2), st.randoms())
def test_a_group_is_the_set_of_its_leaves(kinds: list[type[Exception]], random: Any) -> None:
    """How many failed, in which order and nesting, does not matter."""
    leaves = [kind(str(number)) for number, kind in enumerate(kinds)]
    nested = ExceptionGroup("outer", [leaves[0], ExceptionGroup("inner", leaves[1:])])
    random.shuffle(leaves)
    assert fingerprint(nested) == fingerprint(ExceptionGroup("flat", leaves * 2))
    assert fingerprint(nested) != fingerprint(ExceptionGroup("flat", [*leaves, LookupError()]))


@pytest.mark.parametrize("depth", [1, 3, 1000])
def test_a_group_of_one_is_its_member(depth: int) -> None:
    """A TaskGroup in which one task fails has the fingerprint of that failure."""
    error: Exception = raised(SHOP.format(function="price", kind="ValueError", blank="", filler="pass"), 0, "")
    alone = fingerprint(error)
    for _ in range(depth):
        error = ExceptionGroup("unhandled errors in a TaskGroup", [error])
    assert fingerprint(error) == alone


def test_the_causes_of_a_member_count() -> None:
    """A group of one keeps the causes of its member, then its own."""
    member = ValueError()
    member.__cause__ = KeyError()
    group = ExceptionGroup("one", [member])
    group.__cause__ = OSError()
    same = ValueError()
    same.__cause__ = KeyError()
    same.__cause__.__cause__ = OSError()
    assert fingerprint(group) == fingerprint(same)


def test_a_group_lends_its_place_to_a_member_without_one() -> None:
    """A failure that was made elsewhere and never raised belongs where its group was raised."""
    source = "def {0}():\n raise ExceptionGroup('', [ValueError()])\nhandle = {0}"
    assert fingerprint(raised(source.format("one"))) != fingerprint(raised(source.format("other")))
    assert fingerprint(raised(source.format("one")), route="/a") == fingerprint(raised(source.format("one")))


def test_the_place_of_a_cause_stands_in() -> None:
    """An exception that a library made of the application's is placed where the application's was raised."""
    inner = raised("def handle():\n raise KeyError")
    outer = raised(
        "def handle(error):\n raise ValueError from error", inner, file="/x/site-packages/lib.py", name="lib"
    )
    bare = ValueError()
    bare.__cause__ = inner
    assert fingerprint(outer, route="/a") == fingerprint(bare, route="/b")


def test_the_route_counts_only_where_no_frame_is_the_applications() -> None:
    """Failures within libraries are told apart by route."""
    library = raised("def handle():\n raise ValueError", file="/x/site-packages/lib.py", name="lib")
    own = raised("def handle():\n raise ValueError")
    assert fingerprint(library, route="/a") != fingerprint(library, route="/b")
    assert fingerprint(library) != fingerprint(library, route="/b")
    assert fingerprint(own, route="/a") == fingerprint(own, route="/b")


@pytest.mark.parametrize("file", ["<string>", "<attrs generated init shop.Order>", "<lambdifygenerated-12>"])
def test_generated_code_belongs_to_its_module(file: str) -> None:
    """The name of generated code, which may count or tell an address, does not matter."""
    source = "def handle():\n raise ValueError"
    module: dict[str, Any] = {"__name__": "lib", "__file__": "/x/site-packages/lib.py"}
    nameless: dict[str, Any] = {}
    errors = []
    for namespace in (module, nameless):
        exec(compile(source, file, "exec"), namespace)
        try:
            namespace["handle"]()
        except ValueError as error:
            errors.append(below(error))
    assert fingerprint(errors[0], route="/a") != fingerprint(errors[0], route="/b")
    assert fingerprint(errors[1]) == fingerprint(
        raised(source, file="<other-99>", name="__main__"), in_app=lambda _: True
    )


def test_only_the_innermost_frames_count() -> None:
    """What is more than eight functions away from the failure does not matter."""

    def stack(*names: str) -> str:
        calls = [f"def {name}():\n return {after}()" for name, after in pairwise(names)]
        source = "\n".join([*calls, f"def {names[-1]}():\n raise ValueError", f"handle = {names[0]}"])
        return fingerprint(raised(source))

    inner = [f"f{number}" for number in range(8)]
    assert stack("a", *inner) == stack("b", *inner)
    assert stack("a", *inner[1:]) != stack("b", *inner[1:])
