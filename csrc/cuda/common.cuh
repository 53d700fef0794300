// common.cuh: what every kernel file shares. The element types, 16-byte loads, and sums in a fixed order.
//
// Compiled by nvcc, and with -DPA_EMULATION by the C++ compiler, on which tests/cuda runs the same kernels on fibers.
// So kernels are launched by PA_LAUNCH and PA_LAUNCH_SHARED alone, shared memory is static or PA_DYNAMIC_SHARED, and
// what is peculiar to tensor cores is in tensor_core.cuh.
#pragma once

#include <stdint.h>

#ifdef PA_EMULATION
#include "emulation.h"
#else
#include <cuda_runtime.h>
// A kernel whose name holds a comma stands in parentheses.
#define PA_LAUNCH(kernel, grid, block, stream, ...) PA_LAUNCH_SHARED(kernel, grid, block, 0, stream, __VA_ARGS__)
// With `bytes` of dynamic shared memory; more than 48 KB with the static one need allow_shared first.
#define PA_LAUNCH_SHARED(kernel, grid, block, bytes, stream, ...) \
  kernel<<<dim3(unsigned(grid)), dim3(block), bytes, static_cast<cudaStream_t>(stream)>>>(__VA_ARGS__)
// In a kernel: `name`, a type* to the dynamic shared memory.
#define PA_DYNAMIC_SHARED(type, name)                                 \
  extern __shared__ __align__(128) unsigned char pa_dynamic_shared[]; \
  type* const name = reinterpret_cast<type*>(pa_dynamic_shared)
#endif

#include "choice.h"
#include "pyalign_cuda.h"

// Limits that tests lower, so that small cases reach what lies beyond.
#ifndef PA_GRID_MOST
#define PA_GRID_MOST 2147483647  // blocks of a launch: CUDA's limit
#endif
#ifndef PA_RESAMPLE_BLOCKS
#define PA_RESAMPLE_BLOCKS 2048  // from which on blocks take more triplets each
#endif
#ifndef PA_GRADIENT_SLAB
#define PA_GRADIENT_SLAB (int64_t(1) << 22)  // triplets: 0.2 GB of workspace, 0.4 GB in float64
#endif
#ifndef PA_GRADIENT_KEY_BITS
#define PA_GRADIENT_KEY_BITS 32  // of a short key
#endif

namespace pa {

constexpr int kWarp = 32;
constexpr int kThreads = 256;
constexpr unsigned kAllLanes = 0xffffffffu;

// float16 and bfloat16 as they are stored.
struct Half {
  uint16_t bits;
};
struct Bfloat {
  uint16_t bits;
};

__device__ inline float to_float(float v) { return v; }
__device__ inline double to_float(double v) { return v; }

// Rows of T are computed in, and give results of:
template <class T>
struct ResultOf {
  typedef float Type;
};
template <>
struct ResultOf<double> {
  typedef double Type;
};
template <class T>
using Result = typename ResultOf<T>::Type;

template <class T>
struct Rows {
  const T* data;
  const double* terms;
  int64_t n, d, stride;
};

template <class T>
Rows<T> rows_of(const pa_rows* x) {
  const pa_matrix& m = x->values;
  return {static_cast<const T*>(m.data), x->terms, m.n, m.d, m.stride};
}

// What one load instruction of a thread can fetch.
template <class T>
struct alignas(16) Chunk {
  static constexpr int size = 16 / sizeof(T);
  T at[size];
};

PA_INLINE bool is_aligned(const void* address) { return reinterpret_cast<uintptr_t>(address) % 16 == 0; }

// Whether every row starts where a chunk may start.
template <class T>
bool rows_are_aligned(const Rows<T>& x) {
  return is_aligned(x.data) && x.stride % Chunk<T>::size == 0;
}

template <class T>
__device__ Chunk<T> aligned_chunk(const T* address) {
  return *reinterpret_cast<const Chunk<T>*>(address);
}

// Features k.. of row i, zero past the end of the row and for rows past the last.
template <class T>
__device__ Chunk<T> chunk_of(const Rows<T>& x, int64_t i, int64_t k, bool aligned) {
  Chunk<T> chunk = {};
  if (i >= x.n) return chunk;
  const T* address = x.data + i * x.stride + k;
  if (aligned && k + Chunk<T>::size <= x.d) return aligned_chunk(address);
  PA_UNROLL
  for (int v = 0; v < Chunk<T>::size; ++v)
    if (k + v < x.d) chunk.at[v] = address[v];
  return chunk;
}

PA_INLINE int64_t pieces(int64_t size, int64_t piece) { return (size + piece - 1) / piece; }

// Tiles on and above the diagonal, numbered down the columns: column j holds the tiles of rows 0 to j, and starts at
// number j (j + 1) / 2.
struct UpperTile {
  int64_t down, across;
};
__device__ inline UpperTile upper_tile(int64_t tile) {
  int64_t j = int64_t((sqrt(8.0 * double(tile) + 1.0) - 1.0) / 2.0);
  while (j * (j + 1) / 2 > tile) --j;  // the root is rounded
  while ((j + 1) * (j + 2) / 2 <= tile) ++j;
  return {tile - j * (j + 1) / 2, j};
}

// Lets launches of the kernel ask for that many bytes of dynamic shared memory: a cudaError_t, where the device has
// less.
template <class Kernel>
int allow_shared(Kernel kernel, int bytes) {
  return int(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
}

inline int launch_error() { return int(cudaGetLastError()); }

// An error that is handed to the caller must not be found again by the next launch.
inline int taken(int error) {
  if (error) (void)cudaGetLastError();
  return error;
}

// The sum over the warp, in every lane. Lanes at distance 16, 8, ... are added: always in the same order.
template <class V>
__device__ V warp_sum(V value) {
  PA_UNROLL
  for (int distance = kWarp / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

// The sum over the block, in thread 0; called once in a kernel.
template <int Threads>
__device__ double block_sum(double value) {
  __shared__ double warps[Threads / kWarp];
  const double of_warp = warp_sum(value);
  if (threadIdx.x % kWarp == 0) warps[threadIdx.x / kWarp] = of_warp;
  __syncthreads();
  double total = 0.0;
  if (threadIdx.x == 0)
    for (int w = 0; w < Threads / kWarp; ++w) total += warps[w];
  return total;
}

// totals[c] = sum of the `count` parts of column c, one block a column; added to what is there where `add` is set.
template <int Threads>
__global__ void __launch_bounds__(Threads) add_parts(const double* parts, int64_t count, bool add, double* totals) {
  const double* column = parts + blockIdx.x * count;
  double value = 0.0;
  for (int64_t p = threadIdx.x; p < count; p += Threads) value += column[p];
  const double total = block_sum<Threads>(value);
  if (threadIdx.x == 0) totals[blockIdx.x] = add ? totals[blockIdx.x] + total : total;
}

}  // namespace pa
