// choice_similarity.cu: how likely two items are kept together, averaged over all third items.
//
// Division of the work. A first kernel finds the smallest and the largest similarity, in parts. Then a block takes a
// tile of 64 x 64 pairs, on and above the diagonal, and walks over the third items k in slices: rows of both sides in
// shared memory, 4 x 4 pairs of a thread in registers, as a matrix product does it, with 1 / (e_ij + e_ik + e_jk) where
// that multiplies. Exponentials e are taken as a slice is loaded. A slice is added up in the result's type, slices in
// float64. Where the exponentials would not fit into the type, which each block sees from the extremes, a pair's p is
// 1 / (1 + exp(s_ik - s_ij) + exp(s_jk - s_ij)) instead: a second kernel, of which one of the two has nothing to do. An
// item with itself and what lies past the last one are infinite: nothing is kept with them.
//
// Roofline on an H100, predicted. n^3 / 2 reciprocals, which 132 multiprocessors make 16 a clock of each, 3.7e12 a
// second: 0.9 ms for n = 1,854. Counted, a pair and third item take 9.3 instructions, three additions among them, which
// four schedulers of a multiprocessor issue in 1.03 ms at the least (docs/gpu.md, Counts). In float64 a division is
// some ten operations, 3.2 ms. Sharing a reciprocal among the three pairs of a set would need sums that blocks share.
#include <math.h>

#include "common.cuh"

