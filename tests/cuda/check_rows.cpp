// check_rows.cpp: pa_cuda_prepare_rows.
#include <algorithm>

#include "check.h"

enum Special { ORDINARY, CONSTANT, LONG, SHORT, WITH_NAN, WITH_INFINITY, kSpecials };
static const char* const special_names[kSpecials] = {"ordinary", "constant", "long", "short", "NaN", "infinity"};
static const char* const transform_names[3] = {"keep", "center", "shift"};

struct RowsCase {
  const int64_t n, d;
  const pa_float_type type, out_type;
  const pa_transform transform;
  const bool written;
  const int64_t stride, out_stride;
  Memory data, shift;
  std::vector<double> plain, shifts;
  Output values, squares, inverse_norms, report;

  RowsCase(int64_t rows, int64_t features, int shape, pa_float_type of, pa_transform what, bool copied, Special special)
      : n(rows),
        d(features),
        type(of),
        out_type(what == PA_CENTER ? result_of(of) : of),
        transform(what),
        written(copied || what != PA_KEEP),
        stride(shape == 0   ? features
               : shape == 1 ? chunks(features, of)
                            : features + 3),
        out_stride(chunks(features, out_type)),
        data(size_t(rows * stride) * size_of(of)),
        shift(size_t(features) * size_of(of)),
        values(size_t(written ? rows * out_stride : 0) * size_of(out_type)),
        squares(size_t(rows) * 8),
        inverse_norms(size_t(rows) * 8),
        report(4 * 8) {
    for (int64_t k = 0; k < d; ++k) {
      shifts.push_back(double(random_below(5) - 2));
      put(shift.host(), type, k, shifts.back());
    }
    for (int64_t i = 0; i < n; ++i)
      for (int64_t k = 0; k < stride; ++k) {
        const double value = k < d ? number(i, k, special) : double(NAN);
        put(data.host(), type, i * stride + k, value);
        if (k < d) plain.push_back(get(data.host(), type, i * stride + k));
      }
    data.upload();
    shift.upload();
  }

  static int64_t chunks(int64_t d, pa_float_type type) {
    const int64_t chunk = 16 / int64_t(size_of(type));
    return (d + chunk - 1) / chunk * chunk;
  }

  double number(int64_t i, int64_t k, Special special) const {
    const double value = double(random_below(9) - 4);
    if (i != n / 2) return i == 0 && n > 3 ? 0.0 : value;
    if (special == CONSTANT) return transform == PA_CENTER ? 0.3 : 3.0;  // d * 0.3 and its sum are not equal
    if (special == LONG) return ldexp(value, 60);
    if (special == SHORT) return ldexp(value, type == PA_FLOAT64 ? -600 : -60);  // squares of float64 become 0
    if (k != d - 1) return value;
    return special == WITH_NAN ? double(NAN) : special == WITH_INFINITY ? -double(INFINITY) : value;
  }

  int run() {
    const pa_matrix x = {data.device(), n, d, stride, type};
    const pa_cuda_prepared out = {transform,
                                  shift.device(),
                                  written ? values.device() : nullptr,
                                  out_stride,
                                  static_cast<double*>(squares.device()),
                                  static_cast<double*>(inverse_norms.device()),
                                  static_cast<uint64_t*>(report.device())};
    const uint64_t nothing[4] = {};
    report.set(nothing);
    return on_stream(pa_cuda_prepare_rows, &x, &out);
  }

  double expected(int64_t i, int64_t k) const {
    const double* row = plain.data() + i * d;
    double sum = 0.0;
    for (int64_t j = 0; j < d; ++j) sum += row[j];
    if (transform == PA_SHIFT) return row[k] - shifts[size_t(k)];
    if (transform == PA_KEEP) return row[k];
    const bool constant = *std::max_element(row, row + d) == *std::min_element(row, row + d);
    return constant ? 0.0 : rounded(out_type, double(d) * row[k] - sum);
  }

