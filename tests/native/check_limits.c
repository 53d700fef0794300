// check_limits.c: offsets past 2^31, requests that cannot be met, threads and fork.
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { kRows = 3, kFeatures = 17 };

static void for_each_isa(void (*check)(void)) {
  for (int isa = 0; set_isa(isa); ++isa) check();
}

// Address space without memory behind it: only the pages that are touched cost anything.
static void* reserve(size_t bytes) {
  void* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

static void check_far_rows(void) {
  const int64_t far = ((int64_t)1 << 32) + 5;
  const size_t bytes = (size_t)(3 * far) * sizeof(float);
  float near_rows[kRows * kFeatures], near_out[9];
  float *rows = reserve(bytes), *out = reserve(bytes);
  int32_t* indices = reserve(bytes);
  check_that(rows && out && indices, "address space can be reserved");
  if (!rows || !out || !indices) return;
  for (int i = 0; i < kRows * kFeatures; ++i) near_rows[i] = (float)(i * i % 9 - 4);
  for (int i = 0; i < kRows; ++i) {
    memcpy(rows + i * far, near_rows + i * kFeatures, kFeatures * sizeof(float));
    indices[i * far] = 2 - i;
  }
  const pa_rows close = {{near_rows, kRows, kFeatures, kFeatures, PA_FLOAT32}, NULL, PA_DOT, 0.0};
  const pa_rows distant = {{rows, kRows, kFeatures, far, PA_FLOAT32}, NULL, PA_DOT, 0.0};
  pa_similarity(&close, NULL, near_out, 3);
  pa_similarity(&distant, NULL, out, far);
  int same = 1;
  for (int i = 0; i < kRows; ++i) same &= memcmp(near_out + 3 * i, out + i * far, 3 * sizeof(float)) == 0;
  check_that(same, "rows past 2^32 elements give the same similarities");
  const pa_triplets triplets = {indices, 1, 1, far, PA_INT32};
  float p[3], q[3];
  const pa_matrix near_matrix = {near_out, 3, 3, 3, PA_FLOAT32}, far_matrix = {out, 3, 3, far, PA_FLOAT32};
  const pa_wanted to_p = {NULL, p, NULL, NULL, 40.0}, to_q = {NULL, q, NULL, NULL, 40.0};
  pa_triplets_from_matrix(&near_matrix, &triplets, &to_p);
  pa_triplets_from_matrix(&far_matrix, &triplets, &to_q);
  check_that(memcmp(p, q, sizeof p) == 0, "a matrix past 2^32 elements gives the same probabilities");
  pa_triplets_from_rows(&distant, &triplets, &to_q);
  check_that(memcmp(p, q, sizeof p) == 0, "rows past 2^32 elements give the same probabilities");
  pa_triplets_in_buckets(&distant, &triplets, &to_q);
  check_that(memcmp(p, q, sizeof p) == 0, "rows past 2^32 elements give the same probabilities in buckets");
  const float ones[3] = {1.0f, 1.0f, 1.0f};
  float near_sums[kRows * kFeatures], far_sums[kRows * kFeatures];
  const int32_t near_indices[3] = {2, 1, 0};
  const pa_triplets near_triplets = {near_indices, 1, 3, 1, PA_INT32};
  pa_pair_products(&close.values, &near_triplets, ones, near_sums);
  pa_pair_products(&distant.values, &triplets, ones, far_sums);
  check_that(memcmp(near_sums, far_sums, sizeof near_sums) == 0, "rows past 2^32 elements give the same sums");
  munmap(rows, bytes);
  munmap(out, bytes);
  munmap(indices, bytes);
}

static void check_refusals(void) {
  static const float x[3] = {1.0f, 2.0f, 3.0f};
  static const int16_t items[3] = {0, 1, 2};
  float out[9];
  pa_sums sums;
  const pa_rows rows = {{x, 3, 1, 1, PA_FLOAT32}, NULL, (pa_pair)7, 0.0};
  const pa_rows endless = {{x, 1, (int64_t)1 << 50, 1, PA_FLOAT32}, NULL, PA_DOT, 0.0};
  const pa_matrix matrix = {out, 3, 3, 3, PA_FLOAT32};
  const pa_triplets triplets = {items, 1, 3, 1, PA_INT16}, boundless = {items, (int64_t)1 << 57, 3, 1, PA_INT16};
  const pa_wanted want = {NULL, NULL, NULL, &sums, 1.0};
  check_that(pa_similarity(&rows, NULL, out, 3) == PA_BAD_ARGUMENT, "similarity refuses an unknown pair");
  check_that(pa_triplets_from_rows(&rows, &triplets, &want) == PA_BAD_ARGUMENT,
             "triplets_from_rows refuses an unknown pair");
  check_that(pa_triplets_in_buckets(&rows, &triplets, &want) == PA_BAD_ARGUMENT,
             "triplets_in_buckets refuses an unknown pair");
  check_that(pa_similarity(&endless, NULL, out, 1) == PA_OUT_OF_MEMORY,
             "similarity says when there is no memory to pack");
  check_that(pa_triplets_from_matrix(&matrix, &boundless, &want) == PA_OUT_OF_MEMORY,
             "triplets_from_matrix says when there is no memory for sums");
}

static void check_threads(void) {
  unsetenv("PYALIGN_NUM_THREADS");
  pa_set_threads(0);
  const int usual = pa_threads();
  check_that(usual >= 1, "there is a thread");
  pa_set_threads(3);
  check_that(pa_threads() == 3, "pa_set_threads sets");
  setenv("PYALIGN_NUM_THREADS", "4", 1);
  check_that(pa_threads() == 3, "pa_set_threads comes before the environment");
  pa_set_threads(0);
  check_that(pa_threads() == 4, "the environment comes before OpenMP");
  pa_set_threads(-2);
  check_that(pa_threads() == 4, "a negative number is the default");
  setenv("PYALIGN_NUM_THREADS", "many", 1);
  check_that(pa_threads() == usual, "a word in the environment is ignored");
  pa_set_threads(16);
  check_that(pa_threads() == 16, "sixteen threads are always allowed");
  pa_set_threads(1000000000);
  const int most = pa_threads();
  check_that(16 <= most && most < 100000, "more threads are at most a few on each processor");
  pa_set_threads(0);
  setenv("PYALIGN_NUM_THREADS", "99999999999999999999", 1);
  check_that(pa_threads() == most, "so they are by the environment");
  unsetenv("PYALIGN_NUM_THREADS");
}

// A child of fork, after its parent ran threads, must work by itself: it would wait for threads that it does not have.
static void check_fork(void) {
  enum { n = 250 };
  Table x = make_table(n, kFeatures, kFeatures, PA_FLOAT32, WHOLE);
  float *before = allocate(n * n * sizeof(float)), *after = allocate(n * n * sizeof(float));
  const pa_rows rows = rows_for(&x, PA_DOT, 0.0);
  pa_set_threads(3);
  pa_similarity(&rows, NULL, before, n);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGALRM, SIG_DFL);
    alarm(20);
    pa_similarity(&rows, NULL, after, n);
    _exit(pa_threads() == 1 && memcmp(before, after, n * n * sizeof(float)) == 0 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  check_that(WIFEXITED(status) && WEXITSTATUS(status) == 0,
             "a forked child works alone and gives the same similarities");
  pa_set_threads(0);
  free(before);
  free(after);
  free_table(&x);
}

void check_limits(void) {
  check_threads();
  for_each_isa(check_refusals);
  if (quick) return;
  for_each_isa(check_far_rows);
  for_each_isa(check_fork);
}
