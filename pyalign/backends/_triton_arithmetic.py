"""The arithmetic of csrc/series.h and choice.h for Triton kernels, under the same names.

Decisions and probabilities are taken in float32. Comparisons are written out as in C, not as minima and maxima.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

import triton
import triton.language as tl

from pyalign.backends._triton_float_pair import LN2_HIGH, LN2_LOW, LOG2_E, ROUND_MAGIC, ROUND_MAGIC_BITS

LEAST_EXPONENT = tl.constexpr(-87.0)  # exp stays a normal number
LN2 = tl.constexpr(0.69314718055994530942)
SQRT2_MINUS_1 = tl.constexpr(0.41421356237309504880)


@triton.jit
def exp_of(x):
    """exp(x) for -87 <= x <= 0, float32: x = k ln 2 + r with |r| <= ln 2 / 2, Taylor series in r, times 2^k."""
    shifted = x * LOG2_E + ROUND_MAGIC
    k = shifted - ROUND_MAGIC
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = r * 0.0 + 1.0
    for i in tl.static_range(7, 0, -1):  # 0.347^8 / 8! = 5e-9
        p = 1.0 + p * (r * (1.0 / i))
    exponent = shifted.to(tl.int32, bitcast=True) - ROUND_MAGIC_BITS + 127
    return p * (exponent << 23).to(tl.float32, bitcast=True)


@triton.jit
def log_one_plus(u):
    """log(1 + u) for 0 <= u <= 2, float32, to the last digits of a small u."""
    high = u > SQRT2_MINUS_1
    f = tl.div_rn(tl.where(high, u - 1.0, u), tl.where(high, u + 3.0, u + 2.0))
    q = f * f
    p = q * 0.0
    for i in tl.static_range(4, -1, -1):  # 0.2^10 / 11 = 9e-9
        p = p * q + 2.0 / (2 * i + 1)
    return p * f + tl.where(high, LN2, 0.0)


@triton.jit
def largest(s01, s02, s12):
    return tl.where(s01 > s02, tl.where(s01 > s12, s01, s12), tl.where(s02 > s12, s02, s12))


@triton.jit
def decide(s01, s02, s12):
    """Pairs at the maximum, whether the pair (0, 1) is among them, and the odd item's position, -1 for a tie."""
    top = largest(s01, s02, s12)
    e01, e02, e12 = (s01 == top).to(tl.int32), (s02 == top).to(tl.int32), (s12 == top).to(tl.int32)
    pairs = e01 + e02 + e12
    return pairs, e01, tl.where(pairs == 1, 2 * e01 + e02, -1)


@triton.jit
def bounded(exponent):
    return tl.where(exponent > LEAST_EXPONENT, exponent, LEAST_EXPONENT)


@triton.jit
def softmax(s01, s02, s12, inverse_temperature):
    """The three exponentials, the largest of which is 1, and their sum."""
    top = largest(s01, s02, s12)
    e01 = exp_of(bounded((s01 - top) * inverse_temperature))
    e02 = exp_of(bounded((s02 - top) * inverse_temperature))
    e12 = exp_of(bounded((s12 - top) * inverse_temperature))
    return e01, e02, e12, e01 + e02 + e12


@triton.jit
def residuals(s01, s02, s12, inverse_temperature, odd0, odd1, odd2):
    """Cross-entropy of answers that weigh odd0, odd1, odd2, and its derivatives by s02 and s12, in units of 1 / T."""
    top = largest(s01, s02, s12)
    e01, e02, e12, _ = softmax(s01, s02, s12, inverse_temperature)
    # The largest exponential is 1 and stays out of the sum, so that log(1 + tiny) keeps its digits.
    more, less = tl.where(e01 > e02, e01, e02), tl.where(e01 > e02, e02, e01)
    rest_of_z = less + tl.where(more < e12, more, e12)
    p = tl.div_rn(tl.zeros_like(rest_of_z) + 1.0, 1.0 + rest_of_z)
    # An answer of no weight adds nothing, however far its similarity lies below the others.
    below = odd2 * (s01 - top) + odd1 * (s02 - top) + odd0 * (s12 - top)
    cross_entropy = (odd0 + odd1 + odd2) * log_one_plus(rest_of_z) - below * inverse_temperature
    # What other answers say of the pair and what its own miss: 1 - p keeps its digits near p = 1.
    r02 = (e02 * (odd2 + odd0) - odd1 * (e01 + e12)) * p
    r12 = (e12 * (odd2 + odd1) - odd0 * (e01 + e02)) * p
    return cross_entropy, r02, r12


@triton.jit
def nats(s01, s02, s12, inverse_temperature):
    """Cross-entropy of the human pair (0, 1) and entropy of the choice, float32."""
    more, less = tl.where(s01 > s02, s01, s02), tl.where(s01 > s02, s02, s01)
    top, low = tl.where(more > s12, more, s12), tl.where(less < s12, less, s12)
    rest = tl.where(more < s12, more, s12)
    middle = tl.where(less > rest, less, rest)
    a = bounded((middle - top) * inverse_temperature)
    b = bounded((low - top) * inverse_temperature)
    ea, eb = exp_of(a), exp_of(b)
    rest_of_z = ea + eb
    log_z = log_one_plus(rest_of_z)
    cross_entropy = log_z - (s01 - top) * inverse_temperature
    return cross_entropy, log_z - tl.div_rn(ea * a + eb * b, 1.0 + rest_of_z)
