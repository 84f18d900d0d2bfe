"""
Triggers that keep what is written as it is.

They stop mistakes, not whoever owns the database: those are found by the chain. Upkeep lifts them for its own
transaction only, in SQLite by taking them out and putting them back, in PostgreSQL by a word that holds until the
commit.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from .tables import APPEND_ONLY, event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

__all__ = ["Upkeep", "guard", "lifted", "unguard"]

Upkeep: TypeAlias = Literal["prune", "erase"]

VERBS: Final = ("UPDATE", "DELETE")

_kept: Final = [column.name for column in event.c if column.name not in {"detail", "detail_salt"}]

# MESSAGE instead of a format: the driver would take the percent sign for a parameter.
FUNCTION: Final = f"""
CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'audit_event' AND TG_OP = 'DELETE' THEN
        IF current_setting('midwatch.upkeep', true) = 'prune' THEN
            RETURN OLD;
        END IF;
    ELSIF TG_TABLE_NAME = 'audit_event' AND TG_OP = 'UPDATE' THEN
        IF current_setting('midwatch.upkeep', true) = 'erase'
            AND NEW.detail IS NULL AND NEW.detail_salt IS NULL
            AND ROW({", ".join(f"NEW.{name}" for name in _kept)})
                IS NOT DISTINCT FROM ROW({", ".join(f"OLD.{name}" for name in _kept)})
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only';
END
$$
"""


def guard(connection: Connection) -> None:
    """Put the triggers there, in place of older ones."""
    unguard(connection)
    if connection.dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for verb in VERBS:
                _create(connection, table, verb)
        return
    connection.exec_driver_sql(FUNCTION)
    for table in APPEND_ONLY:
        for name, when, each in (("rows", "UPDATE OR DELETE", "ROW"), ("table", "TRUNCATE", "STATEMENT")):
            connection.exec_driver_sql(
                f"CREATE TRIGGER {table}_{name} BEFORE {when} ON {table}"
                f" FOR EACH {each} EXECUTE FUNCTION audit_append_only()"
            )


def unguard(connection: Connection) -> None:
    """Take them away, for a change of the tables that puts them back."""
    for table in APPEND_ONLY:
        if connection.dialect.name == "sqlite":
            for verb in VERBS:
                _drop(connection, table, verb)
        else:
            for name in ("rows", "table"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_{name} ON {table}")


@contextmanager
def lifted(connection: Connection, upkeep: Upkeep) -> Iterator[None]:
    """Let events be changed in the transaction that has begun: removed, or relieved of their detail."""
    verb = "DELETE" if upkeep == "prune" else "UPDATE"
    if connection.dialect.name == "sqlite":
        _drop(connection, "audit_event", verb)
        yield
        _create(connection, "audit_event", verb)
    else:
        connection.exec_driver_sql(f"SET LOCAL midwatch.upkeep = '{upkeep}'")
        yield
        connection.exec_driver_sql("SET LOCAL midwatch.upkeep = ''")


def _drop(connection: Connection, table: str, verb: str) -> None:
    connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_no_{verb.lower()}")


def _create(connection: Connection, table: str, verb: str) -> None:
    connection.exec_driver_sql(
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )
