// check_series.c: how close the series for exp and log come to the C library's.
//
// At temperature 1 and with differences that are numbers of the type, softmax has no rounding before the exponential.
// Then probabilities, cross-entropies and entropies are within kPlaces units in the last place of libm's, however small
// they are, as long as the exponentials are normal numbers: differences up to 87 in float, all of 0 .. 110 in double.
// Beyond, a probability is at most the smallest such.
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static const double kPlaces = 2.5;

typedef struct {
  double p, cross_entropy, entropy;  // the largest errors, in units in the last place
} Accuracy;

static void keep_larger(double* worst, double got, long double value, long double scale, pa_float_type type) {
  const double places = (double)(fabsl(got - value) / (scale * (type == PA_FLOAT32 ? FLT_EPSILON : DBL_EPSILON)));
  if (!(places <= *worst)) *worst = places;  // a NaN stays
}

// s: similarities of the pairs (1, 2), (0, 2), (0, 1), as the type holds them.
static void compare(const double s[3], const double* p, const pa_sums* sums, pa_float_type type, Accuracy* worst) {
  const long double least = type == PA_FLOAT32 ? -87.0L : -708.0L, floor = expl(least) * 1e10L;
  const int top = s[0] >= s[1] ? (s[0] >= s[2] ? 0 : 2) : (s[1] >= s[2] ? 1 : 2);
  long double a[3], rest = 0, weighted = 0;
  for (int k = 0; k < 3; ++k) {
    a[k] = (long double)s[k] - s[top];
    if (k != top) rest += expl(a[k]);
    weighted += expl(a[k]) * a[k];
  }
  for (int k = 0; k < 3; ++k) {
    const long double value = expl(a[k]) / (1 + rest);
    if (a[k] >= least) keep_larger(&worst->p, p[k], value, value, type);
    else if (!(p[k] >= 0.0 && p[k] <= (double)expl(least) * 1.001)) worst->p = INFINITY;
  }
  const long double cross_entropy = log1pl(rest) - a[2], entropy = log1pl(rest) - weighted / (1 + rest);
  keep_larger(&worst->cross_entropy, sums->cross_entropy, cross_entropy, fmaxl(cross_entropy, floor), type);
  keep_larger(&worst->entropy, sums->entropy, entropy, fmaxl(entropy, floor), type);
}

// One triplet of three items, so that the sums are those of that triplet.
static void one_triplet(const double s[3], pa_float_type type, Accuracy* worst) {
  static const int32_t items[3] = {0, 1, 2};
  double matrix[9] = {0}, raw[3], p[3], rounded[3];
  const int place[3] = {5, 2, 1};
  for (int k = 0; k < 3; ++k) {
    put(matrix, type, place[k], s[k]);
    rounded[k] = get(matrix, type, place[k]);
  }
  pa_sums sums;
  const pa_triplets triplets = {items, 1, 3, 1, PA_INT32};
  const pa_matrix similarities = {matrix, 3, 3, 3, type};
  const pa_wanted want = {NULL, raw, NULL, &sums, 1.0};
  pa_triplets_from_matrix(&similarities, &triplets, &want);
  for (int k = 0; k < 3; ++k) p[k] = get(raw, type, k);
  compare(rounded, p, &sums, type, worst);
}

static Accuracy measure(pa_float_type type) {
  Accuracy worst = {0, 0, 0};
  const int count = quick ? 500 : 22000;
  for (int k = 0; k <= count; ++k) {
    const double x = 110.0 * k / count, one[3] = {-x, 0.0, -1000.0}, two[3] = {0.0, -x, 0.0},
                 human[3] = {0.0, -1000.0, -x};
    const double both[3] = {-x, -x * 0.37, 0.0};
    one_triplet(one, type, &worst);
    one_triplet(two, type, &worst);
    one_triplet(human, type, &worst);
    one_triplet(both, type, &worst);
  }
  return worst;
}

void check_series(void) {
  for (int isa = 0; set_isa(isa); ++isa) {
    for (int type = PA_FLOAT32; type <= PA_FLOAT64; ++type) {
      const Accuracy worst = measure((pa_float_type)type);
      printf("%s: %s within %.2f units in the last place for p, %.2f for -log p, %.2f for the entropy\n", pa_isa(),
             type == PA_FLOAT32 ? "float" : "double", worst.p, worst.cross_entropy, worst.entropy);
      check_that(worst.p < kPlaces, "probabilities are within 2.5 units in the last place");
      check_that(worst.cross_entropy < kPlaces, "cross entropies are within 2.5 units in the last place");
      check_that(worst.entropy < kPlaces, "entropies are within 2.5 units in the last place");
    }
  }
}
