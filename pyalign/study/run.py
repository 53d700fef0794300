"""`run_study`: everything that a study file asks for, as far as it is not there already."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pyalign._result import load_result
from pyalign.analysis.ceiling.result import ceiling_of
from pyalign.data.provenance import hashing
from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction.disk import on_disk
from pyalign.io.own_files import require_no_link
from pyalign.io.paths import PathLike, checked_path, one_line
from pyalign.journal import Journal
from pyalign.study.calls import Call, extracted_document, files_of, prepare, prepare_extraction
from pyalign.study.file import StudyFile, read_study, split_step
from pyalign.study.folder import MANIFEST, MODELS, RESULT, STEPS, STUDY, StudyFolder
from pyalign.study.inputs import Inputs
from pyalign.study.manifest import manifest_of
from pyalign.study.options import SCORES
from pyalign.study.page import make_report
from pyalign.study.result import FAILED, FINISHED, MADE, REUSED, TO_DO, Study, StudyStep
from pyalign.study.units import REPORT, Unit, taken_unit, taken_units, units_of, units_wanted

RUNNING = "running"
# Called whenever something changes: the name of a step, its state, and what there is to say of it.
Watch = Callable[[str, str, str], None]
FAULTS = (InputError, MissingExtraError, OSError, MemoryError)


def unseen(name: str, state: str, detail: str) -> None:
    """A `Watch` that shows nothing."""


def run_study(
    path: PathLike, out: PathLike | None = None, *, resume: bool = False, only: str | None = None,
    watch: Watch = unseen,
) -> Study:  # fmt: skip
    """Runs the steps of a study whose inputs, options or function have changed, and writes its report.

    Args:
        path: the study, a `.toml` file; see docs/study.md.
        out: a folder for documents, report and journal; None: a folder next to the file, named like it without `.toml`.
        resume: whether there must be a run to continue. Steps that are done and have not changed are never run again.
        only: the name of a step, which is run with the steps that it needs and no others; "report": only the report.
        watch: a callback that gets the name, the state and a detail of each step as they change.

    Returns:
        A `Study`. Documents are in `out/steps`; the page is `out/report.html`.

    Raises:
        InputError: what is wrong with the study file; a folder that is another's, or is being written. If the
            inputs of a step are wrong, the result says so, and the other steps are run.
        MissingExtraError: before Python 3.11, without tomli.
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
    if out is not None:
        checked_path(out, "out")
    study = read_study(path)
    place = _place(study, out)
    units = units_of(study)
    wanted = units_wanted(units, only)
    with hashing(), StudyFolder(place, resume) as folder:
        run = _Run(study, folder, units, watch)
        return run.all(wanted, Path(path).read_bytes())


def code_of(study: StudyFile) -> tuple[str, ...]:
    """Which code a study runs, a sentence for each model that is made by code."""
    used = {name for step in study.steps for name in step.models}
    locations = {name: on_disk(model.extract) for name, model in study.models.items() if name in used}
    code = {name: location.path for name, location in locations.items() if location is not None and location.is_code}
    return tuple(f"model {name!r} runs the code of {path}{_where(path)}" for name, path in code.items())


def _where(path: str) -> str:
    if os.path.isabs(path):
        return ""
    return " in the folder of the study" + ("" if path.endswith(".py") else ", or as it is installed")


def _place(study: StudyFile, out: PathLike | None) -> Path:
    place = Path(os.path.splitext(study.path)[0] if out is None else out)
    if place.is_dir() and (place / STUDY).exists() and os.path.samefile(place / STUDY, study.path):
        raise InputError(f"{place}: holds {STUDY} itself; take a folder of its own, out=folder")
    return place


