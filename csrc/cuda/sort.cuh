// sort.cuh: a stable sort of pairs of a key and a value: CUB's radix sort, or the standard library's under emulation.
#pragma once

#include "common.cuh"

#ifdef PA_EMULATION
#include <algorithm>
#include <numeric>
#include <vector>
#else
#include <cub/device/device_radix_sort.cuh>
#endif

namespace pa {

// Two buffers each, since a radix sort goes back and forth. The pairs are in the first ones, before and after.
template <class Key, class Value>
struct Pairs {
  Key *keys, *other_keys;
  Value *values, *other_values;
};

#ifdef PA_EMULATION

template <class Key, class Value>
void sort_now(const Pairs<Key, Value>& from, int count, int bits) {
  const Key mask = bits < int(8 * sizeof(Key)) ? (Key(1) << bits) - 1 : ~Key(0);
  std::vector<int> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int p, int q) { return (from.keys[p] & mask) < (from.keys[q] & mask); });
  for (int k = 0; k < count; ++k) {
    from.other_keys[k] = from.keys[order[size_t(k)]];
    from.other_values[k] = from.values[order[size_t(k)]];
  }
}

template <class Key, class Value>
int sort_pairs(void* workspace, size_t* bytes, Pairs<Key, Value>* pairs, int count, int bits, void* stream) {
  if (!workspace) {
    *bytes = 1;
    return 0;
  }
  emulation::enqueue(emulation::SORT, stream, [from = *pairs, count, bits] { sort_now(from, count, bits); });
  std::swap(pairs->keys, pairs->other_keys);
  std::swap(pairs->values, pairs->other_values);
  return 0;
}

#else

// By the lowest `bits` bits. Without a workspace: how many bytes of it are needed.
template <class Key, class Value>
int sort_pairs(void* workspace, size_t* bytes, Pairs<Key, Value>* pairs, int count, int bits, void* stream) {
  cub::DoubleBuffer<Key> keys(pairs->keys, pairs->other_keys);
  cub::DoubleBuffer<Value> values(pairs->values, pairs->other_values);
  const cudaError_t error = cub::DeviceRadixSort::SortPairs(workspace, *bytes, keys, values, count, 0, bits,
                                                            static_cast<cudaStream_t>(stream));
  *pairs = {keys.Current(), keys.Alternate(), values.Current(), values.Alternate()};
  return int(error);
}

#endif

}  // namespace pa
