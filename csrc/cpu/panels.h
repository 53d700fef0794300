// panels.h: rows packed for a matrix product, as many side by side as a register tile has columns, features outermost.
#pragma once

#include "simd.h"

namespace PA_ISA {
namespace {

template <class T>
struct Panel {
  static constexpr int width = kTileVectors * Simd<T>::lanes;
};

// One panel of rows i0 .. i0 + width, features outermost: panel[k][lane]; lanes past n are zero.
template <class T>
void pack_panel(const pa_matrix* x, int64_t i0, T* panel) {
  typedef Simd<T> S;
  constexpr int lanes = S::lanes, width = Panel<T>::width;
  const int64_t d = x->d;
  for (int64_t k0 = 0; k0 < d; k0 += lanes) {
    const int64_t depth = smaller(lanes, d - k0), bytes = depth * int64_t(sizeof(T));
    for (int group = 0; group < width; group += lanes) {
      typename S::Vector v[lanes];
      for (int lane = 0; lane < lanes; ++lane) {
        const int64_t i = i0 + group + lane;
        v[lane] = typename S::Vector{};
        if (i < x->n && depth == lanes) v[lane] = S::load(row<T>(x, i) + k0);
        else if (i < x->n) memcpy(&v[lane], row<T>(x, i) + k0, bytes);
      }
      transpose<T>(v);
      for (int64_t k = 0; k < depth; ++k) S::store(panel + (k0 + k) * width + group, v[k]);
    }
  }
}

template <class T>
void pack(const pa_matrix* x, T* out, int threads) {
  constexpr int64_t width = Panel<T>::width;
  const int64_t panels = blocks(x->n, width);
#pragma omp parallel for schedule(static) num_threads(threads) if (x->n * x->d > 32768)
  for (int64_t p = 0; p < panels; ++p) pack_panel<T>(x, p * width, out + p * width * x->d);
}

// The same of the columns of y (d, m), whose rows are the features already.
template <class T>
void pack_columns(const pa_matrix* y, T* out, int threads) {
  constexpr int64_t width = Panel<T>::width;
  const int64_t depth = y->n, panels = blocks(y->d, width);
#pragma omp parallel for schedule(static) num_threads(threads) if (y->n * y->d > 32768)
  for (int64_t p = 0; p < panels; ++p) {
    const int64_t columns = smaller(width, y->d - p * width);
    T* panel = out + p * width * depth;
    for (int64_t k = 0; k < depth; ++k, panel += width) {
      memcpy(panel, row<T>(y, k) + p * width, columns * sizeof(T));
      memset(panel + columns, 0, (width - columns) * sizeof(T));
    }
  }
}

}  // namespace
}  // namespace PA_ISA
