"""The steps behind `pyalign.find_failures`: what people say, what each model says, and which triplets fail alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, fields, replace
from pyalign.analysis.answers import ODD_LAST, find_repeats
from pyalign.analysis.choices import Chosen
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes, credits_of
from pyalign.data import ANCHORED, Triplets, alternatives_of
from pyalign.data.answers import checked_labels
from pyalign.documents import hidden
from pyalign.errors import InputError
from pyalign.typing import Ties

OTHER_LAST = np.array([[0, 2, 1], [0, 1, 2]])  # row p: the order that puts p, the option not chosen, last
CHUNK = 1 << 14  # triplets that are dicts at the same time


class CalledOdd(NamedTuple):
    """The item that people call odd, in the triplets where they do.

    rows: int64 (k,), where these stand in what was given. order: (k, 3), the columns with that item last; None: they
    stand so. shares: (k,), of the answers to the triplet that call that item odd; NaN for a single answer. n_answers:
    (k,). subjects: (k,) or None. n_undecided: triplets left out because two or three items share the majority.
    """

    rows: np.ndarray
    order: np.ndarray | None
    shares: np.ndarray
    n_answers: np.ndarray
    subjects: np.ndarray | None
    n_undecided: int

    def arranged(self, columns: object) -> np.ndarray:
        """The triplets, of (t, 3), in which people call an item odd, with this item last."""
        values = _checks.as_triplets(columns)
        return values if self.order is None else np.take_along_axis(values[self.rows], self.order, axis=1)

    def answered(self, triplets: Triplets) -> Triplets:
        """The triplets in the order of `arranged`, each with the one answer that people gave."""
        return triplets if self.order is None else triplets.arranged(self.rows, self.order)


def called_odd(triplets: Triplets, subjects: object = None) -> CalledOdd:
    """Each answer as it was given; of counts, the answer of the majority."""
    repeats = find_repeats(triplets.values, triplets.answers, triplets.task)
    t = len(repeats.inverse)
    people = None if subjects is None else checked_labels(subjects, t)
    called = repeats.counts[repeats.inverse]
    totals = called.sum(axis=1)
    rows, order = np.arange(t), None
    if repeats.odd is not None:
        answer = repeats.odd[:, None]
    else:
        answer = called.argmax(axis=1)[:, None]
        rows = np.flatnonzero((called == called.max(axis=1, keepdims=True)).sum(axis=1) == 1)
        if not len(rows):
            raise InputError(f"answers must have a majority in at least one triplet; all {t} tie")
        order = _order(_checks.as_triplets(triplets.values)[rows], answer[rows, 0], triplets.task)
    shares = np.take_along_axis(called, answer, axis=1)[:, 0] / totals
    shares[totals < 2] = np.nan
    return CalledOdd(rows, order, shares[rows], totals[rows], people, t - len(rows))


def _order(items: np.ndarray, answer: np.ndarray, task: str) -> np.ndarray:
    """(k, 3), the columns with the item that the answer (k,) calls odd last, or the option that it leaves."""
    if task != ANCHORED:
        return np.take_along_axis(np.argsort(items, axis=1), ODD_LAST[answer], axis=1)
    ascending = np.concatenate([np.zeros_like(answer)[:, None], 1 + np.argsort(items[:, 1:], axis=1)], axis=1)
    return np.take_along_axis(ascending, OTHER_LAST[1 - answer], axis=1)


class ModelVerdicts(NamedTuple):
    """What a model makes of t triplets.

    asked, right, wrong: (t,) masks. margins: (t,), NaN where it was not asked, or where choices have no probabilities.
    choices: int8 (t,), the position of the item that it calls odd, or of the option that it leaves; -1 for a tie, and
    where it was not asked.
    """

    asked: np.ndarray
    right: np.ndarray
    wrong: np.ndarray
    margins: np.ndarray
    choices: np.ndarray


def model_verdicts(outcomes: Outcomes) -> ModelVerdicts:
    """Right is full credit and wrong none under the rule for ties; a part of it is neither.

    Example:
        >>> from pyalign.analysis.outcomes import ChoiceModel, triplet_outcomes
        >>> model_verdicts(triplet_outcomes(np.array([[1.0], [1.0], [4.0], [7.0]]), [[0, 1, 2], [0, 2, 3]],
        ...     ChoiceModel("neg_euclidean"))).margins
        array([3., 0.])
    """
    s, score = outcomes.similarities, outcomes.score
    credits = outcomes.credits(score.ties)
    right, wrong, margins = credits == CREDIT_UNIT, credits == 0, _margins(s, score.task)
    pairs = s[:, : alternatives_of(score.task)]
    choices = np.where(np.abs(outcomes.verdicts) == 1, 2 - pairs.argmax(axis=1), -1).astype(np.int8)
    asked = np.ones(len(right), bool) if outcomes.kept is None else outcomes.kept
    if outcomes.kept is not None:
        right, wrong = (_spread(mask, outcomes.kept, False) for mask in (right, wrong))
        margins, choices = _spread(margins, outcomes.kept, np.nan), _spread(choices, outcomes.kept, -1)
    return ModelVerdicts(asked, right, wrong, margins, choices)


def _margins(pairs: np.ndarray, task: str) -> np.ndarray:
    """(t,): by how much the human pair exceeds the larger of the others, of values (t, 3) of the pairs 01, 02, 12."""
    margins: np.ndarray = pairs[:, 0] - (pairs[:, 1] if task == ANCHORED else np.maximum(pairs[:, 1], pairs[:, 2]))
    return margins


def verdicts_of_choices(chosen: Chosen, ties: Ties, task: str, dtype: np.dtype[Any]) -> ModelVerdicts:
    """The verdicts of recorded choices; margins are of their probabilities, where there are some."""
    credits, asked = credits_of(chosen.verdicts, ties), chosen.present
    margins = np.full(len(asked), np.nan, dtype)
    if chosen.probabilities is not None:
        margins[asked] = _margins(chosen.probabilities, task)[asked]
    return ModelVerdicts(asked, asked & (credits == CREDIT_UNIT), asked & (credits == 0), margins, chosen.odd)


def probabilities_of_choices(chosen: Chosen, rows: np.ndarray, task: str) -> np.ndarray:
    """(k, 3), as `called_odd_probabilities`, of the choices of these triplets (k,); NaN without probabilities."""
    probabilities = np.full((len(rows), 3), np.nan)
    if chosen.probabilities is not None:
        probabilities[:, 3 - alternatives_of(task) :] = chosen.probabilities[rows][:, : alternatives_of(task)][:, ::-1]
        probabilities[:, : 3 - alternatives_of(task)] = 0.0
    return probabilities


def called_odd_probabilities(similarities: np.ndarray, temperature: float, task: str) -> np.ndarray:
    """(k, 3): the probability that the model calls each position odd: softmax(s / T) of the pair without it.

    Of anchored triplets, that the model leaves that option; 0 for the anchor.

    Args:
        similarities: (k, 3) of the pairs of positions 01, 02, 12.

    Example:
        >>> called_odd_probabilities(np.log([[6.0, 3.0, 1.0]]), 1.0, "odd-one-out").round(3)
        array([[0.1, 0.3, 0.6]])
    """
    pairs = similarities[:, : alternatives_of(task)].astype(np.float64) / temperature
    weights = np.exp(pairs - pairs.max(axis=1, keepdims=True))
    probabilities = np.zeros((len(pairs), 3))
    probabilities[:, 3 - pairs.shape[1] :] = (weights / weights.sum(axis=1, keepdims=True))[:, ::-1]
    return probabilities


def _spread(values: np.ndarray, kept: np.ndarray, other: float) -> np.ndarray:
    everywhere = np.full(len(kept), other, values.dtype)
    everywhere[kept] = values
    return everywhere


@dataclass(frozen=True, eq=False)
class FailureGroup:
    """Triplets that fail in the same way, clearest first.

    A failure is clear if it is far from a tie for every model of the group. Triplets are sorted by the margin of the
    model that is nearest to a tie, in units of the root mean square of its margins over all triplets, and then by the
    sum of margins over models. Choices without probabilities have no margin and do not affect the order.
    """

    right: str | None  # the family whose models all get these triplets right; None if there is no such condition.
    # the family whose models all get these triplets wrong; None: all models, or the requested number of them.
    wrong: str | None
    n: int  # the number of triplets, of which the arrays contain the first k.
    rows: np.ndarray = hidden()  # int64 (k,), their rows among the triplets.
    # (k, 3) items, the odd one out last; for anchored triplets anchor, chosen option and other option.
    items: np.ndarray = hidden()
    # (k, m), the similarity of the human pair minus the larger of the other two (for anchored triplets: minus that of
    # the other option), in the unit of the measure; for recorded choices the same difference of their probabilities,
    # NaN without probabilities.
    margins: np.ndarray = hidden()
    # (k,), the proportion of participants who gave this answer; NaN with only one answer.
    human_shares: np.ndarray = hidden()
    n_answers: np.ndarray = hidden()  # int64 (k,), the number of answers to each triplet.
    # (k,), the participants who gave the answers; None if they are not known, or no triplet is listed.
    subjects: np.ndarray | None = hidden(default=None)
    # int8 (k, m), the position in `items` that the model chooses as odd, or for anchored triplets the option that it
    # rejects; -1 for a tie. None for documents of earlier versions.
    choices: np.ndarray | None = hidden(default=None)
    # (k, m, 3), the probability that the model chooses each position as odd, NaN without probabilities; None for
    # documents of earlier versions.
    probabilities: np.ndarray | None = hidden(default=None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FailureGroup):
            return NotImplemented
        pairs = [(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)]
        return all(_same(a, b) for a, b in pairs)

    def first(self, limit: int) -> FailureGroup:
        """The group with at most so many of its triplets."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        short: dict[str, Any] = {name: x[:limit] for name, x in arrays.items() if isinstance(x, np.ndarray)}
        return replace(self, **(short if limit else {**short, "subjects": None}))

    def records(self, models: Sequence[str], names: Mapping[int, str] | None) -> Iterator[dict[str, Any]]:
        """A dict for each listed triplet: row, items, names, margins by model, human_share, n_answers, subject.

        Where they are known, choices and probabilities by model are in it too.
        """
        for start in range(0, len(self.rows), CHUNK):
            part = slice(start, start + CHUNK)
            answers = self._answers_of_models(part, models)
            people = [None] * len(self.rows[part]) if self.subjects is None else self.subjects[part].tolist()
            columns = (self.rows[part].tolist(), self.items[part].tolist(), shortest(self.margins[part]))
            shares = (None if math.isnan(share) else share for share in self.human_shares[part].tolist())
            numbers = self.n_answers[part].tolist()
            rows = zip(*columns, shares, numbers, people, strict=True)
            for (row, items, margins, share, n, who), more in zip(rows, answers, strict=True):
                yield {
                    "row": row,
                    "items": items,
                    "names": None if names is None else [names[item] for item in items],
                    "margins": dict(zip(models, margins, strict=True)),
                    "human_share": share,
                    "n_answers": n,
                    "subject": who,
                    **more,
                }

    def _answers_of_models(self, part: slice, models: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yields what the models choose in each of these triplets, and their probabilities."""
        if self.choices is None or self.probabilities is None:
            yield from ({} for _ in self.rows[part])
            return
        # The digits of single precision, whatever the margins are: nobody reads more of a probability.
        figures = shortest(self.probabilities[part].reshape(-1, 3).astype(np.float32))
        for k, choices in enumerate(self.choices[part].tolist()):
            yield {
                "choices": dict(zip(models, choices, strict=True)),
                "probabilities": dict(zip(models, figures[k * len(models) : (k + 1) * len(models)], strict=True)),
            }

    def listing(self, records: Sequence[ListedTriplet], models: Sequence[str], dtype: str) -> FailureGroup:
        """The group with what documents have of its triplets; raises for margins, choices or shares of other models."""
        for record in records:
            for values in (record.margins, record.choices, record.probabilities):
                if values is not None and values.keys() != set(models):
                    raise InputError(f"margins, choices and probabilities must be of the models; got {[*values]!r:.60}")
        people, m = [record.subject for record in records], len(models)
        choices, probabilities = _chosen(records, models)
        return replace(
            self,
            rows=np.array([record.row for record in records], np.int64),
            items=np.array([record.items for record in records], np.int64).reshape(-1, 3),
            margins=np.array([[one.margins[model] for model in models] for one in records], dtype).reshape(-1, m),
            human_shares=np.array([record.human_share for record in records], np.float64),
            n_answers=np.array([record.n_answers for record in records], np.int64),
            subjects=None if None in people or not people else np.array(people),
            choices=choices,
            probabilities=probabilities,
        )


def _chosen(records: Sequence[ListedTriplet], models: Sequence[str]) -> tuple[Any, Any]:
    """Choices and probabilities of records, None where these do not have them."""
    choices = [[one.choices[model] for model in models] for one in records if one.choices is not None]
    shares = [[one.probabilities[model] for model in models] for one in records if one.probabilities is not None]
    if not len(choices) == len(shares) == len(records):
        return None, None
    m = len(models)
    return np.array(choices, np.int8).reshape(-1, m), np.array(shares, np.float32).reshape(-1, m, 3)


@dataclass(frozen=True)
class ListedTriplet:
    """A triplet of a group as documents have it; see `FailureGroup.records`."""

    row: int
    items: tuple[int, int, int]
    names: tuple[str, str, str] | None
    margins: Mapping[str, float]
    human_share: float
    n_answers: int
    subject: str | int | None
    choices: Mapping[str, Literal[-1, 0, 1, 2]] | None = None
    probabilities: Mapping[str, tuple[float, float, float]] | None = None


def _same(a: Any, b: Any) -> bool:
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return a is b or (not isinstance(a, np.ndarray) and not isinstance(b, np.ndarray) and bool(a == b))
    return np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")


def shortest(margins: np.ndarray) -> list[list[float | None]]:
    """Values in as few digits as distinguish them from others of their type: 0.1, not 0.10000000149; else None."""
    whole = margins.dtype == np.float64
    flat: list[float | None] = margins.ravel().tolist() if whole else list(map(float, map(str, margins.ravel())))
    for k in np.flatnonzero(~np.isfinite(margins)).tolist():
        flat[k] = None
    width = margins.shape[1]
    return [flat[k : k + width] for k in range(0, len(flat), width)]


def group_failures(
    models: Sequence[ModelVerdicts], people: CalledOdd, items: np.ndarray, families: Sequence[str] | None,
    asked: np.ndarray, limit: int | None, min_models: int | None = None,
) -> tuple[FailureGroup, ...]:
    """items: (t, 3), the odd one last. asked: (t,), the triplets that count: those that every model was asked.

    min_models: how many models get a triplet of the first group wrong; None: all of them.
    """
    clear = [_in_own_unit(model.margins, asked) for model in models]
    every = np.arange(len(models))

    def group(right: str | None, wrong: str | None, winners: np.ndarray, losers: np.ndarray) -> FailureGroup:
        chosen = asked.copy()
        for k in winners:
            chosen &= models[k].right
        for k in losers:
            chosen &= models[k].wrong
        rows = np.flatnonzero(chosen)
        distances = np.array([*(clear[k][rows] for k in winners), *(-clear[k][rows] for k in losers)])
        return listed(right, wrong, rows, rows[np.lexsort(_by_distance(distances))][:limit])

    def first() -> FailureGroup:
        if min_models is None or min_models == len(models):
            return group(None, None, every[:0], every)
        many = np.sum([model.wrong for model in models], axis=0) * asked
        rows = np.flatnonzero(many >= min_models)
        wrong = np.array([model.wrong[rows] for model in models])
        distances = np.where(wrong, [-own[rows] for own in clear], np.nan)
        order = np.lexsort((*_by_distance(distances), -many[rows]))
        return listed(None, None, rows, rows[order][:limit])

    def listed(right: str | None, wrong: str | None, rows: np.ndarray, listed: np.ndarray) -> FailureGroup:
        return FailureGroup(
            right=right, wrong=wrong, n=len(rows), rows=people.rows[listed],
            items=np.asarray(items[listed]),
            margins=np.stack([model.margins[listed] for model in models], axis=1),
            human_shares=people.shares[listed],
            n_answers=people.n_answers[listed],
            subjects=None if people.subjects is None or not len(listed) else people.subjects[listed],
            choices=np.stack([model.choices[listed] for model in models], axis=1),
        )

    groups = [first()]
    if families is not None:
        members = {name: every[[family == name for family in families]] for name in families}
        groups += [group(a, b, members[a], members[b]) for a in members for b in members if a != b]
    return tuple(groups)


def _by_distance(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keys that put triplets first whose distances (m, t) from a tie are large: the least one, then their sum."""
    unknown = np.isnan(distances)
    least = np.where(unknown, np.inf, distances).min(axis=0, initial=np.inf)
    return -np.where(unknown, 0.0, distances).sum(axis=0), -least


def _in_own_unit(margins: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Margins over their root mean square, so that models with longer rows do not rule the order."""
    largest = float(np.abs(margins[asked]).max(initial=0))
    if math.isnan(largest):  # choices without probabilities
        return margins.astype(np.float64)
    if largest == 0:
        return np.zeros(len(margins))
    scaled = margins.astype(np.float64) / largest  # first, so that squares stay in range
    unit: np.ndarray = scaled / np.sqrt(np.mean(np.square(scaled[asked])))
    return unit
