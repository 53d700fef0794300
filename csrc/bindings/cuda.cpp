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

#include "pairs.h"
#include "pyalign_cuda.h"
#include "without_gil.h"

#ifndef PA_MODULE
#define PA_MODULE _cuda
#endif
#ifdef PA_EMULATION
#include "stream.h"
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

// (device, stream): where work is queued.
struct Queue {
  int device;
  void* stream;
  explicit Queue(const py::tuple& queue);

  // What `call` returns with the device as the current one, without the GIL.
  template <class Call>
  auto run(Call call) const {
    const WithoutGil release;
    int previous = 0;
    if (const int error = pa_cuda_set_device(device, &previous)) return decltype(call())(error);
#ifdef PA_EMULATION
    const emulation::Call strict(stream);
#endif
    const auto result = call();
    int ours;
    const int error = previous == device ? 0 : pa_cuda_set_device(previous, &ours);
    return error && result == 0 ? decltype(call())(error) : result;
  }
};

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

Queue::Queue(const py::tuple& queue) {
  require_length(queue, 2, "a queue is (device, stream)");
  device = queue[0].cast<int>();
  stream = pointer<void>(queue[1]);
#ifdef PA_EMULATION
  if (stream != emulation::some_stream()) throw std::invalid_argument("a queue without the caller's stream");
#endif
}

// (address, n, d, stride, type)
pa_matrix matrix_of(const py::tuple& x) {
  require_length(x, 5, "a matrix is (address, n, d, stride, type)");
  return {pointer<const void>(x[0]), x[1].cast<int64_t>(), x[2].cast<int64_t>(), x[3].cast<int64_t>(),
          static_cast<pa_float_type>(x[4].cast<int>())};
}

// (matrix, address of the terms or 0, name of the pair kernel, gamma)
pa_rows rows_of(const py::tuple& x) {
  require_length(x, 4, "rows are (matrix, terms, pair, gamma)");
  return {matrix_of(x[0].cast<py::tuple>()), pointer<const double>(x[1]), pair_of(x[2]), x[3].cast<double>()};
}

// (address, t, row stride, column stride, type)
pa_triplets triplets_of(const py::tuple& triplets) {
  require_length(triplets, 5, "triplets are (address, t, row_stride, column_stride, type)");
  return {pointer<const void>(triplets[0]), triplets[1].cast<int64_t>(), triplets[2].cast<int64_t>(),
          triplets[3].cast<int64_t>(), static_cast<pa_index_type>(triplets[4].cast<int>())};
}

// (choices, probabilities, similarities, sums, temperature, invalid): addresses, 0 for what is not wanted
pa_cuda_wanted wanted_of(const py::tuple& want) {
  require_length(want, 6, "wanted are (choices, probabilities, similarities, sums, temperature, invalid)");
  return {pointer<int8_t>(want[0]), pointer<void>(want[1]), pointer<void>(want[2]),
          pointer<double>(want[3]), want[4].cast<double>(), pointer<int32_t>(want[5])};
}

// (targets or 0, temperature, scale)
pa_triplet_loss loss_of(const py::tuple& loss) {
  require_length(loss, 3, "a loss is (targets, temperature, scale)");
  return {pointer<const void>(loss[0]), loss[1].cast<double>(), loss[2].cast<double>(), 3};
}

// (matrix, cross-entropy, invalid): addresses
pa_cuda_gradient gradient_of(const py::tuple& gradient) {
  require_length(gradient, 3, "a gradient is (matrix, cross_entropy, invalid)");
  return {pointer<void>(gradient[0]), pointer<double>(gradient[1]), pointer<int32_t>(gradient[2])};
}

// (address of the values, v, lanes, address of the sums)
pa_resamples resamples_of(const py::tuple& resamples) {
  require_length(resamples, 4, "resamples are (values, v, lanes, sums)");
  return {pointer<const int16_t>(resamples[0]), resamples[1].cast<int64_t>(), resamples[2].cast<int64_t>(),
          pointer<int64_t>(resamples[3])};
}

// (transform, shift, values, stride, squares, inverse norms, report): addresses, 0 for what is not wanted
pa_cuda_prepared prepared_of(const py::tuple& out) {
  require_length(out, 7, "prepared are (transform, shift, values, stride, squares, inverse_norms, report)");
  return {static_cast<pa_transform>(out[0].cast<int>()),
          pointer<const void>(out[1]),
          pointer<void>(out[2]),
          out[3].cast<int64_t>(),
          pointer<double>(out[4]),
          pointer<double>(out[5]),
          pointer<uint64_t>(out[6])};
}

void prepare_rows(const py::tuple& x, const py::tuple& out, const py::tuple& queue) {
  const pa_matrix rows = matrix_of(x);
  const pa_cuda_prepared prepared = prepared_of(out);
  const Queue on(queue);
  check(on.run([&] { return pa_cuda_prepare_rows(&rows, &prepared, on.stream); }));
}

void similarity(const py::tuple& x, const py::object& y, bool tf32, uintptr_t out, int64_t out_stride,
                const py::tuple& queue) {
  const pa_rows left = rows_of(x), right = y.is_none() ? left : rows_of(y.cast<py::tuple>());
  const pa_rows* second = y.is_none() ? nullptr : &right;
  const Queue on(queue);
  check(on.run([&] { return pa_cuda_similarity(&left, second, tf32, pointer(out), out_stride, on.stream); }));
}

void triplets_from_matrix(const py::tuple& similarities, const py::tuple& triplets, const py::tuple& want,
                          uintptr_t workspace, const py::tuple& queue) {
  const pa_matrix s = matrix_of(similarities);
  const pa_triplets given = triplets_of(triplets);
  const pa_cuda_wanted wanted = wanted_of(want);
  const Queue on(queue);
  check(on.run([&] { return pa_cuda_triplets_from_matrix(&s, &given, &wanted, pointer(workspace), on.stream); }));
}

