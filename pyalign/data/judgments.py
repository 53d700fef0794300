"""RDMs: similarities or dissimilarities of all pairs of objects, of one source or one per participant."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._registry import registered
from pyalign.data.embeddings import AsArray, as_embeddings, is_frame, part_of, rows_of_index
from pyalign.data.names import match_names
from pyalign.errors import InputError, Remedy

KINDS = ("dissimilarity", "similarity")
ON_DIAGONAL = {"dissimilarity": "smallest", "similarity": "largest"}  # the number of every row that stands there
FEWEST = 2  # objects
BLOCK = 1 << 22  # numbers looked at at once
MANY = 8  # objects whose numbers on the diagonal are no extremes by chance, though they differ


@dataclass(frozen=True, eq=False, repr=False)
class RDMs(AsArray):
    """Matrices of judged pairs (RDMs, or similarity matrices). NaN is a pair that was not judged.

    Raises:
        InputError: another kind or shape, values that are no real numbers, other numbers of names.

    Example:
        >>> result = RDMs([0.1, 0.9, 0.8], "dissimilarity", ("cat", "dog", "car"))
        >>> result.n, result.n_pairs, result.n_people
        (3, 3, None)
    """

    # (n, n) symmetric, or (p, n, n), one for each of p people; or condensed, (m,) or (p, m), the m = n (n - 1) / 2
    # pairs above the diagonal, row by row. Diagonals are not looked at. A square matrix is taken for (n, n), never for
    # p = m condensed ones. Of a DataFrame the labels put rows and columns in order.
    values: np.ndarray
    kind: str  # "dissimilarity", larger is less alike, or "similarity". Nothing in the values says which.
    names: tuple[str, ...] | None = None  # of the n objects, or None.
    people: tuple[str, ...] | None = None  # names of the p people, or None.
    source: str | None = None  # where it came from, such as a file's name.
    notes: tuple[str, ...] = ()  # what a reader noticed, a sentence each.

    def __post_init__(self) -> None:
        _checks.one_of(self.kind, KINDS, "kind")
        object.__setattr__(self, "notes", _checks.checked_notes(self.source, self.notes))
        if isinstance(self.values, str | os.PathLike):
            raise InputError(f"human must be an array; got the path {os.fspath(self.values)!r}: read it with "
                             "load_rdms(path, kind=)")
        if is_frame(self.values):
            values, names = matrix_of_frame(self.values, "human")
            object.__setattr__(self, "values", values)
            object.__setattr__(self, "names", names if self.names is None else self.names)
        a = _checks.as_array(self.values, "human", "(n, n), (p, n, n) or condensed")
        if a.dtype.kind not in "biuf":
            raise InputError(f"human must hold real numbers; got dtype {a.dtype}")
        object.__setattr__(self, "values", a)
        n = objects_of(a.shape)
        for labels, name, count in ((self.names, "names", n), (self.people, "people", self.n_people or 1)):
            if labels is not None:
                names = _checks.names_of(labels, name)
                if len(names) != count:
                    raise InputError(f"{name} must be one for each of {count}; got {len(names)}")
                object.__setattr__(self, name, names)

    @property
    def n(self) -> int:
        """How many objects."""
        return objects_of(self.shape)

    @property
    def n_pairs(self) -> int:
        """n (n - 1) / 2, judged or not."""
        return self.n * (self.n - 1) // 2

    @property
    def n_people(self) -> int | None:
        """How many people's matrices there are; None of one matrix, which says nothing of people."""
        return self.shape[0] if self.ndim == (3 if self.is_square else 2) else None

    @property
    def is_square(self) -> bool:
        """Whether the values are whole matrices, not condensed ones."""
        return self.ndim == 3 or (self.ndim == 2 and self.shape[0] == self.shape[1])

    def pairs(self, name: str = "human") -> np.ndarray:
        """(p, m) float64: the pairs above the diagonal of each participant; p = 1 of one matrix. `name` is for
        messages.

        Raises:
            InputError: a matrix that is not symmetric, or an infinite value.

        Example:
            >>> RDMs([[0, 1, 2], [1, 0, 3], [2, 3, 0]], "similarity").pairs()
            array([[1., 2., 3.]])
        """
        stacked = self.values.reshape(-1, *self.shape[-2:]) if self.is_square else self.values.reshape(-1, self.n_pairs)
        out = np.empty((len(stacked), self.n_pairs))
        for k, judged in enumerate(stacked):
            if self.is_square:
                require_symmetric(judged, self._called(k, name))
                above(judged, out[k])
            else:
                out[k] = judged
            if np.isinf(out[k]).any():
                called = self._called(k, name)
                raise InputError(f"{called} must be finite, or NaN where a pair was not judged; got infinity")
        return out

    def take(self, rows: Any) -> RDMs:
        """Some objects, in this order, as whole matrices."""
        index = np.asarray(rows)
        matrices = self.matrices()
        return replace(
            self, values=matrices[..., index[:, None], index],
            names=None if self.names is None else tuple(self.names[row] for row in index),
        )

    def select(self, names: Sequence[str]) -> RDMs:
        """The objects of these names, in this order.

        Raises:
            InputError: the names are not known, or an object was not judged.
        """
        if self.names is None:
            raise InputError("select needs the names of the objects; these judgments have none")
        return self.take(match_names(names, self.names).rows)

    def matrices(self) -> np.ndarray:
        """(n, n) or (p, n, n): whole matrices, with NaN on the diagonal of those that were condensed."""
        if self.is_square:
            return self.values
        n, upper = self.n, np.triu_indices(self.n, 1)
        out = np.full((*self.shape[:-1], n, n), np.nan)
        out[(..., *upper)] = self.values
        out[(..., *upper[::-1])] = self.values
        return out

    def _called(self, k: int, name: str) -> str:
        whose = name if self.n_people is None else f"{name}[{k}]"
        if self.people is not None:
            whose = f"{name} of {self.people[k]!r}"
        return whose if self.source is None or whose.startswith(self.source) else f"{self.source}: {whose}"

    def __repr__(self) -> str:
        people = "" if self.n_people is None else f" by {self.n_people} people"
        named = "" if self.names is None else f", names {self.names[0]!r}, ..."
        source = "" if self.source is None else f", from {self.source}"
        return f"RDMs({self.kind} of {self.n} objects{people}{named}{source})"


