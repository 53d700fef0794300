/* pyalign.h: every kernel of pyalign as plain C. No Python, no torch, no C++ in the signatures.
 * pyalign_operations.h lists the functions that have a version for each instruction set.
 *
 * Letters: n, m rows; d features; t triplets. All sizes and strides are int64_t and count elements, not bytes.
 * Rows are row-major with unit column stride; `stride` is the distance from one row to the next. Rows that are read may
 * overlap, those that are written may not.
 *
 * Every function that can fail returns a pa_status, and pa_status_text says it in words. Sizes, types, NULL and
 * alignment are checked first: PA_BAD_ARGUMENT means that nothing was written. That arrays are as long as the sizes
 * say, and that lists of indices other than triplets (orders, places, plans, sharings) stay in their ranges, is the
 * caller's part. Triplets are checked in passing: kernels that read them return PA_INVALID_TRIPLETS, with outputs
 * undefined, unless each names three different items in [0, n). They may change meanwhile: results are then undefined,
 * and no memory is touched that is not the call's. All results are the same for any number of threads.
 *
 * No stable interface yet: functions and structs may change with each release.
 */
#ifndef PYALIGN_H
#define PYALIGN_H

#include <stdint.h>

#define PA_VERSION_MAJOR 0
#define PA_VERSION_MINOR 1
#define PA_VERSION_PATCH 0
#define PA_VERSION "0.1.0"

/* What the shared library exports: the functions marked by it. */
#if defined(PA_BUILDS_LIBRARY) && defined(_WIN32)
#define PA_API __declspec(dllexport)
#elif defined(PA_BUILDS_LIBRARY)
#define PA_API __attribute__((visibility("default")))
#else
#define PA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Any int may come as one of these, also in C++: what is none of its values is refused. */
#ifdef __cplusplus
#define PA_OF_INT : int
#else
#define PA_OF_INT
#endif

typedef enum PA_OF_INT {
  PA_OK = 0,
  PA_OUT_OF_MEMORY = 1,
  PA_UNKNOWN_ISA = 2,
  PA_BAD_ARGUMENT = 3,
  PA_INVALID_TRIPLETS = 4
} pa_status;
typedef enum PA_OF_INT {
  PA_FLOAT32 = 0,
  PA_FLOAT64 = 1,
  PA_FLOAT16 = 2,
  PA_BFLOAT16 = 3
} pa_float_type; /* 2, 3: device only */
typedef enum PA_OF_INT { PA_INT16 = 0, PA_UINT16 = 1, PA_INT32 = 2, PA_INT64 = 3 } pa_index_type;

/* What a pair kernel takes of each row beside its values. */
typedef enum PA_OF_INT {
  PA_NO_TERMS = 0,
  PA_INVERSE_NORMS = 1, /* 1 / |x|, 0 for a zero row                             */
  PA_SQUARES = 2        /* |x|^2: that of the distances, functions of |x - y|^2 */
} pa_terms;

/* The pair kernels, PAIR(value, name, terms): what is computed from two rows x_i, y_j with inner product g, row terms
 * a_i, b_j, and s = max(0, a_i + b_j - 2 g) where these are squares. The only list of them in C; the order is that of
 * PAIR_KERNELS in pyalign/measures.py. */
#define PA_PAIR_KERNELS(PAIR)                                                                    \
  PAIR(PA_DOT, "dot", PA_NO_TERMS)                        /* g                                */ \
  PAIR(PA_COSINE, "cosine", PA_INVERSE_NORMS)             /* g * (a_i * b_j)                  */ \
  PAIR(PA_NEG_SQEUCLIDEAN, "neg_sqeuclidean", PA_SQUARES) /* -s                               */ \
  PAIR(PA_NEG_EUCLIDEAN, "neg_euclidean", PA_SQUARES)     /* -sqrt(s)                         */ \
  PAIR(PA_RBF, "rbf", PA_SQUARES)                         /* exp(-gamma s), gamma = 1 / (2 sigma^2) */

