"""The compiled kernels: C++ with SIMD and OpenMP (csrc/cpu)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pyalign._process import is_forked_child
from pyalign._registry import load
from pyalign.backends._host import (
    HOST, HostBackend, InvalidTripletsError, LossSums, Place, RankOrder, Rows, Sums, TripletCheck, Wanted,
)
from pyalign.errors import InputError

NOT_COMPILED = (
    "the kernels are not compiled; install a C++ compiler (Debian: apt-get install g++), then pyalign once more"
)
SPIN_COUNT = "20000"
MOST_PLANNED = 1 << 16  # items of a plan are 16-bit numbers
MOST_PAIRED = 1 << 20  # beyond them too many buckets (csrc/cpu/buckets.h)
SUMS_AT_ONCE = 1 << 21  # numbers of sums over groups that are held at once
IN_CACHE = 8 << 20  # bytes of all rows, of which a triplet's are at hand
SHORT_ROW = 768  # bytes, of which a pair costs no more than to sort it
LARGEST_TILE = 16 << 20  # bytes, as in csrc/cpu/bucket_lists.h
SLAB = 192 << 14  # triplets that are put into buckets at a time, as there
FEW_TRIPLETS = 300_000
PAIRS_PER_ROW = 3  # of an item with the rows of the largest tile


def use_buckets(n: int, t: int, row_bytes: int) -> bool:
    """Whether t triplets of n rows are quicker in buckets, where no (n, n) matrix is made (csrc/cpu/buckets.cpp).

    Either way gives the same numbers, bit for bit. Buckets pay where rows come from memory, and where an item has
    several pairs with the rows of a tile that stays in cache: then its row is read once for all of them.

    >>> use_buckets(10_000, 3_000_000, 4 * 768), use_buckets(100_000, 3_000_000, 4 * 256)
    (True, True)
    >>> use_buckets(1854, 1_000_000, 4 * 256), use_buckets(1_000_000, 3_000_000, 4 * 256)
    (False, False)
    """
    if n * row_bytes < IN_CACHE or row_bytes < SHORT_ROW or t < FEW_TRIPLETS:
        return False
    return 6 * min(t, SLAB) * LARGEST_TILE >= PAIRS_PER_ROW * n * n * row_bytes


def _load() -> Any:
    """The compiled module, with OpenMP threads that soon sleep when they wait.

    Idle threads of GNU OpenMP spin for milliseconds by default, which costs whole time slices when other work shares
    the cores. The runtime reads this variable once, when it is loaded; it is set for that moment alone, and only where
    the user has said nothing.
    """
    said = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys()
    if not said:
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT
    try:
        return load("pyalign.backends._native")
    finally:
        if not said:
            del os.environ["GOMP_SPINCOUNT"]


try:
    _native: Any = _load()
    np.empty(31 << 17)  # freed; glibc keeps twice as much
    if is_forked_child():  # its guard was not there when the fork came
        _native.set_threads(1)
except ImportError as error:  # installed without a compiler, sources that are not built, or a library that is missing
    _native, _missing = None, f"the compiled kernels cannot be loaded ({error})"
    if isinstance(error, ModuleNotFoundError) and error.name == "pyalign.backends._native":
        _missing = NOT_COMPILED


class NativeBackend(HostBackend):
    """See `HostBackend`; `csrc/include/pyalign.h` says what each kernel does."""

    name = "native"

    def why_not(self, place: Place = HOST) -> str | None:
        if _native is None:
            return _missing
        _check_environment()
        return None

    def row_squares(self, x: np.ndarray) -> np.ndarray:
        squares: np.ndarray = _native.row_squares(x)
        return squares

    def center_rows(self, x: np.ndarray) -> np.ndarray:
        out = np.empty(x.shape, x.dtype)
        _native.center_rows(x, out)
        return out

    def shift_rows(self, x: np.ndarray, shift: np.ndarray) -> np.ndarray:
        out = np.empty(x.shape, x.dtype)
        _native.shift_rows(x, shift, out)
        return out

    def similarity(self, x: Rows, y: Rows | None, out: np.ndarray) -> None:
        _native.similarity(x, y, out)

    def product(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        _native.product(a, b, out)

    def add_transpose(self, a: np.ndarray) -> None:
        _native.add_transpose(a)

    def permuted_products(self, a: np.ndarray, b: np.ndarray, orders: np.ndarray) -> np.ndarray:
        products: np.ndarray = _native.permuted_products(a, b, orders)
        return products

    def topk(self, similarities: np.ndarray, k: int, own: int, indices: np.ndarray) -> None:
        _native.topk(similarities, k, own, indices)

    def check_triplets(self, triplets: np.ndarray, n: int) -> TripletCheck:
        return TripletCheck(*_native.check_triplets(triplets, n))

    def triplets_from_matrix(self, similarities: np.ndarray, triplets: np.ndarray, want: Wanted) -> Sums | None:
        return _sums(_native.triplets_from_matrix(similarities, triplets, want))

    def triplets_from_rows(self, x: Rows, triplets: np.ndarray, want: Wanted) -> Sums | None:
        n, d = x.values.shape
        in_buckets = use_buckets(n, len(triplets), d * x.values.itemsize)
        run = _native.triplets_in_buckets if in_buckets else _native.triplets_from_rows
        return _sums(run(x, triplets, want))

    def triplet_gradient(
        self, similarities: np.ndarray, triplets: np.ndarray, temperature: float, scale: float, gradient: np.ndarray,
        targets: np.ndarray | None = None, alternatives: int = 3,
    ) -> float:
        cross_entropy = _native.triplet_gradient(
            similarities, triplets, targets, temperature, scale, gradient, alternatives
        )
        if cross_entropy is None:
            raise InvalidTripletsError
        return float(cross_entropy)

    @property
    def most_paired(self) -> int:
        return MOST_PAIRED

    def pair_products(self, x: np.ndarray, triplets: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
        if not _native.pair_products(x, triplets, weights, out):
            raise InvalidTripletsError

    def plan_triplets(self, triplets: np.ndarray, n: int) -> Any:
        if n > MOST_PLANNED or len(triplets) == 0:
            return None
        plan = _native.plan_triplets(triplets, n)
        if plan is None:
            raise InvalidTripletsError
        return plan

    def planned_gradient(
        self, similarities: np.ndarray, plan: Any, temperature: float, scale: float, gradient: np.ndarray,
        targets: np.ndarray | None = None, alternatives: int = 3,
    ) -> float:
        return float(_native.planned_gradient(similarities, plan, targets, temperature, scale, gradient, alternatives))

    def outcomes(
        self, similarities: np.ndarray, temperature: float, verdicts: np.ndarray | None,
        cross_entropy: np.ndarray | None, entropy: np.ndarray | None, alternatives: int = 3,
    ) -> None:
        _native.outcomes(similarities, alternatives, temperature, verdicts, cross_entropy, entropy)

    def temperature_sums(
        self, similarities: np.ndarray, targets: np.ndarray | None, weights: np.ndarray | None, beta: float,
        confidences: np.ndarray | None = None, alternatives: int = 3,
    ) -> LossSums:
        return LossSums(*_native.temperature_sums(similarities, alternatives, targets, weights, beta, confidences))

    def resample_items(
        self, triplets: np.ndarray, multiplicities: np.ndarray, values: np.ndarray, sums: np.ndarray
    ) -> None:
        if not _native.resample_items(triplets, multiplicities, values, sums):
            raise InvalidTripletsError

    def assign(self, values: np.ndarray, triplets: np.ndarray, product: bool, places: np.ndarray) -> int:
        tied = _native.assign(values, triplets, product, places[None])
        if tied is None:
            raise InvalidTripletsError
        return int(tied)

    def choice_similarity(self, similarities: np.ndarray, temperature: float, out: np.ndarray) -> None:
        _native.choice_similarity(similarities, temperature, out)

    def share_triplets(self, triplets: np.ndarray, n: int) -> Any:
        sharing = _native.share_triplets(triplets, n)
        if sharing is None:
            raise InvalidTripletsError
        return sharing

    def shared_products(self, sharing: Any, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k, pairs, sets = values.shape[1], sharing.pairs, sharing.sets
        groups = np.arange(len(pairs)), pairs, sets
        products, of_objects = np.zeros((3, k, k)), np.empty((len(pairs) - 1, k))
        for first, last in _ranges(groups[0] + pairs + sets, SUMS_AT_ONCE // k):
            sums = [of_objects[first:last], *(np.empty((int(of[last] - of[first]), k)) for of in (pairs, sets))]
            _native.sum_shared(sharing, values, first, last, *sums)
            for total, part in zip(products, sums, strict=True):
                total += self.squared(part)
        return products, of_objects

    def ranks(self, values: np.ndarray, order: np.ndarray | None, ranks: np.ndarray | None) -> None:
        _native.ranks(values, 0, order, ranks)

    def rank_sums(
        self, first: RankOrder, second: RankOrder, places: np.ndarray, multiplicities: np.ndarray, sums: np.ndarray
    ) -> None:
        _native.rank_sums(first.items, first.last, second.items, second.last, places, multiplicities, sums)

    def inversions(self, values: np.ndarray, weights: np.ndarray | None) -> int:
        return int(_native.inversions(values, weights))

    def resample_rows(self, keys: np.ndarray, values: np.ndarray, sums: np.ndarray) -> None:
        _native.resample_rows(keys, values, sums)


def _ranges(reached: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Ranges of objects with at most so many groups each, or one object; reached (n + 1,): groups before each."""
    first, n = 0, len(reached) - 1
    while first < n:
        last = int(np.searchsorted(reached, reached[first] + most, side="right")) - 1
        yield first, (first := min(n, max(last, first + 1)))


