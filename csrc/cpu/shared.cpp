// shared.cpp: triplets grouped by the objects that they share, and sums over the groups.
//
// Division of the work. Grouping is four counting sorts, two threads beside each other; it is done once for any number
// of values. To sum, a thread takes an object: all pairs whose lower object it is, and all sets whose lowest it is, lie
// in rows of the output that are its own, so that nothing is shared between threads and every sum has one order.
#include "simd.h"
#include "unpack.h"

namespace PA_ISA {
namespace {

enum Place { kLowest, kMiddle, kHighest };

// A triplet with its objects in ascending order: 16 bytes, so that a sort writes one line of cache for each.
struct Sorted {
  int32_t row, of[3];
};

// Reads every index once. False where a triplet is not valid.
bool sort_within(const pa_triplets* triplets, int64_t n, Sorted* out, int threads) {
  const int64_t chunks = blocks(triplets->t, kTripletBlock);
  int invalid = 0;
#pragma omp parallel for schedule(static) num_threads(threads) if (chunks > 4) reduction(| : invalid)
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    Items items;
    const int64_t q = chunk * kTripletBlock, count = smaller(kTripletBlock, triplets->t - q);
    if (!unpack(triplets, q, count, n, &items)) {
      invalid = 1;
      continue;
    }
    for (int64_t k = 0; k < count; ++k) {
      const int32_t a = items.column[0][k], b = items.column[1][k], c = items.column[2][k];
      const int32_t less = a < b ? a : b, more = a < b ? b : a, rest = more < c ? more : c;
      out[q + k] = {int32_t(q + k), {less < c ? less : c, less < rest ? rest : less, more < c ? c : more}};
    }
  }
  return !invalid;
}

// start[i]: where those begin that have object i at that place; next: the same, to be counted up.
void begin(const Sorted* in, Place place, int64_t t, int64_t n, int64_t* start, int64_t* next) {
  memset(start, 0, size_t(n + 1) * sizeof *start);
  for (int64_t q = 0; q < t; ++q) ++start[in[q].of[place] + 1];
  for (int64_t i = 0; i < n; ++i) start[i + 1] += start[i];
  memcpy(next, start, size_t(n) * sizeof *next);
}

// Under the middle object, in `out`.
void by_middle(const Sorted* in, const pa_sharing* s, int64_t* next, Sorted* out) {
  const int64_t t = s->t, n = s->n;
  begin(in, kMiddle, t, n, s->start + kMiddle * (n + 1), next);
  for (int64_t q = 0; q < t; ++q) out[next[in[q].of[kMiddle]]++] = in[q];
  for (int64_t q = 0; q < t; ++q) {
    s->rows[kMiddle * t + q] = out[q].row;
    s->others[2 * t + q] = out[q].of[kHighest];
  }
}

// From there under the lowest: in the order of the middle ones.
void by_lowest(const Sorted* in, const pa_sharing* s, int64_t* next, Sorted* out) {
  const int64_t t = s->t, n = s->n;
  begin(in, kLowest, t, n, s->start + kLowest * (n + 1), next);
  for (int64_t q = 0; q < t; ++q) out[next[in[q].of[kLowest]]++] = in[q];
  for (int64_t q = 0; q < t; ++q) {
    s->rows[q] = out[q].row;
    s->others[q] = out[q].of[kMiddle];
    s->others[t + q] = out[q].of[kHighest];
  }
}

void by_highest(const Sorted* in, const pa_sharing* s, int64_t* next) {
  const int64_t t = s->t, n = s->n;
  begin(in, kHighest, t, n, s->start + kHighest * (n + 1), next);
  for (int64_t q = 0; q < t; ++q) s->rows[kHighest * t + next[in[q].of[kHighest]]++] = in[q].row;
}

// Which objects have been met since the last `clear`, and the number that each was given. One per thread.
struct Meeting {
  uint32_t when;
  int32_t number;
};

struct Met {
  Meeting* with;
  uint32_t now;  // fewer than n + t, which fit

  // The number of the object that comes `further` after the one that is walked, a new one where it is met first.
  int64_t meet(int64_t further, int64_t* count) {
    Meeting* one = with + further;
    if (one->when != now) {
      one->when = now;
      one->number = int32_t((*count)++);
    }
    return one->number;
  }
  void clear() { ++now; }
};

// Calls pair(row, number) and set(row, number) for the triplets of object i, numbers counted from 0 in the order in
// which pairs and sets are met; `pairs` and `sets` become how many there are.
template <class OnPair, class OnSet>
void walk(const pa_sharing* s, int64_t i, Met* partners, Met* thirds, int64_t* pairs, int64_t* sets, OnPair pair,
          OnSet set) {
  const int64_t t = s->t, n = s->n;
  const int64_t *lowest = s->start, *middle = s->start + kMiddle * (n + 1);
  *pairs = *sets = 0;
  partners->clear();
  for (int64_t q = lowest[i]; q < lowest[i + 1]; ++q) {
    const int32_t row = s->rows[q], second = s->others[q], third = s->others[t + q];
    if (q == lowest[i] || second != s->others[q - 1]) thirds->clear();
    pair(row, partners->meet(second - i, pairs));
    pair(row, partners->meet(third - i, pairs));
    set(row, thirds->meet(third - i, sets));
  }
  for (int64_t q = middle[i]; q < middle[i + 1]; ++q)
    pair(s->rows[kMiddle * t + q], partners->meet(s->others[2 * t + q] - i, pairs));
}

// How far apart the objects of a triplet are at most, of those whose lowest object is in [first, last): far less than
// n where objects are numbered anew for each person.
int64_t furthest(const pa_sharing* s, int64_t first, int64_t last, int threads) {
  int64_t most = 0;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(max : most)
  for (int64_t i = first; i < last; ++i) {
    for (int64_t q = s->start[i]; q < s->start[i + 1]; ++q) most = larger(most, s->others[s->t + q] - i);
    const int64_t* middle = s->start + kMiddle * (s->n + 1);
    for (int64_t q = middle[i]; q < middle[i + 1]; ++q) most = larger(most, s->others[2 * s->t + q] - i);
  }
  return most;
}

// Two tables of objects met for each thread, of `reach` objects from the one that is walked.
struct Tables {
  Scratch<Meeting> memory;
  int64_t reach;

