"""Objects that people judged and that embeddings have no row for: an error, or left out with all that is about them.

This is done before anything else, so that what follows meets triplets and pairs whose objects all have rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.data.align import one_order, used_items
from pyalign.data.answers import Subjects, checked_labels
from pyalign.data.embeddings import Embeddings, as_embeddings
from pyalign.data.judgments import FEWEST, RDMs
from pyalign.data.metadata import Categories, notes_on_order, require_names
from pyalign.data.names import MISSING, OMIT, MissingRows, listing, match_names, require_different, rows_of_some
from pyalign.data.triplets import Triplets, as_triplet_data
from pyalign.errors import InputError, Remedy

HEADER = f"is the first row a header ({Remedy('columns', like='names', of='load_triplets')})?"
SHOWN = 3  # names of objects in a note
LEFT_OUT = -2  # the choice of a triplet that was left out; that of a tie is -1


@dataclass(frozen=True)
class Coverage:
    """How much of the judgments is about objects that have a row in all models (``missing="omit"``)."""

    # n_objects, of_objects: objects in what remains, and in all triplets or pairs.
    n_objects: int
    of_objects: int
    # n_triplets, of_triplets: triplets that remain, of how many; None of judged pairs.
    n_triplets: int | None = None
    of_triplets: int | None = None
    # n_pairs, of_pairs: pairs of the objects that remain, judged or not, of how many; None of triplets.
    n_pairs: int | None = None
    of_pairs: int | None = None
    # n_subjects, of_subjects: people who answered what remains, of how many; None where they are not known.
    n_subjects: int | None = None
    of_subjects: int | None = None

    @property
    def left_out(self) -> str:
        """How many triplets or pairs (else objects) are left out, in a few words; "" where none is."""
        n, all_, what = _counts(self)
        return f"{all_ - n:,} of {all_:,} {what}s left out (no row)" if n < all_ else ""


@dataclass(frozen=True, eq=False)
class WithRows:
    """Triplets whose objects have a row in all models."""

    triplets: Triplets  # with all that is known of them, and a note where some were left out.
    kept: np.ndarray | None = None  # (t,) mask of those among all that were given; None: all of them.
    coverage: Coverage | None = None  # how many they are; None where nothing may be left out.
    row_names: tuple[tuple[str, ...] | None, ...] = ()  # of each model, or those of the triplets where it has none.

    def require_names(self, categories: object) -> None:
        """Raises where categories of objects have no names, and the models' rows are in different orders."""
        require_names(categories, self.row_names)

    def notes_on(self, *categories: object) -> tuple[str, ...]:
        """A sentence of each that has no names and is taken for that of rows that have some, in their order."""
        names = next((names for names in self.row_names if names is not None), None)
        given = [] if names is None else [Categories.of(one) for one in categories if one is not None]
        return tuple(note for one in given for note in notes_on_order("categories", one.names, names))

    def of(self, values: Any, name: str) -> Any:
        """Values (t, ...) that were given for all triplets, of those that remain; None and `Categories` as they are."""
        if isinstance(values, Categories):
            self.require_names(values)
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


def with_rows(x: object, triplets: object, missing: str, *, subjects: object = None) -> WithRows:
    """The triplets whose three items have a row in each of the embeddings.

    Numbers of items that nobody has named can't be found missing: they index rows, and one beyond them is an error
    elsewhere. Of rows whose names are some whole numbers, numbers that are no name are missing.

    Args:
        x: embeddings, or a mapping from names to several: what remains is then the same for all of them.
        triplets: (t, 3), see `pyalign.data.as_triplet_data`.
        missing: "raise", or "omit" to leave out triplets with an item that has no row.
        subjects: (t,) who answered each triplet, to count them; None: those of the triplets.
    """
    _checks.one_of(missing, MISSING, "missing")
    whole = as_triplet_data(triplets)
    models: Mapping[Any, object] = x if isinstance(x, Mapping) else {"embeddings": x}
    return present_of({str(name): as_embeddings(rows, str(name)) for name, rows in models.items()}, whole, missing,
                      subjects)


