"""What the checks of the kernels share."""

from __future__ import annotations

import pytest

from pyalign.backends import native


@pytest.fixture(scope="session")
def best():
    """The instruction set that is taken where nothing names another: only its kernels are broken."""
    return next(name for name, runs in native.instruction_sets().items() if runs)
