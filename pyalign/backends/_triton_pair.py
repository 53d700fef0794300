"""The pair kernels for Triton: csrc/pair.h and the end of csrc/float_pair.h, under the same names.

Similarities are float32 here. The last step is taken in float64 and rounded once, but for the exponential, which is
that of _triton_float_pair.py: equal distances have equal similarities, however they were found.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

import triton
import triton.language as tl

from pyalign.backends._triton_float_pair import (
    LEAST,
    SQUARES_ERROR,
    cosine_of,
    exp_of_minus,
    is_sure,
    pair_of,
    product_of,
    root_of,
    squared_distance_of,
)
from pyalign.measures import PAIR_KERNELS

NUMBERS = {name: number for number, name in enumerate(PAIR_KERNELS)}  # of `pair`, a kernel's argument
DOT, COSINE, NEG_SQEUCLIDEAN, NEG_EUCLIDEAN, RBF = (
    tl.constexpr(NUMBERS[name]) for name in ("dot", "cosine", "neg_sqeuclidean", "neg_euclidean", "rbf")
)
LAST_PRODUCT = tl.constexpr(max(NUMBERS[kernel.name] for kernel in PAIR_KERNELS.values() if not kernel.distance))

CLOSE_SHARE = 1.0 / 1024  # below this share of a + b, a + b - 2 g has too few digits left
CLOSE_TF32 = 1.0 / 32  # with factors of 11 bits: at this share 2% of the distance


@triton.jit
def has_terms(pair):
    return pair != DOT


@triton.jit
def is_distance(pair):
    return pair > LAST_PRODUCT


@triton.jit
def of_equal_rows(pair):
    """The similarity of a distance of 0."""
    return tl.where(pair == RBF, 1.0, 0.0)


@triton.jit
def squared_distance(g, a, b):
    """The squared distance from the inner product g and the squared norms a, b in float64, at least 0 or NaN."""
    s = (a + b) - 2.0 * g
    return tl.where(s < 0.0, 0.0, s)


@triton.jit
def rbf_of(s, s_low, gamma):
    """float32 exp(-gamma (s + s_low)) from a squared distance as two float32, and from gamma as `two_of` gives it."""
    high, low = product_of(s, s_low, gamma[0], gamma[1])
    return exp_of_minus(high, low)


@triton.jit
def from_squared_distance(s, gamma, PAIR: tl.constexpr):
    """float32 similarity from a squared distance in float64; PAIR is one of the three distance kernels."""
    if PAIR == NEG_SQEUCLIDEAN:
        value = (0.0 - s).to(tl.float32)  # not -s: a distance of zero gives 0, not -0
    elif PAIR == NEG_EUCLIDEAN:
        value = (0.0 - tl.sqrt(s)).to(tl.float32)
    else:
        high, low = pair_of(s)
        value = rbf_of(high, low, gamma)
    return value


@triton.jit
def from_any_squared_distance(s, gamma, pair):
    """The same where the kernel is known at run time alone."""
    value = tl.zeros_like(s).to(tl.float32)
    if pair == NEG_SQEUCLIDEAN:
        value = from_squared_distance(s, gamma, NEG_SQEUCLIDEAN)
    elif pair == NEG_EUCLIDEAN:
        value = from_squared_distance(s, gamma, NEG_EUCLIDEAN)
    else:
        value = from_squared_distance(s, gamma, RBF)
    return value


@triton.jit
def any_of(flags):
    return tl.max(tl.max(flags.to(tl.int32), 1), 0) > 0


@triton.jit
def cosine(g, a, b):
    value, sure = cosine_of(g, a, b)
    if any_of(sure == 0):
        value = tl.where(sure, value, (g.to(tl.float64) * (a * b)).to(tl.float32))
    return value


@triton.jit
def root_in_float64(s):
    """Square root of s > 0 by Newton's steps, from 2^-22 to 2^-44 to 2^-52: a call to the library takes registers."""
    small = s < 1.0
    scaled = (s * tl.where(small, 2.0**100, 2.0**-100)).to(tl.float32)  # whatever s, a normal number
    half = (0.5 / tl.sqrt(scaled)).to(tl.float64) * tl.where(small, 2.0**50, 2.0**-50)
    root = s * (2.0 * half)
    root += (s - root * root) * half
    return root + (s - root * root) * half


@triton.jit
def negative_distance(s, low, together, close, g, a, b, PAIR: tl.constexpr):
    """-s or -sqrt(s), of pairs that are not close."""
    if PAIR == NEG_EUCLIDEAN:
        value, sure = root_of(s, low, together)
    else:
        value, sure = s, is_sure(s, low, together * SQUARES_ERROR)
    value = 0.0 - value
    sure = (sure & (s >= LEAST)) | close
    if any_of(sure == 0):
        exact = squared_distance(g.to(tl.float64), a, b)
        if PAIR == NEG_EUCLIDEAN:
            exact = root_in_float64(exact)
        value = tl.where(sure, value, (0.0 - exact).to(tl.float32))
    return value


@triton.jit
def similarity_of(g, a, b, gamma, pair, CLOSE: tl.constexpr):
    """float32 similarity from inner products and row terms; NaN for close pairs. A branch for each pair kernel."""
    value = g
    if pair == COSINE:
        value = cosine(g, a, b)
    else:
        s, low, together = squared_distance_of(g, a, b)
        close = s <= together * CLOSE
        if pair == NEG_SQEUCLIDEAN:
            value = negative_distance(s, low, together, close, g, a, b, NEG_SQEUCLIDEAN)
        elif pair == NEG_EUCLIDEAN:
            value = negative_distance(s, low, together, close, g, a, b, NEG_EUCLIDEAN)
        else:
            value = rbf_of(s, low, gamma)
        value = tl.where(close, float("nan"), value)
    return value
