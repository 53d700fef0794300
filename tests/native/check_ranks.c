// check_ranks.c: pa_ranks, pa_rank_sums and pa_inversions against the definitions, with every pair of numbers looked
// at.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

// Around runs of 16, and lists from which on threads are woken.
static const Sizes lengths = {9, {0, 1, 2, 15, 16, 17, 31, 33, 300}};
static const Sizes few_lengths = {5, {0, 1, 16, 31, 33}};
static const Sizes object_counts = {5, {0, 1, 3, 9, 33}};
static const Sizes resample_counts = {6, {0, 1, 2, 16, 17, 35}};
static const Sizes few_resample_counts = {3, {1, 17, 35}};

enum { kKinds = 5, kLong = 40000 };
static const char* const kinds[kKinds] = {"reals", "ties", "equal ones", "two neighbors", "huge range"};

static double number_of(int kind, pa_float_type type, int64_t k, int64_t m) {
  static const double wide[] = {-3e38, 3e38, 1e-40, -0.0, 0.0};
  const double step = type == PA_FLOAT32 ? 1.0 / (1 << 23) : 1.0 / ((int64_t)1 << 52);
  switch (kind) {
    case 0: return (double)random_below(1 << 24) / (1 << 23) - 1.0;
    case 1: return (double)random_below(7) - 3.0;
    case 2: return -0.25;
    case 3: return k == m / 2 ? 1.0 : 1.0 + step;
    default: return wide[random_below(5)] * (type == PA_FLOAT64 ? 1e250 : 1.0);
  }
}

// Ranks -----------------------------------------------------------------------

enum { ORDER = 1, RANKS = 2 };

// c->out: the order (m,), then the ranks (m,), then a few bytes that nobody may write.
typedef struct {
  Case base;
  const void* values;
  pa_float_type type;
  int64_t m, at_once;
  int wanted;
  const int32_t *order, *ranks;  // what must come
} RankCase;

static pa_status run_ranks(Case* c) {
  const RankCase* p = (const RankCase*)c;
  int32_t* out = c->out;
  return pa_ranks(p->values, p->type, p->m, p->at_once, p->wanted & ORDER ? out : NULL,
                  p->wanted & RANKS ? out + p->m : NULL);
}

static int same_numbers(Case* c, const char* what, const int32_t* got, const int32_t* want, int64_t m, int wanted) {
  if (!wanted) return untouched(got, (size_t)m * sizeof *got) || complain(c, "wrote %s, which nobody wanted", what);
  for (int64_t k = 0; k < m; ++k)
    if (got[k] != want[k]) return complain(c, "%s %lld is %d, not %d", what, (long long)k, got[k], want[k]);
  return 1;
}

static int right_ranks(Case* c) {
  const RankCase* p = (const RankCase*)c;
  const int32_t* out = c->out;
  const size_t used = (size_t)(2 * p->m) * sizeof *out;
  return same_numbers(c, "place", out, p->order, p->m, p->wanted & ORDER) &&
         same_numbers(c, "rank", out + p->m, p->ranks, p->m, p->wanted & RANKS) &&
         (untouched((const char*)c->out + used, c->bytes - used) || complain(c, "wrote past the end"));
}

// Twice the mean rank of each number from those that are less and those that equal it, and its place: before it stand
// those that are less, and equal ones that came earlier.
static void rank_each(const double* values, int64_t m, int32_t* order, int32_t* ranks) {
  for (int64_t k = 0; k < m; ++k) {
    int64_t less = 0, equal = 0, earlier = 0;
    for (int64_t q = 0; q < m; ++q) {
      less += values[q] < values[k];
      equal += values[q] == values[k];
      earlier += q < k && values[q] == values[k];
    }
    order[less + earlier] = (int32_t)k;
    ranks[k] = (int32_t)(2 * less + equal + 1);
  }
}

