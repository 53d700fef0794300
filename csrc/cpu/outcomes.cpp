// outcomes.cpp: what becomes of each triplet, from its three similarities: verdict, cross-entropy, entropy.
//
// Division of the work. A thread takes a chunk of kChunk triplets, in blocks whose columns stay in L1. Nothing is
// summed.
#include "choice.h"
#include "simd.h"
#include "unpack.h"

namespace PA_ISA {
namespace {

constexpr int64_t kChunk = 32 * kTripletBlock;

template <class T>
void one_block(const T* similarities, int64_t count, T inverse_temperature, int8_t* verdicts, T* cross_entropy,
               T* entropy) {
  T s01[kTripletBlock], s02[kTripletBlock], s12[kTripletBlock];
  for (int64_t q = 0; q < count; ++q) {
    s01[q] = similarities[3 * q];
    s02[q] = similarities[3 * q + 1];
    s12[q] = similarities[3 * q + 2];
  }
  if (verdicts)
    for (int64_t q = 0; q < count; ++q) {
      const Choice<T> c = decide(s01[q], s02[q], s12[q]);
      verdicts[q] = int8_t(c.human_pair ? c.pairs_at_maximum : -c.pairs_at_maximum);
    }
  if (cross_entropy)
    for (int64_t q = 0; q < count; ++q)
      cross_entropy[q] = nats(s01[q], s02[q], s12[q], inverse_temperature).cross_entropy;
  if (entropy)
    for (int64_t q = 0; q < count; ++q) entropy[q] = nats(s01[q], s02[q], s12[q], inverse_temperature).entropy;
}

template <class T>
pa_status outcomes_of(const T* similarities, int64_t t, double temperature, int8_t* verdicts, T* cross_entropy,
                      T* entropy, int threads) {
  const int64_t chunks = blocks(t, kChunk);
  const T inverse = T(1.0 / temperature);
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (chunks > 1)
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int64_t end = smaller(t, (chunk + 1) * kChunk);
    for (int64_t q = chunk * kChunk; q < end; q += kTripletBlock)
      one_block(similarities + 3 * q, smaller(kTripletBlock, end - q), inverse, verdicts ? verdicts + q : nullptr,
                cross_entropy ? cross_entropy + q : nullptr, entropy ? entropy + q : nullptr);
  }
  return PA_OK;
}

}  // namespace

pa_status outcomes(const pa_matrix* similarities, double temperature, int8_t* verdicts, void* cross_entropy,
                   void* entropy, int threads) {
  if (similarities->type == PA_FLOAT32)
    return outcomes_of(static_cast<const float*>(similarities->data), similarities->n, temperature, verdicts,
                       static_cast<float*>(cross_entropy), static_cast<float*>(entropy), threads);
  return outcomes_of(static_cast<const double*>(similarities->data), similarities->n, temperature, verdicts,
                     static_cast<double*>(cross_entropy), static_cast<double*>(entropy), threads);
}

}  // namespace PA_ISA
