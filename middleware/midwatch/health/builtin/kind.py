"""What all built-in checks have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from ...destinations.address import between, parameters, seconds
from ...hushed import hushed
from .levels import LEVELS
from .reason import failed, why

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from ..result import Result

__all__ = ["COMMON", "NETWORK", "PATIENCE", "BuiltIn", "Quick", "Scope", "percent", "read"]

Scope: TypeAlias = Literal["local", "shared", "external"]
"""Whose fault it is: of this process or machine, of what all processes of the service lean on, of another company."""

PATIENCE: Final = 1.5
"""Seconds that one look at the network may take: less than an engine gives a check, so that it can say why."""


def _scope(text: str) -> Scope:
    for scope in get_args(Scope):
        if text == scope:
            found: Scope = scope
            return found
    raise ValueError("local, shared or external")


COMMON: Final[dict[str, Callable[[str], Any]]] = {"scope": _scope}
"""Parameters of all kinds."""

NETWORK: Final = COMMON | {"timeout": seconds}

percent: Final = between(0, 100, "percent")


class BuiltIn(ABC):
    """
    A check that is made of a text.

    Args:
        shown: The text, without credentials and parameters; levels are shown with it.
        options: Its parameters, read.

    Attributes:
        scope: Whose fault a failure is; the parameter `scope` says otherwise.
        groups: That it belongs to, unless the settings say otherwise.
        gate: Whether a failure takes the process out of traffic; None for what its scope means.
    """

    scope: Scope = "local"
    groups: tuple[str, ...] = ("ready",)
    gate: bool | None = None

    def __init__(self, shown: str, options: dict[str, Any] | None = None) -> None:
        levels = "&".join(f"{name}={options[name]:g}" for name in LEVELS if options and name in options)
        self.shown = f"{shown}?{levels}" if levels else shown
        if options and "scope" in options:
            self.scope = options["scope"]

    def __repr__(self) -> str:
        return self.shown

    @abstractmethod
    def __call__(self) -> Result | Coroutine[Any, Any, Result]:
        """Look, and say what was found; never raises."""


class Quick(BuiltIn):
    """One that looks in the thread it is called in."""

    def __call__(self) -> Result:
        with hushed():
            try:
                return self.look()
            except Exception as error:
                return failed(error, why(error))

    @abstractmethod
    def look(self) -> Result:
        """
        Look.

        Raises:
            Exception: it fails; of anything but a `Finding`, the class at most is shown.
        """


def read(spec: str, known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """
    The parameters of a *spec* that is a word, as in `memory?warn=80`.

    Raises:
        ValueError: an unknown one, or a value that cannot be read.
    """
    name, _, query = spec.partition("?")
    return parameters(name, query, known, tls=False)[0]
