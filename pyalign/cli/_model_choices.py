"""`pyalign score --model-choices`: choices that are there already, in place of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pyalign.analysis.choices import UNKNOWN
from pyalign.cli._command import option, refuse_unused
from pyalign.cli._matrices import Matrices
from pyalign.data import Triplets, hash_early
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.progress import Progress
from pyalign.stats.resampling import Resampling

if TYPE_CHECKING:
    from pyalign.analysis.score import Scores

GROUP = "choices without embeddings"
OF_EMBEDDINGS = (
    "measure", "temperature", "transform", "names", "name_column", "per_object", "missing", "permutations", "choices",
    "probabilities",
)  # fmt: skip
OF_CHOICES = ("model_choice_base", "unknown")


@dataclass(frozen=True)
class ReadChoices:
    """How choices that are there already are read."""

    model_choice_base: int | None = option(
        "whether these positions count from 0 or 1 (default: 0)",
        kind=int,
        choices=(0, 1),
        group=GROUP,
        rare=True,
    )
    unknown: str = option(
        "answers in words that name none of the items: an error, or left out (default: raise)", default="raise",
        choices=UNKNOWN, group=GROUP, rare=True,
    )  # fmt: skip


def check(options: Any) -> None:
    """Raises where an option serves embeddings alone, or choices alone, and the other is given."""
    if options.model_choices is None:
        refuse_unused(options, OF_CHOICES, "choices alone: add --model-choices")
        return
    others = [*options.embeddings, *((isinstance(options, Matrices) and options.matrix) or ())]
    if others:
        raise InputError(f"--model-choices stands in place of embeddings; got {others[0]} too")
    refuse_unused(options, OF_EMBEDDINGS, "embeddings alone, not --model-choices")
    twice = [spec for spec in options.model_choices if options.model_choices.count(spec) > 1]
    if twice:
        raise InputError(f"--model-choices must differ; got {twice[0]} {options.model_choices.count(twice[0])} times")


def scored(
    options: Any, triplets: Triplets, plan: Resampling | None, groups: object, ceiling: Any, progress: Progress
) -> Scores:
    """Reads the choices and scores them."""
    from pyalign.analysis.score_choices import score_choices

    choices = read_choices_of(options.model_choices)
    found = score_choices(
        choices, triplets, choice_base=options.model_choice_base or 0, ties=options.ties, nan=options.nan,
        unknown=options.unknown, ci=plan, groups=groups, ceiling=ceiling, backend=options.backend, progress=progress,
    )  # fmt: skip
    return replace(found, triplets=options.triplets)


def read_choices_of(specs: Sequence[Spec]) -> dict[str, Any]:
    """The choices in these files, by their specifications."""
    return {spec: _read(spec) for spec in specs}


def _read(spec: Spec) -> Any:
    from pyalign.io.choices import read_choices

    found = read_choices(spec.path, key=spec.key)
    hash_early(found)
    return found
