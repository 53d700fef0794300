"""The options of a fit of rows: its penalties, its form and where it starts. They are checked once, here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.errors import InputError

RATIO = 0.5  # sparsity / (n * shrinkage) where only one of them is stated; see docs/embedding.md


@dataclass(frozen=True)
class EmbeddingOptions:
    """The options of an embedding, except for its penalties."""

    # the largest number of dimensions; ``"auto"``: so many that penalties leave fewer of them, at most the number of
    # objects.
    n_dimensions: int | Literal["auto"] = "auto"
    # whether entries may be negative. The problem is then convex in S = X X^T, has no penalty of sparsity, and the fit
    # has a duality gap.
    signed: bool = False
    # the KKT residual at which a fit stops, see `pyalign.embedding.solve.kkt_residual`. At the default a finer one
    # changes no printed figure.
    tolerance: float = 1e-5
    max_iterations: int = 2000  # the most iterations of a fit.
    # None: the start is the signed optimum, without randomness. A number: its axes are turned at random first.
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.n_dimensions != "auto":
            number = _checks.index_number(self.n_dimensions, 1)
            if number is None:
                raise InputError(f"n_dimensions must be 'auto' or a positive whole number; got {self.n_dimensions!r}")
            object.__setattr__(self, "n_dimensions", number)
        _checks.flags(signed=self.signed)
        tolerance = _checks.plain_number(self.tolerance)
        if not tolerance > 0:
            raise InputError(f"tolerance must be a positive number; got {self.tolerance!r}")
        object.__setattr__(self, "tolerance", tolerance)
        object.__setattr__(self, "max_iterations", _checks.whole_number(self.max_iterations, "max_iterations", 1))
        if self.seed is not None:
            object.__setattr__(self, "seed", _checks.whole_number(self.seed, "seed", 0))


@dataclass(frozen=True, order=True)
class EmbeddingPenalty:
    """The penalties of a fit to n objects: shrinkage * |X|_F^2 + sparsity / n * (the sum of all |x|).

    Example:
        >>> EmbeddingPenalty(2e-5, 0.01).scaled(0.5)
        EmbeddingPenalty(shrinkage=1e-05, sparsity=0.005)
    """

    shrinkage: float = 0.0  # at least 0. The penalty of SPoSE has none.
    sparsity: float = 0.0  # at least 0; the lambda of SPoSE.

    def __post_init__(self) -> None:
        for name in ("shrinkage", "sparsity"):
            value = _checks.plain_number(getattr(self, name))
            if not 0 <= value < float("inf"):
                raise InputError(f"{name} must be a number of at least 0; got {getattr(self, name)!r}")
            object.__setattr__(self, name, value)

    def scaled(self, factor: float) -> EmbeddingPenalty:
        """Both penalties times a factor."""
        return EmbeddingPenalty(factor * self.shrinkage, factor * self.sparsity)


def penalty_of(shrinkage: float | None, sparsity: float | None, n: int, signed: bool) -> EmbeddingPenalty:
    """The penalties of n objects where one of them may be left out: `RATIO` then says the other.

    Raises:
        InputError: no penalty at all, or sparsity of a signed embedding.

    Example:
        >>> penalty_of(2e-5, None, 1000, signed=False)
        EmbeddingPenalty(shrinkage=2e-05, sparsity=0.01)
    """
    if signed:
        if sparsity:
            raise InputError(f"sparsity must be left out of a signed embedding, whose axes may turn; got {sparsity!r}")
        sparsity = 0.0
    if shrinkage is None and not sparsity:
        raise InputError("shrinkage or sparsity must be a positive number; got neither")
    if shrinkage is None:
        return EmbeddingPenalty(EmbeddingPenalty(sparsity=sparsity or 0.0).sparsity / (RATIO * n), sparsity or 0.0)
    penalty = EmbeddingPenalty(shrinkage, 0.0 if sparsity is None else sparsity)
    if sparsity is None:
        penalty = EmbeddingPenalty(penalty.shrinkage, RATIO * n * penalty.shrinkage)
    if not penalty.shrinkage and (signed or not penalty.sparsity):
        raise InputError("shrinkage or sparsity must be a positive number; both are 0")
    return penalty


def as_embedding_penalties(penalties: Any, n: int, signed: bool) -> tuple[EmbeddingPenalty, ...] | None:
    """Penalties, weakest first, as a path goes; None for ``"auto"``.

    penalties: ``"auto"``, or pairs (shrinkage, sparsity) of which one may be None.
    """
    if isinstance(penalties, str):
        if penalties != "auto":
            raise InputError(f"penalties must be 'auto' or pairs (shrinkage, sparsity); got {penalties!r}")
        return None
    several = [penalties] if isinstance(penalties, EmbeddingPenalty) else penalties
    if not isinstance(several, Sequence) or not several:
        raise InputError(f"penalties must be 'auto' or pairs (shrinkage, sparsity); got {penalties!r}")
    pairs = []
    for one in several:
        pair = (one.shrinkage, one.sparsity) if isinstance(one, EmbeddingPenalty) else one
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise InputError(f"penalties must be pairs (shrinkage, sparsity); got {one!r}")
        pairs.append(penalty_of(pair[0], pair[1], n, signed))
    return tuple(sorted(set(pairs)))
