"""Objects that people judged and that embeddings have no row for: an error, or left out with all that is about them.

This is done before anything else, so that what follows meets triplets and pairs whose objects all have rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.data.align import one_order, used_items
from pyalign.data.categories import Categories
from pyalign.data.embeddings import as_embeddings
from pyalign.data.judgments import FEWEST, Judgments
from pyalign.data.names import MISSING, OMIT, MissingRows, listing, match_names, require_different, rows_of_some
from pyalign.data.subjects import Subjects
from pyalign.data.triplets import Triplets, as_triplet_data
from pyalign.errors import InputError

SHOWN = 3  # names of objects in a note
LEFT_OUT = -2  # the choice of a triplet that was left out; that of a tie is -1


@dataclass(frozen=True)
class Coverage:
    """How much of the judgments is about objects that have a row in all models (``missing="omit"``).

    Attributes:
        n_objects, of_objects: objects in what remains, and in all triplets or pairs.
        n_triplets, of_triplets: triplets that remain, of how many; None of judged pairs.
        n_pairs, of_pairs: pairs of the objects that remain, judged or not, of how many; None of triplets.
        n_subjects, of_subjects: people who answered what remains, of how many; None where they are not known.

    Example:
        >>> Coverage(500, 1854, 2500, 127304).left_out
        '124,804 of 127,304 triplets left out (no row)'
    """

    n_objects: int
    of_objects: int
    n_triplets: int | None = None
    of_triplets: int | None = None
    n_pairs: int | None = None
    of_pairs: int | None = None
    n_subjects: int | None = None
    of_subjects: int | None = None

    @property
    def left_out(self) -> str:
        """How many triplets or pairs (else objects) are left out, in a few words; "" where none is."""
        n, all_, what = _counts(self)
        return f"{all_ - n:,} of {all_:,} {what}s left out (no row)" if n < all_ else ""


@dataclass(frozen=True, eq=False)
class Present:
    """Triplets whose objects have a row in all models.

    Attributes:
        triplets: with all that is known of them, and a note where some were left out.
        kept: (t,) mask of those among all that were given; None: all of them.
        coverage: how many they are; None where nothing may be left out.
    """

    triplets: Triplets
    kept: np.ndarray | None = None
    coverage: Coverage | None = None

    def of(self, values: Any, name: str) -> Any:
        """Values (t, ...) that were given for all triplets, of those that remain; None and `Categories` as they are.

        Raises:
            InputError: another number of them.
        """
        if self.kept is None or values is None or isinstance(values, Categories):
            return values
        array = values.codes if isinstance(values, Subjects) else _checks.as_array(values, name, "(t,)")
        if array.shape[:1] != self.kept.shape:
            got = len(array) if array.ndim else "()"
            raise InputError(f"{name} must have one entry per triplet, {len(self.kept)}; got {got}")
        return values.take(self.kept) if isinstance(values, Subjects) else array[self.kept]

    def among_all(self, array: np.ndarray | None) -> np.ndarray | None:
        """Choices or probabilities of the triplets that remain, as `in_places` has them."""
        return array if self.kept is None or array is None else in_places(array, self.kept)

    def rows_among_all(self, rows: np.ndarray) -> np.ndarray:
        """Numbers of triplets that remain, as numbers among all."""
        return rows if self.kept is None else np.flatnonzero(self.kept)[rows]


def in_places(array: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Choices or numbers of the triplets that are kept, in their places among all; -2 or NaN in the others.

    Example:
        >>> in_places(np.array([2, -1], np.int8), np.array([True, False, True])).tolist()
        [2, -2, -1]
    """
    everywhere = np.full((len(kept), *array.shape[1:]), np.nan if array.dtype.kind == "f" else LEFT_OUT, array.dtype)
    everywhere[kept] = array
    return everywhere


def with_rows(x: object, triplets: object, missing: str, *, subjects: object = None) -> Present:
    """The triplets whose three items have a row in each of the embeddings.

    Numbers of items that nobody has named can't be found missing: they index rows, and one beyond them is an error
    elsewhere.

    Args:
        x: embeddings, or a mapping from names to several: what remains is then the same for all of them.
        triplets: (t, 3), see `pyalign.data.as_triplet_data`.
        missing: "raise", or "omit" to leave out triplets with an item that has no row.
        subjects: (t,) who answered each triplet, to count them; None: those of the triplets.

    Raises:
        InputError: items without a row, unless they are to be omitted; no triplet that remains.

    Example:
        >>> from pyalign.data import Embeddings
        >>> x = Embeddings(np.eye(3), ("ant", "bee", "cat"))
        >>> present = with_rows(x, [["ant", "bee", "cat"], ["ant", "bee", "dog"]], "omit")
        >>> present.triplets.values.tolist(), present.coverage.n_triplets, present.coverage.of_triplets
        ([[0, 1, 2]], 1, 2)
    """
    _checks.one_of(missing, MISSING, "missing")
    whole = as_triplet_data(triplets)
    models: Mapping[Any, object] = x if isinstance(x, Mapping) else {"x": x}
    ordered, notes = one_order(models, whole) if isinstance(x, Mapping) else (whole, ())
    people = whole.subjects if subjects is None else subjects
    others = _lacking([as_embeddings(one, str(name)).names for name, one in models.items()], ordered.names)
    if ordered.names is not None and others:
        values, items = used_items(ordered, ordered.names)
        asked = [ordered.names[item] for item in items]
        require_different(asked, "item")
        there = has_row(asked, others, missing)
        if not there.all():
            present = np.zeros(len(ordered.names), bool)
            present[items] = there
            kept: np.ndarray = present[values].all(axis=1)
            without = missing_in_words(asked, there, len(models) > 1)
            if not kept.any():
                raise InputError(f"triplets must hold one whose items all have a row; got none: {without}")
            coverage = _coverage(ordered, kept, people)
            noted = replace(ordered, notes=(*ordered.notes, *notes, _note(without, coverage)))
            return Present(_part(noted, values, kept), kept, coverage)
    return Present(whole, None, None if missing == "raise" else _coverage(whole, slice(None), people))


