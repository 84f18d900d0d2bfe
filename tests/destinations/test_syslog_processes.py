"""Processes that fork or end: what becomes of their lines, and of the connection."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .syslog_peer import LONG, Authority, numbers, peer

SETUP = """
import os, sys, time
from midwatch.delivery import flush
from midwatch.destinations import Entry
from midwatch.destinations.syslog import channel_to
from midwatch.service import Service

channel = channel_to(sys.argv[1], Service("shop"))

def put(*numbers):
    for number in numbers:
        channel.put(Entry(0.0, "INFO", "x", str(number)))
"""


def run(script: str, url: str) -> str:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SETUP + script, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONG, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_what_nobody_flushed_is_sent_at_the_end(scheme: str, certificates: Authority) -> None:
    context = certificates.context("localhost") if scheme == "tls" else None
    with peer(context=context) as server:
        query = f"?ca={certificates.ca}" if scheme == "tls" else ""
        run("put(*range(1000))", f"syslog+{scheme}://localhost:{server.port}{query}")
        server.wait_until_ended(1)
        assert server.texts() == numbers(*range(1000))


FORK = """
put(1)
while not channel._deliver.__self__.unsettled():
    time.sleep(0.01)  # Nobody tells that they are on their way.
child = os.fork()
if child == 0:
    assert channel.pending == 0
    put(2)
    assert flush(20)
    assert channel.sent == 1
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
put(3)
assert flush(20)
"""


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_a_forked_child_has_a_connection_of_its_own(scheme: str, certificates: Authority) -> None:
    """It says nothing on its parent's, not even goodbye, and sends nothing of its parent's again."""
    context = certificates.context("localhost") if scheme == "tls" else None
    with peer(context=context) as server:
        query = f"?ca={certificates.ca}" if scheme == "tls" else ""
        run(FORK, f"syslog+{scheme}://localhost:{server.port}{query}")
        server.wait_until_ended(2)
        assert [server.texts(number) for number in range(2)] == [["1", "3"], ["2"]]


KILLED = """
put(*range(100))
while not channel._deliver.__self__.unsettled():
    time.sleep(0.01)  # Nobody tells that they are on their way.
os._exit(0)
"""


def test_what_was_sent_by_a_process_that_is_gone_arrives() -> None:
    with peer() as server:
        run(KILLED, f"syslog+tcp://127.0.0.1:{server.port}")
        server.wait_until_ended(1)
        assert server.texts() == numbers(*range(100))
