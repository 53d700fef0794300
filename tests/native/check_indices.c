// check_indices.c: pa_check_triplets: the first row with an index outside [0, n), the first that names an item twice.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const Sizes triplet_counts = {13, {0, 1, 2, 511, 512, 513, 4095, 4096, 4097, 16383, 16384, 16385, 6 * 4096 + 5}};
static const Sizes few_triplet_counts = {5, {0, 1, 513, 4097, 16385}};

enum { kItems = 250 };

typedef struct {
  Case base;
  const Questions* questions;
} IndexCase;

static pa_status run_check(Case* c) { return pa_check_triplets(&((IndexCase*)c)->questions->triplets, kItems, c->out); }

// Kernels that read triplets refuse what the check finds, and nothing else. They must not read outside the matrix.
static void check_refusal(const Questions* questions, int valid) {
  static float matrix[kItems * kItems];
  const pa_matrix similarities = {matrix, kItems, kItems, kItems, PA_FLOAT32};
  const pa_rows rows = {{matrix, kItems, 1, 1, PA_FLOAT32}, NULL, PA_DOT, 0.0};
  float products[kItems], *weights = calloc((size_t)(3 * questions->triplets.t) + 1, sizeof *weights);
  pa_sums sums;
  const pa_wanted sums_alone = {NULL, NULL, NULL, &sums, 1.0};
  const pa_status want = valid ? PA_OK : PA_INVALID_TRIPLETS;
  for (int isa = 0; set_isa(isa); ++isa) {
    check_that(pa_triplets_from_matrix(&similarities, &questions->triplets, &sums_alone) == want,
               "triplets_from_matrix refuses just the invalid triplets");
    check_that(pa_triplets_from_rows(&rows, &questions->triplets, &sums_alone) == want,
               "triplets_from_rows refuses just the invalid triplets");
    check_that(pa_triplets_in_buckets(&rows, &questions->triplets, &sums_alone) == want,
               "triplets_in_buckets refuses just the invalid triplets");
    check_that(pa_pair_products(&rows.values, &questions->triplets, weights, products) == want,
               "pair_products refuses just the invalid triplets");
  }
  free(weights);
}

static pa_triplet_check naive_check(const Questions* questions) {
  pa_triplet_check report = {-1, -1, 0, 0};
  for (int64_t q = 0; q < questions->triplets.t; ++q) {
    const int64_t* item = questions->plain + 3 * q;
    if (report.repeated < 0 && (item[0] == item[1] || item[0] == item[2] || item[1] == item[2])) report.repeated = q;
    for (int c = 0; c < 3; ++c) {
      if (report.out_of_range < 0 && (item[c] < 0 || item[c] >= kItems)) report.out_of_range = q;
      if (item[c] < report.smallest || q + c == 0) report.smallest = item[c];
      if (item[c] > report.largest || q + c == 0) report.largest = item[c];
    }
  }
  return report;
}

static int right_check(Case* c) {
  const pa_triplet_check want = naive_check(((IndexCase*)c)->questions), *got = c->out;
  if (memcmp(&want, got, sizeof want) == 0) return 1;
  return complain(c, "out_of_range %lld, repeated %lld, smallest %lld, largest %lld; not %lld, %lld, %lld, %lld",
                  (long long)got->out_of_range, (long long)got->repeated, (long long)got->smallest,
                  (long long)got->largest, (long long)want.out_of_range, (long long)want.repeated,
                  (long long)want.smallest, (long long)want.largest);
}

static void check_now(const Questions* questions, const char* faults) {
  static const char* const names[4] = {"int16", "uint16", "int32", "int64"};
  const pa_triplets* x = &questions->triplets;
  pa_triplet_check report;
  IndexCase c = {{run_check, right_check, &report, sizeof report, "", ""}, questions};
  snprintf(c.base.name, sizeof c.base.name, "check_triplets, %s, t %lld, %s, strides %lld, %lld", faults,
           (long long)x->t, names[x->type], (long long)x->row_stride, (long long)x->column_stride);
  check_case(&c.base);
  const pa_triplet_check found = naive_check(questions);
  check_refusal(questions, found.out_of_range < 0 && found.repeated < 0);
}

// A row that names an item twice, in one of the three ways.
static void repeat_item(Questions* questions, int64_t q, int way) {
  set_index(questions, q, (way + 1) % 3, questions->plain[3 * q + way]);
}

// Faults are planted from the last row to the first, so that each new one must be found before those behind it.
static void check_faults(int64_t t, pa_index_type type, const Layout* layout) {
  Questions questions = make_questions(t, kItems, type, layout);
  check_now(&questions, "no fault");
  const int64_t places[] = {t - 1, t - 2, 16384, 4097, 4096, 4095, t / 2, 512, 511, 1, 0};
  int64_t earliest = t;
  for (int k = 0; k < (int)(sizeof places / sizeof places[0]); ++k) {
    const int64_t q = places[k];
    if (q < 0 || q >= earliest) continue;
    earliest = q;
    if (k % 2) set_index(&questions, q, k % 3, kItems);
    else repeat_item(&questions, q, k % 3);
    check_now(&questions, k % 2 ? "index n" : "repeated item");
  }
  free_questions(&questions);
}

// A single fault in one of the columns: an index that is negative, n, or one that a narrower type would take for an
// item; or an item named twice.
static void check_fault(int64_t t, pa_index_type type, const Layout* layout) {
  static const char* const names[4] = {"negative or largest index", "index n", "large index", "one repeated item"};
  const int64_t negative = type == PA_UINT16 ? 65535 : -1, large = type == PA_INT64 ? ((int64_t)1 << 32) + 5 : 32767;
  const int64_t wrong[3] = {negative, kItems, large};
  for (int k = 0; k < 12; ++k) {
    Questions questions = make_questions(t, kItems, type, layout);
    const int64_t q = k % 2 ? t - 1 : t / 2;
    if (k / 3 < 3) set_index(&questions, q, k % 3, wrong[k / 3]);
    else repeat_item(&questions, q, k % 3);
    check_now(&questions, names[k / 3]);
    free_questions(&questions);
  }
}

void check_triplet_checks(void) {
  const Sizes* t = quick ? &few_triplet_counts : &triplet_counts;
  for (int k = 0; k < t->count; ++k)
    for (int type = PA_INT16; type <= PA_INT64; ++type)
      for (int layout = 0; layout < kLayouts; ++layout)
        if (!quick || layout == (k + type) % kLayouts) {
          check_faults(t->values[k], (pa_index_type)type, layouts + layout);
          if (t->values[k] > 0) check_fault(t->values[k], (pa_index_type)type, layouts + layout);
        }
}
