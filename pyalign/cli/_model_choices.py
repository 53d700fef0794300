"""`--model-choices`: choices that are there already, of models without embeddings.

Options that a command takes because others do have no effect in it, and a note says why. Each command that reads
triplets takes the options of triplets, of rows and of people; a class here stands in for those it has no use for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign._dataclass import dataclass
from pyalign.analysis.choices import UNREADABLE
from pyalign.cli import _inputs
from pyalign.cli._command import option, refuse_unused, without_effect
from pyalign.data import hash_early
from pyalign.data.names import HOW, MISSING, listing
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.typing import Policy

IDLE = "accepted for consistency with other commands, without effect here"


def _idle(why: str, **more: Any) -> Any:
    return option(group=IDLE, rare=True, idle=why, **more)


@dataclass(frozen=True)
class Categories:
    """Categories of objects, where no figure is by category."""

    categories: Spec | None = _idle("no result is broken down by category")


@dataclass(frozen=True)
class People:
    """Who answered, where no figure is over people."""

    subjects: Spec | None = _idle("no result generalizes over participants", exclusive="people")
    subject_column: int | str | None = _idle("no result generalizes over participants", exclusive="people")


@dataclass(frozen=True)
class Nan:
    """Rows with NaN, where they are always an error."""

    nan_policy: Policy = _idle("rows with NaN are an error", default="raise", choices=("raise", "omit"))


@dataclass(frozen=True)
class Rows:
    """Rows of embeddings, where there are none."""

    names: Spec | None = _idle("there are no embeddings")
    name_column: int | str | None = _idle("there are no embeddings")
    per_object: str | None = _idle("there are no embeddings", choices=HOW)
    missing: Policy = _idle("there are no embeddings", default="raise", choices=MISSING)
    nan_policy: Policy = _idle("there are no embeddings", default="raise", choices=("raise", "omit"))


GROUP = "choices without embeddings"
OF_EMBEDDINGS = ("measure", "temperature", "transform", "n_permutations", "choices", "probabilities")
OF_ROWS = ("name_column", "per_object", "missing")


@dataclass(frozen=True)
class ModelChoices:
    """Choices of models, and how they are read."""

    model_choices: tuple[Spec, ...] | None = option(
        "choices of models or participants, in addition to embeddings or instead of them: files with the odd item of "
        "each triplet, as t positions (from 0 or 1: --choice-base) or names, or as (t, 3) probabilities; FILE::KEY "
        "picks an array", nargs="+", group=GROUP,
    )
    unreadable: Policy = option(
        "text answers that name none of the three items: raise an error, or omit them (default: raise)", "--unreadable",
        default="raise", choices=UNREADABLE, group=GROUP, rare=True,
    )


def models_of(options: Any, matrices: Sequence[str] = ()) -> tuple[str, ...]:
    """What the models of a command are called: embeddings, matrices, choices."""
    return (*options.embeddings, *matrices, *(options.model_choices or ()))


def families_of(options: Any) -> tuple[Sequence[str] | None, tuple[str, ...]]:
    """The families of the models: as typed, or those of the table of models; and notes that say so."""
    if options.families is None or options.families:
        return options.families, ()
    from pyalign.io import item_names

    models = models_of(options)
    labels = dict(zip(models, _inputs.labeled(models, options.labels) or models, strict=True))
    table = item_names.metadata_of_models(models, labels=labels)
    families = item_names.families_of(models, table)
    if table is None or families is None:
        raise InputError(
            "--families must name the family of each model; the table of models (pyalign models list --metadata) has "
            f"none of {listing(models, 6)}"
        )
    return families, table.notes


def check(options: Any) -> tuple[str, ...]:
    """Raises where an option serves embeddings, or choices, and there are none; notes on what has no effect.

    Names of rows name the numbers of triplets too, and so the items that choices may name.
    """
    if options.model_choices is None:
        refuse_unused(options, ("unreadable",), "choices: add --model-choices")
        return ()
    models = models_of(options, getattr(options, "matrix", None) or ())
    twice = next((spec for spec in options.model_choices if models.count(spec) > 1), None)
    if twice is not None:
        raise InputError(f"--model-choices must differ, from other models too; got {twice} {models.count(twice)} times")
    if len(models) > len(options.model_choices):
        return ()
    refuse_unused(options, OF_EMBEDDINGS, "embeddings, not to --model-choices")
    return without_effect(options, OF_ROWS, "choices have no rows")


def arguments(options: Any) -> dict[str, Any]:
    """The choices, read, and how positions and words in them are taken, as arguments of an analysis."""
    if options.model_choices is None:
        return {}
    choices = {spec: read(spec) for spec in options.model_choices}
    return {"model_choices": choices, "choice_base": options.choice_base, "unreadable": options.unreadable}


def renamed(
    models: dict[str, Any], choices: dict[str, Any], labels: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Models, and the arguments of choices, by their labels."""
    if choices:
        choices = {
            **choices,
            "model_choices": {labels[name]: recorded for name, recorded in choices["model_choices"].items()},
        }
    return {labels[name]: x for name, x in models.items()}, choices


def read(spec: Spec) -> Any:
    """The choices in FILE or FILE::KEY."""
    from pyalign.io.answers import read_choices

    choices = read_choices(spec.path, key=spec.key)
    hash_early(choices)
    return choices
