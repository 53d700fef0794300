// naive.c: the definitions, as plain loops in double, and how far a kernel may be from them.
//
// Whole numbers: no margin, except the last places of rbf's exponential. Reals, with u the unit roundoff of the rows'
// type: two sums of d terms in different orders differ by at most 2 d u sum |x_k y_k|; the rest follows by derivatives.
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "expected_pair.h"

#define PA_NAME(value, name, terms) name,
const char* const pair_names[PA_PAIR_COUNT] = {PA_PAIR_KERNELS(PA_NAME)};
#undef PA_NAME

double unit(pa_float_type type) { return type == PA_FLOAT32 ? ldexp(1.0, -24) : ldexp(1.0, -53); }

static Naive naive_pair(const Table* x, int64_t i, const Table* y, int64_t j) {
  const int64_t d = x->rows.d;
  const double *u = x->plain + i * d, *v = y->plain + j * d;
  double g = 0.0, size = 0.0, s = 0.0;
  for (int64_t k = 0; k < d; ++k) {
    g += u[k] * v[k];
    size += fabs(u[k] * v[k]);
    s += (u[k] - v[k]) * (u[k] - v[k]);
  }
  const Naive pair = {g, size, s, x->squares[i], y->squares[j], x->inverse_norms[i], y->inverse_norms[j]};
  return pair;
}

Naive* naive_pairs(const Table* x, const Table* y) {
  const int64_t n = x->rows.n, m = y->rows.n;
  Naive* naive = allocate((size_t)(n * m) * sizeof(Naive));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j)
      if (x != y || j >= i) naive[i * m + j] = naive_pair(x, i, y, j);
  for (int64_t i = 0; x == y && i < n; ++i)
    for (int64_t j = 0; j < i; ++j) naive[i * m + j] = naive[j * m + i];
  return naive;
}

static double product_margin(const Naive* p, int64_t d, pa_float_type type) {
  return 2.0 * ((double)d + 2.0) * unit(type) * p->size;
}

// How far a real squared distance may be off. Tiles take a + b - 2 g, but sum close pairs from the rows in float64.
static double distance_margin(const Naive* p, int64_t d, pa_float_type type, Route route) {
  const double u = unit(type), close_share = type == PA_FLOAT32 ? 1.0 / 1024 : 1.0 / (1 << 20);
  const double terms = 2.0 * ((double)d + 2.0);
  if (route == FROM_ROWS) return 2.0 * terms * u * p->s;
  if (p->s <= 0.5 * close_share * (p->a + p->b)) return (2.0 * u + terms * ldexp(1.0, -53)) * p->s;
  return terms * u * (p->size + p->a + p->b);
}

Expected* expected_pairs(const Naive* naive, const Table* x, const Table* y, pa_pair pair, double gamma, Kind kind,
                         Route route) {
  const int64_t count = x->rows.n * y->rows.n;
  const pa_float_type type = x->rows.type;
  Expected* expected = allocate((size_t)count * sizeof(Expected));
  for (int64_t k = 0; k < count; ++k)
    expected[k] = expected_by_definition(pair, naive + k, gamma, product_margin(naive + k, x->rows.d, type),
                                         distance_margin(naive + k, x->rows.d, type, route), type, kind == WHOLE);
  return expected;
}
