// emulation.cpp: the blocks of a launch, and the threads of a block as fibers. Compiled without ThreadSanitizer, like
// fiber.cpp.
//
// A fiber runs until it waits. Those that can go on stand in a ring; the next is the first or, with a seed, any.
#include "emulation.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "threads.h"

namespace emulation {

const Place* place;
Concurrent concurrent;
Thread** threads;
Block block;
unsigned now;

namespace {

struct {
  unsigned start, count, numbers[kMostThreads];
} ring;
Fiber* launcher;
uint64_t random_state;
bool seeded;
Thread* crews[kCrews][kMostThreads];

uint64_t random_below(uint64_t n) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (random_state >> 11) % n;
}

unsigned next_to_run() {
  unsigned* first = &ring.numbers[ring.start];
  if (random_state) {
    unsigned* any = &ring.numbers[(ring.start + random_below(ring.count)) % kMostThreads];
    const unsigned other = *any;
    *any = *first;
    *first = other;
  }
  ring.start = (ring.start + 1) % kMostThreads;
  --ring.count;
  return *first;
}

void print_place(unsigned number) {
  const Place& p = threads[number]->place;
  const Site& s = threads[number]->waits;
  fprintf(stderr, "  thread (%u, %u, %u) ", p.thread.x, p.thread.y, p.thread.z);
  if (s.what) fprintf(stderr, "waits at %s, %s:%d\n", s.what, s.file, s.line);
  else fprintf(stderr, threads[number]->ended ? "has ended\n" : "can run\n");
}

// One line per state, for the first thread that is in it.
void print_states() {
  for (unsigned k = 0; k < block.count; ++k) {
    bool seen = false;
    for (unsigned j = 0; j < k; ++j)
      seen |= threads[j]->waits == threads[k]->waits && threads[j]->ended == threads[k]->ended;
    if (!seen) print_place(k);
  }
}

// What each fiber does for ever: one thread of a block after the other.
void run_threads() {
  for (;;) {
    __tsan_acquire(&block.begin);
    (*block.body)();
    __tsan_release(&block.end);
    threads[now]->ended = true;
    ++block.ended;
    if (block.at_barrier) fail("barrier divergence: a thread ended, others wait");
    Fiber::change(threads[now]->fiber, launcher);
  }
}

Place place_of(unsigned number, uint64_t which, dim3 blocks, dim3 size) {
  const uint3 thread = {number % size.x, number / size.x % size.y, number / (size.x * size.y)};
  const uint3 at = {unsigned(which % blocks.x), unsigned(which / blocks.x % blocks.y),
                    unsigned(which / blocks.x / blocks.y)};
  return {thread, at, size, blocks, number % kLanes};
}

// To ThreadSanitizer each thread of the first crew is one of its own, or all of a crew are one.
void sign_on(unsigned crew) {
  static Identity *of_threads[kIdentities], *of_crews[kCrews];
  threads = crews[crew];
  for (unsigned k = 0; k < block.count; ++k) {
    if (!threads[k]) threads[k] = new Thread{new Fiber(run_threads), {}, {}, false, {}, {}};
    Identity** identity = concurrent == BLOCKS ? &of_crews[crew] : &of_threads[k % kIdentities];
    if (!*identity) *identity = new Identity;
    threads[k]->fiber->appear_as(**identity);
  }
}

void run_block(uint64_t which, const Shape& shape) {
  block.ended = block.at_barrier = 0;
  begin_shared_memory();
  for (unsigned k = 0; k < block.count; ++k) {
    threads[k]->place = place_of(k, which, shape.blocks, shape.threads);
    threads[k]->ended = false;
    threads[k]->copies.waiting.clear();
    threads[k]->copies.group = 0;
    can_run(k);
  }
  __tsan_release(&block.begin);
  while (ring.count) {
    now = next_to_run();
    place = &threads[now]->place;
    Fiber::change(launcher, threads[now]->fiber);
  }
  if (block.ended != block.count) fail("deadlock: not all lanes came");
  if (concurrent == THREADS) __tsan_acquire(&block.end);
  place = nullptr;
}

// A stride that visits each of n blocks once.
uint64_t random_stride(uint64_t n) {
  for (;;) {
    uint64_t stride = 1 + random_below(n), a = n, b = stride;
    while (b) {
      const uint64_t rest = a % b;
      a = b;
      b = rest;
    }
    if (a == 1) return stride;
  }
}

}  // namespace

void can_run(unsigned number) { ring.numbers[(ring.start + ring.count++) % kMostThreads] = number; }

void wait(const Site& site) {
  threads[now]->waits = site;
  Fiber::change(threads[now]->fiber, launcher);
  threads[now]->waits = {};
}

void fail(const char* format, ...) {
  va_list values;
  va_start(values, format);
  fputs("CUDA emulation: ", stderr);
  vfprintf(stderr, format, values);
  va_end(values);
  if (place) {
    const uint3 at = threads[now]->place.block;
    fprintf(stderr, "\n  in %s, block (%u, %u, %u), by\n", block.kernel, at.x, at.y, at.z);
    print_place(now);
    fputs("  in this block\n", stderr);
    print_states();
  }
  fputs("\n", stderr);
  abort();
}

#ifdef PA_EMULATION_THREAD_SANITIZER
void set_concurrent(Concurrent what) { concurrent = what; }
#else
void set_concurrent(Concurrent) {}
#endif

void set_seed(uint64_t seed) {
  seeded = true;
  random_state = seed * 0x9E3779B97F4A7C15u;
  for (int k = 0; random_state && k < 8; ++k) random_below(1);
}

AsyncCopies& async_copies() { return threads[now]->copies; }

void launch(const Shape& shape, const std::function<void()>& body) {
  static Fiber host;
  launcher = &host;
  if (!seeded) set_seed(getenv("PYALIGN_EMULATION_SEED") ? strtoull(getenv("PYALIGN_EMULATION_SEED"), nullptr, 10) : 0);
  if (place) fail("a kernel launches a kernel");
  const dim3 blocks = shape.blocks, size = shape.threads;
  const uint64_t total = uint64_t(blocks.x) * blocks.y * blocks.z;
  block.kernel = shape.kernel;
  block.body = &body;
  block.count = size.x * size.y * size.z;
  block.dynamic_bytes = shape.shared_bytes;
  const uint64_t first = random_state ? random_below(total) : 0, stride = random_state ? random_stride(total) : 1;
  for (uint64_t k = 0; k < total; ++k) {
    if (k == 0 || concurrent == BLOCKS) sign_on(unsigned(k % kCrews));
    run_block((first + k * stride) % total, shape);
  }
  __tsan_acquire(&block.end);
  end_shared_memory();
}

}  // namespace emulation
