// residuals.cuh: the derivative of one triplet's cross-entropy, which both routes of the gradient share.
#pragma once

#include "triplet.cuh"

namespace pa {
namespace {

template <class T>
struct Problem {
  const T* similarities;
  int64_t n, stride;
  pa_triplets triplets;
  const T* targets;  // (t, 3), or null where not Soft
  T inverse_temperature;
  int32_t* invalid;
};

template <class T>
struct Gradient {
  T* data;
  int64_t n;
  double factor;
  bool add;  // to what earlier slabs have written
};

template <class T>
__device__ Answers<T> answers_of(const Problem<T>& problem, int64_t q) {
  const T* y = problem.targets + 3 * q;
  return {__ldg(y), __ldg(y + 1), __ldg(y + 2)};
}

// Decided when compiled, since targets take registers: without them more warps wait for look-ups at once.
template <bool Soft, class T>
__device__ Residuals<T> residuals_of(const Problem<T>& problem, const Three<T>& s, int64_t q) {
  if (!Soft) return residuals(s.s01, s.s02, s.s12, problem.inverse_temperature);
  return residuals(s.s01, s.s02, s.s12, problem.inverse_temperature, answers_of(problem, q));
}

// Hands out pieces of the workspace; from a null pointer it measures.
struct Workspace {
  uintptr_t next;

  template <class V>
  V* take(int64_t count) {
    V* const start = reinterpret_cast<V*>(next);
    next += uintptr_t(pieces(count * int64_t(sizeof(V)), 256) * 256);
    return start;
  }
};

}  // namespace
}  // namespace pa
