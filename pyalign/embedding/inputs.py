"""What public functions of this package are given: triplets with answers, checked, on the host; and its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.data import ODD_ONE_OUT, Provenance, Subjects, as_triplet_data
from pyalign.data.names import in_order
from pyalign.data.subjects import checked_labels
from pyalign.embedding.fit import Fitter, Seen
from pyalign.embedding.options import EmbeddingOptions
from pyalign.errors import InputError, MissingExtraError
from pyalign.fitting.algebra import Algebra, host_triplets, valid_triplets
from pyalign.fitting.answers import answer_weights, weighing_notes
from pyalign.fitting.objective import TripletLoss
from pyalign.fitting.place import algebra_for
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
        self, options: EmbeddingOptions, watch: Seen | None = None, triplets: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> Fitter:  # fmt: skip
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
) -> EmbeddingInputs:  # fmt: skip
    """Triplets and answers, checked before any work.

    Raises:
        InputError: triplets without answers, or about an anchor; an object in no triplet, unless `missing` is "zero";
            groups of objects that no triplet joins.
    """
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
    )  # fmt: skip
    if len(inputs.absent) and missing == "raise":
        raise InputError(
            f'each object must be in a triplet with an answer, or missing="zero" leaves its row at zero; '
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
    apart = present[group[present] != group[present[0]]]
    if len(apart):
        raise InputError(
            f"triplets must join all objects; none joins {inputs.called(present[:1])} and {inputs.called(apart)}"
        )
