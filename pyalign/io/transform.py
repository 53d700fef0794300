"""Linear transforms as gLocal publishes them: ``weights``, ``bias`` (or none), scalar ``mean`` and ``std``."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from pyalign.backends import Place, get_backend
from pyalign.errors import InputError
from pyalign.io.npy import npz_entries
from pyalign.io.paths import Array, PathLike, bad, check_file
from pyalign.io.write import write_files


@dataclass(frozen=True, eq=False)
class Transform:
    """``((x - mean) / std) @ weights + bias``, a learned map of a representation.

    Attributes:
        weights: (d, r).
        bias: (r,), or None for no bias.
        mean, std: scalars that standardize x; std is positive.

    Example:
        >>> doubled = Transform(2 * np.eye(2, dtype=np.float32), None, 0.0, 1.0)
        >>> doubled.apply(np.ones((1, 2), np.float32))
        array([[2., 2.]], dtype=float32)
    """

    weights: Array
    bias: Array | None
    mean: float
    std: float

    def apply(self, x: object) -> Any:
        """x (n, d) transformed: (n, r) float64 where x is, else float32; computed in float64, in blocks of rows.

        A tensor of torch on a device is transformed there, and the result is one; all else gives a numpy array.

        Raises:
            InputError: x has other features than the weights, or is on a device but no tensor.
        """
        if type(x).__module__.partition(".")[0] == "torch":
            return self._apply_to_tensor(x)
        try:
            rows = np.asarray(x)
        except TypeError as error:  # an array of a device that does not copy itself
            raise InputError(f"x must lie on the host or be a tensor of torch; got {type(x).__name__}") from error
        self._require_features(rows.shape)
        weights = self.weights.astype(np.float64)
        out = np.empty((len(rows), weights.shape[1]), np.float64 if rows.dtype == np.float64 else np.float32)
        step = _block(len(weights))
        for start in range(0, len(rows), step):
            part = (rows[start : start + step].astype(np.float64) - self.mean) / self.std
            out[start : start + step] = part @ weights + (0.0 if self.bias is None else self.bias)
        return out

    def _apply_to_tensor(self, x: Any) -> Any:
        """Without its graph: the map is no layer of a network."""
        import torch

        x = x.detach()
        if _on_host(x):
            return self.apply((x.float() if x.dtype == torch.bfloat16 else x).numpy())
        self._require_features(tuple(x.shape))
        get_backend("torch", Place(str(x.device)))  # refuses devices without float64
        weights = torch.as_tensor(self.weights, dtype=torch.float64, device=x.device)
        bias = 0.0 if self.bias is None else torch.as_tensor(self.bias, dtype=torch.float64, device=x.device)
        dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
        out = torch.empty((len(x), weights.shape[1]), dtype=dtype, device=x.device)
        step = _block(len(weights))
        for part, filled in zip(x.split(step), out.split(step), strict=True):
            filled.copy_((part.double() - self.mean) / self.std @ weights + bias)
        return out

    def _require_features(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 2 or shape[1] != len(self.weights):
            raise InputError(f"x must have the {len(self.weights)} features of the transform; got shape {shape}")


def _on_host(tensor: Any) -> bool:
    return bool(tensor.device.type == "cpu")


def _block(d: int) -> int:
    """Rows of d features to transform at once."""
    return max(1, (1 << 22) // max(1, d))


def read_transform(path: PathLike) -> Transform:
    """Read a ``.npz`` with ``weights`` (d, r), perhaps ``bias`` (r,), and scalars ``mean`` and ``std``.

    Raises InputError (what the file does wrong, in one line that starts with its path) and OSError.
    """
    check_file(path, "transforms", (".npz",))
    entries = npz_entries(path)
    missing = [key for key in ("weights", "mean", "std") if key not in entries]
    if missing:
        raise bad(path, f"a transform holds weights, mean and std, perhaps bias; {missing[0]!r} is missing")
    arrays: dict[str, Array] = {
        key: entries[key].load() for key in ("weights", "bias", "mean", "std") if key in entries
    }
    wrong = _fault(arrays)
    if wrong is not None:
        raise bad(path, wrong)
    mean, std = (float(arrays[key].ravel()[0]) for key in ("mean", "std"))
    return Transform(arrays["weights"], arrays.get("bias"), mean, std)


def _fault(arrays: dict[str, Array]) -> str | None:
    """What keeps arrays from being a transform: the first rule that they break, and what came."""
    for key, array in arrays.items():
        if array.dtype.kind not in "fiu":
            return f"{key} must hold real numbers; got dtype {array.dtype}"
        if not np.isfinite(array).all():
            place = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
            return f"{key} must hold finite numbers; got {array[place]:g}" + (f" at {place}" if place else "")
    weights, bias = arrays["weights"], arrays.get("bias")
    if weights.ndim != 2 or 0 in weights.shape:
        return f"weights must have shape (d, r); got {weights.shape}"
    if bias is not None and bias.shape != weights.shape[1:]:
        return f"bias must have shape {weights.shape[1:]}; got {bias.shape}"
    for key in ("mean", "std"):
        if arrays[key].size != 1:
            return f"{key} must be one number; got shape {arrays[key].shape}"
    std = float(arrays["std"].ravel()[0])
    return None if std > 0 else f"std must be positive; got {std:g}"


def transform_bytes(transform: Transform) -> bytes:
    """The ``.npz`` of a transform: float32 weights and bias, as published, and float64 scalars.

    Raises InputError for what `read_transform` would refuse.
    """
    arrays = {"weights": _narrowed(transform.weights, "weights"), "mean": np.array(transform.mean)}
    if transform.bias is not None:
        arrays["bias"] = _narrowed(transform.bias, "bias")
    arrays["std"] = np.array(transform.std)
    wrong = _fault(arrays)
    if wrong is not None:
        raise InputError(wrong)
    buffer = BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _narrowed(values: Array, name: str) -> Array:
    """As float32, which must hold the values."""
    with np.errstate(over="ignore"):
        narrow: Array = values.astype(np.float32)
    lost = np.isfinite(values) & ~np.isfinite(narrow)
    if lost.any():
        largest = float(np.abs(values[lost]).max())
        raise InputError(f"{name} must fit float32, in which a transform is written; got {largest:g}")
    return narrow


def write_transform(path: PathLike, transform: Transform) -> None:
    """Write a ``.npz`` that `read_transform` and gLocal read, whole or not at all.

    Raises InputError (a name that does not end in .npz, numbers that float32 cannot hold) and OSError.
    """
    if not str(path).endswith(".npz") and not str(path).startswith("/dev/"):
        raise InputError(f"{path}: a transform is written as .npz")
    write_files([(path, transform_bytes(transform))])
