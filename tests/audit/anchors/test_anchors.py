from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midwatch.audit.anchors import Anchor, open_anchor, read
from midwatch.audit.stores import open_store
from midwatch.delivery import flush
from midwatch.logs import JsonFormatter
from midwatch.service import Service

from .conftest import LONG, Notary, checkpoint, published

SERVICE = Service("orders", "1.4.2", "production")


def until(happened: Callable[[], object]) -> None:
    end = time.monotonic() + LONG
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)  # another thread counts, and tells nobody


@pytest.mark.parametrize("fields", ["otel", "ecs", "gcp", "datadog"])
def test_the_log_gets_a_line_among_all_others(tmp_path: Path, fields: str) -> None:
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(JsonFormatter(SERVICE, fields=fields))
    logger = logging.getLogger("midwatch.audit")
    logger.addHandler(handler)
    try:
        anchor = open_anchor("log", SERVICE)
        anchor.put(published(0))
        assert flush()
    finally:
        logger.removeHandler(handler)
    (tmp_path / "log").write_text(stream.getvalue())
    assert list(read(tmp_path / "log")) == [published(0)]
    assert '"orders"' in stream.getvalue()


def test_a_logger_without_handlers_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("midwatch.audit")
    anchor = open_anchor("log", SERVICE)
    logger.disabled = True
    try:
        for n in range(3):
            anchor.put(published(n))
        assert flush()
    finally:
        logger.disabled = False
    assert caplog.text.count("no checkpoint is anchored") == 1


def test_a_file_is_appended_to_and_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    anchor = open_anchor(f"file://{path}")
    assert not path.exists()
    for n in range(3):
        anchor.put(published(n))
    assert flush()
    assert list(read(path)) == list(read(f"file://{path}")) == [published(n) for n in range(3)]
    assert path.stat().st_mode & 0o777 == 0o600
    assert (anchor.state().n, anchor.state().waiting, anchor.state().failures) == (2, 0, 0)


def test_a_file_that_ends_in_the_middle_of_a_line_loses_only_that_line(tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    path.write_bytes(published(0).line() + b"\n" + published(1).line()[:50])
    path.chmod(0o600)
    open_anchor(f"file://{path}").put(published(2))
    assert flush()
    assert [one.n for one in read(path)] == [0, 2]


def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    anchor = open_anchor(f"file://{tmp_path}/mount/anchors.jsonl")
    anchor.put(published(0))
    until(lambda: anchor.state().failing)
    (tmp_path / "mount").mkdir()
    assert flush()
    state = anchor.state()
    assert (state.n, state.failing) == (0, False)
    assert state.failures >= 1
    assert state.age is not None


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    anchor = open_anchor(f"file://{tmp_path}/link")
    anchor.put(published(0))
    until(lambda: anchor.state().failures)
    assert (tmp_path / "target").read_bytes() == b""


def test_a_url_gets_each_line_as_a_post(notary: Notary) -> None:
    anchor = open_anchor(notary.url)
    for n in range(2):
        anchor.put(published(n))
    assert flush()
    assert notary.bodies == [published(0).line(), published(1).line()]


def test_a_url_that_fails_is_tried_again(notary: Notary) -> None:
    notary.status = 503
    anchor = open_anchor(notary.url)
    anchor.put(published(0))
    notary.wait(lambda: notary.bodies)
    until(lambda: anchor.state().failing)
    notary.status = 201
    assert flush(LONG)
    assert anchor.state().n == 0


def test_a_url_that_refuses_counts_as_a_failure_and_gets_the_next(notary: Notary) -> None:
    notary.status = 400
    anchor = open_anchor(notary.url)
    anchor.put(published(0))
    assert flush()
    state = anchor.state()
    assert (state.failures, state.dropped, state.failing, state.n) == (1, 1, True, None)
    notary.status = 200
    anchor.put(published(1))
    assert flush()
    assert anchor.state().n == 1
    assert not anchor.state().failing


def test_a_url_that_has_another_checkpoint_is_an_alarm(notary: Notary, caplog: pytest.LogCaptureFixture) -> None:
    notary.status = 409
    anchor = open_anchor(notary.url)
    anchor.put(published(4))
    assert flush()
    assert anchor.state().conflicts == 1
    assert "has another checkpoint 4" in caplog.text


def test_one_that_hangs_holds_up_no_other(notary: Notary, tmp_path: Path) -> None:
    notary.open.clear()
    hanging, file = open_anchor(notary.url), open_anchor(f"file://{tmp_path}/anchors.jsonl")
    for n in range(500):
        hanging.put(published(n))
        if n < 5:
            file.put(published(n))
    until(lambda: file.state().n == 4)
    assert hanging.state().n is None
    assert hanging.state().dropped > 0
    assert hanging.state().waiting <= 256
    notary.open.set()
    assert flush(LONG)


def test_another_database_keeps_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/anchors.db"
    anchor = open_anchor(url)
    for n in range(3):
        anchor.put(published(n))
    assert flush()
    store = open_store(url, read_only=True)
    store.open()
    assert store.checkpoints(-1, 10) == [checkpoint(n) for n in range(3)]
    store.close()


def test_another_database_takes_the_same_twice_and_another_one_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for text in ("orders", "orders", "forged"):
        anchor = open_anchor(f"sqlite:///{tmp_path}/anchors.db")
        anchor.put(published(1, text=text))
        assert flush()
        assert anchor.state().conflicts == (text == "forged")
    assert "has another checkpoint 1" in caplog.text


@pytest.mark.parametrize(
    "url",
    ["", "lgo", "file:", "file://host/x", "file:///x/", "file:///x?y", "http://", "https://user:hunter2@",
     "http://a b/", "postgresql://user:hunter2@host", "sqlite:///", "ftp://user:hunter2@host/x"],
)  # fmt: skip
def test_what_is_no_anchor_is_refused_without_credentials(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        open_anchor(url)
    assert "hunter2" not in str(refused.value)


def test_its_name_shows_no_credentials() -> None:
    assert open_anchor("https://user:hunter2@notary.example/x?token=hunter2").name == "https://notary.example/x"


CHILD = """
import os, sys
from midwatch.audit.anchors import Published, open_anchor
from midwatch.delivery import flush
one = Published("orders", {n}, 1767225600123456000, "ab", "text", None, None)
anchor = open_anchor({url!r})
anchor.put(one)
flush()
child = os.fork()
anchor.put(one._replace(n={n} + 1 + (not child)))
assert flush()
state = anchor.state()
assert state.n == {n} + 1 + (not child), state
if child:
    _, status = os.waitpid(child, 0)
    assert status == 0
    sys.exit()
os._exit(0)
"""


def test_a_forked_child_publishes_what_is_its_own(tmp_path: Path, notary: Notary) -> None:
    path = tmp_path / "anchors.jsonl"
    for number, url in enumerate((f"file://{path}", notary.url)):
        subprocess.run([sys.executable, "-c", CHILD.format(n=number * 10, url=url)], check=True, env=os.environ)
    assert sorted(one.n for one in read(path)) == [0, 1, 2]
    assert len(notary.bodies) == 3


def test_making_one_starts_nothing(notary: Notary, tmp_path: Path) -> None:
    made: list[Any] = [
        open_anchor(url) for url in ("log", notary.url, f"file://{tmp_path}/a", f"sqlite:///{tmp_path}/b")
    ]
    assert all(isinstance(anchor, Anchor) and anchor.state().age is None for anchor in made)
    assert list(tmp_path.iterdir()) == []
