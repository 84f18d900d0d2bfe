"""
The parts of an exception, read past whatever its class makes of them: causes, group members, notes, type name.

A class may turn any attribute into a property that raises. The descriptors of the base classes cannot be overridden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

__all__ = ["LINKS", "Relation", "cause", "chain", "members", "middle_cut", "notes", "traceback", "type_name"]

T = TypeVar("T")

Relation: TypeAlias = Literal["cause", "context"]
"""Raised `from` the next one, or while the next one was being handled."""

LINKS: Final = 256
"""Causes that are followed; a chain in a recursion can be as long as the stack was deep."""

NAME: Final = 256

_base: Any = BaseException
_group: Any = BaseExceptionGroup
_cause = _base.__cause__.__get__
_context = _base.__context__.__get__
_suppressed = _base.__suppress_context__.__get__
_traceback = _base.__traceback__.__get__
_members = _group.exceptions.__get__
_module = type.__dict__["__module__"].__get__
_qualname = type.__dict__["__qualname__"].__get__


def chain(error: BaseException) -> list[tuple[BaseException, Relation | None]]:
    """*error* and what led to it, outermost first, as Python follows it; each with its relation to the one before."""
    links: list[tuple[BaseException, Relation | None]] = []
    seen: set[int] = set()
    link: BaseException | None = error
    relation: Relation | None = None
    while link is not None and id(link) not in seen and len(links) < LINKS:
        seen.add(id(link))
        links.append((link, relation))
        link, relation = cause(link)
    return links


def cause(error: BaseException) -> tuple[BaseException | None, Relation]:
    """What *error* was raised from, or else while what was being handled."""
    found: BaseException | None = _cause(error)
    if found is not None or _suppressed(error):
        return found, "cause"
    return _context(error), "context"


def members(error: BaseException) -> tuple[BaseException, ...]:
    """The exceptions of a group; none where it is no group."""
    if not issubclass(type(error), BaseExceptionGroup):
        return ()
    found: tuple[BaseException, ...] = _members(error)
    return found


def notes(error: BaseException) -> Sequence[object]:
    """What was added with `add_note` (PEP 678)."""
    try:
        found = error.__notes__
    except Exception:
        return ()
    return found if type(found) in {list, tuple} else ()


def traceback(error: BaseException) -> list[TracebackType]:
    """The frames that *error* went through, outermost first."""
    frames: list[TracebackType] = []
    step: TracebackType | None = _traceback(error)
    while step is not None:
        frames.append(step)
        step = step.tb_next
    return frames


def type_name(value: object) -> str:
    """`exception.type` of the semantic conventions: module and qualified name, builtins without the module."""
    kind = type(value)
    name: str = _qualname(kind)
    try:
        module = _module(kind)
    except AttributeError:
        module = None
    if type(module) is str and module != "builtins":
        name = f"{module}.{name}"
    return name[:NAME].encode("utf-8", "backslashreplace").decode()


def middle_cut(items: Sequence[T], limit: int) -> tuple[list[T], list[T], int]:
    """The first and the last of *items*, *limit* in all, and how many there were between them."""
    if len(items) <= limit:
        return list(items), [], 0
    first = limit // 2
    return list(items[:first]), list(items[first - limit :]), len(items) - limit
