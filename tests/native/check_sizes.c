// check_sizes.c: calls whose sizes, types or pointers do not fit are refused in words, and nothing is written.
#include <stdio.h>
#include <string.h>

#include "check.h"

static float x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static int32_t items[6] = {0, 1, 2, 2, 1, 0};
static double out[64];
static const pa_matrix rows = {x, 4, 3, 3, PA_FLOAT32}, three = {x, 3, 3, 3, PA_FLOAT32};
static const pa_matrix half = {x, 4, 3, 3, PA_FLOAT16}, none = {NULL, 4, 3, 3, PA_FLOAT32};
static const pa_matrix negative = {x, -1, 3, 3, PA_FLOAT32}, no_features = {x, 4, -1, 3, PA_FLOAT32};
#define MANY "2305843009213693952"
static const pa_matrix wide = {x, 4, 3, (int64_t)1 << 61, PA_FLOAT32};
static const pa_triplets triplets = {items, 2, 3, 1, PA_INT32}, unknown = {items, 2, 3, 1, (pa_index_type)9};

static void refused(const char* name, pa_status status, const char* expected) {
  static const double untouched[64];
  char what[300];
  const char* text = pa_status_text(status);
  snprintf(what, sizeof what, "%s is refused: '%s', expected '%s'", name, text, expected);
  check_that(status == PA_BAD_ARGUMENT && strcmp(text, expected) == 0, what);
  snprintf(what, sizeof what, "%s writes nothing where it is refused", name);
  check_that(memcmp(out, untouched, sizeof out) == 0, what);
}

#define REFUSED(call, expected) refused(#call, call, expected)

static void check_rows_and_matrices(void) {
  const pa_rows plain = {rows, NULL, PA_DOT, 0}, cosine = {rows, NULL, PA_COSINE, 0},
                other = {rows, out, (pa_pair)9, 0};
  const pa_rows few = {{x, 4, 2, 2, PA_FLOAT32}, NULL, PA_DOT, 0};
  const pa_matrix shifted = {(const char*)x + 1, 2, 3, 3, PA_FLOAT32};
  const int32_t orders[3] = {0, 1, 2};
  REFUSED(pa_row_squares(NULL, out), "x must not be NULL");
  REFUSED(pa_row_squares(&rows, NULL), "out must not be NULL");
  REFUSED(pa_row_squares(&none, out), "x must not be NULL");
  REFUSED(pa_row_squares(&half, out), "x.type must be PA_FLOAT32 or PA_FLOAT64; got 2");
  REFUSED(pa_row_squares(&negative, out), "x must have from 0 to 2147483647 rows; got -1");
  REFUSED(pa_row_squares(&no_features, out), "x.d must be 0 or more; got -1");
  REFUSED(pa_row_squares(&shifted, out), "x must be aligned to its elements");
  REFUSED(pa_row_squares(&wide, out), "x.stride must be from -192153584101141162 to 192153584101141162; got " MANY);
  REFUSED(pa_product(&three, &three, out, (int64_t)1 << 61),
          "out_stride must be from -288230376151711744 to 288230376151711744; got " MANY);
  REFUSED(pa_center_rows(&rows, NULL), "out must not be NULL");
  REFUSED(pa_shift_rows(&rows, NULL, out), "shift must not be NULL");
  REFUSED(pa_similarity(&cosine, NULL, out, 4), "terms of this pair kernel must not be NULL");
  REFUSED(pa_similarity(&other, NULL, out, 4), "x.pair is no pair kernel: 9");
  REFUSED(pa_similarity(&plain, NULL, out, 3), "out_stride must be 4 or more; got 3");
  REFUSED(pa_similarity(&plain, &few, out, 4), "y.d must equal x.d, 3; got 2");
  REFUSED(pa_product(&rows, &rows, out, 3), "y.n must equal x.d, 3; got 4");
  REFUSED(pa_add_transpose(NULL, PA_FLOAT32, 3), "a must not be NULL");
  REFUSED(pa_permuted_products(&rows, &three, orders, 1, out), "a must be square; got 4 rows of 3");
  REFUSED(pa_topk(&rows, 4, -1, (int32_t*)out), "k must be from 1 to 3; got 4");
  REFUSED(pa_topk(&rows, 1, 0, (int32_t*)out), "own must be from 0 to -1; got 0");
  REFUSED(pa_choice_similarity(&three, 0, out, 3), "temperature must be above 0; got 0");
}

