"""Triplets chosen because two models differ on them, and the weights by which answers give figures of random triplets.

Candidates are all triplets, or random ones of them where these are too many. Each gets a probability pi: a share of the
design is spread evenly over the candidates, the rest over those on which the models choose different items,

    pi = n ((1 - share) / candidates + share f),        f proportional to a_i a_j a_k where they differ, else 0,

with a factor a of each object, from 1/3 to 3, for which all objects are expected equally often (iterative proportional
fitting). No pi is above 1. The sample holds each candidate with exactly its probability, and none twice: many more are
drawn systematically, and halved several times by fair choices that keep objects level. The weight of a triplet is the
probability that as many random triplets would hold it, divided by its own.

Source: Deming and Stephan, "On a least squares adjustment of a sampled frequency table", 1940; Madow, "On the theory of
systematic sampling II", 1949; weights are those of Horvitz and Thompson, JASA 1952. Triplets on which models disagree:
Golan, Raju and Kriegeskorte, "Controversial stimuli", PNAS 2020.
"""

from __future__ import annotations

from math import comb
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.data import Embeddings, Provenance, Weights, as_embeddings, match_names
from pyalign.data.names import require_different
from pyalign.data.similarities import notes_on_values
from pyalign.datasets.lists_of_trials import REPEATED, SHARED, Lists
from pyalign.datasets.simulate import Chooser, generator, random_triplets
from pyalign.documents import csv_text, hidden
from pyalign.errors import InputError
from pyalign.io.answers import COVERED, WEIGHT
from pyalign.measures import get_measure
from pyalign.typing import EmbeddingsLike, MeasureLike

CANDIDATES = 1 << 21  # that are looked at first: all triplets of 233 objects
MOST_CANDIDATES = 1 << 24  # that are looked at where models seldom differ
MOST_HALVINGS, MOST_DRAWN = 5, 1 << 20  # of what is drawn so that objects have as many triplets each
PLENTY = 4  # candidates for each triplet that is chosen because models differ on it
MOST_STEPS = 100  # of the fit of the factors of objects
MOST_FACTOR = 3.0  # of an object, and its inverse the least: some designs can't be balanced, and weights stay small
CLOSE_ENOUGH = 1e-3  # of the expected number of triplets of each object, relative
LEVEL, POWER = 0.05, 0.8  # of the test whose answers are counted


@dataclass(frozen=True)
class ChosenTriplets(Result):
    """Triplets to present, and what their answers will be worth."""

    command: ClassVar[str] = "plan triplets"
    derived: ClassVar[tuple[str, ...]] = ("times_fewer",)
    filled: ClassVar = ("n_needed",)

    n_triplets: int  # how many.
    n_objects: int  # how many objects there are.
    n_differ: int  # those of the chosen triplets on which the models choose different items.
    differ_share: float  # the share of all triplets on which they do.
    share: float  # of the design, as it was asked for: chosen because the models differ.
    covered: float  # the share of all triplets that could be chosen: 1 unless `share` is 1, and then `differ_share`.
    # fewest, most: triplets of an object.
    fewest: int
    most: int
    difference: float  # the difference of accuracies that the numbers of answers are for, a fraction.
    # n_random, n_needed: answers to random triplets, and to triplets chosen so, for a test at .05 that finds this
    # difference in 80% of experiments. Answers are taken to be independent of each other, and to be one of the models'
    # two choices where these differ; fewer are needed where people choose the third.
    n_random: int
    n_needed: int
    measures: tuple[str, str]  # of the two models.
    seed: int  # as it was asked for.
    lists: Lists | None = None  # of trials, one for each participant, where they were asked for.
    # int32 (n, 3), objects by their rows in the first model, in random order; no document holds them.
    triplets: np.ndarray = hidden(default=None, compare=False)
    # float64 (n,), that each would be chosen; likewise.
    probabilities: np.ndarray = hidden(default=None, compare=False)
    # `Weights` (n,) of answers to them, 1 where a triplet is as likely as among random ones; likewise.
    weights: Weights = hidden(default=None, compare=False)
    names: tuple[str, ...] | None = hidden(default=None, compare=False)  # of the objects, or None; likewise.

    @property
    def times_fewer(self) -> float:
        """How many times as many answers to random triplets it takes."""
        return self.n_random / self.n_needed

    def design(self, escape: bool = False) -> str:
        """The table of the design: three items in a row, its probability, its weight, and the share that is covered.

        With lists a row is a trial; `subject` and `trial` stand before, `condition` and `presentation` after.

        Args:
            escape: see `Result.to_csv`.
        """
        lists = self.lists
        rows, items = (slice(None), self.triplets) if lists is None else (lists.rows, lists.items)
        shown = items if self.names is None else np.array(self.names)[items]
        columns: dict[str, list[Any]] = {
            **dict(zip(("item1", "item2", "item3"), shown.T.tolist(), strict=True)),
            "probability": [f"{p:.9g}" for p in self.probabilities[rows].tolist()],
            WEIGHT: [f"{w:.9g}" for w in self.weights.values[rows].tolist()], COVERED: [self.covered] * len(items),
        }
        if lists is not None:
            of_trial = lists.columns()
            columns = {name: of_trial.pop(name) for name in ("subject", "trial")} | columns | of_trial
        return csv_text(list(columns), zip(*columns.values(), strict=True), escape)


