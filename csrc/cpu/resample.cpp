// resample.cpp: sums over triplets under many resamples at once, exact in whole numbers.
//
// Division of the work. Resamples come in groups of 64 lanes. A thread takes a piece of the triplets; of 64 triplets
// and one group it first computes the weights, three loads of 64 multiplicities each and two products in 16 bits, then
// multiplies them with each row of values and adds up in 32 bits, which cannot overflow: the number of triplets between
// two moves to 64 bits follows from the largest weight. Whole numbers have one sum, whatever the order and the number
// of threads.
//
// A group of multiplicities of 1,854 items takes 119 KB: the loads are served by L2, and set the pace.
#include "lanes.h"
#include "unpack.h"

namespace PA_ISA {
namespace {

constexpr int64_t kBlock = 64;          // triplets whose weights wait in L1
constexpr int64_t kPieces = 64;         // of the triplets, at most: what a thread takes at a time
constexpr int kTogether = 5;            // rows of values that share a load of weights
constexpr int64_t kLargest = 31;        // multiplicity: its cube fits in 15 bits
constexpr int64_t kRoom = 1 << 16;      // triplets * weight that fit in 31 bits beside values of 15
constexpr int64_t kPoissonLargest = 8;  // of a weight by rows

struct Weights {
  Words of_pair[kBlock / 2][kVectorsOfPair];
};

PA_LANES void put(Weights* weights, int64_t q, int part, Words first, Words second) {
  weights->of_pair[q / 2][2 * part] = pair_low(first, second);
  weights->of_pair[q / 2][2 * part + 1] = pair_high(first, second);
}

// Products of the multiplicities of three items.
struct ByItems {
  const pa_triplets* triplets;
  const uint8_t* multiplicities;  // (n, lanes)
  int64_t n, lanes;
  Items items;
  int64_t unpacked;  // first triplet of `items`

  bool prepare(int64_t q, int64_t end) {
    unpacked = q;
    return unpack(triplets, q, smaller(kTripletBlock, end - q), n, &items);
  }
  struct Places {
    const uint8_t *a, *b, *c;
    Words weight(int part) const {
      const int64_t at = int64_t(part) * kResamplesOfVector;
      return widen(a + at) * widen(b + at) * widen(c + at);
    }
  };
  Places places(int64_t at, const uint8_t* table) const {
    return {table + items.column[0][at] * lanes, table + items.column[1][at] * lanes,
            table + items.column[2][at] * lanes};
  }
  void fill(int64_t q, int64_t count, int64_t group, Weights* weights) const {
    const int64_t first = q - unpacked, whole = count / 2 * 2;
    const uint8_t* table = multiplicities + group * kLanes;
    for (int64_t k = 0; k < whole; k += 2) {
      const Places one = places(first + k, table), other = places(first + k + 1, table);
#pragma GCC unroll 8
      for (int part = 0; part < kVectorsOfTriplet; ++part) put(weights, k, part, one.weight(part), other.weight(part));
    }
    if (whole == count) return;
    const Places last = places(first + whole, table);
    for (int part = 0; part < kVectorsOfTriplet; ++part) put(weights, whole, part, last.weight(part), Words{});
  }
};

// Independent Poisson(1) weights of the rows. 16 bits of a hash of the row's number and the lane's keys are compared
// with 65536 P(weight >= k), whose sum is 65536: the mean is 1 exactly.
constexpr uint16_t kAtLeast[kPoissonLargest] = {41427, 17317, 5263, 1244, 240, 39, 5, 1};

struct ByRows {
  const uint32_t* keys;  // (groups, 2, 32): lanes l and l + 32 share a hash

  bool prepare(int64_t, int64_t) { return true; }

  static void hash(int64_t row, const uint32_t* keys, uint16_t* draws) {
    const uint32_t start = uint32_t(row) * 0x9e3779b1u;
    for (int l = 0; l < 32; ++l) {
      uint32_t x = start ^ keys[l];
      x = (x ^ (x >> 16)) * 0x7feb352du + keys[32 + l];
      x = (x ^ (x >> 15)) * 0x846ca68bu;
      x ^= x >> 16;
      draws[l] = uint16_t(x);
      draws[32 + l] = uint16_t(x >> 16);
    }
  }
  static void draw(int64_t row, const uint32_t* keys, int16_t* weights) {
    uint16_t draws[kLanes];
    hash(row, keys, draws);
    for (int64_t l = 0; l < kLanes; ++l) {
      int16_t w = 0;
      for (int64_t k = 0; k < kPoissonLargest; ++k) w = int16_t(w + (draws[l] < kAtLeast[k]));
      weights[l] = w;
    }
  }
  void fill(int64_t q, int64_t count, int64_t group, Weights* weights) const {
    int16_t first[kLanes], second[kLanes] = {};
    for (int64_t k = 0; k < count; k += 2) {
      draw(q + k, keys + group * kLanes, first);
      if (k + 1 < count) draw(q + k + 1, keys + group * kLanes, second);
      else memset(second, 0, sizeof second);
      for (int part = 0; part < kVectorsOfTriplet; ++part) {
        Words a, b;
        memcpy(&a, first + part * kResamplesOfVector, sizeof a);
        memcpy(&b, second + part * kResamplesOfVector, sizeof b);
        put(weights, k, part, a, b);
      }
    }
  }
};

// Adds the sums of `Count` rows of values under the weights; sums of a row: kLanes numbers in the order of the slices.
template <int Count>
void add_rows(const Weights& weights, int64_t pairs, const int16_t (*values)[kBlock], int64_t* const* sums) {
  alignas(64) int32_t of_lanes[Count][kLanes];
  for (int slice = 0; slice < kVectorsOfPair; ++slice) {
    Sums32 total[Count] = {};
    for (int64_t p = 0; p < pairs; ++p) {
      const Words w = weights.of_pair[p][slice];
#pragma GCC unroll 8
      for (int c = 0; c < Count; ++c) total[c] += multiply_add(w, both(values[c] + 2 * p));
    }
#pragma GCC unroll 8
    for (int c = 0; c < Count; ++c) memcpy(of_lanes[c] + slice * kInSlice, &total[c], sizeof total[c]);
  }
  for (int c = 0; c < Count; ++c) {
    int64_t* target = sums[c];
    for (int64_t l = 0; l < kLanes; ++l) target[l] += of_lanes[c][l];
  }
}

struct Plan {
  int64_t t, groups, v, block;
  const int16_t* values;  // (v, t)

