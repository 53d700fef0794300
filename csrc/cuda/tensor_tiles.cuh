// tensor_tiles.cuh: tiles of float16, bfloat16 and TF32 by the tensor cores, from slices that arrive asynchronously.
//
// Four warps take a tile of 128 x 128, each 64 x 64 of it: 4 x 8 products of 16 x 8, for which 8 matrix loads bring 32
// bytes of all rows. A slice is some bytes of each of the tile's rows of x and of y. While slices are full, a thread
// copies the same places of each, from addresses that only move on.
#pragma once

#include "tile.cuh"

namespace pa {
namespace {

constexpr int kTile = 128, kWarpTile = 64;
constexpr int kTensorThreads = (kTile / kWarpTile) * (kTile / kWarpTile) * kWarp;
typedef float Sums[kWarpTile / 16][kWarpTile / 8][4];  // of a lane

// How much of a row a slice holds, and how many slices there is room for.
template <int RowBytes, int Stages>
struct Slices {
  static constexpr int row_bytes = RowBytes, stages = Stages;
  static constexpr int chunks = row_bytes / 16;                 // of a row
  static constexpr int steps = row_bytes / 32;                  // of 16 features of two bytes, or 8 of four
  static constexpr int rows_at_once = kTensorThreads / chunks;  // copied at once, by all threads
  static constexpr int copies = kTile / rows_at_once;           // of a thread, of x and as many of y
  static constexpr int half_bytes = kTile * row_bytes, stage_bytes = 2 * half_bytes;  // bytes of x; of x and y
  static constexpr int bytes = stages * stage_bytes;
  __host__ __device__ static constexpr int depth_of(size_t size) {
    return row_bytes / int(size);
  }  // features of so many bytes in a slice
  static_assert((chunks == 4 || chunks == 8) && rows_at_once % 8 == 0, "see swizzled");
};
typedef Slices<64, 3> Narrow;  // 48 KB: two blocks a multiprocessor on graphics cards too
typedef Slices<64, 4> Wide;    // 64 KB, which is opted in to: three slices on the way

constexpr int kStripRows = kTile / 2, kStripPitch = kTile + 4;
typedef Strip<kStripRows, kTile, kStripPitch, kTensorThreads> TensorStrip;
static_assert(strip_bytes<float>(kStripRows, kStripPitch) <= Narrow::bytes, "a strip lies where the slices were");

// Eight rows fill the banks S::chunks / 2 times. The chunks of a row change places, so that the eight rows which
// ldmatrix reads at once, at the same chunk, lie in different banks.
template <class S>
__device__ int swizzled(int row, int chunk) {
  return row * S::row_bytes + (chunk ^ (row * S::chunks / 8 % S::chunks)) * 16;
}

// 16 bytes to shared memory, those past the first `bytes` zero.
template <bool Aligned, class T>
__device__ void copy_chunk(unsigned char* target, const T* source, int bytes) {
  if (Aligned) return copy_async_16(target, source, bytes);
  Chunk<T> chunk = {};
  PA_UNROLL
  for (int v = 0; v < Chunk<T>::size; ++v)
    if (v * int(sizeof(T)) < bytes) chunk.at[v] = source[v];
  *reinterpret_cast<Chunk<T>*>(target) = chunk;
}

// Where a thread copies from: the same chunk of some rows, which are `rows` apart. Rows past the last repeat the last:
// what comes of them is not written.
template <class S, class T>
__device__ const T* row_of_copy(const Rows<T>& x, int64_t i0, int copy) {
  const int64_t i = i0 + threadIdx.x / S::chunks + copy * S::rows_at_once;
  return x.data + (i < x.n ? i : x.n - 1) * x.stride;
}

// A thread's part of one slice after the other, as long as they are full: places that stay, from an address that moves.
template <class S, class T>
struct Copies {
  const T* from;
  int32_t away[S::copies];

