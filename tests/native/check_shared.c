// check_shared.c: pa_share_triplets and pa_sum_shared against plain loops over tables of all pairs and sets of three.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

// Around blocks of 512, and from 4 of them on in parallel.
static const Sizes triplet_counts = {10, {0, 1, 2, 63, 511, 512, 513, 2049, 5000, 40001}};
static const Sizes few_triplet_counts = {5, {0, 1, 65, 513, 2600}};
static const Sizes column_counts = {4, {1, 2, 3, 9}};
enum { kGap = 16 };  // bytes behind each piece of output that nobody may write

// One piece after the other within the output, a gap behind each.
static void* next_piece(char** at, int64_t count, size_t size) {
  void* piece = *at;
  *at += (((size_t)count * size + 7) & ~(size_t)7) + kGap;
  return piece;
}

static int gap_untouched(const void* piece, int64_t count, size_t size) {
  return untouched((const char*)piece + (size_t)count * size, kGap);
}

static pa_sharing sharing_in(char* memory, int64_t n, int64_t t, size_t* bytes) {
  char* at = memory;
  pa_sharing s = {n, t, NULL, NULL, NULL, NULL, NULL};
  s.start = next_piece(&at, 3 * (n + 1), sizeof(int64_t));
  s.pairs = next_piece(&at, n + 1, sizeof(int64_t));
  s.sets = next_piece(&at, n + 1, sizeof(int64_t));
  s.rows = next_piece(&at, 3 * t, sizeof(int32_t));
  s.others = next_piece(&at, 3 * t, sizeof(int32_t));
  *bytes = (size_t)(at - memory);
  return s;
}

// Lowest, middle and highest of each triplet (t, 3).
static int64_t* sorted_items(const Questions* questions) {
  const int64_t t = questions->triplets.t;
  int64_t* sorted = allocate((size_t)(3 * t) * sizeof(int64_t));
  for (int64_t q = 0; q < t; ++q) {
    int64_t* of = sorted + 3 * q;
    memcpy(of, questions->plain + 3 * q, 3 * sizeof *of);
    for (int pass = 0; pass < 2; ++pass)
      for (int c = 0; c < 2; ++c)
        if (of[c] > of[c + 1]) {
          const int64_t more = of[c];
          of[c] = of[c + 1];
          of[c + 1] = more;
        }
  }
  return sorted;
}

// Grouping

typedef struct {
  Case base;
  const Questions* questions;
  const int64_t* sorted;            // (t, 3)
  const uint8_t *pair_is, *set_is;  // (n, n), (n, n, n) by sorted items: whether a triplet has them
  int64_t n;
} ShareCase;

static pa_status run_share(Case* c) {
  const ShareCase* p = (const ShareCase*)c;
  size_t bytes;
  const pa_sharing s = sharing_in(c->out, p->n, p->questions->triplets.t, &bytes);
  return pa_share_triplets(&p->questions->triplets, &s);
}

static int right_places(Case* c, const ShareCase* p, const pa_sharing* s) {
  const int64_t n = s->n, t = s->t;
  uint8_t* seen = allocate((size_t)t);
  int right = 1;
  for (int place = 0; place < 3 && right; ++place) {
    const int64_t* start = s->start + place * (n + 1);
    const int32_t* rows = s->rows + place * t;
    memset(seen, 0, (size_t)t);
    if (start[0] != 0 || start[n] != t) right = complain(c, "place %d has %lld triplets", place, (long long)start[n]);
    for (int64_t i = 0; i < n && right; ++i)
      for (int64_t q = start[i]; q < start[i + 1] && right; ++q) {
        if (rows[q] < 0 || rows[q] >= t || seen[rows[q]]++) {
          right = complain(c, "place %d: %d is no triplet, or stands twice", place, (int)rows[q]);
          break;
        }
        const int64_t* items = p->sorted + 3 * rows[q];
        if (items[place] != i) right = complain(c, "place %d: %d is not of object %lld", place, rows[q], (long long)i);
        if (place == 0 && (s->others[q] != items[1] || s->others[t + q] != items[2]))
          right = complain(c, "the others of triplet %d under its lowest are wrong", (int)rows[q]);
        if (place == 0 && q > start[i] && s->others[q] < s->others[q - 1])
          right = complain(c, "triplets under %lld are not in the order of their middle objects", (long long)i);
        if (place == 1 && s->others[2 * t + q] != items[2])
          right = complain(c, "the highest of triplet %d under its middle is wrong", (int)rows[q]);
      }
  }
  free(seen);
  return right;
}

