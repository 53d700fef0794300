// fragments.cpp: what the lanes of a warp compute together. Compiled without ThreadSanitizer, for which one
// lane would seem to write the registers of others.
//
// Fragments are laid out as in the PTX ISA ("Matrix fragments for mma.m16n8k16 with floating point type", "... m16n8k8"
// and "ldmatrix"): whole matrices are put together from the lanes' registers, multiplied, and dealt out again. Sums are
// those of the tensor cores, which do not round: tensor_sums.h.
#include "fragments.h"

#include "tensor_sums.h"

namespace emulation {
namespace {

// m16n8k16 of 16-bit types: two elements in a register, the lower column in the lower half.
template <float (*to_float)(uint16_t), int least>
struct Pairs {
  static constexpr int depth = 16, least_exponent = least;  // of the normal numbers
  static float half_of(uint32_t pair, int k) { return to_float(uint16_t(pair >> (k % 2 * 16))); }
  static float a(const uint32_t* registers, int k, int high) { return half_of(registers[k / 8 * 2 + high], k); }
  static float b(const uint32_t* registers, int k) { return half_of(registers[k / 8], k); }
  static int lane(int k) { return k % 8 / 2; }  // among the four that share a row
};

// m16n8k8 of TF32: one element in a register, of which the unit does not read the last 13 bits.
struct Singles {
  static constexpr int depth = 8, least_exponent = -126;
  static float single(uint32_t bits) { return float_of_bits(bits & 0xffffe000); }
  static float a(const uint32_t* registers, int k, int high) { return single(registers[k / 4 * 2 + high]); }
  static float b(const uint32_t* registers, int k) { return single(registers[k / 4]); }
  static int lane(int k) { return k % 4; }
};

// c (16, 8) += a (16, depth) b (depth, 8). Rows i and i + 8 of a and c lie in the lanes 4 i .. 4 i + 3, column j of b
// in the lanes 4 j .. 4 j + 3.
template <class Layout>
void multiply(void* const brought[32], unsigned mask) {
  if (mask != 0xffffffffu) fail("a product of matrices needs all lanes of a warp");
  constexpr int depth = Layout::depth;
  const auto of = [brought](int lane) { return static_cast<const Operands*>(brought[lane]); };
  Factor a[16][depth], b[8][depth];
  for (int k = 0; k < depth; ++k) {
    for (int i = 0; i < 16; ++i)
      a[i][k] = factor_of(Layout::a(of(i % 8 * 4 + Layout::lane(k))->a, k, i / 8), Layout::least_exponent);
    for (int j = 0; j < 8; ++j)
      b[j][k] = factor_of(Layout::b(of(j * 4 + Layout::lane(k))->b, k), Layout::least_exponent);
  }
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 8; ++j) {
      float* const sum = of(i % 8 * 4 + j / 2)->c + i / 8 * 2 + j % 2;
      *sum = add_products(*sum, a[i], b[j], depth);
    }
}

}  // namespace

void multiply_halves(void* const brought[32], unsigned mask) { multiply<Pairs<float_of_half, -14>>(brought, mask); }
void multiply_bfloats(void* const brought[32], unsigned mask) { multiply<Pairs<float_of_bfloat, -126>>(brought, mask); }
void multiply_tf32(void* const brought[32], unsigned mask) { multiply<Singles>(brought, mask); }

// m16n8k32 of bytes, "Matrix fragments for mma.m16n8k32": four columns in a register, the lowest in the lowest byte.
// Those of a have no sign.
void multiply_bytes(void* const brought[32], unsigned mask) {
  if (mask != 0xffffffffu) fail("a product of matrices needs all lanes of a warp");
  const auto of = [brought](int lane) { return static_cast<const ByteOperands*>(brought[lane]); };
  const auto byte = [](uint32_t four, int k) { return uint8_t(four >> k % 4 * 8); };
  int a[16][32], b[32][8];
  for (int k = 0; k < 32; ++k) {
    const int lane = k % 16 / 4;
    for (int i = 0; i < 16; ++i) a[i][k] = byte(of(i % 8 * 4 + lane)->a[k / 16 * 2 + i / 8], k);
    for (int j = 0; j < 8; ++j) b[k][j] = int8_t(byte(of(j * 4 + lane)->b[k / 16], k));
  }
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 8; ++j) {
      int32_t* sum = of(i % 8 * 4 + j / 2)->c + i / 8 * 2 + j % 2;
      for (int k = 0; k < 32; ++k) *sum = int32_t(uint32_t(*sum) + uint32_t(a[i][k] * b[k][j]));
    }
}

int64_t bank_conflicts;

// Eight rows of 16 bytes fill the 32 banks of four bytes just once.
static bool has_conflict(void* const brought[32], int matrix) {
  unsigned seen = 0;
  for (int row = 0; row < 8; ++row)
    seen |= 1u << uintptr_t(static_cast<const MatrixRow*>(brought[matrix * 8 + row])->address) / 16 % 8;
  return seen != 255;
}

// Row r of matrix m comes from lane 8 m + r; each of the lanes 4 r .. 4 r + 3 gets four bytes of it.
void deal_out_rows(void* const brought[32], unsigned mask) {
  if (mask != 0xffffffffu) fail("load_matrices needs all lanes of a warp");
  for (int m = 0; m < 4; ++m) {
    bank_conflicts += has_conflict(brought, m);
    for (int lane = 0; lane < 32; ++lane) {
      const MatrixRow* row = static_cast<const MatrixRow*>(brought[m * 8 + lane / 4]);
      memcpy(static_cast<MatrixRow*>(brought[lane])->registers + m, row->bytes + lane % 4 * 4, 4);
    }
  }
}

}  // namespace emulation
