"""What is measured on a device: sizes, and the bytes and operations that each must move at least.

The roofline of a case is the longest of four times: bytes from memory, bytes from the L2 cache, operations, and the
launches. It is a prediction; `benchmarks.gpu` puts what was measured beside it. So that it is the least time:

* Memory is charged with inputs and results once, as after a flush of L2; what is written to be read again, such as the
  sums of a gradient, is charged to L2 alone, as if it stayed there. Of rows that are read at random those are charged
  that L2 cannot hold.
* L2 is charged with all that kernels read and write, look-ups by sectors; L1 counts where it can hold a whole table.
* Triplets are taken in their order but in a probe, whose plan sorts them by their first pair; gradients by atomics.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from benchmarks.cases import LARGER, SQUARE, THINGS, THINGS_INT64, TRAINING, Case

SECTOR = 32  # bytes that a look-up takes from L2
LAUNCH = 3e-6  # seconds that a kernel takes at least
SIZES = {"float32": 4, "tf32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Card:
    """Peak rates from the vendor's data sheet (dense, without sparsity); those of L2 as others measured them."""

    name: str
    memory: float  # bytes / s
    l2: float  # bytes / s
    l2_size: float  # bytes
    flops: dict[str, float] = field(default_factory=dict)


# The parts of the names are those of torch.cuda.get_device_name.
CARDS = (
    Card("H200", 4.8e12, 5.5e12, 50e6, {"float32": 67e12, "tf32": 495e12, "float16": 989e12, "bfloat16": 989e12}),
    Card(
        "H100 80GB HBM3", 3.35e12, 5.5e12, 50e6,
        {"float32": 67e12, "tf32": 495e12, "float16": 989e12, "bfloat16": 989e12},
    ),
    Card(
        "A100-SXM4", 2.04e12, 4.0e12, 40e6, {"float32": 19.5e12, "tf32": 156e12, "float16": 312e12, "bfloat16": 312e12}
    ),
)
H100 = CARDS[1]


@dataclass(frozen=True)
class GpuCase:
    """One operation at one size.

    memory, l2: bytes; flops: multiplications and additions, in `dtype`; launches: kernels, one after the other.
    aim: what the project wants to reach, in words.
    table, gathered: bytes of rows, and bytes that are read of them at random; they come besides those of `memory`.
    """

    op: str
    case: Case
    dtype: str
    memory: float
    l2: float
    flops: float
    launches: int
    aim: str = ""
    table: float = 0.0
    gathered: float = 0.0

    def times(self, card: Card) -> dict[str, float]:
        """Seconds that each of the four takes."""
        return {
            "memory": (self.memory + self._missed(card)) / card.memory,
            "L2": self.l2 / card.l2,
            "operations": self.flops / card.flops[self.dtype],
            "launches": self.launches * LAUNCH,
        }

    def seconds(self, card: Card) -> float:
        """The roofline."""
        return max(self.times(card).values())

    def limit(self, card: Card) -> str:
        """Which of the four it is."""
        times = self.times(card)
        return max(times, key=lambda name: times[name])

    def _missed(self, card: Card) -> float:
        """Bytes of random reads that come from memory: what L2 holds of the table once, the rest each time."""
        held = min(1.0, card.l2_size / self.table) if self.table else 1.0
        return min(self.gathered, held * self.table + (1.0 - held) * self.gathered)


def title(case: GpuCase) -> str:
    """The case in a line."""
    return f"{case.op}: {case.case.label} {case.dtype}"


def _triplets(case: Case) -> int:
    """Bytes of the triplets."""
    return 3 * np.dtype(case.index).itemsize * case.t


def _decisions(case: Case) -> GpuCase:
    """Triplets and the matrix once from memory, choices written; three look-ups of a sector each from L2."""
    streams = _triplets(case) + case.t
    memory, l2 = streams + 4 * case.n**2, streams + 3 * SECTOR * case.t
    return GpuCase("odd_one_out_from", case, "float32", memory, l2, 10 * case.t, 1, "60 % or more")


def _sums(case: Case) -> GpuCase:
    """As decisions, with nothing written; two exponentials and a logarithm of about 20 operations each a triplet."""
    memory, l2 = _triplets(case) + 4 * case.n**2, _triplets(case) + 3 * SECTOR * case.t
    return GpuCase("score sums", case, "float32", memory, l2, 80 * case.t, 2)


def _from_rows(case: Case, dtype: str) -> GpuCase:
    """Three rows a triplet, from L2 or past it from memory; 3 d multiply-adds."""
    streams, row = _triplets(case) + case.t, case.d * SIZES[dtype]
    table, gathered = case.n * row, 3 * case.t * row
    operations = 6 * case.d * case.t
    return GpuCase(
        "odd_one_out", case, dtype, streams, streams + gathered, operations, 1, table=table, gathered=gathered
    )


