// pairs.h: pair kernels by their names, which is how Python knows them.
#pragma once

#include <pybind11/pybind11.h>

#include <stdexcept>

#include "pyalign.h"

// (name, terms) of each, in the order of pa_pair.
inline pybind11::tuple pair_kernels() {
  const char* const terms_names[] = {"", "inverse norms", "squares"};  // in the order of pa_terms
#define PA_ROW(value, name, terms) pybind11::make_tuple(name, terms_names[terms]),
  const pybind11::tuple rows[] = {PA_PAIR_KERNELS(PA_ROW)};
#undef PA_ROW
  pybind11::tuple all(size_t{PA_PAIR_COUNT});
  for (size_t k = 0; k < all.size(); ++k) all[k] = rows[k];
  return all;
}

inline pa_pair pair_of(const pybind11::handle& given) {
#define PA_COMPARE(value, name, ...) \
  if (PyUnicode_Check(given.ptr()) && PyUnicode_CompareWithASCIIString(given.ptr(), name) == 0) return value;
  PA_PAIR_KERNELS(PA_COMPARE)
#undef PA_COMPARE
  throw std::invalid_argument("unknown pair kernel");
}
