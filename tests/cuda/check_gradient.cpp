// check_gradient.cpp: pa_cuda_triplet_gradient.
#include <memory>

#include "check.h"

static const std::vector<int64_t> triplet_counts = {0, 1, 3, 4, 5, 31, 127, 128, 129, 255, 256, 257, 1000, 5000};
static const std::vector<int64_t> few_triplet_counts = {0, 1, 5, 129, 1000, 5000};
static const double temperatures[] = {1.0, 0.07, 25.0, 1e-30, 1e30};

// The answers: none given, so that every triplet has one, the last item; counts, some triplets without any; or shares.
enum Targets { LAST_IS_ODD, COUNTS, SHARES, kTargets };
static const char* const target_names[kTargets] = {"no targets", "counts", "shares"};

// (t, 3), by position.
static std::vector<double> draw_targets(Targets kind, const Questions& questions, pa_float_type type) {
  std::vector<double> y;
  for (int64_t k = 0; k < 3 * questions.t; ++k) {
    const double share = random_below(4) ? fabs(random_real()) : 0.0, count = k / 3 % 7 ? double(random_below(4)) : 0.0;
    y.push_back(questions.valid(k / 3) ? rounded(type, kind == SHARES ? share : count) : double(NAN));
  }
  return y;
}

struct GradientCase {
  const pa_float_type type;
  const int64_t n, stride;
  const double temperature, scale;
  Questions* questions;
  Memory data;
  std::vector<double> plain;        // (n, n)
  std::vector<double> targets;      // (t, 3), or empty
  std::unique_ptr<Memory> answers;  // the same behind one element that nobody may read
  int64_t fixed_bytes = kFixedBytes;
  Output gradient, cross_entropy, invalid;

  GradientCase(pa_float_type of, int64_t items, double t, double factor, Questions* q)
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

  void give(const std::vector<double>& y) {
    targets = y;
    answers = std::make_unique<Memory>((1 + y.size()) * size_of(type));
    put(answers->host(), type, 0, NAN);
    for (size_t k = 0; k < y.size(); ++k) put(answers->host(), type, int64_t(k) + 1, y[k]);
    answers->upload();
  }

  int run() {
    const int32_t before = 7;
    const pa_triplets triplets = questions->triplets();
    invalid.set(&before);
    Memory workspace(size_t(pa_cuda_gradient_workspace(type, n, triplets.t, fixed_bytes)));
    workspace.upload();  // nothing that could be taken for sums
    const pa_matrix s = {data.device(), n, n, stride, type};
    const pa_triplet_loss loss = {answers ? answers->device() + size_of(type) : nullptr, temperature, scale, 3};
    const pa_cuda_gradient target = {gradient.device(), static_cast<double*>(cross_entropy.device()),
                                     static_cast<int32_t*>(invalid.device())};
    return on_stream(pa_cuda_triplet_gradient, &s, &triplets, &loss, &target, fixed_bytes, workspace.device());
  }

  // The gradient (n, n) and the cross-entropy, from a run of its own.
  std::vector<double> results() {
    for (Output* output : {&gradient, &cross_entropy, &invalid}) output->clear();
    check_that(run() == 0, "the gradient runs");
    for (Output* output : {&gradient, &cross_entropy}) output->download();
    std::vector<double> all;
    for (int64_t k = 0; k < n * n; ++k) all.push_back(get(gradient.host(), type, k));
    all.push_back(get(cross_entropy.host(), PA_FLOAT64, 0));
    return all;
  }

  std::string judge() const;
};

// The gradient by the definition, and how far a kernel may be off: softmax's margins, a rounding of each residual and
// of the sum, sums of float32 within a block, sums of float64 in another order, and of float32 a rounding of each
// residual to 2^-60 of the sum of the answers.
struct NaiveGradient {
  std::vector<double> value, size, margin;
  std::vector<int> times;  // how often a pair is read
  double cross_entropy = 0, cross_entropy_margin = 0, answers = 0;
  bool all_valid = true;

  explicit NaiveGradient(const GradientCase& c)
      : value(c.plain.size()), size(c.plain.size()), margin(c.plain.size()), times(c.plain.size()) {
    for (int64_t q = 0; q < c.questions->t; ++q)
      if (c.questions->valid(q)) add(c, q);
      else all_valid = false;
    const double u = unit(c.type), sums = 16 * u + ldexp(double(c.questions->t), -53);
    const double step = c.type == PA_FLOAT32 ? fabs(c.scale / c.temperature) * ldexp(answers, -60) : 0.0;
    for (size_t k = 0; k < value.size(); ++k)
      margin[k] += sums * size[k] + u * fabs(value[k]) + step * double(times[k]);
    cross_entropy_margin += fabs(cross_entropy) * ldexp(double(c.questions->t), -52);
  }

