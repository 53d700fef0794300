"""What the last digits of rows depend on besides the model: the processor's instructions, and how many threads it runs.

Libraries choose their kernels by the instructions of the processor, and divide sums among threads. Both are written
down with the rows, and equal bytes are promised where both are equal.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

# Instructions by which kernels differ, the latest first; those of 16-bit products stand beside them.
LEVELS = (("AVX512", "avx512f"), ("AVX2", "avx2"), ("AVX", "avx"), ("SVE", "sve"), ("NEON", "asimd"))
HALF = ("amx_bf16", "avx512_bf16", "bf16")
# By which users make torch, oneDNN, MKL or OpenBLAS take other kernels.
OVERRIDES = (
    "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_CORETYPE",
)  # fmt: skip


def describe_processor(device: str = "cpu") -> str:
    """What computes on a device, in a line: equal lines give equal bytes for the same number of threads.

    Args:
        device: "cpu", or as torch names it.

    Example:
        >>> describe_processor() == describe_processor()
        True
    """
    if device.startswith("cuda"):
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            major, minor = torch.cuda.get_device_capability(device)
            return f"{torch.cuda.get_device_name(device)}, compute capability {major}.{minor}"
    if not device.startswith("cpu"):
        return device
    overrides = [f"{name}={os.environ[name]}" for name in OVERRIDES if os.environ.get(name)]
    return " ".join((_instructions(), *overrides))


@lru_cache(maxsize=1)
def _instructions() -> str:
    """Who makes the processor, and which vectors it has."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return f"{platform.system()} {platform.machine()}"
    maker = re.search(r"^(?:vendor_id|CPU implementer)\s*: (.+)$", text, re.MULTILINE)
    flags = set(re.findall(r"^(?:flags|Features)\s*: (.+)$", text, re.MULTILINE)[:1] or [""])
    words = set(" ".join(flags).split())
    level = next((name for name, flag in LEVELS if flag in words), platform.machine())
    return " ".join((maker[1].strip() if maker else platform.machine(), level, *(one for one in HALF if one in words)))


@contextmanager
def model_threads(count: int) -> Iterator[None]:
    """Inside, torch computes with so many threads, whatever the environment says; nothing where torch is not loaded."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
