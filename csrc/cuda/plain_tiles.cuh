// plain_tiles.cuh: tiles of float32 and float64 by the ordinary units, from double-buffered slices in shared memory.
#pragma once

#include "tile.cuh"

namespace pa {
namespace {

template <class T>
struct Plain {
  static constexpr int side = 16;  // threads along either side of the tile
  static constexpr int vector = 16 / sizeof(T);
  static constexpr int micro = 2 * vector;     // sums along either side of a thread's part: two groups of `vector`,
  static constexpr int group = side * vector;  // `group` rows apart, so that neighbors read neighboring 16 bytes
  static constexpr int tile = 2 * group;
  static constexpr int depth = 8;
  static constexpr int pitch = tile + vector;
  static constexpr int buffer = 2 * depth * pitch;  // a slice of x and one of y, features outermost
  static constexpr int strip = strip_bytes<T>(group, pitch) / int(sizeof(T));
  static constexpr int memory = strip > 2 * buffer ? strip : 2 * buffer;
  static_assert(side * side == kThreads && tile * depth == kThreads * vector, "one chunk of x and of y a thread");
};

// The chunk of one thread of a slice, turned to features outermost.
template <class T>
__device__ void keep_slice(const Chunk<T>& chunk, int row, int k, T* slice) {
  PA_UNROLL
  for (int v = 0; v < Chunk<T>::size; ++v) slice[(k + v) * Plain<T>::pitch + row] = chunk.at[v];
}

template <class T>
__device__ void load_part(const T* line, int first, T (&part)[Plain<T>::micro]) {
  typedef Plain<T> P;
  PA_UNROLL
  for (int g = 0; g < 2; ++g) {
    const Chunk<T> chunk = aligned_chunk(line + g * P::group + first);
    PA_UNROLL
    for (int v = 0; v < P::vector; ++v) part[g * P::vector + v] = chunk.at[v];
  }
}

template <class T>
__device__ void multiply_plain_slice(const T* x, const T* y, int tx, int ty,
                                     T (&sum)[Plain<T>::micro][Plain<T>::micro]) {
  typedef Plain<T> P;
  PA_UNROLL
  for (int k = 0; k < P::depth; ++k) {
    T a[P::micro], b[P::micro];
    load_part(x + k * P::pitch, ty * P::vector, a);
    load_part(y + k * P::pitch, tx * P::vector, b);
    PA_UNROLL
    for (int r = 0; r < P::micro; ++r) {
      PA_UNROLL
      for (int c = 0; c < P::micro; ++c) sum[r][c] += a[r] * b[c];
    }
  }
}

// The sums of all threads over all features.
template <class T>
__device__ void multiply_plain_rows(const Job<T>& job, Tile at, T* memory, T (&sum)[Plain<T>::micro][Plain<T>::micro]) {
  typedef Plain<T> P;
  const int thread = threadIdx.x, tx = thread % P::side, ty = thread / P::side;
  const int row = thread * P::vector / P::depth, k = thread * P::vector % P::depth;
  Chunk<T> a = chunk_of(job.x, at.i0 + row, k, job.aligned), b = chunk_of(job.y, at.j0 + row, k, job.aligned);
  T *now = memory, *next = memory + P::buffer;
  keep_slice(a, row, k, now);
  keep_slice(b, row, k, now + P::buffer / 2);
  __syncthreads();
  for (int64_t k0 = P::depth; k0 < job.x.d + P::depth; k0 += P::depth) {
    const bool more = k0 < job.x.d;
    if (more) a = chunk_of(job.x, at.i0 + row, k0 + k, job.aligned);
    if (more) b = chunk_of(job.y, at.j0 + row, k0 + k, job.aligned);
    multiply_plain_slice(now, now + P::buffer / 2, tx, ty, sum);
    if (more) keep_slice(a, row, k, next);
    if (more) keep_slice(b, row, k, next + P::buffer / 2);
    __syncthreads();
    T* const last = now;
    now = next;
    next = last;
  }
}

// Rows of the upper half of the tile, as a strip: of each thread its part there. The lower half takes their place.
template <class T>
__device__ void keep_half(int tx, int ty, T (&sum)[Plain<T>::micro][Plain<T>::micro], T* strip) {
  typedef Plain<T> P;
  PA_UNROLL
  for (int r = 0; r < P::vector; ++r) {
    T* const row = strip + (ty * P::vector + r) * P::pitch + tx * P::vector;
    PA_UNROLL
    for (int c = 0; c < P::micro; ++c) {
      row[c / P::vector * P::group + c % P::vector] = sum[r][c];
      sum[r][c] = sum[P::vector + r][c];
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads, 2) plain_tiles(const Job<T> job) {
  typedef Plain<T> P;
  alignas(16) __shared__ T memory[P::memory];
  const Tile at = tile_of_block<P::tile>(job, blockIdx.x);
  const int tx = threadIdx.x % P::side, ty = threadIdx.x / P::side;
  T sum[P::micro][P::micro] = {};
  multiply_plain_rows(job, at, memory, sum);
  PA_ROLL
  for (int half = 0; half < 2; ++half) {
    keep_half(tx, ty, sum, memory);
    write_strip<Strip<P::group, P::tile, P::pitch, kThreads>>(job, Tile{at.i0 + half * P::group, at.j0}, memory);
    __syncthreads();
  }
}

}  // namespace
}  // namespace pa
