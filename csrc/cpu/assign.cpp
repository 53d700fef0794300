// assign.cpp: the largest place of the sum, or product, of the first two rows of each triplet.
//
// Division of the work. With many triplets against pairs, all pairs i < j come first: a panel holds kPanel rows side by
// side, (k, kPanel), and stays in L1 while every row i below it passes; a thread takes a panel. Of a pair a byte
// is kept (two where places need them), which triplets then look up, a chunk of them a thread. With few triplets each
// pair is computed where it occurs. Of equal values the first place counts: a later one must be larger.
#include "simd.h"
#include "unpack.h"

namespace PA_ISA {
namespace {

typedef Simd<double>::Vector Vector;
typedef Simd<double>::Mask Places;
constexpr int kDoubles = Simd<double>::lanes, kTogether = 4, kPanel = kDoubles * kTogether;
constexpr int64_t kChunk = 32 * kTripletBlock;

// What is kept of a pair, a byte where that is enough: its place, and in the highest bit whether it is tied.
template <class P>
struct Packed {
  static constexpr P tied = P(1) << (8 * sizeof(P) - 1), none = tied - 1;
  static P of(int64_t place, bool is_tied) { return place < 0 ? none : P(place | (is_tied ? tied : 0)); }
};

template <bool Product, class T>
static inline __attribute__((always_inline)) T joined(T a, T b) {
  return Product ? a * b : a + b;
}

struct Table {
  const double* rows;  // (n, k)
  int64_t n, k;
};

template <bool Product, class P>
P of_pair(const Table& table, int64_t i, int64_t j) {
  const double *a = table.rows + i * table.k, *b = table.rows + j * table.k;
  double best = 0.0;
  int64_t place = -1;
  bool tied = false;
  for (int64_t c = 0; c < table.k; ++c) {
    const double value = joined<Product>(a[c], b[c]);
    if (value == best) tied = true;
    if (value > best) {
      best = value;
      place = c;
      tied = false;
    }
  }
  return Packed<P>::of(place, tied);
}

// One row against a panel.
template <bool Product>
void of_panel(const double* row, const double* panel, int64_t k, int64_t* places, int64_t* tied) {
  Vector best[kTogether] = {};
  Places place[kTogether], ties[kTogether] = {};
  for (int v = 0; v < kTogether; ++v) place[v] = Places{} - 1;
  for (int64_t c = 0; c < k; ++c) {
    const Vector x = Vector{} + row[c];
    const Places here = Places{} + c;
#pragma GCC unroll 4
    for (int v = 0; v < kTogether; ++v) {
      const Vector value = joined<Product>(x, Simd<double>::load(panel + c * kPanel + v * kDoubles));
      const Places larger = value > best[v];
      ties[v] = (ties[v] | (value == best[v])) & ~larger;
      place[v] = larger ? here : place[v];
      best[v] = larger ? value : best[v];
    }
  }
  memcpy(places, place, sizeof place);
  memcpy(tied, ties, sizeof ties);
}

// Pairs of the rows below each row of the panel.
template <bool Product, class P>
void one_panel(const Table& table, int64_t first, double* panel, P* pairs) {
  const int64_t width = smaller(kPanel, table.n - first);
  memset(panel, 0, size_t(table.k) * kPanel * sizeof *panel);
  for (int64_t j = 0; j < width; ++j)
    for (int64_t c = 0; c < table.k; ++c) panel[c * kPanel + j] = table.rows[(first + j) * table.k + c];
  int64_t places[kPanel], tied[kPanel];
  for (int64_t i = 0; i < first + width; ++i) {
    of_panel<Product>(table.rows + i * table.k, panel, table.k, places, tied);
    for (int64_t j = 0; j < width; ++j) pairs[i * table.n + first + j] = Packed<P>::of(places[j], tied[j] != 0);
  }
}

template <bool Product, class P>
bool all_pairs(const Table& table, P* pairs, int threads) {
  const int64_t panels = blocks(table.n, kPanel), size = table.k * kPanel;
  const Scratch<double> memory(size * threads);
  if (!memory.data) return false;
#pragma omp parallel for schedule(static, 1) num_threads(threads)
  for (int thread = 0; thread < threads; ++thread)
    for (int64_t p = thread; p < panels; p += threads)
      one_panel<Product, P>(table, p * kPanel, memory.data + thread * size, pairs);
  return true;
}

// Places of the triplets; pairs: of all pairs, or NULL.
template <bool Product, class P>
bool look_up(const Table& table, const P* pairs, const pa_triplets* triplets, int16_t* places, int64_t* tied,
             int threads) {
  const int64_t chunks = blocks(triplets->t, kChunk);
  int64_t ties = 0;
  int invalid = 0;
#pragma omp parallel for schedule(static) num_threads(threads) if (chunks > 1) reduction(+ : ties) \
    reduction(| : invalid)
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int64_t end = smaller(triplets->t, (chunk + 1) * kChunk);
    Items items;
    for (int64_t q = chunk * kChunk; q < end; q += kTripletBlock) {
      const int64_t count = smaller(kTripletBlock, end - q);
      if (!unpack(triplets, q, count, table.n, &items)) {
        invalid = 1;
        break;
      }
      for (int64_t r = 0; r < count; ++r) {
        const int64_t a = items.column[0][r], b = items.column[1][r];
        const P found = pairs ? pairs[smaller(a, b) * table.n + larger(a, b)] : of_pair<Product, P>(table, a, b);
        const P place = found & Packed<P>::none;
        ties += found >> (8 * sizeof(P) - 1);
        places[q + r] = place == Packed<P>::none ? int16_t(-1) : int16_t(place);
      }
    }
  }
  *tied = ties;
  return !invalid;
}

template <bool Product, class P>
pa_status assigned(const Table& table, const pa_triplets* triplets, int16_t* places, int64_t* tied, int threads) {
  const bool together = table.n * table.n <= 2 * triplets->t;
  const Scratch<P> pairs(together ? table.n * table.n : 1);
  if (!pairs.data || (together && !all_pairs<Product, P>(table, pairs.data, threads))) return PA_OUT_OF_MEMORY;
  const bool valid = look_up<Product, P>(table, together ? pairs.data : nullptr, triplets, places, tied, threads);
  return valid ? PA_OK : PA_INVALID_TRIPLETS;
}

}  // namespace

pa_status assign(const pa_matrix* values, const pa_triplets* triplets, int product, int16_t* places, int64_t* tied,
                 int threads) {
  const Table table = {static_cast<const double*>(values->data), values->n, values->d};
  if (values->d <= Packed<uint8_t>::none)
    return product ? assigned<true, uint8_t>(table, triplets, places, tied, threads)
                   : assigned<false, uint8_t>(table, triplets, places, tied, threads);
  return product ? assigned<true, uint16_t>(table, triplets, places, tied, threads)
                 : assigned<false, uint16_t>(table, triplets, places, tied, threads);
}

}  // namespace PA_ISA