def present_of(models: Mapping[str, Embeddings], whole: Triplets, missing: str, subjects: object = None) -> WithRows:
    """Does what `with_rows` does, to embeddings by their names and to triplets."""
    ordered, notes = one_order(models, whole)
    if subjects is not None:  # also where no interval will be over them
        checked_labels(subjects, len(whole))
    people = whole.subjects if subjects is None else subjects
    names = {name: rows.names for name, rows in models.items()}
    row_names = tuple(own or ordered.names for own in names.values())
    others = _lacking(names, ordered.names)
    if ordered.names is not None and others:
        values, items = used_items(ordered, ordered.names)
        item_names = [ordered.names[item] for item in items]
        require_different(item_names, "item")
        rows_by_model = rows_of_each(
            item_names, others, missing, len(models) > 1,
            remedy=lambda: HEADER if _headed(ordered, values, item_names, others.values()) else OMIT,
            sources={model: x.source for model, x in models.items()},
        )
        there = _with_row(rows_by_model)
        if not there.all():
            present = np.zeros(len(ordered.names), bool)
            present[items] = there
            kept: np.ndarray = present[values].all(axis=1)
            without = missing_in_words(item_names, there, numbers_lacking(rows_by_model) if len(models) > 1 else None)
            if not kept.any():
                raise InputError(f"triplets must hold one whose items all have a row; got none: {without}")
            _require_same_rows(item_names, np.flatnonzero(np.isin(items, values[kept])), rows_by_model, others)
            remaining = _coverage(ordered, kept, people)
            noted = replace(ordered, notes=(*ordered.notes, *notes, _note(without, remaining)))
            return WithRows(_part(noted, values, kept), kept, remaining, row_names)
    coverage = None if missing == "raise" else _coverage(whole, slice(None), people)
    return WithRows(whole, None, coverage, row_names)


def judged_with_rows(
    models: Mapping[str, object], rdms: Mapping[str, RDMs], human: RDMs, missing: str, fewest: int = FEWEST
) -> tuple[RDMs, Coverage | None]:
    """The judged pairs of the objects that have a row in all models, and in all models' matrices; by name."""
    _checks.one_of(missing, MISSING, "missing")
    names = {name: as_embeddings(x, name).names for name, x in models.items()}
    names |= {name: rdm.names for name, rdm in rdms.items()}
    others = _lacking(names, human.names)
    whole = Coverage(human.n, human.n, n_pairs=human.n_pairs, of_pairs=human.n_pairs)
    if human.names is None:
        return human, None if missing == "raise" else whole
    require_different(human.names, "human")
    several = len(names) > 1
    rows_by_model = rows_of_each(human.names, others, missing, several)
    not_judged = _not_judged(models, human.n, rows_by_model)
    if others:
        there = _with_row(rows_by_model)
        if not there.all():
            n = int(there.sum())
            without = missing_in_words(human.names, there, numbers_lacking(rows_by_model) if several else None)
            if n < fewest:
                problem = f"pairs of at least {fewest} objects that have a row; got {n or 'none'}"
                raise InputError(f"human must hold {problem}: {without}")
            _require_same_rows(human.names, np.flatnonzero(there), rows_by_model, others)
            remaining = human.take(np.flatnonzero(there))
            coverage = replace(whole, n_objects=n, n_pairs=remaining.n_pairs)
            return replace(remaining, notes=(*remaining.notes, _note(without, coverage), *not_judged)), coverage
    noted = replace(human, notes=(*human.notes, *not_judged)) if not_judged else human
    return noted, None if missing == "raise" else whole


