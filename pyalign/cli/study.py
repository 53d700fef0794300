"""`pyalign study ...`: a study file, written from a folder, and what it asks for."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import Any

from pyalign._dataclass import asdict, dataclass, replace
from pyalign._process import PARENT, Progress, end_with_parent
from pyalign.cli import _options
from pyalign.cli._command import RUNNING, Command, Outcome, option, refuse_unused, say
from pyalign.cli._outputs import described
from pyalign.errors import InputError, MissingExtraError
from pyalign.io.paths import Spec, one_line
from pyalign.study.export import ENGINES, SLURM, export_study
from pyalign.study.file import read_study
from pyalign.study.maker import FAILED, FINISHED, TO_DO, StudyStep
from pyalign.study.preset_steps import PRESETS
from pyalign.study.run import Steps, code_of, finish_study, run_study, run_units
from pyalign.study.units import plan_of, study_units

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits
NO_RECORD = "has no valid record"

# pyalign study init


@dataclass(frozen=True)
class StudyInitOptions(_options.Quiet):
    """The options of `pyalign study init`."""

    folder: str = option(
        "folder with embeddings and, if available, triplets, names, matrices, dimensions, categories,"
        " images and a table of models", required=True, metavar="FOLDER", positional=True,
    )
    preset: str | None = option(
        "a study of every figure of a paper that the files of FOLDER are enough for; the page says what is missing for"
        " the others", choices=PRESETS, metavar="PRESET",
    )
    out: str | None = option("file to write (default: study.toml in FOLDER)", metavar="STUDY.toml")


def run_init(options: StudyInitOptions, progress: Progress) -> Outcome:
    """Looks into the files of the folder, writes a study file, and says what each file was taken for."""
    from pyalign.study.preset import draft_study

    out = os.path.join(options.folder, "study.toml") if options.out is None else options.out
    if not out.endswith(".toml"):
        raise InputError(f"--out must end in .toml; got {out}")
    if os.path.lexists(out):
        raise InputError(f"{out} is there already, perhaps with changes of yours: remove it, or write to another --out")
    progress("looking into files", 0, None)
    where = options.folder, os.path.dirname(out) or "."
    draft = draft_study(*where, options.preset)
    count = len(draft.models)
    lines = [
        f"{out}: {count} {'model' if count == 1 else 'models'}; look through it, then",
        f"  pyalign study run {out}",
        "",
    ]
    return Outcome(None, {out: draft.text}, "\n".join([*lines, *draft.recognized]), notes=draft.notes)


INIT = Command(StudyInitOptions, run_init, "pyalign study init embeddings")


# What all commands about a study have first.
STUDY_FILE: dict[str, Any] = {
    "help": "study file: models, triplets, other human data, and steps; its paths are relative to its folder",
    "required": True, "metavar": "STUDY.toml", "role": "input", "positional": True,
}


@dataclass(frozen=True)
class StudyFolderOptions:
    """A study, and the folder that it is written to."""

    file: Spec = option(**STUDY_FILE)
    out: str | None = option(
        "folder for documents and report (default: next to the study file, with its name without .toml)", role="folder"
    )


@dataclass(frozen=True)
class Sharded(StudyFolderOptions):
    """In how many parts a study extracts."""

    shards: int | None = option(
        "extract models in K parts, unless the study file says in how many; the results are the same", group=RUNNING
    )


# pyalign study units


@dataclass(frozen=True)
class StudyUnitsOptions(_options.Document, Sharded):
    """The options of `pyalign study units`."""


def list_units(options: StudyUnitsOptions, progress: Progress) -> Outcome:
    """Lists the units; the document has everything that an engine needs."""
    units = study_units(options.file, options.out, shards=options.shards)
    rows = [(unit.id, "done" if unit.done else "to do", ", ".join(unit.needs) or "-") for unit in units]
    columns = [max(map(len, column)) for column in zip(*rows, strict=True)][:2]
    lines = [f"{unit:<{columns[0]}}  {state:<{columns[1]}}  {needs}" for unit, state, needs in rows]
    head = f"{'unit':<{columns[0]}}  {'state':<{columns[1]}}  needs"
    return described(options, {"units": [asdict(unit) for unit in units]}, "\n".join([head, *lines]))


UNITS = Command(StudyUnitsOptions, list_units, "pyalign study units study.toml --out results --json")


# pyalign study step


@dataclass(frozen=True)
class StudyStepOptions(_options.Threads, _options.Quiet, Sharded):
    """The options of `pyalign study step`."""

    file: Spec = option(**STUDY_FILE)  # stands before the units
    units: tuple[str, ...] = option(
        "the units to make, by their ids; `pyalign study units` lists them", required=True, nargs="+", metavar="ID",
        positional=True,
    )


def reads_of_units(options: StudyStepOptions) -> tuple[str, ...]:
    """What the units read; nothing where that can't be said, which the step will say."""
    if PARENT in os.environ:
        end_with_parent()
    try:
        plan = plan_of(options.file, options.out, options.shards, check=False)
        units, _ = plan.chosen(options.units)
        return tuple(plan.study.place(path) for unit in units for path in plan.inputs(unit))
    except (InputError, MissingExtraError, OSError):
        return ()


