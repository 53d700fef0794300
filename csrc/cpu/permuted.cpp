// permuted.cpp: inner products of symmetric matrices, one of them with its rows and columns in many other orders.
//
// Division of the work. A row of b, which stays in L1 while it is gathered from, meets the row of a that each of
// kTogether orders puts beside it; of that the part left of the diagonal is read front to back, half of a in all. A
// thread takes kRows rows of b for all orders of a group, whose indices stay in L2. Sums are kept by piece and added in
// the order of the pieces, so that threads change nothing.
#include "simd.h"

namespace PA_ISA {
namespace {

constexpr int64_t kRows = 32, kTogether = 16;
constexpr int64_t kBlock = 512;  // products that are added up in the matrices' own type

// Sum of a_j b_at(j) over j < count.
template <class T>
double gathered(const T* a, const T* b, const int32_t* at, int64_t count) {
  double total = 0.0;
  for (int64_t first = 0; first < count; first += kBlock) {
    const int64_t end = smaller(count, first + kBlock);
    T s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t j = first; j < end; ++j) s += a[j] * b[at[j]];
    total += double(s);
  }
  return total;
}

struct Orders {
  const int32_t *at, *inverse;  // (count, n): where each row of b has come from, and where it has gone
  int64_t count;
};

// sums (orders.count,): of rows first ... last of b.
template <class T>
void one_piece(const pa_matrix* a, const pa_matrix* b, const Orders& orders, int64_t first, int64_t last,
               double* sums) {
  const int64_t n = a->n;
  for (int64_t q = 0; q < orders.count; ++q) sums[q] = 0.0;
  for (int64_t r = first; r < last; ++r)
    for (int64_t q = 0; q < orders.count; ++q) {
      const int64_t i = orders.inverse[q * n + r];
      const T *left = row<T>(a, i), *right = row<T>(b, r);
      sums[q] += 2.0 * gathered(left, right, orders.at + q * n, i) + double(left[i]) * double(right[r]);
    }
}

template <class T>
pa_status products_of(const pa_matrix* a, const pa_matrix* b, const int32_t* orders, int64_t count, double* out,
                      int threads) {
  const int64_t n = a->n, pieces = blocks(n, kRows), groups = blocks(count, kTogether);
  const Scratch<int32_t> inverse(count * n);
  const Scratch<double> sums(pieces * count);
  if (!inverse.data || !sums.data) return PA_OUT_OF_MEMORY;
  for (int64_t q = 0; q < count; ++q)
    for (int64_t i = 0; i < n; ++i) inverse.data[q * n + orders[q * n + i]] = int32_t(i);
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (count * n * n > 32768)
  for (int64_t work = 0; work < groups * pieces; ++work) {
    const int64_t q = work / pieces * kTogether, piece = work % pieces;
    const Orders some = {orders + q * n, inverse.data + q * n, smaller(kTogether, count - q)};
    one_piece<T>(a, b, some, piece * kRows, smaller(n, (piece + 1) * kRows), sums.data + piece * count + q);
  }
  for (int64_t q = 0; q < count; ++q) {
    out[q] = 0.0;
    for (int64_t piece = 0; piece < pieces; ++piece) out[q] += sums.data[piece * count + q];
  }
  return PA_OK;
}

}  // namespace

pa_status permuted_products(const pa_matrix* a, const pa_matrix* b, const int32_t* orders, int64_t count, double* out,
                            int threads) {
  if (a->type == PA_FLOAT32) return products_of<float>(a, b, orders, count, out, threads);
  return products_of<double>(a, b, orders, count, out, threads);
}

}  // namespace PA_ISA
