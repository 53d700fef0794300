"""A ready matrix in the place of embeddings: its similarities, larger is more alike, with the names of its items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._registry import registered
from pyalign.data.embeddings import Embeddings, as_embeddings
from pyalign.data.judgments import ON_DIAGONAL, Judgments, as_judgments, is_rdms, kind_of_diagonal, require_symmetric
from pyalign.errors import InputError

FEW = 64  # items whose pairs show that values differ, nearly always


@dataclass(frozen=True, eq=False, repr=False)
class Similarities(Embeddings):
    """Similarities (n, n) that go where embeddings do: `align` matches rows and columns by name."""

    # of the matrix that was given: "similarity", or "dissimilarity", whose values are negated here.
    kind: str = "similarity"
    judged: Judgments | None = None  # that matrix, for the record of what was given.

    def __getitem__(self, rows: Any) -> Any:
        """Some items (a slice, a mask, indices): their rows and columns, with their names."""
        some = super().__getitem__(rows)
        return some if isinstance(rows, tuple | int | np.integer) else replace(some, values=some.values[:, rows])


def as_similarities(judged: Judgments, name: str = "matrix") -> Similarities:
    """The similarities of one matrix: float32 or float64, NaN where a pair has no value, 0 on the diagonal.

    Args:
        judged: one matrix, whole or condensed.
        name: of the matrix, for messages and notes.

    Raises:
        InputError: matrices of several people, one that is not symmetric, or an infinite value.

    Example:
        >>> as_similarities(Judgments([0.1, 0.9, 0.8], "dissimilarity")).values
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
    """Embeddings, or a mapping from names to them, as they came, and `Judgments` in their place as `Similarities`.

    Example:
        >>> type(with_similarities({"a": Judgments([0.5], "similarity")})["a"]).__name__
        'Similarities'
    """
    x = several(x) if is_rdms(x) else x
    if isinstance(x, Mapping):
        return {name: _in_place(model, str(name)) for name, model in x.items()}
    return _in_place(x, "matrix")


def _in_place(model: Any, name: str) -> Any:
    """A matrix in the place of embeddings as `Similarities`; anything else as it came."""
    judged = as_judgments(model) if is_rdms(model) else model
    return as_similarities(judged, name) if isinstance(judged, Judgments) else model


def several(models: Any) -> Any:
    """Several models as a mapping from names to them; one model, and anything else, as it is.

    Several are a mapping, a list of models of two dimensions each, which are called by their `source` or "model 1", or
    a DataFrame whose columns have two levels, of which the first is the model. Or the `RDMs` of rsatoolbox, whose only
    matrix is one model.

    Example:
        >>> [*several([np.eye(2), np.ones((2, 3))])]
        ['model 1', 'model 2']
    """
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
    return _checks.by_name(models, "embeddings") if isinstance(models, Mapping) else {"embeddings": models}


def as_models(x: Any, name: str = "embeddings") -> Embeddings | dict[str, Embeddings]:
    """`x` with what it knows of its items, `Judgments` as `Similarities`; of a mapping from names to such, each.

    Raises:
        InputError: an empty mapping, names that are equal as text; see `as_embeddings` and `as_similarities`.

    Example:
        >>> as_models({1: np.eye(2)})["1"].shape
        (2, 2)
    """
    x = several(x)
    if not isinstance(x, Mapping):
        return as_embeddings(_in_place(x, "matrix"), name)
    if not x:
        raise InputError(f"{name} must hold at least one model; got an empty mapping")
    named = _checks.by_name(x, name)
    return {key: as_embeddings(_in_place(model, key), key) for key, model in named.items()}


def similarities_of(matrix: Any, kind: str | None) -> Any:
    """A matrix, or a mapping from names to matrices, as `Similarities`.

    Args:
        matrix: (n, n), condensed, a DataFrame, `Judgments`, or a mapping from names to such.
        kind: "similarity" or "dissimilarity"; `Judgments` know theirs.

    Raises:
        InputError: another kind, none where the diagonal shows none, or what `as_similarities` refuses.
    """
    matrix = several(matrix) if is_rdms(matrix) else matrix
    if not isinstance(matrix, Mapping):
        return as_similarities(as_judgments(matrix, kind, "matrix"))
    if not matrix:
        raise InputError("matrix must hold at least one; got an empty mapping")
    named = _checks.by_name(matrix, "matrix")
    return with_similarities({name: as_judgments(entry, kind, name) for name, entry in named.items()})


def _notes_on_kind(judged: Judgments, name: str) -> tuple[str, ...]:
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
