"""
Where checkpoints are published: out of reach of whoever can write to the store.

| URL | what |
| --- | --- |
| `log` | a line of the logger `midwatch.audit`, which goes where all lines go |
| `file:///mnt/worm/orders.jsonl` | a line of a file, on disk when it counts as published |
| `https://notary.internal/checkpoints` | the line as the body of a POST |
| `postgresql://...`, `sqlite:////...` | another database, in the form of a store; one for each trail |

A checkpoint names the one before by its digest, so the latest of them vouches for all.
"""

from .anchor import Anchor, AnchorState
from .opening import open_anchor
from .published import Published
from .reading import read

__all__ = ["Anchor", "AnchorState", "Published", "open_anchor", "read"]
