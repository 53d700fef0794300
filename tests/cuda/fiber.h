// fiber.h: a stack of its own that can be left and entered again, on the same operating system thread.
#pragma once

#include <stddef.h>

namespace emulation {

// What ThreadSanitizer takes for a thread; where it is not there, nothing.
class Identity {
 public:
  Identity();

 private:
  friend class Fiber;
  void* sanitizer_thread_ = nullptr;
};

class Fiber {
 public:
  Fiber();                          // stands for the stack that runs now
  explicit Fiber(void (*entry)());  // starts in entry(), which never returns, when it is first entered
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  void appear_as(const Identity& identity) { sanitizer_thread_ = identity.sanitizer_thread_; }  // when next entered
  static void change(Fiber* from, Fiber* to);  // returns when somebody changes to `from` again

 private:
  static void begin();
  static void arrived(Fiber* here);

  void* stack_pointer_ = nullptr;  // of a fiber that was left
  void* context_ = nullptr;        // the same where there is no assembly for the processor
  const void* stack_ = nullptr;
  size_t stack_bytes_ = 0;
  void (*entry_)() = nullptr;
  void* fake_stack_ = nullptr;        // AddressSanitizer's
  void* sanitizer_thread_ = nullptr;  // ThreadSanitizer's
};

}  // namespace emulation
