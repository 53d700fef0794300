"""Models against each other on the same triplets: paired differences, ranks, and whether they err together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.analysis.accuracy import NAN
from pyalign.analysis.best import best_model
from pyalign.analysis.comparison import Comparison
from pyalign.analysis.ledger import Ledger, open_ledger
from pyalign.analysis.notes import merged, notes_on_rows, notes_on_score, notes_on_similarities
from pyalign.analysis.paired import compared
from pyalign.data import AlignedModels, Provenance, align_models, require_answers, require_one_answer_each
from pyalign.data.missing import with_rows
from pyalign.errors import InputError
from pyalign.measures import Measure
from pyalign.progress import Progress, silent
from pyalign.stats.clustered import Dependence
from pyalign.stats.labels import checked_labels
from pyalign.stats.multiple import CORRECTIONS
from pyalign.stats.resampling import AUTO, Clusters, Resampling, as_resampling


def compare(
    models: Mapping[str, object],
    triplets: object,
    *,
    measure: str | Measure = "cosine",
    temperature: float = 1.0,
    ties: str = "fractional",
    nan: str = "raise",
    missing: str = "raise",
    backend: str = "auto",
    ci: str | Resampling = AUTO,
    subjects: object = None,
    correction: str = "holm",
    choose_best: bool = False,
    progress: Progress = silent,
) -> Comparison:
    """Accuracies of several models, their differences with errors of their own, and how much their errors coincide.

    Args:
        models: name -> (n, d) embeddings of the same n items; at least two. Those with names are matched by name,
            others are taken to have their rows in the same order.
        triplets: (t, 3) integers in [0, n), or names; the last column is the item that the person called odd.
        measure, temperature, ties, nan, missing, backend: see `pyalign.score`.
        ci: what intervals are over; see `pyalign.score`. By default objects and people where these are known, else
            objects.
        subjects: (t,) who answered each triplet; None: those of the triplets.
        correction: of p-values over all pairs: ``"holm"``, or ``"benjamini-hochberg"`` for the false discovery rate.
        choose_best: whether to say how well the best of them does on objects that have not chosen it.
        progress: called with a stage, how much of it is done, and of how much.

    Returns:
        A `Comparison`. In closed form a difference has the standard error of the mean of paired differences, and the
        p-value of its t; `simultaneous_ci`, `p_max_t` and the intervals of ranks hold for all pairs together. By a
        bootstrap a p-value is twice the share of resamples in which the difference is 0 or of the other sign, with 1
        added above and below the line, at most 1.

    Raises:
        InputError: as `pyalign.score`; fewer than two models, or of different items.

    Source: Geirhos, Meding and Wichmann, "Beyond accuracy: quantifying trial-by-trial behaviour of CNNs and humans by
    measuring error consistency", NeurIPS 2020; Holm 1979; Hothorn, Bretz and Westfall 2008 (max-t); for the errors see
    `pyalign.stats.clustered`.

    Example:
        >>> import pyalign
        >>> rng = np.random.default_rng(0)
        >>> good = rng.normal(size=(30, 4))
        >>> triplets = np.stack([rng.permutation(30)[:3] for _ in range(400)])
        >>> odd = pyalign.odd_one_out(good, triplets)
        >>> triplets = np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
        >>> found = compare({"good": good, "random": rng.normal(size=(30, 4))}, triplets)
        >>> found.pairs[0].p_value < 0.05, [model.rank for model in found.models]
        (True, [1.0, 2.0])
    """
    _checks.named_models(models)
    _checks.one_of(correction, tuple(CORRECTIONS), "correction")
    models = {str(name): x for name, x in models.items()}
    if len(models) < 2:
        raise InputError(f"models must be at least two; got {len(models)}")
    if ci is None:
        raise InputError("ci must say what intervals are over: differences are nothing without them; got None")
    present = with_rows(models, triplets, missing, subjects=subjects)
    aligned = align_models(models, present.triplets)
    require_answers(aligned.triplets, "compare")
    require_one_answer_each(aligned.triplets, "compare")
    people = aligned.triplets.subjects if subjects is None else present.of(subjects, "subjects")
    plan, choose_best = as_resampling(ci), _checks.flag(choose_best, "choose_best")
    _checks.one_of(nan, NAN, "nan")
    assert plan is not None
    options: dict[str, Any] = {"measure": measure, "temperature": temperature, "ties": ties, "nan": nan}
    ledger = open_ledger(
        aligned.models, aligned.index, **options, backend=backend, task=aligned.triplets.task, progress=progress
    )
    found = _compared(ledger, aligned, plan, people, correction, choose_best, progress)
    told = [notes_on_rows(x, aligned.index, name, found.task) for name, x in aligned.models.items()]
    told += [notes_on_similarities(x, aligned.index, measure, name) for name, x in aligned.models.items()]
    told += [notes_on_score(m.accuracy, found.n_triplets, m.cross_entropy, m.model, found.task) for m in found.models]
    given = {**options, "missing": missing, "measure": str(measure), "ci": asdict(plan), "correction": correction}
    inputs = [*models.items(), ("triplets", aligned.triplets)]
    return replace(
        found,
        triplets=aligned.triplets.source,
        coverage=present.coverage,
        notes=merged(aligned.notes, *told, found.notes),
        provenance=Provenance.now(inputs, given, ledger.scores[0].backend, plan.seed),
    )


def _compared(
    ledger: Ledger, aligned: AlignedModels, plan: Resampling, people: object, correction: str, choose_best: bool,
    progress: Progress,
) -> Comparison:  # fmt: skip
    index = _checks.as_array(aligned.index, "triplets", "(t, 3)")
    if ledger.kept is not None:
        people = None if people is None else checked_labels(people, len(index))[ledger.kept]
        index = index[ledger.kept]
    plan = plan.over(people)
    clusters = Clusters.of(index, people if "subjects" in plan.by else None, ledger.scores[0].backend)
    dependence = Dependence.of(clusters, plan)
    progress("intervals", 0, None)
    found = compared(ledger, clusters, dependence, plan, correction, progress)
    if choose_best:
        best = best_model(ledger, np.asarray(clusters.objects), clusters.n, dependence, plan)
        found = replace(found, best=best)
    return found
