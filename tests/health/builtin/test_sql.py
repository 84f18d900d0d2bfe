"""Databases: SQLite files, URLs of SQLAlchemy, engines of the application."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from midwatch.health.builtin import BuiltIn, builtin, engine_check, is_engine, sql
from midwatch.health.builtin.engine import sql_reason
from midwatch.health.result import Result

from .conftest import look
from .peers import resets, serving

CANARY = "not-a-secret"


class TestSQLite:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "a b?.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE orders (id)")
        return path

    def test_a_file_that_is_one(self, file: Path) -> None:
        assert look(f"sqlite:///{str(file).replace('?', '%3F')}").status == "pass"

    def test_one_below_the_working_directory(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(file.parent)
        assert look("sqlite:///a%20b%3F.db").status == "pass"

    def test_looking_makes_no_file(self, tmp_path: Path) -> None:
        found = look(f"sqlite:///{tmp_path}/new.db")
        assert (found.status, found.output) == ("fail", "SQLITE_CANTOPEN")
        assert list(tmp_path.iterdir()) == []

    def test_a_file_that_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "letter.txt"
        path.write_text("Dear Sir or Madam, " * 100)
        assert look(f"sqlite:///{path}").output == "SQLITE_NOTADB"

    def test_one_that_somebody_has_for_himself(self, file: Path) -> None:
        place = f"sqlite:///{str(file).replace('?', '%3F')}#timeout=0.01"
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert look(place).output == "SQLITE_BUSY"
            other.execute("ROLLBACK")
        assert look(place).status == "pass"


class TestURL:
    def test_a_server_that_is_none(self) -> None:
        with serving(resets) as port:
            found = look(f"postgresql+psycopg://ann:{CANARY}@127.0.0.1:{port}/orders?connect_timeout=2")
        assert found.status == "fail"
        assert CANARY not in str(found)
        assert str(port) not in str(found)

    def test_one_that_refuses(self, nobody: int) -> None:
        check = builtin(f"postgresql://ann:{CANARY}@127.0.0.1:{nobody}/orders")
        assert check() == Result("fail", "OperationalError")
        assert repr(check) == f"postgresql+psycopg://127.0.0.1:{nobody}/orders"

    def test_without_sqlalchemy_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sql, "find_spec", lambda name: None)
        with pytest.raises(ValueError, match="pip install sqlalchemy"):
            builtin("postgresql://db/orders")

    def test_times_that_the_url_has_are_left_alone(self) -> None:
        limits = [
            sql._limits(make_url(f"{place}://db/orders{query}"), 3.4)
            for place, query in (
                ("mysql+pymysql", "?read_timeout=9"),
                ("postgresql+psycopg", "?connect_timeout=9"),
                ("postgresql+asyncpg", ""),
            )
        ]
        assert limits == [{"connect_timeout": 3, "write_timeout": 3}, {}, {"timeout": 3, "command_timeout": 3}]

    def test_a_driver_that_is_async(self, nobody: int) -> None:
        check: Any = builtin(f"postgresql+psycopg_async://ann:{CANARY}@127.0.0.1:{nobody}/orders#scope=local")
        assert check.scope == "local"

        async def ask() -> object:
            return await check()

        assert asyncio.run(ask()) == Result("fail", "OperationalError")


class TestEngine:
    def test_an_engine_of_the_application(self, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{tmp_path}/orders.db")
        check = engine_check(engine)
        assert check.scope == "shared"
        assert check() == Result("pass")
        engine.dispose()

    def test_a_pool_in_use_is_not_waited_for(self, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{tmp_path}/orders.db", poolclass=QueuePool, pool_size=1, max_overflow=1)
        check = engine_check(engine)
        with engine.connect(), engine.connect():
            found = check()
            assert found == Result("warn", "all connections of the pool are in use")
        assert check() == Result("pass")
        engine.dispose()

    def test_one_that_was_faster_to_the_last_connection(self, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{tmp_path}/orders.db")

        @event.listens_for(engine, "do_connect")
        def connect(*args: Any) -> None:
            raise PoolTimeoutError("QueuePool limit reached")

        assert engine_check(engine)() == Result("warn", "all connections of the pool are in use")

    def test_what_the_driver_says_is_not_repeated(self, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{tmp_path}/{CANARY}/orders.db")
        found = engine_check(engine)()
        assert found == Result("fail", "OperationalError")

    def test_the_state_of_an_error_is_told_where_it_is_one(self) -> None:
        class Said(Exception):
            sqlstate: object = "28P01"

        assert sql_reason(OperationalError("SELECT 1", {}, Said(CANARY))) == "Said (28P01)"
        for nonsense in (CANARY, "28P0\n", None, 5, "ééééé"):
            Said.sqlstate = nonsense
            assert sql_reason(OperationalError("SELECT 1", {}, Said(CANARY))) == "Said"

    def test_what_is_none(self) -> None:
        with pytest.raises(TypeError):
            engine_check("sqlite://")
        assert not is_engine(object())
        assert is_engine(create_engine("sqlite://"))

    def test_an_async_engine_is_asked_in_its_event_loop(self) -> None:
        asked: list[object] = []

        class Connection:
            async def __aenter__(self) -> Self:
                return self

            async def __aexit__(self, *exc: object) -> None:
                pass

            async def execute(self, statement: object) -> None:
                asked.append((str(statement), asyncio.get_running_loop()))
                if len(asked) > 1:
                    raise ConnectionRefusedError(111, CANARY)

        class AsyncEngine:
            pool = None

            def connect(self) -> Connection:
                return Connection()

        AsyncEngine.__module__ = "sqlalchemy.ext.asyncio.engine"

        async def twice() -> None:
            check: Any = engine_check(AsyncEngine())
            assert await check() == Result("pass")
            assert asked == [("SELECT 1", asyncio.get_running_loop())]
            assert await check() == Result("fail", os.strerror(111))

        asyncio.run(twice())


def test_a_forked_child_does_not_speak_over_the_connection_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check: Any = builtin("postgresql://db/orders")
    engine = create_engine(f"sqlite:///{tmp_path}/orders.db", poolclass=QueuePool)
    check._engine = engine
    assert isinstance(check, BuiltIn)
    made: list[object] = []

    @event.listens_for(engine, "connect")
    def connected(connection: object, record: object) -> None:
        made.append(connection)

    assert check() == check() == Result("pass")
    assert len(made) == 1
    process = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process + 1)
    assert check() == Result("pass")
    assert len(made) == 2
    made[0].close()  # type: ignore[attr-defined]
    engine.dispose()
