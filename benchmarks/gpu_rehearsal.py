"""`python -m benchmarks.gpu --rehearse`: the same calls without a device, on small cases; their times mean nothing.

Tensors that would lie on a device stay on the host, where emulated CUDA kernels, Triton's interpreter and plain torch
take them. Nothing is compiled by torch, and a replay is the call itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from benchmarks import gpu_peers
from benchmarks.gpu_cases import GpuCase
from pyalign.backends import Place, get_backend

Call = Callable[[], Any]
NAME = "rehearsal"  # in the place of the device's
MOST_ITEMS, MOST_FEATURES, MOST_TRIPLETS = 40, 8, 100


class OnTheHost(TorchFunctionMode):
    """Tensors for a CUDA device are made on the host, and `cuda()` leaves them there."""

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        if function is torch.Tensor.cuda:
            return arguments[0]
        options = dict(options or {})
        if str(options.get("device", "")).startswith("cuda"):
            options["device"] = "cpu"
        return function(*arguments, **options)


class HostClock:
    """As `benchmarks.gpu.Clock`, by the clock of the host."""

    name = NAME

    def seconds(self, call: Call) -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    def captured(self, call: Call) -> Call:
        return call

    @contextmanager
    def profiled(self) -> Iterator[Call]:
        yield lambda: None


def small(case: GpuCase) -> GpuCase:
    """The case under its name, with sizes that an emulator can take."""
    n, d, t = min(case.case.n, MOST_ITEMS), min(case.case.d, MOST_FEATURES), min(case.case.t, MOST_TRIPLETS)
    return replace(case, case=replace(case.case, n=n, d=d, t=t))


@contextmanager
def rehearsed() -> Iterator[tuple[HostClock, Callable[[GpuCase], GpuCase]]]:
    """Inside, the contenders of `gpu_peers` work on the host: a clock for them, and what makes a case small."""
    backend_of, compiled = gpu_peers.get_backend, torch.compile
    gpu_peers.get_backend = lambda name, place: get_backend(name, Place(dtype=place.dtype))
    torch.compile = lambda call: call  # type: ignore[assignment]
    try:
        with OnTheHost():
            yield HostClock(), small
    finally:
        gpu_peers.get_backend, torch.compile = backend_of, compiled
