// arrays.h: arrays of numpy as arguments of kernels. What is tested here keeps a mistake of the Python side from
// reading wild memory; nothing is converted or copied.
#pragma once

#include <pybind11/numpy.h>

#include <cstdlib>
#include <stdexcept>

#include "pyalign.h"

inline void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

// pybind11::cast makes a new array of a list, which is gone before its memory is read.
inline pybind11::array array_of(const pybind11::object& given) {
  require(pybind11::isinstance<pybind11::array>(given), "expected an array of numpy");
  return pybind11::reinterpret_borrow<pybind11::array>(given);
}

inline pa_float_type float_type(const pybind11::array& a) {
  const char kind = a.dtype().kind();
  require(kind == 'f' && (a.itemsize() == 4 || a.itemsize() == 8), "expected float32 or float64");
  return a.itemsize() == 4 ? PA_FLOAT32 : PA_FLOAT64;
}

inline pa_index_type index_type(const pybind11::array& a) {
  const char kind = a.dtype().kind();
  if (kind == 'i' && a.itemsize() == 2) return PA_INT16;
  if (kind == 'u' && a.itemsize() == 2) return PA_UINT16;
  if (kind == 'i' && a.itemsize() == 4) return PA_INT32;
  require(kind == 'i' && a.itemsize() == 8, "expected int16, uint16, int32 or int64");
  return PA_INT64;
}

// (n, d) with unit column stride; a single column may have any.
inline pa_matrix matrix_of(const pybind11::array& a) {
  require(a.ndim() == 2, "expected two dimensions");
  require(a.shape(1) <= 1 || a.strides(1) == a.itemsize(), "expected contiguous rows");
  require(a.strides(0) % a.itemsize() == 0, "expected aligned rows");
  return {a.data(), a.shape(0), a.shape(1), a.strides(0) / a.itemsize(), float_type(a)};
}

// (t, 3) contiguous, of the pairs of positions 01, 02, 12 or of the positions.
inline pa_matrix three_of(const pybind11::array& a) {
  const pa_matrix three = matrix_of(a);
  require(three.d == 3 && (three.n <= 1 || three.stride == 3), "expected a contiguous array of shape (t, 3)");
  return three;
}

// One float64 of each row to read, or NULL.
inline const double* double_each(const pybind11::object& given, int64_t n) {
  if (given.is_none()) return nullptr;
  const auto a = array_of(given);
  require(float_type(a) == PA_FLOAT64 && a.ndim() == 1 && a.shape(0) == n && (n <= 1 || a.strides(0) == 8),
          "expected contiguous float64, one of each row");
  return static_cast<const double*>(a.data());
}

inline pa_triplets triplets_of(const pybind11::array& a) {
  require(a.ndim() == 2 && a.shape(1) == 3, "expected shape (t, 3)");
  require(a.strides(0) % a.itemsize() == 0 && a.strides(1) % a.itemsize() == 0, "expected aligned triplets");
  return {a.data(), a.shape(0), a.strides(0) / a.itemsize(), a.strides(1) / a.itemsize(), index_type(a)};
}

inline void* output(pybind11::array& a, int64_t n, int64_t d, pa_float_type type) {
  require(a.writeable() && float_type(a) == type, "output has the wrong dtype or is read-only");
  require(a.ndim() == 2 && a.shape(0) == n && a.shape(1) == d, "output has the wrong shape");
  require(d <= 1 || a.strides(1) == a.itemsize(), "output rows must be contiguous");
  require(n <= 1 || std::llabs(a.strides(0)) >= d * a.itemsize(), "output rows must not overlap");
  return a.mutable_data();
}

inline void* square_output(pybind11::array& a, const pa_matrix& s) {
  require(s.n == s.d, "similarities must be square");
  require(s.n <= 1 || a.strides(0) == s.n * a.itemsize(), "gradient must be contiguous");
  return output(a, s.n, s.n, s.type);
}

// A contiguous array of two dimensions and that type.
template <class T>
T* contiguous(const pybind11::array& a, int64_t rows, int64_t columns) {
  require(pybind11::isinstance<pybind11::array_t<T>>(a) && a.ndim() == 2 && a.shape(0) == rows &&
              a.shape(1) == columns && (a.flags() & pybind11::array::c_style),
          "expected a contiguous array of another shape or dtype");
  return static_cast<T*>(const_cast<void*>(a.data()));
}

// (m,) contiguous of Kind, to read or to fill; NULL for None.
template <class Kind>
Kind* list_of(const pybind11::object& given, int64_t m, bool filled = false) {
  if (given.is_none()) return nullptr;
  const auto a = array_of(given);
  require(pybind11::isinstance<pybind11::array_t<Kind>>(a) && a.ndim() == 1 && a.shape(0) == m &&
              (m <= 1 || a.strides(0) == sizeof(Kind)) && (!filled || a.writeable()),
          "expected a contiguous list of another type, length, or that can be filled");
  return static_cast<Kind*>(const_cast<void*>(a.data()));
}

inline int8_t* int8_each(const pybind11::object& wanted, int64_t t) {
  if (wanted.is_none()) return nullptr;
  auto a = array_of(wanted);
  require(a.dtype().kind() == 'i' && a.itemsize() == 1 && a.ndim() == 1 && a.shape(0) == t && a.strides(0) == 1 &&
              a.writeable(),
          "expected a contiguous int8 array of shape (t,)");
  return static_cast<int8_t*>(a.mutable_data());
}

// One number per triplet, of the similarities' type.
inline void* one_each(const pybind11::object& wanted, int64_t t, pa_float_type type) {
  if (wanted.is_none()) return nullptr;
  auto a = array_of(wanted);
  require(a.writeable() && float_type(a) == type && a.ndim() == 1 && a.shape(0) == t, "bad output");
  require(t <= 1 || a.strides(0) == a.itemsize(), "outputs per triplet must be contiguous");
  return a.mutable_data();
}