static int right_share(Case* c) {
  const ShareCase* p = (const ShareCase*)c;
  const int64_t n = p->n, t = p->questions->triplets.t;
  size_t bytes;
  const pa_sharing s = sharing_in(c->out, n, t, &bytes);
  if (!right_places(c, p, &s)) return 0;
  int64_t pairs = 0, sets = 0;
  for (int64_t i = 0; i <= n; ++i) {
    if (s.pairs[i] != pairs || s.sets[i] != sets)
      return complain(c, "below %lld there are %lld pairs and %lld sets, not %lld and %lld", (long long)i,
                      (long long)s.pairs[i], (long long)s.sets[i], (long long)pairs, (long long)sets);
    for (int64_t k = 0; i < n && k < n; ++k) pairs += p->pair_is[i * n + k];
    for (int64_t k = 0; i < n && k < n * n; ++k) sets += p->set_is[i * n * n + k];
  }
  const int kept = gap_untouched(s.start, 3 * (n + 1), 8) && gap_untouched(s.pairs, n + 1, 8) &&
                   gap_untouched(s.sets, n + 1, 8) && gap_untouched(s.rows, 3 * t, 4) &&
                   gap_untouched(s.others, 3 * t, 4);
  return kept || complain(c, "wrote past the end");
}

// Sums

typedef struct {
  Case base;
  const pa_sharing* sharing;
  const void* values;
  int64_t k, bytes, first, last;
  const double *objects, *pairs, *sets;  // (n, k), (n, n, k), (n, n, n, k) by sorted items: what must come
  const uint8_t *pair_is, *set_is;
} SumCase;

static pa_shared_sums sums_in(char* memory, const SumCase* p, int64_t counts[3], size_t* bytes) {
  const pa_sharing* s = p->sharing;
  char* at = memory;
  pa_shared_sums w = {p->values, p->k, p->bytes, p->first, p->last, NULL, NULL, NULL};
  counts[0] = p->last - p->first;
  counts[1] = s->pairs[p->last] - s->pairs[p->first];
  counts[2] = s->sets[p->last] - s->sets[p->first];
  w.objects = next_piece(&at, counts[0] * p->k, sizeof(double));
  w.pairs = next_piece(&at, counts[1] * p->k, sizeof(double));
  w.sets = next_piece(&at, counts[2] * p->k, sizeof(double));
  *bytes = (size_t)(at - memory);
  return w;
}

static pa_status run_sums(Case* c) {
  const SumCase* p = (const SumCase*)c;
  int64_t counts[3];
  size_t bytes;
  const pa_shared_sums w = sums_in(c->out, p, counts, &bytes);
  return pa_sum_shared(p->sharing, &w);
}

static int64_t columns_now;  // of compare_rows, which qsort tells nothing

static int compare_rows(const void* a, const void* b) {
  const double *x = a, *y = b;
  for (int64_t k = 0; k < columns_now; ++k)
    if (x[k] != y[k]) return x[k] < y[k] ? -1 : 1;
  return 0;
}

// Whether rows got (count, k) are those of `expected` that `there` marks among `size`, in any order.
static int same_rows(const double* got, int64_t count, const double* expected, const uint8_t* there, int64_t size,
                     int64_t k) {
  double *ours = allocate((size_t)(count * k) * sizeof(double)),
         *theirs = allocate((size_t)(count * k) * sizeof(double));
  int64_t found = 0;
  for (int64_t at = 0; at < size; ++at)
    if (there[at] && found++ < count) memcpy(theirs + (found - 1) * k, expected + at * k, (size_t)k * sizeof(double));
  if (count) memcpy(ours, got, (size_t)(count * k) * sizeof(double));
  columns_now = k;
  qsort(ours, (size_t)count, (size_t)k * sizeof(double), compare_rows);
  qsort(theirs, (size_t)count, (size_t)k * sizeof(double), compare_rows);
  int same = found == count;
  for (int64_t at = 0; same && at < count * k; ++at) same = ours[at] == theirs[at];
  free(ours);
  free(theirs);
  return same;
}