def plan_triplets(
    x: EmbeddingsLike, y: EmbeddingsLike, n_triplets: int | None = None, *, share: float = 0.5,
    measure: MeasureLike | tuple[MeasureLike, MeasureLike] = "cosine", difference: float | None = None, seed: int = 0,
    n_subjects: int | None = None, answers_per_subject: int | None = None, shared: float = SHARED,
    repeated: float = REPEATED,
) -> ChosenTriplets:
    """Choose triplets that distinguish two models with few answers: those on which they choose different items.

    Args:
        x, y: (n, d) embeddings of the same n objects; matched by name where both have names.
        n_triplets: how many to choose; none twice. With lists it follows from them.
        share: the proportion that is chosen because the models differ, from 0 to 1; the others are random. With less
            than 1, weighted answers give the figures of random triplets. With 1 the fewest answers distinguish the
            models; all figures except their difference are then those of triplets on which they differ.
        measure: one for both models, or a pair with one for each; see `pyalign.similarity`.
        difference: the smallest difference of accuracies that would matter, for the numbers of answers; None: 0.05, or
            half of the share of triplets on which the models differ, if that is less.
        seed: the same seed gives the same triplets.
        n_subjects, answers_per_subject: how many lists of how many trials to make, one for each participant.
        shared: the proportion of each list that goes to triplets that at least five participants answer, or all where
            these are fewer, for a noise ceiling; drawn at random from the triplets.
        repeated: the proportion of each list that is asked a second time.

    Returns:
        `ChosenTriplets`. Two ties are the same choice.

    Raises:
        InputError: models of different objects, or that never differ; more triplets than there are, or than those on
            which the models differ; a share or a difference that is no fraction; a larger difference than is possible.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, y = rng.normal(size=(2, 30, 5))
        >>> design = plan_triplets(x, y, 200)
        >>> design.triplets.shape, round(design.weights.values.mean()), design.n_needed < design.n_random
        ((200, 3), 1, True)
    """
    lists = _lists(n_triplets, n_subjects, answers_per_subject, shared, repeated)
    n_triplets = _checks.whole_number(n_triplets if lists is None else lists.n_triplets, "n_triplets", 1)
    share, asked = _share(share), None if difference is None else _checks.fraction(difference, "difference")
    measures = measure if isinstance(measure, list | tuple) else (measure, measure)
    if len(measures) != 2:
        raise InputError(f"measure must be one, or one for each of two models; got {len(measures)}")
    first, second = same_objects(as_embeddings(x, "x"), as_embeddings(y, "y"))
    choosers = [
        Chooser(_checks.as_rows(rows.values, name), get_measure(one))
        for rows, name, one in zip((first, second), "xy", measures, strict=True)
    ]
    n, rng = len(first), generator(seed)
    total = comb(n, 3)
    if n_triplets > total:
        what = "n_triplets" if lists is None else "the triplets of all lists"
        raise InputError(f"{what} must be at most {total:,}, the triplets of {n:,} objects; got {n_triplets:,}")
    candidates, differ = _looked_at(choosers, n, n_triplets, share, rng)
    differ_share = float(differ.mean())
    covered = differ_share if share == 1.0 else 1.0
    pi = probabilities_of(candidates, differ, n, n_triplets, share)
    difference, n_random, n_needed = _answers_needed(pi, differ, n_triplets, asked, covered)
    chosen = choose(candidates, pi, n_triplets, rng)
    triplets = rng.permuted(candidates[chosen], axis=1)
    times = np.bincount(triplets.ravel(), minlength=n)
    weights = Weights(n_triplets / (len(pi) * pi[chosen]), covered)
    unnamed = () if lists is None or first.names else ("lists show numbers of rows, from 0: no object has a name",)
    on_values = notes_on_values(first, "x") + notes_on_values(second, "y")
    return ChosenTriplets(
        n_triplets=n_triplets, n_objects=n, n_differ=int(differ[chosen].sum()), differ_share=differ_share, share=share,
        covered=covered, fewest=int(times.min()), most=int(times.max()), difference=difference, n_random=n_random,
        n_needed=n_needed, measures=(str(measures[0]), str(measures[1])), seed=seed,
        lists=None if lists is None else lists.with_triplets(triplets, rng), triplets=triplets,
        probabilities=pi[chosen] * (len(pi) / total), weights=weights, names=first.names,
        notes=(*first.notes, *second.notes, *on_values, *weights.notes, *unnamed), provenance=Provenance.now(
            {"x": x, "y": y}, {"share": share, "measure": list(map(str, measures)), "difference": difference}, seed=seed
        ),
    )


