"""The built-in checks against the servers that they are for: PostgreSQL and Redis."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midwatch.health.builtin import builtin, engine_check
from midwatch.health.builtin.sql import SQL
from midwatch.health.result import Result

from ..health.builtin.peers import Authority
from .fetch_redis import REDIS, MissingError, environment, program
from .postgresql import PostgreSQL, database, postgresql
from .process import Process, free_port

__all__ = ["database", "postgresql"]

pytestmark = pytest.mark.live

CANARY = "not-a-secret"


def ask(check: Any) -> Result:
    found = check()
    if asyncio.iscoroutine(found):
        found = asyncio.run(found)
    assert isinstance(found, Result)
    assert CANARY not in str(found)
    assert CANARY not in repr(check)
    return found


def look(spec: str) -> Result:
    check = builtin(spec)
    found = ask(check)
    if isinstance(check, SQL):
        check.close()
    return found


@pytest.fixture
def check(postgresql: PostgreSQL, database: str) -> Iterator[SQL]:
    made = builtin(postgresql.url(database) + "#timeout=0.5")
    assert isinstance(made, SQL)
    yield made
    made.close()


class TestPostgreSQL:
    @pytest.mark.parametrize("driver", ["", "+psycopg", "+psycopg_async"])
    def test_it_answers(self, postgresql: PostgreSQL, database: str, driver: str) -> None:
        assert look(postgresql.url(database).replace("+psycopg", driver)).status == "pass"

    @pytest.mark.parametrize("driver", ["+psycopg", "+psycopg_async"])
    def test_what_it_refuses_is_told_without_names(self, postgresql: PostgreSQL, driver: str) -> None:
        found = look(postgresql.url("nowhere").replace("+psycopg", driver))
        assert found == Result("fail", "OperationalError")

    def test_a_session_that_is_gone_is_noticed_and_made_anew(
        self, postgresql: PostgreSQL, database: str, check: SQL
    ) -> None:
        assert ask(check).status == "pass"
        ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        postgresql.execute("postgres", ended)
        assert ask(check) == Result("fail", "AdminShutdown (57P01)")
        assert ask(check).status == "pass"

    def test_it_is_one_session_and_one_statement(self, postgresql: PostgreSQL, database: str, check: SQL) -> None:
        for _ in range(3):
            assert ask(check).status == "pass"
        seen = postgresql.execute("postgres", f"SELECT state FROM pg_stat_activity WHERE datname = '{database}'")
        assert seen == [("idle",)]

    def test_a_server_that_is_stopped_is_not_waited_for(
        self, postgresql: PostgreSQL, database: str, check: SQL
    ) -> None:
        assert ask(check).status == "pass"
        backends = postgresql.execute("postgres", f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}'")
        for (pid,) in backends:
            os.kill(pid, signal.SIGSTOP)
        try:
            assert ask(check).status == "fail"
        finally:
            for (pid,) in backends:
                os.kill(pid, signal.SIGCONT)
        assert ask(check).status == "pass"

    def test_a_server_that_restarts(self, postgresql: PostgreSQL, check: SQL) -> None:
        place = builtin(f"tcp://127.0.0.1:{postgresql.port}")
        assert [ask(check).status, ask(place).status] == ["pass", "pass"]
        postgresql.stop()
        try:
            assert [ask(check).status, ask(place).status] == ["fail", "fail"]
        finally:
            postgresql.restart()
        assert [ask(check).status, ask(place).status] == ["pass", "pass"]

    def test_the_engines_of_the_application(self, postgresql: PostgreSQL, database: str) -> None:
        from sqlalchemy import create_engine
        from sqlalchemy.ext.asyncio import create_async_engine

        engine = create_engine(postgresql.url(database), pool_size=1, max_overflow=0)
        check = engine_check(engine)
        assert ask(check).status == "pass"
        with engine.connect():
            assert ask(check) == Result("warn", "all connections of the pool are in use")
        engine.dispose()

        async def async_engine() -> list[Result]:
            engine = create_async_engine(postgresql.url(database), pool_size=1, max_overflow=0)
            check: Any = engine_check(engine)
            found = [await check()]
            async with engine.connect():
                found.append(await check())
            await engine.dispose()
            return found

        assert [found.status for found in asyncio.run(async_engine())] == ["pass", "warn"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


class Redis:
    """A server with the user `ann`, on two ports: one of them TLS."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.port, self.tls_port = free_port(), free_port()
        authority.context(30)
        pem = authority.folder / "localhost.30.pem"
        lines = [
            f"port {self.port}",
            f"tls-port {self.tls_port}",
            f"tls-cert-file {pem}",
            f"tls-key-file {pem}",
            f"tls-ca-cert-file {authority.ca}",
            "tls-auth-clients no",
            "bind 127.0.0.1",
            'save ""',
            f"requirepass {CANARY}",
            f"user ann on >{CANARY} +ping +select",
        ]
        config = folder / "redis.conf"
        config.write_text("\n".join(lines))
        self.process = Process.start([program(REDIS), config], folder / "redis.out", environment(REDIS))
        self.process.listens(self.port)

    def pause(self) -> None:
        self.process.popen.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.popen.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Redis]:
    try:
        program(REDIS)
    except (MissingError, subprocess.SubprocessError) as missing:
        pytest.skip(str(missing))
    server = Redis(tmp_path_factory.mktemp("redis"), authority)
    yield server
    server.process.stop()


class TestRedis:
    @pytest.mark.parametrize(
        ("user", "behind", "output"),
        [
            (f":{CANARY}@", "", None),
            (f"ann:{CANARY}@", "/3", None),
            (f"ann:{CANARY}@", "/99", "it answers ERR"),
            ("", "", "it answers NOAUTH"),
            (f"bob:{CANARY}@", "", "it answers WRONGPASS"),
        ],
    )
    def test_it_answers(self, redis: Redis, user: str, behind: str, output: str | None) -> None:
        found = look(f"redis://{user}127.0.0.1:{redis.port}{behind}")
        assert found == Result("pass" if output is None else "fail", output)

    def test_it_answers_over_tls(self, redis: Redis, authority: Authority) -> None:
        place = f"rediss://ann:{CANARY}@localhost:{redis.tls_port}"
        assert look(f"{place}?ca={authority.ca}").status == "pass"
        assert str(look(place).output).startswith("the certificate is not trusted: ")
        assert look(f"tls://localhost:{redis.tls_port}?ca={authority.ca}").observed == pytest.approx(30, abs=0.1)

    def test_one_that_is_stopped_is_not_waited_for(self, redis: Redis) -> None:
        redis.pause()
        try:
            assert look(f"redis://:{CANARY}@127.0.0.1:{redis.port}?timeout=0.3").output == "timed out"
        finally:
            redis.go_on()
        assert look(f"redis://:{CANARY}@127.0.0.1:{redis.port}").status == "pass"
