// similarity.cpp: all pairs of rows, as tiles of a matrix product with the similarity taken while a tile is in cache.
//
// Division of the work. The rows of y are packed once into panels (as many rows as a register tile has columns,
// features outermost); those of x are read where they lie. The result is cut into square blocks; a thread takes one
// block at a time, accumulates it in a buffer that stays in L2 over slices of kDepth features, turns inner products
// into similarities row by row, and writes. When y is x, blocks below the diagonal are skipped and each block is
// written a second time transposed.
//
// An element is the sum over features in order, slice by slice, whatever the block, the thread or the side of the
// diagonal: the result does not depend on the number of threads and is symmetric bit for bit.
#include "pair.h"
#include "panels.h"

namespace PA_ISA {
namespace {

// A slice of one panel of y takes 24 KB, and fits in L1 with a tile of x.
constexpr int64_t kDepth = 24576 / (kTileVectors * kVectorBytes) < 384 ? 24576 / (kTileVectors * kVectorBytes) : 384;
constexpr int64_t kBlock = 144;  // rows and columns of a block: a multiple of panels and tiles on every instruction set
constexpr int64_t kBufferStride = kBlock + 16;  // not a power of two: columns spread over cache sets
constexpr int64_t kTranspose = 16;
static_assert(kBlock % Panel<float>::width == 0 && kBlock % Panel<double>::width == 0, "panels must fill blocks");
static_assert(kBlock % kTileRows == 0, "tiles must fill blocks");

// One register tile: inner products of kTileRows rows with all rows of a panel, over `depth` features.
template <class T>
void multiply_tile(int64_t depth, const T* const* rows, const T* b, T* c, bool first) {
  typedef Simd<T> S;
  constexpr int lanes = S::lanes, width = Panel<T>::width;
  const T* a[kTileRows];
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r) a[r] = rows[r];
  typename S::Vector sum[kTileRows][kTileVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kTileVectors; ++v)
      sum[r][v] = first ? typename S::Vector{} : S::load(c + r * kBufferStride + v * lanes);
  for (int64_t k = 0; k < depth; ++k, b += width) {
    typename S::Vector y[kTileVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kTileVectors; ++v) y[v] = S::load(b + v * lanes);
#pragma GCC unroll 8
    for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kTileVectors; ++v) sum[r][v] += a[r][k] * y[v];
  }
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kTileVectors; ++v) S::store(c + r * kBufferStride + v * lanes, sum[r][v]);
}

template <class T>
struct Job {
  const pa_matrix *x, *y;
  const double *x_terms, *y_terms;
  const T* packed;
  T* out;
  int64_t out_stride;
  double gamma;
  bool symmetric;
};

// The block's inner products into `buffer`; register tiles wholly below the diagonal are left out.
template <class T>
void multiply_block(const Job<T>& job, int64_t i0, int64_t rows, int64_t j0, int64_t columns, T* buffer) {
  constexpr int64_t width = Panel<T>::width;
  const int64_t d = job.x->d;
  if (d == 0) memset(buffer, 0, kBlock * kBufferStride * sizeof(T));
  for (int64_t k0 = 0; k0 < d; k0 += kDepth) {
    const int64_t depth = smaller(kDepth, d - k0);
    for (int64_t j = 0; j < columns; j += width) {
      const T* b = job.packed + (j0 + j) * d + k0 * width;
      for (int64_t i = 0; i < rows; i += kTileRows) {
        if (job.symmetric && j0 + j + width <= i0 + i) continue;
        const T* a[kTileRows];  // past the last row, that row again
        for (int r = 0; r < kTileRows; ++r) a[r] = row<T>(job.x, smaller(i0 + i + r, job.x->n - 1)) + k0;
        multiply_tile<T>(depth, a, b, buffer + i * kBufferStride + j, k0 == 0);
      }
    }
  }
}

template <class T>
double exact_squared_distance(const T* x, const T* y, int64_t d) {
  double s = 0.0;
#pragma omp simd reduction(+ : s)
  for (int64_t k = 0; k < d; ++k) {
    const double difference = double(x[k]) - double(y[k]);
    s += difference * difference;
  }
  return s;
}

// a + b - 2 g cancels for close rows: below this share of a + b the distance is summed from the rows themselves.
template <class T>
constexpr double close_share() {
  return sizeof(T) == 4 ? 1.0 / 1024 : 1.0 / (1 << 20);
}

// Inner products of row i with rows j0.. into similarities, in place.
template <class T, pa_pair P>
void finish_row(const Job<T>& job, int64_t i, int64_t j0, int64_t columns, T* g) {
  if (P == PA_DOT) return;
  const double a = job.x_terms[i], gamma = job.gamma;
  const double* b = job.y_terms + j0;
  if (!IsDistance<P>::value) {
#pragma omp simd
    for (int64_t j = 0; j < columns; ++j) g[j] = T(from_inner_product<P>(g[j], a, b[j]));
    return;
  }
  int close = 0;
  double squares[kBlock];
#pragma omp simd reduction(+ : close)
  for (int64_t j = 0; j < columns; ++j) {
    squares[j] = squared_distance(g[j], a, b[j]);
    close += squares[j] <= (a + b[j]) * close_share<T>();
  }
  if (close)
    for (int64_t j = 0; j < columns; ++j)
      if (squares[j] <= (a + b[j]) * close_share<T>())
        squares[j] = job.symmetric && i == j0 + j
                         ? 0.0
                         : exact_squared_distance(row<T>(job.x, i), row<T>(job.y, j0 + j), job.x->d);
  for (int64_t j = 0; j < columns; ++j) g[j] = T(from_squared_distance<P>(squares[j], gamma));
}

