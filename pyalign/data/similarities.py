"""A ready matrix in the place of embeddings: its similarities, larger is more alike, with the names of its items.

What an array that is given as embeddings may be in their place: a matrix of pairs of objects, or triplets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._registry import registered
from pyalign.backends import Array
from pyalign.data.embeddings import Embeddings, as_embeddings
from pyalign.data.judgments import ON_DIAGONAL, RDMs, as_rdms, is_rdms, kind_of_diagonal, require_symmetric
from pyalign.errors import InputError

FEW = 64  # items whose pairs show that values differ, nearly always


@dataclass(frozen=True, eq=False, repr=False)
class Similarities(Embeddings):
    """Similarities (n, n) that go where embeddings do: `align` matches rows and columns by name."""

    # of the matrix that was given: "similarity", or "dissimilarity", whose values are negated here.
    kind: str = "similarity"
    judged: RDMs | None = None  # that matrix, for the record of what was given.

    def __getitem__(self, rows: Any) -> Any:
        """Some items (a slice, a mask, indices): their rows and columns, with their names."""
        some = super().__getitem__(rows)
        return some if isinstance(rows, tuple | int | np.integer) else replace(some, values=some.values[:, rows])


def as_similarities(judged: RDMs, name: str = "matrix") -> Similarities:
    """The similarities of one matrix: float32 or float64, NaN where a pair has no value, 0 on the diagonal.

    Args:
        judged: one matrix, whole or condensed.
        name: of the matrix, for messages and notes.

    Example:
        >>> as_similarities(RDMs([0.1, 0.9, 0.8], "dissimilarity")).values
        array([[ 0. , -0.1, -0.9],
               [-0.1,  0. , -0.8],
               [-0.9, -0.8,  0. ]])
    """
    if judged.n_people is not None:
        several = f"got those of {judged.n_people} participants: give each under its own name, or their mean"
        raise InputError(f"{name} must be one matrix; {several}")
    called = judged.source or name
    if judged.is_square:
        require_symmetric(judged.values, called)
    values = _checks.as_similarities(judged.matrices())
    values = -values if judged.kind == "dissimilarity" else values.copy()
    np.fill_diagonal(values, 0)
    if np.isinf(values).any():
        raise InputError(f"{called} must be finite, or NaN where a pair has no value; got infinity")
    notes = (*judged.notes, *_notes_on_kind(judged, called), *_notes_on_equal(values, called))
    return Similarities(values, judged.names, judged.source, notes, judged.kind, judged)


def with_similarities(x: Any) -> Any:
    """Embeddings, or a mapping from names to them, as they came, and `RDMs` in their place as `Similarities`.

    Example:
        >>> type(with_similarities({"a": RDMs([0.5], "similarity")})["a"]).__name__
        'Similarities'
    """
    x = several(x) if is_rdms(x) else x
    if isinstance(x, Mapping):
        return {name: _in_place(model, str(name)) for name, model in x.items()}
    return _in_place(x, "matrix")


def _in_place(model: Any, name: str) -> Any:
    """A matrix in the place of embeddings as `Similarities`; anything else as it came."""
    judged = as_rdms(model) if is_rdms(model) else model
    return as_similarities(judged, name) if isinstance(judged, RDMs) else model


def several(models: Any) -> Any:
    """Several models as a mapping from names to them; one model, and anything else, as it is.

    Several are a mapping, a list of models of two dimensions each, which are called by their `source` or "model 1", or
    a DataFrame whose columns have two levels, of which the first is the model. Or the `RDMs` of rsatoolbox, whose only
    matrix is one model.

    Example:
        >>> [*several([np.eye(2), np.ones((2, 3))])]
        ['model 1', 'model 2']
    """
    if isinstance(models, Mapping):
        return models
    if is_rdms(models):
        return registered("rdm_models" if len(models.dissimilarities) > 1 else "rdms")(models)
    if isinstance(models, list | tuple):
        if models and all(len(getattr(model, "shape", ())) == 2 for model in models):
            names = [getattr(model, "source", None) or f"model {k}" for k, model in enumerate(models, 1)]
            _checks.different(names, names, "models")
            return dict(zip(names, models, strict=True))
    elif getattr(getattr(models, "columns", None), "nlevels", 1) == 2:
        return {name: models[name] for name in dict.fromkeys(models.columns.get_level_values(0))}
    return models


def named_models(models: object, name: str = "models", of: str = "embeddings") -> dict[str, Any]:
    """`models` by their names as text; see `several`. Raises for what is not several of what the message calls `of`."""
    models = registered("rdm_models")(models) if is_rdms(models) else several(models)
    if not isinstance(models, Mapping):
        raise InputError(f"{name} must map names to {of}, as a dict does; got {type(models).__name__}")
    return _checks.by_name(models, name)


def one_or_several(embeddings: object) -> dict[str, Any]:
    """Several embeddings by their names as text, or one as "embeddings"; see `several`."""
    models = several(embeddings)
    return _checks.by_name(models, "models") if isinstance(models, Mapping) else {"embeddings": models}


def as_models(x: Any, name: str = "embeddings") -> Embeddings | dict[str, Embeddings]:
    """`x` with what it knows of its items, `RDMs` as `Similarities`; of a mapping from names to such, each."""
    if isinstance(x, Embeddings):
        return x
    x = several(x)
    if not isinstance(x, Mapping):
        return as_embeddings(_in_place(x, "matrix"), name)
    if not x:
        raise InputError("models must hold at least one model; got an empty mapping")
    named = _checks.by_name(x, "models")
    return {key: model if isinstance(model, Embeddings) else as_embeddings(_in_place(model, key), key)
            for key, model in named.items()}


def similarities_of(matrix: Any, kind: str | None) -> Any:
    """A matrix, or a mapping from names to matrices, as `Similarities`.

    Args:
        matrix: (n, n), condensed, a DataFrame, `RDMs`, or a mapping from names to such.
        kind: "similarity" or "dissimilarity"; `RDMs` know theirs.
    """
    matrix = several(matrix) if is_rdms(matrix) else matrix
    if not isinstance(matrix, Mapping):
        return as_similarities(as_rdms(matrix, kind, "matrix"))
    if not matrix:
        raise InputError("matrix must hold at least one; got an empty mapping")
    named = _checks.by_name(matrix, "matrix")
    return with_similarities({name: as_rdms(entry, kind, name) for name, entry in named.items()})


def _notes_on_kind(judged: RDMs, name: str) -> tuple[str, ...]:
    """A sentence where the diagonal, which no triplet asks about, shows another kind than is stated."""
    other = kind_of_diagonal(judged)
    if other in (None, judged.kind):
        return ()
    rule = f"the diagonal has the {ON_DIAGONAL[other]} number of every row, as {other[:-1]}ies do"
    return (f"{name}: {rule}: is its kind {other}?",)


def _notes_on_equal(values: np.ndarray, name: str) -> tuple[str, ...]:
    """A sentence where all pairs of a matrix (n, n) have the same value."""
    step = max(1, len(values) // FEW)
    for some in (values[::step, ::step], values):
        pairs = some[np.triu_indices(len(some), 1)]
        if len(pairs) and np.nanmin(pairs, initial=np.inf) != np.nanmax(pairs, initial=-np.inf):
            return ()
    return (f"{name}: all pairs have the same value: every triplet ties",)


ROUNDED = 0.02  # of the range of a matrix: what bfloat16 may do to its diagonal and its symmetry
FIRST_LOOK = 0.2  # of the range of a row: what differs by more is soon seen to be no such matrix
MATRIX_PART = 1 << 22  # elements of a matrix that are looked at at once
FEWEST_ROWS = 5  # of a matrix of pairs that is known by its shape
FIRST_ROWS = 1000  # which show whether they are triplets
MOST_RATING = 9  # whole numbers up to this one may be ratings


def notes_on_values(x: Embeddings, name: str, instead: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What embeddings seem to be instead of features: a matrix of similarities or dissimilarities, or triplets.

    Args:
        x: (n, d).
        name: of x, where it has no source.
        instead: what takes the matrix for what it is, by its kind: "similarities" or "dissimilarities".
    """
    called, shape = x.source or name, np.shape(x.values)
    if len(shape) != 2 or not hasattr(x.values, "__getitem__"):  # an array that can be handed over, by DLPack alone
        return ()
    if x.names is None and (may_be_triplets(x.values) or may_be_triplets_of_floats(x.values)):
        return (f"{called} holds whole numbers in {shape[1]} columns, taken for features: are they triplets?",)
    kind, hint = kind_of_matrix(x.values), ""
    if kind is not None and instead is not None:
        hint = f"; {instead[kind]} takes the matrix for what it is"
    if kind is None and (pairs := shape_of_pairs(x.values)) is not None:
        kind = f"pairs ({pairs})"
    if kind is None:
        return ()
    return (f"{called}: this looks like a matrix of {kind}, not embeddings: its rows are taken for features{hint}",)


