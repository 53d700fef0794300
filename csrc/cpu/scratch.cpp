// scratch.cpp: large pieces of scratch memory, some of which are kept from call to call.
//
// A step of training asks for the same pieces again and again. Memory that goes back to the system has to be cleared
// by it when it is next touched, which costs a step a tenth of its time. So a few pieces, kMostKept bytes in all, wait
// in slots; a slot is emptied and filled by a single exchange, so that threads and forked children need no lock. A
// piece that fits none of many requests is let go: it would keep out those that the present work needs.
#include "scratch.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <atomic>

#include "memory.h"

namespace {

constexpr int kSlots = 8;
constexpr uint64_t kMostPasses = 32;  // more requests than a step has
#if defined(PA_KEEP_NO_SCRATCH)       // AddressSanitizer is to see every piece come and go
constexpr uint64_t kMostKept = 0;
#else
constexpr uint64_t kMostKept = uint64_t(64) << 20;
#endif

// A piece that waits: first its size, then how many requests it has not fitted.
std::atomic<uint64_t*> slots[kSlots];
std::atomic<uint64_t> kept{0};

void* take_new(uint64_t bytes) {
  void* data = take_aligned(kLargeScratch, bytes);
#if defined(__linux__)  // with small pages the faults of a first touch would cost as much as the work of packing
  if (data) madvise(data, bytes, MADV_HUGEPAGE);
#endif
  return data;
}

bool put_away(uint64_t* piece) {
  for (auto& slot : slots) {
    uint64_t* empty = nullptr;
    if (slot.compare_exchange_strong(empty, piece, std::memory_order_acq_rel)) return true;
  }
  return false;
}

void drop(uint64_t* piece) {
  kept.fetch_sub(*piece);
  give_aligned(piece);
}

}  // namespace

void* take_scratch(uint64_t bytes, uint64_t* size) {
  for (auto& slot : slots) {
    uint64_t* piece = slot.exchange(nullptr, std::memory_order_acq_rel);
    if (!piece) continue;
    const uint64_t found = *piece;
    if (found >= bytes && found / 2 <= bytes) {
      kept.fetch_sub(found);
      *size = found;
      return piece;
    }
    if (++piece[1] > kMostPasses || !put_away(piece)) drop(piece);
  }
  *size = (bytes / kLargeScratch + 1) * kLargeScratch;
  if (void* data = take_new(*size)) return data;
  for (auto& slot : slots)
    if (uint64_t* piece = slot.exchange(nullptr, std::memory_order_acq_rel)) drop(piece);
  return take_new(*size);
}

void give_scratch(void* data, uint64_t size) {
  if (!data) return;
  if (kept.fetch_add(size) + size <= kMostKept) {
    uint64_t* piece = static_cast<uint64_t*>(data);
    piece[0] = size;
    piece[1] = 0;
    if (put_away(piece)) return;
  }
  kept.fetch_sub(size);
  give_aligned(data);
}