static int right_sums(Case* c) {
  const SumCase* p = (const SumCase*)c;
  const pa_sharing* s = p->sharing;
  const int64_t n = s->n, k = p->k;
  int64_t counts[3];
  size_t bytes;
  const pa_shared_sums w = sums_in(c->out, p, counts, &bytes);
  for (int64_t at = 0; at < counts[0] * k; ++at)
    if (w.objects[at] != p->objects[p->first * k + at])
      return complain(c, "column %lld of object %lld is %g, not %g", (long long)(at % k),
                      (long long)(p->first + at / k), w.objects[at], p->objects[p->first * k + at]);
  for (int64_t i = p->first; i < p->last; ++i) {
    const double* pairs = w.pairs + (s->pairs[i] - s->pairs[p->first]) * k;
    if (!same_rows(pairs, s->pairs[i + 1] - s->pairs[i], p->pairs + i * n * k, p->pair_is + i * n, n, k))
      return complain(c, "sums over the pairs of object %lld differ", (long long)i);
    const double* sets = w.sets + (s->sets[i] - s->sets[p->first]) * k;
    if (!same_rows(sets, s->sets[i + 1] - s->sets[i], p->sets + i * n * n * k, p->set_is + i * n * n, n * n, k))
      return complain(c, "sums over the sets of object %lld differ", (long long)i);
  }
  const int kept = gap_untouched(w.objects, counts[0] * k, 8) && gap_untouched(w.pairs, counts[1] * k, 8) &&
                   gap_untouched(w.sets, counts[2] * k, 8);
  return kept || complain(c, "wrote past the end");
}

// Values of `bytes` each, whose sums are exact: whole numbers to the ends of their type, or multiples of 1/1024.
static void* make_values(int64_t count, int64_t bytes, double* plain) {
  void* values = allocate((size_t)(count * bytes));
  for (int64_t at = 0; at < count; ++at) {
    const int64_t x = bytes == 1 ? random_below(256) - 128 : random_below(65536) - 32768;
    plain[at] = bytes == 8 ? (double)x / 1024.0 : (double)x;
    if (bytes == 1) ((int8_t*)values)[at] = (int8_t)x;
    else if (bytes == 2) ((int16_t*)values)[at] = (int16_t)x;
    else ((double*)values)[at] = plain[at];
  }
  return values;
}

static double* zeros(int64_t count) {
  double* memory = allocate((size_t)count * sizeof(double));
  for (int64_t at = 0; at < count; ++at) memory[at] = 0.0;
  return memory;
}

static void check_sums(const ShareCase* shared, const pa_sharing* s, int64_t k, int64_t bytes, int number) {
  const int64_t n = s->n, t = s->t;
  double *plain = zeros(t * k), *objects = zeros(n * k), *pairs = zeros(n * n * k), *sets = zeros(n * n * n * k);
  void* values = make_values(t * k, bytes, plain);
  for (int64_t q = 0; q < t; ++q) {
    const int64_t *of = shared->sorted + 3 * q, a = of[0], b = of[1], c = of[2];
    for (int64_t r = 0; r < k; ++r) {
      const double x = plain[q * k + r];
      for (int place = 0; place < 3; ++place) objects[of[place] * k + r] += x;
      pairs[(a * n + b) * k + r] += x;
      pairs[(a * n + c) * k + r] += x;
      pairs[(b * n + c) * k + r] += x;
      sets[((a * n + b) * n + c) * k + r] += x;
    }
  }
  const int64_t ranges[4][2] = {{0, n}, {n / 3, 2 * n / 3 + 1}, {n - 1, n}, {n, n}};
  for (int which = 0; which < 4; which += 1 + (which == 0 && number % 2)) {
    SumCase p = {{run_sums, right_sums, NULL, 0, "", ""},
                 s,
                 values,
                 k,
                 bytes,
                 ranges[which][0],
                 ranges[which][1],
                 objects,
                 pairs,
                 sets,
                 shared->pair_is,
                 shared->set_is};
    int64_t counts[3];
    sums_in(NULL, &p, counts, &p.base.bytes);
    p.base.out = allocate(p.base.bytes);
    snprintf(p.base.name, sizeof p.base.name,
             "sums over shared, n %lld, t %lld, k %lld, %lld bytes, objects %lld..%lld", (long long)n, (long long)t,
             (long long)k, (long long)bytes, (long long)p.first, (long long)p.last);
    check_case(&p.base);
    free(p.base.out);
  }
  free(values);
  free(plain);
  free(objects);
  free(pairs);
  free(sets);
}