namespace pa {
namespace {

constexpr int kSide = 16;  // threads along either side of a tile
constexpr int kMicro = 4;  // pairs along either side of a thread's part
constexpr int kTileItems = kSide * kMicro;
constexpr int kDepth = 16;         // third items of a slice
constexpr int kExtremeParts = 64;  // of the extremes

template <class T>
struct Choosing {
  const T* similarities;
  T* out;
  int64_t n, stride, out_stride, first_tile, parts;
  double inverse_temperature;
  double* extremes;  // (parts, 2): smallest and largest
};

struct Range {
  double low, high;
};

__device__ inline Range together(Range a, Range b) {
  return {a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high};
}

// Of the rows of a block, above the diagonal.
template <class T>
__global__ void __launch_bounds__(kThreads) find_extremes(const Choosing<T> c) {
  __shared__ Range of_warps[kThreads / kWarp];
  Range range = {HUGE_VAL, -HUGE_VAL};
  for (int64_t i = blockIdx.x; i < c.n; i += c.parts)
    for (int64_t j = i + 1 + threadIdx.x; j < c.n; j += kThreads) {
      const double s = double(c.similarities[i * c.stride + j]);
      range = together(range, {s, s});
    }
  PA_UNROLL
  for (int distance = kWarp / 2; distance > 0; distance /= 2)
    range = together(
        range, {__shfl_xor_sync(kAllLanes, range.low, distance), __shfl_xor_sync(kAllLanes, range.high, distance)});
  if (threadIdx.x % kWarp == 0) of_warps[threadIdx.x / kWarp] = range;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (int w = 1; w < kThreads / kWarp; ++w) range = together(range, of_warps[w]);
  c.extremes[2 * blockIdx.x] = range.low;
  c.extremes[2 * blockIdx.x + 1] = range.high;
}

template <class T>
__device__ Range all_extremes(const Choosing<T>& c) {
  Range range = {HUGE_VAL, -HUGE_VAL};
  for (int64_t p = 0; p < c.parts; ++p) range = together(range, {c.extremes[2 * p], c.extremes[2 * p + 1]});
  return range;
}

// Exponents that the type's exponentials take; and how far they may spread, so that 16 reciprocals have a finite sum.
template <class T>
struct Exponents {
  static constexpr float most = 84.0f;
  static constexpr double spread = 69.0;
};
template <>
struct Exponents<double> {
  static constexpr double most = 700.0, spread = 623.0;
};

// exp(x) of an x in float64 that float32 would round.
template <class T>
__device__ T exp_of_double(double x) {
  const T high = T(x), low = T(x - double(high));
  return exp_of<T>(high) * (T(1) + low);
}

template <class T>
__device__ T reciprocal(T x) {
  return T(1) / x;
}
#ifdef __CUDA_ARCH__
template <>
__device__ float reciprocal<float>(float x) {
  return __fdividef(1.0f, x);
}
#endif

// What stands for items i and k: e, or the similarity.
template <bool Exponentials, class T>
__device__ T value_of(const Choosing<T>& c, double high, int64_t i, int64_t k) {
  if (i >= c.n || k >= c.n || i == k) return T(HUGE_VAL);
  const T s = c.similarities[i * c.stride + k];
  return Exponentials ? exp_of_double<T>((double(s) - high) * c.inverse_temperature) : s;
}

// exp((other - kept) / T), infinite where p would be next to nothing.
template <class T>
__device__ T exp_of_other(T other, T kept, T inverse_temperature) {
  const T x = (other - kept) * inverse_temperature, most = Exponents<T>::most;
  return x < most ? exp_of<T>(x > -most ? x : -most) : T(HUGE_VAL);
}

template <class T>
struct Slices {
  static constexpr int pitch = kTileItems + 16 / sizeof(T);
  alignas(16) T at[2][kDepth][pitch];  // of the rows i and of the rows j, third items outermost
};

template <bool Exponentials, class T>
__device__ void load_slices(const Choosing<T>& c, double high, int64_t i0, int64_t j0, int64_t k0, Slices<T>& slices) {
  PA_UNROLL
  for (int side = 0; side < 2; ++side) {
    PA_UNROLL
    for (int v = 0; v < kTileItems * kDepth / kThreads; ++v) {
      const int at = v * kThreads + int(threadIdx.x), row = at / kDepth, k = at % kDepth;
      slices.at[side][k][row] = value_of<Exponentials>(c, high, (side ? j0 : i0) + row, k0 + k);
    }
  }
}

template <class T>
__device__ void load_part(const T* line, T (&part)[kMicro]) {
  PA_UNROLL
  for (int v = 0; v < kMicro; v += Chunk<T>::size) {
    const Chunk<T> chunk = aligned_chunk(line + v);
    PA_UNROLL
    for (int w = 0; w < Chunk<T>::size; ++w) part[v + w] = chunk.at[w];
  }
}

// Those of the thread's pairs whose j is among the third items of the slice, which begin at the tile's column `first`.
template <class T>
__device__ void keep_pairs(const Slices<T>& slices, int first, T (&kept)[kMicro][kMicro]) {
  const int k = threadIdx.x % kSide * kMicro - first, row = threadIdx.x / kSide * kMicro;
  if (k < 0 || k >= kDepth) return;
  PA_UNROLL
  for (int r = 0; r < kMicro; ++r) {
    PA_UNROLL
    for (int s = 0; s < kMicro; ++s) kept[r][s] = slices.at[0][k + s][row + r];
  }
}

// p of a pair and a third item; without the factor e_ij where Exponentials.
template <bool Exponentials, class T>
__device__ T kept_together(T ij, T ik, T jk, T inverse_temperature) {
  if (Exponentials) return reciprocal((ij + ik) + jk);
  return reciprocal(T(1) + exp_of_other(ik, ij, inverse_temperature) + exp_of_other(jk, ij, inverse_temperature));
}

// Adds it for the thread's pairs over the third items of a slice.
template <bool Exponentials, class T>
__device__ void add_slice(const Slices<T>& slices, const T (&kept)[kMicro][kMicro], T inverse_temperature,
                          double (&sums)[kMicro][kMicro]) {
  constexpr bool narrow = sizeof(T) < sizeof(double);
  T part[kMicro][kMicro] = {};
  const int tx = threadIdx.x % kSide * kMicro, ty = threadIdx.x / kSide * kMicro;
  for (int k = 0; k < kDepth; ++k) {
    T a[kMicro], b[kMicro];
    load_part(slices.at[0][k] + ty, a);
    load_part(slices.at[1][k] + tx, b);
    PA_UNROLL
    for (int r = 0; r < kMicro; ++r) {
      PA_UNROLL
      for (int s = 0; s < kMicro; ++s) {
        const T p = kept_together<Exponentials>(kept[r][s], a[r], b[s], inverse_temperature);
        if (narrow) part[r][s] += p;
        else sums[r][s] += double(p);
      }
    }
  }
  PA_UNROLL
  for (int r = 0; r < kMicro; ++r) {
    PA_UNROLL
    for (int s = 0; s < kMicro; ++s)
      if (narrow) sums[r][s] += double(part[r][s]);
  }
}

template <class T>
__device__ void write_mean(const Choosing<T>& c, int64_t i, int64_t j, double mean) {
  if (j >= c.n || i > j) return;
  const T value = i == j ? T(1) : T(mean < 1.0 ? mean : 1.0);
  c.out[i * c.out_stride + j] = value;
  c.out[j * c.out_stride + i] = value;
}

// One of the two forms; blocks of the other one have nothing to do.
template <bool Exponentials, class T>
__global__ void __launch_bounds__(kThreads, 2) choose_tiles(const Choosing<T> c) {
  __shared__ Slices<T> slices;
  const Range range = all_extremes(c);
  const double spread = (range.high - range.low) * c.inverse_temperature;
  if (Exponentials != (spread <= Exponents<T>::spread)) return;
  const UpperTile at = upper_tile(c.first_tile + blockIdx.x);
  const int64_t i0 = at.down * kTileItems, j0 = at.across * kTileItems;
  const int64_t i = i0 + threadIdx.x / kSide * kMicro, j = j0 + threadIdx.x % kSide * kMicro;
  T kept[kMicro][kMicro] = {};
  double sums[kMicro][kMicro] = {};
  // The third items of the first slices are those of the rows j: there the pairs themselves stand.
  for (int64_t k0 = -kTileItems; k0 < c.n; k0 += kDepth) {
    load_slices<Exponentials>(c, range.high, i0, j0, k0 < 0 ? j0 + kTileItems + k0 : k0, slices);
    __syncthreads();
    if (k0 < 0) keep_pairs(slices, int(kTileItems + k0), kept);
    else add_slice<Exponentials>(slices, kept, T(c.inverse_temperature), sums);
    __syncthreads();
  }
  PA_UNROLL
  for (int r = 0; r < kMicro; ++r) {
    PA_UNROLL
    for (int s = 0; s < kMicro; ++s) {
      const double sum = Exponentials ? double(kept[r][s]) * sums[r][s] : sums[r][s];
      write_mean(c, i + r, j + s, sum / double(c.n - 2));
    }
  }
}

template <class T>
int choose(const pa_matrix* s, double temperature, void* out, int64_t out_stride, void* workspace, void* stream) {
  const int64_t parts = s->n < kExtremeParts ? s->n : kExtremeParts, down = pieces(s->n, kTileItems),
                tiles = down * (down + 1) / 2;
  Choosing<T> c = {
      static_cast<const T*>(s->data), static_cast<T*>(out), s->n, s->stride, out_stride, 0, parts, 1.0 / temperature,
      static_cast<double*>(workspace)};
  PA_LAUNCH(find_extremes<T>, parts, kThreads, stream, c);
  if (const int error = launch_error()) return error;
  constexpr int64_t most = PA_GRID_MOST;
  for (; c.first_tile < tiles; c.first_tile += most) {
    const int64_t left = tiles - c.first_tile;
    PA_LAUNCH((choose_tiles<true, T>), left < most ? left : most, kThreads, stream, c);
    PA_LAUNCH((choose_tiles<false, T>), left < most ? left : most, kThreads, stream, c);
    if (const int error = launch_error()) return error;
  }
  return 0;
}

}  // namespace
}  // namespace pa

int pa_cuda_choice_similarity(const pa_matrix* similarities, double temperature, void* out, int64_t out_stride,
                              void* workspace, void* stream) {
  using namespace pa;
  if (similarities->n < 3 || similarities->d != similarities->n) return int(cudaErrorInvalidValue);
  if (similarities->type == PA_FLOAT32)
    return choose<float>(similarities, temperature, out, out_stride, workspace, stream);
  if (similarities->type == PA_FLOAT64)
    return choose<double>(similarities, temperature, out, out_stride, workspace, stream);
  return int(cudaErrorInvalidValue);
}

int64_t pa_cuda_choice_similarity_workspace(void) { return 2 * pa::kExtremeParts * int64_t(sizeof(double)); }
