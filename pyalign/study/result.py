"""What a study has come to: its steps, which of them are done, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyalign._result import Result
from pyalign.documents import hidden

FINISHED, FAILED, TO_DO, NO_DATA = "finished", "failed", "to do", "no data"
MADE, REUSED, ELSEWHERE = "made", "as it was", "made elsewhere"


@dataclass(frozen=True)
class StudyStep:
    """A step of a study, of one model where its function takes one.

    Attributes:
        name: of the step, with the model behind it in brackets.
        function: of pyalign, that was called.
        status: "finished", "failed", or "to do" where it was not asked for.
        model: of which model it is; None for a step of several, or of none.
        document: where its result lies in the folder of the study; None where there is none.
        key: SHA-256 of its inputs, options, function and version; None where its inputs could not be read.
        reason: why it has failed, or which figures could not be drawn, a line.
        how: in no document: "made" by this run, "as it was", or "made elsewhere": a live run makes it at the moment.
        seconds: in no document: that it took when it was made.
    """

    name: str
    function: str
    status: str
    model: str | None = None
    document: str | None = None
    key: str | None = None
    reason: str | None = None
    how: str | None = hidden(default=None, compare=False)
    seconds: float | None = hidden(default=None, compare=False)


@dataclass(frozen=True)
class Study(Result):
    """What `pyalign.run_study` has come to.

    Attributes:
        title: of the report.
        steps: of the study, in the order in which they are run, the report last.
        report: where it lies in the folder; None where there is none.
        folder: in no document: where everything is.
    """

    command: ClassVar[str] = "study"
    rows: ClassVar[str] = "steps"
    filled: ClassVar = ("steps",)

    title: str
    steps: tuple[StudyStep, ...]
    report: str | None = None
    folder: str | None = hidden(default=None, compare=False)

    @property
    def failed(self) -> tuple[StudyStep, ...]:
        """The steps that could not be done."""
        return tuple(step for step in self.steps if step.status == FAILED)
