// The same as score.c in C++17: score ROWS N D TRIPLETS T SIMILARITIES
#include <pyalign.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

void must(pa_status status) {
  if (status != PA_OK) throw std::runtime_error(pa_status_text(status));
}

template <class T>
std::vector<T> read_all(const char* path, std::size_t count) {
  std::vector<T> data(count);
  if (!std::ifstream(path, std::ios::binary).read(reinterpret_cast<char*>(data.data()), sizeof(T) * count))
    throw std::runtime_error(std::string(path) + ": can't be read");
  return data;
}

int main(int argc, char** argv) try {
  if (argc != 7) return 2;
  const int64_t n = std::stoll(argv[2]), d = std::stoll(argv[3]), t = std::stoll(argv[5]);
  const auto x = read_all<float>(argv[1], n * d);
  const auto items = read_all<int32_t>(argv[4], 3 * t);
  const pa_triplets triplets{items.data(), t, 3, 1, PA_INT32};

  std::vector<double> terms(n);
  pa_rows rows{{x.data(), n, d, d, PA_FLOAT32}, terms.data(), PA_COSINE, 0};
  must(pa_row_squares(&rows.values, terms.data()));
  for (double& term : terms) term = term > 0 ? 1 / std::sqrt(term) : 0;
  std::vector<float> s(n * n);
  must(pa_similarity(&rows, nullptr, s.data(), n));

  std::vector<int8_t> choices(t);
  pa_sums sums;
  const pa_matrix similarities{s.data(), n, n, n, PA_FLOAT32};
  const pa_wanted want{choices.data(), nullptr, nullptr, &sums, 1.0};
  must(pa_triplets_from_matrix(&similarities, &triplets, &want));
  for (const int8_t choice : choices) std::printf("%d\n", choice);
  std::printf("accuracy %.17g\n", (sums.right[0] + sums.right[1] / 2.0 + sums.right[2] / 3.0) / t);
  std::ofstream(argv[6], std::ios::binary).write(reinterpret_cast<const char*>(s.data()), sizeof(float) * n * n);
} catch (const std::exception& error) {
  std::fprintf(stderr, "pyalign: %s\n", error.what());
  return 1;
}
