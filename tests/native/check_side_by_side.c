// check_side_by_side.c: threads in one kernel at the same time, with no lock between their calls as Python has. They
// read the same inputs and hand on scratch memory, which ThreadSanitizer sees; each has a result of its own.
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

// Six chunks of 16,384: lists of more than 2 MiB, which are kept.
enum { kItems = 200, kTriplets = 6 * 16384, kCallers = 3, kBytes = kItems * kItems * sizeof(float) };

typedef struct {
  const pa_matrix* matrix;
  const pa_triplets* triplets;
  const float* expected;
  float* gradient;
  int number, rounds, right;
} Caller;

// Whose turn it is in the second half of the rounds. Relaxed: it tells a thread nothing of what others have written, so
// that a piece of scratch memory has to tell it itself.
static int turn;

static pa_status gradient(const Caller* caller) {
  const pa_triplet_loss loss = {NULL, 1.0, 1.0, 3};
  double cross_entropy;
  return pa_triplet_gradient(caller->matrix, caller->triplets, &loss, caller->gradient, &cross_entropy);
}

static void* call(void* given) {
  Caller* caller = given;
  caller->right = 0;
  for (int round = 0; round < caller->rounds; ++round) {
    const int in_turns = 2 * round >= caller->rounds;
    while (in_turns && __atomic_load_n(&turn, __ATOMIC_RELAXED) != caller->number) sched_yield();
    caller->right += gradient(caller) == PA_OK && memcmp(caller->gradient, caller->expected, kBytes) == 0;
    if (in_turns) __atomic_store_n(&turn, (caller->number + 1) % kCallers, __ATOMIC_RELAXED);
  }
  return NULL;
}

static void call_together(Caller* callers) {
  pthread_t threads[kCallers];
  turn = 0;
  for (int k = 0; k < kCallers; ++k)
    if (pthread_create(&threads[k], NULL, call, &callers[k]) != 0) exit(3);  // the others would wait for its turn
  for (int k = 0; k < kCallers; ++k) {
    pthread_join(threads[k], NULL);
    check_that(callers[k].right == callers[k].rounds, "calls side by side give what one gives alone");
  }
}

void check_side_by_side(void) {
  int64_t* indices = allocate(3 * kTriplets * sizeof *indices);
  float *similarities = allocate(kBytes), *expected = allocate(kBytes), *gradients = allocate(kCallers * kBytes);
  for (int64_t q = 0; q < kTriplets; ++q)
    for (int c = 0; c < 3; ++c) indices[3 * q + c] = (q * 37 + c * 61) % kItems;
  for (int k = 0; k < kItems * kItems; ++k) similarities[k] = (float)random_below(9);
  const pa_triplets triplets = {indices, kTriplets, 3, 1, PA_INT64};
  const pa_matrix matrix = {similarities, kItems, kItems, kItems, PA_FLOAT32};
  Caller callers[kCallers];
  for (int k = 0; k < kCallers; ++k) {
    const Caller one = {&matrix, &triplets, expected, gradients + k * kItems * kItems, k, once ? 2 : quick ? 4 : 20, 0};
    callers[k] = one;
  }
  for (int isa = 0; set_isa(isa); ++isa) {
    for (int threads = 1; threads <= (once ? 1 : 2); ++threads) {
      pa_set_threads(threads);
      check_that(gradient(&callers[0]) == PA_OK, "a call alone succeeds");
      memcpy(expected, callers[0].gradient, kBytes);
      call_together(callers);
    }
  }
  pa_set_threads(0);
  free(gradients);
  free(expected);
  free(similarities);
  free(indices);
}
