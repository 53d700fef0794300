// unpack.h: a block of triplets as three int32 columns in L1, whatever their type and strides, and whether they are
// valid. Everything after this step is the same for all of them, so no copy of the triplets is made.
#pragma once

#include "simd.h"

namespace PA_ISA {
namespace {

constexpr int64_t kTripletBlock = 512;

struct Items {
  int32_t column[3][kTripletBlock];
};

// The contiguous case has constant strides, so that it vectorizes. Returns the bits that any index has set: those of
// 64-bit indices beyond int32 would be lost in the columns.
template <class I>
int64_t copy_columns(const I* source, int64_t down, int64_t across, int64_t count, Items* items) {
  int64_t bits = 0;
  if (down == 3 && across == 1) {
    for (int64_t q = 0; q < count; ++q) {
      const I a = source[3 * q], b = source[3 * q + 1], c = source[3 * q + 2];
      if (sizeof(I) == 8) bits |= int64_t(a | b | c);
      items->column[0][q] = int32_t(a);
      items->column[1][q] = int32_t(b);
      items->column[2][q] = int32_t(c);
    }
    return bits;
  }
  for (int64_t q = 0; q < count; ++q)
    for (int c = 0; c < 3; ++c) {
      const I item = source[q * down + c * across];
      bits |= int64_t(item);
      items->column[c][q] = int32_t(item);
    }
  return bits;
}

// Three different items in [0, n) in each row?
static inline bool valid(const Items& items, int64_t count, int64_t n) {
  const uint32_t limit = uint32_t(n);
  uint32_t bad = 0;
#pragma omp simd reduction(| : bad)
  for (int64_t q = 0; q < count; ++q) {
    const uint32_t a = uint32_t(items.column[0][q]), b = uint32_t(items.column[1][q]), c = uint32_t(items.column[2][q]);
    bad |= uint32_t(a >= limit) | uint32_t(b >= limit) | uint32_t(c >= limit);
    bad |= uint32_t(a == b) | uint32_t(a == c) | uint32_t(b == c);
  }
  return bad == 0;
}

template <class I>
bool unpack_as(const pa_triplets* triplets, int64_t start, int64_t count, int64_t n, Items* items) {
  const I* source = static_cast<const I*>(triplets->data) + start * triplets->row_stride;
  const int64_t bits = copy_columns(source, triplets->row_stride, triplets->column_stride, count, items);
  return (sizeof(I) < 8 || (bits >> 31) == 0) && valid(*items, count, n);
}

// False where a triplet of the block is not three different items in [0, n).
static inline bool unpack(const pa_triplets* triplets, int64_t start, int64_t count, int64_t n, Items* items) {
  switch (triplets->type) {
    case PA_INT16: return unpack_as<int16_t>(triplets, start, count, n, items);
    case PA_UINT16: return unpack_as<uint16_t>(triplets, start, count, n, items);
    case PA_INT32: return unpack_as<int32_t>(triplets, start, count, n, items);
    case PA_INT64: return unpack_as<int64_t>(triplets, start, count, n, items);
  }
  return false;
}

static inline int64_t index_size(pa_index_type type) { return type == PA_INT64 ? 8 : type == PA_INT32 ? 4 : 2; }

// Reads ahead: row q of the block that follows `start`, requested while this block waits for its look-ups.
struct ReadAhead {
  const char* next;
  int64_t row_bytes;

  ReadAhead(const pa_triplets* triplets, int64_t start) {
    row_bytes = triplets->row_stride * index_size(triplets->type);
    next = static_cast<const char*>(triplets->data) + (start + kTripletBlock) * row_bytes;
  }
  void request(int64_t q) const { __builtin_prefetch(next + q * row_bytes); }
};

}  // namespace
}  // namespace PA_ISA
