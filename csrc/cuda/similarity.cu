// similarity.cu: all pairs of rows, as tiles of a matrix product with the similarity taken before a tile is written.
//
// Division of the work. A block takes one tile of the result and walks over the features in slices. float32 and float64
// are multiplied by the ordinary units: 256 threads and tiles of 128 x 128 (float64: 64 x 64), a thread holds 8 x 8 (4
// x 4) sums in registers, slices of 8 features are double-buffered in shared memory. float16, bfloat16 and, where the
// caller allows it, float32 rounded to TF32 go to the tensor cores: four warps, tiles of 128 x 128, of which a warp
// holds 64 x 64, slices of 64 bytes a row that arrive asynchronously: three of them in 48 KB of shared memory, or four
// in 64 KB where a multiprocessor has room for two such blocks (sm_80, sm_90, sm_100; not graphics cards).
//
// Counted in machine code. Instructions of a warp in the main loop for 32 products of 16 x 8 (of 16 features of two
// bytes, 8 of TF32); 64 of them are the additions that bring sums out of the tensor cores:
//   halves  sm_80: 129     sm_90: 133, of them 8 loads from shared memory
//   TF32    sm_80: 194     sm_90: 166, of them 64 that round to TF32, from sm_90 on 32
// Instructions of the last step for an element, on the way that nearly all take (sm_90; sm_80 differs by one or two):
//   dot 8, cosine 26, neg_sqeuclidean 29, neg_euclidean 54, rbf 62, none of float64; the mirror image 9, before 40.
// In float64 they were, without addresses and bounds, 2, 5, 27 and 36, and two conversions: on an A100 or H100 each
// takes the time of two of float32, on graphics cards that of 64.
//
// Predicted for an H100. 2 n m d operations (half of it for x with itself), 4 n m bytes of result and the rows once
// from memory. float32 at 67 TFLOP/s: arithmetic bounds it from d = 40 on; n = 4,096, d = 768 by itself takes 0.19 ms,
// 0.27 by what is issued, and twice that in float64. Tensor cores: 64 (TF32: 32) operations for each byte of L2, so 350
// (175) TFLOP/s at 5.5 TB/s, and the same case 0.04 ms (0.07); below d = 200 the 4 n m bytes of the result count,
// at 3.35 TB/s. Issue of that case in halves: product 15 us, last step and mirror image of cosine 10 us, of rbf 21 us.
//
// An element is the sum over features in one order, whatever the tile, so results are the same from run to run.
#include "common.cuh"
#include "last_step.cuh"
#include "plain_tiles.cuh"
#include "tensor_tiles.cuh"

namespace pa {
namespace {

// a + b - 2 g cancels for close rows: below this share of a + b the distance is summed from the rows themselves.
constexpr double kCloseFloat32 = 1.0 / 1024, kCloseFloat64 = 1.0 / (1 << 20);
// Products of factors rounded to 11 bits are off by up to 1/1024 of them: at this share by 1/32 of the distance.
constexpr double kCloseTf32 = 1.0 / 32;

// More tiles than a grid holds take more launches.
template <int Size, class T, class Kernel>
int launch_tiles(Kernel kernel, int threads, int shared, Job<T> job, void* stream) {
  constexpr int64_t most = PA_GRID_MOST;
  const int64_t tiles = tiles_of<Size>(job);
  for (; job.first_tile < tiles; job.first_tile += most) {
    const int64_t left = tiles - job.first_tile;
    PA_LAUNCH_SHARED(kernel, left < most ? left : most, threads, shared, stream, job);
    if (const int error = launch_error()) return error;
  }
  return 0;
}

template <class T>
int launch_plain(const Job<T>& job, void* stream) {
  return launch_tiles<Plain<T>::tile>(plain_tiles<T>, kThreads, 0, job, stream);
}

// Where the result holds inner products already. Those of x and y are their similarities by PA_DOT.
template <class T>
int launch_last_step(const Job<T>& job, void* stream) {
  if (!job.symmetric && !has_terms(job.pair)) return 0;
  return launch_tiles<Ready<Result<T>>::tile>(last_step<T>, kThreads, 0, job, stream);
}

// Wide slices where the device lets a block have twice their memory, so that two blocks share a multiprocessor.
inline bool takes_wide() {
  int device = 0, most = 0;
  const int error =
      cudaGetDevice(&device) || cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  return taken(error) == 0 && most >= 2 * Wide::bytes;
}

// A thread keeps where its rows of a tile lie as 32-bit numbers of elements.
template <class T>
bool too_far_apart(const Rows<T>& x) {
  return x.stride >= int64_t(1) << 24 || x.stride <= -(int64_t(1) << 24);
}

template <class T>
int launch_tensor(const Job<T>& job, void* stream) {
  if (too_far_apart(job.x) || too_far_apart(job.y)) return int(cudaErrorInvalidValue);
  if (!job.aligned) {
    // float32: these copies and the rounding to TF32 take more registers than there are. Exact products serve as well.
    if constexpr (sizeof(T) == 4) return launch_plain(job, stream);
    else return launch_tiles<kTile>(tensor_tiles<T, Narrow, false>, kTensorThreads, Narrow::bytes, job, stream);
  }
  if (!takes_wide())
    return launch_tiles<kTile>(tensor_tiles<T, Narrow, true>, kTensorThreads, Narrow::bytes, job, stream);
  if (const int error = allow_shared(tensor_tiles<T, Wide, true>, Wide::bytes)) return taken(error);
  return launch_tiles<kTile>(tensor_tiles<T, Wide, true>, kTensorThreads, Wide::bytes, job, stream);
}

template <class T>
Job<T> job_of(const pa_rows* x, const pa_rows* y, double close_share, void* out, int64_t out_stride) {
  const Rows<T> left = rows_of<T>(x), right = rows_of<T>(y ? y : x);
  const bool aligned = rows_are_aligned(left) && rows_are_aligned(right);
  const Quick quick = {pair_of(x->gamma), float(close_share)};
  return {left, right, static_cast<Result<T>*>(out), out_stride, 0, x->gamma, close_share, quick, x->pair, !y, aligned};
}

}  // namespace
}  // namespace pa

int pa_cuda_similarity(const pa_rows* x, const pa_rows* y, int product, void* out, int64_t out_stride, void* stream) {
  using namespace pa;
  const bool tf32 = product & PA_TF32, ready = product & PA_READY;
  const double close = tf32 ? kCloseTf32 : kCloseFloat32;
  switch (x->values.type) {
    case PA_FLOAT32: {
      const auto job = job_of<float>(x, y, close, out, out_stride);
      if (ready) return launch_last_step(job, stream);
      return tf32 ? launch_tensor(job, stream) : launch_plain(job, stream);
    }
    case PA_FLOAT64: {
      const auto job = job_of<double>(x, y, kCloseFloat64, out, out_stride);
      return ready ? launch_last_step(job, stream) : launch_plain(job, stream);
    }
    case PA_FLOAT16: {
      const auto job = job_of<Half>(x, y, kCloseFloat32, out, out_stride);
      return ready ? launch_last_step(job, stream) : launch_tensor(job, stream);
    }
    case PA_BFLOAT16: {
      const auto job = job_of<Bfloat>(x, y, kCloseFloat32, out, out_stride);
      return ready ? launch_last_step(job, stream) : launch_tensor(job, stream);
    }
  }
  return int(cudaErrorInvalidValue);
}
