"""Human dimensions, their numbers and names; and which objects belong to which dimension or category.

Matches the objects of representations and of human dimensions.
Assigns each triplet to the human dimension that contributes most to the pair that participants chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends import get_host_backend
from pyalign.data import Categories, Embeddings, match_names
from pyalign.data.embeddings import as_embeddings, plain
from pyalign.data.metadata import notes_on_order
from pyalign.data.missing import Coverage, missing_in_words, rows_of_each
from pyalign.data.names import largest_of, require_different
from pyalign.data.similarities import notes_on_values
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.nearest.space import parts
from pyalign.ops._dispatch import dispatch_of
from pyalign.ops.ranks import MOST_PLACES, largest_places
from pyalign.ops.similarity import similarity
from pyalign.typing import BackendName, MeasureLike, Policy

NOISE = 5e-3  # of the largest number: what is below zero by no more is noise of the fit; SPoSE holds such numbers


def as_dimensions(dimensions: object) -> np.ndarray:
    """(n, k) float64, checked: human dimensions are amounts, which can't be negative.

    Numbers below 0 by no more than a two-hundredth of the largest, as the published SPoSE has them, become 0.

    Example:
        >>> as_dimensions([[1, -1e-5], [0, 2]]).tolist()
        [[1.0, 0.0], [0.0, 2.0]]
    """
    rows = _checks.as_array(plain(as_embeddings(dimensions, "dimensions")), "dimensions", "(n, k)")
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(f"dimensions must have shape (n, k), a row for each object; got {rows.shape}")
    if rows.shape[1] > MOST_PLACES:
        raise InputError(f"dimensions must be at most {MOST_PLACES:,}; got {rows.shape[1]:,}")
    if rows.dtype.kind not in "biuf":
        raise InputError(f"dimensions must hold real numbers; got dtype {rows.dtype}")
    rows = rows.astype(np.float64)
    finite = np.isfinite(rows)
    least = -NOISE * np.abs(rows, where=finite, out=np.zeros_like(rows)).max()
    wrong = ~(finite & (rows >= least)).all(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        first_wrong = f"row {row} is the first of {int(wrong.sum()):,} that hold others (least {rows[row].min():.4g})"
        raise InputError(f"dimensions must hold finite numbers from 0 up; {first_wrong}")
    return np.maximum(rows, 0.0)


def labels_of(labels: Sequence[str] | None, dimensions: object, argument: str = "dimension_labels") -> tuple[str, ...]:
    """A label for each of the dimensions (n, k); labels that occur twice get the number of their dimension.

    Without labels: those that the dimensions have, otherwise numbers from 1.

    Example:
        >>> labels_of(None, np.eye(2)), labels_of(["food", "tools", "food"], np.eye(3))
        (('1', '2'), ('food (1)', 'tools', 'food (3)'))
    """
    known = as_embeddings(dimensions, "dimensions")
    labels, k = known.dimension_labels if labels is None else labels, known.shape[-1]
    if labels is None:
        return tuple(map(str, range(1, k + 1)))
    texts = _checks.names_of(labels, argument)
    if len(texts) != k:
        raise InputError(f"{argument} must be one for each of {k:,} dimensions; got {len(texts):,}")
    twice = {label for label in texts if texts.count(label) > 1}
    return tuple(f"{label} ({number})" if label in twice else label for number, label in enumerate(texts, 1))


@dataclass(frozen=True, eq=False)
class Members:
    """The objects of concepts."""

    kind: str  # "categories" or "dimensions".
    labels: tuple[str, ...]  # of the g concepts.
    of: np.ndarray  # bool (n, g).
    notes: tuple[str, ...] = ()  # what was assumed of the order of objects, a sentence.


def members_of(
    categories: object, dimensions: object, labels: Sequence[str] | None, n: int, names: Sequence[str] | None
) -> Members | None:
    """The concepts of n objects; None where none are given.

    Example:
        >>> members_of(None, np.array([[0.5, 2.0], [1.0, 0.0]]), ["royal", "food"], 2, None).of.astype(int).tolist()
        [[0, 1], [1, 0]]
    """
    if categories is not None and dimensions is not None:
        raise InputError("categories and dimensions are two ways to say concepts: give one; got both")
    if dimensions is not None:
        weights = matched_dimensions(dimensions, n, names)
        notes = notes_on_order("dimensions", as_embeddings(dimensions, "dimensions").names, names)
        top = weights.argmax(axis=1)[:, None] == np.arange(weights.shape[1])
        return Members("dimensions", labels_of(labels, dimensions), top & (weights > 0), notes)
    if labels is not None:
        raise InputError("dimension_labels are those of dimensions; got none")
    if categories is None:
        return None
    converted = Categories.of(categories)
    notes = notes_on_order("categories", converted.names, names)
    return Members("categories", converted.labels, converted.of_rows(n, names), notes)


def matched_dimensions(dimensions: object, n: int, names: Sequence[str] | None) -> np.ndarray:
    """float64 (n, g): a human embedding's rows, matched by name where both sides have names."""
    human, values = as_embeddings(dimensions, "dimensions"), as_dimensions(dimensions)
    if human.names is not None and names is not None:
        values = values[match_names(names, human.names).rows]
    if len(values) != n:
        raise InputError(f"dimensions must have a row for each of {n} objects; got {len(values)}")
    return values


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
) -> Objects:
    """The rows of each model in the order of the dimensions: by name where both have names, else as they stand.

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
    )


def _values(x: Embeddings, name: str) -> np.ndarray:
    """Embeddings as float64 on the host: in float32, penalties would be lost next to large eigenvalues."""
    inputs = dispatch_of("auto", x.values)
    values = np.asarray(inputs.host(inputs.rows(x.values, name)), np.float64)
    largest = np.abs(values, where=np.isfinite(values), out=np.zeros_like(values)).max()
    if largest > LARGEST:
        raise InputError(f"{name} must be scaled down: its squares would overflow; got a value of {largest:.3g}")
    return values


def _matched(
    values: np.ndarray, own: tuple[str, ...] | None, names: tuple[str, ...] | None, n: int, name: str,
    notes: list[str], missing: Policy,
) -> tuple[np.ndarray, np.ndarray]:
    """The row of each object (NaN if it has none), and a mask of the objects that have one."""
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
    """A mask of the objects that have a row; raises an error if a required row is missing, or all are."""
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


AT_ONCE = 1 << 18  # numbers of pairs that are held at once, so that they stay in L2
NONE = -1


@dataclass(frozen=True, eq=False)
class Assignment:
    """The dimensions that triplets are assigned to."""

    # int16 (t, top): the dimensions that carry most of the chosen pair, the largest first; -1 where no more dimensions
    # carry anything of it.
    codes: np.ndarray
    n_tied: int  # triplets of which two or more dimensions carry the same for the last place: the lowest had it.
    n_none: int  # triplets of which no dimension carries anything; their codes are all -1.


def assigned(
    triplets: object, dimensions: object, how: str = "sum", top: int = 1, backend: BackendName = "auto"
) -> Assignment:
    """Assigns each triplet to the dimension that contributes most to its chosen pair, the first two items.

    Args:
        triplets: (t, 3) integers in [0, n), the item that people called odd last.
        dimensions: (n, k) numbers from 0 up, such as SPoSE or VICE; see `pyalign.concept.dimensions`.
        how: ``"sum"``: what the two rows hold together, of which the largest is that of their mean too, as published;
            or ``"product"``: the summand of their dot product.
        top: how many dimensions, from 1 to k.
        backend: of the host, for one dimension.

    Returns:
        An `Assignment`. Of dimensions that carry the same, the lowest come first.

    Source: Muttenthaler et al., "Human alignment of neural network representations", ICLR 2023, section 5.
    """
    rows = as_dimensions(dimensions)
    _checks.whole_number(top, "top", 1)
    if top > rows.shape[1]:
        raise InputError(f"top must be at most the {rows.shape[1]} dimensions; got {top}")
    if top == 1:
        places, n_tied = largest_places(rows, triplets, product=how == "product", backend=backend)
        return Assignment(places[:, None], n_tied, int((places < 0).sum()))
    return _of_several(_checks.as_triplets(triplets), rows, how, top)


def _of_several(index: np.ndarray, rows: np.ndarray, how: str, top: int) -> Assignment:
    """Assigns by sorting, once for each pair that occurs."""
    pairs, inverse, counts = _distinct_pairs(index, len(rows))
    codes, tied = np.empty((len(pairs), top), np.int16), np.empty(len(pairs), bool)
    step = max(1, AT_ONCE // rows.shape[1])
    for start in range(0, len(pairs), step):
        part = slice(start, start + step)
        first, second = rows[pairs[part, 0]], rows[pairs[part, 1]]
        values = first + second if how == "sum" else first * second
        order = np.argsort(-values, axis=1, kind="stable")[:, :top]
        taken = np.take_along_axis(values, order, axis=1)
        last = taken[:, -1:]
        beyond = (values == last).sum(axis=1) > (taken == last).sum(axis=1)
        codes[part], tied[part] = np.where(taken > 0, order, NONE), beyond & (last[:, 0] > 0)
    return Assignment(codes[inverse], int(counts[tied].sum()), int(counts[codes[:, 0] == NONE].sum()))


def _distinct_pairs(index: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of the first two items (p, 2) in ascending order, which of them each triplet has, and how often."""
    first, second = index[:, 0].astype(np.int64), index[:, 1].astype(np.int64)
    _checks.require_valid(get_host_backend("auto").check_triplets(index, n), index, n)
    keys = np.minimum(first, second) * n + np.maximum(first, second)
    if n * n > max(1 << 22, 4 * len(index)):
        known, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    else:
        of_key = np.bincount(keys, minlength=n * n)
        known = np.flatnonzero(of_key)
        counts = of_key[known]
        place = np.cumsum(of_key > 0) - 1
        inverse = place[keys]
    return np.stack(np.divmod(known, n), axis=1), inverse, counts


