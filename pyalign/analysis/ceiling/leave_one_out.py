"""What `pyalign.noise_ceiling` finds, and which of its ceilings a score is held against.

Each answer predicted by the other participants' answers to the same triplet, and what each participant is worth in
that.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np

from pyalign._dataclass import dataclass, field
from pyalign._result import OfTask, Result
from pyalign.analysis.answers import Repeats
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Estimate, Interval, WithError
from pyalign.errors import InputError

BOUNDS = ("upper", "lower", "estimate")  # ceilings by name


@dataclass(frozen=True)
class Ceiling(WithError):
    """The accuracy that a model of people's choice probabilities would have, a fraction."""

    value: float  # an estimate of it, or a bound.
    # interval over other objects like these, and other participants where they are known; by Student's t, within [0,
    # 1]. None where all triplets share an object.
    ci: Interval | None


@dataclass(frozen=True)
class Ceilings:
    """Three ceilings."""

    # the mean majority share, which no model can exceed on these very answers; so it is too high on average, the more
    # so the fewer the answers.
    upper: Ceiling
    lower: Ceiling  # the share of answers that the majority of the other participants' predicts; too low on average.
    # the mean largest choice probability when the distribution of choice probabilities over triplets with about as many
    # answers is fitted by maximum likelihood (`pyalign.stats.pooling`); nearly without bias from about five answers to
    # a triplet on, and never outside of the other two.
    estimate: Ceiling


@dataclass(frozen=True)
class NoiseCeiling(OfTask, Result):
    """Agreement of people on repeated triplets, and what that leaves for a model to reach. Shares are fractions."""

    command: ClassVar[str] = "ceiling"
    derived: ClassVar[tuple[str, ...]] = ("chance",)

    # upper, lower, and the estimate between them, with their intervals; what to compare models with.
    ceilings: Ceilings
    ceiling: float  # mean of the majority share, the share of the most frequent answer; as `ceilings.upper`.
    ci: Interval | None  # its interval; None where all triplets share an object.
    guessing: float  # the mean majority share that pure guessing would give with as many answers.
    n_distinct: int  # distinct triplets that were answered at least twice.
    n_answers: int  # answers to them.
    # share of answers that the majority of the other participants' answers to the same triplet predicts; m tied
    # majorities predict 1/m each.
    leave_one_out: Estimate = field(metadata={"null": True})  # as `ceilings.lower`.
    n_predicted: int  # answers that another participant's answer could predict: all of them.
    # nats per answer, the lowest cross-entropy that any model can have on these answers: their mean entropy.
    least_cross_entropy: float
    corrected_entropy: float  # nats per answer, that entropy with the correction of Miller and Madow for few answers.
    n_persons: int | None  # participants among these answers, or None where participants are not known.
    # answers that a participant gave to a triplet after the first, which count in none of these; None likewise.
    n_repeats_within_person: int | None
    confidence: float  # of the intervals, a fraction.
    # signs that the answers are not what people said, a sentence each; they are among the notes too.
    remarks: tuple[str, ...]
    triplets: str | None = None  # where the triplets came from, or None.
    # the task of the triplets; `chance` follows from it. Of anchored ones a triplet is an anchor with two options.
    task: str = ODD_ONE_OUT
    # of weighted answers, how many of equal weight would say as much; None where all count the same.
    effective_answers: float | None = None
    weighting: str = "answers"  # what counts the same in all of these means: "answers" or "triplets".


GIVEN = "given"  # of a number that nobody has named
NamedCeiling: TypeAlias = "float | tuple[str, float | NoiseCeiling] | NoiseCeiling"


def as_named_ceiling(ceiling: NamedCeiling) -> tuple[str, float]:
    """Name and value: of a number "given", of a `NoiseCeiling` the estimate, of a pair what it says.

    Example:
        >>> as_named_ceiling(0.67), as_named_ceiling(("upper", 0.672))
        (('given', 0.67), ('upper', 0.672))
    """
    if isinstance(ceiling, NoiseCeiling):
        return "estimate", ceiling.ceilings.estimate.value
    if not isinstance(ceiling, tuple):
        return GIVEN, ceiling
    if len(ceiling) != 2 or not isinstance(ceiling[0], str):
        raise InputError(f"ceiling must be a number, a (name, number) or a NoiseCeiling; got {ceiling!r:.60}")
    name, value = ceiling
    if isinstance(value, NoiseCeiling):
        return name, float(getattr(value.ceilings, ceiling_of(value, name)[0]).value)
    return name, value


