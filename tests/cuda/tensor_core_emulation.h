// tensor_core_emulation.h: the device functions of tensor_core.cuh that have no meaning in C++, for the emulator.
//
// An asynchronous copy makes its destination all ones when it is asked for and lands when it is waited for: what reads
// in between reads NaN, and a destination still in use by another thread is a race for ThreadSanitizer.
#pragma once

#include "fragments.h"

namespace pa {

inline float to_float(Half value) { return emulation::float_of_half(value.bits); }
inline float to_float(Bfloat value) { return emulation::float_of_bfloat(value.bits); }

template <class O>
O rounded(Result<O> value) {
  return value;
}
template <>
inline Half rounded<Half>(float value) {
  return {emulation::half_of_float(value)};
}
template <>
inline Bfloat rounded<Bfloat>(float value) {
  return {emulation::bfloat_of_float(value)};
}

// Round to nearest, ties away from zero, as cvt.rna: 10 bits of mantissa stay.
inline uint32_t to_tf32(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return isfinite(value) ? (bits + 0x1000) & 0xffffe000 : bits;
}

inline unsigned block_now() { return blockIdx.x; }

inline void load_matrices(uint32_t (&r)[4], const void* shared_row, PA_CALLED_FROM) {
  emulation::must_be_aligned(shared_row, "load_matrices");
  if (!emulation::is_shared(shared_row, 16)) emulation::fail("load_matrices reads outside shared memory");
  emulation::MatrixRow row = {shared_row, {}, r};
  memcpy(row.bytes, shared_row, 16);  // here, where the sanitizers see which lane reads what
  emulation::meet(0xffffffffu, emulation::deal_out_rows, &row, "load_matrices", file, line);
}

inline void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Half, PA_CALLED_FROM) {
  emulation::Operands operands = {c, a, b};
  emulation::meet(0xffffffffu, emulation::multiply_halves, &operands, "multiply_add of halves", file, line);
}

inline void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Bfloat, PA_CALLED_FROM) {
  emulation::Operands operands = {c, a, b};
  emulation::meet(0xffffffffu, emulation::multiply_bfloats, &operands, "multiply_add of bfloats", file, line);
}

inline void multiply_add_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], PA_CALLED_FROM) {
  emulation::Operands operands = {c, a, b};
  emulation::meet(0xffffffffu, emulation::multiply_tf32, &operands, "multiply_add_tf32", file, line);
}

inline void copy_async_16(void* shared, const void* global, int bytes) {
  emulation::must_be_aligned(shared, "copy_async_16");
  if (bytes > 0) emulation::must_be_aligned(global, "copy_async_16");
  if (bytes < 0 || bytes > 16) emulation::fail("copy_async_16 of %d bytes", bytes);
  if (!emulation::is_shared(shared, 16)) emulation::fail("copy_async_16 writes outside shared memory");
  emulation::AsyncCopies& copies = emulation::async_copies();
  emulation::AsyncCopy copy = {shared, {}, copies.group};
  memcpy(copy.bytes, global, size_t(bytes));
  memset(shared, 0xff, 16);
  copies.waiting.push_back(copy);
}

inline void copy_commit() { ++emulation::async_copies().group; }

// All groups but the last N land. Copies that were not committed to a group do not.
template <int N>
void copy_wait() {
  emulation::AsyncCopies& copies = emulation::async_copies();
  size_t kept = 0;
  for (const emulation::AsyncCopy& copy : copies.waiting)
    if (copy.group < copies.group - N) memcpy(copy.to, copy.bytes, 16);
    else copies.waiting[kept++] = copy;
  copies.waiting.resize(kept);
}

inline void multiply_add_bytes(int32_t (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], PA_CALLED_FROM) {
  emulation::ByteOperands operands = {c, a, b};
  emulation::meet(0xffffffffu, emulation::multiply_bytes, &operands, "multiply_add_bytes", file, line);
}

}  // namespace pa
