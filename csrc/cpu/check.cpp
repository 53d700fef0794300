// check.cpp: are the triplets three different items in [0, n)? A block is tested as a whole with vector minima and
// maxima; only a block that fails is searched for its first bad row.
#include "simd.h"

namespace PA_ISA {
namespace {

constexpr int64_t kChunk = 4096;

struct Verdict {
  int64_t smallest, largest;
  int repeated;
};

template <class I>
struct Rows {
  const I* data;
  int64_t down, across;

  int64_t at(int64_t q, int c) const { return int64_t(data[q * down + c * across]); }
};

template <class I>
inline __attribute__((always_inline)) Verdict scan(Rows<I> rows, int64_t start, int64_t end) {
  I low = rows.data[start * rows.down], high = low;
  int repeated = 0;
#pragma omp simd reduction(min : low) reduction(max : high) reduction(| : repeated)
  for (int64_t q = start; q < end; ++q) {
    const I a = rows.data[q * rows.down], b = rows.data[q * rows.down + rows.across],
            c = rows.data[q * rows.down + 2 * rows.across];
    const I least = a < b ? (a < c ? a : c) : (b < c ? b : c), most = a > b ? (a > c ? a : c) : (b > c ? b : c);
    low = least < low ? least : low;
    high = most > high ? most : high;
    repeated |= (a == b) | (a == c) | (b == c);
  }
  const Verdict v = {int64_t(low), int64_t(high), repeated};
  return v;
}

template <class I>
void find_first(Rows<I> rows, int64_t start, int64_t end, int64_t n, pa_triplet_check* report) {
  for (int64_t q = start; q < end; ++q) {
    const int64_t a = rows.at(q, 0), b = rows.at(q, 1), c = rows.at(q, 2);
    const bool outside = a < 0 || b < 0 || c < 0 || a >= n || b >= n || c >= n;
    if (outside && (report->out_of_range < 0 || q < report->out_of_range)) report->out_of_range = q;
    const bool twice = a == b || a == c || b == c;
    if (twice && (report->repeated < 0 || q < report->repeated)) report->repeated = q;
  }
}

template <class I>
void check_of(const pa_triplets* triplets, int64_t n, pa_triplet_check* report, int threads) {
  const Rows<I> rows = {static_cast<const I*>(triplets->data), triplets->row_stride, triplets->column_stride};
  const int64_t t = triplets->t, chunks = blocks(t, kChunk);
  int64_t smallest = INT64_MAX, largest = INT64_MIN;
#pragma omp parallel for schedule(static) num_threads(threads) if (chunks > 4) reduction(min : smallest) \
    reduction(max : largest)
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int64_t start = chunk * kChunk, end = smaller(t, start + kChunk);
    const Rows<I> packed = {rows.data, 3, 1};  // constant strides: vectorizes
    const Verdict v = rows.down == 3 && rows.across == 1 ? scan(packed, start, end) : scan(rows, start, end);
    smallest = smaller(smallest, v.smallest);
    largest = larger(largest, v.largest);
    if (v.repeated || v.smallest < 0 || v.largest >= n) {
#pragma omp critical(pyalign_check)
      find_first(rows, start, end, n, report);
    }
  }
  report->smallest = smallest;
  report->largest = largest;
}

}  // namespace

pa_status check_triplets(const pa_triplets* triplets, int64_t n, pa_triplet_check* report, int threads) {
  report->out_of_range = report->repeated = -1;
  report->smallest = report->largest = 0;
  if (triplets->t == 0) return PA_OK;
  switch (triplets->type) {
    case PA_INT16: check_of<int16_t>(triplets, n, report, threads); return PA_OK;
    case PA_UINT16: check_of<uint16_t>(triplets, n, report, threads); return PA_OK;
    case PA_INT32: check_of<int32_t>(triplets, n, report, threads); return PA_OK;
    case PA_INT64: check_of<int64_t>(triplets, n, report, threads); return PA_OK;
  }
  return PA_BAD_ARGUMENT;
}

}  // namespace PA_ISA
