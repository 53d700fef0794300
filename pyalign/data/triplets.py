"""Triplets: three items, the answer to each, who gave it, and what the items are called."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, fields, replace
from pyalign._registry import registered
from pyalign.backends import Array
from pyalign.data.answers import Answers, Subjects, Weights, as_answers, as_weights, checked_labels, notes_with
from pyalign.data.embeddings import AsArray, is_frame, is_rows, part_of
from pyalign.data.trials import ANCHORED, ODD_ONE_OUT, TASKS, alternatives_of
from pyalign.errors import LOAD_TRIPLETS, InputError


@dataclass(frozen=True, eq=False, repr=False)
class Triplets(AsArray):
    """Triplets of items with what people answered. It behaves as an array: `len`, indexing, `numpy.asarray`.

    Positions (of choices, of probabilities, of answers) are always those of the file: where reading moved the odd item
    last, `positions` says where each column came from, and functions translate.

    Of the task "anchored" a participant said which of two options is more like an anchor; the columns are the anchor,
    the option that was chosen, the other one.

    Example:
        >>> t = Triplets(np.array([[4, 0, 2], [1, 2, 3]]))
        >>> len(t), t[1:].values.tolist(), np.asarray(t).shape
        (2, [[1, 2, 3]], (2, 3))
    """

    # (t, 3) integers, the item that was chosen as odd last, or did not choose; on the host or on a device. Of a
    # DataFrame all the rest is read too, unless it is given.
    values: Array
    names: tuple[str, ...] | None = None  # the item that each number stands for; None where nobody has said it.
    # whether the file held numbers, so that `names` is the order that somebody stated for them. False where it held the
    # names themselves.
    numbered: bool = False
    # None where columns stand as they came. Otherwise int8 (3,) or (t, 3): `positions[p]` is the place (0, 1, 2) from
    # which column p came.
    positions: np.ndarray | None = None
    answered: bool = True  # False where nobody has said which item is odd, or which option was chosen.
    # counts or shares of the three items, by the columns of `values`, or of the two options in columns 1 and 2; None:
    # one answer, as the columns have it.
    answers: Answers | None = None
    subjects: Subjects | None = None  # who gave each answer: (t,) numbers or strings, kept as `Subjects`; or None.
    source: str | None = None  # where they came from, for messages.
    notes: tuple[str, ...] = ()  # what a reader noticed, a sentence each.
    task: str = ODD_ONE_OUT  # "odd-one-out", or "anchored".
    # how much each answer counts: (t,) positive numbers, kept as `Weights`; None: all the same.
    weights: Weights | None = None

    def __post_init__(self) -> None:
        _checks.one_of(self.task, TASKS, "task")
        object.__setattr__(self, "notes", _checks.checked_notes(self.source, self.notes))
        _checks.flags(numbered=self.numbered, answered=self.answered)
        if not isinstance(self.values, np.ndarray):
            self._read_values()
        if hasattr(self.values, "shape"):
            _checks.require_three_columns(tuple(self.values.shape), getattr(self.values, "dtype", None))
        if self.names is not None:
            object.__setattr__(self, "names", _checks.names_of(self.names, "names"))
        self._check_answers()
        if self.weights is not None:
            object.__setattr__(self, "weights", as_weights(self.weights, len(self)))
            object.__setattr__(self, "notes", tuple(dict.fromkeys((*self.notes, *self.weights.notes))))

    def _read_values(self) -> None:
        if is_frame(self.values):
            known = as_triplet_data(self.values)
            for one in fields(self):
                if one.name == "values" or getattr(self, one.name) is one.default:
                    object.__setattr__(self, one.name, getattr(known, one.name))
        if not hasattr(self.values, "shape") and not hasattr(self.values, "triplets"):
            object.__setattr__(self, "values", _checks.as_array(self.values, "triplets", "(t, 3)"))
        _checks.require_dense(self.values, "triplets")

    def _check_answers(self) -> None:
        answers, subjects = self.answers, self.subjects
        if answers is not None:
            if not isinstance(answers, Answers):
                problem = f"{type(answers).__name__}: triplets.with_answers(array) takes counts or shares"
                raise InputError(f"answers must be pyalign.Answers; got {problem}")
            width, got = alternatives_of(self.task), np.shape(answers.shares)
            if got != (len(self), width):
                raise InputError(f"answers must have shape ({len(self)}, {width}) for task {self.task!r}; got {got}")
        if subjects is not None:
            coded = isinstance(subjects, Subjects)
            codes = checked_labels(subjects.codes if coded else subjects, len(self))
            object.__setattr__(self, "subjects", Subjects(codes, subjects.labels) if coded else Subjects.of(codes))
        if self.positions is not None:
            shape = _checks.as_array(self.positions, "positions", "(3,) or (t, 3)").shape
            if shape not in ((3,), (len(self), 3)):
                raise InputError(f"positions must have shape (3,) or ({len(self)}, 3); got {shape}")

    def __getitem__(self, rows: Any) -> Any:
        """Some triplets (a slice, a mask, indices) with all that is known of them; others go to the values.

        An ellipsis behind the rows, which scikit-learn writes, says nothing more.
        """
        if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis:
            rows = rows[0]
        if isinstance(rows, tuple | int | np.integer):
            return self.values[rows]
        return replace(
            self, values=self.values[rows],
            positions=self.positions if self.positions is None or self.positions.ndim == 1 else self.positions[rows],
            answers=None if self.answers is None else self.answers.take(rows),
            subjects=None if self.subjects is None else self.subjects.take(rows),
            weights=None if self.weights is None else self.weights.take(rows),
        )

    def with_answers(self, answers: object, name: str = "answers") -> Triplets:
        """Adds counts or shares (t, 3) by the positions that the items have in the file; (t, 2) of an anchor's options.

        Raises:
            InputError: see `as_answers`.

        Example:
            >>> t = Triplets(np.array([[5, 6, 4]]), positions=np.array([1, 2, 0]))  # the file says 4, 5, 6
            >>> t.with_answers([[7, 2, 1]]).answers.counts.tolist()
            [[2, 1, 7]]
        """
        converted, places = as_answers(answers, len(self), name, alternatives_of(self.task)), self.places
        moved = converted if places is None else converted.reordered(places)
        return replace(self, answers=moved, answered=True)

    def with_weights(self, weights: object) -> Triplets:
        """The same triplets with weights (t,) of the answers; None leaves them as they are.

        Raises:
            InputError: see `as_weights`.

        Example:
            >>> Triplets(np.array([[4, 0, 2], [1, 2, 3]])).with_weights([1, 3]).weights.values
            array([1., 3.])
        """
        if weights is None:
            return self
        return replace(self, weights=as_weights(weights, len(self)), notes=notes_with(self.notes, weights))

    def arranged(self, rows: np.ndarray, order: np.ndarray) -> Triplets:
        """Triplets number `rows` (a,), each with its columns in an order (a, 3) that says the one answer to it."""
        places = np.arange(3) if self.positions is None else self.positions
        moved = np.take_along_axis(np.broadcast_to(places, (len(self), 3))[rows], order, axis=1).astype(np.int8)
        values = np.take_along_axis(_checks.as_triplets(self.values)[rows], order, axis=1)
        weights = None if self.weights is None else self.weights.take(rows)
        return replace(self, values=values, positions=moved, answers=None, subjects=None, weights=weights)

    @property
    def places(self) -> np.ndarray | None:
        """(k,) or (t, k): where in the file each of k answers came from, of 3 items or 2 options; None: in order."""
        if self.positions is None or self.task == ODD_ONE_OUT:
            return self.positions
        return np.argsort(self.positions[..., 1:], axis=-1).astype(np.int8)

    def choices_in_file(self, choices: Array) -> Array:
        """Columns (t,) of `values` that are odd, or are chosen, -1 for a tie, as positions in the file."""
        if self.positions is None:
            return choices
        host, places = _checks.as_array(choices, "choices", "(t,)"), self.positions
        moved = places[host] if places.ndim == 1 else np.take_along_axis(places, host[:, None], 1)[:, 0]
        return _in_library_of(choices, np.where(host < 0, host, moved).astype(np.int8))

    def columns_in_file(self, values: Array) -> Array:
        """Numbers (t, 3) by the columns of `values`, or (t, 2) of options, by the positions in the file."""
        places = self.places
        if places is None:
            return values
        host = _checks.as_array(values, "values", "(t, ...)")
        moved = np.empty_like(host)
        np.put_along_axis(moved, np.broadcast_to(places, host.shape).astype(np.int64), host, 1)
        return _in_library_of(values, moved)

    def __repr__(self) -> str:
        source = "" if self.source is None else f" from {self.source}"
        known = {"names": self.names, "answers": self.answers, "subjects": self.subjects, "weights": self.weights}
        parts = ", anchored" if self.task == ANCHORED else ""
        parts += "".join(f", with {name}" for name, value in known.items() if value is not None)
        return f"Triplets({len(self):,}{source}{parts})"


def _in_library_of(original: Array, moved: np.ndarray) -> Array:
    """Our own array in the library of `original`, where that is stored."""
    if isinstance(original, np.ndarray):
        return moved
    from array_api_compat import array_namespace, device  # slow to import

    return array_namespace(original).asarray(moved, device=device(original))


def require_answers(triplets: Triplets, what: str) -> None:
    """Raises where nobody has said which item is odd, which `what` needs."""
    if not triplets.answered:
        raise InputError(f"{what} needs human choices, which these triplets do not hold")


def require_odd_one_out(triplets: Triplets, what: str) -> None:
    """Raises for anchored triplets, with which `what` can do nothing."""
    if triplets.task != ODD_ONE_OUT:
        raise InputError(f"{what} takes only odd-one-out triplets; got task {triplets.task!r}")


def require_one_answer_each(triplets: Triplets, what: str) -> None:
    """Raises where `what`, which takes the last item for the odd one, would overlook counts or shares."""
    if triplets.answers is not None:
        raise InputError(
            f"{what} needs one answer to each triplet; got {triplets.answers.kind} of many people's answers"
        )


def require_unweighted(triplets: Triplets, what: str) -> None:
    """Raises where `what`, in which all answers count the same, would overlook weights."""
    if triplets.weights is not None:
        raise InputError(f"{what} has no use for weights, which these triplets hold")


def answered_triplets(triplets: object, answers: object, what: str | None, weights: object = None) -> Triplets:
    """Triplets with these answers, by the positions in the file, or with their own; raises where there are none.

    what: what needs them; None: nothing does. weights: (t,) of the answers; None: those of the triplets.
    """
    given = as_triplet_data(triplets)
    if not all(shape := np.shape(given.values)):
        _checks.require_triplets(shape)
    given = given if weights is None else given.with_weights(weights)
    if answers is not None:
        given = given.with_answers(answers)
    if what is not None:
        require_answers(given, what)
    return given


def as_triplet_data(triplets: object, name: str = "triplets") -> Triplets:
    """`triplets` with what is known of them: numbers (t, 3), or the names of items.

    A DataFrame and structured rows are read as `pyalign.load_triplets` reads them; a data set is opened.

    Example:
        >>> as_triplet_data([["dog", "cat", "car"]]).names
        ('car', 'cat', 'dog')
    """
    if not isinstance(triplets, Triplets):
        triplets = part_of(triplets, "triplets")
    if isinstance(triplets, Triplets):
        return triplets
    if isinstance(triplets, str | os.PathLike):
        path = os.fspath(triplets)
        raise InputError(f"{name} must be an array; got the path {path!r}: read it with {LOAD_TRIPLETS}")
    if is_frame(triplets) or is_rows(triplets):
        read: Triplets = registered("frames")(triplets, name)
        return read
    known = ("shape", "__dlpack__", "__cuda_array_interface__", "triplets")
    text = getattr(getattr(triplets, "dtype", None), "kind", "i") in ("U", "S", "O")
    if not text and any(hasattr(triplets, attribute) for attribute in known):
        return Triplets(triplets)
    array = _checks.as_array(triplets, name, "(t, 3)")
    return _of_names(array, name) if array.dtype.kind in "USO" and array.ndim == 2 else Triplets(array)


def _of_names(array: np.ndarray, name: str) -> Triplets:
    wrong = [
        item for item in array.ravel()[: array.size if array.dtype.kind == "O" else 0] if not isinstance(item, str)
    ]
    if wrong:
        raise InputError(f"{name} must be whole numbers or names throughout; got {wrong[0]!r}")
    names, codes = np.unique(array.astype(np.str_), return_inverse=True)
    return Triplets(codes.reshape(array.shape).astype(np.int32), tuple(names.tolist()))
