"""Any service of Apprise: the real library, and a real server behind its `json://`."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from midwatch.delivery import Later, Refused, flush
from midwatch.errors.destinations.people import apprise_, check, people_to

from ..tracing.export_double import Answer, Collector, collecting
from .people_double import LONG, SERVICE, notice, occurrence, raised

with warnings.catch_warnings():
    # What it imports is deprecated here and there; with the first URL comes the rest.
    warnings.simplefilter("ignore")
    apprise = pytest.importorskip("apprise", reason="Apprise is not installed")
    assert apprise.Apprise().add("json://localhost")


@pytest.fixture
def hook() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.mark.parametrize("scheme", ["json", "apprise+json", "JSON"])
def test_a_notice_is_sent(hook: Collector, scheme: str) -> None:
    """Title and text, which call nobody."""
    told = notice(ValueError("<b> @everyone"))
    apprise_.channel_to(f"{scheme}://{hook.at}/in", SERVICE)._deliver([told])
    (request,) = hook.requests
    body = json.loads(request.body)
    assert body["title"] == "[orders production] ValueError: <b> @\u200beveryone (first seen)"
    assert body["message"].splitlines() == told.text.splitlines()
    assert body["type"] == "failure"


def test_all_the_way(hook: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """Through the worker; what the library logs of it is not in our logs, what it logs for others is."""
    caplog.set_level(1)
    people = people_to([f"json://me:SECRET@{hook.at}/SECRET"], SERVICE)
    for _ in range(3):
        people.take(occurrence(raised(ValueError())))
    people.close(1.0)
    assert flush(LONG)
    assert [json.loads(request.body)["type"] for request in hook.requests] == ["failure", "info"]
    assert not {record.name for record in caplog.records} & {"apprise", "urllib3.connectionpool"}
    assert "SECRET" not in caplog.text
    logging.getLogger("apprise").warning("of somebody else")
    assert "of somebody else" in caplog.text
    assert people._channels[0].sent == 2
    assert people.alarm.join(LONG)


def test_a_service_that_says_no(hook: Collector) -> None:
    """Is asked again, and nothing of the URL is told."""
    hook.usual = Answer(500)
    channel = apprise_.channel_to(f"json://me:SECRET@{hook.at}/SECRET", SERVICE)
    with pytest.raises(Later, match=r"^apprise\+json: not sent; `apprise -vv URL` shows why$"):
        channel._deliver([notice()])
    assert channel.name == "apprise+json"


@pytest.mark.parametrize("url", ["slack://SECRET", "apprise+nosuch://SECRET", "json://:SECRET"])
def test_a_url_that_it_makes_nothing_of(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Is told with the first notice, and nothing of it."""
    caplog.set_level(1)
    channel = apprise_.channel_to(url, SERVICE)
    with pytest.raises(Refused, match="Apprise makes nothing of this URL") as caught:
        channel._deliver([notice()])
    assert "SECRET" not in str(caught.value) + caplog.text


def test_what_it_knows_we_know() -> None:
    """The list is that of the library; a newer one may know more, which `apprise+SCHEME://` reaches."""
    from apprise.manager_plugins import NotificationManager

    manager: Any = NotificationManager
    assert apprise_.SCHEMES - set(manager().schemas()) == set()


def test_no_other_thread_is_left(hook: Collector) -> None:
    """What the library starts would outlive us, and is missing in a forked child; nor is it imported before."""
    script = f"""
import os, sys, threading
from midwatch.delivery import Channel, flush
from midwatch.errors.destinations.people import check, people_to
from midwatch.service import Service
from tests.errors.people_double import occurrence, raised

people = people_to(["json://{hook.at}/"], Service("orders"))
assert "apprise" not in sys.modules
people.take(occurrence(raised(ValueError())))
assert flush(20)
assert "apprise" in sys.modules
names = {{thread.name for thread in threading.enumerate()}}
assert names == {{"MainThread", "midwatch-delivery"}}, names
child = os.fork()
if child == 0:
    people.take(occurrence(raised(KeyError())))
    assert flush(20)
    assert people._channels[0].sent == 1
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONG, check=False)
    assert done.returncode == 0, done.stderr
    assert len(hook.requests) == 2


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start fails, and says what to install."""
    monkeypatch.setattr(apprise_, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"^slack: Apprise is not installed: pip install midwatch\[notify\]$"):
        check("slack://SECRET/SECRET")
    with pytest.raises(ValueError, match="not installed"):
        people_to(["tgram://SECRET/1"], SERVICE)
