"""The noise ceiling: how well the answers of people predict those of other people.

Its standard errors are over other objects, and over other participants where they are known. A ceiling is a (weighted)
mean over sets of three items, so with psi of each set it has an error over objects, see `pyalign.stats.clustered`.
People enter by what changes without them: with c of each entry, a participant's answers to a set, the variance over
people is the sum over participants of (sum of c)^2. What the two have in common, the same within each participant by
objects, is taken off once:

    V = V_objects + (V_people - V_both) W^2 / (W^2 - sum W_p^2)

where W_p counts the entries of a participant by their weights, and W all: as many pairs of entries are of
different participants. V is at least V_objects, and at least V_people where the changes are centered in each set:
others hold what sets differ by, and the chance within sets up to twice, which V_both takes off again.

Source: Cameron, Gelbach and Miller, "Robust inference with multiway clustering", 2011; Efron and Stein, "The jackknife
estimate of variance", 1981.
"""

from __future__ import annotations

import math

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.analysis.answers import Repeats, alike, first_answers, inputs_of, with_people
from pyalign.analysis.ceiling.leave_one_out import (
    Ceiling, Ceilings, Entries, LeaveOneOut, NoiseCeiling, RepeatedSets, leave_one_out, repeated_sets,
)
from pyalign.analysis.notes import merged, notes_on_anchors
from pyalign.data import Provenance, Triplets, alternatives_of
from pyalign.data.answers import WEIGHTINGS
from pyalign.documents import Estimate, Interval
from pyalign.errors import InputError
from pyalign.ops.plan import row_moments
from pyalign.stats.clustered import SIGNS, Dependence, with_weights
from pyalign.stats.degrees import EffectiveNumber, are_enough, effective_numbers, without_interval
from pyalign.stats.divergences import entropy
from pyalign.stats.intervals import FRACTION, quantile, student_interval
from pyalign.stats.pooling import Influence, fit_by_answers
from pyalign.stats.resampling import Clusters, Resampling, subject_codes
from pyalign.typing import AnswersLike, Fraction, SubjectsLike, TripletsLike, Weighting, WeightsLike

MOST_EXACT = 300
MUCH, SURE = 0.01, 0.99  # a difference of two shares, and the confidence, from which a note speaks of it
FEW = 5  # answers to a triplet, on average, below which how they vary over triplets is not well known


@_checks.checked
def noise_ceiling(
    triplets: TripletsLike, *, subjects: SubjectsLike | None = None, answers: AnswersLike | None = None,
    confidence_level: Fraction = 0.95, weights: WeightsLike | None = None, weighting: Weighting = "answers",
) -> NoiseCeiling:
    """Estimate how well participants predict each other, from triplets that were answered more than once.

    Rows with the same three items, in any order, are answers to one triplet. There are three ceilings, see `Ceilings`:
    the mean majority share, which is too high with few answers; the leave-one-participant-out share, which is too low
    with few answers; and an estimate between the two. All weigh triplets alike, as the accuracy of a score does; a note
    says where triplets with more answers are easier or harder. The plug-in bound on the cross-entropy of any model only
    holds for these answers, and is too optimistic for others.

    Args:
        triplets: (t, 3) integers >= 0 or names, three different items each; the last column is the item chosen as odd,
            unless there are answers.
        subjects: (t,) numbers or strings: who gave each answer; None: those of the triplets. Only the first answer of
            each to a triplet counts. Without them each answer is a different participant's.
        answers: (t, 3) counts: how often each position was chosen as odd, instead of single answers; None: those of
            the triplets.
        confidence_level: of the intervals, which are over objects, and participants where they are known; with
            quantiles of Student's t.
        weights: (t,) how much each answer counts, see `pyalign.score`; all answers to a triplet have the same.
        weighting: ``"answers"``: each answer counts the same, as in the accuracy of `pyalign.score`, so that a triplet
            counts as much as it has answers; ``"triplets"``: each distinct triplet does.

    Raises:
        InputError: no triplet is answered twice; subjects of another length, of one participant, or of no two
            participants who answered the same triplet; answers of another shape, negative, all 0 in a row, or shares;
            both of them; answers to a triplet that have different weights.

    Source: Hebart et al., "Revealing the multidimensional mental representations of natural objects", 2020, and
    Muttenthaler et al., ICLR 2023: their 67.2 +- 1.0% is the mean majority share of 1,000 repeated triplets and
    1.96 standard errors of independent triplets. For the estimate see `pyalign.stats.pooling`, for errors
    `pyalign.analysis.ceiling.noise_ceiling`.

    Example:
        >>> people = noise_ceiling([[0, 1, 2], [1, 0, 2], [2, 1, 0], [3, 4, 5], [3, 4, 5], [0, 1, 5]])
        >>> round(people.ceiling, 4), people.n_distinct, people.n_answers
        (0.8, 2, 5)
        >>> people.leave_one_out  # of the three answers to 0, 1, 2 two are predicted half, one not at all
        0.6
    """
    given, people = with_people(triplets, answers, subjects, "ceiling", weights)
    sets, repeats, within = _answered_twice(given, people, weighting)
    others, confidence = leave_one_out(sets), float(confidence_level)
    errors = CeilingErrors.of(sets, confidence)
    ceilings = _ceilings(sets, others, errors)
    plug_in, corrected = _entropies(sets)
    remarks = _remarks(sets.counts)
    made = Provenance.now(inputs_of(given, people), {"confidence": confidence, "weighting": weighting})
    [one.sha256 for one in made.inputs]  # now: scores compare it, and what was read for this call is gone by then
    no_interval = () if ceilings.upper.ci is not None else (without_interval(errors.plan.by, errors.numbers),)
    return NoiseCeiling(
        ceilings=ceilings,
        ceiling=ceilings.upper.value,
        ci=ceilings.upper.ci,
        guessing=_guessing(sets, alternatives_of(given.task)),
        n_distinct=len(sets.counts),
        n_answers=int(sets.counts.sum()),
        leave_one_out=Estimate(others.share, ceilings.lower.ci),
        n_predicted=others.n,
        least_cross_entropy=plug_in,
        corrected_entropy=corrected,
        n_persons=None if sets.entries is None else len(np.unique(sets.entries.persons)),
        n_repeats_within_person=within,
        confidence=confidence,
        remarks=remarks,
        triplets=given.source,
        task=given.task,
        effective_answers=None if sets.weights is None else _effective(sets.answers, sets.weights),
        weighting=weighting,
        notes=merged(given.notes, remarks, no_interval, _notes(sets, within or 0),
                     _on_numbers_of_answers(sets, errors, weighting), notes_on_anchors(repeats.triplets, given.task)),
        provenance=made,
    )


