// fixed.cuh: the gradient of float32 similarities by atomic sums of whole numbers, which are the same in any order.
//
// Division of the work. A thread turns one triplet into three residuals, softmax minus target, and adds each, as a
// multiple of 1 / scale, to the 64-bit sum of its pair; then a thread an element writes the gradient. The scale is a
// power of two, the largest for which no sum can overflow: a triplet's residuals are at most the sum of its targets, so
// that the sum of all targets, t where there are none, bounds every element. It is summed first, in a fixed order.
//
// Error: a residual is off by half of 1 / scale, which is at most 2^-60 of the sum of the targets; the sums are exact.
//
// Roofline on an H100, predicted, for n = 1,854. A triplet takes 12 bytes of indices, three look-ups and three atomics
// of 32 bytes of L2 each; clearing and reading the sums, and writing the gradient, another 20 bytes an element. At 5.5
// TB/s 4.7 M triplets take 0.19 ms, 1 M 0.05 ms; the sort, 0.3 and 0.08 ms where its entries go to memory. Atomics on
// one address wait for each other, about a cycle of L2 each: 4.7 M on one pair would be 3 ms. So a warp all of whose
// triplets have one pair adds up first, 0.1 ms; but few pairs in turn, of 10 items or fewer, stay slow.
#pragma once

#include "residuals.cuh"

namespace pa {
namespace {

struct Fixed {
  unsigned long long* sums;  // (n, n), each a multiple of 1 / scale
  int32_t* not_finite;       // 1 where a residual has no number
  double* bound;             // on every sum, where it is not t
  double triplets;
  double* parts;
  int64_t blocks;

