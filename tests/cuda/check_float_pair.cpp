// check_float_pair.cpp: what float_pair.h says for sure is what the float64 formulas of pair.h round to, bit for bit;
// and how far the exponential is off.
#include "check.h"
#include "float_pair.h"

namespace {

double between(double low, double high) { return low + (high - low) * (0.5 + 0.5 * random_real()); }
double spread(double low, double high) { return exp2(between(low, high)); }  // over powers of two

// Of results that have to be sure, and to be those of float64.
struct Count {
  int64_t all = 0, wrong = 0, unsure = 0;
  void add(bool sure, float got, double exact) {
    ++all;
    unsure += !sure;
    wrong += sure && !(got == float(exact) && signbit(got) == signbit(float(exact)));
  }
  void judge(const char* what, double most_unsure) const {
    check_that(wrong == 0, text("%s: of %lld, none wrong (%lld are)", what, (long long)all, (long long)wrong));
    check_that(double(unsure) <= most_unsure * double(all) + 3.0,
               text("%s: few are not sure (%lld of %lld are)", what, (long long)unsure, (long long)all));
  }
};

void add_cosine(Count& count, float g, double a, double b) {
  bool sure;
  const float got = cosine_of(g, pair_of(a), pair_of(b), sure);
  count.add(sure, got, from_inner_product<PA_COSINE>(double(g), a, b));
}

// Inner products g with g^2 <= a b of rows whose squared norms are a and b.
void check_cosines(int64_t count) {
  Count small, large, reals, extreme;
  const int most = quick ? 40 : 120;
  for (int a = 1; a <= most; ++a)
    for (int b = a; b <= most; ++b)
      for (int g = 0; g * g <= a * b; ++g) add_cosine(small, float(g), 1.0 / sqrt(a), 1.0 / sqrt(b));
  small.judge("cosine of all small whole numbers", 1e-5);
  for (int64_t k = 0; k < count; ++k) {
    const double a = floor(spread(0, 24)), b = floor(spread(0, 24)),
                 g = trunc(sqrt(a * b) * random_real()) + 0.0;  // no sum is -0
    add_cosine(large, float(g), 1.0 / sqrt(a), 1.0 / sqrt(b));
    const double u = spread(-45, 45), v = spread(-45, 45);
    add_cosine(reals, float(random_real() / (u * v)), u, v);
    add_cosine(extreme, float(random_real() * spread(-120, 120)), spread(-60, 60), spread(-60, 60));
  }
  large.judge("cosine of whole numbers", 1e-5);
  reals.judge("cosine of reals", 1e-5);
  extreme.judge("cosine of rows of extreme length", 1.0);
  add_cosine(small, 0.0f, 0.0, 0.5);
  bool sure;
  check_that(cosine_of(0.0f, pair_of(0.0), pair_of(1.0), sure) == 0.0f && sure, "a row of zeros is sure");
  cosine_of(NAN, pair_of(1.0), pair_of(1.0), sure);
  check_that(!sure, "NaN is not sure");
}

// A device's reciprocal root is off by up to 2^-22.
float rough_reciprocal_root(float v) { return float((1.0 + ldexp(random_real(), -22)) / sqrt(double(v))); }

void add_root(Count& count, FloatPair s) {
  bool sure;
  const float got = root_of(s, rough_reciprocal_root(s.high), sure);
  count.add(sure, got, sqrt(value_of(s)));
}

void check_distances(int64_t count) {
  Count squares, roots, reals;
  double worst = 0.0;
  for (int64_t k = 0; k < count; ++k) {
    const double a = floor(spread(0, 24)), b = floor(spread(0, 24)), g = trunc(sqrt(a * b) * random_real());
    float sum;
    const FloatPair s = squared_distance(float(g), pair_of(a), pair_of(b), sum);
    squares.add(value_of(s) == squared_distance(g, a, b) && sum == float(a + b), s.high, squared_distance(g, a, b));
    add_root(roots, s);
    add_root(reals, pair_of(spread(-95, 127)));
    const double u = spread(-40, 40), v = u * spread(-2, 2);
    const float product = float(sqrt(u * v) * random_real());
    const double exact = u + v - 2.0 * double(product);
    worst = fmax(worst, fabs(value_of(squared_distance(product, pair_of(u), pair_of(v), sum)) - exact) / (u + v));
  }
  squares.judge("squared distance of whole numbers", 0.0);
  roots.judge("distance of whole numbers", 2e-5);
  reals.judge("distance of reals", 2e-5);
  check_that(worst < ldexp(1.0, -46), text("squared distance of reals is off by %.3g of the squares", worst));
  bool sure;
  check_that(root_of({0.0f, 0.0f}, INFINITY, sure) == 0.0f && sure, "a distance of zero is sure");
}

// Numbers within some 2^-52 of where float32 rounds up instead of down.
void check_midpoints(int64_t count) {
  Count cosines, roots;
  for (int64_t k = 0; k < count; ++k) {
    const float below = float(spread(-20, 0)), g = float(spread(0, 20));
    const double middle = 0.5 * (double(below) + double(nextafterf(below, 2.0f)));
    const double near = middle * (1.0 + ldexp(double(random_below(9) - 4), -52));
    add_cosine(cosines, g, near / double(g), 1.0);
    add_root(roots, pair_of(near * near));
  }
  cosines.judge("cosine at a midpoint", 1.0);
  roots.judge("distance at a midpoint", 1.0);
}

void check_exponentials(int64_t count) {
  double worst = 0.0;
  for (int64_t k = 0; k < count; ++k) {
    const FloatPair v = pair_of(k % 2 ? between(0, 105) : spread(-40, 6));
    const double exact = exp(-value_of(v)), place = ldexp(1.0, ilogb(fmax(exact, 0x1p-126)) - 23);
    worst = fmax(worst, fabs(double(exp_of_minus(v)) - exact) / place);
  }
  check_that(worst < 0.8, text("exponentials are off by %.3f of the last place", worst));
  check_that(exp_of_minus({0.0f, 0.0f}) == 1.0f, "exp(0) is 1");
  check_that(exp_of_minus({3e38f, 0.0f}) == 0.0f && exp_of_minus({INFINITY, NAN}) == 0.0f, "exp of the least is 0");
  check_that(isnan(exp_of_minus({NAN, 0.0f})), "exp of NaN is NaN");
}

}  // namespace

void check_float_pair() {
  const int64_t count = quick ? 20000 : 1000000;
  check_cosines(count);
  check_distances(count);
  check_midpoints(count / 10);
  check_exponentials(count);
}
