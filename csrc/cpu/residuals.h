// residuals.h: from the similarities of a block of triplets to the derivatives by them, in their place.
#pragma once

#include "choice.h"
#include "unpack.h"

namespace PA_ISA {
namespace {

// Of each triplet of a block, what belongs to the pairs of positions 01, 02 and 12.
template <class T>
struct Pairs {
  T p01[kTripletBlock], p02[kTripletBlock], p12[kTripletBlock];
};

// The loss is scale * cross-entropy of softmax(s * inverse_temperature); `factor` is scale * inverse_temperature.
template <class T>
struct Loss {
  T inverse_temperature, factor;
  int alternatives;

  explicit Loss(const pa_triplet_loss* loss)
      : inverse_temperature(T(1.0 / loss->temperature)),
        factor(T(loss->scale / loss->temperature)),
        alternatives(loss->alternatives) {}
};

template <int Alternatives, class T>
PA_INLINE Residuals<T> residuals_among(T s01, T s02, T s12, T inverse_temperature) {
  return Alternatives == 2 ? residuals(s01, s02, inverse_temperature) : residuals(s01, s02, s12, inverse_temperature);
}

template <int Alternatives, class T>
PA_INLINE Residuals<T> residuals_among(T s01, T s02, T s12, T inverse_temperature, const Answers<T>& answers) {
  return Alternatives == 2 ? residuals(s01, s02, inverse_temperature, answers)
                           : residuals(s01, s02, s12, inverse_temperature, answers);
}

template <int Alternatives, class T>
double block_to_residuals(const Loss<T>& loss, const T* targets, int64_t count, Pairs<T>* pairs) {
  T *p01 = pairs->p01, *p02 = pairs->p02, *p12 = pairs->p12;
  double cross_entropy = 0.0;
  if (targets) {
#pragma omp simd reduction(+ : cross_entropy)
    for (int64_t q = 0; q < count; ++q) {
      const Answers<T> answers = {targets[3 * q], targets[3 * q + 1], targets[3 * q + 2]};
      const Residuals<T> r = residuals_among<Alternatives>(p01[q], p02[q], p12[q], loss.inverse_temperature, answers);
      p02[q] = r.r02 * loss.factor;
      p12[q] = r.r12 * loss.factor;
      p01[q] = -(p02[q] + p12[q]);
      cross_entropy += double(r.cross_entropy);
    }
    return cross_entropy;
  }
#pragma omp simd reduction(+ : cross_entropy)
  for (int64_t q = 0; q < count; ++q) {
    const Residuals<T> r = residuals_among<Alternatives>(p01[q], p02[q], p12[q], loss.inverse_temperature);
    p02[q] = r.r02 * loss.factor;
    p12[q] = r.r12 * loss.factor;
    p01[q] = -(p02[q] + p12[q]);
    cross_entropy += double(r.cross_entropy);
  }
  return cross_entropy;
}

// Similarities become derivatives of the loss; returns the cross-entropy in nats, not scaled. targets (count, 3): the
// weights of the answers, or NULL: the last item is odd.
template <class T>
double to_residuals(const Loss<T>& loss, const T* targets, int64_t count, Pairs<T>* pairs) {
  return loss.alternatives == 2 ? block_to_residuals<2>(loss, targets, count, pairs)
                                : block_to_residuals<3>(loss, targets, count, pairs);
}

}  // namespace
}  // namespace PA_ISA
