// check_assign.c: pa_assign against the definition, with a table of all pairs and without one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

// Around lanes, panels of 8 to 32 rows, and the 127 places that fit a byte.
static const Sizes row_counts = {6, {3, 8, 9, 31, 33, 65}};
static const Sizes place_counts = {5, {1, 66, 126, 127, 128}};
static const Sizes question_counts = {4, {0, 7, 513, 5000}};

// c->out: places (t,), then a few bytes that nobody may write.
typedef struct {
  Case base;
  const double* values;
  int64_t n, k, tied;
  const Questions* questions;
  int product;
} AssignCase;

static pa_status run_assign(Case* c) {
  AssignCase* p = (AssignCase*)c;
  const pa_matrix values = {p->values, p->n, p->k, p->k, PA_FLOAT64};
  return pa_assign(&values, &p->questions->triplets, p->product, c->out, &p->tied);
}

static int right_assign(Case* c) {
  const AssignCase* p = (const AssignCase*)c;
  const int16_t* places = c->out;
  int64_t tied = 0;
  for (int64_t q = 0; q < p->questions->triplets.t; ++q) {
    const double* a = p->values + p->questions->plain[3 * q] * p->k;
    const double* b = p->values + p->questions->plain[3 * q + 1] * p->k;
    double best = 0.0;
    int place = -1, equal = 0;
    for (int64_t k = 0; k < p->k; ++k) {
      const double value = p->product ? a[k] * b[k] : a[k] + b[k];
      if (value > best) place = (int)k, best = value, equal = 0;
      else if (value == best && best > 0.0) equal = 1;
    }
    tied += equal;
    if (places[q] != place) return complain(c, "place of %lld is %d, not %d", (long long)q, places[q], place);
  }
  if (p->tied != tied) return complain(c, "%lld tied, not %lld", (long long)p->tied, (long long)tied);
  const size_t used = (size_t)p->questions->triplets.t * sizeof *places;
  return untouched((char*)c->out + used, c->bytes - used) || complain(c, "wrote past the end");
}

static void check_assign_case(int64_t n, int64_t k, int64_t t, int number) {
  Questions questions = make_questions(t, n, (pa_index_type)(number % 4), layouts + number % kLayouts);
  double* values = allocate((size_t)(n * k) * sizeof *values);
  for (int64_t e = 0; e < n * k; ++e)  // few values, so that there are ties and rows of zeros; and reals
    values[e] = number / 2 % 3 ? (double)(random_below(k + 3) == 0) : (double)random_below(1 << 20);
  AssignCase p = {{run_assign, right_assign, NULL, 0, "", ""}, values, n, k, 0, &questions, number % 2};
  p.base.bytes = (size_t)t * sizeof(int16_t) + 16;
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "assign, n %lld, k %lld, t %lld, %s", (long long)n, (long long)k,
           (long long)t, layouts[number % kLayouts].name);
  check_case(&p.base);
  if (t > 0) {
    set_index(&questions, t - 1, 1, n);
    check_that(run_assign(&p.base) == PA_INVALID_TRIPLETS, "pa_assign refuses an index that is no row");
  }
  free(p.base.out);
  free(values);
  free_questions(&questions);
}

static void refuse_other_values(void) {
  const double values[3] = {1.0, 2.0, 3.0};
  Questions questions = make_questions(1, 3, PA_INT32, layouts);
  int16_t place = 0;
  int64_t tied = 0;
  pa_matrix wrong[3] = {
      {values, 3, 1, 1, PA_FLOAT32}, {values, 3, 1, 2, PA_FLOAT64}, {values, 3, 32768, 32768, PA_FLOAT64}};
  for (int k = 0; k < 3; ++k)
    check_that(pa_assign(wrong + k, &questions.triplets, 0, &place, &tied) == PA_BAD_ARGUMENT,
               "pa_assign takes contiguous float64, and places that fit 15 bits");
  free_questions(&questions);
}

void check_assign(void) {
  refuse_other_values();
  int number = 0;
  for (int a = 0; a < row_counts.count; ++a)
    for (int b = 0; b < place_counts.count; ++b)
      for (int c = 0; c < question_counts.count; ++c, ++number)
        if (!quick || number % 3 == 0)
          check_assign_case(row_counts.values[a], place_counts.values[b], question_counts.values[c], number);
}
