// tensor_core.cuh: the instructions that CUDA C++ has no plain words for: asynchronous copies, matrix loads and
// multiply-adds of a warp. All exist since sm_80. Under PA_EMULATION their twins in tests/cuda stand in.
//
// Fragments as in the PTX ISA, section "Warp-level matrix multiply-accumulate": a lane holds row lane / 4 (and 8 more)
// of A and C, column lane / 4 of B; its four bytes at lane % 4 of every 16 are those that ldmatrix gives it. So one
// layout in bytes serves 16 features of two bytes (m16n8k16) and 8 features of four (m16n8k8).
#pragma once

#include "common.cuh"

#ifdef PA_EMULATION
#include "tensor_core_emulation.h"
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace pa {

__device__ inline float to_float(Half v) { return __half2float(__ushort_as_half(v.bits)); }
__device__ inline float to_float(Bfloat v) { return __uint_as_float(uint32_t(v.bits) << 16); }

// To the nearest value of a type, from what it is computed in.
template <class O>
__device__ O rounded(Result<O> v) {
  return v;
}
template <>
__device__ inline Half rounded<Half>(float v) {
  return {__half_as_ushort(__float2half_rn(v))};
}
template <>
__device__ inline Bfloat rounded<Bfloat>(float v) {
  return {__bfloat16_as_ushort(__float2bfloat16_rn(v))};
}

__device__ inline uint32_t shared_address(const void* shared) { return uint32_t(__cvta_generic_to_shared(shared)); }

// Four 8 x 8 matrices of two-byte elements; lane l gives the address of row l % 8 of matrix l / 8 (16 aligned bytes).
__device__ inline void load_matrices(uint32_t (&r)[4], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(shared_row))
               : "memory");
}

// c += a b, without rounding: sums of tensor cores lose what does not fit (docs/numbers.md). All lanes of a warp have
// to come to a .sync instruction together. To a compiler an asm that is not volatile is a function of its operands: it
// may be copied, merged with an equal one, dropped, or moved to where a value is used, into a branch that some lanes
// take.
__device__ inline void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Half) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ inline void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Bfloat) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ inline void multiply_add_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// blockIdx.x, asked for where it stands: what is computed from it need not be kept until then.
__device__ inline unsigned block_now() {
  unsigned block;
  asm volatile("mov.u32 %0, %%ctaid.x;" : "=r"(block));
  return block;
}

// To nearest; without it the tensor cores cut the last 13 bits off. Halves go to the even neighbor where one
// instruction does that (sm_90), else away from zero, which takes two.
__device__ inline uint32_t to_tf32(float v) {
  uint32_t bits;
#if __CUDA_ARCH__ >= 900
  asm("cvt.rn.tf32.f32 %0, %1;" : "=r"(bits) : "f"(v));
#else
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(v));
#endif
  return bits;
}

// 16 bytes to shared memory, those past the first `bytes` zero; both addresses aligned to 16. L1 is passed by.
__device__ inline void copy_async_16(void* shared, const void* global, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
               "l"(__cvta_generic_to_global(global)), "r"(bytes)
               : "memory");
}

// Copies since the last commit become a group; copy_wait<N> waits until at most the N youngest groups are on the way.
__device__ inline void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

template <int N>
__device__ void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// c (16, 8) += a (16, 32) b (32, 8) for bytes, those of a without a sign; exact, and modulo 2^32.
__device__ inline void multiply_add_bytes(int32_t (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace pa
#endif
