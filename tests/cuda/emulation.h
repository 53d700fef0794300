// emulation.h: as much of CUDA as the kernels use, on the CPU: g++ -x c++ -DPA_EMULATION compiles the same .cu files.
//
// Every thread of a block is a fiber; one runs at a time, until it waits for others. Blocks run one after the other on
// the thread that launches. The order of threads and blocks is that of their numbers, or with a seed other than 0 a
// random one: a kernel that lacks a barrier then gives other results.
//
// Stricter than a device. These end the process with a message that says where: barriers that not all threads reach, or
// at different places in the source; lanes that a mask names and that miss, have ended or call something else; reading
// from a lane outside the mask; blocks larger than the kernel's launch bounds; work on the default stream, or on
// another one than the caller's (stream.h). Shared memory is all ones, NaN for any float, when a block starts. Memory
// is ordered by __syncthreads and __syncwarp only, not by shuffles, as CUDA says and as ThreadSanitizer is told; blocks
// of a launch are not ordered at all.
#pragma once

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <functional>
#include <vector>

#define __global__ static __attribute__((unused))  // each file its own, or GCC 12 cannot link the lists of bounds.cpp
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
// GCC puts so many empty instructions before a kernel's entry, and behind it, and lists where: see bounds.cpp.
#ifdef __clang__
#define __launch_bounds__(...)
#else
#define __launch_bounds__(...) PA_BOUNDS(__VA_ARGS__, 0, 0)
#define PA_BOUNDS(threads, blocks, ...) __attribute__((patchable_function_entry((threads) + (blocks), (threads))))
#endif
#define __align__(bytes) __attribute__((aligned(bytes)))
// With -fdata-sections, shared_memory.ld gathers these; in kernels with internal linkage AddressSanitizer guards them.
#define __shared__ static

#define PA_LAUNCH(kernel, grid, block, stream, ...) PA_LAUNCH_SHARED(kernel, grid, block, 0, stream, __VA_ARGS__)
#define PA_LAUNCH_SHARED(kernel, grid, block, bytes, stream, ...) \
  emulation::prepare(#kernel, kernel, dim3(grid), dim3(block), bytes, stream)(__VA_ARGS__)
#define PA_DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(emulation::dynamic_shared())

// --- vector types, with the alignment that a device insists on

#define PA_VECTORS(type, name, wide, wider)                        \
  struct alignas(wide) name##2 { type x, y; };                     \
  struct alignas(wider) name##4 { type x, y, z, w; };              \
  inline name##2 make_##name##2(type x, type y) { return {x, y}; } \
  inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }

PA_VECTORS(signed char, char, 2, 4)
PA_VECTORS(unsigned char, uchar, 2, 4)
PA_VECTORS(short, short, 4, 8)
PA_VECTORS(unsigned short, ushort, 4, 8)
PA_VECTORS(int, int, 8, 16)
PA_VECTORS(unsigned, uint, 8, 16)
PA_VECTORS(float, float, 8, 16)
PA_VECTORS(double, double, 16, 16)
#undef PA_VECTORS

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned width = 1, unsigned height = 1, unsigned depth = 1) : x(width), y(height), z(depth) {}
};

// --- the machine

namespace emulation {

// 0: in order. At first what the environment variable PYALIGN_EMULATION_SEED says.
void set_seed(uint64_t seed);
// What ThreadSanitizer takes for concurrent: the threads of a block, of which there is one at a time; or the blocks of
// a launch, each of which is one thread to it. At first the threads.
enum Concurrent { THREADS, BLOCKS };
void set_concurrent(Concurrent what);
void set_devices(int count);   // what cudaGetDeviceCount finds; 1 at first
void set_driver(int version);  // what cudaDriverGetVersion finds, 0 for no driver; CUDART_VERSION at first

// One launch, but for the kernel's arguments.
struct Shape {
  const char* kernel;
  const void* entry;  // the kernel's address
  dim3 blocks, threads;
  size_t shared_bytes;  // of dynamic shared memory
  void* stream;
};
bool configure(const Shape& shape);  // false, and the last error, for what CUDA refuses
void launch(const Shape& shape, const std::function<void()>& body);

// What a thread of the host asks a stream for. Within a Call (stream.h) it is done when the call waits or ends.
enum Work { LAUNCH, SORT, MEMORY_SET, COPY, FREE };
void enqueue(Work kind, void* stream, std::function<void()> work);

template <class... P>
struct Prepared {
  Shape shape;
  void (*kernel)(P...);
  void operator()(P... arguments) const {
    if (!configure(shape)) return;
    enqueue(LAUNCH, shape.stream,
            [shape = shape, run = kernel, arguments...] { launch(shape, [&] { run(arguments...); }); });
  }
};
template <class... P>
Prepared<P...> prepare(const char* name, void (*kernel)(P...), dim3 blocks, dim3 threads, size_t bytes, void* stream) {
  return {{name, reinterpret_cast<const void*>(kernel), blocks, threads, bytes, stream}, kernel};
}

struct Bounds {
  int threads, blocks;  // 0 where the kernel does not say
};
Bounds bounds_of(const void* kernel);

void* dynamic_shared();  // of the running block: as many bytes as the launch asked for, aligned to 128
// What a block may have of shared memory, once it is opted in to: 99 KB at first, as on the devices that have least.
void set_most_shared(size_t bytes);

struct Place {
  uint3 thread, block;
  dim3 threads, blocks;
  unsigned lane;
};
extern const Place* place;  // of the running thread

[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
bool is_shared(const void* address, size_t bytes);

// All lanes of the mask meet; then `collective` works on what they brought, and they go on.
typedef void (*Collective)(void* const brought[32], unsigned mask);
void meet(unsigned mask, Collective collective, void* brought, const char* what, const char* file, int line);

struct Exchange {
  uint64_t value, result;
  unsigned source;  // lane
};
void exchange(void* const brought[32], unsigned mask);
void ballot(void* const brought[32], unsigned mask);

template <class T>
T shuffle(unsigned mask, T value, unsigned source, const char* what, const char* file, int line) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "CUDA shuffles 4 or 8 bytes");
  Exchange e = {0, 0, source};
  memcpy(&e.value, &value, sizeof value);
  meet(mask, exchange, &e, what, file, line);
  memcpy(&value, &e.result, sizeof value);
  return value;
}

