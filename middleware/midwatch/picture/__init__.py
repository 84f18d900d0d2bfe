"""
The picture of a trace: spans and request lines out of files, one trace of them, and its waterfall.

`read` -> `choose` -> `trace` -> `tree` -> `clock` -> `waterfall`, which `terminal` and `page` show.
"""
