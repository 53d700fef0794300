// check_rows.c: pa_row_squares, pa_center_rows, pa_shift_rows and pa_similarity.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const Sizes row_counts = {13, {1, 2, 3, 31, 32, 33, 47, 48, 49, 191, 192, 193, 250}};
static const Sizes few_row_counts = {6, {1, 2, 33, 47, 49, 193}};
static const Sizes feature_counts = {12, {1, 2, 3, 15, 16, 17, 127, 128, 129, 255, 256, 257}};
static const Sizes few_feature_counts = {3, {1, 17, 129}};

static int64_t stride_of(int64_t d, int64_t number) { return number % 3 == 0 ? d : number % 3 == 1 ? d + 3 : -(d + 3); }

static const char* type_name(pa_float_type type) { return type == PA_FLOAT32 ? "float" : "double"; }
static const char* kind_name(Kind kind) { return kind == WHOLE ? "whole" : "real"; }

// --- one row at a time

typedef enum { SQUARES, CENTER, SHIFT } RowOperation;

typedef struct {
  Case base;
  const Table* x;
  const void* shift;
  RowOperation operation;
  Kind kind;
} RowCase;

static pa_status run_row(Case* c) {
  const RowCase* r = (const RowCase*)c;
  if (r->operation == SQUARES) return pa_row_squares(&r->x->rows, c->out);
  if (r->operation == CENTER) return pa_center_rows(&r->x->rows, c->out);
  return pa_shift_rows(&r->x->rows, r->shift, c->out);
}

static int near(Case* c, int64_t i, int64_t j, double got, double value, double margin) {
  if (fabs(got - value) <= margin) return 1;
  return complain(c, "[%lld, %lld] is %.17g, not %.17g +- %.2g", (long long)i, (long long)j, got, value, margin);
}

static int right_squares(RowCase* r) {
  const pa_matrix* x = &r->x->rows;
  for (int64_t i = 0; i < x->n; ++i) {
    const double square = r->x->squares[i], margin = r->kind == WHOLE ? 0.0 : (double)x->d * ldexp(square, -52);
    if (!near(&r->base, i, 0, ((double*)r->base.out)[i], square, margin)) return 0;
  }
  return 1;
}

static int right_center(RowCase* r) {
  const pa_matrix* x = &r->x->rows;
  for (int64_t i = 0; i < x->n; ++i) {
    double sum = 0.0, size = 0.0;
    for (int64_t k = 0; k < x->d; ++k) {
      sum += r->x->plain[i * x->d + k];
      size += fabs(r->x->plain[i * x->d + k]);
    }
    for (int64_t k = 0; k < x->d; ++k) {
      const double value = (double)x->d * r->x->plain[i * x->d + k] - sum;
      const double margin = unit(x->type) * fabs(value) + ldexp((double)x->d * size, -51);
      if (!near(&r->base, i, k, get(r->base.out, x->type, i * x->d + k), value, r->kind == WHOLE ? 0.0 : margin))
        return 0;
    }
  }
  return 1;
}

static int right_shift(RowCase* r) {
  const pa_matrix* x = &r->x->rows;
  for (int64_t i = 0; i < x->n; ++i)
    for (int64_t k = 0; k < x->d; ++k) {
      double value = r->x->plain[i * x->d + k] - get(r->shift, x->type, k);
      if (x->type == PA_FLOAT32) value = (double)(float)value;
      if (!near(&r->base, i, k, get(r->base.out, x->type, i * x->d + k), value, 0.0)) return 0;
    }
  return 1;
}

static int right_row(Case* c) {
  RowCase* r = (RowCase*)c;
  const size_t tail = sizeof(double);
  if (!untouched((char*)c->out + c->bytes - tail, tail)) return complain(c, "wrote past the end");
  return r->operation == SQUARES ? right_squares(r) : r->operation == CENTER ? right_center(r) : right_shift(r);
}

static void check_row_operations(const Table* x, Kind kind) {
  static const char* const names[3] = {"row_squares", "center_rows", "shift_rows"};
  const Table shift = make_table(1, x->rows.d, x->rows.d, x->rows.type, kind);
  for (int operation = SQUARES; operation <= SHIFT; ++operation) {
    RowCase r = {{run_row, right_row, NULL, 0, "", ""}, x, shift.rows.data, (RowOperation)operation, kind};
    const size_t values = (size_t)(x->rows.n * x->rows.d) * size_of(x->rows.type);
    r.base.bytes = (operation == SQUARES ? (size_t)x->rows.n * sizeof(double) : values) + sizeof(double);
    r.base.out = allocate(r.base.bytes);
    snprintf(r.base.name, sizeof r.base.name, "%s, %s %s, n %lld, d %lld, stride %lld", names[operation],
             kind_name(kind), type_name(x->rows.type), (long long)x->rows.n, (long long)x->rows.d,
             (long long)x->rows.stride);
    check_case(&r.base);
    free(r.base.out);
  }
  Table done = shift;
  free_table(&done);
}

// A constant row is centered to zero even where d times its value rounds; NaN and infinity are never hidden, not even
// in a row that is constant otherwise.
static void check_odd_rows(pa_float_type type) {
  enum { n = 3, d = 37 };
  Table x = make_table(n, d, d, type, REAL);
  char out[n * d * sizeof(double)];
  double squares[n];
  void* data = (void*)x.rows.data;
  for (int k = 0; k < 2 * d; ++k) put(data, type, k, 0.1);
  put(data, type, d + 20, NAN);
  put(data, type, 2 * d + 36, INFINITY);
  for (int isa = 0; set_isa(isa); ++isa) {
    pa_center_rows(&x.rows, out);
    pa_row_squares(&x.rows, squares);
    int zeros = 1;
    for (int i = 0; i < d; ++i) zeros &= get(out, type, i) == 0.0;
    check_that(zeros, "a constant row is centered to zero");
    check_that(isnan(get(out, type, d + 20)), "centering keeps a NaN");
    check_that(isfinite(squares[0]) && !isfinite(squares[1]) && !isfinite(squares[2]), "squares show NaN and infinity");
  }
  free_table(&x);
}

