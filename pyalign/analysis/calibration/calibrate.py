"""The temperature at which a model's choice probabilities fit people's choices best, and how well they then do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, cast

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter
from pyalign.analysis.accuracy import ChoiceModel, score_triplets
from pyalign.analysis.calibration.calibration_result import Calibration, Calibrations
from pyalign.analysis.calibration.held_out import held_out, lapses_of, part_of, rest_sums
from pyalign.analysis.calibration.temperature import AnsweredSimilarities, error_of_beta, interval, minimize, slopes
from pyalign.analysis.choices import Chosen
from pyalign.analysis.each_model import measures_of
from pyalign.analysis.model_choices import Judged, Rows, notes_on_choices
from pyalign.analysis.notes import merged, notes_on_score
from pyalign.backends import get_host_backend
from pyalign.data import Answers, Triplets, align_models, alternatives_of
from pyalign.data.align import in_name_order
from pyalign.documents import Estimate, Interval
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.stats.resampling import AUTO, BY, CORRECTED, IntervalsOver, Resampling, plan_of, record_of
from pyalign.typing import (
    AnswersLike, BackendName, EmbeddingsLike, MeasureLike, Models, NamedChoices, Policy, SubjectsLike, Ties,
    TripletsLike, WeightsLike,
)

MOST_BINS = 10_000
UNBOUNDED = (
    "the interval of the temperature has no upper end: by these answers the inverse temperature may be 0, where all "
    "choices are guesses"
)


@dataclass(frozen=True)
class _Settings:
    """The options of one call, checked."""

    split: str | None
    bins: int
    ties: Ties
    nan_policy: Policy
    backend: BackendName
    plan: Resampling | None
    lapses: bool


@_checks.checked
def calibrate(
    models: EmbeddingsLike | Models | None, triplets: TripletsLike, *, model_choices: NamedChoices | None = None,
    choice_base: int | None = None, answers: AnswersLike | None = None, subjects: SubjectsLike | None = None,
    measure: MeasureLike | Sequence[MeasureLike] = "cosine", split: Literal["objects", "triplets"] | None = "objects",
    bins: int = 10, lapses: bool = False, ci: IntervalsOver = AUTO, ties: Ties = "fractional",
    nan_policy: Policy = "raise", unreadable: Policy = "raise", missing: Policy = "raise",
    backend: BackendName = "auto", weights: WeightsLike | None = None, progress: Progress | None = None,
) -> Calibrations:
    """Fit the temperature that minimizes the cross-entropy of choices, and evaluate it on held-out answers.

    Args:
        models: (n, d) real numbers, one row per item: an array, a tensor, a DataFrame whose index is the names,
            `Embeddings`. Or a mapping from names to these; or None.
        triplets: (t, 3) integers in [0, n), or names of items. Without answers the last column is the item that the
            participant called odd. Where both sides have names, rows are matched by name.
        model_choices: name -> probabilities (t, 3) that a language model or a participant gives, as
            `pyalign.score_choices` takes them; in addition to models, which are then a mapping, or instead of them.
            Their logarithms take the place of similarities, so the temperature is 1 where the probabilities already fit
            people best. Choices without probabilities are refused, since a temperature would not change them.
        choice_base, unreadable: see `pyalign.score_choices`.
        answers: (t, 3) by odd position in the file: whole numbers are counts of answers, and a triplet then weighs as
            much as it has answers; rows that sum to 1 are shares, such as those that `pyalign.choice_probabilities`
            gives for a concept embedding, and triplets weigh the same. None: those of `Triplets`, else the last column.
        subjects: (t,) labels, who gave each answer, for the standard error; None: those of `Triplets`. Counts and
            shares do not say whose answer is whose.
        measure: see `pyalign.similarity`; one or several.
        split: what the figures of held-out answers are without. The temperature itself is fitted to all answers.
            ``"objects"``: each triplet is evaluated at the temperature of those that share no object with it.
            ``"triplets"``: at that of the answers to other sets of three. None: at the temperature of all answers.
        bins: the number of bins of the reliability tables.
        lapses: also fit how often answers are guesses, with a temperature of its own: see `Calibration`.
        ci: what intervals and standard errors are over, in closed form; see `pyalign.score`. None: no intervals.
        ties: see `pyalign.score`.
        nan_policy, missing: see `pyalign.score`.
        backend: see `pyalign.similarity`; the temperature itself is fitted on the host.
        weights: (t,) how much each answer to a triplet counts, see `pyalign.score`; bins are then filled by weight, and
            what they count is weights, scaled to as many as there are answers.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        `Calibrations`, with a `Calibration` for each of the embeddings and measures, and for each of the choices. If
        there is only one, `Calibrations` has its attributes too.

    Raises:
        InputError: as `pyalign.score`; for answers that are neither counts nor shares; for subjects in addition to
            these; where any two triplets share an object, so that none can be held out; and where no temperature is
            best: the model agrees no better than chance, or with every answer.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017; for triplets Muttenthaler et al., ICLR
    2023, appendix on temperature scaling.

    Example:
        >>> from pyalign.datasets.simulate import random_embeddings, simulate
        >>> x = random_embeddings(200, 16)
        >>> people = simulate(x, 100_000, temperature=0.25)
        >>> calibration = calibrate(x, people.triplets)
        >>> abs(calibration.temperature - 0.25) < 4 * calibration.standard_error
        True
    """
    progress = reporter(progress)
    _check_bins(bins)
    measures = measures_of(measure)
    plan = plan_of(ci, BY, (CORRECTED,))
    settings = _Settings(split, bins, ties, nan_policy, backend, plan, lapses)
    judged = Judged.of(
        models, model_choices, triplets, "calibrate", base=choice_base, nan_policy=nan_policy,
        unreadable=unreadable, missing=missing, ties=ties, answers=answers, subjects=subjects, weights=weights,
    )
    kept = judged.triplets
    options = {"answers": _kind(kept.answers), "bins": bins, "ties": ties, "nan": nan_policy, "missing": missing,
               "ci": record_of(plan), "split": split, **judged.choices.options()} | ({"lapses": True} if lapses else {})

    def begin(rows: Rows) -> Callable[[MeasureLike], Calibration]:
        items = in_name_order(replace(rows.aligned, index=rows.index))
        return partial(_calibration, rows, Ready(items, rows.aligned.triplets, judged.codes), settings)

    return cast(Calibrations, judged.results(
        Calibrations, measures, options, backend, progress, begin, partial(_of_choices, kept, judged.codes, settings)
    ))


def _check_bins(bins: int) -> None:
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or not 1 <= bins <= MOST_BINS:
        raise InputError(f"bins must be a whole number from 1 to {MOST_BINS:,}; got {bins!r}")


def _calibration(rows: Rows, ready: Ready, settings: _Settings, measure: MeasureLike) -> Calibration:
    """The temperature of one measure, and what it leads to."""
    began = time.perf_counter()
    how = ChoiceModel(measure, ties=settings.ties, nan_policy=settings.nan_policy, task=ready.triplets.task)
    results, n_dropped = score_triplets(rows.x, rows.index, how, settings.backend, similarities=True)
    similarities = np.ascontiguousarray(_checks.as_array(results.similarities, "result", "(t, 3)"))
    result = _fitted(
        similarities, n_dropped, ready, settings, measure=str(get_measure(measure)), backend=results.backend,
        embeddings=rows.name,
    )
    notes = rows.notes_by(measure)
    return replace(result, seconds=time.perf_counter() - began, notes=merged(notes, result.notes))


def _fitted(similarities: np.ndarray, n_dropped: int, ready: Ready, settings: _Settings, **how: Any) -> Calibration:
    """The calibration of similarities (t, 3) of the triplets, of which `n_dropped` are NaN."""
    triplets, host = ready.triplets, get_host_backend(settings.backend)
    weights = None if triplets.weights is None else triplets.weights.values
    answered = AnsweredSimilarities(
        host, similarities, triplets.answers, settings.ties, ready.items, ready.people, alternatives_of(triplets.task),
        weights,
    )
    result = _report(
        answered.present() if n_dropped else answered, settings, split=settings.split, ties=settings.ties,
        answers=_kind(triplets.answers), n_dropped=n_dropped, task=triplets.task, **how,
    )
    remarks = notes_on_score(result.test.accuracy, result.test.n_answers, result.test.cross_entropy, task=result.task)
    return replace(result, notes=merged(remarks, result.notes))


def _of_choices(
    triplets: Triplets, people: np.ndarray | None, settings: _Settings, name: str, chosen: Chosen
) -> Calibration:
    """Calibrates a model's own probabilities: their logarithms take the place of similarities."""
    k, began = alternatives_of(triplets.task), time.perf_counter()
    if chosen.probabilities is None:
        raise InputError(
            f"{name}: choices must be probabilities for a temperature, which divides their logarithms; got "
            f"{chosen.kind}, of which it changes nothing"
        )
    p = chosen.probabilities[:, :k]
    impossible = (p <= 0).any(axis=1) & chosen.present
    if impossible.any():
        row = int(impossible.argmax())
        rule = "above 0 for a temperature, which divides their logarithms"
        raise InputError(f"{name}: choices must be probabilities {rule}; row {row} holds 0")
    items = in_name_order(align_models({}, triplets))
    similarities = np.zeros((len(items), 3))
    similarities[:, :k] = np.log(p)
    similarities[~chosen.present] = np.nan
    result = _fitted(
        similarities, int((~chosen.present).sum()), Ready(items, triplets, people), settings, measure=None,
        embeddings=name, model_choices=chosen.kind, backend=get_host_backend(settings.backend).name,
    )
    notes = merged(triplets.notes, notes_on_choices({name: chosen}, triplets.task), result.notes)
    return replace(result, seconds=time.perf_counter() - began, notes=notes)


