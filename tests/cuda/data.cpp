// data.cpp: inputs whose surroundings give a kernel away that reads them: NaN past a row's end, indices far outside
// between triplets.
#include "check.h"
#include "pair.h"

static uint64_t random_state = 0x9E3779B97F4A7C15u;

static uint64_t random_bits() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state * 0x2545F4914F6CDD1Du;
}

int64_t random_below(int64_t n) { return int64_t((random_bits() >> 11) % uint64_t(n)); }
double random_real() { return double(random_below(1 << 24)) / (1 << 23) - 1.0; }
static double random_value(Kind kind) { return kind == WHOLE ? double(random_below(9) - 4) : random_real(); }

// --- element types

const Precision precisions[kPrecisions] = {{"float32", PA_FLOAT32, 0},
                                           {"tf32", PA_FLOAT32, 1},
                                           {"float64", PA_FLOAT64, 0},
                                           {"float16", PA_FLOAT16, 0},
                                           {"bfloat16", PA_BFLOAT16, 0}};

size_t size_of(pa_float_type type) { return type == PA_FLOAT64 ? 8 : type == PA_FLOAT32 ? 4 : 2; }
pa_float_type result_of(pa_float_type type) { return type == PA_FLOAT64 ? type : PA_FLOAT32; }

// To `digits` binary digits, ties to even, with multiples of `least` below the normal numbers.
static double to_digits(double value, int digits, double least) {
  if (value == 0.0 || !isfinite(value)) return value;
  const double step = fmax(ldexp(1.0, ilogb(value) + 1 - digits), least);
  return nearbyint(value / step) * step;
}

double rounded(pa_float_type type, double value) {
  switch (type) {
    case PA_FLOAT32: return double(float(value));
    case PA_FLOAT64: return value;
    case PA_FLOAT16: return to_digits(value, 11, ldexp(1.0, -24));
    case PA_BFLOAT16: return to_digits(value, 8, 0.0);
  }
  return value;
}

static double from_half(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  if (exponent == 31) return mantissa ? NAN : bits >> 15 ? -INFINITY : INFINITY;
  const double magnitude = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
  return bits >> 15 ? -magnitude : magnitude;
}

static uint16_t to_half(double value) {  // a value of the type
  const uint16_t sign = signbit(value) ? 0x8000 : 0;
  const double magnitude = fabs(value);
  if (isnan(value)) return 0x7e00;
  if (magnitude < ldexp(1.0, -14)) return uint16_t(sign | int(ldexp(magnitude, 24)));
  const int exponent = ilogb(magnitude), mantissa = int(ldexp(magnitude, 10 - exponent));  // with its first digit
  return uint16_t(sign | (((exponent + 14) << 10) + mantissa));
}

double get(const void* data, pa_float_type type, int64_t k) {
  if (type == PA_FLOAT32) return double(static_cast<const float*>(data)[k]);
  if (type == PA_FLOAT64) return static_cast<const double*>(data)[k];
  const uint16_t bits = static_cast<const uint16_t*>(data)[k];
  if (type == PA_FLOAT16) return from_half(bits);
  const uint32_t wide = uint32_t(bits) << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return double(value);
}

void put(void* data, pa_float_type type, int64_t k, double value) {
  const float single = float(value);
  uint32_t bits;
  memcpy(&bits, &single, sizeof bits);
  switch (type) {
    case PA_FLOAT32: static_cast<float*>(data)[k] = single; break;
    case PA_FLOAT64: static_cast<double*>(data)[k] = value; break;
    case PA_FLOAT16: static_cast<uint16_t*>(data)[k] = to_half(value); break;
    case PA_BFLOAT16: static_cast<uint16_t*>(data)[k] = uint16_t(bits >> 16); break;
  }
}

// --- rows

static int64_t stride_of(int64_t d, int shape, pa_float_type type) {
  const int64_t chunk = 16 / int64_t(size_of(type));
  return shape == 0 ? d : shape == 1 ? (d + 2 * chunk - 1) / chunk * chunk : shape == 2 ? d + 3 : -(d + 3);
}

// Row 1 is zero, row 2 repeats row 0 and every fifth row of reals nearly repeats the row before.
double Table::special(int64_t i, int64_t k, Kind kind) const {
  static const double nearness[4] = {4096, 4096, 256, 64};
  const double value = random_value(kind);
  if (n > 3 && i == 1) return 0.0;
  if (n > 3 && i == 2) return plain[size_t(k)];
  if (kind == REAL && i % 5 == 4) return plain[size_t((i - 1) * d + k)] * (1.0 + value / nearness[type]);
  return value;
}

