"""What the torch ops run: rows prepared and kernels called on tensors of one device, without waiting for it.

Temperature, answers and weights of the loss, which are checked without waiting for a device.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import numpy as np
import torch
from torch import Tensor

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._registry import load
from pyalign.backends import Place, Rows, get_backend, get_host_backend, preferred
from pyalign.backends._tensor_kernels import (
    Kernels, Prepared, TensorWanted, column_shift, no_flag, on_host, ready_rows, result_dtype, row_extremes, scale_rows,
    tf32_allowed,
)
from pyalign.backends._tensors import TensorBackend
from pyalign.errors import InputError
from pyalign.measures import SAFE_INVERSE_NORM, Measure, get_measure, median_distance, spaced_rows
from pyalign.ops.triplets import use_matrix

INDEX_DTYPES = (torch.int16, torch.int32, torch.int64)


@lru_cache(maxsize=64)
def kernels_for(device: str, dtype: str, elements: int) -> tuple[Kernels, bool]:
    """The kernels for rows on that device, and whether they take half precision as it is."""
    if device == "cpu":
        candidates = [load(f"pyalign.backends._{name}_kernels:KERNELS") for name in ("native", "torch")]
        return next(kernels for kernels in candidates if kernels.why_not(Place()) is None), False
    place = Place(device, dtype, elements)
    backend = cast(TensorBackend, get_backend("auto", place))
    return backend.kernels, backend.half


def _kernels(x: Tensor, m: int) -> tuple[Kernels, bool]:
    """The kernels of `kernels_for`; sizes that lead to the same order of backends share an entry."""
    device, dtype = str(x.device), str(x.dtype).rpartition(".")[2]
    large = preferred(Place(device, dtype, len(x) * m)) != preferred(Place(device, dtype))
    return kernels_for(device, dtype, len(x) * m if large else 0)


def check_rows(x: Tensor, y: Tensor | None = None) -> None:
    """Raises InputError unless x is (n, d) and y, where given, (m, d), of real numbers on the same device."""
    for name, rows in (("x", x), ("y", y)):
        if rows is None:
            continue
        _checks.require_rows(tuple(rows.shape), name)
        if not rows.is_floating_point():
            raise InputError(f"{name} must hold floating-point numbers; got dtype {rows.dtype}")
    if y is not None and x.shape[1] != y.shape[1]:
        raise InputError(f"y must have the {x.shape[1]} features of x; got shape {tuple(y.shape)}")
    if y is not None and x.device != y.device:
        raise InputError(f"y must be on {x.device} with x; got {y.device}")


def check_triplets(x: Tensor, triplets: Tensor) -> None:
    """Raises InputError unless x is (n, d), and triplets integers (t, 3) next to it, which the kernels look at."""
    check_rows(x)
    _checks.require_triplets(tuple(triplets.shape))
    if triplets.is_floating_point() or triplets.is_complex() or triplets.dtype == torch.bool:
        raise InputError(f"triplets must be integers; got dtype {triplets.dtype}")
    if triplets.device != x.device:
        raise InputError(f"triplets must be on {x.device} with x; got {triplets.device}")


def bandwidth(measure: Measure, x: Tensor, y: Tensor | None) -> float:
    """gamma of rbf, else 0. Without a given sigma this waits for the device, for the median distance."""
    return measure.gamma(lambda: median_distance(_sample(x), None if y is None else _sample(y)))


def _sample(rows: Tensor) -> np.ndarray:
    return on_host(rows[torch.as_tensor(spaced_rows(len(rows)), device=rows.device)])


def _prepared(kernels: Kernels, half: bool, x: Tensor, measure: Measure, shift: Tensor | None, gamma: float) -> Rows:
    """Rows as the kernels take them; on the CPU, where looking is free, those of extreme length are scaled first."""
    x = x if half else x.to(result_dtype(x))
    x = x if x.stride(1) == 1 or x.shape[1] == 1 else x.contiguous()
    rows = ready_rows(kernels, measure, x, None if shift is None else shift.to(x.dtype), gamma)
    return _scaled(kernels, rows) if x.device.type == "cpu" and measure.kernel.angular else rows


def _scaled(kernels: Kernels, rows: Rows) -> Rows:
    (low, high), terms = SAFE_INVERSE_NORM, rows.terms
    assert terms is not None
    extreme = (terms < low) | (terms > high)  # or zero
    if not bool(extreme.any()):
        return rows
    extremes = row_extremes(rows.values)
    if not bool((extreme & (extremes > 0)).any()):
        return rows
    _, exponents = torch.frexp(extremes)
    values = scale_rows(rows.values, -exponents)
    kernels.prepare_rows(values, Prepared(inverse_norms=terms))
    return replace(rows, values=values)


def similarity(x: Tensor, y: Tensor | None, measure: str) -> Tensor:
    """(n, m) float32 or float64, as `pyalign.similarity`."""
    check_rows(x, y)
    chosen = get_measure(measure)
    if y is not None and x.dtype != y.dtype:
        dtype = torch.promote_types(result_dtype(x), result_dtype(y))
        x, y = x.to(dtype), y.to(dtype)
    m = len(x if y is None else y)
    kernels, half = _kernels(x, m)
    shift = column_shift(x) if chosen.transform == "shift" else None
    if shift is not None and y is not None:  # of y it may not be exact in half precision
        x, y, shift = x.to(result_dtype(x)), y.to(result_dtype(y)), shift.to(result_dtype(shift))
    gamma = bandwidth(chosen, x, y)
    left = _prepared(kernels, half, x, chosen, shift, gamma)
    right = None if y is None else _prepared(kernels, half, y, chosen, shift, gamma)
    out = empty_matrix(len(x), m, x)
    kernels.similarity(left, right, tf32_allowed(), out)
    return out


def odd_one_out(x: Tensor, triplets: Tensor, measure: str) -> Tensor:
    """(t,) int8, as `pyalign.odd_one_out`."""
    check_triplets(x, triplets)
    choices = torch.empty(len(triplets), dtype=torch.int8, device=x.device)
    from_triplets(x, triplets, get_measure(measure), choices=choices)
    return where_known(x, triplets, choices, -1)


def where_known(x: Tensor, triplets: Tensor, values: Tensor, otherwise: float) -> Tensor:
    """Values (t, ...) of the triplets, replaced where a row of x that they name holds NaN or infinity.

    Kernels of devices have done that already.
    """
    if x.device.type != "cpu" or all_finite(x):
        return values
    known = torch.isfinite(x).all(dim=1)[triplets.long().clamp(0, len(x) - 1)].all(dim=1)
    return torch.where(known.view(-1, *(1,) * (values.ndim - 1)), values, otherwise)


def from_triplets(
    x: Tensor, triplets: Tensor, measure: Measure, *, choices: Tensor | None = None, pairs: Tensor | None = None,
    sums: Tensor | None = None, temperature: float = 1.0,
) -> tuple[Tensor | None, Tensor]:
    """Fills what is given, by the route of `use_matrix`; the matrix of that route or None, and the flag (1,).

    On the CPU an invalid triplet raises; elsewhere it sets the flag.
    """
    index = as_index(triplets)
    invalid = no_flag(x)
    want = TensorWanted(invalid, choices, None, pairs, sums, temperature)
    s = similarity(x, None, str(measure)) if uses_matrix(x, triplets) else None
    if s is not None:
        kernels, _ = _kernels(x, len(x))
        kernels.triplets_from_matrix(s, index, want)
    else:
        kernels, half = _kernels(x, 0)
        shift = column_shift(x) if measure.transform == "shift" else None
        rows = _prepared(kernels, half, x, measure, shift, bandwidth(measure, x, None))
        kernels.triplets_from_rows(rows, index, want)
    raise_invalid(x, triplets, invalid)
    return s, invalid


def raise_invalid(x: Tensor, triplets: Tensor, invalid: Tensor) -> None:
    """Only on the CPU, where looking at the flag waits for nothing."""
    if x.device.type == "cpu" and invalid.item():
        array = as_index(triplets).numpy()
        _checks.require_valid(get_backend().check_triplets(array, len(x)), array, len(x))


def add_transpose(a: Tensor) -> Tensor:
    """a + a.T of a square matrix; on the CPU in its own memory, since new pages would cost more than the additions."""
    if a.device.type != "cpu":
        return a + a.T
    get_host_backend().add_transpose(a.numpy())
    return a


def all_finite(x: Tensor) -> Tensor:
    """Whether x, not empty, holds neither NaN nor infinity: (). One pass, where torch.isfinite takes five.

    On the CPU by numpy: torch's threads would spin for milliseconds after it, on the cores that our kernels need next.
    """
    if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64):
        array = x.numpy()
        return torch.tensor(bool(np.isfinite(array.min()) and np.isfinite(array.max())))
    smallest, largest = torch.aminmax(x)
    return torch.isfinite(smallest) & torch.isfinite(largest)


def scaled(x: Tensor, factor: Tensor) -> Tensor:
    """x times a factor (), in its memory. On the CPU by numpy: see `all_finite`."""
    if x.device.type != "cpu":
        return x.mul_(factor)
    array = x.numpy()
    array *= factor.item()
    return x


def empty_matrix(n: int, m: int, like: Tensor) -> Tensor:
    """(n, m) of the dtype of results for rows `like`, next to them.

    On the CPU in numpy's memory, which asks for huge pages: every step of training has its matrices again, and each
    small page would fault when it is first touched.
    """
    dtype = result_dtype(like)
    if like.device.type != "cpu":
        return torch.empty(n, m, dtype=dtype, device=like.device)
    return torch.from_numpy(np.empty((n, m), np.float64 if dtype == torch.float64 else np.float32))


def uses_matrix(x: Tensor, triplets: Tensor) -> bool:
    """Whether the loss goes through an (n, n) matrix."""
    n, t = x.shape[0], triplets.shape[0]  # not len(), which would bind a compiled graph to one number of triplets
    return use_matrix(n, t, 8 if x.dtype == torch.float64 else 4)


def as_index(triplets: Tensor) -> Tensor:
    """Triplets in a type that the kernels read; others are converted."""
    if triplets.dtype in INDEX_DTYPES:
        return triplets
    return triplets.to(torch.int16 if triplets.element_size() == 1 else torch.int64)


@dataclass(frozen=True)
class Terms:
    """The loss: sum over triplets, positions p of -answers[p] log softmax(s / temperature)[pair without p], / count."""

    answers: Tensor | None  # (t, 3) contiguous, of the similarities' dtype; None: one for each triplet, the last item.
    temperature: float | Tensor  # a tensor () where its value is on a device.
    count: float | Tensor  # by which the sum is divided; a tensor () where it is on a device.


def loss_terms(
    triplets: Tensor, answers: Tensor | None, learned: Tensor | None, temperature: float, mean: bool
) -> Terms:
    """What the arguments of the op ask for; a learned temperature comes in the place of the other."""
    divisor: float | Tensor = _checks.as_temperature(temperature)
    if learned is not None:
        divisor = number(learned.double())
    if not mean:
        return Terms(answers, divisor, 1.0)
    return Terms(answers, divisor, float(len(triplets)) if answers is None else number(total(answers)))


def total(values: Tensor) -> Tensor:
    """The sum in float64: (). On the CPU by numpy, whose sum does not depend on the number of threads."""
    if values.device.type == "cpu":
        return torch.tensor(values.numpy().sum(dtype=np.float64), dtype=torch.float64)
    return values.sum(dtype=torch.float64)


def number(value: Tensor) -> float | Tensor:
    """A tensor () as a number, where that waits for nothing: on the CPU."""
    return value.item() if value.device.type == "cpu" else value


def checked_temperature(temperature: Tensor) -> Tensor:
    """A copy; a value that is not positive raises on the CPU, and is NaN on a device."""
    if temperature.device.type != "cpu":
        return torch.where((temperature >= 1e-30) & (temperature <= 1e30), temperature, torch.nan)
    _checks.as_temperature(temperature.item())
    return temperature.clone()


def check_temperature(x: Tensor, temperature: Tensor) -> None:
    """Raises InputError unless a temperature is one floating-point number next to x; its value is looked at later."""
    if temperature.numel() != 1:
        raise InputError(f"temperature must be one number; got shape {tuple(temperature.shape)}")
    if not temperature.is_floating_point():
        raise InputError(f"temperature must be a floating-point number; got dtype {temperature.dtype}")
    if temperature.device != x.device:
        raise InputError(f"temperature must be on {x.device} with x; got {temperature.device}")


def check_answers(x: Tensor, triplets: Tensor, answers: Tensor | None, weights: Tensor | None) -> None:
    """Raises InputError unless answers are (t, 3) and weights (t,), real, next to x; values are looked at later.

    So are those of x and of the triplets, which are checked as `check_triplets` does.
    """
    check_triplets(x, triplets)
    t = triplets.shape[0]
    for name, values, shape in (("answers", answers, (t, 3)), ("weights", weights, (t,))):
        if values is None:
            continue
        if tuple(values.shape) != shape:
            raise InputError(f"{name} must have shape {shape}, as triplets; got {tuple(values.shape)}")
        if values.is_complex():
            raise InputError(f"{name} must hold real numbers; got dtype {values.dtype}")
        if values.device != x.device:
            raise InputError(f"{name} must be on {x.device} with x; got {values.device}")


def weighed_answers(x: Tensor, triplets: Tensor, answers: Tensor | None, weights: Tensor | None) -> Tensor:
    """Answers times weights, (t, 3) contiguous, of the similarities' dtype; without answers the last item's is 1.

    Numbers that are not finite or below 0 and a sum of 0 raise on the CPU; on a device all of it becomes NaN.
    """
    check_answers(x, triplets, answers, weights)
    weighed = torch.zeros(triplets.shape, dtype=result_dtype(x), device=x.device)
    valid = []
    if answers is None:
        weighed[:, 2] = 1.0
    else:
        valid.append(_valid_amounts(weighed.copy_(answers), "answers"))
    if weights is not None:
        weights = weights.to(weighed.dtype)
        valid.append(_valid_amounts(weights, "weights"))
        weighed *= weights[:, None]
        valid.append(_valid_amounts(weighed, "answers times weights"))
    if x.device.type == "cpu":
        return weighed
    return torch.where(torch.stack(valid).all(), weighed, torch.nan)


def _valid_amounts(values: Tensor, name: str) -> Tensor:
    """Whether numbers are finite, at least 0, and not all 0: (); on the CPU, where a look is free, raises if not."""
    smallest, sum_ = values.min(), total(values)
    valid = (smallest >= 0) & (sum_ > 0) & torch.isfinite(sum_)
    if values.device.type == "cpu" and not valid.item():
        got = f"smallest {smallest.item():g}, sum {sum_.item():g}"
        raise InputError(f"{name} must be finite, at least 0, and not all 0; got {got}")
    return valid
