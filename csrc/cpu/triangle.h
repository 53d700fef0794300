// triangle.h: a symmetric matrix as the pairs below its diagonal, row after row, for look-ups at random places.
//
// A look-up waits for memory, and the less memory there is, the nearer it lies: half of the matrix, in huge pages, is
// read in about half the time. That pays for the copy where a matrix that L2 does not hold is looked up once for each
// of its elements, and the copy is small enough to be kept from call to call (scratch.cpp).
#pragma once

#include "panels.h"

namespace PA_ISA {
namespace {

constexpr int64_t kTriangleTile = 64;
constexpr int64_t kMostCopied = int64_t(128) << 20;  // bytes of the matrix; places are 32-bit numbers

// Bytes of a matrix whose look-ups wait for L3 or for memory. Smaller ones are mostly in L2 (0.5 to 2 MB): there a
// request is an instruction more, by which decisions take up to a third longer.
constexpr int64_t kBeyondL2 = int64_t(4) << 20;

template <class T>
bool is_beyond_l2(const pa_matrix* s) {
  return s->n * s->n * int64_t(sizeof(T)) >= kBeyondL2;
}

// Of pair (i, j) of different items.
static inline uint32_t place_of(int32_t i, int32_t j) {
  const uint32_t low = uint32_t(i < j ? i : j), high = uint32_t(i < j ? j : i);
  return high * (high - 1) / 2 + low;
}

template <class T>
bool triangle_pays(const pa_matrix* s, int64_t look_ups) {
  const int64_t elements = s->n * s->n, bytes = elements * int64_t(sizeof(T));
  return is_beyond_l2<T>(s) && bytes <= kMostCopied && look_ups >= elements;
}

// A bit that differs between rows i0 .. i1 and columns j0 .. j1 and their mirror image; copies what lies below the
// diagonal.
template <class T>
typename LaneIndex<T>::type copy_elements(const pa_matrix* s, int64_t i0, int64_t i1, int64_t j0, int64_t j1, T* out) {
  typename LaneIndex<T>::type differs = 0;
  for (int64_t i = i0; i < i1; ++i)
    for (int64_t j = j0; j < smaller(i, j1); ++j) {
      typename LaneIndex<T>::type here, there;
      memcpy(&here, row<T>(s, i) + j, sizeof here);
      memcpy(&there, row<T>(s, j) + i, sizeof there);
      differs |= here ^ there;
      memcpy(out + place_of(int32_t(i), int32_t(j)), &here, sizeof here);
    }
  return differs;
}

// The same of a square of one vector's width that lies below the diagonal.
template <class T>
typename Simd<T>::Mask copy_square(const pa_matrix* s, int64_t i0, int64_t j0, T* out) {
  typedef Simd<T> S;
  constexpr int64_t lanes = S::lanes;
  typename S::Vector v[lanes];
  typename S::Mask differs = {};
  for (int64_t r = 0; r < lanes; ++r) v[r] = S::load(row<T>(s, j0 + r) + i0);
  transpose<T>(v);
  for (int64_t r = 0; r < lanes; ++r) {
    const typename S::Vector here = S::load(row<T>(s, i0 + r) + j0);
    differs |= typename S::Mask(here) ^ typename S::Mask(v[r]);
    S::store(out + place_of(int32_t(i0 + r), int32_t(j0)), here);
  }
  return differs;
}

// Whether the tile is its mirror image, bit for bit.
template <class T>
bool copy_tile(const pa_matrix* s, int64_t i0, int64_t j0, T* out) {
  constexpr int64_t lanes = Simd<T>::lanes;
  const int64_t i1 = smaller(s->n, i0 + kTriangleTile), j1 = j0 + kTriangleTile;
  typename Simd<T>::Mask differs = {};
  typename LaneIndex<T>::type any = 0;
  for (int64_t i = i0; i < i1; i += lanes)
    for (int64_t j = j0; j < smaller(i1, j1); j += lanes)
      if (i + lanes <= i1 && j + lanes <= i) differs |= copy_square<T>(s, i, j, out);
      else any |= copy_elements<T>(s, i, smaller(i1, i + lanes), j, j + lanes, out);
  for (int64_t lane = 0; lane < lanes; ++lane) any |= differs[lane];
  return any == 0;
}

// out (n (n - 1) / 2,): s[i, j] of each i > j, at place_of(i, j). False where s is not symmetric, bit for bit; what
// lies in `out` then means nothing.
template <class T>
bool copy_triangle(const pa_matrix* s, T* out, int threads) {
  const int64_t tiles = blocks(s->n, kTriangleTile);
  int differs = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
  for (int64_t i = 0; i < tiles; ++i)
    for (int64_t j = 0; j <= i && !__atomic_load_n(&differs, __ATOMIC_RELAXED); ++j)
      if (!copy_tile(s, i * kTriangleTile, j * kTriangleTile, out)) __atomic_store_n(&differs, 1, __ATOMIC_RELAXED);
  return !differs;
}

}  // namespace
}  // namespace PA_ISA
