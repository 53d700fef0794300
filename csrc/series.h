// series.h: exp and log as short series, branch-free, so that loops over them vectorize on every instruction set.
//
// Arguments are bounded by the callers: exponents are <= 0 (a maximum is subtracted first, or a distance negated) and
// the logarithm is that of a sum of three exponentials whose largest is 1, so that it lies in [1, 3].
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define PA_INLINE __host__ __device__ __forceinline__
#else
#define PA_INLINE static inline __attribute__((always_inline))
#endif

// Before a loop with a constant bound; PA_ROLL before one whose body is to stand there once. Device code takes other
// words than g++, and nvcc's host code neither.
#if defined(__CUDA_ARCH__)
#define PA_UNROLL _Pragma("unroll")
#define PA_ROLL _Pragma("unroll 1")
#elif defined(__CUDACC__)
#define PA_UNROLL
#define PA_ROLL
#else
#define PA_UNROLL _Pragma("GCC unroll 16")
#define PA_ROLL _Pragma("GCC unroll 1")
#endif

template <class T>
struct Series;

template <>
struct Series<float> {
  typedef int32_t Int;
  static constexpr int exp_terms = 7;    // 0.347^8 / 8! = 5e-9
  static constexpr int atanh_terms = 5;  // 0.2^10 / 11 = 9e-9
  static constexpr int mantissa_bits = 23;
  static constexpr Int bias = 127;
  static constexpr float round_magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest integer
  static constexpr float least_exponent = -87.0f;    // exp stays a normal number
  static constexpr float ln2_high = 0.693359375f;    // few bits, so that k * ln2_high is exact
  static constexpr float ln2_low = -2.12194440e-4f;
};

template <>
struct Series<double> {
  typedef int64_t Int;
  static constexpr int exp_terms = 13;    // 0.347^14 / 14! = 4e-18
  static constexpr int atanh_terms = 12;  // 0.2^24 / 25 = 7e-19
  static constexpr int mantissa_bits = 52;
  static constexpr Int bias = 1023;
  static constexpr double round_magic = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double least_exponent = -708.0;
  static constexpr double ln2_high = 0.693147180369123816490;
  static constexpr double ln2_low = 1.90821492927058770002e-10;
};

// exp(x) for least_exponent <= x <= -least_exponent: x = k ln 2 + r with |r| <= ln 2 / 2, Taylor series in r, times
// 2^k.
template <class T>
PA_INLINE T exp_of(T x) {
  typedef Series<T> C;
  const T shifted = x * T(1.44269504088896340736) + C::round_magic;
  const T k = shifted - C::round_magic;
  const T r = (x - k * C::ln2_high) - k * C::ln2_low;
  T p = T(1);
  PA_UNROLL
  for (int i = C::exp_terms; i > 0; --i) p = T(1) + p * (r * (T(1) / T(i)));
  typename C::Int bits, magic_bits;
  memcpy(&bits, &shifted, sizeof bits);
  const T magic = C::round_magic;
  memcpy(&magic_bits, &magic, sizeof magic_bits);
  const typename C::Int power_bits = (bits - magic_bits + C::bias) << C::mantissa_bits;
  T power;
  memcpy(&power, &power_bits, sizeof power);
  return p * power;
}

// log(1 + u) for 0 <= u <= 2, to the last digits of a small u: 2 atanh(f) with f = u / (u + 2), and for u above
// sqrt 2 - 1 the logarithm of (1 + u) / 2, f = (u - 1) / (u + 3), plus log 2.
template <class T>
PA_INLINE T log_one_plus(T u) {
  typedef Series<T> C;
  const bool high = u > T(0.41421356237309504880);
  const T f = (high ? u - T(1) : u) / (high ? u + T(3) : u + T(2));
  const T q = f * f;
  T p = T(0);
  PA_UNROLL
  for (int i = C::atanh_terms - 1; i >= 0; --i) p = p * q + T(2) / T(2 * i + 1);
  return p * f + (high ? T(0.69314718055994530942) : T(0));
}
