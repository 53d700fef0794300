// row_pairs.h: sums over the features of pairs of rows, from which a similarity follows (pair.h).
//
// One order for all: two vectors of partial sums, taken turn by turn; their sum, lane by lane; then the features left
// over. A pair has the same bits in whatever company, and the other way round, so that equal pairs tie.
#pragma once

#include "pair.h"
#include "simd.h"

namespace PA_ISA {
namespace {

// What a pair of features adds: to an inner product, or to a squared distance.
template <pa_pair P, class V>
static inline __attribute__((always_inline)) V term_of(V p, V q) {
  if (!IsDistance<P>::value) return p * q;
  const V difference = p - q;
  return difference * difference;
}

// The same of single features, rounded once where the instruction set can: a compiler left to itself does so or not,
// from loop to loop.
template <pa_pair P, class T>
static inline __attribute__((always_inline)) T add_term(T sum, T p, T q) {
#if defined(__FMA__) || defined(__aarch64__)
  const T a = IsDistance<P>::value ? p - q : p, b = IsDistance<P>::value ? a : q;
  return sizeof(T) == 4 ? T(__builtin_fmaf(float(a), float(b), float(sum))) : T(__builtin_fma(a, b, sum));
#else
  return sum + term_of<P>(p, q);
#endif
}

template <class T, pa_pair P>
inline T finish_pair(double value, int64_t i, int64_t j, const double* terms, double gamma) {
  if (IsDistance<P>::value) return T(from_squared_distance<P>(value, gamma));
  return has_terms(P) ? T(from_inner_product<P>(value, terms[i], terms[j])) : T(value);
}

constexpr int kPairsAtOnce = 4;

// The sums of four vectors, each lane by lane: side by side in 16 bytes, of which each group of lanes gives some.
template <class T>
inline __attribute__((always_inline)) void sums_of_four(const typename Simd<T>::Vector* v, T* sums) {
  typedef Simd<T> S;
  typedef T Group __attribute__((vector_size(16)));
  constexpr int group = 16 / sizeof(T);
#pragma GCC unroll 2
  for (int first = 0; first < kPairsAtOnce; first += group) {
    typename S::Vector column[group];
#pragma GCC unroll 4
    for (int r = 0; r < group; ++r) column[r] = v[first + r];
    transpose<T, group>(column);
    Group sum = {};
#pragma GCC unroll 4
    for (int lane = 0; lane < S::lanes; lane += group)
#pragma GCC unroll 4
      for (int l = 0; l < group; ++l) {
        Group part;
        memcpy(&part, reinterpret_cast<const T*>(&column[l]) + lane, sizeof part);
        sum += part;
      }
    memcpy(sums + first, &sum, sizeof sum);
  }
}

// Four pairs of rows. Shared: their first row is one; Ahead: the lines of `next`, four rows, are requested meanwhile.
template <class T, pa_pair P, bool Shared, bool Ahead>
void four_pairs(const T* const* rows_a, const T* const* rows_b, const T* const* next, int64_t d, T* value) {
  typedef Simd<T> S;
  typedef typename S::Vector V;
  constexpr int64_t step = 2 * S::lanes;
  const T *a0 = rows_a[0], *a1 = rows_a[1], *a2 = rows_a[2], *a3 = rows_a[3];
  const T *b0 = rows_b[0], *b1 = rows_b[1], *b2 = rows_b[2], *b3 = rows_b[3];
  V even[kPairsAtOnce] = {}, odd[kPairsAtOnce] = {};
  const int64_t whole = d / step * step;
  for (int64_t k = 0; k < whole; k += step) {
    if (Ahead)
      for (int64_t line = 0; line < step; line += 64 / int64_t(sizeof(T)))
        for (int r = 0; r < kPairsAtOnce; ++r) __builtin_prefetch(next[r] + k + line);
    const V a = S::load(a0 + k), c = S::load(a0 + k + S::lanes);
    even[0] += term_of<P>(a, S::load(b0 + k));
    even[1] += term_of<P>(Shared ? a : S::load(a1 + k), S::load(b1 + k));
    even[2] += term_of<P>(Shared ? a : S::load(a2 + k), S::load(b2 + k));
    even[3] += term_of<P>(Shared ? a : S::load(a3 + k), S::load(b3 + k));
    odd[0] += term_of<P>(c, S::load(b0 + k + S::lanes));
    odd[1] += term_of<P>(Shared ? c : S::load(a1 + k + S::lanes), S::load(b1 + k + S::lanes));
    odd[2] += term_of<P>(Shared ? c : S::load(a2 + k + S::lanes), S::load(b2 + k + S::lanes));
    odd[3] += term_of<P>(Shared ? c : S::load(a3 + k + S::lanes), S::load(b3 + k + S::lanes));
  }
  for (int r = 0; r < kPairsAtOnce; ++r) even[r] += odd[r];
  sums_of_four<T>(even, value);
  for (int64_t k = whole; k < d; ++k) {
    value[0] = add_term<P>(value[0], a0[k], b0[k]);
    value[1] = add_term<P>(value[1], a1[k], b1[k]);
    value[2] = add_term<P>(value[2], a2[k], b2[k]);
    value[3] = add_term<P>(value[3], a3[k], b3[k]);
  }
}

}  // namespace
}  // namespace PA_ISA
