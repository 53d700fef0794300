"""Which documents are of the same triplets: figures of different ones are not to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyalign.data import ODD_ONE_OUT
from pyalign.report.page.sections._shared import file_label
from pyalign.report.page.sources import Loaded, Sources

COMMANDS = ("score", "compare", "probe", "calibrate", "ceiling")


@dataclass(frozen=True)
class Asked:
    """The triplets of a document. `path`: where they came from; `sha256`, `shape`: of their values; None: not known."""

    path: str | None
    task: str
    sha256: str | None
    shape: tuple[int, ...] | None

    def fits(self, other: Asked) -> bool:
        """Whether they may be the same: by their values, else by where they came from and how many they are."""
        if self.task != other.task:
            return False
        if self.sha256 and other.sha256:
            return self.sha256 == other.sha256
        return self.path == other.path and (None in (self.shape, other.shape) or self.shape == other.shape)


def asked(result: Any) -> Asked:
    """The triplets that a result is about."""
    rows = getattr(result, "results", ())
    provenance = result.provenance or (rows[0].provenance if rows else None)
    inputs = () if provenance is None else provenance.inputs
    triplets = next((one for one in inputs if one.name == "triplets"), None)
    task = getattr(result, "task", None) or (rows[0].task if rows else ODD_ONE_OUT)
    if triplets is None:
        return Asked(result.triplets, task, None, None)
    return Asked(result.triplets, task, triplets.sha256, triplets.shape or None)


@dataclass(frozen=True)
class TripletSets:
    """The sets of triplets that documents are of.

    Attributes:
        members: of each, the triplets as documents have them.
        number: of the set of each document, by its `id`.
    """

    members: tuple[tuple[Asked, ...], ...]
    number: Mapping[int, int]

    def of(self, one: Loaded) -> int:
        """The number of the set of a document."""
        return self.number[id(one)]

    def label(self, number: int) -> str:
        """What a set is called; where the names of two are the same, with the beginning of its hash or its number."""
        names = [file_label(next((one.path for one in held if one.path), None)) for held in self.members]
        name = names[number]
        if names.count(name) == 1:
            return name
        digest = next((one.sha256 for one in self.members[number] if one.sha256), None)
        return f"{name} (SHA-256 {digest[:8]})" if digest else f"{name} ({names[: number + 1].count(name)})"


def triplet_sets(sources: Sources) -> TripletSets:
    """Documents whose values are known make sets; others join the one set that they fit, or make one of their own."""
    documents = sources.of(*COMMANDS)
    found = {id(one): asked(one.result) for one in documents}
    sets: list[list[Asked]] = []
    number: dict[int, int] = {}
    for known in (True, False):
        for one in documents:
            held = found[id(one)]
            if bool(held.sha256) != known:
                continue
            fitting = [k for k, members in enumerate(sets) if any(held.fits(other) for other in members)]
            if len(fitting) != 1:
                sets.append([])
                fitting = [len(sets) - 1]
            sets[fitting[0]].append(held)
            number[id(one)] = fitting[0]
    return TripletSets(tuple(tuple(members) for members in sets), number)
