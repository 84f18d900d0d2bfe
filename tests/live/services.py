"""Services whose spans go to collectors, as processes of real servers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Self

from .process import Process, free_port

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent

UVICORN = ["uvicorn", "--no-access-log", "--port", "{port}"]
GUNICORN = ["gunicorn", "--bind", "127.0.0.1:{port}"]


class Services:
    """All are stopped when it is left, the first started last: whoever calls has spans to send until then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def start(self, server: list[str], app: str, **env: str) -> str:
        """Start *app* by *server*; its address."""
        port = free_port()
        program, *options = [part.format(port=port) for part in server]
        folder = self._folder / f"{app}-{port}"
        folder.mkdir()
        process = Process.start(
            [BIN / program, *options, f"{app}:app"],
            folder / "server.out",
            {**os.environ, "PYTHONPATH": str(HERE), **env},
        )
        self._running.append(process)
        process.listens(port)
        return f"http://127.0.0.1:{port}"

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Stop them, which makes each send what it still holds; a failure carries what they have said."""
        while self._running:
            process = self._running.pop()
            process.stop()
            if error is not None:
                error.add_note(process.said())
