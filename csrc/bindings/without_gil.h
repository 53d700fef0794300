// without_gil.h: a stretch without the GIL, in a thread that may outlive the interpreter.
//
// A daemon thread can be in a kernel while the interpreter ends. Before Python 3.14 whoever then asks for the GIL is
// ended by pthread_exit, whose unwinding may not leave a destructor: std::terminate. Nor may it go on to destructors
// that give back objects of Python without the GIL. Such a thread waits here until the process ends, as in 3.14.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <thread>

class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;
  ~WithoutGil() {
    if (is_finalizing()) wait_for_the_end();
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {  // the end came while it waited for the GIL
      wait_for_the_end();
    }
  }

 private:
  PyThreadState* state_;

  static bool is_finalizing() {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
  }

  [[noreturn]] static void wait_for_the_end() {
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
  }
};
