"""What a fit of an embedding returns."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pyalign._dataclass import dataclass, field
from pyalign._result import Result
from pyalign.data import Embeddings
from pyalign.data.names import largest_of
from pyalign.embedding.fit import RowsFit
from pyalign.embedding.inputs import EmbeddingInputs
from pyalign.embedding.options import EmbeddingOptions
from pyalign.embedding.split import note_on_contradictions
from pyalign.embedding.start import MOST
from pyalign.fitting.predicted import predicted_answers
from pyalign.fitting.threads import one_blas_thread

TOP = 8  # objects that are named of each dimension


@dataclass(frozen=True)
class Dimension:
    """One dimension of an embedding."""

    dimension: int  # its number, from 1, by mass.
    mass: float  # the sum of its entries; of a signed embedding, of their absolute values.
    n_objects: int  # the number of objects with an entry that is not 0.
    # its share of the similarity of the pairs that people chose as the most similar, a fraction; shares add up to 1.
    share: float
    top_objects: tuple[str, ...]  # the objects with the largest entries, by name or number, largest first.


@dataclass(frozen=True)
class EmbeddingFit(Result):
    """An embedding of objects that was fitted to triplets."""

    command: ClassVar[str] = "embedding"
    rows: ClassVar[str] = "dimensions"
    derived: ClassVar[tuple[str, ...]] = ("n_dimensions",)

    # (n, d) rows with the names of the objects, float64; None in a result that was read from a document.
    embedding: Embeddings = field(metadata={"hidden": True}, repr=False, compare=False)
    dimensions: tuple[Dimension, ...] = field(repr=False)  # a `Dimension` for each column.
    # shrinkage, sparsity: the penalties.
    shrinkage: float
    sparsity: float
    signed: bool  # whether entries may be negative.
    objective: float  # ``cross_entropy + shrinkage * |X|_F^2 + sparsity / n * (sum of |X|)``, in nats.
    cross_entropy: float  # the mean over the answers of the fit, in nats.
    # the accuracy on the answers of the fit, a fraction. Both figures are optimistic: score other answers.
    accuracy: float
    # n times the largest derivative of the objective that a step could follow: 0 at a stationary point.
    residual: float
    # how far the objective is above the optimum at most, in nats. None unless `signed`: the non-negative problem is not
    # convex, and has no such bound.
    gap: float | None
    converged: bool  # whether the residual, or the gap, is as small as was asked for.
    zeros: float  # the fraction of entries that are exactly 0.
    # n_objects, n_triplets: of the fit.
    n_objects: int
    n_triplets: int
    # n_iterations, n_passes: of the solver; each pass gives the loss and its gradient over all answers.
    n_iterations: int
    n_passes: int
    seconds: float  # the time that the fit took.
    backend: str  # where losses were computed.
    options: EmbeddingOptions = field(repr=False)  # the other options.
    interrupted: bool = False  # whether Ctrl-C stopped the fit. Only a journal contains such fits.
    triplets: str | None = None  # the file of the triplets, or None.

    @property
    def n_dimensions(self) -> int:
        """The number of dimensions."""
        return len(self.dimensions)


def described(fit: RowsFit, inputs: EmbeddingInputs, options: EmbeddingOptions) -> EmbeddingFit:
    """The result of a fit to all of these answers."""
    rows, t = fit.rows, len(inputs.index)
    predicted = predicted_answers(
        inputs.on.for_scoring(rows), inputs.index, inputs.answers, "dot", 1.0, inputs.on, "odd-one-out"
    )
    notes = [*inputs.notes, *note_on_contradictions(inputs)]
    if len(inputs.absent):
        notes.append(f"{inputs.called(inputs.absent)}: in no triplet, the row is zero")
    if rows.size > t:
        notes.append(f"the embedding has {rows.size:,} entries and the fit {t:,} triplets: penalties decide much of it")
    if fit.full:
        notes.append(f"all {MOST} dimensions of the start are left: raise the number of dimensions or the penalties")
    return EmbeddingFit(
        embedding=Embeddings(rows, inputs.names, fitted=True),
        dimensions=dimensions_of(rows, inputs),
        shrinkage=fit.penalty.shrinkage,
        sparsity=fit.penalty.sparsity,
        signed=options.signed,
        objective=fit.objective,
        cross_entropy=fit.cross_entropy,
        accuracy=float(predicted.right.sum() / predicted.weights.sum()),
        residual=fit.residual,
        gap=fit.gap,
        converged=fit.converged,
        zeros=float(np.mean(rows == 0)) if rows.size else 1.0,
        n_objects=inputs.n,
        n_triplets=t,
        n_iterations=fit.n_iterations,
        n_passes=fit.n_passes,
        seconds=fit.seconds,
        backend=inputs.on.backend.name,
        options=options,
        triplets=inputs.source,
        notes=tuple(notes),
    )


def dimensions_of(rows: np.ndarray, inputs: EmbeddingInputs) -> tuple[Dimension, ...]:
    """A `Dimension` for each column of rows (n, d)."""
    names = [str(k) for k in range(inputs.n)] if inputs.names is None else inputs.names
    explained = chosen_similarity(rows, inputs)
    total = float(explained.sum())
    return tuple(
        Dimension(
            dimension=k + 1,
            mass=float(np.abs(column).sum()),
            n_objects=int(np.count_nonzero(column)),
            share=float(explained[k] / total) if total else 0.0,
            top_objects=tuple(names[o] for o in largest_of(column, names)[:TOP] if column[o] > 0),
        )
        for k, column in enumerate(rows.T)
    )


@one_blas_thread()
def chosen_similarity(rows: np.ndarray, inputs: EmbeddingInputs) -> np.ndarray:
    """(d,) what each column adds to the similarity of the pairs that people chose, summed over the answers."""
    index, n = inputs.index, inputs.n
    answers = np.array([[0.0, 0.0, 1.0]]) if inputs.answers is None else inputs.answers
    pairs = np.zeros(n * n)
    for odd, (i, j) in enumerate(((1, 2), (0, 2), (0, 1))):
        if answers[:, odd].any():
            places = index[:, i].astype(np.int64) * n + index[:, j]
            weights = np.broadcast_to(answers[:, odd], len(index))
            pairs += np.bincount(places, weights, n * n)
    return np.asarray(np.einsum("ik,ik->k", rows, pairs.reshape(n, n) @ rows))
