// bucket_lists.h: the pairs of a slab of triplets, in lists by bucket; see buckets.cpp and pair_products.cpp.
#pragma once

#include "buckets.h"
#include "unpack.h"

namespace PA_ISA {
namespace {

constexpr int64_t kBlocks = kBucketChunk / kTripletBlock;
constexpr int64_t kPairs = 3 * kBucketChunk;  // of a chunk
constexpr int64_t kSlabChunks = 192;          // at most: 3.1 M triplets
constexpr int64_t kMostBuckets = 1 << 12;     // lists of a chunk
constexpr int64_t kPiece = 1 << 16;           // pairs that a thread sorts at a time, at most
constexpr int64_t kPairsPerBucket = 3 << 14;  // at most, where items are drawn evenly
constexpr int64_t kTileBytes = 256 << 10;     // at least: half of L2
constexpr int64_t kMostTileBytes = 16 << 20;  // a share of L3
constexpr double kPairsPerRow = 12.0;         // of a lower item with one tile: so many are worth reading its row again
constexpr int kMostShift = 14;                // rows of a band or tile
constexpr int64_t kMostNumbers = (1 << kMostShift) + 1;
static_assert(kPairs <= kPiece && kPiece <= 1 << 16, "places are 16-bit numbers");
static_assert((kMostRows >> kMostShift) * (kMostRows >> kMostShift) <= kMostBuckets, "the largest grid must fit");

// Tiles of 2^high_shift rows and bands of 2^low_shift.
struct Grid {
  int low_shift, high_shift;
  int64_t bands, buckets;
};

// A pair's items: places in their band and tile.
struct Pair {
  uint16_t low, high;
};

// Which item of a pair is called low: the one of lower number, or the one named first, or last.
enum Low { SMALLER, FIRST, LAST };

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
  T* values;         // [chunk][kPairs]: similarities; float32 ones in the place of the pairs
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
  Pair sorted[kPiece];         // of a piece
  uint16_t where[kPiece];      // each pair of the piece is among them
  T values[kPiece + 3];        // of a piece, with room for three more, or of a chunk
  int32_t next[kMostNumbers];  // by bucket, or by lower item
};

// What a block of triplets puts into lists.
struct Blocked {
  int32_t bucket[3][kTripletBlock];
  Pair pair[3][kTripletBlock];

  Blocked(const Items& items, int64_t count, const Grid& grid, Low which) {
    for (int p = 0; p < 3; ++p) {
      const int32_t *first = items.column[p == 2], *second = items.column[p == 0 ? 1 : 2];
      const int32_t low_mask = (1 << grid.low_shift) - 1, high_mask = (1 << grid.high_shift) - 1;
      const int32_t bands = int32_t(grid.bands);
      for (int64_t q = 0; q < count; ++q) {
        const bool in_order = which == FIRST || (which == SMALLER && first[q] < second[q]);
        const int32_t low = in_order ? first[q] : second[q], high = in_order ? second[q] : first[q];
        bucket[p][q] = (high >> grid.high_shift) * bands + (low >> grid.low_shift);
        pair[p][q] = {uint16_t(low & low_mask), uint16_t(high & high_mask)};
      }
    }
  }
};

// The lists of a chunk: put(at, place) is told where pair p of triplet q of the chunk stands, 3 q + p being its place.
// False where the chunk holds a triplet that is not valid.
template <class T, Low Which, class Put>
bool fill_lists(const Slab<T>& slab, int64_t chunk, Desk<T>* desk, Put put) {
  const Grid grid = slab.grid;
  const int64_t count = slab.triplets_of(chunk);
  Items* items = desk->items;
  int32_t *next = desk->next, *starts = slab.starts + chunk * (grid.buckets + 1);
  memset(starts, 0, (grid.buckets + 1) * sizeof *starts);
  for (int64_t q = 0; q < count; q += kTripletBlock) {
    const int64_t some = smaller(kTripletBlock, count - q);
    if (!unpack(&slab.triplets, chunk * kBucketChunk + q, some, slab.n, items + q / kTripletBlock)) return false;
    const Blocked block(items[q / kTripletBlock], some, grid, Which);
    for (int p = 0; p < 3; ++p)
      for (int64_t r = 0; r < some; ++r) ++starts[block.bucket[p][r] + 1];
  }
  for (int64_t b = 0; b < grid.buckets; ++b) starts[b + 1] += starts[b];
  memcpy(next, starts, grid.buckets * sizeof *next);
  Pair* pairs = slab.pairs + chunk * kPairs;
  for (int64_t q = 0; q < count; q += kTripletBlock) {
    const int64_t some = smaller(kTripletBlock, count - q);
    const Blocked block(items[q / kTripletBlock], some, grid, Which);
    for (int p = 0; p < 3; ++p)
      for (int64_t r = 0; r < some; ++r) {
        const int32_t at = next[block.bucket[p][r]]++;
        pairs[at] = block.pair[p][r];
        put(at, 3 * (q + r) + p);
      }
  }
  return true;
}

// A piece of a bucket: its lists of chunks first .. end.
struct Piece {
  int64_t bucket;
  int32_t first, end;
};

// The pairs of a piece in the order of their lower items: put(at, p) is told where pair p of all lists has gone.
// Returns how many there are.
template <class T, class Put>
int64_t sort_piece(const Slab<T>& slab, const Piece& piece, Desk<T>* desk, Put put) {
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
    for (int32_t p = starts[0]; p < starts[1]; ++p, ++count) {
      const int32_t at = next[list[p].low]++;
      desk->sorted[at] = list[p];
      put(at, count, chunk * kPairs + p);
    }
  }
  return count;
}

// Takes a bucket in pieces of at most kPiece pairs.
template <class T, class Take>
void pieces_of(const Slab<T>& slab, int64_t bucket, Take take) {
  int64_t pairs = 0;
  int32_t first = 0;
  for (int64_t chunk = 0; chunk < slab.chunks; ++chunk) {
    const int32_t* starts = slab.starts_of(chunk) + bucket;
    const int64_t more = starts[1] - starts[0];
    if (pairs + more > kPiece) {
      take(Piece{bucket, first, int32_t(chunk)});
      first = int32_t(chunk);
      pairs = 0;
    }
    pairs += more;
  }
  if (pairs) take(Piece{bucket, first, int32_t(slab.chunks)});
}

// The pieces of all buckets; returns how many there are.
template <class T>
int64_t cut(const Slab<T>& slab, Piece* pieces) {
  int64_t count = 0;
  for (int64_t bucket = 0; bucket < slab.grid.buckets; ++bucket)
    pieces_of(slab, bucket, [&](const Piece& piece) { pieces[count++] = piece; });
  return count;
}

// A bucket is cut only where two pieces together hold more than kPiece.
inline int64_t most_pieces(const Grid& grid, int64_t chunks) {
  return grid.buckets + 2 * blocks(chunks * kPairs, kPiece);
}

}  // namespace
}  // namespace PA_ISA