def _sums(raw: tuple[float, ...] | bool | None) -> Sums | None:
    if raw is None:
        return None
    if isinstance(raw, bool):
        raise InvalidTripletsError
    a, b, c, two, three = (int(count) for count in raw[:5])
    return Sums((a, b, c), (two, three), raw[5], raw[6])


def _check_environment() -> None:
    """PYALIGN_ISA and PYALIGN_NUM_THREADS are read by the kernels, which could only ignore a wrong value."""
    isa = os.environ.get("PYALIGN_ISA")
    if isa and not (known := instruction_sets()).get(isa):
        reason = "this CPU can't run it" if isa in known else f"known here: {', '.join(known)}"
        raise InputError(f"PYALIGN_ISA must name an instruction set of this build; got {isa!r} ({reason})")
    threads = os.environ.get("PYALIGN_NUM_THREADS")
    if threads and not (threads.isascii() and threads.isdecimal() and 0 < int(threads) <= 4096):
        raise InputError(f"PYALIGN_NUM_THREADS must be a whole number from 1 to 4096; got {threads!r}")


def instruction_sets() -> dict[str, bool]:
    """The instruction sets of this build, best first, and whether this CPU runs each."""
    return {} if _native is None else dict(_native.isa_names())


def instruction_set() -> str | None:
    """The instruction set in use, or None without the compiled module."""
    return None if _native is None else str(_native.isa())


