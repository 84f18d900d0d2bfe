"""Trackers that speak Sentry's protocol, as processes: events in over HTTP, and read back from what they keep."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from .fetch_trackers import is_there, program
from .process import Process, free_port

CONFIGURATION = """
import os as _os
_d = _os.path.dirname(_os.path.abspath(__file__))
DATABASES["default"]["NAME"] = _d + "/db.sqlite3"
DATABASES["snappea"]["NAME"] = _d + "/snappea.sqlite3"
BUGSINK.update({{"PHONEHOME": False, "INGEST_STORE_BASE_DIR": _d + "/ingest", "KEEP_ENVELOPES": 1000,
                "VALIDATE_ON_DIGEST": "strict", **{options!r}}})
"""

CANARY = "c4n4ryC4N4RY"
"""A secret, planted wherever a request, an exception and a frame have room for one."""

ASK = """
from projects.models import Project; from bsmain.models import AuthToken
print('DSN', Project.objects.get_or_create(name='t', slug='t')[0].dsn)
print('TOKEN', AuthToken.create_full_access().token)
"""


@dataclass
class Bugsink:
    """A running server that stores an event before it answers, and only one that its copy of the schema allows."""

    process: Process
    folder: Path
    port: int
    dsn: str
    token: str
    name = "bugsink"

    @classmethod
    def start(cls, folder: Path, **options: Any) -> Self:
        """In an empty *folder*."""
        port = free_port()
        manage = program("bugsink", "bugsink-manage")
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bugsink_conf", "PYTHONPATH": str(folder)}

        def run(*command: str | Path) -> str:
            return subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=True
            ).stdout

        create = program("bugsink", "bugsink-create-conf")
        run(create, "--template=local", "--host=127.0.0.1", f"--port={port}")
        with (folder / "bugsink_conf.py").open("a") as file:
            file.write(CONFIGURATION.format(options=options))
        run(manage, "migrate", "-v0")
        run(manage, "migrate", "snappea", "--database=snappea", "-v0")
        told = dict(line.split(" ", 1) for line in run(manage, "shell", "-c", ASK).splitlines() if " " in line)
        serve: list[str | Path] = [
            program("bugsink", "gunicorn"),
            "--bind",
            f"127.0.0.1:{port}",
            "--workers",
            "1",
            "--threads",
            "4",
        ]
        serve += ["--access-logfile", "-"]
        process = Process.start([*serve, "bugsink.wsgi"], folder / "bugsink.out", environment)
        try:
            process.until(lambda: _answers(f"http://127.0.0.1:{port}/health/ready"), 60)
        except BaseException:
            process.stop()
            raise
        return cls(process, folder, port, told["DSN"], told["TOKEN"])

    def _get(self, path: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/canonical/0/{path}"
        return httpx.get(url, headers={"authorization": f"Bearer {self.token}"}).raise_for_status().json()

    def issues(self) -> list[dict[str, Any]]:
        found = self._get("issues/?project=1")
        return list(found["results"])

    def events(self) -> list[dict[str, Any]]:
        """All that are stored, whole."""
        briefs = [event for issue in self.issues() for event in self._get(f"events/?issue={issue['id']}")["results"]]
        return [dict(self._get(f"events/{brief['id']}/")["data"]) for brief in briefs]

    def stack(self) -> str:
        """The stacks of the first issue, as it shows them."""
        event = self._get(f"events/?issue={self.issues()[0]['id']}")["results"][0]
        url = f"http://127.0.0.1:{self.port}/api/canonical/0/events/{event['id']}/stacktrace/"
        return httpx.get(url, headers={"authorization": f"Bearer {self.token}"}).raise_for_status().text

    def raw(self) -> bytes:
        """Everything that it was sent, as it came."""
        with closing(sqlite3.connect(f"file:{self.folder}/db.sqlite3?mode=ro", uri=True)) as database:
            return b"\n".join(bytes(data) for (data,) in database.execute("SELECT data FROM ingest_envelope"))


@dataclass
class Foxray:
    """A running server that keeps events in one SQLite file."""

    process: Process
    folder: Path
    dsn: str
    name = "foxray"

    @classmethod
    def start(cls, folder: Path) -> Self:
        port = free_port()
        own = {"FOXRAY_DATABASE_URL": str(folder / "foxray.db"), "FOXRAY_BASE_URL": f"http://127.0.0.1:{port}"}
        environment = {**os.environ, **own}
        command: list[str | Path] = [program("foxray", "foxray"), "create-project", "t"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
        dsn = next(word for word in done.stdout.split() if word.startswith("http://"))
        serve: list[str | Path] = [program("foxray", "foxray"), "serve", "--host", "127.0.0.1", "--port", str(port)]
        process = Process.start(serve, folder / "foxray.out", environment)
        try:
            process.listens(port)
        except BaseException:
            process.stop()
            raise
        return cls(process, folder, dsn)

    def _rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.folder}/foxray.db?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()

    def issues(self) -> list[Any]:
        return self._rows("SELECT id FROM foxray_issue")

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(data) for (data,) in self._rows("SELECT data FROM foxray_event")]


def ours(dsn: str, **parameters: Any) -> str:
    """A DSN as a destination of Midwatch."""
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"{dsn.replace('http://', 'sentry+http://', 1)}{'?' if query else ''}{query}"


def needed(tracker: str) -> None:
    """Skip the test where *tracker* is not installed."""
    if not is_there(tracker):
        pytest.skip(f"{tracker} is not there; `python -m tests.live.fetch_trackers {tracker}` installs it")


def ask(url: str, kind: str, number: int) -> None:
    """One request of the services in `failing` that fails."""
    answer = httpx.get(
        f"{url}/{kind}/{number}?token={CANARY}&q={CANARY}",
        headers={"authorization": f"Bearer {CANARY}", "cookie": f"session={CANARY}", "x-api-key": CANARY},
    )
    assert answer.status_code == 500


def running(started: Bugsink | Foxray) -> Iterator[Any]:
    """*started*, for as long as it is needed."""
    try:
        yield started
    finally:
        started.process.stop()


def _answers(url: str) -> bool | None:
    try:
        return httpx.get(url).is_success or None
    except httpx.TransportError:
        return None
