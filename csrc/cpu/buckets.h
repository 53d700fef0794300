// buckets.h: similarities of triplets from their rows, tile of rows by tile; see buckets.cpp.
#pragma once

#include <stdint.h>

#include "pyalign.h"

namespace PA_ISA {

constexpr int64_t kBucketChunk = 1 << 14;        // triplets
constexpr int64_t kMostRows = int64_t(1) << 20;  // beyond them too many buckets

// Who takes the similarities (count, 3) of the pairs 01, 02 and 12 of triplets first .. first + count: a chunk. Called
// by several threads at once.
struct Taker {
  void (*take)(const Taker* self, int64_t first, int64_t count, const void* similarities);
};

// Every chunk of the triplets is handed to the taker once. x->values.n <= kMostRows.
pa_status bucket_similarities(const pa_rows* x, const pa_triplets* triplets, const Taker* taker, int threads);

}  // namespace PA_ISA
