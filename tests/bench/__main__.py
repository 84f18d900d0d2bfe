"""Started by path (`python tests/bench`): then the root of the repository, and `middleware`, cannot be imported."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def _package() -> str:
    """Import this folder as a package, without leaving its neighbours importable."""
    if __package__:
        return __package__
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    import_module("bench")
    del sys.path[0]
    return "bench"


if __name__ == "__main__":
    package, arguments = _package(), sys.argv[1:]
    parts = import_module(f"{package}.parts")
    program = parts if arguments[:1] and arguments[0] in parts.PARTS else import_module(f"{package}.cli")
    sys.exit(program.main(arguments))
