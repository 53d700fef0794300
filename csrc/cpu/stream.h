// stream.h: writes past the caches, for results that are too large for any of them to keep until they are read.
#pragma once

#include "simd.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace PA_ISA {
namespace {

constexpr int64_t kLine = 64;  // bytes

#if defined(__SSE2__)
// A line, to a place that kLine divides.
static inline void stream_line(const void* from, void* to) {
#if defined(__AVX512F__)
  _mm512_stream_si512(static_cast<__m512i*>(to), _mm512_loadu_si512(from));
#elif defined(__AVX2__)
  for (int k = 0; k < 2; ++k)
    _mm256_stream_si256(static_cast<__m256i*>(to) + k, _mm256_loadu_si256(static_cast<const __m256i*>(from) + k));
#else
  for (int k = 0; k < 4; ++k)
    _mm_stream_si128(static_cast<__m128i*>(to) + k, _mm_loadu_si128(static_cast<const __m128i*>(from) + k));
#endif
}
#endif

// A copy whose whole lines are not fetched before they are written. Before others read it: finish_streams.
template <class T>
inline void stream(const T* from, int64_t count, T* to) {
  int64_t done = 0;
#if defined(__SSE2__)
  constexpr int64_t line = kLine / int64_t(sizeof(T));
  done = smaller(count, int64_t(-reinterpret_cast<uintptr_t>(to) % kLine / sizeof(T)));
  memcpy(to, from, done * sizeof(T));
  for (; done + line <= count; done += line) stream_line(from + done, to + done);
#endif
  memcpy(to + done, from + done, (count - done) * sizeof(T));
}

static inline void finish_streams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace
}  // namespace PA_ISA
