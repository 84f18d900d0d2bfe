"""Which URL stands for which store, and what is said of those that stand for none."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.audit.stores import check_store, open_store


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("file:///var/log/audit.jsonl", "file:///var/log/audit.jsonl"),
        ("file://localhost/var/log/a%20b.jsonl", "file:///var/log/a b.jsonl"),
        ("sqlite:////var/lib/audit.db", "sqlite:////var/lib/audit.db"),
        ("sqlite:////var/lib/a%3Fb.db", "sqlite:////var/lib/a?b.db"),
        ("sqlite:///audit.db", "sqlite:///{here}/audit.db"),
    ],
)
def test_a_url_names_a_store(url: str, name: str) -> None:
    """And nothing is opened: none of these can be."""
    check_store(url)
    store = open_store(url)
    assert store.name == name.format(here=Path.cwd())
    store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "it is no store"),
        ("/var/lib/audit.db", "it is no store"),
        ("mysql://u:secret@host/db", "mysql is no store of an audit trail; known are"),
        ("postgresql+psycopg2://u:secret@host/db", "no store"),
        ("sqlite:audit.db", "no store"),
        ("file://host/path", "three slashes"),
        ("file:///path?mode=1", "three slashes"),
        ("file:///path/", "names no file"),
        ("file:///a%00b", "names no file"),
        ("file:///a b", "write a space as %20"),
        ("sqlite:///", "needs a file"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////a/b?timeout=3", "no parameters"),
        ("postgresql://u:secret@host", "names no database"),
        ("postgresql://u:secret@host:port/db", "not a URL"),
        ("postgresql://u:secret@[::1/db", ""),
    ],
)
def test_a_url_that_cannot_be_meant_is_told_of_without_its_password(url: str, said: str) -> None:
    for function in (check_store, open_store):
        with pytest.raises(ValueError) as caught:
            function(url)
        assert said in str(caught.value)
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_slash_too_few_is_seen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"did you mean sqlite:///{tmp_path}/audit.db"):
        check_store(f"sqlite://{tmp_path}/audit.db")
    check_store(f"sqlite:///{tmp_path}/audit.db")


@pytest.mark.parametrize(
    ("missing", "url", "command"),
    [
        ("sqlalchemy", "sqlite:////a/b", "pip install 'midwatch[audit]'"),
        ("sqlalchemy", "postgresql://host/db", "pip install 'midwatch[audit]'"),
        ("psycopg", "postgresql://host/db", r"pip install 'psycopg[binary]'"),
    ],
)
def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, missing: str, url: str, command: str) -> None:
    find: Any = importlib.util.find_spec
    monkeypatch.setattr("midwatch.audit.stores.opening.find_spec", lambda name: None if name == missing else find(name))
    with pytest.raises(ValueError) as caught:
        check_store(url)
    assert command in str(caught.value)
    check_store("file:///a/b")


@given(st.sampled_from(["", "file:", "sqlite:", "postgresql:", "postgresql+psycopg:"]), st.text())
def test_no_url_is_too_odd(scheme: str, rest: str) -> None:
    for slashes in ("", "//", "///"):
        try:
            check_store(scheme + slashes + rest)
        except ValueError:
            continue
