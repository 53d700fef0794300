"""A line on stderr while something runs, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size


@contextmanager
def progress(text: str, show: bool = True) -> Iterator[Callable[[str], None]]:
    """Shows `text` on stderr until the block ends, when stderr is a terminal; gives a function that adds to it."""
    visible = show and sys.stderr is not None and sys.stderr.isatty()

    def say(more: str) -> None:
        if visible:
            line = f"{text} {more}".rstrip()
            print(f"\r\x1b[K{line[: get_terminal_size().columns - 1]}", end="", file=sys.stderr, flush=True)

    say("")
    try:
        yield say
    finally:
        if visible:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
