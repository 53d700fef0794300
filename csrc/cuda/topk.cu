// topk.cu: the columns of the k largest numbers of each row, the largest first, of equal ones the lower column first.
//
// A block takes a row and goes over it k times: each pass finds what comes next in that order after what the pass
// before has found, so nothing is kept but one number and its column, and ties are decided without a sort. Threads
// stride over the row, coalesced; warps reduce by shuffles, the block in shared memory.
//
// A row of m numbers is read from memory once and k - 1 times from L1 or L2, where 80 KB of a row of 20,000 fit. On an
// H100 all rows of n = m = 20,000 in float32 are 1.6 GB, 0.5 ms of memory; ten passes are 16 GB of L1 and L2, 3 ms
// at 5.5 TB/s. That is meant for neighbors, tens of them: for k near m a sort would do less.
#include "common.cuh"

namespace pa {
namespace {

// A number and its column; column < 0: none.
template <class T>
struct Best {
  T value;
  int32_t column;
};

template <class T>
__device__ bool comes_before(const Best<T>& a, const Best<T>& b) {
  if (a.column < 0 || b.column < 0) return b.column < 0 && a.column >= 0;
  return a.value > b.value || (a.value == b.value && a.column < b.column);
}

// The first of the warp, in every lane.
template <class T>
__device__ Best<T> first_of_warp(Best<T> best) {
  PA_UNROLL
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    const T value = __shfl_xor_sync(kAllLanes, best.value, distance);
    const int32_t column = __shfl_xor_sync(kAllLanes, best.column, distance);
    const Best<T> other = {value, column};
    if (comes_before(other, best)) best = other;
  }
  return best;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    topk(const T* data, int64_t m, int64_t stride, int64_t k, int64_t own, int32_t* indices) {
  __shared__ T values[kThreads / kWarp];
  __shared__ int32_t columns[kThreads / kWarp];
  const int64_t i = blockIdx.x, left_out = own < 0 ? -1 : own + i;
  const T* row = data + i * stride;
  Best<T> last = {T(0), -1};
  for (int64_t pass = 0; pass < k; ++pass) {
    Best<T> best = {T(0), -1};
    for (int64_t j = threadIdx.x; j < m; j += kThreads) {
      const Best<T> one = {row[j], int32_t(j)};
      const bool after = last.column < 0 || comes_before(last, one);
      if (j != left_out && after && comes_before(one, best)) best = one;
    }
    best = first_of_warp(best);
    if (threadIdx.x % kWarp == 0) {
      values[threadIdx.x / kWarp] = best.value;
      columns[threadIdx.x / kWarp] = best.column;
    }
    __syncthreads();
    last = {values[0], columns[0]};
    for (int w = 1; w < kThreads / kWarp; ++w) {
      const Best<T> other = {values[w], columns[w]};
      if (comes_before(other, last)) last = other;
    }
    if (threadIdx.x == 0) indices[i * k + pass] = last.column;
    __syncthreads();
  }
}

template <class T>
int launch_topk(const pa_matrix* s, int64_t k, int64_t own, int32_t* indices, void* stream) {
  PA_LAUNCH(topk<T>, s->n, kThreads, stream, static_cast<const T*>(s->data), s->d, s->stride, k, own, indices);
  return launch_error();
}

}  // namespace
}  // namespace pa

int pa_cuda_topk(const pa_matrix* s, int64_t k, int64_t own, int32_t* indices, void* stream) {
  using namespace pa;
  if (s->n == 0) return 0;
  if (s->type == PA_FLOAT32) return launch_topk<float>(s, k, own, indices, stream);
  return launch_topk<double>(s, k, own, indices, stream);
}
