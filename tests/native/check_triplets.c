// check_triplets.c: pa_triplets_from_matrix, pa_triplets_from_rows and pa_triplets_in_buckets: choices, probabilities,
// similarities and sums.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const Sizes triplet_counts = {9, {0, 1, 511, 512, 513, 16383, 16384, 16385, 3 * 16384 + 7}};
static const Sizes few_triplet_counts = {4, {0, 1, 513, 16385}};
static const Sizes feature_counts = {12, {1, 2, 3, 15, 16, 17, 127, 128, 129, 255, 256, 257}};
static const Sizes few_feature_counts = {3, {1, 17, 129}};

enum { CHOICES = 1, PROBABILITIES = 2, SUMS = 4, SIMILARITIES = 8, ALL = 15, kItems = 61 };
static const char* const index_names[4] = {"int16", "uint16", "int32", "int64"};

// c->out holds the sums, then (t, 3) probabilities, (t, 3) similarities and (t,) choices, then a few bytes that nobody
// may write.
typedef struct {
  Case base;
  const Questions* questions;
  pa_matrix matrix;  // of NULL: from the rows
  pa_rows rows;
  double temperature;
  pa_float_type type;
  const Expected* expected;  // (kItems, kItems)
  int exact;                 // similarities are equal exactly where their ranks are
  int wanted;
  const struct Answer* answers;  // (t,)
  int buckets;
} TripletCase;

static void* probabilities_of(const TripletCase* p) { return (char*)p->base.out + sizeof(pa_sums); }

static size_t three_each(const TripletCase* p) { return (size_t)(3 * p->questions->triplets.t) * size_of(p->type); }

static void* similarities_of(const TripletCase* p) { return (char*)probabilities_of(p) + three_each(p); }

static int8_t* choices_of(const TripletCase* p) { return (int8_t*)similarities_of(p) + three_each(p); }

static pa_status run_triplets(Case* c) {
  const TripletCase* p = (const TripletCase*)c;
  const pa_wanted want = {
      p->wanted & CHOICES ? choices_of(p) : NULL, p->wanted & PROBABILITIES ? probabilities_of(p) : NULL,
      p->wanted & SIMILARITIES ? similarities_of(p) : NULL, p->wanted & SUMS ? (pa_sums*)c->out : NULL, p->temperature};
  if (p->matrix.data) return pa_triplets_from_matrix(&p->matrix, &p->questions->triplets, &want);
  if (p->buckets) return pa_triplets_in_buckets(&p->rows, &p->questions->triplets, &want);
  return pa_triplets_from_rows(&p->rows, &p->questions->triplets, &want);
}

// One triplet by the definition. Pairs are named by the position that they leave out: 0 is (1, 2), 2 the human pair.
typedef struct Answer {
  int at_maximum, odd, human;  // odd: -1 for a tie; human: the human pair is at the maximum
  int sure;                    // rounding cannot have changed these
  double p[3], p_margin[3], cross_entropy, entropy, nats_margin;
  Expected s[3];
} Answer;

static Answer decide(const Expected s[3], int exact) {
  Answer answer = {0, -1, 0, 1, {0}, {0}, 0, 0, 0, {s[0], s[1], s[2]}};
  int top = 0;
  for (int k = 1; k < 3; ++k)
    if (exact ? s[k].rank > s[top].rank : s[k].value > s[top].value) top = k;
  for (int k = 0; k < 3; ++k) {
    const int equal = exact ? s[k].rank == s[top].rank : k == top;
    answer.at_maximum += equal;
    if (k == 2) answer.human = equal;
    if (!exact && k != top) answer.sure &= s[top].value - s[top].margin > s[k].value + s[k].margin;
  }
  if (answer.at_maximum == 1) answer.odd = top;
  return answer;
}

