// choice.h: the arithmetic of one triplet, from its three similarities to a decision and probabilities. Branch-free.
#pragma once

#include "pair.h"

// One triplet. s01, s02, s12: similarities of the pairs of positions.
template <class T>
struct Choice {
  int pairs_at_maximum; // 1, or 2 and 3 for ties
  int human_pair;       // 1 when the pair (0, 1) is at the maximum: the last item is the odd one
  int odd;              // position of the odd item, -1 for a tie
};

template <class T>
PA_INLINE Choice<T> decide(T s01, T s02, T s12) {
  const T top = s01 > s02 ? (s01 > s12 ? s01 : s12) : (s02 > s12 ? s02 : s12);
  const int e01 = s01 == top, e02 = s02 == top, e12 = s12 == top;
  Choice<T> c;
  c.pairs_at_maximum = e01 + e02 + e12;
  c.human_pair = e01;
  c.odd = c.pairs_at_maximum == 1 ? 2 * e01 + e02 : -1;
  return c;
}

// softmax of the three similarities times the inverse temperature, with its logarithms.
template <class T>
struct Softmax {
  T a01, a02, a12; // scaled similarities less their maximum: <= 0
  T e01, e02, e12; // exponentials
  T z, log_z;
};

template <class T>
PA_INLINE Softmax<T> softmax(T s01, T s02, T s12, T inverse_temperature) {
  const T top = s01 > s02 ? (s01 > s12 ? s01 : s12) : (s02 > s12 ? s02 : s12);
  const T least = Series<T>::least_exponent;
  Softmax<T> m;
  m.a01 = (s01 - top) * inverse_temperature;
  m.a02 = (s02 - top) * inverse_temperature;
  m.a12 = (s12 - top) * inverse_temperature;
  m.e01 = exp_of<T>(m.a01 > least ? m.a01 : least);
  m.e02 = exp_of<T>(m.a02 > least ? m.a02 : least);
  m.e12 = exp_of<T>(m.a12 > least ? m.a12 : least);
  m.z = m.e01 + m.e02 + m.e12;
  m.log_z = log_of<T>(m.z);
  return m;
}

// Nats. A pair below least_exponent adds nothing that the type could hold.
template <class T>
PA_INLINE T entropy_of(const Softmax<T>& m) {
  const T least = Series<T>::least_exponent;
  const T weighted = m.e01 * (m.a01 > least ? m.a01 : least) + m.e02 * (m.a02 > least ? m.a02 : least) +
                     m.e12 * (m.a12 > least ? m.a12 : least);
  return m.log_z - weighted / m.z;
}
