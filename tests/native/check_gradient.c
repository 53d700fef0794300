// check_gradient.c: pa_triplet_gradient, and pa_planned_gradient after pa_plan_triplets, against a plain loop in
// double, which adds in the order of the triplets.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

// Around blocks of 512, chunks of 16,384 and a slab of 64 chunks; rows around the bands of 256 KiB.
static const Sizes triplet_counts = {8, {0, 1, 511, 513, 16384, 16385, 3 * 16384 + 7, 64 * 16384 + 5}};
static const Sizes few_triplet_counts = {4, {0, 1, 513, 2 * 16384 + 5}};
static const Sizes row_counts = {8, {3, 4, 61, 64, 65, 255, 256, 700}};
static const Sizes few_row_counts = {3, {3, 61, 300}};

// c->out holds the cross-entropy, then the gradient (n, n), then a few bytes that nobody may write.
typedef struct {
  Case base;
  const Questions* questions;
  const void *matrix, *targets;
  int64_t n, stride;
  double temperature, scale;
  int alternatives;
  pa_float_type type;
  const double *gradient, *size;  // (n, n): the sum, and that of the magnitudes of what is added
  double cross_entropy;
} GradientCase;

static char* gradient_of(const GradientCase* p) { return (char*)p->base.out + sizeof(double); }

static pa_matrix similarities_of(const GradientCase* p) {
  const pa_matrix similarities = {p->matrix, p->n, p->n, p->stride, p->type};
  return similarities;
}

static pa_status run_gradient(Case* c) {
  const GradientCase* p = (const GradientCase*)c;
  const pa_matrix similarities = similarities_of(p);
  const pa_triplet_loss loss = {p->targets, p->temperature, p->scale, p->alternatives};
  return pa_triplet_gradient(&similarities, &p->questions->triplets, &loss, gradient_of(p), c->out);
}

typedef struct {
  pa_triplet_plan plan;
  char* targets;  // in the order of the plan
} Planned;

static Planned make_plan(const GradientCase* p) {
  const int64_t t = p->questions->triplets.t;
  Planned planned;
  pa_triplet_plan* plan = &planned.plan;
  plan->n = p->n;
  plan->t = t;
  plan->bands = pa_plan_bands(p->n, &plan->shift);
  plan->items = allocate((size_t)(3 * t + 1) * sizeof(uint16_t));
  plan->others = allocate((size_t)(2 * t + 1) * sizeof(uint16_t));
  plan->order = allocate((size_t)(t + 1) * sizeof(int64_t));
  plan->first = allocate((size_t)(plan->bands + 1) * sizeof(int64_t));
  plan->second = allocate((size_t)(plan->bands * plan->bands) * sizeof(int64_t));
  planned.targets = allocate((size_t)(3 * t + 1) * size_of(p->type));
  return planned;
}

static void free_plan(Planned* planned) {
  free(planned->targets);
  free(planned->plan.second);
  free(planned->plan.first);
  free(planned->plan.order);
  free(planned->plan.others);
  free(planned->plan.items);
}

static pa_status run_planned(Case* c) {
  const GradientCase* p = (const GradientCase*)c;
  Planned planned = make_plan(p);
  pa_status status = pa_plan_triplets(&p->questions->triplets, &planned.plan);
  if (status == PA_OK && p->targets)
    for (int64_t q = 0; q < planned.plan.t; ++q)
      for (int k = 0; k < 3; ++k)
        put(planned.targets, p->type, 3 * q + k, get(p->targets, p->type, 3 * planned.plan.order[q] + k));
  const pa_matrix similarities = similarities_of(p);
  const pa_triplet_loss loss = {p->targets ? planned.targets : NULL, p->temperature, p->scale, p->alternatives};
  if (status == PA_OK) status = pa_planned_gradient(&similarities, &planned.plan, &loss, gradient_of(p), c->out);
  free_plan(&planned);
  return status;
}

