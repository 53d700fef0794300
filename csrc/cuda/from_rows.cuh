// from_rows.cuh: a warp takes sixteen triplets, and computes their similarities from the rows.
#pragma once

#include "tensor_core.cuh"
#include "wanted.cuh"

namespace pa {
namespace {

constexpr int kTripletsOfWarp = 16;
constexpr int kRowTripletsOfBlock = kTripletsOfWarp * (kThreads / kWarp);

template <bool Distance, class R>
__device__ R term(R p, R q) {
  return Distance ? (p - q) * (p - q) : p * q;
}

template <bool Distance, class T>
__device__ void add_terms(T a, T b, T c, Three<Result<T>>* sum) {
  const Result<T> x = to_float(a), y = to_float(b), z = to_float(c);
  sum->s01 += term<Distance>(x, y);
  sum->s02 += term<Distance>(x, z);
  sum->s12 += term<Distance>(y, z);
}

// Inner products or squared distances of three rows, in all lanes.
template <bool Distance, class T>
__device__ Three<Result<T>> three_pairs(const Rows<T>& x, bool aligned, const Items& items) {
  constexpr int size = Chunk<T>::size;
  const int lane = threadIdx.x % kWarp;
  const T *a = x.data + items.at[0] * x.stride, *b = x.data + items.at[1] * x.stride,
          *c = x.data + items.at[2] * x.stride;
  Three<Result<T>> sum = {};
  const int64_t whole = aligned ? x.d / size * size : 0;
  for (int64_t k = lane * size; k < whole; k += kWarp * size) {
    const Chunk<T> u = aligned_chunk(a + k), v = aligned_chunk(b + k), w = aligned_chunk(c + k);
    PA_UNROLL
    for (int e = 0; e < size; ++e) add_terms<Distance>(u.at[e], v.at[e], w.at[e], &sum);
  }
  for (int64_t k = whole + lane; k < x.d; k += kWarp) add_terms<Distance>(a[k], b[k], c[k], &sum);
  return {warp_sum(sum.s01), warp_sum(sum.s02), warp_sum(sum.s12)};
}

template <class T>
__device__ Result<T> finish_pair(const Rows<T>& x, pa_pair pair, double gamma, double value, int64_t i, int64_t j) {
#define PA_TRY(kernel, ...)                                                      \
  if (!is_distance(kernel) && pair == kernel) {                                  \
    if (!has_terms(kernel)) return Result<T>(value);                             \
    return Result<T>(from_inner_product<kernel>(value, x.terms[i], x.terms[j])); \
  }
  PA_PAIR_KERNELS(PA_TRY)
#undef PA_TRY
  if (!(value < double(INFINITY))) return not_a_number<Result<T>>();  // rbf would make 0 of an infinite row
  return Result<T>(from_any_squared_distance(pair, value, gamma));
}

// Of the warp's triplets, one a lane: all lanes work on each, and the lane that holds it keeps the result.
template <bool Distance, class T>
__device__ Three<Result<T>> similarities_of_warp(const Rows<T>& x, bool aligned, pa_pair pair, double gamma,
                                                 const Items& own) {
  typedef Result<T> R;
  Three<R> kept = {not_a_number<R>(), not_a_number<R>(), not_a_number<R>()};
  const unsigned valid = __ballot_sync(kAllLanes, own.valid);
  for (int turn = 0; turn < kTripletsOfWarp; ++turn) {
    if (!(valid >> turn & 1u)) continue;
    Items items = {};
    PA_UNROLL
    for (int p = 0; p < 3; ++p) items.at[p] = __shfl_sync(kAllLanes, own.at[p], turn);
    const Three<R> value = three_pairs<Distance>(x, aligned, items);
    if (int(threadIdx.x % kWarp) == turn) kept = value;
  }
  if (!own.valid) return kept;
  return {finish_pair(x, pair, gamma, double(kept.s01), own.at[0], own.at[1]),
          finish_pair(x, pair, gamma, double(kept.s02), own.at[0], own.at[2]),
          finish_pair(x, pair, gamma, double(kept.s12), own.at[1], own.at[2])};
}

// Two blocks on a multiprocessor, each lane with the three loads of a step on the way, have asked for 24 KiB, and where
// nvcc unrolls for more: memory's 3.35 TB/s over 132 multiprocessors bring 15 KiB in the 0.6 us that they take. Left to
// choose, nvcc keeps to 64 registers and spills.
template <bool Distance, class T>
__global__ void __launch_bounds__(kThreads, 2) from_rows(const Rows<T> x, bool aligned, pa_pair pair, double gamma,
                                                         const pa_triplets triplets, const Wanted<Result<T>> want) {
  const int lane = threadIdx.x % kWarp;
  const int64_t q = int64_t(blockIdx.x) * kRowTripletsOfBlock + threadIdx.x / kWarp * kTripletsOfWarp + lane;
  const bool holds = lane < kTripletsOfWarp && q < triplets.t;
  const Items items = holds ? read_triplet(triplets, q, x.n) : Items{};
  const Three<Result<T>> s = similarities_of_warp<Distance>(x, aligned, pair, gamma, items);
  if (holds) {
    if (want.choices) want.choices[q] = choice_of(s, items.valid);
    if (want.probabilities) put_probabilities(s, items.valid, want.inverse_temperature, want.probabilities + 3 * q);
    if (want.similarities) put_similarities(s, want.similarities + 3 * q);
    if (!items.valid) atomicExch(want.invalid, 1);
  }
  if (!want.parts) return;
  Tally tally = {};
  if (items.valid) add_triplet(s, want.inverse_temperature, &tally);
  write_parts<kThreads>(tally, want.parts);
}

}  // namespace
}  // namespace pa
