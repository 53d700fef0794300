"""Linear maps of representations as gLocal publishes them, with a record of what they were fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.backends import Array, Place, get_backend
from pyalign.data.embeddings import Embeddings, as_embeddings, plain
from pyalign.data.names import RULES, rule_of
from pyalign.data.provenance import Provenance, fingerprint
from pyalign.data.trials import ANCHORED, ODD_ONE_OUT
from pyalign.errors import InputError

CHUNK_ELEMENTS = 1 << 22
ANCHORED_START = 1 << 63  # of hashes of anchored triplets, which no item of others comes to
SKETCH = 4096  # triplets that are remembered: those with the smallest hashes, a random sample of the distinct ones


@dataclass(frozen=True, eq=False)
class Transform:
    """``((x - mean) / std) @ weights + bias``, a learned map of a representation.

    Raises:
        InputError: weights, bias, mean or std of another shape or type.

    Example:
        >>> doubled = Transform(2 * np.eye(2, dtype=np.float32), None, 0.0, 1.0)
        >>> doubled.apply(np.ones((1, 2), np.float32))
        array([[2., 2.]], dtype=float32)
    """

    weights: Array  # (d, r).
    bias: Array | None  # (r,), or None for no bias.
    # mean, std: scalars that standardize x; std is positive. None of both: those of all numbers in x.
    mean: float | None
    std: float | None
    # what it was fitted to, and how; None where nobody has recorded it, as in files of gLocal.
    trained: TrainedOn | None = None
    source: str | None = None  # the file it came from, or None.
    notes: tuple[str, ...] = ()  # what users of the map should know, a sentence each.

    def __post_init__(self) -> None:
        if not hasattr(self.weights, "shape"):
            object.__setattr__(self, "weights", _checks.as_array(self.weights, "weights", "(d, r)"))
        shape = tuple(np.shape(self.weights))
        if len(shape) != 2:
            raise InputError(f"weights must have shape (d, r); got {shape}")
        if self.bias is not None:
            if not hasattr(self.bias, "shape"):
                object.__setattr__(self, "bias", _checks.as_array(self.bias, "bias", "(r,)"))
            if tuple(np.shape(self.bias)) != shape[1:]:
                raise InputError(f"bias must have shape ({shape[1]},); got {tuple(np.shape(self.bias))}")
        for name in () if self.mean is None and self.std is None else ("mean", "std"):
            _checks.real_number(getattr(self, name), name)
        if self.trained is not None and not isinstance(self.trained, TrainedOn):
            raise InputError(f"trained must be a record of a fit; got {type(self.trained).__name__}")
        object.__setattr__(self, "notes", _checks.checked_notes(self.source, self.notes))

    def apply(self, x: ArrayLike | Embeddings) -> Any:
        """x (n, d) transformed: (n, r) float64 where x is, else float32; computed in float64, in blocks of rows.

        A tensor of torch on a device is transformed there, and the result is one; `Embeddings` keep their names, and
        are `fitted` by a map of a fit or of a file; all else gives a numpy array.

        Raises:
            InputError: x has other features than the weights, or is on a device but no tensor.
        """
        if isinstance(x, Embeddings):
            fitted = x.fitted or self.trained is not None or self.source is not None
            notes = (*x.notes, *self.notes)
            return replace(x, values=self.apply(x.values), notes=notes, fitted=fitted, dimension_labels=None)
        rows = _where_it_lies(plain(as_embeddings(x)))
        if len(rows.shape) != 2 or rows.shape[1] != len(self.weights):
            raise InputError(
                f"embeddings must have the {len(self.weights)} features of the transform; got shape {rows.shape}"
            )
        return self.standardizing(rows)._applied(rows)

    def standardizing(self, x: ArrayLike | Embeddings) -> Transform:
        """The map with the mean and std of x (n, d) where it has none, for other rows too.

        Raises:
            InputError: x holds NaN or infinity, or one number only.

        Example:
            >>> Transform(np.eye(2), None, None, None).standardizing([[1.0, 3.0]]).mean
            2.0
        """
        if self.mean is not None:
            return self
        from array_api_compat import array_namespace

        rows = _where_it_lies(plain(as_embeddings(x)))
        xp = array_namespace(rows)
        exact = xp.astype(rows, xp.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            mean, std = float(xp.mean(exact)), float(xp.std(exact))
        if not 0 < std < np.inf:
            rule = "embeddings must be finite and must differ, since the map has no mean and std but theirs"
            raise InputError(f"{rule}; got mean {mean:g} and std {std:g}")
        return replace(self, mean=mean, std=std)

    def _applied(self, rows: Any) -> Any:
        from array_api_compat import array_namespace, device  # slow to import

        xp, where = array_namespace(rows), device(rows)
        weights = xp.asarray(self.weights, dtype=xp.float64, device=where)
        bias = 0.0 if self.bias is None else xp.asarray(self.bias, dtype=xp.float64, device=where)
        dtype = xp.float64 if rows.dtype == xp.float64 else xp.float32
        out = xp.empty((rows.shape[0], weights.shape[1]), dtype=dtype, device=where)
        step = max(1, CHUNK_ELEMENTS // max(1, len(self.weights)))
        for start in range(0, rows.shape[0], step):
            part = (xp.astype(rows[start : start + step], xp.float64) - self.mean) / self.std
            out[start : start + step] = xp.astype(part @ weights + bias, dtype)
        return out


def _where_it_lies(x: Any) -> Any:
    """A numpy array, or a tensor on a device, without its graph: the map is no layer of a network."""
    if type(x).__module__.partition(".")[0] == "torch":
        x = x.detach()
        if x.device.type != "cpu":
            get_backend("torch", Place(str(x.device)))  # refuses devices without float64
            return x
        return _checks.as_array(x, "embeddings", "(n, d)")
    try:
        return np.asarray(x)
    except TypeError as error:  # an array of a device that does not copy itself
        raise InputError(f"embeddings must be on the host or be a torch tensor; got {type(x).__name__}") from error


@dataclass(frozen=True, eq=False)
class TrainedOn:
    """The record of a fit."""

    measure: str  # the similarity that the map was fitted for; scores use it.
    temperature: float  # that it was fitted with.
    n_triplets: int  # how many triplets.
    items: np.ndarray  # int32 (m,), ascending, the rows that they name.
    names: tuple[str, ...] | None  # of those items, or None.
    sketch: np.ndarray  # uint64, ascending, the smallest hashes of the triplets; see `triplet_hashes`.
    triplets_sha256: str  # of the triplets, see `pyalign.data.fingerprint`.
    x_sha256: str  # of the embeddings.
    # figures of triplets that the fit has not seen, such as {"accuracy": 0.59, "over": "objects"}; None where nobody
    # has looked.
    held_out: Mapping[str, Any] | None
    provenance: Provenance | None  # version, options, inputs, time.
    # the other embeddings whose neighbors the fit was to keep, which may be none; None where nobody knows.
    kept: KeptRows | None = None

    @classmethod
    def of(
        cls, x: Any, triplets: Any, *, measure: str, temperature: float, names: Sequence[str] | None = None,
        held_out: Mapping[str, Any] | None = None, task: str = ODD_ONE_OUT,
    ) -> TrainedOn:
        """The record of a fit to rows x (n, d) and triplets (t, 3) of these rows, both on the host.

        Example:
            >>> record = TrainedOn.of(np.eye(4), np.array([[0, 1, 3]]), measure="dot", temperature=1.0)
            >>> record.items, record.n_triplets
            (array([0, 1, 3], dtype=int32), 1)
        """
        index = np.asarray(triplets)
        items = np.unique(index).astype(np.int32)
        hashes = np.unique(triplet_hashes(index, task))[:SKETCH]
        named = None if names is None else tuple(names[item] for item in items)
        same = fingerprint(index), fingerprint(np.asarray(x))
        nobody = KeptRows.of(np.empty((0, 1)))
        return cls(measure, float(temperature), len(index), items, named, hashes, *same, held_out, None, nobody)

    @property
    def held_out_accuracy(self) -> str:
        """What the map reached on triplets that its fit has not seen, to end a sentence; "" where nobody looked."""
        held_out = self.held_out or {}
        if "accuracy" not in held_out:
            return ""
        return f"; on held-out {held_out.get('over')} it had {100 * held_out['accuracy']:.2f}%"

    def overlap(
        self, x: Any, triplets: Any, names: Sequence[str] | None = None, task: str = ODD_ONE_OUT
    ) -> Overlap | None:
        """What of triplets (t, 3) of rows of x (n, d) the fit has seen; None where nobody can tell.

        Rows are the same items where x is the very matrix of the fit, or where both have names.
        """
        index = _checks.as_array(triplets, "triplets", "(t, 3)")
        if names is not None and self.names is not None:
            seen = dict(zip(self.names, self.items.tolist(), strict=True))
            rows = np.array([seen.get(name, -1) for name in names])
        elif fingerprint(x) == self.x_sha256:
            rows = np.full(len(x), -1)
            rows[self.items] = self.items
        else:
            return None
        own = rows[index]
        known = (own >= 0).all(axis=1)
        objects = float((rows[np.unique(index)] >= 0).mean())
        if not known.any():
            return Overlap(0.0, objects)
        hashes = triplet_hashes(own[known], task)
        if len(self.sketch) == SKETCH:  # of others it is not known
            hashes = hashes[hashes <= self.sketch[-1]]
        if not len(hashes):
            return Overlap(None, objects)
        return Overlap(float(np.isin(hashes, self.sketch).mean()) * float(known.mean()), objects)


@dataclass(frozen=True, eq=False)
class KeptRows:
    """Embeddings whose neighbors a map was fitted to keep, known again by their values or by their names."""

    hashes: np.ndarray  # uint64 (m,), ascending, of each row in single precision.
    sha256: str  # of the rows, see `pyalign.data.fingerprint`.
    names: tuple[str, ...] | None = None  # of the rows, or None.

    @classmethod
    def of(cls, rows: np.ndarray, names: Sequence[str] | None = None) -> KeptRows:
        """The record of rows (m, d) of the host.

        Example:
            >>> KeptRows.of(np.eye(3)).shared(2 * np.eye(3)[[2, 0]] / [[1], [2]])
            array([False,  True])
        """
        return cls(np.unique(_row_hashes(rows)), fingerprint(rows), None if names is None else tuple(names))

    def shared(self, x: ArrayLike, names: Sequence[str] | None = None) -> np.ndarray:
        """bool (n,): which rows of x (n, d) are among them.

        By their values, or by the names of both: as they are, or by the rule by which each row has images among them.
        Names that are numbers, such as 01.png, say nothing.
        """
        seen = np.isin(_row_hashes(np.asarray(x)), self.hashes)
        if names is None or self.names is None:
            return seen
        shorten = RULES[rule_of(names, self.names) or "names"]
        own = {shorten(name) for name in self.names if not RULES["file names"](name).isdecimal()}
        return seen | np.array([name in own for name in names], dtype=bool)


def _row_hashes(rows: np.ndarray) -> np.ndarray:
    values = np.ascontiguousarray(rows, np.float32) + np.float32(0.0)  # -0 is 0
    hashes = [int.from_bytes(blake2b(row.tobytes(), digest_size=8).digest(), "little") for row in values]
    return np.array(hashes, dtype=np.uint64)


@dataclass(frozen=True)
class Overlap:
    """What a fit has seen of what is scored."""

    # fraction of the triplets: exact where the fit's are at most `SKETCH`, else estimated from those whose hashes are
    # as small as the sketch's; None where there are too few to have one of these.
    triplets: float | None
    objects: float  # fraction of their objects.


def triplet_hashes(triplets: np.ndarray, task: str = ODD_ONE_OUT) -> np.ndarray:
    """uint64 (t,): a hash of each triplet (i, j, odd), the same for (j, i, odd); of anchored ones each its own.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, for the mixing.
    """
    i, j, odd = (np.asarray(triplets)[:, k].astype(np.uint64) for k in range(3))
    anchored = task == ANCHORED
    hashes = np.full(len(i), ANCHORED_START if anchored else 0, np.uint64)
    columns = (i, j, odd) if anchored else (np.minimum(i, j), np.maximum(i, j), odd)
    for column in columns:
        hashes = _mixed(hashes ^ (column + np.uint64(1)))
    return hashes


def _mixed(z: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        z = z + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed: np.ndarray = z ^ (z >> np.uint64(31))
    return mixed
