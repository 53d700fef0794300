// threads.h: what emulation.cpp, which runs the threads of a block, and meetings.cpp, where they meet, share.
#pragma once

#include "emulation.h"
#include "fiber.h"

#ifdef PA_EMULATION_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#else
inline void __tsan_acquire(void*) {}
inline void __tsan_release(void*) {}
#endif

namespace emulation {

constexpr unsigned kMostThreads = 256, kLanes = 32;

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
  char order[2], all;
};

extern Thread* threads[kMostThreads];
extern Block block;
extern unsigned now;  // number of the running thread

void can_run(unsigned number);
void wait(const Site& site);  // until somebody says can_run

}  // namespace emulation
