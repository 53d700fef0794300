"""A line on stderr while something runs, on a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size

SHORTEST = 0.1  # seconds between two texts of a line that changes


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


class ProgressLine:
    """A line on stderr that changes, at most ten times a second; nothing where stderr is no terminal."""

    def __init__(self, show: bool = True) -> None:
        self.visible = show and sys.stderr is not None and sys.stderr.isatty()
        self.last = float("-inf")

    def show(self, text: str) -> None:
        """The line's text from now on, unless the last one has only just appeared."""
        now = time.monotonic()
        if self.visible and now - self.last >= SHORTEST:
            self.last = now
            print(f"\r\x1b[K{text[: get_terminal_size().columns - 1]}", end="", file=sys.stderr, flush=True)

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """As `pyalign.progress.Progress`."""
        self.show(f"{stage} {done:,}/{total:,}" if total is not None else f"{stage}, {done:,}" if done else stage)

    def clear(self) -> None:
        """The line is gone."""
        if self.visible:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
