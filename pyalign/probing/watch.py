"""What a fit tells while it runs: passes to a progress callback, its best map to a journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyalign._dataclass import dataclass, field
from pyalign.journal import Journal
from pyalign.probing.problem import Map
from pyalign.progress import Progress, silent

# What a map is worth to whoever interrupts, the first most; after it comes a figure in nats.
REFIT, FINISHED, FITTED, INNER, CUT = range(5)
Watcher = Callable[[int, float, Map], None]  # (pass, objective, map), after each pass


@dataclass
class Watch:
    """Reports progress."""

    progress: Progress = silent  # called with the stage, the passes of the present fit, and None.
    journal: Journal = field(default_factory=Journal)  # gets the best map so far.
    stage: str = "fit"  # of the fits that are watched, such as "fold 2/3, inner 1/3".
    accuracy: float | None = None  # on held-out triplets, of the last fit that was scored; None before there is one.
    recorded: Callable[[Any], Any] = lambda fit: fit  # what makes a fit one whose map says what it was fitted to.

    def at(self, stage: str) -> Watch:
        """A watch like this one for another stage."""
        return Watch(self.progress, self.journal, stage, recorded=self.recorded)

    def offer(self, merit: tuple[float, ...], fit: Callable[[], Any]) -> None:
        """A fit that may be the best so far, to the journal."""
        self.journal.offer(self.stage, merit, lambda: self.recorded(fit()))

    def report(self, penalty: float, passes: int, objective: float) -> None:
        """Reports a pass, as text."""
        held_out = "" if self.accuracy is None else f", held-out {100 * self.accuracy:.2f}%"
        text = f"{self.stage}: penalty {penalty:.4g}, loss {objective:.5f}{held_out}"
        self.progress(text, passes, None)


def ignore(passes: int, value: float, at: Map) -> None:
    """A watcher that does nothing."""
