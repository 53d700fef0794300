"""How Triton kernels are launched: on the device of their tensors, or only noted down for a compiler without a device.

Every launch passes through `launch`, so that what `recorded` collects is what would run: a kernel, a configuration or
a combination of types cannot be forgotten by the checks that compile ahead of time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import triton

OLDEST = (3, 6)  # whose compiler takes all of the kernels, and whose interpreter passes their tests
VERSION = tuple(map(int, triton.__version__.split(".")[:2]))
if VERSION < OLDEST:
    raise ImportError(f"Triton 3.6 or later is needed; got {triton.__version__}")
INTERPRETED: bool = triton.knobs.runtime.interpret  # kernels run on the CPU, 5 to 15 ms a program: blocks are tiny then


@dataclass(frozen=True)
class Launch:
    """One launch: `kernel` is a jitted or autotuned function, `constants` its compile-time arguments and options."""

    kernel: Any
    arguments: tuple[Any, ...]
    constants: dict[str, Any]


_record: list[Launch] | None = None
_capability = (9, 0)  # of devices that are not there: the interpreter takes what Hopper takes


@contextmanager
def recorded(capability: tuple[int, int] = (9, 0)) -> Iterator[list[Launch]]:
    """Collects launches instead of making them; tensors may be on the device "meta". Not for several threads.

    capability: of the device that they are for.
    """
    global _record, _capability
    before, _record, _capability = (_record, _capability), [], capability
    try:
        yield _record
    finally:
        _record, _capability = before


def capability_of(device: torch.device) -> tuple[int, int]:
    """Compute capability of a CUDA device; of others that of the device which they stand for; (0, 0) of AMD's."""
    if device.type != "cuda":
        return _capability
    return (0, 0) if torch.version.hip else torch.cuda.get_device_capability(device)


def launch(kernel: Any, grid: Any, *arguments: Any, **constants: Any) -> None:
    """Queues the kernel on the current stream of the device that holds its first argument."""
    constants = {**constants, "enable_fp_fusion": True}  # Triton's default depends on its version
    if _record is not None:
        _record.append(Launch(kernel, arguments, constants))
        return
    with torch.cuda.device_of(next(argument for argument in arguments if isinstance(argument, torch.Tensor))):
        kernel[grid](*arguments, **constants)


def blocks(count: int, size: int) -> int:
    """How many blocks of that size hold `count` things."""
    return -(-count // size)


def unused(like: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What stands for a tensor that is not there: a null address of the right type, never read or written."""
    return torch.empty(0, dtype=dtype, device=like.device)
