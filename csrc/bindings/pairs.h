// pairs.h: pair kernels by their names, which is how Python knows them.
#pragma once

#include <pybind11/pybind11.h>

#include <stdexcept>

#include "pyalign.h"

// In the order of pa_pair.
inline pybind11::tuple pair_kernels() {
#define PA_NAME(value, name) pybind11::str(name),
  const pybind11::str names[] = {PA_PAIR_KERNELS(PA_NAME)};
#undef PA_NAME
  pybind11::tuple all(sizeof names / sizeof *names);
  for (size_t k = 0; k < all.size(); ++k) all[k] = names[k];
  return all;
}

inline pa_pair pair_of(const pybind11::handle& given) {
#define PA_COMPARE(value, name) \
  if (PyUnicode_Check(given.ptr()) && PyUnicode_CompareWithASCIIString(given.ptr(), name) == 0) return value;
  PA_PAIR_KERNELS(PA_COMPARE)
#undef PA_COMPARE
  throw std::invalid_argument("unknown pair kernel");
}
