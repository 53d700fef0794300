"""Similarities of triplets beside what people answered: the pair 01, or soft targets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pyalign.analysis.outcomes import CREDIT_UNIT, credits_of
from pyalign.analysis.targets import SoftTargets, agreement, target_similarity
from pyalign.backends import HostBackend, LossSums
from pyalign.errors import InputError


@dataclass(frozen=True)
class Answers:
    """Some triplets.

    Attributes:
        host: computes.
        similarities: (t, 3) contiguous, of the pairs of positions 01, 02, 12.
        soft: targets of the t triplets; None where people chose the pair 01.
        ties: what a tie for the best pair counts.
    """

    host: HostBackend
    similarities: np.ndarray
    soft: SoftTargets | None
    ties: str

    def halves(self, first: int) -> tuple[Answers, Answers]:
        """The first triplets and the others."""
        return self._take(slice(None, first)), self._take(slice(first, None))

    def present(self) -> Answers:
        """Those that nan="omit" did not leave out."""
        there = ~np.isnan(self.similarities[:, 0])
        if not there.any():
            raise InputError(
                "x must be finite in the rows of at least one triplet of each part; in one of them all "
                f"{len(there):,} touch NaN or infinity"
            )
        return self._take(there)

    def _take(self, rows: Any) -> Answers:
        soft = None if self.soft is None else self.soft.take(rows)
        return Answers(self.host, self.similarities[rows], soft, self.ties)

    @property
    def weights(self) -> np.ndarray | None:
        """float64 (t,): answers to each triplet, None for one."""
        return None if self.soft is None else self.soft.weights

    @cached_property
    def target(self) -> np.ndarray | None:
        """float64 (t,): the mean similarity of the chosen pair, None for the pair 01."""
        return None if self.soft is None else target_similarity(self.soft, self.similarities)

    def sums(self, beta: float, confidences: np.ndarray | None = None) -> LossSums:
        """The loss at an inverse temperature."""
        return self.host.temperature_sums(self.similarities, self.target, self.weights, beta, confidences)

    def with_confidences(self, beta: float) -> tuple[LossSums, np.ndarray]:
        """The loss, and the probability of the model's own choice in each triplet: float64 (t,)."""
        confidences = np.empty(len(self.similarities))
        return self.sums(beta, confidences), confidences

    def accuracy(self) -> np.ndarray:
        """float64 (t,): the fraction of a triplet's answers that are the model's choice."""
        if self.soft is not None:
            return agreement(self.soft, self.similarities, self.ties)
        verdicts = np.empty(len(self.similarities), np.int8)
        self.host.outcomes(self.similarities, 1.0, verdicts, None, None)
        credits: np.ndarray = credits_of(verdicts, self.ties) / CREDIT_UNIT
        return credits
