"""Models against each other on the same triplets: paired differences and ranks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, cast

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter, silent
from pyalign.analysis.accuracy import ChoiceModel
from pyalign.analysis.comparison.comparison_result import (
    Comparison, Matrix, ModelLayer, ModelResult, PairResult, best_layers, best_model, layers_of,
)
from pyalign.analysis.comparison.paired_outcomes import (
    ACCURACY, NATS, ClosedForm, Intervals, NoIntervals, OutcomeTable, Resampled, open_outcome_table,
)
from pyalign.analysis.model_choices import Judged, notes_on_choices
from pyalign.analysis.notes import notes_on_models, notes_on_score
from pyalign.analysis.outcomes import CREDIT_UNIT, clusters_of
from pyalign.data import AlignedModels, align_models, require_one_answer_each
from pyalign.data.similarities import Similarities, named_models, with_similarities
from pyalign.errors import InputError, nearest
from pyalign.measures import PRECOMPUTED, get_measure
from pyalign.stats.clustered import Dependence, Errors
from pyalign.stats.degrees import are_enough, effective_numbers, low_values, notes_on_few, without_interval
from pyalign.stats.multiple import corrected, ranks_of
from pyalign.stats.resampling import AUTO, Clusters, Inference, IntervalsOver, Resampling, as_resampling, record_of
from pyalign.typing import (
    BackendName, Correction, Fraction, MeasureLike, Models, NamedChoices, Policy, SubjectsLike, Ties, TripletsLike,
    WeightsLike,
)


@dataclass(frozen=True)
class PairTests:
    """The differences of models that are tested, and how."""

    correction: Correction  # of p-values over all of them.
    baseline: str | None = None  # the model that all others are compared with; None: every two are.
    margin: float | None = None  # within which models are held to be equivalent; None: that is not tested.

    def options(self) -> dict[str, str | float]:
        """The baseline and the margin, where there are any."""
        both = {"baseline": self.baseline, "margin": self.margin}
        return {name: value for name, value in both.items() if value is not None}

    def place(self, names: Sequence[str]) -> int | None:
        """The number of the baseline among these."""
        return None if self.baseline is None else names.index(self.baseline)

    def pairs(self, names: Sequence[str]) -> list[tuple[int, int]]:
        """The numbers of the models of each difference, the second taken off the first.

        Example:
            >>> PairTests("holm").pairs("abc"), PairTests("holm", "b").pairs("abc")
            ([(0, 1), (0, 2), (1, 2)], [(0, 1), (2, 1)])
        """
        place = self.place(names)
        if place is None:
            return list(combinations(range(len(names)), 2))
        return [(a, place) for a in range(len(names)) if a != place]


@_checks.checked
def compare(
    models: Models | None, triplets: TripletsLike, *, model_choices: NamedChoices | None = None,
    choice_base: int | None = None, measure: MeasureLike | Mapping[str, MeasureLike] | None = None,
    temperature: float = 1.0, ties: Ties = "fractional", nan_policy: Policy = "raise", unreadable: Policy = "raise",
    missing: Policy = "raise", backend: BackendName = "auto", ci: IntervalsOver = AUTO,
    subjects: SubjectsLike | None = None, baseline: str | None = None, difference: Fraction | None = None,
    correction: Correction = "holm", choose_best: bool = False, weights: WeightsLike | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare the accuracies of several models: paired differences with standard errors, p-values, and ranks.

    Args:
        models: name -> (n, d) embeddings of the same n items, or `pyalign.RDMs`, a ready matrix of them; or None.
            Those with names are matched by name, others are taken to have their rows in the same order.
        triplets: (t, 3) integers in [0, n), or names; the last column is the item that was chosen as odd.
        model_choices: name -> recorded choices of a language model or a participant, as
            `pyalign.score_choices` takes them; in addition to the models or instead of them. Together there must be
            at least two, and all are compared on the triplets that every one of them answers.
        choice_base, unreadable: see `pyalign.score_choices`.
        measure: the measure of all embeddings, see `pyalign.similarity`; or a mapping from the names of all embeddings
            to measures. None: cosine.
        temperature, ties, nan_policy, missing, backend: see `pyalign.score`. For choices, `ties` says how much an
            answer that names no item counts, and ``nan_policy="omit"`` leaves out triplets without an answer.
        ci: what intervals are over; see `pyalign.score`. By default objects and participants if at least four of
            these are known, else objects. None: there are no intervals and no p-values.
        subjects: (t,) who answered each triplet; None: those of the triplets.
        baseline: the name of a model that each of the others is compared with, in place of every two of them.
        difference: the smallest difference of accuracies that would matter, a fraction: tests whether models differ
            by less, the margin of equivalence. None: no such tests.
        correction: how p-values are corrected over all pairs: ``"holm"``, or ``"benjamini-hochberg"`` for the false
            discovery rate.
        choose_best: whether to report how accurate the best model is on objects that were not used to choose it, and
            the best layer of each model of which there are several, named MODEL::LAYER.
        weights: see `pyalign.score`.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        A `Comparison`. In closed form a difference has the standard error of the mean of paired differences, and the
        p-value of its t; of three models or more, variances are drawn toward what all differences say.
        `simultaneous_ci`, `p_max_t` and the intervals of ranks hold for all pairs together, p-values step by step: one
        can be below 5% where 0 is in the interval. By a bootstrap a p-value is twice the share of resamples in which
        the difference is 0 or of the other sign, with 1 added above and below the line, at most 1. The p-value of
        equivalence is the larger one of two one-sided tests. Choices without probabilities have no cross-entropy.

    Raises:
        InputError: as `pyalign.score`; fewer than two models, or of different items; measures of other models; a
            baseline that is none of the models; a difference that is no fraction, or without intervals.

    Source: Smyth 2004 (variances); Holm 1979, Shaffer 1986; Hothorn, Bretz and Westfall 2008, Romano and Wolf 2005
    (max-t); Dunnett 1955 (with a baseline); Schuirmann, "A comparison of the two one-sided tests procedure and the
    power approach", 1987; for the errors see `pyalign.stats.clustered`. `pyalign.error_consistency` says whether models
    err on the same triplets.

    Example:
        >>> import pyalign
        >>> rng = np.random.default_rng(0)
        >>> good = rng.normal(size=(30, 4))
        >>> triplets = np.stack([rng.permutation(30)[:3] for _ in range(400)])
        >>> odd = pyalign.odd_one_out(good, triplets)
        >>> triplets = np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
        >>> result = compare({"good": good, "random": rng.normal(size=(30, 4))}, triplets)
        >>> result.pairs[0].p_value < 0.05, [model.rank for model in result.models]
        (True, [1.0, 2.0])
    """
    progress = reporter(progress)
    named = with_similarities(named_models({} if models is None else models))
    judged = Judged.of(
        named, model_choices, triplets, "compare", base=choice_base, nan_policy=nan_policy, unreadable=unreadable,
        missing=missing, ties=ties, subjects=subjects, weights=weights, rules=(require_one_answer_each,),
    )
    every = judged.names
    if len(every) < 2:
        raise InputError(f"compare needs at least two models; got {len(every)}{''.join(map(': {!r}'.format, every))}")
    tests = PairTests(correction, None if baseline is None else _checks.one_of(baseline, every, "baseline"), difference)
    plan = as_resampling(ci)
    for name, asked in (("choose_best", choose_best), ("difference", tests.margin is not None)):
        if plan is None and asked:
            raise InputError(f"{name} needs intervals; got ci=None")
    measures, aligned = measures_by_model(measure, named), align_models(named, judged.triplets)
    chosen = judged.read(backend)
    outcomes = open_outcome_table(
        aligned, ChoiceModel(temperature=temperature, ties=ties, nan_policy=nan_policy), backend, measures=measures,
        progress=progress, choices=chosen,
    )
    layers = layers_of(named)
    comparison = _compared(outcomes, aligned, plan, judged.people, tests, layers if choose_best else None, progress)
    comparison = replace(comparison, models=tuple(replace(m, layer=layers.get(m.model)) for m in comparison.models))
    options = {
        "measure": comparison.measure or {name: str(of_model) for name, of_model in measures.items()},
        "temperature": temperature, "ties": ties, "nan": nan_policy, "missing": missing, "ci": record_of(plan),
        "correction": correction, **tests.options(), **judged.choices.options(),
    }
    of_choices = notes_on_choices(chosen, comparison.task)
    further = notes_on_models(aligned, measures), *_notes_on_scores(comparison, named), of_choices
    return cast(Comparison, judged.described(
        comparison, [aligned.notes, *further, comparison.notes], options, outcomes.scores[0].backend,
        comparison.inference.seed,
        triplets=aligned.triplets, weights=aligned.triplets.weights,
    ))