  Plan(const pa_resamples& r, int64_t triplets, int64_t largest_weight)
      : t(triplets),
        groups(r.lanes / kLanes),
        v(r.v),
        block(smaller(kBlock, kRoom / larger(1, largest_weight) / 2 * 2)),  // between two moves to 64 bits
        values(r.values) {}
};

// The rows of values 0 .. v, of which the first is one for every triplet, in batches.
void add_all(const Plan& plan, const Weights& weights, int64_t q, int64_t count, int64_t* sums, int64_t of_row) {
  int16_t values[kTogether][kBlock];
  int64_t* targets[kTogether];
  for (int64_t r = 0; r <= plan.v; r += kTogether) {
    const int64_t rows = smaller(kTogether, plan.v + 1 - r);
    for (int64_t c = 0; c < rows; ++c) {
      targets[c] = sums + (r + c) * of_row;
      if (r + c > 0) memcpy(values[c], plan.values + (r + c - 1) * plan.t + q, count * sizeof(int16_t));
      else
        for (int64_t k = 0; k < count; ++k) values[c][k] = 1;
      if (count % 2) values[c][count] = 0;
    }
    const int64_t pairs = blocks(count, 2);
    if (rows == 5) add_rows<5>(weights, pairs, values, targets);
    if (rows == 4) add_rows<4>(weights, pairs, values, targets);
    if (rows == 3) add_rows<3>(weights, pairs, values, targets);
    if (rows == 2) add_rows<2>(weights, pairs, values, targets);
    if (rows == 1) add_rows<1>(weights, pairs, values, targets);
  }
}

// Triplets first .. end into sums (1 + v, groups, kLanes), lanes in the order of the slices. False where one is not
// valid.
template <class Source>
bool one_piece(const Plan& plan, Source source, int64_t first, int64_t end, int64_t* sums) {
  Weights weights;
  for (int64_t q = first; q < end; q += kTripletBlock) {
    if (!source.prepare(q, end)) return false;
    const int64_t stop = smaller(end, q + kTripletBlock);
    for (int64_t group = 0; group < plan.groups; ++group)
      for (int64_t k = q; k < stop; k += plan.block) {
        const int64_t count = smaller(plan.block, stop - k);
        source.fill(k, count, group, &weights);
        add_all(plan, weights, k, count, sums + group * kLanes, plan.groups * kLanes);
      }
  }
  return true;
}

template <class Source>
pa_status resample(const Plan& plan, const Source& source, int64_t* sums, int threads) {
  const int64_t chunks = blocks(plan.t, kTripletBlock), size = (1 + plan.v) * plan.groups * kLanes;
  const int64_t pieces = larger(1, smaller(kPieces, chunks));
  const Scratch<int64_t> parts(pieces * size);
  if (!parts.data) return PA_OUT_OF_MEMORY;
  int invalid = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (pieces > 1) reduction(| : invalid)
  for (int64_t piece = 0; piece < pieces; ++piece) {
    const int64_t first = chunks * piece / pieces * kTripletBlock;
    const int64_t end = smaller(plan.t, chunks * (piece + 1) / pieces * kTripletBlock);
    memset(parts.data + piece * size, 0, size * sizeof(int64_t));
    invalid |= !one_piece(plan, source, first, end, parts.data + piece * size);
  }
  if (invalid) return PA_INVALID_TRIPLETS;
  memset(sums, 0, size * sizeof(int64_t));
  for (int64_t piece = 0; piece < pieces; ++piece)
    for (int64_t k = 0; k < size; ++k) {
      const int64_t at = k % kLanes;
      sums[k - at + lane_of(int(at / kInSlice), int(at % kInSlice))] += parts.data[piece * size + k];
    }
  return PA_OK;
}

}  // namespace

pa_status resample_items(const pa_triplets* triplets, int64_t n, const uint8_t* multiplicities,
                         const pa_resamples* resamples, int threads) {
  int64_t largest = 0;
  for (int64_t k = 0; k < n * resamples->lanes; ++k) largest = larger(largest, multiplicities[k]);
  if (largest > kLargest) return PA_BAD_ARGUMENT;
  const ByItems source = {triplets, multiplicities, n, resamples->lanes, {}, 0};
  return resample(Plan(*resamples, triplets->t, largest * largest * largest), source, resamples->sums, threads);
}

pa_status resample_rows(int64_t t, const uint32_t* keys, const pa_resamples* resamples, int threads) {
  return resample(Plan(*resamples, t, kPoissonLargest), ByRows{keys}, resamples->sums, threads);
}

}  // namespace PA_ISA
