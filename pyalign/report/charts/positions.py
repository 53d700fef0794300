"""Where objects stand on a plane: PCA, t-SNE or UMAP of embeddings, the same for the same seed."""

from __future__ import annotations

import warnings
from importlib import import_module

import numpy as np

from pyalign import _checks
from pyalign.errors import InputError, MissingExtraError

METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
PRINCIPAL = 50  # components that t-SNE and UMAP start from, where there are more columns


def positions(x: object, method: str = "pca", seed: int = 0) -> tuple[np.ndarray, list[str], str]:
    """Where objects stand on a plane, what the axes are, and what a reader should know of the method.

    PCA is numpy's SVD of the centred rows, the sign of each component such that its largest entry is positive. t-SNE
    (van der Maaten and Hinton 2008) is scikit-learn's, begun at PCA; UMAP (McInnes et al. 2018) is umap-learn's. Both
    give the same positions for the same seed.

    Args:
        x: (n, d) finite rows, n of at least 3.
        method: "pca", "tsne" or "umap".
        seed: of what is drawn at random.

    Returns:
        (n, 2) float64; two titles of axes; a sentence.

    Raises:
        InputError: fewer rows, other shapes, NaN.
        MissingExtraError: scikit-learn or umap-learn is not installed.

    Example:
        >>> places, axes, _ = positions([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> np.abs(places[:, 0]).round(6).tolist(), axes[0]
        ([2.0, 2.0, 0.0, 0.0], 'component 1 (80.0 % of variance)')
    """
    _checks.one_of(method, tuple(METHODS), "method")
    seed = _checks.whole_number(seed, "seed", 0)
    rows = np.asarray(_checks.as_rows(x, "embeddings"), dtype=np.float64)
    if len(rows) < 3 or rows.shape[1] < 2:
        raise InputError(f"a map needs at least 3 rows and 2 columns of embeddings; got shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise InputError("embeddings must be finite for a map; got NaN or infinity")
    if method == "pca":
        return _pca(rows)
    before = ""
    if rows.shape[1] > PRINCIPAL:  # as van der Maaten and Hinton do: an eighth of the time, and less noise
        rows = _scores(rows, min(PRINCIPAL, len(rows)))[0]
        before = f"Of the first {rows.shape[1]} principal components. "
    found, axes, sense = _tsne(rows, seed) if method == "tsne" else _umap(rows, seed)
    return found, axes, before + sense


def _pca(rows: np.ndarray) -> tuple[np.ndarray, list[str], str]:
    found, shares = _scores(rows, 2)
    axes = [f"component {k + 1} ({100 * shares[k]:.1f} % of variance)" for k in range(2)]
    return found, axes, "Distances are those of the first two components."


def _scores(rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The first k principal components of each row, and the share of variance of each."""
    u, s, v = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    signs = np.where(v[np.arange(k), np.abs(v[:k]).argmax(axis=1)] < 0, -1.0, 1.0)
    return u[:, :k] * s[:k] * signs, s[:k] ** 2 / (float((s**2).sum()) or 1.0)


def _tsne(rows: np.ndarray, seed: int) -> tuple[np.ndarray, list[str], str]:
    try:
        manifold = import_module("sklearn.manifold")
    except ModuleNotFoundError as error:
        raise MissingExtraError("a map by t-SNE", "scikit-learn", "maps") from error
    perplexity = min(30.0, (len(rows) - 1) / 3)
    found = manifold.TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(rows)
    told = f"Perplexity {perplexity:.3g}, seed {seed}; near means alike, far and the axes mean nothing."
    return np.asarray(found, np.float64), ["t-SNE 1", "t-SNE 2"], told


def _umap(rows: np.ndarray, seed: int) -> tuple[np.ndarray, list[str], str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numba and tensorflow, which are not asked for
        try:
            umap = import_module("umap")
        except ModuleNotFoundError as error:
            raise MissingExtraError("a map by UMAP", "umap-learn", "maps") from error
        near = min(15, len(rows) - 1)
        # Begun at PCA where the spectrum of few rows does not give one.
        start = "spectral" if len(rows) > 30 else "pca"
        found = umap.UMAP(n_neighbors=near, init=start, random_state=seed, n_jobs=1).fit_transform(rows)
    told = f"{near} neighbours, seed {seed}; near means alike, far and the axes mean nothing."
    return np.asarray(found, np.float64), ["UMAP 1", "UMAP 2"], told
