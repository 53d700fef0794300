// check.h: what the parts of check_kernels share. Plain C, as a user of pyalign.h would write.
//
// A case is one call of pyalign.h with its inputs, its output memory and a function that judges the output against
// naive loops. check_case runs it on every instruction set and asks for the same bits from several numbers of threads.
#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "pyalign.h"

typedef enum { WHOLE, REAL } Kind;  // whole numbers -4..4 for equality; reals in [-1, 1) within a stated margin

typedef struct Case {
  pa_status (*run)(struct Case*);
  int (*right)(struct Case*);  // 1, or 0 after complain()
  void* out;                   // everything that run() writes, and memory around it that it must leave alone
  size_t bytes;
  char name[160], why[160];
} Case;

// check_kernels.c: counters and the loop over instruction sets and threads.
extern int quick, once;                          // options of the program
int complain(Case* c, const char* format, ...);  // always 0
void check_case(Case* c);
void check_that(int holds, const char* what);  // a single check, of the instruction set in use
int set_isa(int k);                            // has the k-th instruction set that is checked in use; 0 past the last
typedef struct {
  int count;
  int64_t values[16];
} Sizes;

// data.c: inputs.
enum { kCanary = 0x5A };
typedef struct {
  pa_matrix rows;
  void* memory;
  double* plain;                    // (n, d): the same values
  double *squares, *inverse_norms;  // (n,): |x|^2, and 1 / |x| or 0
} Table;

typedef struct {
  pa_triplets triplets;
  void* memory;
  int64_t* plain;  // (t, 3): the same indices
} Questions;

typedef struct {
  const char* name;
  int64_t down, across;  // 0: one element past the column before
} Layout;
enum { kLayouts = 5 };
extern const Layout layouts[kLayouts];

int64_t random_below(int64_t n);
double get(const void* data, pa_float_type type, int64_t k);
void put(void* data, pa_float_type type, int64_t k, double value);
size_t size_of(pa_float_type type);
void* allocate(size_t bytes);                     // or exit
int untouched(const void* memory, size_t bytes);  // still all kCanary
Table make_table(int64_t n, int64_t d, int64_t stride, pa_float_type type, Kind kind);
pa_rows rows_for(const Table* table, pa_pair pair, double gamma);  // with the row terms of that pair kernel
void free_table(Table* table);
Questions make_questions(int64_t t, int64_t n, pa_index_type type, const Layout* layout);
void set_index(Questions* questions, int64_t q, int c, int64_t value);
void free_questions(Questions* questions);

// naive.c: what a similarity must be.
typedef struct {
  double g, size, s, a, b, inverse_a, inverse_b;  // inner product, sum |x_k y_k|, |x - y|^2, |x|^2, |y|^2, 1/|x|, 1/|y|
} Naive;

typedef struct {
  double value, margin;  // of the similarity
  double rank;           // equal exactly where whole-number similarities must be equal
} Expected;

typedef enum { TILES, FROM_ROWS } Route;  // the matrix kernel; the kernel that goes from rows to triplets

Naive* naive_pairs(const Table* x, const Table* y);  // (n, m)
Expected* expected_pairs(const Naive* naive, const Table* x, const Table* y, pa_pair pair, double gamma, Kind kind,
                         Route route);  // (n, m)
double unit(pa_float_type type);        // largest relative error of one rounding
extern const char* const pair_names[PA_PAIR_COUNT];

void check_rows(void);
void check_similarity(void);
void check_products(void);
void check_pairwise(void);
void check_triplet_checks(void);
void check_triplets(void);
void check_gradient(void);
void check_pair_products(void);
void check_triangle(void);
void check_outcomes(void);
void check_temperature(void);
void check_resample(void);
void check_shared(void);
void check_ranks(void);
void check_choice_similarity(void);
void check_assign(void);
void check_series(void);
void check_meanwhile(void);
void check_side_by_side(void);
void check_limits(void);
void check_sizes(void);

#endif
