// last_step.cuh: similarities from inner products that lie in the result already, made by the vendor's library.
//
// A block takes a tile of 64 x 64 of the result through shared memory, and the last step is that of the tiles that
// multiply. With x by itself nothing below the diagonal is read: what a product leaves there is written over by mirror
// images. A tile is read by the block that writes it, so that similarities take the place of their products.
//
// Predicted for an H100: 8 bytes an element from and to memory, 4 of them for each half of x by itself, at 3.35 TB/s:
// n = 4,096 in 40 us beyond the product, unless both stay in L2.
#pragma once

#include "tile.cuh"

namespace pa {
namespace {

template <class R>
struct Ready {
  static constexpr int tile = 64;
  static constexpr int pitch = tile + 16 / int(sizeof(R));
  static constexpr int memory = strip_bytes<R>(tile, pitch) / int(sizeof(R));
};

template <class T>
__global__ void __launch_bounds__(kThreads) last_step(const Job<T> job) {
  typedef Ready<Result<T>> R;
  alignas(16) __shared__ Result<T> strip[R::memory];
  const Tile at = tile_of_block<R::tile>(job, blockIdx.x);
  const int column = threadIdx.x % R::tile;
  const int64_t j = at.j0 + column;
  const int wanted = column_of<R::tile>(job, at, j).wanted;
  for (int row = threadIdx.x / R::tile; row < R::tile; row += kThreads / R::tile)
    strip[row * R::pitch + column] = row < wanted ? job.out[(at.i0 + row) * job.out_stride + j] : Result<T>(0);
  write_strip<Strip<R::tile, R::tile, R::pitch, kThreads>>(job, at, strip);
}

}  // namespace
}  // namespace pa
