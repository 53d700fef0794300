// check_outcomes.c: pa_outcomes against the definition in double.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static const Sizes triplet_counts = {7, {0, 1, 511, 512, 513, 16385, 40001}};

// c->out holds the verdicts (t,), padded to 8 bytes, then cross-entropies and entropies (t,), then a few bytes.
typedef struct {
  Case base;
  const void* similarities;  // (t, 3)
  int64_t t;
  double temperature;
  pa_float_type type;
  int alternatives;
} OutcomeCase;

static char* numbers_of(const OutcomeCase* p) { return (char*)p->base.out + (p->t + 7) / 8 * 8; }
static char* entropies_of(const OutcomeCase* p) { return numbers_of(p) + (size_t)p->t * size_of(p->type); }

static pa_status run_outcomes(Case* c) {
  const OutcomeCase* p = (const OutcomeCase*)c;
  const pa_matrix similarities = {p->similarities, p->t, 3, 3, p->type};
  return pa_outcomes(&similarities, p->alternatives, p->temperature, c->out, numbers_of(p), entropies_of(p));
}

static int near(OutcomeCase* p, const char* what, int64_t q, double got, double value) {
  const double margin = 512.0 * unit(p->type) * (1.0 + fabs(value));  // exponents of up to 80 and their roundings
  return fabs(got - value) <= margin ||
         complain(&p->base, "%s of %lld is %.9g, not %.9g", what, (long long)q, got, value);
}

static int right_outcomes(Case* c) {
  OutcomeCase* p = (OutcomeCase*)c;
  for (int64_t q = 0; q < p->t; ++q) {
    double s[3], top = -INFINITY, z = 0.0, entropy = 0.0;
    for (int k = 0; k < 3; ++k) s[k] = k < p->alternatives ? get(p->similarities, p->type, 3 * q + k) : -INFINITY;
    for (int k = 0; k < 3; ++k) top = fmax(top, s[k]);
    for (int k = 0; k < p->alternatives; ++k) z += exp((s[k] - top) / p->temperature);
    for (int k = 0; k < p->alternatives; ++k) {
      const double log_p = (s[k] - top) / p->temperature - log(z);
      entropy -= exp(log_p) * log_p;
    }
    const int pairs = (s[0] == top) + (s[1] == top) + (s[2] == top), verdict = ((int8_t*)c->out)[q];
    if (verdict != (s[0] == top ? pairs : -pairs))
      return complain(c, "verdict of %lld is %d of %d pairs", (long long)q, verdict, pairs);
    if (!near(p, "cross entropy", q, get(numbers_of(p), p->type, q), log(z) - (s[0] - top) / p->temperature) ||
        !near(p, "entropy", q, get(entropies_of(p), p->type, q), entropy))
      return 0;
  }
  const size_t used = (size_t)(entropies_of(p) - (char*)c->out) + (size_t)p->t * size_of(p->type);
  return untouched((char*)c->out + used, c->bytes - used) || complain(c, "wrote past the end");
}

static void refuse_other_alternatives(void) {
  const float three[3] = {1.0F, 2.0F, 3.0F};
  const pa_matrix similarities = {three, 1, 3, 3, PA_FLOAT32};
  pa_loss_sums sums;
  for (int alternatives = 0; alternatives < 5; ++alternatives) {
    const pa_status expected = alternatives == 2 || alternatives == 3 ? PA_OK : PA_BAD_ARGUMENT;
    check_that(pa_outcomes(&similarities, alternatives, 1.0, NULL, NULL, NULL) == expected,
               "pa_outcomes takes two or three alternatives");
    check_that(pa_temperature_sums(&similarities, alternatives, NULL, NULL, 1.0, NULL, &sums) == expected,
               "pa_temperature_sums takes two or three alternatives");
  }
}

void check_outcomes(void) {
  refuse_other_alternatives();
  const int counts = triplet_counts.count - once;  // the last has several chunks, as the one before
  for (int number = 0; number < 8 * counts; ++number) {
    const int64_t t = triplet_counts.values[number / 8];
    const int alternatives = 2 + number / 4 % 2;
    const pa_float_type type = number % 2 ? PA_FLOAT64 : PA_FLOAT32;
    void* similarities = allocate((size_t)(3 * t + 1) * size_of(type));
    for (int64_t k = 0; k < 3 * t; ++k)  // few values, so that there are ties; and reals
      put(similarities, type, k, number % 4 < 2 ? (double)random_below(3) : (double)random_below(1 << 20) / (1 << 18));
    OutcomeCase p = {
        {run_outcomes, right_outcomes, NULL, 0, "", ""}, similarities, t, number % 3 ? 0.05 : 1.0, type, alternatives};
    p.base.bytes = (size_t)((t + 7) / 8 * 8) + (size_t)(2 * t) * size_of(type) + 16;
    p.base.out = allocate(p.base.bytes);
    snprintf(p.base.name, sizeof p.base.name, "outcomes of %d, %s, t %lld, T %g", alternatives,
             type == PA_FLOAT32 ? "float" : "double", (long long)t, p.temperature);
    check_case(&p.base);
    free(p.base.out);
    free(similarities);
  }
}