// Numbers 0 ... 99, of which the definition takes a count of each.
static void rank_few(const double* values, int64_t m, int32_t* order, int32_t* ranks) {
  int64_t counts[101] = {0}, next[100];
  for (int64_t k = 0; k < m; ++k) ++counts[(int)values[k] + 1];
  for (int v = 0; v < 100; ++v) next[v] = counts[v + 1] += counts[v];
  for (int v = 0; v < 100; ++v) next[v] = counts[v];
  for (int64_t k = 0; k < m; ++k) {
    const int v = (int)values[k];
    ranks[k] = (int32_t)(counts[v] + counts[v + 1] + 1);
    order[next[v]++] = (int32_t)k;
  }
}

static void check_rank_case(int kind, pa_float_type type, int64_t m, int64_t at_once, int wanted) {
  char* values = allocate((size_t)(m + 1) * size_of(type));
  double* plain = allocate((size_t)(m + 1) * sizeof(double));
  int32_t *order = allocate((size_t)(m + 1) * sizeof *order), *ranks = allocate((size_t)(m + 1) * sizeof *ranks);
  for (int64_t k = 0; k < m; ++k) {
    put(values, type, k, kind < 0 ? (double)random_below(quick ? 5 : 100) : number_of(kind, type, k, m));
    plain[k] = get(values, type, k);
  }
  if (kind < 0) rank_few(plain, m, order, ranks);
  else rank_each(plain, m, order, ranks);
  RankCase p = {{run_ranks, right_ranks, NULL, 0, "", ""}, values, type, m, at_once, wanted, order, ranks};
  p.base.bytes = (size_t)(2 * m) * sizeof *order + 16;
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "ranks of %lld %s, %s, %lld at once, wanted %d", (long long)m,
           type == PA_FLOAT32 ? "float" : "double", kind < 0 ? "few values" : kinds[kind], (long long)at_once, wanted);
  check_case(&p.base);
  free(p.base.out);
  free(ranks);
  free(order);
  free(plain);
  free(values);
}

static void check_all_ranks(void) {
  const Sizes* m = quick ? &few_lengths : &lengths;
  for (int type = PA_FLOAT32; type <= PA_FLOAT64; ++type) {
    for (int kind = 0; kind < kKinds; ++kind)
      for (int k = 0; k < m->count; ++k)
        for (int wanted = 0; wanted < 4; ++wanted) {
          check_rank_case(kind, (pa_float_type)type, m->values[k], 0, wanted);  // as many as pa_ranks thinks well
          const int few = wanted == RANKS || (!quick && wanted == 0);           // an order takes all at once
          if (few) check_rank_case(kind, (pa_float_type)type, m->values[k], (kind + k + type) % 2 ? 7 : 14, wanted);
        }
    check_rank_case(-1, (pa_float_type)type, kLong, 0, ORDER | RANKS);
    check_rank_case(-1, (pa_float_type)type, kLong, 300, RANKS);
  }
}

// Sums of ranks under resamples -----------------------------------------------

// c->out: the sums (4, b), then a few bytes that nobody may write.
typedef struct {
  Case base;
  pa_rank_order first, second;
  const int32_t* places;
  int64_t n, b;
  const uint8_t* multiplicities;
  const double* sums;  // (4, b): what must come
} SumCase;

static pa_status run_sums(Case* c) {
  const SumCase* p = (const SumCase*)c;
  return pa_rank_sums(&p->first, &p->second, p->places, p->n, p->multiplicities, p->b, c->out);
}

static int right_sums(Case* c) {
  static const char* const names[4] = {"w", "w r r", "w s s", "w r s"};
  const SumCase* p = (const SumCase*)c;
  const double* out = c->out;
  for (int64_t k = 0; k < 4 * p->b; ++k)
    if (out[k] != p->sums[k])
      return complain(c, "sum of %s in resample %lld is %.17g, not %.17g", names[k / p->b], (long long)(k % p->b),
                      out[k], p->sums[k]);
  const size_t used = (size_t)(4 * p->b) * sizeof *out;
  return untouched((const char*)c->out + used, c->bytes - used) || complain(c, "wrote past the end");
}

// Pairs of n objects, with two values each, in the orders of both.
typedef struct {
  int64_t m;
  int32_t *items, *place[2], *sorted[2];  // pairs as they come; the place of each in an order; pairs in that order
  double* values[2];
  uint8_t* last[2];
} Pairs;

