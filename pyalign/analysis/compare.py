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
from pyalign.data.similarities import Similarities, with_similarities
from pyalign.data.subjects import checked_labels
from pyalign.errors import InputError, nearest
from pyalign.measures import PRECOMPUTED, Measure, get_measure
from pyalign.progress import Progress, silent
from pyalign.stats.clustered import Dependence
from pyalign.stats.multiple import CORRECTIONS
from pyalign.stats.resampling import AUTO, Clusters, Resampling, as_resampling


def compare(
    models: Mapping[str, object],
    triplets: object,
    *,
    measure: str | Measure | Mapping[str, str | Measure] | None = None,
    temperature: float = 1.0,
    ties: str = "fractional",
    nan: str = "raise",
    missing: str = "raise",
    backend: str = "auto",
    ci: str | Resampling | None = AUTO,
    subjects: object = None,
    correction: str = "holm",
    choose_best: bool = False,
    progress: Progress = silent,
) -> Comparison:
    """Accuracies of several models, their differences with errors of their own, and how much their errors coincide.

    Args:
        models: name -> (n, d) embeddings of the same n items, or `pyalign.Judgments`, a ready matrix of them; at least
            two. Those with names are matched by name, others are taken to have their rows in the same order.
        triplets: (t, 3) integers in [0, n), or names; the last column is the item that the person called odd.
        measure: of all embeddings, see `pyalign.similarity`; or a mapping from the names of all that are embeddings.
            None: cosine.
        temperature, ties, nan, missing, backend: see `pyalign.score`.
        ci: what intervals are over; see `pyalign.score`. By default objects and people where these are known, else
            objects. None or ``"none"``: there are no intervals and no p-values.
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
        InputError: as `pyalign.score`; fewer than two models, or of different items; measures of other models.

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
    models = with_similarities(_checks.named_models(models))
    _checks.one_of(correction, tuple(CORRECTIONS), "correction")
    if len(models) < 2:
        raise InputError(
            f"compare needs at least two models; got {len(models)}{''.join(f': {one!r}' for one in models)}"
        )
    plan, choose_best = as_resampling(ci), _checks.flag(choose_best, "choose_best")
    if plan is None and choose_best:
        raise InputError("choose_best needs intervals; got ci=None")
    measures = measures_by_model(measure, models)
    present = with_rows(models, triplets, missing, subjects=subjects)
    aligned = align_models(models, present.triplets)
    require_answers(aligned.triplets, "compare")
    require_one_answer_each(aligned.triplets, "compare")
    people = aligned.triplets.subjects if subjects is None else present.of(subjects, "subjects")
    _checks.one_of(nan, NAN, "nan")
    options: dict[str, Any] = {"temperature": temperature, "ties": ties, "nan": nan}
    ledger = open_ledger(
        aligned.models, aligned.index, measure=measures, **options, backend=backend, task=aligned.triplets.task,
        progress=progress, names=aligned.names,
    )  # fmt: skip
    found = _compared(ledger, aligned, plan, people, correction, choose_best, progress)
    told = [
        notes_on_rows(x, aligned.index, name, found.task, features=name not in aligned.kinds)
        for name, x in aligned.models.items()
    ]
    told += [notes_on_similarities(x, aligned.index, measures[name], name) for name, x in aligned.models.items()]
    told += [
        notes_on_score(
            m.accuracy, found.n_triplets, m.cross_entropy, m.model, found.task, kind=aligned.kinds.get(m.model)
        )
        for m in found.models
    ]
    of_models = {name: str(one) for name, one in measures.items()} if found.measure is None else found.measure
    given = {"measure": of_models, **options, "missing": missing, "ci": None if plan is None else asdict(plan),
             "correction": correction}  # fmt: skip
    inputs = [*models.items(), ("triplets", aligned.triplets)]
    return replace(
        found,
        triplets=aligned.triplets.source,
        coverage=present.coverage,
        notes=merged(aligned.notes, *told, found.notes),
        provenance=Provenance.now(inputs, given, ledger.scores[0].backend, found.seed),
    )


def measures_by_model(
    measure: str | Measure | Mapping[str, str | Measure] | None, models: Mapping[str, object]
) -> dict[str, str | Measure]:
    """The measure of each model, in their order; of `Similarities` the one that stands for a ready matrix.

    Raises:
        InputError: an unknown measure, one for a model that is none of these or that is a matrix, or a model without;
            several without names; one where all models are matrices.

    Example:
        >>> measures_by_model({"a": "dot", "b": "cosine"}, {"a": np.eye(3), "b": np.eye(3)})
        {'a': 'dot', 'b': 'cosine'}
    """
    matrices = {name: x.kind for name, x in models.items() if isinstance(x, Similarities)}
    rows = [name for name in models if name not in matrices]
    if isinstance(measure, list | tuple):
        raise InputError(f"measure must be one for all embeddings, or a mapping from their names; got {measure!r}")
    if isinstance(measure, str | Measure) and not rows:
        raise InputError(f"measure is of embeddings; a matrix has its values already; got {str(measure)!r}")
    asked: dict[str, str | Measure] = dict.fromkeys(rows, "cosine")
    if measure is not None:
        asked = _checks.by_name(measure, "measure") if isinstance(measure, Mapping) else dict.fromkeys(rows, measure)
    for name, one in asked.items():
        if name not in rows:
            why = "is a matrix, which has its values already" if name in matrices else "is none of the models"
            raise InputError(f"measure names {name!r}, which {why}{nearest(name, rows)}")
        get_measure(one)
    missing = [name for name in rows if name not in asked]
    if missing:
        raise InputError(f"measure must be given for each model; got none for {missing[0]!r}")
    return {name: PRECOMPUTED[matrices[name]] if name in matrices else asked[name] for name in models}


def _compared(
    ledger: Ledger, aligned: AlignedModels, plan: Resampling | None, people: object, correction: str, choose_best: bool,
    progress: Progress,
) -> Comparison:  # fmt: skip
    index = _checks.as_array(aligned.index, "triplets", "(t, 3)")
    if ledger.kept is not None:
        people = None if people is None else checked_labels(people, len(index))[ledger.kept]
        index = index[ledger.kept]
    plan = None if plan is None else plan.over(people)
    counted = people if plan is not None and "subjects" in plan.by else None
    clusters = Clusters.of(index, counted, ledger.scores[0].backend)
    progress("intervals", 0, None)
    found = compared(ledger, clusters, plan, correction, progress)
    if choose_best and plan is not None:
        best = best_model(ledger, np.asarray(clusters.objects), clusters.n, Dependence.of(clusters, plan), plan)
        found = replace(found, best=best)
    return found
