// dispatch.cpp: one table of kernels per instruction set, chosen once; the number of threads; safety after fork.
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>

#include "kernels.h"
#include "plan.h"

#if defined(__x86_64__)
PA_DECLARE_ISA(avx512)
PA_DECLARE_ISA(avx2)
PA_DECLARE_ISA(base)
#elif defined(__aarch64__)
PA_DECLARE_ISA(neon)
#else
PA_DECLARE_ISA(base)
#endif

namespace {

struct Isa {
  const char* name;
  bool runs;
  Kernels kernels;
};

#define PA_TABLE(isa)         \
  {isa::row_squares,          \
   isa::centre_rows,          \
   isa::shift_rows,           \
   isa::similarity,           \
   isa::product,              \
   isa::add_transpose,        \
   isa::check_triplets,       \
   isa::triplets_from_matrix, \
   isa::triplets_from_rows,   \
   isa::triplet_gradient,     \
   isa::plan_triplets,        \
   isa::planned_gradient,     \
   isa::outcomes,             \
   isa::resample_items,       \
   isa::resample_rows,        \
   isa::temperature_sums}

#if defined(__x86_64__)
bool runs_avx512() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
}

bool runs_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

// Best first. At file scope: set while the library loads, with no guard that would ask C programs for the C++ runtime.
const Isa isas[] = {
#if defined(__x86_64__)
    {"avx512", runs_avx512(), PA_TABLE(avx512)},
    {"avx2", runs_avx2(), PA_TABLE(avx2)},
    {"base", true, PA_TABLE(base)},
#elif defined(__aarch64__)
    {"neon", true, PA_TABLE(neon)},
#else
    {"base", true, PA_TABLE(base)},
#endif
};
constexpr int kIsas = int(sizeof isas / sizeof isas[0]);

const Isa* find(const char* name) {
  for (int k = 0; k < kIsas; ++k)
    if (isas[k].runs && (!name || strcmp(isas[k].name, name) == 0)) return &isas[k];
  return nullptr;
}

// An unknown or impossible PYALIGN_ISA falls back to the best; the Python layer refuses it with a message.
const Isa* first_choice() {
  const char* wanted = getenv("PYALIGN_ISA");
  const Isa* isa = wanted && *wanted ? find(wanted) : nullptr;
  return isa ? isa : find(nullptr);
}

std::atomic<const Isa*> chosen{nullptr};

const Isa* isa() {
  const Isa* now = chosen.load(std::memory_order_acquire);
  if (!now) chosen.store(now = first_choice(), std::memory_order_release);
  return now;
}

const Kernels& kernels() { return isa()->kernels; }

// A child of fork has none of its parent's OpenMP threads and would wait for them for ever: it works alone.
std::atomic<bool> forked{false};
std::atomic<int> wanted_threads{0};

struct ForkGuard {
  ForkGuard() {
    pthread_atfork(nullptr, nullptr, [] { forked.store(true); });
  }
} fork_guard;

int default_threads() {
  const char* text = getenv("PYALIGN_NUM_THREADS");
  const int count = text ? atoi(text) : 0;
  return count > 0 ? count : omp_get_max_threads();
}

}  // namespace

