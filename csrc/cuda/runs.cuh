// runs.cuh: the sums of runs of equal keys in a sorted array, each written to its element of the gradient.
//
// A block takes a tile of 2,048 entries, 256 at a time, and writes the runs that lie within. What it has of longer ones
// it leaves in its Border; a warp for each tile in which such a run begins adds the parts, in the order of the tiles.
#pragma once

#include "residuals.cuh"

namespace pa {
namespace {

constexpr int kRounds = 8;
constexpr int kEntriesOfTile = kRounds * kThreads;
constexpr int kWarps = kThreads / kWarp;

// Entries of triplets that are not valid are of the pair n n, which is none and comes last.
PA_INLINE uint64_t no_pair(int64_t n) { return uint64_t(n) * uint64_t(n); }

template <class T>
__device__ void put(const Gradient<T>& gradient, uint64_t key, double sum) {
  if (key == no_pair(gradient.n)) return;
  const T value = T(gradient.factor * sum);
  gradient.data[key] = gradient.add ? gradient.data[key] + value : value;
}

// Of a run of equal keys: the sum of the part that ends here.
template <class Key>
struct Run {
  Key key;
  double sum;
};

// What a tile knows of runs that it shares with other tiles.
struct Border {
  uint64_t key;       // of the run that begins here and goes on in the next tile
  double head, tail;  // parts of the run that came from the tile before, and of that one
  bool head_ends, has_tail;
};

// The sum of each lane's run so far, within the warp. Keys are sorted: where the key some lanes before is the same, so
// are those between.
template <class Key>
__device__ double sum_in_warp(Key key, double sum) {
  const int lane = threadIdx.x % kWarp;
  PA_UNROLL
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const Key other = __shfl_up_sync(kAllLanes, key, distance);
    const double more = __shfl_up_sync(kAllLanes, sum, distance);
    if (lane >= distance && other == key) sum += more;
  }
  return sum;
}

// The same within the block, and `carried`, the last run of the round before; which becomes this round's.
template <class Key>
__device__ double sum_in_block(Key key, double value, bool first, Run<Key>* carried, Run<Key>* of_warps) {
  const int warp = threadIdx.x / kWarp;
  double sum = sum_in_warp(key, value);
  if (threadIdx.x % kWarp == kWarp - 1) of_warps[warp] = {key, sum};
  __syncthreads();
  if (!first && carried->key == key) sum += carried->sum;
  for (int w = 0; w < warp; ++w)
    if (of_warps[w].key == key) sum += of_warps[w].sum;
  __syncthreads();
  if (threadIdx.x == kThreads - 1) *carried = {key, sum};
  return sum;
}

template <class Key, class Value, class T>
__global__ void __launch_bounds__(kThreads)
    sum_tiles(const Key* keys, const Value* values, int64_t count, const Gradient<T> gradient, Border* borders) {
  __shared__ Run<Key> carried, of_warps[kWarps];
  __shared__ Border border;
  const int64_t begin = int64_t(blockIdx.x) * kEntriesOfTile,
                end = begin + kEntriesOfTile < count ? begin + kEntriesOfTile : count;
  if (threadIdx.x == 0) border = Border{};
  for (int round = 0; round < kRounds; ++round) {
    const int64_t k = begin + round * kThreads + threadIdx.x;
    const Key key = keys[k < end ? k : end - 1];
    const double sum = sum_in_block(key, k < end ? double(values[k]) : 0.0, round == 0, &carried, of_warps);
    if (k >= end) continue;
    const bool goes_on = k + 1 < count && keys[k + 1] == key, came = begin > 0 && keys[begin - 1] == key;
    if (goes_on && k + 1 < end) continue;
    if (came) {
      border.head = sum;
      border.head_ends = !goes_on;
    } else if (goes_on) {
      border.key = key;
      border.tail = sum;
      border.has_tail = true;
    } else {
      put(gradient, key, sum);
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) borders[blockIdx.x] = border;
}

// A warp for each tile in which a run begins that goes on: adds the parts up to the tile where it ends.
template <class T>
__global__ void __launch_bounds__(kThreads)
    join_tiles(const Border* borders, int64_t tiles, const Gradient<T> gradient) {
  const int64_t tile = int64_t(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  const int lane = threadIdx.x % kWarp;
  if (tile >= tiles || !borders[tile].has_tail) return;
  double sum = lane == 0 ? borders[tile].tail : 0.0;
  unsigned ended = 0;
  for (int64_t next = tile + 1 + lane; ended == 0; next += kWarp) {
    ended = __ballot_sync(kAllLanes, next >= tiles || borders[next].head_ends);
    const bool after_end = (ended & ((1u << lane) - 1u)) != 0;
    if (next < tiles && !after_end) sum += borders[next].head;
  }
  sum = warp_sum(sum);
  if (lane == 0) put(gradient, borders[tile].key, sum);
}

}  // namespace
}  // namespace pa
