// choice.h: the arithmetic of one triplet, from its three similarities to a decision and probabilities. Branch-free.
#pragma once

#include "pair.h"

// One triplet. s01, s02, s12: similarities of the pairs of positions.
template <class T>
struct Choice {
  int pairs_at_maximum;  // 1, or 2 and 3 for ties
  int human_pair;        // 1 when the pair (0, 1) is at the maximum: the last item is the odd one
  int odd;               // position of the odd item, -1 for a tie
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

// Of two alternatives: is the first item more like the second or the third? The pair 12 is not asked about.
template <class T>
PA_INLINE Choice<T> decide(T s01, T s02) {
  const int e01 = s01 >= s02, e02 = s02 >= s01;
  Choice<T> c;
  c.pairs_at_maximum = e01 + e02;
  c.human_pair = e01;
  c.odd = c.pairs_at_maximum == 1 ? 2 * e01 + e02 : -1;
  return c;
}

// softmax of the three similarities times the inverse temperature, as exponentials and their sum.
template <class T>
struct Softmax {
  T e01, e02, e12, z;
};

template <class T>
PA_INLINE Softmax<T> softmax(T s01, T s02, T s12, T inverse_temperature) {
  const T top = s01 > s02 ? (s01 > s12 ? s01 : s12) : (s02 > s12 ? s02 : s12);
  const T least = Series<T>::least_exponent;
  const T a01 = (s01 - top) * inverse_temperature, a02 = (s02 - top) * inverse_temperature,
          a12 = (s12 - top) * inverse_temperature;
  Softmax<T> m;
  m.e01 = exp_of<T>(a01 > least ? a01 : least);
  m.e02 = exp_of<T>(a02 > least ? a02 : least);
  m.e12 = exp_of<T>(a12 > least ? a12 : least);
  m.z = m.e01 + m.e02 + m.e12;
  return m;
}

// Cross-entropy of the human pair (0, 1) and entropy of the choice, in nats.
template <class T>
struct Nats {
  T cross_entropy, entropy;
};

// Two exponentials instead of three: the largest similarity's is 1. A pair below least_exponent adds nothing that the
// type could hold.
template <class T>
PA_INLINE Nats<T> nats(T s01, T s02, T s12, T inverse_temperature) {
  const T more = s01 > s02 ? s01 : s02, less = s01 > s02 ? s02 : s01;
  const T top = more > s12 ? more : s12, low = less < s12 ? less : s12;
  const T rest = more < s12 ? more : s12, middle = less > rest ? less : rest;
  const T least = Series<T>::least_exponent;
  T a = (middle - top) * inverse_temperature, b = (low - top) * inverse_temperature;
  a = a > least ? a : least;
  b = b > least ? b : least;
  const T ea = exp_of<T>(a), eb = exp_of<T>(b), rest_of_z = ea + eb, log_z = log_one_plus<T>(rest_of_z);
  Nats<T> v;
  v.cross_entropy = log_z - (s01 - top) * inverse_temperature;
  v.entropy = log_z - (ea * a + eb * b) / (T(1) + rest_of_z);
  return v;
}

// Of two alternatives, 01 and 02.
template <class T>
PA_INLINE Nats<T> nats(T s01, T s02, T inverse_temperature) {
  const T top = s01 > s02 ? s01 : s02, low = s01 > s02 ? s02 : s01, least = Series<T>::least_exponent;
  T a = (low - top) * inverse_temperature;
  a = a > least ? a : least;
  const T ea = exp_of<T>(a), log_z = log_one_plus<T>(ea);
  Nats<T> v;
  v.cross_entropy = log_z - (s01 - top) * inverse_temperature;
  v.entropy = log_z - ea * a / (T(1) + ea);
  return v;
}

// Cross-entropy of the answer, in nats, and its derivatives with respect to s02 and s12, in units of 1 / T; that with
// respect to s01 is their negative sum.
template <class T>
struct Residuals {
  T cross_entropy, r02, r12;
};

// How much the answers weigh that call position p odd: pair 01 is left when position 2 is.
template <class T>
struct Answers {
  T odd0, odd1, odd2;
};

// One answer: the last item is odd.
template <class T>
PA_INLINE Residuals<T> residuals(T s01, T s02, T s12, T inverse_temperature) {
  const T top = s01 > s02 ? (s01 > s12 ? s01 : s12) : (s02 > s12 ? s02 : s12);
  const Softmax<T> m = softmax(s01, s02, s12, inverse_temperature);
  // The largest exponential is 1 and stays out of the sum, so that log(1 + tiny) keeps its digits.
  const T more = m.e01 > m.e02 ? m.e01 : m.e02, less = m.e01 > m.e02 ? m.e02 : m.e01;
  const T rest_of_z = less + (more < m.e12 ? more : m.e12), p = T(1) / (T(1) + rest_of_z);
  Residuals<T> r;
  r.cross_entropy = log_one_plus<T>(rest_of_z) - (s01 - top) * inverse_temperature;
  r.r02 = m.e02 * p;
  r.r12 = m.e12 * p;
  return r;
}

// Answers of any weight: sum of weight * -log p.
template <class T>
PA_INLINE Residuals<T> residuals(T s01, T s02, T s12, T inverse_temperature, const Answers<T>& y) {
  const T top = s01 > s02 ? (s01 > s12 ? s01 : s12) : (s02 > s12 ? s02 : s12), all = y.odd0 + y.odd1 + y.odd2;
  const Softmax<T> m = softmax(s01, s02, s12, inverse_temperature);
  const T more = m.e01 > m.e02 ? m.e01 : m.e02, less = m.e01 > m.e02 ? m.e02 : m.e01;
  const T rest_of_z = less + (more < m.e12 ? more : m.e12), p = T(1) / (T(1) + rest_of_z);
  // An answer of no weight adds nothing, however far its similarity lies below the others.
  const T below = y.odd2 * (s01 - top) + y.odd1 * (s02 - top) + y.odd0 * (s12 - top);
  Residuals<T> r;
  r.cross_entropy = all * log_one_plus<T>(rest_of_z) - below * inverse_temperature;
  // all * p02 - odd1, as what other answers say of the pair and what its own miss: 1 - p keeps its digits near p = 1.
  r.r02 = (m.e02 * (y.odd2 + y.odd0) - y.odd1 * (m.e01 + m.e12)) * p;
  r.r12 = (m.e12 * (y.odd2 + y.odd1) - y.odd0 * (m.e01 + m.e02)) * p;
  return r;
}

// Of two alternatives: r12 is 0.
template <class T>
PA_INLINE Residuals<T> residuals(T s01, T s02, T inverse_temperature) {
  const T top = s01 > s02 ? s01 : s02, least = Series<T>::least_exponent;
  const T a01 = (s01 - top) * inverse_temperature, a02 = (s02 - top) * inverse_temperature;
  const T e01 = exp_of<T>(a01 > least ? a01 : least), e02 = exp_of<T>(a02 > least ? a02 : least);
  const T rest_of_z = e01 < e02 ? e01 : e02;
  Residuals<T> r;
  r.cross_entropy = log_one_plus<T>(rest_of_z) - (s01 - top) * inverse_temperature;
  r.r02 = e02 / (T(1) + rest_of_z);
  r.r12 = T(0);
  return r;
}

// Of two alternatives, answers of any weight; that of position 0 is not read.
template <class T>
PA_INLINE Residuals<T> residuals(T s01, T s02, T inverse_temperature, const Answers<T>& y) {
  const T top = s01 > s02 ? s01 : s02, least = Series<T>::least_exponent;
  const T a01 = (s01 - top) * inverse_temperature, a02 = (s02 - top) * inverse_temperature;
  const T e01 = exp_of<T>(a01 > least ? a01 : least), e02 = exp_of<T>(a02 > least ? a02 : least);
  const T rest_of_z = e01 < e02 ? e01 : e02, below = y.odd2 * (s01 - top) + y.odd1 * (s02 - top);
  Residuals<T> r;
  r.cross_entropy = (y.odd1 + y.odd2) * log_one_plus<T>(rest_of_z) - below * inverse_temperature;
  r.r02 = (e02 * y.odd2 - e01 * y.odd1) / (T(1) + rest_of_z);
  r.r12 = T(0);
  return r;
}