def people_of_ceiling(ceiling: NamedCeiling) -> NoiseCeiling | None:
    """The `NoiseCeiling` that a ceiling is one of; None for a number. Raises as `as_named_ceiling`."""
    as_named_ceiling(ceiling)
    source = ceiling[1] if isinstance(ceiling, tuple) else ceiling
    return source if isinstance(source, NoiseCeiling) else None


def require_weighting(ceiling: NamedCeiling | None, weighting: str) -> None:
    """Raises where a ceiling is over answers and the accuracies over triplets, or the other way."""
    people = None if ceiling is None else people_of_ceiling(ceiling)
    if people is not None and people.weighting != weighting:
        raise InputError(
            f"ceiling must be over {weighting}, as the accuracy is; got one over {people.weighting} (see weighting)"
        )


def ceiling_of(people: NoiseCeiling, name: str) -> tuple[str, NoiseCeiling]:
    """One of the three by name, as `score` takes it.

    Example:
        >>> from pyalign.analysis.ceiling.noise_ceiling import noise_ceiling
        >>> people = noise_ceiling([[0, 1, 2], [1, 0, 2], [3, 4, 5], [3, 5, 4]])
        >>> as_named_ceiling(ceiling_of(people, "upper"))
        ('upper', 0.75)
    """
    if name not in BOUNDS:
        raise InputError(f"ceiling must be one of {', '.join(BOUNDS)}; got {name!r}")
    return name, people


SAME = 1e-6  # relative: within it weights are equal, as decimals in a file are


class LeaveOneOut(NamedTuple):
    """How well answers are predicted.

    Attributes:
        share: of n answers, those that others predict.
        n: answers that others could predict.
        table: float64 (u, 2), of each set: answers that others could predict, and those that they do; times its weight.
        worth: float64 (e,), of each entry: by how much (right - share * n) of its set would fall without it, less
            the mean of that, times the weight of the set; None where participants are not known.
    """

    share: float
    n: int
    table: np.ndarray
    worth: np.ndarray | None


def leave_one_out(sets: RepeatedSets) -> LeaveOneOut:
    """Share of answers that the majority of the other participants' answers to the same triplet predicts.

    Each answer to a triplet is another participant's, and m tied majorities predict 1/m each.
    """
    groups = _single_answers(sets.counts)
    right, n = _predicted(groups.own, sets.counts[groups.sets] - groups.own)
    right, n = right * groups.members, n * groups.members
    predicted = int(n.sum())
    weights = np.ones(len(sets.counts)) if sets.weights is None else sets.weights
    right, n = right * weights[groups.sets], n * weights[groups.sets]
    share = float(right.sum()) / float(n.sum())
    table = np.stack([np.bincount(groups.sets, one, len(sets.counts)) for one in (n, right)], axis=1)
    worth = None
    if sets.entries is not None:
        of_groups = _centered(_worth(groups, sets.counts, share), groups, weights) * weights[groups.sets]
        group_of = (np.cumsum(sets.counts > 0) - 1).reshape(sets.counts.shape)
        worth = of_groups[group_of[sets.entries.sets, sets.entries.own.argmax(axis=1)]]
    return LeaveOneOut(share, predicted, table, worth)


class _Groups(NamedTuple):
    """Participants who gave the same answer to the same set. sets: (g,). own: (g, k), of one. members: (g,)."""

    sets: np.ndarray
    own: np.ndarray
    members: np.ndarray


def _single_answers(counts: np.ndarray) -> _Groups:
    sets, positions = np.nonzero(counts)
    return _Groups(sets, np.eye(counts.shape[1], dtype=np.int64)[positions], counts[sets, positions])


