// pool.cpp: threads for `#pragma omp` without a runtime library: the functions that Clang and GCC call for the
// directives of these kernels, with a pool of threads that soon sleep. The names and parameters are those of LLVM's
// OpenMP runtime (openmp/runtime/src/kmp.h) and of GCC's (libgomp/libgomp_g.h). They are hidden: a runtime that other
// libraries of the process bring has its own.
//
// A caller is thread 0 of its team; the others come from the idle ones, or are made. Where no thread can be made, the
// team is smaller. Several callers have teams at the same time, and a team within a team has one thread.
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include <atomic>
#include <new>

#include "threads.h"

#if defined(__clang__)
#define PA_CONSTANT [[clang::require_constant_initialization]]
#else
#define PA_CONSTANT
#endif

namespace {

typedef void (*Task)(int32_t* thread, int32_t* bound, ...);
typedef void (*Region)(void* variables);

constexpr int kMostArguments = 16;
constexpr int kMostNested = 4;
constexpr int kSpins = 4000;  // before a thread sleeps: some 50 us
constexpr size_t kStack = size_t(4) << 20;

struct Lock {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  void take() { pthread_mutex_lock(&mutex); }
  void give() { pthread_mutex_unlock(&mutex); }
};

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

// What threads wait for: a number that changes.
struct Signal {
  std::atomic<int64_t> value{0};
  Lock lock;
  pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

  // The lock is taken in any case: who waits may free this as soon as it is back.
  void add(int64_t more) {
    lock.take();
    value.fetch_add(more, std::memory_order_acq_rel);
    pthread_cond_broadcast(&changed);
    lock.give();
  }
  void wait_while(int64_t before, int spins) {
    for (int k = 0; k < spins && value.load(std::memory_order_acquire) == before; ++k) relax();
    lock.take();
    while (value.load(std::memory_order_acquire) == before) pthread_cond_wait(&changed, &lock.mutex);
    lock.give();
  }
};

struct Team {
  int size = 1;
  Task task = nullptr;  // of Clang: takes a pointer to each variable
  void** arguments = nullptr;
  int count = 0, spins = 0;
  Region region = nullptr;  // of GCC: takes one pointer to all variables
  void* variables = nullptr;
  Signal barriers, left;
  std::atomic<int> arrived{0};
  Lock lock;  // of what follows, and of reductions
  int64_t loops = 0, lower = 0, trips = 0, chunk = 1;
  std::atomic<int64_t> next{0};
};

// This thread in its team.
struct Member {
  Team* team;
  int32_t number;
  int64_t loops;  // how many dynamic loops it has entered
};

struct Worker {
  Worker* below = nullptr;  // in the stack of idle ones
  Team* team = nullptr;
  int32_t number = 0;
  Signal jobs;
};

thread_local Member member = {nullptr, 0, 0};
thread_local int32_t asked = 0;  // threads for the next region
thread_local int nested = 0;     // regions of one thread
PA_CONSTANT thread_local Team alone[kMostNested];
thread_local Member outside[kMostNested];

Lock pool, critical;
Worker* idle = nullptr;

int processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? int(count) : 1;
}

void call(const Team* team) {
  int32_t bound = 0;
  void** a = team->arguments;
  switch (team->count) {
#define PA_RUN(count, ...) \
  case count: team->task(&member.number, &bound, ##__VA_ARGS__); break;
#define PA_A4 a[0], a[1], a[2], a[3]
#define PA_A8 PA_A4, a[4], a[5], a[6], a[7]
#define PA_A12 PA_A8, a[8], a[9], a[10], a[11]
    PA_RUN(0)
    PA_RUN(1, a[0])
    PA_RUN(2, a[0], a[1])
    PA_RUN(3, a[0], a[1], a[2])
    PA_RUN(4, PA_A4)
    PA_RUN(5, PA_A4, a[4])
    PA_RUN(6, PA_A4, a[4], a[5])
    PA_RUN(7, PA_A4, a[4], a[5], a[6])
    PA_RUN(8, PA_A8)
    PA_RUN(9, PA_A8, a[8])
    PA_RUN(10, PA_A8, a[8], a[9])
    PA_RUN(11, PA_A8, a[8], a[9], a[10])
    PA_RUN(12, PA_A12)
    PA_RUN(13, PA_A12, a[12])
    PA_RUN(14, PA_A12, a[12], a[13])
    PA_RUN(15, PA_A12, a[12], a[13], a[14])
    PA_RUN(16, PA_A12, a[12], a[13], a[14], a[15])
    default: abort();  // a region of more variables needs another line here
  }
}

void run(Team* team, int32_t number) {
  const Member before = member;
  member = {team, number, 0};
  if (team->region) {
    team->region(team->variables);
  } else {
    call(team);
  }
  member = before;
}

void* work(void* given) {
  Worker* self = static_cast<Worker*>(given);
  int spins = kSpins;
  for (int64_t done = 0;; ++done) {
    self->jobs.wait_while(done, spins);
    Team* team = self->team;
    spins = team->spins;
    run(team, self->number);
    pool.take();
    self->below = idle;
    idle = self;
    pool.give();
    team->left.add(1);
  }
  return nullptr;
}

// A thread of the pool, in which signals of the process are not handled; faults are.
Worker* make_worker() {
  Worker* made = static_cast<Worker*>(malloc(sizeof(Worker)));
  if (!made) return nullptr;
  new (static_cast<void*>(made)) Worker;
  sigset_t all, before;
  sigfillset(&all);
  const int faults[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGABRT};
  for (const int fault : faults) sigdelset(&all, fault);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStack);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int fault = pthread_create(&thread, &attributes, work, made);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (fault == 0) return made;
  free(made);
  return nullptr;
}

