/* pyalign_operations.h: the functions of pyalign.h that have a version for each instruction set.
 *
 * OPERATION(name, count) stands for pa_name and the number of its parameters. The kernels' declarations, the table of
 * each instruction set, the functions that choose among them and the Python module's functions are spelled from here.
 */
#ifndef PYALIGN_OPERATIONS_H
#define PYALIGN_OPERATIONS_H

#define PA_OPERATIONS(OPERATION)     \
  OPERATION(row_squares, 2)          \
  OPERATION(center_rows, 2)          \
  OPERATION(shift_rows, 3)           \
  OPERATION(similarity, 4)           \
  OPERATION(product, 4)              \
  OPERATION(add_transpose, 3)        \
  OPERATION(permuted_products, 5)    \
  OPERATION(topk, 4)                 \
  OPERATION(check_triplets, 3)       \
  OPERATION(triplets_from_matrix, 3) \
  OPERATION(triplets_from_rows, 3)   \
  OPERATION(triplets_in_buckets, 3)  \
  OPERATION(pair_products, 4)        \
  OPERATION(outcomes, 6)             \
  OPERATION(resample_items, 4)       \
  OPERATION(resample_rows, 3)        \
  OPERATION(share_triplets, 2)       \
  OPERATION(sum_shared, 2)           \
  OPERATION(temperature_sums, 7)     \
  OPERATION(triplet_gradient, 5)     \
  OPERATION(plan_triplets, 2)        \
  OPERATION(planned_gradient, 5)     \
  OPERATION(ranks, 6)                \
  OPERATION(rank_sums, 7)            \
  OPERATION(inversions, 4)           \
  OPERATION(choice_similarity, 4)    \
  OPERATION(assign, 5)

#endif
