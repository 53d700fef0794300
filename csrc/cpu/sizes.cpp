// sizes.cpp: the checks of sizes.h. They take no time that depends on the sizes: what arrays hold is not looked at.
#include "sizes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "pair.h"

namespace {

constexpr int64_t kMostRows = (int64_t(1) << 31) - 1;
constexpr int64_t kMostTriplets = int64_t(1) << 60;  // byte counts don't overflow
constexpr int64_t kMostApart = int64_t(1) << 59;     // elements from the first row to the last; likewise
constexpr int64_t kMostSums = int64_t(1) << 54;      // of resamples, of which each of 64 pieces has its own
constexpr int64_t kMostRanked = (int64_t(1) << 30) - 1;

thread_local char text[200];

bool refuse(const char* format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  return false;
}

bool is_there(const void* pointer, const char* name) { return pointer || refuse("%s must not be NULL", name); }

bool from_to(int64_t value, int64_t least, int64_t most, const char* name) {
  return (least <= value && value <= most) ||
         refuse("%s must be from %lld to %lld; got %lld", name, (long long)least, (long long)most, (long long)value);
}

bool equals(int64_t value, int64_t wanted, const char* name, const char* other) {
  return value == wanted ||
         refuse("%s must equal %s, %lld; got %lld", name, other, (long long)wanted, (long long)value);
}

// An array of `count` elements, which may be NULL where there are none.
bool array(const void* data, int64_t count, int64_t size, const char* name) {
  if (count > 0 && !is_there(data, name)) return false;
  return uintptr_t(data) % uintptr_t(size) == 0 || refuse("%s must be aligned to its elements", name);
}

int64_t shared(int64_t most, int64_t among) { return most / (among > 1 ? among : 1); }

// The distance from one of `count` rows to the next: the last must be where an address can be.
bool stride(int64_t value, int64_t count, const char* owner, const char* name) {
  const int64_t most = shared(kMostApart, count - 1);
  return count <= 1 || (-most <= value && value <= most) ||
         refuse("%s%s must be from %lld to %lld; got %lld", owner, name, (long long)-most, (long long)most,
                (long long)value);
}

bool is_float(pa_float_type type, const char* name) {
  return type == PA_FLOAT32 || type == PA_FLOAT64 ||
         refuse("%s.type must be PA_FLOAT32 or PA_FLOAT64; got %d", name, int(type));
}

int64_t size_of(pa_float_type type) { return type == PA_FLOAT64 ? 8 : 4; }

// Rows that are read may overlap: of windows over a series, or one row many times.
bool matrix(const pa_matrix* m, const char* name, int64_t most = kMostRows) {
  if (!is_there(m, name) || !is_float(m->type, name)) return false;
  if (m->n < 0 || m->n > most)
    return refuse("%s must have from 0 to %lld rows; got %lld", name, (long long)most, (long long)m->n);
  if (m->d < 0 || m->d > kMostTriplets) return refuse("%s.d must be 0 or more; got %lld", name, (long long)m->d);
  return stride(m->stride, m->n, name, ".stride") && array(m->data, m->n * (m->d > 0), size_of(m->type), name);
}

bool square(const pa_matrix* m, const char* name) {
  return matrix(m, name) &&
         (m->n == m->d || refuse("%s must be square; got %lld rows of %lld", name, (long long)m->n, (long long)m->d));
}

bool three(const pa_matrix* m, const char* name) {
  return matrix(m, name, kMostTriplets) && equals(m->d, 3, "similarities.d", "the number of pairs") &&
         (m->n <= 1 || equals(m->stride, 3, "similarities.stride", "the number of pairs"));
}

bool rows(const pa_rows* r, const char* name, pa_pair pair) {
  if (!is_there(r, name) || !matrix(&r->values, name)) return false;
  if (!has_terms(pair) || r->values.n == 0) return true;
  return array(r->terms, 1, 8, "terms of this pair kernel");
}

bool rows(const pa_rows* r, const char* name) {
  if (!is_there(r, name)) return false;
  if (int(r->pair) < 0 || int(r->pair) >= PA_PAIR_COUNT)
    return refuse("%s.pair is no pair kernel: %d", name, int(r->pair));
  return rows(r, name, r->pair);
}

// (n, d) to be written, with rows that do not overlap.
bool output(void* out, int64_t n, int64_t d, int64_t apart, pa_float_type type) {
  if (n > 1 && -d < apart && apart < d)
    return refuse("out_stride must be %lld or more; got %lld", (long long)d, (long long)apart);
  return stride(apart, n, "out_stride", "") && array(out, n > 0 && d > 0, size_of(type), "out");
}

bool triplets(const pa_triplets* q) {
  if (!is_there(q, "triplets") || !from_to(q->t, 0, kMostTriplets, "triplets.t")) return false;
  if (int(q->type) < 0 || q->type > PA_INT64) return refuse("triplets.type is no pa_index_type: %d", int(q->type));
  if (!stride(q->row_stride, q->t, "triplets", ".row_stride")) return false;
  if (!stride(q->column_stride, q->t > 0 ? 3 : 0, "triplets", ".column_stride")) return false;
  return array(q->data, q->t, q->type == PA_INT64 ? 8 : q->type == PA_INT32 ? 4 : 2, "triplets.data");
}

bool is_positive(double value, const char* name) {
  return value > 0 || refuse("%s must be above 0; got %g", name, value);
}

bool wanted(const pa_wanted* want, pa_float_type type) {
  if (!is_there(want, "want")) return false;
  if ((want->probabilities || want->sums) && !is_positive(want->temperature, "temperature")) return false;
  return array(want->probabilities, 0, size_of(type), "probabilities") &&
         array(want->similarities, 0, size_of(type), "similarities") && array(want->sums, 0, 8, "sums");
}

bool two_or_three(int alternatives) { return from_to(alternatives, 2, 3, "alternatives"); }

bool loss_of(const pa_triplet_loss* loss, const pa_matrix* s, void* gradient, double* cross_entropy) {
  return is_there(loss, "loss") && two_or_three(loss->alternatives) && is_positive(loss->temperature, "temperature") &&
         array(loss->targets, 0, size_of(s->type), "targets") && array(gradient, s->n, size_of(s->type), "gradient") &&
         array(cross_entropy, 1, 8, "cross_entropy");
}

bool resamples(const pa_resamples* r, int64_t t) {
  if (!is_there(r, "resamples") || !from_to(r->v, 0, kMostRows, "resamples.v")) return false;
  if (!from_to(r->v, 0, shared(kMostTriplets, t), "resamples.v")) return false;
  if (r->lanes < 64 || r->lanes % 64)
    return refuse("resamples.lanes must be a multiple of 64; got %lld", (long long)r->lanes);
  if (!from_to(r->lanes, 64, shared(kMostSums, 1 + r->v), "resamples.lanes")) return false;
  return array(r->values, r->v > 0 && t > 0, 2, "resamples.values") && array(r->sums, r->lanes, 8, "resamples.sums");
}

bool order_of(const pa_rank_order* order, const char* name) {
  return is_there(order, name) && from_to(order->m, 0, kMostRanked, name) && array(order->items, order->m, 4, name) &&
         array(order->last, order->m, 1, name);
}

bool plan_of(const pa_triplet_plan* plan) {
  if (!is_there(plan, "plan") || !from_to(plan->n, 0, kMostRows, "plan.n")) return false;
  int shift = 0;
  const int64_t bands = pa_plan_bands(plan->n, &shift);
  if (bands == 0 && plan->n > 0) return refuse("plan.n must be at most 65536; got %lld", (long long)plan->n);
  return equals(plan->bands, bands, "plan.bands", "pa_plan_bands(n)") &&
         equals(plan->shift, shift, "plan.shift", "that of pa_plan_bands(n)") &&
         from_to(plan->t, 0, kMostTriplets, "plan.t") && array(plan->items, plan->t, 2, "plan.items") &&
         array(plan->others, plan->t, 2, "plan.others") && array(plan->order, plan->t, 8, "plan.order") &&
         array(plan->first, bands, 8, "plan.first") && array(plan->second, bands, 8, "plan.second");
}

bool sharing_of(const pa_sharing* s) {
  return is_there(s, "sharing") && from_to(s->n, 0, kMostRows, "sharing.n") &&
         from_to(s->t, 0, kMostRows, "sharing.t") && array(s->start, 1, 8, "sharing.start") &&
         array(s->rows, s->t, 4, "sharing.rows") && array(s->others, s->t, 4, "sharing.others") &&
         array(s->pairs, 1, 8, "sharing.pairs") && array(s->sets, 1, 8, "sharing.sets");
}

}  // namespace

