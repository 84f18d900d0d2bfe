"""A worker of a server: writes events and makes checkpoints until it is told otherwise. Run by tests as a process."""

from __future__ import annotations

import os
import sys
import time

from midwatch.audit.anchors import open_anchor
from midwatch.audit.checkpoints import Checkpointer
from midwatch.audit.entry import Entry
from midwatch.audit.event import event, service_part
from midwatch.audit.keys import Signer
from midwatch.audit.stores import open_store
from midwatch.audit.writer import Writer
from midwatch.delivery import flush
from midwatch.service import Service

SERVICE = service_part(Service("orders"), "host")


def main(url: str, anchor: str, forks: int) -> None:
    """Begin in this process, go on in as many children; a line on standard output when all run."""
    signer = Signer(b"\x5e" * 32)
    writer = Writer(open_store(url), service=SERVICE, deadline=10.0)
    checkpointer = Checkpointer(
        open_store(url),
        log="orders",
        signer=signer,
        anchors=[open_anchor(anchor)],
        every=0.05,
        events=5,
        note=writer.note,
    )
    put(writer)
    checkpointer.start()
    for _ in range(forks):
        if not os.fork():
            checkpointer.start()
            work(writer, checkpointer)
    work(writer, checkpointer)


def put(writer: Writer) -> None:
    now = time.time_ns()
    entry = Entry(now, "order.refund", outcome="success")
    writer.put(event("action", now, int.from_bytes(os.urandom(9)), SERVICE, entry=entry))
    assert writer.flush(20)


def work(writer: Writer, checkpointer: Checkpointer) -> None:
    os.write(1, f"{os.getpid()}\n".encode())
    while os.getppid() != 1 and sys.stdin.fileno() == 0 and not _told_to_end():
        put(writer)
        time.sleep(0.002)  # others want to write, too
    ended = writer.close(20) and checkpointer.close(20) and flush(20)
    os._exit(0 if ended else 1)


def _told_to_end() -> bool:
    import select

    return bool(select.select([0], [], [], 0)[0])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
