// planned.cpp: the gradient pass over triplets in the order of a plan (plan.cpp), for fits that repeat it.
//
// What costs time in gradient.cpp are reads and additions at random places of two (n, n) matrices, which wait for
// memory. A plan sorts the triplets by item 0, then item 1: the similarities 01 and 02 and their derivatives then lie
// in one row of each matrix, in L1. Those of pair 12 are fetched and added in the order of a second list, sorted by
// bands of rows of item 1 that fit in L2. A value per triplet carries them from the one order to the other: each pair
// of bands is one stretch of both lists, in the same order, so that it is written and read front to back.
//
// Division of the work: three passes, each with the bands in parallel. First, a band of item 1 looks its values up.
// Second, a band of item 0 takes its triplets: two similarities of the row, the carried third; the residuals of two
// pairs are added to the row, the third replaces the carried value. Third, a band of item 1 adds its values. Every
// element is summed in the order of the plan, whatever the number of threads. Triplets that all name one item 0 keep
// one thread busy in the second pass.
#include "plan.h"
#include "residuals.h"

namespace PA_ISA {
namespace {

template <class T>
struct Pass {
  const pa_triplet_plan* plan;
  const T* similarities;
  int64_t stride;
  const T* targets;
  Loss<T> loss;
  T *gradient, *values;  // (n, n); (t,) for the pairs 12, in the order of plan->others
};

struct Span {
  int64_t first, end;
};

Span rows_of_band(const pa_triplet_plan* plan, int64_t band) {
  return {band << plan->shift, smaller(plan->n, (band + 1) << plan->shift)};
}

// Of item 1: its part of `others`.
Span others_of_band(const pa_triplet_plan* plan, int64_t band) {
  return {plan->second[band], band + 1 < plan->bands ? plan->second[band + 1] : plan->t};
}

// Asks for rows that random look-ups would otherwise wait for one by one, unless these need few of their lines.
template <class T>
void request(const T* matrix, int64_t stride, int64_t n, Span rows, int64_t look_ups) {
  if (look_ups < (rows.end - rows.first) * n * int64_t(sizeof(T)) / 64 / 2) return;
  for (int64_t i = rows.first; i < rows.end; ++i)
    for (int64_t j = 0; j < n; j += 64 / int64_t(sizeof(T))) prefetch_to_l2(matrix + i * stride + j);
}

template <class T>
void look_up(const Pass<T>& pass, int64_t band) {
  const pa_triplet_plan* plan = pass.plan;
  const Span part = others_of_band(plan, band);
  request(pass.similarities, pass.stride, plan->n, rows_of_band(plan, band), part.end - part.first);
  const uint16_t* item = plan->others + 2 * part.first;
  for (int64_t p = part.first; p < part.end; ++p, item += 2)
    pass.values[p] = pass.similarities[item[0] * pass.stride + item[1]];
}

// The similarities of triplets q .. q + count; place[r]: which value belongs to triplet r.
template <class T>
void gather(const Pass<T>& pass, int64_t q, int64_t count, int64_t* next, Pairs<T>* pairs, int64_t* place) {
  const uint16_t* item = pass.plan->items + 3 * q;
  const int shift = pass.plan->shift;
  for (int64_t r = 0; r < count; ++r, item += 3) {
    const T* row = pass.similarities + item[0] * pass.stride;
    const int64_t at = next[item[1] >> shift]++;
    place[r] = at;
    pairs->p01[r] = row[item[1]];
    pairs->p02[r] = row[item[2]];
    pairs->p12[r] = pass.values[at];
  }
}

template <class T>
void scatter(const Pass<T>& pass, int64_t q, int64_t count, const Pairs<T>& pairs, const int64_t* place) {
  const uint16_t* item = pass.plan->items + 3 * q;
  for (int64_t r = 0; r < count; ++r, item += 3) {
    T* row = pass.gradient + item[0] * pass.plan->n;
    row[item[1]] += pairs.p01[r];
    row[item[2]] += pairs.p02[r];
    pass.values[place[r]] = pairs.p12[r];
  }
}

// The triplets of a band of item 0; returns their cross-entropy.
template <class T>
double take_band(const Pass<T>& pass, int64_t band) {
  const pa_triplet_plan* plan = pass.plan;
  const Span rows = rows_of_band(plan, band);
  Pairs<T> pairs;
  int64_t place[kTripletBlock], next[kMostBands];
  double cross_entropy = 0.0;
  memset(pass.gradient + rows.first * plan->n, 0, (rows.end - rows.first) * plan->n * sizeof(T));
  memcpy(next, plan->second + band * plan->bands, plan->bands * sizeof *next);
  for (int64_t q = plan->first[band], end = plan->first[band + 1]; q < end; q += kTripletBlock) {
    const int64_t count = smaller(kTripletBlock, end - q);
    gather(pass, q, count, next, &pairs, place);
    cross_entropy += to_residuals(pass.loss, pass.targets ? pass.targets + 3 * q : nullptr, count, &pairs);
    scatter(pass, q, count, pairs, place);
  }
  return cross_entropy;
}

template <class T>
void add_values(const Pass<T>& pass, int64_t band) {
  const pa_triplet_plan* plan = pass.plan;
  const Span part = others_of_band(plan, band);
  request(pass.gradient, plan->n, plan->n, rows_of_band(plan, band), part.end - part.first);
  const uint16_t* item = plan->others + 2 * part.first;
  for (int64_t p = part.first; p < part.end; ++p, item += 2)
    pass.gradient[item[0] * plan->n + item[1]] += pass.values[p];
}

template <class T>
pa_status gradient_of(Pass<T> pass, double* cross_entropy, int threads) {
  const int64_t bands = pass.plan->bands;
  const Scratch<T> values(larger(1, pass.plan->t));
  const Scratch<double> parts(larger(1, bands));
  if (!values.data || !parts.data) return PA_OUT_OF_MEMORY;
  pass.values = values.data;
#pragma omp parallel num_threads(threads) if (pass.plan -> t > kTripletBlock)
  {
#pragma omp for schedule(dynamic)
    for (int64_t band = 0; band < bands; ++band) look_up(pass, band);
#pragma omp for schedule(dynamic)
    for (int64_t band = 0; band < bands; ++band) parts.data[band] = take_band(pass, band);
#pragma omp for schedule(dynamic)
    for (int64_t band = 0; band < bands; ++band) add_values(pass, band);
  }
  *cross_entropy = 0.0;
  for (int64_t band = 0; band < bands; ++band) *cross_entropy += parts.data[band];
  return PA_OK;
}

template <class T>
Pass<T> pass_of(const pa_matrix* similarities, const pa_triplet_plan* plan, const pa_triplet_loss* loss,
                void* gradient) {
  return {plan,
          static_cast<const T*>(similarities->data),
          similarities->stride,
          static_cast<const T*>(loss->targets),
          Loss<T>(loss),
          static_cast<T*>(gradient),
          nullptr};
}

}  // namespace

pa_status planned_gradient(const pa_matrix* similarities, const pa_triplet_plan* plan, const pa_triplet_loss* loss,
                           void* gradient, double* cross_entropy, int threads) {
  if (similarities->type == PA_FLOAT32)
    return gradient_of(pass_of<float>(similarities, plan, loss, gradient), cross_entropy, threads);
  return gradient_of(pass_of<double>(similarities, plan, loss, gradient), cross_entropy, threads);
}

}  // namespace PA_ISA
