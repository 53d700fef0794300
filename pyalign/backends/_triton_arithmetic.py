"""The arithmetic of csrc/series.h and choice.h for Triton kernels, under the same names.

Decisions and probabilities are taken in float32. Comparisons are written out as in C, not as minima and maxima.

Numbers of 48 bits as the sum of two float32, and the last step of a pair kernel in them, as in csrc/float_pair.h.
The pair kernels for Triton: csrc/pair.h and the end of csrc/float_pair.h, under the same names.
"""

from __future__ import annotations

import numpy as np
import triton
import triton.language as tl

from pyalign.backends._triton_launch import INTERPRETED
from pyalign.measures import PAIR_KERNELS

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


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


# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


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


# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


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
