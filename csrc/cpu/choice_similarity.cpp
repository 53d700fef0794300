// choice_similarity.cpp: how likely two items are kept together, averaged over all third items.
//
// Each set of three items is looked at once: p(ij), p(ik) and p(jk) have one denominator, and where e = exp(s /
// temperature) is at hand for each pair, r = 1 / (e_ij + e_ik + e_jk) is all that a set costs. It is added to the sums
// of its three pairs, and a pair's e is multiplied in at the end.
//
// Division of the work. The items come in blocks; a task takes three blocks I <= J <= K and all sets i < j < k with an
// item in each, sums in memory of its own, which L2 holds, and adds that to the float64 sums of the pairs of blocks IJ,
// IK and JK. Of all tasks with one value of (I + J + K) mod count no two share a pair of blocks, since two of the three
// numbers give the third: they run side by side without a lock. With a barrier before the next value each sum is added
// up in one order, for any number of threads.
//
// Exponentials fit into their type while the similarities, divided by the temperature, spread over less than `spread`.
// float32 beyond it keeps mantissas and powers of two apart. What spreads further still is taken by the softmax of each
// set, in float64. An item with itself, a pair below the diagonal and what fills up the last block have an infinite e,
// so that the other pairs of a set with one of them get nothing from it; their own sums are not read.
#include <math.h>

#include "series.h"
#include "simd.h"
#include "threads.h"

namespace PA_ISA {
namespace {

// Items of a block: three matrices of values and three of sums take 384 KB in float32, 192 KB in float64.
template <class T>
constexpr int64_t kItems = sizeof(T) == 4 ? 128 : 64;
template <class T>
constexpr int64_t kElements = kItems<T> * kItems<T>;

// Items i and j whose sums stay in registers while k runs: 8 + 2 + 2 + 4 of 32, or 4 + 2 + 2 + 4 of 16.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kTileI = 2, kTileJ = 4;
#else
constexpr int kTileI = 2, kTileJ = 2;
#endif

// Three blocks: pointers to matrices of values and of sums, rows i, i, j and columns j, k, k; how many items are there;
// and whether I is J, J is K.
template <class T>
struct Blocks {
  const T *ij, *ik, *jk;
  T *sum_ij, *sum_ik, *sum_jk;
  int64_t i_end, j_end, k_end;
  bool i_is_j, j_is_k;
};

template <class T>
struct Kept {
  typename Simd<T>::Vector ij, ik, jk;
};

// The sum of each of `Count` vectors, a power of two: rounds in which lanes of two vectors interleave and are added.
template <class T, int Count>
inline void sums_of(typename Simd<T>::Vector* v, T* sums) {
  typedef Simd<T> S;
  constexpr int lanes = S::lanes, together = Count < lanes ? Count : lanes;
  PA_UNROLL
  for (int group = 0; group < Count; group += together) {
    typename S::Vector* w = v + group;
    PA_UNROLL
    for (int left = together / 2; left > 0; left /= 2) {
      PA_UNROLL
      for (int i = 0; i < left; ++i)
        w[i] = S::template interleave<lanes, false>(w[i], w[i + left]) +
               S::template interleave<lanes, true>(w[i], w[i + left]);
    }
    for (int i = 0; i < together; ++i) {
      sums[group + i] = w[0][i];
      for (int l = i + together; l < lanes; l += together) sums[group + i] += w[0][l];
    }
  }
}

// Rows i0.. and j0.. of a task, all k from k0 on. A Form says what stands for a pair, and what is kept of a set.
template <class Form>
inline void add_tile(const Blocks<typename Form::Type>& b, int64_t i0, int64_t j0, int64_t k0) {
  typedef typename Form::Type T;
  typedef Simd<T> S;
  typedef typename Form::Pair Pair;
  constexpr int64_t items = kItems<T>;
  typename S::Vector of_ij[kTileI * kTileJ] = {};
  for (int64_t k = k0; k < b.k_end; k += S::lanes) {
    Pair ik[kTileI];
    typename S::Vector of_ik[kTileI] = {};
    PA_UNROLL
    for (int i = 0; i < kTileI; ++i) ik[i] = Pair::several(b.ik + (i0 + i) * items + k);
    PA_UNROLL
    for (int j = 0; j < kTileJ; ++j) {
      const int64_t at = (j0 + j) * items + k;
      const Pair jk = Pair::several(b.jk + at);
      typename S::Vector of_jk = {};
      PA_UNROLL
      for (int i = 0; i < kTileI; ++i) {
        const Kept<T> kept = Form::kept(Pair::one(b.ij + (i0 + i) * items + j0 + j), ik[i], jk);
        of_ij[i * kTileJ + j] += kept.ij;
        of_ik[i] += kept.ik;
        of_jk += kept.jk;
      }
      S::store(b.sum_jk + at, S::load(b.sum_jk + at) + of_jk);
    }
    PA_UNROLL
    for (int i = 0; i < kTileI; ++i) {
      T* sum = b.sum_ik + (i0 + i) * items + k;
      S::store(sum, S::load(sum) + of_ik[i]);
    }
  }
  T sums[kTileI * kTileJ];
  sums_of<T, kTileI * kTileJ>(of_ij, sums);
  for (int i = 0; i < kTileI; ++i) memcpy(b.sum_ij + (i0 + i) * items + j0, sums + i * kTileJ, kTileJ * sizeof(T));
}

template <class Form>
void add_tiles(const Blocks<typename Form::Type>& b) {
  constexpr int64_t lanes = Simd<typename Form::Type>::lanes;
  for (int64_t i = 0; i < b.i_end; i += kTileI)
    for (int64_t j = b.i_is_j ? i / kTileJ * kTileJ : 0; j < b.j_end; j += kTileJ)
      add_tile<Form>(b, i, j, b.j_is_k ? j / lanes * lanes : 0);
}

// Similarities as e = exp((s - top) / temperature).
template <class T>
struct Exponentials {
  typedef T Type;
  typedef typename Simd<T>::Vector Vector;
  static constexpr int planes = 1;
  double top, temperature;