// softmax, -log p and -sum p log p. An exponent carries three roundings of its own and the margins of two similarities;
// an exponential below the smallest normal number may be that number.
static void add_nats(const Expected s[3], double temperature, pa_float_type type, Answer* answer) {
  const double u = unit(type), smallest = type == PA_FLOAT32 ? 1.7e-38 : 3.4e-308;
  const double top = fmax(s[0].value, fmax(s[1].value, s[2].value));
  const double margin = 4.0 * fmax(s[0].margin, fmax(s[1].margin, s[2].margin)) / temperature;
  double a[3], e[3], z = 0.0, longest = 0.0;
  for (int k = 0; k < 3; ++k) {
    a[k] = (s[k].value - top) / temperature;
    z += e[k] = exp(a[k]);
    longest = fmax(longest, -a[k]);
  }
  const double log_z = log(z);
  for (int k = 0; k < 3; ++k) {
    const double p = answer->p[k] = e[k] / z;
    answer->p_margin[k] = p * (16 * u + 4 * u * longest + margin * exp(margin)) + smallest;
    answer->entropy -= p > 0.0 ? p * (a[k] - log_z) : 0.0;
  }
  answer->cross_entropy = log_z - a[2];
  answer->nats_margin = u * (16 + 4 * longest) + 2 * margin;
}

static Answer answer_of(const TripletCase* p, int64_t q) {
  const int64_t *item = p->questions->plain + 3 * q, a = item[0], b = item[1], c = item[2];
  const Expected s[3] = {p->expected[b * kItems + c], p->expected[a * kItems + c], p->expected[a * kItems + b]};
  Answer answer = decide(s, p->exact);
  add_nats(s, p->temperature, p->type, &answer);
  return answer;
}

static int right_answer(TripletCase* p, int64_t q, const Answer* answer) {
  if (p->wanted & CHOICES && answer->sure && choices_of(p)[q] != answer->odd)
    return complain(&p->base, "choice %lld is %d, not %d", (long long)q, choices_of(p)[q], answer->odd);
  for (int k = 0; k < 3 && p->wanted & PROBABILITIES; ++k) {
    const double got = get(probabilities_of(p), p->type, 3 * q + k);
    if (!(fabs(got - answer->p[k]) <= answer->p_margin[k]))
      return complain(&p->base, "probability [%lld, %d] is %.9g, not %.9g +- %.2g", (long long)q, k, got, answer->p[k],
                      answer->p_margin[k]);
  }
  for (int k = 0; k < 3 && p->wanted & SIMILARITIES; ++k) {  // pairs 01, 02, 12: those without position 2, 1, 0
    const Expected want = answer->s[2 - k];
    const double got = get(similarities_of(p), p->type, 3 * q + k);
    if (!(fabs(got - want.value) <= want.margin + (p->exact ? 4 * unit(p->type) * fabs(want.value) : 0.0)))
      return complain(&p->base, "similarity [%lld, %d] is %.9g, not %.9g", (long long)q, k, got, want.value);
  }
  return 1;
}

// Counts must be equal, except that each unsure triplet may have moved one of them.
static int right_sums(TripletCase* p, const pa_sums* want, int64_t unsure, double margin) {
  const pa_sums* got = p->base.out;
  for (int k = 0; k < 5; ++k) {
    const int64_t is = k < 3 ? got->right[k] : got->ties[k - 3], must = k < 3 ? want->right[k] : want->ties[k - 3];
    if (llabs(is - must) > unsure)
      return complain(&p->base, "%s[%d] is %lld, not %lld", k < 3 ? "right" : "ties", k < 3 ? k : k - 3, (long long)is,
                      (long long)must);
  }
  if (!(fabs(got->cross_entropy - want->cross_entropy) <= margin))
    return complain(&p->base, "cross entropy is %.12g, not %.12g", got->cross_entropy, want->cross_entropy);
  if (!(fabs(got->entropy - want->entropy) <= margin))
    return complain(&p->base, "entropy is %.12g, not %.12g", got->entropy, want->entropy);
  return 1;
}

static int right_bytes(TripletCase* p) {
  const char *probabilities = probabilities_of(p), *choices = (const char*)choices_of(p);
  const char *start = p->base.out, *end = choices + p->questions->triplets.t, *last = start + p->base.bytes;
  if (!(p->wanted & SUMS) && !untouched(start, sizeof(pa_sums))) return complain(&p->base, "wrote sums unasked");
  if (!(p->wanted & PROBABILITIES) && !untouched(probabilities, three_each(p)))
    return complain(&p->base, "wrote probabilities unasked");
  if (!(p->wanted & SIMILARITIES) && !untouched(probabilities + three_each(p), three_each(p)))
    return complain(&p->base, "wrote similarities unasked");
  if (!(p->wanted & CHOICES) && !untouched(choices, (size_t)(end - choices)))
    return complain(&p->base, "wrote choices unasked");
  return untouched(end, (size_t)(last - end)) || complain(&p->base, "wrote past the end");
}

