// triplet.cuh: reading and checking triplets, and sums over them: what triplets.cu and gradient.cu share.
#pragma once

#include "common.cuh"

namespace pa {

// Positions 0, 1, 2 of a triplet. Where they are not three different items in [0, n), no item may be used.
struct Items {
  int32_t at[3];
  bool valid;
};

__device__ inline Items checked(int64_t a, int64_t b, int64_t c, int64_t n) {
  const uint64_t limit = uint64_t(n);
  const bool inside = uint64_t(a) < limit && uint64_t(b) < limit && uint64_t(c) < limit;
  return {{int32_t(a), int32_t(b), int32_t(c)}, inside && a != b && a != c && b != c};
}

template <class I, int Most>
__device__ void load_items(const pa_triplets& triplets, int64_t q, int count, int64_t (&items)[Most][3]) {
  const I* row = static_cast<const I*>(triplets.data) + q * triplets.row_stride;
  PA_UNROLL
  for (int k = 0; k < Most; ++k, row += triplets.row_stride) {
    if (k >= count) continue;
    PA_UNROLL
    for (int p = 0; p < 3; ++p) items[k][p] = row[p * triplets.column_stride];
  }
}

// `count` triplets from q on, of any type and strides; all are loaded before the first is looked at. The rest of the
// array is not valid.
template <int Most>
__device__ void read_triplets(const pa_triplets& triplets, int64_t q, int count, int64_t n, Items (&items)[Most]) {
  int64_t loaded[Most][3] = {};
  switch (triplets.type) {
    case PA_INT16: load_items<int16_t>(triplets, q, count, loaded); break;
    case PA_UINT16: load_items<uint16_t>(triplets, q, count, loaded); break;
    case PA_INT32: load_items<int32_t>(triplets, q, count, loaded); break;
    case PA_INT64: load_items<int64_t>(triplets, q, count, loaded); break;
  }
  PA_UNROLL
  for (int k = 0; k < Most; ++k) items[k] = checked(loaded[k][0], loaded[k][1], loaded[k][2], n);
}

__device__ inline Items read_triplet(const pa_triplets& triplets, int64_t q, int64_t n) {
  Items one[1];
  read_triplets(triplets, q, 1, n, one);
  return one[0];
}

// What one load instruction fetches of indices: a part of the 12 of four triplets, 8 bytes where these are 24.
template <class I>
struct alignas(sizeof(I) == 2 ? 8 : 16) Pack {
  static constexpr int size = (sizeof(I) == 2 ? 8 : 16) / sizeof(I);
  I at[size];
};

// Whether four triplets from a multiple of four on are aligned packs.
inline bool are_packed(const pa_triplets& triplets) {
  const bool narrow = triplets.type == PA_INT16 || triplets.type == PA_UINT16;
  return triplets.row_stride == 3 && triplets.column_stride == 1 &&
         reinterpret_cast<uintptr_t>(triplets.data) % (narrow ? 8 : 16) == 0;
}

template <class I>
__device__ void load_packed(const pa_triplets& triplets, int64_t q, int64_t (&items)[4][3]) {
  const auto source = reinterpret_cast<const Pack<I>*>(static_cast<const I*>(triplets.data) + 3 * q);
  Pack<I> packs[12 / Pack<I>::size];
  PA_UNROLL
  for (int v = 0; v < 12 / Pack<I>::size; ++v) packs[v] = source[v];
  PA_UNROLL
  for (int v = 0; v < 12; ++v) items[v / 3][v % 3] = packs[v / Pack<I>::size].at[v % Pack<I>::size];
}

// Four triplets of packed indices, from a multiple of four on.
__device__ inline void read_packed(const pa_triplets& triplets, int64_t q, int64_t n, Items (&items)[4]) {
  int64_t loaded[4][3] = {};
  switch (triplets.type) {
    case PA_INT16: load_packed<int16_t>(triplets, q, loaded); break;
    case PA_UINT16: load_packed<uint16_t>(triplets, q, loaded); break;
    case PA_INT32: load_packed<int32_t>(triplets, q, loaded); break;
    case PA_INT64: load_packed<int64_t>(triplets, q, loaded); break;
  }
  PA_UNROLL
  for (int k = 0; k < 4; ++k) items[k] = checked(loaded[k][0], loaded[k][1], loaded[k][2], n);
}

// Similarities of the pairs of positions 01, 02, 12.
template <class T>
struct Three {
  T s01, s02, s12;
};

template <class T>
__device__ T not_a_number() {
  return T(NAN);
}

// The three elements of the matrix that a triplet reads; NaN, and no element, where it is not valid.
template <class T>
__device__ Three<T> look_up(const T* similarities, int64_t stride, const Items& items) {
  if (!items.valid) return {not_a_number<T>(), not_a_number<T>(), not_a_number<T>()};
  const T *first = similarities + items.at[0] * stride, *second = similarities + items.at[1] * stride;
  return {__ldg(first + items.at[1]), __ldg(first + items.at[2]), __ldg(second + items.at[2])};
}

// A thread's part of pa_sums. `counts` has a byte each for: the human pair most similar alone, in a two-way tie,
// two-way ties, three-way ties. A thread adds at most four triplets, so the bytes do not overflow in the sum of a warp
// either.
struct Tally {
  uint32_t counts;
  double cross_entropy, entropy;
};

template <class T>
__device__ void add_triplet(const Three<T>& s, T inverse_temperature, Tally* tally) {
  const Choice<T> c = decide(s.s01, s.s02, s.s12);
  const Nats<T> v = nats(s.s01, s.s02, s.s12, inverse_temperature);
  const uint32_t alone = c.pairs_at_maximum == 1, two = c.pairs_at_maximum == 2, three = c.pairs_at_maximum == 3;
  const uint32_t human = uint32_t(c.human_pair);
  tally->counts += (human & alone) | (human & two) << 8 | two << 16 | three << 24;
  tally->cross_entropy += double(v.cross_entropy);
  tally->entropy += double(v.entropy);
}

// The members of pa_sums in their order.
constexpr int kSums = 7;

// The block's sums, as its part of each of kSums columns of gridDim.x parts; add_parts adds them up.
template <int Threads>
__device__ void write_parts(const Tally& tally, double* parts) {
  __shared__ double warps[Threads / kWarp][kSums];
  const uint32_t counts = warp_sum(tally.counts);
  const double cross_entropy = warp_sum(tally.cross_entropy), entropy = warp_sum(tally.entropy);
  if (threadIdx.x % kWarp == 0) {
    double* const own = warps[threadIdx.x / kWarp];
    own[0] = counts & 255u;
    own[1] = counts >> 8 & 255u;
    own[2] = own[4] = counts >> 24;  // in a three-way tie the human pair is always among the three
    own[3] = counts >> 16 & 255u;
    own[5] = cross_entropy;
    own[6] = entropy;
  }
  __syncthreads();
  if (threadIdx.x >= kSums) return;
  double total = 0.0;
  for (int w = 0; w < Threads / kWarp; ++w) total += warps[w][threadIdx.x];
  parts[int64_t(threadIdx.x) * gridDim.x + blockIdx.x] = total;
}

}  // namespace pa
