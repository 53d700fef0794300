// buckets.cpp: similarities of triplets from rows that are too many for the caches, tile of rows by tile.
//
// A triplet needs three rows, from memory where they are many. Here the triplets are taken in slabs, whose pairs are
// first put into buckets: by the tile of rows in which the pair's higher item lies, and by the band of its lower item.
// A tile stays in cache, and the pairs of a bucket are sorted by their lower item, so that its row is in L1. A pair
// then costs one row from cache.
//
// Division of the work, three steps for each slab. First, chunks of triplets in parallel: a chunk counts its pairs by
// bucket, then writes them into lists of its own in the order of the buckets. Second, pieces of buckets in parallel,
// those of one tile together: a piece sorts its part of the lists of some chunks and computes four pairs at a time; the
// similarities go where the pairs stood in the lists. Third, chunks again: a chunk brings its similarities into the
// order of its triplets, in L2, and hands them on. Whatever is written at random places is in cache.
//
// No two pairs share a place, and each is summed as by triplets_from_rows (row_pairs.h): the numbers are the same,
// whatever the tiles, the slab and the threads.
//
// A chunk is counted from its own copy of the indices: another thread may write to the caller's array meanwhile.
//
// Bytes: for each triplet of a slab, 3.1 M at most, 18, in float64 42; for each thread 0.9 MiB, in float64 1.2.

#include "bucket_lists.h"
#include "row_pairs.h"
#include "threads.h"

namespace PA_ISA {
namespace {

// Back to where the pairs stood.
template <class T>
void put_back(const Slab<T>& slab, const Piece& piece, const Desk<T>* desk) {
  const uint16_t* where = desk->where;
  for (int64_t chunk = piece.first; chunk < piece.end; ++chunk) {
    const int32_t* starts = slab.starts_of(chunk) + piece.bucket;
    T* values = slab.values + chunk * kPairs;
    for (int32_t p = starts[0]; p < starts[1]; ++p) values[p] = desk->values[*where++];
  }
}

// The rows of four pairs from p on, past the last one that one again.
template <class T>
struct Rows {
  const T *low[kPairsAtOnce], *high[kPairsAtOnce];

