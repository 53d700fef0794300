// triplets.cu: decisions, probabilities and sums over triplets, in one pass over the triplets.
//
// From a ready matrix: a thread takes four triplets. Contiguous indices come in 16-byte loads, three of int32 or six of
// int64 (in three of 8 bytes those of 16 bits), then twelve look-ups are on the way at once. Each is a sector of 32
// bytes of L2, 96 bytes a triplet, against 12 bytes of int32 indices and 1 of the choice from memory: on an H100, while
// the matrix fits in L2, 5.5 TB/s / 96 bytes = 57 G triplets/s are predicted, 0.08 ms for 4.7 M.
//
// From the rows: a warp takes 16 triplets, one after the other; lanes stride over the features by 16-byte loads and add
// up with shuffles. Each lane then decides the triplet of its number, so that exp and log are not repeated by all.
// Three rows a triplet are 12 d bytes in float32, for 6 d operations (9 d for distances): 0.9 G triplets/s are
// predicted at d = 512 while the rows fit in L2, and 0.5 G/s where they come from memory.
//
// Sums: lanes, then warps, then blocks in float64; the blocks' parts are added by a second small kernel. What is added
// to what does not depend on the schedule.
#include "common.cuh"
#include "from_matrix.cuh"
#include "from_rows.cuh"

namespace pa {
namespace {

int add_up(const void* parts, int64_t count, double* sums, void* stream) {
  if (!sums) return 0;
  PA_LAUNCH(add_parts<kThreads>, kSums, kThreads, stream, static_cast<const double*>(parts), count, false, sums);
  return launch_error();
}

template <class T>
int from_matrix_of(const pa_matrix* s, const pa_triplets* triplets, const pa_cuda_wanted* want, void* workspace,
                   void* stream) {
  const int64_t blocks = pieces(triplets->t, kTripletsOfBlock);
  if (blocks > 0) {
    PA_LAUNCH(from_matrix<T>, blocks, kThreads, stream, static_cast<const T*>(s->data), s->n, s->stride, *triplets,
              are_packed(*triplets), wanted_of<T>(want, workspace));
    if (const int error = launch_error()) return error;
  }
  return add_up(workspace, blocks, want->sums, stream);
}

template <bool Distance, class T>
int from_rows_by(const pa_rows* x, const pa_triplets* triplets, const pa_cuda_wanted* want, void* workspace,
                 void* stream) {
  const int64_t blocks = pieces(triplets->t, kRowTripletsOfBlock);
  const Rows<T> rows = rows_of<T>(x);
  if (blocks > 0) {
    PA_LAUNCH((from_rows<Distance, T>), blocks, kThreads, stream, rows, rows_are_aligned(rows), x->pair, x->gamma,
              *triplets, wanted_of<Result<T>>(want, workspace));
    if (const int error = launch_error()) return error;
  }
  return add_up(workspace, blocks, want->sums, stream);
}

template <class T>
int from_rows_of(const pa_rows* x, const pa_triplets* triplets, const pa_cuda_wanted* want, void* workspace,
                 void* stream) {
  return is_distance(x->pair) ? from_rows_by<true, T>(x, triplets, want, workspace, stream)
                              : from_rows_by<false, T>(x, triplets, want, workspace, stream);
}

}  // namespace
}  // namespace pa

int pa_cuda_triplets_from_matrix(const pa_matrix* similarities, const pa_triplets* triplets, const pa_cuda_wanted* want,
                                 void* workspace, void* stream) {
  using namespace pa;
  if (similarities->type == PA_FLOAT32) return from_matrix_of<float>(similarities, triplets, want, workspace, stream);
  if (similarities->type == PA_FLOAT64) return from_matrix_of<double>(similarities, triplets, want, workspace, stream);
  return int(cudaErrorInvalidValue);
}

int pa_cuda_triplets_from_rows(const pa_rows* x, const pa_triplets* triplets, const pa_cuda_wanted* want,
                               void* workspace, void* stream) {
  using namespace pa;
  switch (x->values.type) {
    case PA_FLOAT32: return from_rows_of<float>(x, triplets, want, workspace, stream);
    case PA_FLOAT64: return from_rows_of<double>(x, triplets, want, workspace, stream);
    case PA_FLOAT16: return from_rows_of<Half>(x, triplets, want, workspace, stream);
    case PA_BFLOAT16: return from_rows_of<Bfloat>(x, triplets, want, workspace, stream);
  }
  return int(cudaErrorInvalidValue);
}

// Blocks of the row route hold fewer triplets, so their parts are more.
int64_t pa_cuda_sums_workspace(int64_t t) {
  return pa::pieces(t, pa::kRowTripletsOfBlock) * pa::kSums * int64_t(sizeof(double));
}
