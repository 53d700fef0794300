"""Backends: the same few kernels, computed by different means, and the choice among them.

A backend is a module-level object with the methods of `Backend`. "auto" chooses the first that can run; a name insists,
and says why it can't. Host backends work on numpy arrays, tensor backends on torch tensors of any device.
"""

from __future__ import annotations

import warnings
from functools import cache, lru_cache
from importlib import import_module
from typing import cast

from pyalign._registry import load
from pyalign.backends._host import (
    HOST, LANES, Array, Backend, HostBackend, InvalidTripletsError, LossSums, NotOrdinaryError, Place, RankOrder, Rows,
    Sums, TripletCheck, Wanted,
)
from pyalign.errors import InputError, SlowWarning, nearest

__all__ = [
    "BACKENDS",
    "HOST",
    "HOST_BACKENDS",
    "LANES",
    "TENSOR_BACKENDS",
    "WARP_GROUP_ELEMENTS",
    "Array",
    "Backend",
    "HostBackend",
    "InvalidTripletsError",
    "LossSums",
    "NotOrdinaryError",
    "Place",
    "RankOrder",
    "Rows",
    "Sums",
    "TripletCheck",
    "Wanted",
    "backend_reasons",
    "get_backend",
    "get_host_backend",
    "has_warp_groups",
    "preferred",
]

# In the order in which "auto" tries them.
HOST_BACKENDS = ("native", "numpy")
TENSOR_BACKENDS = ("cuda", "triton", "torch")
BACKENDS = HOST_BACKENDS + TENSOR_BACKENDS


def get_backend(name: str = "auto", place: Place = HOST) -> Backend:
    """The backend of that name, or the first that can take such rows here."""
    if not isinstance(name, str) or name not in ("auto", *BACKENDS, *_of_tests):
        near = nearest(name, BACKENDS) if isinstance(name, str) else ""
        raise InputError(f"backend must be 'auto' or one of {', '.join(BACKENDS)}; got {name!r}{near}")
    reasons: dict[str, str] = {}
    for candidate in preferred(place) if name == "auto" else (name,):
        backend = _load(candidate)
        reason = backend.why_not(place)
        if reason is None:
            if reasons and place.on_host:
                _warn_that_it_is_slow(reasons[HOST_BACKENDS[0]])
            return backend
        reasons[candidate] = reason
    listed = "; ".join(f"{candidate}: {reason}" for candidate, reason in reasons.items())
    raise InputError(f"no backend can take this input: {listed}")


def get_host_backend(name: str = "auto") -> HostBackend:
    """The host backend of that name; for the name of a tensor backend the one that "auto" chooses on the host."""
    return cast(HostBackend, get_backend("auto" if isinstance(name, str) and name in TENSOR_BACKENDS else name))


_slow = _warned = False  # whether numpy computes because the kernels can't: since `note_on_speed`, in this process


def _warn_that_it_is_slow(reason: str) -> None:
    """Warns once in a process that "auto" has come to numpy."""
    global _slow, _warned
    first, _slow, _warned = not _warned, True, True
    if first:
        warnings.warn(slow_because(reason), SlowWarning, stacklevel=3)


def slow_because(reason: str) -> str:
    """The sentence for people whose computations fall to numpy for that reason."""
    return f"numpy computes, many times slower than the compiled kernels: {reason}"


def note_on_speed() -> str | None:
    """A note on speed where numpy has computed instead of the compiled kernels since this was last asked, else None."""
    global _slow
    slow, _slow = _slow, False
    reason = _load("native").why_not() if slow else None
    return None if reason is None else slow_because(reason)


WARP_GROUP_ELEMENTS = 1 << 21


def preferred(place: Place) -> tuple[str, ...]:
    """The order in which "auto" tries the backends for such rows.

    On a device `cuda` comes first. For large similarity matrices of half precision, and of float32 where TF32 is
    allowed in torch, on Hopper and Blackwell (that of data centers) `triton` does: its products use their warp-group
    instructions, the CUDA kernels those that all GPUs since Ampere have.
    """
    if place.on_host:
        return HOST_BACKENDS
    large = place.elements >= WARP_GROUP_ELEMENTS and place.dtype in ("float16", "bfloat16", "float32")
    if large and has_warp_groups(place.device) and (place.dtype != "float32" or _tf32_allowed()):
        return ("triton", "cuda", "torch")
    return TENSOR_BACKENDS


def _tf32_allowed() -> bool:
    """The user's setting in torch, which is there where a device is."""
    return bool(load("pyalign.backends._tensors:tf32_allowed")())


@lru_cache
def has_warp_groups(device: str) -> bool:
    """Whether a device multiplies by groups of warps: Hopper (9.0) and the Blackwell of data centers (10, 11).

    That of graphics cards (12.x) has a higher number and the instructions of Ampere.
    """
    try:
        torch = import_module("torch")
        return bool((9, 0) <= torch.cuda.get_device_capability(device) < (12, 0))
    except (ImportError, RuntimeError, AssertionError, ValueError):  # no torch, or none with CUDA, or no CUDA device
        return False


def backend_reasons() -> dict[str, str | None]:
    """The reason why each backend can't run here, or None."""
    return {name: _load(name).why_not() for name in BACKENDS}


_of_tests: dict[str, Backend] = {}  # by names that no message and no help mentions


def _load(name: str) -> Backend:
    return _of_tests[name] if name in _of_tests else _loaded(name)


@cache
def _loaded(name: str) -> Backend:
    made = load("pyalign.backends._optional:tensor_backend") if name in TENSOR_BACKENDS else None
    backend: Backend = made(name) if made else load(f"pyalign.backends.{name}:BACKEND")
    return backend