  // So that e lies in [2^-100, 1] or [2^-900, 1], and the sum of a block of reciprocals is finite.
  static constexpr double spread() { return sizeof(T) == 4 ? 69.0 : 623.0; }

  template <class S>
  void fill(const S* similarities, int64_t count, T* values) const {
#pragma omp simd
    for (int64_t b = 0; b < count; ++b) values[b] = T(exp_of<double>((double(similarities[b]) - top) / temperature));
  }
  static void fill_itself(T* value) { *value = T(HUGE_VAL); }
  static double mean(const T* value, double sum, double third) { return double(*value) * sum / third; }

  struct Pair {
    Vector e;
    static Pair one(const T* at) { return {Vector{} + *at}; }
    static Pair several(const T* at) { return {Simd<T>::load(at)}; }
  };
  static Kept<T> kept(const Pair& ij, const Pair& ik, const Pair& jk) {
    const Vector r = T(1) / ((ij.e + ik.e) + jk.e);
    return {r, r, r};
  }
  void add(const Blocks<T>& b) const { add_tiles<Exponentials>(b); }
};

// float32, e = mantissa * 2^power with the power as a whole number: planes of mantissas, then of powers.
struct Powers {
  typedef float Type;
  typedef Simd<float>::Vector Vector;
  typedef Simd<float>::Mask Bits;
  static constexpr int planes = 2;
  double top, temperature;

  static constexpr double spread() { return 0x1p22; }  // float32 holds powers up to 2^24

  template <class S>
  void fill(const S* similarities, int64_t count, float* values) const {
    const double magic = Series<double>::round_magic;
#pragma omp simd
    for (int64_t b = 0; b < count; ++b) {
      const double x = (double(similarities[b]) - top) / temperature;
      const double near = (x * 1.44269504088896340736 + magic) - magic, power = near + 1.0;
      values[b] = float(exp_of<double>((x - power * Series<double>::ln2_high) - power * Series<double>::ln2_low));
      values[kElements<float> + b] = float(power);
    }
  }
  static void fill_itself(float* value) {
    value[0] = HUGE_VALF;
    value[kElements<float>] = 0.0f;
  }
  static double mean(const float*, double sum, double third) { return sum / third; }

