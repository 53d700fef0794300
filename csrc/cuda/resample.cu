// resample.cu: sums over triplets under many resamples of the items at once, exact in whole numbers.
//
// A block takes a piece of the triplets and a group of 64 resamples; 16 threads share a triplet, each with four
// resamples, whose multiplicities come in one 4-byte load: 64 bytes of L2 an item, coalesced. Up to four rows of values
// are summed in one pass, in 64-bit registers; the block's threads are added up in shared memory and the block's sums
// by atomics, one a resample and row: whole numbers have one sum in any order.
//
// A triplet and group take 192 bytes of L2 beside 12 of indices, which the 16 threads share. On an H100 16 groups,
// 1,024 resamples, of 4.7 M triplets are 14.4 GB: at 5.5 TB/s 2.6 ms are predicted for up to three rows of values while
// L1 holds nothing. The multiplicities of a group, 64 bytes an item, do fit there for n = 1,854: with all of them from
// L1 the 39 G multiplications and additions remain, 0.6 ms at the rate of float32.
#include "common.cuh"
#include "triplet.cuh"

namespace pa {
namespace {

constexpr int kLanes = 64;
constexpr int kLanesOfThread = 4;
constexpr int kThreadsOfTriplet = kLanes / kLanesOfThread;
constexpr int kAtOnce = kThreads / kThreadsOfTriplet;  // triplets
constexpr int64_t kPiece = 256 * kAtOnce;
constexpr int kRows = 4;  // of sums

struct Resampling {
  pa_triplets triplets;
  const uint8_t* multiplicities;  // (n, lanes)
  const int16_t* values;          // (v, t)
  int64_t n, lanes;
  unsigned long long* sums;  // (1 + v, lanes)
  int32_t* invalid;
};

// The weights of a triplet in the thread's four resamples; zero where it is not valid.
__device__ void weights_of(const Resampling& r, const Items& items, int64_t lane, int64_t (&weights)[kLanesOfThread]) {
  uchar4 of_item[3] = {};
  PA_UNROLL
  for (int p = 0; p < 3; ++p)
    if (items.valid) of_item[p] = *reinterpret_cast<const uchar4*>(r.multiplicities + items.at[p] * r.lanes + lane);
  weights[0] = int64_t(of_item[0].x) * of_item[1].x * of_item[2].x;
  weights[1] = int64_t(of_item[0].y) * of_item[1].y * of_item[2].y;
  weights[2] = int64_t(of_item[0].z) * of_item[1].z * of_item[2].z;
  weights[3] = int64_t(of_item[0].w) * of_item[1].w * of_item[2].w;
}

// Rows first .. first + count of the sums; row 0 is that of the weights, row 1 + c that of values c.
__global__ void __launch_bounds__(kThreads) resample(Resampling r, int64_t first, int count) {
  __shared__ int64_t of_threads[kAtOnce][kLanes];
  const int64_t groups = r.lanes / kLanes, group = blockIdx.x % groups;
  const int side = threadIdx.x / kThreadsOfTriplet, within = threadIdx.x % kThreadsOfTriplet * kLanesOfThread;
  const int64_t lane = group * kLanes + within;
  const int64_t start = blockIdx.x / groups * kPiece;
  const int64_t end = start + kPiece < r.triplets.t ? start + kPiece : r.triplets.t;
  int64_t total[kRows][kLanesOfThread] = {};
  for (int64_t q = start + side; q < end; q += kAtOnce) {
    const Items items = read_triplet(r.triplets, q, r.n);
    if (!items.valid && within == 0) atomicExch(r.invalid, 1);
    int64_t weights[kLanesOfThread];
    weights_of(r, items, lane, weights);
    PA_UNROLL
    for (int c = 0; c < kRows; ++c) {
      if (c >= count) continue;
      const int64_t value = first + c == 0 ? 1 : r.values[(first + c - 1) * r.triplets.t + q];
      PA_UNROLL
      for (int l = 0; l < kLanesOfThread; ++l) total[c][l] += weights[l] * value;
    }
  }
  PA_UNROLL
  for (int c = 0; c < kRows; ++c) {
    PA_UNROLL
    for (int l = 0; l < kLanesOfThread; ++l) of_threads[side][within + l] = total[c][l];
    __syncthreads();
    if (c < count && threadIdx.x < kLanes) {
      int64_t sum = 0;
      for (int s = 0; s < kAtOnce; ++s) sum += of_threads[s][threadIdx.x];
      unsigned long long* target = r.sums + (first + c) * r.lanes + group * kLanes + threadIdx.x;
      atomicAdd(target, static_cast<unsigned long long>(sum));  // negative sums wrap, and wrap back
    }
    __syncthreads();
  }
}

}  // namespace
}  // namespace pa

int pa_cuda_resample_items(const pa_triplets* triplets, int64_t n, const uint8_t* multiplicities,
                           const pa_resamples* resamples, int32_t* invalid, void* stream) {
  using namespace pa;
  const int64_t lanes = resamples->lanes, groups = lanes / kLanes, rows = 1 + resamples->v;
  if (lanes % kLanes || groups < 1) return int(cudaErrorInvalidValue);
  const cudaStream_t queue = static_cast<cudaStream_t>(stream);
  const size_t bytes = rows * lanes * sizeof(int64_t);
  if (const int error = int(cudaMemsetAsync(resamples->sums, 0, bytes, queue))) return taken(error);
  unsigned long long* const sums = reinterpret_cast<unsigned long long*>(resamples->sums);
  const Resampling r = {*triplets, multiplicities, resamples->values, n, lanes, sums, invalid};
  const int64_t blocks = pieces(triplets->t, kPiece);
  if (blocks == 0) return 0;
  for (int64_t first = 0; first < rows; first += kRows) {
    const int count = int(rows - first < kRows ? rows - first : kRows);
    PA_LAUNCH(resample, blocks * groups, kThreads, stream, r, first, count);
    if (const int error = launch_error()) return error;
  }
  return 0;
}
