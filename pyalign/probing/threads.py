"""One BLAS thread while a probe is fitted.

The products that take time are those of the compiled kernels. What is left for BLAS are vectors and small matrices,
after each of which its idle threads spin for a while and take the cores from the kernels. With one thread the result
does not depend on their number either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS runs on one thread inside, where threadpoolctl is installed."""
    controller = _controller()
    if controller is None:
        yield
        return
    with controller.limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _controller() -> Any:
    try:
        import scipy.linalg  # noqa: F401  its BLAS is loaded before the libraries are looked up
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()