  __device__ Copies(const Rows<T>& x, int64_t i0) : from(x.data + i0 * x.stride) {
    PA_UNROLL
    for (int c = 0; c < S::copies; ++c)
      away[c] = int32_t(row_of_copy<S>(x, i0, c) - from) + int32_t(threadIdx.x % S::chunks * Chunk<T>::size);
  }
  template <bool Aligned>
  __device__ void next(unsigned char* target) {
    PA_UNROLL
    for (int c = 0; c < S::copies; ++c)
      copy_chunk<Aligned>(target + c * S::rows_at_once * S::row_bytes, from + away[c], 16);
    from += S::depth_of(sizeof(T));
  }
};

// A thread's part of the slice from feature k, with which the rows end. Nothing past their end is pointed at.
template <class S, bool Aligned, class T>
__device__ void copy_rest(const Rows<T>& x, int64_t i0, int64_t k, unsigned char* target) {
  k += threadIdx.x % S::chunks * Chunk<T>::size;
  const int64_t left = (x.d - k) * int64_t(sizeof(T));
  const int bytes = left < 16 ? int(left) : 16;
  PA_ROLL
  for (int c = 0; c < S::copies; ++c) {
    const T* const row = row_of_copy<S>(x, i0, c);
    copy_chunk<Aligned>(target + c * S::rows_at_once * S::row_bytes, left > 0 ? row + k : row, left > 0 ? bytes : 0);
  }
}

template <class T>
__device__ void multiply_step(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], T type) {
  multiply_add(c, a, b, type);
}
__device__ inline void multiply_step(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], float) {
  multiply_add_tf32(c, a, b);
}

template <class T>
__device__ void round_fragments(uint32_t (&)[4], T) {}
__device__ inline void round_fragments(uint32_t (&r)[4], float) {
  PA_UNROLL
  for (int v = 0; v < 4; ++v) {
    float value;
    memcpy(&value, &r[v], sizeof value);
    r[v] = to_tf32(value);
  }
}

// Where a warp's products lie in the tile.
struct Place {
  int lane, row, column;
};
__device__ inline Place place_of_warp() {
  const int warp = threadIdx.x / kWarp;
  return {int(threadIdx.x % kWarp), warp / 2 * kWarpTile, warp % 2 * kWarpTile};
}

// Where a lane reads in a slice: the step is two chunks, which the swizzle turns into a bit of the address.
struct Reads {
  int x, y;
};
template <class S>
__device__ Reads reads_of_lane() {
  const Place at = place_of_warp();
  // Of x: rows 0-7 and 8-15 of the first 16 bytes, of the second. Of y: both 16 bytes of rows 0-7, of 8-15.
  return {swizzled<S>(at.row + at.lane % 16, at.lane / 16),
          S::half_bytes + swizzled<S>(at.column + at.lane / 16 * 8 + at.lane % 8, at.lane / 8 % 2)};
}

// Tensor cores cut their sums off instead of rounding them, so that long sums come out too small. So the products of
// two steps start at zero and are added to the sums by ordinary additions, which round: two for each mma.
template <class T, class S>
__device__ void multiply_tensor_steps(const unsigned char* slice, Reads at, int step, Sums& sum) {
  uint32_t b[2][kWarpTile / 16][4];
  PA_UNROLL
  for (int s = 0; s < 2; ++s) PA_UNROLL
  for (int c = 0; c < kWarpTile / 16; ++c) {
    load_matrices(b[s][c], slice + (at.y ^ (step + s) * 32) + c * 16 * S::row_bytes);
    round_fragments(b[s][c], T());
  }
  PA_UNROLL
  for (int r = 0; r < kWarpTile / 16; ++r) {
    uint32_t a[2][4];
    PA_UNROLL
    for (int s = 0; s < 2; ++s) {
      load_matrices(a[s], slice + (at.x ^ (step + s) * 32) + r * 16 * S::row_bytes);
      round_fragments(a[s], T());
    }
    PA_UNROLL
    for (int c = 0; c < kWarpTile / 8; ++c) {
      float product[4] = {};
      PA_UNROLL
      for (int s = 0; s < 2; ++s) {
        const uint32_t own[2] = {b[s][c / 2][c % 2 * 2], b[s][c / 2][c % 2 * 2 + 1]};
        multiply_step(product, a[s], own, T());
      }
      PA_UNROLL
      for (int e = 0; e < 4; ++e) sum[r][c][e] += product[e];
    }
  }
}