  struct Pair {
    Vector mantissa, power;
    static Pair one(const float* at) { return {Vector{} + *at, Vector{} + at[kElements<float>]}; }
    static Pair several(const float* at) { return {Simd<float>::load(at), Simd<float>::load(at + kElements<float>)}; }
    // Divided by 2^top; what is too small to matter stays a normal number, since others take long.
    Vector beside(Vector top) const {
      const Vector below = power - top, least = Vector{} - 120.0f, magic = Vector{} + Series<float>::round_magic;
      const Vector shifted = (below > least ? below : least) + magic;
      return mantissa * Vector((Bits(shifted) - Bits(magic) + Series<float>::bias) << Series<float>::mantissa_bits);
    }
  };
  static Kept<float> kept(const Pair& ij, const Pair& ik, const Pair& jk) {
    const Vector more = ij.power > ik.power ? ij.power : ik.power, top = more > jk.power ? more : jk.power;
    const Vector a = ij.beside(top), b = ik.beside(top), c = jk.beside(top), r = 1.0f / ((a + b) + c);
    return {a * r, b * r, c * r};
  }
  void add(const Blocks<float>& b) const { add_tiles<Powers>(b); }
};

// The similarities themselves, of any range.
struct Plain {
  typedef double Type;
  static constexpr int planes = 1;
  double temperature;

  template <class S>
  void fill(const S* similarities, int64_t count, double* values) const {
    for (int64_t b = 0; b < count; ++b) values[b] = double(similarities[b]);
  }
  static void fill_itself(double* value) { *value = 0.0; }  // which is not read
  static double mean(const double*, double sum, double third) { return sum / third; }

  // What is too small to matter stays a normal number.
  static double exp_from(double x) { return exp_of<double>(x > -700.0 ? x : -700.0); }

