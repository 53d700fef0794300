// threads.h: what emulation.cpp, which runs the threads of a block, and meetings.cpp, where they meet, share.
#pragma once

#include "emulation.h"
#include "fiber.h"

#ifdef PA_EMULATION_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
extern "C" {  // to forget what was accessed
void __tsan_java_init(unsigned long first, unsigned long bytes);
void __tsan_java_alloc(unsigned long address, unsigned long bytes);
void __tsan_java_free(unsigned long address, unsigned long bytes);
}
#else
inline void __tsan_acquire(void*) {}
inline void __tsan_release(void*) {}
#endif

namespace emulation {

constexpr unsigned kMostThreads = 1024, kLanes = 32;
// Threads of blocks that are concurrent to ThreadSanitizer need stacks that are different to it. One block in four may
// follow another in the same crew, to which it is ordered.
constexpr unsigned kCrews = 4;
// ThreadSanitizer keeps 255 threads apart, and orders others behind those whose places they take. So the last threads
// of a block of 256 are one with the first.
constexpr unsigned kIdentities = 240;

struct Site {
  const char *what, *file;
  int line;
  bool operator==(const Site& s) const { return file == s.file && line == s.line && what == s.what; }
};

// Of the lanes of one mask. Meetings of disjoint masks may be open at once; the lowest lane names them.
struct Meeting {
  Site site;
  unsigned mask, arrived;
  void* brought[kLanes];
  int turn;
  char order[2];
};

struct Thread {
  Fiber* fiber;
  Place place;
  Site waits;  // .what: NULL when it does not wait
  bool ended;
  AsyncCopies copies;
  Meeting meetings[kLanes];  // used in the first lane of a warp
};

struct Block {
  const char* kernel;
  const std::function<void()>* body;
  unsigned count, ended, at_barrier;
  size_t dynamic_bytes;
  Site barrier;
  int turn;
  char order[2], begin, end;
};

extern Concurrent concurrent;
extern Thread** threads;  // those of the running block
extern Block block;
extern unsigned now;  // number of the running thread

void begin_shared_memory();  // of a block
void end_shared_memory();    // of a launch

void can_run(unsigned number);
void wait(const Site& site);  // until somebody says can_run

}  // namespace emulation
