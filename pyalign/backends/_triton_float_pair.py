"""Numbers of 48 bits as the sum of two float32, and the last step of a pair kernel in them, as in csrc/float_pair.h.

float64 is slow where float32 is fast: a processor of data centres converts 16 numbers a cycle from or to it, one of
graphics cards 2, and an exponential takes a hundred of its instructions. In pairs of float32 a cosine takes some 13
operations, a squared distance 18, its root 12 more and its exponential 26 more.

u is 2^-24. A result that comes with `sure` is the float32 that the formula of _triton_pair.py in float64 rounds
to, bit for bit: the pair lies within its bound of the exact value, and no midpoint of two float32 is that near (Ziv's
test). One in 2^18 or so is not sure, and is for float64. NaN is not sure. An exponential would too often not be: it is
rounded where it falls, and is a function of its argument alone.

Products are written as `fused`, those that stand alone too: what is written as a product the compiler may fuse with the
sum that follows, and the product would no longer be the number whose error is computed.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

import numpy as np
import triton
import triton.language as tl

from pyalign.backends._triton_launch import INTERPRETED

TWICE_ROUNDED = tl.constexpr(INTERPRETED)  # so does the interpreter of Triton 3.7 with an fma
NEARLY_HALF = tl.constexpr(1.0 + 2.0**-18)  # a low half this near to half a unit of the high one, 2^-43 of it
SQUARES_ERROR = tl.constexpr(2.0**-44)  # of a squared distance, as a share of a + b
ROOT_ERROR = tl.constexpr(2.0**-43)  # of its root, as a share of (a + b) / root
LEAST = tl.constexpr(2.0**-90)  # the products on the way to a smaller result may have lost digits below 2^-149
MOST_EXPONENT = tl.constexpr(104.0)  # exp(-104) rounds to 0
LOG2_E = tl.constexpr(1.44269504088896340736)
LN2_HIGH = tl.constexpr(0.693359375)  # few bits, so that k * LN2_HIGH is exact
LN2_LOW = tl.constexpr(-2.12194440e-4)
INVERSE_FACTORIALS = tl.constexpr((1.0, 1.0, 0.5, 1 / 6, 1 / 24, 1 / 120, 1 / 720))
ROUND_MAGIC = tl.constexpr(12582912.0)  # 1.5 * 2^23: adding it rounds to the nearest integer
ROUND_MAGIC_BITS = tl.constexpr(0x4B400000)


def two_of(gamma: float) -> tuple[float, float]:
    """High and low float32 of a number of the host, which is a kernel's argument of type `(tl.float32, tl.float32)`."""
    high = float(np.float32(min(gamma, 2.0**126)))
    return high, float(np.float32(min(gamma, 2.0**126) - high))


@triton.jit
def fused(a, b, c):
    """a * b + c, rounded once."""
    if TWICE_ROUNDED:
        wide = tl.cast(a, tl.float64) * tl.cast(b, tl.float64) + tl.cast(c, tl.float64)
        value = wide.to(tl.float32)
    else:
        value = tl.fma(a, b, c)
    return value


@triton.jit
def pair_of(v):
    """High and low float32 of a float64, to within u^2."""
    high = v.to(tl.float32)
    return high, (v - high.to(tl.float64)).to(tl.float32)


@triton.jit
def exact_sum(large, small):
    """The sum without error, where `large` is 0 or has the greater exponent."""
    high = large + small
    return high, small - (high - large)


@triton.jit
def product_of(a, a_low, b, b_low):
    """The product of two numbers in two parts, to within 8 u^2. low is up to 3 u high."""
    high = fused(a, b, 0.0)
    low = fused(a_low, b, fused(a, b, -high))
    return high, fused(a, b_low, low)


@triton.jit
def cosine_of(g, a, b):
    """g * (a * b) of a float32 and two float64, and whether that is sure: to within 12 u^2."""
    a_high, a_low = pair_of(a)
    b_high, b_low = pair_of(b)
    inverse, rest = product_of(a_high, a_low, b_high, b_low)
    high = fused(g, inverse, 0.0)
    high, low = exact_sum(high, fused(g, rest, fused(g, inverse, -high)))
    sure = (fused(low, NEARLY_HALF, high) == high) & (tl.abs(high) >= LEAST)
    return high, sure | (g == 0.0)


@triton.jit
def squared_distance_of(g, a, b):
    """High and low of (a + b) - 2 g, and a + b as float32.

    To within 7 u^2 of a + b; exact for whole numbers below 2^24. g is an inner product, so that 2 |g| <= a + b.
    """
    a_high, a_low = pair_of(a)
    b_high, b_low = pair_of(b)
    first = a_high > b_high
    together, rest = exact_sum(tl.where(first, a_high, b_high), tl.where(first, b_high, a_high))
    high = fused(g, -2.0, together)
    lost = fused(g, -2.0, together - high)
    high, low = exact_sum(high, lost + (rest + (a_low + b_low)))
    return high, low, together


@triton.jit
def is_sure(high, low, error):
    """Whether all within `error` of the sum round to `high`."""
    return high + (low + tl.where(low < 0.0, -error, error)) == high


@triton.jit
def root_of(s, s_low, together):
    """Square root of a squared distance above 0, and whether it is sure."""
    rough = tl.sqrt(s)
    inverse = 1.0 / rough
    half = 0.5 * inverse
    root = fused(fused(-rough, rough, s), half, rough)
    root, low = exact_sum(root, fused(fused(-root, root, s) + s_low, half, 0.0))
    return root, is_sure(root, low, together * inverse * ROOT_ERROR)


@triton.jit
def exp_of_minus(v, low):
    """exp(-(v + low)) for v >= 0, to within 0.7 of a float32's last place; down to 0, 2^k in two steps."""
    vanishes = v > MOST_EXPONENT
    x = tl.where(vanishes, -MOST_EXPONENT, -v)
    shifted = fused(x, LOG2_E, ROUND_MAGIC)
    k = shifted - ROUND_MAGIC
    rest = fused(k, -LN2_HIGH, x)
    r = fused(k, -LN2_LOW, rest)
    low = fused(k, -LN2_LOW, rest - r) - tl.where(vanishes, 0.0, low)
    q = r * 0.0 + 1.0 / 5040
    for i in tl.static_range(6, 1, -1):  # 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2
        q = fused(q, r, INVERSE_FACTORIALS[i])
    high, rounded = exact_sum(r * 0.0 + 1.0, r)
    tail = fused(fused(r, r, 0.0), q, rounded)
    value = high + fused(low, high + tail, tail)
    power = (shifted.to(tl.int32, bitcast=True) - ROUND_MAGIC_BITS + (127 + 64)) << 23
    return value * power.to(tl.float32, bitcast=True) * 2.0**-64
