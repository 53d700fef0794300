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
// Bytes: for each triplet of a slab 30, in float64 42; for each thread 1.3 MiB.
#include "buckets.h"

#include <omp.h>

#include "row_pairs.h"
#include "unpack.h"

namespace PA_ISA {
namespace {

constexpr int64_t kBlocks = kBucketChunk / kTripletBlock;
constexpr int64_t kPairs = 3 * kBucketChunk;  // of a chunk
constexpr int64_t kSlabChunks = 192;          // at most: 3.1 M triplets
constexpr int64_t kMostBuckets = 1 << 12;     // lists of a chunk
constexpr int64_t kPairsPerBucket = 1 << 15;  // about
constexpr int64_t kTileBytes = 256 << 10;     // at least: half of L2
constexpr int64_t kMostTileBytes = 4 << 20;   // a share of L3
constexpr double kPairsPerRow = 8.0;          // of a lower item with one tile: so many are worth reading its row again
constexpr int kMostShift = 14;                // rows of a band or tile
constexpr int64_t kMostNumbers = (1 << kMostShift) + 1;
static_assert(kPairs <= 1 << 16, "places are 16-bit numbers");
static_assert(kMostRows <= kMostBuckets << kMostShift, "");

// Tiles of 2^high_shift rows and bands of 2^low_shift.
struct Grid {
  int low_shift, high_shift;
  int64_t bands, buckets;
};

// A pair's items: places in their band and tile.
struct Pair {
  uint16_t low, high;
};

struct SortedPair {
  uint16_t low, high, place;  // place: in the piece
};

int shift_of(int64_t rows) {
  int shift = 0;
  while ((int64_t(2) << shift) <= rows) ++shift;
  return int(smaller(shift, kMostShift));
}

// Tiles in which a lower item has several pairs, as far as the caches go, and bands that leave buckets of a fair size.
Grid grid_for(int64_t n, int64_t t, int64_t row_bytes) {
  const double of_row = 6.0 * double(t) / (double(n) * double(n));  // pairs of a lower item with a row of a tile
  const int64_t wanted = int64_t(kPairsPerRow / of_row) + 1, least = kTileBytes / row_bytes,
                most = kMostTileBytes / row_bytes;
  const int64_t rows = larger(1, smaller(larger(wanted, least), most));
  Grid grid;
  grid.high_shift = shift_of(rows);
  const int64_t lists = smaller(kMostBuckets, 1 + 2 * 3 * t / kPairsPerBucket);
  grid.low_shift = shift_of(n * blocks(n, int64_t(1) << grid.high_shift) / lists);
  while (blocks(n, int64_t(1) << grid.low_shift) * blocks(n, int64_t(1) << grid.high_shift) > kMostBuckets)
    ++(grid.low_shift < grid.high_shift ? grid.low_shift : grid.high_shift);
  grid.bands = blocks(n, int64_t(1) << grid.low_shift);
  grid.buckets = grid.bands * blocks(n, int64_t(1) << grid.high_shift);
  return grid;
}

// The lists of a slab.
template <class T>
struct Slab {
  pa_triplets triplets;
  int64_t first, n, chunks;  // first: which of all triplets is its first
  Grid grid;
  Pair* pairs;       // [chunk][kPairs]
  uint16_t* places;  // [chunk][kPairs]: 3 q + p for pair p of triplet q of the chunk
  T* values;         // [chunk][kPairs]: similarities
  int32_t* starts;   // [chunk][buckets + 1]

  const int32_t* starts_of(int64_t chunk) const { return starts + chunk * (grid.buckets + 1); }
  int64_t triplets_of(int64_t chunk) const { return smaller(kBucketChunk, triplets.t - chunk * kBucketChunk); }
};

pa_triplets triplets_between(const pa_triplets* triplets, int64_t first, int64_t end) {
  pa_triplets part = *triplets;
  part.data = static_cast<const char*>(part.data) + first * part.row_stride * index_size(part.type);
  part.t = end - first;
  return part;
}

// What a thread has to itself.
template <class T>
struct Desk {
  Items items[kBlocks];        // of a chunk
  SortedPair sorted[kPairs];   // of a piece
  T similarities[kPairs];      // of a piece, or of a chunk
  int32_t next[kMostNumbers];  // by bucket, or by lower item
};

// What a block of triplets puts into lists.
struct Blocked {
  int32_t bucket[3][kTripletBlock];
  Pair pair[3][kTripletBlock];