Table::Table(int64_t rows, int64_t features, int shape, pa_float_type of, Kind kind)
    : n(rows),
      d(features),
      stride(stride_of(features, shape, of)),
      type(of),
      plain(size_t(rows * features)),
      first_(size_t((shape == 2) + (stride < 0 ? (rows - 1) * -stride : 0)) * size_of(of)),
      data_(size_t((shape == 2) + (rows - 1) * (stride < 0 ? -stride : stride) + features) * size_of(of)),
      squares_(size_t(rows) * sizeof(double)),
      inverse_norms_(size_t(rows) * sizeof(double)) {
  for (int64_t k = 0; k < int64_t(data_.bytes() / size_of(type)); ++k) put(data_.host(), type, k, NAN);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < d; ++k) plain[size_t(i * d + k)] = rounded(type, special(i, k, kind));
  fill(plain);
}

void Table::fill(const std::vector<double>& values) {
  plain = values;
  squares.clear();
  inverse_norms.clear();
  for (int64_t i = 0; i < n; ++i) {
    double square = 0.0;
    for (int64_t k = 0; k < d; ++k) {
      const double value = plain[size_t(i * d + k)];
      put(data_.host() + first_, type, i * stride + k, value);
      square += value * value;
    }
    squares.push_back(square);
    inverse_norms.push_back(square > 0.0 ? 1.0 / sqrt(square) : 0.0);
  }
  memcpy(squares_.host(), squares.data(), squares_.bytes());
  memcpy(inverse_norms_.host(), inverse_norms.data(), inverse_norms_.bytes());
  for (Memory* memory : {&data_, &squares_, &inverse_norms_}) memory->upload();
}

pa_rows Table::rows(pa_pair pair, double gamma) const {
  const Memory& terms = terms_of(pair) == PA_INVERSE_NORMS ? inverse_norms_ : squares_;
  const double* address = reinterpret_cast<const double*>(terms.device());
  return {{data_.device() + first_, n, d, stride, type}, has_terms(pair) ? address : nullptr, pair, gamma};
}

// --- triplets

const char* const index_names[4] = {"int16", "uint16", "int32", "int64"};
const char* const layout_names[kLayouts] = {"rows of 3", "rows of 3, off by one", "rows of 4",
                                            "columns",   "rows upwards",          "items backwards"};
static const int64_t row_strides[kLayouts] = {3, 3, 4, 1, -3, 3}, column_strides[kLayouts] = {1, 1, 1, 0, 1, -1};

static int64_t index_size(pa_index_type type) { return type == PA_INT64 ? 8 : type == PA_INT32 ? 4 : 2; }

static void put_index(char* data, pa_index_type type, int64_t k, int64_t value) {
  memcpy(data + k * index_size(type), &value, size_t(index_size(type)));  // the lower bytes come first
}

Questions::Questions(int64_t count, int64_t items, pa_index_type of, int arrangement)
    : t(count),
      n(items),
      type(of),
      layout(arrangement),
      plain(size_t(3 * count)),
      row_stride_(row_strides[layout]),
      column_stride_(column_strides[layout] ? column_strides[layout] : count),
      first_((layout == 1) + (row_stride_ < 0 ? last_row() * -row_stride_ : 0) + (column_stride_ < 0 ? 2 : 0)),
      data_(size_t(((layout == 1) + last_row() * llabs(row_stride_) + 2 * llabs(column_stride_) + 1) *
                   index_size(type))) {
  for (int64_t k = 0; k < int64_t(data_.bytes()) / index_size(type); ++k) put_index(data_.host(), type, k, 32767);
  for (int64_t q = 0; q < t; ++q) {
    const int64_t a = random_below(n), b = (a + 1 + random_below(n - 1)) % n;
    int64_t c = random_below(n);
    while (c == a || c == b) c = (c + 1) % n;
    set(q, 0, a);
    set(q, 1, b);
    set(q, 2, c);
  }
}

void Questions::set(int64_t q, int position, int64_t item) {
  put_index(data_.host(), type, first_ + q * row_stride_ + position * column_stride_, item);
  plain[size_t(3 * q + position)] = item;
}

pa_triplets Questions::triplets() {
  data_.upload();
  return {data_.device() + first_ * index_size(type), t, row_stride_, column_stride_, type};
}

bool Questions::valid(int64_t q) const {
  const int64_t *item = &plain[size_t(3 * q)], a = item[0], b = item[1], c = item[2];
  for (const int64_t index : {a, b, c})
    if (index < 0 || index >= n) return false;
  return a != b && a != c && b != c;
}
