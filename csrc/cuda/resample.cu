// resample.cu: sums over triplets under many resamples of the items at once, exact in whole numbers.
//
// Division of the work. A block takes a piece of the triplets and a group of 128 resamples. It stages 256 triplets at a
// time in shared memory: here alone types, strides and validity count. Then each warp takes 16 triplets a step. A
// thread has four of them, 16 resamples each, whose multiplicities come in one 16-byte load: eight threads read 128
// bytes of an item. (Where the resamples are no multiple of 128, groups of 64, and 8 bytes.)
//
// Weights, below 2^16, are products of bytes taken out of four by __dp4a and __dp2a, without unpacking. The rows of
// sums are a product of matrices on the tensor cores, exact in 32 bits: weights, as their two bytes, by digits, which
// are 1 and the two bytes of each value. With one row of values that is one tile of eight columns, with two or three
// rows two; more rows take another pass. The block's warps are added up in shared memory and the block's sums by
// atomics, one a resample and row: whole numbers have one sum in any order.
//
// Counted in the machine code of two rows of values: 333 instructions of a thread and step for sm_90 (326 for sm_80),
// 128 of them dot products of bytes, 16 products of matrices and 12 loads of 16 bytes: 21 for a triplet and four
// resamples. Staging takes about 2 more. On an H100, predicted: 1,024 resamples of 4.7 M triplets are 38 M times 23
// instructions of a warp, 0.95 ms at four a cycle and processor, and 0.5 ms of loads if all are served by L1, which
// holds most of a group of 1,854 items (237 KB).
#include "tensor_core.cuh"
#include "triplet.cuh"

