"""Where the Triton kernels run: in Triton's interpreter on the CPU, else on a device.

The interpreter has to be chosen before Triton is imported, so test_interpreted.py runs this folder in a process of
its own; without a device the kernels' tests are collected there alone.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # triton_cases.py

KERNEL_TESTS = [
    "test_choice_similarity.py", "test_float_pair.py", "test_gradient.py", "test_schedule.py", "test_similarity.py",
    "test_topk.py", "test_triplets.py", "triton_cases.py",
]


def missing():
    """Which package is not installed, or None. A folder named triton on the path is not Triton."""
    packages = {"torch": "torch", "triton": "triton.language"}
    for name, module in packages.items():
        try:
            if find_spec(module) is None:
                return name
        except ModuleNotFoundError:
            return name
    return None


def interpreted():
    return os.environ.get("TRITON_INTERPRET") == "1"


def has_device():
    import torch

    return torch.cuda.is_available()


if missing() or not (interpreted() or has_device()):
    collect_ignore = KERNEL_TESTS
elif interpreted():
    collect_ignore = ["test_interpreted.py", "test_compiled.py"]


@pytest.fixture(scope="session")
def needs_triton():
    if missing():
        pytest.skip(f"{missing()} is not installed")
