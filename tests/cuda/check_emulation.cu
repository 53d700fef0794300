// check_emulation.cu: the emulator itself.
//
//   check_emulation           right kernels, in order and in random orders: prints "N passed, M failed"
//   check_emulation MISTAKE [blocks]  one kernel with the named mistake, which the emulator or a sanitizer has to
//                             report; `blocks`: with the blocks concurrent, not the threads of each
#include <stdio.h>
#include <stdlib.h>

#include <set>

#include "common.cuh"

static int passed, failed;

void check_that(bool holds, const char* what) {
  ++(holds ? passed : failed);
  if (!holds) printf("FAILED: %s\n", what);
}
void check_fragments();  // check_fragments.cu
void check_calls();      // check_calls.cu, like the next
void check_dynamic_memory();
int make_mistake_of_calls(const char* name);

namespace {

void* const stream = emulation::some_stream();

// --- sums over a block, by shuffles and shared memory; without its barrier, or past its memory, on demand

enum Mistake { NONE, NO_BARRIER, PAST_SHARED, PAST_GLOBAL, SHUFFLE_AS_BARRIER };

template <int threads, Mistake mistake>
__global__ void sum_kernel(const float* x, float* out) {
  __shared__ float parts[threads / 32];
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float sum = x[blockIdx.x * blockDim.x + threadIdx.x + (mistake == PAST_GLOBAL)];
  for (int offset = 16; offset; offset /= 2) sum += __shfl_down_sync(0xffffffffu, sum, offset);
  if (lane == 0) parts[warp + (mistake == PAST_SHARED)] = sum;
  if (mistake != NO_BARRIER) __syncthreads();
  sum = lane < blockDim.x / 32 ? parts[lane] : 0.0f;
  for (int offset = 1; offset < 32; offset *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

template <Mistake mistake>
bool sums_are_right() {
  constexpr int threads = 128, blocks = 5;
  float x[threads * blocks], out[blocks] = {};
  bool right = true;
  float* device = static_cast<float*>(malloc(sizeof x));  // the sanitizers know its end
  for (int k = 0; k < threads * blocks; ++k) device[k] = float(k % 7);
  PA_LAUNCH((sum_kernel<threads, mistake>), blocks, threads, stream, device, out);
  for (int b = 0; b < blocks; ++b) {
    float sum = 0.0f;
    for (int k = 0; k < threads; ++k) sum += device[b * threads + k];
    right &= out[b] == sum;
  }
  free(device);
  return right;
}

// --- shuffles and votes

__global__ void lane_kernel(int* out) {
  const int lane = int(threadIdx.x);
  out[lane] = __shfl_sync(0xffffffffu, lane, 37);
  out[32 + lane] = __shfl_up_sync(0xffffffffu, lane, 3);
  out[64 + lane] = __shfl_down_sync(0xffffffffu, lane, 3, 8);
  out[96 + lane] = __shfl_xor_sync(0xffffffffu, lane, 4, 4);
  const unsigned half = lane < 16 ? 0xffffu : 0xffff0000u;  // two meetings at once
  out[128 + lane] = int(__ballot_sync(half, lane % 2));
  const double wide = __shfl_xor_sync(half, lane + 0.5, 1);
  out[160 + lane] = wide == (lane ^ 1) + 0.5;
}

void check_lanes() {
  int out[192];
  PA_LAUNCH(lane_kernel, 1, 32, stream, out);
  bool right = true;
  for (int lane = 0; lane < 32; ++lane) {
    right &= out[lane] == 5 && out[32 + lane] == (lane < 3 ? lane : lane - 3);
    right &= out[64 + lane] == (lane % 8 < 5 ? lane + 3 : lane) && out[96 + lane] == (lane & 4 ? lane ^ 4 : lane);
    right &= unsigned(out[128 + lane]) == (lane < 16 ? 0xaaaau : 0xaaaa0000u) && out[160 + lane] == 1;
  }
  check_that(right, "shuffles and votes");
}

// --- places, atomics, what shared memory holds

__global__ void place_kernel(int* seen, int* bits, unsigned* shared) {
  __shared__ unsigned untouched[4];
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  ++seen[block * blockDim.x * blockDim.y * blockDim.z + thread];
  if (thread < 4) shared[block * 4 + thread] = untouched[thread];
  atomicOr(bits, 1 << thread);
  __syncthreads();
  if (thread < 4) untouched[thread] = 7;
}

void check_places() {
  int seen[24 * 12] = {}, bits = 0;
  unsigned shared[24 * 4] = {};
  PA_LAUNCH(place_kernel, dim3(2, 3, 4), dim3(3, 2, 2), stream, seen, &bits, shared);
  bool once = true, filled = true;
  for (const int count : seen) once &= count == 1;
  for (const unsigned word : shared) filled &= word == 0xffffffffu;
  check_that(once && bits == (1 << 12) - 1, "every thread of every block runs once");
  check_that(filled, "shared memory is all ones at the start of each block");
}

__global__ void order_kernel(int* order, int* next) {
  order[atomicAdd(next, 1)] = int(blockIdx.x * blockDim.x + threadIdx.x);
}

void check_orders() {
  std::set<int> firsts, lasts;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    int order[40], next = 0;
    emulation::set_seed(seed);
    PA_LAUNCH(order_kernel, 5, 8, stream, order, &next);
    bool sorted = true;
    for (int k = 0; k < 40; ++k) sorted &= order[k] == k;
    check_that(next == 40 && sorted == (seed == 0), "seed 0 keeps the order, others do not");
    firsts.insert(order[0]);
    lasts.insert(order[39] / 8);
  }
  check_that(firsts.size() > 2 && lasts.size() > 2, "seeds give different orders of threads and of blocks");
}

// --- blocks that are concurrent

template <bool atomic>
__global__ void count_kernel(int* counts) {
  __shared__ int own[32];
  own[threadIdx.x] = 1;  // where the block before had its own
  __syncwarp();
  const int one = own[31 - threadIdx.x];
  if (atomic) atomicAdd(&counts[threadIdx.x], one);
  else counts[threadIdx.x] += one;
}

template <bool atomic>
bool counts_are_right() {
  constexpr int blocks = 9;
  int counts[32] = {};
  PA_LAUNCH(count_kernel<atomic>, blocks, 32, stream, counts);
  bool right = true;
  for (const int count : counts) right &= count == blocks;
  return right;
}

void check_host() {
  int count = 0;
  emulation::set_devices(0);
  check_that(cudaGetDeviceCount(&count) == cudaErrorNoDevice && cudaGetLastError() == cudaErrorNoDevice, "no device");
  emulation::set_devices(1);
  check_that(cudaGetLastError() == cudaSuccess && cudaSetDevice(1) == cudaErrorInvalidDevice, "one device");
  cudaGetLastError();
  PA_LAUNCH(lane_kernel, 0, 32, stream, nullptr);
  check_that(cudaGetLastError() == cudaErrorInvalidConfiguration, "an empty grid is refused");
}

// --- mistakes

__global__ void divergent_kernel() {
  if (threadIdx.x < 40) __syncthreads();
  else __syncthreads();
}

__global__ void ended_kernel() {
  if (threadIdx.x < 40) __syncthreads();
}

__global__ void missing_lane_kernel(int* out) {
  if (threadIdx.x != 5) *out = __shfl_sync(0xffffffffu, 1, 0);
  else __syncthreads();
}

__global__ void ended_lane_kernel(int* out) {
  if (threadIdx.x != 5) *out = __shfl_sync(0xffffffffu, 1, 0);
}

__global__ void outside_mask_kernel(int* out) {
  if (threadIdx.x < 16) *out = __shfl_sync(0xffffu, 1, 20);
}

// A neighbor's value, ordered by a shuffle only: what lockstep would seem to allow and CUDA does not.
__global__ void unordered_kernel(int* out) {
  __shared__ int values[32];
  values[threadIdx.x] = int(threadIdx.x);
  const int other = __shfl_xor_sync(0xffffffffu, int(threadIdx.x), 1);
  out[threadIdx.x] = values[other];
}

// Without the call of __syncwarp, that in count_kernel.
__global__ void unmet_kernel(int* out) {
  __shared__ int values[32];
  values[threadIdx.x] = int(threadIdx.x);
  out[threadIdx.x] = values[31 - threadIdx.x];
}

int make_mistake(const char* name) {
  int out[32] = {};
  const auto is = [name](const char* other) { return strcmp(name, other) == 0; };
  if (is("divergence")) PA_LAUNCH(divergent_kernel, 1, 64, stream);
  else if (is("ended")) PA_LAUNCH(ended_kernel, 1, 64, stream);
  else if (is("missing-lane")) PA_LAUNCH(missing_lane_kernel, 1, 64, stream, out);
  else if (is("ended-lane")) PA_LAUNCH(ended_lane_kernel, 1, 64, stream, out);
  else if (is("partial-warp")) PA_LAUNCH(lane_kernel, 1, 24, stream, out);
  else if (is("outside-mask")) PA_LAUNCH(outside_mask_kernel, 1, 32, stream, out);
  else if (is("no-atomic")) return !counts_are_right<false>();
  else if (is("no-syncwarp")) PA_LAUNCH(unmet_kernel, 1, 32, stream, out);
  else if (is("no-barrier")) return !sums_are_right<NO_BARRIER>();
  else if (is("past-shared")) return !sums_are_right<PAST_SHARED>();
  else if (is("past-global")) return !sums_are_right<PAST_GLOBAL>();
  else if (is("shuffle-as-barrier")) PA_LAUNCH(unordered_kernel, 1, 32, stream, out);
  else return make_mistake_of_calls(name);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) emulation::set_concurrent(emulation::BLOCKS);
  if (argc >= 2) return make_mistake(argv[1]);
  for (uint64_t seed = 0; seed < 4; ++seed) {
    emulation::set_seed(seed);
    emulation::set_concurrent(seed % 2 ? emulation::BLOCKS : emulation::THREADS);
    check_that(sums_are_right<NONE>(), "sums over blocks");
    check_lanes();
    check_places();
    check_that(counts_are_right<true>(), "counts of concurrent blocks");
    check_dynamic_memory();
    check_fragments();
  }
  check_orders();
  check_calls();
  check_host();
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