def judged_with_rows(
    models: Mapping[str, object], rdms: Mapping[str, Judgments], human: Judgments, missing: str
) -> tuple[Judgments, Coverage | None]:
    """The judged pairs of the objects that have a row in all models, and in all models' matrices; by name.

    Raises:
        InputError: objects without a row, unless they are to be omitted; no object that remains.
    """
    _checks.one_of(missing, MISSING, "missing")
    names = [as_embeddings(x, name).names for name, x in models.items()] + [rdm.names for rdm in rdms.values()]
    others = _lacking(names, human.names)
    whole = Coverage(human.n, human.n, n_pairs=human.n_pairs, of_pairs=human.n_pairs)
    if human.names is not None and others:
        require_different(human.names, "human")
        there = has_row(human.names, others, missing)
        if not there.all():
            n, without = int(there.sum()), missing_in_words(human.names, there, len(names) > 1)
            if n < FEWEST:
                raise InputError(f"human must hold a pair of objects that have a row; got none: {without}")
            remaining = human.take(np.flatnonzero(there))
            coverage = replace(whole, n_objects=n, n_pairs=remaining.n_pairs)
            return replace(remaining, notes=(*remaining.notes, _note(without, coverage))), coverage
    return human, None if missing == "raise" else whole


def _lacking(row_names: Iterable[tuple[str, ...] | None], items: tuple[str, ...] | None) -> list[tuple[str, ...]]:
    """The names of rows among which some items are not, as they are spelled."""
    wanted = set(items or ())
    return [names for names in row_names if names is not None and names != items and not wanted.issubset(names)]


def has_row(asked: Sequence[str], row_names: Iterable[Sequence[str]], missing: str) -> np.ndarray:
    """(m,) mask of the items that have a row among each of these names; raises where one has not and must."""
    there = np.ones(len(asked), bool)
    for names in row_names:
        if missing == "omit":
            there &= rows_of_some(asked, names) >= 0
            continue
        try:
            match_names(asked, names)
        except MissingRows as error:
            raise InputError(f"{error}; {OMIT}") from error
    return there


def _part(triplets: Triplets, values: np.ndarray, kept: np.ndarray) -> Triplets:
    """Those that are kept; of triplets of names, which state no order of numbers, with the names that are left."""
    part: Triplets = triplets[kept]
    if part.numbered or part.names is None:
        return part
    left, numbers = np.unique(values[kept], return_inverse=True)
    names = tuple(part.names[item] for item in left)
    return replace(part, values=numbers.reshape(-1, 3).astype(values.dtype), names=names)


def _coverage(triplets: Triplets, kept: np.ndarray | slice, people: object) -> Coverage:
    """Of the triplets that are kept, among all."""
    values = _checks.as_triplets(triplets.values)
    coverage = Coverage(_n_different(values[kept]), _n_different(values), len(values[kept]), len(values))
    if people is None:
        return coverage
    who = people.codes if isinstance(people, Subjects) else _checks.as_array(people, "subjects", "(t,)")
    if who.shape != (len(values),):
        raise InputError(f"subjects must have one entry per triplet, shape {(len(values),)}; got {who.shape}")
    n_subjects, of_subjects = (len(set(some.tolist())) for some in (who[kept], who))
    return replace(coverage, n_subjects=n_subjects, of_subjects=of_subjects)


def _n_different(values: np.ndarray) -> int:
    """How many different numbers there are; small ones are counted without sorting."""
    if values.min() >= 0 and values.max() < values.size:
        return int(np.count_nonzero(np.bincount(values.ravel())))
    return len(np.unique(values))


def missing_in_words(asked: Sequence[str], there: np.ndarray, several: bool) -> str:
    """How many items have no row, or none in some of several models, in words."""
    names = [name for name, has in zip(asked, there, strict=True) if not has]
    where = " in some model" if several else ""
    have = "has" if len(names) == 1 else "have"
    return f"{len(names):,} of {len(asked):,} objects {have} no row{where} ({listing(names, SHOWN)})"


def _counts(coverage: Coverage) -> tuple[int, int, str]:
    """What remains of how many triplets or pairs, else objects."""
    if coverage.n_triplets is not None and coverage.of_triplets is not None:
        return coverage.n_triplets, coverage.of_triplets, "triplet"
    if coverage.n_pairs is not None and coverage.of_pairs is not None:
        return coverage.n_pairs, coverage.of_pairs, "pair"
    return coverage.n_objects, coverage.of_objects, "object"


def _note(without: str, coverage: Coverage) -> str:
    n, all_, what = _counts(coverage)
    people = "" if coverage.n_subjects is None else f" by {coverage.n_subjects:,} of {coverage.of_subjects:,} people"
    left = f"{n:,} {what}{'s' * (n > 1)} of {coverage.n_objects:,} objects{people} remain{'s' * (n == 1)}"
    are = "is" if all_ - n == 1 else "are"
    return f"{without}: {all_ - n:,} of {all_:,} {what}s {are} left out; {left}"
