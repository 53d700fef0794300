// ranks.cpp: the ascending order of numbers, and their ranks, by radix sort.
//
// Division of the work. A number becomes an unsigned key of the same order; keys with their places are sorted by digits
// of 11 bits, the lowest first. In a pass each thread counts the digits of a piece of the records, then moves its piece
// to where the counts of all say, so that the result is the same for any number of threads. A digit that all share is
// skipped. Bytes per pass: 8 (float32) or 16 (float64) read twice and written once.
//
// Most numbers take a shorter way: their place between the smallest and the largest, as 32 bits, is sorted by its upper
// 22 in two passes, and a last look, value by value, puts in order what is left. Numbers so uneven that this would move
// too much go the long way.
//
// Ranks alone need no order of all: beyond kWhole numbers they are found range by range of the key's upper bits, and
// within a range that is still too long by the bits that follow, so that memory beside the numbers and their ranks
// stays bounded whatever the numbers are.
#include "simd.h"

namespace PA_ISA {
namespace {

constexpr int kDigit = 11;
constexpr int64_t kDigits = int64_t(1) << kDigit;
constexpr int64_t kWhole = int64_t(1) << 24;  // numbers that are sorted at once
constexpr int kUpper = 20;                    // bits of the ranges
constexpr int64_t kMostMoves = 4;             // of a record, on average, in the last look
constexpr double kLastPlace = 4294967040.0;   // below 2^32, with room for rounding
constexpr double kWidest = 1e300;
constexpr int64_t kFewest = 1 << 15;  // records for which threads are worth waking

template <class T>
struct Key;
template <>
struct Key<float> {
  typedef uint32_t type;
  static constexpr int bits = 32;
};
template <>
struct Key<double> {
  typedef uint64_t type;
  static constexpr int bits = 64;
};

// Unsigned, in the order of the numbers; -0 is 0.
template <class T>
inline typename Key<T>::type key_of(T value) {
  typedef typename Key<T>::type Bits;
  const T positive_zero = value + T(0);
  Bits bits;
  memcpy(&bits, &positive_zero, sizeof bits);
  const Bits sign = Bits(1) << (Key<T>::bits - 1);
  return bits & sign ? ~bits : bits | sign;
}

template <class T>
struct Record {
  typename Key<T>::type key;
  typename Key<T>::type place;  // of the same width, so that a record has no gap
};

inline int pieces_of(int64_t m, int threads) { return m < kFewest ? 1 : threads; }
inline int64_t piece_start(int64_t m, int piece, int pieces) { return m / pieces * piece + smaller(m % pieces, piece); }

// One pass by the digit at `shift`; false where all records share it and nothing was moved. counts: (pieces, kDigits).
template <class T>
bool pass(const Record<T>* from, Record<T>* to, int64_t m, int shift, int64_t* counts, int pieces) {
#pragma omp parallel for num_threads(pieces) schedule(static, 1) if (pieces > 1)
  for (int piece = 0; piece < pieces; ++piece) {
    int64_t* own = counts + piece * kDigits;
    memset(own, 0, kDigits * sizeof *own);
    const int64_t end = piece_start(m, piece + 1, pieces);
    for (int64_t k = piece_start(m, piece, pieces); k < end; ++k) ++own[(from[k].key >> shift) & (kDigits - 1)];
  }
  int64_t before = 0;
  for (int64_t digit = 0; digit < kDigits; ++digit) {
    const int64_t first = before;
    for (int piece = 0; piece < pieces; ++piece) {
      const int64_t count = counts[piece * kDigits + digit];
      counts[piece * kDigits + digit] = before;
      before += count;
    }
    if (before - first == m) return false;
  }
#pragma omp parallel for num_threads(pieces) schedule(static, 1) if (pieces > 1)
  for (int piece = 0; piece < pieces; ++piece) {
    int64_t* own = counts + piece * kDigits;
    const int64_t end = piece_start(m, piece + 1, pieces);
    for (int64_t k = piece_start(m, piece, pieces); k < end; ++k)
      to[own[(from[k].key >> shift) & (kDigits - 1)]++] = from[k];
  }
  return true;
}

// Sorts records by key, equal ones in their order; gives whichever of the two pieces of memory holds them at the end.
template <class T>
Record<T>* sort(Record<T>* records, Record<T>* other, int64_t m, int64_t* counts, int pieces) {
  for (int shift = 0; shift < Key<T>::bits; shift += kDigit)
    if (pass(records, other, m, shift, counts, pieces)) {
      Record<T>* sorted = other;
      other = records;
      records = sorted;
    }
  return records;
}

// The ranks of sorted records, of which `before` others are smaller than all: twice the mean of the ranks, from 1, of
// those that are equal.
template <class T>
void rank_sorted(const Record<T>* sorted, int64_t m, int64_t before, int32_t* ranks) {
  for (int64_t first = 0; first < m;) {
    int64_t end = first + 1;
    while (end < m && sorted[end].key == sorted[first].key) ++end;
    const int32_t twice = int32_t(2 * (before + first) + (end - first) + 1);
    for (int64_t k = first; k < end; ++k) ranks[sorted[k].place] = twice;
    first = end;
  }
}

// The smallest and the largest number.
template <class T>
void extremes(const T* values, int64_t m, T* low, T* high) {
  *low = *high = values[0];
  for (int64_t k = 1; k < m; ++k) {
    *low = values[k] < *low ? values[k] : *low;
    *high = values[k] > *high ? values[k] : *high;
  }
}

// Insertion by key, then value; false once more than kMostMoves * m records have moved.
template <class T>
bool put_in_order(Record<float>* records, int64_t m, const T* values) {
  int64_t moves = kMostMoves * m;
  for (int64_t k = 1; k < m; ++k) {
    const Record<float> one = records[k];
    int64_t at = k;
    for (; at > 0; --at) {
      const Record<float> other = records[at - 1];
      if (other.key < one.key || (other.key == one.key && !(values[one.place] < values[other.place]))) break;
      records[at] = other;
    }
    if (at == k) continue;
    records[at] = one;
    moves -= k - at;
    if (moves < 0) return false;
  }
  return true;
}

// As rank_sorted, of records whose keys are equal for some numbers that are not.
template <class T>
void rank_by_value(const Record<float>* sorted, int64_t m, const T* values, int32_t* ranks) {
  for (int64_t first = 0; first < m;) {
    int64_t end = first + 1;
    while (end < m && sorted[end].key == sorted[first].key && values[sorted[end].place] == values[sorted[first].place])
      ++end;
    const int32_t twice = int32_t(2 * first + (end - first) + 1);
    for (int64_t k = first; k < end; ++k) ranks[sorted[k].place] = twice;
    first = end;
  }
}

// The shorter way. *done: whether it came to an end.
template <class T>
pa_status by_place(const T* values, int64_t m, int32_t* order, int32_t* ranks, int threads, bool* done) {
  *done = false;
  const int pieces = pieces_of(m, threads);
  T low, high;
  extremes(values, m, &low, &high);
  const double span = double(high) - double(low), scale = kLastPlace / span;
  if (!(span <= kWidest) || !(scale <= kWidest)) return PA_OK;
  Scratch<Record<float>> first(m), second(m);
  Scratch<int64_t> counts(pieces * kDigits);
  if (!first.data || !second.data || !counts.data) return PA_OUT_OF_MEMORY;
#pragma omp parallel for num_threads(pieces) schedule(static) if (pieces > 1)
  for (int64_t k = 0; k < m; ++k) first.data[k] = {uint32_t((double(values[k]) - double(low)) * scale), uint32_t(k)};
  Record<float>*records = first.data, *other = second.data;
  for (int shift = 32 - 2 * kDigit; shift < 32; shift += kDigit)
    if (pass(records, other, m, shift, counts.data, pieces)) {
      Record<float>* moved = other;
      other = records;
      records = moved;
    }
  if (!put_in_order(records, m, values)) return PA_OK;
  *done = true;
  if (order)
    for (int64_t k = 0; k < m; ++k) order[k] = int32_t(records[k].place);
  if (ranks) rank_by_value(records, m, values, ranks);
  return PA_OK;
}

template <class T>
pa_status whole(const T* values, int64_t m, int32_t* order, int32_t* ranks, int threads) {
  if (m == 0) return PA_OK;
  bool done = false;
  const pa_status tried = by_place(values, m, order, ranks, threads, &done);
  if (done || tried != PA_OK) return tried;
  const int pieces = pieces_of(m, threads);
  Scratch<Record<T>> records(m), other(m);
  Scratch<int64_t> counts(pieces * kDigits);
  if (!records.data || !other.data || !counts.data) return PA_OUT_OF_MEMORY;
#pragma omp parallel for num_threads(pieces) schedule(static) if (pieces > 1)
  for (int64_t k = 0; k < m; ++k) records.data[k] = {key_of(values[k]), typename Key<T>::type(k)};
  const Record<T>* sorted = sort(records.data, other.data, m, counts.data, pieces);
  if (order)
    for (int64_t k = 0; k < m; ++k) order[k] = int32_t(sorted[k].place);
  if (ranks) rank_sorted(sorted, m, 0, ranks);
  return PA_OK;
}

// The numbers whose keys begin with these bits, looked at by the `next` bits that follow.
template <class T>
struct Range {
  typedef typename Key<T>::type Bits;
  Bits prefix;
  int known, next;  // bits

