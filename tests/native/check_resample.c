// check_resample.c: pa_resample_items and pa_resample_rows against plain loops.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

// Around pairs, blocks of 64 and of 512, and the pieces of all triplets.
static const Sizes triplet_counts = {10, {0, 1, 2, 63, 64, 65, 511, 513, 1027, 40001}};
static const Sizes few_triplet_counts = {5, {0, 1, 65, 513, 1027}};
static const Sizes value_counts = {4, {0, 1, 3, 6}};

// c->out holds the sums (1 + v, lanes), then a few bytes that nobody may write.
typedef struct {
  Case base;
  const Questions* questions;
  const uint8_t* multiplicities;  // (n, lanes)
  const uint32_t* keys;           // (lanes / 64, 2, 32); NULL for weights by items
  const int16_t* values;          // (v, t)
  int64_t n, lanes, v;
  const int64_t* sums;  // (1 + v, lanes): what must come
} ResampleCase;

static pa_status run_resample(Case* c) {
  const ResampleCase* p = (const ResampleCase*)c;
  const int64_t t = p->questions->triplets.t;
  const pa_resamples resamples = {p->values, p->v, p->lanes, c->out};
  if (p->keys) return pa_resample_rows(t, p->keys, &resamples);
  return pa_resample_items(&p->questions->triplets, p->n, p->multiplicities, &resamples);
}

static int right_resample(Case* c) {
  const ResampleCase* p = (const ResampleCase*)c;
  const int64_t* got = c->out;
  for (int64_t k = 0; k < (1 + p->v) * p->lanes; ++k)
    if (got[k] != p->sums[k])
      return complain(c, "sum %lld of lane %lld is %lld, not %lld", (long long)(k / p->lanes),
                      (long long)(k % p->lanes), (long long)got[k], (long long)p->sums[k]);
  const size_t used = (size_t)((1 + p->v) * p->lanes) * sizeof(int64_t);
  return untouched((char*)c->out + used, c->bytes - used) || complain(c, "wrote past the end");
}

static int64_t poisson(int64_t row, int64_t lane, const uint32_t* keys) {
  static const uint32_t at_least[8] = {41427, 17317, 5263, 1244, 240, 39, 5, 1};
  const uint32_t* of_group = keys + lane / 64 * 64 + lane % 32;
  uint32_t x = ((uint32_t)row * 0x9e3779b1u) ^ of_group[0];
  x = (x ^ (x >> 16)) * 0x7feb352du + of_group[32];
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  x ^= x >> 16;
  const uint32_t draw = lane % 64 < 32 ? x & 0xffff : x >> 16;
  int64_t weight = 0;
  for (int k = 0; k < 8; ++k) weight += draw < at_least[k];
  return weight;
}

static int64_t weight_of(const ResampleCase* p, int64_t q, int64_t lane) {
  if (p->keys) return poisson(q, lane, p->keys);
  int64_t weight = 1;
  for (int k = 0; k < 3; ++k) weight *= p->multiplicities[p->questions->plain[3 * q + k] * p->lanes + lane];
  return weight;
}

static void check_resample_case(int64_t n, int64_t t, int64_t lanes, int64_t v, int number, int by_rows) {
  Questions questions = make_questions(t, n, (pa_index_type)(number % 4), layouts + number % kLayouts);
  uint8_t* multiplicities = allocate((size_t)(n * lanes));
  uint32_t* keys = allocate((size_t)lanes * sizeof(uint32_t));
  int16_t* values = allocate((size_t)(v * t + 1) * sizeof(int16_t));
  int64_t* sums = allocate((size_t)((1 + v) * lanes) * sizeof(int64_t));
  const int64_t most = number % 3 == 0 ? 32 : 5;  // up to the largest multiplicity; with values at their ends
  for (int64_t k = 0; k < n * lanes; ++k) multiplicities[k] = (uint8_t)random_below(most);
  for (int64_t k = 0; k < lanes; ++k) keys[k] = (uint32_t)random_below((int64_t)1 << 32);
  for (int64_t k = 0; k < v * t; ++k)
    values[k] = (int16_t)(number % 3 == 0 ? (k / t % 2 ? 32767 : -32768) : random_below(65536) - 32768);
  if (number % 3 == 0) memset(multiplicities, 31, (size_t)(n * lanes / 2));
  ResampleCase p = {{run_resample, right_resample, NULL, 0, "", ""},
                    &questions,
                    multiplicities,
                    by_rows ? keys : NULL,
                    values,
                    n,
                    lanes,
                    v,
                    sums};
  memset(sums, 0, (size_t)((1 + v) * lanes) * sizeof(int64_t));
  for (int64_t q = 0; q < t; ++q)
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const int64_t weight = weight_of(&p, q, lane);
      sums[lane] += weight;
      for (int64_t r = 0; r < v; ++r) sums[(1 + r) * lanes + lane] += weight * values[r * t + q];
    }
  p.base.bytes = (size_t)((1 + v) * lanes) * sizeof(int64_t) + 16;
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "resample by %s, n %lld, t %lld, lanes %lld, v %lld",
           by_rows ? "rows" : "items", (long long)n, (long long)t, (long long)lanes, (long long)v);
  check_case(&p.base);
  free(p.base.out);
  free(sums);
  free(values);
  free(keys);
  free(multiplicities);
  free_questions(&questions);
}

static void check_refusals(void) {
  Questions questions = make_questions(3, 5, PA_INT32, layouts);
  uint8_t multiplicities[5 * 64];
  int64_t sums[64];
  const pa_resamples resamples = {NULL, 0, 64, sums}, fewer = {NULL, 0, 60, sums};
  memset(multiplicities, 1, sizeof multiplicities);
  check_that(pa_resample_items(&questions.triplets, 5, multiplicities, &resamples) == PA_OK && sums[63] == 3,
             "three triplets of items that are drawn once weigh three");
  check_that(pa_resample_items(&questions.triplets, 5, multiplicities, &fewer) == PA_BAD_ARGUMENT,
             "lanes are a multiple of 64");
  multiplicities[100] = 32;
  check_that(pa_resample_items(&questions.triplets, 5, multiplicities, &resamples) == PA_BAD_ARGUMENT,
             "a multiplicity of 32 is refused");
  multiplicities[100] = 31;
  set_index(&questions, 1, 2, 5);
  check_that(pa_resample_items(&questions.triplets, 5, multiplicities, &resamples) == PA_INVALID_TRIPLETS,
             "an item that is not there is refused");
  free_questions(&questions);
}

void check_resample(void) {
  const Sizes* t = quick ? &few_triplet_counts : &triplet_counts;
  int number = 0;
  for (int i = 0; i < t->count; ++i)
    for (int k = 0; k < value_counts.count; ++k)
      for (int by_rows = 0; by_rows < 2; ++by_rows) {
        const int64_t lanes = t->values[i] < 5000 ? 64 * (1 + number % 3) : 64;
        check_resample_case(number % 2 ? 61 : 5, t->values[i], lanes, value_counts.values[k], number, by_rows);
        ++number;
      }
  check_refusals();
}
