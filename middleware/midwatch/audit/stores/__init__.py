"""
Where events are kept, each place named by a URL.

| URL | what | needs |
| --- | --- | --- |
| `file:///var/log/orders/audit.jsonl` | chained JSON lines, for the processes of one machine | nothing |
| `sqlite:////var/lib/orders/audit.db` | an SQLite file, for the processes of one machine | `midwatch[audit]` |
| `postgresql://user:password@host/orders` | PostgreSQL, for many machines | `midwatch[audit]` and `psycopg[binary]` |

As everywhere in Python, an SQLite file has four slashes, or three and a path below the working directory. A URL of
PostgreSQL may name its driver (`postgresql+psycopg://`), and carry parameters of libpq (`?sslmode=verify-full`).
"""

from .opening import check_store, open_store
from .store import Checkpoint, Collision, Filter, Page, Store, StoreError, StreamRow

__all__ = [
    "Checkpoint",
    "Collision",
    "Filter",
    "Page",
    "Store",
    "StoreError",
    "StreamRow",
    "check_store",
    "open_store",
]
