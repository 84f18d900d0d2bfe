"""
The command `midwatch`, one file for each of its commands.

Data goes to stdout, words to stderr. Exit code 0: fine; 1: something was found; 2: usage or settings; 130: Ctrl-C.
"""

from .command import main

__all__ = ["main"]
