"""What public functions of this package are given: triplets with answers, checked, on the host; and its record.

Which answers a fit sees: folds, a part that chooses penalties, halves; all answers to a set of three together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.data import ODD_ONE_OUT, Provenance, Subjects, as_triplet_data
from pyalign.data.answers import checked_labels
from pyalign.data.names import in_order
from pyalign.embedding.fit import EmbeddingOptions, FitSeen, Fitter
from pyalign.errors import InputError, MissingExtraError, Remedy
from pyalign.fitting.algebra import Algebra, host_triplets, valid_triplets
from pyalign.fitting.objective import TripletLoss, answer_weights, weighing_notes
from pyalign.fitting.place import algebra_for
from pyalign.stats.splits import Fold, TripletKFold, sets_of_three
from pyalign.typing import BackendName

MISSING = ("raise", "zero")
SHOWN = 3  # names that a message lists
MOST = 1 << 24  # objects: a number beyond is a mistake in the file, and takes gigabytes


@dataclass(frozen=True, eq=False)
class EmbeddingInputs:
    """The answers of a fit."""

    on: Algebra  # where losses are computed.
    index: np.ndarray  # (t, 3) objects in [0, n), the odd one last.
    n: int  # the number of objects.
    names: tuple[str, ...] | None  # of the objects, or None.
    answers: np.ndarray | None  # (t, 3) weights of the answers; None: one each, the last object.
    subjects: np.ndarray | None  # (t,) who answered, or None.
    absent: np.ndarray  # objects that no triplet names, whose rows are zero.
    notes: tuple[str, ...]  # what had to be assumed.
    arguments: Mapping[str, Any]  # what was given, for the record.
    source: str | None  # the file of the triplets, or None.

    @cached_property
    def order(self) -> np.ndarray:
        """(n,) the objects in the order of their names, in which folds are drawn and fits are computed."""
        return np.arange(self.n) if self.names is None else in_order(self.names)

    def fitter(
        self, options: EmbeddingOptions, watch: FitSeen | None = None, triplets: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> Fitter:
        """A `Fitter` to the answers of `loss`: the order of objects changes no bit of its fits."""
        numbered = replace(self, index=np.argsort(self.order)[self.index])
        return Fitter(numbered.loss(triplets, weights), options, watch, self.order)

    def loss(self, triplets: np.ndarray | None = None, weights: np.ndarray | None = None) -> TripletLoss:
        """The loss of all answers, or of those to some triplets, in float64.

        weights: (t,) how often each of these triplets counts.
        """
        rows: Any = slice(None) if triplets is None else triplets
        index, answers = self.index[rows], None if self.answers is None else self.answers[rows]
        if weights is not None:
            answers = (np.array([[0.0, 0.0, 1.0]]) if answers is None else answers) * weights[:, None]
            kept = answers.any(axis=1)
            index, answers = index[kept], answers[kept]
        return TripletLoss(
            self.n, np.ascontiguousarray(index, np.int32), np.dtype(np.float64), answers=answers, on=self.on
        )

    def called(self, objects: Sequence[int] | np.ndarray) -> str:
        """The names of some objects, or their numbers, for a message."""
        shown = [str(k) if self.names is None else repr(self.names[k]) for k in list(objects)[:SHOWN]]
        return ", ".join(shown) + (f" and {len(objects) - SHOWN:,} more" if len(objects) > SHOWN else "")

    def provenance(self, options: Mapping[str, Any], seed: int | None) -> Provenance:
        """The provenance of a result that is made of these answers."""
        return Provenance.now(self.arguments, options, self.on.backend.name, seed)


def read_answers(
    triplets: object, *, answers: object = None, weights: object = None, subjects: object = None, names: object = None,
    missing: str = "raise", backend: BackendName = "auto",
) -> EmbeddingInputs:
    """Triplets and answers, checked before any work."""
    _checks.one_of(missing, MISSING, "missing")
    data = as_triplet_data(triplets)
    if answers is not None:
        data = data.with_answers(answers)
    if data.task != ODD_ONE_OUT:
        raise InputError(f"an embedding needs triplets of task {ODD_ONE_OUT!r}; got {data.task!r}")
    if not data.answered:
        raise InputError("an embedding needs human choices, which these triplets do not hold")
    called = data.names if names is None else _checks.names_of(names, "names")
    on = algebra_for(backend, data.values)
    index = host_triplets(on, data.values)
    n = int(index.max()) + 1 if called is None else len(called)
    if n > MOST:
        raise InputError(f"an embedding has at most {MOST:,} objects; got triplets with the number {n - 1:,}")
    index = valid_triplets(index, n)
    people = data.subjects if subjects is None else subjects
    people = people.codes if isinstance(people, Subjects) else people
    used = data.weights if weights is None else weights
    weighed = answer_weights(len(index), data.answers, used)
    counted = index if weighed is None else index[weighed.any(axis=1)]
    inputs = EmbeddingInputs(
        on, index, n, called, weighed, None if people is None else checked_labels(people, len(index)),
        np.setdiff1d(np.arange(n), counted), weighing_notes(data.notes, used),
        {"triplets": data, "answers": answers, "weights": weights, "subjects": subjects}, data.source,
    )
    if len(inputs.absent) and missing == "raise":
        raise InputError(
            f'each object must be in a triplet with an answer, or {Remedy("missing", "zero")} leaves its row at zero; '
            f"{inputs.called(inputs.absent)} {'is' if len(inputs.absent) == 1 else 'are'} in none"
        )
    require_joined(inputs, counted)
    return inputs


def require_joined(inputs: EmbeddingInputs, index: np.ndarray) -> None:
    """Raises where objects fall into groups that no triplet joins, whose similarities to each other are unknown."""
    try:
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components
    except ImportError as error:
        raise MissingExtraError("an embedding", "scipy", "probe") from error
    ends = np.concatenate([index[:, [0, 1]], index[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(inputs.n, inputs.n))
    _, group = connected_components(graph, directed=False)
    present = np.setdiff1d(np.arange(inputs.n), inputs.absent)
    unreached = present[group[present] != group[present[0]]]
    if len(unreached):
        raise InputError(
            f"triplets must join all objects; none joins {inputs.called(present[:1])} and {inputs.called(unreached)}"
        )


SPLITS = ("triplets", "subjects")
INNER = 10  # one in so many of a fold's sets, or participants, chooses the penalties


def checked_split(split: str, inputs: EmbeddingInputs) -> str:
    """The split; raises for one over objects, whose rows nobody could fit, and over unknown participants."""
    if isinstance(split, str) and split == "objects":
        raise InputError("split must be triplets or subjects: an object without answers has no row; got 'objects'")
    _checks.one_of(split, SPLITS, "split")
    if split == "subjects" and inputs.subjects is None:
        raise InputError("subjects must identify who answered each triplet with split 'subjects'; got none")
    return split


def unit_of(split: str, inputs: EmbeddingInputs) -> np.ndarray:
    """(t,) what a triplet stays together with: the number of its set of three objects, or of its participant."""
    if split == "subjects":
        assert inputs.subjects is not None
        return np.unique(inputs.subjects, return_inverse=True)[1]
    return sets_of_three(np.argsort(inputs.order)[inputs.index], inputs.n)


def folds_of(split: str, inputs: EmbeddingInputs, folds: int, seed: int) -> list[Fold]:
    """Folds over sets of three, or over participants."""
    units = unit_of(split, inputs)
    count = int(units.max()) + 1
    what = "subjects" if split == "subjects" else "sets of three objects"
    if folds > count:
        raise InputError(f"folds must be at most the number of {what} ({count:,}); got {folds}")
    drawn = list(TripletKFold("subjects", folds, seed).folds(inputs.index, units))
    for number, fold in enumerate(drawn):
        left = without_answers(inputs, fold.train)
        if len(left):
            raise InputError(
                f"each object needs answers in the training triplets of every fold; fold {number + 1} leaves none for "
                f"{inputs.called(left)}: use fewer objects, or more folds"
            )
    return drawn


def inner_part(split: str, inputs: EmbeddingInputs, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The triplets of a fold that fits are made of, and those that choose the penalties: one in `INNER` units."""
    kinds, unit = np.unique(unit_of(split, inputs)[rows], return_inverse=True)
    if len(kinds) < 2:
        raise InputError("the penalties can't be chosen by one unit of answers; give one penalty, or more answers")
    chosen = np.zeros(len(kinds), bool)
    chosen[np.random.default_rng(seed).permutation(len(kinds))[: max(1, len(kinds) // INNER)]] = True
    return rows[~chosen[unit]], rows[chosen[unit]]


def halves_of(split: str, inputs: EmbeddingInputs, seed: int) -> Iterator[np.ndarray]:
    """The triplets of each half of the sets, or of the participants."""
    unit = unit_of(split, inputs)
    order = np.random.default_rng(seed).permutation(int(unit.max()) + 1)
    for half in (0, 1):
        yield np.flatnonzero(order[unit] % 2 == half)


def without_answers(inputs: EmbeddingInputs, rows: np.ndarray) -> np.ndarray:
    """The objects that some triplet names, but none of these that has an answer."""
    if inputs.answers is not None:
        rows = rows[inputs.answers[rows].any(axis=1)]
    seen = np.zeros(inputs.n, bool)
    seen[inputs.index[rows].ravel()] = True
    seen[inputs.absent] = True
    return np.flatnonzero(~seen)


def note_on_contradictions(inputs: EmbeddingInputs) -> tuple[str, ...]:
    """A sentence where sets of three got different answers in equal counts, with the ceiling of any embedding."""
    unit = unit_of("triplets", inputs)
    places = np.argsort(np.argsort(inputs.index, axis=1), axis=1)  # of the columns, in the set in ascending order
    counts = np.zeros((int(unit.max()) + 1, 3))
    answers = np.broadcast_to([0.0, 0.0, 1.0], (len(unit), 3)) if inputs.answers is None else inputs.answers
    for column in range(3):
        np.add.at(counts, (unit, places[:, column]), answers[:, column])
    ordered = np.sort(counts, axis=1)
    equal = int(np.count_nonzero((ordered[:, 2] > 0) & (ordered[:, 2] == ordered[:, 1])))
    if not equal:
        return ()
    ceiling = ordered[:, 2].sum() / ordered.sum()
    sets = "set of three objects has" if equal == 1 else "sets of three objects have"
    return (f"{equal:,} {sets} different answers in equal counts; no embedding can predict more than {ceiling:.1%}",)
