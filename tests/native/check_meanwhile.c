// check_meanwhile.c: triplets that another thread rewrites while kernels read them. Results may be anything, but what
// is read must have been checked: sanitizers see what is touched, and valid triplets are never refused.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

// Whole chunks of 16,384, so that a list that grows too long leaves its memory.
enum { kItems = 600, kTriplets = 2 * 16384, kLanes = 64, kStates = 3 };

typedef struct {
  int64_t *indices, *states[kStates];
  int count, ended;
} Writer;

// The only place that writes to indices which kernels read: ThreadSanitizer is told to pass over it by this name.
void* rewrite_triplets(void* given) {
  Writer* writer = given;
  while (!__atomic_load_n(&writer->ended, __ATOMIC_ACQUIRE))
    for (int k = 0; k < writer->count; ++k) memcpy(writer->indices, writer->states[k], 3 * kTriplets * sizeof(int64_t));
  return NULL;
}

typedef struct {
  pa_triplets triplets;
  pa_matrix matrix;
  pa_rows rows;
  float *similarities, *gradient;
  uint8_t* multiplicities;
  int16_t* values;
} Inputs;

static pa_status sums_from_matrix(const Inputs* in) {
  pa_sums sums;
  const pa_wanted want = {NULL, NULL, NULL, &sums, 1.0};
  return pa_triplets_from_matrix(&in->matrix, &in->triplets, &want);
}

static pa_status sums_from_rows(const Inputs* in) {
  pa_sums sums;
  const pa_wanted want = {NULL, NULL, NULL, &sums, 1.0};
  return pa_triplets_from_rows(&in->rows, &in->triplets, &want);
}

static pa_status sums_in_buckets(const Inputs* in) {
  pa_sums sums;
  const pa_wanted want = {NULL, NULL, NULL, &sums, 1.0};
  return pa_triplets_in_buckets(&in->rows, &in->triplets, &want);
}

static pa_status products(const Inputs* in) {
  static const float weights[3 * kTriplets];
  float* out = allocate((size_t)(in->rows.values.n * in->rows.values.d) * sizeof *out);
  const pa_status status = pa_pair_products(&in->rows.values, &in->triplets, weights, out);
  free(out);
  return status;
}

static pa_status gradient(const Inputs* in) {
  const pa_triplet_loss loss = {NULL, 1.0, 1.0, 3};
  double cross_entropy;
  return pa_triplet_gradient(&in->matrix, &in->triplets, &loss, in->gradient, &cross_entropy);
}

static pa_status plan(const Inputs* in) {
  pa_triplet_plan made = {kItems, kTriplets, 0, 0, NULL, NULL, NULL, NULL, NULL};
  const pa_triplet_loss loss = {NULL, 1.0, 1.0, 3};
  double cross_entropy;
  made.bands = pa_plan_bands(kItems, &made.shift);
  made.items = allocate(3 * kTriplets * sizeof *made.items);
  made.others = allocate(2 * kTriplets * sizeof *made.others);
  made.order = allocate(kTriplets * sizeof *made.order);
  made.first = allocate((size_t)(made.bands + 1) * sizeof *made.first);
  made.second = allocate((size_t)(made.bands * made.bands) * sizeof *made.second);
  pa_status status = pa_plan_triplets(&in->triplets, &made);
  if (status == PA_OK) status = pa_planned_gradient(&in->matrix, &made, &loss, in->gradient, &cross_entropy);
  free(made.second);
  free(made.first);
  free(made.order);
  free(made.others);
  free(made.items);
  return status;
}

static pa_status resample(const Inputs* in) {
  int64_t sums[2 * kLanes];
  const pa_resamples wanted = {in->values, 1, kLanes, sums};
  return pa_resample_items(&in->triplets, kItems, in->multiplicities, &wanted);
}

