"""A model and many people: its choice probabilities against the shares of their answers, triplet by triplet."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from pyalign import _checks
from pyalign._result import Result
from pyalign.analysis.accuracy import NAN, TIES
from pyalign.analysis.answers import answered_triplets
from pyalign.analysis.choices import Chosen
from pyalign.analysis.each_model import Several, measures_of, of_each
from pyalign.analysis.model_choices import models_with_choices, notes_on_choices
from pyalign.analysis.notes import merged, notes_on_rows, notes_on_score
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes, credits_of, triplet_outcomes
from pyalign.analysis.repeats import Repeats, find_repeats
from pyalign.backends import get_host_backend
from pyalign.data import Aligned, Provenance, Triplets, require_odd_one_out, require_unweighted
from pyalign.data.missing import with_rows
from pyalign.data.similarities import as_models
from pyalign.errors import InputError
from pyalign.ops._door import open_door
from pyalign.ops.similarity import notes_on_similarities
from pyalign.ops.triplets import checked_triplets
from pyalign.progress import Progress, silent
from pyalign.stats.divergences import entropy, js_distance, kl_of_logs, log_choice_probabilities
from pyalign.stats.regression import pearson, spearman
from pyalign.typing import (
    AnswersLike,
    BackendName,
    EmbeddingsLike,
    MeasureLike,
    Models,
    NamedChoices,
    Policy,
    Ties,
    TripletsLike,
)

EDGES = (1 / 3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # a majority among three choices has at least a third


def agreement(
    embeddings: EmbeddingsLike | Models | None, triplets: TripletsLike, *, model_choices: NamedChoices | None = None,
    choice_base: int | None = None,
    answers: AnswersLike | None = None, measure: MeasureLike | Sequence[MeasureLike] = "cosine",
    temperature: float = 1.0, min_answers: int = 2,
    edges: Sequence[float] = EDGES, ties: Ties = "fractional", nan_policy: Policy = "raise",
    unreadable: Policy = "raise",
    missing: Policy = "raise", backend: BackendName = "auto", progress: Progress | None = None,
) -> Agreements:  # fmt: skip
    """A model's choice probabilities against the shares of many people's answers to the same triplets.

    Args:
        embeddings: (n, d) real numbers, one row per item: an array, a tensor, a DataFrame whose index is the names,
            `Embeddings`. Or a mapping from names to these; or None.
        triplets: (t, 3) integers in [0, n), or names of items; the last column is the item chosen as odd, unless there
            are answers. Rows with the same three items are answers to one triplet. Where both sides have names, rows
            are matched by name.
        model_choices: name -> recorded choices of a language model or a participant, as `pyalign.score_choices` takes
            them; in addition to x, which is then a mapping, or instead of it. Of a triplet that stands in several rows
            the mean of its choices counts, and of its probabilities.
        choice_base, unreadable: see `pyalign.score_choices`.
        answers: (t, 3) whole numbers of any dtype: how often each position in the file was chosen as odd, in place of
            single answers. None: those of `Triplets`, else the last column.
        measure: see `pyalign.similarity`; one or several.
        temperature: p = softmax(similarity / temperature), see `pyalign.choice_probabilities`.
        min_answers: triplets with fewer answers are left out.
        edges: of the bins of the majority share, ascending.
        ties, nan_policy, missing, backend: see `pyalign.score`.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        An `Agreement`; of a mapping, of choices or of several measures, `Agreements`. Of choices without probabilities
        only the accuracies are known.

    Raises:
        InputError: as `pyalign.score`; no triplet with so many answers; answers of another shape, negative, all 0 in
            a row, or shares, which do not say how many people answered; edges that do not ascend.

    Example:
        >>> x = np.array([[2.0, 0.0], [1.8, 0.4], [0.0, 2.0], [0.6, 0.6]])
        >>> found = agreement(x, [[0, 1, 2], [1, 2, 3]], answers=[[3, 2, 45], [15, 30, 5]], measure="dot")
        >>> round(found.share_pearson, 3), found.accuracy, round(found.js_distance, 3)
        (0.948, 0.75, 0.096)
    """
    progress = progress or silent
    limits = _checked_edges(edges)
    _checks.whole_number(min_answers, "min_answers", 1)
    _checks.one_of(ties, TIES, "ties")
    _checks.one_of(nan_policy, NAN, "nan_policy")
    measures = measures_of(measure)
    models, choices = models_with_choices(
        embeddings, model_choices, base=choice_base, nan_policy=nan_policy, unreadable=unreadable, ties=ties
    )
    answered = answered_triplets(triplets, answers, "agreement")
    require_unweighted(answered, "agreement")
    present = with_rows(models, answered, missing)
    given = present.triplets
    require_odd_one_out(given, "agreement")
    divisor = _checks.as_temperature(temperature)
    how = {"temperature": divisor, "ties": ties, "nan_policy": nan_policy, "backend": backend}

    def recorded(inputs: Mapping[str, Any], measure: Any) -> Provenance:
        told = {**inputs, "triplets": given, "answers": given.answers if answers is None else answers}
        asked = {
            "measure": measure,
            "temperature": divisor,
            "ties": ties,
            "nan": nan_policy,
            "backend": backend,
            "missing": missing,
            "min_answers": int(min_answers),
            "edges": limits.tolist(),
            **choices.options(),
        }
        return Provenance.now(told, asked, backend)

    def begin(aligned: Aligned, name: str | None) -> Callable[[MeasureLike], Agreement]:
        compared = _ready(aligned, name, int(min_answers), limits, how)
        inputs = {name or "embeddings": aligned.embeddings}
        return lambda one: replace(compared(one), coverage=present.coverage, provenance=recorded(inputs, str(one)))

    has_rows = not isinstance(models, Mapping) or bool(models) or not choices.choices
    found = of_each(as_models(models), given, measures, progress, begin) if has_rows else ()
    host = get_host_backend(backend)
    for name, chosen in choices.among(present).read(given, host).items():
        one = _of_choices(chosen, given, name, int(min_answers), limits, ties, host.name)
        inputs = {name: choices.choices[name]}
        found += (replace(one, coverage=present.coverage, provenance=recorded(inputs, None)),)
    inputs = {**(models if isinstance(models, Mapping) else {"embeddings": models}), **choices.choices}
    return Agreements(
        found, given.source, notes=merged(*(one.notes for one in found)), coverage=present.coverage,
        provenance=recorded(inputs, [str(one) for one in measures] if has_rows else None),
    )  # fmt: skip


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
    aligned: Aligned, name: str | None, min_answers: int, limits: np.ndarray, options: Mapping[str, Any]
) -> Callable[[MeasureLike], Agreement]:
    """Repeats are brought together once; what comes back compares by a measure."""
    door = open_door(options["backend"], aligned.x)
    rows = door.rows(aligned.x)
    index = door.host(checked_triplets(door, aligned.index, *map(int, rows.shape)))
    repeats = find_repeats(index, aligned.triplets.answers)
    enough = _with_enough(repeats, min_answers)
    distinct, people = repeats.triplets[enough], repeats.counts[enough]
    notes = merged(aligned.notes, notes_on_rows(rows, aligned.index, name or "embeddings"))

    def compared(measure: MeasureLike) -> Agreement:
        outcomes = triplet_outcomes(rows, distinct, measure=measure, **options)
        counts = people if outcomes.kept is None else people[outcomes.kept]
        found = _compare(outcomes, counts, limits, min_answers)
        assert found.kl is not None
        told = notes_on_score(found.accuracy, found.n_distinct, found.kl + found.human_entropy)
        of_measure = notes_on_similarities(rows, aligned.index, measure, name or "embeddings")
        return replace(found, embeddings=name, notes=merged(notes, of_measure, told))

    return compared


def _with_enough(repeats: Repeats, min_answers: int) -> np.ndarray:
    """(u,) mask of the distinct triplets with at least so many answers."""
    enough: np.ndarray = repeats.answers >= min_answers
    if not enough.any():
        most = int(repeats.answers.max())
        raise InputError(f"triplets must hold some with at least {min_answers} answers; got at most {most} for any")
    return enough


def _of_choices(
    chosen: Chosen, given: Triplets, name: str, min_answers: int, limits: np.ndarray, ties: Ties, backend: str
) -> Agreement:  # fmt: skip
    """Of choices that are there already, row by row of the triplets: their means over the rows of a triplet count."""
    values = _checks.as_triplets(given.values)
    repeats = find_repeats(values, given.answers)
    enough = _with_enough(repeats, min_answers)
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
        raise InputError(f"{name}: choices must answer at least one triplet with {min_answers} answers; got none")
    probabilities = None if chosen.probabilities is None else mean(chosen.probabilities[:, ::-1])
    found = _figures(
        mean(_credits(chosen.by_pair, ties)), probabilities, repeats.counts[kept], limits,
        n_dropped=int((enough & ~kept).sum()), min_answers=min_answers, measure=None, temperature=None, ties=ties,
        backend=backend,
    )  # fmt: skip
    told = notes_on_score(found.accuracy, found.n_distinct, 0.0, name, rows=False)
    if found.kl is None and probabilities is not None:
        told += (f"{name}: the probability of somebody's answer is 0: there is no finite KL",)
    of_choices = notes_on_choices({name: chosen}, given.task, "correlations, entropies or divergences")
    return replace(
        found, embeddings=name, model_choices=chosen.kind, notes=merged(given.notes, of_choices, told)
    )  # fmt: skip


def _compare(outcomes: Outcomes, counts: np.ndarray, limits: np.ndarray, min_answers: int) -> Agreement:
    """counts: (c, 3), of the triplets that were scored."""
    score = outcomes.score
    assert score.measure is not None and score.temperature is not None
    logs = log_choice_probabilities(outcomes.similarities, score.temperature)
    # Sorted, so that the same three numbers in another order have the same entropy bit for bit, and the same rank.
    ascending = np.sort(outcomes.similarities, axis=1)
    return _figures(
        _credits(outcomes.similarities, score.ties), np.exp(logs), counts, limits, logs,
        np.exp(log_choice_probabilities(ascending, score.temperature)), n_dropped=score.n_dropped,
        min_answers=min_answers, measure=score.measure, temperature=score.temperature, ties=score.ties,
        backend=score.backend,
    )  # fmt: skip


def _figures(
    credits: np.ndarray, model: np.ndarray | None, counts: np.ndarray, limits: np.ndarray,
    logs: np.ndarray | None = None, ascending: np.ndarray | None = None, **how: Any,
) -> Agreement:  # fmt: skip
    """All figures of c triplets.

    Args:
        credits: (c, 3), what the model's choice counts when the item at that position was called odd.
        model: (c, 3), its probabilities; None where it has none.
        counts: (c, 3), how many people called each odd.
        limits: of the bins.
        logs: of the probabilities, where they are known better than by these.
        ascending: the probabilities of each triplet in ascending order, likewise.
        how: the fields of the result that say how it was computed.
    """
    answers = counts.sum(axis=1)
    shares = counts / answers[:, None]
    top = counts == counts.max(axis=1, keepdims=True)
    majority = top / top.sum(axis=1, keepdims=True)
    weighed = [(shares, credits), (majority, credits), *([] if model is None else [(majority, model)])]
    columns = np.stack([shares.max(axis=1), *((weights * values).sum(axis=1) for weights, values in weighed)])
    means = columns.mean(axis=1)
    human_entropy = entropy(np.sort(shares, axis=1))
    of_model: dict[str, Any] = dict.fromkeys(("share_pearson", "entropy_pearson", "entropy_spearman"), math.nan)
    of_model |= dict.fromkeys(("model_entropy", "kl", "js_distance"))
    if model is not None:
        with np.errstate(divide="ignore"):
            divergence = float(kl_of_logs(shares, np.log(model) if logs is None else logs).mean())
        model_entropy = entropy(np.sort(model, axis=1) if ascending is None else ascending)
        of_model = {
            "share_pearson": pearson(model.ravel(), shares.ravel()),
            "entropy_pearson": pearson(model_entropy, human_entropy),
            "entropy_spearman": spearman(model_entropy, human_entropy),
            "model_entropy": float(model_entropy.mean()),
            "kl": divergence if math.isfinite(divergence) else None,
            "js_distance": float(js_distance(shares, model).mean()),
        }
    return Agreement(
        n_distinct=len(counts),
        n_answers=int(answers.sum()),
        human_entropy=float(human_entropy.mean()),
        majority_share=float(means[0]),
        accuracy=float(means[1]),
        majority_accuracy=float(means[2]),
        bins=_bins(columns, limits),
        **of_model,
        **how,
    )


def _credits(similarities: np.ndarray, ties: str) -> np.ndarray:
    """(c, 3): what the model's choice counts when the item at that position was called odd, as a fraction."""
    top = similarities[:, ::-1] == similarities.max(axis=1, keepdims=True)  # pair 2 - p is the one without p
    tied = top.sum(axis=1, keepdims=True)
    return credits_of(np.where(top, tied, -tied), ties) / CREDIT_UNIT


