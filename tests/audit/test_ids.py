"""Random bits for ids: enough of them, and never the same ones twice."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as some

from midwatch.audit.ids import random_bits


@given(some.integers(1, 128))
def test_there_are_as_many_as_were_asked_for(count: int) -> None:
    assert max(random_bits(count).bit_length() for _ in range(20)) <= count
    assert any(random_bits(128).bit_length() > 120 for _ in range(20))


def test_threads_never_get_the_same() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(random_bits, [128] * 20_000))
    assert len(set(found)) == len(found)


def test_a_forked_child_gets_others() -> None:
    random_bits(128)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "\n".join(str(random_bits(128)) for _ in range(300)).encode())
        os._exit(0)
    os.close(writing)
    mine = {str(random_bits(128)) for _ in range(300)}
    with os.fdopen(reading) as file:
        theirs = set(file.read().split("\n"))
    os.waitpid(child, 0)
    assert len(theirs) == 300
    assert not mine & theirs
