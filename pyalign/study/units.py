"""The units of a study: extractions and their parts, then each step, for steps of one model once for each of them.

The units of a study as files in, files out: what an engine needs to run each of them somewhere, in some order.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends import TENSOR_BACKENDS
from pyalign.datasets.dataset import described_files
from pyalign.errors import OUT, InputError, Remedy, nearest
from pyalign.io.paths import PathLike, Spec, bad, checked_path, errors_of, is_named
from pyalign.parts import digest_of, key_of
from pyalign.study.file import ELSEWHERE, MOST_SHARDS, STEP, Step, StudyFile, read_study, texts_of
from pyalign.study.options import DIMENSIONS, FILES, LABELS, METADATA, PEOPLE, SCORES
from pyalign.study.study_folder import STUDY, read_record

REPORT = "report"


@dataclass(frozen=True)
class Unit:
    """A part of a study that is done or not done."""

    name: str  # what it is called: "score", "probe (clip)", "extract (lite0)".
    stem: str  # of its files; no two units have the same.
    step: Step | None  # what it is of; None for an extraction.
    model: str = ""  # of which model it is, or "".
    needs: tuple[str, ...] = ()  # the names of units that must be done before.
    shard: tuple[int, int] | None = None  # (i, k) for part i of k of an extraction; None for anything else.

    @property
    def is_merge(self) -> bool:
        """Whether it is an extraction that is put together from parts."""
        return self.step is None and self.shard is None and bool(self.needs)


def units_of(study: StudyFile, shards: int | None = None) -> tuple[Unit, ...]:
    """All of a study, each behind those that it needs.

    shards: in how many parts models are extracted for which the file does not say it.
    """
    if shards is not None:
        _checks.whole_number(shards, "shards", 1, MOST_SHARDS)
    used = {name for step in study.steps for name in step.models}
    extracted = {name: model for name, model in study.models.items() if model.extract and name in used}
    steps = {step.name: step for step in study.steps}
    stems = {REPORT: 1}
    units: dict[str, Unit] = {}

    def add(unit: Unit) -> None:
        if unit.name in units or unit.name == REPORT:
            other = _origin(units[unit.name]) if unit.name in units else "pyalign itself"
            raise bad(study.path, f"two parts are called {unit.name!r}: {_origin(unit)}, and {other}; rename one")
        units[unit.name] = unit

    for name, model in extracted.items():
        count = model.shards or shards or 1
        parts = tuple(f"{_extraction(name)} {number} of {count}" for number in range(1, count + 1)) if count > 1 else ()
        add(Unit(_extraction(name), _stem(f"extract-{name}", stems), None, name, parts))
    for step in study.steps:
        before = tuple(need for option, name, which in step.takes
                       for need in names_of(steps[name], which, FILES[option] == SCORES))
        for of in step.models if step.analysis.each else ("",):
            names = (of,) if of else step.models
            needs = tuple(_extraction(name) for name in names if study.models[name].extract)
            stem = _stem(f"{step.name}-{of}" if of else step.name, stems)
            add(Unit(name_of(step, of), stem, step, of, (*needs, *before)))
    whole = tuple(units.values())
    for unit in whole:  # last, so that no other file is called otherwise because of them
        for number, name in enumerate(unit.needs if unit.is_merge else (), start=1):
            shard = number, len(unit.needs)
            add(Unit(name, _stem(f"{unit.stem}.{number}of{len(unit.needs)}", stems), None, unit.model, (), shard))
    return (*(unit for unit in units.values() if unit.shard), *whole)


def name_of(step: Step, model: str) -> str:
    """What the unit of a step is called; model: of which it is, or "" for the only one.

    Example:
        >>> from pyalign.study.options import find_analysis
        >>> name_of(Step("ceiling", find_analysis("ceiling"), {}, (), {}), "")
        'ceiling'
    """
    if not step.analysis.each:
        return step.name
    return f"{step.name} ({model or step.models[0]})"


def names_of(step: Step, which: str, scores: bool) -> tuple[str, ...]:
    """What the units of a step that are taken are called: of scores those of all its models, unless one is named."""
    every = scores and not which and step.analysis.each
    return tuple(name_of(step, model) for model in (step.models if every else (which,)))


def _origin(unit: Unit) -> str:
    if unit.step is None:
        return f"the extraction of model {unit.model!r}" + (f", part {unit.shard[0]}" if unit.shard else "")
    return f"step {unit.step.name!r}" + (f" of model {unit.model!r}" if unit.model else "")


def units_wanted(units: Sequence[Unit], only: str | None) -> set[str]:
    """The names of the units that are asked for, with those that they need.

    only: a step, a model that is extracted, the report, or None for everything.
    """
    if only is None:
        return {unit.name for unit in units}
    chosen = [unit for unit in units if only in (unit.name, unit.step.name if unit.step else unit.model)]
    if not chosen and only != REPORT:
        names = list(dict.fromkeys([*(unit.step.name if unit.step else unit.model for unit in units), REPORT]))
        near = nearest(only, names) or f"; there is {names[0]}"
        raise InputError(f"{Remedy('only', only)} is no step of the study{near}")
    by_name = {unit.name: unit for unit in units}
    needed: set[str] = set()
    left = [unit.name for unit in chosen]
    while left:
        name = left.pop()
        if name not in needed:
            needed.add(name)
            left += by_name[name].needs
    return needed


def _extraction(model: str) -> str:
    return f"extract ({model})"


def _stem(name: str, taken: dict[str, int]) -> str:
    """A name of files that any system takes; two are never the same, whatever case their letters have.

    taken: names in small letters, each with the number of the last name that was made of it.

    Example:
        >>> _stem("probe-CLIP B/32", {})
        'probe-CLIP_B_32'
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:120].strip(".") or "_"
    stem, k = plain, taken.get(plain.lower(), 1)
    while stem.lower() in taken:
        k += 1
        stem = f"{plain}-{k}"
    taken[plain.lower()] = k
    taken.setdefault(stem.lower(), 1)
    return stem


