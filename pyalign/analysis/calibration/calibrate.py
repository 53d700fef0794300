"""The temperature at which a model's choice probabilities fit people's choices best, and how well they then do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from pyalign import _checks
from pyalign.analysis.accuracy import NAN, TIES, score_triplets
from pyalign.analysis.answers import answered_triplets, codes_of_people
from pyalign.analysis.calibration.held_out import held_out, part_of
from pyalign.analysis.calibration.lapses import lapses_of
from pyalign.analysis.calibration.result import Calibration, Calibrations
from pyalign.analysis.calibration.temperature import AnsweredSimilarities, error_of_beta, interval, minimise
from pyalign.analysis.choices import Chosen
from pyalign.analysis.each_model import measures_of, of_each
from pyalign.analysis.model_choices import models_with_choices, notes_on_choices
from pyalign.analysis.notes import merged, notes_on_rows, notes_on_score
from pyalign.backends import Array, get_host_backend
from pyalign.data import Aligned, Answers, Provenance, Triplets, align_models, alternatives_of
from pyalign.data.align import in_name_order
from pyalign.data.missing import with_rows
from pyalign.data.similarities import as_models
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.ops._dispatch import dispatch_of
from pyalign.ops.similarity import notes_on_similarities
from pyalign.ops.triplets import checked_triplets
from pyalign.progress import Progress, reporter
from pyalign.stats.resampling import AUTO, BY, CORRECTED, IntervalsOver, Resampling, plan_of, record_of
from pyalign.stats.splits import SPLITS, TripletHoldOut
from pyalign.typing import (
    AnswersLike,
    BackendName,
    EmbeddingsLike,
    MeasureLike,
    Models,
    NamedChoices,
    Policy,
    SubjectsLike,
    Ties,
    TripletsLike,
    WeightsLike,
)

MOST_BINS = 10_000
UNBOUNDED = (
    "the interval of the temperature has no upper end: by these answers the inverse temperature may be 0, where all "
    "choices are guesses"
)


@dataclass(frozen=True)
class _Settings:
    """The options of one call, checked but for those of the split."""

    split: str | None
    held_out: float
    seed: int
    bins: int
    ties: Ties
    nan_policy: Policy
    backend: BackendName
    plan: Resampling | None
    lapses: bool

    @property
    def hold_out(self) -> TripletHoldOut | None:
        """The split; None where there is none."""
        return None if self.split is None else TripletHoldOut(self.split, self.held_out, self.seed)

    def of_split(self) -> dict[str, Any]:
        """The options of the split; None where there is no split."""
        if self.split is None:
            return {"split": None, "held_out": None, "seed": None}
        return {"split": self.split, "held_out": float(self.held_out), "seed": int(self.seed)}


def calibrate(
    embeddings: EmbeddingsLike | Models | None, triplets: TripletsLike, *, model_choices: NamedChoices | None = None,
    choice_base: int | None = None,
    answers: AnswersLike | None = None, subjects: SubjectsLike | None = None,
    measure: MeasureLike | Sequence[MeasureLike] = "cosine", split: Literal["objects", "triplets"] | None = "objects",
    held_out: float = 0.5, seed: int = 0, bins: int = 10, lapses: bool = False, ci: IntervalsOver = AUTO,
    ties: Ties = "fractional", nan_policy: Policy = "raise",
    unreadable: Policy = "raise", missing: Policy = "raise", backend: BackendName = "auto",
    weights: WeightsLike | None = None, progress: Progress | None = None,
) -> Calibrations:  # fmt: skip
    """Fit the temperature that minimizes the cross-entropy of choices on one part, and evaluate it on another.

    Args:
        embeddings: (n, d) real numbers, one row per item: an array, a tensor, a DataFrame whose index is the names,
            `Embeddings`. Or a mapping from names to these; or None.
        triplets: (t, 3) integers in [0, n), or names of items. Without answers the last column is the item that the
            participant called odd. Where both sides have names, rows are matched by name.
        model_choices: name -> probabilities (t, 3) that a language model or a participant gives, as
            `pyalign.score_choices` takes them; in addition to embeddings, which are then a mapping, or instead of them.
            Their logarithms take the place of similarities, so the temperature is 1 where the probabilities already fit
            people best. Choices without probabilities are refused, since a temperature would not change them.
        choice_base, unreadable: see `pyalign.score_choices`.
        answers: (t, 3) by odd position in the file: whole numbers are counts of answers, and a triplet then weighs as
            much as it has answers; rows that sum to 1 are shares, such as those that `pyalign.choice_probabilities`
            gives for a concept embedding, and triplets weigh the same. None: those of `Triplets`, else the last column.
        subjects: (t,) labels, who gave each answer, for the standard error; None: those of `Triplets`. Counts and
            shares do not say whose answer is whose.
        measure: see `pyalign.similarity`; one or several.
        split: ``"objects"``: the items are split at random; the temperature is fitted on the triplets whose items are
            all in one part and reported on those whose items are all in the other. ``"triplets"``: sets of three are
            split, with all answers to them. None: fitted and reported on all. The split is the same for all embeddings,
            whatever the order of their rows.
        held_out: the fraction of objects (or triplets) to report on.
        seed: the seed of the split.
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
            these; for a part without triplets; and where no temperature is best: the model agrees no better than
            chance, or with every answer.

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
    _checks.one_of(ties, TIES, "ties")
    _checks.one_of(nan_policy, NAN, "nan_policy")
    _check_bins(bins)
    if split is not None:
        _checks.one_of(split, SPLITS[:2], "split")
        _checks.fraction(held_out, "held_out")
    measures = measures_of(measure)
    lapses = _checks.flag(lapses, "lapses")
    plan, seed = plan_of(ci, BY, (CORRECTED,)), _checks.whole_number(seed, "seed", 0, 2**63 - 1)
    settings = _Settings(split, held_out, seed, bins, ties, nan_policy, backend, plan, lapses)
    models, choices = models_with_choices(
        embeddings, model_choices, base=choice_base, nan_policy=nan_policy, unreadable=unreadable, ties=ties
    )
    present = with_rows(models, answered_triplets(triplets, answers, "calibrate", weights), missing, subjects=subjects)
    kept = present.triplets
    people = codes_of_people(kept, present.of(subjects, "subjects"))
    options: dict[str, Any] = {
        "answers": _kind(kept.answers),
        "bins": bins,
        "ties": ties,
        "nan": nan_policy,
        "missing": missing,
        "ci": record_of(plan),
    }
    options |= {**settings.of_split(), **choices.options(), **({"lapses": True} if lapses else {})}

    def recorded(inputs: Mapping[str, Any], measure: Any) -> Provenance:
        data = {**inputs, "triplets": kept, "answers": kept.answers if answers is None else answers}
        data |= {} if people is None else {"subjects": people}
        data["weights"] = kept.weights
        return Provenance.now(data, {"measure": measure, **options}, backend, options["seed"])

    def begin(aligned: Aligned, name: str | None) -> Callable[[MeasureLike], Calibration]:
        ready = make_ready(aligned, people, name or "embeddings", settings.backend, settings.hold_out)
        inputs = {name or "embeddings": aligned.embeddings}

        def run(measure: MeasureLike) -> Calibration:
            result = _calibration(ready, name, measure, settings)
            return replace(result, coverage=present.coverage, provenance=recorded(inputs, str(measure)))

        return run

    has_rows = not isinstance(models, Mapping) or bool(models) or not choices.choices
    results = of_each(as_models(models), kept, measures, progress, begin) if has_rows else ()
    for name, chosen in choices.among(present).read(kept, get_host_backend(backend)).items():
        progress(name, len(results), None)
        calibration = _of_choices(chosen, kept, people, name, settings)
        inputs = {name: choices.choices[name]}
        results += (replace(calibration, coverage=present.coverage, provenance=recorded(inputs, None)),)
    inputs = {**(models if isinstance(models, Mapping) else {"embeddings": models}), **choices.choices}
    return Calibrations(
        results, kept.source, notes=merged(*(calibration.notes for calibration in results)), coverage=present.coverage,
        provenance=recorded(inputs, [*map(str, measures)] if has_rows else None),
    )  # fmt: skip