  Blocked(const Items& items, int64_t count, const Grid& grid) {
    for (int p = 0; p < 3; ++p) {
      const int32_t *first = items.column[p == 2], *second = items.column[p == 0 ? 1 : 2];
      const int32_t low_mask = (1 << grid.low_shift) - 1, high_mask = (1 << grid.high_shift) - 1;
      const int32_t bands = int32_t(grid.bands);
      for (int64_t q = 0; q < count; ++q) {
        const int32_t low = first[q] < second[q] ? first[q] : second[q],
                      high = first[q] < second[q] ? second[q] : first[q];
        bucket[p][q] = (high >> grid.high_shift) * bands + (low >> grid.low_shift);
        pair[p][q] = {uint16_t(low & low_mask), uint16_t(high & high_mask)};
      }
    }
  }
};

// The lists of a chunk. False where it holds a triplet that is not valid.
template <class T>
bool fill_lists(const Slab<T>& slab, int64_t chunk, Desk<T>* desk) {
  const Grid grid = slab.grid;
  const int64_t count = slab.triplets_of(chunk);
  Items* items = desk->items;
  int32_t *next = desk->next, *starts = slab.starts + chunk * (grid.buckets + 1);
  memset(starts, 0, (grid.buckets + 1) * sizeof *starts);
  for (int64_t q = 0; q < count; q += kTripletBlock) {
    const int64_t some = smaller(kTripletBlock, count - q);
    if (!unpack(&slab.triplets, chunk * kBucketChunk + q, some, slab.n, items + q / kTripletBlock)) return false;
    const Blocked block(items[q / kTripletBlock], some, grid);
    for (int p = 0; p < 3; ++p)
      for (int64_t r = 0; r < some; ++r) ++starts[block.bucket[p][r] + 1];
  }
  for (int64_t b = 0; b < grid.buckets; ++b) starts[b + 1] += starts[b];
  memcpy(next, starts, grid.buckets * sizeof *next);
  Pair* pairs = slab.pairs + chunk * kPairs;
  uint16_t* places = slab.places + chunk * kPairs;
  for (int64_t q = 0; q < count; q += kTripletBlock) {
    const int64_t some = smaller(kTripletBlock, count - q);
    const Blocked block(items[q / kTripletBlock], some, grid);
    for (int p = 0; p < 3; ++p)
      for (int64_t r = 0; r < some; ++r) {
        const int32_t at = next[block.bucket[p][r]]++;
        pairs[at] = block.pair[p][r];
        places[at] = uint16_t(3 * (q + r) + p);
      }
  }
  return true;
}

// A piece of a bucket: its lists of chunks first .. end.
struct Piece {
  int64_t bucket;
  int32_t first, end;
};

// Cuts the buckets into pieces of at most kPairs pairs; returns how many there are.
template <class T>
int64_t cut(const Slab<T>& slab, Piece* pieces) {
  int64_t count = 0;
  for (int64_t bucket = 0; bucket < slab.grid.buckets; ++bucket) {
    int64_t pairs = 0;
    int32_t first = 0;
    for (int64_t chunk = 0; chunk < slab.chunks; ++chunk) {
      const int32_t* starts = slab.starts_of(chunk) + bucket;
      const int64_t more = starts[1] - starts[0];
      if (pairs + more > kPairs) {
        pieces[count++] = {bucket, first, int32_t(chunk)};
        first = int32_t(chunk);
        pairs = 0;
      }
      pairs += more;
    }
    if (pairs) pieces[count++] = {bucket, first, int32_t(slab.chunks)};
  }
  return count;
}

// A bucket is cut only where two pieces together hold more than kPairs.
int64_t most_pieces(const Grid& grid, int64_t chunks) { return grid.buckets + 2 * blocks(chunks * kPairs, kPairs); }

// The pairs of a piece in the order of their lower items; returns how many there are.
template <class T>
int64_t sort_piece(const Slab<T>& slab, const Piece& piece, Desk<T>* desk) {
  const int64_t rows = int64_t(1) << slab.grid.low_shift;
  int32_t* next = desk->next;
  memset(next, 0, (rows + 1) * sizeof *next);
  for (int64_t chunk = piece.first; chunk < piece.end; ++chunk) {
    const int32_t* starts = slab.starts_of(chunk) + piece.bucket;
    const Pair* list = slab.pairs + chunk * kPairs;
    for (int32_t p = starts[0]; p < starts[1]; ++p) ++next[list[p].low + 1];
  }
  for (int64_t i = 0; i < rows; ++i) next[i + 1] += next[i];
  int64_t count = 0;
  for (int64_t chunk = piece.first; chunk < piece.end; ++chunk) {
    const int32_t* starts = slab.starts_of(chunk) + piece.bucket;
    const Pair* list = slab.pairs + chunk * kPairs;
    for (int32_t p = starts[0]; p < starts[1]; ++p, ++count)
      desk->sorted[next[list[p].low]++] = {list[p].low, list[p].high, uint16_t(count)};
  }
  return count;
}

// Back to where the pairs stood.
template <class T>
void put_back(const Slab<T>& slab, const Piece& piece, Desk<T>* desk) {
  const T* values = desk->similarities;
  for (int64_t chunk = piece.first; chunk < piece.end; ++chunk) {
    const int32_t* starts = slab.starts_of(chunk) + piece.bucket;
    memcpy(slab.values + chunk * kPairs + starts[0], values, (starts[1] - starts[0]) * sizeof *values);
    values += starts[1] - starts[0];
  }
}

// The rows of four pairs from p on, past the last one that one again.
template <class T>
struct Rows {
  const T *low[kPairsAtOnce], *high[kPairsAtOnce];