def _answered_twice(given: Triplets, people: object, weighting: Weighting) -> tuple[RepeatedSets, Repeats, int | None]:
    """The sets with several answers, all sets, and how many answers repeat one of the same participant."""
    persons = None if people is None else subject_codes(people, len(given))
    repeats, rows = first_answers(given, persons)
    once, within = given[rows], None
    if persons is not None:
        persons, within = persons[rows], len(given) - len(once)
    weights = (alike(once, repeats) if weighting == "triplets" else once).weights
    sets = repeated_sets(repeats, persons, None if weights is None else weights.values)
    if not len(sets.counts) and within:
        raise InputError("subjects must include two participants who answered the same triplet; no triplet has two")
    if not len(sets.counts):
        n = len(repeats.counts)
        raise InputError(f"triplets must hold some that are answered at least twice; all {n:,} are answered once")
    return sets, repeats, within


def _ceilings(sets: RepeatedSets, others: LeaveOneOut, errors: CeilingErrors) -> Ceilings:
    """The three of them. The estimate, which few triplets may take past one of the others, stays between them."""
    totals, every = sets.totals, np.arange(len(sets.counts))
    estimate, influence = fit_by_answers(sets.counts, totals)

    def mean_of(value: float, psi: Influence) -> Ceiling:
        table = with_weights(psi(sets.counts, every)[None], totals)
        changes = None
        if sets.entries is not None:
            changes = changes_without(sets.counts, sets.entries, psi)
            changes *= 1.0 if totals is None else totals[sets.entries.sets]
        return Ceiling(value, errors.interval(value, table, changes))

    upper = mean_of(float(np.average(majority_shares(sets.counts), weights=totals)), majority_shares)
    lower = Ceiling(others.share, errors.interval(others.share, others.table, others.worth, centered=False))
    return Ceilings(upper, lower, mean_of(min(max(estimate, lower.value), upper.value), influence))


def majority_shares(counts: np.ndarray, sets: np.ndarray | None = None) -> np.ndarray:
    """(u,): the share of the most frequent answer; of whatever sets."""
    shares: np.ndarray = counts.max(axis=1) / counts.sum(axis=1)
    return shares


def _effective(answers: np.ndarray, weights: np.ndarray) -> float:
    """How many answers of equal weight say as much as those to sets (u,) with weights (u,)."""
    return float((answers @ weights) ** 2 / (answers @ weights**2))