// Copies that a thread has asked for and that have not landed; see tensor_core_emulation.h.
struct AsyncCopy {
  void* to;
  unsigned char bytes[16];
  int64_t group;
};
struct AsyncCopies {
  std::vector<AsyncCopy> waiting;
  int64_t group = 0;  // that the next copy belongs to
};
AsyncCopies& async_copies();  // of the running thread

}  // namespace emulation

#define threadIdx (emulation::place->thread)
#define blockIdx (emulation::place->block)
#define blockDim (emulation::place->threads)
#define gridDim (emulation::place->blocks)

// --- what threads do together; every call knows its place in the source

#define PA_CALLED_FROM const char *file = __builtin_FILE(), int line = __builtin_LINE()

void __syncthreads(PA_CALLED_FROM);

inline void __syncwarp(unsigned mask = 0xffffffffu, PA_CALLED_FROM) {
  emulation::meet(mask, nullptr, nullptr, "__syncwarp", file, line);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, PA_CALLED_FROM) {
  const unsigned self = emulation::place->lane, first = self / width * width;
  return emulation::shuffle(mask, value, first + unsigned(lane) % width, "__shfl_sync", file, line);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, PA_CALLED_FROM) {
  const unsigned self = emulation::place->lane;
  return emulation::shuffle(mask, value, self % width < delta ? self : self - delta, "__shfl_up_sync", file, line);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, PA_CALLED_FROM) {
  const unsigned self = emulation::place->lane, inside = self % width + delta < unsigned(width);
  return emulation::shuffle(mask, value, inside ? self + delta : self, "__shfl_down_sync", file, line);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, PA_CALLED_FROM) {
  const unsigned self = emulation::place->lane, other = self ^ unsigned(bits), end = self / width * width + width;
  return emulation::shuffle(mask, value, other < end ? other : self, "__shfl_xor_sync", file, line);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, PA_CALLED_FROM) {
  emulation::Exchange e = {predicate != 0, 0, 0};
  emulation::meet(mask, emulation::ballot, &e, "__ballot_sync", file, line);
  return unsigned(e.result);
}

inline int __any_sync(unsigned mask, int predicate, PA_CALLED_FROM) {
  return __ballot_sync(mask, predicate, file, line) != 0;
}

inline int __all_sync(unsigned mask, int predicate, PA_CALLED_FROM) {
  return __ballot_sync(mask, predicate, file, line) == mask;
}

// --- what a thread does alone

template <class T>
T __ldg(const T* address) {
  return *address;
}

// Atomic for ThreadSanitizer too, and like CUDA's without order.
template <class T>
T atomicExch(T* address, T value) {
  return __atomic_exchange_n(address, value, __ATOMIC_RELAXED);
}

template <class T>
T atomicOr(T* address, T value) {
  return __atomic_fetch_or(address, value, __ATOMIC_RELAXED);
}

template <class T>
T atomicAdd(T* address, T value) {
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}

// Sums of products of bytes, and of 16-bit numbers with the two lower or the two upper bytes; none with a sign.
inline unsigned __dp4a(unsigned a, unsigned b, unsigned sum) {
  for (int k = 0; k < 32; k += 8) sum += (a >> k & 255) * (b >> k & 255);
  return sum;
}
inline unsigned __dp2a_lo(unsigned a, unsigned b, unsigned sum) {
  return sum + (a & 65535) * (b & 255) + (a >> 16) * (b >> 8 & 255);
}
inline unsigned __dp2a_hi(unsigned a, unsigned b, unsigned sum) { return __dp2a_lo(a, b >> 16, sum); }

// Each digit of the selector names one of eight bytes.
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const uint64_t bytes = uint64_t(y) << 32 | x;
  unsigned chosen = 0;
  for (int k = 0; k < 4; ++k) chosen |= unsigned(bytes >> (selector >> 4 * k & 7) * 8 & 255) << 8 * k;
  return chosen;
}

template <class T>
T atomicMax(T* address, T value) {
  T found = __atomic_load_n(address, __ATOMIC_RELAXED);
  while (found < value &&
         !__atomic_compare_exchange_n(address, &found, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    continue;
  return found;
}

inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline int __clz(int bits) { return bits ? __builtin_clz(unsigned(bits)) : 32; }

#include "runtime.h"
#include "stream.h"