def _notes_on_scores(comparison: Comparison, named: Mapping[str, Any]) -> Iterator[Iterable[str]]:
    n = comparison.effective_answers or comparison.n_triplets
    for m in comparison.models:
        by_choices, kind = m.model_choices is None, getattr(named.get(m.model), "kind", None)
        yield notes_on_score(m.accuracy, n, m.cross_entropy or 0.0, m.model, comparison.task, by_choices, kind)


def measures_by_model(
    measure: MeasureLike | Mapping[str, MeasureLike] | None, models: Mapping[str, object]
) -> dict[str, MeasureLike]:
    """The measure of each model, in their order; of `Similarities` the one that stands for a ready matrix.

    Example:
        >>> measures_by_model({"a": "dot", "b": "cosine"}, {"a": np.eye(3), "b": np.eye(3)})
        {'a': 'dot', 'b': 'cosine'}
    """
    matrices = {name: x.kind for name, x in models.items() if isinstance(x, Similarities)}
    rows = [name for name in models if name not in matrices]
    if isinstance(measure, list | tuple):
        raise InputError(f"measure must be one for all embeddings, or a mapping from their names; got {measure!r}")
    if measure is not None and not isinstance(measure, Mapping) and not rows:
        others = "a matrix has its values already" if matrices else "there are none"
        raise InputError(f"measure is of embeddings; {others}; got {str(measure)!r}")
    by_name: dict[str, MeasureLike] = dict.fromkeys(rows, "cosine")
    if measure is not None:
        by_name = (
            _checks.by_name(measure, "measure") if isinstance(measure, Mapping) else {name: measure for name in rows}
        )
    for name, of_model in by_name.items():
        if name not in rows:
            why = "is a matrix, which has its values already" if name in matrices else "is none of the models"
            raise InputError(f"measure names {name!r}, which {why}{nearest(name, rows)}")
        get_measure(of_model)
    missing = [name for name in rows if name not in by_name]
    if missing:
        raise InputError(f"measure must be given for each model; got none for {missing[0]!r}")
    return {name: PRECOMPUTED[matrices[name]] if name in matrices else by_name[name] for name in models}


