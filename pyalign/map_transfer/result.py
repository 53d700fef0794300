"""The result of `pyalign.transfer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyalign._result import Result
from pyalign.documents import Interval

ACCURACY, RSA, VOTES, KEPT = "accuracy", "rsa", "k-NN accuracy", "neighbours kept"


@dataclass(frozen=True)
class TransferFigure:
    """One figure before and after a map.

    Attributes:
        map: the name of the map.
        on: the name of the data: a set of `on`; "" for figures of the embeddings by themselves.
        figure: "accuracy" on triplets, a fraction; "rsa", the correlation of similarity matrices; "k-NN accuracy" and
            "neighbours kept", fractions of the objects and of their neighbours.
        within: None; or "categories": only triplets and pairs of one category.
        category: the one category that a k-NN accuracy is over; None: all.
        n: the number of triplets, pairs or objects that the figure is over.
        before, before_ci: without the map, with its interval.
        after, after_ci: with it.
        difference: after less before.
        ci: the interval of the difference, paired over the same triplets, pairs or objects; None without intervals.
        p_value: two-sided, of no difference, not corrected; None where the interval is not one of `compare` or `rsa`.
        in_sample: of figures of neighbours: of how many of all these objects the map was fitted to keep them; None
            where that is not known, and of other figures.
        simultaneous_ci: of one category, the interval of the difference that holds together with those of all other
            categories and maps (Sidak), as one that was chosen among them needs; None elsewhere.
    """

    map: str
    on: str
    figure: str
    within: str | None
    category: str | None
    n: int
    before: float
    before_ci: Interval | None
    after: float
    after_ci: Interval | None
    difference: float
    ci: Interval | None
    p_value: float | None
    in_sample: int | None = None
    simultaneous_ci: Interval | None = None


@dataclass(frozen=True)
class LeftOut:
    """A figure that the data can't give.

    Attributes:
        on: the name of the data; "" for figures of the embeddings by themselves.
        figure: which, a phrase.
        reason: what is missing, a sentence.
    """

    on: str
    figure: str
    reason: str

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
    """What maps of embeddings win and lose.

    Attributes:
        figures: set by set, map by map; those of the embeddings by themselves come last.
        left_out: what could not be computed, and why; notes say it too.
        maps: the names of the maps.
        measures: of the embeddings and after each map, by which triplets are answered; None where there are none.
        rsa_measure: the measure of the similarity matrices.
        neighbor_measure: the measure of the neighbours. These are among the objects that no map was fitted to keep,
            where those are enough for k.
        k: the number of neighbours.
        n_objects: the number of rows of the embeddings.
        confidence: the confidence level; None without intervals.
        seed: of the half-samples and of resamples.
        embeddings: where the embeddings came from, or None.
    """

    command: ClassVar[str] = "transfer"
    rows: ClassVar[str] = "figures"

    figures: tuple[TransferFigure, ...]
    left_out: tuple[LeftOut, ...]
    maps: tuple[str, ...]
    measures: tuple[str, ...]
    rsa_measure: str
    neighbor_measure: str
    k: int
    n_objects: int
    confidence: float | None
    seed: int
    embeddings: str | None = None

    def __len__(self) -> int:
        return len(self.figures)

    def __getitem__(self, k: int) -> TransferFigure:
        return self.figures[k]
