"""How a study shows where it is: a line for each step on a terminal, a note for each that is done elsewhere."""

from __future__ import annotations

import sys
import time
from shutil import get_terminal_size
from typing import TextIO

from pyalign.report.progress import SHORTEST
from pyalign.report.tables import one_line
from pyalign.study.result import FAILED, MADE, REUSED, TO_DO
from pyalign.study.run import RUNNING

ENDED = (MADE, REUSED, FAILED)
MARKS = {TO_DO: " ", RUNNING: ">", MADE: "+", REUSED: "=", FAILED: "!"}


class Steps:
    """The steps of a study on stderr: a `Watch`, and a context whose end leaves the cursor below them.

    On a terminal all steps stand there, at most as many as it has lines for: those around the one that runs. Elsewhere
    there is a line when a step has ended.

    Args:
        show: whether anything is shown.
        stream: where; None: stderr.
    """

    def __init__(self, show: bool = True, stream: TextIO | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.show = show and self.stream is not None
        self.live = self.show and self.stream.isatty()
        self.steps: dict[str, tuple[str, str]] = {}
        self.drawn, self.last = 0, float("-inf")

    def __call__(self, name: str, state: str, detail: str) -> None:
        before = self.steps.get(name, ("", ""))[0]
        self.steps[name] = state, detail
        if self.live:
            now = time.monotonic()
            if (state != before and state != TO_DO) or now - self.last >= SHORTEST:
                self.last = now
                self._draw()
        elif self.show and state in ENDED:
            self.stream.write(f"{_line(name, state, detail, 0)}\n")
            self.stream.flush()

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
        """Those that fit, with the one that runs in the middle."""
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
    """A step on one line.

    Example:
        >>> _line("score", "made", "0.4 s", 8)
        '+ score     made      0.4 s'
    """
    told = f"{MARKS.get(state, ' ')} {one_line(name):<{width}}  {state:<8}  {one_line(detail)}".rstrip()
    return told if width else f"{one_line(name)}: {state}{f', {one_line(detail)}' if detail else ''}"