def _compared(
    outcomes: OutcomeTable, aligned: AlignedModels, plan: Resampling | None, people: object, tests: PairTests,
    layers: Mapping[str, ModelLayer] | None, progress: Progress,
) -> Comparison:
    """layers: those among which the best is chosen, which may be none; None: nothing is chosen."""
    clusters, plan = clusters_of(outcomes, aligned, people, plan)
    progress("intervals", 0, None)
    comparison = compared(outcomes, clusters, plan, tests, progress)
    if layers is None or plan is None:
        return comparison
    of_all = outcomes, np.asarray(clusters.objects), clusters.n, Dependence.of(clusters, plan), plan
    return replace(comparison, best=best_model(*of_all), best_layers=best_layers(layers, *of_all) if layers else None)


def compared(
    outcomes: OutcomeTable, clusters: Clusters, plan: Resampling | None, tests: PairTests, progress: Progress = silent
) -> Comparison:
    """The comparison of the models of an outcome table, whose triplets hang together as `clusters` says."""
    if plan is None:
        return _comparison(outcomes, NoIntervals(), clusters, tests)
    dependence, numbers = Dependence.of(clusters, plan), effective_numbers(clusters, plan.by)
    closed, to_scale = plan.closed, plan.method == "bootstrap" and plan.by == "objects"
    errors = _errors(outcomes, dependence) if closed or to_scale else None
    covariances: tuple[Matrix | None, Matrix | None] = None, None
    paired: Intervals
    notes: tuple[str, ...] = ()
    if closed and errors is not None:
        paired = ClosedForm(outcomes.estimates, errors, plan, tests.place(outcomes.names))
        if errors[0].known:
            complete = not np.isnan(outcomes.estimates[NATS]).any()
            covariances = _as_matrix(errors[0].covariance), _as_matrix(errors[1].covariance) if complete else None
        else:
            notes = (without_interval(plan.by, numbers),)
    elif not are_enough(numbers):
        paired, notes = NoIntervals(), (without_interval(plan.by, numbers),)
    else:
        paired = Resampled.of(outcomes, clusters, plan, errors, progress)
        notes = _too_few(len(tests.pairs(outcomes.names)), plan)
    return replace(
        _comparison(outcomes, paired, clusters, tests),
        inference=Inference.of(plan, **low_values(numbers)),
        n_subjects=clusters.people if "subjects" in plan.by else None,
        covariance=covariances[0],
        cross_entropy_covariance=covariances[1],
        notes=(*notes, *notes_on_few(numbers)),
    )


