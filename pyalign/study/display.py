"""How a study shows where it is: a line for each step on a terminal, elsewhere a line a minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from shutil import get_terminal_size
from typing import TextIO

from pyalign.report.progress import INTERVAL, SHORTEST, ProgressLog
from pyalign.report.words import one_line
from pyalign.study.maker import RUNNING
from pyalign.study.study_result import FAILED, MADE, REUSED, TO_DO

ENDED = (MADE, REUSED, FAILED)
MARKS = {TO_DO: " ", RUNNING: ">", MADE: "+", REUSED: "=", FAILED: "!"}


class Steps:
    """The steps of a study on stderr: a `Watch`, and a context whose end leaves the cursor below them.

    On a terminal all steps stand there, at most as many as it has lines for: those around the one that runs. Elsewhere
    there is a line a minute: what became of each step is in the table at the end.

    Args:
        show: whether anything is shown.
        stream: where; None: stderr.
        clock, interval: see `ProgressLog`.
    """

    def __init__(
        self, show: bool = True, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic,
        interval: float = INTERVAL,
    ) -> None:
        self.stream = sys.stderr if stream is None else stream
        shown = show and self.stream is not None
        self.live = shown and self.stream.isatty()
        self.log = ProgressLog(self.stream, clock, interval) if shown and not self.live else None
        self.clock = clock
        self.steps: dict[str, tuple[str, str]] = {}
        self.drawn, self.last = 0, float("-inf")

    def __call__(self, name: str, state: str, detail: str) -> None:
        before = self.steps.get(name, ("", ""))[0]
        self.steps[name] = state, detail
        if self.live:
            now = self.clock()
            if (state != before and state != TO_DO) or now - self.last >= SHORTEST:
                self.last = now
                self._draw()
        elif self.log is not None and state != TO_DO:
            self.log.show(_line(name, state, detail, 0))

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *reason: object) -> None:
        if self.live:
            self._erase()
            self.stream.flush()

    def _draw(self) -> None:
        size = get_terminal_size()
        width = max(map(len, map(one_line, self.steps)), default=0)
        lines = [_line(name, state, detail, width) for name, (state, detail) in self.steps.items()]
        shown = self._window(lines, max(3, size.lines - 2))
        self._erase()
        self.stream.write("".join(f"{line[: size.columns - 1]}\n" for line in shown))
        self.stream.flush()
        self.drawn = len(shown)

    def _window(self, lines: list[str], room: int) -> list[str]:
        """The lines that fit, with the one that runs in the middle."""
        if len(lines) <= room:
            return lines
        states = [state for state, _ in self.steps.values()]
        at = states.index(RUNNING) if RUNNING in states else sum(state in ENDED for state in states)
        first = min(max(0, at - room // 2), len(lines) - room)
        return lines[first : first + room]

    def _erase(self) -> None:
        if self.drawn:
            self.stream.write(f"\x1b[{self.drawn}A\x1b[J")
            self.drawn = 0


def _line(name: str, state: str, detail: str, width: int) -> str:
    """A step on one line; width: of the names of all steps, or 0 for a line by itself.

    Example:
        >>> _line("score", "made", "0.4 s", 8)
        '+ score     made      0.4 s'
    """
    line = f"{MARKS.get(state, ' ')} {one_line(name):<{width}}  {state:<8}  {one_line(detail)}".rstrip()
    return line if width else f"{one_line(name)}: {state}{f', {one_line(detail)}' if detail else ''}"
