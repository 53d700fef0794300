"""How the emulated tensor cores add, against a second model in exact fractions and against published measurements.

The model here is written from the papers (see tensor_sums.h), not from the emulator: a product is a fraction, an addend
loses what lies below `places` binary places of the largest exponent, the total what float32 does not hold.
"""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from emulated_builds import Build

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="The emulator needs GNU ld.")


@dataclass(frozen=True)
class Format:
    """A type of factors: width and mantissa in bits, exponent of its smallest normal number, factors in a row."""

    width: int
    mantissa: int
    least: int
    depth: int

    def value(self, bits):
        sign, rest = bits >> (self.width - 1), bits & ((1 << (self.width - 1)) - 1)
        biased, fraction = rest >> self.mantissa, Fraction(rest & ((1 << self.mantissa) - 1), 1 << self.mantissa)
        magnitude = power(max(biased, 1) + self.least - 1) * (fraction + (biased > 0))
        return -magnitude if sign else magnitude

    def bits(self, value):
        """Of a number that the type holds."""
        (bits,) = [b for b in (self._encoded(value),) if self.value(b) == value]
        return bits

    def _encoded(self, value):
        exponent = max(exponent_of(value), self.least) if value else self.least
        units = abs(Fraction(value)) / power(exponent - self.mantissa)  # with the hidden digit, if normal
        normal = units >= 1 << self.mantissa
        biased = exponent - self.least + 1 if normal else 0
        fraction = int(units) - ((1 << self.mantissa) if normal else 0)
        return (value < 0) << (self.width - 1) | biased << self.mantissa | fraction


HALF, BFLOAT, TF32, SINGLE = (
    Format(16, 10, -14, 16), Format(16, 7, -126, 16), Format(32, 23, -126, 8), Format(32, 23, -126, 0),
)
TYPES = {"half": HALF, "bfloat": BFLOAT, "tf32": TF32}
BLOCKS = {(80, 16): 8, (80, 8): 4, (90, 16): 16, (90, 8): 8}  # features that are added at once
PLACES = {80: 24, 90: 25}


def power(exponent):
    return Fraction(2) ** exponent


def exponent_of(value):
    """e with 2^e <= |value| < 2^(e + 1)."""
    top, bottom = abs(Fraction(value)).as_integer_ratio()
    e = top.bit_length() - bottom.bit_length()
    return e if power(e) <= abs(value) else e - 1


def cut(value, unit):
    """Toward zero, to a multiple of `unit`."""
    return math.trunc(Fraction(value) / unit) * unit


def add_block(c, a, b, kind, places):
    """c + a . b of one block."""
    own = {id(v): max(exponent_of(v), kind.least) for v in (*a, *b) if v}
    addends = [(x * y, own[id(x)] + own[id(y)]) for x, y in zip(a, b, strict=True) if x and y]
    if c:
        addends.append((c, max(exponent_of(c), SINGLE.least)))
    if not addends:
        return Fraction(0)
    unit = power(max(e for _, e in addends) - places)
    total = sum(cut(value, unit) for value, _ in addends)
    return cut(total, power(max(exponent_of(total), SINGLE.least) - 23)) if total else Fraction(0)


def add_products(c, a, b, kind, sm):
    size = BLOCKS[sm, kind.depth]
    for first in range(0, kind.depth, size):
        c = add_block(c, a[first : first + size], b[first : first + size], kind, PLACES[sm])
    return c


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    """Runs check_products: bits of sums and factors to bits of results."""
    build = Build(tmp_path_factory)
    build.build("check_products")

    def run(sm, name, cases):
        lines = "\n".join(" ".join(f"{bits:x}" for bits in case) for case in cases)
        command = [build.program("check_products"), str(sm), name]
        done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
        return [int(line, 16) for line in done.stdout.split()]

    return run


def draw_cases(name, count):
    """Random bits, with exponents near each other, far apart or in all of the type's range; many zeros and ties."""
    rng = np.random.default_rng(list(name.encode()))
    kind, cases = TYPES[name], []
    for _ in range(count):
        spread = rng.choice([1, 4, 12, 30])
        factors = [draw_factor(rng, kind, spread) for _ in range(2 * kind.depth)]
        c = SINGLE.bits(Fraction(float(np.float32(rng.normal() * 2.0 ** rng.integers(-spread, spread + 1)))))
        cases.append([c if rng.random() < 0.8 else 0, *factors])
    return cases


