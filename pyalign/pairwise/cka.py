"""CKA and its relatives: of models, and of items that come in batches.

Each batch gives an unbiased estimate of the same quantities.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from pyalign import _checks
from pyalign._process import Progress, reporter, silent
from pyalign.data import Provenance
from pyalign.data.similarities import named_models
from pyalign.errors import InputError
from pyalign.ops.resample import permutation
from pyalign.ops.similarity import match_rows
from pyalign.pairwise._families import prepared
from pyalign.pairwise.all_pairs import PERMUTATIONS, Measure, Null, compare_all
from pyalign.pairwise.rdms import Features, Matrix, MatrixFamily, RepresentationMeasure, get_representation_measure
from pyalign.pairwise.rsa_result import ModelSimilarities, SimilarityMatrix
from pyalign.stats.resampling import AUTO, LEVEL, Inference, OverObjects
from pyalign.typing import BackendName, Correction, EmbeddingsLike, Models

BATCH = 1024  # rows
FARTHEST = 120  # powers of 4 between the lengths of two batches


def minibatch_cka(
    models: object, batch_size: int, measure: str | RepresentationMeasure, seed: int, backend: BackendName,
    progress: Progress = silent,
) -> ModelSimilarities:
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
    how = Inference(level=LEVEL, seed=seed)
    return ModelSimilarities((similarities,), n, 0, 0.05, number, inference=how, notes=notes, provenance=provenance)


def _debiased(measure: RepresentationMeasure) -> RepresentationMeasure:
    if measure.centering != "unbiased":
        allowed = "debiased-cka or debiased-rbf-cka:sigma=S: others depend on the size of a batch"
        raise InputError(f"measure must be {allowed}; got {str(measure)!r}")
    if measure.kernel == "rbf" and not measure.absolute:
        raise InputError(f"measure must say its bandwidth, as in {measure.name}:sigma=2: the median distance differs "
                         f"from batch to batch; got {str(measure)!r}")
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
    number: int, scales: dict[str, int],
) -> np.ndarray:
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


@_checks.checked
def cka(
    models: Models | None = None, *, batches: Iterable[Mapping[str, EmbeddingsLike]] | None = None,
    batch_size: int | None = None, measure: Measure | Sequence[Measure] = "debiased-cka",
    n_permutations: int | None = None, confidence_level: float = 0.95, ci: OverObjects = AUTO,
    correction: Correction = "holm", seed: int = 0, backend: BackendName = "auto", progress: Progress | None = None,
) -> ModelSimilarities:
    """Compute how similar models are to each other, by CKA or a relative, and how much of that exceeds chance.

    Args:
        models: name -> (n, d) embeddings of the same n items, of any numbers of features; at least two. Those with
            names are matched by name, others are taken to have their rows in the same order.
        batches: instead of models, an iterable of batches as a loader yields them: mappings from the same names to
            (b, d) rows of the same items, in an order that is independent of their content.
        batch_size: for models whose matrices (n, n), or whose rows, do not fit into memory, such as memory-mapped
            arrays: they are read in random batches of about this many rows, at least 4. None: all at once.
        measure: one of the measures in docs/cka.md or, for models, several. ``rbf-cka:0.5`` has half the median
            distance as its bandwidth, ``rbf-cka:sigma=2`` a bandwidth of 2; ``mutual-knn:20`` and ``cknna:20`` use 20
            neighbors; ``svcca:20`` uses 20 components, ``svcca:0.95`` those with 95% of the variance;
            ``rsa-spearman:cosine`` uses cosines instead of Pearson correlations. Batches take ``debiased-cka`` or
            ``debiased-rbf-cka:sigma=S``, since others depend on the size of a batch.
        n_permutations: the number K of permutations of one model's items (None: 200); 0: no null. Batches have none.
        confidence_level: the share of unrelated models whose calibrated score is 0; intervals have that of `ci`.
        ci: of models, "objects" (as "auto"), a `pyalign.Resampling` of objects, or None for no intervals. Measures of
            symmetric matrices have the closed form, "corrected"; others have "half-samples", 200 unless
            `n_resamples` says otherwise, which can be asked for of all. Batches have no intervals.
        correction: how p-values of pairs, and of differences, are corrected: "holm", or "benjamini-hochberg".
        seed: the seed of the permutations, which are the same for all pairs and measures; for batches, of the row
            order.
        backend: the backend that computes on the host; embeddings on a device are brought there.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        A `ModelSimilarities` with a `SimilarityMatrix` for each measure. The threshold of a pair is the order statistic
        ceil(confidence_level (K + 1)) of its score and its K nulls, its calibrated score clip((s - threshold) / (1 -
        threshold), 0, 1), its p-value (1 + #{null >= s}) / (K + 1). Values that differ only by rounding count as equal.
        `scores` has the intervals of pairs. `differences` says of each model whether it is more like one than like
        another of the others, with a p-value.

    Raises:
        InputError: fewer than two models, or of other items; NaN or infinity; an unknown measure; a model to which a
            measure does not apply, such as one whose rows are all the same; options that apply to another input.
        MissingExtraError: a measure of singular values without scipy.

    Source: Kornblith et al., "Similarity of neural network representations revisited", ICML 2019; Song et al., JMLR
    2012 (debiased); Nguyen, Raghu and Kornblith, ICLR 2021, equation 3 (batches); Gröger, Wen and Brbić, arXiv
    2602.14486 (calibration); others in docs/cka.md.

    Example:
        >>> import numpy as np, pyalign
        >>> rng = np.random.default_rng(0)
        >>> a = rng.normal(size=(50, 8))
        >>> similarities = pyalign.cka({"a": a, "turned": a[:, ::-1] * 3, "other": rng.normal(size=(50, 200))})
        >>> [round(score, 3) for score in similarities[0].matrix[0]]
        [1.0, 1.0, 0.029]
        >>> similarities[0].calibrated[0][1] > 0.9, similarities[0].calibrated[0][2]
        (True, 0.0)
    """
    if (models is None) == (batches is None):
        raise InputError(f"one of models and batches must be given; got {'none' if models is None else 'both'}")
    if batches is not None and batch_size is not None:
        raise InputError("batch_size applies only to models, which are split into batches")
    if batches is None and batch_size is None:
        null = Null.of(PERMUTATIONS if n_permutations is None else n_permutations, confidence_level, seed)
        return compare_all(models, measure, null, backend, reporter(progress), ci, correction)
    if ci not in (AUTO, None):
        raise InputError(f"ci applies only to models that are compared at once; got {ci!r} for batches")
    if n_permutations not in (None, 0):
        raise InputError(f"n_permutations must be 0 in batches, which have no null; got {n_permutations!r}")
    if not isinstance(measure, str | RepresentationMeasure):
        raise InputError(f"measure must be a single one for batches; got {measure!r}")
    rows = batches if models is None else models
    return minibatch_cka(rows, BATCH if batch_size is None else batch_size, measure, seed, backend, reporter(progress))
