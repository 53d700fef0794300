"""What public functions of this package are given: brought together by names, checked, on the host; and its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.analysis.order import notes_on_order
from pyalign.data import (
    ODD_ONE_OUT,
    Aligned,
    Embeddings,
    KeptRows,
    Provenance,
    Subjects,
    TrainedOn,
    Transform,
    align,
    as_embeddings,
    as_triplet_data,
)
from pyalign.data.align import named_rows
from pyalign.data.missing import Coverage, with_rows
from pyalign.data.names import in_order
from pyalign.data.subjects import checked_labels
from pyalign.errors import InputError
from pyalign.fitting.algebra import Algebra, host_rows, host_triplets, valid_triplets
from pyalign.fitting.answers import answer_weights, weighing_notes
from pyalign.fitting.place import HostAlgebra, algebra_for
from pyalign.probing.problem import finite_rows
from pyalign.typing import BackendName, Policy


@dataclass(frozen=True, eq=False)
class Inputs:
    """Rows, triplets and answers of a fit.

    Attributes:
        given: all of these by their names, for the record.
    """

    on: Algebra  # where losses are computed.
    # (m, d) finite, on the host: the rows of the objects that triplets name, in the order of their names, so that
    # neither the order of rows nor rows of other objects have an effect on a fit or on folds.
    x: np.ndarray
    index: np.ndarray  # (t, 3) rows of x, valid, on the host.
    items: np.ndarray  # (m,) which rows of the embeddings these are.
    answers: np.ndarray | None  # (t, 3) weights of the answers; None: one each, the last item.
    subjects: np.ndarray | None  # (t,) who answered, or None.
    others: np.ndarray | None  # (m, d) other embeddings, on the host, or None.
    aligned: Aligned  # x and triplets as they came.
    arguments: Mapping[str, Any]
    coverage: Coverage | None  # how many of the triplets these are; None where none may be left out.

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be assumed."""
        return self.aligned.notes

    @property
    def task(self) -> str:
        """The task of the triplets."""
        return self.aligned.triplets.task

    def provenance(self, options: Mapping[str, Any], seed: int | None) -> Provenance:
        """The provenance of a result that is made of these inputs."""
        missing = "raise" if self.coverage is None else "omit"
        return Provenance.now(self.arguments, {**options, "missing": missing}, self.on.backend.name, seed)

    def recorded(
        self, transform: Transform, measure: str, temperature: float, provenance: Provenance,
        held_out: Mapping[str, Any] | None = None, kept: KeptRows | None = None,
    ) -> Transform:  # fmt: skip
        """The map with the record of what it was fitted to."""
        x = self.aligned.x if isinstance(self.aligned.x, np.ndarray) else host_rows(self.on, self.aligned.x)
        trained = TrainedOn.of(
            x, self.aligned.index, measure=measure, temperature=temperature, names=self.aligned.names,
            held_out=held_out, provenance=provenance, task=self.task, kept=kept,
        )  # fmt: skip
        return replace(transform, trained=trained)


def read_inputs(
    x: object, triplets: object, *, answers: object = None, weights: object = None, subjects: object = None,
    others: object = None, missing: Policy = "raise", backend: BackendName = "auto",
) -> Inputs:  # fmt: skip
    """Everything checked; answers and subjects are those of the triplets unless they are given.

    Raises:
        InputError: as `pyalign.score`; triplets without answers; other embeddings of other features, or too few.
    """
    triplet_data = as_triplet_data(triplets)
    if answers is not None:
        triplet_data = triplet_data.with_answers(answers)
    if not triplet_data.answered:
        raise InputError("a probe needs human choices, which these triplets do not hold")
    present = with_rows(x, triplet_data, missing, subjects=subjects)
    triplet_data, subjects = present.triplets, present.of(subjects, "subjects")
    aligned = align(x, triplet_data)
    on = algebra_for(backend, aligned.x)
    rows = finite_rows(host_rows(on, aligned.x))
    aligned = replace(aligned, index=valid_triplets(host_triplets(on, aligned.index), *map(int, rows.shape)))
    items, index = named_rows(aligned)
    on = on if triplet_data.task == ODD_ONE_OUT else _host_for_two(on, backend)
    people = triplet_data.subjects if subjects is None else subjects
    weights = triplet_data.weights if weights is None else present.of(weights, "weights")
    if isinstance(people, Subjects):
        people = people.codes  # in the order of the labels, which may be numbers
    weighed = answer_weights(len(index), triplet_data.answers, weights)
    order = notes_on_order(aligned, aligned.embeddings.source or "embeddings", rows)
    aligned = replace(aligned, notes=(*weighing_notes(aligned.notes, weights), *order))
    arguments = {"embeddings": aligned.embeddings, "triplets": triplet_data, "answers": answers, "weights": weights}
    arguments["other_embeddings"] = others
    return Inputs(
        on, rows[items], index, items, weighed,
        None if people is None else checked_labels(people, len(index)),
        None if others is None else _others(on, as_embeddings(others, "other_embeddings")),
        aligned, {name: value for name, value in arguments.items() if value is not None}, present.coverage,
    )  # fmt: skip


def _host_for_two(on: Algebra, backend: BackendName) -> Algebra:
    """Where anchored triplets are fitted: on the host, whose kernels alone choose between two."""
    if isinstance(on, HostAlgebra):
        return on
    if backend != "auto":
        expected = "native or numpy, on the host, for anchored triplets"
        raise InputError(f"backend must be {expected}; got {backend!r}")
    return algebra_for()


def _others(on: Algebra, others: Embeddings) -> np.ndarray:
    """Other embeddings on the host, in the order of their names, where they have some: batches are drawn of these."""
    rows = host_rows(on, others.values, "other_embeddings")
    return rows if others.names is None else rows[in_order(others.names)]
