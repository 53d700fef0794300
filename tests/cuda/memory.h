// memory.h: memory of the device, and outputs between guards. In the emulated build the device's memory is the heap's,
// exactly as long as asked for, so that AddressSanitizer knows its end; with nvcc the same program runs on a GPU.
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

#ifndef PA_EMULATION
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
    return memory;
  }
  static void release(void* memory) { free(memory); }
#else
  void upload() { must(cudaMemcpy(device_, host_.data(), bytes(), cudaMemcpyHostToDevice)); }
  void download() { must(cudaMemcpy(host_.data(), device_, bytes(), cudaMemcpyDeviceToHost)); }

 private:
  static void* allocate(size_t bytes) {
    void* memory = nullptr;
    must(cudaMalloc(&memory, bytes ? bytes : 1));
    return memory;
  }
  static void release(void* memory) { cudaFree(memory); }
#endif

  static void must(int error) {
    if (error == 0) return;
    fprintf(stderr, "device memory: error %d\n", error);
    exit(2);
  }

  std::vector<char> host_;
  void* device_;
};

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
