// sizes.h: what each public function asks of its arguments' sizes, types and pointers, before a kernel sees them.
#pragma once

#include "kernels.h"

template <class Function>
struct Checked;
template <class... Parameters>
struct Checked<pa_status(Parameters...)> {
  typedef bool type(Parameters...);
};

// Whether a kernel can take the arguments; if not, `refusal` says why, until this thread's next call.
namespace sizes {
#define PA_CHECKED(name, count) Checked<decltype(pa_##name)>::type name;
PA_OPERATIONS(PA_CHECKED)
#undef PA_CHECKED

const char* refusal();  // "" where none was refused
void forget_refusal();
}  // namespace sizes
