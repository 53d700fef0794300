// inversions.cpp: how many pairs of a list stand in the wrong order, each with the product of its weights.
//
// Division of the work. Merge sort from the bottom: runs of kRun by insertion, then merged two by two. Where an element
// of the right run goes before what is left of the left one, it stands in the wrong order with all of that. Pieces of
// one level are merged by different threads; whole numbers have one sum.
#include "simd.h"

namespace PA_ISA {
namespace {

constexpr int64_t kRun = 16;
constexpr int64_t kFewest = 1 << 14;  // elements for which threads are worth waking

struct Weighted {
  uint32_t value;
  int32_t weight;
};

int64_t insert(Weighted* a, int64_t m) {
  int64_t sum = 0;
  for (int64_t k = 1; k < m; ++k) {
    const Weighted one = a[k];
    int64_t at = k, passed = 0;
    for (; at > 0 && a[at - 1].value > one.value; --at) {
      passed += a[at - 1].weight;
      a[at] = a[at - 1];
    }
    a[at] = one;
    sum += passed * one.weight;
  }
  return sum;
}

int64_t merge(const Weighted* from, int64_t middle, int64_t m, Weighted* to) {
  int64_t left = 0, right = middle, remaining = 0, sum = 0;
  for (int64_t k = 0; k < middle; ++k) remaining += from[k].weight;
  for (int64_t at = 0; at < m; ++at)
    if (right == m || (left < middle && from[left].value <= from[right].value)) {
      remaining -= from[left].weight;
      to[at] = from[left++];
    } else {
      sum += remaining * from[right].weight;
      to[at] = from[right++];
    }
  return sum;
}

}  // namespace

pa_status inversions(const uint32_t* values, const int32_t* weights, int64_t m, int64_t* count, int threads) {
  Scratch<Weighted> first(m), second(m);
  if (!first.data || !second.data) return PA_OUT_OF_MEMORY;
  Weighted *from = first.data, *to = second.data;
  int64_t sum = 0;
  for (int64_t k = 0; k < m; ++k) from[k] = {values[k], weights ? weights[k] : 1};
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : sum) if (m > kFewest)
  for (int64_t start = 0; start < m; start += kRun) sum += insert(from + start, smaller(kRun, m - start));
  for (int64_t width = kRun; width < m; width *= 2) {
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : sum) if (m > kFewest && 2 * width < m)
    for (int64_t start = 0; start < m; start += 2 * width)
      sum += merge(from + start, smaller(width, m - start), smaller(2 * width, m - start), to + start);
    Weighted* merged = to;
    to = from;
    from = merged;
  }
  *count = sum;
  return PA_OK;
}

}  // namespace PA_ISA