def set_instruction_set(name: str) -> None:
    """Use the kernels of that instruction set from now on, in this process."""
    if not instruction_sets().get(name):
        raise InputError(f"instruction set must be one that this CPU supports; got {name!r}")
    _native.set_isa(name)


def compiler() -> str | None:
    """What compiled the kernels, and where their threads come from: "Clang 22.1.8, POOL"; None without kernels."""
    return None if _native is None else f"{_native.compiler}, {_native.thread_source}"


def num_threads() -> int:
    """Threads that the compiled kernels use: PYALIGN_NUM_THREADS, else OpenMP's default; 1 after a fork.

    Where more than 16 are wanted, at most four on each CPU core: OpenMP ends a process that cannot have a thread.
    """
    return 1 if _native is None else int(_native.threads())


def set_num_threads(threads: int) -> None:
    """Use that many threads from now on, in this process, or as many as `num_threads` allows; 0: the default."""
    if not 0 <= threads <= 4096:
        raise InputError(f"threads must be a whole number from 0 to 4096; got {threads}")
    if _native is not None:
        _native.set_threads(threads)


@contextmanager
def guarding(files: Iterable[tuple[bytes, int, bytes]], otherwise: bytes) -> Iterator[None]:
    """Inside, a SIGBUS ends the process with exit code 1 and a line on stderr: for commands, never for a library.

    files: path, size and message of each; the message is that of the first that has become shorter, or `otherwise`.
    Where an error ends the block, threads may still read: then it stays, until the next block has ended.
    """
    if _native is not None:
        _native.begin_guard(list(files), otherwise)
    yield
    if _native is not None:
        _native.end_guard()


BACKEND = NativeBackend()