static int right_triplets(Case* c) {
  TripletCase* p = (TripletCase*)c;
  pa_sums want = {{0}, {0}, 0.0, 0.0};
  int64_t unsure = 0;
  double margin = 0.0;
  if (!right_bytes(p)) return 0;
  for (int64_t q = 0; q < p->questions->triplets.t; ++q) {
    const Answer answer = p->answers[q];
    if (!right_answer(p, q, &answer)) return 0;
    if (answer.human) ++want.right[answer.at_maximum - 1];
    if (answer.at_maximum > 1) ++want.ties[answer.at_maximum - 2];
    unsure += !answer.sure;
    want.cross_entropy += answer.cross_entropy;
    want.entropy += answer.entropy;
    margin += answer.nats_margin;
  }
  // The two sums are taken in different orders.
  margin += ldexp((double)p->questions->triplets.t * fmax(want.cross_entropy, want.entropy), -52);
  return !(p->wanted & SUMS) || right_sums(p, &want, unsure, margin);
}

static void check_outputs(TripletCase* p, int wanted) {
  const pa_triplets* triplets = &p->questions->triplets;
  p->base.run = run_triplets;
  p->base.right = right_triplets;
  p->base.bytes = sizeof(pa_sums) + (size_t)triplets->t * (6 * size_of(p->type) + 1) + 8;
  p->base.out = allocate(p->base.bytes);
  p->wanted = wanted;
  Answer* answers = allocate((size_t)triplets->t * sizeof(Answer));
  for (int64_t q = 0; q < triplets->t; ++q) answers[q] = answer_of(p, q);
  p->answers = answers;
  snprintf(p->base.name, sizeof p->base.name, "triplets from %s, %s, %s, %s, t %lld, d %lld, %s, strides %lld, %lld",
           p->matrix.data ? "a matrix"
           : p->buckets   ? "buckets"
                          : "rows",
           pair_names[p->rows.pair], p->exact ? "whole" : "real", p->type == PA_FLOAT32 ? "float" : "double",
           (long long)triplets->t, (long long)p->rows.values.d, index_names[triplets->type],
           (long long)triplets->row_stride, (long long)triplets->column_stride);
  check_case(&p->base);
  free(answers);
  free(p->base.out);
}

static double temperature_at(int number) {
  static const double all[] = {1.0, 0.07, 3.0, 25.0};
  return all[number % 4];
}

// A matrix that is not symmetric shows which of its two halves is read. Small whole numbers make ties.
static void check_matrix(int64_t t, pa_index_type index, int layout, pa_float_type type, Kind kind) {
  const int64_t stride = kItems + 3;
  char* matrix = allocate((size_t)(kItems * stride) * size_of(type));
  Expected* expected = allocate(kItems * kItems * sizeof(Expected));
  for (int64_t k = 0; k < kItems * stride; ++k) put(matrix, type, k, NAN);
  for (int64_t i = 0; i < kItems; ++i)
    for (int64_t j = 0; j < kItems; ++j) {
      const double value = kind == WHOLE ? (double)random_below(4) : 2.0 * (double)random_below(1 << 20) / (1 << 20);
      put(matrix, type, i * stride + j, value);
      const Expected e = {value, 0.0, value};
      expected[i * kItems + j] = e;
    }
  Questions questions = make_questions(t, kItems, index, layouts + layout);
  TripletCase p = {{NULL, NULL, NULL, 0, "", ""},
                   &questions,
                   {matrix, kItems, kItems, stride, type},
                   {{NULL, kItems, 0, 0, type}, NULL, PA_DOT, 0.0},
                   temperature_at((int)(t + layout)),
                   type,
                   expected,
                   1,
                   ALL,
                   NULL,
                   0};
  check_outputs(&p, ALL);
  for (int wanted = 0; wanted < ALL && t == 513; ++wanted) check_outputs(&p, wanted);
  free_questions(&questions);
  free(expected);
  free(matrix);
}

