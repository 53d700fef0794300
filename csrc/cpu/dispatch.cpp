// dispatch.cpp: one table of kernels per instruction set, chosen once; the number of threads; safety after fork.
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#if !defined(_WIN32)
#include <pthread.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <atomic>
#include <tuple>

#include "kernels.h"
#include "plan.h"
#include "sizes.h"
#include "threads.h"

#define PA_ENTRY(name, count) name,
#define PA_TABLE(isa)                                     \
  PA_DECLARE_ISA(isa)                                     \
  namespace isa {                                         \
  static const Kernels table = {PA_OPERATIONS(PA_ENTRY)}; \
  }

#if defined(__x86_64__)
PA_TABLE(avx512)
PA_TABLE(avx2)
PA_TABLE(base)
#elif defined(__aarch64__)
PA_TABLE(neon)
#else
PA_TABLE(base)
#endif

namespace {

struct Isa {
  const char* name;
  bool runs;
  const Kernels* kernels;
};

#if defined(__x86_64__)
// Of CPUID itself: __builtin_cpu_supports asks the compiler's runtime library, and that of Zig finds no AVX.
bool runs(unsigned wanted, unsigned saved) {
  constexpr unsigned fma = 1u << 12, osxsave = 1u << 27;
  unsigned a, b, c, d, low, high;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & fma) || !(c & osxsave)) return false;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & saved) == saved && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & wanted) == wanted;
}

// The registers that the system saves: XMM and YMM; with AVX-512 masks and ZMM too.
bool runs_avx2() { return runs(1u << 5, 0x06); }
bool runs_avx512() { return runs(1u << 16 | 1u << 17 | 1u << 30 | 1u << 31, 0xe6); }  // F, DQ, BW, VL
#endif

// Best first. At file scope: set while the library loads, with no guard that would ask C programs for the C++ runtime.
const Isa isas[] = {
#if defined(__x86_64__)
    {"avx512", runs_avx512(), &avx512::table},
    {"avx2", runs_avx2(), &avx2::table},
    {"base", true, &base::table},
#elif defined(__aarch64__)
    {"neon", true, &neon::table},
#else
    {"base", true, &base::table},
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

const Kernels& kernels() { return *isa()->kernels; }

// A child of fork has none of its parent's OpenMP threads and would wait for them for ever: it works alone.
std::atomic<bool> forked{false};
std::atomic<int> wanted_threads{0};

#if !defined(_WIN32)
struct ForkGuard {
  ForkGuard() {
    pthread_atfork(nullptr, nullptr, [] { forked.store(true); });
  }
} fork_guard;
#endif

int default_threads() {
  const char* text = getenv("PYALIGN_NUM_THREADS");
  const long count = text ? strtol(text, nullptr, 10) : 0;
  return count > 0 ? int(count < INT_MAX ? count : INT_MAX) : omp_get_max_threads();
}

// OpenMP ends the process where it cannot have a thread. More than a few on each processor only wait for each other.
constexpr int kAlwaysAllowed = 16, kOnProcessor = 4;

int allowed_threads(int wanted) {
  if (wanted <= kAlwaysAllowed) return wanted;
  const int most = kOnProcessor * omp_get_num_procs();
  return wanted < most ? wanted : most > kAlwaysAllowed ? most : kAlwaysAllowed;
}

// The k-th parameter of a function type.
template <int k, class Function>
struct ParameterAt;
template <int k, class... Parameters>
struct ParameterAt<k, pa_status(Parameters...)> {
  typedef std::tuple_element_t<k, std::tuple<Parameters...>> type;
};
template <int k, class Function>
using Parameter = typename ParameterAt<k, Function>::type;

}  // namespace

// pa_name: the same parameters, checked and handed on to the chosen kernel. A wrong `count` does not compile.
#define PA_PARAMETERS_1(F) Parameter<0, F> a
#define PA_PARAMETERS_2(F) PA_PARAMETERS_1(F), Parameter<1, F> b
#define PA_PARAMETERS_3(F) PA_PARAMETERS_2(F), Parameter<2, F> c
#define PA_PARAMETERS_4(F) PA_PARAMETERS_3(F), Parameter<3, F> d
#define PA_PARAMETERS_5(F) PA_PARAMETERS_4(F), Parameter<4, F> e
#define PA_PARAMETERS_6(F) PA_PARAMETERS_5(F), Parameter<5, F> f
#define PA_PARAMETERS_7(F) PA_PARAMETERS_6(F), Parameter<6, F> g
#define PA_ARGUMENTS_1 a
#define PA_ARGUMENTS_2 a, b
#define PA_ARGUMENTS_3 a, b, c
#define PA_ARGUMENTS_4 a, b, c, d
#define PA_ARGUMENTS_5 a, b, c, d, e
#define PA_ARGUMENTS_6 a, b, c, d, e, f
#define PA_ARGUMENTS_7 a, b, c, d, e, f, g
#define PA_CHOOSE(name, count)                                      \
  pa_status pa_##name(PA_PARAMETERS_##count(decltype(pa_##name))) { \
    sizes::forget_refusal();                                        \
    if (!sizes::name(PA_ARGUMENTS_##count)) return PA_BAD_ARGUMENT; \
    return kernels().name(PA_ARGUMENTS_##count, pa_threads());      \
  }

extern "C" {

const char* pa_version(void) { return PA_VERSION; }

const char* pa_status_text(pa_status status) {
  switch (status) {
    case PA_OK: return "no error";
    case PA_OUT_OF_MEMORY: return "out of memory";
    case PA_UNKNOWN_ISA: return "no such instruction set, or this CPU does not run it";
    case PA_BAD_ARGUMENT: return *sizes::refusal() ? sizes::refusal() : "an argument is outside of its range";
    case PA_INVALID_TRIPLETS: return "a triplet does not name three different items in [0, n)";
  }
  return "no pa_status";
}

const char* pa_isa(void) { return isa()->name; }

pa_status pa_set_isa(const char* name) {
  const Isa* found = name ? find(name) : nullptr;
  if (!found) return PA_UNKNOWN_ISA;
  chosen.store(found, std::memory_order_release);
  return PA_OK;
}

const char* pa_isa_name(int k, int* runs) {
  if (k < 0 || k >= kIsas) return nullptr;
  if (runs) *runs = isas[k].runs;
  return isas[k].name;
}

int pa_threads(void) {
#if defined(PA_ONE_THREAD)
  return 1;
#endif
  if (forked.load()) return 1;
  const int wanted = wanted_threads.load();
  return allowed_threads(wanted > 0 ? wanted : default_threads());
}

void pa_set_threads(int threads) { wanted_threads.store(threads > 0 ? threads : 0); }

int64_t pa_plan_bands(int64_t n, int* shift) {
  const bool fits = 0 <= n && n <= kMostItems;
  if (shift) *shift = fits ? plan_shift(n) : 0;
  return fits ? plan_bands(n) : 0;
}

PA_OPERATIONS(PA_CHOOSE)

}  // extern "C"
