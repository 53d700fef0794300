// triplets.cpp: decisions, probabilities and sums over triplets, in one pass over the triplets.
//
// Division of the work. A thread takes a chunk of kChunk triplets; a chunk is worked in blocks that stay in L1: unpack
// and check the indices, fetch or compute the three similarities, then decide and sum. Each step is a plain loop that
// vectorizes. Sums are kept in float64 per chunk and added in the order of the chunks, so that they
// do not depend on the number of threads.
#include "buckets.h"
#include "choice.h"
#include "row_pairs.h"
#include "triangle.h"
#include "unpack.h"

namespace PA_ISA {
namespace {

constexpr int64_t kChunk = 32 * kTripletBlock;

template <class T>
struct Similarities {
  T s01[kTripletBlock], s02[kTripletBlock], s12[kTripletBlock];
};

constexpr int64_t kAhead = 32;  // triplets

// look_up(q) of each triplet of a block, and where these wait, request(q) kAhead triplets before it. Requests end with
// the block, since the next one is not unpacked yet.
template <class LookUp, class Request>
inline __attribute__((always_inline)) void look_up_block(int64_t count, bool waits, const ReadAhead& ahead,
                                                         LookUp look_up, Request request) {
  int64_t q = 0;
  if (waits) {
    for (int64_t first = 0; first < smaller(kAhead, count); ++first) request(first);
#pragma GCC unroll 2
    for (; q + kAhead < count; ++q) {
      request(q + kAhead);
      look_up(q);
      if (q % 2 == 0) ahead.request(q);
    }
  }
#pragma GCC unroll 4
  for (; q < count; ++q) {
    look_up(q);
    if (q % 2 == 0) ahead.request(q);
  }
}

// Three loads per triplet from a ready matrix.
template <class T>
struct FromMatrix {
  const T* similarities;
  int64_t n, stride;
  bool waits;

  explicit FromMatrix(const pa_matrix* s)
      : similarities(static_cast<const T*>(s->data)), n(s->n), stride(s->stride), waits(is_beyond_l2<T>(s)) {}

  const T* at(int64_t i, int64_t j) const { return similarities + i * stride + j; }

  void fetch(const Items& items, int64_t count, const ReadAhead& ahead, Similarities<T>* s) const {
    const int32_t *a = items.column[0], *b = items.column[1], *c = items.column[2];
    const auto look_up = [&](int64_t q) {
      s->s01[q] = *at(a[q], b[q]);
      s->s02[q] = *at(a[q], c[q]);
      s->s12[q] = *at(b[q], c[q]);
    };
    const auto request = [&](int64_t q) {
      prefetch_to_l2(at(a[q], b[q]));
      prefetch_to_l2(at(a[q], c[q]));
      prefetch_to_l2(at(b[q], c[q]));
    };
    look_up_block(count, waits, ahead, look_up, request);
  }
};

// The same from the pairs of a symmetric matrix: all places first, which vectorizes, so that the loads follow closely.
template <class T>
struct FromTriangle {
  const T* similarities;
  int64_t n;

  void fetch(const Items& items, int64_t count, const ReadAhead& ahead, Similarities<T>* s) const {
    uint32_t p01[kTripletBlock], p02[kTripletBlock], p12[kTripletBlock];
    const int32_t *a = items.column[0], *b = items.column[1], *c = items.column[2];
    for (int64_t q = 0; q < count; ++q) {
      p01[q] = place_of(a[q], b[q]);
      p02[q] = place_of(a[q], c[q]);
      p12[q] = place_of(b[q], c[q]);
    }
    const auto look_up = [&](int64_t q) {
      s->s01[q] = similarities[p01[q]];
      s->s02[q] = similarities[p02[q]];
      s->s12[q] = similarities[p12[q]];
    };
    const auto request = [&](int64_t q) {
      prefetch_to_l2(similarities + p01[q]);
      prefetch_to_l2(similarities + p02[q]);
      prefetch_to_l2(similarities + p12[q]);
    };
    look_up_block(count, true, ahead, look_up, request);
  }
};

// 3 d multiply-adds per triplet from the rows; each line of the next triplet's rows is requested while this one's is
// used, since rows of a large table come from memory in no order that the processor could foresee.
template <class T, pa_pair P>
struct FromRows {
  const pa_matrix* x;
  const double* terms;
  double gamma;
  int64_t n;

