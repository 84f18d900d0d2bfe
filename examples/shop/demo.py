"""
Two real services, some 200 requests, and what the six saw of them.

    python examples/shop/demo.py            the tour, then everything is gone
    python examples/shop/demo.py --serve    the tour, then both keep running until Ctrl-C

Exit status: 0 all six are there and add up, 1 something is missing, 2 usage, 130 or 143 stopped by a signal.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Final

import httpx
from checks import EXPECTED, problems
from evidence import Evidence, Scrape, read, scrape
from paint import Paint
from services import BrokenError, Service, Services
from tour import tour
from traffic import send

SETTLE: Final = 5.0
"""Seconds for the last requests to end and for running services to write what they hold."""


def main() -> int:
    """Run the demo; its exit status."""
    options = _options()
    files = Path(tempfile.mkdtemp(prefix="midwatch-demo-"))
    try:
        return asyncio.run(_until_signal(options, files))
    except BrokenError as error:
        say(f"demo: {error}")
        return 1
    finally:
        if not (options.keep or options.serve):
            shutil.rmtree(files, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Two services, some 200 requests, and what Midwatch saw of them.")
    parser.add_argument("--serve", action="store_true", help="leave both services running until Ctrl-C")
    parser.add_argument("--keep", action="store_true", help="keep the files that the services wrote")
    parser.add_argument(
        "--without",
        choices=("trace", "log", "errors", "metrics", "audit", "health"),
        help="switch one of the six off in both services; for testing that the demo notices",
    )
    return parser.parse_args()


def say(text: str, end: str = "\n") -> None:
    """Tell the person; the tour alone goes to stdout."""
    print(text, end=end, file=sys.stderr, flush=True)


async def _until_signal(options: argparse.Namespace, files: Path) -> int:
    """Run, and on a signal unwind: cancelled at the next wait, so that no process is started and then forgotten."""
    loop, running = asyncio.get_running_loop(), asyncio.ensure_future(_run(options, files))
    told: list[int] = []

    def stop(number: int) -> None:
        told.append(number)
        running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    try:
        return await running
    except asyncio.CancelledError:
        say("")
        return 128 + told[0]


async def _run(options: argparse.Namespace, files: Path) -> int:
    serving: bool = options.serve
    with Services(files, options.without) as services:
        for service in services.both:
            say(f"{service.name:5}  {service.url}  pid {service.pid}  {service.server.split()[0]}")
        say("waiting until both are ready")
        # Each visitor comes on a connection of their own: uvicorn closes the one on which an application raised.
        alone = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(timeout=10, trust_env=False, limits=alone) as client:
            await services.ready(client)
            surprises = await send(services.shop.url, client, _progress)
            scrapes = {service.name: await _settled(client, service) for service in services.both}
        if not serving:
            services.stop()
            say("both stopped")
        found = await _complete(files, scrapes, running=serving)
        wrong = [*surprises, *problems(found, stopped=not serving)]
        print(tour(found, Paint(sys.stdout), sound=not wrong), flush=True)
        for problem in wrong:
            say(f"demo: {problem}")
        if serving and not wrong:
            await _serve(services, files)
        elif options.keep or serving:
            say(f"files: {files}")
    return 1 if wrong else 0


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        say(f"\rsent {done} of {total} requests", end="\n" if done == total else "")
    elif done == total:
        say(f"sent {total} requests")


async def _settled(client: httpx.AsyncClient, service: Service) -> Scrape:
    """What *service* says of itself once the last requests have ended there: who hung up does not see when."""
    end = monotonic() + SETTLE
    while True:
        try:
            found = await scrape(client, service.url)
        except httpx.TransportError as error:
            raise BrokenError(f"{service.name} does not answer any more: {error!r}") from None
        counted = found.counts.total()
        if counted >= EXPECTED[service.name]["requests"] or not counted or monotonic() > end:
            return found
        await asyncio.sleep(0.05)


async def _complete(files: Path, scrapes: dict[str, Scrape], *, running: bool) -> Evidence:
    """All that was left behind; services that run may still have some of it in memory."""
    end = monotonic() + SETTLE
    while True:
        found = read(files)
        found.scrapes = scrapes
        if not running or not problems(found, stopped=False) or monotonic() > end:
            return found
        await asyncio.sleep(0.1)


async def _serve(services: Services, files: Path) -> None:
    """Tell where everything is, and wait for Ctrl-C."""
    shop, stock = services.shop.url, services.stock.url
    print(f"""Both services keep running; Ctrl-C stops them.

  shop     {shop}/items   {shop}/metrics   {shop}/health
  stock    {stock}/metrics   {stock}/health
  files    {files}

  curl -i {shop}/items/7
  curl -i '{shop}/items/7/price?currency=CHF'
  tail -f {files}/shop.log.jsonl
  {Path(sys.executable).with_name("midwatch")} trace {files}/*.jsonl
""", flush=True)  # fmt: skip
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        say("\nstopping both")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # Whoever read the tour has seen enough; Python must not complain about the rest when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
