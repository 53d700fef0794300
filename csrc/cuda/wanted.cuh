// wanted.cuh: what triplets.cu writes for each triplet.
#pragma once

#include "triplet.cuh"

namespace pa {

template <class T>
struct Wanted {
  int8_t* choices;
  T *probabilities, *similarities;
  double* parts;
  T inverse_temperature;
  int32_t* invalid;
};

template <class T>
Wanted<T> wanted_of(const pa_cuda_wanted* want, void* workspace) {
  return {want->choices,
          static_cast<T*>(want->probabilities),
          static_cast<T*>(want->similarities),
          want->sums ? static_cast<double*>(workspace) : nullptr,
          T(1.0 / want->temperature),
          want->invalid};
}

// Of rows that hold NaN or infinity no similarity is finite, and nothing is known of their triplets.
template <class T>
__device__ bool is_finite(T s) {
  return fabs(s) < T(INFINITY);
}

template <class T>
__device__ int8_t choice_of(const Three<T>& s, bool valid) {
  const bool known = valid && is_finite(s.s01) && is_finite(s.s02) && is_finite(s.s12);
  return known ? int8_t(decide(s.s01, s.s02, s.s12).odd) : int8_t(-1);
}

// Column p = P(position p is odd); NaN from NaN.
template <class T>
__device__ void put_probabilities(const Three<T>& s, bool valid, T inverse_temperature, T* three) {
  const Softmax<T> m = softmax(s.s01, s.s02, s.s12, inverse_temperature);
  three[0] = valid ? m.e12 / m.z : not_a_number<T>();
  three[1] = valid ? m.e02 / m.z : not_a_number<T>();
  three[2] = valid ? m.e01 / m.z : not_a_number<T>();
}

template <class T>
__device__ void put_similarities(const Three<T>& s, T* three) {
  three[0] = is_finite(s.s01) ? s.s01 : not_a_number<T>();
  three[1] = is_finite(s.s02) ? s.s02 : not_a_number<T>();
  three[2] = is_finite(s.s12) ? s.s12 : not_a_number<T>();
}

}  // namespace pa
