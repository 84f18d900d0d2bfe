"""Tampering is found and located; what honest processes do is no alarm. On real files."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch import audit
from midwatch.audit import Report, verify
from midwatch.audit.canonical import canonical
from midwatch.delivery import flush

EVENTS = 8


def _written(path: Path, make_trail: Any, *, close: bool = True, start: int = 0) -> list[str]:
    """One process' stream in a real file: the opening, some events, the end."""
    trail = make_trail(to=path.as_uri(), ids=start.__add__)
    for number in range(EVENTS):
        audit.record("orders.edit", f"order:{number}")
    if close:
        trail.plugin.on_shutdown(5.0)
    assert flush()
    return path.read_text().splitlines()


@pytest.fixture
def lines(tmp_path: Path, make_trail: Any) -> list[str]:
    return _written(tmp_path / "audit.jsonl", make_trail)


def test_an_untouched_file_is_sound(lines: list[str]) -> None:
    """One stream, opened and closed, every event in it."""
    report = verify(lines)
    assert report.sound
    assert report.problem is None
    (stream,) = report.closed
    assert (stream.service, stream.events, report.events, report.open) == ("orders", EVENTS + 2, EVENTS + 2, ())
    assert str(report).startswith(f"sound: {EVENTS + 2} events in 1 stream, 0 other lines, 0 unreadable")


def test_a_chain_can_be_recomputed_from_the_file_with_nothing_but_sha256(lines: list[str]) -> None:
    """The hashed bytes stand in the file; an auditor needs none of our code."""
    head = bytes(32)
    for number, line in enumerate(lines):
        body, _, rest = line.removeprefix('{"body":').rpartition(',"chain":"')
        head = hashlib.sha256(b"\x02" + head + hashlib.sha256(b"\x00" + body.encode()).digest()).digest()
        assert rest == head.hex() + '"}'
        assert json.loads(body)["seq"] == number


def test_a_stream_opens_and_closes_with_an_event_of_its_own(lines: list[str]) -> None:
    """Host, process and start of the chain; and at the end the last number."""
    opened, closed = json.loads(lines[0])["body"], json.loads(lines[-1])["body"]
    assert (opened["kind"], opened["action"], opened["seq"]) == ("system", "stream.open", 0)
    assert (opened["pid"], opened["previous"]) == (os.getpid(), "0" * 64)
    assert opened["actor"] == {"id": "orders", "type": "service", "verified": True}
    assert (closed["kind"], closed["action"]) == ("system", "stream.close")
    assert closed["final_seq"] == closed["seq"] == EVENTS + 1


def _edit(line: str, old: str, new: str) -> str:
    assert old in line
    return line.replace(old, new)


def _swap(lines: list[str], one: int, other: int) -> list[str]:
    lines[one], lines[other] = lines[other], lines[one]
    return lines


def _rehashed(line: str, old: str, new: str) -> str:
    """An edit by somebody who computes the chain value of the line anew, but not those after it."""
    from midwatch.audit.chain import leaf, link

    body = _edit(line, old, new).removeprefix('{"body":').rpartition(',"chain":')[0]
    return f'{{"body":{body},"chain":"{link(bytes(32), leaf(body.encode())).hex()}"}}'


