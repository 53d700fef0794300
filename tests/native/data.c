// data.c: inputs whose surroundings give a kernel away that reads them: NaN past a row's end, wild indices between
// rows.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

const Layout layouts[kLayouts] = {
    {"rows of 3", 3, 1}, {"rows of 4", 4, 1}, {"columns", 1, 0}, {"rows upwards", -3, 1}, {"items backwards", 3, -1}};

static uint64_t random_state = 0x9E3779B97F4A7C15u;

static uint64_t random_bits(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state * 0x2545F4914F6CDD1Du;
}

int64_t random_below(int64_t n) { return (int64_t)((random_bits() >> 11) % (uint64_t)n); }

static double random_value(Kind kind) {
  return kind == WHOLE ? (double)(random_below(9) - 4) : (double)random_below(1 << 24) / (1 << 23) - 1.0;
}

double get(const void* data, pa_float_type type, int64_t k) {
  return type == PA_FLOAT32 ? (double)((const float*)data)[k] : ((const double*)data)[k];
}

void put(void* data, pa_float_type type, int64_t k, double value) {
  if (type == PA_FLOAT32) ((float*)data)[k] = (float)value;
  else ((double*)data)[k] = value;
}

size_t size_of(pa_float_type type) { return type == PA_FLOAT32 ? sizeof(float) : sizeof(double); }

void* allocate(size_t bytes) {
  void* memory = malloc(bytes ? bytes : 1);
  if (!memory) {
    fputs("out of memory\n", stderr);
    exit(2);
  }
  return memory;
}

int untouched(const void* memory, size_t bytes) {
  const unsigned char* byte = memory;
  for (size_t k = 0; k < bytes; ++k)
    if (byte[k] != kCanary) return 0;
  return 1;
}

// Row 1 is zero, row 2 repeats row 0 and every fifth row of reals nearly repeats the row before.
static double special_value(const Table* table, int64_t i, int64_t k, Kind kind, double value) {
  const pa_matrix* x = &table->rows;
  if (x->n > 3 && i == 1) return 0.0;
  if (x->n > 3 && i == 2) return table->plain[k];
  if (kind == REAL && i % 5 == 4) return table->plain[(i - 1) * x->d + k] * (1.0 + value / 4096.0);
  return value;
}

Table make_table(int64_t n, int64_t d, int64_t stride, pa_float_type type, Kind kind) {
  const int64_t step = stride < 0 ? -stride : stride, count = (n - 1) * step + d + 1;
  Table table;
  table.memory = allocate((size_t)count * size_of(type));
  for (int64_t k = 0; k < count; ++k) put(table.memory, type, k, NAN);
  char* first = (char*)table.memory + size_of(type);  // one element in: no vector is aligned
  if (stride < 0) first += (size_t)((n - 1) * step) * size_of(type);
  const pa_matrix rows = {first, n, d, stride, type};
  table.rows = rows;
  table.plain = allocate((size_t)(n * d) * sizeof(double));
  table.squares = allocate((size_t)n * sizeof(double));
  table.inverse_norms = allocate((size_t)n * sizeof(double));
  for (int64_t i = 0; i < n; ++i) {
    double square = 0.0;
    for (int64_t k = 0; k < d; ++k) {
      put(first, type, i * stride + k, special_value(&table, i, k, kind, random_value(kind)));
      const double value = table.plain[i * d + k] = get(first, type, i * stride + k);
      square += value * value;
    }
    table.squares[i] = square;
    table.inverse_norms[i] = table.squares[i] > 0.0 ? 1.0 / sqrt(table.squares[i]) : 0.0;
  }
  return table;
}

pa_rows rows_for(const Table* table, pa_pair pair, double gamma) {
#define PA_TERMS(value, name, terms) terms,
  static const pa_terms terms_of[] = {PA_PAIR_KERNELS(PA_TERMS)};
#undef PA_TERMS
  const double* const kinds[] = {NULL, table->inverse_norms, table->squares};  // in the order of pa_terms
  const pa_rows rows = {table->rows, kinds[terms_of[pair]], pair, gamma};
  return rows;
}

void free_table(Table* table) {
  free(table->memory);
  free(table->plain);
  free(table->squares);
  free(table->inverse_norms);
}

static size_t index_size(pa_index_type type) { return type == PA_INT64 ? 8 : type == PA_INT32 ? 4 : 2; }

static void put_index(char* data, pa_index_type type, int64_t k, int64_t value) {
  switch (type) {
    case PA_INT16: ((int16_t*)data)[k] = (int16_t)value; break;
    case PA_UINT16: ((uint16_t*)data)[k] = (uint16_t)value; break;
    case PA_INT32: ((int32_t*)data)[k] = (int32_t)value; break;
    case PA_INT64: ((int64_t*)data)[k] = value; break;
  }
}

void set_index(Questions* questions, int64_t q, int c, int64_t value) {
  const pa_triplets* x = &questions->triplets;
  put_index((char*)x->data, x->type, q * x->row_stride + c * x->column_stride, value);
  questions->plain[3 * q + c] = value;
}

Questions make_questions(int64_t t, int64_t n, pa_index_type type, const Layout* layout) {
  const int64_t down = layout->down, across = layout->across ? layout->across : t;
  const int64_t last = t > 0 ? t - 1 : 0, step = down < 0 ? -down : down, reach = across < 0 ? -across : across;
  const int64_t count = last * step + 2 * reach + 1,
                start = (down < 0 ? last * step : 0) + (across < 0 ? 2 * reach : 0);
  Questions questions;
  questions.memory = allocate((size_t)count * index_size(type));
  questions.plain = allocate((size_t)(3 * t) * sizeof(int64_t));
  for (int64_t k = 0; k < count; ++k) put_index(questions.memory, type, k, 32767);
  const pa_triplets triplets = {(char*)questions.memory + (size_t)start * index_size(type), t, down, across, type};
  questions.triplets = triplets;
  for (int64_t q = 0; q < t; ++q) {
    const int64_t a = random_below(n), b = (a + 1 + random_below(n - 1)) % n;
    int64_t c = random_below(n);
    while (c == a || c == b) c = (c + 1) % n;
    set_index(&questions, q, 0, a);
    set_index(&questions, q, 1, b);
    set_index(&questions, q, 2, c);
  }
  return questions;
}

void free_questions(Questions* questions) {
  free(questions->memory);
  free(questions->plain);
}
