"""What a gLocal fit is given: its options, and its objective as a function of a map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyalign import _checks
from pyalign.errors import InputError
from pyalign.probing.algebra import Algebra
from pyalign.probing.basis import Basis, own_basis, principal_basis
from pyalign.probing.local import LocalTerm, image_batches
from pyalign.probing.objective import Slope
from pyalign.probing.options import ProbeOptions, as_strength
from pyalign.probing.problem import Map, Problem, finite_rows

PENALTIES = ("identity", "frobenius", "squared")
FEWEST_IMAGES = 3  # two neighbours each, so that there is something to keep


@dataclass(frozen=True)
class GlocalOptions:
    """The options of `fit_glocal`; see there."""

    alpha: float = 0.25
    tau: float = 0.1
    l2: float = 0.1
    penalty: str = "identity"
    bias: bool = False
    batch_size: int = 1024
    batches: int | None = None
    tolerance: float = 1e-7
    max_iterations: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        alpha, tolerance = _checks.plain_number(self.alpha), _checks.plain_number(self.tolerance)
        if not 0 <= alpha < 1:
            raise InputError(
                f"alpha must be a number from 0 to below 1, where triplets count nothing; got {self.alpha!r}"
            )
        try:
            tau = _checks.as_temperature(self.tau)
        except InputError as error:
            raise InputError(str(error).replace("temperature", "tau", 1)) from error
        l2 = as_strength(self.l2)
        _checks.one_of(self.penalty, PENALTIES, "penalty")
        if not tolerance > 0:
            raise InputError(f"tolerance must be a positive number; got {self.tolerance!r}")
        settled: dict[str, float] = {"alpha": alpha, "tau": tau, "l2": l2, "tolerance": tolerance}
        least = {"batch_size": FEWEST_IMAGES, "max_iterations": 1, "seed": 0}
        if self.batches is not None:
            least["batches"] = 1
        for name, smallest in least.items():
            number = _checks.index_number(getattr(self, name), smallest)
            if number is None:
                raise InputError(f"{name} must be a whole number of at least {smallest}; got {getattr(self, name)!r}")
            settled[name] = number
        for name, value in settled.items():
            object.__setattr__(self, name, value)


class GlocalProblem(Problem):
    """Triplets and who is near whom among other images, as a function of a map: what a `Problem` is to the probe.

    Args:
        x, triplets, options, answers, on: see `Problem`.
        images, alpha, tau, batch_size, batches: see `fit_glocal`.
    """

    def __init__(
        self, x: object, triplets: object, options: ProbeOptions, answers: np.ndarray | None = None,
        on: Algebra | None = None, *, images: object, alpha: float = 0.25, tau: float = 0.1, batch_size: int = 1024,
        batches: int | None = None,
    ) -> None:  # fmt: skip
        GlocalOptions(alpha=alpha, tau=tau, batch_size=batch_size, batches=batches)  # checks them
        self.alpha, self.images = float(alpha), _other_images(images, finite_rows(x).shape[1])
        super().__init__(x, triplets, options, answers, on)
        chosen = image_batches(len(self.images), batch_size, batches, options.seed)
        self.local_term = LocalTerm(self.image_rows, self.images, chosen, tau=float(tau), on=self.on)

    def _basis(self, rows: np.ndarray) -> Basis:
        """A basis of all features, conditioned for items and images alike; the images' rows go to `image_rows`."""
        both = np.concatenate([rows, self.standardization.apply(self.images)])
        if self.options.rank == "diagonal":
            basis = own_basis(both, self.dtype)
        else:
            basis = principal_basis(both, self.dtype, complete=True)
        self.image_rows = basis.rows[len(rows) :]
        return Basis(basis.axes, basis.stretch, basis.rows[: len(rows)])

    def slope(self, at: Map, wide: bool = False) -> Slope:
        """(1 - alpha) of one loss and alpha of the other, which is not computed where it counts nothing."""
        slope = super().slope(at, wide).scaled(1.0 - self.alpha)
        if self.alpha == 0:
            return slope
        return slope + (self.wide_local_term if wide else self.local_term)(at.weights, at.bias).scaled(self.alpha)

    def total(self, loss: float, at: Map) -> float:
        """Both losses in float64, from that of the triplets."""
        if self.alpha == 0:
            return loss
        return (1.0 - self.alpha) * loss + self.alpha * self.wide_local_term(at.weights, at.bias).value

    @cached_property
    def wide_local_term(self) -> LocalTerm:
        """The local loss in float64."""
        return self.local_term.widened()


def _other_images(images: object, d: int) -> np.ndarray:
    rows = _checks.as_rows(images, "images")
    _checks.require_finite(~np.isfinite(rows).all(axis=1), "images")
    if rows.shape[1] != d:
        raise InputError(f"images must have the {d} features of x; got shape {rows.shape}")
    if len(rows) < FEWEST_IMAGES:
        raise InputError(f"images must be at least {FEWEST_IMAGES}; got {len(rows)}")
    return rows