#define PA_PAIR_VALUE(value, name, terms) value,
typedef enum PA_OF_INT { PA_PAIR_KERNELS(PA_PAIR_VALUE) } pa_pair;
#undef PA_PAIR_VALUE
#define PA_PAIR_ONE(value, name, terms) +1
enum { PA_PAIR_COUNT = 0 PA_PAIR_KERNELS(PA_PAIR_ONE) };
#undef PA_PAIR_ONE

typedef struct {
  const void* data; /* (n, d) of `type` */
  int64_t n, d, stride;
  pa_float_type type;
} pa_matrix;

/* Rows ready for a pair kernel; where two sides meet, pair and gamma are those of the left one. */
typedef struct {
  pa_matrix values;
  const double* terms; /* (n,) row terms of the pair kernel; NULL for PA_NO_TERMS */
  pa_pair pair;
  double gamma; /* of PA_RBF */
} pa_rows;

typedef struct {
  const void* data; /* (t, 3) of `type` */
  int64_t t, row_stride, column_stride;
  pa_index_type type;
} pa_triplets;

/* Triplets in the order in which gradient passes that are repeated are quickest. */
typedef struct {
  int64_t n, t, bands;
  int shift;        /* the band of item i is i >> shift */
  uint16_t* items;  /* (t, 3), sorted by item 0, then item 1 */
  uint16_t* others; /* (t, 2): items 1 and 2, sorted by the band of item 1, then as `items` */
  int64_t* order;   /* (t,): which triplet stands there */
  int64_t* first;   /* (bands + 1): where in `items` each band of item 0 begins */
  int64_t* second;  /* (bands, bands): where in `others` the triplets of each [band of item 0][band of item 1] begin */
} pa_triplet_plan;

/* Triplets by the objects that they share. Each stands three times: under its lowest, middle and highest object. */
typedef struct {
  int64_t n, t;    /* t < 2^31 */
  int64_t* start;  /* (3, n + 1): where among the t the triplets begin whose lowest, middle, highest object is i */
  int32_t* rows;   /* (3, t): which triplets; under lowest objects in the order of the middle ones */
  int32_t* others; /* (3, t): of those under lowest objects the middle and the highest, under middle ones the highest */
  int64_t* pairs;  /* (n + 1): how many different pairs of objects in one triplet have their lower object below i */
  int64_t* sets;   /* (n + 1): how many different sets of three objects have their lowest below i */
} pa_sharing;

/* What is summed over triplets that share objects, of those whose lowest (or only) object is in [first, last). */
typedef struct {
  const void* values; /* (t, k) contiguous: int8, int16 or float64 by `bytes` 1, 2, 8 */
  int64_t k, bytes, first, last;
  double* objects; /* (last - first, k): over the triplets with each object                        */
  double* pairs;   /* (pairs[last] - pairs[first], k): with each pair of objects, in an order of its own */
  double* sets;    /* (sets[last] - sets[first], k): of each set of three objects, likewise         */
} pa_shared_sums;

/* Pairs of objects in the ascending order of a value. */
typedef struct {
  int64_t m;
  const int32_t* items; /* (m, 2): the objects of each pair, in [0, n)                        */
  const uint8_t* last;  /* (m,): whether the next pair has another value; of the last pair 1 */
} pa_rank_order;

typedef struct {
  int64_t out_of_range; /* first row with an index outside [0, n), or -1 */
  int64_t repeated;     /* first row that names an item twice, or -1     */
  int64_t smallest, largest;
} pa_triplet_check;

/* Sums over triplets whose last column is the item that the human called odd. */
typedef struct {
  int64_t right[3];     /* the human pair is the most similar: alone, in a two-way tie, in a three-way tie */
  int64_t ties[2];      /* two-way and three-way ties for the most similar pair                          */
  double cross_entropy; /* nats: sum of -log p(human pair)                                               */
  double entropy;       /* nats: sum of -sum_p p log p                                                   */
} pa_sums;

/* Sums over triplets with target similarity u, weight w and loss f = log sum exp(beta s) - beta u, in nats. */
typedef struct {
  double weight;        /* sum of w                                                                        */
  double loss;          /* sum of w f                                                                      */
  double first, second; /* sums of w f' and w f'', derivatives by beta: E_p[s] - u, Var_p[s]               */
  double first_squared; /* sum of (w f')^2, of which a standard error is made                              */
  double shortfall;     /* sum of w (max s - u): the limit of sum w f' for beta without bound              */
} pa_loss_sums;

