// bounds.cpp: the launch bounds of a kernel, from its machine code.
//
// An attribute is all that __launch_bounds__ can become, and GCC has one that takes two numbers: how many empty
// instructions stand before and behind the entry of a function. Where those before it begin is listed in a section.
#include <string.h>

#include "emulation.h"

extern "C" const uintptr_t __start___patchable_function_entries[] __attribute__((weak, visibility("hidden")));
extern "C" const uintptr_t __stop___patchable_function_entries[] __attribute__((weak, visibility("hidden")));

namespace emulation {
namespace {

#if defined(__x86_64__)
const unsigned char kEmpty[] = {0x90}, kBranchTarget[] = {0xf3, 0x0f, 0x1e, 0xfa};
#elif defined(__aarch64__)
const unsigned char kEmpty[] = {0x1f, 0x20, 0x03, 0xd5}, kBranchTarget[] = {0x5f, 0x24, 0x03, 0xd5};
#else
#error "which instruction is empty?"
#endif

int count_empty(const unsigned char* from) {
  int count = 0;
  for (; memcmp(from, kEmpty, sizeof kEmpty) == 0; from += sizeof kEmpty) ++count;
  return count;
}

}  // namespace

Bounds bounds_of(const void* kernel) {
  const unsigned char* const entry = static_cast<const unsigned char*>(kernel);
  const unsigned char* first = nullptr;  // the last that begins before the entry
  for (const uintptr_t* one = __start___patchable_function_entries; one != __stop___patchable_function_entries; ++one) {
    const unsigned char* const start = reinterpret_cast<const unsigned char*>(*one);
    if (start < entry && start > first) first = start;
  }
  const int threads = first ? count_empty(first) : 0;
  const bool ends_in_a_target = memcmp(entry, kBranchTarget, sizeof kBranchTarget) == 0;
  const int behind = count_empty(entry + (ends_in_a_target ? sizeof kBranchTarget : 0));
  const int before = int(entry - first) / int(sizeof kEmpty);
  if (!first || (ends_in_a_target ? threads : threads - behind) != before) return {0, 0};
  return {before, behind};
}

}  // namespace emulation