// out[j][i] from the block, for j > i: sixteen columns at a time through a strip that fits in L1.
template <class T>
void write_mirror(const Job<T>& job, int64_t i0, int64_t rows, int64_t j0, int64_t columns, const T* buffer) {
  T strip[kTranspose][kBlock];
  for (int64_t j = 0; j < columns; j += kTranspose) {
    const int64_t width = smaller(kTranspose, columns - j);
    for (int64_t i = 0; i < rows; ++i) {
      const T* source = buffer + i * kBufferStride + j;
      for (int64_t c = 0; c < kTranspose; ++c) strip[c][i] = source[c];
    }
    for (int64_t c = 0; c < width; ++c) {
      const int64_t above = smaller(rows, j0 + j + c - i0);  // rows with i < j
      if (above > 0) memcpy(job.out + (j0 + j + c) * job.out_stride + i0, strip[c], above * sizeof(T));
    }
  }
}

template <class T, pa_pair P>
void one_block(const Job<T>& job, int64_t i0, int64_t j0, T* buffer) {
  const int64_t rows = smaller(kBlock, job.x->n - i0), columns = smaller(kBlock, job.y->n - j0);
  multiply_block(job, i0, rows, j0, columns, buffer);
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t first = job.symmetric ? smaller(columns, larger(0, i0 + i - j0)) : 0;
    T* g = buffer + i * kBufferStride + first;
    finish_row<T, P>(job, i0 + i, j0 + first, columns - first, g);
    memcpy(job.out + (i0 + i) * job.out_stride + j0 + first, g, (columns - first) * sizeof(T));
  }
  if (job.symmetric) write_mirror(job, i0, rows, j0, columns, buffer);
}

template <class T, pa_pair P>
pa_status all_blocks(const Job<T>& job, int threads) {
  const int64_t down = blocks(job.x->n, kBlock), across = blocks(job.y->n, kBlock);
  int failed = 0;
#pragma omp parallel num_threads(threads) if (job.x -> n * job.y->n > 4096) reduction(| : failed)
  {
    const Scratch<T> buffer(kBlock * kBufferStride);
    failed |= buffer.data == nullptr;
#pragma omp for schedule(dynamic)
    for (int64_t block = 0; block < down * across; ++block) {
      const int64_t i0 = block / across * kBlock, j0 = block % across * kBlock;
      const bool below = job.symmetric && j0 + kBlock <= i0;
      if (buffer.data && !below) one_block<T, P>(job, i0, j0, buffer.data);
    }
  }
  return failed ? PA_OUT_OF_MEMORY : PA_OK;
}

template <class T>
pa_status similarity_of(const pa_rows* x, const pa_rows* y, T* out, int64_t out_stride, int threads) {
  constexpr int64_t width = Panel<T>::width;
  const pa_rows* right = y ? y : x;
  const Scratch<T> packed(blocks(right->values.n, width) * width * right->values.d);
  if (!packed.data) return PA_OUT_OF_MEMORY;
  pack<T>(&right->values, packed.data, threads);
  const Job<T> job = {&x->values, &right->values, x->terms, right->terms, packed.data, out, out_stride, x->gamma, !y};
#define PA_CASE(value, ...) \
  case value: return all_blocks<T, value>(job, threads);
  switch (x->pair) { PA_PAIR_KERNELS(PA_CASE) }
#undef PA_CASE
  return PA_BAD_ARGUMENT;
}

// x (n, d) times y (d, m): the inner products of x's rows and y's columns.
template <class T>
pa_status product_of(const pa_matrix* x, const pa_matrix* y, T* out, int64_t out_stride, int threads) {
  constexpr int64_t width = Panel<T>::width;
  const Scratch<T> packed(blocks(y->d, width) * width * x->d);
  if (!packed.data) return PA_OUT_OF_MEMORY;
  pack_columns<T>(y, packed.data, threads);
  const pa_matrix columns = {y->data, y->d, y->n, y->stride, y->type};
  const Job<T> job = {x, &columns, nullptr, nullptr, packed.data, out, out_stride, 0.0, false};
  return all_blocks<T, PA_DOT>(job, threads);
}

}  // namespace

pa_status product(const pa_matrix* x, const pa_matrix* y, void* out, int64_t out_stride, int threads) {
  if (x->type == PA_FLOAT32) return product_of(x, y, static_cast<float*>(out), out_stride, threads);
  return product_of(x, y, static_cast<double*>(out), out_stride, threads);
}

pa_status similarity(const pa_rows* x, const pa_rows* y, void* out, int64_t out_stride, int threads) {
  if (x->values.type == PA_FLOAT32) return similarity_of(x, y, static_cast<float*>(out), out_stride, threads);
  return similarity_of(x, y, static_cast<double*>(out), out_stride, threads);
}

}  // namespace PA_ISA
