"""
A master whose workers count and are killed; run as a script.

Arguments: the directory of the slots, a file of numbers, how many kills. The file has two numbers for each
worker and label: what a worker is about to count is added to the first, what it has counted to the second.
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import sys
from pathlib import Path
from time import sleep

from midwatch.metrics.slots import Cells, Slot

WORKERS = 4
LABELS = 300


def work(directory: Path, ledger: Cells, number: int) -> None:
    """Count until killed. Each worker has numbers of its own in the ledger: to add is not one step."""
    slot = Slot(directory)
    chance = random.Random()
    mine = ledger[2 * LABELS * number : 2 * LABELS * (number + 1)]
    while True:
        label = chance.randrange(LABELS)
        mine[2 * label] += 1
        cells = slot.cells("steps", (str(label),), 33)
        cells[label % 33] += 1
        mine[2 * label + 1] += 1
        slot.cells("active", (), 1, live=True)[0] = 1


def start(directory: Path, ledger: Cells, number: int) -> int:
    pid = os.fork()
    if not pid:
        try:
            work(directory, ledger, number)
        finally:
            os._exit(1)
    return pid


def main() -> None:
    directory, path, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    with path.open("r+b") as file:
        ledger = memoryview(mmap.mmap(file.fileno(), 0)).cast("d")
    chance = random.Random(1)
    running = [start(directory, ledger, number) for number in range(WORKERS)]
    for _ in range(kills):
        sleep(chance.uniform(0, 0.01))  # Killed at any moment: in a claim, in a record, in a sum.
        number = chance.randrange(WORKERS)
        os.kill(running[number], signal.SIGKILL)
        assert os.waitpid(running[number], 0)[1] == signal.SIGKILL
        running[number] = start(directory, ledger, number)
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    print("done", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
