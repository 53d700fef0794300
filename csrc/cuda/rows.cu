// rows.cu: what is done once to each row before pairs are formed, and what the caller must know of the rows.
//
// Division of the work. A warp takes a row, and with the grid's other warps every so-many-th: at most 8,192 rows are on
// the way at once. Its lanes stride over the row by 16 bytes, four loads each on the way. A row that is to be centered,
// shifted or copied is read a second time, from L1 or L2, and written. Maxima over rows are taken in registers, then in
// the block, and each block adds its own to the report by at most four atomics: a maximum is the same in any order.
//
// On an H100, predicted from bytes: n = 100,000, d = 512 in float32 are 205 MB, 61 us at 3.35 TB/s, and 122 us where
// rows are written too; 1,854 rows of 768 are 5.7 MB, 2 us, less than the launch. Counted in the machine code of sm_90:
// some 166 instructions for the four loads of a lane, 16 numbers, with a conversion, a multiply-add and an addition in
// float64 for each. So 51 M numbers take 19 us of issue, and 14 us of conversions at 16 a cycle: both within memory's.
#include "tensor_core.cuh"

namespace pa {
namespace {

constexpr int kRowWarps = kThreads / kWarp;
constexpr int64_t kRowBlocks = PA_GRID_MOST < 1024 ? PA_GRID_MOST : 1024;
constexpr int kLoadsInFlight = 4;
constexpr unsigned long long kNoNumber = ~0ull >> 1;
constexpr double kShortestInverse = 1.0 / (int64_t(1) << 50), kLongestInverse = double(int64_t(1) << 50);

template <class T>
struct Preparation {
  Rows<T> x;
  bool aligned;
  pa_transform transform;
  const T* shift;
  void* values;
  int64_t stride;
  double *squares, *inverse_norms;
  unsigned long long* report;
};

// A part of a row as it was given. NaN escapes comparisons, not sums.
template <class T>
struct Seen {
  double squares, sum;
  Result<T> low, high;
};

// Maxima over rows, of numbers of at least 0: their bits are in the order of the numbers.
struct Maxima {
  unsigned long long of[4];
};

__device__ inline unsigned long long bits_of(double value) {
  unsigned long long bits;
  memcpy(&bits, &value, sizeof bits);
  return value == value ? bits : kNoNumber;
}

__device__ inline void raise(unsigned long long* most, unsigned long long value) {
  if (value > *most) *most = value;
}

// One instruction each, which drops NaN.
__device__ inline float least(float a, float b) { return fminf(a, b); }
__device__ inline double least(double a, double b) { return fmin(a, b); }
__device__ inline float most(float a, float b) { return fmaxf(a, b); }
__device__ inline double most(double a, double b) { return fmax(a, b); }

template <class V>
__device__ V warp_least(V value) {
  PA_UNROLL
  for (int distance = kWarp / 2; distance > 0; distance /= 2)
    value = least(value, __shfl_xor_sync(kAllLanes, value, distance));
  return value;
}

template <class T>
__device__ void look(T element, Seen<T>* seen) {
  const Result<T> value = to_float(element);
  seen->squares += double(value) * double(value);
  seen->sum += double(value);
  seen->low = least(seen->low, value);
  seen->high = most(seen->high, value);
}

template <class T>
__device__ void look_at_chunk(const Chunk<T>& chunk, int64_t left, Seen<T>* seen) {
  constexpr int size = Chunk<T>::size;
  if (left >= size) {
    PA_UNROLL
    for (int e = 0; e < size; ++e) look(chunk.at[e], seen);
    return;
  }
  PA_UNROLL
  for (int e = 0; e < size - 1; ++e)
    if (e < left) look(chunk.at[e], seen);
}

// Row i as it was given, in all lanes.
template <class T>
__device__ Seen<T> look_at_row(const Preparation<T>& p, int64_t i) {
  constexpr int size = Chunk<T>::size, step = kWarp * size;
  Seen<T> seen = {0.0, 0.0, Result<T>(INFINITY), Result<T>(-INFINITY)};
  for (int64_t k = int64_t(threadIdx.x % kWarp) * size; k < p.x.d; k += kLoadsInFlight * step) {
    Chunk<T> chunks[kLoadsInFlight];
    PA_UNROLL
    for (int c = 0; c < kLoadsInFlight; ++c) chunks[c] = chunk_of(p.x, i, k + c * step, p.aligned);
    PA_UNROLL
    for (int c = 0; c < kLoadsInFlight; ++c) look_at_chunk(chunks[c], p.x.d - (k + c * step), &seen);
  }
  return {warp_sum(seen.squares), warp_sum(seen.sum), warp_least(seen.low), -warp_least(-seen.high)};
}

// One number of the row that comes out, from that which was given.
template <class T>
struct Transform {
  pa_transform kind;
  double factor, offset;  // of PA_CENTER: d * x - sum(x) instead of x - mean, so that whole numbers stay whole
  const T* shift;

