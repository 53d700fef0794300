// memory.h: memory of the device, the stream on which checks call, and outputs between guards. In the emulated build
// the device's memory is the heap's, exactly as long as asked for, so that AddressSanitizer knows its end; with nvcc
// the same program runs on a GPU.
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

#ifdef PA_EMULATION
#include "stream.h"
#else
#include <cuda_runtime.h>
#endif

enum { kCanary = 0x5A };

class Memory {
 public:
  explicit Memory(size_t bytes) : host_(bytes, char(kCanary)) { device_ = allocate(bytes); }
  ~Memory() { release(device_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  size_t bytes() const { return host_.size(); }
  char* host() { return host_.data(); }
  const char* host() const { return host_.data(); }
  char* device() const { return static_cast<char*>(device_); }

#ifdef PA_EMULATION
  void upload() {
    if (bytes()) memcpy(device_, host(), bytes());
  }
  void download() {
    if (bytes()) memcpy(host(), device_, bytes());
  }

 private:
  static void* allocate(size_t bytes) {
    void* memory = nullptr;
    must(posix_memalign(&memory, 256, bytes ? bytes : 1));  // aligned as cudaMalloc does
    emulation::know_memory(memory, bytes);
    return memory;
  }
  static void release(void* memory) {
    emulation::forget_memory(memory);
    free(memory);
  }
#else
  void upload() { copy(device_, host_.data(), cudaMemcpyHostToDevice); }
  void download() { copy(host_.data(), device_, cudaMemcpyDeviceToHost); }

 private:
  static void* allocate(size_t bytes) {
    void* memory = nullptr;
    must(cudaMalloc(&memory, bytes ? bytes : 1));
    return memory;
  }
  static void release(void* memory) { cudaFree(memory); }
  // What is on the way on any stream comes first, and what is queued later comes after.
  void copy(void* to, const void* from, cudaMemcpyKind kind) {
    must(cudaDeviceSynchronize());
    must(cudaMemcpy(to, from, bytes(), kind));
    must(cudaDeviceSynchronize());
  }
#endif

  static void must(int error) {
    if (error == 0) return;
    fprintf(stderr, "device memory: error %d\n", error);
    exit(2);
  }

  std::vector<char> host_;
  void* device_;
};

// A stream that waits for no other, the default one neither.
inline void* stream_of_checks() {
#ifdef PA_EMULATION
  return emulation::some_stream();
#else
  static cudaStream_t stream = nullptr;
  if (!stream && cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking)) exit(2);
  return stream;
#endif
}

// One call of a function of pyalign_cuda.h, whose last argument is a stream.
template <class Function, class... A>
auto on_stream(Function function, A... arguments) {
#ifdef PA_EMULATION
  const emulation::Call call(stream_of_checks());
#endif
  return function(arguments..., stream_of_checks());
}

// Memory that a kernel writes, with bytes before and after it that nobody may write. `offset`: where in 16 bytes it
// starts.
class Output {
 public:
  enum { kGuard = 256 };
  explicit Output(size_t bytes, size_t offset = 0)
      : bytes_(bytes), first_(kGuard + offset), memory_(bytes + 2 * kGuard + offset) {}

  void* device() const { return memory_.device() + first_; }
  const char* host() const { return memory_.host() + first_; }
  size_t bytes() const { return bytes_; }
  void clear() {
    memset(memory_.host(), kCanary, memory_.bytes());
    memory_.upload();
  }
  void set(const void* value) {  // after clear(): what the kernel finds there
    memcpy(memory_.host() + first_, value, bytes_);
    memory_.upload();
  }
  void download() { memory_.download(); }
  bool guards_stand() const {
    return untouched(-int64_t(first_), int64_t(first_)) &&
           untouched(int64_t(bytes_), int64_t(memory_.bytes() - first_ - bytes_));
  }
  bool untouched(int64_t from, int64_t count) const {
    for (int64_t k = from; k < from + count; ++k)
      if (host()[k] != char(kCanary)) return false;
    return true;
  }

 private:
  size_t bytes_, first_;
  Memory memory_;
};
