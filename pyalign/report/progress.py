"""Where a long run is, on stderr: a line that changes on a terminal, a line a minute in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from shutil import get_terminal_size
from typing import TextIO

from pyalign.report.words import one_line

SHORTEST = 0.1  # seconds between two texts of a line that changes
INTERVAL = 60.0  # seconds between two lines of a log


class ProgressLog:
    """Lines in a log, one a minute, the first after a minute: a short run leaves none.

    Args:
        stream: the log; what it does not take is dropped.
        clock: gives the time in seconds.
        interval: seconds between two lines.

    Example:
        >>> times = iter([0.0, 30.0, 60.0])
        >>> log = ProgressLog(sys.stdout, clock=lambda: next(times))
        >>> log.show("resamples 500/1,000")
        >>> log.show("resamples 990/1,000")
        progress after 1 min: resamples 990/1,000
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic, interval: float = INTERVAL) -> None:
        self._stream, self._clock, self._interval = stream, clock, interval
        self._began = self._last = clock()

    def show(self, text: str) -> None:
        """Writes the text if the last line, or the start, was a minute ago."""
        now = self._clock()
        if now - self._last >= self._interval:
            self._last = now
            with suppress(OSError, ValueError):  # also a stream that is closed, or has no such letters
                print(f"progress after {(now - self._began) // 60:.0f} min: {text}", file=self._stream, flush=True)


class ProgressLine:
    """The progress of a command: on a terminal a line that changes, at most ten times a second; else a `ProgressLog`.

    Args:
        show: whether anything is shown.
        stream: where; None: stderr.
        clock, interval: see `ProgressLog`.
    """

    def __init__(
        self, show: bool = True, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic,
        interval: float = INTERVAL,
    ) -> None:
        stream = sys.stderr if stream is None else stream
        self._stream = stream if show else None
        self._clock, self._last = clock, float("-inf")
        self._log = None if stream is None or stream.isatty() else ProgressLog(stream, clock, interval)

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Shows where the work is; the arguments are those of `pyalign._process.Progress`."""
        if self._stream is None:
            return
        text = one_line(f"{stage} {done:,}/{total:,}" if total is not None else f"{stage}, {done:,}" if done else stage)
        if self._log is not None:
            self._log.show(text)
        elif (now := self._clock()) - self._last >= SHORTEST:
            self._last = now
            print(f"\r\x1b[K{text[: get_terminal_size().columns - 1]}", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        """The line on the terminal is gone."""
        if self._stream is not None and self._log is None:
            print("\r\x1b[K", end="", file=self._stream, flush=True)
