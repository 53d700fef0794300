// check_tiles.cu: which tile a block takes, in matrices that are far larger than memory.
#include "check.h"
#include "tile.cuh"

namespace {

constexpr int kTileSide = 128;

__global__ void find_tiles(pa::Job<float> job, pa::Tile* found) {
  found[blockIdx.x] = pa::tile_of_block<kTileSide>(job, blockIdx.x);
}

// Tiles first, first + 1, ... as they are numbered: down the columns, for x with itself to the diagonal.
std::string wrong_tile(const pa::Job<float>& job, const pa::Tile* found, int count) {
  const int64_t down = (job.x.n + kTileSide - 1) / kTileSide;
  for (int k = 0; k < count; ++k) {
    const int64_t tile = job.first_tile + k, i = found[k].i0 / kTileSide, j = found[k].j0 / kTileSide;
    const bool starts = found[k].i0 == i * kTileSide && found[k].j0 == j * kTileSide;
    const bool right =
        job.symmetric ? 0 <= i && i <= j && j * (j + 1) / 2 + i == tile : j * down + i == tile && i < down;
    if (!starts || !right) return text("tile %lld lies at %lld, %lld", (long long)tile, (long long)i, (long long)j);
  }
  return "";
}

void check_some(int64_t n, int64_t m, bool symmetric, int64_t first) {
  constexpr int kMostFound = 40;
  pa::Tile found[kMostFound];
  pa::Job<float> job = {};
  job.x.n = n;
  job.y.n = m;
  job.symmetric = symmetric;
  const int64_t all = pa::tiles_of<kTileSide>(job), last = all > kMostFound ? all - kMostFound : 0;
  job.first_tile = first < last ? first : last;
  const int count = int(all < kMostFound ? all : kMostFound);
  PA_LAUNCH(find_tiles, count, 1, stream_of_checks(), job, found);
  const std::string why = wrong_tile(job, found, count);
  check_that(why.empty(),
             text("n %lld, m %lld%s: %s", (long long)n, (long long)m, symmetric ? ", symmetric" : "", why.c_str()));
}

}  // namespace

void check_tiles() {
  constexpr int64_t most = 2147483647;
  for (const int64_t n : {int64_t(1), int64_t(128), int64_t(129), int64_t(5000), int64_t(9000000), most}) {
    for (int k = 0; k < 20; ++k) {
      const int64_t j = random_below((n + kTileSide - 1) / kTileSide);
      check_some(n, n, true, j * (j + 1) / 2 - (j > 20 ? 20 : 0));  // around the first tile of a column
    }
    check_some(n, n, true, most * most);
    check_some(n, most, false, random_below(n / kTileSide + 1) * 100000);
    check_some(n, most, false, most * most);
  }
}
