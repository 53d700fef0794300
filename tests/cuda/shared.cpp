// shared.cpp: the shared memory of a block: static, which shared_memory.ld has gathered, and dynamic, which each block
// has of its own. Compiled without ThreadSanitizer.
#include <stdlib.h>

#include <vector>

#include "threads.h"

extern char pa_shared_begin[] __attribute__((weak)), pa_shared_end[] __attribute__((weak));  // shared_memory.ld

namespace emulation {
namespace {

// Where AddressSanitizer knows the end of a piece of memory, nothing is behind it.
#ifdef __SANITIZE_ADDRESS__
constexpr size_t kBehind = 0;
#else
constexpr size_t kBehind = 256;
#endif

std::vector<unsigned char*> dynamic;  // of the blocks of this launch; the last is that of the running block

void fill_static_memory() {
  unsigned char* byte = reinterpret_cast<unsigned char*>(pa_shared_begin);
  size_t bytes = size_t(pa_shared_end - pa_shared_begin);
#ifdef __x86_64__
  asm volatile("rep stosb" : "+D"(byte), "+c"(bytes) : "a"(0xff) : "memory");  // AddressSanitizer watches memset
#else
  for (volatile unsigned char* end = byte + bytes; byte != end; ++byte)
    *const_cast<volatile unsigned char*>(byte) = 0xff;
#endif
}

// Blocks that are concurrent to ThreadSanitizer have the same static memory here and others on a device.
void forget_accesses() {
#ifdef PA_EMULATION_THREAD_SANITIZER
  const uintptr_t first = reinterpret_cast<uintptr_t>(pa_shared_begin) / 8 * 8;
  const size_t bytes = (reinterpret_cast<uintptr_t>(pa_shared_end) - first + 7) / 8 * 8;
  if (bytes == 0) return;
  static bool known = false;
  if (!known) __tsan_java_init(first, bytes);
  known = true;
  __tsan_java_free(first, bytes);
  __tsan_java_alloc(first, bytes);
#endif
}

unsigned char* dynamic_memory(size_t bytes) {
  void* memory = nullptr;
  if (bytes == 0) return nullptr;
  if (posix_memalign(&memory, 128, bytes + kBehind)) fail("no memory for shared memory");
  memset(memory, 0xff, bytes + kBehind);
  return static_cast<unsigned char*>(memory);
}

}  // namespace

void begin_shared_memory() {
  fill_static_memory();
  if (concurrent == BLOCKS) forget_accesses();
  dynamic.push_back(dynamic_memory(block.dynamic_bytes));
}

void end_shared_memory() {
  for (unsigned char* memory : dynamic) {
    for (size_t k = 0; memory && k < kBehind; ++k)
      if (memory[block.dynamic_bytes + k] != 0xff)
        fail("%s writes past its %zu bytes of dynamic shared memory", block.kernel, block.dynamic_bytes);
    free(memory);
  }
  dynamic.clear();
}

void* dynamic_shared() { return dynamic.back(); }

bool is_shared(const void* address, size_t bytes) {
  const char* first = static_cast<const char*>(address);
  const char* own = reinterpret_cast<const char*>(dynamic.back());
  if (own && first >= own && first + bytes <= own + block.dynamic_bytes) return true;
  return !pa_shared_begin || (first >= pa_shared_begin && first + bytes <= pa_shared_end);
}

}  // namespace emulation
