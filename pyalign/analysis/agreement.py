"""Agreement of a model's choice probabilities with the shares of many participants' answers, triplet by triplet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, cast

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter
from pyalign._result import Result
from pyalign.analysis.accuracy import ChoiceModel
from pyalign.analysis.agreement_figures import (
    ENTROPIES, OF_BINS, AgreementBin, AgreementErrors, Correlations, ModelChoices, Values, bins_of, places_of,
)
from pyalign.analysis.answers import Repeats, find_repeats
from pyalign.analysis.ceiling.leave_one_out import Entries, entries_of
from pyalign.analysis.choices import Chosen
from pyalign.analysis.each_model import Several, measures_of
from pyalign.analysis.model_choices import Judged, Rows, notes_on_choices
from pyalign.analysis.notes import merged, notes_on_score
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes, credits_of, triplet_outcomes
from pyalign.backends import get_host_backend
from pyalign.data import Triplets, require_odd_one_out, require_unweighted
from pyalign.documents import Estimate
from pyalign.errors import InputError
from pyalign.stats.degrees import notes_on_few, without_interval
from pyalign.stats.divergences import entropy, log_choice_probabilities
from pyalign.stats.resampling import AUTO, BY, CORRECTED, IntervalsOver, Resampling, plan_of, record_of
from pyalign.typing import (
    AnswersLike, BackendName, EmbeddingsLike, MeasureLike, Models, NamedChoices, Policy, Positive, SubjectsLike,
    Temperature, Ties, TripletsLike,
)

EDGES = (1 / 3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # a majority among three choices has at least a third


@_checks.checked
def agreement(
    models: EmbeddingsLike | Models | None, triplets: TripletsLike, *, model_choices: NamedChoices | None = None,
    choice_base: int | None = None, answers: AnswersLike | None = None, subjects: SubjectsLike | None = None,
    measure: MeasureLike | Sequence[MeasureLike] = "cosine", temperature: Temperature = 1.0, min_answers: Positive = 2,
    ci: IntervalsOver = AUTO, edges: Sequence[float] = EDGES, ties: Ties = "fractional", nan_policy: Policy = "raise",
    unreadable: Policy = "raise", missing: Policy = "raise", backend: BackendName = "auto",
    progress: Progress | None = None,
) -> Agreements:
    """Compare a model's choice probabilities with the proportions of many people's answers to the same triplets.

    Args:
        models: (n, d) real numbers, one row per item: an array, a tensor, a DataFrame whose index is the names,
            `Embeddings`. Or a mapping from names to these; or None.
        triplets: (t, 3) integers in [0, n), or names of items; the last column is the item chosen as odd, unless there
            are answers. Rows with the same three items are answers to one triplet. Where both sides have names, rows
            are matched by name.
        model_choices: name -> recorded choices of a language model or a participant, as `pyalign.score_choices` takes
            them; in addition to models, which are then a mapping, or instead of them. If a triplet is in several
            rows, the means of its choices and of its probabilities count.
        choice_base, unreadable: see `pyalign.score_choices`.
        answers: (t, 3) whole numbers of any dtype: how often each position in the file was chosen as odd, in place of
            single answers. None: those of `Triplets`, else the last column.
        subjects: (t,) labels, who gave each answer, for intervals over participants; None: those of `Triplets`. Counts
            do not say whose answer is whose.
        measure: see `pyalign.similarity`; one or several.
        temperature: p = softmax(similarity / temperature), see `pyalign.choice_probabilities`.
        min_answers: triplets with fewer answers are left out.
        ci: what intervals are over, in closed form; see `pyalign.score`. Intervals over participants are for as many
            other participants. None: no intervals.
        edges: of the bins of the majority share, ascending.
        ties, nan_policy, missing, backend: see `pyalign.score`.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        `Agreements`, with an `Agreement` for each of the embeddings and measures, and for each of the choices. If there
        is only one, `Agreements` has its attributes too. Choices without probabilities have only accuracies.

    Raises:
        InputError: as `pyalign.score`; no triplet with so many answers; answers of another shape, negative, all 0 in
            a row, or shares, which do not say how many people answered; both answers and subjects; edges that do not
            ascend.

    Example:
        >>> x = np.array([[2.0, 0.0], [1.8, 0.4], [0.0, 2.0], [0.6, 0.6]])
        >>> result = agreement(x, [[0, 1, 2], [1, 2, 3]], answers=[[3, 2, 45], [15, 30, 5]], measure="dot")
        >>> round(result.share_pearson, 3), result.accuracy, round(result.js_distance, 3)
        (0.948, 0.75, 0.096)
    """
    progress = reporter(progress)
    limits = _checked_edges(edges)
    measures = measures_of(measure)
    judged = Judged.of(
        models, model_choices, triplets, "agreement", base=choice_base, nan_policy=nan_policy,
        unreadable=unreadable, missing=missing, ties=ties, answers=answers, subjects=subjects,
        rules=(require_unweighted,),
    )
    plan = plan_of(ci, BY, (CORRECTED,))
    kept = judged.triplets
    require_odd_one_out(kept, "agreement")
    settings = _Settings(min_answers, limits, judged.codes, plan)
    how = ChoiceModel(temperature=temperature, ties=ties, nan_policy=nan_policy)
    options = {"temperature": temperature, "ties": ties, "nan": nan_policy, "backend": backend,
               "missing": missing, "min_answers": min_answers, "edges": limits.tolist(), "ci": record_of(plan),
               **judged.choices.options()}
    return cast(Agreements, judged.results(
        Agreements, measures, options, backend, progress, partial(_ready, settings, how, backend),
        partial(_of_choices, kept, settings, ties, backend),
    ))


@dataclass(frozen=True)
class _Settings:
    """The options of one call about answers. people: (t,) codes of who gave each, None where that is not known."""

    min_answers: int
    limits: np.ndarray
    people: np.ndarray | None
    plan: Resampling | None


def _checked_edges(edges: Sequence[float]) -> np.ndarray:
    try:
        limits = np.asarray(edges, dtype=np.float64)
    except (TypeError, ValueError):
        limits = np.empty(0)
    if limits.ndim != 1 or len(limits) < 2 or not (np.diff(limits) > 0).all():
        raise InputError(f"edges must be two or more numbers that ascend; got {edges!r}")
    if limits[0] > EDGES[0] or limits[-1] < 1:
        raise InputError(f"edges must span all majority shares, 1/3 to 1; got {limits[0]:g} to {limits[-1]:g}")
    return limits


def _ready(
    settings: _Settings, how: ChoiceModel, backend: BackendName, rows: Rows
) -> Callable[[MeasureLike], Agreement]:
    """Merges repeated triplets once; returns a function that computes the agreement by one measure."""
    repeats = find_repeats(rows.index, rows.aligned.triplets.answers)
    enough = _with_enough(repeats, settings.min_answers)

    def compared(measure: MeasureLike) -> Agreement:
        outcomes = triplet_outcomes(rows.x, repeats.triplets[enough], replace(how, measure=measure), backend)
        kept = enough.copy()
        kept[enough] = True if outcomes.kept is None else outcomes.kept
        result = _compare(outcomes, _Answers.of(repeats, kept, settings), settings)
        assert result.kl is not None
        remarks = notes_on_score(result.accuracy, result.n_distinct, result.kl + result.human_entropy)
        return replace(result, embeddings=rows.name, notes=merged(rows.notes_by(measure), remarks, result.notes))

    return compared


def _with_enough(repeats: Repeats, min_answers: int) -> np.ndarray:
    """(u,) mask of the distinct triplets with at least so many answers."""
    enough: np.ndarray = repeats.answers >= min_answers
    if not enough.any():
        most = int(repeats.answers.max())
        raise InputError(f"triplets must hold some with at least {min_answers} answers; got at most {most} for any")
    return enough


def _of_choices(
    triplets: Triplets, settings: _Settings, ties: Ties, backend: BackendName, name: str, chosen: Chosen
) -> Agreement:
    """Compares choices of a model, one per row, with people; a triplet in several rows gets the mean of its rows."""
    values = _checks.as_triplets(triplets.values)
    repeats = find_repeats(values, triplets.answers)
    enough = _with_enough(repeats, settings.min_answers)
    rows = np.flatnonzero(chosen.present)
    order, inverse = np.argsort(values[rows], axis=1), repeats.inverse[rows]
    times = np.bincount(inverse, minlength=len(repeats.triplets))

    def mean(by_column: np.ndarray) -> np.ndarray:
        """(c, 3) of the triplets that count, from (t, 3) by the columns of the rows."""
        ascending = np.take_along_axis(by_column[rows], order, axis=1)
        sums = [np.bincount(inverse, column, len(times)) for column in ascending.T]
        means: np.ndarray = np.stack(sums, axis=1)[kept] / times[kept, None]
        return means

    kept = enough & (times > 0)
    if not kept.any():
        raise InputError(
            f"{name}: choices must answer at least one triplet with {settings.min_answers} answers; got none"
        )
    model = ModelChoices(mean(_credits(chosen.by_pair, ties)))
    if chosen.probabilities is not None:
        p = mean(chosen.probabilities[:, ::-1])
        with np.errstate(divide="ignore"):
            model = ModelChoices(model.credits, p, np.log(p), entropy(np.sort(p, axis=1)))
    result = _figures(
        model, _Answers.of(repeats, kept, settings), settings, n_dropped=int((enough & ~kept).sum()),
        measure=None, temperature=None, ties=ties, backend=get_host_backend(backend).name,
    )
    remarks = notes_on_score(result.accuracy, result.n_distinct, 0.0, name, rows=False)
    if result.kl is None and chosen.probabilities is not None:
        remarks += (f"{name}: the probability of somebody's answer is 0: there is no finite KL",)
    of_choices = notes_on_choices({name: chosen}, triplets.task, "correlations, entropies or divergences")
    return replace(
        result, embeddings=name, model_choices=chosen.kind,
        notes=merged(triplets.notes, of_choices, remarks, result.notes),
    )


@dataclass(frozen=True)
class _Answers:
    """The c triplets that are compared: items (c, 3), counts of answers (c, 3), and who gave them, where known."""

    triplets: np.ndarray
    counts: np.ndarray
    entries: Entries | None

    @classmethod
    def of(cls, repeats: Repeats, kept: np.ndarray, settings: _Settings) -> _Answers:
        """The answers to the distinct triplets that a mask selects."""
        return cls(repeats.triplets[kept], repeats.counts[kept], entries_of(repeats, settings.people, kept))


def _compare(outcomes: Outcomes, judged: _Answers, settings: _Settings) -> Agreement:
    """The agreement by similarities that have been computed."""
    score = outcomes.score
    assert score.measure is not None and score.temperature is not None
    logs = log_choice_probabilities(outcomes.similarities, score.temperature)
    # Sorted, so that the same three numbers in another order have the same entropy bit for bit, and the same rank.
    ascending = np.exp(log_choice_probabilities(np.sort(outcomes.similarities, axis=1), score.temperature))
    model = ModelChoices(_credits(outcomes.similarities, score.ties), np.exp(logs), logs, entropy(ascending))
    return _figures(
        model, judged, settings, n_dropped=score.n_dropped, measure=score.measure, temperature=score.temperature,
        ties=score.ties, backend=score.backend,
    )


def _figures(model: ModelChoices, judged: _Answers, settings: _Settings, **how: Any) -> Agreement:
    """All figures of the triplets. how: the fields of the result that say how it was computed."""
    counts = judged.counts
    columns, correlations = model.values(counts), Correlations.of(model, counts)
    means = {name: Estimate(column.mean()) for name, column in columns.items()}
    estimates: dict[str, Any] = {**dict.fromkeys(("model_entropy", "kl", "js_distance")), **means}
    estimates |= {name: Estimate(value) for name, value in correlations.values.items()}
    estimates["kl"] = means["kl"] if math.isfinite(means.get("kl", math.inf)) else None
    estimates.pop("majority_probability", None)
    of_bins = np.stack([columns[name] for name in OF_BINS if name in columns])
    kinds = {"bins": ("majority_share", settings.limits), "entropy_bins": ("human_entropy", np.array(ENTROPIES))}
    places = {kind: places_of(columns[name], limits) for kind, (name, limits) in kinds.items()}
    bins = {kind: bins_of(of_bins, places[kind], limits) for kind, (_, limits) in kinds.items()}
    notes: tuple[str, ...] = ()
    if settings.plan is not None:
        plan = settings.plan.over(None if judged.entries is None else judged.entries.persons)
        errors = AgreementErrors.of(judged.triplets, judged.entries, plan)

        def values(counts: np.ndarray, triplets: np.ndarray) -> dict[str, np.ndarray]:
            chosen = model.take(triplets)
            return chosen.values(counts) | correlations.influences(chosen, counts)

        known = errors.with_intervals({k: v for k, v in estimates.items() if v is not None}, values, counts)
        estimates |= known
        bins = {kind: _bins_with_intervals(of, places[kind], errors, values, counts) for kind, of in bins.items()}
        notes = notes_on_few(errors.numbers) if known else (without_interval(plan.by, errors.numbers),)
    return Agreement(
        n_distinct=len(counts), n_answers=int(counts.sum()), min_answers=settings.min_answers, notes=notes,
        bins=bins["bins"], entropy_bins=bins["entropy_bins"], **estimates, **how,
    )


def _bins_with_intervals(
    bins: Sequence[AgreementBin], place: np.ndarray, errors: AgreementErrors, values: Values, counts: np.ndarray
) -> tuple[AgreementBin, ...]:
    """Adds to each bin the intervals of its means, with the bin of each triplet, place (c,), treated as fixed."""
    bins_with_intervals = []
    for k, row in enumerate(bins):
        known = {name: value for name in OF_BINS if (value := getattr(row, name)) is not None}
        figures: Any = errors.with_intervals(known, values, counts, (place == k).astype(np.float64)) if known else {}
        bins_with_intervals.append(replace(row, **figures))
    return tuple(bins_with_intervals)


def _credits(similarities: np.ndarray, ties: str) -> np.ndarray:
    """(c, 3): the credit of the model's choice if the item at that position was the answer, a fraction."""
    top = similarities[:, ::-1] == similarities.max(axis=1, keepdims=True)  # pair 2 - p is the one without p
    tied = top.sum(axis=1, keepdims=True)
    return credits_of(np.where(top, tied, -tied), ties) / CREDIT_UNIT


