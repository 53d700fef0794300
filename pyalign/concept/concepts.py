"""Where a representation agrees with human choices and where it does not: accuracy per human concept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Literal, cast

from pyalign import _checks
from pyalign._process import Progress, reporter
from pyalign.analysis.accuracy import ChoiceModel
from pyalign.analysis.model_choices import Judged
from pyalign.analysis.notes import merged
from pyalign.analysis.score import choice_model, seen_by
from pyalign.concept.concept_run import Run
from pyalign.concept.concepts_result import Concepts, TopObjects
from pyalign.concept.dimensions import labels_of, strongest
from pyalign.concept.groupings import Ways, require_some
from pyalign.concept.parts import Families
from pyalign.data import (
    AlignedModels, Transform, Triplets, align, align_models, as_embeddings, require_odd_one_out,
    require_one_answer_each, require_unweighted,
)
from pyalign.data.similarities import one_or_several
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.stats.resampling import AUTO, IntervalsOver, as_resampling, record_of
from pyalign.typing import (
    Assign, BackendName, CategoriesLike, Correction, EmbeddingsLike, MeasureLike, Models, NamedChoices, Policy,
    Positive, SubjectsLike, Ties, TripletsLike,
)

DIMENSIONS = "dimensions"  # the name of their rows in messages, next to those of the models
FEWEST = 30  # triplets of a concept with an interval
TRANSFORMED = "{} (transformed)"


@_checks.checked
def score_concepts(
    models: EmbeddingsLike | Models | None, triplets: TripletsLike, dimensions: EmbeddingsLike | None = None, *,
    model_choices: NamedChoices | None = None, choice_base: int | None = None,
    dimension_labels: Sequence[str] | None = None, categories: CategoriesLike | None = None,
    levels: tuple[CategoriesLike, CategoriesLike] | None = None,
    entropy: Literal["dimensions", "answers"] | None = None, assign: Assign = "sum", top: int = 1,
    transform: Transform | None = None, measure: MeasureLike | None = None, temperature: float | None = None,
    ties: Ties = "fractional", nan_policy: Policy = "raise", unreadable: Policy = "raise", missing: Policy = "raise",
    backend: BackendName = "auto", ci: IntervalsOver = AUTO, subjects: SubjectsLike | None = None,
    correction: Correction = "holm", min_triplets: Positive = FEWEST, limit: Positive | None = None,
    families: Sequence[str] | None = None, progress: Progress | None = None,
) -> Concepts:
    """Compute accuracy and cross-entropy per human concept, with intervals, and differences between models.

    The concept of a triplet is that of its chosen pair: the two items that were not chosen as odd, or the anchor and
    the chosen option. The triplet is assigned to the dimension with the largest weight for that pair, or to the
    categories that contain both of its objects. Levels of abstraction depend on all three objects.

    Args:
        models: (n, d) embeddings, a mapping of names to embeddings, or None. Those with names are matched by name.
        triplets: (t, 3) integers in [0, n), or names; the last column is the odd one out.
        dimensions: (n, k) non-negative numbers: a human embedding such as SPoSE or VICE, with names or in the order of
            the embeddings.
        model_choices: a mapping of names to recorded choices of a language model or a participant, in the form that
            `pyalign.score_choices` takes; in addition to the models or instead of them. Without probabilities they
            have no cross-entropy, and a transform does not apply to them.
        choice_base, unreadable: see `pyalign.score_choices`.
        dimension_labels: the labels of the k dimensions; None: their own, else their numbers, from 1. Numbers
            distinguish labels that occur twice.
        categories: `pyalign.Categories` of the objects, or anything that `Categories.of` takes.
        levels: fine and coarse categories, for levels of abstraction; see `pyalign.abstraction_levels`.
        entropy: triplets are also in bins of the entropy of people's choice, from 0 to log 3 nats:
            ``"dimensions"``: of the choice that the dimensions predict, softmax of their dot products, as SPoSE and
            VICE do, in bins of 0.1 nats; ``"answers"``: of all answers to the same three items, in six equal bins.
        assign: how the weights of the chosen pair's two objects are combined, ``"sum"`` or ``"product"``; the triplet
            is assigned to the dimension with the largest result.
        top: the number of dimensions to which each triplet is assigned; it counts in each of them. 0: they only serve
            the entropy.
        transform: a map; embeddings are scored before and after it, and the differences are reported.
        measure, temperature: see `pyalign.score`; None: those of the transform's fit, otherwise cosine and 1. They are
            the same before and after a transform.
        ties, nan_policy, missing, backend: see `pyalign.score`; the dimensions must have the rows as well.
        ci: what intervals are over; see `pyalign.score`. None: no intervals.
        subjects: (t,) the participant who answered each triplet; None: those of the triplets.
        correction: how p-values are corrected over all concepts (and pairs of models): ``"holm"`` or
            ``"benjamini-hochberg"``.
        min_triplets: a concept with fewer triplets has no interval and no p-value, and its `note` says so.
        limit: the number of objects with the largest weights to return for each dimension, which pictures of
            concepts need; None: no objects.
        families: the family of each model, in their order, recorded choices last: the mean of each family is a
            further row, and every two families are compared, with p-values corrected over all concepts and pairs of
            families. The intervals of a mean are those of these very models on other objects.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        A `Concepts`, with a result for each model and each way of grouping. If `top` is 1 and categories do not
        overlap, the numbers of triplets of all concepts and of the unassigned triplets add up to the total, and so do
        their credits. By default intervals are in closed form, and there are simultaneous intervals for all concepts
        (Sidak 1967).

    Raises:
        InputError: as `pyalign.compare`; negative dimensions; the wrong number of labels; neither dimensions,
            categories, levels nor entropy; an entropy of dimensions or of repeated answers that are not there.

    Source: Muttenthaler et al., "Human alignment of neural network representations", ICLR 2023, section 5; for the
    intervals see `pyalign.stats.clustered`.

    Example:
        >>> import numpy as np, pyalign
        >>> rng = np.random.default_rng(0)
        >>> human = np.abs(rng.normal(size=(30, 2)))
        >>> triplets = np.stack([rng.permutation(30)[:3] for _ in range(400)])
        >>> concepts = pyalign.score_concepts(human, triplets, human, dimension_labels=["food", "tools"])
        >>> rows = concepts.results[0].concepts
        >>> [row.concept for row in rows], sum(row.n_triplets for row in rows)
        (['food', 'tools'], 400)
    """
    progress = reporter(progress)
    ways = Ways(dimension_labels, assign, top, categories, levels, entropy)
    _check(ways, dimensions, limit, transform, families)
    several = {} if models is None else one_or_several(models)
    judged = Judged.of(
        several, model_choices, triplets, "concepts", base=choice_base, nan_policy=nan_policy, unreadable=unreadable,
        missing=missing, ties=ties, subjects=subjects, beside=beside(several, dimensions),
        rules=(require_one_answer_each, require_unweighted, *([] if entropy is None else [_require_three])),
    )
    triplet_data, present, names = judged.triplets, judged.present, judged.names
    if not names:
        raise InputError("models must hold at least one model; got none")
    plan = as_resampling(ci)
    how = ChoiceModel(*choice_model(transform, measure, temperature), ties, nan_policy)
    get_measure(how.measure)
    for category_set in (categories, *(levels or ())):
        present.require_names(category_set)
    answered = judged.read(backend)
    scored, pairs, notes = _with_transformed(several, transform, triplet_data)
    pairs = list(combinations(names, 2)) if transform is None else pairs
    aligned, rows = aligned_beside(scored, triplet_data, dimensions)
    if dimensions is not None:
        ways = replace(ways, labels=labels_of(dimension_labels, dimensions))
    concepts = Run(
        aligned, answered, rows, how, backend, plan, judged.people, correction, min_triplets, transform,
        tuple(pairs), Families.of(families, names, plan), progress,
    ).result(ways)
    options: dict[str, Any] = {
        "temperature": how.temperature, "ties": ties, "nan": nan_policy, "measure": str(how.measure), "assign": assign,
        "top": top, "correction": correction, "missing": missing, "ci": record_of(plan), "min_triplets": min_triplets,
        **({} if entropy is None else {"entropy": entropy}), **judged.choices.options(),
        **({} if families is None else {"families": list(families)}),
    }
    if dimensions is not None:
        concepts = _of_dimensions(concepts, ways, dimensions, rows, limit, aligned.names)
    every_note = [notes, aligned.notes, present.notes_on(categories, *(levels or ())), concepts.notes]
    return cast(Concepts, judged.described(
        replace(concepts, entropy=entropy), every_note, options, concepts.backend, concepts.inference.seed,
        triplets=triplet_data, dimensions=dimensions,
    ))


def _of_dimensions(
    concepts: Concepts, ways: Ways, dimensions: object, rows: Any, limit: int | None, names: Any
) -> Concepts:
    """The result with what it has of human dimensions, whose rows are `rows`."""
    return replace(
        concepts, dimensions=as_embeddings(dimensions, DIMENSIONS).source, assign=ways.assign if ways.top else None,
        top=ways.top or None, top_objects=None if limit is None else _top_objects(concepts, rows, limit, names),
    )


def _check(ways: Ways, dimensions: object, limit: int | None, transform: object, families: object) -> None:
    """Raises where what triplets are grouped by does not go together, and for what is no map."""
    require_some(dimensions, ways.categories, ways.levels, ways.entropy)
    _checks.whole_number(ways.top, "top", 0 if ways.entropy == "dimensions" and limit is None else 1)
    if limit is not None and dimensions is None:
        raise InputError("limit applies only to objects of dimensions")
    if transform is not None and not isinstance(transform, Transform):
        raise InputError(f"transform must be a pyalign.Transform; got {type(transform).__name__}")
    if families is not None and transform is not None:
        raise InputError("families are of models as they are; got a transform too")


def _require_three(triplets: Triplets, what: str) -> None:
    require_odd_one_out(triplets, "the entropy of a choice")


def _top_objects(concepts: Concepts, dimensions: Any, count: int, names: Any) -> tuple[TopObjects, ...]:
    """The objects with the largest weights on each dimension; the result has the dimensions in their order."""
    labels = [row.concept for row in next(result for result in concepts.results if result.by == "dimensions").concepts]
    weights = _checks.as_array(dimensions, "dimensions", "(n, k)")
    return tuple(TopObjects(label, strongest(weights[:, k], count, names)) for k, label in enumerate(labels))


def _with_transformed(
    models: Mapping[str, object], transform: Transform | None, triplets: Any
) -> tuple[dict[str, object], list[tuple[str, str]], tuple[str, ...]]:
    """All embeddings to score, the pairs of names after and before the transform, and notes on its training data."""
    if transform is None:
        return dict(models), [], ()
    scored: dict[str, object] = {}
    pairs, notes = [], []
    for name, x in models.items():
        after = TRANSFORMED.format(name)
        if after in models:
            raise InputError(f"models must not hold one called {after!r}: {name} is called so after the transform")
        rows = as_embeddings(x, name)
        scored[name], scored[after] = rows, transform.apply(rows)
        pairs.append((after, name))
        notes.append(seen_by(transform, align(rows, triplets, name))[1])
    return scored, pairs, merged(*notes)


def beside(models: Mapping[str, object], dimensions: object) -> dict[str, object]:
    """What must have a row for each object next to the models: the human dimensions, if there are any."""
    if dimensions is None:
        return {}
    if DIMENSIONS in models:
        raise InputError(f"models must not be called {DIMENSIONS!r}, as the human ones are called")
    return {DIMENSIONS: dimensions}


def aligned_beside(models: Mapping[str, object], triplets: Triplets, dimensions: object) -> tuple[AlignedModels, Any]:
    """Models and dimensions in one order of rows, and the dimensions, or None."""
    aligned = align_models({**models, **beside(models, dimensions)}, triplets)
    rows = None if dimensions is None else aligned.models[DIMENSIONS]
    return replace(aligned, models={name: aligned.models[name] for name in models}), rows
