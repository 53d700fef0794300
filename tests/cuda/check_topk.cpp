// check_topk.cpp: pa_cuda_topk.
#include <algorithm>

#include "check.h"

struct TopkCase {
  const int64_t n, m, k, own, stride;
  const pa_float_type type;
  Memory data;  // NaN around the rows: what is read past their end shows
  std::vector<double> plain;
  Output indices;

  TopkCase(int64_t rows, int64_t columns, int64_t many, int64_t own_column, pa_float_type of, int values)
      : n(rows),
        m(columns),
        k(many),
        own(own_column),
        stride(columns + 3),
        type(of),
        data(size_t(rows * (columns + 3)) * size_of(of)),
        plain(size_t(rows * columns)),
        indices(size_t(rows * many) * sizeof(int32_t)) {
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < stride; ++j) {
        const double value = values ? double(random_below(values)) - values / 2 : random_real();
        put(data.host(), type, i * stride + j, j < m ? value : double(NAN));
        if (j < m) plain[size_t(i * m + j)] = get(data.host(), type, i * stride + j);
      }
    data.upload();
  }

  int run() {
    const pa_matrix s = {data.device(), n, m, stride, type};
    return on_stream(pa_cuda_topk, &s, k, own, static_cast<int32_t*>(indices.device()));
  }

  std::string judge() const {
    for (int64_t i = 0; i < n; ++i) {
      std::vector<int64_t> order;
      for (int64_t j = 0; j < m; ++j)
        if (own < 0 || j != own + i) order.push_back(j);
      const double* row = plain.data() + i * m;
      std::stable_sort(order.begin(), order.end(), [row](int64_t a, int64_t b) { return row[a] > row[b]; });
      for (int64_t r = 0; r < k; ++r) {
        int32_t got;
        memcpy(&got, indices.host() + (i * k + r) * sizeof got, sizeof got);
        if (got != order[size_t(r)])
          return text("row %lld has column %d at place %lld, not %lld", (long long)i, int(got), (long long)r,
                      (long long)order[size_t(r)]);
      }
    }
    return "";
  }
};

void check_topk() {
  int number = 0;
  for (const int64_t m : {1, 2, 31, 33, 256, 257, 700})  // around a warp and a round of the block
    for (const int64_t k : {1, 2, 10, 33}) {
      const int64_t own = number % 3 == 0 ? 0 : number % 3 == 1 ? 1 : -1, n = m < 4 ? 1 : 3;
      const bool fits = own < 0 ? k <= m : k < m && own + n <= m;
      const int values = number % 2 ? 4 : 0;  // few values tie
      const pa_float_type type = number % 4 < 2 ? PA_FLOAT32 : PA_FLOAT64;
      ++number;
      if (!fits || (quick && number % 2)) continue;
      TopkCase c(n, m, k, own, type, values);
      check_case({text("topk, n %lld, m %lld, k %lld, own %lld, %s, %d values", (long long)n, (long long)m,
                       (long long)k, (long long)own, type == PA_FLOAT32 ? "float32" : "float64", values),
                  {&c.indices},
                  [&c] { return c.run(); },
                  [&c] { return c.judge(); }});
    }
}
