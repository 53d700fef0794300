// rows.cpp: what is done once to each row before pairs are formed. One thread takes a run of rows; a row is read once.
#include "simd.h"

namespace PA_ISA {
namespace {

// Sum of squares in float64, in an order that depends on d and the vector length alone.
template <class T>
double square_sum(const T* x, int64_t d) {
  double s = 0.0;
#pragma omp simd reduction(+ : s)
  for (int64_t k = 0; k < d; ++k) s += double(x[k]) * double(x[k]);
  return s;
}

template <class T>
void row_squares_of(const pa_matrix* x, double* out, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (x->n * x->d > 32768)
  for (int64_t i = 0; i < x->n; ++i) out[i] = square_sum(row<T>(x, i), x->d);
}

// d * x - sum(x) instead of x - mean: the same up to a positive factor, and whole numbers stay whole.
template <class T>
void center_row(const T* x, int64_t d, T* out) {
  double s = 0.0;
  int32_t others = 0;
#pragma omp simd reduction(+ : s) reduction(| : others)
  for (int64_t k = 0; k < d; ++k) {
    s += double(x[k]);
    others |= x[k] != x[0];
  }
  const bool constant = !others && s - s == 0.0;
  const double factor = constant ? 0.0 : double(d), offset = constant ? 0.0 : s;
#pragma omp simd
  for (int64_t k = 0; k < d; ++k) out[k] = T(factor * double(x[k]) - offset);
}

template <class T>
void center_rows_of(const pa_matrix* x, T* out, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (x->n * x->d > 32768)
  for (int64_t i = 0; i < x->n; ++i) center_row(row<T>(x, i), x->d, out + i * x->d);
}

template <class T>
void shift_rows_of(const pa_matrix* x, const T* shift, T* out, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (x->n * x->d > 32768)
  for (int64_t i = 0; i < x->n; ++i) {
    const T* source = row<T>(x, i);
    T* target = out + i * x->d;
    for (int64_t k = 0; k < x->d; ++k) target[k] = source[k] - shift[k];
  }
}

}  // namespace

pa_status row_squares(const pa_matrix* x, double* out, int threads) {
  if (x->type == PA_FLOAT32) row_squares_of<float>(x, out, threads);
  else row_squares_of<double>(x, out, threads);
  return PA_OK;
}

pa_status center_rows(const pa_matrix* x, void* out, int threads) {
  if (x->type == PA_FLOAT32) center_rows_of(x, static_cast<float*>(out), threads);
  else center_rows_of(x, static_cast<double*>(out), threads);
  return PA_OK;
}

pa_status shift_rows(const pa_matrix* x, const void* shift, void* out, int threads) {
  if (x->type == PA_FLOAT32) shift_rows_of(x, static_cast<const float*>(shift), static_cast<float*>(out), threads);
  else shift_rows_of(x, static_cast<const double*>(shift), static_cast<double*>(out), threads);
  return PA_OK;
}

}  // namespace PA_ISA
