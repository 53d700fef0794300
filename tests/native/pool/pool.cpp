// pool.cpp: every directive that the kernels have, by the threads of csrc/cpu/pool.cpp. Prints sums for each number of
// threads, and ends with 1 where an iteration was left out or done twice.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <atomic>
#include <vector>

#include "threads.h"

namespace {

std::atomic<int> faults{0};

void expect(bool holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "%s\n", what);
  faults.fetch_add(1);
}

template <class I>
void loops(I trips, int threads) {
  std::vector<int> plain(trips), chunks(trips), turns(trips), after(trips);
#pragma omp parallel num_threads(threads)
  {
#pragma omp for schedule(static)
    for (I k = 0; k < trips; ++k) ++plain[k];
#pragma omp for schedule(static, 3)
    for (I k = 0; k < trips; ++k) chunks[k] += plain[k];  // of other threads: a barrier stands between
  }
#pragma omp parallel num_threads(threads)
  {
#pragma omp for schedule(dynamic, 2)
    for (int64_t k = 0; k < int64_t(trips); ++k) turns[k] += chunks[k];
#pragma omp for schedule(dynamic)
    for (int64_t k = 0; k < int64_t(trips); ++k) after[trips - 1 - k] += turns[k];
  }
  for (I k = 0; k < trips; ++k) expect(after[k] == 1, "an iteration was not done once");
}

// Whole numbers, so that the order of the parts doesn't show.
int64_t sums(int threads) {
  int64_t sum = 0, least = INT64_MAX, inner = 0;
  int seen = 0;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(+ : sum, inner) reduction(min : least)
  for (int64_t k = 0; k < 3000; ++k) {
    sum += k * k;
    least = k - 7 < least ? k - 7 : least;
    int size = 0;
#pragma omp parallel num_threads(4)  // within a region: by one thread
    {
#pragma omp critical(count)
      ++size;
    }
    inner += size;
    if (k % 100 == 0) {
#pragma omp critical(see)
      ++seen;
    }
  }
#pragma omp parallel for num_threads(threads) if (threads < 0)
  for (int64_t k = 0; k < 10; ++k) {
    expect(omp_get_thread_num() == 0, "a region whose condition is false has several threads");
    ++sum;
  }
  expect(seen == 30 && least == -7 && inner == 3000, "a reduction or a critical section lost a part");
  return sum;
}

void* caller(void* threads) {
  for (int round = 0; round < 5; ++round) {
    const int count = int(reinterpret_cast<intptr_t>(threads));
    for (const int64_t trips : {0, 1, 2, 5, 64, 1000}) {
      loops<int>(int(trips), count);
      loops<int64_t>(trips, count);
      loops<uint64_t>(uint64_t(trips), count);
    }
    expect(sums(count) == 8995500510, "a sum is another");
  }
  return nullptr;
}

}  // namespace

int main() {
  for (const int threads : {1, 2, 3, 7}) printf("%d %lld\n", threads, static_cast<long long>(sums(threads)));
  pthread_t callers[3];  // at the same time, each with a team of its own
  for (intptr_t k = 0; k < 3; ++k) {
    if (pthread_create(&callers[k], nullptr, caller, reinterpret_cast<void*>(k + 2))) return 2;
  }
  for (pthread_t one : callers) pthread_join(one, nullptr);
  return faults.load() != 0;
}