  void add(const Blocks<double>& b) const {
    for (int64_t i = 0; i < b.i_end; ++i)
      for (int64_t j = b.i_is_j ? i + 1 : 0; j < b.j_end; ++j)
        add_row(b, i * kItems<double>, j * kItems<double>, j, b.j_is_k ? j + 1 : 0);
  }
  void add_row(const Blocks<double>& b, int64_t ik, int64_t jk, int64_t j, int64_t k0) const {
    const double inverse = 1.0 / temperature, s01 = b.ij[ik + j];
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (int64_t k = k0; k < b.k_end; ++k) {
      const double s02 = b.ik[ik + k], s12 = b.jk[jk + k];
      const double top = s01 > s02 ? (s01 > s12 ? s01 : s12) : (s02 > s12 ? s02 : s12);
      const double e01 = exp_from((s01 - top) * inverse), e02 = exp_from((s02 - top) * inverse),
                   e12 = exp_from((s12 - top) * inverse), p = 1.0 / (e01 + e02 + e12);
      sum += e01 * p;
      b.sum_ik[ik + k] += e02 * p;
      b.sum_jk[jk + k] += e12 * p;
    }
    b.sum_ij[ik + j] = sum;
  }
};

// The pairs of blocks, those above the diagonal and on it.
struct Grid {
  int64_t n, size, count;  // items, those of a block, blocks
  int64_t pairs() const { return count * (count + 1) / 2; }
  int64_t pair(int64_t i, int64_t j) const { return i * count - i * (i - 1) / 2 + (j - i); }
  int64_t items(int64_t block) const { return smaller(size, n - block * size); }
};

template <class S, class Form>
void fill_block(const Grid& g, const Form& form, const pa_matrix* s, int64_t bi, int64_t bj,
                typename Form::Type* values) {
  const int64_t rows = g.items(bi), columns = g.items(bj);
  for (int64_t a = 0; a < g.size; ++a) {
    const int64_t first = a >= rows ? g.size : bi == bj ? a + 1 : 0;
    typename Form::Type* to = values + a * g.size;
    if (first < columns) form.fill(row<S>(s, bi * g.size + a) + bj * g.size + first, columns - first, to + first);
    for (int64_t b = 0; b < first; ++b) Form::fill_itself(to + b);
    for (int64_t b = larger(first, columns); b < g.size; ++b) Form::fill_itself(to + b);
  }
}

template <class T>
void add_to(const T* part, double* sums) {
  for (int64_t k = 0; k < kElements<T>; ++k) sums[k] += double(part[k]);
}

// All sets with an item in each of three blocks. parts: memory for three matrices of sums.
template <class Form>
void one_task(const Grid& g, const Form& form, const typename Form::Type* values, int64_t i, int64_t j, int64_t k,
              typename Form::Type* parts, double* sums) {
  typedef typename Form::Type T;
  constexpr int64_t elements = kElements<T>;
  const int64_t pairs[] = {g.pair(i, j), g.pair(i, k), g.pair(j, k)};
  const T* of[3];
  for (int p = 0; p < 3; ++p) of[p] = values + pairs[p] * elements * Form::planes;
  memset(parts, 0, 3 * elements * sizeof(T));
  form.add({of[0], of[1], of[2], parts, parts + elements, parts + 2 * elements, g.items(i), g.items(j), g.items(k),
            i == j, j == k});
  for (int p = 0; p < 3; ++p) add_to(parts + p * elements, sums + pairs[p] * elements);
}

template <class S, class Form>
void write_block(const Grid& g, int64_t bi, int64_t bj, const typename Form::Type* values, const double* sums, S* out,
                 int64_t stride) {
  for (int64_t a = 0; a < g.items(bi); ++a) {
    const int64_t i = bi * g.size + a;
    if (bi == bj) out[i * stride + i] = S(1);
    for (int64_t b = bi == bj ? a + 1 : 0; b < g.items(bj); ++b) {
      const int64_t j = bj * g.size + b, at = a * g.size + b;
      const double mean = Form::mean(values + at, sums[at], double(g.n - 2));
      out[i * stride + j] = out[j * stride + i] = S(mean < 1.0 ? mean : 1.0);
    }
  }
}

template <class S, class Form>
pa_status choose(const Form& form, const pa_matrix* s, S* out, int64_t stride, int threads) {
  typedef typename Form::Type T;
  constexpr int64_t elements = kElements<T>, step = elements * Form::planes;
  const Grid g = {s->n, kItems<T>, blocks(s->n, kItems<T>)};
  const Scratch<T> values(g.pairs() * step), parts(threads * 3 * elements);
  const Scratch<double> sums(g.pairs() * elements);
  if (!values.data || !parts.data || !sums.data) return PA_OUT_OF_MEMORY;
  const int64_t square = g.count * g.count;
#pragma omp parallel num_threads(threads) if (g.count > 1)
  {
    T* own = parts.data + omp_get_thread_num() * 3 * elements;
#pragma omp for schedule(dynamic)
    for (int64_t p = 0; p < square; ++p) {
      const int64_t i = p / g.count, j = p % g.count;
      if (j < i) continue;
      fill_block<S>(g, form, s, i, j, values.data + g.pair(i, j) * step);
      memset(sums.data + g.pair(i, j) * elements, 0, elements * sizeof(double));
    }
    for (int64_t round = 0; round < g.count; ++round) {
#pragma omp for schedule(dynamic)
      for (int64_t p = 0; p < square; ++p) {
        const int64_t i = p / g.count, j = p % g.count, k = (2 * g.count + round - i - j) % g.count;
        if (i <= j && j <= k) one_task(g, form, values.data, i, j, k, own, sums.data);
      }
    }
#pragma omp for schedule(dynamic)
    for (int64_t p = 0; p < square; ++p) {
      const int64_t i = p / g.count, j = p % g.count, at = i <= j ? g.pair(i, j) : 0;
      if (i <= j) write_block<S, Form>(g, i, j, values.data + at * step, sums.data + at * elements, out, stride);
    }
  }
  return PA_OK;
}

// The smallest and the largest similarity above the diagonal.
template <class S>
void extremes(const pa_matrix* s, double* low, double* high, int threads) {
  S least = row<S>(s, 0)[1], most = least;
#pragma omp parallel for schedule(static) num_threads(threads) if (s->n > 256) reduction(min : least) \
    reduction(max : most)
  for (int64_t i = 0; i < s->n - 1; ++i) {
    const S* values = row<S>(s, i);
    for (int64_t j = i + 1; j < s->n; ++j) {
      least = values[j] < least ? values[j] : least;
      most = values[j] > most ? values[j] : most;
    }
  }
  *low = double(least);
  *high = double(most);
}

template <class S>
pa_status choice_similarity_of(const pa_matrix* s, double temperature, S* out, int64_t stride, int threads) {
  double low, high;
  extremes<S>(s, &low, &high, threads);
  const double spread = high / temperature - low / temperature;
  if (spread <= Exponentials<S>::spread()) return choose(Exponentials<S>{high, temperature}, s, out, stride, threads);
  if constexpr (sizeof(S) == sizeof(float))
    if (spread <= Powers::spread()) return choose(Powers{high, temperature}, s, out, stride, threads);
  return choose(Plain{temperature}, s, out, stride, threads);
}

}  // namespace

pa_status choice_similarity(const pa_matrix* similarities, double temperature, void* out, int64_t out_stride,
                            int threads) {
  if (similarities->type == PA_FLOAT32)
    return choice_similarity_of(similarities, temperature, static_cast<float*>(out), out_stride, threads);
  return choice_similarity_of(similarities, temperature, static_cast<double*>(out), out_stride, threads);
}

}  // namespace PA_ISA
