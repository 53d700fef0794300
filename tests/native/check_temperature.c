// check_temperature.c: pa_temperature_sums against a plain loop by the definition.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const Sizes counts = {10, {0, 1, 2, 511, 512, 513, 16383, 16384, 16385, 3 * 16384 + 7}};
static const Sizes few_counts = {4, {0, 1, 513, 16385}};
static const double betas[4] = {0.0, 0.7, 30.0, 1e6};

enum { TARGETS = 1, WEIGHTS = 2, CONFIDENCES = 4, kSums = 6 };

// c->out holds the sums, then (t,) confidences, then a few bytes that nobody may write.
typedef struct {
  Case base;
  const void* similarities;
  const double *targets, *weights;
  int64_t t;
  pa_float_type type;
  double beta;
  int wanted, alternatives;
  double sums[kSums], rests[kSums], sizes[kSums];  // expected, what their rounding lost, and the sums of magnitudes
  const double* confidences;
} LossCase;

static double* confidences_of(const LossCase* p) { return (double*)((char*)p->base.out + sizeof(pa_loss_sums)); }

static pa_status run_loss(Case* c) {
  const LossCase* p = (const LossCase*)c;
  const pa_matrix similarities = {p->similarities, p->t, 3, 3, p->type};
  return pa_temperature_sums(&similarities, p->alternatives, p->wanted & TARGETS ? p->targets : NULL,
                             p->wanted & WEIGHTS ? p->weights : NULL, p->beta,
                             p->wanted & CONFIDENCES ? confidences_of(p) : NULL, (pa_loss_sums*)c->out);
}

static int right_loss(Case* c) {
  static const char* const names[kSums] = {"weight", "loss", "first", "second", "first_squared", "shortfall"};
  const LossCase* p = (const LossCase*)c;
  const pa_loss_sums* s = c->out;
  const double got[kSums] = {s->weight, s->loss, s->first, s->second, s->first_squared, s->shortfall};
  for (int k = 0; k < kSums; ++k)
    if (!(fabs(got[k] - p->sums[k]) <= 1e-13 * p->sizes[k]))
      return complain(c, "%s is %.17g, not %.17g", names[k], got[k], p->sums[k]);
  const int64_t written = p->wanted & CONFIDENCES ? p->t : 0;
  for (int64_t q = 0; q < written; ++q)
    if (!(fabs(confidences_of(p)[q] - p->confidences[q]) <= 1e-14))
      return complain(c, "confidence %lld is %.17g, not %.17g", (long long)q, confidences_of(p)[q], p->confidences[q]);
  const size_t used = sizeof(pa_loss_sums) + (size_t)written * sizeof(double);
  return untouched((char*)c->out + used, c->bytes - used) || complain(c, "wrote past the end");
}

// One triplet: what it adds to each sum, and the size of the numbers from which that comes.
static double add_triplet(LossCase* p, int64_t q) {
  double s[3], top = -INFINITY, z = 0.0, mean = 0.0, square = 0.0;
  for (int k = 0; k < p->alternatives; ++k) top = fmax(top, s[k] = get(p->similarities, p->type, 3 * q + k));
  for (int k = 0; k < p->alternatives; ++k) {
    const double e = exp(p->beta * (s[k] - top));
    z += e;
    mean += e * (s[k] - top);
    square += e * (s[k] - top) * (s[k] - top);
  }
  mean /= z;
  square /= z;
  const double target = (p->wanted & TARGETS ? fmin(p->targets[q], top) : s[0]) - top;
  const double w = p->wanted & WEIGHTS ? p->weights[q] : 1.0, first = w * (mean - target), size = w * (2.0 - target);
  const double values[kSums] = {
      w, w * (log(z) - p->beta * target), first, w * (square - mean * mean), first * first, -w * target};
  const double sizes[kSums] = {w, w * (2.0 - p->beta * target), size, w * (2.0 + square), size * size, size};
  for (int k = 0; k < kSums; ++k) {
    // Compensated (Kahan): of one value again and again, as log 2 for beta = 0, every addition rounds the same way.
    const double value = values[k] - p->rests[k], sum = p->sums[k] + value;
    p->rests[k] = (sum - p->sums[k]) - value;
    p->sums[k] = sum;
    p->sizes[k] += sizes[k];
  }
  return 1.0 / z;
}

static void check_loss_case(int64_t t, int number, int alternatives, pa_float_type type) {
  char* similarities = allocate((size_t)(3 * t + 1) * size_of(type));
  double *targets = allocate((size_t)(t + 1) * sizeof(double)), *weights = allocate((size_t)(t + 1) * sizeof(double)),
         *confidences = allocate((size_t)(t + 1) * sizeof(double));
  for (int64_t k = 0; k < 3 * t; ++k) put(similarities, type, k, (double)random_below(64) / 32.0 - 1.0);  // ties too
  for (int64_t q = 0; q < t; ++q) {
    const double share = (double)random_below(5) / 4.0;
    targets[q] = share * get(similarities, type, 3 * q + 1) + (1.0 - share) * get(similarities, type, 3 * q);
    weights[q] = (double)random_below(4);
  }
  LossCase p = {{run_loss, right_loss, NULL, 0, "", ""},
                similarities,
                targets,
                weights,
                t,
                type,
                betas[number % 4],
                number % 8,
                alternatives,
                {0},
                {0},
                {0},
                confidences};
  for (int64_t q = 0; q < t; ++q) confidences[q] = add_triplet(&p, q);
  p.base.bytes = sizeof(pa_loss_sums) + (size_t)t * sizeof(double) + 16;
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "temperature of %d, %s, t %lld, beta %g, wanted %d", alternatives,
           type == PA_FLOAT32 ? "float" : "double", (long long)t, p.beta, p.wanted);
  check_case(&p.base);
  free(p.base.out);
  free(confidences);
  free(weights);
  free(targets);
  free(similarities);
}

void check_temperature(void) {
  const Sizes* t = quick ? &few_counts : &counts;
  for (int type = PA_FLOAT32; type <= PA_FLOAT64; ++type)
    for (int k = 0; k < t->count; ++k)
      for (int number = 0; number < 32; ++number)
        if (!quick || number % 5 == 0)
          check_loss_case(t->values[k], number + number / 8, 2 + number / 8 % 2, (pa_float_type)type);
}
