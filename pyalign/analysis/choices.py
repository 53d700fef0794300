"""Choices of a model or a participant compared with those of people: positions, names or probabilities."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from unicodedata import normalize

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.backends import HostBackend
from pyalign.data import ANCHORED, Triplets, alternatives_of
from pyalign.data.missing import LEFT_OUT
from pyalign.errors import ITEM_NAMES, InputError, Remedy
from pyalign.stats.divergences import as_distributions, entropy
from pyalign.typing import Policy

NONE = -1  # the position that names no alternative
UNREADABLE = ("raise", "omit")  # what becomes of an answer that names no alternative
NO_ITEM = "-1"  # an answer that says itself that it names none
_ARTICLE = re.compile(r"^(a|an|the) ")


@dataclass(frozen=True, eq=False)
class Chosen:
    """What became of each triplet."""

    kind: str  # "positions", "names" or "probabilities".
    present: np.ndarray  # (t,) bool: whether there is an answer that counts.
    verdicts: np.ndarray  # int8 (t,), see `Outcomes`; of no meaning where there is none.
    # int8 (t,), the column of the triplets that is called odd, or that of the option which is not taken; -1 where the
    # answer names none, alternatives tie, or there is no answer.
    odd: np.ndarray
    n_none: int = 0  # answers of -1, which name none of the alternatives.
    n_left_out: int = 0  # answers of -2, of triplets that were left out where the choices were made.
    # float64 (t,) nats, -log p(human's choice), which may be infinite; None without probabilities.
    cross_entropy: np.ndarray | None = None
    entropy: np.ndarray | None = None  # float64 (t,) nats, of the probabilities; None without.
    empty: np.ndarray | None = None  # (t,) bool: whether there is no answer at all; None: wherever none counts.
    notes: tuple[str, ...] = ()  # how answers were read, a sentence each.
    # float64 (t, 3), in the place of similarities of the pairs 01, 02, 12; None without.
    probabilities: np.ndarray | None = None

    @property
    def by_pair(self) -> np.ndarray:
        """(t, 3): what stands for the similarities of the pairs 01, 02, 12: probabilities, else 1 for the chosen one.

        An answer that names none ties all alternatives.
        """
        if self.probabilities is not None:
            return self.probabilities
        chosen = np.zeros((len(self.odd), 3), np.float32)
        rows = np.flatnonzero(self.odd >= 0)
        chosen[rows, 2 - self.odd[rows]] = 1.0
        return chosen

    def take(self, kept: np.ndarray | None) -> Chosen:
        """The choices on the triplets of a mask (t,), or on all for None; counts remain those of all triplets."""
        if kept is None:
            return self
        arrays = ("present", "verdicts", "odd", "cross_entropy", "entropy", "empty", "probabilities")
        held: dict[str, Any] = {name: getattr(self, name) for name in arrays}
        part: dict[str, Any] = {name: None if one is None else one[kept] for name, one in held.items()}
        return replace(self, **part)

    def require_answers(self, nan_policy: Policy) -> None:
        """Raises where a triplet has no answer, unless `nan_policy` is "omit" and some others have one."""
        t = len(self.present)
        if self.n_left_out == t:
            raise InputError(
                f"choices must answer at least one triplet; all {t:,} were left out where they were made ({LEFT_OUT})"
            )
        empty = ~self.present if self.empty is None else self.empty
        absent = int(empty.sum())
        if absent and (nan_policy == "raise" or not self.present.any()):
            has = "has no answer" if absent == 1 else "have no answer"
            hint = "" if nan_policy == "omit" else f'; {Remedy("nan_policy", "omit")} leaves these triplets out'
            row = int(np.argmax(empty))
            raise InputError(f"choices must answer the triplets; {absent:,} {has}, row {row} is the first{hint}")


def as_chosen(
    choices: object, triplets: Triplets, base: int | None, host: HostBackend, unreadable: Policy = "raise"
) -> Chosen:
    """Choices (t,) by position in the file or by name, or probabilities (t, k) of the k alternatives.

    Args:
        choices: see `pyalign.score_choices`.
        triplets: with numbers on the host.
        base: from which positions count; None: by their range.
        host: computes verdicts.
        unreadable: "raise", or "omit" to leave out triplets whose answer is a name of no alternative.
    """
    t, k = len(triplets), alternatives_of(triplets.task)
    a = _checks.as_array(choices, "choices", "(t,)")
    if a.ndim == 1 and a.dtype.kind in "USO":
        return _of_names(a, triplets, unreadable)
    if a.dtype.kind not in "iuf":
        raise InputError(f"choices must be positions, names or probabilities; got dtype {a.dtype}")
    if a.ndim == 2 and a.shape[1] == k and len(a) == t:
        return _of_probabilities(a, triplets, host)
    _require_length(a.shape, t, k)
    return _of_positions(a, triplets, base)


def _require_length(shape: tuple[int, ...], t: int, k: int) -> None:
    if shape != (t,):
        raise InputError(f"choices must have one entry per triplet, shape ({t},) or ({t}, {k}); got {shape}")


def _places(triplets: Triplets) -> np.ndarray:
    """int8 (k,) or (t, k): where in the file each alternative came from: columns 0 1 2, or the options 1 2."""
    places = triplets.places
    return np.arange(alternatives_of(triplets.task), dtype=np.int8) if places is None else places


def _decided(at: np.ndarray, none: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Verdicts and odd columns, int8 (t,), by the alternatives (t, k) that answers name; -1 is a tie of all of them."""
    k = at.shape[1]
    odd = at.argmax(axis=1) if k == 3 else 2 - at.argmax(axis=1)
    odd[~at.any(axis=1)] = NONE
    return np.where(none, k, np.where(odd == 2, 1, -1)).astype(np.int8), odd.astype(np.int8)


