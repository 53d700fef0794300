"""Linear layers by oneDNN, where MKL is slow: it takes its short way on processors of Intel alone.

Twice the speed on a Zen 5; sums are rounded in another order, which shows in the seventh digit. A rule, not a
measurement: the same machine always takes the same way, so that a run that goes on gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

FEWEST = 64  # rows from which on it is worth the way


class LinearByOneDnn(TorchFunctionMode):  # type: ignore[misc]
    """Inside, `torch.nn.functional.linear` of float32 rows on the processor is a convolution of one place."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[Any], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func is functional.linear and not given and len(args) >= 2 and _is_fit(args[0], args[1]):
            return _convolved(*args)
        return func(*args, **given)


def _is_fit(x: torch.Tensor, weight: torch.Tensor) -> bool:
    both = x.dtype == weight.dtype == torch.float32 and x.device.type == weight.device.type == "cpu"
    return (
        both and weight.ndim == 2 and x.ndim > 1 and x.numel() >= FEWEST * x.shape[-1] > 0 and x.layout == torch.strided
    )


def _convolved(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    places = x.reshape(1, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)  # (1, features, rows, 1), channels last as it lies
    found = functional.conv2d(places, weight[:, :, None, None], bias)
    return found.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))


@lru_cache(maxsize=1)
def is_worth_it() -> bool:
    """Whether MKL computes linear layers here, on a processor that is not Intel's."""
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return False
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    vendor = re.search(r"^vendor_id\s*: (.+)$", told, re.MULTILINE)
    return vendor is not None and vendor[1].strip() != "GenuineIntel"
