// kernels.h: the table of kernels that one instruction set offers. dispatch.cpp picks a table; each ISA unit fills one.
//
// Every .cpp that includes this file except dispatch.cpp is compiled once per instruction set, with PA_ISA naming the
// namespace. Such units use no inline library templates: a weak symbol built for AVX-512 could be linked into the base
// path and crash an older processor.
#pragma once

#include "pyalign.h"

struct Kernels {
  pa_status (*row_squares)(const pa_rows*, double*, int threads);
  pa_status (*centre_rows)(const pa_rows*, void*, int threads);
  pa_status (*shift_rows)(const pa_rows*, const void*, void*, int threads);
  pa_status (*similarity)(const pa_rows*, const pa_rows*, pa_pair, double, void*, int64_t, int threads);
  pa_status (*product)(const pa_rows*, const pa_rows*, void*, int64_t, int threads);
  pa_status (*add_transpose)(void*, pa_float_type, int64_t n, int threads);
  pa_status (*check_triplets)(const pa_triplets*, int64_t, pa_triplet_check*, int threads);
  pa_status (*triplets_from_matrix)(const void*, pa_float_type, int64_t n, int64_t stride, const pa_triplets*,
                                    const pa_outputs*, int threads);
  pa_status (*triplets_from_rows)(const pa_rows*, pa_pair, double, const pa_triplets*, const pa_outputs*, int threads);
  pa_status (*triplet_gradient)(const void*, pa_float_type, int64_t n, int64_t stride, const pa_triplets*,
                                const void* targets, double temperature, double scale, void*, double*, int threads);
  pa_status (*plan_triplets)(const pa_triplets*, const pa_triplet_plan*);
  pa_status (*planned_gradient)(const void*, pa_float_type, int64_t stride, const pa_triplet_plan*, const void* targets,
                                double temperature, double scale, void*, double*, int threads);
  pa_status (*outcomes)(const void*, pa_float_type, int64_t t, double temperature, int8_t*, void*, void*, int threads);
  pa_status (*resample_items)(const pa_triplets*, int64_t n, const uint8_t*, int64_t lanes, const int16_t*, int64_t v,
                              int64_t*, int threads);
  pa_status (*resample_rows)(int64_t t, const uint32_t*, int64_t lanes, const int16_t*, int64_t v, int64_t*,
                             int threads);
  pa_status (*temperature_sums)(const void*, pa_float_type, int64_t t, const double*, const double*, double beta,
                                double*, pa_loss_sums*, int threads);
};

#define PA_DECLARE_ISA(isa)                                                                                            \
  namespace isa {                                                                                                      \
  pa_status row_squares(const pa_rows*, double*, int);                                                                 \
  pa_status centre_rows(const pa_rows*, void*, int);                                                                   \
  pa_status shift_rows(const pa_rows*, const void*, void*, int);                                                       \
  pa_status similarity(const pa_rows*, const pa_rows*, pa_pair, double, void*, int64_t, int);                          \
  pa_status product(const pa_rows*, const pa_rows*, void*, int64_t, int);                                              \
  pa_status add_transpose(void*, pa_float_type, int64_t, int);                                                         \
  pa_status check_triplets(const pa_triplets*, int64_t, pa_triplet_check*, int);                                       \
  pa_status triplets_from_matrix(const void*, pa_float_type, int64_t, int64_t, const pa_triplets*, const pa_outputs*,  \
                                 int);                                                                                 \
  pa_status triplets_from_rows(const pa_rows*, pa_pair, double, const pa_triplets*, const pa_outputs*, int);           \
  pa_status triplet_gradient(const void*, pa_float_type, int64_t, int64_t, const pa_triplets*, const void*, double,    \
                             double, void*, double*, int);                                                             \
  pa_status plan_triplets(const pa_triplets*, const pa_triplet_plan*);                                                 \
  pa_status planned_gradient(const void*, pa_float_type, int64_t, const pa_triplet_plan*, const void*, double, double, \
                             void*, double*, int);                                                                     \
  pa_status outcomes(const void*, pa_float_type, int64_t, double, int8_t*, void*, void*, int);                         \
  pa_status resample_items(const pa_triplets*, int64_t, const uint8_t*, int64_t, const int16_t*, int64_t, int64_t*,    \
                           int);                                                                                       \
  pa_status resample_rows(int64_t, const uint32_t*, int64_t, const int16_t*, int64_t, int64_t*, int);                  \
  pa_status temperature_sums(const void*, pa_float_type, int64_t, const double*, const double*, double, double*,       \
                             pa_loss_sums*, int);                                                                      \
  }
