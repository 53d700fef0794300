// check_kernels.c: every function of pyalign.h against naive loops, on every instruction set that this processor runs.
//
//   check_kernels [--quick] [--once] [--first] [--only PART]
//
// Prints a line per instruction set with its number of checks; the exit code is 1 when one failed. --quick takes fewer
// sizes, for emulators and sanitizers; --once runs each case with one thread and on the first choice of instruction set
// alone, and of several tables of sizes a third of the pairs, for emulators; --first ends with the first failure;
// --only checks one of `parts`.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kMostIsas = 8, kMostMessages = 20 };

static struct {
  const char* name;
  int64_t passed, failed;
} isas[kMostIsas];
static int isa_count, isa_now, messages, first_ends;

int quick, once;

static int threads_at(int k) {
  static const int full[] = {1, 2, 3, 5, 0}, few[] = {1, 3, 0};
  return once && k ? 0 : quick ? few[k] : full[k];
}

static void count(int passed, const char* name, int threads, const char* why) {
  if (passed) {
    ++isas[isa_now].passed;
    return;
  }
  ++isas[isa_now].failed;
  if (++messages > kMostMessages) return;
  printf("FAILED on %s with %d thread%s: %s: %s\n", isas[isa_now].name, threads, threads == 1 ? "" : "s", name, why);
  if (first_ends) exit(1);
}

int complain(Case* c, const char* format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(c->why, sizeof c->why, format, values);
  va_end(values);
  return 0;
}

void check_that(int holds, const char* what) {
  for (isa_now = 0; strcmp(isas[isa_now].name, pa_isa()) != 0;) ++isa_now;
  count(holds, what, pa_threads(), "does not hold");
}

int set_isa(int k) { return k < isa_count && pa_set_isa(isas[k].name) == PA_OK; }

static int run_once(Case* c, int threads) {
  pa_set_threads(threads);
  memset(c->out, kCanary, c->bytes);
  const pa_status status = c->run(c);
  return status == PA_OK || complain(c, "status %d", (int)status);
}

void check_case(Case* c) {
  void* alone = allocate(c->bytes);
  for (isa_now = 0; set_isa(isa_now); ++isa_now) {
    count(run_once(c, 1) && c->right(c), c->name, 1, c->why);
    memcpy(alone, c->out, c->bytes);
    for (int k = 1; threads_at(k); ++k) {
      const int same = run_once(c, threads_at(k)) &&
                       (memcmp(alone, c->out, c->bytes) == 0 || complain(c, "other bits than with one thread"));
      count(same, c->name, threads_at(k), c->why);
    }
  }
  pa_set_threads(0);
  free(alone);
}

static void find_isas(void) {
  int runs = 0;
  const char* name;
  for (int k = 0; (name = pa_isa_name(k, &runs)) != NULL; ++k)
    if (runs && isa_count < (once ? 1 : kMostIsas)) isas[isa_count++].name = name;
}

static void check_dispatch(void) {
  int runs;
  check_that(pa_isa_name(-1, &runs) == NULL && pa_isa_name(1000, &runs) == NULL, "pa_isa_name is NULL past its ends");
  check_that(pa_set_isa("abacus") == PA_UNKNOWN_ISA, "pa_set_isa refuses an unknown name");
  for (int k = isa_count - 1; k >= 0; --k) {
    check_that(pa_set_isa(isas[k].name) == PA_OK, "pa_set_isa takes what pa_isa_name gives");
    check_that(strcmp(pa_isa(), isas[k].name) == 0, "pa_isa is what pa_set_isa set");
  }
}

static int report(void) {
  int64_t passed = 0, failed = 0;
  for (int k = 0; k < isa_count; ++k) {
    printf("%s: %lld checks\n", isas[k].name, (long long)(isas[k].passed + isas[k].failed));
    passed += isas[k].passed;
    failed += isas[k].failed;
  }
  printf("%lld passed, %lld failed\n", (long long)passed, (long long)failed);
  return failed > 0 || passed == 0;
}

static const struct {
  const char* name;
  void (*check)(void);
} parts[] = {
    {"dispatch", check_dispatch},
    {"rows", check_rows},
    {"similarity", check_similarity},
    {"products", check_products},
    {"pairwise", check_pairwise},
    {"triplet_checks", check_triplet_checks},
    {"triplets", check_triplets},
    {"gradient", check_gradient},
    {"pair_products", check_pair_products},
    {"triangle", check_triangle},
    {"outcomes", check_outcomes},
    {"temperature", check_temperature},
    {"resample", check_resample},
    {"shared", check_shared},
    {"ranks", check_ranks},
    {"choice_similarity", check_choice_similarity},
    {"assign", check_assign},
    {"series", check_series},
    {"meanwhile", check_meanwhile},
    {"side_by_side", check_side_by_side},
    {"limits", check_limits},
    {"sizes", check_sizes},
};
static const int part_count = sizeof parts / sizeof *parts;

static int part_called(const char* name) {
  int k = 0;
  while (k < part_count && strcmp(parts[k].name, name) != 0) ++k;
  return k;
}

int main(int argc, char** argv) {
  int known = 1, only = -1;
  for (int k = 1; k < argc; ++k) {
    if (strcmp(argv[k], "--quick") == 0) quick = 1;
    else if (strcmp(argv[k], "--once") == 0) once = 1;
    else if (strcmp(argv[k], "--first") == 0) first_ends = 1;
    else if (strcmp(argv[k], "--only") == 0 && k + 1 < argc) only = part_called(argv[++k]);
    else known = 0;
  }
  if (!known || only == part_count) {
    fputs("usage: check_kernels [--quick] [--once] [--first] [--only PART]\n", stderr);
    return 2;
  }
  printf("first choice: %s\n", pa_isa());
  find_isas();
  for (int k = 0; k < part_count; ++k)
    if (only < 0 || only == k) parts[k].check();
  return report();
}
