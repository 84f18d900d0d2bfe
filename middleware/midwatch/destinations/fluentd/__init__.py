"""
Servers that speak the forward protocol of Fluentd: Fluentd, fluent-bit, the OpenTelemetry Collector, Vector and others.

`fluentd://host:24224/tag.prefix`, `fluentd+tls://host` and `fluentd+unix:/path?tag=prefix`. Several hosts, such as
`fluentd://one:24224,two:24224/orders`, stand in for each other: the first that answers is used, and the preferred one
again after a minute. Every line is one record, with the fields that it has as JSON; its tag is the prefix (by default
the service's name) and the kind of record: `orders.request`, `.error`, `.audit`, `.health` or `.log`.

`fluentd://user:password@host?shared_key=SECRET` is for servers that want a shared key, and perhaps a user beside it.
Neither the key nor the password is sent, but whoever can read the connection may guess at them: use TLS.

| parameter | what it says |
| --- | --- |
| `shared_key` | the secret that the server has; `key` is short for it, but not with TLS |
| `ack` | 0: do not wait until the server acknowledges; what is under way when it ends is lost. 0 for unix sockets, since Fluentd acknowledges nothing there; fluent-bit does |
| `compression` | `gzip`, for chunks that are worth it, or `none`, as for unix sockets, where Fluentd does not know it |
| `timeout` | seconds that an acknowledgement, and the handshake, may take: 10. After that, the same chunk is sent again |
| `ca`, `cert`, `key`, `servername` | see `midwatch.destinations.address`, for `fluentd+tls` |

A chunk that is sent again may arrive twice, always as a whole.
"""  # noqa: E501 - rows of a table

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...delivery import Channel
from .connection import Connection
from .handshake import Handshake
from .message import Chunks, legal_tag
from .options import addresses_of, name_of
from .sender import Sender

if TYPE_CHECKING:
    from ...service import Service
    from ..address import Address
    from ..entry import Shipped

__all__ = ["channel_to", "check"]

MOST_ITEMS: Final = 50_000
GIVE_UP: Final = 30.0


def check(url: str) -> None:
    """
    Look at *url* without opening anything.

    Raises:
        ValueError: it cannot be meant; says what is wrong, without credentials.
    """
    addresses_of(url)


def channel_to(url: str, service: Service) -> Channel[Shipped]:
    """
    A channel to the servers at *url*, which are connected to with the first line.

    Args:
        url: See above.
        service: Whose name is the prefix of tags, if the URL has none.

    Raises:
        ValueError: it cannot be meant, or its files of TLS cannot be read.
    """
    addresses = addresses_of(url)
    options = addresses[0].options
    prefix = legal_tag(options["prefix"] or service.name)
    chunks = Chunks(prefix, compress=options["compression"] == "gzip", ack=options["ack"])
    sender = Sender([_connection(address) for address in addresses], chunks)
    return Channel(name_of(addresses), sender.deliver, apart=True, max_items=MOST_ITEMS, give_up=GIVE_UP)


def _connection(address: Address) -> Connection:
    options = address.options
    key = options.get("shared_key")
    handshake = None if key is None else Handshake(key, address.user, address.password)
    return Connection(address, options["timeout"], handshake)
