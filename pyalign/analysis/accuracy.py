"""One pass over the triplets, and the accuracy that comes of it.

Triplets that ask about a pair for which a given matrix has no value: NaN, a pair that nobody judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field, replace
from pyalign._result import OfTask, OnCards, Result
from pyalign.analysis.answers import run_anchored
from pyalign.analysis.each_model import Several
from pyalign.backends import Sums
from pyalign.data import ANCHORED, ODD_ONE_OUT, TASKS, Overlap, alternatives_of, chance_of
from pyalign.data.missing import in_places
from pyalign.documents import Estimate, Interval, WithAccuracy, hidden
from pyalign.errors import InputError, Remedy
from pyalign.measures import get_measure
from pyalign.ops._prepare import Deferred, finite_mask
from pyalign.ops.triplets import ReadyInputs, TripletResults, ready_inputs, run_ready
from pyalign.stats.components import Components
from pyalign.stats.resampling import Inference, inferred
from pyalign.typing import MeasureLike, Policy, Ties

TIES = ("fractional", "wrong", "human_alignment")


@dataclass(frozen=True)
class GroupScore(WithAccuracy):
    """The score of the triplets that share a label."""

    group: str  # the label.
    # fraction, ties counted as in the whole. It has no interval where none was asked for, where resamples hold none of
    # the group, or in the closed form of a single triplet, participant or set of objects. With ``ci="auto"`` that is
    # over objects where fewer than four participants answered the triplets of the group.
    accuracy: Estimate = field(metadata={"ci": "ci", "null": True})
    n_triplets: int  # how many triplets have the label, or of many people's answers to each, how many answers.
    cross_entropy: float | None  # nats per triplet; None where that of the whole is.
    # the accuracy drawn towards that of the other groups, as far as it is uncertain itself; a fraction. None where
    # fewer than five groups have an interval in closed form. See `pyalign.stats.pooling`.
    pooled: Estimate | None = None
    # p_lowest, p_highest: the probability that no other group has a lower, or a higher, true accuracy.
    p_lowest: float | None = None
    p_highest: float | None = None


@dataclass(frozen=True, repr=False)
class Score(OfTask, OnCards, WithAccuracy, Result):
    """How well similarities predict which item people called odd, or which of two options they chose for an anchor.

    Or how well a model's own choices do (`score_choices`); what only similarities have is then None.
    """

    command: ClassVar[str] = "score"
    derived: ClassVar[tuple[str, ...]] = (
        "chance", "standard_error", "cross_entropy_standard_error", "triplets_per_second",
    )

    # fraction of answers whose pair is the most similar one, ties counted by `ties`, or mean of that over triplets
    # (`weighting`); None where nobody has answered. Of anchored triplets the pairs are the anchor's.
    accuracy: Estimate | None = field(metadata={"ci": "ci"})
    n_triplets: int  # triplets that were scored.
    n_ties: int  # triplets in which two or three pairs tie for the most similar.
    # triplets left out because they touch a row with NaN or infinity, or of a matrix a pair that is NaN
    # (``nan_policy="omit"``); of a model's own choices, because there is none.
    n_dropped: int
    # nats per triplet, mean of -log p(human's choice); None as the accuracy, for choices without probabilities, and
    # where the probability of some human's choice is 0.
    cross_entropy: Estimate | None
    # nats per triplet, of the model's own choice probabilities; at most log 3, of two options log 2. None for choices
    # without probabilities.
    mean_entropy: float | None
    # the similarity measure; "similarity matrix" or "dissimilarity matrix" where one was given in place of embeddings;
    # None for choices.
    measure: str | None
    temperature: float | None  # p = softmax(s / temperature); None for choices.
    ties: str  # the rule for ties.
    nan: str  # the rule for rows with NaN.
    backend: str  # what computed it.
    embeddings: str | None = None  # what the embeddings, or the choices, are called, or None.
    label: str | None = None  # a shorter name for tables, or None.
    seconds: float | None = field(default=None, compare=False)  # that the pass over the triplets took.
    inference: Inference = inferred()  # how intervals were found; the seed is that of resamples.
    # variance components of the credit of an answer, square fractions: how much objects, participants and both account
    # for. None without intervals in closed form.
    components: Components | None = None
    cross_entropy_components: Components | None = None  # the same of the cross-entropy, square nats.
    ceiling: float | None = None  # the noise ceiling, a fraction; None unless asked for, as all that follow.
    # which it is: "upper", "lower" or "estimate" of `pyalign.noise_ceiling`, or "given" as a number.
    ceiling_name: str | None = None
    # how far the accuracy has come from chance (at 0) to the ceiling (at 1). Its interval is over what that of the
    # accuracy is over; of a ceiling with an error it is Fieller's, with the covariance of both where they come from the
    # same answers.
    fraction_of_ceiling: Estimate | None = None
    groups: tuple[GroupScore, ...] | None = None  # the scores of labeled groups of triplets.
    # the standard deviation of true accuracies between these groups, a fraction; None as `GroupScore.pooled`.
    group_spread: Estimate | None = None
    permutation_test: PermutationTest | None = None  # the chance level by random matchings of rows and items.
    transform: str | None = None  # the map that the rows went through first.
    # shares of these triplets and of their objects that the fit of the map has seen, where that is known.
    in_sample: Overlap | None = None
    # how a model's own choices were given: "positions", "names" or "probabilities"; None where similarities decided.
    model_choices: str | None = None
    task: str = ODD_ONE_OUT  # of the triplets, ``"odd-one-out"`` or ``"anchored"``; `chance` follows from it.
    # of weighted answers, how many of equal weight would say as much; None where all count the same.
    effective_answers: float | None = None
    n_answers: int | None = None  # answers to these triplets, where there are counts of them; None where each has one.
    # what counts the same in accuracy, cross-entropy and their errors: "answers", or "triplets".
    weighting: str = "answers"
    # int8 (t,), the odd position, or that of the option which the model takes, by the positions in the file; -1 for a
    # tie, -2 for a triplet that was left out. Kept on demand.
    choices: np.ndarray | None = hidden(default=None, compare=False)
    # (t, 3), that each position is odd, or (t, 2), that each option is chosen; NaN for a triplet that was left out.
    # Kept on demand.
    probabilities: np.ndarray | None = hidden(default=None, compare=False)

    @property
    def cross_entropy_standard_error(self) -> float | None:
        """The standard error of the cross-entropy, nats."""
        return None if self.cross_entropy is None else self.cross_entropy.error

    @property
    def triplets_per_second(self) -> float | None:
        """How many triplets the scoring pass reads per second."""
        return None if not self.seconds else (self.n_triplets + self.n_dropped) / self.seconds

    def __repr__(self) -> str:
        dropped = f", {self.n_dropped:,} dropped" if self.n_dropped else ""
        dropped += f", {self.coverage.left_out}" if self.coverage and self.coverage.left_out else ""
        interval = f" [{self.ci.low:.3%}, {self.ci.high:.3%}] over {self.ci.by}" if self.ci else ""
        accuracy, nats, entropy = (
            "None" if value is None else format(value, form)
            for value, form in ((self.accuracy, ".3%"), (self.cross_entropy, ".5f"), (self.mean_entropy, ".5f"))
        )
        how = f"measure={self.measure!r}, temperature={self.temperature:g}" if self.temperature is not None else ""
        how = how or f"model_choices={self.model_choices!r}"
        return (
            f"Score(accuracy={accuracy}{interval} of {self.n_triplets:,} triplets, {self.n_ties:,} ties "
            f"({self.ties}){dropped}, cross_entropy={nats} nats, "
            f"mean_entropy={entropy} nats, {how}, backend={self.backend!r})"
        )


class OnlyScore:
    """What can be read from `Scores` where there is one: what was not asked for, or does not exist, is None."""

    if TYPE_CHECKING:
        accuracy: Estimate
        ci: Interval
        cross_entropy: Estimate
        mean_entropy: float
        n_triplets: int
        n_ties: int
        n_dropped: int
        ceiling: float
        fraction_of_ceiling: Estimate
        groups: tuple[GroupScore, ...]
        permutation_test: PermutationTest
        in_sample: Overlap
        choices: np.ndarray
        probabilities: np.ndarray


@dataclass(frozen=True, repr=False)
class Scores(OnCards, Several[Score], OnlyScore):
    """The scores of one model or several, by one measure or several, on the same triplets.

    Where there is one score, its attributes can be read from the whole: ``scores.accuracy`` is
    ``scores.only.accuracy``.

    Attributes:
        triplets: where the triplets came from, or None.
    """

    command: ClassVar[str] = "score"
    kind: ClassVar[type[Score]] = Score

    results: tuple[Score, ...]  # a `Score` each, embeddings by embeddings.


@dataclass(frozen=True)
class ChoiceModel:
    """How similarities become choices, and what these count; fields as arguments of `pyalign.score`."""

    measure: MeasureLike = "cosine"
    temperature: float = 1.0
    ties: Ties = "fractional"
    nan_policy: Policy = "raise"
    task: str = ODD_ONE_OUT  # what the numbers of a triplet are.


PLAIN = ChoiceModel()


def score_triplets(
    x: object, triplets: object, how: ChoiceModel, backend: str = "auto", **wanted: Any
) -> tuple[TripletResults, int]:
    """The pass behind `score`, and the number of dropped triplets.

    A dropped triplet has choice -2, probabilities NaN and similarities NaN.
    wanted: which arrays, of choices, probabilities and similarities.
    """
    return score_ready(ready_inputs(x, triplets, backend, get_measure(how.measure).precomputed), how, **wanted)


def score_ready(
    ready: ReadyInputs, how: ChoiceModel, *, choices: bool = False, probabilities: bool = False,
    similarities: bool = False, deferred: Deferred | None = None,
) -> tuple[TripletResults, int]:
    """The same of what is ready; `deferred`: see `run_ready`."""
    kept, measure = None, get_measure(how.measure)
    if how.nan_policy == "omit":
        ready, kept = scored_part(ready, measure.precomputed, how.task)
    elif measure.precomputed:
        require_values(ready.dispatch.host(ready.rows))
    wanted = {"choices": choices, "probabilities": probabilities, "similarities": similarities}
    if how.task == ANCHORED:
        results = run_anchored(ready, measure, temperature=how.temperature, deferred=deferred, **wanted)
    else:
        results = run_ready(ready, measure, temperature=how.temperature, sums=True, deferred=deferred, **wanted)
    if kept is None:
        return results, 0
    return _spread(results, kept), int((~kept).sum())


def summarize(results: TripletResults, n_dropped: int, how: ChoiceModel) -> Score:
    """A `Score` from the sums of one pass."""
    sums = results.sums
    assert sums is not None
    n = results.n_triplets
    cross_entropy, entropy = sums.cross_entropy / n, sums.entropy / n
    if not (np.isfinite(cross_entropy) and np.isfinite(entropy)):
        raise InputError(f"temperature must be large enough for a finite cross-entropy; got {how.temperature:g}")
    return Score(
        accuracy=Estimate(accuracy_of(sums, n, how.ties)),
        n_triplets=n,
        n_ties=sum(sums.ties),
        n_dropped=n_dropped,
        cross_entropy=Estimate(cross_entropy),
        mean_entropy=entropy,
        measure=str(get_measure(how.measure)),
        temperature=float(how.temperature),
        ties=how.ties,
        nan=how.nan_policy,
        backend=results.backend,
        task=how.task,
    )


def fraction_of_ceiling(accuracy: float, ceiling: float, task: str = ODD_ONE_OUT) -> float:
    """The position of an accuracy between chance and the ceiling: 0 at chance, 1 at the ceiling.

    Args:
        accuracy: a fraction.
        ceiling: a fraction above chance, such as ``noise_ceiling(...).ceiling``.
        task: ``"odd-one-out"``, where chance is 1/3; or ``"anchored"``, where it is 1/2.

    Raises:
        InputError: a number that is no fraction, or a ceiling that is not above chance.

    Source: Schrimpf et al., "Brain-Score", 2018: scores are divided by their ceiling, here both above chance.

    Example:
        >>> round(fraction_of_ceiling(0.5, 0.6722), 4)
        0.4918
    """
    accuracy, ceiling = (
        _checks.real_number(value, name) for value, name in ((accuracy, "accuracy"), (ceiling, "ceiling"))
    )
    if not 0 <= accuracy <= 1:
        raise InputError(f"accuracy must be a fraction from 0 to 1; got {accuracy!r}")
    chance = chance_of(_checks.one_of(task, TASKS, "task"))
    if not chance < ceiling <= 1:
        reason = f"1/{alternatives_of(task)}"
        raise InputError(f"ceiling must be a fraction above chance ({reason}), at most 1; got {ceiling!r}")
    return (accuracy - chance) / (ceiling - chance)


def accuracy_of(sums: Sums, n: int, ties: str) -> float:
    """Accuracy (fraction) of n triplets under a rule for ties."""
    alone, two_way, three_way = sums.right
    if ties == "wrong":
        return alone / n
    if ties == "human_alignment":
        return (alone + two_way) / n
    return (6 * alone + 3 * two_way + 2 * three_way) / (6 * n)  # whole numbers: rounded once


def scored_part(ready: ReadyInputs, precomputed: bool, task: str) -> tuple[ReadyInputs, np.ndarray | None]:
    """What is left without NaN, and which triplets (t,) touch none; None for all. See ``nan_policy="omit"``."""
    dispatch, rows, index = ready.dispatch, ready.rows, ready.index
    _checks.require_valid(dispatch.backend.check_triplets(index, len(rows)), index, *map(int, rows.shape))
    if precomputed:
        return without_missing_pairs(ready, task)
    finite = finite_mask(dispatch.backend, rows)
    if finite.all():
        return ready, None
    items = dispatch.host(index)
    kept: np.ndarray = finite[items].all(axis=1)
    if not kept.any():
        raise InputError(
            f"embeddings must be finite in the rows of at least one triplet; all {len(kept)} touch NaN or infinity"
        )
    renumbered = np.cumsum(finite) - 1
    return ReadyInputs(dispatch, dispatch.take(rows, finite), dispatch.triplets(renumbered[items[kept]])), kept


def _spread(results: TripletResults, kept: np.ndarray) -> TripletResults:
    """Arrays of the kept triplets in the places that they had among all; numpy arrays."""
    choices, probabilities, similarities = (
        None if array is None else in_places(_checks.as_array(array, "result", "(t, ...)"), kept)
        for array in (results.choices, results.probabilities, results.similarities)
    )
    return replace(results, choices=choices, probabilities=probabilities, similarities=similarities)


@dataclass(frozen=True)
class PermutationTest(OfTask, Result):
    """An accuracy against those under random matchings of rows and items."""

    command: ClassVar[str] = "permutation"
    derived: ClassVar[tuple[str, ...]] = ("chance", "confidence")

    accuracy: float  # of the embeddings as they are, a fraction.
    p_value: float  # share of matchings that reach it, the given one among them: (1 + reached) / (1 + permutations).
    null_mean: float  # mean accuracy under random matchings: the chance level.
    null_ci: Interval  # the middle share of those accuracies, an interval.
    null_standard_deviation: float  # theirs.
    permutations: int  # how many.
    seed: int  # the seed of the permutations.
    n_triplets: int  # triplets that were scored.
    task: str = ODD_ONE_OUT  # of the triplets; `chance` is that of a model that knows nothing.

    @property
    def confidence(self) -> float:
        """The confidence level of `null_ci`."""
        return self.null_ci.confidence


ALIKE, FEWEST = 0.9, 0.5  # shares of the triplets that are scored: the median order has the first, each the second
PAIRS = ((0, 1), (0, 2), (1, 2))  # of positions; anchored triplets ask about the first two


def has_values(matrix: np.ndarray, triplets: np.ndarray, task: str = ODD_ONE_OUT) -> np.ndarray:
    """(t,) mask of the triplets (t, 3) whose pairs all have a value in a matrix (n, n).

    Example:
        >>> matrix = np.array([[0, np.nan, 1], [np.nan, 0, 1], [1, 1, 0]])
        >>> has_values(matrix, np.array([[0, 1, 2], [2, 0, 1]])), has_values(matrix, np.array([[2, 0, 1]]), "anchored")
        (array([False, False]), array([ True]))
    """
    asked = PAIRS[:2] if task == ANCHORED else PAIRS
    missing = np.zeros(len(triplets), bool)
    for i, j in asked:
        missing |= np.isnan(matrix[triplets[:, i], triplets[:, j]])
    return ~missing


def require_values(matrix: np.ndarray, name: str = "matrix") -> None:
    """Raises where a matrix (n, n) has no value for a pair."""
    missing = np.isnan(matrix)
    if not missing.any():
        return
    (i, j), n = np.argwhere(missing)[0], len(matrix)
    raise InputError(
        f"{name} must have a value for every pair; {int(missing.sum()) // 2:,} of {n * (n - 1) // 2:,} are NaN, "
        f'[{i}, {j}] is the first; {Remedy("nan_policy", "omit")} leaves out the triplets that ask about them'
    )


def require_alike_orders(matrix: np.ndarray, triplets: np.ndarray, permuted: Iterable[np.ndarray], task: str) -> None:
    """Raises where triplets (t, 3) under permutations ask about fewer or more pairs of NaN than they do as they are.

    Accuracies of fewer triplets vary more: the null distribution would be wider, or narrower, than the accuracy
    that is tested deserves. Where the pairs without a value have nothing to do with the triplets, the number that is
    scored is about the median over orders; that a single order leaves fewer is part of the null hypothesis.
    """
    scored = int(has_values(matrix, triplets, task).sum())
    counts = [int(has_values(matrix, moved, task).sum()) for moved in permuted]
    median, least = float(np.median(counts)), min(counts)
    if not ALIKE <= median / scored <= 1 / ALIKE or least < FEWEST * scored:
        median_of = f"{median:,.0f} in the median of {len(counts):,} orders, {least:,} at least"
        raise InputError(
            "matrix must leave about as many triplets in other orders for a permutation test; "
            f"{scored:,} ask about no NaN as the matrix is, {median_of}"
        )


def without_missing_pairs(ready: ReadyInputs, task: str) -> tuple[ReadyInputs, np.ndarray | None]:
    """A matrix (n, n) without NaN with the triplets that ask about none of its NaN, and which are those; None: all."""
    dispatch = ready.dispatch
    matrix, index = dispatch.host(ready.rows), dispatch.host(ready.index)
    missing = np.isnan(matrix)
    if not missing.any():
        return ready, None
    kept = has_values(matrix, index, task)
    if not kept.any():
        reason = f"all {len(kept)} ask about a pair that is NaN"
        raise InputError(f"matrix must have a value for every pair of at least one triplet; {reason}")
    filled = np.where(missing, matrix.dtype.type(0), matrix)
    return ReadyInputs(dispatch, dispatch.similarities(filled), dispatch.triplets(index[kept])), kept
