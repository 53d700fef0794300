// check_deep.cpp: squared distances of real rows with many features, on the tensor cores of each architecture.
//
// docs/numbers.md, "Long sums on tensor cores": an inner product may be off by so much of sum |x_k y_k|, and the errors
// must not lean to one side. Rows come in pairs whose distance is a given share of |x|^2 + |y|^2. What a sum that stays
// in the tensor cores would give is computed beside it: it has to break the bound, or the case shows nothing.
#include "check.h"
#include "fragments.h"
#include "tensor_sums.h"

namespace {

constexpr int64_t kPairs = 12;

// The nearest of three has to lie above the share below which distances are summed from the rows.
double share_of(int64_t p, const Precision& precision) {
  return p % 3 == 0 ? 1.0 / 3 : p % 3 == 1 ? 1.0 / 16 : precision.tf32 ? 1.0 / 24 : 1.0 / 400;
}

// Rows 2 p and 2 p + 1 are a pair: one positive, the other near it. (n, d).
std::vector<double> draw_pairs(int64_t d, const Precision& precision) {
  const pa_float_type type = precision.tf32 ? PA_FLOAT16 : precision.type;  // which TF32 holds, too
  std::vector<double> rows;
  for (int64_t p = 0; p < kPairs; ++p) {
    std::vector<double> other;
    const double spread = sqrt(8.0 * share_of(p, precision));  // 1 + r has the square 4/3 on the average, r 1/3
    for (int64_t k = 0; k < d; ++k) {
      const double value = rounded(type, 1.0 + random_real());
      rows.push_back(value);
      other.push_back(rounded(type, value + spread * random_real()));
    }
    rows.insert(rows.end(), other.begin(), other.end());
  }
  return rows;
}

struct Errors {
  double largest = 0, mean = 0;  // of squared distances: in units of the bound; of the nearest pairs, relative
};

struct Pair {
  double s, size, a_plus_b;
};
Pair exact_pair(const double* x, const double* y, int64_t d) {
  Pair pair = {0, 0, 0};
  for (int64_t k = 0; k < d; ++k) {
    pair.s += (x[k] - y[k]) * (x[k] - y[k]);
    pair.size += fabs(x[k] * y[k]);
    pair.a_plus_b += x[k] * x[k] + y[k] * y[k];
  }
  return pair;
}

// What docs/numbers.md allows, as a share of sum |x_k y_k|. TF32 rounds the factors, too; these here fit as they are.
double allowed(int64_t d, const Precision& precision) {
  const double slice = precision.tf32 ? 16 : 32;
  return ldexp(slice + ceil(double(d) / slice) / 2.0, -23);
}

Errors errors_of(const std::vector<double>& rows, const std::vector<double>& distances, int64_t d,
                 const Precision& precision) {
  Errors errors;
  for (int64_t p = 0; p < kPairs; ++p) {
    const Pair pair = exact_pair(&rows[size_t(2 * p * d)], &rows[size_t((2 * p + 1) * d)], d);
    const double off = distances[size_t(p)] - pair.s;
    errors.largest = fmax(errors.largest, fabs(off) / (2.0 * allowed(d, precision) * pair.size + ldexp(pair.s, -23)));
    if (p % 3 == 2) errors.mean += off / pair.s / double(kPairs / 3);
  }
  return errors;
}

// Sums that stay in the tensor cores from the first feature to the last.
std::vector<double> plain_sums(const std::vector<double>& rows, int64_t d, const Precision& precision) {
  const int depth = precision.tf32 ? 8 : 16, least = precision.type == PA_FLOAT16 ? -14 : -126;
  std::vector<double> distances;
  for (int64_t p = 0; p < kPairs; ++p) {
    const double *x = &rows[size_t(2 * p * d)], *y = x + d;
    float sum = 0.0f;
    for (int64_t k = 0; k < d; k += depth) {
      emulation::Factor a[16], b[16];
      for (int e = 0; e < depth; ++e) a[e] = emulation::factor_of(float(x[k + e]), least);
      for (int e = 0; e < depth; ++e) b[e] = emulation::factor_of(float(y[k + e]), least);
      sum = emulation::add_products(sum, a, b, depth);
    }
    distances.push_back(exact_pair(x, y, d).a_plus_b - 2.0 * double(sum));
  }
  return distances;
}

std::vector<double> kernel_distances(const std::vector<double>& rows, int64_t d, const Precision& precision) {
  const int64_t n = 2 * kPairs;
  Table table(n, d, 1, precision.type, WHOLE);
  table.fill(rows);
  Output out(size_t(n * n) * sizeof(float), 0);
  out.clear();
  const pa_rows x = table.rows(PA_NEG_SQEUCLIDEAN, 0.0);
  const int error = on_stream(pa_cuda_similarity, &x, nullptr, precision.tf32, out.device(), n);
  check_that(error == 0, "rows with many features are taken");
  out.download();
  std::vector<double> distances;
  for (int64_t p = 0; p < kPairs; ++p) distances.push_back(-get(out.host(), PA_FLOAT32, 2 * p * n + 2 * p + 1));
  return distances;
}

void check_one(int sm, int64_t d, const Precision& precision) {
  emulation::set_tensor_core(sm);
  const std::vector<double> rows = draw_pairs(d, precision);
  const Errors ours = errors_of(rows, kernel_distances(rows, d, precision), d, precision);
  const Errors plain = errors_of(rows, plain_sums(rows, d, precision), d, precision);
  const std::string name = text("%s, d %lld, sm_%d: ", precision.name, (long long)d, sm);
  printf("%slargest error %.2f of the bound, in the tensor cores %.1f; mean of |x - y|^2 %+.4f %%, %+.4f %%\n",
         name.c_str(), ours.largest, plain.largest, 100 * ours.mean, 100 * plain.mean);
  check_that(ours.largest <= 1.0, name + "errors are within the bound of docs/numbers.md");
  check_that(fabs(ours.mean) <= 3e-4, name + "errors lean to no side");
  check_that(plain.mean >= 10.0 * fabs(ours.mean), name + "sums that stay in the tensor cores lean to one side");
  if (d > 1000) check_that(plain.largest > 1.0, name + "sums that stay in the tensor cores break the bound");
}

// 1 + 3 / 2^12 lies between two numbers of TF32, nearer to the upper one, 1 + 1 / 2^10. All products and sums are
// exact.
void check_rounding() {
  const int64_t n = 4, d = 32;
  Table table(n, d, 0, PA_FLOAT32, WHOLE);
  table.fill(std::vector<double>(size_t(n * d), 1.0 + 3.0 / 4096));
  Output out(size_t(n * n) * sizeof(float), 0);
  out.clear();
  const pa_rows x = table.rows(PA_DOT, 0.0);
  const int error = on_stream(pa_cuda_similarity, &x, nullptr, 1, out.device(), n);
  out.download();
  const double expected = double(d) * (1.0 + 1.0 / 1024) * (1.0 + 1.0 / 1024), got = get(out.host(), PA_FLOAT32, 1);
  check_that(error == 0 && got == expected, text("TF32 rounds to nearest: %.9g, not %.9g", got, expected));
}

}  // namespace

void check_deep() {
  check_rounding();
  for (const int64_t d : {int64_t(768), int64_t(4096)})
    for (const Precision& precision : precisions)
      if (precision.tf32 || precision.type == PA_FLOAT16 || precision.type == PA_BFLOAT16)
        for (const int sm : {80, 90})
          if (!quick || (d == 4096 && sm == 80)) check_one(sm, d, precision);
  emulation::set_tensor_core(80);
}
