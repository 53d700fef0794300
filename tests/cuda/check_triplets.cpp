// check_triplets.cpp: pa_cuda_triplets_from_matrix and pa_cuda_triplets_from_rows: every output, alone and together,
// and triplets that are not valid.
#include "triplet_case.h"

static const std::vector<int64_t> triplet_counts = {0, 1, 3, 4, 5, 31, 127, 128, 129, 255, 256, 257, 1000, 5000};
static const std::vector<int64_t> few_triplet_counts = {0, 1, 5, 129, 1000};
static const std::vector<int64_t> feature_counts = {1, 3, 7, 8, 15, 16, 17, 31, 32, 33, 64, 129, 300};
static const std::vector<int64_t> few_feature_counts = {1, 8, 33, 129};
static const double temperatures[] = {1.0, 0.07, 3.0, 25.0, 1e-30, 1e30};

// --- from a matrix

// A matrix that is not symmetric shows which of its two halves is read. Small whole numbers make ties.
struct Matrix {
  static constexpr int64_t stride = kItems + 3;
  pa_float_type type;
  Memory data;
  std::vector<Expected> expected;

  Matrix(pa_float_type of, Kind kind) : type(of), data(size_t((kItems - 1) * stride + kItems) * size_of(of)) {
    for (int64_t k = 0; k < int64_t(data.bytes() / size_of(type)); ++k) put(data.host(), type, k, NAN);
    for (int64_t k = 0; k < kItems * kItems; ++k) {
      const double value = kind == WHOLE ? double(random_below(4)) : random_real();
      put(data.host(), type, k / kItems * stride + k % kItems, value);
      expected.push_back({value, 0.0, value});
    }
    data.upload();
  }
};

static TripletCase matrix_case(const Matrix& matrix, Questions* questions, double temperature) {
  const auto call = [&matrix](const pa_triplets& triplets, const pa_cuda_wanted& want, void* workspace) {
    const pa_matrix s = {matrix.data.device(), kItems, kItems, Matrix::stride, matrix.type};
    return on_stream(pa_cuda_triplets_from_matrix, &s, &triplets, &want, workspace);
  };
  return {text("triplets from a matrix, %s", matrix.type == PA_FLOAT32 ? "float32" : "float64"),
          questions,
          call,
          matrix.type,
          matrix.expected,
          true,
          temperature,
          ALL};
}

static void check_matrix(int64_t t, int index, int layout, pa_float_type type, Kind kind) {
  const Matrix matrix(type, kind);
  Questions questions(t, kItems, pa_index_type(index), layout);
  const TripletCase c = matrix_case(matrix, &questions, temperatures[random_below(6)]);
  check_outputs(c, ALL, int(random_below(3)));
  if (t == 129) check_outputs(c, int(random_below(ALL)), int(random_below(2)));
}

// --- triplets that are not valid, in each position and among the first, last and middle ones

static void plant(Questions* questions, int64_t q, int way) {
  const int position = way % 3;
  const int64_t far = questions->type == PA_INT64 ? int64_t(1) << 40 : questions->type == PA_INT32 ? 1 << 30 : 32000;
  const int64_t wrong[4] = {kItems, questions->type == PA_UINT16 ? 65535 : -1, far,
                            questions->plain[size_t(3 * q + (position + 1) % 3)]};
  questions->set(q, position, wrong[way / 3]);
}

static void check_invalid(const std::function<TripletCase(Questions*)>& make, int64_t t, int index, int layout,
                          int way) {
  for (const int64_t q : {int64_t(0), t / 2, t - 1}) {
    if (quick && random_below(3)) continue;
    Questions questions(t, kItems, pa_index_type(index), layout);
    plant(&questions, q, way);
    if (way % 2 && t > 6) plant(&questions, (q + 5) % t, (way + 4) % 12);
    check_outputs(make(&questions), way % 5 ? ALL : SUMS, way % 3);
  }
}

// --- from rows

static void check_rows_route(int64_t t, int64_t d, pa_pair pair, const Precision& precision, Kind kind) {
  const Table x(kItems, d, int(random_below(kShapes)), precision.type, kind);
  const double gamma = 0.05 / double(d), temperature = temperatures[random_below(4)];
  const std::vector<Expected> expected = expected_pairs(naive_pairs(x, x), precision, pair, gamma, d, kind, FROM_ROWS);
  const auto make = [&](Questions* questions) -> TripletCase {
    const auto call = [&x, pair, gamma](const pa_triplets& triplets, const pa_cuda_wanted& want, void* workspace) {
      const pa_rows rows = x.rows(pair, gamma);
      return on_stream(pa_cuda_triplets_from_rows, &rows, &triplets, &want, workspace);
    };
    return {text("triplets from rows, %s, %s %s, d %lld, stride %lld", pair_names[pair],
                 kind == WHOLE ? "whole" : "real", precision.name, (long long)d, (long long)x.stride),
            questions,
            call,
            result_of(precision.type),
            expected,
            kind == WHOLE,
            temperature,
            ALL};
  };
  const int index = int(random_below(4)), layout = int(random_below(kLayouts));
  Questions questions(t, kItems, pa_index_type(index), layout);
  check_outputs(make(&questions), random_below(4) ? ALL : 1 << random_below(4), int(random_below(3)));
  if (t == 31 || t == 5) check_invalid(make, t, index, layout, int(random_below(12)));
}

static void check_from_rows() {
  const std::vector<int64_t>&t = quick ? few_triplet_counts : triplet_counts,
        &d = quick ? few_feature_counts : feature_counts;
  for (const Precision& precision : precisions)
    for (const Kind kind : {WHOLE, REAL}) {
      if (precision.tf32) continue;
      for (const int64_t features : d)
        for (int pair = 0; pair < PA_PAIR_COUNT; ++pair)
          check_rows_route(pair % 2 ? 31 : 5, features, pa_pair(pair), precision, kind);
      for (const int64_t count : t)
        if (!quick || count < 200) check_rows_route(count, 17, pa_pair(random_below(PA_PAIR_COUNT)), precision, kind);
    }
}

static void check_from_matrix() {
  const std::vector<int64_t>& t = quick ? few_triplet_counts : triplet_counts;
  for (const pa_float_type type : {PA_FLOAT32, PA_FLOAT64}) {
    for (const Kind kind : {WHOLE, REAL})
      for (const int64_t count : t)
        for (int index = PA_INT16; index <= PA_INT64; ++index)
          for (int layout = 0; layout < kLayouts; ++layout)
            if (random_below(quick ? 10 : 4) == 0) check_matrix(count, index, layout, type, kind);
    const Matrix matrix(type, WHOLE);
    const auto make = [&](Questions* questions) { return matrix_case(matrix, questions, 1.0); };
    for (int way = 0; way < 12; ++way)
      for (int index = PA_INT16; index <= PA_INT64; ++index)
        if (!quick || way % 4 == index) check_invalid(make, way % 3 ? 7 : 300, index, (way + index) % kLayouts, way);
  }
}

void check_triplets() {
  check_from_matrix();
  check_from_rows();
}