static int right_gradient(Case* c) {
  const GradientCase* p = (const GradientCase*)c;
  const double u = unit(p->type), t = (double)p->questions->triplets.t;
  const double *got = c->out, in_order = ldexp(t * p->cross_entropy, -52);
  const double entropy_margin = 64.0 * u * (p->cross_entropy + t) + in_order;
  if (!(fabs(*got - p->cross_entropy) <= entropy_margin))
    return complain(c, "cross entropy is %.12g, not %.12g", *got, p->cross_entropy);
  for (int64_t k = 0; k < p->n * p->n; ++k) {
    const double value = get(gradient_of(p), p->type, k), margin = u * (256.0 + t / (double)p->n) * p->size[k];
    if (!(fabs(value - p->gradient[k]) <= margin))
      return complain(c, "element [%lld, %lld] is %.9g, not %.9g +- %.2g", (long long)(k / p->n), (long long)(k % p->n),
                      value, p->gradient[k], margin);
  }
  const size_t used = sizeof(double) + (size_t)(p->n * p->n) * size_of(p->type);
  return untouched((char*)c->out + used, c->bytes - used) || complain(c, "wrote past the end");
}

static void add(double* gradient, double* size, int64_t k, double value) {
  gradient[k] += value;
  size[k] += fabs(value);
}

// The triplet number q of items a, b, c by the definition; returns its cross-entropy.
static double add_triplet(const GradientCase* p, int64_t q, double* gradient, double* size) {
  const int64_t* item = p->questions->plain + 3 * q;
  const int64_t at[3] = {item[0] * p->n + item[1], item[0] * p->n + item[2], item[1] * p->n + item[2]};
  const int64_t from[3] = {item[0] * p->stride + item[1], item[0] * p->stride + item[2], item[1] * p->stride + item[2]};
  double a[3], y[3] = {1.0, 0.0, 0.0}, top = -INFINITY, z = 0.0, cross_entropy = 0.0;
  if (p->targets)  // pair k is left when position 2 - k is odd
    for (int k = 0; k < p->alternatives; ++k) y[k] = get(p->targets, p->type, 3 * q + 2 - k);
  for (int k = 0; k < p->alternatives; ++k) top = fmax(top, a[k] = get(p->matrix, p->type, from[k]) / p->temperature);
  for (int k = 0; k < p->alternatives; ++k) z += exp(a[k] - top);
  for (int k = 0; k < p->alternatives; ++k) {
    const double probability = exp(a[k] - top) / z;
    add(gradient, size, at[k], p->scale / p->temperature * ((y[0] + y[1] + y[2]) * probability - y[k]));
    // The first residual is the negative sum of the others, each of them a difference of what adds up to all answers.
    size[at[k]] += p->scale / p->temperature * (p->targets ? y[0] + y[1] + y[2] : k == 0 ? probability : 0.0);
    cross_entropy += y[k] * (log(z) - (a[k] - top));
  }
  return cross_entropy;
}

