"""How a study shows where it is: a line for each step on a terminal, elsewhere a line a minute.

`run_study`: everything that a study file asks for, as far as it is not there already; and one unit of it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Set
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, TextIO

from pyalign import _checks
from pyalign.data.provenance import hashing
from pyalign.errors import RESUME
from pyalign.extraction.spelling import on_disk
from pyalign.io.paths import PathLike
from pyalign.io.write import Files
from pyalign.report.progress import INTERVAL, SHORTEST, ProgressLog
from pyalign.report.words import one_line
from pyalign.study.file import StudyFile
from pyalign.study.maker import (
    ELSEWHERE, FAILED, FINISHED, MADE, REUSED, RUNNING, TO_DO, Maker, Study, StudyStep, Watch,
)
from pyalign.study.study_folder import MANIFEST, RESULT, STUDY, StudyFolder, claim, manifest_of
from pyalign.study.units import REPORT, plan_of, units_wanted
from pyalign.study.workers import AGAIN, InThisProcess, make_all

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


MOST_JOBS = 4096


def run_study(
    path: PathLike, out: PathLike | None = None, *, resume: bool = False, only: str | None = None, n_jobs: int = 1,
    shards: int | None = None, client: Any = None, progress: Watch | None = None,
) -> Study:
    """Runs the steps of a study whose inputs, options or function have changed, and writes its report.

    Args:
        path: the study, a `.toml` file; see docs/study.md.
        out: a folder for documents, report and records; None: a folder next to the file, named like it without `.toml`.
        resume: whether there must be a run to continue. Steps that are done and have not changed are never run again.
        only: the name of a step, which is run with the steps that it needs and no others; "report": only the report.
        n_jobs: how many units are made at once, each in a process of its own, which share the threads of this one.
        shards: in how many parts models are extracted where the study file does not say it; the results are the same.
        client: of Dask, a `distributed.Client`; units are made on its workers, which must see the same files.
        progress: a callback that gets the name, the state and a detail of each step as they change.

    Returns:
        A `Study`. Documents are in `out/steps`; the page is `out/report.html`.

    Raises:
        InputError: what is wrong with the study file; a folder that is another's; a client that has no worker for 30 s,
            or loses its scheduler. If the inputs of a step are wrong, the result says so, and the other steps are run.
        MissingExtraError: before Python 3.11, without tomli; a client without distributed.
        OSError: the file is missing, or the folder can't be written.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "small.toml")
        ...     _ = path.write_text('triplets = "dataset:sample"\\nmodels.lite0 = "dataset:sample"\\n[steps.score]\\n')
        ...     study = run_study(path, only="score")
        >>> study.steps[0].name, study.steps[0].status
        ('score', 'finished')
    """
    _checks.whole_number(n_jobs, "n_jobs", 1, MOST_JOBS)
    if client is not None:
        from pyalign.study.dask import as_client

        client = as_client(client)
    plan = plan_of(path, out, shards)
    wanted = units_wanted(plan.units, only)
    with hashing():
        run = _Run(Maker(plan, StudyFolder(plan.folder, resume), progress))
        return run.all(wanted, n_jobs, shards, client)


def finish_study(
    path: PathLike, out: PathLike | None = None, *, shards: int | None = None, progress: Watch | None = None
) -> Study:
    """Checks all that the units of a study have written, and writes its page, `study.json` and `manifest.json`.

    Args: see `run_study`.

    Returns:
        A `Study`; steps that are not there have failed where their units have said why, or else are "to do".
    """
    plan = plan_of(path, out, shards)
    with hashing():
        return _Run(Maker(plan, StudyFolder(plan.folder), progress), with_failures=True).all(set(), 1, shards)


def run_unit(
    path: PathLike, out: PathLike | None, unit: str, *, shards: int | None = None, progress: Watch | None = None
) -> StudyStep:
    """Make one unit of a study, if it is not there: its documents, then its record.

    Args:
        path: the study, a `.toml` file; see docs/study.md.
        out: the folder of the study; None: a folder next to the file, named like it without `.toml`.
        unit: its id, see `study_units`.
        shards: in how many parts models are extracted where the study file does not say it.
        progress: a callback that gets the name, the state and a detail of the unit.

    Returns:
        What became of it. Its status is "finished", "failed" with a reason, or "to do" with a reason where it can be
        tried again: a unit that it needs has no valid record, or a live run is making it.

    Raises:
        InputError: what is wrong with the study file; no such unit; a folder that is another's.
        OSError: the file is missing, or the folder can't be written.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "small.toml")
        ...     _ = path.write_text('triplets = "dataset:sample"\\nmodels.lite0 = "dataset:sample"\\n[steps.score]\\n')
        ...     step = run_unit(path, None, "score")
        >>> step.status, step.how
        ('finished', 'made')
    """
    (step,) = run_units(path, out, (unit,), shards=shards, progress=progress)
    return step


def run_units(
    path: PathLike, out: PathLike | None, units: tuple[str, ...], *, shards: int | None = None,
    progress: Watch | None = None, note: Callable[[str], None] = lambda _: None,
) -> tuple[StudyStep, ...]:
    """Make several units in the order of the study, as `run_unit` does.

    units: ids, each with or without the hash of `StudyUnit.command` behind it.
    note: called before anything is run with what a user should know: which code it is, and where the study file asks
        for something else than that hash is of.
    """
    plan = plan_of(path, out, shards, check=False)
    chosen, changed = plan.chosen(units)
    for sentence in code_of(plan.study, {unit.model for unit in chosen if unit.step is None and not unit.is_merge}):
        note(sentence)
    for unit_id in changed:
        note(f"{unit_id}: the study file has changed since its units were listed; what it asks for now is made")
    steps = []
    with hashing():
        maker = Maker(plan, StudyFolder(plan.folder), progress)
        for unit in chosen:
            steps.append(maker.make(unit))
            if steps[-1].status == FINISHED:
                maker.done[unit.name] = steps[-1]
            show(steps[-1], maker.progress)
    return tuple(steps)


def code_of(study: StudyFile, models: Set[str] | None = None) -> tuple[str, ...]:
    """Which code a study runs, a sentence for each model that is made by code. models: only of these."""
    used = {name for step in study.steps for name in step.models} if models is None else models
    locations = {name: on_disk(model.extract) for name, model in study.models.items() if name in used}
    code = {name: location.path for name, location in locations.items() if location is not None and location.is_code}
    return tuple(f"model {name!r} runs the code of {path}{_where(path)}" for name, path in code.items())


def _where(path: str) -> str:
    if os.path.isabs(path):
        return ""
    return " in the folder of the study" + ("" if path.endswith(".py") else ", or as it is installed")


def show(step: StudyStep, progress: Watch) -> None:
    """Reports what became of a step."""
    detail = step.reason or (f"{step.seconds:.1f} s" if step.how == MADE and step.seconds is not None else "")
    progress(step.name, step.how or step.status, detail)


class _Run:
    """All units of a study, then its page.

    Args:
        maker: of its units.
        with_failures: whether steps have failed that another process could not make.
    """

    def __init__(self, maker: Maker, with_failures: bool = False) -> None:
        self.maker, self.with_failures = maker, with_failures
        self.plan, self.folder, self.progress = maker.plan, maker.folder, maker.progress

    def all(self, wanted: set[str], n_jobs: int, shards: int | None, client: Any = None) -> Study:
        """Every unit that is wanted; then the report."""
        file = Path(self.plan.study.path).read_bytes()
        for unit in self.plan.units:
            self.progress(unit.name, TO_DO, "")
        self.progress(REPORT, TO_DO, "")
        try:
            with self._executor(n_jobs, shards, client) as executor:
                done = make_all(self.maker, wanted, executor, lambda step: show(step, self.progress))
            steps = {unit.name: done[unit.name] for unit in self.plan.units if unit.shard is None}
            if self.with_failures:
                steps = self._with_failures(steps)
            return self._report(steps, file)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(self._left(str(stop))) from None

    def _executor(self, n_jobs: int, shards: int | None, client: Any) -> Any:
        if client is not None:
            from pyalign.study.dask import DaskWorkers

            return DaskWorkers(self.maker, client, shards)
        if n_jobs == 1:
            return nullcontext(InThisProcess(self.maker))
        from pyalign.backends import native
        from pyalign.study.workers import Workers

        return Workers(self.maker, n_jobs, native.num_threads(), shards)

    def _report(self, steps: dict[str, StudyStep], file: bytes) -> Study:
        """The page and the study's own files, by one run at a time."""
        from pyalign.study.maker import make_report

        while True:
            with claim(self.folder.path, REPORT) as host:
                if host is None:
                    started = lambda: self.progress(REPORT, RUNNING, "")  # noqa: E731
                    report = make_report(self.maker.inputs, self.folder, steps, started)
                    show(report, self.progress)
                    return self._close(steps, report, file)
            self.progress(REPORT, ELSEWHERE, f"by a live run on {host}")
            time.sleep(AGAIN)

    def _left(self, more: str) -> str:
        finished = [step.name for step in self.maker.done.values() if step.status == FINISHED]
        kept = f"finished: {', '.join(finished)}" if finished else "no step is finished"
        return f"{kept}; go on with the same command, or with {RESUME}"

    def _close(self, steps: dict[str, StudyStep], report: StudyStep, file: bytes) -> Study:
        """The study's own files: a copy of what was asked, what became of it, and what is here."""
        study, moment = self.plan.study, self.folder.time
        result = Study(
            study.title, (*steps.values(), report), report.document, folder=str(self.folder.path), notes=code_of(study)
        )
        files: dict[str, bytes | str] = {STUDY: file, RESULT: result.to_json() + "\n"}
        with Files(follow_links=False) as pending:
            digests = {name: pending.add(self.folder.path / name, text, hashed=True) for name, text in files.items()}
            finished = [self.plan.by_name[step.name].stem for step in steps.values() if step.status == FINISHED]
            for stem in (*finished, *((REPORT,) if report.document else ())):
                digests.update(self.folder.files(stem))
            pending.add(self.folder.path / MANIFEST, manifest_of(study, moment, digests))
            pending.commit()
        self.folder.end(finished)
        return result

    def _with_failures(self, steps: dict[str, StudyStep]) -> dict[str, StudyStep]:
        """Steps with the reasons for which units could not be made."""
        for name, step in steps.items():
            unit = self.plan.by_name[name]
            if step.status == TO_DO:
                parts = (self.plan.by_name[part] for part in unit.needs if unit.is_merge)
                reasons = [self.folder.failure(one.stem, self.plan.asked(one)) for one in (*parts, unit)]
                failed = [need for need in unit.needs if need in steps and steps[need].status == FAILED]
                reasons += [f"needs {need}, which has failed" for need in failed]
                reason = next((reason for reason in reasons if reason), None)
                steps[name] = step if reason is None else replace(step, status=FAILED, reason=reason)
        return steps
