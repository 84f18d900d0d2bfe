"""
The attacks of somebody who has the store in their hands: each is found, and it is said where.

Run over an SQLite file and a file of lines here, and over PostgreSQL in tests/live.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from midwatch.audit.row import Row

from ..checkpoints.conftest import LONG, SIGNER
from .conftest import OTHER, Case, body_of, build, edited, put

if TYPE_CHECKING:
    from midwatch.audit.verify import Finding, Verdict


def tampered(verdict: Verdict) -> list[Finding]:
    assert (verdict.state, verdict.exit_code) == ("tampered", 1), verdict.text()
    assert verdict.text().startswith("TAMPERED WITH")
    return [finding for finding in verdict.findings if finding.severity == "tampered"]


def about(verdict: Verdict, stream: str) -> list[tuple[str, int | None]]:
    return [(finding.what, finding.seq) for finding in tampered(verdict) if finding.stream == stream]


def test_the_trail_itself_is_sound(case: Case) -> None:
    verdict = case.verify()
    assert (verdict.state, verdict.exit_code, verdict.findings) == ("sound", 0, ())
    assert (verdict.events, verdict.streams, verdict.open, verdict.checkpoints) == (16, 2, 1, 3)
    assert (verdict.anchored, verdict.unanchored) == (16, 0)


def test_an_edited_body_is_found_with_its_place_and_time(case: Case) -> None:
    found = case.hands.load()
    found.replace(case.ended, [edited(row) if row.seq == 4 else row for row in found.of(case.ended)])
    case.hands.save(found)
    (finding,) = tampered(case.verify())
    assert (finding.what, finding.stream, finding.seq) == ("altered", case.ended, 4)
    # The second checkpoint was the first that covers it, so then it was still there.
    assert finding.since == case.published[1].time


@pytest.mark.parametrize("name", ["actor", "action", "outcome", "ip", "resource_id", "tenant", "time"])
def test_an_edited_column_is_found(case: Case, name: str) -> None:
    if case.hands.is_file:
        pytest.skip("a file keeps no columns")
    case.hands.set_column(case.open, 3, name, 5 if name == "time" else "somebody else")
    assert about(case.verify(), case.open) == [("column altered", 3)]


def test_an_event_that_is_missing_in_the_middle_is_found(case: Case) -> None:
    found = case.hands.load()
    found.replace(case.ended, [row for row in found.of(case.ended) if row.seq not in {2, 3}])
    case.hands.save(found)
    assert about(case.verify(), case.ended) == [("missing", 2)]


def test_the_beginning_cannot_be_taken_away_without_a_record(case: Case) -> None:
    found = case.hands.load()
    rows = found.of(case.ended)
    found.replace(case.ended, rows[4:])
    case.hands.save(found)
    assert about(case.verify(), case.ended) == [("missing", 0)]
    found.streams = [
        row._replace(prune_seq=3, prune_chain=rows[3].chain) if row.stream == case.ended else row
        for row in found.streams
    ]
    case.hands.save(found)
    assert about(case.verify(), case.ended) == [("missing", 0)]


def test_events_that_have_changed_places_are_found(case: Case) -> None:
    found = case.hands.load()
    rows = found.of(case.ended)
    # In a table the number is what orders; in a file it is the line.
    swapped = [rows[3]._replace(seq=2), rows[2]._replace(seq=3)]
    if case.hands.is_file:
        swapped = [rows[3], rows[2]]
    found.replace(case.ended, [*rows[:2], *swapped, *rows[4:]])
    case.hands.save(found)
    assert tampered(case.verify())


def test_an_event_for_the_second_time_is_found(case: Case) -> None:
    found = case.hands.load()
    rows = found.of(case.ended)
    twice = (
        rows[2]
        if case.hands.is_file
        else rows[2]._replace(seq=len(rows), body=rows[2].body.replace(b'"id":"0', b'"id":"1'))
    )
    found.replace(case.ended, [*rows[:3], twice, *rows[3:]] if case.hands.is_file else [*rows, twice])
    case.hands.save(found)
    assert tampered(case.verify())


@pytest.mark.parametrize("which", ["ended", "open"])
def test_a_tail_that_was_cut_off_is_found(case: Case, which: str) -> None:
    stream = getattr(case, which)
    found = case.hands.load()
    rows = found.of(stream)
    found.replace(stream, rows[:-2])
    case.hands.save(found)
    assert about(case.verify(keyed=False, anchored=False), stream) == [("missing", len(rows) - 2)]


def test_a_cut_of_a_stream_that_has_ended_is_found_before_any_checkpoint(case: Case) -> None:
    found = case.hands.load()
    found.checkpoints = []
    found.replace(case.ended, found.of(case.ended)[:-1])
    case.hands.save(found)
    assert about(case.verify(keyed=False, anchored=False), case.ended)


def test_a_stream_that_is_gone_with_its_registration_is_found(case: Case) -> None:
    found = case.hands.load()
    found.replace(case.ended, [])
    found.streams = [row for row in found.streams if row.stream != case.ended]
    case.hands.save(found)
    assert ("missing", 0) in about(case.verify(keyed=False, anchored=False), case.ended)


def test_a_registration_that_is_gone_or_says_something_else_is_found(case: Case) -> None:
    found = case.hands.load()
    streams = found.streams
    found.streams = [row for row in streams if row.stream != case.open]
    case.hands.save(found)
    assert tampered(case.verify())
    found.streams = [row._replace(host="another") for row in streams]
    case.hands.save(found)
    assert about(case.verify(), case.open) == [("registration altered", 0)]


def test_an_older_state_is_found_by_what_is_known_elsewhere(case: Case) -> None:
    backup = case.hands.load()
    put(case.writer, 3)
    case.commit()
    case.hands.save(backup)
    assert case.verify(anchored=False).state == "sound"
    assert any(one.what == "missing" and one.where == "checkpoint 3" for one in tampered(case.verify()))


def test_a_suffix_of_the_same_length_is_found(case: Case) -> None:
    found = case.hands.load()
    rows = found.of(case.open)
    found.replace(case.open, [*rows[:-1], edited(rows[-1])])
    found.rechain(case.open)
    case.hands.save(found)
    assert about(case.verify(keyed=False, anchored=False), case.open) == [("altered", rows[-1].seq)]
    # Those who make the checkpoints anew as well meet the published ones.
    found.recommit("orders", SIGNER)
    case.hands.save(found)
    assert ("altered", rows[-1].seq) in about(case.verify(), case.open)


@pytest.mark.parametrize("signer", [None, OTHER])
def test_without_the_key_nothing_can_be_made_anew(case: Case, signer: object) -> None:
    found = case.hands.load()
    found.replace(case.ended, [edited(row) if row.seq == 4 else row for row in found.of(case.ended)])
    found.rechain(case.ended)
    found.recommit("orders", signer)  # type: ignore[arg-type]
    case.hands.save(found)
    verdict = case.verify(anchored=False)
    assert verdict.exit_code == (1 if signer is None else 2)
    assert tampered(case.verify(keyed=False)), "what is known elsewhere shows it without any key"


def test_a_signature_of_another_key_under_the_name_of_the_right_one_is_found(case: Case) -> None:
    found = case.hands.load()
    forged = [one._replace(signature=OTHER.sign(one.payload)) for one in found.checkpoints]
    found.checkpoints = forged
    case.hands.save(found)
    assert {one.what for one in tampered(case.verify())} == {"forged"}


def test_with_the_key_of_the_host_it_is_found_by_what_is_known_elsewhere(case: Case) -> None:
    found = case.hands.load()
    found.replace(case.ended, [edited(row) if row.seq == 4 else row for row in found.of(case.ended)])
    found.rechain(case.ended)
    found.recommit("orders", SIGNER)
    case.hands.save(found)
    assert case.verify(anchored=False).state == "sound", "nothing here can tell"
    assert any(one.what == "not the published one" for one in tampered(case.verify()))


def test_under_another_name_it_is_not_taken_for_sound(case: Case) -> None:
    found = case.hands.load()
    found.recommit("shop", SIGNER)
    case.hands.save(found)
    assert case.verify().exit_code == 2


def test_once_signed_unsigned_is_no_more_believed(case: Case) -> None:
    found = case.hands.load()
    kept = found.checkpoints
    found.checkpoints = [*kept[:2], kept[2]._replace(signature=None, key_id=None)]
    case.hands.save(found)
    assert any(one.what == "not signed" for one in tampered(case.verify(keyed=False, anchored=False)))
    found.checkpoints = [one._replace(signature=None, key_id=None) for one in kept]
    case.hands.save(found)
    assert any(one.what == "not signed" for one in tampered(case.verify(anchored=False)))


def test_without_any_checkpoint_a_key_says_that_it_cannot_be_judged(case: Case) -> None:
    found = case.hands.load()
    found.checkpoints = []
    case.hands.save(found)
    assert case.verify(anchored=False).exit_code == 2
    assert case.verify(keyed=False, anchored=False).exit_code == 0
    assert tampered(case.verify())


@pytest.mark.parametrize("n", [0, 1])
def test_a_checkpoint_that_is_missing_is_found(case: Case, n: int) -> None:
    found = case.hands.load()
    del found.checkpoints[n]
    case.hands.save(found)
    assert any(one.what == "missing" for one in tampered(case.verify(anchored=False)))


def test_detail_cannot_be_exchanged(case: Case) -> None:
    found = case.hands.load()
    rows = found.of(case.ended)
    found.replace(case.ended, [*rows[:1], rows[1]._replace(detail=b'{"ua":"nothing"}'), *rows[2:]])
    case.hands.save(found)
    assert about(case.verify(), case.ended) == [("detail altered", 1)]
    salt = bytes(16)
    found.replace(case.ended, [*rows[:5], rows[5]._replace(detail=b"{}", salt=salt), *rows[6:]])
    case.hands.save(found)
    assert about(case.verify(), case.ended) == [("detail altered", 5)]


def test_detail_cannot_be_erased_without_a_record(case: Case) -> None:
    found = case.hands.load()
    rows = found.of(case.ended)
    found.replace(case.ended, [*rows[:1], rows[1]._replace(detail=None, salt=None), *rows[2:]])
    case.hands.save(found)
    assert about(case.verify(), case.ended) == [("detail missing", 1)]


def test_the_integrity_of_every_event_cannot_be_stripped(case: Case) -> None:
    found = case.hands.load()
    found.events = [row._replace(chain=b"") for row in found.events]
    case.hands.save(found)
    assert tampered(case.verify())


def test_a_clock_that_was_set_back_is_said(case: Case) -> None:
    case.trail.store.open()
    made = case.trail.writer()
    now = [time.time_ns()]
    made._clock = lambda: now[0]
    made._begin()
    put(made)
    now[0] -= 3600 * 10**9
    put(made)
    assert made.close(LONG)
    verdict = case.verify()
    assert verdict.state == "sound"
    assert [one.what for one in verdict.findings] == ["clock"]


def test_the_stream_of_another_deployment_is_found(case: Case, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = build(f"sqlite:///{tmp_path}/other/audit")
    stranger = other.trail.writer()
    put(stranger, 3)
    stranger.close(LONG)
    theirs, found = other.hands.load(), case.hands.load()
    (stream,) = {row.stream for row in theirs.streams} - {other.ended, other.open}
    found.events += theirs.of(stream)
    found.streams += [row for row in theirs.streams if row.stream == stream]
    case.hands.save(found)
    other.trail.close()
    assert about(case.verify(), stream) == [("foreign", 0)]


def test_an_event_of_another_stream_is_found_even_if_it_is_chained(case: Case) -> None:
    if case.hands.is_file:
        pytest.skip("the place of a line is what its body says")
    found = case.hands.load()
    rows = found.of(case.open)
    found.replace(case.open, [*rows, Row(case.open, len(rows), body_of(found.of(case.ended)[5], id="1"), b"")])
    found.rechain(case.open)
    case.hands.save(found)
    assert about(case.verify(), case.open) == [("misplaced", len(rows))]


@pytest.mark.parametrize("at_end", [True, False])
def test_another_event_in_the_place_of_one_is_found_wherever_its_line_is(case: Case, at_end: bool) -> None:
    if not case.hands.is_file:
        pytest.skip("a table has one event in a place")
    found = case.hands.load()
    forged = edited(found.of(case.ended)[4])
    found.events = [*found.events, forged] if at_end else [forged, *found.events]
    case.hands.save(found)
    assert tampered(case.verify())


def test_events_after_the_end_of_a_stream_are_found(case: Case) -> None:
    found = case.hands.load()
    rows = found.of(case.ended)
    more = Row(case.ended, len(rows), body_of(rows[3], id="1", seq=len(rows)), b"")
    found.replace(case.ended, [*rows, more])
    found.rechain(case.ended)
    case.hands.save(found)
    assert ("altered", len(rows)) in about(case.verify(), case.ended)


def test_many_findings_are_counted_and_few_are_kept(case: Case) -> None:
    found = case.hands.load()
    found.events = [row._replace(body=b"{}") for row in found.events]
    if case.hands.is_file:
        pytest.skip("no line of a file holds an event then")
    case.hands.save(found)
    verdict = case.verify()
    assert len(tampered(verdict)) <= 200