  Rows(const pa_matrix* x, int64_t first_low, int64_t first_high, const Pair* sorted, int64_t p, int64_t count) {
    for (int r = 0; r < kPairsAtOnce; ++r) {
      const Pair& pair = sorted[smaller(p + r, count - 1)];
      low[r] = row<T>(x, first_low + pair.low);
      high[r] = row<T>(x, first_high + pair.high);
    }
  }
};

template <class T>
void request_row(const T* row, int64_t d) {
  for (int64_t k = 0; k < d; k += 64 / int64_t(sizeof(T))) __builtin_prefetch(row + k);
}

template <class T, pa_pair P, bool Ahead>
void compute(const pa_rows* x, const Grid& grid, int64_t bucket, int64_t count, Desk<T>* desk) {
  const pa_matrix* rows = &x->values;
  const Pair* sorted = desk->sorted;
  const int64_t first_low = (bucket % grid.bands) << grid.low_shift;
  const int64_t first_high = (bucket / grid.bands) << grid.high_shift;
  Rows<T> now(rows, first_low, first_high, sorted, 0, count);
  for (int64_t p = 0; p < count; p += kPairsAtOnce) {
    const Rows<T> next(rows, first_low, first_high, sorted, p + kPairsAtOnce, count);
    const T* before = now.low[kPairsAtOnce - 1];
    for (int r = 0; r < kPairsAtOnce; ++r) {
      if (next.low[r] != before) request_row(next.low[r], rows->d);
      before = next.low[r];
    }
    T* values = desk->values + p;  // and of the last pair again, past the end
    if (now.low[0] == now.low[kPairsAtOnce - 1])
      four_pairs<T, P, true, Ahead>(now.low, now.high, next.high, rows->d, values);
    else four_pairs<T, P, false, Ahead>(now.low, now.high, next.high, rows->d, values);
    now = next;
  }
  for (int64_t p = 0; p < count; ++p)
    desk->values[p] =
        finish_pair<T, P>(desk->values[p], first_low + sorted[p].low, first_high + sorted[p].high, x->terms, x->gamma);
}

template <class T, pa_pair P>
void one_piece(const pa_rows* x, const Slab<T>& slab, const Piece& piece, Desk<T>* desk) {
  uint16_t* where = desk->where;
  const int64_t count =
      sort_piece(slab, piece, desk, [where](int32_t at, int64_t p, int64_t) { where[p] = uint16_t(at); });
  const bool in_l2 = ((x->values.d * int64_t(sizeof(T))) << slab.grid.high_shift) <= kTileBytes;
  if (in_l2) compute<T, P, false>(x, slab.grid, piece.bucket, count, desk);
  else compute<T, P, true>(x, slab.grid, piece.bucket, count, desk);
  put_back(slab, piece, desk);
}

// False where the chunk holds a triplet that is not valid.
template <class T>
bool list_pairs(const Slab<T>& slab, int64_t chunk, Desk<T>* desk) {
  uint16_t* places = slab.places + chunk * kPairs;
  return fill_lists<T, SMALLER>(slab, chunk, desk,
                                [places](int32_t at, int64_t place) { places[at] = uint16_t(place); });
}

template <class T>
void hand_on(const Slab<T>& slab, int64_t chunk, const Taker* taker, Desk<T>* desk) {
  const int64_t count = slab.triplets_of(chunk);
  const T* values = slab.values + chunk * kPairs;
  const uint16_t* places = slab.places + chunk * kPairs;
  for (int64_t p = 0; p < 3 * count; ++p) desk->values[places[p]] = values[p];
  taker->take(taker, slab.first + chunk * kBucketChunk, count, desk->values);
}

// False where a triplet is not valid. pieces: memory for most_pieces.
template <class T, pa_pair P>
bool one_slab(const pa_rows* x, const Slab<T>& slab, Piece* pieces, Desk<T>* desks, const Taker* taker, int threads) {
  int invalid = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (slab.chunks > 1) reduction(| : invalid)
  for (int64_t chunk = 0; chunk < slab.chunks; ++chunk)
    invalid |= !list_pairs(slab, chunk, desks + omp_get_thread_num());
  if (invalid) return false;
  const int64_t count = cut(slab, pieces);
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (count > 1)
  for (int64_t k = 0; k < count; ++k) one_piece<T, P>(x, slab, pieces[k], desks + omp_get_thread_num());
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (slab.chunks > 1)
  for (int64_t chunk = 0; chunk < slab.chunks; ++chunk) hand_on(slab, chunk, taker, desks + omp_get_thread_num());
  return true;
}

template <class T, pa_pair P>
pa_status all_slabs(const pa_rows* x, const pa_triplets* triplets, const Taker* taker, int threads) {
  const int64_t t = triplets->t, chunks = blocks(t, kBucketChunk);
  if (chunks == 0) return PA_OK;
  const int64_t together = blocks(chunks, blocks(chunks, kSlabChunks));  // slabs of about one length
  const Grid grid = grid_for(x->values.n, smaller(t, together * kBucketChunk), larger(1, x->values.d) * sizeof(T));
  const Scratch<Pair> pairs(together * kPairs);
  const Scratch<uint16_t> places(together * kPairs);
  const Scratch<T> values(sizeof(T) == sizeof(Pair) ? 1 : together * kPairs);
  const Scratch<int32_t> starts(together * (grid.buckets + 1));
  const Scratch<Piece> pieces(most_pieces(grid, together));
  const Scratch<Desk<T>> desks(threads);
  if (!pairs.data || !places.data || !values.data || !starts.data || !pieces.data || !desks.data)
    return PA_OUT_OF_MEMORY;
  T* similarities = sizeof(T) == sizeof(Pair) ? reinterpret_cast<T*>(pairs.data) : values.data;
  for (int64_t chunk = 0; chunk < chunks; chunk += together) {
    const int64_t first = chunk * kBucketChunk, some = smaller(together, chunks - chunk);
    const pa_triplets part = triplets_between(triplets, first, smaller(t, first + some * kBucketChunk));
    const Slab<T> slab = {part, first, x->values.n, some, grid, pairs.data, places.data, similarities, starts.data};
    if (!one_slab<T, P>(x, slab, pieces.data, desks.data, taker, threads)) return PA_INVALID_TRIPLETS;
  }
  return PA_OK;
}

template <class T>
pa_status similarities_of(const pa_rows* x, const pa_triplets* triplets, const Taker* taker, int threads) {
#define PA_CASE(value, ...) \
  case value: return all_slabs<T, value>(x, triplets, taker, threads);
  switch (x->pair) { PA_PAIR_KERNELS(PA_CASE) }
#undef PA_CASE
  return PA_BAD_ARGUMENT;
}

}  // namespace

pa_status bucket_similarities(const pa_rows* x, const pa_triplets* triplets, const Taker* taker, int threads) {
  if (x->values.type == PA_FLOAT32) return similarities_of<float>(x, triplets, taker, threads);
  return similarities_of<double>(x, triplets, taker, threads);
}

}  // namespace PA_ISA