static void check_gradient_case(int64_t n, int64_t t, int number, int alternatives, pa_float_type type) {
  const int soft = number % 2;
  const int64_t stride = n + number % 3;
  char* matrix = allocate((size_t)(n * stride) * size_of(type));
  for (int64_t k = 0; k < n * stride; ++k) put(matrix, type, k, NAN);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) put(matrix, type, i * stride + j, (double)random_below(1 << 20) / (1 << 19));
  Questions questions = make_questions(t, n, (pa_index_type)(number % 4), layouts + number % kLayouts);
  double *gradient = allocate((size_t)(n * n) * sizeof(double)), *size = allocate((size_t)(n * n) * sizeof(double));
  for (int64_t k = 0; k < n * n; ++k) gradient[k] = size[k] = 0.0;
  char* targets = allocate((size_t)(3 * t + 1) * size_of(type));
  for (int64_t k = 0; k < 3 * t; ++k) put(targets, type, k, (double)random_below(1 << 10) / (1 << 10));
  GradientCase p = {{run_gradient, right_gradient, NULL, 0, "", ""},
                    &questions,
                    matrix,
                    soft ? targets : NULL,
                    n,
                    stride,
                    number % 5 ? 0.3 : 1.0,
                    number % 3 ? 1.0 : 0.125,
                    alternatives,
                    type,
                    gradient,
                    size,
                    0.0};
  for (int64_t q = 0; q < t; ++q) p.cross_entropy += add_triplet(&p, q, gradient, size);
  p.base.bytes = sizeof(double) + (size_t)(n * n) * size_of(type) + 16;
  p.base.out = allocate(p.base.bytes);
  snprintf(p.base.name, sizeof p.base.name, "gradient of %d, %s%s, n %lld, t %lld", alternatives,
           type == PA_FLOAT32 ? "float" : "double", soft ? ", soft" : "", (long long)n, (long long)t);
  check_case(&p.base);
  p.base.run = run_planned;
  snprintf(p.base.name, sizeof p.base.name, "planned gradient of %d, %s%s, n %lld, t %lld", alternatives,
           type == PA_FLOAT32 ? "float" : "double", soft ? ", soft" : "", (long long)n, (long long)t);
  check_case(&p.base);
  free(p.base.out);
  free(targets);
  free(size);
  free(gradient);
  free_questions(&questions);
  free(matrix);
}

static void check_refusals(void) {
  float matrix[16] = {0}, gradient[16];
  const pa_matrix similarities = {matrix, 4, 4, 4, PA_FLOAT32}, endless = {matrix, INT32_MAX, INT32_MAX, 4, PA_FLOAT32};
  const pa_triplet_loss loss = {NULL, 1.0, 1.0, 3};
  double cross_entropy;
  for (int column = 0; column < 3; ++column) {
    Questions questions = make_questions(600, 4, PA_INT32, layouts);
    set_index(&questions, 599, column, column == 1 ? -1 : 4);
    const pa_status status = pa_triplet_gradient(&similarities, &questions.triplets, &loss, gradient, &cross_entropy);
    check_that(status == PA_INVALID_TRIPLETS, "pa_triplet_gradient refuses an item out of range");
    const GradientCase p = {.questions = &questions, .n = 4, .type = PA_FLOAT32};
    Planned planned = make_plan(&p);
    check_that(pa_plan_triplets(&questions.triplets, &planned.plan) == PA_INVALID_TRIPLETS,
               "pa_plan_triplets refuses an item out of range");
    ++planned.plan.bands;
    check_that(pa_plan_triplets(&questions.triplets, &planned.plan) == PA_BAD_ARGUMENT,
               "pa_plan_triplets refuses bands that are not pa_plan_bands");
    free_plan(&planned);
    free_questions(&questions);
  }
  check_that(pa_triplet_gradient(&endless, NULL, &loss, gradient, &cross_entropy) != PA_OK,
             "pa_triplet_gradient refuses rows beyond its offsets");
}

static void check_bands(void) {
  static const int64_t most = 1 << 16;
  int shift = 0;
  for (int64_t n = 1; n <= most; n += 1 + n / 7) {
    const int64_t bands = pa_plan_bands(n, &shift);
    check_that(bands <= 64 && bands << shift >= n && (bands - 1) << shift < n, "the bands of a plan hold all items");
  }
  check_that(pa_plan_bands(most, &shift) == 64 && pa_plan_bands(most + 1, &shift) == 0,
             "a plan is for at most 65,536 items");
}

void check_gradient(void) {
  const Sizes *t = quick ? &few_triplet_counts : &triplet_counts, *n = quick ? &few_row_counts : &row_counts;
  int number = 0;
  for (int type = PA_FLOAT32; type <= PA_FLOAT64; ++type)
    for (int i = 0; i < n->count; ++i)
      for (int k = 0; k < t->count; ++k)
        if (t->values[k] < 100000 || n->values[i] == 256) {
          check_gradient_case(n->values[i], t->values[k], number, number / 2 % 2 ? 2 : 3, (pa_float_type)type);
          ++number;
        }
  check_bands();
  check_refusals();
}
