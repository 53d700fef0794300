// check_resample.cpp: pa_cuda_resample_items.
#include "check.h"

struct ResampleCase {
  const int64_t n, lanes, v;
  Questions* questions;
  Memory multiplicities, values;
  Output sums, invalid;

  ResampleCase(int64_t items, int64_t resamples, int64_t rows, Questions* q)
      : n(items),
        lanes(resamples),
        v(rows),
        questions(q),
        multiplicities(size_t(items * resamples)),
        values(size_t(rows * q->t) * sizeof(int16_t)),
        sums(size_t((1 + rows) * resamples) * sizeof(int64_t)),
        invalid(sizeof(int32_t)) {
    for (int64_t k = 0; k < n * lanes; ++k) multiplicities.host()[k] = char(random_below(k % 7 ? 4 : 32));
    for (int64_t k = 0; k < v * q->t; ++k) {
      const int16_t value = int16_t(random_below(65536) - 32768);
      memcpy(values.host() + k * sizeof value, &value, sizeof value);
    }
    multiplicities.upload();
    values.upload();
  }

  int run(int64_t past = 0) {  // that many bytes past the multiplicities
    const int32_t before = 7;
    const pa_triplets triplets = questions->triplets();
    invalid.set(&before);
    const pa_resamples resamples = {reinterpret_cast<const int16_t*>(values.device()), v, lanes,
                                    static_cast<int64_t*>(sums.device())};
    return on_stream(pa_cuda_resample_items, &triplets, n,
                     reinterpret_cast<const uint8_t*>(multiplicities.device() + past), &resamples,
                     static_cast<int32_t*>(invalid.device()));
  }

  int64_t expected(int64_t row, int64_t lane) const {
    int64_t sum = 0;
    for (int64_t q = 0; q < questions->t; ++q) {
      if (!questions->valid(q)) continue;
      int64_t weight = 1;
      for (int k = 0; k < 3; ++k)
        weight *= uint8_t(multiplicities.host()[questions->plain[size_t(3 * q + k)] * lanes + lane]);
      int16_t value = 1;
      if (row > 0) memcpy(&value, values.host() + ((row - 1) * questions->t + q) * sizeof value, sizeof value);
      sum += weight * value;
    }
    return sum;
  }

  std::string judge() const {
    bool all_valid = true;
    for (int64_t q = 0; q < questions->t; ++q) all_valid = all_valid && questions->valid(q);
    for (int64_t k = 0; k < (1 + v) * lanes; ++k) {
      int64_t got;
      memcpy(&got, sums.host() + k * sizeof got, sizeof got);
      const int64_t want = expected(k / lanes, k % lanes);
      if (got != want)
        return text("sum %lld of lane %lld is %lld, not %lld", (long long)(k / lanes), (long long)(k % lanes),
                    (long long)got, (long long)want);
    }
    int32_t flag;
    memcpy(&flag, invalid.host(), sizeof flag);
    return flag == (all_valid ? 7 : 1) ? "" : text("the flag is %d", int(flag));
  }
};

static void check_one(const char* what, ResampleCase* c) {
  check_case({text("resample, %s, n %lld, t %lld, lanes %lld, v %lld, %s %s", what, (long long)c->n,
                   (long long)c->questions->t, (long long)c->lanes, (long long)c->v, index_names[c->questions->type],
                   layout_names[c->questions->layout]),
              {&c->sums, &c->invalid},
              [c] { return c->run(); },
              [c] { return c->judge(); }});
}

static void check_now(const char* what, int64_t n, int64_t lanes, int64_t v, Questions* questions) {
  ResampleCase c(n, lanes, v, questions);
  check_one(what, &c);
}

// Sizes around a step of a warp, what a block stages at once, and the least that a block takes; lanes for which a
// thread takes 8 and 16; rows of values for which one pass serves, with one tile and with two, and several.
static void check_random(int64_t t, int64_t lanes, int64_t v, int number) {
  const int64_t n = number % 2 ? 5 : 61;
  Questions questions(t, n, pa_index_type(number % 4), number % kLayouts);
  check_now("random", n, lanes, v, &questions);
  if (t == 0) return;
  Questions broken(t, n, PA_INT64, 0);
  broken.set(t / 2, number % 3, number % 2 ? n : -1);
  broken.set(t - 1, 0, n);  // two of them, so that two threads say so
  check_now("invalid", n, lanes, v, &broken);
}

static void check_types() {
  for (int type = 0; type < 4; ++type)
    for (int layout = 0; layout < kLayouts; ++layout) {
      Questions questions(37, 61, pa_index_type(type), layout);
      check_now("types", 61, 64, 1, &questions);
    }
}

// The largest weights and the values furthest from 0, in every triplet: one pair of items, or one triplet, is in all.
static void check_extremes(int64_t t, int64_t lanes, int16_t value) {
  Questions questions(t, 4, PA_INT32, 0);
  for (int64_t q = 0; q < t; ++q)
    for (int p = 0; p < 3; ++p) questions.set(q, p, p < 2 || value > 0 ? p : 2 + q % 2);
  ResampleCase c(4, lanes, 2, &questions);
  memset(c.multiplicities.host(), 31, c.multiplicities.bytes());
  for (int64_t k = 0; k < 2 * t; ++k) memcpy(c.values.host() + k * sizeof value, &value, sizeof value);
  c.multiplicities.upload();
  c.values.upload();
  check_one(value > 0 ? "largest values" : "least values", &c);
}

static void check_refused() {
  Questions questions(5, 61, PA_INT32, 0);
  ResampleCase whole(61, 64, 1, &questions), part(61, 96, 1, &questions);
  check_that(whole.run() == 0 && part.run() != 0, "resample: lanes that are no groups of 64 are refused");
  check_that(whole.run(8) != 0, "resample: multiplicities that are not aligned are refused");
}

void check_resample() {
  int number = 0;
  for (const int64_t t : {0, 1, 4, 15, 16, 17, 63, 255, 256, 257, 1023, 1024, 1025, 4097})
    for (const int64_t v : {0, 1, 2, 3, 7}) {
      ++number;
      if (quick ? number % 4 == 0 : number % 3 || t < 300) check_random(t, 64 * (1 + number % 7 % 4), v, number);
    }
  check_types();
  check_extremes(3000, 64, 32767);
  check_extremes(3000, 128, -32768);
  check_refused();
}
