"""What an analysis of pairs is about: the objects and pairs that count, people's values of them, and models'."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends import Array
from pyalign.data import Embeddings, RDMs, as_embeddings
from pyalign.data.judgments import above
from pyalign.data.names import in_order, match_names, require_different
from pyalign.data.similarities import notes_on_values
from pyalign.errors import InputError, Remedy
from pyalign.measures import get_measure
from pyalign.ops.similarity import notes_on_similarities, similarity, with_exact_ends
from pyalign.typing import BackendName, MeasureLike, Policy

FEWEST = 3  # objects, of which three pairs follow
EXTREME = 200  # powers of two from 1: values beyond are scaled, so that sums of their squares stay within float64
ALL = slice(None)
MATRIX = Remedy("matrix", like="matrices")
AS_RDM = {"similarities": f"{MATRIX} of 1 - x", "dissimilarities": MATRIX}


@dataclass(frozen=True, eq=False)
class ModelPairs:
    """A model's values of the pairs, in the kind of the human ones."""

    name: str  # of the model.
    measure: str | None  # of its rows' similarity; None of a matrix that was given.
    # (n (n - 1) / 2,) float32 or float64: of all pairs of the objects, judged or not; NaN where a matrix that was given
    # has none.
    whole: np.ndarray
    values: np.ndarray  # (m,) the values of the pairs that count.


@dataclass(frozen=True, eq=False)
class Study:
    """Pairs that were judged, and what models say of them."""

    n: int  # how many objects are in a pair that counts.
    items: np.ndarray  # int32 (m, 2), the objects of each pair that counts, in [0, n).
    mean: np.ndarray  # float64 (m,), the mean of the people's values of each pair, of those who judged it.
    people: np.ndarray | None  # float64 (p, m) with NaN where a participant has not judged a pair; None of one matrix.
    models: tuple[ModelPairs, ...]  # in the order of the results.
    n_missing: int  # pairs of all objects of the human judgments that are left out.
    notes: tuple[str, ...]  # what was assumed, a sentence each.
    objects: np.ndarray  # int (n,), which of the judged objects these are.
    # int (n,), the objects in the order of their names, in which seeds draw them; else as they are numbered.
    order: np.ndarray

    @property
    def is_complete(self) -> bool:
        """Whether all pairs of the objects are there."""
        return len(self.items) == self.n * (self.n - 1) // 2


def study_of(
    models: Mapping[str, object], rdms: Mapping[str, RDMs], human: RDMs, measures: Sequence[MeasureLike],
    nan_policy: Policy, backend: BackendName,
) -> Study:
    """The judged pairs of the objects that have a row in all models, by name where names are known."""
    aligned, notes = aligned_rows({name: as_embeddings(x, name) for name, x in models.items()}, human)
    if human.n < FEWEST:
        raise InputError(f"human must be about at least {FEWEST} objects; got {human.n}")
    values = within_range(human.pairs())
    mean = _mean(values)
    keep = ~np.isnan(mean)
    items = np.stack(np.triu_indices(human.n, 1), axis=1).astype(np.int32)
    aligned, usable = finite_rows(aligned, human.n, nan_policy, human.names)
    finite = np.asarray(usable[items].all(axis=1))
    keep &= finite
    theirs = {name: _mean(within_range(rdm_in_order(rdm, name, human).pairs(name))) for name, rdm in rdms.items()}
    judged = keep.any()
    for name, pairs in theirs.items():
        if np.isnan(pairs).all():
            raise InputError(f"{name} must have a value for at least one pair; got only NaN")
        keep &= ~np.isnan(pairs)
    if not keep.any():
        also = " and which all matrices have" if judged else ""
        raise InputError(f"human must have a pair that was judged and whose rows are finite{also}; got none")
    sign = -1.0 if human.kind == "similarity" else 1.0  # the matrices of models are dissimilarities
    computed = [(name, str(getattr(measure, "name", measure)),
                 _where(finite, _pairs_of(name, x, measure, human.kind, backend)))
                for name, x in aligned.items() for measure in measures]
    given = [(name, None, sign * pairs) for name, pairs in theirs.items()]
    objects, inside, items = _counted(human.n, items, keep)
    kept = ALL if keep.all() else keep
    missing = int((~keep).sum())
    return Study(
        len(objects), items, mean[kept], None if human.n_people is None else values[:, kept],
        tuple(ModelPairs(name, measure, whole[inside], whole[kept]) for name, measure, whole in (*computed, *given)),
        missing,
        (*notes, *of_rounding(aligned, measures), *assumed_of(rdms, human), *left_out(missing, len(keep), bool(rdms))),
        objects, np.arange(len(objects)) if human.names is None else in_order([human.names[k] for k in objects]),
    )


