"""The coordinates in which a probe is optimized: principal axes of the rows, stretched so that L-BFGS needs few steps.

Features of networks share a direction that carries half of the variance, and have hundreds that carry next to none. In
the features' own coordinates L-BFGS takes 5 times as many passes on CLIP as in these. The optimum is the same.

From the flat vector that a solver moves to weights and bias, and the penalty on them.

The options of a probe: the form of the map, its penalty and the choice model. They are checked once, here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field, fields
from pyalign.documents import by_key
from pyalign.errors import InputError

# A direction of variance v (relative to the mean over directions) is stretched by 1 / sqrt(v + FLOOR): without a floor
# the penalty on directions without variance would be as badly conditioned as the loss was.
FLOOR = 0.1
STANDARDIZE = ("global", "features", "none")


@dataclass(frozen=True)
class Standardization:
    """(x - mean) / std: two scalars, or two (d,) vectors."""

    mean: np.ndarray
    std: np.ndarray

    def apply(self, x: np.ndarray) -> np.ndarray:
        """x (n, d) standardized, in float64."""
        scaled: np.ndarray = (x.astype(np.float64) - self.mean) / self.std
        return scaled


def standardization(x: np.ndarray, kind: str) -> Standardization:
    """Mean and standard deviation of x (n, d).

    kind: ``"global"``, one mean and one deviation of all numbers, as published; ``"features"``, one of each column (1
    for a constant one); ``"none"``, 0 and 1.
    """
    wide = x.astype(np.float64)
    if kind == "none":
        return Standardization(np.array(0.0), np.array(1.0))
    if kind == "features":
        spread = wide.std(axis=0)
        return Standardization(wide.mean(axis=0), np.where(spread > 0, spread, 1.0))
    if not wide.std() > 0:
        raise InputError(f"embeddings must hold different numbers to be standardized; all are {wide.flat[0]:g}")
    return Standardization(np.array(wide.mean()), np.array(wide.std()))


@dataclass(frozen=True)
class Basis:
    """Coordinates of weights: W (d, r) = axes @ (stretch * V), with V (k, r) what is optimized."""

    axes: np.ndarray | None  # (d, k) orthonormal columns, or None for the features' own axes (k = d).
    stretch: np.ndarray  # (k,) positive.
    rows: np.ndarray  # (n, k) the standardized rows times axes times stretch, so that x @ W = rows @ V.

    def weights(self, v: np.ndarray) -> np.ndarray:
        """W (d, r) of V (k, r)."""
        stretched = self.stretch[:, None] * v
        return stretched if self.axes is None else self.axes @ stretched

    def coordinates(self, weights: np.ndarray) -> np.ndarray:
        """V (k, r) of W (d, r); what of W is orthogonal to all rows is lost where k < d."""
        along = weights if self.axes is None else self.axes.T @ weights
        v: np.ndarray = along / self.stretch[:, None]
        return v


def principal_basis(x: np.ndarray, dtype: np.dtype, *, complete: bool = False) -> Basis:
    """The principal axes of standardized rows x (n, d) float64: at most n of them, unless the basis is to be complete.

    Directions orthogonal to all rows are left out: no loss depends on them, and a norm of W only grows with them.
    """
    n, d = x.shape
    inside = None if n >= d or complete else np.linalg.qr(x.T)[0]
    narrow = x if inside is None else x @ inside
    _, axes = np.linalg.eigh(narrow.T @ narrow)
    axes = axes[:, ::-1]
    return _stretched(axes if inside is None else inside @ axes, narrow @ axes, dtype)


def own_basis(x: np.ndarray, dtype: np.dtype) -> Basis:
    """The features' own axes, stretched."""
    return _stretched(None, x, dtype)


def _stretched(axes: np.ndarray | None, along: np.ndarray, dtype: np.dtype) -> Basis:
    variance = np.einsum("ij,ij->j", along, along)
    stretch = 1.0 / np.sqrt(variance / max(variance.mean(), np.finfo(float).tiny) + FLOOR)
    return Basis(axes, stretch, np.ascontiguousarray((along * stretch).astype(dtype)))


NORMS = ("squared", "frobenius", "identity", "nuclear")
ROUNDING = 1e-12  # added under the root of a norm, whose derivative at zero would be undefined