template <class T, class S>
__device__ void multiply_tensor_slice(const unsigned char* slice, Reads at, Sums& sum) {
  PA_ROLL  // what is loaded ahead for more steps does not fit the registers
      for (int step = 0; step < S::steps; step += 2) multiply_tensor_steps<T, S>(slice, at, step, sum);
}

// The full slices, one multiplied while others are on the way; then what is left over.
template <class S, bool Aligned, class T>
__device__ void multiply_tensor_rows(const Job<T>& job, Tile at, unsigned char* memory, Sums& sum) {
  constexpr int depth = S::depth_of(sizeof(T)), ahead = S::stages - 1;
  const int slices = int(job.x.d / depth);
  unsigned char* const own = memory + swizzled<S>(threadIdx.x / S::chunks, threadIdx.x % S::chunks);
  const Reads reads = reads_of_lane<S>();
  Copies<S, T> x(job.x, at.i0), y(job.y, at.j0);
  int left = slices, now = 0, last = ahead * S::stage_bytes;  // slices that are still to multiply
  const auto fetch = [&](int stage, bool more) {
    if (more) {
      x.template next<Aligned>(own + stage);
      y.template next<Aligned>(own + stage + S::half_bytes);
    }
    copy_commit();  // empty groups past the end keep the count of those on the way
  };
  PA_UNROLL
  for (int stage = 0; stage < ahead; ++stage) fetch(stage * S::stage_bytes, stage < left);
  PA_ROLL
  for (; left > 0; --left) {
    copy_wait<S::stages - 2>();
    __syncthreads();  // this slice has arrived for all, and the one before it has been read by all
    fetch(last, left > ahead);
    multiply_tensor_slice<T, S>(memory + now, reads, sum);
    last = now;
    now = now == ahead * S::stage_bytes ? 0 : now + S::stage_bytes;
  }
  if (job.x.d % depth) {
    copy_rest<S, Aligned>(job.x, at.i0, int64_t(slices) * depth, own + now);
    copy_rest<S, Aligned>(job.y, at.j0, int64_t(slices) * depth, own + now + S::half_bytes);
    copy_commit();
    copy_wait<0>();
    __syncthreads();
    multiply_tensor_slice<T, S>(memory + now, reads, sum);
  }
  copy_wait<0>();
  __syncthreads();
}

// Rows of one half of the tile, as a strip. Of 16 x 8 sums a lane holds two in row lane / 4 and two in that plus 8.
__device__ inline void keep_half(int half, const Sums& sum, float* strip) {
  const Place at = place_of_warp();
  if (at.row != half * kStripRows) return;
  float* const first = strip + at.lane / 4 * kStripPitch + at.column + at.lane % 4 * 2;
  PA_UNROLL
  for (int r = 0; r < kWarpTile / 16; ++r) {
    PA_UNROLL
    for (int c = 0; c < kWarpTile / 8; ++c) {
      PA_UNROLL
      for (int e = 0; e < 4; ++e) first[(r * 16 + e / 2 * 8) * kStripPitch + c * 8 + e % 2] = sum[r][c][e];
    }
  }
}

template <class T, class S, bool Aligned>
__global__ void __launch_bounds__(kTensorThreads, 2) tensor_tiles(const Job<T> job) {
  PA_DYNAMIC_SHARED(unsigned char, memory);
  Sums sum = {};
  multiply_tensor_rows<S, Aligned>(job, tile_of_block<kTile>(job, blockIdx.x), memory, sum);
  const Tile at = tile_of_block<kTile>(job, block_now());  // anew: there are no registers to keep it in
  float* const strip = reinterpret_cast<float*>(memory);
  PA_ROLL
  for (int half = 0; half < 2; ++half) {
    keep_half(half, sum, strip);
    write_strip<TensorStrip>(job, Tile{at.i0 + half * kStripRows, at.j0}, strip);
    __syncthreads();
  }
}

}  // namespace
}  // namespace pa
