"""What is run one after the other: extractions, then each step, for steps of one model once for each of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pyalign.errors import InputError, nearest
from pyalign.io.paths import bad
from pyalign.study.file import Step, StudyFile
from pyalign.study.folder import RUN
from pyalign.study.options import FILES, SCORES

REPORT = "report"


@dataclass(frozen=True)
class Unit:
    """A part of a study that is done or not done.

    Attributes:
        name: what it is called: "score", "probe (clip)", "extract (lite0)".
        stem: of its files.
        step: what it is of; None for an extraction.
        model: of which model it is, or "".
        needs: the names of units that must be done before.
    """

    name: str
    stem: str
    step: Step | None
    model: str = ""
    needs: tuple[str, ...] = ()


def units_of(study: StudyFile) -> tuple[Unit, ...]:
    """All of a study, each behind those that it needs.

    Raises:
        InputError: two of them have one name, which would be that of one record in the journal.
    """
    used = {name for step in study.steps for name in step.models}
    steps = {step.name: step for step in study.steps}
    stems = {REPORT: 1}
    units: dict[str, Unit] = {}

    def add(unit: Unit) -> None:
        if unit.name in units or unit.name in (REPORT, RUN):
            other = _origin(units[unit.name]) if unit.name in units else "pyalign itself"
            raise bad(study.path, f"two parts are called {unit.name!r}: {_origin(unit)}, and {other}; rename one")
        units[unit.name] = unit

    for name, study_model in study.models.items():
        if study_model.extract and name in used:
            add(Unit(_extraction(name), _stem(f"extract-{name}", stems), None, name))
    for step in study.steps:
        before = tuple(before for option, name, which in step.takes
                       for before in _names_of(steps[name], which, FILES[option] == SCORES))  # fmt: skip
        for model in step.models if step.analysis.each else ("",):
            names = (model,) if model else step.models
            needs = tuple(_extraction(name) for name in names if study.models[name].extract)
            stem = _stem(f"{step.name}-{model}" if model else step.name, stems)
            add(Unit(_name_of(step, model), stem, step, model, (*needs, *before)))
    return tuple(units.values())


def taken_unit(units: Sequence[Unit], name: str, which: str) -> Unit:
    """The unit whose result "step:NAME::WHICH" stands for."""
    return taken_units(units, name, which, scores=False)[0]


def taken_units(units: Sequence[Unit], name: str, which: str, scores: bool) -> list[Unit]:
    """The units whose results it stands for; of scores those of all models, unless one is named."""
    step = next(unit.step for unit in units if unit.step is not None and unit.step.name == name)
    names = _names_of(step, which, scores)
    return [unit for unit in units if unit.step is step and unit.name in names]


def _name_of(step: Step, model: str) -> str:
    """What the unit of a step is called; model: of which it is, or "" for the only one."""
    if not step.analysis.each:
        return step.name
    return f"{step.name} ({model or step.models[0]})"


def _names_of(step: Step, which: str, scores: bool) -> tuple[str, ...]:
    """What the units of a step that are taken are called: of scores those of all its models, unless one is named."""
    every = scores and not which and step.analysis.each
    return tuple(_name_of(step, model) for model in (step.models if every else (which,)))


def _origin(unit: Unit) -> str:
    if unit.step is None:
        return f"the extraction of model {unit.model!r}"
    return f"step {unit.step.name!r}" + (f" of model {unit.model!r}" if unit.model else "")


def units_wanted(units: Sequence[Unit], only: str | None) -> set[str]:
    """The names of the units that are asked for, with those that they need.

    only: a step, a model that is extracted, the report, or None for everything.

    Raises:
        InputError: there is no such step.
    """
    if only is None:
        return {unit.name for unit in units}
    chosen = [unit for unit in units if only in (unit.name, unit.step.name if unit.step else unit.model)]
    if not chosen and only != REPORT:
        names = list(dict.fromkeys([*(unit.step.name if unit.step else unit.model for unit in units), REPORT]))
        near = nearest(only, names) or f"; there is {names[0]}"
        raise InputError(f'only="{only}" is no step of the study{near}')
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
