/* expected_pair.h: what a pair kernel gives by its definition, and how far a kernel may be from it. For tests/native
 * and tests/cuda, whose check.h says what Naive and Expected are.
 */
#ifndef PYALIGN_EXPECTED_PAIR_H
#define PYALIGN_EXPECTED_PAIR_H

/* Of results of `type`, float32 or float64. dg, ds: how far the inner product and the squared distance of reals may be
 * off. Similarities of whole numbers are exact, but for exponentials, of which only the argument is. */
static inline Expected expected_by_definition(pa_pair pair, const Naive* p, double gamma, double dg, double ds,
                                              pa_float_type type, int whole) {
  const double u = unit(type), root = sqrt(p->s);
  double value = p->g, margin = dg, exact = NAN; /* `exact`: what an exponential is taken of */
  switch (pair) {
    case PA_DOT: break;
    case PA_COSINE:
      value = p->g * (p->inverse_a * p->inverse_b);
      margin = dg * p->inverse_a * p->inverse_b + 2.0 * u * fabs(value);
      break;
    case PA_NEG_SQEUCLIDEAN:
      value = -p->s;
      margin = ds + 2.0 * u * p->s;
      break;
    case PA_NEG_EUCLIDEAN:
      value = -root;
      margin = (p->s > 0.0 ? ds / root : 0.0) + 2.0 * u * root;
      break;
    case PA_RBF:
      exact = -p->s;
      value = exp(-gamma * p->s);
      margin = (whole ? 0.0 : 2.0 * value * gamma * ds) + 4.0 * u * value;
      break;
  }
  if (type != PA_FLOAT64) value = (double)(float)value;
  const Expected expected = {value, whole && isnan(exact) ? 0.0 : margin, isnan(exact) ? value : exact};
  return expected;
}

#endif
