/* A measure of one's own with the decisions of pyalign, in C99: own_metric ROWS N D TRIPLETS T
 * ROWS: (n, d) of float32. TRIPLETS: (t, 3) of int32, the odd item last. Change `similarity`; the rest stays. */
#include <math.h>
#include <pyalign.h>
#include <stdio.h>
#include <stdlib.h>

/* Minus the Canberra distance: sum of |x - y| / (|x| + |y|), terms of two zeros left out. */
static double similarity(const float* x, const float* y, int64_t d) {
  double sum = 0;
  for (int64_t k = 0; k < d; ++k) {
    const double scale = fabs((double)x[k]) + fabs((double)y[k]);
    if (scale > 0) sum += fabs((double)x[k] - (double)y[k]) / scale;
  }
  return -sum;
}

static void* read_all(const char* path, size_t bytes) {
  FILE* file = fopen(path, "rb");
  void* data = malloc(bytes);
  if (file && data && fread(data, 1, bytes, file) == bytes && fclose(file) == 0) return data;
  fprintf(stderr, "%s: can't be read\n", path);
  exit(1);
}

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const int64_t n = atoll(argv[2]), d = atoll(argv[3]), t = atoll(argv[5]);
  const float* x = read_all(argv[1], sizeof(float) * n * d);
  const pa_triplets triplets = {read_all(argv[4], sizeof(int32_t) * 3 * t), t, 3, 1, PA_INT32};

  double* s = malloc(sizeof(double) * n * n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) s[i * n + j] = similarity(x + i * d, x + j * d, d);

  pa_sums sums;
  const pa_matrix similarities = {s, n, n, n, PA_FLOAT64};
  const pa_wanted want = {NULL, NULL, NULL, &sums, 1.0};
  const pa_status status = pa_triplets_from_matrix(&similarities, &triplets, &want);
  if (status != PA_OK) {
    fprintf(stderr, "pyalign: %s\n", pa_status_text(status));
    return 1;
  }
  printf("accuracy %.17g\n", (sums.right[0] + sums.right[1] / 2.0 + sums.right[2] / 3.0) / t);
  return 0;
}
