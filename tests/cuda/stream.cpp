// stream.cpp: the work that calls queue, in the order in which it was asked for.
#include "stream.h"

#include <deque>
#include <map>

#include "emulation.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

namespace emulation {
namespace {

bool in_call;
void* stream_of_call;
std::deque<std::function<void()>> waiting;
std::map<void*, size_t> device_memory;
Counts counts;

void close_memory() {
  for (const auto& piece : device_memory) ASAN_POISON_MEMORY_REGION(piece.first, piece.second);
}

void open_memory() {
  for (const auto& piece : device_memory) ASAN_UNPOISON_MEMORY_REGION(piece.first, piece.second);
}

void must_be_the_callers(void* stream, const char* what) {
  if (!stream) fail("%s on the default stream", what);
  if (in_call && stream != stream_of_call) fail("%s on another stream than the caller's", what);
}

void work_off() {
  open_memory();
  for (; !waiting.empty(); waiting.pop_front()) waiting.front()();
}

void synchronize() {
  ++counts.synchronizations;
  work_off();
  if (in_call) close_memory();
}

}  // namespace

Call::Call(void* stream) {
  if (!stream) fail("a call is given the default stream");
  if (in_call) fail("a call within a call");
  in_call = true;
  stream_of_call = stream;
  close_memory();
}

Call::~Call() {
  work_off();
  in_call = false;
}

Counts take_counts() {
  const Counts taken = counts;
  counts = {};
  return taken;
}

void know_memory(void* address, size_t bytes) { device_memory[address] = bytes; }

void forget_memory(void* address) { device_memory.erase(address); }

void enqueue(Work kind, void* stream, std::function<void()> work) {
  static const char* const names[] = {"a launch", "a sort", "a memory set", "a copy", "a release of memory"};
  must_be_the_callers(stream, names[kind]);
  int64_t* const of_kind[] = {&counts.launches, &counts.sorts, &counts.memory_sets, &counts.copies};
  if (kind != FREE) ++*of_kind[kind];
  waiting.push_back(std::move(work));
  if (!in_call) work_off();
}

}  // namespace emulation

using namespace emulation;

cudaError_t cudaMemsetAsync(void* address, int byte, size_t bytes, cudaStream_t stream) {
  enqueue(MEMORY_SET, stream, [=] { memset(address, byte, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  enqueue(COPY, stream, [=] { memcpy(to, from, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMallocAsync(void** address, size_t bytes, cudaStream_t stream) {
  must_be_the_callers(stream, "an allocation");
  ++counts.allocations;
  if (posix_memalign(address, 256, bytes ? bytes : 1)) return cudaErrorMemoryAllocation;
  know_memory(*address, bytes);
  if (in_call) close_memory();
  return cudaSuccess;
}

cudaError_t cudaFreeAsync(void* address, cudaStream_t stream) {
  enqueue(FREE, stream, [=] {
    forget_memory(address);
    free(address);
  });
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  must_be_the_callers(stream, "waiting");
  synchronize();
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  synchronize();
  return cudaSuccess;
}
