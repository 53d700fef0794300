// device.cu: which devices there are, which is current, and the names of errors.
#include <cstdio>

#include "common.cuh"

namespace {

// Where the driver's library cannot be loaded, its version is 0.
const char* why_insufficient() {
  static thread_local char text[96];
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) return "no CUDA device (driver not found)";
  constexpr int built = CUDART_VERSION;
  snprintf(text, sizeof text, "no CUDA device (the driver is for CUDA %d.%d, these kernels are built for %d.%d)",
           driver / 1000, driver % 1000 / 10, built / 1000, built % 1000 / 10);
  return text;
}

}  // namespace

int pa_cuda_device_count(const char** reason) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  cudaGetLastError();  // what is told here is not the error of a later launch
  *reason = nullptr;
  if (error == cudaSuccess && count > 0) return count;
  if (error == cudaSuccess || error == cudaErrorNoDevice) *reason = "no CUDA device (the driver finds none)";
  else if (error == cudaErrorInsufficientDriver) *reason = why_insufficient();
  else *reason = cudaGetErrorString(error);
  return 0;
}

int pa_cuda_set_device(int device, int* previous) {
  cudaError_t error = cudaGetDevice(previous);
  if (error == cudaSuccess) error = cudaSetDevice(device);
  if (error != cudaSuccess) cudaGetLastError();
  return int(error);
}

const char* pa_cuda_error_name(int error) { return cudaGetErrorName(static_cast<cudaError_t>(error)); }

const char* pa_cuda_error_text(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }
