"""Choices that are the names of items, in the words of a language model: `Spider web.` is `spider_web`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from unicodedata import normalize

import numpy as np

from pyalign.data import ANCHORED, Triplets, alternatives_of
from pyalign.errors import InputError

UNKNOWN = ("raise", "omit")  # what becomes of an answer that names no alternative
NO_ITEM = "-1"  # an answer that says itself that it names none
_ARTICLE = re.compile(r"^(a|an|the) ")


@dataclass(frozen=True, eq=False)
class NamedChoices:
    """Which alternative each answer names.

    Attributes:
        at: (t, k) bool: whether it is this alternative.
        empty: (t,) bool: there is no answer.
        none: (t,) bool: the answer is -1.
        unknown: (t,) bool: the answer is no name of an alternative.
        notes: how answers were read, a sentence each.
    """

    at: np.ndarray
    empty: np.ndarray
    none: np.ndarray
    unknown: np.ndarray
    notes: tuple[str, ...]


def _composed(name: str) -> str:
    return normalize("NFC", name)


def _without_punctuation(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).removesuffix(".").rstrip()


def _without_article(name: str) -> str:
    return _ARTICLE.sub("", name, count=1)


# What speakers leave to taste, the least first: how accents are composed, case, blanks and a final period, an article.
STEPS = (_composed, str.casefold, _without_punctuation, _without_article)


def named_choices(answers: np.ndarray, triplets: Triplets, unknown: str) -> NamedChoices:
    """The alternatives that answers (t,) name: exactly, or else in another spelling that fits one of them alone.

    An answer that is nearer to the name of another item, by `STEPS`, is no spelling of an alternative.

    Args:
        answers: (t,) texts, "" for no answer and "-1" for one that names none.
        triplets: with names.
        unknown: "raise", or "omit", which leaves it to the caller to leave these out.

    Raises:
        InputError: what is no text; an answer that names no alternative, unless these are omitted and others are left.
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
    if stray.any() and (unknown == "raise" or (stray | empty).all()):
        raise InputError(_refusal(answers, triplets, alternatives, stray, unknown))
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
    answers: np.ndarray, triplets: Triplets, alternatives: np.ndarray, stray: np.ndarray, unknown: str
) -> str:  # fmt: skip
    assert triplets.names is not None
    row, many = int(np.argmax(stray)), int(stray.sum())
    offered = ", ".join(repr(triplets.names[number]) for number in alternatives[row])
    what = "option" if triplets.task == ANCHORED else "item"
    does = "does" if many == 1 else "do"
    hint = '; unknown="omit" leaves these triplets out' if unknown == "raise" else ""
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
