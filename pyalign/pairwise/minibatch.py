"""CKA of more items than fit: in batches, each of which gives an unbiased estimate of the same quantities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from pyalign import _checks
from pyalign.data import Provenance
from pyalign.data.similarities import named_models
from pyalign.errors import InputError
from pyalign.ops.resample import permutation
from pyalign.ops.rows import match_rows
from pyalign.pairwise._families import prepared
from pyalign.pairwise._matrices import Features, Matrix, MatrixFamily
from pyalign.pairwise.compared import ModelSimilarities, SimilarityMatrix
from pyalign.pairwise.representation import RepresentationMeasure, get_representation_measure
from pyalign.progress import Progress, silent
from pyalign.typing import BackendName

BATCH = 1024  # rows
FARTHEST = 120  # powers of 4 between the lengths of two batches


def minibatch_cka(
    models: object, batch_size: int, measure: str | RepresentationMeasure, seed: int, backend: BackendName,
    progress: Progress = silent,
) -> ModelSimilarities:  # fmt: skip
    """Debiased CKA of models whose matrices (n, n), or whose rows, do not fit into memory; see `pyalign.cka`.

    The unbiased HSIC of each batch estimates that of all items; numerator and denominator are summed over batches, and
    then divided. Memory is that of one batch.

    Args:
        models: name -> (n, d) embeddings, which are cut into batches; or an iterable of batches.

    Source: Nguyen, Raghu and Kornblith, "Do wide and deep networks learn the same things?", ICLR 2021, equation 3.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = rng.normal(size=(3000, 8))
        >>> models = {"a": a, "b": a + rng.normal(size=a.shape)}
        >>> similarities = minibatch_cka(models, 500, "debiased-cka", 0, "auto")
        >>> similarities.batches, round(similarities[0].matrix[0][1], 2)
        (6, 0.49)
    """
    debiased = _debiased(get_representation_measure(measure))
    size = _checks.whole_number(batch_size, "batch_size", debiased.least)
    seed = _checks.whole_number(seed, "seed", 0, 2**63 - 1)
    notes: tuple[str, ...] = ()
    inputs: Mapping[str, object] = {}
    if isinstance(models, Mapping):
        inputs = _checks.by_name(models, "models")
        _names(inputs)
        batches, count, notes = _cut(inputs, size, seed)
    elif isinstance(models, Iterable) and not isinstance(models, np.ndarray):
        batches, count = _matched(models), None
    else:
        raise InputError(f"batches must be mappings from names to embeddings; got {type(models).__name__}")
    names: tuple[str, ...] | None = None
    total, n, number = np.zeros((0, 0)), 0, 0
    scales: dict[str, int] = {}
    for number, rows in enumerate(batches, 1):
        progress("batches", number - 1, count)
        if names is None:
            names, total = _names(rows), np.zeros((len(rows), len(rows)))
        b = _rows_of(rows, names, debiased, number)
        total += b * _hsic(rows, names, debiased, backend, number, scales)
        n += b
    if names is None:
        raise InputError("batches must be at least one; got none")
    options = {"measure": str(debiased), "batch": size}
    similarities = SimilarityMatrix(str(debiased), names, _ratios(total))
    provenance = Provenance.now(inputs, options, backend, seed)
    return ModelSimilarities((similarities,), n, 0, 0.05, seed, number, notes=notes, provenance=provenance)


def _debiased(measure: RepresentationMeasure) -> RepresentationMeasure:
    if measure.centring != "unbiased":
        allowed = "debiased-cka or debiased-rbf-cka:sigma=S: others depend on the size of a batch"
        raise InputError(f"measure must be {allowed}; got {str(measure)!r}")
    if measure.kernel == "rbf" and not measure.absolute:
        raise InputError(f"measure must say its bandwidth, as in {measure.name}:sigma=2: the median distance differs "
                         f"from batch to batch; got {str(measure)!r}")  # fmt: skip
    return measure


def _cut(
    models: Mapping[str, object], size: int, seed: int
) -> tuple[Iterator[dict[str, np.ndarray]], int, tuple[str, ...]]:
    """Batches of all items in a random order, how many, and what was assumed of the rows."""
    matched = match_rows(models)
    count = max(1, matched.n // size)
    order = matched.order[permutation(matched.n, 0, seed=seed)]
    parts = (np.sort(part) for part in np.array_split(order, count))  # files are read front to back
    return (matched.take(part) for part in parts), count, matched.notes


def _matched(batches: Iterable[Mapping[str, object]]) -> Iterator[dict[str, np.ndarray]]:
    for rows in batches:
        yield match_rows(named_models(rows)).take()


def _names(rows: Mapping[str, object]) -> tuple[str, ...]:
    if len(rows) < 2:
        raise InputError(f"models must be at least two; got {len(rows)}")
    return tuple(rows)


def _rows_of(
    rows: Mapping[str, np.ndarray], names: tuple[str, ...], measure: RepresentationMeasure, number: int
) -> int:
    if set(rows) != set(names):
        raise InputError(f"batch {number} must hold the models of the first, {', '.join(names)}; got {', '.join(rows)}")
    b = len(rows[names[0]])
    if b < measure.least:
        raise InputError(f"batch {number} must have at least {measure.least} rows; got {b}")
    return b


def _hsic(
    rows: Mapping[str, np.ndarray], names: tuple[str, ...], measure: RepresentationMeasure, backend: BackendName,
    number: int,
    scales: dict[str, int],
) -> np.ndarray:  # fmt: skip
    """(m, m) the unbiased HSIC of each pair of models in one batch, each model on the scale of its first batch."""
    b = len(rows[names[0]])
    family = MatrixFamily(measure, [rows[name].shape for name in names], backend)
    try:
        ready = prepared(family, rows)
    except InputError as error:
        raise InputError(f"batch {number}: {error}") from error
    lengths = {name: _length(model, scales.setdefault(name, model.exponent)) for name, model in ready.items()}
    out = np.empty((len(names), len(names)))
    for i, first in enumerate(names):
        for j, second in enumerate(names[: i + 1]):
            cosine = 1.0 if i == j else family.score(ready[first], ready[second])
            out[i, j] = out[j, i] = cosine * lengths[first] * lengths[second]
    return out / (b * (b - 3))


def _length(model: Matrix | Features, scale: int) -> float:
    """The length of a model in units of 4 to the power of `scale`, cut off where float64 would over- or underflow."""
    return model.length * 4.0 ** max(-FARTHEST, min(FARTHEST, model.exponent - scale))


def _ratios(total: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """(m, m) from the sums of HSICs over batches."""
    lengths = np.sqrt(np.diag(total))
    ratios = total / lengths[:, None] / lengths
    np.fill_diagonal(ratios, 1.0)
    return tuple(map(tuple, ratios.tolist()))
