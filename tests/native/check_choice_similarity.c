// check_choice_similarity.c: pa_choice_similarity against a plain loop over all third items.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

// Around vectors, register tiles, and blocks of 64 and 128 items.
static const Sizes item_counts = {13, {3, 4, 7, 16, 17, 33, 63, 64, 65, 128, 129, 193, 260}};
static const Sizes few_item_counts = {5, {3, 5, 17, 64, 65}};

// How far the exponents spread: within a type's exponentials, beyond float32's and float64's, and without bound.
static const double temperatures[] = {1.0, 0.02, 1e-3, 1e-6, 1e-30};

// c->out holds the means (n, n) with a stride, then a few bytes that nobody may write.
typedef struct {
  Case base;
  pa_matrix similarities;
  double temperature;
  int64_t stride;
  const double* means;  // (n, n): what must come
} ChoiceCase;

static pa_status run_choice(Case* c) {
  const ChoiceCase* p = (const ChoiceCase*)c;
  return pa_choice_similarity(&p->similarities, p->temperature, c->out, p->stride);
}

static int right_choice(Case* c) {
  const ChoiceCase* p = (const ChoiceCase*)c;
  const int64_t n = p->similarities.n;
  const pa_float_type type = p->similarities.type;
  // Sums of up to 128 terms in the type itself, and exponents of at most a million of them.
  const double close = type == PA_FLOAT32 ? 4e-6 : 1e-12 + 1e-15 / p->temperature,
               nothing = type == PA_FLOAT32 ? 3e-36 : 1e-300;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const double got = get(c->out, type, i * p->stride + j), want = p->means[i * n + j];
      if (!(fabs(got - want) <= close * want + nothing))
        return complain(c, "[%lld, %lld] is %.9g, not %.9g", (long long)i, (long long)j, got, want);
      if (got != get(c->out, type, j * p->stride + i))
        return complain(c, "[%lld, %lld] is not its mirror image", (long long)i, (long long)j);
    }
    const char* gap = (const char*)c->out + (size_t)(i * p->stride + n) * size_of(type);
    if (!untouched(gap, (size_t)(p->stride - n) * size_of(type)))
      return complain(c, "wrote beside row %lld", (long long)i);
  }
  return 1;
}

static double kept_together(double ij, double ik, double jk, double temperature) {
  const double more = ij > ik ? ij : ik, top = more > jk ? more : jk;
  const double e = exp((ij - top) / temperature);
  return e / (e + exp((ik - top) / temperature) + exp((jk - top) / temperature));
}

// Reads what the kernel reads: above the diagonal.
static void expect(const double* s, int64_t n, double temperature, double* means) {
  for (int64_t i = 0; i < n; ++i) {
    means[i * n + i] = 1.0;
    for (int64_t j = i + 1; j < n; ++j) {
      double sum = 0.0;
      for (int64_t k = 0; k < n; ++k)
        if (k != i && k != j)
          sum += kept_together(s[i * n + j], k < i ? s[k * n + i] : s[i * n + k], k < j ? s[k * n + j] : s[j * n + k],
                               temperature);
      means[i * n + j] = means[j * n + i] = sum / (double)(n - 2);
    }
  }
}

static void check_choice_case(int64_t n, pa_float_type type, double temperature, int number) {
  Table table = make_table(n, n, n + number % 3, type, number % 2 ? WHOLE : REAL);
  double* means = allocate((size_t)(n * n) * sizeof(double));
  expect(table.plain, n, temperature, means);
  ChoiceCase p = {{run_choice, right_choice, NULL, 0, "", ""}, table.rows, temperature, n + number % 5, means};
  p.base.bytes = (size_t)(n * p.stride) * size_of(type) + 16;
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "choice similarity, n %lld, float%d, temperature %g", (long long)n,
           type == PA_FLOAT32 ? 32 : 64, temperature);
  check_case(&p.base);
  free(p.base.out);
  free(means);
  free_table(&table);
}

static void check_refusals(void) {
  float similarities[9] = {0}, out[9];
  const pa_matrix two = {similarities, 2, 2, 2, PA_FLOAT32}, oblong = {similarities, 3, 2, 2, PA_FLOAT32};
  const pa_matrix three = {similarities, 3, 3, 3, PA_FLOAT32};
  check_that(pa_choice_similarity(&two, 1.0, out, 2) == PA_BAD_ARGUMENT, "two items have no third");
  check_that(pa_choice_similarity(&oblong, 1.0, out, 3) == PA_BAD_ARGUMENT, "similarities are square");
  check_that(pa_choice_similarity(&three, 1.0, out, 3) == PA_OK && out[4] == 1.0f && fabs(out[5] - 1.0 / 3) < 1e-7,
             "three equal pairs are kept a third of the time each");
  check_that(pa_choice_similarity(&three, 1.0, similarities, 3) == PA_OK && memcmp(similarities, out, sizeof out) == 0,
             "the result may be written over the similarities");
}

void check_choice_similarity(void) {
  const Sizes* n = quick ? &few_item_counts : &item_counts;
  int number = 0;
  for (int i = 0; i < n->count; ++i)
    for (int t = 0; t < 5; ++t)
      for (int type = 0; type < 2; ++type) {
        if (!once || n->values[i] < 64 || number % 3 == 0)
          check_choice_case(n->values[i], (pa_float_type)type, temperatures[t], number);
        ++number;
      }
  check_refusals();
}
