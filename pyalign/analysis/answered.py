"""Similarities of triplets beside what people answered: the pair 01, or counts and shares of the three items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pyalign.analysis.outcomes import CREDIT_UNIT, credits_of
from pyalign.backends import HostBackend, LossSums
from pyalign.data import Answers
from pyalign.errors import InputError


@dataclass(frozen=True)
class AnsweredSimilarities:
    """Some triplets.

    Attributes:
        host: computes.
        similarities: (t, 3) contiguous, of the pairs of positions 01, 02, 12.
        answers: to the t triplets; None where each has one, the pair 01.
        ties: what a tie for the best pair counts.
        objects: (t, 3) integers >= 0, the items of each; None where nobody asks for them.
        people: (t,) codes, who gave each answer; None where that is not known.
        alternatives: 3, or 2 of anchored triplets, whose pairs are 01 and 02.
    """

    host: HostBackend
    similarities: np.ndarray
    answers: Answers | None
    ties: str
    objects: np.ndarray | None = None
    people: np.ndarray | None = None
    alternatives: int = 3

    def halves(self, first: int) -> tuple[AnsweredSimilarities, AnsweredSimilarities]:
        """The first triplets and the others."""
        return self._take(slice(None, first)), self._take(slice(first, None))

    def present(self) -> AnsweredSimilarities:
        """Those that nan="omit" did not leave out."""
        there = ~np.isnan(self.similarities[:, 0])
        if not there.any():
            raise InputError(
                "x must be finite in the rows of at least one triplet of each part; in one of them all "
                f"{len(there):,} touch NaN or infinity"
            )
        return self._take(there)

    def _take(self, rows: Any) -> AnsweredSimilarities:
        answers = None if self.answers is None else self.answers.take(rows)
        objects, people = (None if one is None else one[rows] for one in (self.objects, self.people))
        return AnsweredSimilarities(
            self.host, self.similarities[rows], answers, self.ties, objects, people, self.alternatives
        )

    @property
    def weights(self) -> np.ndarray | None:
        """float64 (t,): answers to each triplet, None for one."""
        return None if self.answers is None else self.answers.totals

    @cached_property
    def target(self) -> np.ndarray | None:
        """float64 (t,): the mean similarity of the chosen pair, None for the pair 01."""
        return None if self.answers is None else chosen_similarity(self.answers.shares, self.similarities)

    @property
    def choosable(self) -> np.ndarray:
        """(t, k): the similarities of the pairs among which is chosen."""
        return self.similarities[:, : self.alternatives]

    def sums(self, beta: float, confidences: np.ndarray | None = None) -> LossSums:
        """The loss at an inverse temperature."""
        return self.host.temperature_sums(
            self.similarities, self.target, self.weights, beta, confidences, alternatives=self.alternatives
        )

    def with_confidences(self, beta: float) -> tuple[LossSums, np.ndarray]:
        """The loss, and the probability of the model's own choice in each triplet: float64 (t,)."""
        confidences = np.empty(len(self.similarities))
        return self.sums(beta, confidences), confidences

    def accuracy(self) -> np.ndarray:
        """float64 (t,): the fraction of a triplet's answers that are the model's choice."""
        if self.answers is not None:
            return share_of_choice(self.answers.shares, self.choosable, self.ties)
        verdicts = np.empty(len(self.similarities), np.int8)
        self.host.outcomes(self.similarities, 1.0, verdicts, None, None, alternatives=self.alternatives)
        credits: np.ndarray = credits_of(verdicts, self.ties) / CREDIT_UNIT
        return credits


def chosen_similarity(shares: np.ndarray, similarities: np.ndarray) -> np.ndarray:
    """float64 (t,): the mean similarity of the chosen pair.

    Args:
        shares: (t, 3) by odd position, rows sum to 1; or (t, 2) by option.
        similarities: (t, 3) of the pairs 01, 02, 12.

    Example:
        >>> chosen_similarity(np.array([[0, 0.25, 0.75]]), np.array([[0.8, 0.4, 0.1]]))
        array([0.7])
    """
    p = by_pair(shares)
    u = p[:, 0] * similarities[:, 0]
    for pair in range(1, p.shape[1]):
        u += p[:, pair] * similarities[:, pair]
    return u


def by_pair(shares: np.ndarray) -> np.ndarray:
    """Shares of the pairs 01, 02, 12 from those by odd position; or of the pairs 01, 02 from those by option."""
    return shares[:, ::-1] if shares.shape[1] == 3 else shares


def share_of_choice(shares: np.ndarray, similarities: np.ndarray, ties: str) -> np.ndarray:
    """float64 (t,): the share of the answers that the model's choice has: the item outside its best pair.

    Where pairs tie for the best, by `ties`: ``"fractional"`` the mean over them, ``"wrong"`` 0, ``"human_alignment"``
    the first of two and 0 for three.

    Args:
        shares: (t, 3) by odd position, rows sum to 1; or (t, 2) by option.
        similarities: (t, 3) of the pairs 01, 02, 12; or (t, 2) of the first two.

    Example:
        >>> share_of_choice(np.array([[0, 0.25, 0.75]]), np.array([[0.4, 0.4, 0.1]]), "fractional")
        array([0.5])
    """
    p = by_pair(shares)
    best = similarities == similarities.max(axis=1, keepdims=True)
    pairs = best.sum(axis=1)
    if ties == "fractional":
        return (p * best).sum(axis=1) / pairs
    first = np.take_along_axis(p, best.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(pairs <= (2 if ties == "human_alignment" else 1), first, 0.0)