TAMPERED: dict[str, tuple[Callable[[list[str]], list[str]], str, int]] = {
    "body edited": (lambda s: [*s[:4], _edit(s[4], "order", "offer"), *s[5:]], "altered", 5),
    "last body edited": (lambda s: [*s[:-1], _edit(s[-1], '"success"', '"failure"')], "altered", EVENTS + 2),
    "opening edited": (lambda s: [_edit(s[0], '"orders"', '"odders"'), *s[1:]], "altered", 1),
    "chain value edited": (lambda s: [*s[:4], s[4][:-4] + "00" + s[4][-2:], *s[5:]], "altered", 5),
    "opening edited and hashed": (lambda s: [_rehashed(s[0], "orders", "odders"), *s[1:]], "altered", 2),
    "chain value taken out": (lambda s: [*s[:4], s[4].rpartition(',"chain"')[0] + "}", *s[5:]], "altered", 5),
    "chain value of another type": (
        lambda s: [*s[:4], s[4].rpartition(',"chain"')[0] + ',"chain":7}', *s[5:]], "altered", 5,
    ),
    "chain value that is none": (lambda s: [*s[:4], s[4][:-4] + 'zz"}', *s[5:]], "altered", 5),
    "middle deleted": (lambda s: [*s[:4], *s[5:]], "gap", 5),
    "several deleted": (lambda s: [*s[:2], *s[6:]], "gap", 3),
    "start deleted": (lambda s: s[3:], "gap", 1),
    "neighbours swapped": (lambda s: _swap(s, 3, 4), "reordered", 4),
    "moved far": (lambda s: [*s[:2], *s[3:7], s[2], *s[7:]], "reordered", 3),
    "edited, then swapped": (
        lambda s: _swap([*s[:2], _edit(s[2], "order", "offer"), *s[3:]], 5, 6), "altered", 3,
    ),
    "start swapped": (lambda s: _swap(s, 0, 1), "reordered", 1),
    "duplicate at once": (lambda s: [*s[:4], s[3], *s[4:]], "duplicate", 5),
    "duplicate at the end": (lambda s: [*s, s[1]], "duplicate", EVENTS + 3),
    "put in after the end": (lambda s: [*s, _edit(s[-1], f'"seq":{EVENTS + 1}', f'"seq":{EVENTS + 2}')], "altered",
                             EVENTS + 3),
    "torn": (lambda s: [*s[:4], s[4][:40], *s[5:]], "gap", 6),
    "a key twice": (lambda s: [*s[:4], _edit(s[4], '"body":{', '"body":{"kind":"x",'), *s[5:]], "gap", 6),
    "number changed": (lambda s: [*s[:4], _edit(s[4], '"seq":4', '"seq":4.0'), *s[5:]], "gap", 6),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_is_found_where_it_was_done(tmp_path: Path, lines: list[str], name: str) -> None:
    """The first problem names the fault and the line."""
    tamper, fault, line = TAMPERED[name]
    path = tmp_path / "tampered.jsonl"
    path.write_text("\n".join(tamper(list(lines))) + "\n")
    with path.open() as file:
        report = verify(file)
    assert not report.sound
    assert report.problem is not None
    assert (report.problem.fault, report.problem.line) == (fault, line), report.problem
    assert str(report).startswith("NOT SOUND")
    assert str(report.problem) in str(report)


def test_a_line_of_another_stream_that_is_renamed_into_this_one_is_altered(
    tmp_path: Path, lines: list[str], make_trail: Any
) -> None:
    """Its chain value is that of its own stream."""
    other = _written(tmp_path / "other.jsonl", make_trail, start=1)
    ours, theirs = (json.loads(found[0])["body"]["stream"] for found in (lines, other))
    assert ours != theirs
    report = verify([*lines[:4], other[4].replace(theirs, ours), *lines[5:]])
    assert report.problem is not None
    assert (report.problem.fault, report.problem.line) == ("altered", 5)


def test_a_foreign_stream_is_listed_by_itself_and_disturbs_nobody(
    tmp_path: Path, lines: list[str], make_trail: Any
) -> None:
    """Interleaved line by line both hold; a piece of a stream lacks its start."""
    other = _written(tmp_path / "other.jsonl", make_trail, start=1)
    report = verify(line for pair in zip(lines, other, strict=True) for line in pair)
    assert report.sound
    assert [stream.events for stream in report.streams] == [EVENTS + 2] * 2
    piece = verify([*lines, *other[3:5]])
    assert piece.streams[0].problem is None
    assert piece.streams[1].problem is not None
    assert piece.streams[1].problem.fault == "gap"


def test_a_tail_that_was_cut_off_is_no_alarm_and_is_said(lines: list[str]) -> None:
    """Nobody can tell it from a process that was killed, without an anchor outside."""
    report = verify(lines[:-3])
    assert report.sound
    assert report.closed == ()
    assert [stream.events for stream in report.open] == [EVENTS - 1]
    assert "open: what came after it is unknown" in str(report)


def test_a_process_that_was_killed_leaves_an_open_stream(tmp_path: Path, make_trail: Any) -> None:
    """No end, no alarm."""
    report = verify(_written(tmp_path / "audit.jsonl", make_trail, close=False))
    assert report.sound
    assert len(report.open) == 1


def test_a_restart_is_another_stream_and_no_alarm(tmp_path: Path, make_trail: Any) -> None:
    """Also when the same trail starts again, as test clients make it."""
    path = tmp_path / "audit.jsonl"
    _written(path, make_trail)
    trail = make_trail(to=path.as_uri())
    for _ in range(2):
        audit.record("orders.edit")
        trail.plugin.on_shutdown(5.0)
    trail.plugin.on_shutdown(5.0)
    report = verify(path.read_text().splitlines())
    assert report.sound
    assert [stream.events for stream in report.closed] == [EVENTS + 2, 3, 3]


FORKS = """
import os, sys
from midwatch import audit
from midwatch.delivery import flush
trail = audit.AuditTrail(to=sys.argv[1])
audit.record("before")
children = []
for number in range(3):
    pid = os.fork()
    if pid == 0:
        for _ in range(5):
            audit.record("child")
        trail.on_shutdown(5.0)
        os._exit(0)
    children.append(pid)
for _ in range(5):
    audit.record("parent")
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
"""


def test_forked_children_have_streams_of_their_own_and_a_script_closes_its_stream_at_exit(tmp_path: Path) -> None:
    """One file, four processes, no fork in any chain; the parent has no door that would stop it."""
    path = tmp_path / "audit.jsonl"
    subprocess.run([sys.executable, "-c", FORKS, path.as_uri()], check=True, timeout=60)
    report = verify(path.read_text().splitlines())
    assert report.sound, str(report)
    assert sorted(stream.events for stream in report.closed) == [7, 7, 7, 8]
    assert report.open == ()


HELD = """
import os, sys, threading
from midwatch import audit
inside, leave = threading.Event(), threading.Event()
lines = []
def slow(line):
    lines.append(line)
    if os.getpid() == parent and '"slow"' in line:
        inside.set()
        assert leave.wait(60)
parent = os.getpid()
trail = audit.AuditTrail(to=slow)
thread = threading.Thread(target=audit.record, args=("slow",))
thread.start()
assert inside.wait(60)
pid = os.fork()
if pid == 0:
    lines.clear()
    audit.record("child")
    report = audit.verify(lines)
    os._exit(0 if report.sound and report.events == 2 else 1)
status = os.waitpid(pid, 0)[1]
leave.set()
thread.join()
sys.exit(status)
"""


def test_a_fork_while_another_thread_writes_does_not_hang_the_child(tmp_path: Path) -> None:
    """The child has a lock of its own."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", HELD], check=True, timeout=60)


def test_events_are_found_among_other_lines(lines: list[str]) -> None:
    """A log holds all sorts of things; a timestamp that a container runtime put in front does no harm."""
    noise = ["", "hello", '{"seq": 1, "stream": 2}', '{"body": {"seq": 0, "stream": "x"}, "chain": ""}', "[1]", "null"]
    noise += ['"seq" "stream"', '["seq", "stream"]', '{"audit": ["seq", "stream"]}', "{" * 5000 + '"seq""stream"']
    mixed = [text for line in lines for text in (*noise, f"2026-01-01T00:00:00Z stdout F {line}\r\n")]
    report = verify(mixed)
    assert report.sound
    assert (report.events, report.lines) == (len(lines), len(mixed))
    assert report.foreign + report.unreadable == len(noise) * len(lines)
    assert report.unreadable == 2 * len(lines)


def test_lines_that_were_written_anew_are_canonicalised_again(lines: list[str]) -> None:
    """A shipper that parses and writes JSON may change the spelling, not the meaning."""
    respelt = [json.dumps(json.loads(line), indent=None, separators=(" , ", " : ")) for line in lines]
    assert verify(respelt).sound
    respelt[3] = respelt[3].replace("order:", "offer:").replace('"order"', '"offer"')
    assert verify(respelt).problem is not None


@pytest.mark.parametrize("value", ["NaN", "1e999", "9" * 5000, '"\\ud800"', "[" * 100_000])
def test_values_that_we_never_write_are_not_sound_and_not_an_exception(lines: list[str], value: str) -> None:
    """Readers differ in what they make of them."""
    old = '"v":2}'
    for spaced in ("", " "):
        bad = lines[3].replace(old, f'"v":{value}}}').replace('{"body"', f'{{{spaced}"body"')
        assert not verify([*lines[:3], bad, *lines[4:]]).sound


@given(st.lists(st.text() | st.binary() | st.none(), max_size=20))
def test_garbage_is_no_event_and_no_exception(garbage: list[Any]) -> None:
    """Whatever the lines hold."""
    report = verify(garbage)
    assert (report.sound, report.events, report.lines) == (True, 0, len(garbage))


values = st.recursive(st.none() | st.integers() | st.text() | st.floats(), st.lists, max_leaves=5)


@given(
    st.dictionaries(st.sampled_from(["stream", "seq", "kind", "action", "service", "x"]), values),
    st.integers(-1, 3),
    values,
    st.sampled_from([("body", "chain"), ("audit", "audit.chain")]),
)
def test_lines_that_almost_are_events_are_no_exception(body: Any, seq: int, chain: Any, keys: tuple[str, str]) -> None:
    """Every shape of a body and of a chain value."""
    body = {"stream": "0" * 32, "seq": seq, **body}
    line = json.dumps({keys[0]: body, keys[1]: chain})
    report = verify([line, line])
    assert isinstance(report, Report)
    assert report.events in {0, 2}
    assert report.sound == (report.events == 0)


def test_the_memory_of_a_stream_does_not_grow_with_its_events(lines: list[str]) -> None:
    """A stream is a head, not a list."""
    (stream,) = verify(lines).streams
    assert not hasattr(stream, "__dict__")
    assert all(not isinstance(getattr(stream, name), list | dict | set) for name in type(stream).__slots__)


def test_canonical_bytes_of_a_parsed_line_are_those_that_were_hashed(lines: list[str]) -> None:
    """What the verifier does with log lines."""
    for line in lines:
        assert canonical(json.loads(line)["body"]).decode() in line