// --- pairs of rows

typedef struct {
  Case base;
  pa_rows x, y;
  const pa_rows* second;
  int64_t out_stride;
  const Expected* expected;
} PairCase;

static pa_status run_pairs(Case* c) {
  const PairCase* p = (const PairCase*)c;
  return pa_similarity(&p->x, p->second, c->out, p->out_stride);
}

static int right_pairs(Case* c) {
  const PairCase* p = (const PairCase*)c;
  const int64_t n = p->x.values.n, m = p->y.values.n;
  const pa_float_type type = p->x.values.type;
  const size_t size = size_of(type);
  const char* out = c->out;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < m; ++j) {
      const Expected e = p->expected[i * m + j];
      const double got = get(out, type, i * p->out_stride + j);
      if (!near(c, i, j, got, e.value, e.margin)) return 0;
      if (got == 0.0 && signbit(got)) return complain(c, "[%lld, %lld] is -0", (long long)i, (long long)j);
      if (!p->second &&
          memcmp(out + (size_t)(i * p->out_stride + j) * size, out + (size_t)(j * p->out_stride + i) * size, size) != 0)
        return complain(c, "[%lld, %lld] differs from its mirror image", (long long)i, (long long)j);
    }
    if (!untouched(out + (size_t)(i * p->out_stride + m) * size, (size_t)(p->out_stride - m) * size))
      return complain(c, "wrote between rows %lld and %lld", (long long)i, (long long)i + 1);
  }
  return 1;
}

static void check_pair_kernels(const Table* x, const Table* y, Kind kind) {
  const pa_matrix *rows = &x->rows, *columns = &y->rows;
  Naive* naive = naive_pairs(x, y);
  for (int pair = 0; pair < PA_PAIR_COUNT; ++pair) {
    const double gamma = 0.05 / (double)rows->d;
    Expected* expected = expected_pairs(naive, x, y, (pa_pair)pair, gamma, kind, TILES);
    PairCase p = {{run_pairs, right_pairs, NULL, 0, "", ""}, rows_for(x, (pa_pair)pair, gamma),
                  rows_for(y, (pa_pair)pair, gamma),         NULL,
                  columns->n + (rows->n + columns->n) % 3,   expected};
    if (x != y) p.second = &p.y;
    p.base.bytes = (size_t)(rows->n * p.out_stride) * size_of(rows->type);
    p.base.out = allocate(p.base.bytes);
    snprintf(p.base.name, sizeof p.base.name, "similarity %s %s, %s %s, n %lld, m %lld, d %lld, strides %lld, %lld",
             pair_names[pair], x == y ? "of x" : "of x and y", kind_name(kind), type_name(rows->type),
             (long long)rows->n, (long long)columns->n, (long long)rows->d, (long long)rows->stride,
             (long long)columns->stride);
    check_case(&p.base);
    free(p.base.out);
    free(expected);
  }
  free(naive);
}

static void check_table(int64_t n, int64_t d, int64_t number, pa_float_type type, Kind kind) {
  Table x = make_table(n, d, stride_of(d, number), type, kind);
  check_row_operations(&x, kind);
  check_pair_kernels(&x, &x, kind);
  free_table(&x);
}

static void check_two_tables(int64_t n, int64_t m, int64_t d, int64_t number, pa_float_type type, Kind kind) {
  Table x = make_table(n, d, stride_of(d, number), type, kind);
  Table y = make_table(m, d, stride_of(d, number + 1), type, kind);
  check_pair_kernels(&x, &y, kind);
  free_table(&x);
  free_table(&y);
}

// Every n with every d for x alone.
void check_rows(void) {
  const Sizes *n = quick ? &few_row_counts : &row_counts, *d = quick ? &few_feature_counts : &feature_counts;
  for (int type = PA_FLOAT32; type <= PA_FLOAT64; ++type) {
    for (int kind = WHOLE; kind <= REAL; ++kind)
      for (int a = 0; a < n->count; ++a)
        for (int b = 0; b < d->count; ++b)
          if (!once || (a + b + kind) % 3 == 0)
            check_table(n->values[a], d->values[b], a + b, (pa_float_type)type, (Kind)kind);
    check_odd_rows((pa_float_type)type);
  }
}

// Every n with every m, d in turn; and a matrix of several blocks either way.
void check_similarity(void) {
  const Sizes *n = quick ? &few_row_counts : &row_counts, *d = quick ? &few_feature_counts : &feature_counts;
  for (int type = PA_FLOAT32; type <= PA_FLOAT64; ++type)
    for (int kind = WHOLE; kind <= REAL; ++kind) {
      for (int a = 0; a < n->count; ++a)
        for (int b = 0; b < n->count; ++b)
          if (!once || (a + b + kind) % 3 == 0)
            check_two_tables(n->values[a], n->values[b], d->values[(a + 2 * b) % d->count], a + b, (pa_float_type)type,
                             (Kind)kind);
      if (!once || kind == WHOLE)
        check_table((once ? 192 : 2 * 192) + 17, quick ? 3 : 33, 1, (pa_float_type)type, (Kind)kind);
      if (!quick) check_two_tables(2 * 192 + 1, 3 * 192 + 47, 19, 2, (pa_float_type)type, (Kind)kind);
    }
}