  __device__ Result<T> at(T given, int64_t k) const {
    const Result<T> value = to_float(given);
    if (kind == PA_CENTER) return Result<T>(factor * double(value) - offset);
    return kind == PA_SHIFT ? value - to_float(shift[k]) : value;
  }
};

template <class T>
__device__ Transform<T> transform_of(const Preparation<T>& p, const Seen<T>& seen) {
  const bool constant = seen.low == seen.high && seen.sum - seen.sum == 0.0;
  return {p.transform, constant ? 0.0 : double(p.x.d), constant ? 0.0 : seen.sum, p.shift};
}

// A row that comes out. Squares of float64 numbers that are not zero may be.
struct Written {
  double squares;
  bool zero;
};

// Row i as it comes out, of type O, zero from its end to the next 16 bytes; what it is, in all lanes.
template <class O, class T>
__device__ Written write_row(const Preparation<T>& p, const Transform<T>& transform, int64_t i) {
  constexpr int size = Chunk<T>::size, part = Chunk<O>::size;
  O* target = static_cast<O*>(p.values) + i * p.stride;
  double squares = 0.0;
  bool zero = true;
  for (int64_t k = int64_t(threadIdx.x % kWarp) * size; k < p.x.d; k += kWarp * size) {
    const Chunk<T> given = chunk_of(p.x, i, k, p.aligned);
    PA_UNROLL
    for (int first = 0; first < size; first += part) {
      if (k + first >= p.x.d) continue;
      Chunk<O> out = {};
      PA_UNROLL
      for (int e = 0; e < part; ++e) {
        if (k + first + e >= p.x.d) continue;
        out.at[e] = rounded<O>(transform.at(given.at[first + e], k + first + e));
        const double value = double(to_float(out.at[e]));
        squares += value * value;
        zero = zero && value == 0.0;
      }
      *reinterpret_cast<Chunk<O>*>(target + k + first) = out;
    }
  }
  return {warp_sum(squares), __all_sync(kAllLanes, zero) != 0};
}

// The row's terms, and what it adds to the maxima.
template <class T>
__device__ void finish_row(const Preparation<T>& p, const Seen<T>& seen, const Written& row, int64_t i,
                           Maxima* maxima) {
  const double squares = row.squares;
  const double largest = fmax(fabs(double(seen.low)), fabs(double(seen.high)));
  const bool known = seen.squares == seen.squares && largest < double(INFINITY);
  const double inverse = squares > 0.0 ? 1.0 / sqrt(squares) : 0.0;
  if (threadIdx.x % kWarp == 0) {
    if (p.squares) p.squares[i] = known ? squares : double(NAN);
    if (p.inverse_norms) p.inverse_norms[i] = known ? inverse : double(NAN);
  }
  const bool extreme = !row.zero && !(inverse >= kShortestInverse && inverse <= kLongestInverse);
  raise(&maxima->of[0], known ? bits_of(seen.squares) : kNoNumber);
  raise(&maxima->of[1], known ? bits_of(squares) : kNoNumber);
  raise(&maxima->of[2], known ? bits_of(largest) : kNoNumber);
  raise(&maxima->of[3], extreme);
}

// Called once, by all threads of the block; all lanes of a warp hold its maxima.
__device__ inline void report_maxima(const Maxima& maxima, unsigned long long* report) {
  __shared__ Maxima warps[kRowWarps];
  if (threadIdx.x % kWarp == 0) warps[threadIdx.x / kWarp] = maxima;
  __syncthreads();
  if (threadIdx.x >= 4) return;
  unsigned long long of_block = 0;
  for (int w = 0; w < kRowWarps; ++w) raise(&of_block, warps[w].of[threadIdx.x]);
  if (of_block > 0) atomicMax(report + threadIdx.x, of_block);
}

template <class O, class T>
__global__ void __launch_bounds__(kThreads, 3) prepare_rows(const Preparation<T> p) {
  Maxima maxima = {};
  for (int64_t i = int64_t(blockIdx.x) * kRowWarps + threadIdx.x / kWarp; i < p.x.n;
       i += int64_t(gridDim.x) * kRowWarps) {
    const Seen<T> seen = look_at_row(p, i);
    const Written as_given = {seen.squares, seen.low == Result<T>(0) && seen.high == Result<T>(0)};
    finish_row(p, seen, p.values ? write_row<O>(p, transform_of(p, seen), i) : as_given, i, &maxima);
  }
  if (p.report) report_maxima(maxima, p.report);
}

template <class O, class T>
int launch_rows(const pa_matrix* x, const pa_cuda_prepared* out, void* stream) {
  const Rows<T> rows = {static_cast<const T*>(x->data), nullptr, x->n, x->d, x->stride};
  const Preparation<T> p = {rows,
                            rows_are_aligned(rows),
                            out->transform,
                            static_cast<const T*>(out->shift),
                            out->values,
                            out->stride,
                            out->squares,
                            out->inverse_norms,
                            reinterpret_cast<unsigned long long*>(out->report)};
  const int64_t blocks = pieces(x->n, kRowWarps);
  PA_LAUNCH((prepare_rows<O, T>), blocks < kRowBlocks ? blocks : kRowBlocks, kThreads, stream, p);
  return launch_error();
}

template <class T>
int rows_of_type(const pa_matrix* x, const pa_cuda_prepared* out, void* stream) {
  return out->transform == PA_CENTER ? launch_rows<Result<T>, T>(x, out, stream) : launch_rows<T, T>(x, out, stream);
}

}  // namespace
}  // namespace pa

int pa_cuda_prepare_rows(const pa_matrix* x, const pa_cuda_prepared* out, void* stream) {
  using namespace pa;
  if (x->n == 0) return 0;
  switch (x->type) {
    case PA_FLOAT32: return rows_of_type<float>(x, out, stream);
    case PA_FLOAT64: return rows_of_type<double>(x, out, stream);
    case PA_FLOAT16: return rows_of_type<Half>(x, out, stream);
    case PA_BFLOAT16: return rows_of_type<Bfloat>(x, out, stream);
  }
  return int(cudaErrorInvalidValue);
}