  int shift() const { return Key<T>::bits - known - next; }
  Bits first() const { return known ? prefix << next : 0; }
  bool holds(Bits key) const { return !known || key >> (Key<T>::bits - known) == prefix; }
  Range within(int64_t upper) const {
    const int more = known + next;
    return {first() + Bits(upper), more, int(smaller(kUpper, Key<T>::bits - more))};
  }
};

// How many numbers of a range have each of the next bits, before those of greater ones: (2^next + 1,).
template <class T>
pa_status count_uppers(const T* values, int64_t m, const Range<T>& range, int64_t* reached, int pieces) {
  const int64_t uppers = int64_t(1) << range.next;
  Scratch<int32_t> counts(pieces * uppers);
  if (!counts.data) return PA_OUT_OF_MEMORY;
#pragma omp parallel for num_threads(pieces) schedule(static, 1) if (pieces > 1)
  for (int piece = 0; piece < pieces; ++piece) {
    int32_t* own = counts.data + piece * uppers;
    memset(own, 0, uppers * sizeof *own);
    const int64_t end = piece_start(m, piece + 1, pieces);
    for (int64_t k = piece_start(m, piece, pieces); k < end; ++k) {
      const typename Key<T>::type key = key_of(values[k]);
      if (range.holds(key)) ++own[(key >> range.shift()) - range.first()];
    }
  }
  reached[0] = 0;
  for (int64_t upper = 0; upper < uppers; ++upper) {
    reached[upper + 1] = reached[upper];
    for (int piece = 0; piece < pieces; ++piece) reached[upper + 1] += counts.data[piece * uppers + upper];
  }
  return PA_OK;
}

// The numbers whose upper part is in [first, last), in their order, into records; parts: (pieces + 1,).
template <class T>
void gather(const T* values, int64_t m, const Range<T>& range, int64_t first, int64_t last, Record<T>* records,
            int64_t* parts, int pieces) {
  typedef typename Key<T>::type Bits;
  const Bits least = range.first() + Bits(first), beyond = Bits(last - first);
  parts[0] = 0;
#pragma omp parallel for num_threads(pieces) schedule(static, 1) if (pieces > 1)
  for (int piece = 0; piece < pieces; ++piece) {
    const int64_t end = piece_start(m, piece + 1, pieces);
    int64_t count = 0;
    for (int64_t k = piece_start(m, piece, pieces); k < end; ++k)
      count += Bits((key_of(values[k]) >> range.shift()) - least) < beyond;
    parts[piece + 1] = count;
  }
  for (int piece = 0; piece < pieces; ++piece) parts[piece + 1] += parts[piece];
#pragma omp parallel for num_threads(pieces) schedule(static, 1) if (pieces > 1)
  for (int piece = 0; piece < pieces; ++piece) {
    const int64_t end = piece_start(m, piece + 1, pieces);
    int64_t at = parts[piece];
    for (int64_t k = piece_start(m, piece, pieces); k < end; ++k) {
      const Bits key = key_of(values[k]);
      if (Bits((key >> range.shift()) - least) < beyond) records[at++] = {key, Bits(k)};
    }
  }
}

// All numbers with one key.
template <class T>
void rank_equal(const T* values, int64_t m, typename Key<T>::type key, int32_t twice, int32_t* ranks, int pieces) {
#pragma omp parallel for num_threads(pieces) schedule(static) if (pieces > 1)
  for (int64_t k = 0; k < m; ++k)
    if (key_of(values[k]) == key) ranks[k] = twice;
}

// The ranks of the numbers of a range, of which `before` others are smaller than all.
template <class T>
pa_status range_by_range(const T* values, int64_t m, int64_t at_once, const Range<T>& range, int64_t before,
                         int32_t* ranks, int threads) {
  const int pieces = pieces_of(m, threads);
  const int64_t uppers = int64_t(1) << range.next;
  Scratch<int64_t> reached(uppers + 1), counts(pieces * kDigits), parts(pieces + 1);
  if (!reached.data || !counts.data || !parts.data) return PA_OUT_OF_MEMORY;
  pa_status status = count_uppers(values, m, range, reached.data, pieces);
  for (int64_t first = 0; first < uppers && status == PA_OK;) {
    int64_t last = first + 1;
    while (last < uppers && reached.data[last + 1] - reached.data[first] <= at_once) ++last;
    const int64_t smaller_ones = before + reached.data[first], count = reached.data[last] - reached.data[first];
    if (count > at_once && range.shift() == 0) {
      const int32_t twice = int32_t(2 * smaller_ones + count + 1);
      rank_equal(values, m, range.within(first).prefix, twice, ranks, pieces);
    } else if (count > at_once) {
      status = range_by_range(values, m, at_once, range.within(first), smaller_ones, ranks, threads);
    } else if (count > 0) {
      Scratch<Record<T>> records(count), other(count);
      if (!records.data || !other.data) return PA_OUT_OF_MEMORY;
      gather(values, m, range, first, last, records.data, parts.data, pieces);
      const Record<T>* sorted = sort(records.data, other.data, count, counts.data, pieces_of(count, threads));
      rank_sorted(sorted, count, smaller_ones, ranks);
    }
    first = last;
  }
  return status;
}

template <class T>
pa_status ranks_of(const T* values, int64_t m, int64_t at_once, int32_t* order, int32_t* ranks, int threads) {
  if (!order && !ranks) return PA_OK;
  if (order || m <= at_once) return whole(values, m, order, ranks, threads);
  return range_by_range(values, m, at_once, Range<T>{0, 0, kUpper}, 0, ranks, threads);
}

}  // namespace

pa_status ranks(const void* values, pa_float_type type, int64_t m, int64_t at_once, int32_t* order, int32_t* ranks,
                int threads) {
  const int64_t most = at_once > 0 ? at_once : kWhole;
  if (type == PA_FLOAT32) return ranks_of(static_cast<const float*>(values), m, most, order, ranks, threads);
  return ranks_of(static_cast<const double*>(values), m, most, order, ranks, threads);
}

}  // namespace PA_ISA