def objects_of(shape: tuple[int, ...]) -> int:
    """How many objects matrices of that shape are about.

    Example:
        >>> objects_of((4, 4)), objects_of((6,)), objects_of((2, 6)), objects_of((2, 4, 4))
        (4, 4, 4, 4)
    """
    if len(shape) == 3 or (len(shape) == 2 and shape[0] == shape[1]):
        if shape[-1] != shape[-2] or shape[0] == 0 or shape[-1] < FEWEST:
            raise InputError(f"human must have shape (n, n) or (p, n, n) with n of at least 2; got {shape}")
        return shape[-1]
    if len(shape) not in (1, 2):
        raise InputError(f"human must have shape (n, n), (p, n, n) or, condensed, (m,) or (p, m); got {shape}")
    m = shape[-1]
    n = (1 + math.isqrt(1 + 8 * m)) // 2
    if n * (n - 1) // 2 != m or n < FEWEST or 0 in shape:
        raise InputError(
            f"human must be a square matrix, or condensed with m = n (n - 1) / 2 numbers in a row; got shape {shape}"
        )
    return n


def require_symmetric(matrix: np.ndarray, name: str) -> None:
    """Raises unless a matrix (n, n) is its transpose but for rounding, NaN included; a block of rows at a time."""
    n = len(matrix)
    step = max(1, BLOCK // n)
    for start in range(0, n, step):
        rows, columns = matrix[start : start + step, start:], matrix[start:, start : start + step].T
        near = np.isclose(rows, columns, rtol=_checks.ASYMMETRY, atol=0.0, equal_nan=True)
        near[np.arange(len(rows)), np.arange(len(rows))] = True
        if near.all() or _within_rounding(rows, columns):
            continue
        i, j = (int(k) + start for k in np.unravel_index(int(np.argmin(near)), near.shape))
        half = " (only one triangle is filled: give it condensed, or fill both)" if matrix[j, i] == 0 else ""
        raise InputError(
            f"{name} must be symmetric; [{i}, {j}] is {matrix[i, j]:.6g} and [{j}, {i}] is {matrix[j, i]:.6g}{half}"
        )


def _within_rounding(rows: np.ndarray, columns: np.ndarray) -> bool:
    """Whether they differ by no more than rounding of the largest, off the diagonal."""
    same = np.isnan(rows) == np.isnan(columns)
    eye = np.zeros(rows.shape, bool)
    eye[np.arange(len(rows)), np.arange(len(rows))] = True
    asymmetry = np.where(eye | np.isnan(rows), 0.0, np.abs(rows.astype(np.float64) - columns))
    largest = np.nanmax(np.where(eye, 0.0, np.abs(rows)), initial=0.0)
    return bool((same | eye).all() and not np.nanmax(asymmetry, initial=0.0) > _checks.ASYMMETRY * largest)


def above(matrix: np.ndarray, out: np.ndarray) -> None:
    """The pairs above the diagonal of a matrix (n, n), row by row, into out (m,)."""
    n, at = len(matrix), 0
    for i in range(n - 1):
        out[at : at + n - 1 - i] = matrix[i, i + 1 :]
        at += n - 1 - i


def as_rdms(human: object, kind: str | None = None, name: str = "human") -> RDMs:
    """`human` with what it knows: a kind that is given must be its own; a DataFrame is read by its labels.

    `RDMs` of rsatoolbox are those of participants; a data set is opened.

    Example:
        >>> as_rdms([0.5], "similarity").kind
        'similarity'
    """
    human = registered("rdms")(human) if is_rdms(human) else part_of(human, "judgments")
    if isinstance(human, RDMs):
        if kind is not None and _checks.one_of(kind, KINDS, "kind") != human.kind:
            raise InputError(f"kind must be that of {name}, {human.kind!r}; got {kind!r}")
        return human
    try:
        judged = RDMs(human, KINDS[0] if kind is None else kind)  # type: ignore[arg-type]
    except InputError as error:
        raise about(name, error) from error
    return with_kind(judged, kind, name)


def is_rdms(x: object) -> bool:
    """Whether `x` is an `RDMs` of rsatoolbox."""
    return type(x).__name__ == "RDMs" and type(x).__module__.partition(".")[0] == "rsatoolbox"


def with_kind(judged: RDMs, kind: str | None, name: str) -> RDMs:
    """The judgments of that kind; None: of the kind that the diagonal shows, with a note."""
    if kind is not None:
        return judged
    shown = kind_of_diagonal(judged)
    if shown is None:
        raise InputError(f"kind must say what {name} holds: 'dissimilarity' or 'similarity'; got None")
    note = f"{judged.source or name} is taken for {shown[:-1]}ies, as its diagonal shows"
    return replace(judged, kind=shown, notes=(*judged.notes, note))


def require_kind(judged: RDMs, name: str) -> RDMs:
    """The judgments, unless their diagonal shows another kind than is stated: then raises."""
    if (shown := kind_of_diagonal(judged)) not in (None, judged.kind):
        judged.pairs(name)  # says first what is wrong with the matrix itself
        rule = f"since its diagonal has the {ON_DIAGONAL[shown]} number of every row (NaN there says nothing)"
        raise InputError(f"{judged.source or name} must be of {Remedy('kind', shown)}, {rule}; got {judged.kind!r}")
    return judged


def kind_of_diagonal(judged: RDMs) -> str | None:
    """The kind that all diagonals show that show one; None: none does, or they differ.

    An object is as similar to itself as to any other: a diagonal that has the smallest number of every row is one of
    dissimilarities, and one that has the largest of similarities. Its numbers are equal, or there are `MANY`.

    Example:
        >>> kind_of_diagonal(RDMs(1 - np.eye(3), "similarity"))
        'dissimilarity'
    """
    shown = set()
    for matrix in judged.values.reshape(-1, judged.n, judged.n) if judged.is_square else ():
        diagonal = np.diagonal(matrix).astype(np.float64)
        if np.isnan(diagonal).any():
            continue
        lowest, highest = np.nanmin(matrix, axis=1), np.nanmax(matrix, axis=1)  # never of NaN alone
        rounding = _checks.ASYMMETRY * (float(highest.max()) - float(lowest.min()))
        if 0 < rounding < np.inf and (judged.n >= MANY or np.ptp(diagonal) <= rounding):
            shown |= {KINDS[0]} if (diagonal <= lowest + rounding).all() else set()
            shown |= {KINDS[1]} if (diagonal >= highest - rounding).all() else set()
    return shown.pop() if len(shown) == 1 else None


def matrix_of_frame(frame: Any, name: str) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The matrix in a DataFrame with its columns in the order of its rows, and the names of the objects.

    Labels are compared as text. An index of the numbers 0 to n - 1, in any order, puts the rows in the order of the
    numbers and names no object. Where one side has these numbers in order, as pandas gives them to what has no labels,
    the names are those of the other side.
    """
    values = np.asarray(as_embeddings(frame, name).values)
    order, names = rows_of_index(frame.index, name)
    numbers = tuple(map(str, range(len(values))))
    labels, columns = names or numbers, tuple(map(str, frame.columns))
    if columns == labels or len(columns) != len(labels):  # the latter is no square matrix
        return values, names
    other = set(labels).symmetric_difference(columns)
    if other and columns == numbers:
        return values, names
    if other and order is None and names is None:
        return values, columns
    if other:
        first = next(label for label in (*labels, *columns) if label in other)
        raise InputError(f"{name} must have the same labels in its index and its columns; {first!r} is only in one")
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise InputError(f"{name} must have columns in its index's order, or labels that differ; got {twice!r} twice")
    place = {label: k for k, label in enumerate(columns)}
    return values[:, [place[label] for label in labels]], names


def about(name: str, error: InputError) -> InputError:
    """An error of `RDMs` that calls them by another name than "human".

    Example:
        >>> str(about("model", InputError("human must be symmetric")))
        'model must be symmetric'
    """
    message = str(error)
    return InputError(name + message.removeprefix("human")) if message.startswith(("human ", "human[")) else error
