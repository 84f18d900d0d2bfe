"""Where an exception went through: files by their import path, and which of them are the application's own."""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..redaction import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, TracebackType

    from ..redaction import Redactor

__all__ = ["frame_fields", "is_generated", "is_in_app", "is_own", "relative", "source_line"]

WIDTH: Final = 256
"""Characters of a file name, a function name and a source line."""

INSTALLED: Final = frozenset({"site-packages", "dist-packages"})

LIBRARY: Final = (os.path.dirname(os.__file__), sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))  # noqa: PTH120

FOREIGN: Final = tuple(f"{folder}{os.sep}" for folder in (Path(__file__).parents[1], *LIBRARY) if folder)
"""Midwatch and the standard library."""


def is_generated(file: str) -> bool:
    """Code that came from no file: `<string>`, `<attrs generated ...>`, `<frozen ...>`."""
    return file.startswith("<")


@lru_cache(maxsize=4096)
def is_in_app(file: str) -> bool:
    """Whether *file* is the application's: neither installed, nor the standard library's, nor ours."""
    if file.startswith("<frozen "):
        return False
    return not (file.startswith(FOREIGN) or INSTALLED.intersection(file.replace("\\", "/").split("/")))


def is_own(step: TracebackType, in_app: Callable[[str], bool]) -> bool:
    """Whether the code of a frame is the application's; generated code belongs to the module that it runs in."""
    file = step.tb_frame.f_code.co_filename
    if is_generated(file) and in_app(file):
        home = dict.get(step.tb_frame.f_globals, "__file__")
        return in_app(home) if type(home) is str else True
    return in_app(file)


@lru_cache(maxsize=4096)
def relative(file: str) -> str:
    """*file* as the import system found it: relative to the longest entry of `sys.path` that it is below."""
    name = file
    if not is_generated(file):
        roots = (os.path.abspath(entry) + os.sep for entry in sys.path if isinstance(entry, str))  # noqa: PTH100
        root = max((root for root in roots if file.startswith(root)), key=len, default="")
        name = file[len(root) :]
    return name[-WIDTH:].encode("utf-8", "backslashreplace").decode()


@lru_cache(maxsize=4096)
def source_line(file: str, line: int, redactor: Redactor = DEFAULT) -> str:
    """The text of one line without its indentation and without literal secrets; empty where there is no source."""
    try:
        text = linecache.getline(file, line).strip()
    except Exception:
        return ""
    return redactor.source(text.encode("utf-8", "backslashreplace").decode(), WIDTH)


def function_name(code: CodeType) -> str:
    """The qualified name of a function."""
    name = code.co_qualname[:WIDTH]
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()


def frame_fields(step: TracebackType, in_app: Callable[[str], bool]) -> dict[str, Any]:
    """A frame as it is logged; never its variables."""
    code = step.tb_frame.f_code
    return {
        "file": relative(code.co_filename),
        "line": step.tb_lineno,
        "function": function_name(code),
        "in_app": is_own(step, in_app),
    }