def _entropies(sets: RepeatedSets) -> tuple[float, float]:
    """Mean over answers of the entropy of their triplet's shares, in nats: as it is, and after Miller and Madow.

    Source: Miller, "Note on the bias of information estimates", 1955: a sample of size n that shows k categories has
    an entropy that is too low by about (k - 1) / 2n.
    """
    counts, answers = sets.counts, sets.answers
    each = 1.0 if sets.weights is None else sets.weights
    sums = float((each * answers * entropy(counts / answers[:, None])).sum())
    missing = float((each * ((counts > 0).sum(axis=1) - 1)).sum() / 2)
    total = float((each * answers).sum())
    return sums / total, (sums + missing) / total


def guessing_share(n: int, alternatives: int = 3) -> float:
    """Expected majority share of n answers that are guesses among three items, or two options; exact up to n = 300."""
    if alternatives == 2:
        return _guessing_of_two(n)
    if n > MOST_EXACT:
        # The largest of three shares, which are nearly normal: E max of three normals is 3 / (2 sqrt(pi)).
        return 1 / 3 + 1.5 / math.sqrt(3 * math.pi * n)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    a, b = np.ogrid[: n + 1, : n + 1]
    c = n - a - b
    logs = factorials[n] - factorials[a] - factorials[b] - factorials[np.maximum(c, 0)] - n * math.log(3)
    most = np.maximum(np.maximum(a, b), c)
    return float((np.exp(logs) * most)[c >= 0].sum() / n)


def _guessing_of_two(n: int) -> float:
    """E max(a, n - a) / n = 1/2 + E|a - n/2| / n for a ~ Binomial(n, 1/2); C(2m, m) / 4^m ~ 1 / sqrt(pi m)."""
    m = n // 2
    if n > MOST_EXACT:
        return 0.5 + 0.5 * math.sqrt(2 / (math.pi * n))
    return 0.5 + 0.5 * math.comb(2 * m, m) / 4**m


def _guessing(sets: RepeatedSets, alternatives: int) -> float:
    numbers, places = np.unique(sets.answers, return_inverse=True)
    times = np.bincount(places.reshape(-1), sets.totals)
    return float(np.array([guessing_share(int(n), alternatives) for n in numbers]) @ times / times.sum())


def _notes(sets: RepeatedSets, within: int) -> list[str]:
    """What a reader should know of these answers."""
    notes, mean = [], float(sets.answers.mean())
    if within:
        notes.append(
            f"{within:,} {'answer repeats' if within == 1 else 'answers repeat'} one from the same participant to "
            f"the same triplet and {'counts' if within == 1 else 'count'} in no ceiling"
        )
    if mean < FEW:
        notes.append(
            f"{mean:.3g} answers to a triplet, on average, say little of how choice probabilities vary: the estimate "
            "of the ceiling is rough"
        )
    return notes


def _on_numbers_of_answers(sets: RepeatedSets, errors: CeilingErrors, weighting: str) -> tuple[str, ...]:
    """A sentence where triplets with more answers are easier, or harder, by how often two participants agree.

    The mean of that does not depend on the number of answers. It must differ by `MUCH` between answers and triplets,
    and at the level `SURE` over objects.
    """
    n, counts = sets.answers, sets.counts
    pairs, agree = n * (n - 1), (counts * (counts - 1)).sum(axis=1)
    share = agree / pairs
    over_triplets, over_answers = (float(np.average(share, weights=one)) for one in (None, n))
    products = (n / n.mean() - 1.0) * (share - over_triplets)
    covariance = errors.sets.errors(with_weights(products[None], None))
    reach = quantile(SURE, errors.degrees) * float(covariance.errors[0]) if are_enough(errors.numbers) else math.nan
    if not abs(over_answers - over_triplets) > max(reach, MUCH):  # nothing is above NaN
        return ()
    return (
        f"triplets with more answers are {'easier' if over_answers > over_triplets else 'harder'}: two participants "
        f"agree in {over_answers:.1%} over answers and {over_triplets:.1%} over triplets; ceilings are over "
        f"{weighting}, as an accuracy held against them must be (or weighting={WEIGHTINGS[weighting == 'answers']!r})",
    )


def _remarks(counts: np.ndarray) -> tuple[str, ...]:
    """Signs that the counts are not what people answered."""
    if len(counts) < 10 or counts.max() > 1:
        return ()
    return (
        f"no two of {int(counts.sum()):,} answers to the same triplet agree: equal rows may have been removed from the "
        "triplets, which then say nothing about agreement",
    )


