// memory.h: memory at a multiple of a power of two, which each system gives in its own way.
#pragma once

#include <stdint.h>
#include <stdlib.h>
#if defined(_WIN32)
#include <malloc.h>
#endif

// `bytes` is a multiple of `alignment`; NULL where there is no memory.
static inline void* take_aligned(uint64_t alignment, uint64_t bytes) {
#if defined(_WIN32)
  return _aligned_malloc(size_t(bytes), size_t(alignment));
#else
  return aligned_alloc(size_t(alignment), size_t(bytes));
#endif
}

static inline void give_aligned(void* data) {
#if defined(_WIN32)
  _aligned_free(data);
#else
  free(data);
#endif
}
