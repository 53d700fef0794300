"""Representations and human dimensions brought to the same objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.concept.dimensions import labels_of
from pyalign.data import Embeddings, as_embeddings, match_names
from pyalign.data.instead import notes_on_values
from pyalign.data.missing import Coverage, missing_in_words, rows_of_each
from pyalign.data.names import require_different
from pyalign.errors import InputError
from pyalign.ops._dispatch import dispatch_of
from pyalign.typing import Policy

LARGEST = 1e100  # whose squares, summed, stay far from overflow


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of human dimensions, and their rows in representations."""

    rows: dict[str, np.ndarray]  # name -> (n, d) float64, a row for each object.
    human: np.ndarray  # (n, k) float64 the dimensions.
    kept: np.ndarray  # bool (n,): which have no NaN or infinity in any of them.
    labels: tuple[str, ...]  # of the dimensions.
    names: tuple[str, ...] | None  # of the objects, or None.
    source: str | None  # where the dimensions came from, or None.
    notes: tuple[str, ...]  # what was assumed, a sentence each.
    there: np.ndarray  # bool (n,): which have a row in all representations; the others have rows of NaN.
    coverage: Coverage | None = None  # how many these are; None where all must have one.

    @property
    def y(self) -> np.ndarray:
        """(m, k) the dimensions of the objects that are kept."""
        dimensions: np.ndarray = self.human[self.kept]
        return dimensions


def objects_of(
    models: Mapping[str, object], dimensions: object, labels: Sequence[str] | None = None, nan_policy: Policy = "raise",
    missing: Policy = "raise",
) -> Objects:  # fmt: skip
    """The rows of each model in the order of the dimensions: by name where both have names, else as they stand.

    Raises:
        InputError: an object without a row, NaN or infinity, unless they are to be omitted; another number of rows
            where there are no names; another number of labels than dimensions.

    Example:
        >>> human = Embeddings(np.array([[1.0], [2.0]]), ("dog", "cat"))
        >>> objects_of({"a": Embeddings(np.eye(2), ("cat", "dog"))}, human).rows["a"].tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    converted = as_embeddings(dimensions, "dimensions")
    human = _values(converted, "dimensions")
    if converted.names is not None:
        require_different(converted.names, "dimensions' row")
    notes, rows = list(converted.notes), {}
    names, there, lacking = converted.names, np.ones(len(human), bool), dict[str, int]()
    for name, x in models.items():
        embeddings = as_embeddings(x, name)
        notes += (*embeddings.notes, *notes_on_values(embeddings, name))
        rows[name], has = _matched(
            _values(embeddings, name), embeddings.names, converted.names, len(human), name, notes, missing
        )
        there &= has
        if not has.all():
            lacking[name] = int((~has).sum())
        names = embeddings.names if names is None and len(models) == 1 else names
    dimension_labels = labels_of(labels, converted, "labels")
    if not there.all():
        assert names is not None
        notes.append(f"{missing_in_words(names, there, lacking if len(rows) > 1 else None)}, and are left out")
    kept = np.isfinite(human).all(axis=1) | ~there
    _require(kept, "dimensions", nan_policy, names)
    for name, values in rows.items():
        finite = np.isfinite(values).all(axis=1) | ~there
        _require(finite, name, nan_policy, names)
        kept &= finite
    if not kept.all():
        notes.append(f"{int((~kept).sum()):,} of {len(kept):,} objects are left out: their rows hold NaN or infinity")
    coverage = None if missing == "raise" else Coverage(int(there.sum()), len(there))
    return Objects(
        rows, human, kept & there, dimension_labels, names, converted.source, tuple(dict.fromkeys(notes)), there,
        coverage,
    )  # fmt: skip


def _values(x: Embeddings, name: str) -> np.ndarray:
    """Embeddings as float64 on the host: what is added to eigenvalues must not drown in float32's rounding."""
    inputs = dispatch_of("auto", x.values)
    values = np.asarray(inputs.host(inputs.rows(x.values, name)), np.float64)
    largest = np.abs(values, where=np.isfinite(values), out=np.zeros_like(values)).max()
    if largest > LARGEST:
        raise InputError(f"{name} must be scaled down: its squares would overflow; got a value of {largest:.3g}")
    return values


def _matched(
    values: np.ndarray, own: tuple[str, ...] | None, names: tuple[str, ...] | None, n: int, name: str,
    notes: list[str], missing: Policy,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The row of each object, and which have one; the others have a row of NaN."""
    if own is not None and names is not None:
        if own == names:
            return values, np.ones(n, bool)
        there = _has_row(names, own, name, missing)
        match = match_names([object_name for object_name, has in zip(names, there, strict=True) if has], own)
        notes += [] if match.note is None else [f"{name}: {match.note}"]
        if len(own) > there.sum():
            notes.append(f"{len(own) - there.sum():,} rows of {name} are left out: the dimensions have no such objects")
        matched = np.full((n, values.shape[1]), np.nan)
        matched[there] = values[match.rows]
        return matched, there
    if len(values) != n:
        raise InputError(f"{name} must have a row for each of {n:,} objects of the dimensions; got {len(values):,}")
    bare = "the dimensions" if own is not None else name if names is not None else f"the dimensions and of {name}"
    notes.append(f"rows of {bare} have no names: row i is taken for object i")
    return values, np.ones(n, bool)


def _has_row(names: tuple[str, ...], own: tuple[str, ...], name: str, missing: Policy) -> np.ndarray:
    """Marks the objects that have a row among these; raises where one has not and must, or where none has."""
    try:
        there: np.ndarray = rows_of_each(names, {name: own}, missing, several=False)[name] >= 0
    except InputError as error:
        raise InputError(f"{name} must have a row for each object of the dimensions: {error}") from error
    if not there.any():
        raise InputError(f"{name} must have a row for some object of the dimensions; got none")
    return there


def _require(finite: np.ndarray, name: str, nan_policy: Policy, names: Sequence[str] | None) -> None:
    if nan_policy == "raise":
        with _checks.may_omit_rows(names):
            _checks.require_finite(~finite, name)
