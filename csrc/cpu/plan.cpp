// plan.cpp: triplets put once into the order in which the many passes of a fit are quickest; see planned.cpp.
//
// Division of the work. One thread, three counting sorts: it is as long as a few passes, of which a fit takes hundreds.
#include "plan.h"

#include "unpack.h"

namespace PA_ISA {
namespace {

// counts[k + 1] of each key k becomes where it begins.
void begin_at(int64_t* counts, int64_t keys) {
  for (int64_t k = 0; k < keys; ++k) counts[k + 1] += counts[k];
}

// Stable: out[.] = in[.] (NULL: 0, 1, 2 ...) in the order of position p of the triplets that they name.
void sort_by(const uint16_t* triplets, int p, int64_t t, int64_t n, const int64_t* in, int64_t* out, int64_t* next) {
  memset(next, 0, (n + 1) * sizeof *next);
  for (int64_t q = 0; q < t; ++q) ++next[triplets[3 * q + p] + 1];
  begin_at(next, n);
  for (int64_t q = 0; q < t; ++q) {
    const int64_t which = in ? in[q] : q;
    out[next[triplets[3 * which + p]]++] = which;
  }
}

bool copy_all(const pa_triplets* triplets, int64_t n, uint16_t* out) {
  Items items;
  for (int64_t q = 0; q < triplets->t; q += kTripletBlock) {
    const int64_t count = smaller(kTripletBlock, triplets->t - q);
    if (!unpack(triplets, q, count, n, &items)) return false;
    for (int64_t r = 0; r < count; ++r)
      for (int c = 0; c < 3; ++c) out[3 * (q + r) + c] = uint16_t(items.column[c][r]);
  }
  return true;
}

// Where the triplets of each band of item 0 begin, and those of each pair of bands among `others`, band 1 first.
void count_bands(const pa_triplet_plan* plan) {
  const int64_t bands = plan->bands;
  memset(plan->first, 0, (bands + 1) * sizeof *plan->first);
  memset(plan->second, 0, bands * bands * sizeof *plan->second);
  for (int64_t q = 0; q < plan->t; ++q) {
    const int64_t near = plan->items[3 * q] >> plan->shift, far = plan->items[3 * q + 1] >> plan->shift;
    ++plan->first[near + 1];
    ++plan->second[near * bands + far];
  }
  begin_at(plan->first, bands);
  int64_t start = 0;
  for (int64_t far = 0; far < bands; ++far)
    for (int64_t near = 0; near < bands; ++near) {
      const int64_t count = plan->second[near * bands + far];
      plan->second[near * bands + far] = start;
      start += count;
    }
}

void fill_others(const pa_triplet_plan* plan, int64_t* next) {
  for (int64_t near = 0; near < plan->bands; ++near) {
    memcpy(next, plan->second + near * plan->bands, plan->bands * sizeof *next);
    for (int64_t q = plan->first[near]; q < plan->first[near + 1]; ++q) {
      const uint16_t* item = plan->items + 3 * q;
      memcpy(plan->others + 2 * next[item[1] >> plan->shift]++, item + 1, 2 * sizeof *item);
    }
  }
}

}  // namespace

pa_status plan_triplets(const pa_triplets* triplets, const pa_triplet_plan* plan, int) {
  const int64_t t = triplets->t, n = plan->n;
  const Scratch<uint16_t> copy(larger(1, 3 * t));
  const Scratch<int64_t> other(larger(1, t)), next(larger(n, plan->bands) + 1);
  if (!copy.data || !other.data || !next.data) return PA_OUT_OF_MEMORY;
  if (!copy_all(triplets, n, copy.data)) return PA_INVALID_TRIPLETS;
  sort_by(copy.data, 1, t, n, nullptr, other.data, next.data);
  sort_by(copy.data, 0, t, n, other.data, plan->order, next.data);
  for (int64_t q = 0; q < t; ++q) memcpy(plan->items + 3 * q, copy.data + 3 * plan->order[q], 3 * sizeof *copy.data);
  count_bands(plan);
  fill_others(plan, next.data);
  return PA_OK;
}

}  // namespace PA_ISA
