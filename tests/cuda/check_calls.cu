// check_calls.cu: what the emulator knows of launches and of calls: launch bounds, streams, counts, dynamic shared
// memory.
#include <vector>

#include "common.cuh"
#include "memory.h"

void check_that(bool holds, const char* what);  // check_emulation.cu

namespace {

void* const stream = emulation::some_stream();

__global__ void empty_kernel() {}

// --- what a call queues, and its counts

__global__ void __launch_bounds__(64, 2) bounded_kernel(int* out, int value) {
  if (threadIdx.x == 0) *out = value;
}

template <int threads>
__global__ void __launch_bounds__(threads, 16) templated_kernel(int*) {}

void check_bounds() {
  const auto are = [](const void* kernel, int threads, int blocks) {
    const emulation::Bounds bounds = emulation::bounds_of(kernel);
    return bounds.threads == threads && bounds.blocks == blocks;
  };
  const auto address = [](auto kernel) { return reinterpret_cast<const void*>(kernel); };
  check_that(are(address(bounded_kernel), 64, 2) && are(address(templated_kernel<128>), 128, 16) &&
                 are(address(templated_kernel<256>), 256, 16) && are(address(empty_kernel), 0, 0),
             "kernels have the launch bounds that their declarations say");
}

}  // namespace

void check_calls() {
  check_bounds();
  int out = 0, copy = 0;
  emulation::take_counts();
  {
    const emulation::Call call(stream);
    PA_LAUNCH(bounded_kernel, 1, 64, stream, &out, 3);
    check_that(out == 0, "a launch is not done at once");
    cudaStreamSynchronize(static_cast<cudaStream_t>(stream));
    check_that(out == 3, "it is when the call has waited");
    PA_LAUNCH(bounded_kernel, 1, 64, stream, &out, 4);
    cudaMemcpyAsync(&copy, &out, sizeof out, cudaMemcpyDeviceToHost, static_cast<cudaStream_t>(stream));
    cudaMemsetAsync(&out, 0, sizeof out, static_cast<cudaStream_t>(stream));
    check_that(out == 3 && copy == 0, "work is in a queue");
  }
  check_that(out == 0 && copy == 4, "it is done in its order when the call ends");
  const emulation::Counts counts = emulation::take_counts();
  check_that(counts.launches == 2 && counts.sorts == 0 && counts.memory_sets == 1 && counts.copies == 1 &&
                 counts.allocations == 0 && counts.synchronizations == 1,
             "what a call does is counted");
}

namespace {

// --- dynamic shared memory

template <int past>
__global__ void reverse_kernel(int* x, int count) {
  PA_DYNAMIC_SHARED(int, values);
  for (int k = threadIdx.x; k < count; k += blockDim.x) values[k + past] = x[blockIdx.x * count + k];
  __syncthreads();
  for (int k = threadIdx.x; k < count; k += blockDim.x) x[blockIdx.x * count + k] = values[count - 1 - k];
}

template <int past>
bool reverses(int count) {
  constexpr int blocks = 3;
  std::vector<int> x(size_t(count * blocks));
  for (size_t k = 0; k < x.size(); ++k) x[k] = int(k);
  PA_LAUNCH_SHARED(reverse_kernel<past>, blocks, 64, size_t(count) * sizeof(int), stream, x.data(), count);
  bool right = cudaGetLastError() == cudaSuccess;
  for (int k = 0; k < count * blocks; ++k) right &= x[size_t(k)] == k / count * count + count - 1 - k % count;
  return right;
}

}  // namespace

void check_dynamic_memory() {
  constexpr int least = 12 << 10;  // 48 KB of int
  check_that(reverses<0>(100) && reverses<0>(least), "48 KB of dynamic shared memory are had by asking");
  pa::allow_shared(reverse_kernel<0>, 0);
  check_that(!reverses<0>(least + 1), "more is refused");
  int most = 0;
  check_that(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0) == cudaSuccess && most == 101376,
             "a block can have 99 KB");
  check_that(pa::allow_shared(reverse_kernel<0>, most + 1) == cudaErrorInvalidValue &&
                 cudaGetLastError() == cudaErrorInvalidValue,
             "and no more");
  check_that(pa::allow_shared(reverse_kernel<0>, 60 << 10) == cudaSuccess && reverses<0>(15 << 10),
             "60 KB, opted in to");
  check_that(!reverses<0>((15 << 10) + 1), "and no more than that");
}

namespace {

// --- mistakes

void read_too_early() {
  Memory memory(sizeof(int));
  const emulation::Call call(stream);
  PA_LAUNCH(bounded_kernel, 1, 64, stream, reinterpret_cast<int*>(memory.device()), 3);
  printf("%d\n", *reinterpret_cast<const int*>(memory.device()));  // by the host
}

void leave_the_stream() {
  const emulation::Call call(stream);
  int other;
  PA_LAUNCH(empty_kernel, 1, 1, &other);
}

}  // namespace

int make_mistake_of_calls(const char* name) {
  int out[32] = {};
  const auto is = [name](const char* other) { return strcmp(name, other) == 0; };
  if (is("past-dynamic")) return !reverses<1>(101);
  else if (is("large-block")) PA_LAUNCH(bounded_kernel, 1, 65, stream, out, 1);
  else if (is("many-blocks")) PA_LAUNCH(templated_kernel<256>, 1, 256, stream, out);
  else if (is("default-stream")) PA_LAUNCH(empty_kernel, 1, 1, nullptr);
  else if (is("memset-default-stream")) cudaMemsetAsync(out, 0, sizeof out);
  else if (is("other-stream")) leave_the_stream();
  else if (is("read-too-early")) read_too_early();
  else return 2;
  return 0;
}
