// triplet_case.cpp: runs a call that reads triplets, and judges every output against the definitions.
#include "triplet_case.h"

namespace {

struct Outputs {
  Output choices, probabilities, similarities, sums, invalid;
  Memory workspace;

  Outputs(int64_t t, size_t size, int offset)
      : choices(size_t(t), size_t(offset)),
        probabilities(size_t(3 * t) * size, size_t(offset) * size),
        similarities(size_t(3 * t) * size, size_t(offset) * size),
        sums(7 * sizeof(double)),
        invalid(sizeof(int32_t)),
        workspace(size_t(pa_cuda_sums_workspace(t))) {}
  double sum(int member) const { return get(sums.host(), PA_FLOAT64, member); }
  int32_t flag() const {
    int32_t value;
    memcpy(&value, invalid.host(), sizeof value);
    return value;
  }
};

constexpr int32_t kFlagBefore = 7;  // stays where all triplets are valid

int run(const TripletCase& c, Outputs* o) {
  o->invalid.set(&kFlagBefore);
  o->workspace.upload();  // nothing that could be taken for sums
  const pa_cuda_wanted want = {c.wanted & CHOICES ? static_cast<int8_t*>(o->choices.device()) : nullptr,
                               c.wanted & PROBABILITIES ? o->probabilities.device() : nullptr,
                               c.wanted & SIMILARITIES ? o->similarities.device() : nullptr,
                               c.wanted & SUMS ? static_cast<double*>(o->sums.device()) : nullptr,
                               c.temperature,
                               static_cast<int32_t*>(o->invalid.device())};
  return c.call(c.questions->triplets(), want, c.wanted & SUMS ? o->workspace.device() : nullptr);
}

// --- judging

std::string wrong_unasked(const TripletCase& c, const Outputs& o) {
  const Output* const all[4] = {&o.choices, &o.probabilities, &o.similarities, &o.sums};
  for (int k = 0; k < 4; ++k)
    if (!(c.wanted >> k & 1) && !all[k]->untouched(0, int64_t(all[k]->bytes())))
      return text("wrote output %d unasked", k);
  return "";
}

std::string wrong_number(const char* what, int64_t q, int k, double got, double value, double margin) {
  if (fabs(got - value) <= margin || (isnan(got) && isnan(value))) return "";
  return text("%s [%lld, %d] is %.9g, not %.9g +- %.2g", what, (long long)q, k, got, value, margin);
}

std::string wrong_answer(const TripletCase& c, const Outputs& o, int64_t q, const Expected s[3], const Answer& answer) {
  const int choice = o.choices.host()[q];
  if (c.wanted & CHOICES && answer.sure && choice != answer.odd)
    return text("choice %lld is %d, not %d", (long long)q, choice, answer.odd);
  std::string why;
  for (int k = 0; k < 3 && why.empty(); ++k) {
    if (c.wanted & PROBABILITIES)
      why = wrong_number("probability", q, k, get(o.probabilities.host(), c.result, 3 * q + k), answer.p[k],
                         answer.p_margin[k]);
    if (c.wanted & SIMILARITIES && why.empty())
      why = wrong_number("similarity", q, k, get(o.similarities.host(), c.result, 3 * q + k), s[2 - k].value,
                         s[2 - k].margin);
  }
  return why;
}

// What the sums over the valid triplets must be: the members of pa_sums in their order.
struct NaiveSums {
  double value[7] = {}, margin[7] = {};
  bool all_valid = true;

  // Counts must be equal, except that each unsure triplet may have moved one of them.
  void add(const Answer& answer, int64_t t) {
    if (answer.human) ++value[answer.at_maximum - 1];
    if (answer.at_maximum > 1) ++value[answer.at_maximum + 1];
    for (int k = 0; k < 5; ++k) margin[k] += !answer.sure;
    value[5] += answer.cross_entropy;
    value[6] += answer.entropy;
    margin[5] += answer.cross_entropy_margin + ldexp(double(t) * fabs(answer.cross_entropy), -52);
    margin[6] += answer.entropy_margin + ldexp(double(t) * fabs(answer.entropy), -52);
  }
};

std::string wrong_sums(const Outputs& o, const NaiveSums& want) {
  static const char* const names[7] = {"right[0]", "right[1]",      "right[2]", "ties[0]",
                                       "ties[1]",  "cross entropy", "entropy"};
  for (int k = 0; k < 7; ++k)
    if (!(fabs(o.sum(k) - want.value[k]) <= want.margin[k]))
      return text("%s is %.12g, not %.12g", names[k], o.sum(k), want.value[k]);
  return "";
}

std::string wrong_triplet(const TripletCase& c, const Outputs& o, int64_t q, NaiveSums* sums) {
  const int64_t* item = &c.questions->plain[size_t(3 * q)];
  const auto pair = [&](int p, int r) { return c.expected[size_t(item[p] * kItems + item[r])]; };
  if (c.questions->valid(q)) {
    const Expected s[3] = {pair(1, 2), pair(0, 2), pair(0, 1)};
    const Answer answer = answer_of(s, c.exact, c.temperature, c.result);
    sums->add(answer, c.questions->t);
    return wrong_answer(c, o, q, s, answer);
  }
  const Expected none[3] = {{NAN, 0, 0}, {NAN, 0, 0}, {NAN, 0, 0}};
  Answer no_answer;
  for (double& p : no_answer.p) p = NAN;
  sums->all_valid = false;
  return wrong_answer(c, o, q, none, no_answer);
}

std::string judge(const TripletCase& c, const Outputs& o) {
  NaiveSums sums;
  std::string why = wrong_unasked(c, o);
  for (int64_t q = 0; q < c.questions->t && why.empty(); ++q) why = wrong_triplet(c, o, q, &sums);
  if (!why.empty()) return why;
  if (o.flag() != (sums.all_valid ? kFlagBefore : 1)) return text("the flag is %d", int(o.flag()));
  return c.wanted & SUMS ? wrong_sums(o, sums) : "";
}

}  // namespace

void check_outputs(TripletCase c, int wanted, int offset) {
  c.wanted = wanted;
  Outputs o(c.questions->t, size_of(c.result), offset);
  check_case({text("%s, t %lld, %s %s, outputs %d, T %g", c.name.c_str(), (long long)c.questions->t,
                   index_names[c.questions->type], layout_names[c.questions->layout], wanted, c.temperature),
              {&o.choices, &o.probabilities, &o.similarities, &o.sums, &o.invalid},
              [&] { return run(c, &o); },
              [&] { return judge(c, o); }});
}