def _check_bins(bins: int) -> None:
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or not 1 <= bins <= MOST_BINS:
        raise InputError(f"bins must be a whole number from 1 to {MOST_BINS:,}; got {bins!r}")


def _calibration(ready: Ready, name: str | None, measure: MeasureLike, settings: _Settings) -> Calibration:
    """The temperature of one measure, and what it leads to."""
    began = time.perf_counter()
    results, n_dropped = score_triplets(
        ready.rows, ready.kept, measure=measure, ties=settings.ties, nan_policy=settings.nan_policy,
        backend=settings.backend,
        similarities=True, task=ready.task,
    )  # fmt: skip
    similarities = np.ascontiguousarray(_checks.as_array(results.similarities, "result", "(t, 3)"))
    result = _fitted(
        similarities, n_dropped, ready, settings, measure=str(get_measure(measure)), backend=results.backend,
        embeddings=name,
    )  # fmt: skip
    of_measure = notes_on_similarities(ready.rows, ready.kept, measure, name or "embeddings")
    seconds = time.perf_counter() - began
    return replace(result, seconds=seconds, notes=merged(ready.notes, of_measure, result.notes))


def _fitted(similarities: np.ndarray, n_dropped: int, ready: Ready, settings: _Settings, **how: Any) -> Calibration:
    """The calibration of similarities (k, 3) of the kept triplets, of which `n_dropped` are NaN."""
    host, alternatives = get_host_backend(settings.backend), alternatives_of(ready.task)
    both = AnsweredSimilarities(
        host, similarities, ready.answers, settings.ties, ready.kept, ready.people, alternatives, ready.weights
    )
    fit, test = (both, both) if ready.first is None else both.halves(ready.first)
    if n_dropped:
        fit, test = fit.present(), test.present()
    result = _report(
        fit,
        test,
        settings,
        **settings.of_split(),
        answers=_kind(ready.answers),
        n_unused=ready.n_unused,
        n_dropped=n_dropped,
        ties=settings.ties,
        task=ready.task,
        **how,
    )
    remarks = notes_on_score(result.test.accuracy, result.test.n_answers, result.test.cross_entropy, task=ready.task)
    return replace(result, notes=merged(remarks, result.notes))


