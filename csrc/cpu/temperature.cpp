// temperature.cpp: the loss of an inverse temperature over triplets and its derivatives, from their similarities.
//
// Division of the work. A thread takes a chunk of kChunk triplets, in blocks whose columns stay in L1. Sums are kept
// per chunk and added in the order of the chunks, so that they do not depend on the number of threads. All arithmetic
// is in float64: a step of Newton's method reads 12 bytes a triplet from memory, which takes as long, and its end is
// then good to the last digits.
#include "series.h"
#include "simd.h"
#include "unpack.h"

namespace PA_ISA {
namespace {

constexpr int64_t kChunk = 32 * kTripletBlock;

// A block: the similarities less the largest one, which is 0; the target less it; the weight.
struct Block {
  double middle[kTripletBlock], low[kTripletBlock], target[kTripletBlock], weight[kTripletBlock];
};

// Of two alternatives the largest is that of 01 and 02, and there is no low.
template <int Alternatives, class T>
void fill(const T* similarities, const double* targets, const double* weights, int64_t count, Block* b) {
  for (int64_t q = 0; q < count; ++q) {
    const double s01 = similarities[3 * q], s02 = similarities[3 * q + 1], s12 = similarities[3 * q + 2];
    const double more = s01 > s02 ? s01 : s02, less = s01 > s02 ? s02 : s01;
    const double low = less < s12 ? less : s12, rest = more < s12 ? more : s12;
    const double top = Alternatives == 2 || more > s12 ? more : s12;
    b->middle[q] = (Alternatives == 2 || less > rest ? less : rest) - top;
    b->low[q] = Alternatives == 2 ? 0.0 : low - top;
    b->target[q] = s01 - top;
    b->weight[q] = top;  // until the targets have been taken
  }
  if (targets)
    for (int64_t q = 0; q < count; ++q) {
      const double target = targets[q] - b->weight[q];
      b->target[q] = target < 0.0 ? target : 0.0;
    }
  for (int64_t q = 0; q < count; ++q) b->weight[q] = weights ? weights[q] : 1.0;
}

// The largest exponential is 1, so that the mean of the similarities is at most 0 and their variance at least a third
// of their mean square: neither cancels.
template <int Alternatives>
void add_block(const Block& b, int64_t count, double beta, double* confidences, pa_loss_sums* sums) {
  const double least = Series<double>::least_exponent;
  double weight = 0.0, loss = 0.0, first = 0.0, second = 0.0, first_squared = 0.0, shortfall = 0.0;
  double largest[kTripletBlock];
#pragma omp simd reduction(+ : weight, loss, first, second, first_squared, shortfall)
  for (int64_t q = 0; q < count; ++q) {
    const double x = b.middle[q], y = b.low[q], w = b.weight[q], beta_x = beta * x, beta_y = beta * y;
    const double e = exp_of<double>(beta_x > least ? beta_x : least);
    const double f = Alternatives == 2 ? 0.0 : exp_of<double>(beta_y > least ? beta_y : least);
    const double p = 1.0 / (1.0 + (e + f)), ex = e * x, fy = f * y, mean = (ex + fy) * p;
    const double residual = mean - b.target[q];
    weight += w;
    loss += w * (log_one_plus<double>(e + f) - beta * b.target[q]);
    first += w * residual;
    second += w * ((ex * x + fy * y) * p - mean * mean);
    first_squared += (w * residual) * (w * residual);
    shortfall -= w * b.target[q];
    largest[q] = p;
  }
  sums->weight += weight;
  sums->loss += loss;
  sums->first += first;
  sums->second += second;
  sums->first_squared += first_squared;
  sums->shortfall += shortfall;
  if (confidences) memcpy(confidences, largest, size_t(count) * sizeof *largest);
}

void add_up(const pa_loss_sums* parts, int64_t count, pa_loss_sums* total) {
  memset(total, 0, sizeof *total);
  for (int64_t p = 0; p < count; ++p) {
    total->weight += parts[p].weight;
    total->loss += parts[p].loss;
    total->first += parts[p].first;
    total->second += parts[p].second;
    total->first_squared += parts[p].first_squared;
    total->shortfall += parts[p].shortfall;
  }
}

template <int Alternatives, class T>
pa_status sums_of(const T* similarities, int64_t t, const double* targets, const double* weights, double beta,
                  double* confidences, pa_loss_sums* sums, int threads) {
  const int64_t chunks = blocks(t, kChunk);
  const Scratch<pa_loss_sums> parts(chunks);
  if (!parts.data) return PA_OUT_OF_MEMORY;
  memset(parts.data, 0, size_t(chunks) * sizeof(pa_loss_sums));
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (chunks > 1)
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    Block b;
    const int64_t end = smaller(t, (chunk + 1) * kChunk);
    for (int64_t q = chunk * kChunk; q < end; q += kTripletBlock) {
      const int64_t count = smaller(kTripletBlock, end - q);
      fill<Alternatives>(similarities + 3 * q, targets ? targets + q : nullptr, weights ? weights + q : nullptr, count,
                         &b);
      add_block<Alternatives>(b, count, beta, confidences ? confidences + q : nullptr, parts.data + chunk);
    }
  }
  add_up(parts.data, chunks, sums);
  return PA_OK;
}

template <class T>
pa_status sums_among(const pa_matrix* similarities, int alternatives, const double* targets, const double* weights,
                     double beta, double* confidences, pa_loss_sums* sums, int threads) {
  const T* data = static_cast<const T*>(similarities->data);
  const int64_t t = similarities->n;
  if (alternatives == 2) return sums_of<2>(data, t, targets, weights, beta, confidences, sums, threads);
  if (alternatives == 3) return sums_of<3>(data, t, targets, weights, beta, confidences, sums, threads);
  return PA_BAD_ARGUMENT;
}

}  // namespace

pa_status temperature_sums(const pa_matrix* similarities, int alternatives, const double* targets,
                           const double* weights, double beta, double* confidences, pa_loss_sums* sums, int threads) {
  if (similarities->type == PA_FLOAT32)
    return sums_among<float>(similarities, alternatives, targets, weights, beta, confidences, sums, threads);
  return sums_among<double>(similarities, alternatives, targets, weights, beta, confidences, sums, threads);
}

}  // namespace PA_ISA