def run_step(options: StudyStepOptions, progress: Progress) -> Outcome:
    """Makes the units, and says what became of each."""

    def note(text: str) -> None:
        if not options.quiet:
            say(f"note: {one_line(text)}")

    with Steps(not options.quiet) as shown:
        steps = run_units(options.file, options.out, options.units, shards=options.shards, progress=shown, note=note)
    width = max(len(step.name) for step in steps)
    lines = [f"{one_line(step.name):<{width}}  {step.how or step.status}" for step in steps]
    failed = any(step.status == FAILED for step in steps)
    fault = fault_of([step for step in steps if step.status == (FAILED if failed else TO_DO)])
    return Outcome(text="\n".join(lines), fault=fault, code=1 if failed else TRY_AGAIN)


STEP = Command(
    StudyStepOptions, run_step, "pyalign study step study.toml --out results score", reads=reads_of_units,
    epilog="exit codes:\n  0   done, or as it was\n  1   failed\n"
    f"  {TRY_AGAIN}  try again: a unit that it needs has no valid record, or a live run is\n      making it",
)


# pyalign study finish


@dataclass(frozen=True)
class StudyFinishOptions(_options.Threads, _options.Quiet, Sharded):
    """The options of `pyalign study finish`."""


def run_finish(options: StudyFinishOptions, progress: Progress) -> Outcome:
    """Writes the page of what is there; units that are missing are a fault."""
    with Steps(not options.quiet) as steps:
        study = finish_study(options.file, options.out, shards=options.shards, progress=steps)
    left = [step for step in study.steps if step.status != FINISHED]
    return Outcome(study, fault=fault_of([replace(step, reason=step.reason or NO_RECORD) for step in left]))


FINISH = Command(StudyFinishOptions, run_finish, "pyalign study finish study.toml --out results")


# pyalign study run


@dataclass(frozen=True)
class StudyRunOptions(_options.Threads, _options.Quiet, Sharded):
    """The options of `pyalign study run`."""

    n_jobs: int = option(
        "number of steps to run at once, in processes that share the threads (default: 1)", default=1, group=RUNNING
    )
    resume: bool = option(
        "require an earlier run to resume; steps that are done and unchanged are never repeated, with or without this "
        "option", default=False,
    )
    only: str | None = option("run only this step and those that it needs; report: only the page", metavar="STEP")


def reads(options: StudyRunOptions) -> tuple[str, ...]:
    """What the study reads; nothing where its file can't be read, which the run will say."""
    try:
        return read_study(options.file).files
    except (InputError, MissingExtraError, OSError):
        return ()


def run_file(options: StudyRunOptions, progress: Progress) -> Outcome:
    """Says which code the study runs, runs it, and shows its steps."""
    for note in () if options.quiet else code_of(read_study(options.file)):
        say(f"note: {one_line(note)}")
    with Steps(not options.quiet) as steps:
        study = run_study(
            options.file, options.out, resume=options.resume, only=options.only, n_jobs=options.n_jobs,
            shards=options.shards, progress=steps,
        )
    return Outcome(replace(study, notes=()), fault=fault_of(study.failed))  # its notes were said before it was run


def fault_of(failed: Sequence[StudyStep]) -> str:
    """What could not be done, in one line; nothing where all could."""
    if not failed:
        return ""
    first = f"step {failed[0].name!r}: {failed[0].reason}"
    more = [step.name for step in failed[1:]]
    return first + (f" (and {len(more)} more: {', '.join(more)})" if more else "")


RUN = Command(StudyRunOptions, run_file, "pyalign study run study.toml --out results", reads=reads)


# pyalign study export


@dataclass(frozen=True)
class StudyExportOptions(_options.Quiet, Sharded):
    """The options of `pyalign study export`."""

    engine: str = option(
        "what runs the units: slurm (DIR/slurm.sh, array jobs), snakemake (DIR/Snakefile, rules), or json"
        " (DIR/commands.json, for anything that starts processes)", required=True, choices=ENGINES, metavar="ENGINE",
    )
    sbatch: tuple[str, ...] | None = option(
        'options of sbatch for units that want a device, and for all others, each in one word: "gpu=--constraint=gpu '
        '--time=60" "cpu=--time=60"', nargs="+",
    )


def run_export(options: StudyExportOptions, progress: Progress) -> Outcome:
    """Writes what the engine reads, and says how to start it."""
    if options.engine != SLURM:
        refuse_unused(options, ("sbatch",), "--engine slurm")
    given: Any = dict(map(_words, options.sbatch or ()))
    export = export_study(options.file, options.out, options.engine, shards=options.shards, **given)
    place = os.path.relpath(export.path) if not os.path.isabs(options.out or options.file) else export.path
    count = f"{export.tasks:,} {'task' if export.tasks == 1 else 'tasks'}"
    levels = f"{export.levels} {'level' if export.levels == 1 else 'levels'}"
    lines = [f"{place}: {count} on {levels}"]
    if export.run:
        lines += ["", f"  {shlex.join(place if word == export.path else word for word in export.run)}"]
    return Outcome(None, {export.path: export.text}, "\n".join(lines), notes=export.notes)


def _words(text: str) -> tuple[str, list[str]]:
    """Which units, and the options of sbatch for them."""
    kind, equals, words = text.partition("=")
    if kind not in ("gpu", "cpu") or not equals:
        raise InputError(f"--sbatch must be gpu=OPTIONS or cpu=OPTIONS; got {text!r}")
    try:
        return kind, shlex.split(words)
    except ValueError as error:
        raise InputError(f"--sbatch must be words as a shell reads them; got {text!r}: {error}") from error


EXPORT = Command(StudyExportOptions, run_export, "pyalign study export study.toml --out results --engine slurm")
