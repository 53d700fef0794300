"""What data have in common: they behave as the array of their values.

Embeddings: a row of numbers per item, and the items' names where they are known.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field, replace
from pyalign.backends import Array
from pyalign.data.names import HOW, match_names, objects_of, take_together
from pyalign.errors import InputError


class AsArray:
    """`len`, iteration, `shape`, `dtype` and `numpy.asarray` are those of `values`."""

    values: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values."""
        return tuple(np.shape(self.values))

    @property
    def ndim(self) -> int:
        """2, of what may be taken."""
        return len(self.shape)

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self.values.dtype

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = np.asarray(self.values, dtype)
        return array.copy() if copy else array


@dataclass(frozen=True, eq=False, repr=False)
class Embeddings(AsArray):
    """A matrix with a row per item. It behaves as an array: `len`, indexing, `numpy.asarray`.

    Raises:
        InputError: another number of names than rows, or of labels than columns; what `as_embeddings` refuses.

    Example:
        >>> x = Embeddings(np.eye(2), ("dog", "cat"))
        >>> x.shape, x[[1]].names, np.asarray(x).sum()
        ((2, 2), ('cat',), np.float64(2.0))
    """

    values: Array  # (n, d) real numbers; an array of numpy, or a tensor on any device.
    names: tuple[str, ...] | None = None  # the n names of the items, or None where nobody has said them.
    source: str | None = None  # where it came from, such as a file's name; for messages.
    notes: tuple[str, ...] = ()  # what a reader noticed, a sentence each.
    # the place of the layer in the manifest of its extraction, from 0; None where there is no such.
    layer_place: int | None = field(default=None, kw_only=True)
    # whether the rows were fitted to answers of people, as human dimensions and rows after a probe are, so that their
    # accuracy on such answers is not zero-shot. False where nobody has said so.
    fitted: bool = field(default=False, kw_only=True)
    # what the d columns are called, such as human dimensions; None: by their numbers, from 1.
    dimension_labels: tuple[str, ...] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if is_frame(self.values) or not hasattr(self.values, "shape"):
            known = as_embeddings(self.values)
            object.__setattr__(self, "values", known.values)
            object.__setattr__(self, "names", known.names if self.names is None else self.names)
        object.__setattr__(self, "notes", _checks.checked_notes(self.source, self.notes))
        if np.shape(self.values) == ():
            raise InputError("embeddings must have shape (n, d); got ()")
        shape = np.shape(self.values)
        for name, count, what in (("names", shape[0], "rows"), ("dimension_labels", shape[-1], "dimensions")):
            if getattr(self, name) is not None:
                texts = _checks.names_of(getattr(self, name), name)
                if len(texts) != count:
                    raise InputError(f"{name} must be one for each of {count:,} {what}; got {len(texts):,}")
                object.__setattr__(self, name, texts)

    def __getitem__(self, rows: Any) -> Any:
        """Some rows (a slice, a mask, indices) with their names; any other index is one into the values."""
        if isinstance(rows, tuple | int | np.integer):
            return self.values[rows]
        names = None
        if self.names is not None:
            names = self.names[rows] if isinstance(rows, slice) else tuple(np.array(self.names, object)[rows])
        return replace(self, values=self.values[rows], names=names)

    def select(self, names: Sequence[str]) -> Embeddings:
        """The rows of these items, in this order.

        Raises:
            InputError: the names are not known, or an item has no row.
        """
        if self.names is None:
            raise InputError("select needs the names of the rows; these embeddings have none")
        selected: Embeddings = self[match_names(names, self.names).rows]
        return selected

    def named(self, names: Sequence[str]) -> tuple[Embeddings, str | None]:
        """Names nameless rows in their order; puts named rows in the order of `names`.

        Returns:
            The embeddings, and a sentence where rows were reordered.

        Raises:
            InputError: another number of names than rows, or other names than the rows have.

        Example:
            >>> x, note = Embeddings(np.eye(2), ("dog", "cat")).named(["cat", "dog"])
            >>> x.values[0], note
            (array([0., 1.]), 'rows are put in the order of the names that were given')
        """
        order = _checks.names_of(names, "names")
        if self.names is None:
            return replace(self, names=order), None
        if order == self.names:
            return self, None
        if sorted(order) != sorted(self.names):
            raise InputError(f"names must be those that the rows have; {_difference(order, self.names)}")
        return self.select(order), "rows are put in the order of the names that were given"

    def per_object(
        self, how: str, items: Sequence[str] | None = None, missing: str = "raise"
    ) -> tuple[Embeddings, str]:
        """A row for each object, of rows that are images of it: `aardvark/aardvark_01b.jpg`, `aardvark_02s.jpg`.

        Args:
            how: "mean" of the rows, summed in float64; of their type where they are floats, else float64, and an array
                of the host. Or "first" of them in the order of rows.
            items: the names of the objects, where they are known: they decide by what rows are of one object (the name
                of the row, of its file, of its file without number, or its folder), by the first of these that finds
                a row for all. Without them it is the folder, where all rows have one and not all the same, else the
                name of the file without number.
            missing: "raise", or "omit" where some items may be without a row: the rule is that which finds most.

        Returns:
            The embeddings, named after the objects, in the order of their first rows; and a sentence that says by what.

        Raises:
            InputError: rows without names; an item without a row; another word.

        Example:
            >>> x, note = Embeddings(np.eye(3), ("cat/1.jpg", "dog/1.jpg", "cat/2.jpg")).per_object("mean")
            >>> x.names, x.values.tolist()
            (('cat', 'dog'), [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]])
            >>> note
            '3 rows become 2 objects, by their folders: the mean of 1 to 2 images each'
        """
        if how not in HOW:
            raise InputError(f"per_object must be one of {', '.join(HOW)}; got {how!r}")
        if self.names is None:
            raise InputError("per_object needs the names of the rows; these embeddings have none")
        objects = objects_of(self.names, items, missing)
        values = take_together(self.values, objects.codes, how)
        return replace(self, values=values, names=objects.names), objects.note(how)

    def __repr__(self) -> str:
        named = "" if self.names is None else f", names {self.names[0]!r}, ..."
        source = "" if self.source is None else f", from {self.source}"
        return f"Embeddings({' x '.join(map(str, self.shape))} {self.dtype}{named}{source})"


