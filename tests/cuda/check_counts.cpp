// check_counts.cpp: what each function of pyalign_cuda.h asks of its stream. A launch that is added is seen here; so is
// a wait.
#include "check.h"

namespace {

using emulation::Counts;

constexpr int64_t n = 40, d = 24, t = 500, k = 3, lanes = 64;

struct Row {
  const char* what;
  Counts expected;  // launches, sorts, memory sets, copies, allocations, waits
  std::function<int()> call;
};

std::string words(const Counts& c) {
  return text("%d launches, %d sorts, %d memory sets, %d copies, %d allocations, %d waits", int(c.launches),
              int(c.sorts), int(c.memory_sets), int(c.copies), int(c.allocations), int(c.synchronisations));
}

void check_row(const Row& row) {
  emulation::take_counts();
  const int error = row.call();
  const std::string seen = words(emulation::take_counts()), expected = words(row.expected);
  check_that(error == 0 && seen == expected, text("%s: %s, but %s", row.what, expected.c_str(),
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
  Memory resampled{size_t(5 * lanes) * sizeof(int64_t)}, neighbours{size_t(n * k) * sizeof(int32_t)};
  Memory squares{size_t(n) * sizeof(double)}, inverse_norms{size_t(n) * sizeof(double)}, report{4 * sizeof(uint64_t)};
  Memory workspace{workspace_bytes()};

  static size_t workspace_bytes() {
    int64_t most = pa_cuda_choice_similarity_workspace();
    for (const int64_t bytes : {pa_cuda_sums_workspace(t), pa_cuda_gradient_workspace(PA_FLOAT32, n, t),
                                pa_cuda_gradient_workspace(PA_FLOAT64, n, t)})
      most = bytes > most ? bytes : most;
    return size_t(most);
  }
  template <class T>
  static T* at(const Memory& memory) {
    return reinterpret_cast<T*>(memory.device());
  }
  pa_cuda_wanted wanted(bool with_sums) const {
    return {at<int8_t>(choices), nullptr, nullptr, with_sums ? at<double>(sums) : nullptr, 1.0, at<int32_t>(invalid)};
  }
};

int resample(Inputs& in, int64_t v) {
  const pa_triplets triplets = in.questions.triplets();
  const pa_resamples resamples = {in.at<const int16_t>(in.values), v, lanes, in.at<int64_t>(in.resampled)};
  return on_stream(pa_cuda_resample_items, &triplets, n, in.at<const uint8_t>(in.multiplicities), &resamples,
                   in.at<int32_t>(in.invalid));
}

int gradient(Inputs& in, const Table& similarities, int64_t count) {
  pa_triplets triplets = in.questions.triplets();
  triplets.t = count;
  const pa_matrix s = similarities.rows(PA_DOT, 0.0).values;
  const pa_triplet_loss loss = {nullptr, 1.0, 1.0, 3};
  const pa_cuda_gradient target = {in.out.device(), in.at<double>(in.cross_entropy), in.at<int32_t>(in.invalid)};
  return on_stream(pa_cuda_triplet_gradient, &s, &triplets, &loss, &target, in.workspace.device());
}

int prepare_rows(Inputs& in) {
  const pa_matrix x = in.x.rows(PA_DOT, 0.0).values;
  const pa_cuda_prepared out = {PA_CENTRE,
                                nullptr,
                                in.out.device(),
                                d,
                                in.at<double>(in.squares),
                                in.at<double>(in.inverse_norms),
                                in.at<uint64_t>(in.report)};
  return on_stream(pa_cuda_prepare_rows, &x, &out);
}

int similarity(const Inputs& in, const Table& x) {
  const pa_rows rows = x.rows(PA_DOT, 0.0);
  return on_stream(pa_cuda_similarity, &rows, nullptr, 0, in.out.device(), n);
}

int from_matrix(Inputs& in, bool sums) {
  const pa_triplets triplets = in.questions.triplets();
  const pa_matrix s = in.s.rows(PA_DOT, 0.0).values;
  const pa_cuda_wanted want = in.wanted(sums);
  return on_stream(pa_cuda_triplets_from_matrix, &s, &triplets, &want, in.workspace.device());
}

int from_rows(Inputs& in, bool sums) {
  const pa_triplets triplets = in.questions.triplets();
  const pa_rows rows = in.x.rows(PA_DOT, 0.0);
  const pa_cuda_wanted want = in.wanted(sums);
  return on_stream(pa_cuda_triplets_from_rows, &rows, &triplets, &want, in.workspace.device());
}

int topk(const Inputs& in) {
  const pa_matrix s = in.s.rows(PA_DOT, 0.0).values;
  return on_stream(pa_cuda_topk, &s, k, 0, in.at<int32_t>(in.neighbours));
}

int choice_similarity(const Inputs& in) {
  const pa_matrix s = in.s.rows(PA_DOT, 0.0).values;
  return on_stream(pa_cuda_choice_similarity, &s, 1.0, in.out.device(), n, in.workspace.device());
}

}  // namespace

void check_counts() {
  Inputs in;
  const Row rows[] = {
      {"prepare_rows", {1, 0, 0, 0, 0, 0}, [&] { return prepare_rows(in); }},
      {"similarity", {1, 0, 0, 0, 0, 0}, [&] { return similarity(in, in.x); }},
      {"similarity of halves", {1, 0, 0, 0, 0, 0}, [&] { return similarity(in, in.half); }},
      {"triplets_from_matrix", {1, 0, 0, 0, 0, 0}, [&] { return from_matrix(in, false); }},
      {"triplets_from_matrix with sums", {2, 0, 0, 0, 0, 0}, [&] { return from_matrix(in, true); }},
      {"triplets_from_rows", {1, 0, 0, 0, 0, 0}, [&] { return from_rows(in, false); }},
      {"triplets_from_rows with sums", {2, 0, 0, 0, 0, 0}, [&] { return from_rows(in, true); }},
      {"triplet_gradient", {3, 0, 1, 0, 0, 0}, [&] { return gradient(in, in.s, t); }},
      {"triplet_gradient of float64", {4, 1, 2, 0, 0, 0}, [&] { return gradient(in, in.wide, t); }},
      {"triplet_gradient of no triplets", {0, 0, 2, 0, 0, 0}, [&] { return gradient(in, in.s, 0); }},
      {"resample_items", {1, 0, 1, 0, 0, 0}, [&] { return resample(in, 3); }},
      {"resample_items of four values", {2, 0, 1, 0, 0, 0}, [&] { return resample(in, 4); }},
      {"topk", {1, 0, 0, 0, 0, 0}, [&] { return topk(in); }},
      {"choice_similarity", {3, 0, 0, 0, 0, 0}, [&] { return choice_similarity(in); }},
  };
  for (const Row& row : rows) check_row(row);
  check_that(pa_cuda_sums_workspace(t) > 0 && pa_cuda_gradient_workspace(PA_FLOAT32, n, t) > 0 &&
                 words(emulation::take_counts()) == words({}),
             "asking for the size of a workspace queues nothing");
}