@dataclass(frozen=True)
class CeilingErrors:
    """What sets and entries have in common, once for all ceilings."""

    sets: Dependence  # by their objects.
    entries: Dependence | None  # by their objects and participants, or None.
    degrees: int  # of freedom.
    plan: Resampling  # over what the errors are.
    numbers: tuple[EffectiveNumber, ...]  # effective ones, of the answers.
    weights: np.ndarray | None = None  # float64 (e,), of the entries; None: they count the same.

    @classmethod
    def of(cls, sets: RepeatedSets, confidence_level: float = 0.95) -> CeilingErrors:
        """The errors of the ceilings of repeated sets."""
        items = np.unique(sets.triplets, return_inverse=True)[1].reshape(sets.triplets.shape)  # any number names one
        plan = Resampling("objects", confidence_level=confidence_level)
        clusters = Clusters.of(items, weights=sets.totals)
        objects, entries = Dependence.of(clusters, plan), sets.entries
        if entries is None:
            return cls(objects, None, objects.degrees, plan, effective_numbers(clusters, "objects"))
        plan = replace(plan, by="objects+subjects")
        weights = None if sets.weights is None else sets.weights[entries.sets]
        clusters = Clusters.of(items[entries.sets], entries.persons, weights=weights)
        both = Dependence.of(clusters, plan)
        return cls(objects, both, both.degrees, plan, effective_numbers(clusters, plan.by), weights)

    def interval(
        self, value: float, table: np.ndarray, changes: np.ndarray | None, centered: bool = True
    ) -> Interval | None:
        """The interval of a ceiling; None where no two sets, or no two participants, are independent.

        Args:
            value: the ceiling.
            table: float64 (u, 2), weights of the sets and weight * psi.
            changes: float64 (e,), what the sum of weight * psi would lose without each entry, or None.
            centered: whether the changes are centered in each set.
        """
        errors = self.sets.errors(np.ascontiguousarray(table))
        variance = float(errors.errors[0]) ** 2
        if self.entries is not None and changes is not None:
            of_mean = changes / float(table[:, 0].sum())
            variance = variance_with_people(variance, self.entries, of_mean, centered, weights=self.weights)
        if math.isnan(variance) or self.degrees < 1 or not are_enough(self.numbers):
            return None
        return student_interval(value, math.sqrt(variance), self.degrees, self.plan, FRACTION)


def variance_with_people(
    variance: float, entries: Dependence, changes: np.ndarray, centered: bool = True, over_objects: bool = True,
    weights: np.ndarray | None = None,
) -> float:
    """The variance over objects with that over people added, or only that over people; NaN for a single participant.

    Args:
        variance: over objects.
        entries: by their objects and participants.
        changes: float64 (e,), what the figure would lose without each entry.
        centered: whether the changes are centered in each set.
        over_objects: whether objects vary too.
        weights: float64 (e,), how much each entry counts; None: all the same.
    """
    assert entries.people is not None and entries.both is not None
    numbers = np.bincount(entries.people, weights).astype(np.float64)
    square = float(numbers.sum()) ** 2
    independent = square - float(numbers @ numbers)
    if independent <= 0:
        return math.nan
    sums = np.bincount(entries.people, changes)
    people = float(sums @ sums) * square / independent
    if not over_objects:
        return people
    table = changes[:, None]
    both = float(SIGNS @ entries.both.products(table, table.T, row_moments(table)[1]).ravel()) * square / independent
    return max(variance + people - both, variance, people if centered else 0.0)


def changes_without(counts: np.ndarray, entries: Entries, psi: Influence) -> np.ndarray:
    """(e,): what psi of a set, a function of its counts (., k), loses without a participant, as a jackknife within the
    set.

    The changes are centered in each set, which takes off the bias that psi has for few answers, and scaled by
    sqrt((m - 1) / m) with m participants, so that the sum of their squares has the size of a variance.

    Example:
        >>> entries = Entries(np.array([0, 0]), np.array([0, 1]), np.array([[1, 0, 0], [0, 1, 0]]))
        >>> changes_without(np.array([[1, 1, 0]]), entries, lambda c, _: c[:, 0] / c.sum(axis=1)).round(4)
        array([ 0.3536, -0.3536])
    """
    without = counts[entries.sets] - entries.own
    there = without.any(axis=1)
    changes = np.zeros(len(without))
    whole = psi(counts, np.arange(len(counts)))[entries.sets[there]]
    changes[there] = whole - psi(without[there], entries.sets[there])
    return centered_changes(changes, entries, len(counts))


def centered_changes(changes: np.ndarray, entries: Entries, n_sets: int) -> np.ndarray:
    """Changes (e,) without each entry, centered in each of so many sets and scaled as `changes_without` says."""
    persons = np.bincount(entries.sets, minlength=n_sets).astype(np.float64)
    means = np.bincount(entries.sets, changes, n_sets) / np.maximum(persons, 1.0)
    scale = np.sqrt((persons - 1.0) / np.maximum(persons, 1.0))[entries.sets]
    centered: np.ndarray = (changes - means[entries.sets]) * scale
    return centered