void triplets_from_rows(const py::tuple& x, const py::tuple& triplets, const py::tuple& want, uintptr_t workspace,
                        const py::tuple& queue) {
  const pa_rows rows = rows_of(x);
  const pa_triplets given = triplets_of(triplets);
  const pa_cuda_wanted wanted = wanted_of(want);
  const Queue on(queue);
  check(on.run([&] { return pa_cuda_triplets_from_rows(&rows, &given, &wanted, pointer(workspace), on.stream); }));
}

void triplet_gradient(const py::tuple& similarities, const py::tuple& triplets, const py::tuple& loss,
                      const py::tuple& gradient, uintptr_t workspace, const py::tuple& queue) {
  const pa_matrix s = matrix_of(similarities);
  const pa_triplets given = triplets_of(triplets);
  const pa_triplet_loss wanted = loss_of(loss);
  const pa_cuda_gradient target = gradient_of(gradient);
  const Queue on(queue);
  check(on.run([&] { return pa_cuda_triplet_gradient(&s, &given, &wanted, &target, pointer(workspace), on.stream); }));
}

int64_t gradient_workspace(int type, int64_t n, int64_t t, const py::tuple& queue) {
  int64_t bytes = 0;
  check(Queue(queue).run([&] {
    bytes = pa_cuda_gradient_workspace(static_cast<pa_float_type>(type), n, t);
    return bytes < 0 ? -bytes : 0;
  }));
  return bytes;
}

void resample_items(const py::tuple& triplets, int64_t n, uintptr_t multiplicities, const py::tuple& resamples,
                    uintptr_t invalid, const py::tuple& queue) {
  const pa_triplets given = triplets_of(triplets);
  const pa_resamples r = resamples_of(resamples);
  const Queue on(queue);
  check(on.run([&] {
    return pa_cuda_resample_items(&given, n, pointer<const uint8_t>(multiplicities), &r, pointer<int32_t>(invalid),
                                  on.stream);
  }));
}

void topk(const py::tuple& similarities, int64_t k, int64_t own, uintptr_t indices, const py::tuple& queue) {
  const pa_matrix s = matrix_of(similarities);
  const Queue on(queue);
  check(on.run([&] { return pa_cuda_topk(&s, k, own, pointer<int32_t>(indices), on.stream); }));
}

void choice_similarity(const py::tuple& similarities, double temperature, uintptr_t out, int64_t out_stride,
                       uintptr_t workspace, const py::tuple& queue) {
  const pa_matrix s = matrix_of(similarities);
  const Queue on(queue);
  check(on.run([&] {
    return pa_cuda_choice_similarity(&s, temperature, pointer(out), out_stride, pointer(workspace), on.stream);
  }));
}

#ifdef PA_EMULATION
// Of all calls since it was asked last.
py::dict counts() {
  const emulation::Counts c = emulation::take_counts();
  py::dict result;
  result["launches"] = c.launches;
  result["sorts"] = c.sorts;
  result["memory_sets"] = c.memory_sets;
  result["copies"] = c.copies;
  result["allocations"] = c.allocations;
  result["synchronisations"] = c.synchronisations;
  return result;
}
#endif

py::tuple device_count() {
  const char* reason = nullptr;
  const int count = pa_cuda_device_count(&reason);
  return py::make_tuple(count, reason ? py::object(py::str(reason)) : py::object(py::none()));
}

}  // namespace

PYBIND11_MODULE(PA_MODULE, m) {
  m.doc() = "pyalign's CUDA kernels; see csrc/include/pyalign_cuda.h";
  m.attr("emulated") = PA_EMULATED;
  m.def("prepare_rows", &prepare_rows, py::arg("x"), py::arg("out"), py::arg("queue"));
  m.def("similarity", &similarity, py::arg("x"), py::arg("y").none(true), py::arg("tf32"), py::arg("out"),
        py::arg("out_stride"), py::arg("queue"));
  m.def("triplets_from_matrix", &triplets_from_matrix, py::arg("similarities"), py::arg("triplets"), py::arg("want"),
        py::arg("workspace"), py::arg("queue"));
  m.def("triplets_from_rows", &triplets_from_rows, py::arg("x"), py::arg("triplets"), py::arg("want"),
        py::arg("workspace"), py::arg("queue"));
  m.def("triplet_gradient", &triplet_gradient, py::arg("similarities"), py::arg("triplets"), py::arg("loss"),
        py::arg("gradient"), py::arg("workspace"), py::arg("queue"));
  m.def("resample_items", &resample_items, py::arg("triplets"), py::arg("n"), py::arg("multiplicities"),
        py::arg("resamples"), py::arg("invalid"), py::arg("queue"));
  m.def("topk", &topk, py::arg("similarities"), py::arg("k"), py::arg("own"), py::arg("indices"), py::arg("queue"));
  m.def("choice_similarity", &choice_similarity, py::arg("similarities"), py::arg("temperature"), py::arg("out"),
        py::arg("out_stride"), py::arg("workspace"), py::arg("queue"));
  m.def("choice_similarity_workspace", &pa_cuda_choice_similarity_workspace);
  m.def("sums_workspace", &pa_cuda_sums_workspace, py::arg("t"));
  m.def("gradient_workspace", &gradient_workspace, py::arg("type"), py::arg("n"), py::arg("t"), py::arg("queue"));
  m.def("device_count", &device_count);
#ifdef PA_EMULATION
  m.def("counts", &counts);
  m.def("current_stream", [] { return reinterpret_cast<uintptr_t>(emulation::some_stream()); });
#endif
}
