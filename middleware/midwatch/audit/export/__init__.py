"""
Events for other programs, one after the other in constant memory.

| format | what |
| --- | --- |
| `jsonl` | one object a line: `body` as it was hashed, byte for byte, and `detail` where it is still there |
| `csv` | one row an event, the cells of which no spreadsheet takes for a formula (CWE-1236) |
| `parquet` | the same columns, typed; needs pyarrow |
| `ocsf` | API Activity, class 6003 of OCSF 1.3, one object a line |
| `cadf` | events of DMTF DSP0262 (CADF 1.0), one object a line |
"""

from .formats import FORMATS, Writes, exporter
from .opened import Event

__all__ = ["FORMATS", "Event", "Writes", "exporter"]
