"""
What Midwatch costs, beside what else there is; `python tests/bench` (or `make bench`) prints it.

Everything is measured in one run, since only ratios of one run mean anything: the bare application, a hand-fused floor,
each of the six alone, all six, and the stack of packages that people assemble today. The rounds of all variants are
interleaved, one process working at a time, and of each variant the best round counts: noise only adds.

| part | where |
| --- | --- |
| the application, and the request it is asked | `apps`, `calls` |
| the variants | `floor_asgi`, `floor_wsgi`, `watched`, `assembled_asgi`, `assembled_wsgi` |
| processes and rounds | `parts`, `child`, `rounds` |
| behind uvicorn, under load | `server`, `client`, `load` |
| memory over many requests and paths | `memory` |
| figures, targets and tables | `figures`, `tables` |
"""
