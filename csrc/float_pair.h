// float_pair.h: numbers of 48 bits as the sum of two float32, and the last step of a pair kernel in them.
//
// Compiled by g++ and by nvcc; for float32 results on devices, where float64 has a half to a 64th of the rate. u is
// 2^-24. A result that comes with `sure` is the float32 that the float64 formula of pair.h rounds to, bit for bit: the
// pair is within 2^-44 of the exact value, the float64 within 2^-52, and no midpoint of two float32 lies that near. One
// in 2^18 or so is not sure, and is computed in float64.
#pragma once

#include "pair.h"

struct FloatPair {
  float high, low;  // the value is high + low; |low| <= u |high|, unless a comment says otherwise
};

// a b rounded once: a compiler may not fuse it with a sum that follows.
PA_INLINE float product_of(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#elif defined(__FP_FAST_FMAF)
  return fmaf(a, b, -0.0f);
#else
  return a * b;
#endif
}

PA_INLINE FloatPair pair_of(double v) {  // to within u^2
  const float high = float(v);
  return {high, float(v - double(high))};
}
PA_INLINE double value_of(FloatPair v) { return double(v.high) + double(v.low); }

// The sum of a large and a small number, exactly; large is 0 or has the greater exponent.
PA_INLINE FloatPair exact_sum(float large, float small) {
  const float high = large + small;
  return {high, small - (high - large)};
}

// To within 8 u^2. low is up to 3 u high.
PA_INLINE FloatPair product_of(FloatPair a, FloatPair b) {
  const float high = product_of(a.high, b.high);
  const float low = fmaf(a.low, b.high, fmaf(a.high, b.high, -high));
  return {high, fmaf(a.high, b.low, low)};
}

// Whether every number within 2^-43 of v rounds to v.high, and no product of the way there lost digits below 2^-149.
// NaN is not sure.
PA_INLINE bool rounds_surely(FloatPair v) {
  return (fmaf(v.low, 1.0f + 0x1p-18f, v.high) == v.high) & (fabsf(v.high) >= 0x1p-96f);  // no branch
}

// g * (a * b) as in from_inner_product<PA_COSINE>: to within 12 u^2, 2^-44.4.
PA_INLINE float cosine_of(float g, FloatPair a, FloatPair b, bool& sure) {
  const FloatPair ab = product_of(a, b);
  const float high = product_of(g, ab.high);
  const FloatPair v = exact_sum(high, fmaf(g, ab.low, fmaf(g, ab.high, -high)));
  sure = (g == 0.0f) | (rounds_surely(v) & (ab.high >= 0x1p-96f));
  return v.high;
}

// (a + b) - 2 g as in squared_distance, and a + b rounded once. Exact for whole numbers that float32 holds; else within
// 2^-48 of a + b, and so below zero where rows are very close. g is an inner product, so that 2 |g| <= a + b.
PA_INLINE FloatPair squared_distance(float g, FloatPair a, FloatPair b, float& rounded_sum) {
  const FloatPair sum = exact_sum(fmaxf(a.high, b.high), fminf(a.high, b.high));
  const float high = fmaf(-2.0f, g, sum.high);
  const float lost = fmaf(-2.0f, g, sum.high - high);
  rounded_sum = sum.high;
  return exact_sum(high, lost + (sum.low + (a.low + b.low)));
}

// 1 / sqrt(v) for root_of.
PA_INLINE float reciprocal_root(float v) {
#if defined(__CUDA_ARCH__)
  return rsqrtf(v);
#else
  return 1.0f / sqrtf(v);
#endif
}

// The square root of s from `inverse`, its reciprocal to within 2^-22: a Newton step in float32, and one that gives the
// low part. To within 11 u^2, 2^-44.5.
PA_INLINE float root_of(FloatPair s, float inverse, bool& sure) {
  const float half = 0.5f * inverse, rough = product_of(s.high, inverse);
  const float root = fmaf(fmaf(-rough, rough, s.high), half, rough);
  const FloatPair v = exact_sum(root, product_of(fmaf(-root, root, s.high) + s.low, half));
  sure = (s.high == 0.0f) | (rounds_surely(v) & (s.high >= 0x1p-96f));
  return s.high == 0.0f ? 0.0f : v.high;
}

// exp(-(v.high + v.low)) for v >= 0, to within 0.7 of a float32's last place: as exp_of, with the rest of the argument
// and of the reduction carried along. Down to zero: 2^k is applied in two steps.
PA_INLINE float exp_of_minus(FloatPair v) {
  typedef Series<float> C;
  const bool vanishes = v.high > 104.0f;  // exp(-104) rounds to 0
  const float x = vanishes ? -104.0f : -v.high;
  const float shifted = fmaf(x, 1.44269504f, C::round_magic), k = shifted - C::round_magic;
  const float rest = fmaf(k, -C::ln2_high, x);  // exact
  const float r = fmaf(k, -C::ln2_low, rest);
  const float low = fmaf(k, -C::ln2_low, rest - r) - (vanishes ? 0.0f : v.low);
  float q = 1.0f / 5040.0f;
  q = fmaf(fmaf(q, r, 1.0f / 720.0f), r, 1.0f / 120.0f);
  q = fmaf(fmaf(fmaf(q, r, 1.0f / 24.0f), r, 1.0f / 6.0f), r, 0.5f);
  const FloatPair p = exact_sum(1.0f, r);
  const float tail = fmaf(product_of(r, r), q, p.low);
  const float value = p.high + fmaf(low, p.high + tail, tail);
  uint32_t bits, magic_bits;  // unsigned: of NaN they may be anything
  memcpy(&bits, &shifted, sizeof bits);
  const float magic = C::round_magic;
  memcpy(&magic_bits, &magic, sizeof magic_bits);
  const uint32_t power_bits = (bits - magic_bits + uint32_t(C::bias + 64)) << C::mantissa_bits;
  float power;
  memcpy(&power, &power_bits, sizeof power);
  return product_of(product_of(value, power), 0x1p-64f);
}

// The last step of a pair kernel in FloatPair, as in pair.h; one that has none here is not sure.
template <pa_pair P>
PA_INLINE float from_inner_product(float g, FloatPair a, FloatPair b, bool& sure) {
  if (!has_terms(P)) return g;
  if (P == PA_COSINE) return cosine_of(g, a, b, sure);
  sure = false;
  return g;
}
template <pa_pair P>
PA_INLINE float from_squared_distance(FloatPair s, FloatPair gamma, bool& sure) {
  if (P == PA_NEG_SQEUCLIDEAN) return 0.0f - s.high;  // of zero: 0, not -0
  if (P == PA_NEG_EUCLIDEAN) return 0.0f - root_of(s, reciprocal_root(s.high), sure);
  if (P == PA_RBF) return exp_of_minus(product_of(gamma, s));
  sure = false;
  return s.high;
}