def _counts_from_one(a: np.ndarray, k: int) -> bool:
    """Whether positions of k alternatives count from 1: the last one is among them, and 0 is not.

    Example:
        >>> [_counts_from_one(np.array(a), 3) for a in ([1, 3, -1], [0, 1, 3], [1, 2])]
        [True, False, False]
    """
    return bool((a == k).any() and not (a == 0).any())


def _of_positions(a: np.ndarray, triplets: Triplets, base: int | None) -> Chosen:
    k = alternatives_of(triplets.task)
    notes: tuple[str, ...] = ()
    if base is None and _counts_from_one(a, k):
        base, notes = 1, (f"choices are taken to count from 1: {k} is among them and 0 is not",)
    base = base or 0
    empty = np.isnan(a) if a.dtype.kind == "f" else np.zeros(len(a), bool)
    none, left_out = a == NONE, a == LEFT_OUT
    present = ~(empty | left_out)
    known = none | ~present | np.isin(a, np.arange(base, base + k))
    if not known.all():
        row = int(np.argmin(known))
        allowed = f"{', '.join(str(base + place) for place in range(k - 1))} or {base + k - 1}"
        hint = f"; do they count from 1 ({Remedy('choice_base', 1)})?" if base == 0 and _counts_from_one(a, k) else ""
        raise InputError(f"choices must be {allowed}, or -1 for none of them; row {row} is {a[row]:g}{hint}")
    at = (a - base)[:, None] == _places(triplets)
    counted = int(none.sum()), int(left_out.sum())
    return Chosen("positions", present, *_decided(at, none), *counted, empty=empty, notes=notes)


def _of_names(a: np.ndarray, triplets: Triplets, unreadable: Policy) -> Chosen:
    _require_length(a.shape, len(triplets), alternatives_of(triplets.task))
    if triplets.names is None:
        raise InputError(f"choices hold names, the triplets do not: {ITEM_NAMES}")
    named = named_choices(a, triplets, unreadable)
    present = ~(named.empty | named.unknown)
    n_none = int(named.none.sum())
    return Chosen("names", present, *_decided(named.at, named.none), n_none, empty=named.empty, notes=named.notes)


