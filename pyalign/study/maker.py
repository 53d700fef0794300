"""One unit of a study: is it there, and if not, how it is made.

What a study has come to: its steps, which of them are done, and what is missing.
The report of a study: one page of all its documents.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from pyalign._dataclass import dataclass, replace
from pyalign._result import Result, load_result
from pyalign.analysis.ceiling.leave_one_out import ceiling_of
from pyalign.documents import hidden
from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction.images import as_images
from pyalign.io.documents import read_json
from pyalign.io.folder import UNFINISHED
from pyalign.io.paths import PathLike, one_line, require_file
from pyalign.io.write import Content, require_no_link
from pyalign.journal import Journal
from pyalign.parts import key_of
from pyalign.study.calls import Call, ExtractCall, extracted_document, files_of, prepare, prepare_extraction
from pyalign.study.file import StudyFile, split_step
from pyalign.study.inputs import Inputs
from pyalign.study.options import SCORES
from pyalign.study.study_folder import FIGURES, MANIFEST, MODELS, PARTS
from pyalign.study.study_folder import REPORT as PAGE
from pyalign.study.study_folder import STEPS, StudyFolder, claim
from pyalign.study.units import REPORT, Plan, Unit, plan_of

RUNNING = "running"
# Called whenever something changes: the name of a step, its state, and what there is to say of it.
Watch = Callable[[str, str, str], None]
FAULTS = (InputError, MissingExtraError, OSError, MemoryError)


def maker_of(path: PathLike, out: PathLike, *, shards: int | None, progress: Watch | None) -> Maker:
    """What makes the units of a study in a folder that is there, whose file was checked before."""
    plan = plan_of(path, out, shards, check=False)
    return Maker(plan, StudyFolder(plan.folder), progress)


class Maker:
    """Makes units of one study in one folder, one at a time; inputs are read once.

    Args:
        plan: what the study asks for.
        folder: where it is written.
        progress: see `Watch`; None: nothing is reported.

    Attributes:
        done: what became of units, by name; of others the records say it.
    """

    def __init__(self, plan: Plan, folder: StudyFolder, progress: Watch | None = None) -> None:
        self.plan, self.folder, self.progress = plan, folder, progress or (lambda name, state, detail: None)
        self.done: dict[str, StudyStep] = {}
        self.inputs = Inputs(plan.study, self._extracted)
        self._merged: dict[str, StudyStep | None] = {}

    def make(self, unit: Unit) -> StudyStep:
        """Makes a unit, if it is not there. How it went is in the result, and its reason if it failed.

        A step is "to do" with a reason where a need has no valid record, or where a live run makes it at the moment.
        """
        step = self.begun(unit)
        missing = next((need for name in unit.needs if (need := self._need(name)).status != FINISHED), None)
        if missing is not None and not (unit.is_merge and self.look(unit).status == FINISHED):
            if missing.status != FAILED:
                return replace(step, reason=f"needs {missing.name}, which has no valid record")
            return replace(step, status=FAILED, reason=_reason_of_need(unit, missing))
        self.progress(unit.name, RUNNING, "reading")
        try:
            with claim(self.folder.path, unit.stem) as host:
                if host is not None:
                    return replace(step, how=ELSEWHERE, reason=f"a live run on {host} is making it")
                return self._tried(unit, step)
        except FAULTS as error:
            return self._failed(unit, step, error)

    def look(self, unit: Unit) -> StudyStep:
        """What is there of a unit, which is not made: finished, or to do."""
        step = self.begun(unit)
        with suppress(*FAULTS):
            return self._step(unit, step, False) if unit.step else self._extraction(unit, step, False)
        return step

    def recorded(self, unit: Unit) -> StudyStep:
        """What the record of a unit says of what the study file asks for, without a look into its inputs."""
        record, step = self.folder.record(unit.stem), self.begun(unit)
        if record is None or record.asked != self.plan.asked(unit):
            return step
        document = f"{STEPS}/{unit.stem}.json"
        return replace(step, status=FINISHED, document=document, key=record.key, how=REUSED, seconds=record.seconds)

    def begun(self, unit: Unit) -> StudyStep:
        """A unit of which nothing is known."""
        self.inputs.begin_unit()
        return StudyStep(unit.name, unit.step.analysis.name if unit.step else "extract", TO_DO, unit.model or None)

    def _need(self, name: str) -> StudyStep:
        if name not in self.done:
            return self.recorded(self.plan.by_name[name])
        return self.done[name]

    def _tried(self, unit: Unit, step: StudyStep) -> StudyStep:
        from pyalign.extraction.finished import BeingWritten

        try:
            return self._step(unit, step, True) if unit.step else self._extraction(unit, step, True)
        except BeingWritten:
            return replace(step, how=ELSEWHERE, reason="a live run is making it")
        except FAULTS as error:
            there = self.look(unit)  # by another run, which has removed what this one was at
            return there if there.status == FINISHED else self._failed(unit, step, error)

    def _failed(self, unit: Unit, step: StudyStep, error: BaseException) -> StudyStep:
        reason = reason_of(error)
        self.folder.fail(unit.stem, self.plan.asked(unit), reason)
        return replace(step, status=FAILED, reason=reason)

    def _running(self, name: str) -> Callable[[str, int, int | None], None]:
        self.progress(name, RUNNING, "")

        def progress(stage: str, done: int, total: int | None) -> None:
            count = f" {done:,}" if total is None and done else "" if total is None else f" {done:,}/{total:,}"
            self.progress(name, RUNNING, f"{stage}{count}")

        return progress

    def _there(self, unit: Unit, done: StudyStep, document: str, seen: Mapping[str, Any]) -> StudyStep | None:
        """The step, if what it has made of its key is there."""
        record = self.folder.record(unit.stem, done.key or "", document)
        if record is None:
            return None
        self.folder.touch(record, seen)
        return replace(done, how=REUSED, seconds=record.seconds)

    # Steps

    def _step(self, unit: Unit, step: StudyStep, wanted: bool) -> StudyStep:
        assert unit.step is not None
        seen = self.plan.inputs(unit)
        call = prepare(unit.step, unit.model, self.inputs, self._taken)
        document = f"{STEPS}/{unit.stem}.json"
        done = replace(step, status=FINISHED, document=document, key=call.key)
        there = self._there(unit, done, document, seen)
        if there is not None or not wanted:
            return there or step
        moment, began = self.folder.time, time.perf_counter()
        result = self._called(unit, call)
        seconds = time.perf_counter() - began
        self.inputs.require_unchanged()
        files, asked = files_of(result, unit.stem, STEPS, moment), self.plan.asked(unit)
        self.folder.keep(unit.stem, call.key, files, seconds, asked=asked, inputs=seen)
        self.folder.part(unit.stem).unlink(missing_ok=True)
        return replace(done, how=MADE, seconds=seconds)

    def _called(self, unit: Unit, call: Call) -> Any:
        progress = self._running(unit.name)
        if not call.step.analysis.keeps:
            return call.run(progress, None)
        part = self.folder.part(unit.stem)
        if part.is_symlink():
            part.unlink()
        journal = Journal.open(part, resume=None)
        with journal.kept():
            return call.run(progress, journal)

    def _taken(self, ref: str, what: str) -> Any:
        """What a step takes of another: its scores, a ceiling, or a map."""
        name, which = split_step(ref)
        units = self.plan.taken(name, which, what == SCORES)
        if what == SCORES:
            return tuple(load_result(self.folder.path / STEPS / f"{unit.stem}.json") for unit in units)
        unit = units[0]
        assert unit.step is not None
        if unit.step.analysis.gives == "ceiling":
            ceiling = load_result(self.folder.path / STEPS / f"{unit.stem}.json")
            return ceiling_of(ceiling, which or "estimate")
        place = self.folder.path / STEPS / f"{unit.stem}.npz"
        if not place.exists():
            raise InputError(f"{ref} must be a map; {unit.name} has found none")
        from pyalign.io.transform import load_transform

        return replace(load_transform(place), source=ref)

    # Extractions, their parts, and merges of these

    def _extraction(self, unit: Unit, step: StudyStep, wanted: bool) -> StudyStep:
        if unit.shard is not None and (merged := self._merge_of(unit)) is not None:
            return replace(merged, name=unit.name, how=REUSED)
        seen = self.plan.inputs(unit)
        call = prepare_extraction(self.plan.study.models[unit.model], self.inputs, unit.shard)
        place = self._place(unit)
        document = f"{place}/{MANIFEST}" if unit.shard else f"{STEPS}/{unit.stem}.json"
        done = replace(step, status=FINISHED, document=document, key=call.key)
        there = self._there(unit, done, document, seen)
        if there is not None or not wanted:
            return there or step
        moment, began = self.folder.time, time.perf_counter()
        extraction = self._extracted_into(unit, place, call)
        call.require_same_images(extraction)
        text = extracted_document(extraction, call, place, moment)
        files = {f"{place}/{MANIFEST}": text, **({} if unit.shard else {document: text})}
        from pyalign.extraction.finished import HASHES

        names = (extraction.names, HASHES, *(layer.file for layer in extraction.layers))
        rest = tuple(f"{place}/{name}" for name in names if name)
        seconds = time.perf_counter() - began
        self.folder.keep(unit.stem, call.key, files, seconds, rest, self.plan.asked(unit), seen)
        for name in unit.needs:
            shutil.rmtree(self.folder.path / self._place(self.plan.by_name[name]), ignore_errors=True)
        return replace(done, how=MADE, seconds=seconds)

    def _merge_of(self, part: Unit) -> StudyStep | None:
        """The merge that a part is for, where that is there already."""
        if part.model not in self._merged:
            merge = self.plan.extractions[part.model]
            recorded = self.recorded(merge).status == FINISHED
            step = self._extraction(merge, self.begun(merge), False) if recorded else None
            self._merged[part.model] = step if step is not None and step.status == FINISHED else None
        return self._merged[part.model]

    def _extracted_into(self, unit: Unit, place: str, call: ExtractCall) -> Any:
        """Extracts into a folder, or merges its parts there; what is left there of something else is removed."""
        from pyalign.extraction.extract import extract
        from pyalign.extraction.finished import OtherExtraction
        from pyalign.extraction.merge import merge_extractions

        there, progress = self.folder.path / place, self._running(unit.name)
        parts = [self.folder.path / self._place(self.plan.by_name[name]) for name in unit.needs]
        os.makedirs(there.parent, exist_ok=True)
        require_no_link(there)
        begun = any((there / name).exists() for name in (MANIFEST, UNFINISHED))
        if there.exists() and not begun and self.folder.files(unit.stem):
            shutil.rmtree(there)  # what is left of an extraction of this study
        for last in (False, True):
            try:
                if parts:
                    return merge_extractions(parts, there, images=call.arguments.get("images"), progress=progress)
                return extract(**call.arguments, out=there, progress=progress, resume=not last)
            except OtherExtraction:
                if last or not there.exists():
                    raise
                shutil.rmtree(there)
        raise AssertionError("unreachable")

    def _place(self, unit: Unit) -> str:
        """The folder of an extraction, or of a part of one, in the folder of the study."""
        return f"{PARTS}/{unit.stem}" if unit.shard else f"{MODELS}/{unit.stem.removeprefix('extract-')}"

    def _extracted(self, model: str) -> tuple[str, str]:
        """Folder and layer of a model that was extracted."""
        layer = self.plan.study.models[model].options.get("layer", "penultimate")
        return str(self.folder.path / self._place(self.plan.extractions[model])), layer


def _reason_of_need(unit: Unit, missing: StudyStep) -> str:
    """Why a unit can't be made; a merge fails as the whole extraction would have."""
    return missing.reason or "" if unit.is_merge else f"needs {missing.name}, which has failed"


