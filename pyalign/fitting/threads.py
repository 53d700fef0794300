"""Threads while a probe is fitted: one for BLAS, and idle ones of OpenMP that soon sleep.

The products that take time are those of the compiled kernels. What is left for BLAS are vectors and small matrices,
after each of which its idle threads spin for a while and take the cores from the kernels. With one thread the result
does not depend on their number either.

The kernels' own idle threads sleep soon by GOMP_SPINCOUNT, which is read when the runtime is loaded: where torch was
imported first, the runtime is torch's, the kernels share it, and its threads spin for milliseconds after each of the
many short kernels of a fit. With other work on the cores that took four times the CPU time
(`fit_probe beside a busy process` of the benchmarks). Limiting the number of threads would limit the kernels; but GNU's
runtime waits only briefly while it manages more threads than there are cores, so a few more are kept, asleep.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Event, Thread
from typing import Any

from pyalign.backends import native


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS runs on one thread inside, where threadpoolctl is installed, and idle threads of OpenMP soon sleep."""
    controller = _controller()
    if controller is None:
        yield
        return
    with controller.limit(limits=1, user_api="blas"), _soon_asleep(_runtime(controller)):
        yield


@lru_cache(maxsize=1)
def _controller() -> Any:
    try:
        import scipy.linalg  # noqa: F401  its BLAS is loaded before the libraries are looked up
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


def _runtime(controller: Any) -> str | None:
    """The path of GNU's OpenMP where there is one that all share, unless the user has said how its threads wait."""
    if {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        return None
    found = [one.filepath for one in controller.lib_controllers if one.prefix == "libgomp"]
    return found[0] if len(found) == 1 else None


@contextmanager
def _soon_asleep(path: str | None) -> Iterator[None]:
    """A thread with a team of its own lives meanwhile: more threads than there are cores, for the runtime."""
    if path is None:
        yield
        return
    held, done = Event(), Event()
    keeper = Thread(target=_hold, args=(ctypes.CDLL(path), held, done), name="pyalign-openmp", daemon=True)
    keeper.start()
    held.wait()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def _hold(runtime: Any, held: Event, done: Event) -> None:
    try:
        cores = runtime.omp_get_num_procs()
        nothing = ctypes.cast(runtime.omp_get_thread_num, ctypes.c_void_p)  # what each thread of the team runs
        team = max(2, cores - native.num_threads() + 2)
        runtime.GOMP_parallel(nothing, None, ctypes.c_uint(team), ctypes.c_uint(0))
    except AttributeError:  # an old runtime
        pass
    finally:
        held.set()
    done.wait()
