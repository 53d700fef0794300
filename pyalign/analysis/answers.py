"""The answers of a call: those of the triplets or those next to them, and who gave each.

Repeated triplets: rows that ask the same question about the same three items, brought together.

The pass over anchored triplets: what follows from the similarities of the anchor with its two options.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.backends import HostBackend, Sums, get_host_backend
from pyalign.data import ANCHORED, ODD_ONE_OUT, Answers, Subjects, Triplets, Weights
from pyalign.data.answers import checked_labels
from pyalign.data.triplets import answered_triplets
from pyalign.errors import InputError
from pyalign.measures import Measure
from pyalign.ops._prepare import Deferred
from pyalign.ops.triplets import ReadyInputs, TripletResults, run_ready
from pyalign.stats.resampling import codes_of

ODD_LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # row p: the positions in the order that puts p last


def with_people(
    triplets: object, answers: object, subjects: object, what: str | None, weights: object = None
) -> tuple[Triplets, Any]:
    """The triplets with their answers, and who gave each (None: not known); what the call names goes first.

    Args:
        triplets: as `as_triplet_data` takes them.
        answers: as `pyalign.data.as_answers` takes them, by position in the file; None: those of the triplets.
        subjects: (t,) labels; None: those of the triplets.
        what: needs the answers, for messages; None: nothing does.
        weights: (t,) of the answers; None: those of the triplets.

    Example:
        >>> with_people([[0, 1, 2]], [[1, 2, 5]], None, "ceiling")[0].answers.counts.tolist()
        [[1, 2, 5]]
    """
    given = answered_triplets(triplets, answers, what, weights)
    people = given.subjects if subjects is None else checked_labels(subjects, len(given))
    require_single(given, people)
    return given, people


def require_single(given: Triplets, people: object) -> None:
    """Raises where people are known, and are not those who gave each a single answer."""
    if people is not None and given.answers is not None:
        raise InputError("subjects and answers must not both be given: counts do not say whose answer is whose")


def codes_of_people(given: Triplets, subjects: object) -> np.ndarray | None:
    """Codes (t,) of who gave each answer, where each triplet has one; `subjects`: as the call names them, or None."""
    require_single(given, subjects)
    if subjects is not None:
        return codes_of(subjects, len(given))
    return None if given.subjects is None or given.answers is not None else given.subjects.codes


def inputs_of(given: Triplets, people: object) -> dict[str, Any]:
    """The inputs of a result by name, for its provenance."""
    who = people.codes if isinstance(people, Subjects) else people
    return {"triplets": given, "answers": given.answers, "subjects": who, "weights": given.weights}


def alike(triplets: Triplets, repeats: Repeats) -> Triplets:
    """The same with weights by which each distinct triplet counts the same, however many answers it has."""
    answers = repeats.answers
    if (answers == answers[:1]).all():
        return triplets
    own = Weights(np.ones(len(triplets))) if triplets.weights is None else triplets.weights
    return triplets.with_weights(replace(own, values=own.values / answers[repeats.inverse]))


LARGEST = 2**63 - 1  # items are numbered in int64, and so is their number


@dataclass(frozen=True)
class Repeats:
    """The distinct sets of three items among t rows, and how often each item was called odd.

    Of anchored triplets a set is an anchor with two options in any order.
    """

    # int64 (u, 3), the distinct sets: items ascending within a row, rows ascending; an anchor comes first.
    triplets: np.ndarray
    inverse: np.ndarray  # int64 (t,), the set of each row.
    # int64 (u, 3), how many answers called the item at that position of the set odd; (u, 2), how many chose that
    # option.
    counts: np.ndarray
    odd: np.ndarray | None  # int8 (t,), the column of `counts` of the row's answer; None where answers were given.

    @property
    def answers(self) -> np.ndarray:
        """int64 (u,): how many answers each set has."""
        totals: np.ndarray = self.counts.sum(axis=1)
        return totals


def find_repeats(triplets: object, answers: Answers | None = None, task: str = ODD_ONE_OUT) -> Repeats:
    """Groups triplets by the set of their items, or by anchor and set of options.

    Args:
        triplets: (t, 3) integers >= 0, three different items each. Without answers the last column is the item that
            one participant called odd.
        answers: of t rows, how many people called each position of that row odd, or chose each option.
        task: of the triplets; of anchored ones the columns are anchor, chosen option, other.
    """
    index = _checks.as_triplets(triplets)
    n = int(index.max()) + 1
    if n > LARGEST:
        raise InputError(f"triplets must lie in [0, {LARGEST:,}); got {n - 1}")
    _checks.require_valid(get_host_backend("auto").check_triplets(index, n), index, n)
    if answers is not None:
        return _from_counts(index, answers.counts, n, task)
    if task == ANCHORED:
        columns = _options_ascending(index)
        return _from_answers(columns, (index[:, 1] > index[:, 2]).view(np.int8), n, 2)
    columns = _ascending(index)
    last = index[:, 2]
    odd = (last > columns[0]).view(np.int8) + (last == columns[2]).view(np.int8)
    return _from_answers(columns, odd, n, 3)


def first_answers(given: Triplets, persons: np.ndarray | None) -> tuple[Repeats, np.ndarray | slice]:
    """The answers of different people to each set, and their rows: all but those of people who had answered it before.

    Without persons, int64 (t,) codes from 0, each answer of the t triplets is a different one's.
    """
    repeats = find_repeats(given.values, given.answers, given.task)
    if persons is None:
        return repeats, slice(None)
    rows = np.unique(repeats.inverse * (int(persons.max()) + 1) + persons, return_index=True)[1]
    if len(rows) == len(given):
        return repeats, slice(None)
    rows.sort()
    return find_repeats(given.values[rows], None, given.task), rows


Columns = tuple[np.ndarray, np.ndarray, np.ndarray]


def _from_answers(columns: Columns, answer: np.ndarray, n: int, k: int) -> Repeats:
    """answer: int8 (t,), which of the k that a set can be answered by."""
    groups = _group(columns, n)
    flat = np.bincount(k * groups.ranks + answer[groups.order], minlength=k * len(groups.sets))
    return Repeats(groups.sets, groups.inverse(), flat.reshape(-1, k), answer)


def _from_counts(index: np.ndarray, counts: np.ndarray, n: int, task: str) -> Repeats:
    k = counts.shape[1]
    groups = _group(_options_ascending(index) if task == ANCHORED else _ascending(index), n)
    ascending = np.take_along_axis(counts, np.argsort(index[:, 3 - k :], axis=1), axis=1)[groups.order]
    places = k * groups.ranks[:, None] + np.arange(k)
    flat = np.bincount(places.ravel(), weights=ascending.ravel(), minlength=k * len(groups.sets))
    return Repeats(groups.sets, groups.inverse(), flat.reshape(-1, k).astype(np.int64), None)


def _options_ascending(index: np.ndarray) -> Columns:
    """The anchor, the smaller and the larger option of each row."""
    anchor, a, b = index.T
    return anchor, np.minimum(a, b), np.maximum(a, b)


def _ascending(index: np.ndarray) -> Columns:
    """The smallest, middle and largest item of each row, by comparisons of whole columns: faster than a sort."""
    a, b, c = index.T
    small, large = np.minimum(a, b), np.maximum(a, b)
    middle = np.maximum(small, np.minimum(large, c))
    return np.minimum(small, c), middle, np.maximum(large, c)


class _Groups(NamedTuple):
    """order: (t,) rows, equal ones side by side. ranks: (t,) the set of each row in that order. sets: (u, 3)."""

    order: np.ndarray
    ranks: np.ndarray
    sets: np.ndarray

    def inverse(self) -> np.ndarray:
        """The set of each row, in the order of the rows."""
        inverse = np.empty_like(self.ranks)
        inverse[self.order] = self.ranks
        return inverse


def _group(columns: Columns, n: int) -> _Groups:
    """Groups rows by the number that their ascending items make in base n, or by the items where int64 is too short."""
    if n**3 >= 2**63:
        order = np.lexsort(columns[::-1])
        rows = np.stack(columns, axis=1)[order].astype(np.int64)
        first = _first(rows)
        return _Groups(order, np.cumsum(first) - 1, rows[first])
    key = columns[0].astype(np.int64)
    for column in columns[1:]:
        key *= n
        key += column
    order, key = _sorted(key, n**3)
    first = _first(key[:, None])
    pairs, high = np.divmod(key[first], n)
    return _Groups(order, np.cumsum(first) - 1, np.stack([*np.divmod(pairs, n), high], axis=1))


def _first(rows: np.ndarray) -> np.ndarray:
    """Marks the sorted rows that differ from the one before."""
    first = np.ones(len(rows), np.bool_)
    first[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    return first


def _sorted(key: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """An order that sorts keys below `limit`, and the sorted keys."""
    bits = len(key).bit_length()
    if limit >= 2 ** (63 - bits):
        order = np.argsort(key)
        return order, key[order]
    # Numbers that hold key and row sort in half the time of an argsort, which fetches keys from all over.
    key <<= bits
    key |= np.arange(len(key))
    key.sort()
    return key & ((1 << bits) - 1), key >> bits


def run_anchored(
    ready: ReadyInputs, measure: Measure, *, temperature: float, choices: bool, probabilities: bool, similarities: bool,
    deferred: Deferred | None = None,
) -> TripletResults:
    """Does for triplets (anchor, chosen, other) what `run_ready` does with sums.

    choices are 1 or 2, the column of the option that the model takes, -1 for a tie; probabilities (t, 2) of the two.

    Example:
        >>> from pyalign.measures import get_measure
        >>> from pyalign.ops.triplets import ready_inputs
        >>> ready = ready_inputs(np.eye(3)[[0, 0, 1]], [[0, 1, 2], [0, 2, 1]])
        >>> result = run_anchored(ready, get_measure("cosine"), temperature=1.0, choices=True, probabilities=True,
        ...     similarities=False)
        >>> result.choices, result.sums.right, result.probabilities.round(3)
        (array([1, 2], dtype=int8), (1, 0, 0), array([[0.731, 0.269],
               [0.269, 0.731]]))
    """
    results = run_ready(ready, measure, temperature=temperature, similarities=True, deferred=deferred)
    s = np.ascontiguousarray(_checks.as_array(results.similarities, "result", "(t, 3)"))
    temperature = _checks.as_temperature(temperature)
    verdicts, sums = sums_of_two(get_host_backend(results.backend), s, temperature)
    return replace(
        results,
        sums=sums,
        choices=chosen_columns(verdicts) if choices else None,
        probabilities=option_probabilities(s, temperature) if probabilities else None,
        similarities=results.similarities if similarities else None,
    )


def sums_of_two(host: HostBackend, similarities: np.ndarray, temperature: float) -> tuple[np.ndarray, Sums]:
    """Verdicts (t,) as of `HostBackend.outcomes`, and the sums of all triplets."""
    t, dtype = len(similarities), similarities.dtype
    verdicts, nats, entropies = np.empty(t, np.int8), np.empty(t, dtype), np.empty(t, dtype)
    host.outcomes(similarities, temperature, verdicts, nats, entropies, alternatives=2)
    cross_entropy, entropy = (float(values.sum(dtype=np.float64)) for values in (nats, entropies))
    return verdicts, replace(counts_of_two(verdicts), cross_entropy=cross_entropy, entropy=entropy)


def counts_of_two(verdicts: np.ndarray) -> Sums:
    """How often the chosen option is the more similar, and ties, of which the chosen option is always part."""
    ties = int((verdicts == 2).sum())
    return Sums((int((verdicts == 1).sum()), ties, 0), (ties, 0), 0.0, 0.0)


def chosen_columns(verdicts: np.ndarray) -> np.ndarray:
    """int8 (t,): the column of the more similar option, -1 for a tie.

    Example:
        >>> chosen_columns(np.array([1, -1, 2], np.int8))
        array([ 1,  2, -1], dtype=int8)
    """
    columns: np.ndarray = np.where(verdicts == 1, 1, np.where(verdicts == 2, -1, 2)).astype(np.int8)
    return columns


def option_probabilities(similarities: np.ndarray, temperature: float) -> np.ndarray:
    """(t, 2) of the similarities' dtype: softmax of the first two columns / temperature.

    Example:
        >>> option_probabilities(np.array([[1.0, 1.0, 7.0]]), 1.0)
        array([[0.5, 0.5]])
    """
    two = similarities[:, :2].astype(np.float64)
    with np.errstate(over="ignore"):  # exp(-inf) is 0
        exponentials = np.exp((two - two.max(axis=1, keepdims=True)) / temperature)
    shares: np.ndarray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares.astype(similarities.dtype)