def _bins(columns: np.ndarray, limits: np.ndarray) -> tuple[AgreementBin, ...]:
    """columns: (4, c), the fields of `AgreementBin` in their order, for each triplet; (3, c) without probabilities."""
    last = len(limits) - 2
    # Shares such as 3/10 and edges such as 0.3 may differ in the last bit.
    place = np.clip(np.searchsorted(limits, columns[0] + 1e-12, side="right") - 1, 0, last)
    sizes = np.bincount(place, minlength=last + 1)
    bins = []
    for k, size in enumerate(sizes.tolist()):
        means = columns[:, place == k].mean(axis=1).tolist() if size else []
        means += [None] * (4 - len(means))
        bins.append(AgreementBin(float(limits[k]), float(limits[k + 1]), size, *means))
    return tuple(bins)


@dataclass(frozen=True)
class AgreementBin:
    """The triplets on which people agree so far. Fractions; None in an empty bin, or without probabilities.

    Attributes:
        low, high: of the majority share; low <= share < high, in the last bin also share = high.
        n_distinct: triplets in the bin.
        majority_share: mean, what the best model could have as accuracy.
        accuracy: mean share of people's answers that the model predicts.
        majority_accuracy: mean credit of the model when the majority's answer is the right one.
        majority_probability: mean probability that the model gives to the majority's answer.
    """

    low: float
    high: float
    n_distinct: int
    majority_share: float | None
    accuracy: float | None
    majority_accuracy: float | None
    majority_probability: float | None


