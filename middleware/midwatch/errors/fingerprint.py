"""
The fingerprint of an exception: what stays the same when the same bug strikes again.

`v1` is the SHA-256 over

- the types of the cause chain, root first; a group counts as the sorted types of its leaves, a group of one as its
  member; a type that repeats in a row counts once
- the innermost eight frames of the application, as module and qualified function name; a function that recurs, directly
  or through others, counts once, where it was last; comprehensions belong to their function
- the route, only where no frame is the application's

and never over a message, a line number, an address or a value. The frames are those of the outermost exception that has
any. A later version gets another prefix, so that an upgrade does not regroup what is known.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from .anatomy import LINKS, cause, members, traceback, type_name
from .frames import function_name, is_generated, is_in_app, is_own, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

__all__ = ["fingerprint"]

VERSION: Final = "v1"

FRAMES: Final = 8

TYPES: Final = 16
"""Links of the chain that count, the outermost ones."""

VISITS: Final = 1024
"""Members of groups that are looked at."""

INLINED: Final = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})
"""Frames of their own until Python 3.11 only (PEP 709)."""


def fingerprint(error: BaseException, *, route: str | None = None, in_app: Callable[[str], bool] = is_in_app) -> str:
    """
    `v1:` and 32 hexadecimal digits.

    Args:
        error: As it left the application.
        route: Template of the route; groups what has no frame of the application.
        in_app: Whether a file is the application's own.
    """
    types: list[str] = []
    places: list[str] = []
    for link in _unwrapped_chain(error):
        kind = _kind(link)
        if kind not in types[-1:]:
            types.append(kind)
        places = places or _places(link, in_app)
    while not places and _only(error) is not error:
        places = _places(error, in_app)
        error = _only(error)
    parts = [*reversed(types[:TYPES]), "", *(places or [f"route {route or ''}"])]
    digest = sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()
    return f"{VERSION}:{digest[:32]}"


def _only(error: BaseException) -> BaseException:
    """The member of a group of one; else the exception itself."""
    found = members(error)
    return found[0] if len(found) == 1 else error


def _unwrapped_chain(error: BaseException) -> Iterator[BaseException]:
    """The chain of *error*, groups of one replaced by their member and its causes."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    for _ in range(LINKS):
        link = pending.pop() if pending else None
        while link is not None and id(link) not in seen:
            seen.add(id(link))
            # A group's own cause comes after those of its member: a TaskGroup raises from None.
            pending.append(cause(link)[0])
            only = _only(link)
            if only is link:
                yield link
                break
            link = only


def _kind(error: BaseException) -> str:
    if not members(error):
        return type_name(error)
    leaves: set[str] = set()
    pending = [error]
    for _ in range(VISITS):
        if not pending:
            break
        found = members(pending[-1])
        if found:
            pending[-1:] = found
        else:
            leaves.add(type_name(pending.pop()))
    return f"[{' '.join(sorted(leaves))}]"


def _places(error: BaseException, in_app: Callable[[str], bool]) -> list[str]:
    """The application's innermost functions that *error* went through, outermost first."""
    places: dict[str, None] = {}
    seen: set[int] = set()
    for step in reversed(traceback(error)):
        code = step.tb_frame.f_code
        if id(code) in seen:
            continue
        seen.add(id(code))
        if code.co_name not in INLINED and is_own(step, in_app):
            places[_place(step)] = None
            if len(places) == FRAMES:
                break
    return [*reversed(places)]


def _place(step: TracebackType) -> str:
    """Module and function of a frame; the file's name where there is no module to speak of."""
    code = step.tb_frame.f_code
    module = dict.get(step.tb_frame.f_globals, "__name__")
    if type(module) is not str or module == "__main__":
        # Names of generated code may count or tell an address.
        module = "<generated>" if is_generated(code.co_filename) else relative(code.co_filename)
    return f"{module} {function_name(code)}"
