// threads.h: where the threads of `#pragma omp` come from: the compiler's OpenMP, the pool of pool.cpp, which stands
// in for it where there is no library of OpenMP, or nowhere: then one thread does all, with the same results.
#pragma once

#if defined(PA_THREAD_POOL)
extern "C" {
int omp_get_thread_num(void);
int omp_get_max_threads(void);
int omp_get_num_procs(void);
}
#elif defined(_OPENMP)
#include <omp.h>
#else
#define PA_ONE_THREAD
static inline int omp_get_thread_num(void) { return 0; }
static inline int omp_get_max_threads(void) { return 1; }
static inline int omp_get_num_procs(void) { return 1; }
#endif