def _difference(names: tuple[str, ...], rows: tuple[str, ...]) -> str:
    """The first place where the names differ."""
    if len(names) != len(rows):
        return f"there are {len(names)} names for {len(rows)} rows"
    k = next(k for k, (a, b) in enumerate(zip(names, rows, strict=True)) if a != b)
    other = sorted(set(names) - set(rows))
    unknown = f", and no row is named {other[0]!r}" if other else ""
    return f"row {k} is {rows[k]!r}, not {names[k]!r}{unknown}"


def as_embeddings(x: object, name: str = "embeddings") -> Embeddings:
    """`x` with what it knows of its items: the index of a DataFrame is the names.

    An index of whole numbers names the items by number: rows 5, 3, 4, ... of items 0 to n - 1 are put in order. A data
    set is opened.

    Example:
        >>> as_embeddings([[1.0, 2.0]]).names is None
        True
    """
    x = part_of(x, "embeddings")
    if isinstance(x, Embeddings):
        return x
    if hasattr(x, "answered"):  # `Triplets`, which are an array of whole numbers as well
        raise InputError(f"{name} must be embeddings; got triplets: {x!r}: are the arguments swapped?")
    if hasattr(x, "n_people") or hasattr(x, "dissimilarities"):  # `RDMs`, of rsatoolbox too
        raise InputError(f"{name} must be embeddings; got judged pairs: {x!r:.200}")
    if isinstance(x, str | os.PathLike):
        raise InputError(f"{name} must be an array; got the path {os.fspath(x)!r}: read it with load_embeddings(path)")
    _checks.require_dense(x, name)
    if is_frame(x):
        return _of_frame(x, name)
    is_array = any(hasattr(x, attribute) for attribute in ("shape", "__dlpack__", "__cuda_array_interface__"))
    values: Any = x if is_array else _checks.as_array(x, name, "(n, d)")
    if np.shape(values) == ():
        raise InputError(f"{name} must have shape (n, d); got ()")
    return Embeddings(values)


def part_of(x: Any, part: str) -> Any:
    """That part of a data set of `pyalign.load_dataset`, given in its place; anything else as it came."""
    return x.open(part) if hasattr(x, "lacking") and hasattr(x, "open") else x


def is_frame(x: object) -> bool:
    """Whether `x` is a DataFrame of pandas."""
    return type(x).__module__.partition(".")[0] == "pandas" and hasattr(x, "columns")


def is_rows(x: object) -> bool:
    """Whether `x` is an array of structured rows, whose columns have names."""
    return bool(getattr(getattr(x, "dtype", None), "names", None))


def _of_frame(frame: Any, name: str) -> Embeddings:
    values, index = frame.to_numpy(), frame.index
    if values.dtype == object:
        kinds = zip(frame.columns, frame.dtypes, strict=True)  # text is an own type in pandas 3
        wrong = next((str(c) for c, dtype in kinds if dtype.kind not in "biuf"), str(frame.columns[0]))
        raise InputError(f"{name} must hold only numbers; column {wrong!r} does not (set_index makes it the names)")
    order, names = rows_of_index(index, name)
    return Embeddings(values if order is None else values[order], names)


def rows_of_index(index: Any, name: str) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """What an index of pandas says: the order of the rows where it numbers them, else their names."""
    if index.nlevels > 1:
        raise InputError(f"{name} must have one level of names in its index; got {index.nlevels}")
    if index.hasnans:
        raise InputError(f"{name} must have a name for every row; row {int(index.isna().argmax())} has none")
    labels = index.to_numpy()
    if labels.dtype.kind in "iu" and (np.sort(labels) == np.arange(len(labels))).all():
        return (None if (labels == np.arange(len(labels))).all() else np.argsort(labels)), None
    return None, tuple(map(str, labels.tolist()))


def plain(value: Any) -> Any:
    """The bare array of embeddings, triplets or a DataFrame; anything else as it came."""
    if type(value).__module__.startswith("pyalign.data."):
        return getattr(value, "judged", value).values  # of a matrix as it was given
    return as_embeddings(value).values if is_frame(value) else value
