// simd.h: the vector of this unit's instruction set and the register tile that fits its registers.
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <utility>

#include "kernels.h"
#include "memory.h"
#include "scratch.h"

PA_DECLARE_ISA(PA_ISA)

namespace PA_ISA {
namespace {

// The register tile: kTileRows rows by kTileVectors vectors of accumulators, with kTileVectors vectors of y and one
// broadcast of x beside them. kTileRows divides the rows of a block (similarity.cpp).
#if defined(__AVX512F__)
constexpr int kVectorBytes = 64, kTileRows = 8, kTileVectors = 3;  // 24 + 3 + 1 of 32 registers
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32, kTileRows = 6, kTileVectors = 2;  // 12 + 2 + 1 of 16
#elif defined(__aarch64__)
constexpr int kVectorBytes = 16, kTileRows = 6, kTileVectors = 3;  // 18 + 3 + 1 of 32
#else
constexpr int kVectorBytes = 16, kTileRows = 4, kTileVectors = 2;  // 8 + 2 + 1 of 16
#endif

template <class T>
struct LaneIndex;
template <>
struct LaneIndex<float> {
  typedef int32_t type;
};
template <>
struct LaneIndex<double> {
  typedef int64_t type;
};

template <class T>
struct Simd {
  typedef T Vector __attribute__((vector_size(kVectorBytes)));
  typedef typename LaneIndex<T>::type Mask __attribute__((vector_size(kVectorBytes)));
  static constexpr int lanes = kVectorBytes / sizeof(T);

  static inline __attribute__((always_inline)) Vector load(const T* p) {
    Vector v;
    memcpy(&v, p, sizeof v);
    return v;
  }
  static inline __attribute__((always_inline)) void store(T* p, Vector v) { memcpy(p, &v, sizeof v); }
  // Lanes of a and b by turns: those of the lower or the upper half of each group of `Group` lanes.
  template <int Group, bool Upper>
  static inline __attribute__((always_inline)) Vector interleave(Vector a, Vector b) {
    return interleave<Group, Upper>(a, b, std::make_index_sequence<lanes>());
  }

 private:
  // Constants in any case: Clang would take lanes one by one for others, even for those that it knows in the end.
  template <int Group, bool Upper, size_t... Lane>
  static inline __attribute__((always_inline)) Vector interleave(Vector a, Vector b, std::index_sequence<Lane...>) {
#define PA_SOURCE int(Lane / Group * Group + Lane % Group / 2 + Lane % 2 * lanes + Upper * Group / 2)
#if defined(__clang__)
    return __builtin_shufflevector(a, b, PA_SOURCE...);
#else
    return __builtin_shuffle(a, b, Mask{PA_SOURCE...});
#endif
#undef PA_SOURCE
  }
};

// In place, within each group of Group lanes: lane r of vector l and lane l of vector r change places. By log2(Group)
// rounds of interleaving vector i with vector i + Group / 2.
template <class T, int Group = Simd<T>::lanes>
inline __attribute__((always_inline)) void transpose(typename Simd<T>::Vector* v) {
  typedef Simd<T> S;
  constexpr int half = Group / 2;
#pragma GCC unroll 4
  for (int round = 1; round < Group; round *= 2) {
    typename S::Vector w[Group];
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) {
      w[2 * i] = S::template interleave<Group, false>(v[i], v[i + half]);
      w[2 * i + 1] = S::template interleave<Group, true>(v[i], v[i + half]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < Group; ++i) v[i] = w[i];
  }
}

// Aligned scratch memory, given back when it leaves its scope; `data` is NULL when there was none to have. Large pieces
// come from scratch.cpp, which keeps some for the next call.
template <class T>
struct Scratch {
  T* data;
  uint64_t kept;  // what scratch.cpp knows the piece by, 0 for a small one
  explicit Scratch(int64_t count) : data(nullptr), kept(0) {
    const uint64_t bytes = uint64_t(count) * sizeof(T);
    if (bytes >= kLargeScratch) data = static_cast<T*>(take_scratch(bytes, &kept));
    else data = static_cast<T*>(take_aligned(64, (bytes / 64 + 1) * 64));
  }
  ~Scratch() {
    if (kept) give_scratch(data, kept);
    else give_aligned(data);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
};

template <class T>
inline const T* row(const pa_matrix* x, int64_t i) {
  return static_cast<const T*>(x->data) + i * x->stride;
}

static inline void prefetch_to_l2(const void* p) { __builtin_prefetch(p, 0, 2); }

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

}  // namespace
}  // namespace PA_ISA