def kind_of_matrix(matrix: Array) -> str | None:
    """What a matrix seems to hold, on a device too: "similarities", "dissimilarities", or neither, None.

    Such a matrix is square and symmetric, and its diagonal is constant and the largest, or the smallest, of each row:
    all that but for rounding, which is `ROUNDED` of the range of its values at most. One-hot rows are no similarities,
    and numbers that are mostly those of the diagonal, such as the edges of a graph, neither.
    """
    n = int(matrix.shape[0])
    numbers = any(word in str(matrix.dtype) for word in ("float", "int", "bool"))
    if tuple(matrix.shape) != (n, n) or n < 3 or not numbers or not _mirrored(matrix, slice(0, 1)):
        return None  # the first row and the first column decide nearly always
    parts = _parts(n)
    low, high = _range_of(matrix[rows] * 1.0 for rows in parts)
    rounding, diagonal = ROUNDED * (high - low), matrix.diagonal() * 1.0
    if not (0 < rounding < math.inf and float(diagonal.max()) - float(diagonal.min()) <= rounding):
        return None
    if not all(_mirrored(matrix, rows, rounding) for rows in parts):
        return None
    least, most, level = 0.0, 0.0, -n
    for rows in parts:
        beyond = matrix[rows] * 1.0 - diagonal[rows, None]
        least, most = min(least, float(beyond.min())), max(most, float(beyond.max()))
        level += int((abs(beyond) <= rounding).sum())
    if 2 * level > n * (n - 1):  # most are as on the diagonal: a graph's edges
        return None
    if least >= -rounding:
        return "dissimilarities"
    above = sum(int((matrix[rows] > low + rounding).sum()) for rows in parts)  # n of one-hot rows
    return "similarities" if most <= rounding and above > n else None


