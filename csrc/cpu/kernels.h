// kernels.h: the table of kernels that one instruction set offers. dispatch.cpp picks a table; each ISA unit fills one.
//
// A kernel is the function of pyalign.h with the number of threads behind its parameters, in the namespace of its
// instruction set.
//
// Every .cpp that includes this file except dispatch.cpp is compiled once per instruction set, with PA_ISA naming the
// namespace. Such units use no inline library templates: a weak symbol built for AVX-512 could be linked into the base
// path and crash an older processor.
#pragma once

#include "pyalign.h"
#include "pyalign_operations.h"

template <class Function>
struct Threaded;
template <class... Parameters>
struct Threaded<pa_status(Parameters...)> {
  typedef pa_status type(Parameters..., int threads);
};

#define PA_KERNEL(name, count) Threaded<decltype(pa_##name)>::type name;
#define PA_KERNEL_POINTER(name, count) Threaded<decltype(pa_##name)>::type* name;

struct Kernels {
  PA_OPERATIONS(PA_KERNEL_POINTER)
};

#define PA_DECLARE_ISA(isa) \
  namespace isa {           \
  PA_OPERATIONS(PA_KERNEL)  \
  }