@dataclass(frozen=True)
class Agreement(Result):
    """How a model's choices compare with those of many people, over distinct triplets that each count the same.

    Correlations are NaN where either side is constant, and of choices without probabilities, whose entropy and
    divergences are None.

    Attributes:
        n_distinct: triplets with at least `min_answers` answers, over which everything here is taken.
        n_answers: answers to them.
        n_dropped: such triplets left out because they touch a row with NaN or infinity (``nan_policy="omit"``), or
            have no choice.
        share_pearson: correlation of the model's probabilities with people's shares, over all three choices of every
            triplet: 3 n_distinct pairs of numbers.
        entropy_pearson, entropy_spearman: correlation of the model's entropy with that of people.
        model_entropy, human_entropy: means, nats; that of people is too low for few answers.
        kl: mean Kullback-Leibler divergence of the model from people, nats: people || model; None where a model's own
            probability of somebody's answer is 0.
        js_distance: mean Jensen-Shannon distance, the root of a divergence in nats; at most sqrt(log 2) = 0.8326.
        accuracy: mean share of people's answers that the model predicts.
        majority_accuracy: mean credit when the majority's answer is the right one; of m tied ones each counts 1/m.
        majority_share: mean, the highest `accuracy` that any model could have.
        bins: the same by majority share.
        min_answers, measure, temperature, ties, backend: how it was computed; measure and temperature are None of
            choices.
        embeddings: what the embeddings, or the choices, are called, or None.
        label: a shorter name for tables, or None.
        model_choices: how a model's own choices were given: "positions", "names" or "probabilities"; None where
            similarities decided.
    """

    command: ClassVar[str] = "agreement"

    n_distinct: int
    n_answers: int
    n_dropped: int
    share_pearson: float
    entropy_pearson: float
    entropy_spearman: float
    model_entropy: float | None
    human_entropy: float
    kl: float | None
    js_distance: float | None
    accuracy: float
    majority_accuracy: float
    majority_share: float
    bins: tuple[AgreementBin, ...]
    min_answers: int
    measure: str | None
    temperature: float | None
    ties: str
    backend: str
    embeddings: str | None = None
    label: str | None = None
    model_choices: str | None = None


@dataclass(frozen=True, repr=False)
class Agreements(Several[Agreement]):
    """The agreement of several embeddings, by several measures, with the same people.

    Attributes:
        results: an `Agreement` each, embeddings by embeddings.
        triplets: where the triplets came from, or None.
    """

    command: ClassVar[str] = "agreement"
    kind: ClassVar[type[Agreement]] = Agreement

    results: tuple[Agreement, ...]