# Prototypes: the medoid of a concept, and the objects with the largest weights on a dimension

BLOCK = 1 << 24  # similarities at once


@dataclass(frozen=True)
class Prototype:
    """An object that represents a concept."""

    row: int  # the row of the object.
    name: str | None  # its name, or None.
    # its weight on the dimension, or its mean similarity to the other objects of the concept; None if the concept has
    # no other objects.
    value: float | None


def central(
    x: np.ndarray, members: np.ndarray, measure: MeasureLike, names: tuple[str, ...] | None
) -> tuple[Prototype, ...]:
    """The objects of a concept, those with the largest mean similarity to its other objects first: the medoid first.

    Source: Kaufman and Rousseeuw, "Clustering by means of medoids", 1987.

    Example:
        >>> x = np.array([[1.0, 0.0], [1.0, 0.2], [1.0, 0.5], [0.0, 1.0]])
        >>> [item.row for item in central(x, np.array([0, 1, 2]), "cosine", None)]
        [1, 0, 2]
    """
    rows, m = x[members], len(members)
    means = np.full(m, np.nan)
    whole = m * m <= BLOCK or get_measure(measure).needs_sigma  # which is the median of all distances
    for part in parts(m if m > 1 else 0, 1 if whole else m, m if whole else BLOCK):
        values = np.asarray(similarity(rows[part], None if whole else rows, measure=measure)).astype(np.float64)
        values[np.arange(len(values)), np.arange(m)[part]] = 0.0
        means[part] = values.sum(axis=1) / (m - 1)
    order = largest_of(means, None if names is None else [names[row] for row in members])
    return _prototypes(members[order], means[order], names)


def strongest(weights: np.ndarray, top: int, names: tuple[str, ...] | None) -> tuple[Prototype, ...]:
    """The objects with the largest of (n,) weights, as `largest_of` orders them.

    Example:
        >>> [prototype.row for prototype in strongest(np.array([0.5, 2.0, 0.5]), 2, None)]
        [1, 0]
    """
    rows = largest_of(weights, names)[:top]
    return _prototypes(rows, weights[rows], names)


def _prototypes(rows: np.ndarray, values: np.ndarray, names: tuple[str, ...] | None) -> tuple[Prototype, ...]:
    return tuple(
        Prototype(int(row), None if names is None else names[row], None if np.isnan(value) else float(value))
        for row, value in zip(rows, values, strict=True)
    )
