// pair_products.cpp: to each item the rows of the items that it is paired with, weighed and added: the way from a
// derivative by the similarities of triplets back to the rows.
//
// As in buckets.cpp the triplets are taken in slabs, and their pairs put into lists by the tile of one item and the
// band of the other. Here the first is the source, whose row is read from its tile in cache, and the second the target,
// whose sum is in L1 while the pairs of the bucket that have it, sorted side by side, are added. A pair serves both
// ways: each slab takes two passes, in which the items change places.
//
// Division of the work, two steps for each pass. First, chunks of triplets in parallel: a chunk writes its pairs and
// their weights into lists of its own. Second, bands of targets in parallel, tile after tile. A target is summed by
// slabs, passes, tiles and then in the order of the triplets, whatever the bands and the threads.
//
// Bytes: for each triplet of a slab, 3.1 M at most, 24, in float64 36; for each thread 0.9 MiB, in float64 1.2.

#include "bucket_lists.h"
#include "row_pairs.h"
#include "threads.h"

namespace PA_ISA {
namespace {

constexpr int64_t kBandsOfThread = 4;  // at least, so that none waits long for another
constexpr int64_t kCleared = 1 << 18;  // numbers

// The grid of buckets.cpp with bands for all threads; the tiles, on which the order of the sums depends, are the same.
Grid grid_of_bands(int64_t n, int64_t t, int64_t row_bytes, int threads) {
  Grid grid = grid_for(n, t, row_bytes);
  const int64_t tiles = grid.buckets / grid.bands;
  while (grid.bands < kBandsOfThread * threads && grid.low_shift > 0 && 2 * grid.bands * tiles <= kMostBuckets)
    grid.bands = blocks(n, int64_t(1) << --grid.low_shift);
  grid.buckets = grid.bands * tiles;
  return grid;
}

template <class T>
struct Job {
  const pa_matrix* x;
  const T* weights;  // (t, 3)
  T* out;            // (n, d)
};

// sum += the rows, weighed, in their order; the lines of as many rows `next` are requested meanwhile.
template <class T, int Count, bool Ahead>
void add_rows(const T* const* rows, const T* weights, const T* const* next, int64_t d, T* sum) {
  typedef Simd<T> S;
  constexpr int64_t lanes = S::lanes, line = 64 / int64_t(sizeof(T));
  int64_t k = 0;
  for (; k + lanes <= d; k += lanes) {
    if (Ahead && k % line == 0)
      for (int r = 0; r < kPairsAtOnce; ++r) __builtin_prefetch(next[r] + k);
    typename S::Vector v = S::load(sum + k);
#pragma GCC unroll 4
    for (int r = 0; r < Count; ++r) v += weights[r] * S::load(rows[r] + k);
    S::store(sum + k, v);
  }
  for (; k < d; ++k)
    for (int r = 0; r < Count; ++r) sum[k] = add_term<PA_DOT>(sum[k], weights[r], rows[r][k]);
}

template <class T, bool Ahead>
void add_some(int64_t count, const T* const* rows, const T* weights, const T* const* next, int64_t d, T* sum) {
  switch (count) {
    case 1: return add_rows<T, 1, Ahead>(rows, weights, next, d, sum);
    case 2: return add_rows<T, 2, Ahead>(rows, weights, next, d, sum);
    case 3: return add_rows<T, 3, Ahead>(rows, weights, next, d, sum);
    default: return add_rows<T, kPairsAtOnce, Ahead>(rows, weights, next, d, sum);
  }
}

// The pairs of a piece, which has been sorted by targets.
template <class T, bool Ahead>
void add_sorted(const Job<T>& job, const Grid& grid, int64_t bucket, int64_t count, const Desk<T>* desk) {
  const int64_t d = job.x->d;
  const int64_t first_low = (bucket % grid.bands) << grid.low_shift;
  const int64_t first_high = (bucket / grid.bands) << grid.high_shift;
  const Pair* sorted = desk->sorted;
  int64_t end;
  for (int64_t p = 0; p < count; p = end) {
    const T *rows[kPairsAtOnce] = {}, *next[kPairsAtOnce];
    for (end = p; end < count && end < p + kPairsAtOnce && sorted[end].low == sorted[p].low; ++end)
      rows[end - p] = row<T>(job.x, first_high + sorted[end].high);
    for (int r = 0; r < kPairsAtOnce; ++r)
      next[r] = row<T>(job.x, first_high + sorted[smaller(end + r, count - 1)].high);
    add_some<T, Ahead>(end - p, rows, desk->values + p, next, d, job.out + (first_low + sorted[p].low) * d);
  }
}

template <class T>
void add_band(const Job<T>& job, const Slab<T>& slab, int64_t band, Desk<T>* desk) {
  const Grid& grid = slab.grid;
  const bool in_l2 = ((job.x->d * int64_t(sizeof(T))) << grid.high_shift) <= kTileBytes;
  for (int64_t bucket = band; bucket < grid.buckets; bucket += grid.bands)
    pieces_of(slab, bucket, [&](const Piece& piece) {
      T* weights = desk->values;
      const int64_t count = sort_piece(
          slab, piece, desk, [&slab, weights](int32_t at, int64_t, int64_t p) { weights[at] = slab.values[p]; });
      if (in_l2) add_sorted<T, false>(job, grid, bucket, count, desk);
      else add_sorted<T, true>(job, grid, bucket, count, desk);
    });
}

// False where the chunk holds a triplet that is not valid.
template <class T, Low Which>
bool list_weights(const Job<T>& job, const Slab<T>& slab, int64_t chunk, Desk<T>* desk) {
  T* values = slab.values + chunk * kPairs;
  const T* weights = job.weights + 3 * (slab.first + chunk * kBucketChunk);
  return fill_lists<T, Which>(slab, chunk, desk,
                              [values, weights](int32_t at, int64_t place) { values[at] = weights[place]; });
}

template <class T, Low Which>
bool one_pass(const Job<T>& job, const Slab<T>& slab, Desk<T>* desks, int threads) {
  int invalid = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (slab.chunks > 1) reduction(| : invalid)
  for (int64_t chunk = 0; chunk < slab.chunks; ++chunk)
    invalid |= !list_weights<T, Which>(job, slab, chunk, desks + omp_get_thread_num());
  if (invalid) return false;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (slab.chunks > 1)
  for (int64_t band = 0; band < slab.grid.bands; ++band) add_band(job, slab, band, desks + omp_get_thread_num());
  return true;
}

template <class T>
void clear(T* out, int64_t count, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (count > kCleared)
  for (int64_t k = 0; k < count; k += kCleared) memset(out + k, 0, smaller(kCleared, count - k) * sizeof(T));
}

template <class T>
pa_status products_of(const Job<T>& job, const pa_triplets* triplets, int threads) {
  const int64_t t = triplets->t, n = job.x->n, chunks = blocks(t, kBucketChunk);
  clear(job.out, n * job.x->d, threads);
  if (chunks == 0) return PA_OK;
  const int64_t together = blocks(chunks, blocks(chunks, kSlabChunks));  // slabs of about one length
  const int64_t row_bytes = larger(1, job.x->d) * int64_t(sizeof(T));
  const Grid grid = grid_of_bands(n, smaller(t, together * kBucketChunk), row_bytes, threads);
  const Scratch<Pair> pairs(together * kPairs);
  const Scratch<T> values(together * kPairs);
  const Scratch<int32_t> starts(together * (grid.buckets + 1));
  const Scratch<Desk<T>> desks(threads);
  if (!pairs.data || !values.data || !starts.data || !desks.data) return PA_OUT_OF_MEMORY;
  for (int64_t chunk = 0; chunk < chunks; chunk += together) {
    const int64_t first = chunk * kBucketChunk, some = smaller(together, chunks - chunk);
    const pa_triplets part = triplets_between(triplets, first, smaller(t, first + some * kBucketChunk));
    const Slab<T> slab = {part, first, n, some, grid, pairs.data, nullptr, values.data, starts.data};
    if (!one_pass<T, FIRST>(job, slab, desks.data, threads)) return PA_INVALID_TRIPLETS;
    if (!one_pass<T, LAST>(job, slab, desks.data, threads)) return PA_INVALID_TRIPLETS;
  }
  return PA_OK;
}

}  // namespace

pa_status pair_products(const pa_matrix* x, const pa_triplets* triplets, const void* weights, void* out, int threads) {
  if (x->type == PA_FLOAT32)
    return products_of<float>({x, static_cast<const float*>(weights), static_cast<float*>(out)}, triplets, threads);
  return products_of<double>({x, static_cast<const double*>(weights), static_cast<double*>(out)}, triplets, threads);
}

}  // namespace PA_ISA
