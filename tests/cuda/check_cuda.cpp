// check_cuda.cpp: every function of pyalign_cuda.h against naive loops, on the emulator, or on a GPU when built by
// nvcc.
//
//   check_cuda [--quick] [--first] [--seed N] [PART]
//
// PART: similarity, triplets, gradient, resample, topk, choice_similarity, rows, device, float_pair, counts, tiles,
// deep or far; all without it. Prints the number of checks of each part; the exit code is 1 when one failed. --quick
// takes fewer sizes, for sanitizers; --first ends with the first failure. Every case runs with threads in order and
// then in a random order (that of seed N), which must not change a bit.
#include <stdarg.h>

#include "check.h"
#ifdef PA_EMULATION
#include "emulation.h"
#endif

bool quick = false;

static int64_t most_failures = 20;  // then it gives up
static int64_t passed, failed;
static uint64_t seed = 1;

std::string text(const char* format, ...) {
  char line[400];
  va_list values;
  va_start(values, format);
  vsnprintf(line, sizeof line, format, values);
  va_end(values);
  return line;
}

static void count(const std::string& name, const std::string& why) {
  ++(why.empty() ? passed : failed);
  if (why.empty()) return;
  printf("FAILED: %s: %s\n", name.c_str(), why.c_str());
  fflush(stdout);
  if (failed == most_failures) exit(1);
}

void check_that(bool holds, const std::string& what) { count(what, holds ? "" : "does not hold"); }

// To ThreadSanitizer threads are concurrent in order, and blocks in any other. A random order comes with a device that
// has more shared memory: it must not change a bit either.
static void set_order([[maybe_unused]] uint64_t order) {
#ifdef PA_EMULATION
  emulation::set_seed(order);
  emulation::set_concurrent(order ? emulation::BLOCKS : emulation::THREADS);
  emulation::set_most_shared(size_t(order ? 227 : 99) << 10);
#endif
}

static std::string run_once(const Case& c, uint64_t order) {
  set_order(order);
  for (Output* output : c.outputs) output->clear();
  const int error = c.run();
  if (error) return text("error %d", error);
  for (Output* output : c.outputs) {
    output->download();
    if (!output->guards_stand()) return "wrote outside an output";
  }
  return "";
}

static std::vector<char> bits_of(const Case& c) {
  std::vector<char> bits;
  for (const Output* output : c.outputs) bits.insert(bits.end(), output->host(), output->host() + output->bytes());
  return bits;
}

void check_case(const Case& c) {
  std::string why = run_once(c, 0);
  if (why.empty()) why = c.judge();
  count(c.name, why);
  const std::vector<char> in_order = bits_of(c);
  why = run_once(c, ++seed);
  if (why.empty() && bits_of(c) != in_order) why = text("other bits with threads in the order of seed %d", int(seed));
  count(c.name, why);
}

static void check_part(const std::string& part, const std::string& wanted, void (*check)()) {
  if (!wanted.empty() && wanted != part) return;
  const int64_t before = passed + failed;
  check();
  printf("%s: %lld checks\n", part.c_str(), (long long)(passed + failed - before));
}

int main(int argc, char** argv) {
  std::string part;
  for (int k = 1; k < argc; ++k) {
    const std::string word = argv[k];
    if (word == "--quick") quick = true;
    else if (word == "--first") most_failures = 1;
    else if (word == "--seed" && k + 1 < argc) seed = strtoull(argv[++k], nullptr, 10);
    else part = word;
  }
  check_part("similarity", part, check_similarity);
  check_part("triplets", part, check_triplets);
  check_part("gradient", part, check_gradient);
  check_part("resample", part, check_resample);
  check_part("topk", part, check_topk);
  check_part("choice_similarity", part, check_choice_similarity);
  check_part("rows", part, check_rows);
  check_part("device", part, check_device);
  check_part("float_pair", part, check_float_pair);
#ifdef PA_EMULATION
  check_part("counts", part, check_counts);
  check_part("tiles", part, check_tiles);
  check_part("deep", part, check_deep);
  if (!quick) check_part("far", part, check_far);
#endif
  printf("%lld passed, %lld failed\n", (long long)passed, (long long)failed);
  return failed > 0 || passed == 0;
}
