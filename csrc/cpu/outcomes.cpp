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

template <int Alternatives, class T>
PA_INLINE Nats<T> nats_among(T s01, T s02, T s12, T inverse_temperature) {
  return Alternatives == 2 ? nats(s01, s02, inverse_temperature) : nats(s01, s02, s12, inverse_temperature);
}

template <int Alternatives, class T>
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
      const Choice<T> c = Alternatives == 2 ? decide(s01[q], s02[q]) : decide(s01[q], s02[q], s12[q]);
      verdicts[q] = int8_t(c.human_pair ? c.pairs_at_maximum : -c.pairs_at_maximum);
    }
  if (cross_entropy)
    for (int64_t q = 0; q < count; ++q)
      cross_entropy[q] = nats_among<Alternatives>(s01[q], s02[q], s12[q], inverse_temperature).cross_entropy;
  if (entropy)
    for (int64_t q = 0; q < count; ++q)
      entropy[q] = nats_among<Alternatives>(s01[q], s02[q], s12[q], inverse_temperature).entropy;
}

template <int Alternatives, class T>
pa_status outcomes_of(const T* similarities, int64_t t, double temperature, int8_t* verdicts, T* cross_entropy,
                      T* entropy, int threads) {
  const int64_t chunks = blocks(t, kChunk);
  const T inverse = T(1.0 / temperature);
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (chunks > 1)
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int64_t end = smaller(t, (chunk + 1) * kChunk);
    for (int64_t q = chunk * kChunk; q < end; q += kTripletBlock)
      one_block<Alternatives>(similarities + 3 * q, smaller(kTripletBlock, end - q), inverse,
                              verdicts ? verdicts + q : nullptr, cross_entropy ? cross_entropy + q : nullptr,
                              entropy ? entropy + q : nullptr);
  }
  return PA_OK;
}

template <class T>
pa_status outcomes_among(const pa_matrix* similarities, int alternatives, double temperature, int8_t* verdicts,
                         void* cross_entropy, void* entropy, int threads) {
  const T* data = static_cast<const T*>(similarities->data);
  T *first = static_cast<T*>(cross_entropy), *second = static_cast<T*>(entropy);
  if (alternatives == 2) return outcomes_of<2>(data, similarities->n, temperature, verdicts, first, second, threads);
  if (alternatives == 3) return outcomes_of<3>(data, similarities->n, temperature, verdicts, first, second, threads);
  return PA_BAD_ARGUMENT;
}

}  // namespace

pa_status outcomes(const pa_matrix* similarities, int alternatives, double temperature, int8_t* verdicts,
                   void* cross_entropy, void* entropy, int threads) {
  if (similarities->type == PA_FLOAT32)
    return outcomes_among<float>(similarities, alternatives, temperature, verdicts, cross_entropy, entropy, threads);
  return outcomes_among<double>(similarities, alternatives, temperature, verdicts, cross_entropy, entropy, threads);
}

}  // namespace PA_ISA