def _lists(n_triplets: Any, n_subjects: Any, answers_per_subject: Any, shared: float, repeated: float) -> Lists | None:
    """The lists of trials, where participants or trials are asked for."""
    if n_subjects is None and answers_per_subject is None:
        return None
    if n_triplets is not None:
        raise InputError("n_triplets follows from n_subjects and answers_per_subject; leave it out")
    return Lists.of(n_subjects, answers_per_subject, _share(shared, "shared"), _share(repeated, "repeated"))


def _share(value: float, name: str = "share") -> float:
    share = _checks.real_number(value, name)
    if not 0.0 <= share <= 1.0:
        raise InputError(f"{name} must be a fraction from 0 to 1; got {value!r}")
    return share


def same_objects(a: Embeddings, b: Embeddings) -> tuple[Embeddings, Embeddings]:
    """Two embeddings with their rows in the order of the first.

    Example:
        >>> x = Embeddings(np.eye(2), ("cat", "dog"))
        >>> same_objects(x, Embeddings(np.eye(2), ("dog", "cat")))[1].values.tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    if len(a) != len(b):
        raise InputError(f"x and y must be about the same objects; got {len(a):,} and {len(b):,} rows")
    if a.names is None or b.names is None or a.names == b.names:
        return a, b
    require_different(a.names, "x")
    try:
        matched = match_names(a.names, b.names)
    except InputError as error:
        raise InputError(f"x and y must be about the same objects: {error}") from error
    return a, b[matched.rows]


def _looked_at(
    choosers: list[Chooser], n: int, n_triplets: int, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates (m, 3), none twice, and on which of them the models differ (m,): on enough of them."""
    total, needed = comb(n, 3), int(np.ceil(share * n_triplets))
    size = min(total, max(CANDIDATES, PLENTY * n_triplets))
    while True:
        _checks.require_room(60.0 * size, "n_triplets", f"{size:,} candidates")
        candidates = _all_triplets(n) if size == total else _some_triplets(n, size, rng)
        first, second = (chooser.ask(candidates, size) for chooser in choosers)
        differ = first != second
        n_differ = int(differ.sum())
        last = size == total or size >= MOST_CANDIDATES
        if n_differ and n_differ >= (needed if last else PLENTY * needed):
            return candidates, differ
        if last:
            break
        size = min(total, PLENTY * size)
    of = f"{'all' if size == total else 'as many as'} {len(candidates):,} triplets"
    if not n_differ:
        raise InputError(f"x and y must choose different items in some triplet; they agree on {of}")
    raise InputError(
        f"share times n_triplets must be at most {n_differ:,}, as the models differ on no more of {of}; got {needed:,}"
    )