MOST_FILES = 100_000  # of a folder whose sizes are looked at; what a unit reads is compared by its contents
SHOWN = 8  # letters of a hash behind an id, which say what was asked for when the units were listed


@dataclass(frozen=True)
class StudyUnit:
    """A unit of a study, which can run by itself as soon as those that it needs are done."""

    id: str  # a name of letters that any file system takes; no two units have the same in any case of letters.
    name: str  # what the study calls it, such as "probe (clip)".
    function: str  # of pyalign, that is called: "extract", "merge_extractions", "score", ...
    needs: tuple[str, ...]  # the ids of the units that must be done before.
    # the words of a command that makes it. The last is the id with a hash of what the study file asks for.
    command: tuple[str, ...]
    # whether it can use a device: an extraction that is not held to the CPU, or a step with such a backend.
    device: bool
    # the bytes of the files and folders that it reads, by path; None where there is none. What the units make that it
    # needs is not among them.
    inputs: Mapping[str, int | None]
    # whether its record is there, of what the study file asks for and of inputs that have the same sizes and times, and
    # so are its files. Contents are compared when it is run.
    done: bool
    seconds: float | None = None  # that it took when it was last made; None where that is not known.


def study_units(path: PathLike, out: PathLike | None = None, *, shards: int | None = None) -> tuple[StudyUnit, ...]:
    """List the units of a study, each behind those that it needs. Nothing is written, and no input is opened.

    Args:
        path: the study, a `.toml` file; see docs/study.md.
        out: the folder of the study; None: a folder next to the file, named like it without `.toml`.
        shards: in how many parts models are extracted where the study file does not say it; None: one.

    Returns:
        A unit for each extraction, or for each of its parts and for their merge, and for each step and model.

    Raises:
        InputError: what is wrong with the study file.
        OSError: the file is missing.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "small.toml")
        ...     _ = path.write_text('triplets = "dataset:sample"\\nmodels.lite0 = "dataset:sample"\\n[steps.score]\\n')
        ...     [(unit.id, unit.needs, unit.done) for unit in study_units(path)]
        [('score', (), False)]
    """
    if out is not None:
        checked_path(out, "out")
    study = read_study(path)
    units = units_of(study, shards)
    return Plan(study, folder_of(study, out), units).listed(shards)


def folder_of(study: StudyFile, out: PathLike | None) -> Path:
    """The folder of a study."""
    return Path(os.path.splitext(study.path)[0] if out is None else out)


