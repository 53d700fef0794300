"""CKA and its relatives: of models, of the layers of two models, and of items that come in batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, overload

from pyalign.errors import InputError
from pyalign.pairwise.all_pairs import Measure, compare_all
from pyalign.pairwise.compared import LayerSimilarity, ModelSimilarities
from pyalign.pairwise.layers import compare_layers
from pyalign.pairwise.minibatch import BATCH, minibatch_cka
from pyalign.pairwise.representation import RepresentationMeasure
from pyalign.progress import Progress, reporter
from pyalign.stats.resampling import AUTO, OverObjects
from pyalign.typing import BackendName, Correction, EmbeddingsLike, Models

PERMUTATIONS = 200


@overload
def cka(
    models: Models, *, batch_size: int | None = ..., measure: Measure | Sequence[Measure] = ...,
    n_permutations: int | None = ..., alpha: float = ..., ci: OverObjects = ..., correction: Correction = ...,
    seed: int = ..., backend: BackendName = ..., progress: Progress | None = ...,
) -> ModelSimilarities: ...  # fmt: skip
@overload
def cka(
    *, batches: Iterable[Mapping[str, EmbeddingsLike]] | None, measure: Measure = ..., seed: int = ...,
    backend: BackendName = ...,
    progress: Progress | None = ...,
) -> ModelSimilarities: ...  # fmt: skip
@overload
def cka(
    *, layers: tuple[Mapping[str, EmbeddingsLike], Mapping[str, EmbeddingsLike]] | None, aggregate: Literal["max",
    "mean"] | None = ..., measure: Measure = ...,
    n_permutations: int | None = ..., alpha: float = ..., seed: int = ..., backend: BackendName = ...,
    progress: Progress | None = ...,
) -> LayerSimilarity: ...  # fmt: skip
def cka(
    models: Models | None = None, *,
    layers: tuple[Mapping[str, EmbeddingsLike], Mapping[str, EmbeddingsLike]] | None = None, aggregate: Literal["max",
    "mean"] | None = None,
    batches: Iterable[Mapping[str, EmbeddingsLike]] | None = None, batch_size: int | None = None,
    measure: Measure | Sequence[Measure] = "debiased-cka", n_permutations: int | None = None, alpha: float = 0.05,
    ci: OverObjects = AUTO, correction: Correction = "holm", seed: int = 0, backend: BackendName = "auto",
    progress: Progress | None = None,
) -> ModelSimilarities | LayerSimilarity:  # fmt: skip
    """Compute how similar models are to each other, by CKA or a relative, and how much of that exceeds chance.

    Args:
        models: name -> (n, d) embeddings of the same n items, of any numbers of features; at least two. Those with
            names are matched by name, others are taken to have their rows in the same order.
        layers: instead of models, the layers of two of them: (first, second), each a mapping from names of layers to
            embeddings. All pairs of layers are compared, and the largest or mean similarity is calibrated as a whole:
            the best of many pairs is large by itself.
        aggregate: of layers: ``"max"`` (the default) or ``"mean"`` over all pairs.
        batches: instead of models, an iterable of batches as a loader yields them: mappings from the same names to
            (b, d) rows of the same items, in an order that is independent of their content.
        batch_size: for models whose matrices (n, n), or whose rows, do not fit into memory, such as memory-mapped
            arrays: they are read in random batches of about this many rows, at least 4. None: all at once.
        measure: one of the measures in docs/cka.md or, for models, several. ``rbf-cka:0.5`` has half the median
            distance as its bandwidth, ``rbf-cka:sigma=2`` a bandwidth of 2; ``mutual-knn:20`` and ``cknna:20`` use 20
            neighbours; ``svcca:20`` uses 20 components, ``svcca:0.95`` those with 95% of the variance;
            ``rsa-spearman:cosine`` uses cosines instead of Pearson correlations. Batches take ``debiased-cka`` or
            ``debiased-rbf-cka:sigma=S``, since others depend on the size of a batch.
        n_permutations: the number K of permutations of one model's items (None: 200); 0: no null. Batches have none.
        alpha: the proportion of unrelated models whose calibrated score may be above 0.
        ci: of models, "objects" (as "auto"), a `pyalign.Resampling` of objects, or None for no intervals. Measures of
            symmetric matrices have the closed form, "corrected"; others have "half-samples", 200 unless
            `n_resamples` says otherwise, which can be asked for of all. Batches and layers have no intervals.
        correction: how p-values of pairs, and of differences, are corrected: "holm", or "benjamini-hochberg".
        seed: the seed of the permutations, which are the same for all pairs and measures; for batches, of the row
            order.
        backend: the backend that computes on the host; embeddings on a device are brought there.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        A `ModelSimilarities` with a `SimilarityMatrix` for each measure. The threshold of a pair is the order statistic
        ceil((1 - alpha) (K + 1)) of its score and its K nulls, its calibrated score clip((s - threshold) / (1 -
        threshold), 0, 1), its p-value (1 + #{null >= s}) / (K + 1). Values that differ only by rounding count as equal.
        `scores` has the intervals of pairs. `differences` says of each model whether it is more like one than like
        another of the others, with a p-value. Of layers a `LayerSimilarity`.

    Raises:
        InputError: fewer than two models, or of other items; NaN or infinity; an unknown measure; a model to which a
            measure does not apply, such as one whose rows are all the same; options that apply to another input.
        MissingExtraError: a measure of singular values without scipy.

    Source: Kornblith et al., "Similarity of neural network representations revisited", ICML 2019; Song et al., JMLR
    2012 (debiased); Nguyen, Raghu and Kornblith, ICLR 2021, equation 3 (batches); Gröger, Wen and Brbić, arXiv
    2602.14486 (calibration, of layers algorithm 2); others in docs/cka.md.

    Example:
        >>> import numpy as np, pyalign
        >>> rng = np.random.default_rng(0)
        >>> a = rng.normal(size=(50, 8))
        >>> similarities = pyalign.cka({"a": a, "turned": a[:, ::-1] * 3, "other": rng.normal(size=(50, 200))})
        >>> [round(score, 3) for score in similarities[0].matrix[0]]
        [1.0, 1.0, 0.029]
        >>> similarities[0].calibrated[0][1] > 0.9, similarities[0].calibrated[0][2]
        (True, 0.0)
        >>> round(pyalign.cka(layers=({"1": a, "2": a**2}, {"1": a})).value, 6)
        1.0
    """
    inputs = {"models": models, "layers": layers, "batches": batches}
    present = [name for name, value in inputs.items() if value is not None]
    if len(present) != 1:
        raise InputError(f"one of models, layers and batches must be given; got {' and '.join(present) or 'none'}")
    in_batches = batches is not None or batch_size is not None
    if aggregate is not None and layers is None:
        raise InputError(f"aggregate applies only to layers; got {present[0]}")
    if batch_size is not None and models is None:
        raise InputError(f"batch_size applies only to models, which are split into batches; got {present[0]}")
    if (in_batches or layers is not None) and ci not in (AUTO, None):
        raise InputError(f"ci applies only to models that are compared at once; got {ci!r} for "
                         f"{'batches' if in_batches else 'layers'}")  # fmt: skip
    if in_batches and n_permutations not in (None, 0):
        raise InputError(f"n_permutations must be 0 in batches, which have no null; got {n_permutations!r}")
    count = PERMUTATIONS if n_permutations is None else n_permutations
    progress = reporter(progress)
    if models is not None and batch_size is None:
        return compare_all(models, measure, count, alpha, seed, backend, progress, ci, correction)
    if not isinstance(measure, str | RepresentationMeasure):
        raise InputError(f"measure must be a single one for {'batches' if in_batches else 'layers'}; got {measure!r}")
    if layers is not None:
        return compare_layers(layers, measure, aggregate or "max", count, alpha, seed, backend, progress)
    rows = batches if models is None else models
    return minibatch_cka(rows, BATCH if batch_size is None else batch_size, measure, seed, backend, progress)
