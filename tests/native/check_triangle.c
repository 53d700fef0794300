// check_triangle.c: pa_triplets_from_matrix of a matrix that L2 does not hold, where look-ups are requested ahead: the
// bits of the elements that are named. Of few triplets; and of so many that the triangle of a symmetric matrix is
// copied, of a matrix that is symmetric and of one that is not in a single element.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

// c->out: similarities (t, 3).
typedef struct {
  Case base;
  const Table* matrix;
  const Questions* questions;
} TriangleCase;

static pa_status run_triangle(Case* c) {
  const TriangleCase* p = (const TriangleCase*)c;
  const pa_wanted want = {NULL, NULL, c->out, NULL, 1.0};
  return pa_triplets_from_matrix(&p->matrix->rows, &p->questions->triplets, &want);
}

static int right_triangle(Case* c) {
  const TriangleCase* p = (const TriangleCase*)c;
  const pa_matrix* s = &p->matrix->rows;
  for (int64_t q = 0; q < p->questions->triplets.t; ++q) {
    const int64_t *item = p->questions->plain + 3 * q, n = s->n;
    const int64_t at[3] = {item[0] * n + item[1], item[0] * n + item[2], item[1] * n + item[2]};
    for (int pair = 0; pair < 3; ++pair) {
      const double got = get(c->out, s->type, 3 * q + pair), value = p->matrix->plain[at[pair]];
      if (got != value) return complain(c, "triplet %lld, pair %d: %.9g, not %.9g", (long long)q, pair, got, value);
    }
  }
  return 1;
}

static void set(Table* table, int64_t i, int64_t j, double value) {
  put((void*)table->rows.data, table->rows.type, i * table->rows.stride + j, value);
  table->plain[i * table->rows.d + j] = value;
}

static void check_triangle_case(int64_t n, pa_float_type type) {
  Table s = make_table(n, n, n + 3, type, REAL);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < i; ++j) set(&s, i, j, s.plain[j * n + i]);
  Questions questions = make_questions(n * n / 3 + 1, n, PA_INT16, &layouts[0]);
  TriangleCase p = {{run_triangle, right_triangle, NULL, 0, "", ""}, &s, &questions};
  p.base.bytes = (size_t)(3 * questions.triplets.t) * size_of(type);
  p.base.out = allocate(p.base.bytes);
  for (int odd = 0; odd < 2; ++odd) {
    snprintf(p.base.name, sizeof p.base.name, "triangle, %s, n %lld, %s", type == PA_FLOAT32 ? "float" : "double",
             (long long)n, odd ? "but for one element" : "symmetric");
    check_case(&p.base);
    set(&s, 200, 5, 2.0);  // asked for in both orders
    for (int q = 0; q < 2; ++q)
      for (int position = 0; position < 3; ++position)
        set_index(&questions, q, position, position == 2 ? 0 : position == q ? 200 : 5);
  }
  free(p.base.out);
  free_questions(&questions);
  free_table(&s);
}

// Counts beside the 32 triplets by which requests are ahead, and beside the ends of blocks of 512 and chunks of 16,384.
static void check_few_triplets(int64_t n, pa_float_type type) {
  static const int64_t counts[] = {1, 31, 32, 33, 511, 512, 513, 543, 544, 545, 16383, 16384, 16417};
  Table s = make_table(n, n, n + 3, type, REAL);
  for (size_t k = 0; k < sizeof counts / sizeof *counts; ++k) {
    Questions questions = make_questions(counts[k], n, PA_INT32, &layouts[k % kLayouts]);
    TriangleCase p = {{run_triangle, right_triangle, NULL, 0, "", ""}, &s, &questions};
    p.base.bytes = (size_t)(3 * counts[k]) * size_of(type);
    p.base.out = allocate(p.base.bytes);
    snprintf(p.base.name, sizeof p.base.name, "large matrix, %s, n %lld, t %lld",
             type == PA_FLOAT32 ? "float" : "double", (long long)n, (long long)counts[k]);
    check_case(&p.base);
    free(p.base.out);
    free_questions(&questions);
  }
  free_table(&s);
}

// Matrices that are just large enough.
void check_triangle(void) {
  check_few_triplets(1027, PA_FLOAT32);
  check_few_triplets(727, PA_FLOAT64);
  check_triangle_case(1027, PA_FLOAT32);
  check_triangle_case(727, PA_FLOAT64);
}
