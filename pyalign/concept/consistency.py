"""Whether models make errors on the same triplets: error consistency with intervals, bounds and copy probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from pyalign import _checks
from pyalign._process import Progress, reporter
from pyalign.analysis.model_choices import Judged
from pyalign.backends import get_host_backend
from pyalign.concept.concepts import DIMENSIONS, FEWEST, aligned_beside, beside
from pyalign.concept.consistency_result import ErrorConsistency
from pyalign.concept.consistency_run import Run
from pyalign.concept.dimensions import labels_of
from pyalign.concept.groupings import Ways
from pyalign.data import as_embeddings, require_one_answer_each, require_unweighted
from pyalign.data.similarities import named_models
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.stats.resampling import AUTO, IntervalsOver, as_resampling, record_of
from pyalign.typing import (
    Assign, BackendName, CategoriesLike, Correction, EmbeddingsLike, MeasureLike, Models, NamedChoices, Policy,
    Positive, SubjectsLike, TripletsLike,
)


@_checks.checked
def error_consistency(
    models: Models | None, triplets: TripletsLike, *, model_choices: NamedChoices | None = None,
    choice_base: int | None = None, dimensions: EmbeddingsLike | None = None,
    dimension_labels: Sequence[str] | None = None, categories: CategoriesLike | None = None, assign: Assign = "sum",
    top: int = 1, measure: MeasureLike = "cosine", nan_policy: Policy = "raise", unreadable: Policy = "raise",
    missing: Policy = "raise", backend: BackendName = "auto", ci: IntervalsOver = AUTO,
    subjects: SubjectsLike | None = None, correction: Correction = "holm", min_triplets: Positive = FEWEST,
    progress: Progress | None = None,
) -> ErrorConsistency:
    """Compute error consistency, Cohen's kappa of correct and incorrect choices, for every two models.

    A choice is correct if the most similar pair is the chosen pair. A tie is never correct here. With dimensions or
    categories, the result also contains the concepts of the triplets that all models get wrong.

    Args:
        models: a mapping of names to (n, d) embeddings of the same n items, matched by name if they have names; or
            None.
        triplets: (t, 3) integers in [0, n), or names; the last column is the odd one out.
        model_choices: a mapping of names to recorded choices of a model or a participant, in the form that
            `pyalign.score_choices` takes; in addition to the models or instead of them. Together there must be at least
            two.
        choice_base: see `pyalign.score_choices`.
        dimensions, dimension_labels, categories, assign, top: the concepts of the triplets, see
            `pyalign.score_concepts`; without dimensions and categories there is no analysis of concepts.
        measure, backend: see `pyalign.score`.
        nan_policy: ``"raise"``, or ``"omit"`` to leave out triplets with a row that is not finite, or without a choice.
        unreadable: ``"raise"``, or ``"omit"`` to leave out triplets with a choice that names none of their items.
        missing: see `pyalign.score`; it applies to the dimensions as well.
        ci: what intervals are over; see `pyalign.score`. None: no intervals and no p-values.
        subjects: (t,) the participant who answered each triplet; None: those of the triplets.
        correction: how p-values are corrected over all pairs, and over all concepts: ``"holm"`` or
            ``"benjamini-hochberg"``.
        min_triplets: a concept with fewer triplets has no interval.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        An `ErrorConsistency`. Standard errors in closed form are those of a linear approximation; see
        `pyalign.stats.joint`.

    Raises:
        InputError: as `pyalign.compare`, `pyalign.score_choices` and `pyalign.score_concepts`; fewer than two models.

    Source: Klein, Meyen, Brendel, Wichmann and Meding, "Quantifying uncertainty in error consistency", NeurIPS 2025
    (arXiv 2507.06645); Geirhos, Meding and Wichmann, "Beyond accuracy", NeurIPS 2020.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(30, 4))
        >>> triplets = np.stack([rng.permutation(30)[:3] for _ in range(400)])
        >>> models = {"a": x, "b": x + 0.5 * rng.normal(size=x.shape), "c": -x}
        >>> consistency = error_consistency(models, triplets, measure="dot")
        >>> [(pair.a, pair.b, pair.kappa > 0.5) for pair in consistency.pairs]
        [('a', 'b', True), ('a', 'c', True), ('b', 'c', True)]
        >>> consistency.pairs[1].kappa, consistency.matrix().shape
        (1.0, (3, 3))
    """
    progress = reporter(progress)
    rows = named_models({} if models is None else models)
    get_measure(measure)
    judged = Judged.of(
        rows, model_choices, triplets, "consistency", base=choice_base, nan_policy=nan_policy, unreadable=unreadable,
        missing=missing, subjects=subjects, beside=beside(rows, dimensions),
        rules=(require_one_answer_each, require_unweighted),
    )
    if len(judged.names) < 2:
        raise InputError(f"models must be at least two, with model_choices; got {len(judged.names)}")
    plan, present = as_resampling(ci), judged.present
    present.require_names(categories)
    if DIMENSIONS in rows:
        raise InputError(f"models must not be called {DIMENSIONS!r}, as the human ones are called")
    judged = replace(judged, choices=judged.choices.among(present))
    aligned, table = aligned_beside(rows, judged.triplets, dimensions)
    run = Run(
        aligned, judged.choices.read(judged.triplets, get_host_backend(backend)), table, measure, nan_policy, backend,
        plan, judged.people, correction, min_triplets, progress,
    )
    labels = dimension_labels if dimensions is None else labels_of(dimension_labels, dimensions)
    consistency = run.result(Ways(labels, assign, top, categories))
    options: dict[str, Any] = {
        "measure": consistency.measure, "nan": nan_policy, "missing": missing, "correction": correction,
        "ci": record_of(plan), "min_triplets": min_triplets, **judged.choices.options(),
        **({} if dimensions is None else {"assign": assign, "top": top}),
    }
    source = None if dimensions is None else as_embeddings(dimensions, DIMENSIONS).source
    return cast(ErrorConsistency, judged.described(
        replace(consistency, dimensions=source), [consistency.notes, present.notes_on(categories)], options,
        consistency.backend, consistency.inference.seed, triplets=judged.triplets, dimensions=dimensions,
    ))
