// check_similarity.cpp: pa_cuda_similarity.
#include "check.h"

#ifdef PA_EMULATION
#include "fragments.h"
#endif

static const std::vector<int64_t> row_counts = {1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 128, 129, 193};
static const std::vector<int64_t> few_row_counts = {1, 33, 65, 129};
static const std::vector<int64_t> feature_counts = {1, 3, 7, 8, 15, 16, 17, 31, 32, 33, 64, 129};

struct PairCase {
  const Table *x, *y;  // the same: x with itself
  const Precision* precision;
  pa_pair pair;
  double gamma;
  int64_t out_stride;
  Output* out;
  std::vector<Expected> expected;
};

static std::string wrong_element(const PairCase& c, int64_t i, int64_t j) {
  const pa_float_type type = result_of(c.x->type);
  const double got = get(c.out->host(), type, i * c.out_stride + j);
  const Expected e = c.expected[size_t(i * c.y->n + j)];
  if (!(fabs(got - e.value) <= e.margin))
    return text("[%lld, %lld] is %.17g, not %.17g +- %.2g", (long long)i, (long long)j, got, e.value, e.margin);
  if (got == 0.0 && signbit(got)) return text("[%lld, %lld] is -0", (long long)i, (long long)j);
  if (c.x == c.y && got != get(c.out->host(), type, j * c.out_stride + i))
    return text("[%lld, %lld] differs from its mirror image", (long long)i, (long long)j);
  return "";
}

static std::string wrong_pairs(const PairCase& c) {
  const int64_t size = int64_t(size_of(result_of(c.x->type)));
  for (int64_t i = 0; i < c.x->n; ++i) {
    for (int64_t j = 0; j < c.y->n; ++j) {
      const std::string why = wrong_element(c, i, j);
      if (!why.empty()) return why;
    }
    if (i + 1 < c.x->n && !c.out->untouched((i * c.out_stride + c.y->n) * size, (c.out_stride - c.y->n) * size))
      return text("wrote between rows %lld and %lld", (long long)i, (long long)i + 1);
  }
  return "";
}

// Inner products of the caller, where the last step finds them; of x with itself none below the diagonal.
static void put_products(const Table& x, const Table& y, const std::vector<Naive>& naive, int64_t out_stride,
                         Output* out) {
  const pa_float_type type = result_of(x.type);
  std::vector<char> found(out->bytes(), char(kCanary));
  for (int64_t i = 0; i < x.n; ++i)
    for (int64_t j = 0; j < y.n; ++j)
      put(found.data(), type, i * out_stride + j,
          &x == &y && j < i ? double(NAN) : rounded(type, naive[size_t(i * y.n + j)].g));
  out->set(found.data());
}

static void check_pair_kernel(const Table& x, const Table& y, const std::vector<Naive>& naive,
                              const Precision& precision, pa_pair pair, Kind kind, bool ready) {
  const double gamma = 0.05 / double(x.d);
  const int64_t out_stride = y.n + (x.n + y.n) % 3, size = int64_t(size_of(result_of(x.type)));
  Output out(size_t(((x.n - 1) * out_stride + y.n) * size), size_t(x.n % 2 * size));
  const PairCase c = {&x,    &y,         &precision, pair,
                      gamma, out_stride, &out,       expected_pairs(naive, precision, pair, gamma, x.d, kind, TILES)};
  const int product = (precision.tf32 ? PA_TF32 : 0) | (ready ? PA_READY : 0);
  const auto run = [&] {
    const pa_rows rows = x.rows(pair, gamma), columns = y.rows(pair, gamma);
    if (ready) put_products(x, y, naive, out_stride, &out);
    return on_stream(pa_cuda_similarity, &rows, &x == &y ? nullptr : &columns, product, out.device(), out_stride);
  };
  check_case({text("similarity%s, %s of x%s, %s %s, n %lld, m %lld, d %lld, strides %lld, %lld",
                   ready ? " from ready products" : "", pair_names[pair], &x == &y ? "" : " and y",
                   kind == WHOLE ? "whole" : "real", precision.name, (long long)x.n, (long long)y.n, (long long)x.d,
                   (long long)x.stride, (long long)y.stride),
              {&out},
              run,
              [&c] { return wrong_pairs(c); }});
}

static int turn = 0;  // what is not varied on purpose takes turns

// `count` of the pair kernels.
static void check_tables(const Table& x, const Table& y, const Precision& precision, Kind kind, int count) {
  const std::vector<Naive> naive = naive_pairs(x, y);
  for (int k = 0; k < count; ++k)
    for (const bool ready : {false, true})
      check_pair_kernel(x, y, naive, precision, pa_pair((turn / 2 + k) % PA_PAIR_COUNT), kind, ready);
}

static void check_one(int64_t n, int64_t d, const Precision& precision, Kind kind, int count) {
  ++turn;
  const Table x(n, d, int(random_below(kShapes)), precision.type, kind);
  check_tables(x, x, precision, kind, count);
}

static void check_two(int64_t n, int64_t m, int64_t d, const Precision& precision, Kind kind) {
  ++turn;
  const Table x(n, d, int(random_below(kShapes)), precision.type, kind);
  const Table y(m, d, int(random_below(kShapes)), precision.type, kind);
  check_tables(x, y, precision, kind, 1);
}

static void check_far_apart() {
  const Table x(1, 8, 0, PA_FLOAT16, WHOLE);
  Output out(sizeof(float), 0);
  for (const int64_t stride : {(int64_t(1) << 24) - 8, int64_t(1) << 24}) {
    pa_rows rows = x.rows(PA_DOT, 0.0);
    rows.values.stride = stride;
    const int error = on_stream(pa_cuda_similarity, &rows, nullptr, 0, out.device(), int64_t(1));
    check_that((error != 0) == (stride >> 24 == 1), "rows of halves 2^24 elements apart are refused, and only those");
  }
}

// Every d, every n, and every n with every m.
void check_similarity() {
  check_far_apart();
  const std::vector<int64_t>& counts = quick ? few_row_counts : row_counts;
  const auto next_d = [] { return feature_counts[size_t(turn) * 7 % feature_counts.size()]; };
  for (const Precision& precision : precisions)
    for (const Kind kind : {WHOLE, REAL}) {
      for (size_t k = 0; k < feature_counts.size(); ++k)
        check_one(counts[k % counts.size()], next_d(), precision, kind, quick ? 1 : PA_PAIR_COUNT);
      for (const int64_t n : counts) check_one(n, next_d(), precision, kind, 1);
      for (const int64_t n : counts)
        for (const int64_t m : counts)
          if (random_below(quick ? 4 : 3) == 0) check_two(n, m, next_d(), precision, kind);
    }
#ifdef PA_EMULATION
  check_that(emulation::bank_conflicts == 0, "tensor cores are fed without bank conflicts");
#endif
}
