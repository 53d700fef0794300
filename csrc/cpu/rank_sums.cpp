// rank_sums.cpp: rank correlations of pairs of objects under many resamples of the objects at once, ranked anew in
// each.
//
// In a resample a pair weighs the product of its objects' multiplicities, and the rank of a value is the weight of
// smaller ones plus half of that of equal ones: so the order of the values, which does not change, is enough.
//
// Division of the work. Resamples come in groups of lanes, one group a thread. It goes through the pairs in the order
// of the first values and writes each pair's ranks, one for each lane, to where the pair stands in the order of the
// second; then it goes through these in their order and adds up. Of 16 lanes a pair's ranks are a cache line of 64
// bytes, written once at random and read once in a row: what sets the pace. Each lane is summed in one order, whoever
// does it.
#include "series.h"
#include "simd.h"

namespace PA_ISA {
namespace {

constexpr int64_t kMostBytes = int64_t(1) << 28;  // of ranks, in one thread
constexpr int64_t kGroup = 16;

template <int Lanes>
struct Weights {
  int32_t of[Lanes];
  inline __attribute__((always_inline)) void load(const pa_rank_order* pairs, int64_t k, const uint8_t* table) {
    const uint8_t* a = table + int64_t(pairs->items[2 * k]) * Lanes;
    const uint8_t* b = table + int64_t(pairs->items[2 * k + 1]) * Lanes;
    for (int l = 0; l < Lanes; ++l) of[l] = int32_t(a[l]) * int32_t(b[l]);
  }
};

// Twice the weight before the values that equal the k-th, plus theirs, into ranks; *k becomes the first beyond them.
template <int Lanes>
PA_INLINE void next_ranks(const pa_rank_order* pairs, int64_t* k, const uint8_t* table, int32_t* before, int32_t* ranks,
                          int32_t* weight) {
  Weights<Lanes> w;
  w.load(pairs, *k, table);
  for (int l = 0; l < Lanes; ++l) weight[l] = w.of[l];
  while (!pairs->last[(*k)++] && *k < pairs->m) {
    w.load(pairs, *k, table);
    for (int l = 0; l < Lanes; ++l) weight[l] += w.of[l];
  }
  for (int l = 0; l < Lanes; ++l) {
    ranks[l] = 2 * before[l] + weight[l];
    before[l] += weight[l];
  }
}

template <int Lanes>
void one_group(const pa_rank_order* first, const pa_rank_order* second, const int32_t* places, const uint8_t* table,
               int32_t* waiting, double* sums, int64_t stride) {
  int32_t before[Lanes] = {}, ranks[Lanes], weight[Lanes];
  double own[Lanes] = {}, other[Lanes] = {}, both[Lanes] = {};
  for (int64_t k = 0; k < first->m;) {
    const int64_t start = k;
    next_ranks<Lanes>(first, &k, table, before, ranks, weight);
    for (int l = 0; l < Lanes; ++l) own[l] += double(weight[l]) * double(ranks[l]) * double(ranks[l]);
    for (int64_t q = start; q < k; ++q) memcpy(waiting + int64_t(places[q]) * Lanes, ranks, sizeof ranks);
  }
  for (int l = 0; l < Lanes; ++l) sums[l] = double(before[l]);
  memset(before, 0, sizeof before);
  for (int64_t k = 0; k < second->m;) {
    const int64_t start = k;
    next_ranks<Lanes>(second, &k, table, before, ranks, weight);
    for (int l = 0; l < Lanes; ++l) other[l] += double(weight[l]) * double(ranks[l]) * double(ranks[l]);
    for (int64_t q = start; q < k; ++q) {
      Weights<Lanes> w;
      w.load(second, q, table);
      const int32_t* there = waiting + q * Lanes;
      for (int l = 0; l < Lanes; ++l) both[l] += double(w.of[l]) * double(there[l]) * double(ranks[l]);
    }
  }
  for (int l = 0; l < Lanes; ++l) {
    sums[stride + l] = own[l];
    sums[2 * stride + l] = other[l];
    sums[3 * stride + l] = both[l];
  }
}

// multiplicities (n, resamples) -> (n, Lanes) of one group; those beyond the last resample are zero.
template <int Lanes>
void take_group(const uint8_t* multiplicities, int64_t n, int64_t resamples, int64_t start, uint8_t* table) {
  const int64_t count = smaller(Lanes, resamples - start);
  for (int64_t i = 0; i < n; ++i) {
    memset(table + i * Lanes, 0, Lanes);
    memcpy(table + i * Lanes, multiplicities + i * resamples + start, size_t(count));
  }
}

template <int Lanes>
pa_status by_lanes(const pa_rank_order* first, const pa_rank_order* second, const int32_t* places, int64_t n,
                   const uint8_t* multiplicities, int64_t resamples, double* sums, int threads) {
  const int64_t groups = blocks(resamples, Lanes);
  int failed = 0;
#pragma omp parallel num_threads(int(smaller(threads, groups))) if (groups > 1)
  {
    Scratch<uint8_t> table(n * Lanes);
    Scratch<int32_t> waiting(first->m * Lanes);
    Scratch<double> of_group(4 * Lanes);
    if (!table.data || !waiting.data || !of_group.data) {
#pragma omp atomic write
      failed = 1;
    }
#pragma omp barrier
    int stop;
#pragma omp atomic read
    stop = failed;
    if (!stop) {
#pragma omp for schedule(dynamic)
      for (int64_t group = 0; group < groups; ++group) {
        const int64_t start = group * Lanes, count = smaller(Lanes, resamples - start);
        take_group<Lanes>(multiplicities, n, resamples, start, table.data);
        one_group<Lanes>(first, second, places, table.data, waiting.data, of_group.data, Lanes);
        for (int s = 0; s < 4; ++s)
          for (int64_t l = 0; l < count; ++l) sums[s * resamples + start + l] = of_group.data[s * Lanes + l];
      }
    }
  }
  return failed ? PA_OUT_OF_MEMORY : PA_OK;
}

}  // namespace

pa_status rank_sums(const pa_rank_order* first, const pa_rank_order* second, const int32_t* places, int64_t n,
                    const uint8_t* multiplicities, int64_t resamples, double* sums, int threads) {
  const int64_t bytes = first->m * int64_t(sizeof(int32_t));
  if (resamples > 1 && bytes * kGroup <= kMostBytes)
    return by_lanes<kGroup>(first, second, places, n, multiplicities, resamples, sums, threads);
  if (resamples > 1 && bytes * 4 <= kMostBytes)
    return by_lanes<4>(first, second, places, n, multiplicities, resamples, sums, threads);
  return by_lanes<1>(first, second, places, n, multiplicities, resamples, sums, threads);
}

}  // namespace PA_ISA