def _of_choices(
    chosen: Chosen, triplets: Triplets, people: np.ndarray | None, name: str, settings: _Settings
) -> Calibration:  # fmt: skip
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
    aligned = align_models({}, triplets)
    index = _checks.as_triplets(aligned.index)
    notes = merged(triplets.notes, notes_on_choices({name: chosen}, triplets.task))
    ready = _split(None, index, in_name_order(aligned), triplets, people, notes, settings.hold_out)
    similarities = np.zeros((len(ready.kept), 3))
    similarities[:, :k] = np.log(p[ready.places])
    absent = ~chosen.present[ready.places]
    similarities[absent] = np.nan
    result = _fitted(
        similarities, int(absent.sum()), ready, settings, measure=None, embeddings=name, model_choices=chosen.kind,
        backend=get_host_backend(settings.backend).name,
    )  # fmt: skip
    return replace(result, seconds=time.perf_counter() - began, notes=merged(ready.notes, result.notes))


def _kind(answers: Answers | None) -> str:
    return "choices" if answers is None else answers.kind


def _report(fit: AnsweredSimilarities, test: AnsweredSimilarities, settings: _Settings, **how: Any) -> Calibration:
    """Fits on one part, looks at both."""
    minimum = minimise(fit.sums)
    at_minimum = fit.sums(minimum.beta)
    plan = None if settings.plan is None else _plan(settings.plan, fit, test)
    ci, of_fit, of_test = None, None, None
    notes: tuple[str, ...] = ()
    if plan is not None:
        of_fit = fit.dependence(plan)
        known = error_of_beta(fit, minimum.beta, at_minimum.second, plan, of_fit)
        ci = interval(minimum.beta, known)
        notes = _notes(ci, known.why)
        of_test = of_fit if test is fit else test.dependence(plan)
    figures = held_out(test, minimum.beta, settings.bins, plan, of_test)
    lapses = lapses_of(fit, test, minimum.beta, plan, of_fit, of_test) if settings.lapses else None
    if isinstance(lapses, str):
        name = "" if how["embeddings"] is None else f"{how['embeddings']}: "
        lapses, notes = None, (*notes, f"{name}no lapse rate is reported: {lapses}")
    own = figures.test
    if test is not fit:
        before, after = fit.with_confidences(1.0), fit.with_confidences(minimum.beta)
        own = part_of(len(after[1]), before[0], at_minimum, fit.chosen(after[1]))
    reported = vars(figures) | {"notes": merged(notes, figures.notes)}
    return Calibration(
        temperature=1.0 / minimum.beta, temperature_ci=ci, fit=own, steps=minimum.steps,
        effective_answers=test.effective_number, lapses=lapses,
        missing=("lapses",) if settings.lapses and lapses is None else (), **reported, **how,
    )  # fmt: skip


