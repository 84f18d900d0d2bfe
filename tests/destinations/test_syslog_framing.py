"""Where messages end within a stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from midwatch.destinations.syslog.framing import counted, line, pieces

from .syslog_reader import split_octets


@given(st.lists(st.binary(min_size=1)))
def test_counted_messages_are_split_again(messages: list[bytes]) -> None:
    assert split_octets(b"".join(map(counted, messages))) == (messages, b"")


def test_octets_are_counted_not_characters() -> None:
    assert counted("ä€".encode()) == b"5 \xc3\xa4\xe2\x82\xac"


def test_a_line_ends_in_a_newline() -> None:
    assert line(b"<14>1 x") == b"<14>1 x\n"


@given(st.lists(st.integers(1, 40_000)))
def test_pieces_hold_every_frame_whole_and_in_order(sizes: list[int]) -> None:
    frames = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    found = list(pieces(frames))
    assert b"".join(found) == b"".join(frames)
    assert all(0 < len(piece) <= 65536 for piece in found)


def test_a_frame_that_is_larger_than_a_piece_is_one() -> None:
    assert list(pieces([b"a", b"b" * 100_000, b"c"])) == [b"a", b"b" * 100_000, b"c"]
