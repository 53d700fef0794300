/* pyalign_cuda.h: the kernels on a CUDA device, as plain C. No Python, no torch, no cuda_runtime.h in the signatures.
 *
 * Letters, structs and results are those of pyalign.h. Products of float16 and bfloat16 rows are exact and accumulated
 * in float32; results of all types but float64 are float32. Every address is a device address on the current device. A
 * call queues its work on `stream` (a cudaStream_t, NULL for the default stream), waits for nothing and returns a
 * cudaError_t as int: 0, or the reason why the work could not be queued. The caller has checked shapes, d >= 1 and
 * n < 2^31.
 *
 * Triplets are checked in passing: where one is not three different items in [0, n), *invalid becomes 1, the triplet
 * adds nothing to any sum or gradient, its choice is -1 and its row of any other output NaN. Nothing is read or written
 * out of bounds. *invalid is never set to 0 here. Similarities that are not finite, as those of rows that hold NaN or
 * infinity, come out as NaN, and the choice of a triplet with one of them is -1.
 *
 * All results are the same from run to run: sums are taken in float64 over fixed pieces, and added in a fixed order.
 */
#ifndef PYALIGN_CUDA_H
#define PYALIGN_CUDA_H

#include "pyalign.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is wanted of each triplet; NULL for what is not. `result`, here and below, is float64 for float64 input, else
 * float32. */
typedef struct {
  int8_t* choices;     /* (t,): position 0, 1, 2 of the odd item, -1 for a tie                              */
  void* probabilities; /* (t, 3) of `result`: column p = P(position p is odd)                               */
  void* similarities;  /* (t, 3) of `result`: of the pairs of positions 01, 02, 12                          */
  double* sums;        /* (7,): the members of pa_sums in their order, all as float64                       */
  double temperature;  /* p = softmax(s / temperature)                                                      */
  int32_t* invalid;    /* (1,), never NULL                                                                  */
} pa_cuda_wanted;

/* What a gradient pass fills. */
typedef struct {
  void* matrix;          /* (n, n) contiguous, of the similarities' type */
  double* cross_entropy; /* (1,)                                         */
  int32_t* invalid;      /* (1,)                                         */
} pa_cuda_gradient;

/* What is done to each row before pairs are formed. */
typedef enum {
  PA_KEEP = 0,   /* nothing                                                                                   */
  PA_CENTER = 1, /* d * x - sum(x), zero for a constant row: its cosine is Pearson's r                        */
  PA_SHIFT = 2   /* x - shift                                                                                 */
} pa_transform;

/* Rows made ready, and what the caller must know of them; NULL for what is not wanted. The report is raised, never
 * lowered, to the largest over rows of: the bits of |x|^2 of what was given, as float64; of |v|^2 of the rows v that
 * come out; of the largest magnitude given; and 1 for a row, not zero, of 1 / |v| outside [2^-50, 2^50]. For a row that
 * is not finite the first three are all bits but the sign, a NaN above infinity. */
typedef struct {
  pa_transform transform;
  const void* shift;     /* (d,) of the rows' type, for PA_SHIFT                                              */
  void* values;          /* (n, d) of the rows' type, of `result` for PA_CENTER: the rows that come out,      */
                         /* aligned to 16 bytes, as is each row; zero between its end and the next 16 bytes.  */
                         /* NULL with PA_KEEP alone: they are those that were given                           */
  int64_t stride;        /* of the values, in elements                                                        */
  double* squares;       /* (n,): |v|^2 of the rows v that come out, NaN where what was given is not finite   */
  double* inverse_norms; /* (n,): 1 / |v|, 0 for a zero row, NaN likewise                                     */
  uint64_t* report;      /* (4,), see below                                                                   */
} pa_cuda_prepared;

int pa_cuda_prepare_rows(const pa_matrix* x, const pa_cuda_prepared* out, void* stream);