static pa_status share(const Inputs* in) {
  pa_sharing made = {kItems, kTriplets, NULL, NULL, NULL, NULL, NULL};
  made.start = allocate(3 * (kItems + 1) * sizeof *made.start);
  made.rows = allocate(3 * kTriplets * sizeof *made.rows);
  made.others = allocate(3 * kTriplets * sizeof *made.others);
  made.pairs = allocate((kItems + 1) * sizeof *made.pairs);
  made.sets = allocate((kItems + 1) * sizeof *made.sets);
  const pa_status status = pa_share_triplets(&in->triplets, &made);
  free(made.sets);
  free(made.pairs);
  free(made.others);
  free(made.rows);
  free(made.start);
  return status;
}

static pa_status check(const Inputs* in) {
  pa_triplet_check report;
  return pa_check_triplets(&in->triplets, kItems, &report);
}

static Inputs make_inputs(const int64_t* indices) {
  Inputs in;
  in.similarities = allocate(kItems * kItems * sizeof(float));
  in.gradient = allocate(kItems * kItems * sizeof(float));
  in.multiplicities = allocate(kItems * kLanes);
  in.values = allocate(kTriplets * sizeof(int16_t));
  for (int k = 0; k < kItems * kItems; ++k) in.similarities[k] = (float)random_below(9);
  memset(in.multiplicities, 1, kItems * kLanes);
  memset(in.values, 0, kTriplets * sizeof(int16_t));
  const pa_triplets triplets = {indices, kTriplets, 3, 1, PA_INT64};
  const pa_matrix matrix = {in.similarities, kItems, kItems, kItems, PA_FLOAT32};
  const pa_rows rows = {{in.similarities, kItems, 4, 4, PA_FLOAT32}, NULL, PA_DOT, 0.0};
  in.triplets = triplets;
  in.matrix = matrix;
  in.rows = rows;
  return in;
}

// Two states of valid triplets, and one of numbers that are no items. The first two differ in the lowest byte of each
// item alone: a copy may be interrupted within an item, and what is then there is an item of the one or of the other.
static void make_states(Writer* writer) {
  const size_t bytes = 3 * kTriplets * sizeof(int64_t);
  writer->indices = allocate(bytes);
  for (int k = 0; k < kStates; ++k) writer->states[k] = allocate(bytes);
  for (int64_t q = 0; q < kTriplets; ++q)
    for (int c = 0; c < 3; ++c) {
      const int64_t far = 256 * ((q / 7 + c) % 2), near = (q * 37 + c * 21) % 64, item = far + near;
      writer->states[0][3 * q + c] = item;
      writer->states[1][3 * q + c] = far + 127 - near;
      writer->states[2][3 * q + c] = c == 1 ? ((int64_t)1 << 40) + 1 : -1 - item;
    }
  memcpy(writer->indices, writer->states[0], bytes);
}

static void run_all(const Inputs* in, int valid) {
  static pa_status (*const kernels[])(const Inputs*) = {
      sums_from_matrix, sums_from_rows, sums_in_buckets, products, gradient, plan, resample, share, check};
  const int rounds = once ? 1 : quick ? 3 : 30;
  for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; ++k)
    for (int round = 0; round < rounds; ++round) {
      const pa_status status = kernels[k](in);
      check_that(status == PA_OK || (!valid && status == PA_INVALID_TRIPLETS),
                 "triplets that are rewritten meanwhile are refused only where some are invalid");
    }
}

void check_meanwhile(void) {
  Writer writer = {0};
  make_states(&writer);
  const Inputs in = make_inputs(writer.indices);
  for (int isa = 0; set_isa(isa); ++isa) {
    for (writer.count = 2; writer.count <= kStates; ++writer.count) {
      pthread_t thread;
      writer.ended = 0;
      memcpy(writer.indices, writer.states[0], 3 * kTriplets * sizeof(int64_t));
      if (pthread_create(&thread, NULL, rewrite_triplets, &writer) != 0) {
        check_that(0, "a thread can be had");
        continue;
      }
      pa_set_threads(2);
      run_all(&in, writer.count == 2);
      __atomic_store_n(&writer.ended, 1, __ATOMIC_RELEASE);
      pthread_join(thread, NULL);
    }
  }
  pa_set_threads(0);
  free(in.values);
  free(in.multiplicities);
  free(in.gradient);
  free(in.similarities);
  for (int k = 0; k < kStates; ++k) free(writer.states[k]);
  free(writer.indices);
}
