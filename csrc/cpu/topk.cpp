// topk.cpp: the columns of the k largest numbers of each row.
//
// Division of the work. A thread takes a row. The k best so far are a heap whose root is the worst of them; a block of
// the row is only looked at one by one where some number in it is above the root, which a vector loop counts. Equal
// numbers come in the order of their columns, so that one that is equal to the root is never better.
#include "simd.h"

namespace PA_ISA {
namespace {

constexpr int64_t kBlock = 64;

template <class T>
struct Found {
  T value;
  int32_t column;
};

// Of equal numbers the later column is worse.
template <class T>
inline bool worse(const Found<T>& a, const Found<T>& b) {
  return a.value < b.value || (a.value == b.value && a.column > b.column);
}

// heap[at] is put where it belongs among its children.
template <class T>
void sink(Found<T>* heap, int64_t size, int64_t at) {
  const Found<T> moved = heap[at];
  for (int64_t child; (child = 2 * at + 1) < size; at = child) {
    if (child + 1 < size && worse(heap[child + 1], heap[child])) ++child;
    if (!worse(heap[child], moved)) break;
    heap[at] = heap[child];
  }
  heap[at] = moved;
}

// The columns of `row` but `left_out`, of which heap holds the k largest afterwards, worst first.
template <class T>
void collect(const T* row, int64_t m, int64_t left_out, int64_t k, Found<T>* heap) {
  int64_t size = 0, j = 0;
  for (; size < k; ++j)
    if (j != left_out) heap[size++] = {row[j], int32_t(j)};
  for (int64_t at = k / 2; at-- > 0;) sink(heap, k, at);
  while (j < m) {
    const int64_t end = smaller(m, j + kBlock);
    const T root = heap[0].value;
    int above = 0;
#pragma omp simd reduction(+ : above)
    for (int64_t c = j; c < end; ++c) above += row[c] > root;
    if (above)
      for (int64_t c = j; c < end; ++c)
        if (row[c] > heap[0].value && c != left_out) {
          heap[0] = {row[c], int32_t(c)};
          sink(heap, k, 0);
        }
    j = end;
  }
}

template <class T>
pa_status topk_of(const pa_matrix* s, int64_t k, int64_t own, int32_t* indices, int threads) {
  int failed = 0;
#pragma omp parallel num_threads(threads) if (s -> n * s->d > 32768) reduction(| : failed)
  {
    const Scratch<Found<T>> heap(k);
    failed |= heap.data == nullptr;
#pragma omp for schedule(dynamic, 8)
    for (int64_t i = 0; i < s->n; ++i) {
      if (!heap.data) continue;
      collect(row<T>(s, i), s->d, own < 0 ? -1 : own + i, k, heap.data);
      for (int64_t left = k; left-- > 0;) {  // the worst of those that are left goes last
        indices[i * k + left] = heap.data[0].column;
        heap.data[0] = heap.data[left];
        sink(heap.data, left, 0);
      }
    }
  }
  return failed ? PA_OUT_OF_MEMORY : PA_OK;
}

}  // namespace

pa_status topk(const pa_matrix* s, int64_t k, int64_t own, int32_t* indices, int threads) {
  if (s->type == PA_FLOAT32) return topk_of<float>(s, k, own, indices, threads);
  return topk_of<double>(s, k, own, indices, threads);
}

}  // namespace PA_ISA