class Form(Protocol):
    """A parametrization of weights V (k, r), and its norm."""

    size: int

    def weights(self, theta: np.ndarray) -> np.ndarray:
        """V (k, r) of the parameters (size,)."""

    def pull_back(self, theta: np.ndarray, by_weights: np.ndarray) -> np.ndarray:
        """The derivative by the parameters from that by V."""

    def norm(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """The norm that the penalty multiplies, and its derivative by the parameters."""

    def start(self, v: np.ndarray) -> np.ndarray:
        """Parameters whose weights are V (k, r)."""


class Full:
    """V itself, under ``squared`` |W|_F^2, ``frobenius`` |W|_F or ``identity`` |W - m I|_F^2 with m = mean(diag W).

    relative: ``identity`` divided by m^2, for losses that do not see the length of W.
    """

    def __init__(self, basis: Basis, rank: int, norm: str, relative: bool = False) -> None:
        self.shape = (len(basis.stretch), rank)
        self.size = self.shape[0] * rank
        self.squares = (basis.stretch**2)[:, None]
        self.kind, self.relative = norm, relative
        if norm == "identity":
            axes = np.eye(rank) if basis.axes is None else basis.axes
            self.diagonal = np.ascontiguousarray(basis.stretch[:, None] * axes.T)  # trace(W) = sum(diagonal * V)

    def weights(self, theta: np.ndarray) -> np.ndarray:
        return theta.reshape(self.shape)

    def start(self, v: np.ndarray) -> np.ndarray:
        return v.ravel()

    def pull_back(self, theta: np.ndarray, by_weights: np.ndarray) -> np.ndarray:
        return by_weights.ravel()

    def norm(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        v = self.weights(theta)
        slope = self.squares * v
        square = float(np.vdot(slope, v))
        if self.kind == "squared":
            return square, 2.0 * slope.ravel()
        if self.kind == "frobenius":
            norm = float(np.sqrt(square + ROUNDING))
            return norm, slope.ravel() / norm
        mean, d = float(np.vdot(self.diagonal, v)) / self.shape[1], self.shape[1]
        if self.relative:
            scale = 2.0 / (mean * mean)
            return square / mean**2 - d, scale * (slope - square / (mean * d) * self.diagonal).ravel()
        return square - d * mean * mean, 2.0 * (slope - mean * self.diagonal).ravel()


class Factored:
    """V = A B with |A|^2 / 2 + |B|^2 / 2, whose least value over all such A and B is the nuclear norm of W.

    Source: Srebro, Rennie and Jaakkola, "Maximum-margin matrix factorization", NeurIPS 2004, lemma 1.
    """

    def __init__(self, basis: Basis, rank: int) -> None:
        self.rank, self.stretch = rank, basis.stretch[:, None]
        self.split = len(basis.stretch) * rank
        self.size = self.split + rank * rank

    def factors(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A (k, r) and B (r, r)."""
        return theta[: self.split].reshape(-1, self.rank), theta[self.split :].reshape(self.rank, self.rank)

    def weights(self, theta: np.ndarray) -> np.ndarray:
        a, b = self.factors(theta)
        return a @ b

    def start(self, v: np.ndarray) -> np.ndarray:
        left, values, right = np.linalg.svd(self.stretch * v, full_matrices=False)
        root = np.sqrt(values)
        return np.concatenate([(left * root / self.stretch).ravel(), (root[:, None] * right).ravel()])

    def pull_back(self, theta: np.ndarray, by_weights: np.ndarray) -> np.ndarray:
        a, b = self.factors(theta)
        return np.concatenate([(by_weights @ b.T).ravel(), (a.T @ by_weights).ravel()])

    def norm(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = self.factors(theta)
        slope = self.stretch**2 * a
        value = 0.5 * float(np.vdot(slope, a) + np.vdot(b, b))
        return value, np.concatenate([slope.ravel(), b.ravel()])


class Diagonal:
    """W = diag(w): one scale per feature, in the features' own axes; norms as those of `Full`."""

    def __init__(self, basis: Basis, norm: str, relative: bool = False) -> None:
        self.size = len(basis.stretch)
        self.stretch, self.kind, self.relative = basis.stretch, norm, relative

    def weights(self, theta: np.ndarray) -> np.ndarray:
        return np.diag(theta)

    def start(self, v: np.ndarray) -> np.ndarray:
        return v.diagonal().copy()

    def pull_back(self, theta: np.ndarray, by_weights: np.ndarray) -> np.ndarray:
        return by_weights.diagonal().copy()

    def norm(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        w = self.stretch * theta
        square = float(w @ w)
        if self.kind == "squared":
            return square, 2.0 * self.stretch * w
        if self.kind == "frobenius":
            norm = float(np.sqrt(square + ROUNDING))
            return norm, self.stretch * w / norm
        if self.kind == "nuclear":
            size = np.sqrt(w * w + ROUNDING)
            return float(size.sum()), self.stretch * w / size
        mean = float(w.mean())
        if self.relative:
            scale = 2.0 / (mean * mean)
            return square / mean**2 - self.size, scale * self.stretch * (w - square / (mean * self.size))
        return square - self.size * mean * mean, 2.0 * self.stretch * (w - mean)


MEASURES = ("dot", "cosine")
# Shares of the penalty from which on the best map is zero. On THINGS the best is near the sixth (docs/probing.md).
SHARES = tuple(float(share) for share in np.geomspace(0.1, 0.001, 8))


@dataclass(frozen=True)
class ProbeOptions:
    """The options of a probe, except for the penalty."""

    # the norm that is penalized. ``"squared"``: ``|W|_F^2``, which is the trace of M = W W^T. ``"frobenius"``:
    # ``|W|_F``, as published. ``"identity"``: ``|W - m I|_F^2`` with m = mean(diag W), as in gLocal, with cosines
    # divided by m^2. ``"nuclear"``: the sum of the singular values of W.
    norm: Literal["squared", "frobenius", "identity", "nuclear"] = "squared"
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
    n_batches: int | None = None  # the number of batches that are used; None: all.

    @classmethod
    def of_half(cls, n: int) -> dict[str, int]:
        """The options by which a fit keeps the neighbors of half of n images, so that the others show what it keeps."""
        batches = -(-n // (2 * cls.batch_size))
        size = -(-n // (2 * batches))
        return {"batch_size": size, "n_batches": batches} if size >= FEWEST_OTHERS else {}

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
        for name, least in (("batch_size", FEWEST_OTHERS), ("n_batches", 1)):
            number = getattr(self, name)
            if number is not None or name == "batch_size":
                object.__setattr__(self, name, _checks.whole_number(number, name, least))


FEWEST_OTHERS = 3  # two neighbors each, so that there is something to keep