def reason_of(error: BaseException) -> str:
    """One line of an error."""
    if isinstance(error, OSError) and not isinstance(error, MissingExtraError) and error.strerror:
        return one_line(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    return one_line(str(error) or type(error).__name__)


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


def make_report(
    inputs: Inputs, folder: StudyFolder, done: Mapping[str, StudyStep], started: Callable[[], None]
) -> StudyStep:
    """Writes the page, unless it is there of these very documents. started: is called where it has to be made."""
    study, step = inputs.study, StudyStep(REPORT, "write_report", FAILED)
    finished = [entry for entry in done.values() if entry.status == FINISHED]
    if not finished:
        return _without(folder, step, "there is no result to report")
    try:
        shown, shown_hashes = _shown(inputs)
        hashes = {entry.document or "": folder.sha256(entry.document or "") for entry in finished}
        missing = [entry for entry in done.values() if entry.status != FINISHED]
        missing += [StudyStep(name, "", NO_DATA, reason=reason) for name, reason in study.missing.items()]
        reasons = {entry.name: entry.reason for entry in missing}
        settings = {"title": study.title, **({"figures": study.figures} if study.figures else {})}
        key = key_of("write_report", settings, {"documents": hashes, "missing": reasons, **shown_hashes})
        if folder.record(REPORT, key, PAGE):
            return StudyStep(REPORT, "write_report", FINISHED, document=PAGE, key=key, how=REUSED)
        started()
        began = time.perf_counter()
        files, undrawn = _files(study, folder, finished, missing, shown)
        if study.images is not None and inputs.hash_of_images(study.images, anew=True) != shown_hashes["images"]:
            raise InputError(f"{study.images}: images have changed while the page was made; run the study again")
        seconds = time.perf_counter() - began
        earlier = folder.files(REPORT)
        folder.keep(REPORT, "" if undrawn else key, files, seconds)  # without a key it is made again
        drawn = folder.path / FIGURES
        for name in os.listdir(drawn) if drawn.is_dir() else ():
            if f"{FIGURES}/{name}" in earlier.keys() - files.keys():  # of an earlier run, and of this one no more
                (drawn / name).unlink()
        made = StudyStep(REPORT, "write_report", FINISHED, document=PAGE, key=key, how=MADE, seconds=seconds)
        return replace(made, reason=undrawn) if undrawn else made
    except (InputError, MissingExtraError, MemoryError) as error:
        return _without(folder, step, one_line(str(error)))
    except OSError as error:
        return _without(folder, step, one_line(f"{error.filename}: {error.strerror}" if error.filename else error))


def _without(folder: StudyFolder, step: StudyStep, reason: str) -> StudyStep:
    """No report; that of an earlier run goes, since it is of other results."""
    (folder.path / PAGE).unlink(missing_ok=True)
    return replace(step, reason=reason)


def _shown(inputs: Inputs) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the page shows in addition to documents, and what says that it is the same."""
    study, shown = inputs.study, dict[str, Any]()
    hashes: dict[str, Any] = {}
    if study.images is not None:
        shown["images"] = as_images(study.place(study.images))
        hashes["images"] = inputs.hash_of_images(study.images)
    if study.metadata is not None:
        place = study.place(study.metadata)
        require_file(place)
        with open(place, "rb") as handle:
            hashes["metadata"] = handle.read()
        shown["metadata"] = place
    return shown, hashes


def _files(
    study: StudyFile, folder: StudyFolder, finished: Sequence[StudyStep], missing: Sequence[StudyStep],
    shown: Mapping[str, Any],
) -> tuple[dict[str, Content], str]:
    """The page, and its figures as files where the study asks for them; and a line on those that could not be drawn.

    The documents go in as they are here, without their paths: the page is the same wherever the folder is.
    """
    from pyalign.report.page.write import make_report as page_of
    from pyalign.report.plot import as_files

    documents: list[Any] = [read_json(folder.path / (entry.document or "")) for entry in finished]
    if missing:
        documents.append(Study(study.title, (*finished, *missing)))
    made = page_of(documents, folder.path / PAGE, title=study.title, **shown)
    assert made.html is not None
    figures, undrawn = as_files(made.charts or {}, study.figures)
    return {**{f"{FIGURES}/{name}": content for name, content in figures.items()}, PAGE: made.html}, undrawn
