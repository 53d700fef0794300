// check_fragments.cu: the emulator's tensor cores and asynchronous copies.
#include "tensor_core.cuh"

void check_that(bool holds, const char* what);  // check_emulation.cu

namespace {

void* const stream = emulation::some_stream();

// --- fragments

float element(int i, int k) { return float((i * 7 + k * 5) % 9 - 4) * 0.25f; }
uint16_t half_bits(float value, pa::Half) {  // of multiples of 1/4 below 4
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return value == 0.0f ? 0 : uint16_t((bits >> 16 & 0x8000) | ((bits >> 23 & 0xff) - 112) << 10 | (bits >> 13 & 0x3ff));
}
uint16_t half_bits(float value, pa::Bfloat) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return uint16_t(bits >> 16);
}

// a (16, 16) and b (8, 16) in rows of features; registers from ldmatrix must be those of the PTX ISA's formulas.
template <class T>
__global__ void half_kernel(const uint16_t* a, const uint16_t* b, float* c, int* same) {
  __shared__ __align__(16) uint16_t rows[24][16];
  const int lane = int(threadIdx.x), group = lane / 4, in_group = lane % 4;
  for (int k = lane; k < 16 * 16; k += 32) rows[k / 16][k % 16] = a[k];
  for (int k = lane; k < 8 * 16; k += 32) rows[16 + k / 16][k % 16] = b[k];
  __syncwarp();
  uint32_t ra[4], rb[4];
  pa::load_matrices(ra, &rows[lane % 16][lane / 16 * 8]);
  pa::load_matrices(rb, &rows[16 + lane % 8][lane / 8 % 2 * 8]);
  same[lane] = 1;
  for (int e = 0; e < 8; ++e) {
    const int row = e < 2 || (e >= 4 && e < 6) ? group : group + 8, column = in_group * 2 + (e & 1) + (e < 4 ? 0 : 8);
    same[lane] &= uint16_t(ra[e / 2] >> (e % 2 * 16)) == a[row * 16 + column];
  }
  for (int e = 0; e < 4; ++e) {
    const int k = in_group * 2 + (e & 1) + (e < 2 ? 0 : 8);
    same[lane] &= uint16_t(rb[e / 2] >> (e % 2 * 16)) == b[group * 16 + k];
  }
  float sums[4] = {100.0f, 100.0f, 100.0f, 100.0f};
  const uint32_t two[2] = {rb[0], rb[1]};
  pa::multiply_add(sums, ra, two, T{});
  for (int e = 0; e < 4; ++e) c[(e < 2 ? group : group + 8) * 8 + in_group * 2 + (e & 1)] = sums[e];
}

__global__ void tf32_kernel(const float* a, const float* b, float* c) {
  const int lane = int(threadIdx.x), group = lane / 4, in_group = lane % 4;
  uint32_t ra[4], rb[2];
  for (int e = 0; e < 4; ++e) ra[e] = pa::to_tf32(a[(e % 2 ? group + 8 : group) * 8 + in_group + (e < 2 ? 0 : 4)]);
  for (int e = 0; e < 2; ++e) rb[e] = pa::to_tf32(b[group * 8 + in_group + 4 * e]);
  float sums[4] = {100.0f, 100.0f, 100.0f, 100.0f};
  pa::multiply_add_tf32(sums, ra, rb);
  for (int e = 0; e < 4; ++e) c[(e < 2 ? group : group + 8) * 8 + in_group * 2 + (e & 1)] = sums[e];
}

bool is_product(const float* c, int depth) {
  bool right = true;
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 8; ++j) {
      float sum = 100.0f;
      for (int k = 0; k < depth; ++k) sum += element(i, k) * element(20 + j, k);
      right &= c[i * 8 + j] == sum;
    }
  return right;
}

template <class T>
void check_halves(const char* name) {
  uint16_t a[16 * 16], b[8 * 16];
  float c[16 * 8];
  int same[32], all = 1;
  const int64_t conflicts = emulation::bank_conflicts;
  for (int k = 0; k < 16 * 16; ++k) a[k] = half_bits(element(k / 16, k % 16), T{});
  for (int k = 0; k < 8 * 16; ++k) b[k] = half_bits(element(20 + k / 16, k % 16), T{});
  PA_LAUNCH(half_kernel<T>, 1, 32, stream, a, b, c, same);
  for (const int lane : same) all &= lane;
  check_that(emulation::bank_conflicts == conflicts + 8, "rows 32 bytes apart meet in the banks");
  check_that(all, "ldmatrix deals out the fragments of m16n8k16");
  check_that(is_product(c, 16), name);
}

