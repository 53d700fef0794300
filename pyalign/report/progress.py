"""A line on stderr while something runs, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import get_terminal_size


@contextmanager
def progress(text: str, show: bool = True) -> Iterator[None]:
    """Shows `text` on stderr until the block ends, when stderr is a terminal."""
    visible = show and sys.stderr is not None and sys.stderr.isatty()
    if visible:
        print(f"\r\x1b[K{text[: get_terminal_size().columns - 1]}", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if visible:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
