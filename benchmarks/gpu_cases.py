"""What is measured on a device: sizes, and the bytes and operations that each must move at least.

The roofline of a case is the longest of four times: bytes from memory, bytes from the L2 cache, operations, and the
launches. It is a prediction; `benchmarks.gpu` puts what was measured beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.cases import LARGER, SQUARE, THINGS, TRAINING, Case

SECTOR = 32  # bytes that a look-up takes from L2
LAUNCH = 3e-6  # seconds that a kernel takes at least
SIZES = {"float32": 4, "tf32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Card:
    """Peak rates of a device, from its vendor's data sheet (dense, without sparsity); L2 as measured by others."""

    name: str
    memory: float  # bytes / s
    l2: float  # bytes / s
    flops: dict[str, float] = field(default_factory=dict)


# The parts of the names are those of torch.cuda.get_device_name.
CARDS = (
    Card("H200", 4.8e12, 5.5e12, {"float32": 67e12, "tf32": 495e12, "float16": 989e12, "bfloat16": 989e12}),
    Card("H100 80GB HBM3", 3.35e12, 5.5e12, {"float32": 67e12, "tf32": 495e12, "float16": 989e12, "bfloat16": 989e12}),
    Card("A100-SXM4", 2.04e12, 4.0e12, {"float32": 19.5e12, "tf32": 156e12, "float16": 312e12, "bfloat16": 312e12}),
)
H100 = CARDS[1]


@dataclass(frozen=True)
class GpuCase:
    """One operation at one size.

    memory, l2: bytes; flops: multiplications and additions, in `dtype`; launches: kernels, one after the other.
    aim: what the project wants to reach, in words.
    """

    op: str
    case: Case
    dtype: str
    memory: float
    l2: float
    flops: float
    launches: int
    aim: str = ""

    def seconds(self, card: Card) -> float:
        """The roofline."""
        work = max(self.memory / card.memory, self.l2 / card.l2, self.flops / card.flops[self.dtype])
        return max(work, self.launches * LAUNCH)


def _decisions(case: Case) -> GpuCase:
    """Triplets and the matrix once from memory, choices written; three look-ups of a sector each from L2."""
    memory = 12 * case.t + case.t + 4 * case.n**2
    return GpuCase("odd_one_out_from", case, "float32", memory, 3 * SECTOR * case.t, 10 * case.t, 1, "60 % or more")


def _sums(case: Case) -> GpuCase:
    """As decisions, with nothing written; two exponentials and a logarithm of about 20 operations each a triplet."""
    memory = 12 * case.t + 4 * case.n**2
    return GpuCase("score sums", case, "float32", memory, 3 * SECTOR * case.t, 80 * case.t, 2)


def _from_rows(case: Case, dtype: str) -> GpuCase:
    """Three rows a triplet, from memory where the table exceeds L2; 3 d multiply-adds."""
    rows = 3 * case.d * SIZES[dtype] * case.t
    return GpuCase("odd_one_out", case, dtype, rows + 13 * case.t, rows, 6 * case.d * case.t, 1)


def _similarity(case: Case, dtype: str) -> GpuCase:
    """Rows once from memory, the matrix written; of rows with themselves half the products are needed."""
    memory = SIZES[dtype] * case.n * case.d + 4 * case.n**2
    aim = "70 % or more of the speed of the vendor's product alone"
    return GpuCase("similarity cosine", case, dtype, memory, memory, case.n**2 * case.d, 1, aim)


def _gradient(case: Case, *, targets: bool = False) -> GpuCase:
    """Look-ups as decisions; 3 t keys and entries of 4 bytes each sorted in three passes that read and write them, the
    residuals written and gathered, the gradient written twice. With targets, three numbers a triplet more are read.
    """
    sort = 3 * 2 * 8 * 3 * case.t
    memory = 12 * case.t + 4 * case.n**2 * 3 + 12 * case.t + sort + 12 * case.t * targets
    l2 = 3 * SECTOR * case.t + 3 * SECTOR * case.t
    op = "triplet_gradient soft" if targets else "triplet_gradient"
    return GpuCase(op, case, "float32", memory, l2, 80 * case.t, 8)


def _loss(case: Case) -> GpuCase:
    """Similarities, sums and the gradient; two products of (n, n) with the rows in one, and the rest of a step."""
    parts = (_similarity(case, "float32"), _sums(case), _gradient(case))
    product = 2 * case.n**2 * case.d
    memory, l2 = (sum(getattr(part, name) for part in parts) for name in ("memory", "l2"))
    return GpuCase(
        "triplet_loss", case, "float32", memory + 16 * case.n**2, l2, parts[0].flops + product, 14,
        "10 times the speed of the torch composition, or more",
    )  # fmt: skip


def _probe_step(case: Case) -> GpuCase:
    """A pass of a probe of full rank: rows times weights there and back, half of Z Z^T, the gradient, (G + G^T) Z.

    Weights and gradient (d, d) also come from the host and go there, over a bus that is not counted.
    """
    n, d, gradient = case.n, case.d, _gradient(case)
    products = 4 * n * d**2 + 3 * n**2 * d
    memory = gradient.memory + 4 * (4 * n**2 + 6 * n * d + 2 * d**2)
    return GpuCase("probe step", case, "float32", memory, gradient.l2, gradient.flops + products, 20)


def _resamples(case: Case) -> GpuCase:
    """1,024 resamples in 16 groups: three items of 64 bytes from L2 a triplet and group, two values; three sums."""
    groups = 1024 // 64
    memory, l2 = groups * (12 + 4) * case.t, groups * 3 * 64 * case.t
    return GpuCase("object resamples", case, "float32", memory, l2, 1024 * (2 + 2 * 3) * case.t, 2)


GPU_CASES = (
    _decisions(THINGS),
    _sums(THINGS),
    _from_rows(LARGER, "float32"),
    _from_rows(LARGER, "bfloat16"),
    *(_similarity(SQUARE, dtype) for dtype in SIZES),
    _gradient(TRAINING),
    _gradient(TRAINING, targets=True),
    _loss(TRAINING),
    _probe_step(TRAINING),
    _resamples(THINGS),
)
