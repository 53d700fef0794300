"""Linear maps of representations as gLocal publishes them, with a record of what they were fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.backends import Array, Place, get_backend
from pyalign.data.embeddings import Embeddings, as_embeddings, plain
from pyalign.data.trained import TrainedOn
from pyalign.errors import InputError

CHUNK_ELEMENTS = 1 << 22


@dataclass(frozen=True, eq=False)
class Transform:
    """``((x - mean) / std) @ weights + bias``, a learned map of a representation.

    Attributes:
        weights: (d, r).
        bias: (r,), or None for no bias.
        mean, std: scalars that standardize x; std is positive.
        trained: what it was fitted to, and how; None where nobody has recorded it, as in files of gLocal.
        source: the file it came from, or None.

    Raises:
        InputError: weights, bias, mean or std of another shape or type.

    Example:
        >>> doubled = Transform(2 * np.eye(2, dtype=np.float32), None, 0.0, 1.0)
        >>> doubled.apply(np.ones((1, 2), np.float32))
        array([[2., 2.]], dtype=float32)
    """

    weights: Array
    bias: Array | None
    mean: float
    std: float
    trained: TrainedOn | None = None
    source: str | None = None

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
        for name in ("mean", "std"):
            _checks.real_number(getattr(self, name), name)
        if self.trained is not None and not isinstance(self.trained, TrainedOn):
            raise InputError(f"trained must be a record of a fit; got {type(self.trained).__name__}")
        _checks.text_or_none(self.source, "source")

    def apply(self, x: object) -> Any:
        """x (n, d) transformed: (n, r) float64 where x is, else float32; computed in float64, in blocks of rows.

        A tensor of torch on a device is transformed there, and the result is one; `Embeddings` keep their names; all
        else gives a numpy array.

        Raises:
            InputError: x has other features than the weights, or is on a device but no tensor.
        """
        if isinstance(x, Embeddings):
            return Embeddings(self.apply(x.values), x.names, x.source, x.notes)
        rows = _where_it_lies(plain(as_embeddings(x)))
        if len(rows.shape) != 2 or rows.shape[1] != len(self.weights):
            raise InputError(f"x must have the {len(self.weights)} features of the transform; got shape {rows.shape}")
        return self._applied(rows)

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
        return _checks.as_array(x, "x", "(n, d)")
    try:
        return np.asarray(x)
    except TypeError as error:  # an array of a device that does not copy itself
        raise InputError(f"x must lie on the host or be a tensor of torch; got {type(x).__name__}") from error