  explicit FromRows(const pa_rows* rows)
      : x(&rows->values), terms(rows->terms), gamma(rows->gamma), n(rows->values.n) {}

  T finish(double value, int64_t i, int64_t j) const { return finish_pair<T, P>(value, i, j, terms, gamma); }

  void fetch(const Items& items, int64_t count, const ReadAhead&, Similarities<T>* s) const {
    for (int64_t q = 0; q < count; ++q) {
      const int64_t next = q + 1 < count ? q + 1 : q;
      const int64_t a = items.column[0][q], b = items.column[1][q], c = items.column[2][q];
      T value[kPairsAtOnce];
      three_pairs(row<T>(x, a), row<T>(x, b), row<T>(x, c), row<T>(x, items.column[0][next]),
                  row<T>(x, items.column[1][next]), row<T>(x, items.column[2][next]), value);
      s->s01[q] = finish(value[0], a, b);
      s->s02[q] = finish(value[1], a, c);
      s->s12[q] = finish(value[2], b, c);
    }
  }

  // value: of the three, and one that is nobody's.
  void three_pairs(const T* a, const T* b, const T* c, const T* next_a, const T* next_b, const T* next_c,
                   T* value) const {
    typedef Simd<T> S;
    typedef typename S::Vector V;
    constexpr int64_t step = 2 * S::lanes;
    V s01[2] = {}, s02[2] = {}, s12[2] = {};
    const int64_t d = x->d, whole = d / step * step;
    for (int64_t k = 0; k < whole; k += step) {
      for (int64_t line = 0; line < step; line += 64 / int64_t(sizeof(T))) {
        __builtin_prefetch(next_a + k + line);
        __builtin_prefetch(next_b + k + line);
        __builtin_prefetch(next_c + k + line);
      }
#pragma GCC unroll 2
      for (int u = 0; u < 2; ++u) {
        const V va = S::load(a + k + u * S::lanes), vb = S::load(b + k + u * S::lanes),
                vc = S::load(c + k + u * S::lanes);
        s01[u] += term_of<P>(va, vb);
        s02[u] += term_of<P>(va, vc);
        s12[u] += term_of<P>(vb, vc);
      }
    }
    const V sums[kPairsAtOnce] = {s01[0] + s01[1], s02[0] + s02[1], s12[0] + s12[1]};
    sums_of_four<T>(sums, value);
    for (int64_t k = whole; k < d; ++k) {
      value[0] = add_term<P>(value[0], a[k], b[k]);
      value[1] = add_term<P>(value[1], a[k], c[k]);
      value[2] = add_term<P>(value[2], b[k], c[k]);
    }
  }
};

template <class T>
void write_choices(const Similarities<T>& s, int64_t count, int8_t* choices) {
  for (int64_t q = 0; q < count; ++q) choices[q] = int8_t(decide(s.s01[q], s.s02[q], s.s12[q]).odd);
}

template <class T>
void write_probabilities(const Similarities<T>& s, int64_t count, double temperature, T* out) {
  const T inverse = T(1.0 / temperature);
  for (int64_t q = 0; q < count; ++q) {
    const Softmax<T> m = softmax(s.s01[q], s.s02[q], s.s12[q], inverse);
    out[3 * q] = m.e12 / m.z;
    out[3 * q + 1] = m.e02 / m.z;
    out[3 * q + 2] = m.e01 / m.z;
  }
}

template <class T>
void write_similarities(const Similarities<T>& s, int64_t count, T* out) {
  for (int64_t q = 0; q < count; ++q) {
    out[3 * q] = s.s01[q];
    out[3 * q + 1] = s.s02[q];
    out[3 * q + 2] = s.s12[q];
  }
}

template <class T>
void add_counts(const Similarities<T>& s, int64_t count, pa_sums* sums) {
  int32_t right1 = 0, right2 = 0, ties2 = 0, ties3 = 0;
#pragma omp simd reduction(+ : right1, right2, ties2, ties3)
  for (int64_t q = 0; q < count; ++q) {
    const Choice<T> c = decide(s.s01[q], s.s02[q], s.s12[q]);
    right1 += c.human_pair & (c.pairs_at_maximum == 1);
    right2 += c.human_pair & (c.pairs_at_maximum == 2);
    ties2 += c.pairs_at_maximum == 2;
    ties3 += c.pairs_at_maximum == 3;
  }
  sums->right[0] += right1;
  sums->right[1] += right2;
  sums->right[2] += ties3;  // in a three-way tie the human pair is always among the three
  sums->ties[0] += ties2;
  sums->ties[1] += ties3;
}

template <class T>
void add_nats(const Similarities<T>& s, int64_t count, double temperature, pa_sums* sums) {
  const T inverse = T(1.0 / temperature);
  double cross_entropy = 0.0, entropy = 0.0;
#pragma omp simd reduction(+ : cross_entropy, entropy)
  for (int64_t q = 0; q < count; ++q) {
    const Nats<T> v = nats(s.s01[q], s.s02[q], s.s12[q], inverse);
    cross_entropy += double(v.cross_entropy);
    entropy += double(v.entropy);
  }
  sums->cross_entropy += cross_entropy;
  sums->entropy += entropy;
}

// What is wanted of the triplets start .. start + count.
template <class T>
void put_out(const Similarities<T>& s, int64_t start, int64_t count, const pa_wanted* want, pa_sums* sums) {
  if (want->choices) write_choices(s, count, want->choices + start);
  if (want->probabilities)
    write_probabilities(s, count, want->temperature, static_cast<T*>(want->probabilities) + 3 * start);
  if (want->similarities) write_similarities(s, count, static_cast<T*>(want->similarities) + 3 * start);
  if (!sums) return;
  add_counts(s, count, sums);
  add_nats(s, count, want->temperature, sums);
}

// False where the chunk holds a triplet that is not valid.
template <class T, class Source>
bool one_chunk(const Source& source, const pa_triplets* triplets, int64_t chunk, const pa_wanted* want, pa_sums* sums) {
  Items items;
  Similarities<T> s;
  const int64_t end = smaller(triplets->t, (chunk + 1) * kChunk);
  for (int64_t start = chunk * kChunk; start < end; start += kTripletBlock) {
    const int64_t count = smaller(kTripletBlock, end - start);
    if (!unpack(triplets, start, count, source.n, &items)) return false;
    source.fetch(items, count, ReadAhead(triplets, start), &s);
    put_out(s, start, count, want, sums);
  }
  return true;
}

// The same of triplets first .. end whose similarities are at hand, three each.
template <class T>
void ready_chunk(const T* values, int64_t first, int64_t end, const pa_wanted* want, pa_sums* sums) {
  Similarities<T> s;
  for (int64_t start = first; start < end; start += kTripletBlock) {
    const int64_t count = smaller(kTripletBlock, end - start);
    const T* value = values + 3 * (start - first);
    for (int64_t q = 0; q < count; ++q) {
      s.s01[q] = value[3 * q];
      s.s02[q] = value[3 * q + 1];
      s.s12[q] = value[3 * q + 2];
    }
    put_out(s, start, count, want, sums);
  }
}

void add_up(const pa_sums* parts, int64_t count, pa_sums* total) {
  memset(total, 0, sizeof *total);
  for (int64_t p = 0; p < count; ++p) {
    for (int m = 0; m < 3; ++m) total->right[m] += parts[p].right[m];
    for (int m = 0; m < 2; ++m) total->ties[m] += parts[p].ties[m];
    total->cross_entropy += parts[p].cross_entropy;
    total->entropy += parts[p].entropy;
  }
}

template <class T, class Source>
pa_status all_chunks(const Source& source, const pa_triplets* triplets, const pa_wanted* want, int threads) {
  const int64_t chunks = blocks(triplets->t, kChunk);
  const Scratch<pa_sums> parts(chunks);
  if (!parts.data) return PA_OUT_OF_MEMORY;
  memset(parts.data, 0, chunks * sizeof(pa_sums));
  int invalid = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (chunks > 1) reduction(| : invalid)
  for (int64_t chunk = 0; chunk < chunks; ++chunk)
    invalid |= !one_chunk<T>(source, triplets, chunk, want, want->sums ? parts.data + chunk : nullptr);
  if (invalid) return PA_INVALID_TRIPLETS;
  if (want->sums) add_up(parts.data, chunks, want->sums);
  return PA_OK;
}

// Puts out the chunks that buckets.cpp hands on.
template <class T>
struct ChunkTaker {
  Taker base;
  const pa_wanted* want;
  pa_sums* parts;