/* What is wanted of each triplet. */
typedef struct {
  int8_t* choices;     /* (t,): position 0, 1, 2 of the odd item, -1 for a tie; or NULL                    */
  void* probabilities; /* (t, 3) of the similarities' type: column p = P(position p is odd); or NULL       */
  void* similarities;  /* (t, 3) of that type: of the pairs of positions 01, 02, 12; or NULL               */
  pa_sums* sums;       /* or NULL                                                                          */
  double temperature;  /* p = softmax(s / temperature)                                                     */
} pa_wanted;

/* scale * sum over triplets of -log softmax(s / temperature)[pair 01], in nats; or with targets, how much the answers
 * weigh that call position p odd, scale * sum over triplets and positions p of
 * -targets[p] * log softmax(s / temperature)[the pair without p]. */
typedef struct {
  const void* targets; /* (t, 3) contiguous of the similarities' type, or NULL */
  double temperature, scale;
  int alternatives; /* 3, or 2: softmax over the pairs 01 and 02, no position 0; devices take 3 alone */
} pa_triplet_loss;

/* What is summed under many resamples of the triplets at once, and where the sums go. */
typedef struct {
  const int16_t* values; /* (v, t) contiguous */
  int64_t v, lanes;      /* lanes: the number of resamples, a multiple of 64 */
  int64_t* sums; /* (1 + v, lanes): of each resample the sum of the weights w, then those of w * values; exact */
} pa_resamples;

/* out (n,): |x|^2 of each row, accumulated in float64. Not finite where a float32 row is not. */
PA_API pa_status pa_row_squares(const pa_matrix* x, double* out);

/* out (n, d) contiguous: d * x - sum(x) of each row (zero for a constant row); its cosine is Pearson's r. */
PA_API pa_status pa_center_rows(const pa_matrix* x, void* out);

/* out (n, d) contiguous: x - shift (d,) with shift of x's type. */
PA_API pa_status pa_shift_rows(const pa_matrix* x, const void* shift, void* out);

/* out (n, m) with out_stride >= m, of the rows' type. With y == NULL the result is symmetric and half is computed. */
PA_API pa_status pa_similarity(const pa_rows* x, const pa_rows* y, void* out, int64_t out_stride);

/* out (n, m) with out_stride >= m: x (n, d) times y, whose d rows hold m numbers each: y->n == x->d, of one type. An
 * element is summed in the order of the features: the same bits for any number of threads, which no BLAS promises. */
PA_API pa_status pa_product(const pa_matrix* x, const pa_matrix* y, void* out, int64_t out_stride);

/* a (n, n) contiguous becomes a plus its transpose. */
PA_API pa_status pa_add_transpose(void* a, pa_float_type type, int64_t n);

/* out (count,): for each order p the sum over all i, j of a_ij b_p(i)p(j), where a and b (n, n) are symmetric and of
 * one type, and left of their diagonals is read. orders (count, n) contiguous: permutations of 0 ... n - 1. */
PA_API pa_status pa_permuted_products(const pa_matrix* a, const pa_matrix* b, const int32_t* orders, int64_t count,
                                      double* out);

/* indices (n, k) contiguous: of each row of s (n, m) the columns of its k largest numbers, the largest first, of equal
 * ones the lower column first. own >= 0: column own + i is left out of row i. No NaN; 1 <= k <= m, or m - 1 with own.
 */
PA_API pa_status pa_topk(const pa_matrix* s, int64_t k, int64_t own, int32_t* indices);

/* Where and how triplets are invalid: for the message, and for callers that want to know beforehand. */
PA_API pa_status pa_check_triplets(const pa_triplets* triplets, int64_t n, pa_triplet_check* report);

/* similarities (n, n), read at [earlier position, later position] of each triplet. */
PA_API pa_status pa_triplets_from_matrix(const pa_matrix* similarities, const pa_triplets* triplets,
                                         const pa_wanted* want);

