"""What the CUDA driver knows of an address, asked without torch and without a module of our own."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

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
