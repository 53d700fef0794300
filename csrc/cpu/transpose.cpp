// transpose.cpp: a square matrix plus its transpose, in its own memory.
//
// Division of the work. A thread takes a pair of tiles that mirror each other; both, 32 KB, stay in L1 while squares of
// one vector's width are turned in registers. Each element is one addition, so that threads change nothing.
#include "panels.h"

namespace PA_ISA {
namespace {

constexpr int64_t kTile = 64;

// Square (i0, j0) += its mirror image, which becomes the same, transposed. On the diagonal the two are one.
template <class T>
void add_squares(T* a, int64_t n, int64_t i0, int64_t j0) {
  typedef Simd<T> S;
  constexpr int64_t lanes = S::lanes;
  typename S::Vector v[lanes];
  for (int64_t r = 0; r < lanes; ++r) v[r] = S::load(a + (j0 + r) * n + i0);
  transpose<T>(v);
  for (int64_t r = 0; r < lanes; ++r) v[r] += S::load(a + (i0 + r) * n + j0);
  for (int64_t r = 0; r < lanes; ++r) S::store(a + (i0 + r) * n + j0, v[r]);
  transpose<T>(v);
  for (int64_t r = 0; r < lanes; ++r) S::store(a + (j0 + r) * n + i0, v[r]);
}

// The same element by element, where a vector would reach past the edge.
template <class T>
void add_elements(T* a, int64_t n, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  for (int64_t i = i0; i < i1; ++i)
    for (int64_t j = larger(i, j0); j < j1; ++j) a[j * n + i] = a[i * n + j] += a[j * n + i];
}

template <class T>
void add_tiles(T* a, int64_t n, int64_t i0, int64_t j0) {
  constexpr int64_t lanes = Simd<T>::lanes;
  const int64_t i1 = smaller(n, i0 + kTile), j1 = smaller(n, j0 + kTile);
  for (int64_t i = i0; i < i1; i += lanes)
    for (int64_t j = larger(i, j0); j < j1; j += lanes)
      if (i + lanes <= n && j + lanes <= n) add_squares(a, n, i, j);
      else add_elements(a, n, i, smaller(i1, i + lanes), j, smaller(j1, j + lanes));
}

template <class T>
void add_to_itself(T* a, int64_t n, int threads) {
  const int64_t tiles = blocks(n, kTile);
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (n > 2 * kTile)
  for (int64_t i = 0; i < tiles; ++i)
    for (int64_t j = i; j < tiles; ++j) add_tiles(a, n, i * kTile, j * kTile);
}

}  // namespace

pa_status add_transpose(void* a, pa_float_type type, int64_t n, int threads) {
  if (type == PA_FLOAT32) add_to_itself(static_cast<float*>(a), n, threads);
  else add_to_itself(static_cast<double*>(a), n, threads);
  return PA_OK;
}

}  // namespace PA_ISA
