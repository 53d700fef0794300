// check_pair_products.c: pa_pair_products against a plain loop in double; whole numbers, so that it must be equal, and
// reals within a margin.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const Sizes triplet_counts = {7, {0, 1, 511, 513, 16384, 16385, 3 * 16384 + 7}};
static const Sizes few_triplet_counts = {3, {0, 513, 16385}};
static const Sizes row_counts = {4, {3, 61, 1000, 20000}};
static const Sizes few_row_counts = {2, {3, 1000}};
static const Sizes feature_counts = {7, {1, 7, 8, 16, 31, 64, 129}};

// c->out: (n, d), and 16 bytes after it.
typedef struct {
  Case base;
  const Table *x, *weights;
  const Questions* questions;
  const double *sums, *sizes;  // (n, d): what is added, and its magnitudes
  Kind kind;
} PairCase;

static pa_status run_pairs(Case* c) {
  const PairCase* p = (const PairCase*)c;
  return pa_pair_products(&p->x->rows, &p->questions->triplets, p->weights->rows.data, c->out);
}

static int right_pairs(Case* c) {
  const PairCase* p = (const PairCase*)c;
  const pa_float_type type = p->x->rows.type;
  const int64_t count = p->x->rows.n * p->x->rows.d;
  for (int64_t k = 0; k < count; ++k) {
    const double got = get(c->out, type, k), margin = 2e3 * unit(type) * p->sizes[k];
    if (!(fabs(got - p->sums[k]) <= (p->kind == WHOLE ? 0.0 : margin)))
      return complain(c, "number %lld is %.9g, not %.9g", (long long)k, got, p->sums[k]);
  }
  const size_t used = (size_t)count * size_of(type);
  return untouched((const char*)c->out + used, c->bytes - used) || complain(c, "wrote past the end");
}

static void add_pair(const PairCase* p, int64_t to, int64_t from, double weight) {
  const int64_t d = p->x->rows.d;
  for (int64_t k = 0; k < d; ++k) {
    const double term = weight * p->x->plain[from * d + k];
    ((double*)p->sums)[to * d + k] += term;
    ((double*)p->sizes)[to * d + k] += fabs(term);
  }
}

static void check_pairs_case(int64_t n, int64_t t, int number, pa_float_type type) {
  const Kind kind = number % 2 ? REAL : WHOLE;
  const int64_t d = feature_counts.values[number % feature_counts.count];
  Table x = make_table(n, d, d + number % 3, type, kind), weights = make_table(t, 3, 3, type, kind);
  Questions questions =
      make_questions(t, n, (pa_index_type)(n > 32767 || number % 4 == 0 ? 2 : number % 4), &layouts[number % kLayouts]);
  double *sums = calloc((size_t)(n * d), sizeof *sums), *sizes = calloc((size_t)(n * d), sizeof *sizes);
  PairCase p = {{run_pairs, right_pairs, NULL, 0, "", ""}, &x, &weights, &questions, sums, sizes, kind};
  for (int64_t q = 0; q < t; ++q)
    for (int pair = 0; pair < 3; ++pair) {
      const int64_t i = questions.plain[3 * q + (pair == 2)], j = questions.plain[3 * q + (pair == 0 ? 1 : 2)];
      add_pair(&p, i, j, weights.plain[3 * q + pair]);
      add_pair(&p, j, i, weights.plain[3 * q + pair]);
    }
  p.base.bytes = (size_t)(n * d) * size_of(type) + 16;
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "pair products, %s, n %lld, d %lld, t %lld, %s",
           type == PA_FLOAT32 ? "float" : "double", (long long)n, (long long)d, (long long)t,
           layouts[number % kLayouts].name);
  check_case(&p.base);
  free(p.base.out);
  free(sizes);
  free(sums);
  free_questions(&questions);
  free_table(&weights);
  free_table(&x);
}

void check_pair_products(void) {
  const Sizes *n = quick ? &few_row_counts : &row_counts, *t = quick ? &few_triplet_counts : &triplet_counts;
  int number = 0;
  for (int type = PA_FLOAT32; type <= PA_FLOAT64; ++type)
    for (int i = 0; i < n->count; ++i)
      for (int k = 0; k < t->count; ++k) check_pairs_case(n->values[i], t->values[k], number++, (pa_float_type)type);
}
