// check_counts.cpp: what each function of pyalign_cuda.h asks of its stream. A launch that is added is seen here; so is
// a wait.
#include "check.h"
#include "pyalign_cuda_operations.h"

namespace {

using emulation::Counts;

constexpr int64_t n = 40, d = 24, t = 500, k = 3, lanes = 64, fixed_bytes = 8 * n * n;

struct Row {
  std::string operation, how;
  Counts expected;
  std::function<int()> call;
};

// A call of an operation of the list, and what it queues; `how` tells several apart.
#define PA_ROW(name, how, expected, ...) {#name, how, expected, [&] { return on_stream(pa_cuda_##name, __VA_ARGS__); }}

// No call copies, allocates or waits.
Counts queued(int launches, int memory_sets = 0, int sorts = 0) {
  Counts counts = {};
  counts.launches = launches;
  counts.memory_sets = memory_sets;
  counts.sorts = sorts;
  return counts;
}

std::string words(const Counts& c) {
  return text("%d launches, %d sorts, %d memory sets, %d copies, %d allocations, %d waits", int(c.launches),
              int(c.sorts), int(c.memory_sets), int(c.copies), int(c.allocations), int(c.synchronizations));
}

void check_row(const Row& row) {
  emulation::take_counts();
  const int error = row.call();
  const std::string seen = words(emulation::take_counts()), expected = words(row.expected);
  check_that(error == 0 && seen == expected,
             text("%s%s: %s, but %s", row.operation.c_str(), row.how.c_str(), expected.c_str(),
                  error ? text("error %d", error).c_str() : seen.c_str()));
}

// One tile, one slab, one piece: what a call costs at least.
struct Inputs {
  Table x{n, d, 0, PA_FLOAT32, WHOLE}, half{n, d, 0, PA_FLOAT16, WHOLE}, s{n, n, 0, PA_FLOAT32, WHOLE};
  Table wide{n, n, 0, PA_FLOAT64, WHOLE};
  Questions questions{t, n, PA_INT32, 0};
  Memory out{size_t(n * n) * sizeof(double)}, choices{size_t(t)}, sums{size_t(7 * sizeof(double))};
  Memory invalid{sizeof(int32_t)}, cross_entropy{sizeof(double)};
  Memory multiplicities{size_t(n * lanes)}, values{size_t(4 * t) * sizeof(int16_t)};
  Memory resampled{size_t(5 * lanes) * sizeof(int64_t)}, neighbors{size_t(n * k) * sizeof(int32_t)};
  Memory squares{size_t(n) * sizeof(double)}, inverse_norms{size_t(n) * sizeof(double)}, report{4 * sizeof(uint64_t)};
  Memory workspace{workspace_bytes()};

  pa_rows rows = x.rows(PA_DOT, 0.0), half_rows = half.rows(PA_DOT, 0.0);
  pa_matrix matrix = s.rows(PA_DOT, 0.0).values, wide_matrix = wide.rows(PA_DOT, 0.0).values;
  pa_triplets triplets = questions.triplets(), no_triplets = triplets;
  pa_cuda_wanted choice = {at<int8_t>(choices), nullptr, nullptr, nullptr, 1.0, at<int32_t>(invalid)};
  pa_cuda_wanted choice_and_sums = choice;
  pa_cuda_prepared prepared = {
      PA_CENTER, nullptr, out.device(), d, at<double>(squares), at<double>(inverse_norms), at<uint64_t>(report)};
  pa_triplet_loss loss = {nullptr, 1.0, 1.0, 3};
  pa_cuda_gradient gradient = {out.device(), at<double>(cross_entropy), at<int32_t>(invalid)};
  pa_resamples of_three = {at<const int16_t>(values), 3, lanes, at<int64_t>(resampled)}, of_four = of_three;