static void check_triplet_calls(void) {
  const pa_rows plain = {rows, NULL, PA_DOT, 0};
  pa_sums* sums = (pa_sums*)out;
  const pa_wanted want = {NULL, NULL, NULL, sums, 0};
  const pa_triplet_loss loss = {NULL, 1, 1, 4}, cold = {NULL, -1, 1, 3};
  const pa_resamples lanes = {NULL, 0, 65, (int64_t*)out}, endless = {NULL, 0, (int64_t)1 << 62, (int64_t*)out};
  const pa_matrix doubles = {out, 3, 3, 3, PA_FLOAT64};
  double nats = 0;
  REFUSED(pa_check_triplets(&triplets, 3, NULL), "report must not be NULL");
  REFUSED(pa_check_triplets(&unknown, 3, (pa_triplet_check*)out), "triplets.type is no pa_index_type: 9");
  REFUSED(pa_triplets_from_matrix(&rows, &triplets, &want), "similarities must be square; got 4 rows of 3");
  REFUSED(pa_triplets_from_matrix(&three, &triplets, &want), "temperature must be above 0; got 0");
  REFUSED(pa_triplets_from_rows(&plain, &triplets, NULL), "want must not be NULL");
  REFUSED(pa_triplets_in_buckets(&plain, NULL, &want), "triplets must not be NULL");
  REFUSED(pa_pair_products(&rows, &triplets, NULL, out), "weights must not be NULL");
  REFUSED(pa_outcomes(&three, 5, 1, (int8_t*)out, NULL, NULL), "alternatives must be from 2 to 3; got 5");
  REFUSED(pa_resample_items(&triplets, 3, (const uint8_t*)x, &lanes),
          "resamples.lanes must be a multiple of 64; got 65");
  REFUSED(pa_resample_rows(2, (const uint32_t*)x, &endless),
          "resamples.lanes must be from 64 to 18014398509481984; got 4611686018427387904");
  REFUSED(pa_resample_rows(-1, NULL, &lanes), "t must be from 0 to 4294967295; got -1");
  REFUSED(pa_temperature_sums(&three, 3, NULL, NULL, -1, NULL, (pa_loss_sums*)out), "beta must be 0 or more; got -1");
  REFUSED(pa_triplet_gradient(&three, &triplets, &loss, out, &nats), "alternatives must be from 2 to 3; got 4");
  REFUSED(pa_triplet_gradient(&three, &triplets, &cold, out, &nats), "temperature must be above 0; got -1");
  REFUSED(pa_assign(&doubles, &triplets, 0, NULL, (int64_t*)out), "places must not be NULL");
}

static void check_lists(void) {
  const pa_sharing sharing = {3, 3, (int64_t*)out, (int32_t*)out, (int32_t*)out, (int64_t*)out, (int64_t*)out};
  const pa_shared_sums sums = {x, 1, 4, 0, 3, out, out, out};
  const pa_shared_sums no_pairs = {x, 1, 1, 0, 3, out, NULL, out}, no_sets = {x, 1, 1, 0, 3, out, out, NULL};
  const pa_triplet_plan plan = {
      3, 2, 7, 0, (uint16_t*)out, (uint16_t*)out, (int64_t*)out, (int64_t*)out, (int64_t*)out};
  const pa_triplet_loss loss = {NULL, 1, 1, 3};
  const pa_rank_order first = {1, items, (const uint8_t*)items}, second = {2, items, (const uint8_t*)items};
  double nats = 0;
  REFUSED(pa_share_triplets(&triplets, &sharing), "sharing.t must equal triplets.t, 2; got 3");
  REFUSED(pa_sum_shared(&sharing, &sums), "sums.bytes must be 1, 2 or 8; got 4");
  REFUSED(pa_sum_shared(&sharing, &no_pairs), "sums.pairs must not be NULL");
  REFUSED(pa_sum_shared(&sharing, &no_sets), "sums.sets must not be NULL");
  REFUSED(pa_plan_triplets(&triplets, &plan), "plan.bands must equal pa_plan_bands(n), 3; got 7");
  REFUSED(pa_planned_gradient(&three, &plan, &loss, out, &nats), "plan.bands must equal pa_plan_bands(n), 3; got 7");
  REFUSED(pa_ranks(x, PA_BFLOAT16, 3, 0, NULL, NULL), "values.type must be PA_FLOAT32 or PA_FLOAT64; got 3");
  REFUSED(pa_rank_sums(&first, &second, items, 3, (const uint8_t*)x, 1, out), "second.m must equal first.m, 1; got 2");
  REFUSED(pa_inversions((const uint32_t*)x, NULL, 3, NULL), "count must not be NULL");
}

static void check_texts(void) {
  check_that(strcmp(pa_status_text(PA_OK), "no error") == 0, "PA_OK has a text");
  check_that(strcmp(pa_status_text((pa_status)99), "no pa_status") == 0, "a number that is no status has a text");
  check_that(pa_row_squares(NULL, out) == PA_BAD_ARGUMENT && pa_set_isa(NULL) == PA_UNKNOWN_ISA, "NULL is no name");
  check_that(pa_row_squares(&rows, out) == PA_OK, "a call that fits is not refused");
  check_that(strcmp(pa_status_text(PA_BAD_ARGUMENT), "an argument is outside of its range") == 0,
             "the text of a refusal is gone after the next call");
  check_that(strcmp(pa_version(), PA_VERSION) == 0, "library and header have one version");
}

void check_sizes(void) {
  check_rows_and_matrices();
  check_triplet_calls();
  check_lists();
  check_texts();
}
