// check_gradient.cpp: pa_cuda_triplet_gradient.
#include "check.h"

static const std::vector<int64_t> triplet_counts = {0, 1, 3, 4, 5, 31, 127, 128, 129, 255, 256, 257, 1000, 5000};
static const std::vector<int64_t> few_triplet_counts = {0, 1, 5, 129, 1000, 5000};
static const double temperatures[] = {1.0, 0.07, 25.0, 1e-30, 1e30};

struct GradientCase {
  const pa_cuda_type type;
  const int64_t n, stride;
  const double temperature, scale;
  Questions* questions;
  Memory data;
  std::vector<double> plain;  // (n, n)
  Output gradient, cross_entropy, invalid;

  GradientCase(pa_cuda_type of, int64_t items, double t, double factor, Questions* q)
      : type(of),
        n(items),
        stride(items + 2),
        temperature(t),
        scale(factor),
        questions(q),
        data(size_t((items - 1) * stride + items) * size_of(of)),
        gradient(size_t(items * items) * size_of(of)),
        cross_entropy(sizeof(double)),
        invalid(sizeof(int32_t)) {
    for (int64_t k = 0; k < int64_t(data.bytes() / size_of(type)); ++k) put(data.host(), type, k, NAN);
    for (int64_t k = 0; k < n * n; ++k) {
      plain.push_back(rounded(type, random_real()));
      put(data.host(), type, k / n * stride + k % n, plain.back());
    }
    data.upload();
  }

  int run() {
    const int32_t before = 7;
    const pa_triplets triplets = questions->triplets();
    invalid.set(&before);
    Memory workspace(size_t(pa_cuda_gradient_workspace(n, triplets.t)));
    workspace.upload();  // nothing that could be taken for sums
    return pa_cuda_triplet_gradient(data.device(), type, n, stride, &triplets, temperature, scale, gradient.device(),
                                    static_cast<double*>(cross_entropy.device()),
                                    static_cast<int32_t*>(invalid.device()), workspace.device(), nullptr);
  }

  std::string judge() const;
};

// The gradient by the definition, and how far a kernel may be off: softmax's margins, a rounding of each residual and
// of the sum, sums of float32 within a block, and sums of float64 in another order.
struct NaiveGradient {
  std::vector<double> value, size, margin;
  double cross_entropy = 0, cross_entropy_margin = 0;
  bool all_valid = true;

  explicit NaiveGradient(const GradientCase& c) : value(c.plain.size()), size(c.plain.size()), margin(c.plain.size()) {
    for (int64_t q = 0; q < c.questions->t; ++q)
      if (c.questions->valid(q)) add(c, &c.questions->plain[size_t(3 * q)]);
      else all_valid = false;
    const double u = unit(c.type), sums = 16 * u + ldexp(double(c.questions->t), -53);
    for (size_t k = 0; k < value.size(); ++k) margin[k] += sums * size[k] + u * fabs(value[k]);
    cross_entropy_margin += fabs(cross_entropy) * ldexp(double(c.questions->t), -52);
  }

  void add(const GradientCase& c, const int64_t* item) {
    const size_t pairs[3] = {size_t(item[1] * c.n + item[2]), size_t(item[0] * c.n + item[2]),
                             size_t(item[0] * c.n + item[1])};
    Expected s[3];
    for (int k = 0; k < 3; ++k) s[k] = {c.plain[pairs[k]], 0.0, c.plain[pairs[k]]};
    const Answer answer = answer_of(s, true, c.temperature, c.type);
    for (int k = 0; k < 3; ++k) {
      const double factor = c.scale / c.temperature, residual = factor * (answer.p[k] - (k == 2));
      value[pairs[k]] += residual;
      size[pairs[k]] += fabs(residual);
      margin[pairs[k]] += fabs(factor) * (answer.p_margin[k] + (k == 2 ? 2 * unit(c.type) : 0.0));
    }
    cross_entropy += answer.cross_entropy;
    cross_entropy_margin += answer.cross_entropy_margin;
  }
};

std::string GradientCase::judge() const {
  const NaiveGradient want(*this);
  for (int64_t k = 0; k < n * n; ++k) {
    const double got = get(gradient.host(), type, k), value = want.value[size_t(k)], margin = want.margin[size_t(k)];
    if (!(fabs(got - value) <= margin))
      return text("[%lld, %lld] is %.9g, not %.9g +- %.2g", (long long)(k / n), (long long)(k % n), got, value, margin);
  }
  const double sum = get(cross_entropy.host(), PA_CUDA_FLOAT64, 0);
  if (!(fabs(sum - want.cross_entropy) <= want.cross_entropy_margin))
    return text("cross entropy is %.12g, not %.12g", sum, want.cross_entropy);
  int32_t flag;
  memcpy(&flag, invalid.host(), sizeof flag);
  return flag == (want.all_valid ? 7 : 1) ? "" : text("the flag is %d", int(flag));
}

static void check_now(const char* what, pa_cuda_type type, int64_t n, double temperature, double scale,
                      Questions* questions) {
  GradientCase c(type, n, temperature, scale, questions);
  check_case({text("gradient, %s, %s, n %lld, t %lld, %s %s, T %g, scale %g", what,
                   type == PA_CUDA_FLOAT32 ? "float32" : "float64", (long long)n, (long long)questions->t,
                   index_names[questions->type], layout_names[questions->layout], temperature, scale),
              {&c.gradient, &c.cross_entropy, &c.invalid},
              [&c] { return c.run(); },
              [&c] { return c.judge(); }});
}

static void check_random(int64_t t, int64_t n, pa_cuda_type type) {
  Questions questions(t, n, pa_index_type(random_below(4)), int(random_below(kLayouts)));
  check_now("random", type, n, temperatures[random_below(5)], random_below(2) ? 1e-4 : -3.0, &questions);
}

// Runs of one pair that cross threads, warps and blocks: the same triplet t times, or two that share a pair.
static void check_one_pair(int64_t t, int64_t n, int number, pa_cuda_type type) {
  Questions questions(t, n, PA_INT32, 0);
  for (int64_t q = 0; q < t; ++q) {
    questions.set(q, 0, n - 2);
    questions.set(q, 1, n - 1);
    questions.set(q, 2, number % 2 && q % 2 ? 1 : 0);
  }
  check_now("one pair", type, n, 1.0, 1.0, &questions);
}

static void check_invalid(int64_t t, int64_t n, int number, pa_cuda_type type) {
  Questions questions(t, n, PA_INT64, number % kLayouts);
  const int64_t wrong[4] = {n, -1, int64_t(1) << 40, questions.plain[size_t((number + 1) % 3)]};
  for (const int64_t q : {int64_t(0), t / 2, t - 1}) questions.set(q, number % 3, wrong[number % 4]);
  check_now("invalid", type, n, 1.0, 1.0, &questions);
  for (int64_t q = 0; q < t; ++q) questions.set(q, 0, n + q);
  check_now("none valid", type, n, 1.0, 1.0, &questions);
}

void check_gradient() {
  const std::vector<int64_t>& counts = quick ? few_triplet_counts : triplet_counts;
  int number = 0;
  for (const pa_cuda_type type : {PA_CUDA_FLOAT32, PA_CUDA_FLOAT64})
    for (const int64_t t : counts) {
      for (const int64_t n : {3, 7, 61, 61, 61, 200}) check_random(t, n, type);
      check_one_pair(t, 5, number, type);
      check_one_pair(t, 61, number + 1, type);
      if (t > 0) check_invalid(t, 7, number, type);
      ++number;
    }
}
