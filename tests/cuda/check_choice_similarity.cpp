// check_choice_similarity.cpp: pa_cuda_choice_similarity against a plain loop over all third items.
#include "check.h"

struct ChoiceCase {
  const int64_t n, stride, out_stride;
  const double temperature;
  const pa_float_type type;
  std::vector<double> plain;  // (n, n) symmetric
  Memory similarities, workspace;
  Output out;

  ChoiceCase(int64_t items, pa_float_type t, double temp, Kind kind, int turn)
      : n(items),
        stride(items + turn % 3),
        out_stride(items + turn % 4),
        temperature(temp),
        type(t),
        plain(size_t(items * items)),
        similarities(size_t(items * stride) * size_of(t)),
        workspace(size_t(pa_cuda_choice_similarity_workspace())),
        out(size_t((items - 1) * out_stride + items) * size_of(t)) {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < stride; ++j) put(similarities.host(), type, i * stride + j, NAN);
      for (int64_t j = 0; j <= i; ++j) {
        const double value = kind == WHOLE ? double(random_below(9) - 4) : random_real();
        plain[size_t(i * n + j)] = plain[size_t(j * n + i)] = value;
        if (i == j) continue;  // NaN stays there: nobody is to look
        put(similarities.host(), type, i * stride + j, value);
        put(similarities.host(), type, j * stride + i, value);
      }
    }
    similarities.upload();
  }

  int run() {
    const pa_matrix s = {similarities.device(), n, n, stride, type};
    return on_stream(pa_cuda_choice_similarity, &s, temperature, out.device(), out_stride, workspace.device());
  }

  double kept(int64_t i, int64_t j, int64_t k) const {
    const double ij = plain[size_t(i * n + j)], ik = plain[size_t(i * n + k)], jk = plain[size_t(j * n + k)];
    const double top = fmax(ij, fmax(ik, jk)), e = exp((ij - top) / temperature);
    return e / (e + exp((ik - top) / temperature) + exp((jk - top) / temperature));
  }

  double expected(int64_t i, int64_t j) const {
    if (i == j) return 1.0;
    double sum = 0.0;
    for (int64_t k = 0; k < n; ++k)
      if (k != i && k != j) sum += kept(i, j, k);
    return sum / double(n - 2);
  }

  // Exponents up to 84 in float32 are off by as many units of its last place.
  std::string judge() const {
    const bool narrow = type == PA_FLOAT32;
    const double close = narrow ? 2e-5 : 1e-12, nothing = narrow ? 1e-36 : 1e-300;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) {
        const double got = get(out.host(), type, i * out_stride + j), want = expected(i, j);
        if (!(fabs(got - want) <= close * want + nothing))
          return text("[%lld, %lld] is %.9g, not %.9g", (long long)i, (long long)j, got, want);
        if (got != get(out.host(), type, j * out_stride + i))
          return text("[%lld, %lld] is not its mirror image", (long long)i, (long long)j);
        const int64_t size = int64_t(size_of(type));
        if (j + 1 == n && i + 1 < n && !out.untouched((i * out_stride + n) * size, (out_stride - n) * size))
          return text("wrote beside row %lld", (long long)i);
      }
    return "";
  }
};

static void check_one(int64_t n, pa_float_type type, double temperature, Kind kind, int turn) {
  ChoiceCase c(n, type, temperature, kind, turn);
  check_case({text("choice similarity, n %lld, %s, temperature %g, %s", (long long)n,
                   type == PA_FLOAT32 ? "float32" : "float64", temperature, kind == WHOLE ? "whole" : "real"),
              {&c.out},
              [&c] { return c.run(); },
              [&c] { return c.judge(); }});
}

// Around a thread's part, a slice and a tile, and more tiles than a launch; spreads that a type's exponentials hold, or
// not.
void check_choice_similarity() {
  const std::vector<int64_t> counts =
      quick ? std::vector<int64_t>{3, 17, 65} : std::vector<int64_t>{3, 4, 5, 15, 16, 17, 63, 64, 65};
  int turn = 0;
  for (const int64_t n : counts)
    for (const double temperature : {1.0, 0.02, 1e-3, 1e-30})
      for (const pa_float_type type : {PA_FLOAT32, PA_FLOAT64}) {
        check_one(n, type, temperature, turn % 2 ? WHOLE : REAL, turn);
        ++turn;
      }
  check_one(130, PA_FLOAT32, 1.0, REAL, turn);  // six tiles, where a launch takes three
  ChoiceCase two(3, PA_FLOAT32, 1.0, REAL, 0);
  const pa_matrix few = {two.similarities.device(), 2, 2, 2, PA_FLOAT32};
  check_that(on_stream(pa_cuda_choice_similarity, &few, 1.0, two.out.device(), 2, two.workspace.device()) != 0,
             "two items have no third");
}
