"""The two services as processes of their own: started on free ports, waited for, and stopped whatever happens."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final, Self

import httpx

__all__ = ["BrokenError", "Service", "Services"]

HERE: Final = Path(__file__).parent

READY: Final = 30.0
"""Seconds until a service has to be ready; two cold starts at once on a slow machine."""

STOP: Final = 5.0
"""Seconds that a service has to stop after SIGTERM."""


class BrokenError(Exception):
    """The demo cannot go on; its text says why."""


class Service:
    """
    One process and the address it serves.

    The socket is bound here and inherited, so that a port which is free stays ours.
    """

    def __init__(self, name: str, server: str, files: Path) -> None:
        self.name = name
        self.server = server
        self.console = files / f"{name}.console"
        self.process: subprocess.Popen[bytes] | None = None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self, environment: dict[str, str]) -> None:
        """Start the process, in a group of its own: Ctrl-C is for the demo, which stops its services in order."""
        fd = self._socket.fileno()
        command = [sys.executable, "-m", *self.server.format(fd=fd).split()]
        with self.console.open("wb") as console:
            self.process = subprocess.Popen(  # noqa: S603 - our own words
                command,
                cwd=HERE,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                pass_fds=[fd],
                start_new_session=True,
            )
        self._socket.close()

    @property
    def pid(self) -> int:
        """0 before it was started."""
        return 0 if self.process is None else self.process.pid

    async def ready(self, client: httpx.AsyncClient) -> None:
        """
        Wait until it is ready.

        Raises:
            BrokenError: the process has ended.
        """
        while True:
            if self.process is None or self.process.poll() is not None:
                raise BrokenError(f"{self.name} ended at once; its last words:\n{self.console.read_text()[-1500:]}")
            try:
                answer = await client.get(f"{self.url}/health/ready")
            except httpx.TransportError:
                pass
            else:
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return
            await asyncio.sleep(0.05)

    def terminate(self) -> None:
        """Ask it to stop."""
        self._socket.close()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self) -> None:
        """Wait until it has stopped; what does not stop is killed, with its workers."""
        if self.process is None:
            return
        try:
            self.process.wait(STOP)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Services:
    """
    Both of them, for a `with`.

    Args:
        files: Directory for everything that they write.
        without: One of the six that is off, so that tests see the demo notice.
    """

    def __init__(self, files: Path, without: str | None = None) -> None:
        self.shop = Service("shop", "uvicorn shop:app --fd {fd} --no-access-log", files)
        self.stock = Service("stock", "gunicorn stock:app --bind fd://{fd} --config gunicorn_conf.py", files)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "GUNICORN_"))},
            "SHOP_DIR": str(files),
            "STOCK_URL": self.stock.url,
            "SHOP_WITHOUT": without or "",
        }

    @property
    def both(self) -> tuple[Service, Service]:
        """In the order in which they stop: who asks, then who is asked."""
        return self.shop, self.stock

    def __enter__(self) -> Self:
        try:
            for service in self.both:
                service.start(self._environment)
        except BaseException:
            self.stop()
            raise
        return self

    async def ready(self, client: httpx.AsyncClient) -> None:
        """
        Wait until both are ready.

        Raises:
            BrokenError: one has ended, or is late.
        """
        try:
            async with asyncio.timeout(READY):
                await asyncio.gather(*(service.ready(client) for service in self.both))
        except TimeoutError:
            raise BrokenError(f"the services were not ready after {READY:g} s") from None

    def stop(self) -> None:
        """Stop both, and return when they have."""
        for service in self.both:
            service.terminate()
        for service in self.both:
            service.wait()

    def __exit__(self, *_: object) -> None:
        self.stop()