/* The same from the rows alone; needs no (n, n) memory. */
PA_API pa_status pa_triplets_from_rows(const pa_rows* x, const pa_triplets* triplets, const pa_wanted* want);

/* The same numbers, bit for bit, and quicker where the rows are too many for the caches and the triplets many: their
 * pairs are put into buckets by tiles of rows that stay in cache. Of at most 3.1 M triplets at a time it takes 18
 * bytes each, 42 in float64, and 1.2 MiB for each thread. */
PA_API pa_status pa_triplets_in_buckets(const pa_rows* x, const pa_triplets* triplets, const pa_wanted* want);

/* out (n, d) contiguous: to each item of x (n, d), n <= 2^20, the rows of the items that it is paired with in the
 * triplets, each times the pair's weight; weights (t, 3) contiguous, of the pairs 01, 02, 12. All of one type. A pair
 * of triplets that repeat counts as often. The sums are the same for any number of threads. */
PA_API pa_status pa_pair_products(const pa_matrix* x, const pa_triplets* triplets, const void* weights, void* out);

/* What becomes of each triplet, from its similarities (t, 3) contiguous, of the pairs of positions 01, 02, 12, none
 * NaN. NULL for what is not wanted. verdicts (t,): m pairs share the maximum: m where the human pair 01 is among them,
 * else -m. cross_entropy, entropy (t,) of the similarities' type, in nats: -log p(human pair) and -sum_p p log p.
 * alternatives: 3, or 2: the choice is between the pairs 01 and 02, and the third similarity is not looked at. */
PA_API pa_status pa_outcomes(const pa_matrix* similarities, int alternatives, double temperature, int8_t* verdicts,
                             void* cross_entropy, void* entropy);

/* Sums over triplets under many resamples at once. items: w is the product of the multiplicities (n, lanes) of the
 * triplet's three items, each at most 31. It is the pigeonhole bootstrap when the multiplicities are how often each of
 * n draws has hit an item. rows: w is drawn for each row by itself, Poisson(1). Lanes l and l + 32 of a group of 64
 * share 32 bits of a hash of the row's number, t < 2^32, and of keys (lanes / 64, 2, 32). */
PA_API pa_status pa_resample_items(const pa_triplets* triplets, int64_t n, const uint8_t* multiplicities,
                                   const pa_resamples* resamples);
PA_API pa_status pa_resample_rows(int64_t t, const uint32_t* keys, const pa_resamples* resamples);

/* Fills `sharing`, whose n, t and memory come from the caller. */
PA_API pa_status pa_share_triplets(const pa_triplets* triplets, const pa_sharing* sharing);

/* Sums over groups of triplets that share one, two or three objects; whole numbers below 2^53 have exact sums. */
PA_API pa_status pa_sum_shared(const pa_sharing* sharing, const pa_shared_sums* sums);

/* The loss of inverse temperature beta >= 0 and its derivatives, from similarities as above. targets (t,): sum_p q_p
 * s_p over the three pairs, for choice probabilities q; NULL: the human pair's s01. weights (t,) >= 0, or NULL for 1.
 * confidences (t,): the largest of the probabilities, or NULL. alternatives as above. Everything in float64. */
PA_API pa_status pa_temperature_sums(const pa_matrix* similarities, int alternatives, const double* targets,
                                     const double* weights, double beta, double* confidences, pa_loss_sums* sums);

/* gradient (n, n) contiguous, of the similarities' type: the derivative of the loss with respect to the element that
 * was read for each pair; zero elsewhere. *cross_entropy: the loss, not scaled. An element is summed in the order of
 * the triplets. n * 2^k < 2^31 with 2^k the rows of 256 KiB. */
PA_API pa_status pa_triplet_gradient(const pa_matrix* similarities, const pa_triplets* triplets,
                                     const pa_triplet_loss* loss, void* gradient, double* cross_entropy);

/* out (n, n) of the similarities' type, out_stride >= n: the mean over k of softmax(s / temperature)[ij] among the
 * pairs of i, j and k, each in the order of the items; 1 on the diagonal. Symmetric bit for bit. similarities (n, n), n
 * >= 3, finite, are read above the diagonal alone. It takes 6 n^2 to 8 n^2 bytes besides. */
