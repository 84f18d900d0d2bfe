"""The whole: which sections there are, and what belongs to none. `docs/settings.md` is made from this."""

from typing import Annotated

import msgspec

from ..plugin import Plugin
from .addresses import networks
from .audit import AuditSettings
from .errors import ErrorSettings
from .health import HealthSettings
from .kinds import list_of, one_of
from .logs import LogSettings
from .metrics import MetricSettings
from .named import plugin
from .redact import RedactSettings
from .section import Section, Setting, section
from .service import ServiceSettings
from .tracing import TraceSettings

__all__ = ["Settings"]


class Settings(Section, frozen=True, kw_only=True):
    """All settings, checked and typed; made by `load`. A section that is switched off is None."""

    service: Annotated[ServiceSettings, Setting(section(ServiceSettings, off=False))] = ServiceSettings()
    trusted_proxies: Annotated[
        tuple[str, ...],
        Setting(
            networks,
            "Networks of the proxies in front of the service. Only what they say of the client's address and of the"
            " scheme is believed.",
            ["10.0.0.0/8", "unix"],
        ),
    ] = ()
    forwarded_header: Annotated[
        str,
        Setting(
            one_of("x-forwarded-for", "forwarded"),
            "The header that the trusted proxies write; the other one is ignored, since a client could send it.",
            "forwarded",
        ),
    ] = "x-forwarded-for"
    redact: Annotated[RedactSettings, Setting(section(RedactSettings, off=False))] = RedactSettings()
    trace: Annotated[TraceSettings | None, Setting(section(TraceSettings))] = TraceSettings()
    log: Annotated[LogSettings | None, Setting(section(LogSettings))] = LogSettings()
    errors: Annotated[ErrorSettings | None, Setting(section(ErrorSettings))] = ErrorSettings()
    metrics: Annotated[MetricSettings | None, Setting(section(MetricSettings))] = MetricSettings()
    audit: Annotated[AuditSettings | None, Setting(section(AuditSettings))] = AuditSettings()
    health: Annotated[HealthSettings | None, Setting(section(HealthSettings))] = msgspec.field(
        default_factory=HealthSettings
    )
    plugins: Annotated[
        tuple[Plugin, ...],
        Setting(
            list_of(plugin, 'Plugin instances, "module:Class" or "module:instance"'),
            "Plugins of your own, after the six. A class is made without arguments.",
            ["orders.watch:SlowOrders"],
        ),
    ] = ()