namespace sizes {

const char* refusal() { return text; }
void forget_refusal() { text[0] = 0; }

bool row_squares(const pa_matrix* x, double* out) { return matrix(x, "x") && array(out, x->n, 8, "out"); }

bool center_rows(const pa_matrix* x, void* out) { return matrix(x, "x") && output(out, x->n, x->d, x->d, x->type); }

bool shift_rows(const pa_matrix* x, const void* shift, void* out) {
  return center_rows(x, out) && array(shift, 1, size_of(x->type), "shift");
}

bool similarity(const pa_rows* x, const pa_rows* y, void* out, int64_t out_stride) {
  if (!rows(x, "x")) return false;
  const pa_matrix &left = x->values, &right = y ? y->values : left;
  if (y && !rows(y, "y", x->pair)) return false;
  return equals(right.d, left.d, "y.d", "x.d") && equals(right.type, left.type, "y.type", "x.type") &&
         output(out, left.n, right.n, out_stride, left.type);
}

bool product(const pa_matrix* x, const pa_matrix* y, void* out, int64_t out_stride) {
  return matrix(x, "x") && matrix(y, "y") && equals(y->n, x->d, "y.n", "x.d") &&
         equals(y->type, x->type, "y.type", "x.type") && output(out, x->n, y->d, out_stride, x->type);
}

bool add_transpose(void* a, pa_float_type type, int64_t n) {
  return is_float(type, "a") && from_to(n, 0, kMostRows, "n") && array(a, n, size_of(type), "a");
}

bool permuted_products(const pa_matrix* a, const pa_matrix* b, const int32_t* orders, int64_t count, double* out) {
  return square(a, "a") && square(b, "b") && equals(b->n, a->n, "b.n", "a.n") &&
         equals(b->type, a->type, "b.type", "a.type") && from_to(count, 0, shared(kMostTriplets, a->n), "count") &&
         array(orders, count * (a->n > 0), 4, "orders") && array(out, count, 8, "out");
}

bool topk(const pa_matrix* s, int64_t k, int64_t own, int32_t* indices) {
  if (!matrix(s, "s") || !from_to(s->d, 1, kMostRows, "s.d") || !from_to(k, 1, s->d - (own >= 0), "k")) return false;
  return (own < 0 || from_to(own, 0, s->d - s->n, "own")) && array(indices, s->n, 4, "indices");
}

bool check_triplets(const pa_triplets* q, int64_t n, pa_triplet_check* report) {
  return triplets(q) && from_to(n, 0, INT64_MAX, "n") && array(report, 1, 8, "report");
}

bool triplets_from_matrix(const pa_matrix* similarities, const pa_triplets* q, const pa_wanted* want) {
  return square(similarities, "similarities") && triplets(q) && wanted(want, similarities->type);
}

bool triplets_from_rows(const pa_rows* x, const pa_triplets* q, const pa_wanted* want) {
  return rows(x, "x") && triplets(q) && wanted(want, x->values.type);
}

bool triplets_in_buckets(const pa_rows* x, const pa_triplets* q, const pa_wanted* want) {
  return triplets_from_rows(x, q, want);
}

bool pair_products(const pa_matrix* x, const pa_triplets* q, const void* weights, void* out) {
  return matrix(x, "x") && from_to(x->n, 0, 1 << 20, "x.n") && triplets(q) &&
         array(weights, q->t, size_of(x->type), "weights") && output(out, x->n, x->d, x->d, x->type);
}

bool outcomes(const pa_matrix* similarities, int alternatives, double temperature, int8_t*, void* cross_entropy,
              void* entropy) {
  if (!three(similarities, "similarities") || !two_or_three(alternatives)) return false;
  return (!(cross_entropy || entropy) || is_positive(temperature, "temperature")) &&
         array(cross_entropy, 0, size_of(similarities->type), "cross_entropy") &&
         array(entropy, 0, size_of(similarities->type), "entropy");
}

bool resample_items(const pa_triplets* q, int64_t n, const uint8_t* multiplicities, const pa_resamples* r) {
  return triplets(q) && from_to(n, 0, kMostRows, "n") && resamples(r, q->t) &&
         from_to(r->lanes, 64, shared(kMostTriplets, n), "resamples.lanes") &&
         array(multiplicities, n, 1, "multiplicities");
}

bool resample_rows(int64_t t, const uint32_t* keys, const pa_resamples* r) {
  return from_to(t, 0, (int64_t(1) << 32) - 1, "t") && resamples(r, t) && array(keys, r->lanes, 4, "keys");
}

bool share_triplets(const pa_triplets* q, const pa_sharing* sharing) {
  return triplets(q) && sharing_of(sharing) && equals(sharing->t, q->t, "sharing.t", "triplets.t");
}

bool sum_shared(const pa_sharing* sharing, const pa_shared_sums* sums) {
  if (!sharing_of(sharing) || !is_there(sums, "sums")) return false;
  const int64_t bytes = sums->bytes;
  if (bytes != 1 && bytes != 2 && bytes != 8) return refuse("sums.bytes must be 1, 2 or 8; got %lld", (long long)bytes);
  if (!from_to(sums->k, 1, kMostRows, "sums.k") || !from_to(sums->last, 0, sharing->n, "sums.last")) return false;
  if (!from_to(sums->k, 1, shared(kMostApart, 3 * sharing->t), "sums.k")) return false;
  if (!from_to(sums->first, 0, sums->last, "sums.first")) return false;
  const int64_t objects = sums->last - sums->first, some = sharing->t * (objects > 0);
  return array(sums->values, sharing->t, bytes, "sums.values") && array(sums->objects, objects, 8, "sums.objects") &&
         array(sums->pairs, some, 8, "sums.pairs") && array(sums->sets, some, 8, "sums.sets");
}

bool temperature_sums(const pa_matrix* similarities, int alternatives, const double* targets, const double* weights,
                      double beta, double* confidences, pa_loss_sums* sums) {
  return three(similarities, "similarities") && two_or_three(alternatives) && array(targets, 0, 8, "targets") &&
         array(weights, 0, 8, "weights") && (beta >= 0 || refuse("beta must be 0 or more; got %g", beta)) &&
         array(confidences, 0, 8, "confidences") && array(sums, 1, 8, "sums");
}

bool triplet_gradient(const pa_matrix* similarities, const pa_triplets* q, const pa_triplet_loss* loss, void* gradient,
                      double* cross_entropy) {
  return square(similarities, "similarities") && triplets(q) && loss_of(loss, similarities, gradient, cross_entropy);
}

bool plan_triplets(const pa_triplets* q, const pa_triplet_plan* plan) {
  return triplets(q) && plan_of(plan) && equals(plan->t, q->t, "plan.t", "triplets.t");
}

bool planned_gradient(const pa_matrix* similarities, const pa_triplet_plan* plan, const pa_triplet_loss* loss,
                      void* gradient, double* cross_entropy) {
  return square(similarities, "similarities") && plan_of(plan) &&
         equals(plan->n, similarities->n, "plan.n", "similarities.n") &&
         loss_of(loss, similarities, gradient, cross_entropy);
}

bool ranks(const void* values, pa_float_type type, int64_t m, int64_t at_once, int32_t* order, int32_t* twice) {
  return is_float(type, "values") && from_to(m, 0, kMostRanked, "m") && from_to(at_once, 0, kMostTriplets, "at_once") &&
         array(values, m, size_of(type), "values") && array(order, 0, 4, "order") && array(twice, 0, 4, "ranks");
}

bool rank_sums(const pa_rank_order* first, const pa_rank_order* second, const int32_t* places, int64_t n,
               const uint8_t* multiplicities, int64_t b, double* sums) {
  return order_of(first, "first") && order_of(second, "second") && equals(second->m, first->m, "second.m", "first.m") &&
         array(places, first->m, 4, "places") && from_to(n, 0, kMostRows, "n") && from_to(b, 0, kMostRows, "b") &&
         array(multiplicities, n * b, 1, "multiplicities") && array(sums, b, 8, "sums");
}

bool inversions(const uint32_t* values, const int32_t* weights, int64_t m, int64_t* count) {
  return from_to(m, 0, kMostTriplets, "m") && array(values, m, 4, "values") && array(weights, 0, 4, "weights") &&
         array(count, 1, 8, "count");
}

bool choice_similarity(const pa_matrix* similarities, double temperature, void* out, int64_t out_stride) {
  return square(similarities, "similarities") && from_to(similarities->n, 3, kMostRows, "similarities.n") &&
         is_positive(temperature, "temperature") &&
         output(out, similarities->n, similarities->n, out_stride, similarities->type);
}

bool assign(const pa_matrix* values, const pa_triplets* q, int, int16_t* places, int64_t* tied) {
  if (!matrix(values, "values") || !triplets(q) || !from_to(values->d, 1, 32767, "values.d")) return false;
  if (!equals(values->type, PA_FLOAT64, "values.type", "PA_FLOAT64")) return false;
  return (values->n <= 1 || equals(values->stride, values->d, "values.stride", "values.d")) &&
         array(places, q->t, 2, "places") && array(tied, 1, 8, "tied");
}

}  // namespace sizes
