// fiber.cpp: changing stacks, and telling the sanitizers. Compiled without ThreadSanitizer, which would follow the
// calls of one stack onto the other; PA_EMULATION_THREAD_SANITIZER says that the kernels are compiled with it.
#include "fiber.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef PA_EMULATION_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

#ifdef __x86_64__
// Saves what a callee must keep, changes stacks, and restores. ucontext would ask the kernel for the signal mask.
extern "C" void emulation_change_stacks(void** save, void* load);
asm(R"(
.text
.globl emulation_change_stacks
.hidden emulation_change_stacks
.type emulation_change_stacks, @function
emulation_change_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulation_change_stacks, . - emulation_change_stacks
)");
#else
#include <ucontext.h>
#endif

namespace emulation {
namespace {

constexpr size_t kStackBytes = 256 << 10, kGuardBytes = 64 << 10;

Fiber *left, *entered;  // by the change under way

void* new_stack() {
  char* memory = static_cast<char*>(mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (memory == MAP_FAILED || mprotect(memory, kGuardBytes, PROT_NONE) != 0) {
    fputs("CUDA emulation: no memory for a stack\n", stderr);
    abort();
  }
  return memory + kGuardBytes;
}

}  // namespace

Fiber::Fiber() {
#ifndef __x86_64__
  context_ = new ucontext_t;
#endif
#ifdef PA_EMULATION_THREAD_SANITIZER
  sanitizer_thread_ = __tsan_get_current_fiber();
#endif
}

Fiber::Fiber(void (*entry)()) : stack_(new_stack()), stack_bytes_(kStackBytes), entry_(entry) {
#ifdef __x86_64__
  // As if begin() had been called from address 0 and left at once: six registers, where to return, its caller.
  void** top = reinterpret_cast<void**>(static_cast<char*>(const_cast<void*>(stack_)) + stack_bytes_) - 8;
  for (int k = 0; k < 8; ++k) top[k] = nullptr;
  top[6] = reinterpret_cast<void*>(&Fiber::begin);
  stack_pointer_ = top;
#else
  ucontext_t* context = new ucontext_t;
  getcontext(context);
  context->uc_stack.ss_sp = const_cast<void*>(stack_);
  context->uc_stack.ss_size = stack_bytes_;
  context->uc_link = nullptr;
  makecontext(context, &Fiber::begin, 0);
  context_ = context;
#endif
}

Identity::Identity() {
#ifdef PA_EMULATION_THREAD_SANITIZER
  sanitizer_thread_ = __tsan_create_fiber(0);
#endif
}

void Fiber::begin() {
  arrived(entered);
  entered->entry_();
  abort();
}

void Fiber::arrived([[maybe_unused]] Fiber* here) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(here->fake_stack_, &left->stack_, &left->stack_bytes_);
#endif
}

void Fiber::change(Fiber* from, Fiber* to) {
  left = from;
  entered = to;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&from->fake_stack_, to->stack_, to->stack_bytes_);
#endif
#ifdef PA_EMULATION_THREAD_SANITIZER
  __tsan_switch_to_fiber(to->sanitizer_thread_, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef __x86_64__
  emulation_change_stacks(&from->stack_pointer_, to->stack_pointer_);
#else
  swapcontext(static_cast<ucontext_t*>(from->context_), static_cast<ucontext_t*>(to->context_));
#endif
  arrived(from);
}

}  // namespace emulation
