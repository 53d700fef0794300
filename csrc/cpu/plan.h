// plan.h: how many bands of rows a plan has.
#pragma once

#include <stdint.h>

constexpr int64_t kMostItems = 1 << 16;  // items are 16-bit numbers
constexpr int64_t kMostBands = 64;       // so many stretches are written at once; of 1,854 items a band is 237 KB

// Rows per band, as a power of two: the least that leaves at most kMostBands.
static inline int plan_shift(int64_t n) {
  int shift = 0;
  while (n > (kMostBands << shift)) ++shift;
  return shift;
}

static inline int64_t plan_bands(int64_t n) {
  const int64_t rows = int64_t(1) << plan_shift(n);
  return (n + rows - 1) / rows;
}
