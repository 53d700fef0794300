// stream.h: the work that calls of pyalign_cuda.h queue on their stream.
//
// On a device a call returns before its work is done. So here the work waits until the call asks for it or ends: what
// the host reads before is not there yet, and what it passes by an address on its stack is gone. Memory that is known
// as the device's is closed to the host for as long, which AddressSanitizer sees: on a device that would be the end.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace emulation {

// One call of a function of pyalign_cuda.h, while this lives. Work on another stream ends the process.
class Call {
 public:
  explicit Call(void* stream);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
};

// A stream that is not the default one: what callers give, and tell from one that was forgotten.
inline void* some_stream() { return reinterpret_cast<void*>(uintptr_t(0x57EA)); }

struct Counts {
  int64_t launches, sorts, memory_sets, copies, allocations, synchronizations;
};
Counts take_counts();  // since the last time

void know_memory(void* address, size_t bytes);  // of the device
void forget_memory(void* address);

}  // namespace emulation