namespace pa {
namespace {

constexpr int kBlockThreads = 128;  // threads
constexpr int kWarpsOfBlock = kBlockThreads / kWarp;
constexpr int kStepTriplets = 16;     // triplets that a warp takes at once
constexpr int kStagedTriplets = 256;  // triplets that a block stages at once
constexpr int kValues = 3;            // rows of values in one pass
constexpr int kDigits = 8;  // what weights are multiplied by: 1, the low and high byte of each value, and one unused
constexpr int64_t kLeastPiece = 1024, kMostPiece = 16384;
static_assert(kMostPiece * 255 * 128 < int64_t(1) << 31, "sums of a block are 32-bit numbers");

struct Resampling {
  pa_triplets triplets;
  const uint8_t* multiplicities;  // (n, lanes)
  const int16_t* values;          // (v, t)
  int64_t n, lanes, piece;
  unsigned long long* sums;  // (1 + v, lanes)
  int32_t* invalid;
};

// Triplets made ready for the loop, and what their weights are multiplied by. Those that are not valid, or past the
// last, name item 0 and have digits of zero.
struct Staged {
  uint4 items[kStagedTriplets];
  alignas(16) int8_t digits[kDigits][kStagedTriplets];
};

// A thread's four triplets of a step are 4 apart; their digits lie side by side.
__device__ int place_of(int k) { return k / kStepTriplets * kStepTriplets + k % 4 * 4 + k % kStepTriplets / 4; }

__device__ void stage(const Resampling& r, int64_t q, int64_t end, int64_t first, int count, Staged* staged) {
  for (int k = threadIdx.x; k < kStagedTriplets; k += kBlockThreads) {
    const int place = place_of(k);
    const bool inside = q + k < end;
    Items items = {};
    if (inside) items = read_triplet(r.triplets, q + k, r.n);
    if (inside && !items.valid) atomicExch(r.invalid, 1);
    const uint4 named = {uint32_t(items.at[0]), uint32_t(items.at[1]), uint32_t(items.at[2]), 0};
    staged->items[k] = items.valid ? named : uint4{};
    staged->digits[0][place] = items.valid;
    PA_UNROLL
    for (int c = 0; c < kValues; ++c) {
      if (c >= count) continue;
      const int value = items.valid ? r.values[(first + c) * r.triplets.t + q + k] : 0;
      staged->digits[1 + 2 * c][place] = items.valid ? int8_t((value & 255) - 128) : 0;
      staged->digits[2 + 2 * c][place] = int8_t(value >> 8);
    }
  }
}

template <int Resamples>
struct alignas(Resamples) Multiplicities {
  uint32_t of_four[Resamples / 4];
};

// The weights of a triplet in the thread's resamples. Of the four products that __dp4a adds up three are with zero;
// likewise one of two in __dp2a, whose first factors a * b fit in 16 bits.
template <int Resamples>
__device__ void weights_of(const uint8_t* table, uint32_t lanes, const uint4& items, uint32_t (&weights)[Resamples]) {
  typedef Multiplicities<Resamples> Row;
  const Row a = *reinterpret_cast<const Row*>(table + uint64_t(items.x) * lanes);
  const Row b = *reinterpret_cast<const Row*>(table + uint64_t(items.y) * lanes);
  const Row c = *reinterpret_cast<const Row*>(table + uint64_t(items.z) * lanes);
  PA_UNROLL
  for (int word = 0; word < Resamples / 4; ++word) {
    uint32_t ab[4];
    PA_UNROLL
    for (int k = 0; k < 4; ++k) ab[k] = __dp4a(a.of_four[word], b.of_four[word] & 255u << 8 * k, 0u);
    const uint32_t even = c.of_four[word], odd = even >> 8;
    weights[4 * word] = __dp2a_lo(ab[0], even, 0u);
    weights[4 * word + 1] = __dp2a_lo(ab[1], odd, 0u);
    weights[4 * word + 2] = __dp2a_hi(ab[2], even, 0u);
    weights[4 * word + 3] = __dp2a_hi(ab[3], odd, 0u);
  }
}

// Where a lane stands in the fragments of a product of 16 resamples by 8 columns, 32 bytes deep.
struct Seat {
  int group, in_group;
};

// Column 2 d is for the low bytes of the weights times digit d, column 2 d + 1 for the high bytes: between the digits
// of two triplets there are zeros.
__device__ void digits_of(const Staged& staged, const Seat& seat, int start, int tile, uint32_t (&b)[2]) {
  const int8_t* four = staged.digits[4 * tile + seat.group / 2] + start + 4 * seat.in_group;
  const uint32_t digits = *reinterpret_cast<const uint32_t*>(four);
  const bool high = seat.group % 2;
  b[0] = __byte_perm(digits, 0, high ? 0x1404 : 0x4140);
  b[1] = __byte_perm(digits, 0, high ? 0x3424 : 0x4342);
}

template <int Resamples, int Tiles>
using Sums = int32_t[Resamples / 2][Tiles][4];

// Adds 16 triplets.
template <int Resamples, int Tiles>
__device__ void add_step(const uint8_t* table, uint32_t lanes, const Staged& staged, const Seat& seat, int start,
                         Sums<Resamples, Tiles>& sums) {
  uint32_t of_two[2][Resamples];
  PA_UNROLL
  for (int pair = 0; pair < 2; ++pair) {
    uint32_t one[Resamples], other[Resamples];
    weights_of(table, lanes, staged.items[start + 8 * pair + seat.in_group], one);
    weights_of(table, lanes, staged.items[start + 8 * pair + 4 + seat.in_group], other);
    PA_UNROLL
    for (int l = 0; l < Resamples; ++l) of_two[pair][l] = __byte_perm(one[l], other[l], 0x5410);
  }
  PA_UNROLL
  for (int tile = 0; tile < Tiles; ++tile) {
    uint32_t b[2];
    digits_of(staged, seat, start, tile, b);
    PA_UNROLL
    for (int l = 0; l < Resamples / 2; ++l) {
      const uint32_t a[4] = {of_two[0][l], of_two[0][l + Resamples / 2], of_two[1][l], of_two[1][l + Resamples / 2]};
      multiply_add_bytes(sums[l][tile], a, b);
    }
  }
}

// The sums of the block's warps, one warp after the other.
template <int Resamples, int Tiles>
__device__ void add_warps(const Seat& seat, const Sums<Resamples, Tiles>& sums, int64_t (*totals)[8 * Resamples]) {
  for (int turn = 0; turn < kWarpsOfBlock; ++turn) {
    if (threadIdx.x / kWarp == unsigned(turn)) {
      PA_UNROLL
      for (int tile = 0; tile < Tiles; ++tile) PA_UNROLL
      for (int l = 0; l < Resamples; ++l) {
        const int32_t* both = sums[l % (Resamples / 2)][tile] + l / (Resamples / 2) * 2;
        int64_t* total = &totals[4 * tile + seat.in_group][seat.group * Resamples + l];
        *total = (turn ? *total : 0) + both[0] + 256 * int64_t(both[1]);
      }
    }
    __syncthreads();
  }
}

// Rows of values first .. first + count; with the first of them also the sums of the weights.
template <int Resamples, int Tiles>
__global__ void __launch_bounds__(kBlockThreads) resample(Resampling r, int64_t first, int count) {
  constexpr int kGroupResamples = 8 * Resamples;
  __shared__ Staged staged;
  __shared__ int64_t totals[4 * Tiles][kGroupResamples];
  const int64_t groups = r.lanes / kGroupResamples, first_lane = blockIdx.x % groups * kGroupResamples;
  const int64_t start = blockIdx.x / groups * r.piece;
  const int64_t end = start + r.piece < r.triplets.t ? start + r.piece : r.triplets.t;
  const Seat seat = {int(threadIdx.x % kWarp / 4), int(threadIdx.x % 4)};
  const uint8_t* table = r.multiplicities + first_lane + seat.group * Resamples;
  Sums<Resamples, Tiles> sums = {};
  for (int64_t q = start; q < end; q += kStagedTriplets) {
    stage(r, q, end, first, count, &staged);
    __syncthreads();
    for (int step = threadIdx.x / kWarp * kStepTriplets; step < kStagedTriplets && q + step < end;
         step += kWarpsOfBlock * kStepTriplets)
      add_step<Resamples, Tiles>(table, uint32_t(r.lanes), staged, seat, step, sums);
    __syncthreads();
  }
  add_warps<Resamples, Tiles>(seat, sums, totals);
  for (int k = threadIdx.x; k < kGroupResamples; k += kBlockThreads) {
    unsigned long long* target = r.sums + first_lane + k;  // negative sums wrap, and wrap back
    if (first == 0) atomicAdd(target, static_cast<unsigned long long>(totals[0][k]));
    for (int c = 0; c < count; ++c) {
      const int64_t sum = 128 * totals[0][k] + totals[1 + 2 * c][k] + 256 * totals[2 + 2 * c][k];
      atomicAdd(target + (1 + first + c) * r.lanes, static_cast<unsigned long long>(sum));
    }
  }
}

// ---- host -----------------------------------------------------------------------------------------------------------

// Triplets of a block: as many as leave every processor several blocks.
int64_t piece_of(int64_t t, int64_t groups) {
  int64_t piece = kLeastPiece;
  while (piece < kMostPiece && pieces(t, piece) * groups > PA_RESAMPLE_BLOCKS) piece *= 2;
  return piece;
}

template <int Resamples>
int all_rows(Resampling r, int64_t v, void* stream) {
  const int64_t groups = r.lanes / (8 * Resamples);
  r.piece = piece_of(r.triplets.t, groups);
  const int64_t blocks = pieces(r.triplets.t, r.piece) * groups;
  for (int64_t first = 0; first == 0 || first < v; first += kValues) {
    const int count = int(v - first < kValues ? v - first : kValues);
    const auto kernel = count > 1 ? resample<Resamples, 2> : resample<Resamples, 1>;
    PA_LAUNCH(kernel, blocks, kBlockThreads, stream, r, first, count);
    if (const int error = launch_error()) return error;
  }
  return 0;
}

}  // namespace
}  // namespace pa

int pa_cuda_resample_items(const pa_triplets* triplets, int64_t n, const uint8_t* multiplicities,
                           const pa_resamples* resamples, int32_t* invalid, void* stream) {
  using namespace pa;
  const int64_t lanes = resamples->lanes, v = resamples->v;
  if (lanes % 64 || lanes < 64 || lanes >> 31 || n < 1 || !is_aligned(multiplicities))
    return int(cudaErrorInvalidValue);
  const size_t bytes = (1 + v) * lanes * sizeof(int64_t);
  if (const int error = int(cudaMemsetAsync(resamples->sums, 0, bytes, static_cast<cudaStream_t>(stream))))
    return taken(error);
  unsigned long long* const sums = reinterpret_cast<unsigned long long*>(resamples->sums);
  const Resampling r = {*triplets, multiplicities, resamples->values, n, lanes, 0, sums, invalid};
  if (triplets->t == 0) return 0;
  return lanes % 128 == 0 ? all_rows<16>(r, v, stream) : all_rows<8>(r, v, stream);
}