  // Pairs are named by the position that they leave out.
  void add(const GradientCase& c, int64_t q) {
    const int64_t* item = &c.questions->plain[size_t(3 * q)];
    const size_t pairs[3] = {size_t(item[1] * c.n + item[2]), size_t(item[0] * c.n + item[2]),
                             size_t(item[0] * c.n + item[1])};
    const double last[3] = {0, 0, 1}, *y = c.answers ? &c.targets[size_t(3 * q)] : last, u = unit(c.type);
    Expected s[3];
    for (int k = 0; k < 3; ++k) s[k] = {c.plain[pairs[k]], 0.0, c.plain[pairs[k]]};
    double p[3], p_margin[3], residual_margin[3];
    for (int k = 0; k < 3; ++k) {
      const Expected turned[3] = {s[(k + 1) % 3], s[(k + 2) % 3], s[k]};  // the answer that leaves pair k
      const Answer answer = answer_of(turned, true, c.temperature, c.type);
      p[k] = answer.p[2];
      p_margin[k] = answer.p_margin[2];
      answers += y[k];
      ++times[pairs[k]];
      if (y[k] == 0.0) continue;
      cross_entropy += y[k] * answer.cross_entropy;
      cross_entropy_margin += y[k] * (answer.cross_entropy_margin + 4 * u * answer.cross_entropy);
    }
    for (int k = 0; k < 3; ++k) {
      // Of the answers that leave other pairs, the share p; of those that leave this one, what is missing to 1.
      const int l = (k + 1) % 3, m = (k + 2) % 3;
      const double more = (y[l] + y[m]) * p[k], less = y[k] * (p[l] + p[m]), factor = c.scale / c.temperature;
      residual_margin[k] = (y[l] + y[m]) * p_margin[k] + y[k] * (p_margin[l] + p_margin[m]) + 6 * u * (more + less);
      if (k == 2) residual_margin[k] = residual_margin[0] + residual_margin[1] + u * fabs(more - less);
      value[pairs[k]] += factor * (more - less);
      size[pairs[k]] += fabs(factor * (more - less));
      margin[pairs[k]] += fabs(factor) * residual_margin[k];
    }
  }
};

std::string GradientCase::judge() const {
  const NaiveGradient want(*this);
  for (int64_t k = 0; k < n * n; ++k) {
    const double got = get(gradient.host(), type, k), value = want.value[size_t(k)], margin = want.margin[size_t(k)];
    if (!(fabs(got - value) <= margin))
      return text("[%lld, %lld] is %.9g, not %.9g +- %.2g", (long long)(k / n), (long long)(k % n), got, value, margin);
  }
  const double sum = get(cross_entropy.host(), PA_FLOAT64, 0);
  if (!(fabs(sum - want.cross_entropy) <= want.cross_entropy_margin))
    return text("cross entropy is %.12g, not %.12g", sum, want.cross_entropy);
  int32_t flag;
  memcpy(&flag, invalid.host(), sizeof flag);
  return flag == (want.all_valid ? 7 : 1) ? "" : text("the flag is %d", int(flag));
}

static void check_now(const char* what, pa_float_type type, int64_t n, double temperature, double scale, Targets kind,
                      Questions* questions) {
  GradientCase c(type, n, temperature, scale, questions);
  if (kind != LAST_IS_ODD) c.give(draw_targets(kind, *questions, type));
  const int64_t all = 8 * n * n, limits[] = {0, all - 1, all, kFixedBytes};
  c.fixed_bytes = limits[random_below(4)];
  check_case({text("gradient, %s, %s, %s, n %lld, t %lld, %s %s, T %g, scale %g, fixed %lld", what, target_names[kind],
                   type == PA_FLOAT32 ? "float32" : "float64", (long long)n, (long long)questions->t,
                   index_names[questions->type], layout_names[questions->layout], temperature, scale,
                   (long long)c.fixed_bytes),
              {&c.gradient, &c.cross_entropy, &c.invalid},
              [&c] { return c.run(); },
              [&c] { return c.judge(); }});
}

static void check_random(int64_t t, int64_t n, int number, pa_float_type type) {
  Questions questions(t, n, pa_index_type(random_below(4)), int(random_below(kLayouts)));
  const double temperature = temperatures[random_below(5)], scale = random_below(2) ? 1e-4 : -3.0;
  check_now("random", type, n, temperature, scale, Targets(number % kTargets), &questions);
}

// Runs of one pair that cross threads, warps and blocks: the same triplet t times, or two that share a pair.
static void check_one_pair(int64_t t, int64_t n, int number, pa_float_type type) {
  Questions questions(t, n, PA_INT32, 0);
  for (int64_t q = 0; q < t; ++q) {
    questions.set(q, 0, n - 2);
    questions.set(q, 1, n - 1);
    questions.set(q, 2, number % 2 && q % 2 ? 1 : 0);
  }
  check_now("one pair", type, n, 1.0, 1.0, Targets(number % kTargets), &questions);
}