  Tables(int64_t objects, int threads) : memory(2 * objects * threads), reach(objects) {
    if (memory.data) memset(memory.data, 0, size_t(2 * objects * threads) * sizeof(Meeting));
  }
  Met of(int thread, int which) const { return {memory.data + reach * (2 * thread + which), 0}; }
};

pa_status count_groups(const pa_sharing* s, int threads) {
  const Tables tables(furthest(s, 0, s->n, threads) + 1, threads);
  if (!tables.memory.data) return PA_OUT_OF_MEMORY;
  s->pairs[0] = s->sets[0] = 0;
#pragma omp parallel for schedule(static, 1) num_threads(threads)
  for (int thread = 0; thread < threads; ++thread) {
    Met partners = tables.of(thread, 0), thirds = tables.of(thread, 1);
    for (int64_t i = thread; i < s->n; i += threads)
      walk(
          s, i, &partners, &thirds, s->pairs + i + 1, s->sets + i + 1, [](int32_t, int64_t) {},
          [](int32_t, int64_t) {});
  }
  for (int64_t i = 0; i < s->n; ++i) {
    s->pairs[i + 1] += s->pairs[i];
    s->sets[i + 1] += s->sets[i];
  }
  return PA_OK;
}

// The sums of object i into its own rows of the output; K: how many there are of each, 0 for any number.
template <class T, int K>
struct Sum {
  const pa_sharing* s;
  const pa_shared_sums* w;

  int64_t k() const { return K ? K : w->k; }

  inline __attribute__((always_inline)) void add(double* to, int32_t row) const {
    const T* values = static_cast<const T*>(w->values) + int64_t(row) * k();
    for (int64_t c = 0; c < k(); ++c) to[c] += double(values[c]);
  }

  void object(int64_t i, Met* partners, Met* thirds) const {
    const int64_t first = w->first;
    double* own = w->objects + (i - first) * k();
    double* pairs = w->pairs + (s->pairs[i] - s->pairs[first]) * k();
    double* sets = w->sets + (s->sets[i] - s->sets[first]) * k();
    memset(own, 0, size_t(k()) * sizeof *own);
    memset(pairs, 0, size_t((s->pairs[i + 1] - s->pairs[i]) * k()) * sizeof *pairs);
    memset(sets, 0, size_t((s->sets[i + 1] - s->sets[i]) * k()) * sizeof *sets);
    for (int place = 0; place < 3; ++place) {
      const int64_t* start = s->start + place * (s->n + 1);
      for (int64_t q = start[i]; q < start[i + 1]; ++q) add(own, s->rows[place * s->t + q]);
    }
    int64_t met_pairs, met_sets;
    walk(
        s, i, partners, thirds, &met_pairs, &met_sets,
        [=](int32_t row, int64_t number) { add(pairs + number * k(), row); },
        [=](int32_t row, int64_t number) { add(sets + number * k(), row); });
  }
};

template <class T, int K>
pa_status sum_all(const pa_sharing* s, const pa_shared_sums* w, int threads) {
  const Tables tables(furthest(s, w->first, w->last, threads) + 1, threads);
  if (!tables.memory.data) return PA_OUT_OF_MEMORY;
  const Sum<T, K> sum = {s, w};
#pragma omp parallel for schedule(static, 1) num_threads(threads)
  for (int thread = 0; thread < threads; ++thread) {
    Met partners = tables.of(thread, 0), thirds = tables.of(thread, 1);
    for (int64_t i = w->first + thread; i < w->last; i += threads) sum.object(i, &partners, &thirds);
  }
  return PA_OK;
}

template <class T>
pa_status sum_of(const pa_sharing* s, const pa_shared_sums* w, int threads) {
  if (w->k == 2) return sum_all<T, 2>(s, w, threads);
  if (w->k == 3) return sum_all<T, 3>(s, w, threads);
  return sum_all<T, 0>(s, w, threads);
}

}  // namespace

pa_status share_triplets(const pa_triplets* triplets, const pa_sharing* s, int threads) {
  const int64_t t = triplets->t, n = s->n;
  const Scratch<Sorted> sorted(larger(1, 2 * t));
  const Scratch<int64_t> next(2 * n + 2);
  if (!sorted.data || !next.data) return PA_OUT_OF_MEMORY;
  if (!sort_within(triplets, n, sorted.data, threads)) return PA_INVALID_TRIPLETS;
#pragma omp parallel for schedule(static, 1) num_threads(threads < 2 ? 1 : 2) if (t > kTripletBlock)
  for (int part = 0; part < 2; ++part) {
    if (part == 0) by_middle(sorted.data, s, next.data, sorted.data + t);
    else by_highest(sorted.data, s, next.data + n + 1);
  }
  by_lowest(sorted.data + t, s, next.data, sorted.data);
  return count_groups(s, threads);
}

pa_status sum_shared(const pa_sharing* s, const pa_shared_sums* w, int threads) {
  if (w->bytes == 1) return sum_of<int8_t>(s, w, threads);
  if (w->bytes == 2) return sum_of<int16_t>(s, w, threads);
  return sum_of<double>(s, w, threads);
}

}  // namespace PA_ISA
