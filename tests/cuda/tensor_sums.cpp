// tensor_sums.cpp: see tensor_sums.h. Whole numbers only, so that nothing here rounds by itself.
#include "tensor_sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "emulation.h"

namespace emulation {
namespace {

constexpr int kNone = -100000;  // the exponent of zero
constexpr TensorCore kAmpere = {2, 24}, kHopper = {1, 25};

TensorCore chosen;

uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// What is left of a magnitude after a shift to the right, and its sign.
int64_t cut(uint32_t magnitude, int shift, bool negative) {
  const int64_t left = magnitude >> (shift < 31 ? shift : 31);
  return negative ? -left : left;
}

// total * 2^exponent, cut to float32.
float cut_to_float(int64_t total, int exponent) {
  if (total == 0) return 0.0f;
  uint64_t magnitude = uint64_t(total < 0 ? -total : total);
  const int digits = 64 - __builtin_clzll(magnitude), lost = digits - 24, least = -149 - exponent;
  const int shift = lost > least ? lost : least;
  if (shift > 0) magnitude = shift < 64 ? magnitude >> shift << shift : 0;
  const double value = ldexp(double(magnitude), exponent);
  return float(total < 0 ? -value : value);
}

// What IEEE 754 says of NaN and infinity; the tensor cores' NaN is always the same.
float add_specials(float c, const Factor* a, const Factor* b, int depth) {
  double sum = double(c);
  for (int k = 0; k < depth; ++k) sum += double(a[k].value) * double(b[k].value);
  return isnan(sum) ? nanf("") : float(sum);
}

float add_block(float c, const Factor* a, const Factor* b, int depth, int places) {
  const uint32_t bits = bits_of(c), fraction = bits & 0x7fffff, biased = bits >> 23 & 255;
  const int own = c == 0.0f ? kNone : (biased ? int(biased) : 1) - 127;
  bool special = biased == 255;
  int32_t largest = own, exponents[16];
  for (int k = 0; k < depth; ++k) {
    exponents[k] = a[k].exponent + b[k].exponent;
    if (exponents[k] > largest) largest = exponents[k];
    special |= a[k].special || b[k].special;
  }
  if (special) return add_specials(c, a, b, depth);
  if (largest < kNone / 2) return 0.0f;
  int64_t total = cut((fraction | (biased ? 0x800000 : 0)) << (places - 23), largest - own, bits >> 31);
  for (int k = 0; k < depth; ++k)
    total += cut(a[k].significand * b[k].significand << (places - 20), largest - exponents[k],
                 a[k].negative != b[k].negative);
  return cut_to_float(total, largest - places);
}

}  // namespace

void set_tensor_core(int sm) {
  if (sm != 80 && sm != 90) fail("tensor cores of sm_80 and sm_90 are known, not of sm_%d", sm);
  chosen = sm == 80 ? kAmpere : kHopper;
}

const TensorCore& tensor_core() {
  if (!chosen.blocks) set_tensor_core(getenv("PYALIGN_EMULATION_SM") ? atoi(getenv("PYALIGN_EMULATION_SM")) : 80);
  return chosen;
}

Factor factor_of(float value, int least_exponent) {
  const uint32_t bits = bits_of(value), biased = bits >> 23 & 255;
  const bool negative = bits >> 31, special = biased == 255;
  if (value == 0.0f) return {value, kNone, 0, negative, special};
  int exponent = (biased ? int(biased) : 1) - 127;
  uint32_t significand = (bits & 0x7fffff) | (biased ? 0x800000 : 0);
  if (exponent < least_exponent) {
    significand >>= least_exponent - exponent;
    exponent = least_exponent;
  }
  return {value, exponent, significand >> 13, negative, special};
}

float add_products(float c, const Factor* a, const Factor* b, int depth) {
  const TensorCore core = tensor_core();
  const int size = depth / core.blocks;
  for (int first = 0; first < depth; first += size) c = add_block(c, a + first, b + first, size, core.places);
  return c;
}

}  // namespace emulation
