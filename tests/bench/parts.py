"""
What this program is started with to be one of its own processes.

Each imports no more than it needs: a run starts dozens of them.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PARTS", "main"]

PARTS: Final = frozenset(
    {"acks", "child", "memory", "receiver", "scraped", "serve", "ship", "sinks", "soak", "spans", "worker"}
)


def main(arguments: Sequence[str]) -> int:
    """
    Be the part that *arguments* name; the exit code.

    Raises:
        ValueError: there is no such part, or it takes other arguments.
    """
    if arguments[0] != "serve":
        # Ctrl-C is for the parent, which ends us.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    match list(arguments):
        case ["child", protocol, kind]:
            from . import child

            return child.main(protocol, kind)
        case ["serve", variant, descriptor, core]:
            from . import server

            return server.main(variant, int(descriptor), None if core == "None" else int(core))
        case ["sinks", syslog, fluentd]:
            from . import sinks

            return sinks.main(int(syslog), int(fluentd))
        case ["receiver", failing]:
            from . import receiver

            return receiver.main(float(failing))
        case ["worker", whose, folder, routes, requests, stay]:
            from . import pages

            return pages.work(whose, folder, int(routes), int(requests), stay=stay == "stay")
        case ["scraped", whose, folder]:
            from . import pages

            return pages.main(whose, folder)
    return _measuring(arguments)


def _measuring(arguments: Sequence[str]) -> int:
    match list(arguments):
        case ["memory", requests]:
            from . import memory

            return memory.main(int(requests))
        case ["ship", url, place, requests]:
            from . import ship

            return ship.main(url, place, int(requests))
        case ["spans", whose, port, times]:
            from . import spans

            return spans.main(whose, int(port), int(times))
        case ["acks", seconds]:
            from . import trail

            return trail.main(float(seconds))
        case ["soak", requests, port, queue]:
            from . import soak

            return soak.main(int(requests), int(port), int(queue))
    raise ValueError(f"no part: {arguments}")