def _of_probabilities(a: np.ndarray, triplets: Triplets, host: HostBackend) -> Chosen:
    """A row of NaN is no answer. Probabilities that are equal tie."""
    t, k = a.shape
    present = ~np.isnan(a).all(axis=1) if a.dtype.kind == "f" else np.ones(t, bool)
    p = np.full((t, k), 1.0 / k)
    p[present] = a[present]
    shares = as_distributions(p, "choices")
    by_pair, of_human = (_by_pair(values, triplets) for values in (p, shares))
    verdicts = np.empty(t, np.int8)
    host.outcomes(by_pair, 1.0, verdicts, None, None, alternatives=k)
    odd = np.where(present & (np.abs(verdicts) == 1), 2 - by_pair[:, :k].argmax(axis=1), NONE).astype(np.int8)
    with np.errstate(divide="ignore"):
        cross_entropy = -np.log(of_human[:, 0])
    return Chosen(
        "probabilities", present, verdicts, odd, cross_entropy=np.abs(cross_entropy), entropy=entropy(shares),
        probabilities=of_human,
    )


def _by_pair(p: np.ndarray, triplets: Triplets) -> np.ndarray:
    """(t, 3) contiguous, in the place of similarities of the pairs 01, 02, 12, of which people chose the first."""
    t, k = p.shape
    ordered = np.take_along_axis(p, np.broadcast_to(_places(triplets), p.shape).astype(np.int64), axis=1)
    return np.ascontiguousarray(ordered[:, ::-1] if k == 3 else np.column_stack([ordered, np.zeros(t)]))


def notes_on_chosen(chosen: Chosen, task: str) -> Iterator[str]:
    """How answers were read, that some name none or were left out, and that some probabilities must not be 0."""
    yield from chosen.notes
    if chosen.n_none:
        each = "counts as a tie of all alternatives"
        yield f"{chosen.n_none:,} of {int(chosen.present.sum()):,} choices name none (-1): each {each}"
    if chosen.n_left_out:
        were = "was" if chosen.n_left_out == 1 else "were"
        reason = f"{were} left out where the choices were made ({LEFT_OUT})"
        yield f"{chosen.n_left_out:,} of {len(chosen.present):,} triplets {reason}"
    if chosen.cross_entropy is not None:
        impossible = int(np.isinf(chosen.cross_entropy[chosen.present]).sum())
        if impossible:
            what = "the probability of what people chose is 0"
            yield f"{what} in {impossible:,} triplets: there is no finite cross-entropy"


@dataclass(frozen=True, eq=False)
class NamedChoices:
    """Finds the alternative that each answer names."""

    at: np.ndarray  # (t, k) bool: whether it is this alternative.
    empty: np.ndarray  # (t,) bool: there is no answer.
    none: np.ndarray  # (t,) bool: the answer is -1.
    unknown: np.ndarray  # (t,) bool: the answer is no name of an alternative.
    notes: tuple[str, ...]  # how answers were read, a sentence each.


def _composed(name: str) -> str:
    return normalize("NFC", name)


def _without_punctuation(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).removesuffix(".").rstrip()


def _without_article(name: str) -> str:
    return _ARTICLE.sub("", name, count=1)


# What speakers leave to taste, the least first: how accents are composed, case, blanks and a final period, an article.
STEPS = (_composed, str.casefold, _without_punctuation, _without_article)


