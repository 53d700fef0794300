// tensor_tiles.cuh: tiles of float16, bfloat16 and TF32 by the tensor cores, from slices that arrive asynchronously.
#pragma once

#include "tile.cuh"

namespace pa {
namespace {

constexpr int kTile = 128;
constexpr int kRowBytes = 64;  // of a slice: two steps of 32 bytes, 16 features of two bytes or 8 of four
constexpr int kSliceBytes = kTile * kRowBytes;
constexpr int kStages = 3;
constexpr int kStripRows = kTile / 2, kStripPitch = kTile + 4;
constexpr int kMemory = kStages * 2 * kSliceBytes;
static_assert(kStripRows * kStripPitch * int(sizeof(float)) <= kMemory && kMemory <= 48 * 1024, "static shared memory");

// Two rows fill the banks once. The four chunks of a row change places with row / 2, so that the eight rows which
// ldmatrix reads at once, at the same chunk, lie in different banks.
__device__ inline int swizzled(int row, int chunk) { return row * kRowBytes + ((chunk ^ (row / 2 % 4)) * 16); }

// Features k0.. of 128 rows from i0; asynchronous where rows are aligned.
template <class T>
__device__ void fetch_slice(const Rows<T>& x, int64_t i0, int64_t k0, bool aligned, unsigned char* slice) {
  for (int e = threadIdx.x; e < kTile * 4; e += kThreads) {
    const int row = e / 4, chunk = e % 4;
    const int64_t i = i0 + row, k = k0 + chunk * Chunk<T>::size, left = (x.d - k) * int64_t(sizeof(T));
    unsigned char* const target = slice + swizzled(row, chunk);
    if (!aligned) *reinterpret_cast<Chunk<T>*>(target) = chunk_of(x, i, k, false);
    else if (i < x.n && left > 0) copy_async_16(target, x.data + i * x.stride + k, left < 16 ? int(left) : 16);
    else copy_async_16(target, x.data, 0);
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

// Where a warp's products lie in the tile: 16 rows of every 32, and 32 columns.
struct Place {
  int lane, row, column;
};
__device__ inline Place place_of_warp() {
  const int warp = threadIdx.x / kWarp;
  return {int(threadIdx.x % kWarp), warp / 4 * 16, warp % 4 * 32};
}

template <class T>
__device__ void multiply_tensor_slice(const unsigned char* x, const unsigned char* y, float (&sum)[4][4][4]) {
  const Place at = place_of_warp();
  PA_UNROLL
  for (int step = 0; step < 2; ++step) {
    uint32_t a[4][4], b[4][2];
    PA_UNROLL
    for (int r = 0; r < 4; ++r) {  // matrices: rows 0-7 and 8-15 of the first 16 bytes, then of the second
      load_matrices(a[r], x + swizzled(r * 32 + at.row + at.lane % 16, 2 * step + at.lane / 16));
      round_fragments(a[r], T());
    }
    PA_UNROLL
    for (int c = 0; c < 4; c += 2) {  // matrices: both 16 bytes of rows 0-7, then of rows 8-15
      uint32_t two[4];
      const int row = at.column + c * 8 + at.lane / 16 * 8 + at.lane % 8;
      load_matrices(two, y + swizzled(row, 2 * step + at.lane / 8 % 2));
      round_fragments(two, T());
      b[c][0] = two[0];
      b[c][1] = two[1];
      b[c + 1][0] = two[2];
      b[c + 1][1] = two[3];
    }
    PA_UNROLL
    for (int r = 0; r < 4; ++r) {
      PA_UNROLL
      for (int c = 0; c < 4; ++c) multiply_step(sum[r][c], a[r], b[c], T());
    }
  }
}

template <class T>
__device__ void multiply_tensor_rows(const Job<T>& job, Tile at, unsigned char* memory, float (&sum)[4][4][4]) {
  constexpr int64_t depth = kRowBytes / sizeof(T);
  const int slices = int(pieces(job.x.d, depth));
  const auto fetch = [&](int slice) {
    unsigned char* const target = memory + slice % kStages * 2 * kSliceBytes;
    if (slice < slices) fetch_slice(job.x, at.i0, slice * depth, job.aligned, target);
    if (slice < slices) fetch_slice(job.y, at.j0, slice * depth, job.aligned, target + kSliceBytes);
    copy_commit();  // empty groups past the end keep the count of those on the way
  };
  PA_UNROLL
  for (int slice = 0; slice < kStages - 1; ++slice) fetch(slice);
  for (int slice = 0; slice < slices; ++slice) {
    copy_wait<kStages - 2>();
    __syncthreads();  // this slice has arrived for all, and the one before it has been read by all
    fetch(slice + kStages - 1);
    const unsigned char* const x = memory + slice % kStages * 2 * kSliceBytes;
    multiply_tensor_slice<T>(x, x + kSliceBytes, sum);
  }
  copy_wait<0>();
  __syncthreads();
}

// Rows of one half of the tile, as a strip. Of 16 x 8 sums a lane holds two in row lane / 4 and two in that plus 8.
__device__ inline void keep_half(int half, const float (&sum)[4][4][4], float* strip) {
  const Place at = place_of_warp();
  PA_UNROLL
  for (int r = 0; r < 2; ++r) {
    PA_UNROLL
    for (int c = 0; c < 4; ++c) {
      float* const first = strip + (r * 32 + at.row + at.lane / 4) * kStripPitch + at.column + c * 8 + at.lane % 4 * 2;
      PA_UNROLL
      for (int e = 0; e < 4; ++e) first[e / 2 * 8 * kStripPitch + e % 2] = sum[2 * half + r][c][e];
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads, 2) tensor_tiles(const Job<T> job) {
  alignas(16) __shared__ unsigned char memory[kMemory];
  const Tile at = tile_of_block<kTile>(job);
  float sum[4][4][4] = {};
  multiply_tensor_rows(job, at, memory, sum);
  float* const strip = reinterpret_cast<float*>(memory);
  PA_UNROLL
  for (int half = 0; half < 2; ++half) {
    keep_half(half, sum, strip);
    __syncthreads();
    write_strip<kStripRows, kTile, kStripPitch, kThreads>(job, Tile{at.i0 + half * kStripRows, at.j0}, strip);
    __syncthreads();
  }
}

}  // namespace
}  // namespace pa
