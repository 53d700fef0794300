// pair.h: the arithmetic of one pair of rows, from its inner product or squared distance to its similarity.
//
// Compiled by g++ and by nvcc. The last step is taken in float64 and rounded once, so that pairs whose similarities
// are equal in exact arithmetic compare equal: ties of whole-number features survive the square roots of the norms.
#pragma once

#include "pyalign.h"
#include "series.h"

// Squared distance from the inner product g and the squared norms a, b: never below zero. NaN stays NaN, here and
// below.
PA_INLINE double squared_distance(double g, double a, double b) {
  const double s = (a + b) - 2.0 * g;
  return s < 0.0 ? 0.0 : s;
}

// Similarity from a squared distance; P is one of the three distance kernels.
template <pa_pair P>
PA_INLINE double from_squared_distance(double s, double gamma) {
  if (P == PA_NEG_SQEUCLIDEAN) return 0.0 - s;  // not -s: a distance of zero gives 0, not -0
  if (P == PA_NEG_EUCLIDEAN) return 0.0 - sqrt(s);
  const double x = -gamma * s, least = Series<double>::least_exponent;
  return exp_of<double>(x < least ? least : x);
}

// The same for a kernel that is known at run time alone.
PA_INLINE double from_any_squared_distance(pa_pair pair, double s, double gamma) {
  if (pair == PA_NEG_SQEUCLIDEAN) return from_squared_distance<PA_NEG_SQEUCLIDEAN>(s, gamma);
  if (pair == PA_NEG_EUCLIDEAN) return from_squared_distance<PA_NEG_EUCLIDEAN>(s, gamma);
  return from_squared_distance<PA_RBF>(s, gamma);
}

// Similarity from the inner product g and the row terms a, b; P is PA_DOT or PA_COSINE.
template <pa_pair P>
PA_INLINE double from_inner_product(double g, double a, double b) {
  return P == PA_COSINE ? g * (a * b) : g;
}

PA_INLINE constexpr bool is_distance(pa_pair pair) { return pair != PA_DOT && pair != PA_COSINE; }

template <pa_pair P>
struct IsDistance {
  static const bool value = is_distance(P);
};