static void check_rows_route(int64_t t, int64_t d, int64_t stride, int number, pa_float_type type, Kind kind) {
  Table x = make_table(kItems, d, stride, type, kind);
  Naive* naive = naive_pairs(&x, &x);
  const int pairs = once && t > 1024 ? 1 : PA_PAIR_COUNT;  // chunks are the same for all
  for (int pair = 0; pair < pairs; ++pair) {
    const double gamma = 0.05 / (double)d;
    Expected* expected = expected_pairs(naive, &x, &x, (pa_pair)pair, gamma, kind, FROM_ROWS);
    Questions questions = make_questions(t, kItems, (pa_index_type)(number % 4), layouts + number % kLayouts);
    TripletCase p = {{NULL, NULL, NULL, 0, "", ""},
                     &questions,
                     {NULL, 0, 0, 0, type},
                     rows_for(&x, (pa_pair)pair, gamma),
                     temperature_at(number),
                     type,
                     expected,
                     kind == WHOLE,
                     ALL,
                     NULL,
                     0};
    check_outputs(&p, ALL);
    p.buckets = 1;
    check_outputs(&p, ALL);
    if (d == 17 && t == 513) check_outputs(&p, CHOICES);
    free_questions(&questions);
    free(expected);
    ++number;
  }
  free(naive);
  free_table(&x);
}

// Rows that fill several tiles and bands: the similarities must be those of the rows, bit for bit.
static void check_tiles(int64_t n, int64_t d, int64_t t, pa_float_type type, pa_pair pair) {
  Table x = make_table(n, d, d + 1, type, REAL);
  Questions questions = make_questions(t, n, PA_INT32, layouts);
  const pa_rows rows = rows_for(&x, pair, 0.05 / (double)d);
  const size_t bytes = (size_t)(3 * t) * size_of(type);
  void *from_rows = allocate(bytes), *in_buckets = allocate(bytes);
  const pa_wanted first = {NULL, NULL, from_rows, NULL, 1.0}, second = {NULL, NULL, in_buckets, NULL, 1.0};
  for (int isa = 0; set_isa(isa); ++isa) {
    memset(in_buckets, kCanary, bytes);
    const int done = pa_triplets_from_rows(&rows, &questions.triplets, &first) == PA_OK &&
                     pa_triplets_in_buckets(&rows, &questions.triplets, &second) == PA_OK;
    check_that(done && memcmp(from_rows, in_buckets, bytes) == 0, "triplets in buckets have the bits of the row route");
  }
  free(in_buckets);
  free(from_rows);
  free_questions(&questions);
  free_table(&x);
}

void check_triplets(void) {
  check_tiles(900, quick ? 300 : 1000, 16384 + 700, PA_FLOAT32, PA_COSINE);
  check_tiles(900, quick ? 150 : 523, 5000, PA_FLOAT64, PA_NEG_EUCLIDEAN);
  check_tiles(30, 3, 30000, PA_FLOAT32, PA_DOT);  // buckets that are cut
  const Sizes* t = quick ? &few_triplet_counts : &triplet_counts;
  const Sizes* d = quick ? &few_feature_counts : &feature_counts;
  for (int type = PA_FLOAT32; type <= PA_FLOAT64; ++type)
    for (int kind = WHOLE; kind <= REAL; ++kind) {
      for (int k = 0; k < t->count; ++k) {
        const int64_t count = t->values[k];
        if (once && count > 1024 && (type != PA_FLOAT32 || kind != WHOLE)) continue;  // several chunks, seen once
        for (int index = PA_INT16; index <= PA_INT64; ++index)
          for (int layout = 0; layout < kLayouts; ++layout)
            if (count < (once ? 2 : 1024) || layout == (k + index) % kLayouts)
              check_matrix(count, (pa_index_type)index, layout, (pa_float_type)type, (Kind)kind);
        check_rows_route(count, 17, 17 + k % 2, k, (pa_float_type)type, (Kind)kind);
      }
      for (int k = 0; k < d->count; ++k)
        check_rows_route(700, d->values[k], k % 3 ? d->values[k] : -d->values[k] - 1, k, (pa_float_type)type,
                         (Kind)kind);
    }
}
