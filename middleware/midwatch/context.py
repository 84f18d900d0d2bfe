"""
The one context variable in play: OpenTelemetry's.

`attach` and `detach` are those of `opentelemetry.context`, without the two calls that lead to the variable where it is
the usual one; every request pays for them.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

import opentelemetry.context as otel

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from opentelemetry.context import Context

__all__ = ["attach", "detach", "get_current"]

attach: Callable[[Context], Token[Context]] = otel.attach
detach: Callable[[Token[Context]], None] = otel.detach
get_current: Callable[[], Context] = otel.get_current

_variable = getattr(getattr(otel, "_RUNTIME_CONTEXT", None), "_current_context", None)
if isinstance(_variable, ContextVar):
    attach, detach, get_current = _variable.set, _variable.reset, _variable.get