// Targets of triplets that are not valid are NaN.
static void check_invalid(int64_t t, int64_t n, int number, pa_float_type type) {
  Questions questions(t, n, PA_INT64, number % kLayouts);
  const int64_t wrong[4] = {n, -1, int64_t(1) << 40, questions.plain[size_t((number + 1) % 3)]};
  for (const int64_t q : {int64_t(0), t / 2, t - 1}) questions.set(q, number % 3, wrong[number % 4]);
  const Targets kind = Targets((number + 1) % kTargets);
  check_now("invalid", type, n, 1.0, 1.0, kind, &questions);
  for (int64_t q = 0; q < t; ++q) questions.set(q, 0, n + q);
  check_now("none valid", type, n, 1.0, 1.0, kind, &questions);
}

// What holds bit for bit; the first where no product is fused with a sum, which may be done in two ways.
#if defined(PA_EMULATION) && defined(__x86_64__)
constexpr bool kFuses = false;
#else
constexpr bool kFuses = true;
#endif

static void check_equal_answers(int64_t t, int64_t n, pa_float_type type) {
  Questions questions(t, n, PA_INT32, 0);
  GradientCase c(type, n, 0.25, 3.0, &questions);
  const std::vector<double> plain = c.results();
  std::vector<double> last(size_t(3 * t)), counts = draw_targets(COUNTS, questions, type);
  for (size_t q = 0; q < size_t(t); ++q) last[3 * q + 2] = 1.0;
  c.give(last);
  check_that(c.results() == plain || kFuses, text("gradient, t %lld: targets 0, 0, 1 change no bit", (long long)t));
  c.give(counts);
  std::vector<double> once = c.results();
  for (double& y : counts) y *= 8;
  for (double& value : once) value *= 8;
  c.give(counts);
  check_that(c.results() == once, text("gradient, t %lld: eight times the answers, eight times all", (long long)t));
}

// Answers of any weight, one of them outweighing all others: sums of whole numbers must neither overflow nor lose what
// a sum of floats would keep.
static void check_weights(int64_t t, int64_t n, pa_float_type type) {
  for (const double weight : {1e-38, 1e-12, 1e30}) {
    Questions questions(t, n, PA_INT32, 0);
    for (int64_t q = 0; q < t; ++q)
      for (int p = 0; p < 3; ++p) questions.set(q, p, p);
    GradientCase c(type, n, 0.07, -1.0, &questions);
    std::vector<double> y = draw_targets(SHARES, questions, type);
    for (size_t k = 0; k < y.size(); ++k) y[k] = rounded(type, k == 7 ? 1e3 * weight : y[k] * weight);
    c.give(y);
    check_case({text("gradient, weights of %g, t %lld, n %lld", weight, (long long)t, (long long)n),
                {&c.gradient, &c.cross_entropy, &c.invalid},
                [&c] { return c.run(); },
                [&c] { return c.judge(); }});
  }
}

// Sums of whole numbers are the same in any order, bit for bit.
static void check_any_order(int64_t t, int64_t n) {
  Questions questions(t, n, PA_INT32, 0), reversed(t, n, PA_INT32, 0);
  for (int64_t q = 0; q < t; ++q)
    for (int p = 0; p < 3; ++p) reversed.set(q, p, questions.plain[size_t(3 * (t - 1 - q) + p)]);
  GradientCase c(PA_FLOAT32, n, 0.25, 3.0, &questions);
  std::vector<double> forth = c.results();
  c.questions = &reversed;
  std::vector<double> back = c.results();
  forth.pop_back();  // the cross-entropy is a sum of float64
  back.pop_back();
  check_that(forth == back, text("gradient, t %lld: the order of triplets changes no bit", (long long)t));
}

// An answer without a number: no element of the gradient may pass for one that is right.
static void check_not_finite(double value) {
  Questions questions(300, 7, PA_INT32, 0);
  GradientCase c(PA_FLOAT32, 7, 1.0, 1.0, &questions);
  std::vector<double> y(900, 1.0);
  y[500] = value;
  c.give(y);
  bool none = true;
  for (const double element : c.results()) none = none && !isfinite(element);
  check_that(none, text("gradient, an answer of %g: no numbers", value));
}

void check_gradient() {
  const std::vector<int64_t>& counts = quick ? few_triplet_counts : triplet_counts;
  int number = 0;
  for (const pa_float_type type : {PA_FLOAT32, PA_FLOAT64})
    for (const int64_t t : counts) {
      int place = number;
      for (const int64_t n : {3, 7, 61, 61, 61, 200}) check_random(t, n, place++, type);
      check_one_pair(t, 5, number, type);
      check_one_pair(t, 61, number + 1, type);
      if (t > 0) check_invalid(t, 7, number, type);
      check_equal_answers(t, 61, type);
      check_equal_answers(t, 7, type);
      if (t > 5) check_weights(t, t % 2 ? 5 : 61, type);
      if (t > 0) check_any_order(t, 7);
      ++number;
    }
  for (const double value : {double(NAN), double(INFINITY)}) check_not_finite(value);
}
