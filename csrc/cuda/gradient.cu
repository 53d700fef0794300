// gradient.cu: the derivative of the cross-entropy with respect to the similarities: the same from run to run.
//
// Two routes. float32 is summed by atomics in whole numbers (fixed.cuh), which takes 8 bytes a pair of items; where
// these would be too many, and in float64, whose digits whole numbers of 64 bits cannot hold, entries are sorted.
//
// Division of the work, when sorting. A thread turns one triplet into three entries: the pair that was read, i n + j,
// and the residual, softmax minus target; without targets, that of the last item's answer. A stable radix sort by just
// the bits that pairs need brings the entries of a pair together, in the order of the triplets; then blocks add runs of
// equal pairs up, each in a tile of 2,048 entries, and every element of the gradient is written once. Runs that cross
// tiles leave their parts, which a warp each adds in the order of the tiles, so that one pair in all triplets is no
// slow case. Slabs of 2^22 triplets bound the workspace; later slabs add.
//
// Roofline of the sort on an H100, predicted, for float32. A triplet's three entries of 8 bytes are written, read for
// the digits, read and written in each of three passes, and read for the sums: with its indices about 220 bytes of
// memory, and 96 bytes of L2 for the look-ups. At 3.35 TB/s that is 15 G triplets/s, 0.3 ms for 4.7 M; in float64,
// whose entries have 16 bytes, 0.6 ms. Targets are 12 bytes more, 5 %.
//
// Sums of a pair are taken in float64, and rounded once a slab.
#include "fixed.cuh"
#include "runs.cuh"
#include "sort.cuh"

namespace pa {
namespace {

constexpr int64_t kSlab = PA_GRADIENT_SLAB;
static_assert(kSlab < (int64_t(1) << 31) / 3 && PA_GRADIENT_KEY_BITS <= 32, "entries are counted in int");

// Two kinds of entries, of 8 and of 16 bytes: other mixtures would each bring their own instance of the sort.
struct ShortEntry {
  typedef uint32_t Key;
  typedef float Value;
};
struct LongEntry {
  typedef uint64_t Key;
  typedef double Value;
};

// The entries of triplet q. Those of one that is not valid are of no pair.
template <class E>
struct Entries {
  typename E::Key keys[3];
  typename E::Value residuals[3];
  double cross_entropy;
};

template <class E, bool Soft, class T>
__device__ Entries<E> entries_of(const Problem<T>& problem, const Items& items, int64_t q) {
  typedef typename E::Key Key;
  typedef typename E::Value Value;
  const Key none = Key(no_pair(problem.n));
  if (!items.valid) return {{none, none, none}, {}, 0.0};
  const int64_t n = problem.n, a = items.at[0], b = items.at[1], c = items.at[2];
  const Three<T> s = look_up(problem.similarities, problem.stride, items);
  const Residuals<T> r = residuals_of<Soft>(problem, s, q);
  return {{Key(a * n + b), Key(a * n + c), Key(b * n + c)},
          {Value(-(r.r02 + r.r12)), Value(r.r02), Value(r.r12)},
          double(r.cross_entropy)};
}

// Entry p count + q is of pair p of triplet first + q.
template <class E, class T, bool Soft>
__global__ void __launch_bounds__(kThreads)
    make_entries(const Problem<T> problem, int64_t first, int64_t count, typename E::Key* keys,
                 typename E::Value* values, double* parts) {
  const int64_t q = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  double cross_entropy = 0.0;
  if (q < count) {
    const Items items = read_triplet(problem.triplets, first + q, problem.n);
    const Entries<E> entries = entries_of<E, Soft>(problem, items, first + q);
    PA_UNROLL
    for (int p = 0; p < 3; ++p) {
      keys[p * count + q] = entries.keys[p];
      values[p * count + q] = entries.residuals[p];
    }
    cross_entropy = entries.cross_entropy;
    if (!items.valid) atomicExch(problem.invalid, 1);
  }
  const double total = block_sum<kThreads>(cross_entropy);
  if (threadIdx.x == 0) parts[blockIdx.x] = total;
}

// ---- host -----------------------------------------------------------------------------------------------------------

int bits_of(uint64_t value) {
  int bits = 1;
  for (; value > 1; value >>= 1) ++bits;
  return bits;
}

bool fits_short_entry(int64_t n) { return bits_of(no_pair(n)) <= PA_GRADIENT_KEY_BITS; }

int64_t slab_of(int64_t t) { return t < kSlab ? t : kSlab; }

template <class E>
struct Buffers {
  typedef typename E::Key Key;
  typedef typename E::Value Value;
  Pairs<Key, Value> pairs;
  Border* borders;
  double* parts;
  void* sort;
  size_t sort_bytes;
  int error;

