// runtime.cpp: the host's side of the emulated CUDA: errors, devices, what a launch may ask for.
#include <map>

#include "emulation.h"

namespace {

cudaError_t last_error = cudaSuccess;
int device_count = 1, current_device = 0, driver_version = CUDART_VERSION;

constexpr int kThreadsAtOnce = 2048;       // of a multiprocessor
constexpr size_t kSharedOfAll = 48 << 10;  // bytes of shared memory that need no opting in
size_t most_shared = 99 << 10;
std::map<const void*, size_t> allowed_shared;  // opted in to, by kernel

cudaError_t note(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

struct Text {
  cudaError_t error;
  const char *name, *text;
};
const Text texts[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"}};
const Text unknown = {cudaSuccess, "unrecognized error code", "unrecognized error code"};

const Text& text_of(cudaError_t error) {
  for (const Text& text : texts)
    if (text.error == error) return text;
  return unknown;
}

}  // namespace

namespace emulation {

void set_devices(int count) {
  device_count = count;
  current_device = 0;
}

void set_driver(int version) { driver_version = version; }

void set_most_shared(size_t bytes) { most_shared = bytes; }

bool configure(const Shape& shape) {
  const dim3 blocks = shape.blocks, threads = shape.threads;
  const uint64_t count = uint64_t(threads.x) * threads.y * threads.z;
  const bool fits = count > 0 && count <= 1024 && threads.z <= 64 && blocks.x > 0 && blocks.y > 0 && blocks.z > 0 &&
                    blocks.x <= INT_MAX && blocks.y <= 65535 && blocks.z <= 65535;
  if (!fits) return note(cudaErrorInvalidConfiguration) == cudaSuccess;
  const Bounds bounds = bounds_of(shape.entry);
  if (bounds.threads && count > uint64_t(bounds.threads))
    fail("%s: %d threads in a block, its launch bounds are %d", shape.kernel, int(count), bounds.threads);
  if (bounds.threads * bounds.blocks > kThreadsAtOnce)
    fail("%s: %d blocks of %d threads are more than a multiprocessor holds", shape.kernel, bounds.blocks,
         bounds.threads);
  const auto allowed = allowed_shared.find(shape.entry);
  const size_t most = allowed == allowed_shared.end() ? kSharedOfAll : allowed->second;
  return note(shape.shared_bytes > most ? cudaErrorInvalidValue : cudaSuccess) == cudaSuccess;
}

}  // namespace emulation

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() { return last_error; }
const char* cudaGetErrorName(cudaError_t error) { return text_of(error).name; }
const char* cudaGetErrorString(cudaError_t error) { return text_of(error).text; }

cudaError_t cudaDriverGetVersion(int* version) {
  *version = driver_version;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  if (driver_version < CUDART_VERSION) return note(cudaErrorInsufficientDriver);
  *count = device_count;
  return note(device_count ? cudaSuccess : cudaErrorNoDevice);
}

cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return note(device_count ? cudaSuccess : cudaErrorNoDevice);
}

cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= device_count) return note(device_count ? cudaErrorInvalidDevice : cudaErrorNoDevice);
  current_device = device;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (attribute != cudaDevAttrMaxSharedMemoryPerBlockOptin) return note(cudaErrorInvalidValue);
  if (device < 0 || device >= device_count) return note(cudaErrorInvalidDevice);
  *value = int(most_shared);
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 || size_t(value) > most_shared)
    return note(cudaErrorInvalidValue);
  allowed_shared[kernel] = size_t(value) > kSharedOfAll ? size_t(value) : kSharedOfAll;
  return cudaSuccess;
}
