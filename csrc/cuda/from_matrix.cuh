// from_matrix.cuh: a thread takes four triplets, and their twelve similarities from a ready matrix.
#pragma once

#include "wanted.cuh"

namespace pa {
namespace {

constexpr int kTripletsOfThread = 4;  // as `read_packed` takes them
constexpr int kTripletsOfBlock = kTripletsOfThread * kThreads;

// The `count` triplets from q on, four but at the end.
__device__ inline void read_four(const pa_triplets& triplets, bool packed, int64_t q, int count, int64_t n,
                                 Items (&items)[kTripletsOfThread]) {
  if (packed && count == kTripletsOfThread) read_packed(triplets, q, n, items);
  else read_triplets(triplets, q, count, n, items);
}

// Three values of each of `count` triplets.
template <class T>
__device__ void write_values(const T (&values)[3 * kTripletsOfThread], int count, T* out) {
  if (count == kTripletsOfThread && is_aligned(out)) {
    PA_UNROLL
    for (int v = 0; v < 3 * kTripletsOfThread; v += Chunk<T>::size) {
      Chunk<T> chunk;
      PA_UNROLL
      for (int k = 0; k < Chunk<T>::size; ++k) chunk.at[k] = values[v + k];
      *reinterpret_cast<Chunk<T>*>(out + v) = chunk;
    }
    return;
  }
  PA_UNROLL
  for (int v = 0; v < 3 * kTripletsOfThread; ++v)
    if (v < 3 * count) out[v] = values[v];
}

template <class T>
__device__ void write_choices(const Three<T> (&s)[kTripletsOfThread], const Items (&items)[kTripletsOfThread],
                              int count, int8_t* out) {
  const char4 four = {choice_of(s[0], items[0].valid), choice_of(s[1], items[1].valid), choice_of(s[2], items[2].valid),
                      choice_of(s[3], items[3].valid)};
  if (count == kTripletsOfThread && reinterpret_cast<uintptr_t>(out) % sizeof four == 0) {
    *reinterpret_cast<char4*>(out) = four;
    return;
  }
  if (count > 0) out[0] = four.x;
  if (count > 1) out[1] = four.y;
  if (count > 2) out[2] = four.z;
  if (count > 3) out[3] = four.w;
}

template <class T>
__device__ void write_four(const Wanted<T>& want, int64_t q, int count, const Three<T> (&s)[kTripletsOfThread],
                           const Items (&items)[kTripletsOfThread]) {
  if (want.choices) write_choices(s, items, count, want.choices + q);
  T values[3 * kTripletsOfThread];
  if (want.probabilities) {
    PA_UNROLL
    for (int k = 0; k < kTripletsOfThread; ++k)
      put_probabilities(s[k], items[k].valid, want.inverse_temperature, values + 3 * k);
    write_values(values, count, want.probabilities + 3 * q);
  }
  if (want.similarities) {
    PA_UNROLL
    for (int k = 0; k < kTripletsOfThread; ++k) put_similarities(s[k], values + 3 * k);
    write_values(values, count, want.similarities + 3 * q);
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) from_matrix(const T* similarities, int64_t n, int64_t stride,
                                                        const pa_triplets triplets, bool packed, const Wanted<T> want) {
  const int64_t q = int64_t(blockIdx.x) * kTripletsOfBlock + threadIdx.x * kTripletsOfThread, left = triplets.t - q;
  const int count = left < 0 ? 0 : left < kTripletsOfThread ? int(left) : kTripletsOfThread;
  Items items[kTripletsOfThread];
  Three<T> s[kTripletsOfThread];
  read_four(triplets, packed, q, count, n, items);
  PA_UNROLL
  for (int k = 0; k < kTripletsOfThread; ++k) s[k] = look_up(similarities, stride, items[k]);
  write_four(want, q, count, s, items);
  Tally tally = {};
  bool invalid = false;
  PA_UNROLL
  for (int k = 0; k < kTripletsOfThread; ++k) {
    invalid |= k < count && !items[k].valid;
    if (want.parts && items[k].valid) add_triplet(s[k], want.inverse_temperature, &tally);
  }
  if (invalid) atomicExch(want.invalid, 1);
  if (want.parts) write_parts<kThreads>(tally, want.parts);
}

}  // namespace
}  // namespace pa