  Fixed(void* workspace, int64_t n, int64_t t) : triplets(double(t)), blocks(pieces(t, kThreads)) {
    Workspace rest = {reinterpret_cast<uintptr_t>(workspace)};
    sums = rest.take<unsigned long long>(n * n);
    not_finite = rest.take<int32_t>(1);
    cleared = size_t(rest.next - reinterpret_cast<uintptr_t>(workspace));
    bound = rest.take<double>(1);
    parts = rest.take<double>(blocks);
    bytes = int64_t(rest.next - reinterpret_cast<uintptr_t>(workspace));
  }
  size_t cleared;
  int64_t bytes;
};

// Sums below `bound`, and a rounding for each triplet, stay below 2^62.
__device__ inline double scale_of(double bound) { return bound > 0.0 ? ldexp(1.0, 60 - ilogb(bound)) : 1.0; }

template <bool Soft>
__device__ double bound_of(const Fixed& fixed) {
  return Soft ? *fixed.bound : fixed.triplets;
}

// The block's part of the sum of all targets.
template <class T>
__global__ void __launch_bounds__(kThreads) sum_targets(const Problem<T> problem, double* parts) {
  const int64_t q = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  double weight = 0.0;
  if (q < problem.triplets.t && read_triplet(problem.triplets, q, problem.n).valid) {
    const Answers<T> y = answers_of(problem, q);
    weight = fabs(double(y.odd0)) + fabs(double(y.odd1)) + fabs(double(y.odd2));
  }
  const double total = block_sum<kThreads>(weight);
  if (threadIdx.x == 0) parts[blockIdx.x] = total;
}

// Called by whole warps. Where all lanes have one pair, one of them adds for all.
__device__ inline void add_to_pair(unsigned long long* sums, uint32_t pair, int64_t value) {
  if (__all_sync(kAllLanes, pair == __shfl_sync(kAllLanes, pair, 0))) {
    value = warp_sum(value);
    if (threadIdx.x % kWarp != 0) return;
  }
  if (value != 0) atomicAdd(sums + pair, static_cast<unsigned long long>(value));  // negative ones wrap, and wrap back
}

template <class T, bool Soft>
__global__ void __launch_bounds__(kThreads) add_residuals(const Problem<T> problem, const Fixed fixed) {
  const int64_t q = int64_t(blockIdx.x) * kThreads + threadIdx.x, n = problem.n;
  const double bound = bound_of<Soft>(fixed), scale = scale_of(bound);
  Items items = {};
  Residuals<T> r = {};
  if (q < problem.triplets.t) {
    items = read_triplet(problem.triplets, q, n);
    if (items.valid) r = residuals_of<Soft>(problem, look_up(problem.similarities, problem.stride, items), q);
    else atomicExch(problem.invalid, 1);
  }
  const double total = block_sum<kThreads>(double(r.cross_entropy));
  if (threadIdx.x == 0) fixed.parts[blockIdx.x] = total;
  double more[2] = {double(r.r02), double(r.r12)};
  if (!(isfinite(more[0]) && isfinite(more[1]) && isfinite(bound))) {
    atomicExch(fixed.not_finite, 1);
    more[0] = more[1] = 0.0;
  }
  const int64_t r02 = llrint(more[0] * scale), r12 = llrint(more[1] * scale);
  const uint32_t a = items.valid ? uint32_t(items.at[0]) : 0u, b = items.valid ? uint32_t(items.at[1]) : 0u,
                 c = items.valid ? uint32_t(items.at[2]) : 0u, width = uint32_t(n);
  add_to_pair(fixed.sums, a * width + b, -(r02 + r12));
  add_to_pair(fixed.sums, a * width + c, r02);
  add_to_pair(fixed.sums, b * width + c, r12);
}

template <class T, bool Soft>
__global__ void __launch_bounds__(kThreads) write_gradient(const Fixed fixed, const Gradient<T> gradient) {
  const int64_t k = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (k >= gradient.n * gradient.n) return;
  const int64_t sum = static_cast<int64_t>(fixed.sums[k]);
  const double value = gradient.factor * (double(sum) / scale_of(bound_of<Soft>(fixed)));
  gradient.data[k] = *fixed.not_finite ? not_a_number<T>() : sum ? T(value) : T(0);
}

// ---- host -----------------------------------------------------------------------------------------------------------

// Sums for n items take 8 bytes a pair. They pay where clearing and reading them, 16 bytes a pair, is less than the 220
// bytes of memory that the sort moves for each triplet and the 64 MB that fit in the time of its launches.
bool is_fixed(int64_t n, int64_t t, int64_t fixed_bytes) {
  return n < 65536 && 8 * n * n <= fixed_bytes && 16 * n * n <= 220 * t + (int64_t(64) << 20);
}

template <bool Soft, class T>
int by_fixed_sums(const Problem<T>& problem, const Gradient<T>& gradient, double* cross_entropy, void* workspace,
                  void* stream) {
  const Fixed fixed(workspace, problem.n, problem.triplets.t);
  const int64_t elements = problem.n * problem.n;
  if (const int error = int(cudaMemsetAsync(fixed.sums, 0, fixed.cleared, static_cast<cudaStream_t>(stream))))
    return taken(error);
  if (Soft) {
    PA_LAUNCH(sum_targets<T>, fixed.blocks, kThreads, stream, problem, fixed.parts);
    if (const int error = launch_error()) return error;
    PA_LAUNCH(add_parts<kThreads>, 1, kThreads, stream, fixed.parts, fixed.blocks, false, fixed.bound);
    if (const int error = launch_error()) return error;
  }
  PA_LAUNCH((add_residuals<T, Soft>), fixed.blocks, kThreads, stream, problem, fixed);
  if (const int error = launch_error()) return error;
  PA_LAUNCH(add_parts<kThreads>, 1, kThreads, stream, fixed.parts, fixed.blocks, false, cross_entropy);
  if (const int error = launch_error()) return error;
  PA_LAUNCH((write_gradient<T, Soft>), pieces(elements, kThreads), kThreads, stream, fixed, gradient);
  return launch_error();
}

}  // namespace
}  // namespace pa