@dataclass
class _Run:
    """A run: what is done so far, by the name of the unit."""

    study: StudyFile
    folder: StudyFolder
    units: tuple[Unit, ...]
    watch: Watch

    def __post_init__(self) -> None:
        self.done: dict[str, StudyStep] = {}
        self.inputs = Inputs(self.study, self._extracted)
        self.time = ""

    def all(self, wanted: set[str], file: bytes) -> Study:
        """Every unit that is wanted; then the report."""
        self.time = self.folder.begin()
        for unit in self.units:
            self.watch(unit.name, TO_DO, "")
        self.watch(REPORT, TO_DO, "")
        try:
            for unit in self.units:
                self.done[unit.name] = self._unit(unit, unit.name in wanted)
                self._tell(self.done[unit.name])
            report = make_report(self.inputs, self.folder, self.done, lambda: self.watch(REPORT, RUNNING, ""))
            self._tell(report)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(self._left(str(stop))) from None
        steps = (*self.done.values(), report)
        result = Study(
            self.study.title, steps, report.document, folder=str(self.folder.path), notes=code_of(self.study)
        )  # fmt: skip
        self._close(result, file)
        return result

    def _tell(self, step: StudyStep) -> None:
        detail = step.reason or (f"{step.seconds:.1f} s" if step.how == MADE and step.seconds is not None else "")
        self.watch(step.name, step.how or step.status, detail)

    def _running(self, name: str) -> Callable[[str, int, int | None], None]:
        self.watch(name, RUNNING, "")

        def progress(stage: str, done: int, total: int | None) -> None:
            count = f" {done:,}" if total is None and done else "" if total is None else f" {done:,}/{total:,}"
            self.watch(name, RUNNING, f"{stage}{count}")

        return progress

    def _left(self, more: str) -> str:
        finished = [step.name for step in self.done.values() if step.status == FINISHED]
        kept = f"finished: {', '.join(finished)}" if finished else "no step is finished"
        return f"{kept}; go on with the same command, or with resume=True"

    def _close(self, result: Study, file: bytes) -> None:
        """The study's own files: a copy of what was asked, what became of it, and what is here."""
        files: dict[str, bytes | str] = {STUDY: file, RESULT: result.to_json() + "\n"}
        from pyalign.io.write import Files

        with Files(follow_links=False) as pending:
            digests = {name: pending.add(self.folder.path / name, text, hashed=True) for name, text in files.items()}
            units = [*(unit.name for unit in self.units if self.done[unit.name].status == FINISHED), REPORT]
            text = manifest_of(self.study, self.time, {**digests, **self._files(units)})
            pending.add(self.folder.path / MANIFEST, text)
            pending.commit()
        self.folder.end(self.time)

    def _files(self, units: list[str]) -> dict[str, str]:
        return {name: digest for unit in units for name, digest in self.folder.files(unit).items()}

    # One unit

    def _unit(self, unit: Unit, wanted: bool) -> StudyStep:
        function = "extract" if unit.step is None else unit.step.analysis.name
        step = StudyStep(unit.name, function, TO_DO, unit.model or None)
        missing = next((name for name in unit.needs if self.done[name].status != FINISHED), None)
        if missing is not None:
            return replace(step, status=FAILED, reason=f"needs {missing}, which has failed") if wanted else step
        try:
            return self._extraction(unit, step, wanted) if unit.step is None else self._step(unit, step, wanted)
        except FAULTS as error:
            return replace(step, status=FAILED, reason=_reason(error)) if wanted else step

    def _step(self, unit: Unit, step: StudyStep, wanted: bool) -> StudyStep:
        assert unit.step is not None
        if wanted:
            self.watch(unit.name, RUNNING, "reading")
        call = prepare(unit.step, unit.model, self.inputs, self._taken)
        document = f"{STEPS}/{unit.stem}.json"
        done = replace(step, status=FINISHED, document=document, key=call.key)
        if self.folder.holds(unit.name, call.key, document):
            return replace(done, how=REUSED, seconds=self.folder.seconds(unit.name))
        if not wanted:
            return step
        began = time.perf_counter()
        result = self._called(unit, call)
        seconds = time.perf_counter() - began
        self.inputs.require_unchanged()
        self.folder.keep(unit.name, call.key, files_of(result, unit.stem, STEPS, self.time), seconds)
        self.folder.part(unit.stem).unlink(missing_ok=True)
        return replace(done, how=MADE, seconds=seconds)

    def _called(self, unit: Unit, call: Call) -> Any:
        journal = None
        if call.step.analysis.keeps:
            part = self.folder.part(unit.stem)
            try:
                journal = Journal.open(part, call.key, resume=part.exists())
            except InputError:  # of other inputs, or damaged
                part.unlink()
                journal = Journal(part, call.key)
        progress = self._running(unit.name)
        if journal is None:
            return call.run(progress, None)
        with journal.kept():
            return call.run(progress, journal)

    def _taken(self, ref: str, what: str) -> Any:
        """What a step takes of another: its scores, a ceiling, or a map."""
        name, which = split_step(ref)
        if what == SCORES:
            units = taken_units(self.units, name, which, scores=True)
            return tuple(load_result(self.folder.path / STEPS / f"{unit.stem}.json") for unit in units)
        unit = taken_unit(self.units, name, which)
        assert unit.step is not None
        if unit.step.analysis.gives == "ceiling":
            ceiling = load_result(self.folder.path / STEPS / f"{unit.stem}.json")
            return ceiling_of(ceiling, which or "estimate")
        place = self.folder.path / STEPS / f"{unit.stem}.npz"
        if not place.exists():
            raise InputError(f"{ref} must be a map; {unit.name} has found none")
        from pyalign.io.transform import load_transform

        return replace(load_transform(place), source=ref)

    # Extractions

    def _extraction(self, unit: Unit, step: StudyStep, wanted: bool) -> StudyStep:
        from pyalign.extraction.contents import HASHES
        from pyalign.extraction.extract import extract
        from pyalign.extraction.folder import UNFINISHED
        from pyalign.extraction.folder_files import OtherExtraction

        model = self.study.models[unit.model]
        if wanted:
            self.watch(unit.name, RUNNING, "reading")
        call = prepare_extraction(model, self.inputs)
        place, document = f"{MODELS}/{unit.stem.removeprefix('extract-')}", f"{STEPS}/{unit.stem}.json"
        done = replace(step, status=FINISHED, document=document, key=call.key)
        if self.folder.holds(unit.name, call.key, document):
            return replace(done, how=REUSED, seconds=self.folder.seconds(unit.name))
        if not wanted:
            return step
        progress, began = self._running(unit.name), time.perf_counter()
        arguments: Mapping[str, Any] = {**call.arguments, "out": self.folder.path / place, "progress": progress}
        there = self.folder.path / place
        require_no_link(there)
        begun = any((there / name).exists() for name in (MANIFEST, UNFINISHED))
        if there.exists() and not begun and self.folder.files(unit.name):
            self._clear(place)  # what is left of an extraction of this study
        try:
            extraction = extract(**arguments, resume=True)
        except OtherExtraction:
            self._clear(place)
            extraction = extract(**arguments)
        call.require_same_images(extraction)
        text = extracted_document(extraction, call, place, self.time)
        files = {f"{place}/manifest.json": text, document: text}
        rest = tuple(
            f"{place}/{name}"
            for name in (extraction.names, HASHES, *(layer.file for layer in extraction.layers))
            if name
        )
        seconds = time.perf_counter() - began
        self.folder.keep(unit.name, call.key, files, seconds, rest)
        return replace(done, how=MADE, seconds=seconds)

    def _clear(self, place: str) -> None:
        """Removes what an extraction of other items or settings has left in the study's folder."""
        import shutil

        shutil.rmtree(self.folder.path / place)

    def _extracted(self, model: str) -> tuple[str, str]:
        """Folder and layer of a model that was extracted."""
        unit = next(unit for unit in self.units if unit.step is None and unit.model == model)
        layer = self.study.models[model].options.get("layer", "penultimate")
        return str(self.folder.path / MODELS / unit.stem.removeprefix("extract-")), layer


def _reason(error: BaseException) -> str:
    """One line of an error."""
    if isinstance(error, OSError) and not isinstance(error, MissingExtraError) and error.strerror:
        return one_line(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    return one_line(str(error) or type(error).__name__)
