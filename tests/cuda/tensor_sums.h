// tensor_sums.h: what one element of a mma.sync with float32 sums becomes, bit by bit.
//
// Tensor cores add otherwise than IEEE 754 says: products are exact, but a block of them is added to the sum as one
// fixed-point number. All addends are shifted to the exponent of the largest and lose, without rounding, what lies
// below a few more binary places than float32 has; the total is cut to float32, too. Blocks follow one another.
//
//   architecture      features in a block     binary places
//   sm_80, 86, 89     16 bytes: 8, TF32 4     24
//   sm_90 and later   32 bytes: 16, TF32 8    25
//
// From published measurements: Fasi, Higham, Mikaitis and Pranesh, "Numerical behavior of NVIDIA tensor cores" (PeerJ
// CS 7:e330, 2021; V100, T4, A100); Khattak and Mikaitis, "Accurate models of NVIDIA tensor cores" (arXiv 2512.07004;
// A100, H100, B200 and others); Xie, Wang, Yang and Yang, "MMA-Sim" (arXiv 2511.10909). They agree, but for sums below
// 2^-120, which are not modeled. The exponent of a product is the sum of its factors' exponents, even if it is 2 or
// more times that power of two; factors below the normal numbers of their type have the exponent of the smallest.
#pragma once

#include <stdint.h>

namespace emulation {

struct TensorCore {
  int blocks, places;  // into which the features of an instruction are divided; binary places that are kept
};

// 80 or 90, for good until the next call. At first what PYALIGN_EMULATION_SM says, else 80, which keeps less.
void set_tensor_core(int sm);
const TensorCore& tensor_core();

// A factor: significand (11 bits, 10 of them places) times 2^exponent. `special`: NaN or infinite, as `value` is.
struct Factor {
  float value;
  int32_t exponent;
  uint32_t significand;
  bool negative, special;
};
Factor factor_of(float value, int least_exponent);  // of a value with at most 11 bits

// c + a[0] b[0] + ... + a[depth - 1] b[depth - 1].
float add_products(float c, const Factor* a, const Factor* b, int depth);

}  // namespace emulation
