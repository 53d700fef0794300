"""The text of a study file that a preset has made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pyalign._dataclass import dataclass, field
from pyalign.io.documents import key_of, quoted
from pyalign.io.paths import one_line
from pyalign.study.draft import KINDS

PRESET = "human-alignment"
LONGEST = 100  # letters of a line of a list; longer ones have a line for each entry
HEAD = """\
# The figures of "Human alignment of neural network representations" (Muttenthaler et al., ICLR 2023):
#   pyalign study run THIS FILE
# Paths are relative to this file. docs/howto-paper.md says which step makes which figure, docs/study.md what else a
# study can have. Change what you like; only the steps that a change concerns are run again.
"""
MODELS = """\
# Of a model with several layers the one that stands for it has the model's name, and each is MODEL::LAYER.
# DATA SET/MODEL is the same model on the images of another data set.
[models]"""
MISSING = """\
# What is not here, and what it would take; the page says it too. A step of that name takes the place of its line.
[missing]"""


@dataclass(frozen=True)
class PresetStep:
    """A step of the study."""

    # name, function: of the step; of one that is called like its function both are the same.
    name: str
    function: str
    what: str  # it shows, a comment.
    options: Mapping[str, Any] = field(default_factory=dict)  # as in the file.


def preset_text(draft: Any) -> str:
    """The study file of a draft."""
    lines = [HEAD, 'title = "Human alignment of neural network representations"']
    lines.append('figures = ["svg", "pdf"]  # of all figures of the page, for a paper: folder figures')
    lines += _top(draft)
    lines += ["", *MODELS.split("\n")]
    for name, options in draft.models.items():
        lines.append(f"{key_of(name)} = {quoted(options['file'] if len(options) == 1 else options)}")
    for kind, sets in draft.sets.items():
        for name, tables in sets.items():
            lines += ["", *_set(kind, name, tables)]
    for step in draft.steps:
        lines += ["", *_step(step)]
    if draft.missing:
        lines += ["", *MISSING.split("\n")]
        lines += [f"{key_of(name)} = {quoted(one_line(reason))}" for name, reason in draft.missing.items()]
    return "\n".join(lines) + "\n"


def _top(draft: Any) -> Iterator[str]:
    if draft.images:
        yield f"images = {quoted(draft.images)}  # pictures of the objects on the page"
    if draft.metadata:
        yield f"metadata = {quoted(draft.metadata)}  # of models without a row: pyalign models table"
    else:
        yield '# metadata = "models.csv"  # a table of your own; without it: pyalign models table'


def _set(kind: str, name: str, tables: list[Mapping[str, Any]]) -> Iterator[str]:
    """The first of some tables; the others below it, to choose from."""
    first, *others = tables
    yield f"[{kind}.{key_of(name)}]  # {KINDS[kind]}"
    yield from (f"{key} = {quoted(value)}" for key, value in first.items())
    for other in others:
        yield f"# or: {', '.join(f'{key} = {quoted(value)}' for key, value in other.items())}"


def _step(step: PresetStep) -> Iterator[str]:
    yield f"[steps.{key_of(step.name)}]  # {step.what}"
    if step.name != step.function:
        yield f"function = {quoted(step.function)}"
    for name, value in step.options.items():
        yield from _option(name, value)


def _option(name: str, value: Any) -> Iterator[str]:
    """A line; of a long list or table one for each entry."""
    line = f"{name} = {quoted(value)}"
    if isinstance(value, Mapping) and len(line) > LONGEST:
        yield from (f"{name}.{key_of(key)} = {quoted(entry)}" for key, entry in value.items())
        return
    if not isinstance(value, list) or len(line) <= LONGEST:
        yield line
        return
    yield f"{name} = ["
    yield from (f"  {quoted(entry)}," for entry in value)
    yield "]"