def _predicted(own: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For one participant of each group: how many answers others (g, k) predict, and how many they could."""
    top = others == others.max(axis=1, keepdims=True)
    known = others.any(axis=1)
    return known * (own * top).sum(axis=1) / top.sum(axis=1), known * own.sum(axis=1)


def _worth(groups: _Groups, counts: np.ndarray, share: float) -> np.ndarray:
    """(g,): what one participant of each group adds to the sum of right - share * n over the answers to the set."""
    g, h = _pairs(groups.sets)
    others = counts[groups.sets[g]] - groups.own[g] - groups.own[h]
    members = groups.members[g] - (g == h)
    right, n = _predicted(groups.own[g], np.maximum(others, 0))  # below 0 only where there are no members left
    without = np.bincount(h, weights=members * (right - share * n), minlength=len(groups.sets))
    right, n = _predicted(groups.own, counts[groups.sets] - groups.own)
    whole = np.bincount(groups.sets, weights=groups.members * (right - share * n))[groups.sets]
    worth: np.ndarray = whole - without
    return worth


def _centered(worth: np.ndarray, groups: _Groups, weights: np.ndarray) -> np.ndarray:
    """Less the mean among sets of as many participants: fewer others predict worse, whoever is missing.

    weights: (u,) of the sets.
    """
    persons = np.bincount(groups.sets, groups.members).astype(np.int64)[groups.sets]
    each = groups.members * weights[groups.sets]
    sums = np.bincount(persons, each)
    totals = np.bincount(persons, each * worth) / np.where(sums > 0.0, sums, 1.0)
    centered: np.ndarray = worth - totals[persons]
    return centered


def _pairs(sets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of groups that belong to one set; `sets` (g,) ascends."""
    _, starts, sizes = np.unique(sets, return_index=True, return_counts=True)
    start, size = np.repeat(starts, sizes), np.repeat(sizes, sizes)
    g = np.repeat(np.arange(len(sets)), size)
    h = np.arange(len(g)) - np.repeat(np.cumsum(size) - size, size) + start[g]
    return g, h


@dataclass(frozen=True)
class Entries:
    """Participants and the sets that they answered, one entry for each such pair; sets ascend.

    Attributes:
        participants: int64 (e,), codes.
    """

    sets: np.ndarray  # int64 (e,).
    persons: np.ndarray
    own: np.ndarray  # int64 (e, k), the participant's answers, by position in the set.


@dataclass(frozen=True)
class RepeatedSets:
    """Sets with two answers or more."""

    triplets: np.ndarray  # int64 (u, k), their items.
    counts: np.ndarray  # int64 (u, k), how often each item was called odd.
    entries: Entries | None  # who gave these answers; None where that is not known.
    weights: np.ndarray | None = None  # float64 (u,), how much each answer to the set counts; None: all the same.

    @property
    def answers(self) -> np.ndarray:
        """int64 (u,): how many answers each set has."""
        totals: np.ndarray = self.counts.sum(axis=1)
        return totals

    @property
    def totals(self) -> np.ndarray | None:
        """float64 (u,): how much the answers to each set count together; None: the same for all sets."""
        if self.weights is None and (self.answers == self.answers[:1]).all():
            return None
        return self.answers * (1.0 if self.weights is None else self.weights)


def repeated_sets(repeats: Repeats, persons: np.ndarray | None, weights: np.ndarray | None = None) -> RepeatedSets:
    """The triplets with several answers, out of all.

    Args:
        repeats: the answers.
        participants: int64 (t,), codes from 0, who gave each; None where each answer is a different participant's.
        weights: float64 (t,), of the answers; None: all the same.
    """
    chosen = repeats.answers >= 2
    of_sets = None if weights is None else _of_sets(repeats, weights)[chosen]
    entries = entries_of(repeats, persons, chosen)
    return RepeatedSets(repeats.triplets[chosen], repeats.counts[chosen], entries, of_sets)


def entries_of(repeats: Repeats, persons: np.ndarray | None, chosen: np.ndarray) -> Entries | None:
    """The entries of the sets that a mask (u,) selects, renumbered from 0; None where it is not known who answered."""
    if persons is None or repeats.odd is None:
        return None
    rows = np.flatnonzero(chosen[repeats.inverse])
    sets = (np.cumsum(chosen) - 1)[repeats.inverse[rows]]
    return _entries(sets, persons[rows], repeats.odd[rows], repeats.counts.shape[1])


def _of_sets(repeats: Repeats, weights: np.ndarray) -> np.ndarray:
    """(u,): the weight of each set, which all answers to it have."""
    first = np.zeros(len(repeats.triplets), np.int64)
    first[repeats.inverse[::-1]] = np.arange(len(weights))[::-1]
    of_sets = weights[first]
    differ = np.abs(weights - of_sets[repeats.inverse]) > SAME * of_sets[repeats.inverse]
    if differ.any():
        row = int(differ.argmax())
        other = int(first[repeats.inverse[row]])
        raise InputError(
            "weights must be the same for all answers to a triplet in a noise ceiling; "
            f"rows {other} and {row} have {weights[other]:g} and {weights[row]:g}"
        )
    return of_sets


def _entries(sets: np.ndarray, persons: np.ndarray, odd: np.ndarray, k: int) -> Entries:
    n = int(persons.max(initial=0)) + 1
    pairs, entry = np.unique(sets * n + persons, return_inverse=True)
    own = np.bincount(k * entry.reshape(-1) + odd, minlength=k * len(pairs)).reshape(-1, k)
    return Entries(*np.divmod(pairs, n), own)
