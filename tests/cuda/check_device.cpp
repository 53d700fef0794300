// check_device.cpp: devices and errors.
#include "check.h"

#ifdef PA_EMULATION
#include "emulation.h"
#endif

static void check_errors() {
  check_that(std::string(pa_cuda_error_name(2)) == "cudaErrorMemoryAllocation", "errors have names");
  check_that(std::string(pa_cuda_error_text(2)) == "out of memory", "errors have a text");
}

static void check_set_device() {
  int previous = -1;
  check_that(pa_cuda_set_device(0, &previous) == 0 && previous == 0, "set_device gives the previous device");
  check_that(pa_cuda_set_device(1000, &previous) != 0, "set_device refuses a device that does not exist");
  check_that(pa_cuda_set_device(0, &previous) == 0 && previous == 0, "an error does not stay");
}

// An error of one call must not be found by the next one.
static void check_that_errors_do_not_stay() {
  const Table x(3, 3, 0, PA_FLOAT32, WHOLE);
  Output out(9 * sizeof(float));
  int previous;
  pa_cuda_set_device(1000, &previous);
  const pa_rows rows = x.rows(PA_DOT, 0.0);
  check_that(on_stream(pa_cuda_similarity, &rows, nullptr, 0, out.device(), 3) == 0,
             "a call does not report the error of the one before");
}

static void check_no_device() {
#ifdef PA_EMULATION
  const char* reason = nullptr;
  int previous;
  emulation::set_devices(0);
  check_that(pa_cuda_device_count(&reason) == 0 && reason && *reason, "no device, and a reason");
  check_that(pa_cuda_set_device(0, &previous) != 0, "set_device refuses where there is no device");
  emulation::set_devices(2);
  check_that(pa_cuda_device_count(&reason) == 2, "two devices");
  check_that(
      pa_cuda_set_device(1, &previous) == 0 && previous == 0 && pa_cuda_set_device(0, &previous) == 0 && previous == 1,
      "set_device changes devices");
  emulation::set_devices(1);
#endif
}

static void check_older_driver() {
#ifdef PA_EMULATION
  const auto reason_with = [](int driver) {
    const char* reason = nullptr;
    emulation::set_driver(driver);
    check_that(pa_cuda_device_count(&reason) == 0 && reason, "a driver that does not serve, and a reason");
    return std::string(reason ? reason : "");
  };
  check_that(reason_with(0) == "no CUDA device (driver not found)", "no driver");
  check_that(reason_with(12040) == "no CUDA device (the driver is for CUDA 12.4, these kernels are built for 13.0)",
             "an older driver, with both versions");
  emulation::set_driver(CUDART_VERSION);
#endif
}

void check_device() {
  const char* reason = nullptr;
  check_that(pa_cuda_device_count(&reason) >= 1, "there is a device");
  check_errors();
  check_set_device();
  check_that_errors_do_not_stay();
  check_no_device();
  check_older_driver();
}
