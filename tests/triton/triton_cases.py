"""What the tests of the Triton kernels share: tensors with guards around them, and results with the guards checked."""

from __future__ import annotations

import numpy as np
import torch
from support import pairs_of

from pyalign.backends import Rows
from pyalign.backends import _triton_kernels as kernels
from pyalign.backends._tensors import TensorWanted
from pyalign.backends._triton_launch import INTERPRETED
from pyalign.measures import PAIR_KERNELS

DEVICE = "cpu" if INTERPRETED else "cuda"
PAIRS = tuple(PAIR_KERNELS)
DTYPES = torch.float32, torch.float16, torch.bfloat16
INDEX_TYPES = torch.int16, torch.uint16, torch.int32, torch.int64
EPS = 2.0**-24  # half a unit in the last place of float32
GUARD = -77


def guarded(*shape, dtype, margin=3):
    """An uninitialized tensor inside a larger one of guards, and a function that checks these."""
    whole = torch.full([size + 2 * margin for size in shape], GUARD, dtype=dtype, device=DEVICE)
    inner = tuple(slice(margin, margin + size) for size in shape)

    def check():
        around = whole.clone()
        around[inner] = GUARD
        assert (around == GUARD).all(), "written out of bounds"

    return whole[inner], check


def rows(values, dtype=torch.float32, aligned=False):
    """Rows on the device, amid NaN: what is read past the end of a row shows.

    aligned: they begin at multiples of 16 bytes, so that descriptors can describe them.
    """
    n, d = values.shape
    first, width = (8, d + 16 - d % 8) if aligned else (2, d + 5)
    around = torch.full((n + 2, width), torch.nan, dtype=dtype, device=DEVICE)
    around[1 : n + 1, first : d + first] = torch.from_numpy(values).to(dtype)
    return around[1 : n + 1, first : d + first]


def wide(x):
    """The same values in float64, as numpy."""
    return x.cpu().to(torch.float64).numpy()


def terms_of(x, pair):
    """Row terms of the pair kernel, or None."""
    if not PAIR_KERNELS[pair].terms:
        return None
    squares = (wide(x) ** 2).sum(axis=1)
    if PAIR_KERNELS[pair].angular:
        norms = np.sqrt(squares)
        squares = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    return torch.from_numpy(squares).to(DEVICE)


def prepared(x, pair, gamma=0.0):
    """x as the kernels take it."""
    return Rows(x, terms_of(x, pair), pair, gamma)


def similarity(x, y, pair, gamma=0.0, tf32=False):
    """Result of the kernel as a tensor on the CPU; y None for x with itself."""
    out, check = guarded(len(x), len(x if y is None else y), dtype=torch.float32)
    kernels.similarity(prepared(x, pair, gamma), None if y is None else prepared(y, pair, gamma), tf32, out)
    check()
    return out.cpu()


class Outputs:
    """Everything that the triplet kernels can give, with guards."""

    def __init__(self, t, wanted=("choices", "probabilities", "similarities", "sums")):
        def row(dtype, *columns):  # contiguous, as the kernels take it: guards before and after
            flat, check = guarded(t * int(np.prod(columns)), dtype=dtype)
            self.checks.append(check)
            return flat.view(t, *columns)

        self.checks = []
        self.choices = row(torch.int8) if "choices" in wanted else None
        self.probabilities = row(torch.float32, 3) if "probabilities" in wanted else None
        self.similarities = row(torch.float32, 3) if "similarities" in wanted else None
        self.sums = torch.full((7,), torch.nan, dtype=torch.float64, device=DEVICE) if "sums" in wanted else None
        self.invalid = torch.zeros(1, dtype=torch.int32, device=DEVICE)

    def wanted(self, temperature):
        outputs = self.choices, self.probabilities, self.similarities, self.sums
        return TensorWanted(self.invalid, *outputs, temperature)

    def checked(self):
        """Itself with all on the CPU, as numpy."""
        for check in self.checks:
            check()
        for name in ("choices", "probabilities", "similarities", "sums", "invalid"):
            value = getattr(self, name)
            setattr(self, name, None if value is None else value.cpu().numpy())
        return self


def matrix(values):
    """A matrix of similarities amid NaN, with a row stride of its own."""
    return rows(np.asarray(values, np.float32))


def index(triplets, dtype=torch.int32, layout="contiguous"):
    """(t, 3) indices on the device: contiguous, by columns, or every other row and column of something larger."""
    values = torch.from_numpy(np.asarray(triplets, np.int64)).to(dtype).to(DEVICE)
    t = len(values)
    if layout == "columns":
        return torch.stack([values[:, p] for p in range(3)]).T
    if layout == "steps":
        larger = torch.zeros(2 * t, 6, dtype=dtype, device=DEVICE)
        larger[::2, ::2] = values
        return larger[::2, ::2]
    return values


def from_matrix(similarities, triplets, temperature=1.0, **options):
    out = Outputs(len(triplets), **options)
    kernels.triplets_from_matrix(similarities, triplets, out.wanted(temperature))
    return out.checked()


def from_rows(x, pair, triplets, gamma=0.0, temperature=1.0, **options):
    out = Outputs(len(triplets), **options)
    kernels.triplets_from_rows(prepared(x, pair, gamma), triplets, out.wanted(temperature))
    return out.checked()


def log_softmax(s, temperature):
    """(3, t) float64: logarithms of the probabilities of the pairs 01, 02, 12."""
    scaled = np.sort((s - s.max(axis=0)) / temperature, axis=0)
    return (s - s.max(axis=0)) / temperature - np.log1p(np.exp(scaled[:2]).sum(axis=0))


def sums_of(similarities, triplets, temperature):
    """The members of pa_sums by definition, from a matrix in float64."""
    s = pairs_of(np.asarray(similarities, np.float64), triplets)
    at_top = s == s.max(axis=0)
    pairs = at_top.sum(axis=0)
    logs = log_softmax(s, temperature)
    right = [(at_top[0] & (pairs == many)).sum() for many in (1, 2, 3)]
    entropy = -(np.exp(logs) * logs).sum()
    return np.array([*right, (pairs == 2).sum(), (pairs == 3).sum(), -logs[0].sum(), entropy], np.float64)
