// check.h: what the parts of check_cuda share.
//
// A case is one call of pyalign_cuda.h and a function that judges its output against naive loops. check_case runs it
// with threads in order and in a random order, and asks for the same bits.
#pragma once

#include <math.h>
#include <stdint.h>

#include <functional>
#include <string>
#include <vector>

#include "memory.h"
#include "pyalign_cuda.h"

enum Kind { WHOLE, REAL };  // whole numbers -4..4 for equality; reals in [-1, 1) within a stated margin

// What a kernel computes in: four types of rows, and float32 rows whose products may be rounded to TF32.
struct Precision {
  const char* name;
  pa_float_type type;
  int tf32;
};
enum { kPrecisions = 5 };
extern const Precision precisions[kPrecisions];

// --- check_cuda.cpp

constexpr int64_t kFixedBytes = 16000;  // of fixed sums of a gradient: up to 44 items

extern bool quick;
struct Case {
  std::string name;
  std::vector<Output*> outputs;
  std::function<int()> run;            // a cudaError_t
  std::function<std::string()> judge;  // "", or what is wrong
};
void check_case(const Case& c);
void check_that(bool holds, const std::string& what);
std::string text(const char* format, ...) __attribute__((format(printf, 1, 2)));

// --- data.cpp: inputs

int64_t random_below(int64_t n);
double random_real();  // in [-1, 1), a multiple of 2^-23
size_t size_of(pa_float_type type);
pa_float_type result_of(pa_float_type type);
double rounded(pa_float_type type, double value);  // to the nearest value of the type
double get(const void* data, pa_float_type type, int64_t k);
void put(void* data, pa_float_type type, int64_t k, double value);

// Rows and what is around them: NaN, so that a kernel which reads too far gives itself away.
struct Table {
  Table(int64_t n, int64_t d, int shape, pa_float_type type, Kind kind);
  void fill(const std::vector<double>& values);    // (n, d) of the type, in place of what was drawn
  pa_rows rows(pa_pair pair, double gamma) const;  // with the row terms of that pair kernel

  int64_t n, d, stride;
  pa_float_type type;
  std::vector<double> plain, squares, inverse_norms;  // (n, d) the same values; (n,) |x|^2, and 1 / |x| or 0

 private:
  double special(int64_t i, int64_t k, Kind kind) const;
  size_t first_;
  Memory data_, squares_, inverse_norms_;
};
enum { kShapes = 4 };  // of rows: dense, aligned to 16 bytes, off by one element, upwards

// Triplets of items below n; between them lie indices that are far outside.
struct Questions {
  Questions(int64_t t, int64_t n, pa_index_type type, int layout);
  void set(int64_t q, int position, int64_t item);
  pa_triplets triplets();  // as set until now

  int64_t t, n;
  pa_index_type type;
  int layout;
  std::vector<int64_t> plain;  // (t, 3) the same indices
  bool valid(int64_t q) const;

 private:
  int64_t last_row() const { return t > 0 ? t - 1 : 0; }
  int64_t row_stride_, column_stride_, first_;
  Memory data_;
};
enum { kLayouts = 6 };
extern const char* const layout_names[kLayouts];
extern const char* const index_names[4];

// --- naive.cpp: what similarities must be

struct Naive {
  double g, size, s, a, b, inverse_a, inverse_b;  // inner product, sum |x_k y_k|, |x - y|^2, |x|^2, |y|^2, 1/|x|, 1/|y|
};
struct Expected {
  double value, margin;
  double rank;  // equal exactly where whole-number similarities must be equal
};
enum Route { TILES, FROM_ROWS };

extern const char* const pair_names[PA_PAIR_COUNT];
double unit(pa_float_type type);  // largest relative error of one rounding of its results
std::vector<Naive> naive_pairs(const Table& x, const Table& y);  // (n, m)
std::vector<Expected> expected_pairs(const std::vector<Naive>& naive, const Precision& precision, pa_pair pair,
                                     double gamma, int64_t d, Kind kind, Route route);

// One triplet by the definition. Pairs are named by the position that they leave out: 0 is (1, 2), 2 the human pair.
struct Answer {
  int at_maximum = 0, odd = -1;  // odd: -1 for a tie
  bool human = false;            // the human pair is at the maximum
  bool sure = true;              // rounding cannot have changed these
  double p[3] = {}, p_margin[3] = {};
  double cross_entropy = 0, cross_entropy_margin = 0, entropy = 0, entropy_margin = 0;
};
Answer answer_of(const Expected s[3], bool exact, double temperature, pa_float_type type);

void check_deep();  // on the emulator only, like check_tiles and check_far
void check_similarity();
void check_triplets();
void check_gradient();
void check_resample();
void check_topk();
void check_choice_similarity();
void check_rows();
void check_device();
void check_float_pair();
void check_counts();  // on the emulator only, like the next
void check_tiles();
void check_far();
