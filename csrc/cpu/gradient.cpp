// gradient.cpp: the derivative of the triplets' cross-entropy with respect to the similarities, (n, n).
//
// Division of the work. Adding three residuals per triplet at random places of the result would need atomics, and the
// order of the additions would depend on the threads. Instead the rows of the result are cut into bands that fit in L2,
// and the triplets are taken in slabs, in two passes each. First, chunks of triplets in parallel: a chunk writes its
// residuals as (offset in the band, value) into one list per band. Second, bands in parallel: a band adds its lists in
// the order of the chunks. So every element is summed in the order of the triplets, whatever the number of threads.
//
// A chunk is counted before its lists are written, both from one copy of its indices, 192 KiB that each thread has:
// another thread may write to the caller's array meanwhile, and the lists must still have the lengths that were
// counted.

#include "residuals.h"
#include "threads.h"

namespace PA_ISA {
namespace {

constexpr int64_t kBlocks = 32;
constexpr int64_t kChunk = kBlocks * kTripletBlock;
constexpr int64_t kSlabChunks = 64;        // 25 MB of float residuals
constexpr int64_t kBands = 64;             // at most: as many write streams as a core keeps going
constexpr int64_t kBandBytes = 256 << 10;  // at least one row

template <class T>
struct Residual {
  int32_t offset;
  T value;
};

template <class T>
struct Task {
  const T* similarities;
  int64_t stride, n;
  const pa_triplets* triplets;
  const T* targets;  // (t, 3) weights of the answers, or NULL: the last item is odd
  Loss<T> loss;
  int shift;  // band of row i: i >> shift
  int64_t bands;
  Residual<T>* residuals;  // [chunk of the slab][3 * kChunk]
  int32_t* starts;         // [chunk of the slab][bands + 1]
  Items* items;            // [thread][kBlocks]
};

// Rows per band, as a power of two.
int band_shift(int64_t n, int64_t itemsize) {
  int shift = 0;
  while (blocks(n, int64_t(1) << shift) > kBands || ((n * itemsize) << (shift + 1)) <= kBandBytes) ++shift;
  return shift;
}

// Copies the items of a chunk. starts[b]: where the list of band b begins. Pairs 01 and 02 go to the band of item 0,
// pair 12 to that of item 1. False where the chunk holds a triplet that is not valid.
template <class T>
bool count_bands(const Task<T>& task, int64_t first, int64_t end, Items* items, int32_t* starts) {
  memset(starts, 0, (task.bands + 1) * sizeof *starts);
  for (int64_t q = first; q < end; q += kTripletBlock, ++items) {
    const int64_t count = smaller(kTripletBlock, end - q);
    if (!unpack(task.triplets, q, count, task.n, items)) return false;
    for (int64_t r = 0; r < count; ++r) {
      starts[(items->column[0][r] >> task.shift) + 1] += 2;
      starts[(items->column[1][r] >> task.shift) + 1] += 1;
    }
  }
  for (int64_t b = 0; b < task.bands; ++b) starts[b + 1] += starts[b];
  return true;
}

// The similarities of a block of triplets.
template <class T>
void gather(const Task<T>& task, const Items& items, int64_t count, Pairs<T>* pairs) {
  const int32_t *a = items.column[0], *b = items.column[1], *c = items.column[2];
  for (int64_t q = 0; q < count; ++q) {
    const T* first = task.similarities + int64_t(a[q]) * task.stride;
    pairs->p01[q] = first[b[q]];
    pairs->p02[q] = first[c[q]];
    pairs->p12[q] = task.similarities[int64_t(b[q]) * task.stride + c[q]];
  }
}

// Appends the residuals of one block to the lists, and asks meanwhile for the similarities of the block that follows:
// the one waits for stores, the other for the cache. To L2: the 1,536 lines of a block are more than L1 holds.
template <class T>
void append(const Task<T>& task, const Items* items, int64_t count, int64_t following, const Pairs<T>& pairs,
            int32_t* next, Residual<T>* out) {
  const int32_t *a = items->column[0], *b = items->column[1], *c = items->column[2];
  const Items* ahead = items + 1;
  const int32_t n = int32_t(task.n), mask = (1 << task.shift) - 1;
  for (int64_t q = 0; q < count; ++q) {
    const int32_t row_a = (a[q] & mask) * n, row_b = (b[q] & mask) * n;
    int32_t* of_a = next + (a[q] >> task.shift);
    out[*of_a] = {row_a + b[q], pairs.p01[q]};
    out[*of_a + 1] = {row_a + c[q], pairs.p02[q]};
    *of_a += 2;
    int32_t* of_b = next + (b[q] >> task.shift);
    out[(*of_b)++] = {row_b + c[q], pairs.p12[q]};
    if (q < following) {
      const int32_t second = ahead->column[1][q], third = ahead->column[2][q];
      const T* row = task.similarities + int64_t(ahead->column[0][q]) * task.stride;
      prefetch_to_l2(row + second);
      prefetch_to_l2(row + third);
      prefetch_to_l2(task.similarities + int64_t(second) * task.stride + third);
    }
  }
}

template <class T>
double fill_lists(const Task<T>& task, int64_t first, int64_t end, const Items* items, Residual<T>* out,
                  const int32_t* starts) {
  Pairs<T> pairs;
  int32_t next[kBands];
  double cross_entropy = 0.0;
  memcpy(next, starts, task.bands * sizeof *next);
  memset(out, 0, 3 * (end - first) * sizeof *out);  // takes the lines into L2 without reading them; stores would read
  for (int64_t q = first; q < end; q += kTripletBlock, ++items) {
    const int64_t count = smaller(kTripletBlock, end - q), following = smaller(kTripletBlock, end - q - count);
    gather(task, *items, count, &pairs);
    cross_entropy += to_residuals(task.loss, task.targets ? task.targets + 3 * q : nullptr, count, &pairs);
    append(task, items, count, following, pairs, next, out);
  }
  return cross_entropy;
}

template <class T>
void add_band(const Task<T>& task, int64_t band, int64_t chunks, bool first_slab, T* gradient) {
  const int64_t row = band << task.shift, rows = smaller(int64_t(1) << task.shift, task.n - row);
  T* target = gradient + row * task.n;
  if (first_slab) memset(target, 0, rows * task.n * sizeof(T));
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int32_t* starts = task.starts + chunk * (task.bands + 1);
    const Residual<T>* list = task.residuals + chunk * 3 * kChunk;
    for (int32_t p = starts[band]; p < starts[band + 1]; ++p) target[list[p].offset] += list[p].value;
  }
}

int threads_for(int64_t chunks, int threads) { return int(smaller(chunks, threads)); }

// The slab of chunks first .. first + count; their cross-entropies into `parts`. False for invalid triplets.
template <class T>
bool one_slab(const Task<T>& task, int64_t first, int64_t count, double* parts, T* gradient, int threads) {
  int invalid = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads_for(count, threads)) if (count > 1) \
    reduction(| : invalid)
  for (int64_t c = 0; c < count; ++c) {
    const int64_t start = (first + c) * kChunk, end = smaller(task.triplets->t, start + kChunk);
    int32_t* starts = task.starts + c * (task.bands + 1);
    Items* items = task.items + omp_get_thread_num() * kBlocks;
    if (count_bands(task, start, end, items, starts))
      parts[first + c] = fill_lists(task, start, end, items, task.residuals + c * 3 * kChunk, starts);
    else invalid = 1;
  }
  if (invalid) return false;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (task.bands > 1)
  for (int64_t band = 0; band < task.bands; ++band) add_band(task, band, count, first == 0, gradient);
  return true;
}