def _not_judged(models: Mapping[str, object], n: int, rows_by_model: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Notes models with rows of objects that were not judged; `rows_by_model` has rows of the n judged objects."""
    notes = []
    for name, rows in models.items():
        x = as_embeddings(rows, name)
        n_judged = int((rows_by_model[name] >= 0).sum()) if name in rows_by_model else n
        more = 0 if x.names is None else len(x) - n_judged
        if more:
            notes.append(f"{more:,} rows of {x.source or name} are of objects that were not judged")
    return tuple(notes)


def _lacking(
    row_names: Mapping[str, tuple[str, ...] | None], items: tuple[str, ...] | None
) -> dict[str, tuple[str, ...]]:
    """The names of the rows of those models among which some items are not, as they are spelled."""
    wanted = set(items or ())
    return {
        model: names
        for model, names in row_names.items()
        if names is not None and names != items and not wanted.issubset(names)
    }


def rows_of_each(
    item_names: Sequence[str], row_names: Mapping[str, Sequence[str]], missing: str, several: bool,
    remedy: Callable[[], str] = lambda: OMIT, sources: Mapping[str, str | None] | None = None,
) -> dict[str, np.ndarray]:
    """The row (m,) of each item in each model, -1 without one; raises where one has none and must.

    several: whether there are several models, so that an error has to say which it is about.
    remedy: what an error about items without a row proposes.
    sources: of the models, which say what an error about a single one is about.
    """
    rows_by_model = {}
    for model, names in row_names.items():
        try:
            if missing == "omit":
                rows_by_model[model] = rows_of_some(item_names, names)
            else:
                rows_by_model[model] = match_names(item_names, names).rows
        except InputError as error:
            hint = f"; {remedy()}" if isinstance(error, MissingRows) else ""
            called = model if several else (sources or {}).get(model)
            raise InputError(f"{called}: {error}{hint}" if called else f"{error}{hint}") from error
    return rows_by_model


def numbers_lacking(rows_by_model: Mapping[str, np.ndarray]) -> dict[str, int]:
    """How many items have no row in each model that lacks some."""
    return {model: lacking for model, rows in rows_by_model.items() if (lacking := int((rows < 0).sum()))}


def _headed(
    triplets: Triplets, values: np.ndarray, item_names: Sequence[str], row_names: Iterable[Sequence[str]]
) -> bool:
    """Whether the first triplet of a file may be its header: it holds all items without a row, and no others."""
    assert triplets.names is not None
    first = {triplets.names[item] for item in values[0]}
    rest = [name for name in item_names if name not in first]
    if triplets.source is None or triplets.numbered or not rest or np.isin(values[1:], values[0]).any():
        return False
    try:
        for names in row_names:
            match_names(rest, names)
        return all(rows_of_some(sorted(first), names).max() < 0 for names in row_names)
    except InputError:
        return False


def _with_row(rows_by_model: Mapping[str, np.ndarray]) -> np.ndarray:
    """(m,) mask of the items that have a row in each of the models."""
    there: np.ndarray = np.all([rows >= 0 for rows in rows_by_model.values()], axis=0)
    return there


def _require_same_rows(
    item_names: Sequence[str], left: np.ndarray, rows_by_model: Mapping[str, np.ndarray],
    row_names: Mapping[str, Sequence[str]],
) -> None:
    """Raises where the items (k,) that remain, by themselves, would be found in other rows than among all of them."""
    remaining = [item_names[item] for item in left]
    for model, names in row_names.items():
        rows, now = rows_by_model[model][left], match_names(remaining, names).rows
        if not np.array_equal(rows, now):
            k = int(np.argmax(rows != now))
            raise InputError(
                f"{model}: {remaining[k]!r} is the row {names[rows[k]]!r} among all objects and {names[now[k]]!r} "
                "among those that remain: name the rows after the objects"
            )


def _part(triplets: Triplets, values: np.ndarray, kept: np.ndarray) -> Triplets:
    """The triplets that are kept; those of names, which state no order of numbers, with the names that are left."""
    part: Triplets = triplets[kept]
    if part.numbered or part.names is None:
        return part
    left, numbers = np.unique(values[kept], return_inverse=True)
    names = tuple(part.names[item] for item in left)
    return replace(part, values=numbers.reshape(-1, 3).astype(values.dtype), names=names)


def _coverage(triplets: Triplets, kept: np.ndarray | slice, people: object) -> Coverage:
    """The coverage of the triplets that are kept, among all."""
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


def missing_in_words(item_names: Sequence[str], there: np.ndarray, lacking: Mapping[str, int] | None) -> str:
    """How many items have no row in words, and how many each of several models lacks; None: there is one."""
    names = [name for name, has in zip(item_names, there, strict=True) if not has]
    have = "has" if len(names) == 1 else "have"
    where, which = "", listing(list(map(repr, names)), SHOWN)
    if lacking is not None:
        where = " in some model"
        which += f"; {listing([f'{model!r} lacks {count:,}' for model, count in lacking.items()], SHOWN)}"
    return f"{len(names):,} of {len(item_names):,} objects {have} no row{where} ({which})"


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