def _plan(plan: Resampling, fit: AnsweredSimilarities, test: AnsweredSimilarities) -> Resampling:
    """The same for both parts: "auto" is over participants where both have enough of them."""
    of_each = [plan.over(part.people) for part in (fit, test)]
    return of_each[0] if of_each[0] == of_each[1] else replace(plan, by="objects")


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
    """Triplets with their split, and embeddings where there are some, for one measure after the other.

    Attributes:
        rows: (n, d), or None.
        kept: (k, 3) rows of the triplets in either part, those to fit on first.
        places: which of all triplets these are.
        first: how many are to fit on; None where all serve both.
        answers: to the kept triplets, or None.
        people: (k,) who answered the kept triplets, or None.
        n_unused: triplets in neither part.
        notes: about the rows.
        task: of the triplets.
        weights: float64 (k,) of the kept triplets, or None.
    """

    rows: Array | None
    kept: np.ndarray
    places: np.ndarray | slice
    first: int | None
    answers: Answers | None
    people: np.ndarray | None
    n_unused: int
    notes: tuple[str, ...]
    task: str
    weights: np.ndarray | None = None


def make_ready(
    aligned: Aligned, people: np.ndarray | None, name: str, backend: BackendName,
    hold_out: TripletHoldOut | None,
) -> Ready:  # fmt: skip
    """Checks the triplets, splits them where there is a split."""
    dispatch = dispatch_of(backend, aligned.x)
    rows = dispatch.rows(aligned.x)
    index = dispatch.host(checked_triplets(dispatch, aligned.index, *map(int, rows.shape)))
    notes = merged(aligned.notes, notes_on_rows(rows, aligned, name))
    items = in_name_order(replace(aligned, index=index))
    return _split(rows, index, items, aligned.triplets, people, notes, hold_out)


def _split(
    rows: Array | None, index: np.ndarray, items: np.ndarray, triplets: Triplets, people: np.ndarray | None,
    notes: tuple[str, ...], split: TripletHoldOut | None,
) -> Ready:  # fmt: skip
    """index: (t, 3) rows, of the items (t, 3) by which they are split."""
    answers, task = triplets.answers, triplets.task
    weights = None if triplets.weights is None else triplets.weights.values
    if split is None:
        return Ready(rows, index, slice(None), None, answers, people, 0, notes, task, weights)
    parts = next(split.split(items))
    chosen = np.concatenate(parts)
    kept = index.take(chosen, axis=0)
    answers = None if answers is None else answers.take(chosen)
    people, weights = (None if one is None else one[chosen] for one in (people, weights))
    return Ready(rows, kept, chosen, len(parts[0]), answers, people, len(index) - len(kept), notes, task, weights)