def shape_of_pairs(matrix: Array) -> str | None:
    """How a matrix of pairs may be written whatever it holds, on a device too: "symmetric", "triangular", or None.

    Where most numbers are the smallest one, as in one-hot rows and the edges of a graph, it is neither.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(6, 3))
        >>> shape_of_pairs(x @ x.T), shape_of_pairs(np.triu(x @ x.T)), shape_of_pairs(np.eye(6))
        ('symmetric', 'triangular', None)
    """
    n = int(matrix.shape[0])
    if tuple(matrix.shape) != (n, n) or n < FEWEST_ROWS:
        return None
    if _mirrored(matrix, slice(0, 1)):
        low, high = _range_of(matrix[rows] for rows in _parts(n))
        rounding = ROUNDED * (high - low)
        smallest = sum(int((matrix[rows] <= low + rounding).sum()) for rows in _parts(n))
        varied = 0 < rounding < math.inf and 2 * smallest <= n * n
        return "symmetric" if varied and all(_mirrored(matrix, rows, rounding) for rows in _parts(n)) else None
    for oriented in (matrix, matrix.T):
        if not oriented[1:, 0].any() and all(not oriented[k, :k].any() for k in range(1, n)):
            filled = sum(int((oriented[rows] != 0).sum()) for rows in _parts(n))
            return "triangular" if 4 * filled > n * (n - 1) else None
    return None


def _parts(n: int) -> list[slice]:
    """Rows of an (n, n) matrix that are looked at at once."""
    step = max(1, MATRIX_PART // n)
    return [slice(start, start + step) for start in range(0, n, step)]


def _mirrored(matrix: Array, rows: slice, rounding: float | None = None) -> bool:
    """Whether these rows are the columns of the same numbers, but for rounding; None: for much of the rows' range."""
    part = matrix[rows] * 1.0  # of whole numbers too, whose differences would wrap around
    low, high = _range_of([part])
    with np.errstate(over="ignore", invalid="ignore"):
        asymmetry = float(abs(part - matrix[:, rows].T).max())
    return asymmetry <= (FIRST_LOOK * (high - low) if rounding is None else rounding)


def _range_of(parts: Iterable[Array]) -> tuple[float, float]:
    """The smallest and the largest number in arrays or tensors."""
    ends = [(float(part.min()), float(part.max())) for part in parts]
    return min(low for low, _ in ends), max(high for _, high in ends)


def may_be_triplets(values: Array, whole: bool | None = None) -> bool:
    """Whether whole numbers in three or four columns may be items: none below 0, and more than two different ones.

    whole: what the numbers are, where their dtype does not say it.

    Example:
        >>> may_be_triplets(np.array([[0, 7, 3]])), may_be_triplets(np.eye(3)), may_be_triplets(np.eye(3, dtype=int))
        (True, False, False)
    """
    if not ("int" in str(values.dtype) if whole is None else whole) or values.shape[1:] not in ((3,), (4,)):
        return False
    first = values[:FIRST_ROWS]
    return bool(len(first) and first.min() >= 0 and first.max() > 1)


def may_be_triplets_of_floats(values: Array) -> bool:
    """Whether whole numbers that were saved as floats may be triplets: most rows name three or four items.

    Small ones may be ratings.

    Example:
        >>> [may_be_triplets_of_floats(np.array([row])) for row in ([0.0, 70.0, 3.0], [5.0, 7.0, 3.0], [0.5, 70.0, 3])]
        [True, False, False]
    """
    if "float" not in str(values.dtype) or values.shape[1:] not in ((3,), (4,)):
        return False
    first = values[:FIRST_ROWS]
    if not may_be_triplets(first, bool((first == first.round()).all())):
        return False
    columns = range(first.shape[1])
    twice = sum((first[:, i] == first[:, j]) * 1 for i in columns for j in range(i)) > 0
    return bool(first.max() > MOST_RATING) and 2 * int(twice.sum()) < len(first)