def _kind(answers: Answers | None) -> str:
    return "choices" if answers is None else answers.kind


def _report(answered: AnsweredSimilarities, settings: _Settings, **how: Any) -> Calibration:
    """Fits to all answers, and looks at each with the temperature of those that it is held out of."""
    minimum, split = minimize(answered.sums), settings.split
    table, squares = slopes(answered, minimum.beta)
    betas = np.full(len(table), minimum.beta)
    if split is not None:
        curvature, slope = rest_sums(answered.objects, split, table.T[:0:-1])
        betas -= np.divide(slope, curvature, out=np.full(len(table), np.nan), where=curvature > 0.0)
        np.maximum(betas, 0.0, out=betas)  # where the answers of the rest are guesses
    there = ~np.isnan(betas)
    test = answered if there.all() else answered.take(there)
    ci, of_fit, of_test = None, None, None
    notes: tuple[str, ...] = ()
    plan = None if settings.plan is None else settings.plan.over(answered.people)
    if plan is not None:
        of_fit = answered.dependence(plan)
        of_test = of_fit if test is answered else test.dependence(plan)
    together = table[:, 1] if test is answered else None
    figures, of_slope = held_out(test, betas[there], settings.bins, plan, of_test, together)
    if plan is not None and of_fit is not None:
        known = error_of_beta(answered, table, squares, plan, of_fit, of_slope if test is answered else None)
        ci = interval(minimum.beta, known)
        notes = _notes(ci, known.why)
    lapses = None
    if settings.lapses:
        over = None if plan is None or of_fit is None or of_test is None else (plan, of_fit, of_test)
        lapses = lapses_of(answered, test, minimum.beta, betas, split, over)
    if isinstance(lapses, str):
        name = "" if how["embeddings"] is None else f"{how['embeddings']}: "
        lapses, notes = None, (*notes, f"{name}no lapse rate is reported: {lapses}")
    own = figures.test
    if split is not None:
        after, sure = answered.with_confidences(minimum.beta)
        own = part_of(len(sure), answered.sums(1.0), after, answered.chosen(sure))
    reported = vars(figures) | {"notes": merged(notes, figures.notes)}
    return Calibration(
        temperature=Estimate(1.0 / minimum.beta, ci), fit=own, steps=minimum.steps, n_unused=int((~there).sum()),
        effective_answers=test.effective_number, lapses=lapses,
        missing=("lapses",) if settings.lapses and lapses is None else (), **reported, **how,
    )


def _notes(ci: Interval, why: str | None) -> tuple[str, ...]:
    """What is missing from the interval of the temperature, `why` where there is none."""
    if why is not None:
        return (f"the temperature has no standard error; {why}",)
    shared: tuple[str, ...] = ()
    if ci.by == "triplets":
        known = (
            "has no standard error" if math.isnan(ci.low) else "takes triplets for independent in its standard error"
        )
        shared = (f"the temperature was fitted to triplets that all share an object: it {known}",)
    return (*shared, UNBOUNDED) if math.isinf(ci.high) else shared


@dataclass(frozen=True)
class Ready:
    """Answered triplets, for one measure after the other."""

    items: np.ndarray  # (t, 3) their objects, in the order of names.
    triplets: Triplets  # with their answers, weights and task.
    people: np.ndarray | None  # (t,) who answered, or None.