static void check_shared_case(int64_t n, int64_t t, int number) {
  Questions questions = make_questions(t, n, (pa_index_type)(number % 4), layouts + number % kLayouts);
  int64_t* sorted = sorted_items(&questions);
  uint8_t *pair_is = allocate((size_t)(n * n)), *set_is = allocate((size_t)(n * n * n));
  memset(pair_is, 0, (size_t)(n * n));
  memset(set_is, 0, (size_t)(n * n * n));
  for (int64_t q = 0; q < t; ++q) {
    const int64_t a = sorted[3 * q], b = sorted[3 * q + 1], c = sorted[3 * q + 2];
    pair_is[a * n + b] = pair_is[a * n + c] = pair_is[b * n + c] = set_is[(a * n + b) * n + c] = 1;
  }
  ShareCase p = {{run_share, right_share, NULL, 0, "", ""}, &questions, sorted, pair_is, set_is, n};
  sharing_in(NULL, n, t, &p.base.bytes);
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "share, n %lld, t %lld, %s", (long long)n, (long long)t,
           layouts[number % kLayouts].name);
  check_case(&p.base);
  size_t bytes;
  const pa_sharing s = sharing_in(p.base.out, n, t, &bytes);
  for (int k = 0; k < column_counts.count; ++k)
    check_sums(&p, &s, column_counts.values[k], (int64_t[]){1, 2, 8}[(number + k) % 3], number + k);
  free(p.base.out);
  free(set_is);
  free(pair_is);
  free(sorted);
  free_questions(&questions);
}

static void check_refusals(void) {
  enum { n = 5, t = 3 };
  size_t bytes;
  Questions questions = make_questions(t, n, PA_INT32, layouts);
  sharing_in(NULL, n, t, &bytes);
  char* memory = allocate(bytes);
  pa_sharing s = sharing_in(memory, n, t, &bytes), other = s;
  check_that(pa_share_triplets(&questions.triplets, &s) == PA_OK && s.pairs[n] >= 3, "three triplets can be grouped");
  other.t = t - 1;
  check_that(pa_share_triplets(&questions.triplets, &other) == PA_BAD_ARGUMENT, "memory is for as many triplets");
  pa_triplets endless = questions.triplets;
  endless.t = other.t = (int64_t)1 << 31;
  check_that(pa_share_triplets(&endless, &other) == PA_BAD_ARGUMENT, "2^31 triplets are refused");
  double objects[n], pairs[3 * t], sets[t];
  const int8_t values[t] = {1, 1, 1};
  const pa_shared_sums good = {values, 1, 1, 0, n, objects, pairs, sets};
  pa_shared_sums bad[4] = {good, good, good, good};
  bad[0].bytes = 4;
  bad[1].first = -1;
  bad[2].last = n + 1;
  bad[3].first = 3;
  bad[3].last = 2;
  check_that(pa_sum_shared(&s, &good) == PA_OK, "sums over good ranges come");
  for (int k = 0; k < 4; ++k) check_that(pa_sum_shared(&s, bad + k) == PA_BAD_ARGUMENT, "other ranges are refused");
  set_index(&questions, 1, 2, n);
  check_that(pa_share_triplets(&questions.triplets, &s) == PA_INVALID_TRIPLETS, "an object past the end is refused");
  set_index(&questions, 1, 2, questions.plain[3]);
  check_that(pa_share_triplets(&questions.triplets, &s) == PA_INVALID_TRIPLETS,
             "an object that comes twice is refused");
  free(memory);
  free_questions(&questions);
}

void check_shared(void) {
  const Sizes* t = quick ? &few_triplet_counts : &triplet_counts;
  for (int i = 0; i < t->count; ++i) {
    check_shared_case(5, t->values[i], 2 * i);
    check_shared_case(37, t->values[i], 2 * i + 1);
  }
  check_refusals();
}