Worker* take_worker() {
  pool.take();
  Worker* found = idle;
  if (found) idle = found->below;
  pool.give();
  return found ? found : make_worker();
}

void run_team(Team* team, int wanted) {
  Worker* others = nullptr;
  for (; team->size < wanted; ++team->size) {
    Worker* one = take_worker();
    if (!one) break;
    one->below = others;
    one->team = team;
    one->number = team->size;
    others = one;
  }
  team->spins = team->size <= processors() ? kSpins : 0;
  for (Worker *one = others, *below; one; one = below) {
    below = one->below;  // a job may end at once, and its worker stand among the idle ones
    one->jobs.add(1);
  }
  run(team, 0);
  for (int64_t left = 0; left < team->size - 1; left = team->left.value.load(std::memory_order_acquire))
    team->left.wait_while(left, team->spins);
  team->left.lock.take();  // the last worker has let go of it
  team->left.lock.give();
}

// Iterations from..to of the loop lower, lower + 1, ... upper for a thread, as OpenMP's static schedules divide them.
template <class I>
void divide(int32_t schedule, int32_t* last, I* lower, I* upper, I* stride, I step, I chunk) {
  const Team* team = member.team;
  const I size = team ? I(team->size) : 1, number = I(team ? member.number : 0);
  const I trips = (*upper - *lower) / step + 1;
  if (schedule == 33) {  // in chunks, by turns
    if (chunk < 1) chunk = 1;
    *stride = chunk * step * size;
    *lower += chunk * step * number;
    *upper = *lower + (chunk - 1) * step;
    *last = number == (trips - 1) / chunk % size;
    return;
  }
  const I each = trips / size, more = trips % size;
  const I first = number * each + (number < more ? number : more), mine = each + (number < more);
  *stride = trips * step;
  *last = number == size - 1;
  if (mine > 0) {
    *lower += first * step;
    *upper = *lower + (mine - 1) * step;
  } else {  // an empty range, also of unsigned numbers
    *lower = *upper + step;
  }
}

constexpr int32_t plain(int32_t schedule) { return schedule & ~(3 << 29); }  // without (non)monotonic

}  // namespace