template <class T>
pa_status gradient_of(const pa_matrix* similarities, const pa_triplets* triplets, const pa_triplet_loss* loss,
                      T* gradient, double* cross_entropy, int threads) {
  const int64_t n = similarities->n;
  const int shift = band_shift(n, sizeof(T));
  if (((n << shift) >> 31) != 0) return PA_BAD_ARGUMENT;  // an offset in a band would not fit
  const int64_t bands = blocks(n, int64_t(1) << shift);
  const int64_t chunks = blocks(triplets->t, kChunk), slab = smaller(larger(chunks, 1), kSlabChunks);
  const Scratch<Residual<T>> lists(slab * 3 * kChunk);
  const Scratch<int32_t> starts(slab * (bands + 1));
  const Scratch<double> parts(larger(chunks, 1));
  const Scratch<Items> items(threads_for(slab, threads) * kBlocks);
  if (!lists.data || !starts.data || !parts.data || !items.data) return PA_OUT_OF_MEMORY;
  const Task<T> task = {static_cast<const T*>(similarities->data),
                        similarities->stride,
                        n,
                        triplets,
                        static_cast<const T*>(loss->targets),
                        Loss<T>(loss),
                        shift,
                        bands,
                        lists.data,
                        starts.data,
                        items.data};
  if (chunks == 0) memset(gradient, 0, n * n * sizeof(T));
  for (int64_t first = 0; first < chunks; first += slab)
    if (!one_slab(task, first, smaller(slab, chunks - first), parts.data, gradient, threads))
      return PA_INVALID_TRIPLETS;
  *cross_entropy = 0.0;
  for (int64_t c = 0; c < chunks; ++c) *cross_entropy += parts.data[c];
  return PA_OK;
}

}  // namespace

pa_status triplet_gradient(const pa_matrix* similarities, const pa_triplets* triplets, const pa_triplet_loss* loss,
                           void* gradient, double* cross_entropy, int threads) {
  if (similarities->type == PA_FLOAT32)
    return gradient_of(similarities, triplets, loss, static_cast<float*>(gradient), cross_entropy, threads);
  return gradient_of(similarities, triplets, loss, static_cast<double*>(gradient), cross_entropy, threads);
}

}  // namespace PA_ISA