def _all_triplets(n: int) -> np.ndarray:
    """int32 (n over 3, 3): all triplets of n objects, ascending."""
    pairs = np.stack(np.triu_indices(n, 1), axis=1).astype(np.int32)
    firsts = np.searchsorted(pairs[:, 0], np.arange(1, n + 1))  # where pairs of larger objects begin
    return np.concatenate(
        [np.column_stack([np.full(len(pairs) - start, k, np.int32), pairs[start:]]) for k, start in enumerate(firsts)]
    )


def _some_triplets(n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """int32 (at most size, 3): random triplets of n objects, ascending, none twice; equally likely."""
    drawn = np.sort(random_triplets(n, size, rng), axis=1).astype(np.int64)
    keys = np.unique((drawn[:, 0] * n + drawn[:, 1]) * n + drawn[:, 2])
    pairs, last = np.divmod(keys, n)
    return np.stack([*np.divmod(pairs, n), last], axis=1).astype(np.int32)


def probabilities_of(candidates: np.ndarray, differ: np.ndarray, n: int, n_triplets: int, share: float) -> np.ndarray:
    """(m,): pi of each of the candidates (m, 3) of n objects, at most 1; their sum is n_triplets.

    Example:
        >>> every = _all_triplets(4)
        >>> probabilities_of(every, np.array([True, True, False, False]), 4, 2, 0.5)
        array([0.75, 0.75, 0.25, 0.25])
    """
    mixed = np.full(len(candidates), (1.0 - share) / len(candidates))
    mixed[differ] += share * _balanced(candidates[differ], n)
    pi, open_ = np.zeros(len(mixed)), mixed > 0.0
    left = float(n_triplets)
    while True:  # what would be above 1 is 1, and the others share what is left
        pi[open_] = mixed[open_] * (left / mixed[open_].sum())
        full = open_ & (pi >= 1.0)
        if not full.any():
            return pi
        pi[full] = 1.0
        open_ &= ~full
        left -= float(full.sum())
        if not open_.any() or left <= 0.0:
            return pi


def _balanced(triplets: np.ndarray, n: int) -> np.ndarray:
    """(k,): shares of triplets (k, 3) that sum to 1, and are alike for the objects as far as factors allow."""
    factors, shares = np.ones(n), np.full(len(triplets), 1.0 / len(triplets))
    occurs = np.bincount(triplets.ravel(), minlength=n) > 0
    for _ in range(MOST_STEPS):
        own = np.bincount(triplets.ravel(), np.repeat(shares, 3), n)[occurs]
        change = 3.0 / occurs.sum() / own
        if np.abs(change - 1.0).max() < CLOSE_ENOUGH:
            break
        factors[occurs] *= np.sqrt(change)
        factors = np.clip(factors / np.median(factors[occurs]), 1.0 / MOST_FACTOR, MOST_FACTOR)
        shares = factors[triplets].prod(axis=1)
        shares /= shares.sum()
    return shares


def choose(candidates: np.ndarray, pi: np.ndarray, n_triplets: int, rng: np.random.Generator) -> np.ndarray:
    """The numbers of n_triplets candidates, each with its probability (m,), none twice; in random order.

    As many times more are drawn as their probabilities allow, and halved again and again: of two neighbors one stays,
    each with probability 1/2, so that what is left has half of the triplets of each object.
    """
    most = min(MOST_HALVINGS, int(np.log2(1.0 / pi.max())), int(np.log2(max(1.0, MOST_DRAWN / n_triplets))))
    rows = _systematic(candidates, pi, n_triplets << most, rng)
    for _ in range(most):
        rows = _half(rows, candidates[rows], rng)
    return rng.permutation(rows)


def _systematic(candidates: np.ndarray, pi: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """A systematic sample of n candidates, with probabilities as pi (m,), in the order of one of their objects."""
    order = np.lexsort((rng.random(len(pi)), candidates[np.arange(len(pi)), rng.integers(0, 3, len(pi))]))
    reached = np.cumsum(pi[order])
    reached *= n / reached[-1]
    reached[-1] = n
    steps = np.floor(reached + rng.random())
    chosen: np.ndarray = order[np.diff(steps, prepend=0.0) > 0.0]
    return chosen


def _half(rows: np.ndarray, triplets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One of each two neighbors among rows (m,), whose triplets are these (m, 3).

    It is the one whose objects were taken less often so far, or either. The rule is the same for what is taken and for
    what is left, so that each is as likely as the other.
    """
    ahead, kept = [0] * (int(triplets.max()) + 1), np.arange(0, len(rows), 2)
    coins = (rng.random(len(kept)) < 0.5).tolist()
    for k, ((a, b, c), (d, e, f), coin) in enumerate(
        zip(triplets[::2].tolist(), triplets[1::2].tolist(), coins, strict=True)
    ):
        lead = ahead[a] + ahead[b] + ahead[c] - ahead[d] - ahead[e] - ahead[f]
        step = 1 if lead < 0 or (lead == 0 and coin) else -1
        for one in (a, b, c):
            ahead[one] += step
        for one in (d, e, f):
            ahead[one] -= step
        kept[k] += step < 0
    left: np.ndarray = rows[kept]
    return left


def _answers_needed(
    pi: np.ndarray, differ: np.ndarray, n_triplets: int, asked: float | None, covered: float
) -> tuple[float, int, int]:
    """The difference of accuracies to be found, and how many answers that takes: random ones, and to the design."""
    differ_share = float(differ.mean())
    difference = min(0.05, differ_share / 2.0) if asked is None else asked
    if difference > differ_share:
        raise InputError(
            "difference must be at most the share of random triplets on which the models differ "
            f"({differ_share:.3g}); got {difference:g}"
        )
    quantiles = sum(map(NormalDist().inv_cdf, (1 - LEVEL / 2, POWER)))
    variances = _variances(pi, differ, n_triplets, difference, covered)
    n_random, n_needed = (int(np.ceil(quantiles**2 * one / difference**2)) for one in variances)
    return difference, n_random, n_needed


def _variances(pi: np.ndarray, differ: np.ndarray, n: int, difference: float, covered: float) -> tuple[float, float]:
    """Variances, times n, of a difference of accuracies: for random answers, and for answers to the design.

    Each answer is one of the models' choices where these differ: the difference of credits is 1 or -1 there, else 0.
    """
    q = float(differ.mean())
    spread = n / len(pi) ** 2 * np.divide(1.0, pi, out=np.zeros_like(pi), where=pi > 0.0)  # weights, squared
    mean = difference / q if covered < 1.0 else difference  # of the weighted differences
    within = float(spread[differ].sum()) * (1.0 - 2.0 * mean * difference / q + mean**2)
    without = float(spread[~differ].sum()) * mean**2 if covered == 1.0 else 0.0
    return q - difference**2, within + without