extern "C" {

const char* pa_isa(void) { return isa()->name; }

pa_status pa_set_isa(const char* name) {
  const Isa* found = find(name);
  if (!found) return PA_UNKNOWN_ISA;
  chosen.store(found, std::memory_order_release);
  return PA_OK;
}

const char* pa_isa_name(int k, int* runs) {
  if (k < 0 || k >= kIsas) return nullptr;
  *runs = isas[k].runs;
  return isas[k].name;
}

int pa_threads(void) {
  if (forked.load()) return 1;
  const int wanted = wanted_threads.load();
  return wanted > 0 ? wanted : default_threads();
}

void pa_set_threads(int threads) { wanted_threads.store(threads > 0 ? threads : 0); }

pa_status pa_row_squares(const pa_rows* x, double* out) { return kernels().row_squares(x, out, pa_threads()); }

pa_status pa_centre_rows(const pa_rows* x, void* out) { return kernels().centre_rows(x, out, pa_threads()); }

pa_status pa_shift_rows(const pa_rows* x, const void* shift, void* out) {
  return kernels().shift_rows(x, shift, out, pa_threads());
}

pa_status pa_similarity(const pa_rows* x, const pa_rows* y, pa_pair pair, double gamma, void* out, int64_t out_stride) {
  return kernels().similarity(x, y, pair, gamma, out, out_stride, pa_threads());
}

pa_status pa_product(const pa_rows* x, const pa_rows* y, void* out, int64_t out_stride) {
  return kernels().product(x, y, out, out_stride, pa_threads());
}

pa_status pa_add_transpose(void* a, pa_float_type type, int64_t n) {
  return kernels().add_transpose(a, type, n, pa_threads());
}

pa_status pa_check_triplets(const pa_triplets* triplets, int64_t n, pa_triplet_check* report) {
  return kernels().check_triplets(triplets, n, report, pa_threads());
}

pa_status pa_triplets_from_matrix(const void* similarities, pa_float_type type, int64_t n, int64_t stride,
                                  const pa_triplets* triplets, const pa_outputs* outputs) {
  return kernels().triplets_from_matrix(similarities, type, n, stride, triplets, outputs, pa_threads());
}

pa_status pa_triplets_from_rows(const pa_rows* x, pa_pair pair, double gamma, const pa_triplets* triplets,
                                const pa_outputs* outputs) {
  return kernels().triplets_from_rows(x, pair, gamma, triplets, outputs, pa_threads());
}

pa_status pa_triplet_gradient(const void* similarities, pa_float_type type, int64_t n, int64_t stride,
                              const pa_triplets* triplets, const void* targets, double temperature, double scale,
                              void* gradient, double* cross_entropy) {
  return kernels().triplet_gradient(similarities, type, n, stride, triplets, targets, temperature, scale, gradient,
                                    cross_entropy, pa_threads());
}

int64_t pa_plan_bands(int64_t n, int* shift) {
  *shift = 0;
  if (n > kMostItems) return 0;
  *shift = plan_shift(n);
  return plan_bands(n);
}

pa_status pa_plan_triplets(const pa_triplets* triplets, const pa_triplet_plan* plan) {
  return kernels().plan_triplets(triplets, plan);
}

pa_status pa_planned_gradient(const void* similarities, pa_float_type type, int64_t stride, const pa_triplet_plan* plan,
                              const void* targets, double temperature, double scale, void* gradient,
                              double* cross_entropy) {
  return kernels().planned_gradient(similarities, type, stride, plan, targets, temperature, scale, gradient,
                                    cross_entropy, pa_threads());
}

pa_status pa_outcomes(const void* similarities, pa_float_type type, int64_t t, double temperature, int8_t* verdicts,
                      void* cross_entropy, void* entropy) {
  return kernels().outcomes(similarities, type, t, temperature, verdicts, cross_entropy, entropy, pa_threads());
}

pa_status pa_resample_items(const pa_triplets* triplets, int64_t n, const uint8_t* multiplicities, int64_t lanes,
                            const int16_t* values, int64_t v, int64_t* sums) {
  return kernels().resample_items(triplets, n, multiplicities, lanes, values, v, sums, pa_threads());
}

pa_status pa_resample_rows(int64_t t, const uint32_t* keys, int64_t lanes, const int16_t* values, int64_t v,
                           int64_t* sums) {
  return kernels().resample_rows(t, keys, lanes, values, v, sums, pa_threads());
}

pa_status pa_temperature_sums(const void* similarities, pa_float_type type, int64_t t, const double* targets,
                              const double* weights, double beta, double* confidences, pa_loss_sums* sums) {
  return kernels().temperature_sums(similarities, type, t, targets, weights, beta, confidences, sums, pa_threads());
}

}  // extern "C"
