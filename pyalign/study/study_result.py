"""What a study has come to: its steps, which of them are done, and what is missing."""

from __future__ import annotations

from typing import ClassVar

from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.documents import hidden

FINISHED, FAILED, TO_DO, NO_DATA = "finished", "failed", "to do", "no data"
MADE, REUSED, ELSEWHERE = "made", "as it was", "made elsewhere"


@dataclass(frozen=True)
class StudyStep:
    """A step of a study, of one model where its function takes one."""

    name: str  # of the step, with the model behind it in brackets.
    function: str  # of pyalign, that was called.
    status: str  # "finished", "failed", or "to do" where it was not asked for.
    model: str | None = None  # of which model it is; None for a step of several, or of none.
    document: str | None = None  # where its result lies in the folder of the study; None where there is none.
    # SHA-256 of its inputs, options, function and version; None where its inputs could not be read.
    key: str | None = None
    reason: str | None = None  # why it has failed, or which figures could not be drawn, a line.
    # in no document: "made" by this run, "as it was", or "made elsewhere": a live run makes it at the moment.
    how: str | None = hidden(default=None, compare=False)
    seconds: float | None = hidden(default=None, compare=False)  # in no document: that it took when it was made.


@dataclass(frozen=True)
class Study(Result):
    """What `pyalign.run_study` has come to."""

    command: ClassVar[str] = "study"
    rows: ClassVar[str] = "steps"
    filled: ClassVar = ("steps",)

    title: str  # of the report.
    steps: tuple[StudyStep, ...]  # of the study, in the order in which they are run, the report last.
    report: str | None = None  # where it lies in the folder; None where there is none.
    folder: str | None = hidden(default=None, compare=False)  # in no document: where everything is.

    @property
    def failed(self) -> tuple[StudyStep, ...]:
        """The steps that could not be done."""
        return tuple(step for step in self.steps if step.status == FAILED)
