// cuda.cpp: the CUDA kernels as a Python module, of plain integers: addresses on the device, sizes, types, a stream. No
// arrays of numpy or torch, so that one build serves every version of them.
//
// The Python side has checked shapes, types and devices, and names the device: this module's runtime is linked in, and
// is not to depend on what torch's takes for current. A launch may wait where the device's queue is full: the GIL is
// released.
#include <pybind11/pybind11.h>

#include <new>
#include <stdexcept>
#include <string>

#include "pyalign_cuda.h"

#ifndef PA_MODULE
#define PA_MODULE _cuda
#endif
#ifdef PA_EMULATION
#define PA_EMULATED true
#else
#define PA_EMULATED false
#endif

namespace py = pybind11;

namespace {

void check(int64_t error) {
  if (error == 0) return;
  const std::string name = pa_cuda_error_name(int(error)), message = name + ": " + pa_cuda_error_text(int(error));
  if (name != "cudaErrorMemoryAllocation") throw std::runtime_error(message);
  PyErr_SetString(PyExc_MemoryError, message.c_str());
  throw py::error_already_set();
}

// What `call` returns with `device` as the current one, without the GIL.
template <class Call>
auto on_device(int device, Call call) {
  const py::gil_scoped_release release;
  int previous = 0;
  if (const int error = pa_cuda_set_device(device, &previous)) return decltype(call())(error);
  const auto result = call();
  int ours;
  const int error = previous == device ? 0 : pa_cuda_set_device(previous, &ours);
  return error && result == 0 ? decltype(call())(error) : result;
}

template <class T = void>
T* pointer(uintptr_t address) {
  return reinterpret_cast<T*>(address);
}

template <class T>
T* pointer(const py::handle& address) {
  return pointer<T>(address.cast<uintptr_t>());
}

void require_length(const py::tuple& given, size_t length, const char* what) {
  if (given.size() != length) throw std::invalid_argument(what);
}

// (address, address of the terms or 0, n, d, stride, type)
pa_cuda_rows rows_of(const py::tuple& x) {
  require_length(x, 6, "rows are (address, terms, n, d, stride, type)");
  return {pointer<const void>(x[0]), pointer<const double>(x[1]), x[2].cast<int64_t>(),
          x[3].cast<int64_t>(),      x[4].cast<int64_t>(),        static_cast<pa_cuda_type>(x[5].cast<int>())};
}

// (address, t, row stride, column stride, type)
pa_triplets triplets_of(const py::tuple& triplets) {
  require_length(triplets, 5, "triplets are (address, t, row_stride, column_stride, type)");
  return {pointer<const void>(triplets[0]), triplets[1].cast<int64_t>(), triplets[2].cast<int64_t>(),
          triplets[3].cast<int64_t>(), static_cast<pa_index_type>(triplets[4].cast<int>())};
}

// (choices, probabilities, similarities, sums, temperature, invalid): addresses, 0 for what is not wanted
pa_cuda_outputs outputs_of(const py::tuple& outputs) {
  require_length(outputs, 6, "outputs are (choices, probabilities, similarities, sums, temperature, invalid)");
  return {pointer<int8_t>(outputs[0]), pointer<void>(outputs[1]), pointer<void>(outputs[2]),
          pointer<double>(outputs[3]), outputs[4].cast<double>(), pointer<int32_t>(outputs[5])};
}

void similarity(const py::tuple& x, const py::object& y, int pair, double gamma, bool tf32, uintptr_t out,
                int64_t out_stride, int device, uintptr_t stream) {
  const pa_cuda_rows left = rows_of(x), right = y.is_none() ? left : rows_of(y.cast<py::tuple>());
  const pa_cuda_rows* second = y.is_none() ? nullptr : &right;
  check(on_device(device, [&] {
    return pa_cuda_similarity(&left, second, static_cast<pa_pair>(pair), gamma, tf32, pointer(out), out_stride,
                              pointer(stream));
  }));
}

void triplets_from_matrix(uintptr_t similarities, int type, int64_t n, int64_t stride, const py::tuple& triplets,
                          const py::tuple& outputs, uintptr_t workspace, int device, uintptr_t stream) {
  const pa_triplets given = triplets_of(triplets);
  const pa_cuda_outputs wanted = outputs_of(outputs);
  check(on_device(device, [&] {
    return pa_cuda_triplets_from_matrix(pointer(similarities), static_cast<pa_cuda_type>(type), n, stride, &given,
                                        &wanted, pointer(workspace), pointer(stream));
  }));
}

void triplets_from_rows(const py::tuple& x, int pair, double gamma, const py::tuple& triplets, const py::tuple& outputs,
                        uintptr_t workspace, int device, uintptr_t stream) {
  const pa_cuda_rows rows = rows_of(x);
  const pa_triplets given = triplets_of(triplets);
  const pa_cuda_outputs wanted = outputs_of(outputs);
  check(on_device(device, [&] {
    return pa_cuda_triplets_from_rows(&rows, static_cast<pa_pair>(pair), gamma, &given, &wanted, pointer(workspace),
                                      pointer(stream));
  }));
}

void triplet_gradient(uintptr_t similarities, int type, int64_t n, int64_t stride, const py::tuple& triplets,
                      uintptr_t targets, double temperature, double scale, uintptr_t gradient, uintptr_t cross_entropy,
                      uintptr_t invalid, uintptr_t workspace, int device, uintptr_t stream) {
  const pa_triplets given = triplets_of(triplets);
  check(on_device(device, [&] {
    return pa_cuda_triplet_gradient(pointer(similarities), static_cast<pa_cuda_type>(type), n, stride, &given,
                                    pointer(targets), temperature, scale, pointer(gradient),
                                    pointer<double>(cross_entropy), pointer<int32_t>(invalid), pointer(workspace),
                                    pointer(stream));
  }));
}

int64_t gradient_workspace(int type, int64_t n, int64_t t, int device) {
  int64_t bytes = 0;
  check(on_device(device, [&] {
    bytes = pa_cuda_gradient_workspace(static_cast<pa_cuda_type>(type), n, t);
    return bytes < 0 ? -bytes : 0;
  }));
  return bytes;
}

void resample_items(const py::tuple& triplets, int64_t n, uintptr_t multiplicities, int64_t lanes, uintptr_t values,
                    int64_t v, uintptr_t sums, uintptr_t invalid, int device, uintptr_t stream) {
  const pa_triplets given = triplets_of(triplets);
  check(on_device(device, [&] {
    return pa_cuda_resample_items(&given, n, pointer<const uint8_t>(multiplicities), lanes,
                                  pointer<const int16_t>(values), v, pointer<int64_t>(sums), pointer<int32_t>(invalid),
                                  pointer(stream));
  }));
}

py::tuple device_count() {
  const char* reason = nullptr;
  const int count = pa_cuda_device_count(&reason);
  return py::make_tuple(count, reason ? py::object(py::str(reason)) : py::object(py::none()));
}

}  // namespace

