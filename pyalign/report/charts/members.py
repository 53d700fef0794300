"""Categories of objects by name, for frames and colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pyalign.data import Categories
from pyalign.errors import InputError
from pyalign.report.words import one_line

Members: TypeAlias = Mapping[str, frozenset[str]]
REST = "other or none"


def members_of(categories: Any, names: Iterable[str], rows: Sequence[str] | None = None) -> Members | None:
    """name -> the categories of that object; None where no categories are given.

    Args:
        categories: `Categories`, labels (n,) or memberships (n, c).
        names: of the objects that are asked for.
        rows: names of the rows of categories that have none.

    Raises:
        InputError: categories without names where nothing says whose their rows are.
    """
    if categories is None:
        return None
    found = Categories.of(categories)
    named = found.names or rows
    if named is None:
        raise InputError("categories must have the names of their objects; got rows without names")
    if len(named) != len(found.members):
        raise InputError(f"categories must have a row for each of {len(named)} names; got {len(found.members)}")
    labels = [one_line(label) for label in found.labels]
    place = {name: k for k, name in enumerate(named)}
    return {
        name: frozenset(labels[c] for c in found.members[place[name]].nonzero()[0]) for name in names if name in place
    }


def main_categories(members: Members, names: Sequence[str], most: int) -> tuple[list[str], list[str]]:
    """One word for each object, and the words in the order of a legend: the largest categories, then the rest.

    An object of several is in the smallest of them: that says the most. What is beyond `most` is "other or none".

    Example:
        >>> main_categories({"cat": frozenset(["animal"]), "cup": frozenset()}, ["cat", "cup"], 3)
        (['animal', 'other or none'], ['animal', 'other or none'])
    """
    sizes = Counter(label for name in names for label in members.get(name, ()))
    own = [min(members.get(name) or (REST,), key=lambda label: (sizes[label], label)) for name in names]
    counts = Counter(word for word in own if word != REST)
    large = [word for word, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]]
    words = [word if word in large else REST for word in own]
    return words, [*large, *([REST] if REST in words else [])]