  Inputs() {
    no_triplets.t = 0;
    choice_and_sums.sums = at<double>(sums);
    of_four.v = 4;
  }
  static size_t workspace_bytes() {
    int64_t most = pa_cuda_choice_similarity_workspace();
    for (const int64_t bytes : {pa_cuda_sums_workspace(t), pa_cuda_gradient_workspace(PA_FLOAT32, n, t, fixed_bytes),
                                pa_cuda_gradient_workspace(PA_FLOAT64, n, t, fixed_bytes)})
      most = bytes > most ? bytes : most;
    return size_t(most);
  }
  template <class T>
  static T* at(const Memory& memory) {
    return reinterpret_cast<T*>(memory.device());
  }
};

}  // namespace

void check_counts() {
  Inputs in;
  void* const workspace = in.workspace.device();
  int32_t *const invalid = in.at<int32_t>(in.invalid), *const neighbors = in.at<int32_t>(in.neighbors);
  const uint8_t* const multiplicities = in.at<const uint8_t>(in.multiplicities);
  void* const out = in.out.device();
  const Row rows[] = {
      PA_ROW(prepare_rows, "", queued(1), &in.rows.values, &in.prepared),
      PA_ROW(similarity, "", queued(1), &in.rows, nullptr, 0, out, n),
      PA_ROW(similarity, " of halves", queued(1), &in.half_rows, nullptr, 0, out, n),
      PA_ROW(similarity, " of ready products", queued(1), &in.rows, nullptr, PA_READY, out, n),
      PA_ROW(similarity, " that ready products are", queued(0), &in.rows, &in.rows, PA_READY, out, n),
      PA_ROW(triplets_from_matrix, "", queued(1), &in.matrix, &in.triplets, &in.choice, workspace),
      PA_ROW(triplets_from_matrix, " with sums", queued(2), &in.matrix, &in.triplets, &in.choice_and_sums, workspace),
      PA_ROW(triplets_from_rows, "", queued(1), &in.rows, &in.triplets, &in.choice, workspace),
      PA_ROW(triplets_from_rows, " with sums", queued(2), &in.rows, &in.triplets, &in.choice_and_sums, workspace),
      PA_ROW(triplet_gradient, "", queued(3, 1), &in.matrix, &in.triplets, &in.loss, &in.gradient, fixed_bytes,
             workspace),
      PA_ROW(triplet_gradient, " by a sort", queued(4, 2, 1), &in.matrix, &in.triplets, &in.loss, &in.gradient,
             fixed_bytes - 1, workspace),
      PA_ROW(triplet_gradient, " of float64", queued(4, 2, 1), &in.wide_matrix, &in.triplets, &in.loss, &in.gradient,
             fixed_bytes, workspace),
      PA_ROW(triplet_gradient, " of none", queued(0, 2), &in.matrix, &in.no_triplets, &in.loss, &in.gradient,
             fixed_bytes, workspace),
      PA_ROW(resample_items, "", queued(1, 1), &in.triplets, n, multiplicities, &in.of_three, invalid),
      PA_ROW(resample_items, " of four values", queued(2, 1), &in.triplets, n, multiplicities, &in.of_four, invalid),
      PA_ROW(topk, "", queued(1), &in.matrix, k, 0, neighbors),
      PA_ROW(choice_similarity, "", queued(3), &in.matrix, 1.0, out, n, workspace),
  };
  for (const Row& row : rows) check_row(row);
#define PA_NAME(name, ...) #name,
  for (const std::string operation : {PA_CUDA_OPERATIONS(PA_NAME)}) {
    bool counted = false;
    for (const Row& row : rows) counted |= row.operation == operation;
    check_that(counted, operation + " has a row");
  }
  check_that(pa_cuda_sums_workspace(t) > 0 && pa_cuda_gradient_workspace(PA_FLOAT32, n, t, fixed_bytes) > 0 &&
                 words(emulation::take_counts()) == words({}),
             "asking for the size of a workspace queues nothing");
}
