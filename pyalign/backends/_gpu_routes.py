"""Second routes of the CUDA and Triton backends, which a benchmark holds against the first ones.

Which of them is faster only a measurement on a device can say; docs/gpu.md has the rule by which one of each two is
deleted. Until then the environment variable `PYALIGN_GPU_ROUTES` chooses, such as ``topk=torch,product=cublas``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor

from pyalign.errors import InputError

VARIABLE = "PYALIGN_GPU_ROUTES"
ROUTES = {
    "topk": ("passes", "torch"),
    "product": ("tiles", "cublas"),
    "gradient": ("size", "fixed", "sort"),
}  # of each operation; the first is taken where the variable does not name the operation
FIXED_BYTES = {
    "size": 256 << 20,
    "fixed": 512 << 20,
    "sort": 0,
}  # for sums of a gradient, at most: n = 5,792; n = 8,192
WIDENS = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 8)  # torch multiplies half precision into float32


def route(operation: str) -> str:
    """The route that the environment asks for, else the first.

    Raises:
        InputError: the variable is not a list of routes.
    """
    return parse_routes(os.environ.get(VARIABLE, ""))[operation]


@lru_cache
def parse_routes(text: str) -> Mapping[str, str]:
    """The route of each operation, from the value of the environment variable.

    Raises:
        InputError: it is not a list of routes.

    Example:
        >>> parse_routes("topk=torch")
        {'topk': 'torch', 'product': 'tiles', 'gradient': 'size'}
    """
    chosen: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else ():
        operation, _, name = (part.strip() for part in pair.partition("="))
        if operation in chosen or name not in ROUTES.get(operation, ()):
            known = ", ".join(f"{operation}={'|'.join(names)}" for operation, names in ROUTES.items())
            raise InputError(f"{VARIABLE} must be routes separated by commas, each at most once: {known}; got {text!r}")
        chosen[operation] = name
    return {operation: names[0] for operation, names in ROUTES.items()} | chosen


@contextmanager
def routes(text: str) -> Iterator[None]:
    """Inside, the environment asks for these routes."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = text
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def multiply(x: Tensor, y: Tensor, out: Tensor) -> None:
    """out (n, m) = x (n, d) @ y.T (d, m) by the vendor's library, half precision into float32 without a rounding.

    Autocast leaves products with an `out` alone.
    """
    with torch.no_grad():
        if x.dtype == out.dtype:
            torch.mm(x, y.T, out=out)
        elif WIDENS and x.is_cuda:
            torch.mm(x, y.T, out.dtype, out=out)
        else:
            torch.mm(x.to(out.dtype), y.T.to(out.dtype), out=out)
