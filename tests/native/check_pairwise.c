// check_pairwise.c: pa_permuted_products and pa_topk against plain loops in double.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const Sizes squares = {9, {1, 2, 17, 31, 32, 33, 65, 511, 513}};  // around pieces and blocks of products
static const Sizes few_squares = {4, {1, 17, 33, 513}};
static const Sizes counts = {3, {1, 16, 17}};  // around a group of orders
static const Sizes columns = {8, {1, 2, 63, 64, 65, 128, 129, 500}};
static const Sizes few_columns = {4, {1, 2, 65, 129}};

static Table symmetric_table(int64_t n, int64_t stride, pa_float_type type, Kind kind) {
  Table table = make_table(n, n, stride, type, kind);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < i; ++j) {
      table.plain[j * n + i] = table.plain[i * n + j];
      put((void*)table.rows.data, type, j * stride + i, table.plain[i * n + j]);
    }
  return table;
}

// Permuted products. c->out: (count,) double and 16 bytes after it.
typedef struct {
  Case base;
  const Table *a, *b;
  const int32_t* orders;
  int64_t count;
  Kind kind;
} PermutedCase;

static pa_status run_permuted(Case* c) {
  const PermutedCase* p = (const PermutedCase*)c;
  return pa_permuted_products(&p->a->rows, &p->b->rows, p->orders, p->count, c->out);
}

static int right_permuted(Case* c) {
  const PermutedCase* p = (const PermutedCase*)c;
  const int64_t n = p->a->rows.n;
  for (int64_t q = 0; q < p->count; ++q) {
    const int32_t* at = p->orders + q * n;
    double value = 0.0, size = 0.0;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) {
        const double term = p->a->plain[i * n + j] * p->b->plain[at[i] * n + at[j]];
        value += term;
        size += fabs(term);
      }
    const double got = ((const double*)c->out)[q];
    const double margin = p->kind == WHOLE ? 0.0 : 520.0 * (p->a->rows.type == PA_FLOAT32 ? 0x1p-24 : 0x1p-53) * size;
    if (!(fabs(got - value) <= margin))
      return complain(c, "order %lld gives %.17g, not %.17g", (long long)q, got, value);
  }
  const size_t used = (size_t)p->count * sizeof(double);
  return untouched((const char*)c->out + used, c->bytes - used) || complain(c, "wrote past the end");
}

static void check_permuted_case(int64_t n, int64_t count, int number, pa_float_type type) {
  const Kind kind = number % 2 ? REAL : WHOLE;
  Table a = symmetric_table(n, n + number % 3, type, kind), b = symmetric_table(n, n + number % 4, type, kind);
  int32_t* orders = allocate((size_t)(count * n) * sizeof *orders);
  for (int64_t q = 0; q < count; ++q)
    for (int64_t i = 0; i < n; ++i) {  // each is put in at a random place of those before it
      const int64_t place = random_below(i + 1);
      orders[q * n + i] = orders[q * n + place];
      orders[q * n + place] = (int32_t)i;
    }
  PermutedCase p = {{run_permuted, right_permuted, NULL, 0, "", ""}, &a, &b, orders, count, kind};
  p.base.bytes = (size_t)count * sizeof(double) + 16;
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "permuted products, %s, n %lld, %lld orders",
           type == PA_FLOAT32 ? "float" : "double", (long long)n, (long long)count);
  check_case(&p.base);
  free(p.base.out);
  free(orders);
  free_table(&b);
  free_table(&a);
}

// The k largest. c->out: (n, k) int32_t and 16 bytes after it.
typedef struct {
  Case base;
  const Table* s;
  int64_t k, own;
} TopkCase;

static pa_status run_topk(Case* c) {
  const TopkCase* p = (const TopkCase*)c;
  return pa_topk(&p->s->rows, p->k, p->own, c->out);
}

// How many columns of the row come before column j.
static int64_t place_of(const double* row, int64_t m, int64_t left_out, int64_t j) {
  int64_t before = 0;
  for (int64_t c = 0; c < m; ++c) before += c != left_out && (row[c] > row[j] || (row[c] == row[j] && c < j));
  return before;
}

static int right_topk(Case* c) {
  const TopkCase* p = (const TopkCase*)c;
  const int64_t n = p->s->rows.n, m = p->s->rows.d;
  const int32_t* found = c->out;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t r = 0; r < p->k; ++r) {
      const int64_t j = found[i * p->k + r], left_out = p->own < 0 ? -1 : p->own + i;
      if (j < 0 || j >= m || j == left_out || place_of(p->s->plain + i * m, m, left_out, j) != r)
        return complain(c, "row %lld has column %lld at place %lld", (long long)i, (long long)j, (long long)r);
    }
  const size_t used = (size_t)(n * p->k) * sizeof *found;
  return untouched((const char*)c->out + used, c->bytes - used) || complain(c, "wrote past the end");
}

static void check_topk_case(int64_t n, int64_t m, int64_t k, int64_t own, int number, pa_float_type type) {
  Table s = make_table(n, m, m + number % 3, type, number % 2 ? REAL : WHOLE);
  TopkCase p = {{run_topk, right_topk, NULL, 0, "", ""}, &s, k, own};
  p.base.bytes = (size_t)(n * k) * sizeof(int32_t) + 16;
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "topk, %s, n %lld, m %lld, k %lld, own %lld",
           type == PA_FLOAT32 ? "float" : "double", (long long)n, (long long)m, (long long)k, (long long)own);
  check_case(&p.base);
  free(p.base.out);
  free_table(&s);
}

void check_pairwise(void) {
  const Sizes* n = quick ? &few_squares : &squares;
  int number = 0;
  for (int i = 0; i < n->count; ++i)
    for (int q = 0; q < counts.count; ++q, ++number)
      check_permuted_case(n->values[i], counts.values[q], number, number % 3 ? PA_FLOAT32 : PA_FLOAT64);
  const Sizes* m = quick ? &few_columns : &columns;
  for (int i = 0; i < m->count; ++i)
    for (int64_t k = 1; k <= m->values[i]; k += 1 + 9 * k, ++number) {
      const int64_t own = number % 3 - 1, rows = m->values[i] < 4 ? 1 : number % 4 ? 3 : m->values[i] - 1;
      const int fits = own < 0 || (k < m->values[i] && own + rows <= m->values[i]);
      check_topk_case(rows, m->values[i], k, fits ? own : -1, number, number % 2 ? PA_FLOAT32 : PA_FLOAT64);
    }
}