  // Numbers are whole, up to a power of two: all sums are exact, and so are the answers.
  std::string judge() const {
    uint64_t most[4] = {};
    for (int64_t i = 0; i < n; ++i) {
      double given = 0.0, square = 0.0, largest = 0.0;
      bool zero = true;
      const bool known =
          std::all_of(&plain[size_t(i * d)], &plain[size_t(i * d)] + d, [](double x) { return isfinite(x); });
      for (int64_t k = 0; k < d; ++k) {
        const double x = plain[size_t(i * d + k)], v = expected(i, k);
        given += x * x;
        square += v * v;
        zero = zero && v == 0.0;
        largest = fmax(largest, fabs(x));
        const double got = written ? get(values.host(), out_type, i * out_stride + k) : v;
        if (known && got != v) return text("[%d, %d] is %g, not %g", int(i), int(k), got, v);
      }
      for (int64_t k = d; written && k < out_stride; ++k)
        if (get(values.host(), out_type, i * out_stride + k) != 0.0) return text("row %d ends with no zero", int(i));
      const double inverse = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
      const std::string why = judge_terms(i, known, square, inverse);
      if (!why.empty()) return why;
      const double maxima[3] = {given, square, largest};
      for (int c = 0; c < 3; ++c) most[c] = std::max(most[c], known ? bits(maxima[c]) : ~uint64_t(0) >> 1);
      most[3] |= known && !zero && !(inverse >= ldexp(1.0, -50) && inverse <= ldexp(1.0, 50));
      if (!known) most[3] = get_report(3);  // whatever it says: the others tell
    }
    for (int c = 0; c < 4; ++c)
      if (get_report(c) != most[c]) return text("report %d is %llx", c, (unsigned long long)get_report(c));
    return "";
  }

  std::string judge_terms(int64_t i, bool known, double square, double inverse) const {
    const double ours[2] = {get(squares.host(), PA_FLOAT64, i), get(inverse_norms.host(), PA_FLOAT64, i)};
    if (!known) return isnan(ours[0]) && isnan(ours[1]) ? "" : text("terms of row %d are numbers", int(i));
    if (ours[0] != square) return text("|v|^2 of row %d is %.17g, not %.17g", int(i), ours[0], square);
    return ours[1] == inverse ? "" : text("1 / |v| of row %d is %.17g, not %.17g", int(i), ours[1], inverse);
  }

  static uint64_t bits(double value) {
    uint64_t result;
    memcpy(&result, &value, sizeof result);
    return result;
  }
  uint64_t get_report(int c) const { return bits(get(report.host(), PA_FLOAT64, c)); }
};

static void check_one(int64_t n, int64_t d, int shape, pa_float_type type, pa_transform what, bool copied,
                      Special special) {
  RowsCase c(n, d, shape, type, what, copied, special);
  check_case({text("rows, n %d, d %d, shape %d, type %d, %s%s, %s", int(n), int(d), shape, int(type),
                   transform_names[what], copied ? " and copy" : "", special_names[special]),
              {&c.values, &c.squares, &c.inverse_norms, &c.report},
              [&c] { return c.run(); },
              [&c] { return c.judge(); }});
}

void check_rows() {
  int number = 0;
  for (const pa_float_type type : {PA_FLOAT32, PA_FLOAT64, PA_FLOAT16, PA_BFLOAT16})
    for (const pa_transform what : {PA_KEEP, PA_CENTER, PA_SHIFT})
      for (const int64_t d : {1, 3, 8, 17, 300, 1100}) {  // around a load, a round of the warp, four rounds
        const int64_t n = d > 17 ? 3 : 57;                // of one block, and of blocks that take several rows
        const Special special = Special(number % (type == PA_FLOAT32 || type == PA_FLOAT64 ? kSpecials : CONSTANT + 1));
        const bool half = type == PA_FLOAT16 || type == PA_BFLOAT16;
        if (half && what == PA_SHIFT && d == 1100) continue;
        ++number;
        if (quick && number % 2) continue;
        check_one(n, d, number % 3, type, what, number % 4 < 2, special);
      }
  for (const int64_t d : {7, 13, 300}) check_one(3, d, 0, PA_FLOAT64, PA_CENTER, true, CONSTANT);
  for (const Special special : {WITH_NAN, WITH_INFINITY, LONG, SHORT})
    for (const pa_transform what : {PA_KEEP, PA_CENTER})
      check_one(57, 5, 2, special == LONG || (special == SHORT && what == PA_KEEP) ? PA_FLOAT64 : PA_FLOAT32, what,
                true, special);
}