PYBIND11_MODULE(PA_MODULE, m) {
  m.doc() = "pyalign's CUDA kernels; see csrc/include/pyalign_cuda.h";
  m.attr("emulated") = PA_EMULATED;
  m.def("similarity", &similarity, py::arg("x"), py::arg("y").none(true), py::arg("pair"), py::arg("gamma"),
        py::arg("tf32"), py::arg("out"), py::arg("out_stride"), py::arg("device"), py::arg("stream"));
  m.def("triplets_from_matrix", &triplets_from_matrix, py::arg("similarities"), py::arg("type"), py::arg("n"),
        py::arg("stride"), py::arg("triplets"), py::arg("outputs"), py::arg("workspace"), py::arg("device"),
        py::arg("stream"));
  m.def("triplets_from_rows", &triplets_from_rows, py::arg("x"), py::arg("pair"), py::arg("gamma"), py::arg("triplets"),
        py::arg("outputs"), py::arg("workspace"), py::arg("device"), py::arg("stream"));
  m.def("triplet_gradient", &triplet_gradient, py::arg("similarities"), py::arg("type"), py::arg("n"),
        py::arg("stride"), py::arg("triplets"), py::arg("targets"), py::arg("temperature"), py::arg("scale"),
        py::arg("gradient"), py::arg("cross_entropy"), py::arg("invalid"), py::arg("workspace"), py::arg("device"),
        py::arg("stream"));
  m.def("resample_items", &resample_items, py::arg("triplets"), py::arg("n"), py::arg("multiplicities"),
        py::arg("lanes"), py::arg("values"), py::arg("v"), py::arg("sums"), py::arg("invalid"), py::arg("device"),
        py::arg("stream"));
  m.def("sums_workspace", &pa_cuda_sums_workspace, py::arg("t"));
  m.def("gradient_workspace", &gradient_workspace, py::arg("type"), py::arg("n"), py::arg("t"), py::arg("device"));
  m.def("device_count", &device_count);
}