def _similarity(case: Case, dtype: str, *, pair: bool = False) -> GpuCase:
    """Rows once from memory, the matrix written; of rows with themselves half the products are needed.

    The vendor's product computes all of them, of one matrix too. That of half precision writes half of the bytes, which
    counts where the operations are halved.
    """
    memory = SIZES[dtype] * case.n * case.d * (1 + pair) + 4 * case.n**2
    operations = case.n**2 * case.d * (1 + pair)
    factor = 0.7 if pair else 1.4 if dtype in ("float32", "tf32") else 1
    aim = f"≥ {factor}x the vendor's product"
    op = "similarity cosine of x and y" if pair else "similarity cosine"
    return GpuCase(op, case, dtype, memory, memory, operations, 1, aim)


def _gradient(case: Case, *, targets: bool = False, planned: bool = False) -> GpuCase:
    """Triplets and the matrix once from memory, the gradient written.

    Look-ups as decisions, of a plan one of three; three atomics a triplet take a sector each. Sums of 8 bytes are
    cleared and read, and the gradient is written. With targets, three numbers a triplet more are read, and these and
    the triplets once more, for the bound of the sums.
    """
    streams = _triplets(case) + 12 * case.t * targets + 4 * case.n**2
    again = (_triplets(case) + 12 * case.t) * targets
    look_ups = (1 if planned else 3) * SECTOR * case.t
    memory, l2 = streams + 4 * case.n**2, streams + again + look_ups + 3 * SECTOR * case.t + (8 + 8 + 4) * case.n**2
    op = "triplet_gradient soft" if targets else "triplet_gradient"
    return GpuCase(op, case, "float32", memory, l2, 80 * case.t, 6 if targets else 4)


def _loss(case: Case) -> GpuCase:
    """Similarities, sums and the gradient; two products of (n, n) with the rows in one. Both matrices stay in L2."""
    parts, rows = (_similarity(case, "float32"), _sums(case), _gradient(case)), 4 * case.n * case.d
    operations = sum(part.flops for part in parts) + 2 * case.n**2 * case.d
    l2 = sum(part.l2 for part in parts) + 2 * 4 * case.n**2 + 2 * rows
    return GpuCase(
        "triplet_loss", case, "float32", _triplets(case) + 2 * rows, l2, operations, 10,
        "10 times the speed of the torch composition, or more",
    )


def _probe_step(case: Case) -> GpuCase:
    """A pass of a probe of full rank: rows times weights there and back, half of Z Z^T, the gradient, (G + G^T) Z.

    Weights and gradient (d, d) also come from the host and go there, over a bus that is not counted.
    """
    n, d, gradient = case.n, case.d, _gradient(case, planned=True)
    products = 4 * n * d**2 + 3 * n**2 * d
    memory = _triplets(case) + 4 * (n * d + 2 * d**2)
    l2 = gradient.l2 + 4 * (3 * n**2 + 6 * n * d + 2 * d**2)
    return GpuCase("probe step", case, "float32", memory, l2, gradient.flops + products, 16)


def _resamples(case: Case) -> GpuCase:
    """1,024 resamples in 8 groups: each reads the triplets and two values and weighs by two dot products of bytes.

    L1 can hold most multiplicities of a group, 128 bytes an item. A dot product of bytes takes the time of two
    multiply-adds of float32; the sums are left to the tensor cores, which have time for them.
    """
    groups, streams = 1024 // 128, _triplets(case) + 2 * 2 * case.t
    memory, l2 = streams + 1024 * case.n, groups * streams + 1024 * case.n
    return GpuCase("object resamples", case, "float32", memory, l2, 1024 * 2 * (2 * 2) * case.t, 2)


def _topk(case: Case) -> GpuCase:
    """The candidates of 20 neighbors, 13 more than these: every similarity is read once, a column of each written."""
    memory = 4 * case.n**2 + 4 * CANDIDATES * case.n
    return GpuCase("topk", case, "float32", memory, memory, case.n**2, 1)


CANDIDATES = 33
SMALL = Case("square-1854", 1854, 768)
WIDE_MATRIX = Case("square-20k", 20_000, 512)
MANY_ITEMS = Case("training-8000", 8000, 512, 4_700_000)  # sums of 512 MB

GPU_CASES = (
    _decisions(THINGS),
    _decisions(THINGS_INT64),  # torch's own type of indices
    _sums(THINGS),
    _from_rows(LARGER, "float32"),
    _from_rows(LARGER, "bfloat16"),
    *(_similarity(SQUARE, dtype) for dtype in SIZES),
    *(_similarity(SQUARE, dtype, pair=True) for dtype in SIZES),
    _gradient(TRAINING),
    _gradient(TRAINING, targets=True),
    _loss(TRAINING),
    _probe_step(TRAINING),
    _resamples(THINGS),
    # Other sizes of what has a second route, see benchmarks/gpu_routes.py.
    *(_similarity(SMALL, dtype, pair=pair) for dtype in ("float32", "bfloat16") for pair in (False, True)),
    _gradient(MANY_ITEMS),
    _topk(SMALL),
    _topk(WIDE_MATRIX),
)
