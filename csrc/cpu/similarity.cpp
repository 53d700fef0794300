// similarity.cpp: all pairs of rows, as tiles of a matrix product with the similarity taken while a tile is in cache.
//
// Division of the work. The rows of y are packed into panels (as many rows as a register tile has columns, features
// outermost), all of them or a group at a time; those of x are read where they lie. The result is cut into square
// blocks; a thread takes one block at a time, accumulates it in a buffer that stays in L2 over slices of kDepth
// features, turns inner products into similarities row by row, and writes: past the caches where none could keep the
// result. When y is x, blocks below the diagonal are skipped and each block is written a second time transposed.
//
// An element is the sum over features in order, slice by slice, whatever the block, the thread or the side of the
// diagonal: the result does not depend on the number of threads and is symmetric bit for bit.
#include "pair.h"
#include "panels.h"
#include "stream.h"

namespace PA_ISA {
namespace {

constexpr int64_t kDepth = 384;  // features of a slice
constexpr int64_t kBlock = 144;  // rows and columns of a block: a multiple of panels and tiles on every instruction set
constexpr int64_t kBufferStride = kBlock + 16;  // not a power of two: columns spread over cache sets
constexpr int64_t kTranspose = 16;
constexpr int64_t kMostPacked = 32 << 20;  // bytes of y that are packed at a time
constexpr int64_t kLeastColumns = 8 * kBlock;
constexpr int64_t kUncached = 32 << 20;  // bytes of a result that no cache keeps for who reads it
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
  const T* packed;  // the rows of y for the columns first .. end of the result
  int64_t first, end;
  T* out;
  int64_t out_stride;
  double gamma;
  bool symmetric, past_caches;

  void write(const T* values, int64_t count, T* to) const {
    if (past_caches) stream(values, count, to);
    else memcpy(to, values, count * sizeof(T));
  }
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
      const T* b = job.packed + (j0 - job.first + j) * d + k0 * width;
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
      if (above > 0) job.write(strip[c], above, job.out + (j0 + j + c) * job.out_stride + i0);
    }
  }
}

template <class T, pa_pair P>
void one_block(const Job<T>& job, int64_t i0, int64_t j0, T* buffer) {
  const int64_t rows = smaller(kBlock, job.x->n - i0), columns = smaller(kBlock, job.end - j0);
  multiply_block(job, i0, rows, j0, columns, buffer);
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t first = job.symmetric ? smaller(columns, larger(0, i0 + i - j0)) : 0;
    T* g = buffer + i * kBufferStride + first;
    finish_row<T, P>(job, i0 + i, j0 + first, columns - first, g);
    job.write(g, columns - first, job.out + (i0 + i) * job.out_stride + j0 + first);
  }
  if (job.symmetric) write_mirror(job, i0, rows, j0, columns, buffer);
  if (job.past_caches) finish_streams();
}

template <class T, pa_pair P>
pa_status all_blocks(const Job<T>& job, int threads) {
  const int64_t down = blocks(job.x->n, kBlock), across = blocks(job.end - job.first, kBlock);
  int failed = 0;
#pragma omp parallel num_threads(threads) if (job.x -> n * job.y->n > 4096) reduction(| : failed)
  {
    const Scratch<T> buffer(kBlock * kBufferStride);
    failed |= buffer.data == nullptr;
#pragma omp for schedule(dynamic)
    for (int64_t block = 0; block < down * across; ++block) {
      const int64_t i0 = block / across * kBlock, j0 = job.first + block % across * kBlock;
      const bool below = job.symmetric && j0 + kBlock <= i0;
      if (buffer.data && !below) one_block<T, P>(job, i0, j0, buffer.data);
    }
  }
  return failed ? PA_OUT_OF_MEMORY : PA_OK;
}

// Columns of the result whose packed rows of y take kMostPacked, in whole blocks.
template <class T>
int64_t columns_at_once(int64_t d) {
  return larger(kLeastColumns, kMostPacked / (larger(1, d) * int64_t(sizeof(T)))) / kBlock * kBlock;
}

// The job's result by groups of columns, whose rows of y are packed together: pack_group(first, count, packed).
template <class T, pa_pair P, class PackGroup>
pa_status all_groups(Job<T> job, PackGroup pack_group, int threads) {
  constexpr int64_t width = Panel<T>::width;
  const int64_t m = job.y->n, d = job.x->d, together = smaller(columns_at_once<T>(d), m);
  const Scratch<T> packed(blocks(together, width) * width * d);
  if (!packed.data) return PA_OUT_OF_MEMORY;
  job.packed = packed.data;
  job.past_caches = job.x->n * m * int64_t(sizeof(T)) >= kUncached;
  for (int64_t first = 0; first < m; first += together) {
    job.first = first;
    job.end = smaller(first + together, m);
    pack_group(first, job.end - first, packed.data);
    const pa_status status = all_blocks<T, P>(job, threads);
    if (status != PA_OK) return status;
  }
  return PA_OK;
}

template <class T>
pa_status similarity_of(const pa_rows* x, const pa_rows* y, T* out, int64_t out_stride, int threads) {
  const pa_rows* right = y ? y : x;
  const auto pack_group = [&](int64_t first, int64_t count, T* packed) {
    const pa_matrix* y = &right->values;
    const pa_matrix some = {row<T>(y, first), count, y->d, y->stride, y->type};
    pack<T>(&some, packed, threads);
  };
  Job<T> job = {};
  job.x = &x->values;
  job.y = &right->values;
  job.x_terms = x->terms;
  job.y_terms = right->terms;
  job.out = out;
  job.out_stride = out_stride;
  job.gamma = x->gamma;
  job.symmetric = !y;
#define PA_CASE(value, ...) \
  case value: return all_groups<T, value>(job, pack_group, threads);
  switch (x->pair) { PA_PAIR_KERNELS(PA_CASE) }
#undef PA_CASE
  return PA_BAD_ARGUMENT;
}

// x (n, d) times y (d, m): the inner products of x's rows and y's columns.
template <class T>
pa_status product_of(const pa_matrix* x, const pa_matrix* y, T* out, int64_t out_stride, int threads) {
  const auto pack_group = [&](int64_t first, int64_t count, T* packed) {
    const pa_matrix some = {row<T>(y, 0) + first, y->n, count, y->stride, y->type};
    pack_columns<T>(&some, packed, threads);
  };
  const pa_matrix columns = {y->data, y->d, y->n, y->stride, y->type};
  Job<T> job = {};
  job.x = x;
  job.y = &columns;
  job.out = out;
  job.out_stride = out_stride;
  return all_groups<T, PA_DOT>(job, pack_group, threads);
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
