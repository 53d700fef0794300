"""`pyalign study run`: what a study file asks for, as far as it is not there already, and its report."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.cli._streams import say
from pyalign.errors import InputError, MissingExtraError
from pyalign.io.paths import one_line
from pyalign.progress import Progress
from pyalign.study.display import Steps
from pyalign.study.file import read_study
from pyalign.study.result import Study
from pyalign.study.run import code_of, run_study


@dataclass(frozen=True)
class StudyRunOptions:
    """The options of `pyalign study run`."""

    file: str = option(
        "the study: models, triplets, other human data, and steps; paths in it are relative to its folder", "--file",
        required=True, metavar="STUDY.toml", role="input", positional=True,
    )  # fmt: skip
    out: str | None = option(
        "folder for documents and report (default: beside the file, under its name without .toml)", metavar="DIR",
        role="folder",
    )  # fmt: skip
    resume: bool = option(
        "there must be a run to go on with; what is done and unchanged is never done again, with or without it",
        default=False,
    )
    only: str | None = option("this step alone, with those that it needs; report: the page alone", metavar="STEP")
    threads: int | None = option(
        "threads (default: PYALIGN_NUM_THREADS, else all cores); results don't depend on them", kind=_options.count,
        metavar="K",
    )  # fmt: skip
    quiet: bool = option("no notes, no progress", default=False)

    def reads(self) -> tuple[str, ...]:
        """What the study reads; nothing where that can't be told, which the run will say."""
        try:
            return read_study(self.file).files
        except (InputError, MissingExtraError, OSError):
            return ()


def run(options: StudyRunOptions, progress: Progress) -> Outcome:
    """Says which code the study runs, runs it, and shows its steps."""
    for note in () if options.quiet else code_of(read_study(options.file)):
        say(f"note: {one_line(note)}")
    with Steps(not options.quiet) as steps:
        found = run_study(options.file, options.out, resume=options.resume, only=options.only, watch=steps)
    return Outcome(replace(found, notes=()), fault=fault_of(found))  # its notes were said before it was run


def fault_of(study: Study) -> str:
    """What could not be done, in one line; nothing where all could."""
    failed = study.failed
    if not failed:
        return ""
    first = f"step {failed[0].name!r}: {failed[0].reason}"
    more = [step.name for step in failed[1:]]
    return first + (f" (and {len(more)} more: {', '.join(more)})" if more else "")


COMMAND = Command(StudyRunOptions, run, "pyalign study run study.toml --out results", about=())
