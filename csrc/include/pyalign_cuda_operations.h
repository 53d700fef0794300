/* pyalign_cuda_operations.h: the functions of pyalign_cuda.h that queue work.
 *
 * OPERATION(name, parameters) stands for pa_cuda_name and the names of its parameters, but for the stream, which is the
 * last of each. The Python module's functions are spelled from here; that every backend on tensors has a method for
 * each, and every table of tests a row, is tested.
 */
#ifndef PYALIGN_CUDA_OPERATIONS_H
#define PYALIGN_CUDA_OPERATIONS_H

#define PA_CUDA_OPERATIONS(OPERATION)                                                                     \
  OPERATION(prepare_rows, "x", "out")                                                                     \
  OPERATION(similarity, "x", "y", "product", "out", "out_stride")                                         \
  OPERATION(triplets_from_matrix, "similarities", "triplets", "want", "workspace")                        \
  OPERATION(triplets_from_rows, "x", "triplets", "want", "workspace")                                     \
  OPERATION(triplet_gradient, "similarities", "triplets", "loss", "gradient", "fixed_bytes", "workspace") \
  OPERATION(resample_items, "triplets", "n", "multiplicities", "resamples", "invalid")                    \
  OPERATION(topk, "s", "k", "own", "indices")                                                             \
  OPERATION(choice_similarity, "similarities", "temperature", "out", "out_stride", "workspace")

#endif
