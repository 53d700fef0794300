"""What a permutation test gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.results import OfTask, Result


@dataclass(frozen=True)
class PermutationTest(OfTask, Result):
    """An accuracy against those under random matchings of rows and items.

    Attributes:
        accuracy: of the embeddings as they are, a fraction.
        p_value: share of matchings that reach it, the given one among them: (1 + reached) / (1 + permutations).
        null_mean: mean accuracy under random matchings: the chance level.
        null_ci: the middle share of those accuracies, an interval.
        null_standard_deviation: theirs.
        permutations: how many.
        seed: of the permutations.
        n_triplets: triplets that were scored.
        task: of the triplets; `chance` is that of a model that knows nothing.
    """

    command: ClassVar[str] = "permutation"
    derived: ClassVar[tuple[str, ...]] = ("chance", "confidence")

    accuracy: float
    p_value: float
    null_mean: float
    null_ci: Interval
    null_standard_deviation: float
    permutations: int
    seed: int
    n_triplets: int
    task: str = ODD_ONE_OUT

    @property
    def confidence(self) -> float:
        """Of `null_ci`."""
        return self.null_ci.confidence