def _where(chosen: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values of the chosen ones among all of them, NaN elsewhere."""
    if chosen.all():
        return values
    out = np.full(len(chosen), np.nan, values.dtype)
    out[chosen] = values
    return out


def _counted(n: int, items: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray | slice, np.ndarray]:
    """Marks the n objects that are in a pair to keep and the pairs of two of them; renumbers the kept items (m, 2).

    Example:
        >>> objects, inside, items = _counted(3, np.array([[0, 1], [0, 2], [1, 2]]), np.array([False, True, False]))
        >>> objects.tolist(), inside.tolist(), items.tolist()
        ([0, 2], [False, True, False], [[0, 1]])
    """
    counted = np.zeros(n, bool)
    counted[items[keep].ravel()] = True
    objects = np.flatnonzero(counted)
    if counted.all():
        return objects, ALL, items if keep.all() else items[keep]
    number = (np.cumsum(counted) - 1).astype(items.dtype)
    return objects, counted[items].all(axis=1), number[items[keep]]


def aligned_rows(models: dict[str, Embeddings], human: RDMs) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Rows of each model in the order of the judged objects."""
    aligned, notes = {}, list(human.notes)
    if human.names is not None:
        require_different(human.names, "human")
    for name, x in models.items():
        seen = (*x.notes, *notes_on_values(x, name, AS_RDM))
        notes += [note for note in seen if note not in notes]
        called = x.source or name
        if human.names is not None and x.names is not None:
            match = match_names(human.names, x.names)
            same = len(match.rows) == len(x) and bool((match.rows == np.arange(len(x))).all())
            aligned[name] = x.values if same else x.values[match.rows]
            if match.note is not None and match.note not in notes:
                notes.append(match.note)
            continue
        if len(x) != human.n:
            unnamed = "neither has names" if x.names is None and human.names is None else "one of them has no names"
            raise InputError(f"{called} must have a row for each of {human.n} judged objects, since {unnamed}; "
                             f"got {len(x)} rows")
        aligned[name] = x.values
        whose = "the judged objects and the rows" if x.names is None and human.names is None else (
            "the judged objects" if human.names is None else "the rows")
        notes.append(f"{whose} of {called} have no names: row i is taken for object i")
    return aligned, tuple(notes)


def finite_rows(
    models: dict[str, Array], n: int, nan_policy: Policy, names: Sequence[str] | None = None
) -> tuple[dict[str, Array], np.ndarray]:
    """The models without the rows that hold NaN or infinity in any of them, and which objects are usable."""
    rows = {name: _checks.as_rows(x, name) for name, x in models.items()}
    usable = np.ones(n, bool)
    for name, x in rows.items():
        finite = np.isfinite(x).all(axis=1)
        if nan_policy == "raise":
            with _checks.may_omit_rows(names):
                _checks.require_finite(~finite, name)
        usable &= finite
    return rows if usable.all() else {name: x[usable] for name, x in rows.items()}, usable


def of_rounding(models: Mapping[str, Array], measures: Sequence[MeasureLike]) -> tuple[str, ...]:
    """Sentences about models whose similarities rounding decides; models: finite rows by name."""
    return tuple(
        note
        for name, x in models.items()
        for measure in measures
        for note in notes_on_similarities(x, None, measure, name)
    )


def _pairs_of(name: str, x: Array, measure: MeasureLike, kind: str, backend: BackendName) -> np.ndarray:
    """(m,): the pairs of a model, whose errors say its name."""
    try:
        return within_range(model_pairs(x, measure, kind, backend))
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def model_pairs(x: Array, measure: MeasureLike, kind: str, backend: BackendName) -> np.ndarray:
    """(m,) rounded once, so that equal pairs tie: similarities of rows, or 1 - s of those with a largest, else -s."""
    square = similarity(np.asarray(x, np.float64), measure=measure, backend=backend)
    out = np.empty(len(square) * (len(square) - 1) // 2, x.dtype)
    above(square, out)
    with_exact_ends(out, measure)
    return out if kind == "similarity" else as_dissimilarity(out, measure)


def as_dissimilarity(similarities: np.ndarray, measure: MeasureLike) -> np.ndarray:
    """1 - s for cosine, pearson and rbf, whose largest similarity is 1; -s for distances and dot products; in place."""
    bounded = get_measure(measure).kernel.bounded
    np.subtract(similarities.dtype.type(1 if bounded else 0), similarities, out=similarities)
    return similarities


def within_range(values: np.ndarray) -> np.ndarray:
    """The values, times a power of two where they are so large or small that squares of them would not fit; in place.

    Example:
        >>> within_range(np.array([1.0, 2.0])), within_range(np.array([np.nan, 2.0**900]))
        (array([1., 2.]), array([nan, 0.5]))
    """
    largest = float(np.fmax.reduce(values, axis=None, initial=0.0))
    largest = max(largest, -float(np.fmin.reduce(values, axis=None, initial=0.0)))
    exponent = math.frexp(largest)[1]
    if abs(exponent) > EXTREME and largest > 0:
        np.ldexp(values, -exponent, out=values)
    return values


def rdm_in_order(rdm: RDMs, name: str, human: RDMs) -> RDMs:
    """A model's matrix with its objects in the order of the judged ones."""
    if rdm.names is not None and human.names is not None:
        return rdm if rdm.names == human.names else rdm.select(human.names)
    if rdm.n != human.n:
        raise InputError(f"{name} must be about the {human.n} judged objects; got {rdm.n}")
    return rdm


def left_out(missing: int, pairs: int, with_rdms: bool = False) -> tuple[str, ...]:
    """A sentence about pairs that do not count.

    Example:
        >>> left_out(1, 66), left_out(0, 66)
        (('1 of 66 pairs is left out: not judged, or a row has NaN',), ())
    """
    rdm = " or a model's matrix" if with_rdms else ""
    are = "is" if missing == 1 else "are"
    sentence = f"{missing:,} of {pairs:,} pairs {are} left out: not judged, or a row{rdm} has NaN"
    return (sentence,) if missing else ()


def assumed_of(rdms: Mapping[str, RDMs], human: RDMs) -> tuple[str, ...]:
    """Sentences about models' matrices whose objects can't be found by name."""
    return tuple(
        f"{name} and the judged objects have no names in common: object i is taken for object i"
        for name, rdm in rdms.items()
        if rdm.names is None or human.names is None
    )


def _mean(values: np.ndarray) -> np.ndarray:
    """(m,): the mean over the first axis, of what is not NaN; NaN where nothing is."""
    if len(values) == 1:
        return values[0]
    there = ~np.isnan(values)
    counts = there.sum(axis=0)
    if there.all():
        mean: np.ndarray = values.mean(axis=0)
        return mean
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0)
