/* Similarities, decisions and accuracy in C99: score ROWS N D TRIPLETS T SIMILARITIES
 * ROWS: (n, d) of float32. TRIPLETS: (t, 3) of int32, the odd item last. SIMILARITIES is written: (n, n) of float32. */
#include <math.h>
#include <pyalign.h>
#include <stdio.h>
#include <stdlib.h>

static void must(pa_status status) {
  if (status == PA_OK) return;
  fprintf(stderr, "pyalign: %s\n", pa_status_text(status));
  exit(1);
}

static void* read_all(const char* path, size_t bytes) {
  FILE* file = fopen(path, "rb");
  void* data = malloc(bytes);
  if (file && data && fread(data, 1, bytes, file) == bytes && fclose(file) == 0) return data;
  fprintf(stderr, "%s: can't be read\n", path);
  exit(1);
}

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const int64_t n = atoll(argv[2]), d = atoll(argv[3]), t = atoll(argv[5]);
  pa_matrix x = {read_all(argv[1], sizeof(float) * n * d), n, d, d, PA_FLOAT32};
  pa_triplets triplets = {read_all(argv[4], sizeof(int32_t) * 3 * t), t, 3, 1, PA_INT32};

  double* inverse_norms = malloc(sizeof(double) * n);
  must(pa_row_squares(&x, inverse_norms));
  for (int64_t i = 0; i < n; ++i) inverse_norms[i] = inverse_norms[i] > 0 ? 1 / sqrt(inverse_norms[i]) : 0;
  const pa_rows rows = {x, inverse_norms, PA_COSINE, 0};
  float* s = malloc(sizeof(float) * n * n);
  must(pa_similarity(&rows, NULL, s, n));

  pa_sums sums;
  const pa_matrix similarities = {s, n, n, n, PA_FLOAT32};
  const pa_wanted want = {malloc(t), NULL, NULL, &sums, 1.0};
  must(pa_triplets_from_matrix(&similarities, &triplets, &want));
  for (int64_t q = 0; q < t; ++q) printf("%d\n", want.choices[q]);
  printf("accuracy %.17g\n", (sums.right[0] + sums.right[1] / 2.0 + sums.right[2] / 3.0) / t);
  FILE* out = fopen(argv[6], "wb");
  return !out || fwrite(s, sizeof(float), n * n, out) != (size_t)(n * n) || fclose(out) != 0;
}