  Rows(const pa_matrix* x, int64_t first_low, int64_t first_high, const SortedPair* sorted, int64_t p, int64_t count) {
    for (int r = 0; r < kPairsAtOnce; ++r) {
      const SortedPair& pair = sorted[smaller(p + r, count - 1)];
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
  const SortedPair* sorted = desk->sorted;
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
    T value[kPairsAtOnce];
    if (now.low[0] == now.low[kPairsAtOnce - 1])
      four_pairs<T, P, true, Ahead>(now.low, now.high, next.high, rows->d, value);
    else four_pairs<T, P, false, Ahead>(now.low, now.high, next.high, rows->d, value);
    for (int64_t r = 0; r < smaller(kPairsAtOnce, count - p); ++r) {
      const SortedPair& pair = sorted[p + r];
      desk->similarities[pair.place] =
          finish_pair<T, P>(value[r], first_low + pair.low, first_high + pair.high, x->terms, x->gamma);
    }
    now = next;
  }
}

template <class T, pa_pair P>
void one_piece(const pa_rows* x, const Slab<T>& slab, const Piece& piece, Desk<T>* desk) {
  const int64_t count = sort_piece(slab, piece, desk);
  const bool in_l2 = ((x->values.d * int64_t(sizeof(T))) << slab.grid.high_shift) <= kTileBytes;
  if (in_l2) compute<T, P, false>(x, slab.grid, piece.bucket, count, desk);
  else compute<T, P, true>(x, slab.grid, piece.bucket, count, desk);
  put_back(slab, piece, desk);
}

template <class T>
void hand_on(const Slab<T>& slab, int64_t chunk, const Taker* taker, Desk<T>* desk) {
  const int64_t count = slab.triplets_of(chunk);
  const T* values = slab.values + chunk * kPairs;
  const uint16_t* places = slab.places + chunk * kPairs;
  for (int64_t p = 0; p < 3 * count; ++p) desk->similarities[places[p]] = values[p];
  taker->take(taker, slab.first + chunk * kBucketChunk, count, desk->similarities);
}

// False where a triplet is not valid. pieces: memory for most_pieces.
template <class T, pa_pair P>
bool one_slab(const pa_rows* x, const Slab<T>& slab, Piece* pieces, Desk<T>* desks, const Taker* taker, int threads) {
  int invalid = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (slab.chunks > 1) reduction(| : invalid)
  for (int64_t chunk = 0; chunk < slab.chunks; ++chunk)
    invalid |= !fill_lists(slab, chunk, desks + omp_get_thread_num());
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
  const Scratch<T> values(together * kPairs);
  const Scratch<int32_t> starts(together * (grid.buckets + 1));
  const Scratch<Piece> pieces(most_pieces(grid, together));
  const Scratch<Desk<T>> desks(threads);
  if (!pairs.data || !places.data || !values.data || !starts.data || !pieces.data || !desks.data)
    return PA_OUT_OF_MEMORY;
  for (int64_t chunk = 0; chunk < chunks; chunk += together) {
    const int64_t first = chunk * kBucketChunk, some = smaller(together, chunks - chunk);
    const pa_triplets part = triplets_between(triplets, first, smaller(t, first + some * kBucketChunk));
    const Slab<T> slab = {part, first, x->values.n, some, grid, pairs.data, places.data, values.data, starts.data};
    if (!one_slab<T, P>(x, slab, pieces.data, desks.data, taker, threads)) return PA_INVALID_TRIPLETS;
  }
  return PA_OK;
}

template <class T>
pa_status similarities_of(const pa_rows* x, const pa_triplets* triplets, const Taker* taker, int threads) {
#define PA_CASE(value, name) \
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
