/* bits.c: prints the number of threads, and a hash of what kernels of each kind of parallel region give. */
#include <pyalign.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 700, D = 60, T = 40000 };

static uint64_t state = 88172645463325252u;
static uint64_t random_bits(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static void print_hash(const char* name, pa_status status, const void* data, size_t bytes) {
  uint64_t hash = 1469598103934665603u;
  for (size_t k = 0; k < bytes; ++k) hash = (hash ^ ((const unsigned char*)data)[k]) * 1099511628211u;
  printf("%s %d %016llx\n", name, (int)status, (unsigned long long)hash);
}

int main(void) {
  float *x = malloc(sizeof(float) * N * D), *s = malloc(sizeof(float) * N * N), *out = malloc(sizeof(float) * N * N);
  int32_t* items = malloc(sizeof(int32_t) * 3 * T);
  for (int k = 0; k < N * D; ++k) x[k] = (float)((double)(int64_t)random_bits() / 9.3e18);
  for (int q = 0; q < T; ++q)
    for (int c = 0, first = (int)(random_bits() % N); c < 3; ++c) items[3 * q + c] = (first + c * (1 + q % 200)) % N;
  const pa_rows rows = {{x, N, D, D, PA_FLOAT32}, NULL, PA_DOT, 0};
  const pa_matrix matrix = {s, N, N, N, PA_FLOAT32}, triples = {s, N * N / 3, 3, 3, PA_FLOAT32};
  const pa_triplets triplets = {items, T, 3, 1, PA_INT32};
  printf("threads %d\n", pa_threads());
  print_hash("center_rows", pa_center_rows(&rows.values, out), out, sizeof(float) * N * D);
  print_hash("similarity", pa_similarity(&rows, NULL, s, N), s, sizeof(float) * N * N);
  pa_sums sums;
  const pa_wanted want = {malloc(T), malloc(sizeof(float) * 3 * T), malloc(sizeof(float) * 3 * T), &sums, 0.7};
  print_hash("triplets", pa_triplets_from_matrix(&matrix, &triplets, &want), &sums, sizeof sums);
  print_hash("probabilities", PA_OK, want.probabilities, sizeof(float) * 3 * T);
  print_hash("buckets", pa_triplets_in_buckets(&rows, &triplets, &want), want.similarities, sizeof(float) * 3 * T);
  const pa_triplet_loss loss = {NULL, 0.7, 1.0, 3};
  double nats = 0;
  print_hash("gradient", pa_triplet_gradient(&matrix, &triplets, &loss, out, &nats), out, sizeof(float) * N * N);
  print_hash("choice_similarity", pa_choice_similarity(&matrix, 1.0, out, N), out, sizeof(float) * N * N);
  pa_loss_sums loss_sums;
  print_hash("temperature", pa_temperature_sums(&triples, 3, NULL, NULL, 0.9, NULL, &loss_sums), &loss_sums,
             sizeof loss_sums);
  int32_t* ranks = malloc(sizeof(int32_t) * N * N);
  print_hash("ranks", pa_ranks(s, PA_FLOAT32, N * N, 0, NULL, ranks), ranks, sizeof(int32_t) * N * N);
  pa_triplet_check report;
  print_hash("check", pa_check_triplets(&triplets, N, &report), &report, sizeof report);
  return 0;
}