/* How inner products are made: any of these, or 0. */
typedef enum {
  PA_TF32 = 1, /* float32 products may be rounded to TF32 first, for the tensor cores; else they are exact up to   */
               /* float32                                                                                          */
  PA_READY = 2 /* the caller has put them into `out`, of x with itself those on and above the diagonal: only the   */
               /* last step is taken                                                                               */
} pa_products;

/* out (n, m) of `result`, out_stride >= m. With y == NULL the result is symmetric bit for bit and half is computed.
 * product: values of pa_products. Unless they are PA_READY, rows of float16, bfloat16 and, with PA_TF32, float32 lie
 * less than 2^24 elements apart; else cudaErrorInvalidValue. */
int pa_cuda_similarity(const pa_rows* x, const pa_rows* y, int product, void* out, int64_t out_stride, void* stream);

/* similarities (n, n) of float32 or float64, read at [earlier position, later position] of each triplet.
 * workspace: pa_cuda_sums_workspace(t) bytes where sums are wanted, aligned to 8; else unused. */
int pa_cuda_triplets_from_matrix(const pa_matrix* similarities, const pa_triplets* triplets, const pa_cuda_wanted* want,
                                 void* workspace, void* stream);

/* The same from the rows alone; needs no (n, n) memory. */
int pa_cuda_triplets_from_rows(const pa_rows* x, const pa_triplets* triplets, const pa_cuda_wanted* want,
                               void* workspace, void* stream);

int64_t pa_cuda_sums_workspace(int64_t t);

/* The derivative of the loss with respect to the element that was read for each pair; zero elsewhere. The
 * cross-entropy is the loss, not scaled. fixed_bytes: memory that sums of whole numbers may take, 8 n^2 bytes; where
 * that is too little, or sorting moves less, and for float64, entries are sorted.
 * workspace: pa_cuda_gradient_workspace(type, n, t, fixed_bytes) bytes, aligned to 256. */
int pa_cuda_triplet_gradient(const pa_matrix* similarities, const pa_triplets* triplets, const pa_triplet_loss* loss,
                             const pa_cuda_gradient* gradient, int64_t fixed_bytes, void* workspace, void* stream);

/* For similarities of `type`. Asks the current device how its sort works; where that fails: minus the cudaError_t. */
int64_t pa_cuda_gradient_workspace(pa_float_type type, int64_t n, int64_t t, int64_t fixed_bytes);

/* pa_resample_items of pyalign.h. multiplicities aligned to 16, each at most 31, which nobody checks: beyond 40 sums
 * are wrong. The sums are written whole; a multiple of 128 lanes is quickest. */
int pa_cuda_resample_items(const pa_triplets* triplets, int64_t n, const uint8_t* multiplicities,
                           const pa_resamples* resamples, int32_t* invalid, void* stream);

/* pa_topk of pyalign.h, of float32 or float64. */
int pa_cuda_topk(const pa_matrix* s, int64_t k, int64_t own, int32_t* indices, void* stream);

/* pa_choice_similarity of pyalign.h, for float32 and float64; the diagonal is not looked at. out and similarities share
 * no memory. workspace: pa_cuda_choice_similarity_workspace() bytes, aligned to 8. */
int pa_cuda_choice_similarity(const pa_matrix* similarities, double temperature, void* out, int64_t out_stride,
                              void* workspace, void* stream);

int64_t pa_cuda_choice_similarity_workspace(void);

/* Devices that can be used; when 0, *reason says why, until the next call of the same thread. */
int pa_cuda_device_count(const char** reason);

/* Makes `device` the current one of this thread; *previous is what was current before. */
int pa_cuda_set_device(int device, int* previous);

/* Name and text of an error that a call above returned, such as "cudaErrorMemoryAllocation". */
const char* pa_cuda_error_name(int error);
const char* pa_cuda_error_text(int error);

#ifdef __cplusplus
}
#endif
#endif
