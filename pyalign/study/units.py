"""The units of a study: extractions and their parts, then each step, for steps of one model once for each of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.errors import InputError, nearest
from pyalign.io.paths import bad
from pyalign.study.file import MOST_SHARDS, Step, StudyFile
from pyalign.study.options import FILES, SCORES

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

    Raises:
        InputError: two of them have one name, which would be that of one record.
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
                       for need in names_of(steps[name], which, FILES[option] == SCORES))  # fmt: skip
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
        >>> from pyalign.study.analyses import find_analysis
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
