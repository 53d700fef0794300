"""Odd-one-out accuracy with what is needed to trust it: intervals, groups of triplets, a ceiling, chance."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache, partial
from typing import Any, Literal, cast

from numpy.typing import ArrayLike

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter
from pyalign.analysis.accuracy import ChoiceModel, Score, Scores, score_ready, summarize
from pyalign.analysis.ceiling.leave_one_out import NamedCeiling
from pyalign.analysis.each_model import measures_of
from pyalign.analysis.model_choices import Judged
from pyalign.analysis.notes import glance_at_rows, merged, notes_on_rows, notes_on_score
from pyalign.analysis.outcomes import Outcomes, outcomes_of, weighted
from pyalign.analysis.permutation import permutation_test
from pyalign.analysis.score_choices import Asked, score_choices, scores_of_choices
from pyalign.data import Aligned, Categories, Embeddings, Overlap, Provenance, Transform, Triplets
from pyalign.data.align import in_turn, named_rows
from pyalign.data.missing import WithRows
from pyalign.data.similarities import Similarities, as_models, named_models, similarities_of
from pyalign.errors import InputError
from pyalign.measures import PRECOMPUTED, get_measure
from pyalign.ops._prepare import Deferred
from pyalign.ops.similarity import notes_on_similarities
from pyalign.ops.triplets import ReadyInputs, ready_inputs
from pyalign.stats.resampling import AUTO, IntervalsOver, as_resampling, record_of
from pyalign.typing import (
    AnswersLike, BackendName, EmbeddingsLike, JudgmentsLike, Kept, MatrixKind, MeasureLike, MeasureName, Models,
    NamedChoices, Policy, SubjectsLike, Ties, TripletsLike, Weighting, WeightsLike,
)

KEPT = ("choices", "probabilities")
CEILING_OF_ALL = (
    "the noise ceiling is taken as it was given: it may be of all triplets, while the score is of those that remain"
)


@dataclass(eq=False)
class _Asked(Asked):
    """What one call asks, checked."""

    measures: tuple[MeasureLike | None, ...]
    temperature: float | None
    missing: Policy
    n_permutations: int | None
    seed: int  # of the permutations.
    transform: Transform | None
    keep: tuple[str, ...]

    def provenance(self, x: Mapping[str, object], backend: str) -> Provenance:
        """Where a score of x, by its name, comes from."""
        measures = [None if measure is None else str(measure) for measure in self.measures]
        options = {"measure": measures, "ties": self.ties, "nan": self.nan_policy, "missing": self.missing,
                   "weighting": self.each.weighting, "temperature": self.temperature, "ci": record_of(self.plan)}
        return self.recorded(x, options, backend, None if self.n_permutations is None else self.seed)


@_checks.checked
def score(
    models: EmbeddingsLike | Models | None = None, triplets: TripletsLike | None = None, *,
    matrix: JudgmentsLike | Mapping[str, JudgmentsLike] | None = None, kind: MatrixKind | None = None,
    measure: MeasureLike | Sequence[MeasureLike] | None = None, temperature: float | None = None,
    ties: Ties = "fractional", nan_policy: Policy = "raise", missing: Policy = "raise", backend: BackendName = "auto",
    ci: IntervalsOver = AUTO, subjects: SubjectsLike | None = None,
    groups: ArrayLike | Categories | Literal["subjects"] | None = None, ceiling: NamedCeiling | None = None,
    n_permutations: int | None = None, seed: int = 0, transform: Transform | None = None,
    keep: Kept | Sequence[Kept] = (), model_choices: NamedChoices | None = None, choice_base: int | None = None,
    unreadable: Policy = "raise", weights: WeightsLike | None = None, answers: AnswersLike | None = None,
    weighting: Weighting = "answers", progress: Progress | None = None,
) -> Scores:
    """Score embeddings, or a similarity or dissimilarity matrix, by their odd-one-out accuracy on human triplets.

    Args:
        models: (n, d) real numbers, one row per item: an array, a tensor, a DataFrame whose index is the names,
            `Embeddings`. Or a mapping from names to such, or to `RDMs`. Arrays are taken for embeddings, also
            where a note asks whether they are a matrix of similarities, or triplets (whole numbers in three or four
            columns, which `load_embeddings` refuses).
        triplets: (t, 3) integers in [0, n), or names of items; the last column is the item that was chosen as odd.
            Names, participants and answers of `Triplets` are used. If both sides have names, rows are matched by name.
        matrix: instead of models, a symmetric matrix (n, n) whose rows and columns are the items, or its condensed
            form, the (m,) pairs above the diagonal, as from `scipy.spatial.distance.pdist`; a DataFrame, or
            `RDMs`. Its diagonal is ignored; NaN is a pair without a value. Or a mapping from names to these.
        kind: what larger numbers of the matrix mean: ``"similarity"``, or ``"dissimilarity"``, whose values are
            negated.
        measure: the similarity measure of embeddings, one or several; see `pyalign.similarity`. None: the one that the
            transform was fitted with, otherwise cosine.
        temperature: divides the similarities before the softmax, and only affects cross-entropy and entropy. It has the
            units of the similarities; for a matrix, those of its values. None: that of the transform's fit, otherwise
            1.
        ties: how much a tie for the most similar pair counts. ``"fractional"``: 1/m if the human's pair is among the m
            tied ones, the only rule whose expectation is right for a random model; ``"wrong"``: nothing;
            ``"human_alignment"``: 1 for a two-way tie, nothing for a three-way one, as in the published code. Anchored
            triplets only have two-way ties.
        nan_policy: ``"raise"``, or ``"omit"`` to leave out triplets with a row that has NaN or infinity, or with a pair
            for which a matrix has NaN.
        missing: ``"raise"``, or ``"omit"`` to leave out triplets with an item whose name has no row. With several
            embeddings the item must have a row in each of them, so that all are scored on the same triplets.
        backend: see `pyalign.similarity`.
        ci: what intervals and standard errors are over. ``"objects"``: other objects like these; ``"subjects"``: other
            participants; ``"objects+subjects"``: both; ``"triplets"``: other triplets of these objects; ``"auto"``:
            objects and participants if at least four of these (an effective number) are known, otherwise objects. Or
            a `pyalign.Resampling` with its options. Intervals are in closed form, with quantiles of Student's t, unless
            it requests a bootstrap. None: no intervals, which is faster; ``"auto"`` gives none for triplets without
            answers.
        subjects: (t,) who answered each triplet, any labels; for intervals over subjects.
        groups: (t,) labels of the triplets, the word ``"subjects"`` for a group of each participant, or a
            `pyalign.Categories` of the objects; each group is also scored separately.
        ceiling: a noise ceiling, a fraction above chance, for `fraction_of_ceiling`: a number, a pair of name and
            number, or the result of `pyalign.noise_ceiling`, whose estimate is used, or a pair of "upper", "lower" or
            "estimate" and such a result. The interval of the fraction counts the error of the latter; a number is
            treated as known.
        n_permutations: the number of random matchings of rows and items for the chance level; see
            `pyalign.permutation_test`. Rows and columns of a matrix are permuted together.
        seed: the seed of the permutations.
        transform: a map to apply to the rows first. The result says whether these triplets were used in its fit.
        keep: "choices" or "probabilities", the arrays to keep in the result, with an element for each input triplet;
            triplets that are left out have choice -2 and probability NaN.
        model_choices: name -> recorded choices of language models or participants, as `pyalign.score_choices` takes
            them; in addition to models, which then need names, or instead of them. They are scored last, on the
            same triplets.
        choice_base, unreadable: how `model_choices` are read; see `pyalign.score_choices`.
        weights: (t,) how much each answer counts, positive: 1 / the probability that its triplet was presented, where
            not all had the same. Accuracies, cross-entropies and entropies are then weighted means, with the errors of
            these; numbers of triplets and ties are not weighted. None: the weights of the triplets.
        answers: (t, 3) counts of how often each position in the file was chosen as odd, (t, 2) of an anchor's options:
            the accuracy is then the share of answers that the model predicts. None: those of the triplets.
        weighting: ``"answers"``: each answer counts the same; ``"triplets"``: each distinct triplet does, and the
            accuracy is the mean share of people who agree with the model. A ceiling must have the same weighting.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        `Scores`: a `Score` for each of the embeddings and measures, and for each of the choices. If there is only one,
        `Scores` has its attributes too, such as `accuracy`.

    Raises:
        InputError: as `pyalign.odd_one_out`; for an unknown rule; for resamples that leave no triplet; for a matrix
            without a kind, or one that is not symmetric.

    Source: Muttenthaler et al., "Human alignment of neural network representations", ICLR 2023, section 3; for the
    intervals see `pyalign.stats.clustered`, and Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 2007.

    Example:
        >>> import numpy as np
        >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> triplets = [[0, 1, 2], [2, 3, 0], [0, 2, 3]]
        >>> round(score(x, triplets).accuracy, 3)
        0.667
        >>> round(score(matrix=1 - x @ x.T, kind="dissimilarity", triplets=triplets).accuracy, 3)
        0.667
    """
    progress, kept = reporter(progress), _checked(keep, transform)
    if triplets is None:
        raise InputError("triplets must be given; got None")
    measures = (None,) if measure is None else measures_of(measure)
    if models is None and matrix is None and model_choices is not None:
        _refuse_without_embeddings(measure=measure, temperature=temperature, transform=transform, kind=kind,
                                   n_permutations=n_permutations, keep=kept or None)
        return score_choices(
            named_models(model_choices, "model_choices", "choices"), triplets, choice_base=choice_base,
            ties=cast("Any", ties), nan_policy=nan_policy, unreadable=unreadable, ci=ci, subjects=subjects,
            groups=groups, ceiling=ceiling, backend=backend, weights=weights, answers=answers,
            weighting=weighting, progress=progress,
        )
    called = "embeddings" if matrix is None else "matrix"
    given = _models(models, matrix, kind, measure, transform)
    if model_choices is not None and not isinstance(given, Mapping):
        argument = "models" if matrix is None else "matrix"
        raise InputError(f"{argument} must map names to {called} where model_choices are given too")
    judged = Judged.of(
        given, model_choices, triplets, None, base=None if model_choices is None else choice_base,
        nan_policy=nan_policy, unreadable=unreadable, missing=missing, ties=ties, answers=answers, subjects=subjects,
        weights=weights,
    )
    each, plan = judged.each(weighting, groups), None if ci is None else as_resampling(ci)
    plan = plan if plan is None or plan.by != AUTO or each.given.answered else None
    asked = _Asked(each, ties, nan_policy, backend, plan, ceiling, progress, measures, temperature, missing,
                   n_permutations, seed, transform, kept)
    # of choices in another order of objects, so with clusters of their own
    scores = [*_scores(asked, given, called), *scores_of_choices(judged.choices.among(judged.present), replace(asked))]
    assumed = judged.present.notes_on(groups) if isinstance(groups, Categories) else ()
    results = tuple(_covered(result, judged.present, assumed) for result in scores)
    inputs = {**(given if isinstance(given, Mapping) else {called: given}), **judged.choices.choices}
    return Scores(results, each.given.source, notes=merged(*(result.notes for result in results)),
                  coverage=judged.present.coverage, provenance=asked.provenance(inputs, results[0].backend))


def _scores(asked: _Asked, models: Any, called: str) -> Iterator[Score]:
    """The score of each of the models, by each measure: what it decides, with intervals, its bounds, and notes."""
    ready_of = lru_cache(maxsize=1)(partial(_Model.of, asked))
    for aligned, name, measure in in_turn(models, asked.each.triplets, asked.measures, asked.progress, called):
        with _checks.may_omit_rows(aligned.names, name, aligned.triplets.source):
            model = ready_of(aligned, name)
            how = model.how(measure)
            result, outcomes = _decided(model, how)
            result = asked.with_intervals(outcomes, aligned) if outcomes is not None and asked.inferring else result
            result = _noted(_bounded(result, outcomes, model, how), model, how)
        yield result


def _checked(keep: object, transform: object) -> tuple[str, ...]:
    """The names of arrays to keep; raises for another, and for what is no map."""
    kept = (keep,) if isinstance(keep, str) else keep
    kept = kept if isinstance(kept, tuple) else _checks.sequence(kept, "keep", "names")
    for name in kept:
        _checks.one_of(name, KEPT, "keep")
    if transform is not None and not isinstance(transform, Transform):
        what = f"got {type(transform).__name__} (of a file: load_transform(path))"
        raise InputError(f"transform must be a pyalign.Transform; {what}")
    return kept


def _refuse_without_embeddings(**options: object) -> None:
    for name, value in ((name, value) for name, value in options.items() if value is not None):
        raise InputError(f"{name} applies only to embeddings, which model_choices do not need; got {value!r:.60}")


def _covered(score: Score, present: WithRows, assumed: tuple[str, ...]) -> Score:
    """A score of the triplets that remain, with its arrays in the places that these have among all."""
    of_ceiling = [CEILING_OF_ALL] if present.kept is not None and score.ceiling is not None else []
    return replace(
        score, coverage=present.coverage, notes=merged(score.notes, assumed, of_ceiling),
        choices=present.among_all(score.choices), probabilities=present.among_all(score.probabilities),
    )


def _models(
    x: Any, matrix: Any, kind: str | None, measure: Any, transform: Transform | None
) -> Embeddings | dict[str, Embeddings]:
    """What is to be scored, one or several by their names, a matrix as `Similarities`; measure and map suit it."""
    if matrix is not None and x is not None:
        raise InputError("matrix replaces models; got both (a mapping of names may hold pyalign.RDMs too)")
    if matrix is None and kind is not None:
        raise InputError("kind says what matrix holds; got no matrix")
    if matrix is None and x is None:
        raise InputError("models, matrix or model_choices must be given; got none")
    models = as_models(x) if matrix is None else as_models(similarities_of(matrix, kind), "matrix")
    matrices = [isinstance(one, Similarities) for one in (models.values() if isinstance(models, Mapping) else [models])]
    if measure is not None and matrices and all(matrices):
        raise InputError(f"measure is of embeddings; a matrix has its values already; got {measure!r}")
    if transform is not None and any(matrices):
        raise InputError("transform maps the rows of embeddings; got a matrix")
    return models


@dataclass(eq=False)
class _Model:
    """Rows and triplets where a backend computes, once for all measures."""

    asked: _Asked
    aligned: Aligned
    name: str | None
    source: str  # what the rows are called.
    ready: ReadyInputs
    rows: Any  # (n, d) after the map, as notes and permutations take them.
    notes: tuple[str, ...]
    seen: Overlap | None  # what of the triplets the fit of the map has seen.
    glance: Deferred | None  # of a device, whose numbers come with those of the pass; else notes look for themselves.

    @classmethod
    def of(cls, asked: _Asked, aligned: Aligned, name: str | None) -> _Model:
        """Brings the rows to their place."""
        values, seen, notes, transform = aligned.x, None, aligned.notes, asked.transform
        if transform is not None:
            seen, remarks = seen_by(transform, aligned)
            values, notes = transform.apply(values), merged(notes, remarks)
        matrix = isinstance(aligned.embeddings, Similarities)
        ready = ready_inputs(values, aligned.index, asked.backend, matrix)
        glance = None if ready.dispatch.on_host else glance_at_rows(ready.dispatch, ready.rows, ready.index)
        source = name or ("matrix" if matrix else "embeddings")
        return cls(asked, aligned, name, source, ready, values if matrix else ready.rows, notes, seen, glance)

    def how(self, measure: MeasureLike | None) -> ChoiceModel:
        """How similarities by a measure, or those of a matrix, become choices."""
        if isinstance(self.aligned.embeddings, Similarities):
            measure = PRECOMPUTED[self.aligned.embeddings.kind]
        asked = self.asked
        chosen, temperature = choice_model(asked.transform, measure, asked.temperature)
        return ChoiceModel(chosen, temperature, asked.ties, asked.nan_policy, self.aligned.triplets.task)

    @cached_property
    def notes_on_rows(self) -> tuple[str, ...]:
        """Those that are the same for all measures, after the first pass, which knows triplets to be valid."""
        self.glance = self.glance or glance_at_rows(self.ready.dispatch, self.ready.rows, self.ready.index)
        return merged(self.notes, notes_on_rows(self.rows, self.aligned, self.source, self.glance))


def _decided(model: _Model, how: ChoiceModel) -> tuple[Score, Outcomes | None]:
    """The score of what the model decides, and what becomes of each triplet where that is needed."""
    began, asked, triplets = time.perf_counter(), model.asked, model.aligned.triplets
    each, needed = asked.each, asked.inferring or triplets.weights is not None
    results, n_dropped = score_ready(
        model.ready, how, choices="choices" in asked.keep or each.rows is not None,
        probabilities="probabilities" in asked.keep, similarities=needed, deferred=model.glance,
    )
    seconds = time.perf_counter() - began
    score = summarize(results, n_dropped, how)
    if not triplets.answered:
        _refuse_without_answers(asked)
        score = replace(score, accuracy=None, cross_entropy=None)
    choices = None if results.choices is None else _checks.as_array(results.choices, "choices", "(t,)")
    p = None if results.probabilities is None else _checks.as_array(results.probabilities, "probabilities", "(t, 3)")
    score = replace(
        score, seconds=seconds, choices=None if choices is None else each.first(triplets.choices_in_file(choices)),
        probabilities=None if p is None else each.first(triplets.columns_in_file(p)),
    )
    outcomes = weighted(outcomes_of(results, score), triplets.weights) if needed else None
    return score if outcomes is None else outcomes.score, outcomes


def _bounded(score: Score, outcomes: Outcomes | None, model: _Model, how: ChoiceModel) -> Score:
    """The score between a ceiling and the chance of random matchings, where these are asked for."""
    asked, aligned, rows = model.asked, model.aligned, model.rows
    score = asked.with_ceiling(score, outcomes, aligned)
    if asked.n_permutations is None:
        return score
    at, index = named_rows(aligned)
    test = permutation_test(
        rows[at][:, at] if get_measure(how.measure).precomputed else rows[at],
        Triplets(index, task=how.task, weights=aligned.triplets.weights), measure=how.measure, ties=asked.ties,
        nan_policy=how.nan_policy, backend=asked.backend, seed=asked.seed, n_permutations=asked.n_permutations,
        confidence_level=asked.plan.confidence_level if asked.plan else 0.95, progress=asked.progress,
    )
    return replace(score, permutation_test=replace(test, provenance=None))  # the score says where it comes from


def _noted(score: Score, model: _Model, how: ChoiceModel) -> Score:
    """The score with notes, what it counts, and where it comes from."""
    asked, aligned, name, source = model.asked, model.aligned, model.name, model.source
    of_rows = model.notes_on_rows
    of_measure = notes_on_similarities(model.rows, aligned.index, how.measure, source, model.glance)
    notes = merged(of_rows, of_measure, score.notes)
    score = asked.each.of_triplets(score, score.choices)
    if score.accuracy is not None:
        nats, n = score.cross_entropy or 0.0, score.effective_answers or score.n_answers or score.n_triplets
        kind = getattr(aligned.embeddings, "kind", None)
        notes = merged(notes, notes_on_score(score.accuracy, n, nats, name, score.task, kind=kind))
    return replace(
        score, embeddings=name, transform=None if asked.transform is None else asked.transform.source,
        in_sample=model.seen, notes=notes, choices=score.choices if "choices" in asked.keep else None,
        provenance=asked.provenance({source: aligned.embeddings}, score.backend),
    )


def _refuse_without_answers(asked: _Asked) -> None:
    wanted = {"ci": asked.plan, "groups": asked.each.groups, "ceiling": asked.ceiling,
              "n_permutations": asked.n_permutations}
    for name in (name for name, value in wanted.items() if value is not None):
        raise InputError(f"{name} needs human choices, which these triplets do not hold")


def choice_model(
    transform: Transform | None, measure: MeasureLike | None, temperature: float | None
) -> tuple[MeasureLike, float]:
    """Measure and temperature: as asked for, else those of the map's fit, else cosine and 1.

    The temperature of the fit belongs to its measure: another measure has other similarities.
    """
    trained = None if transform is None else transform.trained
    if trained is not None and measure in (None, trained.measure):
        return cast("MeasureName", trained.measure), trained.temperature if temperature is None else temperature
    return "cosine" if measure is None else measure, 1.0 if temperature is None else temperature


def seen_by(transform: Transform, aligned: Aligned) -> tuple[Overlap | None, tuple[str, ...]]:
    """What of the triplets the fit of the map has seen, and a sentence about it."""
    trained = transform.trained
    if trained is None:
        unknown = "the map does not say what it was fitted to: whether this score is in-sample is unknown"
        return None, transform.notes or (unknown,)
    seen = trained.overlap(aligned.x, aligned.index, aligned.names, aligned.triplets.task)
    if seen is None:
        what = "the embeddings are others than those of the map's fit, and there are no names to go by"
        return None, (f"whether this score is in-sample can't be determined: {what}",)
    if not seen.objects:
        return seen, ()
    parts = [f"{100 * seen.triplets:.3g}% of these triplets"] if seen.triplets else []
    if seen.triplets is None:
        parts = ["an unknown share of these triplets"]
    shares = " and ".join([*parts, f"{100 * seen.objects:.3g}% of their objects"])
    return seen, (f"in-sample: the fit of the map has seen {shares}{trained.held_out_accuracy}",)
