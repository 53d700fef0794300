// fragments.h: 16-bit floats, and what the lanes of a warp bring to a product of matrices.
#pragma once

#include "emulation.h"

namespace emulation {

inline __attribute__((always_inline)) float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

inline __attribute__((always_inline)) float float_of_half(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000) << 16, rest = half & 0x7fff;
  if (rest >= 0x7c00) return float_of_bits(sign | 0x7f800000 | (rest & 0x3ff) << 13);
  const float magnitude = float_of_bits(rest << 13) * 0x1p112f;  // subnormal halves too
  return sign ? -magnitude : magnitude;
}

inline __attribute__((always_inline)) float float_of_bfloat(uint16_t bfloat) {
  return float_of_bits(uint32_t(bfloat) << 16);
}

inline uint16_t bfloat_of_float(float value) {  // to nearest, ties to even
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return uint16_t(value != value ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline uint16_t half_of_float(float value) {  // likewise
  const uint16_t sign = signbit(value) ? 0x8000 : 0;
  const double magnitude = fabs(double(value));
  if (value != value) return 0x7fff;
  if (magnitude >= 65520.0) return sign | 0x7c00;
  const int exponent = magnitude < 0x1p-14 ? -14 : ilogb(magnitude);
  const int mantissa = int(nearbyint(ldexp(magnitude, 10 - exponent)));  // with its first digit
  return uint16_t(sign | (((exponent + 14) << 10) + mantissa));
}

struct Operands {
  float* c;
  const uint32_t *a, *b;
};
void multiply_halves(void* const brought[32], unsigned mask);
void multiply_bfloats(void* const brought[32], unsigned mask);
void multiply_tf32(void* const brought[32], unsigned mask);

struct ByteOperands {
  int32_t* c;
  const uint32_t *a, *b;
};
void multiply_bytes(void* const brought[32], unsigned mask);

struct MatrixRow {
  const void* address;
  unsigned char bytes[16];
  uint32_t* registers;
};
void deal_out_rows(void* const brought[32], unsigned mask);
extern int64_t bank_conflicts;  // matrices of which load_matrices had to read two rows from the same banks, until now

inline void must_be_aligned(const void* address, const char* what) {
  if (uintptr_t(address) % 16) fail("%s: an address is not a multiple of 16", what);
}

}  // namespace emulation
