// tile.cuh: what surrounds the product of a tile in similarity.cu: which tile a block works on, and how its inner
// products become similarities and are written.
//
// Inner products come through shared memory, half a tile at a time, so that the last step is one short loop whatever
// the layout of the product in registers, and both the tile and its mirror image are written in whole sectors.
#pragma once

#include "tensor_core.cuh"

namespace pa {

template <class T>
struct Job {
  Rows<T> x, y;
  Result<T>* out;
  int64_t out_stride, first_tile;
  double gamma, close_share;
  pa_pair pair;
  bool symmetric;  // y is x: tiles on and above the diagonal only, each written a second time transposed
  bool aligned;
};

struct Tile {
  int64_t i0, j0;  // its first row and column of the result
};

// How many tiles of Size x Size there are.
template <int Size, class T>
int64_t tiles_of(const Job<T>& job) {
  const int64_t down = pieces(job.x.n, Size), across = pieces(job.y.n, Size);
  return job.symmetric ? down * (down + 1) / 2 : down * across;
}

// Tiles are numbered down the columns, so that blocks that run together share rows of y.
template <int Size, class T>
__device__ Tile tile_of_block(const Job<T>& job) {
  const int64_t tile = job.first_tile + blockIdx.x;
  if (!job.symmetric) {
    const int64_t down = pieces(job.x.n, Size);
    return {tile % down * Size, tile / down * Size};
  }
  const UpperTile at = upper_tile(tile);
  return {at.down * Size, at.across * Size};
}

// |x_i - y_j|^2 in float64, by the whole warp.
template <class T>
__device__ double exact_squared_distance(const Job<T>& job, int64_t i, int64_t j) {
  const T *x = job.x.data + i * job.x.stride, *y = job.y.data + j * job.y.stride;
  double s = 0.0;
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

// The similarity from the inner product g. Called by whole warps; `inside` is false for elements that nobody wants.
template <class T>
__device__ double finish_pair(const Job<T>& job, int64_t i, int64_t j, bool inside, double g) {
  if (job.pair == PA_DOT) return g;
  const double a = inside ? job.x.terms[i] : 0.0, b = inside ? job.y.terms[j] : 0.0;
  if (job.pair == PA_COSINE) return from_inner_product<PA_COSINE>(g, a, b);
  double s = squared_distance(g, a, b);
  const bool same = job.symmetric && i == j;
  s = sum_close(job, i, j, inside && !same && s <= (a + b) * job.close_share, s);
  if (same) s = 0.0;
  return from_any_squared_distance(job.pair, s, job.gamma);
}

// out[j][i] for j > i from a strip of finished similarities. A warp takes 8 rows and 4 columns: eight neighbours of a
// row of the result fill a sector of float32, and with rows of the strip 16 bytes off a multiple of 128 no two lanes
// meet in a bank.
template <int Height, int Width, int Pitch, int Threads, class T>
__device__ void write_mirror(const Job<T>& job, Tile at, const Result<T>* strip) {
  static_assert(Height % 8 == 0 && Width % 4 == 0 && Pitch * sizeof(Result<T>) % 128 == 16, "see above");
  for (int e = threadIdx.x; e < Height * Width; e += Threads) {
    const int lane = e % kWarp, patch = e / kWarp;
    const int row = patch % (Height / 8) * 8 + lane % 8, column = patch / (Height / 8) * 4 + lane / 8;
    const int64_t i = at.i0 + row, j = at.j0 + column;
    if (i < j && j < job.y.n) job.out[j * job.out_stride + i] = strip[row * Pitch + column];
  }
}

// A strip of inner products in shared memory, with its first element at `at`, becomes part of the result. The strip may
// be written again once the block has met.
template <int Height, int Width, int Pitch, int Threads, class T>
__device__ void write_strip(const Job<T>& job, Tile at, Result<T>* strip) {
  static_assert(Height * Width % Threads == 0 && Threads % kWarp == 0, "whole warps finish pairs");
  for (int e = threadIdx.x; e < Height * Width; e += Threads) {
    const int row = e / Width, column = e % Width;
    const int64_t i = at.i0 + row, j = at.j0 + column;
    const bool inside = i < job.x.n && j < job.y.n && !(job.symmetric && j < i);
    const Result<T> value = Result<T>(finish_pair(job, i, j, inside, double(strip[row * Pitch + column])));
    if (inside) job.out[i * job.out_stride + j] = value;
    if (job.symmetric) strip[row * Pitch + column] = value;
  }
  if (!job.symmetric) return;
  __syncthreads();
  write_mirror<Height, Width, Pitch, Threads>(job, at, strip);
}

}  // namespace pa
