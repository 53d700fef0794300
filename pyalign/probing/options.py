"""The options of a probe: the form of the map, its penalty and the choice model. They are checked once, here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field, fields
from pyalign.documents import by_key
from pyalign.errors import InputError
from pyalign.probing.parameters import NORMS, STANDARDIZE

MEASURES = ("dot", "cosine")
# Shares of the strength from which on the best map is zero. On THINGS the best is near the sixth (docs/probing.md).
SHARES = tuple(float(share) for share in np.geomspace(0.1, 0.001, 8))


@dataclass(frozen=True)
class ProbeOptions:
    """The options of a probe, except for the penalty."""

    # the norm that is penalized. ``"squared"``: ``|W|_F^2``, which is the trace of M = W W^T. ``"frobenius"``:
    # ``|W|_F``, as published. ``"identity"``: ``|W - m I|_F^2`` with m = mean(diag W), as in gLocal, with cosines
    # divided by m^2. ``"nuclear"``: the sum of the singular values of W.
    norm: Literal["squared", "frobenius", "identity", "nuclear"] = field(default="squared", metadata={"key": "penalty"})
    # ``"full"``, the largest number of columns of W, or ``"diagonal"``, one scale per feature.
    rank: int | str = "full"
    bias: bool = False  # whether Z = X W + b has a bias b, which is not penalized.
    # the similarity of rows of Z, ``"dot"`` or ``"cosine"``. The cosine requires norm ``"identity"``: it does not
    # depend on the scale of W, which the other norms would shrink to zero.
    measure: Literal["dot", "cosine"] = "dot"
    temperature: float = 1.0  # the temperature of the choice probabilities, softmax(s / temperature).
    # ``"global"``: with the mean and standard deviation of all numbers. ``"features"``: with those of each feature.
    # ``"none"``: not at all.
    standardize: Literal["global", "features", "none"] = "global"
    # in nats. A fit stops if the duality gap is at most this or, for problems without a gap, if an iteration lowers the
    # objective by less than 1e-5 of this.
    tolerance: float = 1e-4
    max_iterations: int = 1000  # the most iterations of L-BFGS.
    # the pseudo-count that a fit adds to the answers for each position. Held-out answers are never smoothed.
    smoothing: float = 0.0
    seed: int = 0  # the seed of the start.

    def __post_init__(self) -> None:
        _checks.one_of(self.norm, NORMS, "norm")
        _checks.one_of(self.measure, MEASURES, "measure")
        _checks.one_of(self.standardize, STANDARDIZE, "standardize")
        self._settle("temperature", _checks.as_temperature(self.temperature))
        self._check_rank()
        if self.measure == "cosine" and self.norm != "identity":
            raise InputError(
                f"norm must be 'identity' with measure 'cosine', which does not see the length of W that the others "
                f"would shrink; got {self.norm!r}"
            )
        tolerance, smoothing = _checks.plain_number(self.tolerance), _checks.plain_number(self.smoothing)
        if not tolerance > 0:
            raise InputError(f"tolerance must be a positive number; got {self.tolerance!r}")
        if not 0 <= smoothing < float("inf"):
            raise InputError(f"smoothing must be a number of at least 0; got {self.smoothing!r}")
        self._settle("tolerance", tolerance)
        self._settle("smoothing", smoothing)
        self._settle_whole("max_iterations", 1, "a positive whole number")
        self._settle_whole("seed", 0, "a whole number of at least 0")

    def _settle(self, name: str, value: object) -> None:
        """Puts a plain number in the place of one of another type, for what json can write."""
        object.__setattr__(self, name, value)

    def _settle_whole(self, name: str, least: int, rule: str) -> None:
        number = _checks.index_number(getattr(self, name), least)
        if number is None:
            raise InputError(f"{name} must be {rule}; got {getattr(self, name)!r}")
        self._settle(name, number)

    def _check_rank(self) -> None:
        if not (isinstance(self.rank, str) and self.rank in ("full", "diagonal")):
            self._settle_whole("rank", 1, "'full', 'diagonal' or a positive whole number")
        if self.norm == "identity" and self.rank != "full" and self.rank != "diagonal":
            raise InputError(f"rank must be 'full' or 'diagonal' with norm 'identity'; got {self.rank!r}")

    @property
    def convex(self) -> bool:
        """Whether the problem is convex in M = W W^T, so that a duality gap bounds the distance to the optimum."""
        return self.norm == "squared" and self.measure == "dot" and not self.bias

    def to_dict(self) -> dict[str, Any]:
        """The options by the keys that documents have for them."""
        return by_key(self)


Options = TypeVar("Options")


def options_of(kind: type[Options], options: Mapping[str, Any], also: Sequence[str] = ()) -> Options:
    """The options as a `kind`, a dataclass; raises for one that it lacks. also: what its caller takes in addition."""
    names = [*(entry.name for entry in fields(kind)), *also]  # type: ignore[arg-type]
    for name in options:
        _checks.one_of(name, names, "an option")
    return kind(**options)


def as_penalty(value: object, name: str = "penalty", *, auto: bool = False) -> float:
    """A penalty: a number of at least 0. auto: whether the caller takes ``"auto"`` too."""
    penalty = _checks.plain_number(value)
    if not 0 <= penalty < float("inf"):
        rule = "'auto' or a number of at least 0" if auto else "a number of at least 0"
        raise InputError(f"{name} must be {rule}; got {value!r}")
    return penalty


def as_penalties(penalties: object) -> tuple[float, ...] | None:
    """Penalties, strongest first; None for ``"auto"``."""
    if isinstance(penalties, str):
        if penalties == "auto":
            return None
        raise InputError(f"penalties must be 'auto' or numbers; got {penalties!r}")
    single = isinstance(penalties, np.ndarray) and penalties.ndim == 0
    values: Any = penalties if isinstance(penalties, Sequence | np.ndarray) and not single else (penalties,)
    ordered = tuple(sorted({as_penalty(value, "penalties", auto=True) for value in values}, reverse=True))
    if not ordered or ordered[-1] <= 0:
        raise InputError(f"penalties must be positive numbers; got {penalties!r}")
    return ordered


@dataclass(frozen=True)
class LocalOptions:
    """How other embeddings enter a fit."""

    # the weight of their loss, at least 0 and below 1; that of the triplets is 1 minus this.
    local_weight: float = field(default=0.25, metadata={"key": "alpha"})
    tau: float = 0.1  # the temperature of their cosines.
    batch_size: int = 1024  # the number of embeddings in a batch, among which neighbors are compared.
    batches: int | None = None  # the number of batches that are used; None: all.

    def to_dict(self) -> dict[str, Any]:
        """The options by the keys that documents have for them."""
        return by_key(self)

    def __post_init__(self) -> None:
        local_weight = _checks.plain_number(self.local_weight)
        if not 0 <= local_weight < 1:
            rule = "a number from 0 to below 1, where triplets count nothing"
            raise InputError(f"local_weight must be {rule}; got {self.local_weight!r}")
        try:
            tau = _checks.as_temperature(self.tau)
        except InputError as error:
            raise InputError(str(error).replace("temperature", "tau", 1)) from error
        object.__setattr__(self, "local_weight", local_weight)
        object.__setattr__(self, "tau", tau)
        for name, least in (("batch_size", FEWEST_OTHERS), ("batches", 1)):
            number = getattr(self, name)
            if number is not None or name == "batch_size":
                object.__setattr__(self, name, _checks.whole_number(number, name, least))


FEWEST_OTHERS = 3  # two neighbors each, so that there is something to keep
