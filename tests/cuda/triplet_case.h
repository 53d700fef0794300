// triplet_case.h: one call that reads triplets, its outputs, and their judge.
#pragma once

#include "check.h"

enum { CHOICES = 1, PROBABILITIES = 2, SIMILARITIES = 4, SUMS = 8, ALL = 15, kItems = 61 };

struct TripletCase {
  std::string name;
  Questions* questions;
  std::function<int(const pa_triplets&, const pa_cuda_wanted&, void* workspace)> call;
  pa_float_type result;
  std::vector<Expected> expected;  // (kItems, kItems)
  bool exact;                      // similarities are equal exactly where their ranks are
  double temperature;
  int wanted;
};

// Runs the case with these outputs wanted, each starting `offset` elements past an aligned address.
void check_outputs(TripletCase c, int wanted, int offset);