def named_choices(answers: np.ndarray, triplets: Triplets, unreadable: Policy) -> NamedChoices:
    """The alternatives that answers (t,) name: exactly, or else in another spelling that fits one of them alone.

    An answer that is nearer to the name of another item, by `STEPS`, is no spelling of an alternative.

    Args:
        answers: (t,) texts, "" for no answer and "-1" for one that names none.
        triplets: with names.
        unreadable: "raise", or "omit", which leaves it to the caller to leave these out.
    """
    assert triplets.names is not None
    wrong = next((row for row, name in enumerate(answers.tolist()) if not isinstance(name, str | bytes)), None)
    if wrong is not None:
        raise InputError(f"choices must be numbers, or names throughout; row {wrong} is {answers[wrong]!r}")
    cells, codes = np.unique(answers.astype(np.str_), return_inverse=True)
    numbers = {name: number for number, name in enumerate(triplets.names)}
    item = np.array([numbers.get(cell, -1) for cell in cells.tolist()])[codes]
    empty = (cells == "")[codes]
    none = (cells == NO_ITEM)[codes] & (item < 0)
    alternatives = np.asarray(triplets.values)[:, 3 - alternatives_of(triplets.task) :]
    at = alternatives == item[:, None]
    spelled = np.zeros(len(answers), bool)
    if not (at.any(axis=1) | empty | none).all():
        alike = _nearest(cells, codes, triplets.names, alternatives)
        spelled = (item < 0) & ~empty & ~none & (alike.sum(axis=1) == 1)
        at |= alike & spelled[:, None]
    stray = ~(at.any(axis=1) | empty | none)
    if stray.any() and (unreadable == "raise" or (stray | empty).all()):
        raise InputError(_refusal(answers, triplets, alternatives, stray, unreadable))
    n = int((~empty).sum())
    notes = (*_on_spellings(answers, triplets.names, alternatives, at, spelled, n), *_on_unknown(answers, stray, n))
    return NamedChoices(at, empty, none, stray, notes)


def _nearest(cells: np.ndarray, codes: np.ndarray, names: tuple[str, ...], items: np.ndarray) -> np.ndarray:
    """(t, k) whether an alternative is called by the answer at the first of `STEPS` at which any item is."""
    alike = np.zeros(items.shape, bool)
    unread = np.ones(len(cells), bool)
    plain_cells, plain_names = cells.tolist(), list(names)
    for step in STEPS:
        plain_cells, plain_names = list(map(step, plain_cells)), list(map(step, plain_names))
        numbers = {name: number for number, name in enumerate(dict.fromkeys(plain_names))}
        of_names = np.array([numbers[name] for name in plain_names])
        of_cells = np.array([numbers.get(cell, -1) for cell in plain_cells])
        read = unread & (of_cells >= 0)
        alike |= (of_names[items] == of_cells[codes][:, None]) & read[codes][:, None]
        unread &= ~read
    return alike


def _refusal(
    answers: np.ndarray, triplets: Triplets, alternatives: np.ndarray, stray: np.ndarray, unreadable: Policy
) -> str:
    assert triplets.names is not None
    row, many = int(np.argmax(stray)), int(stray.sum())
    offered = ", ".join(repr(triplets.names[number]) for number in alternatives[row])
    what = "option" if triplets.task == ANCHORED else "item"
    does = "does" if many == 1 else "do"
    hint = f'; {Remedy("unreadable", "omit")} leaves these triplets out' if unreadable == "raise" else ""
    return (
        f"choices must each name an {what} of its triplet; {many:,} {does} not, row {row} is the first: "
        f"{str(answers[row])!r}, not one of {offered}{hint}"
    )


def _on_spellings(
    answers: np.ndarray, names: tuple[str, ...], items: np.ndarray, at: np.ndarray, spelled: np.ndarray, n: int
) -> tuple[str, ...]:
    if not spelled.any():
        return ()
    row, many = int(np.argmax(spelled)), int(spelled.sum())
    are = "is another spelling of an item's name" if many == 1 else "are other spellings of items' names"
    name = names[items[row, int(np.argmax(at[row]))]]
    return (f"{many:,} of {n:,} choices {are}: {str(answers[row])!r} is {name!r}",)


def _on_unknown(answers: np.ndarray, stray: np.ndarray, n: int) -> tuple[str, ...]:
    if not stray.any():
        return ()
    many, first = int(stray.sum()), repr(str(answers[int(np.argmax(stray))]))
    if many == 1:
        return (f"1 of {n:,} choices names no item of its triplet ({first}) and is left out",)
    return (f"{many:,} of {n:,} choices name no item of their triplet ({first}, ...) and are left out",)
