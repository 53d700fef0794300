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
#include <tuple>
#include <utility>

#include "given.h"
#include "pyalign_cuda.h"
#include "pyalign_cuda_operations.h"
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

PA_MEMBERS(pa_matrix, "data, n, d, stride, type")
PA_MEMBERS(pa_rows, "values, terms, pair, gamma")
PA_MEMBERS(pa_triplets, "data, t, row_stride, column_stride, type")
PA_MEMBERS(pa_triplet_loss, "targets, temperature, scale, alternatives")
PA_MEMBERS(pa_resamples, "values, v, lanes, sums")
PA_MEMBERS(pa_cuda_wanted, "choices, probabilities, similarities, sums, temperature, invalid")
PA_MEMBERS(pa_cuda_gradient, "matrix, cross_entropy, invalid")
PA_MEMBERS(pa_cuda_prepared, "transform, shift, values, stride, squares, inverse_norms, report")

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

Queue::Queue(const py::tuple& queue) {
  if (queue.size() != 2) throw std::invalid_argument("a queue is (device, stream)");
  device = queue[0].cast<int>();
  stream = reinterpret_cast<void*>(queue[1].cast<uintptr_t>());
#ifdef PA_EMULATION
  if (stream != emulation::some_stream()) throw std::invalid_argument("a queue without the caller's stream");
#endif
}

// The k-th parameter of a function of pyalign_cuda.h, and how many it has but for the stream.
template <class Function>
struct Signature;
template <class... Parameters>
struct Signature<int (*)(Parameters...)> {
  template <size_t k>
  using Parameter = std::tuple_element_t<k, std::tuple<Parameters...>>;
  static constexpr size_t count = sizeof...(Parameters) - 1;
};

// A function of the module, of the parameters of `call` with a queue in place of the stream. y alone may be None.
template <auto call, size_t... k>
void define(py::module_& m, const char* name, const char* const* names, std::index_sequence<k...>) {
  typedef Signature<decltype(call)> C;
  const auto function = [](const typename Given<typename C::template Parameter<k>>::Python&... given,
                           const py::tuple& queue) {
    const std::tuple<Given<typename C::template Parameter<k>>...> parameters(given...);
    const Queue on(queue);
    check(on.run([&] { return call(std::get<k>(parameters).c()..., on.stream); }));
  };
  m.def(name, function, py::arg(names[k]).none(names[k] == std::string("y"))..., py::arg("queue"));
}

template <auto call, size_t count>
void define(py::module_& m, const char* name, const char* const (&names)[count]) {
  static_assert(count == Signature<decltype(call)>::count, "the list names every parameter but the stream");
  define<call>(m, name, names, std::make_index_sequence<count>());
}

int64_t gradient_workspace(int type, int64_t n, int64_t t, int64_t fixed_bytes, const py::tuple& queue) {
  int64_t bytes = 0;
  check(Queue(queue).run([&] {
    bytes = pa_cuda_gradient_workspace(static_cast<pa_float_type>(type), n, t, fixed_bytes);
    return bytes < 0 ? -bytes : 0;
  }));
  return bytes;
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
  result["synchronizations"] = c.synchronizations;
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
#define PA_DEFINE(name, ...) define<&pa_cuda_##name>(m, #name, {__VA_ARGS__});
  PA_CUDA_OPERATIONS(PA_DEFINE)
#undef PA_DEFINE
  m.def("choice_similarity_workspace", &pa_cuda_choice_similarity_workspace);
  m.def("sums_workspace", &pa_cuda_sums_workspace, py::arg("t"));
  m.def("gradient_workspace", &gradient_workspace, py::arg("type"), py::arg("n"), py::arg("t"), py::arg("fixed_bytes"),
        py::arg("queue"));
  m.def("device_count", &device_count);
#ifdef PA_EMULATION
  m.def("counts", &counts);
  m.def("current_stream", [] { return reinterpret_cast<uintptr_t>(emulation::some_stream()); });
#endif
}
