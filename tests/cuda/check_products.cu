// check_products.cu: what mma.sync gives on the emulator, for test_tensor_cores.py to compare.
//
//   check_products SM TYPE < cases      TYPE: half, bfloat or tf32
//
// A case is a line of hexadecimal numbers: the sum c (32 bits), then depth factors a and as many b, 16 or 8. Each is
// put into another place of the matrices; the result of that place is printed, a line of 32 bits.
#include <stdio.h>
#include <stdlib.h>

#include "tensor_core.cuh"
#include "tensor_sums.h"

namespace {

// One element (i, j) of an instruction, from the fragments of the PTX ISA; everything else is zero.
struct Element {
  int i, j;
  uint32_t c, a[16], b[16];
};

template <class T>
__global__ void multiply_kernel(const Element* element, float* result, T type) {
  const int lane = int(threadIdx.x), row = lane / 4, at = lane % 4;
  uint32_t a[4] = {}, b[2] = {};
  for (int k = 0; k < 16; ++k) {
    const int shift = k % 2 * 16;
    if (k % 8 / 2 != at) continue;
    if (row == element->i % 8) a[k / 8 * 2 + element->i / 8] |= element->a[k] << shift;
    if (row == element->j) b[k / 8] |= element->b[k] << shift;
  }
  float c[4] = {};
  const int mine = row == element->i % 8 && at == element->j / 2 ? element->i / 8 * 2 + element->j % 2 : -1;
  if (mine >= 0) memcpy(&c[mine], &element->c, sizeof c[mine]);
  pa::multiply_add(c, a, b, type);
  if (mine >= 0) *result = c[mine];
}

__global__ void multiply_tf32_kernel(const Element* element, float* result) {
  const int lane = int(threadIdx.x), row = lane / 4, at = lane % 4;
  uint32_t a[4] = {}, b[2] = {};
  for (int k = at; k < 8; k += 4) {
    if (row == element->i % 8) a[k / 4 * 2 + element->i / 8] = element->a[k];
    if (row == element->j) b[k / 4] = element->b[k];
  }
  float c[4] = {};
  const int mine = row == element->i % 8 && at == element->j / 2 ? element->i / 8 * 2 + element->j % 2 : -1;
  if (mine >= 0) memcpy(&c[mine], &element->c, sizeof c[mine]);
  pa::multiply_add_tf32(c, a, b);
  if (mine >= 0) *result = c[mine];
}

void multiply(const char* type, const Element& element, float* result) {
  if (strcmp(type, "half") == 0)
    PA_LAUNCH(multiply_kernel<pa::Half>, 1, 32, emulation::some_stream(), &element, result, pa::Half{});
  else if (strcmp(type, "bfloat") == 0)
    PA_LAUNCH(multiply_kernel<pa::Bfloat>, 1, 32, emulation::some_stream(), &element, result, pa::Bfloat{});
  else PA_LAUNCH(multiply_tf32_kernel, 1, 32, emulation::some_stream(), &element, result);
}

bool read_numbers(uint32_t* numbers, int count) {
  for (int k = 0; k < count; ++k)
    if (scanf("%x", &numbers[k]) != 1) return false;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  emulation::set_tensor_core(atoi(argv[1]));
  const int depth = strcmp(argv[2], "tf32") == 0 ? 8 : 16;
  Element element = {};
  for (int at = 0; read_numbers(&element.c, 1); at = (at + 37) % 128) {
    element.i = at / 8;
    element.j = at % 8;
    if (!read_numbers(element.a, depth) || !read_numbers(element.b, depth)) return 2;
    float result = 0.0f;
    uint32_t bits;
    multiply(argv[2], element, &result);
    memcpy(&bits, &result, sizeof bits);
    printf("%08x\n", bits);
  }
  return 0;
}
