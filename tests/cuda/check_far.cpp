// check_far.cpp: offsets past 2^32 elements give what the same values close together give. Address space without
// memory behind it stands in for the device's: only the pages that are touched cost anything.
#include <sys/mman.h>

#include "check.h"

namespace {

constexpr int64_t kFar = (int64_t(1) << 32) + 5, kNear = 7;
constexpr int n = 3, d = 5;

float* reserve() {
  void* memory = mmap(nullptr, size_t(n * kFar) * sizeof(float), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    fputs("no address space\n", stderr);
    exit(2);
  }
  return static_cast<float*>(memory);
}

// Three rows, a matrix, and a triplet whose items lie in columns.
struct Data {
  int64_t stride;
  float *rows = reserve(), *matrix = reserve();
  int32_t* items = reinterpret_cast<int32_t*>(reserve());

  explicit Data(int64_t of) : stride(of) {
    for (int i = 0; i < n; ++i) {
      for (int k = 0; k < d; ++k) rows[i * stride + k] = float((i * 5 + k * 3) % 7 - 3);
      items[i * stride] = n - 1 - i;
    }
  }
  pa_triplets triplets() const { return {items, 1, 1, stride, PA_INT32}; }
};

struct Results {
  float products[n][n], probabilities[2][3], gradient[n][n];
  double cross_entropy;
  int32_t invalid = 0;
  int error = 0;
};

pa_cuda_wanted probabilities_of(Results* r, int row) {
  return {nullptr, r->probabilities[row], nullptr, nullptr, 40.0, &r->invalid};
}

void run(const Data& data, Results* r) {
  const pa_rows x = {{data.rows, n, d, data.stride, PA_FLOAT32}, nullptr, PA_DOT, 0.0};
  const pa_matrix matrix = {data.matrix, n, n, data.stride, PA_FLOAT32};
  const pa_triplet_loss loss = {nullptr, 40.0, 1.0, 3};
  const pa_cuda_gradient gradient = {r->gradient, &r->cross_entropy, &r->invalid};
  const pa_triplets triplets = data.triplets();
  const pa_cuda_wanted from_matrix = probabilities_of(r, 0), from_rows = probabilities_of(r, 1);
  std::vector<char> workspace(size_t(pa_cuda_gradient_workspace(PA_FLOAT32, n, 1, kFixedBytes)) + 256);
  char* aligned = workspace.data() + (256 - uintptr_t(workspace.data()) % 256) % 256;
  r->error |= on_stream(pa_cuda_similarity, &x, nullptr, 0, data.matrix, data.stride);
  r->error |= on_stream(pa_cuda_triplets_from_matrix, &matrix, &triplets, &from_matrix, nullptr);
  r->error |= on_stream(pa_cuda_triplets_from_rows, &x, &triplets, &from_rows, nullptr);
  r->error |= on_stream(pa_cuda_triplet_gradient, &matrix, &triplets, &loss, &gradient, kFixedBytes, aligned);
  for (int i = 0; i < n; ++i) memcpy(r->products[i], data.matrix + i * data.stride, sizeof r->products[i]);
}

template <class V>
bool same(const V& a, const V& b) {
  return memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace

void check_far() {
  const Data close(kNear), distant(kFar);
  Results p, q;
  run(close, &p);
  run(distant, &q);
  check_that(p.error == 0 && q.error == 0 && p.invalid == 0 && q.invalid == 0,
             "far rows, matrices and triplets are taken");
  check_that(same(p.products, q.products), "rows and results past 2^32 elements give the same similarities");
  check_that(same(p.probabilities, q.probabilities),
             "matrices, rows and triplets past 2^32 give the same probabilities");
  check_that(same(p.gradient, q.gradient) && p.cross_entropy == q.cross_entropy, "and the same gradient");
  check_that(memcmp(p.probabilities[0], p.probabilities[1], sizeof p.probabilities[0]) == 0, "both routes agree");
}