void check_tf32() {
  float a[16 * 8], b[8 * 8], c[16 * 8];
  for (int k = 0; k < 16 * 8; ++k) a[k] = element(k / 8, k % 8);
  for (int k = 0; k < 8 * 8; ++k) b[k] = element(20 + k / 8, k % 8);
  PA_LAUNCH(tf32_kernel, 1, 32, stream, a, b, c);
  check_that(is_product(c, 8), "m16n8k8 of TF32 is the product");
  const float one = 1.0f, up = one + 0x1p-11f, down = one + 0x1p-11f - 0x1p-23f;
  check_that(emulation::float_of_bits(pa::to_tf32(up)) == one + 0x1p-10f &&
                 emulation::float_of_bits(pa::to_tf32(-up)) == -one - 0x1p-10f,
             "TF32 rounds ties away from zero");
  check_that(emulation::float_of_bits(pa::to_tf32(down)) == one, "TF32 rounds to nearest");
  check_that(
      isinf(emulation::float_of_bits(pa::to_tf32(INFINITY))) && isnan(emulation::float_of_bits(pa::to_tf32(NAN))),
      "TF32 keeps infinity and NaN");
}

// --- bytes: a (16, 32) without signs, b (32, 8) with

int byte_of(int i, int k, int seed) { return (i * 73 + k * 151 + seed) % 256; }

__global__ void byte_kernel(int32_t* c) {
  const int lane = int(threadIdx.x), group = lane / 4, in_group = lane % 4;
  uint32_t a[4] = {}, b[2] = {};
  for (int i = 0; i < 16; ++i)  // the formulas of the ISA: element i of a lane's 16
    a[i / 4] |=
        uint32_t(byte_of(i < 4 || (i >= 8 && i < 12) ? group : group + 8, in_group * 4 + (i & 3) + (i < 8 ? 0 : 16), 5))
        << i % 4 * 8;
  for (int i = 0; i < 8; ++i)
    b[i / 4] |= uint32_t(byte_of(in_group * 4 + (i & 3) + (i < 4 ? 0 : 16), group, 11)) << i % 4 * 8;
  int32_t sums[4] = {100, 100, 100, 100};
  pa::multiply_add_bytes(sums, a, b);
  for (int e = 0; e < 4; ++e) c[(e < 2 ? group : group + 8) * 8 + in_group * 2 + (e & 1)] = sums[e];
}

void check_bytes() {
  int32_t c[16 * 8];
  bool right = true;
  PA_LAUNCH(byte_kernel, 1, 32, stream, c);
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 8; ++j) {
      int32_t sum = 100;
      for (int k = 0; k < 32; ++k) sum += byte_of(i, k, 5) * int8_t(byte_of(k, j, 11));
      right &= c[i * 8 + j] == sum;
    }
  check_that(right, "m16n8k32 of bytes is the product, b with signs");
  check_that(__dp4a(0xff020304u, 0xff000100u, 7u) == 7 + 255 * 255 + 3, "a dot product of four bytes");
  check_that(__dp2a_lo(0xfe010002u, 0x0605ff03u, 1u) == 1 + 2 * 3 + 0xfe01u * 255,
             "a dot product with the lower bytes");
  check_that(__dp2a_hi(0xfe010002u, 0xff030605u, 1u) == 1 + 2 * 3 + 0xfe01u * 255, "and with the upper bytes");
  check_that(__byte_perm(0x33221100u, 0x77665544u, 0x7250u) == 0x77225500u, "bytes are chosen from two numbers");
}

void check_halves_one_by_one() {
  check_that(pa::to_float(pa::Half{0x3c00}) == 1.0f && pa::to_float(pa::Half{0xc500}) == -5.0f, "halves");
  check_that(pa::to_float(pa::Half{1}) == 0x1p-24f && pa::to_float(pa::Half{0x7bff}) == 65504.0f, "ends of the halves");
  check_that(isinf(pa::to_float(pa::Half{0xfc00})) && isnan(pa::to_float(pa::Half{0x7c01})), "halves without a number");
  check_that(pa::to_float(pa::Bfloat{0xc0a0}) == -5.0f, "bfloats");
}

// --- asynchronous copies: two groups, of which the first has landed

__global__ void copy_kernel(const float* x, float* first, float* early, float* second) {
  __shared__ __align__(16) float to[2][4];
  pa::copy_async_16(to[0], x, 16);
  pa::copy_commit();
  pa::copy_async_16(to[1], x + 4, 8);
  pa::copy_commit();
  pa::copy_wait<1>();
  for (int k = 0; k < 4; ++k) first[k] = to[0][k];
  for (int k = 0; k < 4; ++k) early[k] = to[1][k];
  pa::copy_wait<0>();
  for (int k = 0; k < 4; ++k) second[k] = to[1][k];
}

void check_copies() {
  alignas(16) const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  float first[4], early[4], second[4];
  PA_LAUNCH(copy_kernel, 1, 1, stream, x, first, early, second);
  check_that(memcmp(first, x, 16) == 0 && memcmp(second, x + 4, 8) == 0, "copies land when waited for");
  check_that(second[2] == 0.0f && second[3] == 0.0f, "copies fill up with zeros");
  check_that(isnan(early[0]) && isnan(early[3]), "a copy that was not waited for is NaN");
}

}  // namespace

void check_fragments() {
  check_halves<pa::Half>("m16n8k16 of halves is the product");
  check_halves<pa::Bfloat>("m16n8k16 of bfloats is the product");
  check_halves_one_by_one();
  check_tf32();
  check_bytes();
  check_copies();
}