static Pairs make_pairs(int64_t n, int ties) {
  Pairs p = {n * (n - 1) / 2, NULL, {NULL, NULL}, {NULL, NULL}, {NULL, NULL}, {NULL, NULL}};
  const size_t m = (size_t)p.m + 1;
  p.items = allocate(2 * m * sizeof(int32_t));
  int32_t *at = p.items, *order = allocate(m * sizeof *order), *ranks = allocate(m * sizeof *ranks);
  for (int32_t i = 0; i < n; ++i)
    for (int32_t j = i + 1; j < n; ++j) {
      *at++ = i;
      *at++ = j;
    }
  for (int side = 0; side < 2; ++side) {
    p.values[side] = allocate(m * sizeof(double));
    p.place[side] = allocate(m * sizeof(int32_t));
    p.sorted[side] = allocate(2 * m * sizeof(int32_t));
    p.last[side] = allocate(m);
    for (int64_t k = 0; k < p.m; ++k) p.values[side][k] = (double)random_below(ties ? 4 : 1 << 30);
    rank_each(p.values[side], p.m, order, ranks);
    for (int64_t k = 0; k < p.m; ++k) {
      p.place[side][order[k]] = (int32_t)k;
      memcpy(p.sorted[side] + 2 * k, p.items + 2 * order[k], 2 * sizeof(int32_t));
      p.last[side][k] = k + 1 == p.m || p.values[side][order[k]] != p.values[side][order[k + 1]];
    }
  }
  free(ranks);
  free(order);
  return p;
}

static void free_pairs(Pairs* p) {
  for (int side = 0; side < 2; ++side) {
    free(p->values[side]);
    free(p->place[side]);
    free(p->sorted[side]);
    free(p->last[side]);
  }
  free(p->items);
}

// Of each pair, of the pairs that come before it and of those that equal it in one of the values: 2, 1 or 0, (m, m).
static uint8_t* halves_of(const double* values, int64_t m) {
  uint8_t* halves = allocate((size_t)(m * m) + 1);
  for (int64_t k = 0; k < m; ++k)
    for (int64_t q = 0; q < m; ++q) halves[k * m + q] = values[q] < values[k] ? 2 : values[q] == values[k];
  return halves;
}

// Whole numbers far below 2^53: sums have no rounding. A pair of weight 0 adds nothing.
static void sum_lane(const Pairs* p, uint8_t* const halves[2], const uint8_t* multiplicities, int64_t b, int64_t lane,
                     double* sums) {
  int64_t* weights = allocate((size_t)(p->m + 1) * sizeof *weights);
  int64_t found[4] = {0, 0, 0, 0};
  for (int64_t k = 0; k < p->m; ++k)
    weights[k] = multiplicities[p->items[2 * k] * b + lane] * multiplicities[p->items[2 * k + 1] * b + lane];
  for (int64_t k = 0; k < p->m; ++k) {
    const int64_t w = weights[k];
    int64_t rank[2] = {0, 0};
    for (int64_t q = 0; w && q < p->m; ++q)
      for (int side = 0; side < 2; ++side) rank[side] += halves[side][k * p->m + q] * weights[q];
    const int64_t terms[4] = {w, w * rank[0] * rank[0], w * rank[1] * rank[1], w * rank[0] * rank[1]};
    for (int s = 0; s < 4; ++s) found[s] += terms[s];
  }
  for (int s = 0; s < 4; ++s) sums[s * b + lane] = (double)found[s];
  free(weights);
}

