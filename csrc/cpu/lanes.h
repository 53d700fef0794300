// lanes.h: 64 resamples side by side as 16-bit numbers, and sums of products of two triplets at once.
//
// A pair of triplets q, q + 1 is stored so that neighboring 16-bit numbers belong to one resample: the instruction
// that multiplies 16-bit numbers and adds neighbors (pmaddwd on x86) then serves two triplets. That pairing is done
// within blocks of 128 bits, the only way that every instruction set offers; `lane_of` says where a resample has gone.
#pragma once

#include "simd.h"
#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace PA_ISA {
namespace {

constexpr int64_t kLanes = 64;

typedef int16_t Words __attribute__((vector_size(kVectorBytes)));
typedef int32_t Sums32 __attribute__((vector_size(kVectorBytes)));
constexpr int kResamplesOfVector = kVectorBytes / 2;                 // resamples in a vector of weights
constexpr int kVectorsOfTriplet = int(kLanes) / kResamplesOfVector;  // vectors of weights of one triplet
constexpr int kVectorsOfPair = 2 * kVectorsOfTriplet;                // vectors of a pair of triplets
constexpr int kInSlice = kVectorBytes / 4;                           // resamples in one of them

#define PA_LANES static inline __attribute__((always_inline))

// The resample of element e of slice s of a pair, after the pairing.
PA_LANES int64_t lane_of(int slice, int e) {
  return int64_t(slice / 2) * kResamplesOfVector + (e / 4) * 8 + (slice % 2) * 4 + e % 4;
}

#if defined(__AVX512BW__)
PA_LANES Words widen(const uint8_t* bytes) {
  return Words(_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes))));
}
PA_LANES Words pair_low(Words a, Words b) { return Words(_mm512_unpacklo_epi16(__m512i(a), __m512i(b))); }
PA_LANES Words pair_high(Words a, Words b) { return Words(_mm512_unpackhi_epi16(__m512i(a), __m512i(b))); }
PA_LANES Sums32 multiply_add(Words a, Words b) { return Sums32(_mm512_madd_epi16(__m512i(a), __m512i(b))); }
#elif defined(__AVX2__)
PA_LANES Words widen(const uint8_t* bytes) {
  return Words(_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes))));
}
PA_LANES Words pair_low(Words a, Words b) { return Words(_mm256_unpacklo_epi16(__m256i(a), __m256i(b))); }
PA_LANES Words pair_high(Words a, Words b) { return Words(_mm256_unpackhi_epi16(__m256i(a), __m256i(b))); }
PA_LANES Sums32 multiply_add(Words a, Words b) { return Sums32(_mm256_madd_epi16(__m256i(a), __m256i(b))); }
#elif defined(__SSE2__)
PA_LANES Words widen(const uint8_t* bytes) {
  return Words(_mm_unpacklo_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)), _mm_setzero_si128()));
}
PA_LANES Words pair_low(Words a, Words b) { return Words(_mm_unpacklo_epi16(__m128i(a), __m128i(b))); }
PA_LANES Words pair_high(Words a, Words b) { return Words(_mm_unpackhi_epi16(__m128i(a), __m128i(b))); }
PA_LANES Sums32 multiply_add(Words a, Words b) { return Sums32(_mm_madd_epi16(__m128i(a), __m128i(b))); }
#elif defined(__aarch64__)
PA_LANES Words widen(const uint8_t* bytes) { return Words(vmovl_u8(vld1_u8(bytes))); }
PA_LANES Words pair_low(Words a, Words b) { return Words(vzip1q_s16(int16x8_t(a), int16x8_t(b))); }
PA_LANES Words pair_high(Words a, Words b) { return Words(vzip2q_s16(int16x8_t(a), int16x8_t(b))); }
PA_LANES Sums32 multiply_add(Words a, Words b) {
  const int16x8_t x = int16x8_t(a), y = int16x8_t(b);
  return Sums32(vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y)));
}
#else
PA_LANES Words widen(const uint8_t* bytes) {
  Words w;
  for (int i = 0; i < kResamplesOfVector; ++i) w[i] = bytes[i];
  return w;
}
PA_LANES Words pair_low(Words a, Words b) {
  Words w;
  for (int i = 0; i < kResamplesOfVector; ++i) w[i] = (i % 2 ? b : a)[i / 2];
  return w;
}
PA_LANES Words pair_high(Words a, Words b) {
  Words w;
  for (int i = 0; i < kResamplesOfVector; ++i) w[i] = (i % 2 ? b : a)[kResamplesOfVector / 2 + i / 2];
  return w;
}
PA_LANES Sums32 multiply_add(Words a, Words b) {
  Sums32 s;
  for (int i = 0; i < kResamplesOfVector / 2; ++i)
    s[i] = int32_t(a[2 * i]) * b[2 * i] + int32_t(a[2 * i + 1]) * b[2 * i + 1];
  return s;
}
#endif

// Two values, one of each triplet of a pair, for all resamples.
PA_LANES Words both(const int16_t* values) {
  int32_t two;
  memcpy(&two, values, sizeof two);
  Sums32 v = {};
  v += two;
  return Words(v);
}

}  // namespace
}  // namespace PA_ISA
