"""One instance at one registry: registered, known, drained, gone; in a thread that nothing waits for but the end."""

from __future__ import annotations

import logging
import random
import threading
from math import isnan
from typing import TYPE_CHECKING, Final, final

from ...plugin import hook_failed
from ...quiet import Quiet
from .caller import CallError
from .instance import Instance, address_of, reachable_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from .caller import Caller
    from .contract import Registry
    from .members import Members

__all__ = ["Registration"]

logger = logging.getLogger("midwatch")

LONGEST: Final = 60.0
"""Seconds between two attempts, at most; the first comes after one."""

WEIGHED: Final = 10.0
"""Seconds between two looks at the weight, and points by which it has to differ to be told."""

FULL: Final = 100
UNKNOWN: Final = "health.address is not set, and no request has told the port of this service yet"


@final
class Registration:
    """
    Keeps one registry informed.

    Args:
        caller: Calls it.
        registry: What to say to it.
        members: The workers that are one instance.
        service, version: Who we are.
        address: Where others reach us; None to find out.
        health: Path of readiness.
        score: How saturated the service is, 0 to 100.
        clock: Seconds; only differences count.

    Attributes:
        failures: Calls that came to nothing.
        instance: What is registered; None until its address is known.
    """

    def __init__(
        self,
        caller: Caller,
        registry: Registry,
        members: Members,
        *,
        service: str,
        version: str,
        address: str | None,
        health: str,
        score: Callable[[], float] | None,
        clock: Callable[[], float],
    ) -> None:
        self.failures = 0
        self.instance = None if address is None else Instance(service, version, address_of(address), health)
        self._caller, self._registry, self._members = caller, registry, members
        self._service, self._version, self._health = service, version, health
        self._score, self._clock = score, clock
        self._quiet = Quiet(clock)
        self._wake, self._over = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._draining = self._dropped = False
        self._learnt: tuple[int, bool] | None = None
        self._forget_state()

    def _forget_state(self) -> None:
        self._registered = self._out = self._last = False
        self._attempts = 0
        self._weight, self._weighed, self._beaten = FULL, 0.0, 0.0

    @property
    def place(self) -> str:
        """The registry, as messages may show it."""
        return self._caller.place

    def start(self) -> None:
        """Register, and go on telling; in a thread."""
        # Of its own: a thread that was left behind in a call goes by the old one.
        self._over.set()
        self._over = over = threading.Event()
        self._dropped = False
        self._forget_state()
        self._members.join()
        thread = threading.Thread(target=self._run, args=(over,), name="midwatch-registry", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._quiet.say(logging.WARNING, f"service registry: {self.place}: no thread left to call it from")
        else:
            self._thread = thread

    def learn(self, port: int, *, secure: bool) -> None:
        """The service listens on *port*."""
        self._learnt = port, secure
        self._wake.set()

    def drain(self) -> None:
        """No more requests should come."""
        self._draining = True
        self._wake.set()

    def resume(self) -> None:
        """They may come again."""
        self._draining = False
        self._wake.set()

    def end(self) -> None:
        """Begin to be gone."""
        self._over.set()
        self._wake.set()

    def stop(self, deadline: float) -> None:
        """Be gone, within *deadline* seconds."""
        self.end()
        thread, self._thread = self._thread, None
        if thread is None:
            self._members.forget()
        else:
            thread.join(deadline)

    def let_go(self) -> None:
        """Be gone at the next turn; takes no lock."""
        self._dropped = True

    def forget(self) -> None:
        """Start afresh, in a forked child."""
        self._thread = None
        self._wake, self._over = threading.Event(), threading.Event()
        self._caller.forget()
        self._members.forget()
        self._draining = False
        self._forget_state()

    def turn(self) -> float:
        """Say what has to be said now; the seconds until the next time."""
        try:
            self._say()
        except CallError as error:
            self.failures += 1
            self._attempts += 1
            self._quiet.say(logging.WARNING, f"service registry: {error}")
            return min(LONGEST, 2.0 ** min(self._attempts - 1, 8)) * random.uniform(0.75, 1.25)  # noqa: S311
        except Exception as error:
            self.failures += 1
            self._quiet.say(logging.ERROR, f"service registry: {type(error).__name__}")
            return LONGEST
        self._attempts = 0
        return min(self._registry.beat, WEIGHED)

    def _say(self) -> None:
        if self.instance is None:
            self.instance = Instance(self._service, self._version, self._found(), self._health)
        draining = self._draining  # Once: it may change while a call is under way.
        if draining != self._out:
            self._turn_about(self.instance, draining=draining)
        elif self._members.speaks():
            self._keep(self.instance)

    def _found(self) -> str:
        """Our address: the one by which this machine reaches the registry, or what another worker has found."""
        noted = self._members.noted()
        if noted:
            return noted
        if self._learnt is None:
            raise CallError(f"{self.place}: {UNKNOWN}")
        port, secure = self._learnt
        host = reachable_from(self._caller.host, self._caller.port)
        if host is None:
            raise CallError(f"{self.place}: there is no way to its host")
        return f"http{'s' if secure else ''}://{host}:{port}"

    def _keep(self, instance: Instance) -> None:
        """Be registered as things stand."""
        self._members.note(instance.address)
        now = self._clock()
        weight = self._weight if now - self._weighed < WEIGHED and self._registered else self._weigh()
        moved = abs(weight - self._weight) >= WEIGHED
        if not self._registered or moved:
            self._registry.register(instance, out=self._last, weight=weight)
            if not self._registered and not self._last:
                self._registry.resume(instance)  # One of the same id may have been killed while it drained.
            if not self._registered:
                logger.info("service registry: %s is registered at %s", instance.address, self.place)
            self._registered, self._weight = True, weight
            self._weighed = self._beaten = now
        elif now - self._beaten >= self._registry.beat - 1:
            self._beaten = now
            if not self._registry.beat_once(instance):
                self._registered = False
                self._keep(instance)

    def _turn_about(self, instance: Instance, *, draining: bool) -> None:
        """Out of service, once all workers are; in again, once one of them is."""
        if draining:
            last = self._members.leave()
            if last:
                self._registry.drain(instance)
            self._last = last
        else:
            self._members.join()
            self._registry.resume(instance)
            self._last = False
        self._out = draining

    def _weigh(self) -> int:
        self._weighed = self._clock()
        try:
            score = 0.0 if self._score is None else float(self._score())
        except Exception:
            hook_failed(self._weigh)
            return self._weight
        return self._weight if isnan(score) else round(max(1.0, min(FULL, FULL - score)))

    def _run(self, over: threading.Event) -> None:
        while not over.is_set() and not self._dropped:
            self._wake.clear()
            wait = self.turn()
            if not over.is_set():
                self._wake.wait(wait)
        if over is self._over:
            self._leave()

    def _leave(self) -> None:
        last = self._last if self._out else self._members.leave()
        if last and self.instance is not None:
            try:
                self._registry.leave(self.instance)
            except Exception as error:
                self.failures += 1
                why = str(error) if isinstance(error, CallError) else type(error).__name__
                self._quiet.say(logging.WARNING, f"service registry: {why}")
        self._members.forget()