  Buffers(void* workspace, int64_t n, int64_t t) {
    const int64_t triplets = slab_of(t), entries = 3 * triplets;
    Workspace rest = {reinterpret_cast<uintptr_t>(workspace)};
    pairs.keys = rest.take<Key>(entries);
    pairs.other_keys = rest.take<Key>(entries);
    pairs.values = rest.take<Value>(entries);
    pairs.other_values = rest.take<Value>(entries);
    borders = rest.take<Border>(pieces(entries, kEntriesOfTile));
    parts = rest.take<double>(pieces(triplets, kThreads));
    sort = reinterpret_cast<void*>(rest.next);
    error = sort_pairs<Key, Value>(nullptr, &sort_bytes, &pairs, int(entries), bits_of(no_pair(n)), nullptr);
  }
};

// One slab: entries, their sort, their sums.
template <class E, class T>
int add_slab(const Problem<T>& problem, int64_t first, int64_t count, const Gradient<T>& gradient,
             double* cross_entropy, Buffers<E> buffers, void* stream) {
  auto& pairs = buffers.pairs;
  const int64_t entries = 3 * count, tiles = pieces(entries, kEntriesOfTile), blocks = pieces(count, kThreads);
  const auto make = problem.targets ? make_entries<E, T, true> : make_entries<E, T, false>;
  PA_LAUNCH(make, blocks, kThreads, stream, problem, first, count, pairs.keys, pairs.values, buffers.parts);
  if (const int error = launch_error()) return error;
  PA_LAUNCH(add_parts<kThreads>, 1, kThreads, stream, buffers.parts, blocks, gradient.add, cross_entropy);
  if (const int error = launch_error()) return error;
  const int bits = bits_of(no_pair(problem.n));
  if (const int error = sort_pairs(buffers.sort, &buffers.sort_bytes, &pairs, int(entries), bits, stream)) return error;
  PA_LAUNCH((sum_tiles<typename E::Key, typename E::Value, T>), tiles, kThreads, stream, pairs.keys, pairs.values,
            entries, gradient, buffers.borders);
  if (const int error = launch_error()) return error;
  PA_LAUNCH(join_tiles<T>, pieces(tiles, kWarps), kThreads, stream, buffers.borders, tiles, gradient);
  return launch_error();
}

template <class E, class T>
int all_slabs(const Problem<T>& problem, Gradient<T> gradient, double* cross_entropy, void* workspace, void* stream) {
  const int64_t n = problem.n, t = problem.triplets.t;
  const size_t bytes = size_t(n) * size_t(n) * sizeof(T);
  if (const cudaError_t error = cudaMemsetAsync(gradient.data, 0, bytes, static_cast<cudaStream_t>(stream)))
    return taken(int(error));
  if (const cudaError_t error = cudaMemsetAsync(cross_entropy, 0, sizeof(double), static_cast<cudaStream_t>(stream)))
    return taken(int(error));
  if (t == 0) return 0;
  const Buffers<E> buffers(workspace, n, t);
  if (buffers.error) return taken(buffers.error);
  for (int64_t first = 0; first < t; first += kSlab) {
    gradient.add = first > 0;
    const int error = add_slab(problem, first, slab_of(t - first), gradient, cross_entropy, buffers, stream);
    if (error) return taken(error);
  }
  return 0;
}

template <class T>
int gradient_of(const pa_matrix* similarities, const pa_triplets* triplets, const pa_triplet_loss* loss,
                const pa_cuda_gradient* gradient, int64_t fixed_bytes, void* workspace, void* stream) {
  const int64_t n = similarities->n;
  const T *const s = static_cast<const T*>(similarities->data), *const answers = static_cast<const T*>(loss->targets);
  const T inverse = T(1.0 / loss->temperature);
  const Problem<T> problem = {s, n, similarities->stride, *triplets, answers, inverse, gradient->invalid};
  const Gradient<T> target = {static_cast<T*>(gradient->matrix), n, loss->scale / loss->temperature, false};
  double* const cross_entropy = gradient->cross_entropy;
  if constexpr (sizeof(T) == sizeof(ShortEntry::Value)) {
    if (triplets->t > 0 && is_fixed(n, triplets->t, fixed_bytes))
      return answers ? by_fixed_sums<true>(problem, target, cross_entropy, workspace, stream)
                     : by_fixed_sums<false>(problem, target, cross_entropy, workspace, stream);
    if (fits_short_entry(n)) return all_slabs<ShortEntry>(problem, target, cross_entropy, workspace, stream);
  }
  return all_slabs<LongEntry>(problem, target, cross_entropy, workspace, stream);
}

// Or minus the error.
template <class E>
int64_t workspace_of(int64_t n, int64_t t) {
  const Buffers<E> buffers(nullptr, n, t);
  if (buffers.error) return -int64_t(buffers.error);
  return int64_t(reinterpret_cast<uintptr_t>(buffers.sort)) + int64_t(buffers.sort_bytes);
}

}  // namespace
}  // namespace pa

int pa_cuda_triplet_gradient(const pa_matrix* similarities, const pa_triplets* triplets, const pa_triplet_loss* loss,
                             const pa_cuda_gradient* gradient, int64_t fixed_bytes, void* workspace, void* stream) {
  using namespace pa;
  if (similarities->type == PA_FLOAT32)
    return gradient_of<float>(similarities, triplets, loss, gradient, fixed_bytes, workspace, stream);
  if (similarities->type == PA_FLOAT64)
    return gradient_of<double>(similarities, triplets, loss, gradient, fixed_bytes, workspace, stream);
  return int(cudaErrorInvalidValue);
}

int64_t pa_cuda_gradient_workspace(pa_float_type type, int64_t n, int64_t t, int64_t fixed_bytes) {
  using namespace pa;
  if (t == 0) return 0;
  if (type == PA_FLOAT32 && is_fixed(n, t, fixed_bytes)) return Fixed(nullptr, n, t).bytes;
  if (type == PA_FLOAT32 && fits_short_entry(n)) return workspace_of<ShortEntry>(n, t);
  return workspace_of<LongEntry>(n, t);
}