static void check_sum_case(int64_t n, int64_t b, int ties) {
  Pairs pairs = make_pairs(n, ties);
  uint8_t* multiplicities = allocate((size_t)(n * b) + 1);
  int32_t* places = allocate((size_t)(pairs.m + 1) * sizeof *places);
  double* sums = allocate((size_t)(4 * b + 1) * sizeof *sums);
  for (int64_t k = 0; k < n * b; ++k) multiplicities[k] = (uint8_t)(k % b == 1 ? 0 : random_below(4));
  for (int64_t k = 0; k < pairs.m; ++k) places[pairs.place[0][k]] = pairs.place[1][k];
  uint8_t* const halves[2] = {halves_of(pairs.values[0], pairs.m), halves_of(pairs.values[1], pairs.m)};
  for (int64_t lane = 0; lane < b; ++lane) sum_lane(&pairs, halves, multiplicities, b, lane, sums);
  SumCase p = {{run_sums, right_sums, NULL, 0, "", ""},
               {pairs.m, pairs.sorted[0], pairs.last[0]},
               {pairs.m, pairs.sorted[1], pairs.last[1]},
               places,
               n,
               b,
               multiplicities,
               sums};
  p.base.bytes = (size_t)(4 * b) * sizeof *sums + 16;
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "rank sums, n %lld, b %lld, %s", (long long)n, (long long)b,
           ties ? "ties" : "no ties");
  check_case(&p.base);
  free(p.base.out);
  free(halves[1]);
  free(halves[0]);
  free(sums);
  free(places);
  free(multiplicities);
  free_pairs(&pairs);
}

// Inversions ------------------------------------------------------------------

typedef struct {
  Case base;
  const uint32_t* values;
  const int32_t* weights;  // or NULL
  int64_t m, count;
} InversionCase;

static pa_status run_inversions(Case* c) {
  const InversionCase* p = (const InversionCase*)c;
  return pa_inversions(p->values, p->weights, p->m, c->out);
}

static int right_inversions(Case* c) {
  const int64_t got = *(const int64_t*)c->out, want = ((const InversionCase*)c)->count;
  return got == want || complain(c, "counts %lld, not %lld", (long long)got, (long long)want);
}

static void check_inversion_case(int64_t m, int weighted, uint32_t distinct) {
  uint32_t* values = allocate((size_t)(m + 1) * sizeof *values);
  int32_t* weights = allocate((size_t)(m + 1) * sizeof *weights);
  int64_t got;
  InversionCase p = {{run_inversions, right_inversions, &got, sizeof got, "", ""}, values, NULL, m, 0};
  if (weighted) p.weights = weights;
  for (int64_t k = 0; k < m; ++k) {
    values[k] = (uint32_t)random_below(distinct) + (0xFFFFFFFFu - distinct);  // as unsigned, not as signed numbers
    weights[k] = weighted ? (int32_t)random_below(30) : 1;
    for (int64_t q = 0; q < k; ++q) p.count += values[q] > values[k] ? (int64_t)weights[q] * weights[k] : 0;
  }
  snprintf(p.base.name, sizeof p.base.name, "inversions, m %lld, %u values, weights %d", (long long)m,
           (unsigned)distinct, weighted);
  check_case(&p.base);
  free(weights);
  free(values);
}

// A list that falls has all pairs in the wrong order, each with the largest product of two multiplicities of 31.
static void check_falling_list(int64_t m) {
  uint32_t* values = allocate((size_t)m * sizeof *values);
  int32_t* weights = allocate((size_t)m * sizeof *weights);
  int64_t got;
  for (int64_t k = 0; k < m; ++k) {
    values[k] = (uint32_t)(m - k);
    weights[k] = 961;
  }
  InversionCase p = {{run_inversions, right_inversions, &got, sizeof got, "", ""}, values, weights, m, 0};
  p.count = m * (m - 1) / 2 * 961 * 961;
  snprintf(p.base.name, sizeof p.base.name, "inversions of %lld that fall", (long long)m);
  check_case(&p.base);
  free(weights);
  free(values);
}

void check_ranks(void) {
  const Sizes *m = quick ? &few_lengths : &lengths, *b = quick ? &few_resample_counts : &resample_counts;
  check_all_ranks();
  for (int i = 0; i < object_counts.count; ++i)
    for (int k = 0; k < b->count; ++k)
      for (int ties = 0; ties < 2; ++ties) check_sum_case(object_counts.values[i], b->values[k], ties);
  for (int k = 0; k < m->count; ++k)
    for (int weighted = 0; weighted < 2; ++weighted) {
      check_inversion_case(m->values[k], weighted, 5);
      check_inversion_case(m->values[k], weighted, 0xFFFFFFF0u);
    }
  check_falling_list(kLong);
}
