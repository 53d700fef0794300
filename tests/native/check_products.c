// check_products.c: pa_product and pa_add_transpose against plain loops in double.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const Sizes rows = {9, {1, 2, 7, 31, 48, 49, 191, 193, 400}};
static const Sizes few_rows = {4, {1, 7, 49, 193}};
static const Sizes features = {6, {1, 3, 127, 128, 129, 260}};
static const Sizes few_features = {2, {3, 130}};
static const Sizes squares = {10, {1, 2, 15, 16, 17, 63, 64, 65, 200, 321}};
static const Sizes few_squares = {4, {1, 17, 65, 140}};

// c->out: (n, m) with rows `out_stride` apart, which leaves numbers between them alone.
typedef struct {
  Case base;
  const Table *x, *y;
  int64_t m, out_stride;
  Kind kind;
} ProductCase;

static pa_status run_product(Case* c) {
  const ProductCase* p = (const ProductCase*)c;
  return pa_product(&p->x->rows, &p->y->rows, c->out, p->out_stride);
}

static int right_product(Case* c) {
  const ProductCase* p = (const ProductCase*)c;
  const int64_t n = p->x->rows.n, d = p->x->rows.d;
  const pa_float_type type = p->x->rows.type;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < p->m; ++j) {
      double value = 0.0, size = 0.0;
      for (int64_t k = 0; k < d; ++k) {
        const double term = p->x->plain[i * d + k] * p->y->plain[k * p->m + j];
        value += term;
        size += fabs(term);
      }
      const double got = get(c->out, type, i * p->out_stride + j);
      const double margin = p->kind == WHOLE ? 0.0 : 2.0 * ((double)d + 2.0) * unit(type) * size;
      if (!(fabs(got - value) <= margin))
        return complain(c, "[%lld, %lld] is %.9g, not %.9g", (long long)i, (long long)j, got, value);
    }
    const char* after = (const char*)c->out + (size_t)(i * p->out_stride + p->m) * size_of(type);
    if (!untouched(after, (size_t)(p->out_stride - p->m) * size_of(type))) return complain(c, "wrote past a row");
  }
  return 1;
}

static void check_product_case(int64_t n, int64_t d, int64_t m, int number, pa_float_type type) {
  const Kind kind = number % 2 ? REAL : WHOLE;
  Table x = make_table(n, d, d + number % 3, type, kind), y = make_table(d, m, m + number % 4, type, kind);
  ProductCase p = {{run_product, right_product, NULL, 0, "", ""}, &x, &y, m, m + number % 5, kind};
  p.base.bytes = (size_t)(n * p.out_stride) * size_of(type);
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "product, %s, n %lld, d %lld, m %lld",
           type == PA_FLOAT32 ? "float" : "double", (long long)n, (long long)d, (long long)m);
  check_case(&p.base);
  free(p.base.out);
  free_table(&y);
  free_table(&x);
}

// c->out: the matrix (n, n), which run() fills before it calls, and 16 bytes after it.
typedef struct {
  Case base;
  const Table* a;
} SquareCase;

static pa_status run_square(Case* c) {
  const SquareCase* p = (const SquareCase*)c;
  const int64_t n = p->a->rows.n;
  for (int64_t k = 0; k < n * n; ++k) put(c->out, p->a->rows.type, k, p->a->plain[k]);
  return pa_add_transpose(c->out, p->a->rows.type, n);
}

static int right_square(Case* c) {
  const SquareCase* p = (const SquareCase*)c;
  const int64_t n = p->a->rows.n;
  const pa_float_type type = p->a->rows.type;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      const double sum = p->a->plain[i * n + j] + p->a->plain[j * n + i];
      const double value = type == PA_FLOAT32 ? (double)(float)sum : sum, got = get(c->out, type, i * n + j);
      if (got != value) return complain(c, "[%lld, %lld] is %.17g, not %.17g", (long long)i, (long long)j, got, value);
    }
  const size_t used = (size_t)(n * n) * size_of(type);
  return untouched((char*)c->out + used, c->bytes - used) || complain(c, "wrote past the end");
}

static void check_square_case(int64_t n, pa_float_type type) {
  Table a = make_table(n, n, n, type, REAL);
  SquareCase p = {{run_square, right_square, NULL, 0, "", ""}, &a};
  p.base.bytes = (size_t)(n * n) * size_of(type) + 16;
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "transpose, %s, n %lld", type == PA_FLOAT32 ? "float" : "double",
           (long long)n);
  check_case(&p.base);
  free(p.base.out);
  free_table(&a);
}

void check_products(void) {
  const Sizes *n = quick ? &few_rows : &rows, *d = quick ? &few_features : &features;
  const Sizes* sides = quick ? &few_squares : &squares;
  int number = 0;
  for (int type = PA_FLOAT32; type <= PA_FLOAT64; ++type) {
    for (int i = 0; i < n->count; ++i)
      for (int k = 0; k < d->count; ++k)
        check_product_case(n->values[i], d->values[k], n->values[(i + k + 3) % n->count], number++,
                           (pa_float_type)type);
    for (int i = 0; i < sides->count; ++i) check_square_case(sides->values[i], (pa_float_type)type);
  }
}