@dataclass(frozen=True)
class Agreement(Result):
    """How a model's choices compare with those of many people, over distinct triplets that each count the same.

    Correlations are NaN where either side is constant, and of choices without probabilities, whose entropy and
    divergences are None.
    """

    command: ClassVar[str] = "agreement"

    n_distinct: int  # triplets with at least `min_answers` answers, over which everything here is taken.
    n_answers: int  # answers to them.
    # such triplets left out because they touch a row with NaN or infinity (``nan_policy="omit"``), or have no choice.
    n_dropped: int
    # correlation of the model's probabilities with people's shares, over all three choices of every triplet: 3
    # n_distinct pairs of numbers.
    share_pearson: Estimate
    # entropy_pearson, entropy_spearman: correlation of the model's entropy with that of people.
    entropy_pearson: Estimate
    entropy_spearman: Estimate
    # model_entropy, human_entropy: means, nats; that of people is too low for few answers.
    model_entropy: Estimate | None
    human_entropy: Estimate
    # mean Kullback-Leibler divergence of the model from people, nats: people || model; None where a model's own
    # probability of somebody's answer is 0.
    kl: Estimate | None
    # mean Jensen-Shannon distance, the root of a divergence in nats; at most sqrt(log 2) = 0.8326.
    js_distance: Estimate | None
    accuracy: Estimate  # mean share of people's answers that the model predicts.
    # mean credit when the majority's answer is the right one; of m tied ones each counts 1/m.
    majority_accuracy: Estimate
    majority_share: Estimate  # mean, the highest `accuracy` that any model could have.
    bins: tuple[AgreementBin, ...]  # the same by majority share.
    # min_answers, measure, temperature, ties, backend: how it was computed; measure and temperature are None of
    # choices.
    min_answers: int
    measure: str | None
    temperature: float | None
    ties: str
    backend: str
    embeddings: str | None = None  # what the embeddings, or the choices, are called, or None.
    label: str | None = None  # a shorter name for tables, or None.
    # how a model's own choices were given: "positions", "names" or "probabilities"; None where similarities decided.
    model_choices: str | None = None
    # by the entropy of people's answers, in six bins from 0 to log 3 nats; None in documents of earlier versions.
    entropy_bins: tuple[AgreementBin, ...] | None = None


@dataclass(frozen=True, repr=False)
class Agreements(Several[Agreement]):
    """The agreement of several embeddings, by several measures, with the same people.

    Attributes:
        triplets: where the triplets came from, or None.
    """

    command: ClassVar[str] = "agreement"
    kind: ClassVar[type[Agreement]] = Agreement

    results: tuple[Agreement, ...]  # an `Agreement` each, embeddings by embeddings.

    @property
    def entropy_bins(self) -> tuple[tuple[AgreementBin, ...], ...] | None:
        """Those of each result; None where one has none."""
        bins = tuple(one.entropy_bins for one in self.results if one.entropy_bins is not None)
        return bins if len(bins) == len(self.results) else None
