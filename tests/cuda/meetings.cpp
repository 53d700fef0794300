// meetings.cpp: barriers of a block, and what the lanes of a warp do together. Compiled without ThreadSanitizer.
//
// The last thread to arrive does what is to be done, and lets all go on.
//
// For ThreadSanitizer a barrier is a release on arrival and an acquire on leaving. Two addresses take turns, or a
// thread that is at the next barrier already would hand what it did since to those that have not left this one.
#include "threads.h"

namespace emulation {
namespace {

// Threads of a block that is one thread to ThreadSanitizer need no order.
void release(char* order) {
  if (concurrent == THREADS) __tsan_release(order);
}

void acquire(char* order) {
  if (concurrent == THREADS) __tsan_acquire(order);
}

void arrive_at_barrier(const Site& site) {
  if (block.ended) fail("barrier divergence: %s at %s:%d, but a thread has ended", site.what, site.file, site.line);
  if (block.at_barrier == 0) block.barrier = site;
  if (!(block.barrier == site)) {
    threads[now]->waits = site;
    fail("barrier divergence: threads wait at different places");
  }
  if (++block.at_barrier < block.count) return;
  block.at_barrier = 0;
  block.turn ^= 1;
  for (unsigned k = 0; k < block.count; ++k)
    if (k != now) can_run(k);
  can_run(now);
}

void begin_meeting(Meeting* m, unsigned mask, const Site& site) {
  const unsigned warp = now / kLanes * kLanes;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if (!(mask >> lane & 1)) continue;
    if (warp + lane >= block.count) fail("%s at %s:%d: no lane %u", site.what, site.file, site.line, lane);
    if (threads[warp + lane]->ended) fail("%s at %s:%d: lane %u has ended", site.what, site.file, site.line, lane);
  }
  m->mask = mask;
  m->site = site;
}

void arrive_at_meeting(Meeting* m, unsigned mask, Collective collective, void* brought, const Site& site) {
  const unsigned lane = threads[now]->place.lane, warp = now - lane;
  if (!(mask >> lane & 1)) fail("%s at %s:%d: lane %u is not in its mask", site.what, site.file, site.line, lane);
  if (!m->arrived) begin_meeting(m, mask, site);
  if (m->mask != mask || !(m->site == site)) {
    threads[now]->waits = site;
    fail("lanes of a warp meet at different places or with different masks");
  }
  m->brought[lane] = brought;
  m->arrived |= 1u << lane;
  if (m->arrived != mask) return;
  if (collective) collective(m->brought, mask);
  m->arrived = 0;
  m->turn ^= 1;
  for (unsigned k = 0; k < kLanes; ++k)
    if (mask >> k & 1) can_run(warp + k);
}

}  // namespace

void meet(unsigned mask, Collective collective, void* brought, const char* what, const char* file, int line) {
  const Site site = {what, file, line};
  Meeting* m = &threads[now - threads[now]->place.lane]->meetings[mask ? __builtin_ctz(mask) : 0];
  char* order = &m->order[m->turn];
  if (!collective) release(order);
  arrive_at_meeting(m, mask, collective, brought, site);
  wait(site);
  if (!collective) acquire(order);
}

void exchange(void* const brought[32], unsigned mask) {
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if (!(mask >> lane & 1)) continue;
    Exchange* e = static_cast<Exchange*>(brought[lane]);
    if (!(mask >> e->source & 1)) fail("lane %u reads lane %u, which is not in the mask", lane, e->source);
    e->result = static_cast<Exchange*>(brought[e->source])->value;
  }
}

void ballot(void* const brought[32], unsigned mask) {
  uint64_t bits = 0;
  for (unsigned lane = 0; lane < kLanes; ++lane)
    if (mask >> lane & 1) bits |= static_cast<Exchange*>(brought[lane])->value << lane;
  for (unsigned lane = 0; lane < kLanes; ++lane)
    if (mask >> lane & 1) static_cast<Exchange*>(brought[lane])->result = bits;
}

}  // namespace emulation

void __syncthreads(const char* file, int line) {
  const emulation::Site site = {"__syncthreads", file, line};
  char* order = &emulation::block.order[emulation::block.turn];
  emulation::release(order);
  emulation::arrive_at_barrier(site);
  emulation::wait(site);
  emulation::acquire(order);
}
