"""Measures that compare a symmetric matrix (n, n) of each model: CKA in its forms, and RSA of two models.

The score is the cosine of two centered matrices. A permutation of the items turns one of them, and changes no norm: the
null is inner products alone. Two forms give the same numbers. The matrices themselves serve every kernel; with few
linear features, |X'Y|^2 is the inner product of XX' and YY', and no matrix is needed.

Representational dissimilarity matrices (RDMs) of few objects, for pictures: participants' and models', aligned.

The measures of similarity between representations, one row each: what is made of a model, and what is compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.backends import get_host_backend
from pyalign.data.judgments import above, objects_of
from pyalign.errors import InputError, nearest
from pyalign.measures import MEASURES, get_measure, median_distance
from pyalign.ops.ranks import double_ranks
from pyalign.ops.resample import identity, permuted_products
from pyalign.ops.similarity import similarity, with_exact_ends
from pyalign.pairwise.study import Study
from pyalign.typing import BackendName, MeasureName

FEATURES_PER_ROW = 4  # d * e below so many n: products of features are cheaper than a pass over a matrix
MOST_ROWS = 16_384  # of a matrix, where features would do: 1 GiB of float32
BLOCK = 1 << 22  # elements that are worked on at once in float64
NOTHING_LEFT = {4: 1e-5, 8: 1e-11}  # of a matrix, by bytes of a number: what centering leaves there is rounding


@dataclass(frozen=True)
class Matrix:
    """A centered matrix (n, n) of length 1; the length that it had is `length` times 4 to the power of `exponent`."""

    values: np.ndarray
    length: float
    exponent: int = 0


@dataclass(frozen=True)
class Features:
    """Centered features (n, d), scaled so that their score with themselves is 1; squared lengths (n,) of the rows."""

    values: np.ndarray
    squares: np.ndarray
    length: float
    exponent: int = 0


class MatrixFamily:
    """See the module. `shapes`: of the models that will be compared."""

    def __init__(
        self, measure: RepresentationMeasure, shapes: Sequence[tuple[int, ...]], backend: BackendName = "auto"
    ):
        self.measure, self.backend, self.n = measure, backend, shapes[0][0]
        widest = sorted(shape[1] for shape in shapes)[-2:]
        few = widest[0] * widest[-1] < FEATURES_PER_ROW * self.n or self.n > MOST_ROWS
        self.by_features = measure.kernel == "linear" and few

    def prepare(self, x: np.ndarray) -> Matrix | Features:
        """What is needed of a model (n, d); raises where the measure is not defined."""
        if self.by_features:
            return self._features(x)
        kernel, exponent = self._kernel(x)
        matrix = centered(kernel, self.measure)
        return replace(matrix, exponent=exponent)

    def score(self, a: Matrix | Features, b: Matrix | Features) -> float:
        return float(self.nulls(a, b, identity(self.n))[0])

    def nulls(self, a: Matrix | Features, b: Matrix | Features, orders: np.ndarray) -> np.ndarray:
        """(k,) scores of a with b, whose rows stand in other orders (k, n)."""
        if isinstance(a, Matrix):
            scores = permuted_products(a.values, b.values, orders, backend=self.backend)
        else:
            assert isinstance(b, Features)
            scores = self._products(a, b, orders)
        return np.clip(scores, -1.0, 1.0)

    def _kernel(self, x: np.ndarray) -> tuple[np.ndarray, int]:
        """(n, n) not centered yet, and the power of 4 by which it is too small."""
        kernel, value = self.measure.kernel, self.measure.value
        if kernel in ("rdm", "ranks"):
            measure = get_measure(str(value))
            similarities = with_exact_ends(similarity(x, measure=measure, backend=self.backend), measure)
            return (similarities if kernel == "rdm" else ranked(similarities)), 0
        values, exponent = centered_columns(x)  # distances are those of x, but for the scale
        if kernel == "linear":
            return similarity(values, measure="dot", backend=self.backend), exponent
        assert isinstance(value, float)
        sigma = math.ldexp(value, -exponent) if self.measure.absolute else value * median_distance(values)
        return similarity(values, measure=get_measure(f"rbf:{sigma!r}"), backend=self.backend), 0

    def _features(self, x: np.ndarray) -> Features:
        values, exponent = centered_columns(x)
        squares = get_host_backend(self.backend).row_squares(values)
        plain = Features(values, squares, 1.0)
        whole = float(self._products(plain, plain, identity(self.n), corrected=False)[0])
        square = float(self._products(plain, plain, identity(self.n))[0])
        if not square > NOTHING_LEFT[values.itemsize] * whole:
            raise not_defined(self.measure)
        return Features(values / values.dtype.type(square**0.25), squares / square**0.5, square**0.5, exponent)

    def _products(self, a: Features, b: Features, orders: np.ndarray, corrected: bool = True) -> np.ndarray:
        """(k,) inner products of the two centered matrices, from the features."""
        host, n = get_host_backend(self.backend), self.n
        turned, product = (
            np.ascontiguousarray(a.values.T), np.empty((a.values.shape[1], b.values.shape[1]), b.values.dtype)
        )
        out = np.empty(len(orders))
        for k, order in enumerate(orders):
            host.product(turned, b.values[order], product)
            wide = product.astype(np.float64)
            out[k] = np.einsum("ij,ij->", wide, wide)
        if not corrected or self.measure.centering == "double":
            return out
        diagonal = np.array([np.einsum("i,i->", a.squares, b.squares[order]) for order in orders])
        if self.measure.centering == "off-diagonal":
            return out - diagonal
        traces = float(a.squares.sum()) * float(b.squares.sum())
        return out - (1 + 2 / (n - 2)) * diagonal + traces / ((n - 1) * (n - 2))


def centered_columns(x: np.ndarray) -> tuple[np.ndarray, int]:
    """x less the mean of each column, scaled so that the largest number is between 1/2 and 1; and the power of two.

    Means are summed in float64; a constant column becomes 0 exactly.

    Example:
        >>> centered_columns(np.array([[0.1, 1.0], [0.1, 3.0]]))
        (array([[ 0. , -0.5],
               [ 0. ,  0.5]]), 1)
    """
    wide = x - x.mean(axis=0, dtype=np.float64)
    wide[:, x.min(axis=0) == x.max(axis=0)] = 0
    exponent = int(np.frexp(np.abs(wide).max())[1])
    return np.ascontiguousarray(np.ldexp(wide, -exponent), dtype=x.dtype), exponent


def ranked(similarities: np.ndarray) -> np.ndarray:
    """(n, n) float64: doubled ranks of the pairs of different items, equal ones sharing their mean rank."""
    below = np.tril_indices(len(similarities), -1)
    out = np.zeros(similarities.shape)
    out[below] = double_ranks(similarities[below])
    return out + out.T


def centered(kernel: np.ndarray, measure: RepresentationMeasure) -> Matrix:
    """A symmetric matrix, centered in place and of length 1. Sums are in float64."""
    n, whole = len(kernel), measure.centering == "double"
    if not whole and measure.centering != "off-diagonal":
        np.fill_diagonal(kernel, 0)
    sums = kernel.sum(axis=1, dtype=np.float64)
    means, mean = _means(sums, n, measure.centering)
    before = after = 0.0
    step = max(1, BLOCK // n)
    for start in range(0, n, step):
        part, own = slice(start, start + step), np.arange(start, min(n, start + step))
        wide = kernel[part].astype(np.float64)
        before += float(np.einsum("ij,ij->", wide, wide))
        wide -= means[part, None]
        wide -= means[None, :] - mean
        if not whole:
            wide[own - start, own] = 0
        after += float(np.einsum("ij,ij->", wide, wide))
        kernel[part] = wide
    if not after > NOTHING_LEFT[kernel.itemsize] ** 2 * before:
        raise not_defined(measure)
    kernel /= kernel.dtype.type(after**0.5)
    return Matrix(kernel, after**0.5)


def _means(sums: np.ndarray, n: int, centering: str) -> tuple[np.ndarray, float]:
    """What is taken off each row and each column (n,), and what is added to all."""
    total = float(sums.sum())
    if centering == "unbiased":
        return sums / (n - 2), total / ((n - 1) * (n - 2))
    if centering == "mean":
        return np.zeros(n), -total / (n * (n - 1))
    return sums / n, total / n**2


def not_defined(measure: RepresentationMeasure) -> InputError:
    """What is said of a model all of whose pairs are alike to a measure."""
    return InputError(f"{measure} is not defined: all rows are equally similar to each other")


MOST = 200  # objects of matrices in a document; of more a sample is kept


@dataclass(frozen=True)
class Rdm:
    """The matrix of a model, or the mean matrix of participants."""

    embeddings: str | None  # the model's name; None for participants.
    measure: str | None  # the measure of the similarity of its rows; None for a matrix that was given.
    # n (n - 1) / 2, the pairs above the diagonal, row by row; NaN for a pair without a value.
    values: tuple[float, ...]

    def square(self) -> np.ndarray:
        """(n, n) float64: the whole matrix, NaN on its diagonal."""
        n = objects_of((len(self.values),))
        out, upper = np.full((n, n), np.nan), np.triu_indices(n, 1)
        out[upper] = out[upper[::-1]] = self.values
        return out


@dataclass(frozen=True)
class Rdms:
    """Matrices over the same objects."""

    objects: tuple[str, ...]  # the names of the n objects, or their numbers.
    kind: str  # of all values, "dissimilarity" or "similarity".
    matrices: tuple[Rdm, ...]  # of participants, if there are any, then of each model and measure.

    def __post_init__(self) -> None:
        if not self.matrices:
            raise InputError("matrices must be at least one; got none")
        pairs = len(self.objects) * (len(self.objects) - 1) // 2
        for matrix in self.matrices:
            if len(matrix.values) != pairs or pairs == 0:
                raise InputError(f"matrices must have {pairs} values, at least one; got {len(matrix.values)}")

    def dissimilarities(self) -> Iterator[np.ndarray]:
        """(n, n) each, of at least 0: similarities count from the largest one downwards."""
        for matrix in self.matrices:
            values = matrix.square()
            similar = self.kind == "similarity"
            yield (np.nanmax(values) if similar else 0.0) - values if similar else values - min(0.0, np.nanmin(values))


def percentiles(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """The share of pairs whose value is less than each, equal ones counted half; NaN stays."""
    out = np.array(values, np.float64)
    known = ~np.isnan(out)
    ordered = np.sort(out[known])
    less, not_more = (np.searchsorted(ordered, out[known], side) for side in ("left", "right"))
    out[known] = (less + not_more) / (2 * max(1, len(ordered)))
    return out


def rdms_of_study(study: Study, names: Sequence[str] | None, kind: str) -> tuple[Rdms, tuple[str, ...]]:
    """The participants' mean matrix and the models', and a note where only some of the objects are kept.

    names: of all judged objects, or None. Of more than `MOST` objects so many are kept, evenly spread.
    """
    kept = np.linspace(0, study.n - 1, min(study.n, MOST)).round().astype(int)
    whole = np.full((study.n, study.n), np.nan)
    whole[study.items[:, 0], study.items[:, 1]] = study.mean
    upper = np.triu_indices(study.n, 1)
    matrices = [Rdm(None, None, _of(whole, kept))]
    for model in study.models:
        whole[upper] = model.whole
        matrices.append(Rdm(model.name, model.measure, _of(whole, kept)))
    objects = study.objects[kept].tolist()
    called = tuple(map(str, objects)) if names is None else tuple(names[k] for k in objects)
    few = (f"rdms are of {MOST} of {study.n:,} objects, evenly spread",) if study.n > MOST else ()
    return Rdms(called, kind, tuple(matrices)), few


def rdms_of_rows(x: object, names: Sequence[str], label: str, limit: int, measure: MeasureName = "pearson") -> Rdms:
    """The RDM of the rows (n, d) of embeddings, 1 - s; of more than `limit` rows so many, evenly spread."""
    rows = np.asarray(x)
    kept = np.linspace(0, len(rows) - 1, min(len(rows), limit)).round().astype(int)
    similarities = with_exact_ends(np.asarray(similarity(rows[kept], measure=measure)), measure).astype(np.float64)
    values = np.empty(len(kept) * (len(kept) - 1) // 2)
    above(1.0 - similarities, values)
    return Rdms(tuple(names[k] for k in kept), "dissimilarity", (Rdm(label, measure, tuple(values.tolist())),))


def _of(whole: np.ndarray, kept: np.ndarray) -> tuple[float, ...]:
    """The pairs of some objects, in their order, of a matrix of which the upper half is filled."""
    values = np.empty(len(kept) * (len(kept) - 1) // 2)
    above(whole[np.ix_(kept, kept)], values)
    return tuple(values.tolist())


LARGEST = 1.0  # of every measure: the score of a model with itself


@dataclass(frozen=True)
class RepresentationMeasure:
    """A measure of similarity between two representations (n, d) and (n, e) of the same n items."""

    name: str  # as given to ``measure=`` and ``--measure``.
    # ``"matrix"``: a symmetric matrix (n, n) of each model, compared by its cosine; ``"neighbors"``: who is near whom;
    # ``"subspace"``: singular values of a product of features.
    family: str
    # of ``matrix`` what stands in the matrix: ``"linear"``, ``"rbf"``, ``"rdm"`` (similarities), ``"ranks"`` (of
    # those). Of the others which of the family it is.
    kernel: str
    formula: str  # for people; `pyalign cka --help` shows it.
    source: str  # where it is from.
    # of ``matrix`` what is taken off: ``"double"`` (row and column means), ``"off-diagonal"`` (the same, then the
    # diagonal is left out), ``"unbiased"`` (U-centered), ``"mean"`` (the mean of all pairs).
    centering: str = ""
    # what may stand behind a colon: ``"bandwidth"``, ``"neighbors"``, ``"dimensions"``, ``"similarity"``; or "".
    parameter: str = ""
    # that parameter; for a bandwidth a factor of the median distance, unless `absolute`.
    value: float | int | str | None = None
    absolute: bool = False
    least: int = 2  # rows that it needs.
    symmetric: bool = True  # whether the order of the two makes no difference.
    biased: bool = False  # whether independent models of many features look alike.
    text: str = ""  # the parameter as it was given, or "".

    def __str__(self) -> str:
        return f"{self.name}:{self.text}" if self.text else self.name


_KORNBLITH = "Kornblith et al., ICML 2019"
_SONG = "Song et al., JMLR 2012; Szekely and Rizzo 2014"
_KRIEGESKORTE = "Kriegeskorte et al. 2008"
_HUH = "Huh et al., ICML 2024"
_ROWS = RepresentationMeasure

REPRESENTATION_MEASURES = {
    m.name: m
    for m in (
        _ROWS("linear-cka", "matrix", "linear", "cosine of H XX' H and H YY' H", _KORNBLITH, "double", biased=True),
        _ROWS("debiased-cka", "matrix", "linear", "the same of U-centered XX' and YY'", _SONG, "unbiased", least=4),
        _ROWS("lange-cka", "matrix", "linear", "as linear-cka, of pairs of different rows",
              "Lange et al. 2023", "off-diagonal"),
        _ROWS("rbf-cka", "matrix", "rbf", "linear-cka's of exp(-|x - y|^2 / 2 s^2)", _KORNBLITH, "double",
              "bandwidth", 1.0, biased=True),
        _ROWS("debiased-rbf-cka", "matrix", "rbf", "debiased-cka's of that", _SONG, "unbiased", "bandwidth", 1.0,
              least=4),
        _ROWS("rsa-pearson", "matrix", "rdm", "Pearson's r of similarities of pairs", _KRIEGESKORTE, "mean",
              "similarity", "pearson", least=3),
        _ROWS("rsa-spearman", "matrix", "ranks", "Spearman's rho of them", _KRIEGESKORTE, "mean", "similarity",
              "pearson", least=3),
        _ROWS("mutual-knn", "neighbors", "overlap", "share of k nearest neighbors in common", _HUH,
              parameter="neighbors", value=10),
        _ROWS("cknna", "neighbors", "kernel", "debiased CKA over neighbors in common", _HUH,
              parameter="neighbors", value=10, least=4, symmetric=False),
        _ROWS("procrustes", "subspace", "procrustes", "|X'Y|_* / (|X| |Y|), columns centered",
              "Williams et al., NeurIPS 2021"),
        _ROWS("cca", "subspace", "cca", "mean canonical correlation", "Hotelling 1936", biased=True),
        _ROWS("svcca", "subspace", "svcca", "cca of the largest principal components", "Raghu et al., NeurIPS 2017",
              parameter="dimensions", value=0.99, biased=True),
        _ROWS("pwcca", "subspace", "pwcca", "canonical correlations, weighted", "Morcos et al., NeurIPS 2018",
              symmetric=False, biased=True),
    )
}


def get_representation_measure(measure: str | RepresentationMeasure) -> RepresentationMeasure:
    """The measure of that name, with the parameter behind its colon."""
    if isinstance(measure, RepresentationMeasure):
        return measure
    if not isinstance(measure, str):
        raise InputError(f"measure must be one of {', '.join(REPRESENTATION_MEASURES)}; got {measure!r}")
    name, colon, text = measure.partition(":")
    if name not in REPRESENTATION_MEASURES:
        hint = "; separate measures by spaces" if "," in name else nearest(name, REPRESENTATION_MEASURES)
        raise InputError(f"measure must be one of {', '.join(REPRESENTATION_MEASURES)}; got {name!r}{hint}")
    registered = REPRESENTATION_MEASURES[name]
    if not colon:
        return registered
    if not registered.parameter:
        raise InputError(f"measure {name!r} takes no parameter; got {measure!r}")
    value, absolute = _PARAMETERS[registered.parameter](name, text)
    return replace(registered, value=value, absolute=absolute, text=text)


def _bandwidth(name: str, text: str) -> tuple[float, bool]:
    word, equals, number = text.partition("=")
    value = _number(number if equals else text)
    if not (math.isfinite(value) and value > 0) or (equals and word != "sigma"):
        rule = f"a positive factor of the median distance, or sigma=S; got {text!r}"
        raise InputError(f"bandwidth of {name} must be {rule}")
    return value, bool(equals)


def _neighbors(name: str, text: str) -> tuple[int, bool]:
    least = 2 if name == "cknna" else 1
    if not (text.isdecimal() and int(text) >= least):
        raise InputError(f"neighbors of {name} must be a whole number of at least {least}; got {text!r}")
    return int(text), False


def _dimensions(name: str, text: str) -> tuple[float | int, bool]:
    if text.isdecimal() and int(text) >= 1:
        return int(text), False
    value = _number(text)
    if not 0 < value < 1:
        raise InputError(f"dimensions of {name} must be a whole number, or a share of the variance; got {text!r}")
    return value, False


def _similarity(name: str, text: str) -> tuple[str, bool]:
    if text.partition(":")[0] not in MEASURES:
        raise InputError(f"similarity of {name} must be one of {', '.join(MEASURES)}; got {text!r}")
    return text, False


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


_PARAMETERS = {"bandwidth": _bandwidth, "neighbors": _neighbors, "dimensions": _dimensions, "similarity": _similarity}
