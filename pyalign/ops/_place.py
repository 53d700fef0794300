"""Where the inputs of an operation are, asked without loading the library that they come from.

What the CUDA driver knows of an address, asked without torch and without a module of our own.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from pyalign.backends import HOST, Place
from pyalign.errors import InputError

DLPACK_CUDA = (2, 13)  # kDLCUDA, kDLCUDAManaged


def place_of(inputs: tuple[object, ...], elements: int = 0) -> Place:
    """Where the inputs are: all on the host, or all on one device."""
    places = [device_of(value) for value in inputs if value is not None] or ["cpu"]
    if len(set(places)) > 1:
        raise InputError(f"embeddings and others must be on one device; got {' and '.join(places)}")
    if places[0] == "cpu":
        return HOST
    dtype = str(getattr(inputs[0], "dtype", "")).rpartition(".")[2]
    return Place(places[0], dtype, elements)


def device_of(value: object) -> str:
    """The device on which an array is, as torch writes it: "cpu", "cuda:0"."""
    if type(value).__module__.partition(".")[0] == "torch":
        return str(getattr(value, "device", "cpu"))
    if hasattr(value, "__dlpack_device__"):
        kind, number = value.__dlpack_device__()
        return f"cuda:{number}" if kind in DLPACK_CUDA else "cpu"
    if hasattr(value, "__cuda_array_interface__"):  # which names an address and no device
        return f"cuda:{device_of_address(value.__cuda_array_interface__['data'][0])}"
    return "cpu"


def lengths(*arrays: object) -> tuple[int, ...]:
    """Rows of arrays, 0 of what has no shape: for choices that are made before they are checked."""
    shapes: list[tuple[int, ...]] = [getattr(x, "shape", ()) for x in arrays]
    return tuple(int(shape[0]) if len(shape) else 0 for shape in shapes)


def length(x: object) -> int:
    """Rows of x; see `lengths`."""
    return lengths(x)[0]


DEVICE_ORDINAL = 9  # CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL


def device_of_address(address: int) -> int:
    """The number of the device that an address belongs to; 0 where it has none, and for null, as of an empty array.

    Whoever made an array on a device has loaded the driver already.
    """
    if not address:
        return 0
    number = ctypes.c_int(-1)
    try:
        error = driver().cuPointerGetAttribute(ctypes.byref(number), DEVICE_ORDINAL, ctypes.c_uint64(address))
    except (OSError, AttributeError):  # no driver, or one without this function
        return 0
    return number.value if error == 0 and number.value > 0 else 0


def driver() -> Any:
    """The library of the driver."""
    return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
