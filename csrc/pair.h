// pair.h: the arithmetic of one pair of rows, from its inner product or squared distance to its similarity.
//
// Compiled by g++ and by nvcc. The last step is taken in float64 and rounded once to float32, so that pairs whose
// similarities are equal in exact arithmetic compare equal: ties of whole-number features survive the square roots of
// the norms. Similarities that stay float64 lose a few of these ties (docs/numbers.md).
#pragma once

#include "pyalign.h"
#include "series.h"

PA_INLINE constexpr pa_terms terms_of(pa_pair pair) {
#define PA_CASE(value, name, terms) \
  case value: return terms;
  switch (pair) { PA_PAIR_KERNELS(PA_CASE) }
#undef PA_CASE
  return PA_NO_TERMS;
}
PA_INLINE constexpr bool has_terms(pa_pair pair) { return terms_of(pair) != PA_NO_TERMS; }
PA_INLINE constexpr bool is_distance(pa_pair pair) { return terms_of(pair) == PA_SQUARES; }

template <pa_pair P>
struct IsDistance {
  static const bool value = is_distance(P);
};

// Squared distance from the inner product g and the squared norms a, b: never below zero. NaN stays NaN, here and
// below.
PA_INLINE double squared_distance(double g, double a, double b) {
  const double s = (a + b) - 2.0 * g;
  return s < 0.0 ? 0.0 : s;
}

// Similarity from a squared distance; P is a distance.
template <pa_pair P>
PA_INLINE double from_squared_distance(double s, double gamma) {
  if (P == PA_NEG_SQEUCLIDEAN) return 0.0 - s;  // not -s: a distance of zero gives 0, not -0
  if (P == PA_NEG_EUCLIDEAN) return 0.0 - sqrt(s);
  const double x = -gamma * s, least = Series<double>::least_exponent;
  return exp_of<double>(x < least ? least : x);
}

// The same for a kernel that is known at run time alone. The last of all needs no comparison.
PA_INLINE double from_any_squared_distance(pa_pair pair, double s, double gamma) {
#define PA_TRY(value, ...)                                                 \
  if (is_distance(value) && (pair == value || value == PA_PAIR_COUNT - 1)) \
    return from_squared_distance<value>(s, gamma);
  PA_PAIR_KERNELS(PA_TRY)
#undef PA_TRY
  return s;
}

// Similarity from the inner product g and the row terms a, b; P is no distance.
template <pa_pair P>
PA_INLINE double from_inner_product(double g, double a, double b) {
  return P == PA_COSINE ? g * (a * b) : g;
}
