"""Records that are torn or damaged are never taken for others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from midwatch.delivery.frames import framed, unframed

CONTENTS = st.lists(st.binary(max_size=40), max_size=8)


@given(CONTENTS)
def test_what_was_written_is_read(contents: list[bytes]) -> None:
    assert unframed(b"".join(map(framed, contents))) == (contents, True)


@given(CONTENTS, st.data())
def test_what_is_cut_off_anywhere_is_missing(contents: list[bytes], data: st.DataObject) -> None:
    """And nothing else: what is before the cut is whole."""
    whole = b"".join(map(framed, contents))
    cut = data.draw(st.integers(0, len(whole)))
    found, complete = unframed(whole[:cut])
    assert found == contents[: len(found)]
    assert complete == (b"".join(map(framed, found)) == whole[:cut])
    ends = [sum(len(framed(content)) for content in contents[:count]) for count in range(len(contents) + 1)]
    assert len(found) == max(count for count, end in enumerate(ends) if end <= cut)


@given(CONTENTS.filter(bool), st.data())
def test_what_is_changed_anywhere_is_found_out(contents: list[bytes], data: st.DataObject) -> None:
    """One byte, whichever: reading ends there, and says so."""
    whole = bytearray(b"".join(map(framed, contents)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    found, complete = unframed(bytes(whole))
    assert not complete
    assert found == contents[: len(found)]
    assert len(found) < len(contents)


@given(st.binary(max_size=200))
def test_anything_may_be_there(data: bytes) -> None:
    """What is read is what writing it makes of it."""
    found, complete = unframed(data)
    written = b"".join(map(framed, found))
    assert data.startswith(written)
    assert complete == (written == data)


@given(CONTENTS, st.integers(1, 100))
def test_zeros_are_no_records(contents: list[bytes], zeros: int) -> None:
    """As file systems put them behind what they have not written before the power failed."""
    assert unframed(b"".join(map(framed, contents)) + bytes(zeros)) == (contents, False)