def draw_factor(rng, kind, spread):
    exponent = int(np.clip(rng.integers(-spread // 2, spread // 2 + 1), kind.least - 3, 15))
    digits = 10 if kind is TF32 else kind.mantissa
    value = Fraction(int(rng.integers(1 << digits, 2 << digits)), 1 << digits) * power(exponent)
    if rng.random() < 0.1 or exponent < kind.least:
        value = power(max(exponent, kind.least)) * (rng.random() < 0.5)
    return kind.bits(-value if rng.random() < 0.4 else value)


def model(sm, name, case):
    kind = TYPES[name]
    values = [kind.value(bits) for bits in case[1:]]
    result = add_products(SINGLE.value(case[0]), values[: kind.depth], values[kind.depth :], kind, sm)
    return SINGLE.bits(result)


@pytest.mark.parametrize("sm", [80, 90])
@pytest.mark.parametrize("name", TYPES)
def test_equals_the_model_in_fractions_bit_for_bit(emulated, sm, name):
    cases = draw_cases(name, 400)
    cut_off = [bits & 0x7FFFFFFF for bits in emulated(sm, name, cases)]  # what a sum of zero has for a sign is open
    assert cut_off == [model(sm, name, case) & 0x7FFFFFFF for case in cases]


def test_architectures_differ_where_they_add_other_blocks(emulated):
    cases = draw_cases("bfloat", 400)
    assert emulated(80, "bfloat", cases) != emulated(90, "bfloat", cases)


def single(value):
    return struct.unpack("<I", struct.pack("<f", value))[0]


E24, E23 = 2.0**-24, 2.0**-23
# Fasi et al. 2021, tables of section 3: c, factors a and b of the first four places, and what an A100 gives.
MEASURED = {
    "addends below half of the last place are lost, even four of them": (1.0, [0.5] * 4, [E24] * 4, 1.0),
    "and wherever the largest stands": (E24, [0.5, 0.5, 1.0, 0.5], [E24, E24, 1.0, E24], 1.0),
    "a positive sum is cut": (0.0, [1.0, 1.0], [2.0, E23 + E24], 2.0),
    "a negative sum is cut toward zero": (0.0, [1.0, 1.0], [-2.0, -E23 - E24], -2.0),
    "one more place is kept in the alignment": (-(1.0 - E24), [1.0], [1.0], E24),
    "two halves of the last place count": (1.0 - E24, [1.0] * 4, [E24] * 4, 1.0 + E23),
    "a difference is not normalized before it is added": (-1.0 + E24, [1.0, 1.0], [1.0, -E24], 0.0),
    "carries have room": (1.875, [1.0] * 4, [1.0, 1.5, 1.75, 1.875], 8.0),
    "what carries push out is cut": (1.0 + 2.0**-22 + E23, [1.0] * 4, [1.0] * 4, 5.0),
    "products are exact": (0.0, [1.0 - 2.0**-8] * 4, [1.0 - 2.0**-8] * 4, 4.0 * (1.0 - 2.0**-8) ** 2),
}


def measured_case(kind, c, a, b):
    filled = [[kind.bits(Fraction(v)) for v in (*side, *[0.0] * (kind.depth - len(side)))] for side in (a, b)]
    return [single(c), *filled[0], *filled[1]]


@pytest.mark.parametrize("name", ["bfloat", "tf32"])
@pytest.mark.parametrize("what", MEASURED)
def test_an_a100_was_seen_to_do_that(emulated, what, name):
    c, a, b, expected = MEASURED[what]
    case = measured_case(TYPES[name], c, a, b)
    assert emulated(80, name, [case]) == [single(expected)]
    assert model(80, name, case) == single(expected)


def test_sums_are_not_monotonic(emulated):
    a, b = [0.5] * 4, [E24, E24, E24, E23 + E24]
    below, one = (measured_case(BFLOAT, c, a, b) for c in (1.0 - E24, 1.0))
    assert emulated(80, "bfloat", [one])[0] < emulated(80, "bfloat", [below])[0]


@pytest.mark.parametrize(("sm", "lost"), [(80, True), (90, False)])
def test_a_second_place_is_kept_from_hopper_on(emulated, sm, lost):
    case = measured_case(BFLOAT, -1.0, [1.0, 1.0, 1.0], [1.0, 2.0**-25, E24])  # the last one is kept by both
    assert emulated(sm, "bfloat", [case]) == [single(E24 if lost else E24 + 2.0**-25)]


def test_subnormal_numbers_are_taken_and_given(emulated):
    tiny = measured_case(BFLOAT, 0.0, [2.0**-126], [0.5])
    assert emulated(80, "bfloat", [tiny, [1, *[0] * 32]]) == [single(2.0**-127), 1]
    smallest = measured_case(HALF, 0.0, [2.0**-24], [2.0**-24])
    assert emulated(90, "half", [smallest]) == [single(2.0**-48)]


def test_numbers_without_a_value(emulated):
    infinite, nan = 0x7C00, 0x7E00
    cases = [[0, infinite, *[0] * 15, HALF.bits(Fraction(1)), *[0] * 15], [0, infinite, *[0] * 31],
             [0, nan, *[0] * 31], [single(math.inf), *[0] * 32]]
    results = [struct.unpack("<f", struct.pack("<I", bits))[0] for bits in emulated(80, "half", cases)]
    assert results[0] == results[3] == math.inf
    assert math.isnan(results[1])
    assert math.isnan(results[2])
