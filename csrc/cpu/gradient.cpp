// gradient.cpp: the derivative of the triplets' cross-entropy with respect to the similarities, (n, n).
//
// Division of the work. Adding three residuals per triplet at random places of the result would need atomics, and the
// order of the additions would depend on the threads. Instead the rows of the result are cut into bands that fit in L2,
// and the triplets are taken in slabs, in two passes each. First, chunks of triplets in parallel: a chunk writes its
// residuals as (offset in the band, value) into one list per band. Second, bands in parallel: a band adds its lists in
// the order of the chunks. So every element is summed in the order of the triplets, whatever the number of threads.
#include "choice.h"
#include "simd.h"
#include "unpack.h"

namespace PA_ISA {
namespace {

constexpr int64_t kChunk = 32 * kTripletBlock;
constexpr int64_t kSlabChunks = 64;        // 25 MB of float residuals
constexpr int64_t kBands = 64;             // at most: as many write streams as a core keeps going
constexpr int64_t kBandBytes = 256 << 10;  // at least one row

template <class T>
struct Residual {
  int32_t offset;
  T value;
};

struct Block {
  Items items;
  int64_t count, start;
};

template <class T>
struct Plan {
  const T* similarities;
  int64_t stride, n;
  const pa_triplets* triplets;
  const T* targets;  // (t, 3) weights of the answers, or NULL: the last item is odd
  T inverse_temperature, scale;
  int shift;  // band of row i: i >> shift
  int64_t bands;
  Residual<T>* residuals;  // [chunk of the slab][3 * kChunk]
  int32_t* starts;         // [chunk of the slab][bands + 1]
};

// Rows per band, as a power of two.
int band_shift(int64_t n, int64_t itemsize) {
  int shift = 0;
  while (blocks(n, int64_t(1) << shift) > kBands || ((n * itemsize) << (shift + 1)) <= kBandBytes) ++shift;
  return shift;
}

// starts[b]: where the list of band b begins. Pairs 01 and 02 go to the band of item 0, pair 12 to that of item 1.
// False where the chunk holds a triplet that is not valid.
template <class T>
bool count_bands(const Plan<T>& plan, int64_t first, int64_t end, int32_t* starts) {
  Items items;
  memset(starts, 0, (plan.bands + 1) * sizeof *starts);
  for (int64_t q = first; q < end; q += kTripletBlock) {
    const int64_t count = smaller(kTripletBlock, end - q);
    if (!unpack(plan.triplets, q, count, plan.n, &items)) return false;
    for (int64_t r = 0; r < count; ++r) {
      starts[(items.column[0][r] >> plan.shift) + 1] += 2;
      starts[(items.column[1][r] >> plan.shift) + 1] += 1;
    }
  }
  for (int64_t b = 0; b < plan.bands; ++b) starts[b + 1] += starts[b];
  return true;
}

// The derivatives with respect to the three similarities of each triplet of a block, and their cross-entropy in nats.
template <class T>
double derivatives(const Plan<T>& plan, const Block& block, T* r01, T* r02, T* r12) {
  const int32_t *a = block.items.column[0], *b = block.items.column[1], *c = block.items.column[2];
  const int64_t count = block.count;
  T s01[kTripletBlock], s02[kTripletBlock], s12[kTripletBlock];
  for (int64_t q = 0; q < count; ++q) {
    const T* first = plan.similarities + int64_t(a[q]) * plan.stride;
    s01[q] = first[b[q]];
    s02[q] = first[c[q]];
    s12[q] = plan.similarities[int64_t(b[q]) * plan.stride + c[q]];
  }
  double cross_entropy = 0.0;
  if (plan.targets) {
    const T* y = plan.targets + 3 * block.start;
#pragma omp simd reduction(+ : cross_entropy)
    for (int64_t q = 0; q < count; ++q) {
      const Answers<T> answers = {y[3 * q], y[3 * q + 1], y[3 * q + 2]};
      const Residuals<T> r = residuals(s01[q], s02[q], s12[q], plan.inverse_temperature, answers);
      r02[q] = r.r02 * plan.scale;
      r12[q] = r.r12 * plan.scale;
      r01[q] = -(r02[q] + r12[q]);
      cross_entropy += double(r.cross_entropy);
    }
    return cross_entropy;
  }
#pragma omp simd reduction(+ : cross_entropy)
  for (int64_t q = 0; q < count; ++q) {
    const Residuals<T> r = residuals(s01[q], s02[q], s12[q], plan.inverse_temperature);
    r02[q] = r.r02 * plan.scale;
    r12[q] = r.r12 * plan.scale;
    r01[q] = -(r02[q] + r12[q]);
    cross_entropy += double(r.cross_entropy);
  }
  return cross_entropy;
}

// Appends the residuals of one block to the lists, and asks meanwhile for the similarities of the block that follows:
// the one waits for stores, the other for the cache.
template <class T>
void append(const Plan<T>& plan, const Block& block, const Block& following, const T* r01, const T* r02, const T* r12,
            int32_t* next, Residual<T>* out) {
  const int32_t *a = block.items.column[0], *b = block.items.column[1], *c = block.items.column[2];
  const int32_t n = int32_t(plan.n), mask = (1 << plan.shift) - 1;
  for (int64_t q = 0; q < block.count; ++q) {
    const int32_t row_a = (a[q] & mask) * n, row_b = (b[q] & mask) * n;
    int32_t* of_a = next + (a[q] >> plan.shift);
    out[*of_a] = {row_a + b[q], r01[q]};
    out[*of_a + 1] = {row_a + c[q], r02[q]};
    *of_a += 2;
    int32_t* of_b = next + (b[q] >> plan.shift);
    out[(*of_b)++] = {row_b + c[q], r12[q]};
    if (q < following.count) {
      const int32_t second = following.items.column[1][q], third = following.items.column[2][q];
      const T* row = plan.similarities + int64_t(following.items.column[0][q]) * plan.stride;
      __builtin_prefetch(row + second);
      __builtin_prefetch(row + third);
      __builtin_prefetch(plan.similarities + int64_t(second) * plan.stride + third);
    }
  }
}

// The block of triplets from q on, which counting has found valid; none past the end.
template <class T>
void take(const Plan<T>& plan, int64_t q, int64_t end, Block* block) {
  block->start = q;
  block->count = smaller(kTripletBlock, larger(0, end - q));
  if (block->count > 0) unpack(plan.triplets, q, block->count, plan.n, &block->items);
}

template <class T>
double fill_lists(const Plan<T>& plan, int64_t first, int64_t end, Residual<T>* out, const int32_t* starts) {
  Block blocks[2];
  T r01[kTripletBlock], r02[kTripletBlock], r12[kTripletBlock];
  int32_t next[kBands];
  double cross_entropy = 0.0;
  memcpy(next, starts, plan.bands * sizeof *next);
  take(plan, first, end, &blocks[0]);
  for (int64_t q = first, now = 0; q < end; q += kTripletBlock, now = 1 - now) {
    take(plan, q + kTripletBlock, end, &blocks[1 - now]);
    cross_entropy += derivatives(plan, blocks[now], r01, r02, r12);
    append(plan, blocks[now], blocks[1 - now], r01, r02, r12, next, out);
  }
  return cross_entropy;
}

template <class T>
void add_band(const Plan<T>& plan, int64_t band, int64_t chunks, bool first_slab, T* gradient) {
  const int64_t row = band << plan.shift, rows = smaller(int64_t(1) << plan.shift, plan.n - row);
  T* target = gradient + row * plan.n;
  if (first_slab) memset(target, 0, rows * plan.n * sizeof(T));
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int32_t* starts = plan.starts + chunk * (plan.bands + 1);
    const Residual<T>* list = plan.residuals + chunk * 3 * kChunk;
    for (int32_t p = starts[band]; p < starts[band + 1]; ++p) target[list[p].offset] += list[p].value;
  }
}

// The slab of chunks first .. first + count; their cross-entropies into `parts`. False for invalid triplets.
template <class T>
bool one_slab(const Plan<T>& plan, int64_t first, int64_t count, double* parts, T* gradient, int threads) {
  int invalid = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (count > 1) reduction(| : invalid)
  for (int64_t c = 0; c < count; ++c) {
    const int64_t start = (first + c) * kChunk, end = smaller(plan.triplets->t, start + kChunk);
    int32_t* starts = plan.starts + c * (plan.bands + 1);
    if (count_bands(plan, start, end, starts))
      parts[first + c] = fill_lists(plan, start, end, plan.residuals + c * 3 * kChunk, starts);
    else invalid = 1;
  }
  if (invalid) return false;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (plan.bands > 1)
  for (int64_t band = 0; band < plan.bands; ++band) add_band(plan, band, count, first == 0, gradient);
  return true;
}

template <class T>
pa_status gradient_of(const T* similarities, int64_t n, int64_t stride, const pa_triplets* triplets, const T* targets,
                      double temperature, double scale, T* gradient, double* cross_entropy, int threads) {
  const int shift = band_shift(n, sizeof(T));
  if (((n << shift) >> 31) != 0) return PA_BAD_ARGUMENT;  // an offset in a band would not fit
  const int64_t bands = blocks(n, int64_t(1) << shift);
  const int64_t chunks = blocks(triplets->t, kChunk), slab = smaller(larger(chunks, 1), kSlabChunks);
  const Scratch<Residual<T>> lists(slab * 3 * kChunk);
  const Scratch<int32_t> starts(slab * (bands + 1));
  const Scratch<double> parts(larger(chunks, 1));
  if (!lists.data || !starts.data || !parts.data) return PA_OUT_OF_MEMORY;
  const T inverse = T(1.0 / temperature);
  const Plan<T> plan = {similarities,           stride, n,     triplets,   targets,    inverse,
                        T(scale / temperature), shift,  bands, lists.data, starts.data};
  if (chunks == 0) memset(gradient, 0, n * n * sizeof(T));
  for (int64_t first = 0; first < chunks; first += slab)
    if (!one_slab(plan, first, smaller(slab, chunks - first), parts.data, gradient, threads))
      return PA_INVALID_TRIPLETS;
  *cross_entropy = 0.0;
  for (int64_t c = 0; c < chunks; ++c) *cross_entropy += parts.data[c];
  return PA_OK;
}

}  // namespace

pa_status triplet_gradient(const void* similarities, pa_float_type type, int64_t n, int64_t stride,
                           const pa_triplets* triplets, const void* targets, double temperature, double scale,
                           void* gradient, double* cross_entropy, int threads) {
  if (type == PA_FLOAT32)
    return gradient_of(static_cast<const float*>(similarities), n, stride, triplets, static_cast<const float*>(targets),
                       temperature, scale, static_cast<float*>(gradient), cross_entropy, threads);
  return gradient_of(static_cast<const double*>(similarities), n, stride, triplets, static_cast<const double*>(targets),
                     temperature, scale, static_cast<double*>(gradient), cross_entropy, threads);
}

}  // namespace PA_ISA
