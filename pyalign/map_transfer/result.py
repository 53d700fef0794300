"""The result of `pyalign.transfer`."""

from __future__ import annotations

from typing import ClassVar

from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.documents import Interval

ACCURACY, RSA, VOTES, KEPT = "accuracy", "rsa", "k-NN accuracy", "neighbours kept"


@dataclass(frozen=True)
class TransferFigure:
    """One figure before and after a map."""

    map: str  # the name of the map.
    on: str  # the name of the data: a set of `on`; "" for figures of the embeddings by themselves.
    # "accuracy" on triplets, a fraction; "rsa", the correlation of similarity matrices; "k-NN accuracy" and "neighbours
    # kept", fractions of the objects and of their neighbours.
    figure: str
    within: str | None  # None; or "categories": only triplets and pairs of one category.
    category: str | None  # the one category that a k-NN accuracy is over; None: all.
    n: int  # the number of triplets, pairs or objects that the figure is over.
    # before, before_ci: without the map, with its interval.
    before: float
    before_ci: Interval | None
    # after, after_ci: with it.
    after: float
    after_ci: Interval | None
    difference: float  # after less before.
    # the interval of the difference, paired over the same triplets, pairs or objects; None without intervals.
    ci: Interval | None
    # two-sided, of no difference, not corrected; None where the interval is not one of `compare` or `rsa`.
    p_value: float | None
    # of figures of neighbours: of how many of all these objects the map was fitted to keep them; None where that is not
    # known, and of other figures.
    in_sample: int | None = None
    # of one category, the interval of the difference that holds together with those of all other categories and maps
    # (Sidak), as one that was chosen among them needs; None elsewhere.
    simultaneous_ci: Interval | None = None


@dataclass(frozen=True)
class LeftOut:
    """A figure that the data can't give."""

    on: str  # the name of the data; "" for figures of the embeddings by themselves.
    figure: str  # which, a phrase.
    reason: str  # what is missing, a sentence.

    @property
    def note(self) -> str:
        """A sentence.

        Example:
            >>> LeftOut("", "k-NN accuracy", "there are no categories of the objects").note
            'neighbours: k-NN accuracy is left out: there are no categories of the objects'
        """
        return f"{self.on or 'neighbours'}: {self.figure} is left out: {self.reason}"


@dataclass(frozen=True)
class Transfer(Result):
    """What maps of embeddings win and lose."""

    command: ClassVar[str] = "transfer"
    rows: ClassVar[str] = "figures"

    figures: tuple[TransferFigure, ...]  # set by set, map by map; those of the embeddings by themselves come last.
    left_out: tuple[LeftOut, ...]  # what could not be computed, and why; notes say it too.
    maps: tuple[str, ...]  # the names of the maps.
    # of the embeddings and after each map, by which triplets are answered; None where there are none.
    measures: tuple[str, ...]
    rsa_measure: str  # the measure of the similarity matrices.
    # the measure of the neighbours. These are among the objects that no map was fitted to keep, where those are enough
    # for k.
    neighbor_measure: str
    k: int  # the number of neighbours.
    n_objects: int  # the number of rows of the embeddings.
    confidence: float | None  # the confidence level; None without intervals.
    seed: int  # of the half-samples and of resamples.
    embeddings: str | None = None  # where the embeddings came from, or None.

    def __len__(self) -> int:
        return len(self.figures)

    def __getitem__(self, k: int) -> TransferFigure:
        return self.figures[k]