PA_API pa_status pa_choice_similarity(const pa_matrix* similarities, double temperature, void* out, int64_t out_stride);

/* places (t,): where the sum (product: the product) of the first two rows of each triplet is largest, the first of
 * equal places; -1 where it is 0 throughout. values (n, k) of float64, contiguous, finite, from 0 up; k < 32,768.
 * *tied: triplets of which several places are equal and largest. PA_INVALID_TRIPLETS as above. With 2 t >= n^2 it takes
 * n^2 to 2 n^2 bytes besides. */
PA_API pa_status pa_assign(const pa_matrix* values, const pa_triplets* triplets, int product, int16_t* places,
                           int64_t* tied);

/* How many bands of rows a plan for n items has, and in *shift, unless that is NULL, the power of two of rows in each;
 * 0 where n is not from 0 to 65,536. */
PA_API int64_t pa_plan_bands(int64_t n, int* shift);

/* Fills a plan, whose n, t, bands, shift and memory come from the caller. PA_INVALID_TRIPLETS as above. */
PA_API pa_status pa_plan_triplets(const pa_triplets* triplets, const pa_triplet_plan* plan);

/* As pa_triplet_gradient, over the triplets of a plan that pa_plan_triplets has filled; targets stand in the order of
 * the plan, in which an element is summed: first what triplets add to it as pair 01 or 02, then as pair 12. */
PA_API pa_status pa_planned_gradient(const pa_matrix* similarities, const pa_triplet_plan* plan,
                                     const pa_triplet_loss* loss, void* gradient, double* cross_entropy);

/* Of m < 2^30 numbers, none NaN, float32 or float64 by `type`: order (m,), which stands at each place of the ascending
 * order, equal ones as they come (-0 equals 0); ranks (m,), twice the mean rank, from 1, of those equal to each. NULL
 * for what is not wanted. at_once: numbers that are sorted at once where ranks alone are wanted; 0: as many as seems
 * well. */
PA_API pa_status pa_ranks(const void* values, pa_float_type type, int64_t m, int64_t at_once, int32_t* order,
                          int32_t* ranks);

/* Under each of b resamples of n objects, with multiplicities (n, b) of at most 31 and their products w for the pairs:
 * sums (4, b) of w, of w r r, of w s s and of w r s. r of a pair is twice the weight of the pairs with a smaller first
 * value, plus that of equal ones; s the same of the second value. places (m,): where the pairs of `first` stand in
 * `second`. The sum of w in a resample is below 2^30. */
PA_API pa_status pa_rank_sums(const pa_rank_order* first, const pa_rank_order* second, const int32_t* places, int64_t n,
                              const uint8_t* multiplicities, int64_t b, double* sums);

/* *count: over all k < l with values[k] > values[l], the sum of weights[k] * weights[l] >= 0; NULL: 1 each. */
PA_API pa_status pa_inversions(const uint32_t* values, const int32_t* weights, int64_t m, int64_t* count);

/* Instruction sets: "base", "avx2", "avx512" on x86-64; "neon" on 64-bit Arm. The environment variable PYALIGN_ISA
 * names the first choice. */
PA_API const char* pa_isa(void);
PA_API pa_status pa_set_isa(const char* name);
/* The k-th instruction set that was compiled in, or NULL; *runs says whether this processor can run it. */
PA_API const char* pa_isa_name(int k, int* runs);

/* The version of the library; PA_VERSION is that of the header. */
PA_API const char* pa_version(void);

/* The status in words; of PA_BAD_ARGUMENT, where the last call in this thread gave that, which argument, the rule and
 * what came. The text is valid until the next call in this thread. */
PA_API const char* pa_status_text(pa_status status);

/* Threads: PYALIGN_NUM_THREADS, else what OpenMP gives; one after a fork. Where more than 16 are wanted, at most four
 * on each processor. */
PA_API int pa_threads(void);
PA_API void pa_set_threads(int threads); /* 0: back to the default */

#ifdef __cplusplus
}
#endif
#endif
