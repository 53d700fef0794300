// tile.cuh: what surrounds the product of a tile in similarity.cu: which tile a block works on, and how its inner
// products become similarities and are written.
//
// Inner products come through shared memory, half a tile at a time, so that the last step is one short loop whatever
// the layout of the product in registers, and both the tile and its mirror image are written in whole sectors.
#pragma once

#include "float_pair.h"
#include "tensor_core.cuh"

namespace pa {

// What the last step of a pair kernel takes in float32.
struct Quick {
  FloatPair gamma;
  float close_share;
};

template <class T>
struct Job {
  Rows<T> x, y;
  Result<T>* out;
  int64_t out_stride, first_tile;
  double gamma, close_share;  // of |x_i|^2 + |y_j|^2: distances below are summed from the rows
  Quick quick;
  pa_pair pair;
  bool symmetric;  // y is x: tiles on and above the diagonal only, each written a second time transposed
  bool aligned;
};

struct Tile {
  uint32_t i0, j0;  // its first row and column of the result
};

// How many tiles of Size x Size there are.
template <int Size, class T>
int64_t tiles_of(const Job<T>& job) {
  const int64_t down = pieces(job.x.n, Size), across = pieces(job.y.n, Size);
  return job.symmetric ? down * (down + 1) / 2 : down * across;
}

// Tiles are numbered down the columns, so that blocks that run together share rows of y.
template <int Size, class T>
__device__ Tile tile_of_block(const Job<T>& job, unsigned block) {
  const int64_t tile = job.first_tile + block;
  if (!job.symmetric) {
    const int64_t down = pieces(job.x.n, Size);
    return {uint32_t(tile % down * Size), uint32_t(tile / down * Size)};
  }
  const UpperTile at = upper_tile(tile);
  return {uint32_t(at.down * Size), uint32_t(at.across * Size)};
}

// |x_i - y_j|^2 in float64, by the whole warp.
template <class T>
__device__ double exact_squared_distance(const Job<T>& job, int64_t i, int64_t j) {
  const T *x = job.x.data + i * job.x.stride, *y = job.y.data + j * job.y.stride;
  double s = 0.0;
  PA_ROLL
  for (int64_t k = threadIdx.x % kWarp; k < job.x.d; k += kWarp) {
    const double difference = double(to_float(x[k])) - double(to_float(y[k]));
    s += difference * difference;
  }
  return warp_sum(s);
}

// s, or where this lane's pair is close the distance summed from the rows: one pair after the other by all lanes, since
// close pairs are few and a lane on its own would keep the warp waiting for d features.
template <class T>
__device__ double sum_close(const Job<T>& job, int64_t i, int64_t j, bool close, double s) {
  unsigned waiting = __ballot_sync(kAllLanes, close);
  for (int lane = 0; waiting != 0; ++lane, waiting >>= 1) {
    if (!(waiting & 1u)) continue;
    const int64_t row = __shfl_sync(kAllLanes, i, lane), column = __shfl_sync(kAllLanes, j, lane);
    const double exact = exact_squared_distance(job, row, column);
    if (int(threadIdx.x % kWarp) == lane) s = exact;
  }
  return s;
}

// The similarity from the inner product g, in float64. Called by whole warps; where `wanted` is false nothing is read.
template <pa_pair P, class T>
__device__ double exact_similarity(const Job<T>& job, int64_t i, int64_t j, bool wanted, double g) {
  if (!has_terms(P)) return g;
  const double a = wanted ? job.x.terms[i] : 0.0, b = wanted ? job.y.terms[j] : 0.0;
  if (!is_distance(P)) return from_inner_product<P>(g, a, b);
  double s = squared_distance(g, a, b);
  const bool same = job.symmetric && i == j;
  s = sum_close(job, i, j, wanted && !same && s <= (a + b) * job.close_share, s);
  return from_squared_distance<P>(same ? 0.0 : s, job.gamma);
}

// The same in float32, or not `sure`: then exact_similarity has to say it.
template <pa_pair P>
__device__ float quick_similarity(const Quick& with, float g, FloatPair a, FloatPair b, bool& sure) {
  sure = true;
  if (!is_distance(P)) return from_inner_product<P>(g, a, b, sure);
  float sum;
  const FloatPair s = squared_distance(g, a, b, sum);
  const float value = from_squared_distance<P>(s, with.gamma, sure);
  sure &= !(s.high <= sum * with.close_share);
  return value;
}
template <pa_pair P>
__device__ double quick_similarity(const Quick&, double g, FloatPair, FloatPair, bool& sure) {
  sure = !has_terms(P);
  return g;
}

// Bytes of a strip of inner products with the terms of its rows behind.
template <class R>
constexpr int strip_bytes(int height, int pitch) {
  return height * pitch * int(sizeof(R)) + height * int(sizeof(FloatPair));
}

// The rows of a strip that are wanted in one column of the result, and which lies on the diagonal, or -1.
struct Column {
  int wanted, diagonal;
};
template <int Height, class T>
__device__ Column column_of(const Job<T>& job, Tile at, int64_t j) {
  const int64_t below = job.x.n - at.i0, above = j - at.i0;
  int wanted = below < Height ? int(below) : Height;
  if (job.symmetric && above < wanted) wanted = int(above) + 1;
  return {j < job.y.n ? wanted : 0, job.symmetric && above < Height ? int(above) : -1};
}

// A strip of inner products in shared memory, and the part of it that is a thread's: one column, every `rows_apart`-th
// row.
template <int Height, int Width, int Pitch, int Threads>
struct Strip {
  static constexpr int height = Height, width = Width, pitch = Pitch, threads = Threads;
  static constexpr int rows_apart = Threads / Width, batch = 4;
  static_assert(Threads % Width == 0 && Width % kWarp == 0, "a warp lies in one row");
  static_assert(Height % (rows_apart * batch) == 0 && Height <= Threads, "whole batches, a term a thread");
};

// The rows of a batch whose bit is set in `rows`, by float64.
template <pa_pair P, class S, class T>
__device__ void finish_exactly(const Job<T>& job, int64_t i, int64_t j, unsigned rows, Result<T>* strip) {
  PA_ROLL
  for (int q = 0; q < S::batch; ++q, i += S::rows_apart, strip += S::rows_apart * S::pitch) {
    const bool own = rows >> q & 1u;
    const Result<T> value = Result<T>(exact_similarity<P>(job, i, j, own, double(*strip)));
    if (!own) continue;
    job.out[i * job.out_stride + j] = value;
    *strip = value;
  }
}

// A batch of a thread's rows at once, so that their steps overlap; what float32 is not sure of comes last.
template <pa_pair P, class S, class T>
__device__ void finish_strip(const Job<T>& job, Tile at, Result<T>* strip) {
  FloatPair* const terms = reinterpret_cast<FloatPair*>(strip + S::height * S::pitch);
  const int64_t i = at.i0 + threadIdx.x, j = at.j0 + threadIdx.x % S::width;
  if (has_terms(P) && threadIdx.x < S::height) terms[threadIdx.x] = pair_of(i < job.x.n ? job.x.terms[i] : 0.0);
  const FloatPair b = pair_of(has_terms(P) && j < job.y.n ? job.y.terms[j] : 0.0);
  const Column column = column_of<S::height>(job, at, j);
  __syncthreads();  // the strip and its terms are there
  const int first = threadIdx.x / S::width;
  Result<T>* out = job.out + (at.i0 + first) * job.out_stride + j;
  Result<T>* own = strip + first * S::pitch + threadIdx.x % S::width;
  PA_ROLL
  for (int row = first; row < S::height; row += S::batch * S::rows_apart, own += S::batch * S::rows_apart * S::pitch) {
    unsigned unsure = 0;
    PA_UNROLL
    for (int q = 0; q < S::batch; ++q, out += S::rows_apart * job.out_stride) {
      const FloatPair a = has_terms(P) ? terms[row + q * S::rows_apart] : FloatPair();
      const Result<T> g = own[q * S::rows_apart * S::pitch];
      bool sure;
      Result<T> value = quick_similarity<P>(job.quick, g, a, b, sure);
      const bool inside = row + q * S::rows_apart < column.wanted;
      const bool same = is_distance(P) && row + q * S::rows_apart == column.diagonal;
      if (same) value = Result<T>(from_squared_distance<P>(0.0, 0.0));
      sure |= same;
      if (inside & sure) *out = value;
      own[q * S::rows_apart * S::pitch] = sure ? value : g;
      unsure |= unsigned(inside & !sure) << q;
    }
    if (__any_sync(kAllLanes, unsure != 0)) finish_exactly<P, S>(job, at.i0 + row, j, unsure, own);
  }
}

// out[j][i] for j > i from a strip of finished similarities. A warp takes 8 rows and 4 columns at a time: eight
// neighbors of a row of the result fill a sector of float32, and with rows of the strip 16 bytes off a multiple of 128
// no two lanes meet in a bank. A thread keeps its row and moves along the columns.
template <class S, class T>
__device__ void write_mirror(const Job<T>& job, Tile at, const Result<T>* strip) {
  static_assert(S::height % 8 == 0 && S::width % 4 == 0 && S::pitch * sizeof(Result<T>) % 128 == 16, "see above");
  constexpr int warps = S::threads / kWarp, groups = S::height / 8,
                columns_apart = warps > groups ? warps / groups * 4 : 4;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const int first = warp / groups * 4 + lane / 8;
  const int64_t left = job.y.n - at.j0;
  const int end = left < S::width ? int(left) : S::width;
  for (int row = warp % groups * 8 + lane % 8; row < S::height; row += warps * 8) {
    const int64_t i = at.i0 + row;
    const int after = i < at.j0 ? -1 : int(i - at.j0);  // columns after it lie above the diagonal
    Result<T>* out = job.out + (at.j0 + first) * job.out_stride + i;
    for (int column = first; column < S::width; column += columns_apart, out += columns_apart * job.out_stride)
      if (after < column && column < end) *out = strip[row * S::pitch + column];
  }
}

// The strip, as each thread left it, with its first element at `at`, becomes part of the result. It may be written
// again once the block has met.
template <class S, class T>
__device__ void write_strip(const Job<T>& job, Tile at, Result<T>* strip) {
#define PA_CASE(value, ...) \
  case value: finish_strip<value, S>(job, at, strip); break;
  switch (job.pair) { PA_PAIR_KERNELS(PA_CASE) }
#undef PA_CASE
  if (!job.symmetric) return;
  __syncthreads();
  write_mirror<S>(job, at, strip);
}

}  // namespace pa
