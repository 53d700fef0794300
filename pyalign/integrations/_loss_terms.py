"""Temperature, answers and weights of the loss, which are checked without waiting for a device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends._tensor_kernels import result_dtype
from pyalign.errors import InputError
from pyalign.integrations._torch_kernels import check_triplets


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