def plan_of(path: PathLike, out: PathLike | None, shards: int | None, check: bool = True) -> Plan:
    """What a study asks for; raises as `run_study`. check: see `read_study`."""
    if out is not None:
        checked_path(out, "out")
    study = read_study(path, check)
    place = folder_of(study, out)
    if place.is_dir() and (place / STUDY).exists() and os.path.samefile(place / STUDY, study.path):
        raise InputError(f"{place}: holds {STUDY} itself; take a folder of its own, {OUT}")
    return Plan(study, place, units_of(study, shards))


class Plan:
    """What a study asks for, as far as its file says it.

    Args:
        study: what the file says.
        folder: of its documents and records.
        units: all of them.

    Attributes:
        by_name, by_id: the units.
        extractions: those of whole models, by model.
    """

    def __init__(self, study: StudyFile, folder: Path, units: tuple[Unit, ...]) -> None:
        self.study, self.folder, self.units = study, folder, units
        self.by_name = {unit.name: unit for unit in units}
        self.by_id = {unit.stem: unit for unit in units}
        self.extractions = {unit.model: unit for unit in units if unit.step is None and unit.shard is None}
        self._steps = {step.name: step for step in study.steps}
        self._asked: dict[str, str] = {}
        self._models: dict[str, str] = {}
        self._sizes: dict[str, dict[str, list[int] | None]] = {}

    def listed(self, shards: int | None) -> tuple[StudyUnit, ...]:
        """Each unit with its command."""
        more = () if shards is None else ("--shards", str(shards))
        before = "pyalign", "study", "step", self.study.path, "--out", os.fspath(self.folder), *more
        done = {unit.name: self._is_done(unit) for unit in self.units}
        for unit in self.units:
            if unit.is_merge and done[unit.name][0]:
                done.update({part: (True, done[part][1]) for part in unit.needs})
        return tuple(
            StudyUnit(
                unit.stem, unit.name, function_of(unit), tuple(self.by_name[name].stem for name in unit.needs),
                (*before, f"{unit.stem}@{self.asked(unit)[:SHOWN]}"), self._wants_device(unit),
                {self.study.place(path): None if seen is None else seen[0] for path, seen in self.inputs(unit).items()},
                *done[unit.name],
            )
            for unit in self.units
        )

    def chosen(self, words: tuple[str, ...]) -> tuple[tuple[Unit, ...], tuple[str, ...]]:
        """The units of these ids, in the order of the study; and those of which the file asked something else before.

        words: ids, each by itself or as `command` has it.
        """
        if not words:
            raise InputError("unit must be the id of a unit at least; got none")
        names, changed = set(), []
        for word in words:
            unit_id, _, seen = word.partition("@")
            if unit_id not in self.by_id:
                near = nearest(unit_id, self.by_id) or f"; it has {len(self.by_id)}, such as {next(iter(self.by_id))!r}"
                raise InputError(f"unit {unit_id!r} is none of this study{near}")
            names.add(unit_id)
            if seen and not self.asked(self.by_id[unit_id]).startswith(seen):
                changed.append(unit_id)
        chosen = tuple(unit for unit in self.units if unit.stem in names)
        for unit in chosen:
            if unit.step is not None:
                with errors_of(self.study.path):
                    unit.step.require_options()
        return chosen, tuple(changed)

    def taken(self, name: str, which: str, scores: bool = False) -> list[Unit]:
        """The units whose results "step:NAME::WHICH" stands for: one; of scores all models, unless one is named."""
        return [self.by_name[unit] for unit in names_of(self._steps[name], which, scores)]

    def asked(self, unit: Unit) -> str:
        """SHA-256 of what the file asks for, of the unit itself and of all that it needs; of no contents."""
        if unit.name not in self._asked:
            before = [] if unit.is_merge else [self.asked(self.by_name[name]) for name in unit.needs]
            asked: list[Any]
            if unit.step is None:
                asked = ["extract", self._model(unit.model), unit.shard]
            else:
                sets = {name: self._sets(unit.step, name) for name in unit.step.analysis.inputs}
                models = [self._model(name) for name in ((unit.model,) if unit.model else unit.step.models)]
                asked = [unit.step.analysis.name, unit.step.written, sets, models, self.study.names, *self._table(unit)]
            self._asked[unit.name] = key_of("unit", {"asked": asked, "before": before})
        return self._asked[unit.name]

    def _sets(self, step: Step, argument: str) -> dict[str, Mapping[str, Any]]:
        """The tables of the study file that an argument of a step is read from, each by its kind and name."""
        kind = step.analysis.inputs[argument]
        if kind == PEOPLE:
            wanted = self.study.people(step.people)
        else:
            wanted = [(DIMENSIONS if kind == LABELS else kind, step.sets[argument])] if argument in step.sets else []
        entries = {f"{kind}.{name}": self.study.sets.get(kind, {}).get(name) for kind, name in wanted}
        return {where: entry for where, entry in entries.items() if entry is not None}

    def _table(self, unit: Unit) -> tuple[str, ...]:
        """The table of models, if the unit takes it."""
        takes = unit.step is not None and METADATA in unit.step.analysis.inputs.values()
        return (self.study.metadata,) if takes and self.study.metadata is not None else ()

    def _model(self, name: str) -> str:
        if name not in self._models:
            model = self.study.models[name]
            self._models[name] = digest_of([name, model.file, model.extract, model.options])
        return self._models[name]

    def _is_done(self, unit: Unit) -> tuple[bool, float | None]:
        record = read_record(self.folder, unit.stem)
        if record is None:
            return False, None
        same = record.asked == self.asked(unit) and record.inputs == self.inputs(unit)
        return same and all((self.folder / name).exists() for name in record.files), record.seconds

    def _wants_device(self, unit: Unit) -> bool:
        if unit.step is not None:
            return unit.step.written.get("backend") in TENSOR_BACKENDS
        return not unit.is_merge and self.study.models[unit.model].options.get("device") != "cpu"

    def inputs(self, unit: Unit) -> dict[str, list[int] | None]:
        """Bytes and time of the last change of what the unit reads; None where nothing is there.

        By path as the study file has it, so that it is the same wherever the study is.
        """
        seen: dict[str, list[int] | None] = {}
        for spec in dict.fromkeys(self._specs(unit)):
            if spec not in self._sizes:
                self._sizes[spec] = self._seen(spec)
            seen.update(self._sizes[spec])
        return seen

    def _specs(self, unit: Unit) -> Iterator[str]:
        """What the study file names for a unit."""
        if unit.step is None:
            options = self.study.models[unit.model].options
            yield from (options[name] for name in ("images", "texts", "checkpoint", "transform") if name in options)
            return
        for name in (unit.model,) if unit.model else unit.step.models:
            model = self.study.models[name]
            if model.file:
                yield model.file
                yield from (model.options[name] for name in ("names",) if name in model.options)
        if self.study.names is not None:
            yield self.study.names
        yield from self._table(unit)
        for entry in (entry for name in unit.step.analysis.inputs for entry in self._sets(unit.step, name).values()):
            for key in ("file", "answers", "subjects", "item_names", "names", "labels"):
                if isinstance(entry.get(key), str):
                    yield entry[key]
        for name, value in unit.step.written.items():
            names_files = name in FILES and not (name == "queries" and isinstance(value, list))
            yield from (text for text in texts_of(value) if names_files and not text.startswith(STEP))

    def _seen(self, spec: str) -> dict[str, list[int] | None]:
        place = Spec(self.study.place(spec))
        if is_named(place):
            folder = "" if os.path.isabs(spec) else self.study.folder or os.curdir
            files = described_files(place.path)
            return {os.path.relpath(file, folder) if folder else file: _size_and_time(file) for file in files}
        return {} if spec.startswith(ELSEWHERE) else {Spec(spec).path: _size_and_time(place.path)}


def function_of(unit: Unit) -> str:
    """The function of pyalign that makes it."""
    return unit.step.analysis.name if unit.step else "merge_extractions" if unit.is_merge else "extract"


def _size_and_time(path: str) -> list[int] | None:
    """Bytes and time of the last change, in nanoseconds; of a folder those of the files in it, of so many at most."""
    try:
        there = os.stat(path)
        if not stat.S_ISDIR(there.st_mode):
            return [there.st_size, there.st_mtime_ns]
    except (OSError, ValueError):
        return None
    size, time = 0, there.st_mtime_ns
    files = (os.path.join(at, name) for at, _, names in os.walk(path) for name in names)
    for file in islice(files, MOST_FILES):
        with suppress(OSError):
            there = os.stat(file)
            size, time = size + there.st_size, max(time, there.st_mtime_ns)
    return [size, time]