def _comparison(outcomes: OutcomeTable, paired: Intervals, clusters: Clusters, tests: PairTests) -> Comparison:
    score = outcomes.scores[0]
    measures = {of_model.measure for of_model in outcomes.scores if of_model.measure is not None}
    return Comparison(
        models=tuple(_models(outcomes, paired)),
        pairs=tuple(_adjusted(list(_pairs(outcomes, paired, tests)), tests, len(outcomes.names))),
        n_triplets=len(outcomes.credits),
        n_dropped=0 if outcomes.kept is None else int((~outcomes.kept).sum()),
        inference=Inference.of(None),
        measure=measures.pop() if len(measures) == 1 else None,
        temperature=score.temperature,
        ties=score.ties,
        correction=tests.correction,
        baseline=tests.baseline,
        margin=tests.margin,
        n_objects=clusters.n,
        n_subjects=None,
        task=score.task,
        effective_answers=score.effective_answers,
    )


def _too_few(pairs: int, plan: Resampling) -> tuple[str, ...]:
    """A note where resamples can't give a p-value that is small enough for so many pairs."""
    least = 2.0 * pairs / (plan.drawn + 1)
    if least <= 1.0 - plan.confidence_level:
        return ()
    enough = math.ceil(2 * pairs / (1 - plan.confidence_level))
    return (
        f"{plan.drawn:,} resamples are too few for {pairs:,} pairs: no p-value, corrected for all of them, can be "
        f"below {min(1.0, least):.3g}; take {enough:,}, or ci_method corrected, which has no such limit",
    )


def _errors(outcomes: OutcomeTable, dependence: Dependence) -> tuple[Errors, Errors]:
    """The errors of accuracies, as fractions, and those of cross-entropies, in nats."""
    units = np.full(len(outcomes.names), 1.0 / CREDIT_UNIT), outcomes.steps
    errors = (dependence.errors(table).in_units(unit) for table, unit in zip(outcomes.tables(), units, strict=True))
    return next(errors), next(errors)


def _models(outcomes: OutcomeTable, paired: Intervals) -> Iterator[ModelResult]:
    accuracies = outcomes.estimates[ACCURACY]
    ranks = ranks_of(accuracies[None])[0]
    for k, (name, score) in enumerate(zip(outcomes.names, outcomes.scores, strict=True)):
        yield ModelResult(
            model=name,
            accuracy=float(accuracies[k]),
            ci=paired.own(k, ACCURACY),
            cross_entropy=score.cross_entropy,
            cross_entropy_ci=paired.own(k, NATS),
            n_ties=score.n_ties,
            rank=float(ranks[k]),
            rank_ci=paired.rank(k),
            measure=score.measure,
            model_choices=score.model_choices,
        )


def _pairs(outcomes: OutcomeTable, paired: Intervals, tests: PairTests) -> Iterator[PairResult]:
    estimates = outcomes.estimates
    weighted = outcomes.weights is not None  # components are of answers that count the same
    for a, b in tests.pairs(outcomes.names):
        simultaneous, p_max_t = paired.simultaneous(a, b)
        nats = float(estimates[NATS, a] - estimates[NATS, b])
        yield PairResult(
            a=outcomes.names[a],
            b=outcomes.names[b],
            difference=float(estimates[ACCURACY, a] - estimates[ACCURACY, b]),
            ci=paired.difference(a, b, ACCURACY),
            p_value=paired.p_value(a, b),
            p_adjusted=None,
            cross_entropy_difference=None if math.isnan(nats) else nats,
            cross_entropy_ci=paired.difference(a, b, NATS),
            simultaneous_ci=simultaneous,
            p_max_t=p_max_t,
            p_equivalence=None if tests.margin is None else paired.equivalence(a, b, tests.margin),
            components=None if weighted else paired.components(a, b, ACCURACY),
            cross_entropy_components=None if weighted else paired.components(a, b, NATS),
        )


def _adjusted(pairs: Sequence[PairResult], tests: PairTests, models: int) -> list[PairResult]:
    means = models if tests.baseline is None else None
    of_none = corrected([pair.p_value for pair in pairs], tests.correction, means)
    of_margin = corrected([pair.p_equivalence for pair in pairs], tests.correction)
    return [
        replace(pair, p_adjusted=p, p_equivalence_adjusted=q)
        for pair, p, q in zip(pairs, of_none, of_margin, strict=True)
    ]


def _as_matrix(a: np.ndarray) -> Matrix:
    return tuple(map(tuple, a.tolist()))