extern "C" {

struct ident;

int omp_get_thread_num(void) { return member.number; }
int omp_get_num_procs(void) { return processors(); }

int omp_get_max_threads(void) {
  const char* text = getenv("OMP_NUM_THREADS");
  const long count = text ? strtol(text, nullptr, 10) : 0;
  return 0 < count && count < INT32_MAX ? int(count) : processors();
}

int32_t __kmpc_global_thread_num(ident*) { return member.number; }
void __kmpc_push_num_threads(ident*, int32_t, int32_t count) { asked = count; }

void __kmpc_fork_call(ident*, int32_t count, Task task, ...) {
  void* arguments[kMostArguments];
  if (count > kMostArguments) abort();
  __builtin_va_list values;
  __builtin_va_start(values, task);
  for (int k = 0; k < count; ++k) arguments[k] = __builtin_va_arg(values, void*);
  __builtin_va_end(values);
  Team team;
  team.task = task;
  team.arguments = arguments;
  team.count = count;
  const int wanted = asked > 0 ? asked : omp_get_max_threads();
  asked = 0;
  run_team(&team, member.team ? 1 : wanted);
}

void __kmpc_serialized_parallel(ident*, int32_t) {
  if (nested == kMostNested) abort();
  asked = 0;
  alone[nested].loops = 0;
  outside[nested] = member;
  member = {&alone[nested++], 0, 0};
}

void __kmpc_end_serialized_parallel(ident*, int32_t) { member = outside[--nested]; }

void __kmpc_barrier(ident*, int32_t) {
  Team* team = member.team;
  if (!team || team->size == 1) return;
  const int64_t before = team->barriers.value.load(std::memory_order_acquire);
  if (team->arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == team->size) {
    team->arrived.store(0, std::memory_order_relaxed);
    team->barriers.add(1);
  } else {
    team->barriers.wait_while(before, team->spins);
  }
}

void __kmpc_critical(ident*, int32_t, int32_t*) { critical.take(); }
void __kmpc_end_critical(ident*, int32_t, int32_t*) { critical.give(); }

// 1: this thread adds its part itself, and says when it has.
int32_t __kmpc_reduce_nowait(ident*, int32_t, int32_t, size_t, void*, void (*)(void*, void*), int32_t*) {
  if (member.team) member.team->lock.take();
  return 1;
}
void __kmpc_end_reduce_nowait(ident*, int32_t, int32_t*) {
  if (member.team) member.team->lock.give();
}

void __kmpc_for_static_init_4(ident*, int32_t, int32_t schedule, int32_t* last, int32_t* lower, int32_t* upper,
                              int32_t* stride, int32_t step, int32_t chunk) {
  divide(plain(schedule), last, lower, upper, stride, step, chunk);
}
void __kmpc_for_static_init_8(ident*, int32_t, int32_t schedule, int32_t* last, int64_t* lower, int64_t* upper,
                              int64_t* stride, int64_t step, int64_t chunk) {
  divide(plain(schedule), last, lower, upper, stride, step, chunk);
}
void __kmpc_for_static_init_8u(ident*, int32_t, int32_t schedule, int32_t* last, uint64_t* lower, uint64_t* upper,
                               uint64_t* stride, int64_t step, int64_t chunk) {
  divide(plain(schedule), last, lower, upper, stride, uint64_t(step), uint64_t(chunk));
}
void __kmpc_for_static_fini(ident*, int32_t) {}

// Dynamic loops, which step by 1. A barrier stands between two of them: the first to enter finds nobody in the last
// one.
void __kmpc_dispatch_init_8(ident*, int32_t, int32_t, int64_t lower, int64_t upper, int64_t step, int64_t chunk) {
  Team* team = member.team;
  if (!team || step != 1) abort();
  ++member.loops;
  team->lock.take();
  if (team->loops < member.loops) {
    team->loops = member.loops;
    team->lower = lower;
    team->trips = upper < lower ? 0 : upper - lower + 1;
    team->chunk = chunk < 1 ? 1 : chunk;
    team->next.store(0, std::memory_order_relaxed);
  }
  team->lock.give();
}

int32_t __kmpc_dispatch_next_8(ident*, int32_t, int32_t* last, int64_t* lower, int64_t* upper, int64_t* step) {
  Team* team = member.team;
  const int64_t first = team->next.fetch_add(team->chunk, std::memory_order_relaxed);
  if (first >= team->trips) return 0;
  const int64_t end = first + team->chunk < team->trips ? first + team->chunk : team->trips;
  *last = end == team->trips;
  *lower = team->lower + first;
  *upper = team->lower + end - 1;
  *step = 1;
  return 1;
}

void __kmpc_dispatch_deinit(ident*, int32_t) {}

// GCC's. Iterations that follow a static schedule divide themselves, and parts of a reduction are added by GOMP_atomic.
int omp_get_num_threads(void) { return member.team ? member.team->size : 1; }

void GOMP_parallel(Region region, void* variables, unsigned threads, unsigned) {
  Team team;
  team.region = region;
  team.variables = variables;
  run_team(&team, member.team ? 1 : threads > 0 ? int(threads) : omp_get_max_threads());
}

void GOMP_barrier(void) { __kmpc_barrier(nullptr, 0); }
void GOMP_critical_name_start(void**) { critical.take(); }
void GOMP_critical_name_end(void**) { critical.give(); }
void GOMP_atomic_start(void) { __kmpc_reduce_nowait(nullptr, 0, 0, 0, nullptr, nullptr, nullptr); }
void GOMP_atomic_end(void) { __kmpc_end_reduce_nowait(nullptr, 0, nullptr); }

// Iterations from..to - 1 for a thread; whether there are any.
bool GOMP_loop_nonmonotonic_dynamic_next(long* from, long* to) {
  int32_t last;
  int64_t lower, upper, step;
  if (!__kmpc_dispatch_next_8(nullptr, 0, &last, &lower, &upper, &step)) return false;
  *from = long(lower);
  *to = long(upper) + 1;
  return true;
}
bool GOMP_loop_nonmonotonic_dynamic_start(long first, long end, long step, long chunk, long* from, long* to) {
  __kmpc_dispatch_init_8(nullptr, 0, 0, first, end - 1, step, chunk);
  return GOMP_loop_nonmonotonic_dynamic_next(from, to);
}
void GOMP_loop_end(void) { GOMP_barrier(); }
void GOMP_loop_end_nowait(void) {}

}  // extern "C"
