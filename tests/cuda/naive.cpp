// naive.cpp: the definitions, as plain loops in double, and how far a kernel may be from them.
//
// Whole numbers: no margin, except the last places of exponentials. Reals, with u the unit roundoff of the results'
// type: two sums of d terms in different orders differ by at most 2 d u sum |x_k y_k|; the rest follows by derivatives.
// TF32 rounds both factors of a product to 11 digits.
#include "check.h"
#include "expected_pair.h"

#define PA_NAME(value, name, terms) name,
const char* const pair_names[PA_PAIR_COUNT] = {PA_PAIR_KERNELS(PA_NAME)};
#undef PA_NAME

double unit(pa_float_type type) { return ldexp(1.0, type == PA_FLOAT64 ? -53 : -24); }

static Naive naive_pair(const Table& x, int64_t i, const Table& y, int64_t j) {
  const double *u = &x.plain[size_t(i * x.d)], *v = &y.plain[size_t(j * y.d)];
  double g = 0.0, size = 0.0, s = 0.0;
  for (int64_t k = 0; k < x.d; ++k) {
    g += u[k] * v[k];
    size += fabs(u[k] * v[k]);
    s += (u[k] - v[k]) * (u[k] - v[k]);
  }
  return {
      g, size, s, x.squares[size_t(i)], y.squares[size_t(j)], x.inverse_norms[size_t(i)], y.inverse_norms[size_t(j)]};
}

std::vector<Naive> naive_pairs(const Table& x, const Table& y) {
  std::vector<Naive> naive;
  for (int64_t i = 0; i < x.n; ++i)
    for (int64_t j = 0; j < y.n; ++j) naive.push_back(naive_pair(x, i, y, j));
  return naive;
}

// How far an inner product of reals may be off.
static double product_margin(const Naive& p, const Precision& precision, int64_t d) {
  const double sums = 2.0 * (double(d) + 2.0) * unit(precision.type);
  return (sums + (precision.tf32 ? ldexp(1.01, -10) : 0.0)) * p.size;
}

// How far a squared distance may be off. Tiles take a + b - 2 g, but sum close pairs from the rows in float64.
static double distance_margin(const Naive& p, const Precision& precision, int64_t d, Route route) {
  const double u = unit(precision.type);
  const double close_share = ldexp(1.0, precision.type == PA_FLOAT64 ? -20 : precision.tf32 ? -5 : -10);
  const double terms = 2.0 * (double(d) + 2.0);
  if (route == FROM_ROWS) return 2.0 * terms * u * p.s;
  if (p.s <= 0.5 * close_share * (p.a + p.b)) return (2.0 * u + terms * ldexp(1.0, -53)) * p.s;
  return 2.0 * product_margin(p, precision, d) + terms * u * (p.a + p.b);
}

std::vector<Expected> expected_pairs(const std::vector<Naive>& naive, const Precision& precision, pa_pair pair,
                                     double gamma, int64_t d, Kind kind, Route route) {
  std::vector<Expected> expected;
  for (const Naive& p : naive)
    expected.push_back(expected_by_definition(pair, &p, gamma, product_margin(p, precision, d),
                                              distance_margin(p, precision, d, route), result_of(precision.type),
                                              kind == WHOLE));
  return expected;
}

// --- one triplet

static void decide(const Expected s[3], bool exact, Answer* answer) {
  int top = 0;
  for (int k = 1; k < 3; ++k)
    if (exact ? s[k].rank > s[top].rank : s[k].value > s[top].value) top = k;
  for (int k = 0; k < 3; ++k) {
    const bool equal = exact ? s[k].rank == s[top].rank : k == top;
    answer->at_maximum += equal;
    if (k == 2) answer->human = equal;
    if (!exact && k != top) answer->sure &= s[top].value - s[top].margin > s[k].value + s[k].margin;
  }
  if (answer->at_maximum == 1) answer->odd = top;
}

// softmax, -log p and -sum p log p. An exponent carries three roundings of its own and the margins of two similarities;
// an exponential below the smallest normal number may be that number.
Answer answer_of(const Expected s[3], bool exact, double temperature, pa_float_type type) {
  Answer answer;
  decide(s, exact, &answer);
  const double u = unit(type), smallest = type == PA_FLOAT64 ? 3.4e-308 : 1.7e-38;
  const double top = fmax(s[0].value, fmax(s[1].value, s[2].value));
  const double margin = 4.0 * fmax(s[0].margin, fmax(s[1].margin, s[2].margin)) / temperature;
  double a[3], e[3], z = 0.0, length = 0.0, spread = 0.0;
  for (int k = 0; k < 3; ++k) {
    a[k] = (s[k].value - top) / temperature;
    z += e[k] = exp(a[k]);
  }
  for (int k = 0; k < 3; ++k) {
    const double p = e[k] / z;
    length += p > 0.0 ? p * -a[k] : 0.0;  // sum of p |a|
    spread += p > 0.0 ? p * a[k] * a[k] : 0.0;
  }
  for (int k = 0; k < 3; ++k) {
    const double p = answer.p[k] = e[k] / z;
    answer.p_margin[k] = p * (16 * u + (p > 0.0 ? 4 * u * (length - a[k]) : 0.0) + margin * exp(margin)) + smallest;
    answer.entropy -= p > 0.0 ? p * (a[k] - log(z)) : 0.0;
  }
  answer.cross_entropy = log(z) - a[2];
  answer.cross_entropy_margin = u * (16 + 4 * (length - a[2])) + 2 * margin;
  answer.entropy_margin = u * (16 + 4 * (length + spread)) + 2 * margin;
  return answer;
}