  static void take(const Taker* self, int64_t first, int64_t count, const void* similarities) {
    const ChunkTaker* taker = reinterpret_cast<const ChunkTaker*>(self);
    pa_sums* sums = taker->want->sums ? taker->parts + first / kChunk : nullptr;
    ready_chunk(static_cast<const T*>(similarities), first, first + count, taker->want, sums);
  }
};

template <class T>
pa_status in_buckets(const pa_rows* x, const pa_triplets* triplets, const pa_wanted* want, int threads) {
  static_assert(kChunk == kBucketChunk, "chunks of sums must be chunks of buckets");
  const int64_t chunks = blocks(triplets->t, kChunk);
  const Scratch<pa_sums> parts(chunks);
  if (!parts.data) return PA_OUT_OF_MEMORY;
  memset(parts.data, 0, chunks * sizeof(pa_sums));
  const ChunkTaker<T> taker = {{&ChunkTaker<T>::take}, want, parts.data};
  const pa_status status = bucket_similarities(x, triplets, &taker.base, threads);
  if (status == PA_OK && want->sums) add_up(parts.data, chunks, want->sums);
  return status;
}

template <class T>
pa_status from_matrix_of(const pa_matrix* similarities, const pa_triplets* triplets, const pa_wanted* want,
                         int threads) {
  const int64_t n = similarities->n;
  if (triangle_pays<T>(similarities, 3 * triplets->t)) {
    const Scratch<T> triangle(n * (n - 1) / 2);
    if (triangle.data && copy_triangle(similarities, triangle.data, threads))
      return all_chunks<T>(FromTriangle<T>{triangle.data, n}, triplets, want, threads);
  }
  return all_chunks<T>(FromMatrix<T>(similarities), triplets, want, threads);
}

template <class T>
pa_status from_rows_of(const pa_rows* x, const pa_triplets* triplets, const pa_wanted* want, int threads) {
#define PA_CASE(value, ...) \
  case value: return all_chunks<T>(FromRows<T, value>(x), triplets, want, threads);
  switch (x->pair) { PA_PAIR_KERNELS(PA_CASE) }
#undef PA_CASE
  return PA_BAD_ARGUMENT;
}

}  // namespace

pa_status triplets_from_matrix(const pa_matrix* similarities, const pa_triplets* triplets, const pa_wanted* want,
                               int threads) {
  if (similarities->type == PA_FLOAT32) return from_matrix_of<float>(similarities, triplets, want, threads);
  return from_matrix_of<double>(similarities, triplets, want, threads);
}

pa_status triplets_in_buckets(const pa_rows* x, const pa_triplets* triplets, const pa_wanted* want, int threads) {
  if (x->values.n > kMostRows) return triplets_from_rows(x, triplets, want, threads);
  if (x->values.type == PA_FLOAT32) return in_buckets<float>(x, triplets, want, threads);
  return in_buckets<double>(x, triplets, want, threads);
}

pa_status triplets_from_rows(const pa_rows* x, const pa_triplets* triplets, const pa_wanted* want, int threads) {
  if (x->values.type == PA_FLOAT32) return from_rows_of<float>(x, triplets, want, threads);
  return from_rows_of<double>(x, triplets, want, threads);
}

}  // namespace PA_ISA
