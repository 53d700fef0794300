// native.cpp: the CPU kernels as a Python module. Each function unpacks, releases the GIL, and calls. `Rows` and
// `Wanted` of pyalign.backends come as they are, and become their namesakes of pyalign.h here.
//
// The Python side has checked shapes, dtypes, strides and index ranges; arrays.h looks again.
#include <pybind11/pybind11.h>

#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "arrays.h"
#include "guard.h"
#include "pair.h"
#include "pairs.h"
#include "pyalign.h"
#include "pyalign_operations.h"
#include "without_gil.h"

namespace py = pybind11;

namespace {

// An attribute, by a name that Python makes once.
class Attribute {
 public:
  explicit Attribute(const char* name) : name_(PyUnicode_InternFromString(name)) {}
  py::object of(const py::object& owner) const {
    PyObject* value = PyObject_GetAttr(owner.ptr(), name_);
    if (!value) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(value);
  }

 private:
  PyObject* name_;
};

// pyalign.backends.Rows, with its arrays held for the call.
struct Prepared {
  py::object values, terms;
  pa_rows c;

  explicit Prepared(const py::object& rows) {
    static const Attribute of_values("values"), of_terms("terms"), of_pair("pair"), of_gamma("gamma");
    values = of_values.of(rows);
    terms = of_terms.of(rows);
    c.values = matrix_of(array_of(values));
    c.terms = double_each(terms, c.values.n);
    c.pair = pair_of(of_pair.of(rows));
    c.gamma = of_gamma.of(rows).cast<double>();
    require(!has_terms(c.pair) || c.terms, "this pair kernel needs row terms");
  }
};

void check(pa_status status) {
  if (status == PA_OUT_OF_MEMORY) throw std::bad_alloc();
  if (status != PA_OK)
    throw std::invalid_argument(std::string("a kernel refused its arguments: ") + pa_status_text(status));
}

py::array row_squares(const py::array& x) {
  const pa_matrix rows = matrix_of(x);
  py::array_t<double> out(rows.n);
  double* target = out.mutable_data();
  {
    WithoutGil release;
    check(pa_row_squares(&rows, target));
  }
  return out;
}

void center_rows(const py::array& x, py::array out) {
  const pa_matrix rows = matrix_of(x);
  require(out.strides(0) == rows.d * out.itemsize(), "output must be contiguous");
  void* target = output(out, rows.n, rows.d, rows.type);
  WithoutGil release;
  check(pa_center_rows(&rows, target));
}

void shift_rows(const py::array& x, const py::array& shift, py::array out) {
  const pa_matrix rows = matrix_of(x);
  require(shift.ndim() == 1 && shift.shape(0) == rows.d && float_type(shift) == rows.type, "bad shift");
  require(out.strides(0) == rows.d * out.itemsize(), "output must be contiguous");
  void* target = output(out, rows.n, rows.d, rows.type);
  WithoutGil release;
  check(pa_shift_rows(&rows, shift.data(), target));
}

void similarity(const py::object& x, const py::object& y, py::array out) {
  const Prepared left(x);
  std::optional<Prepared> second;
  if (!y.is_none()) second.emplace(y);
  const pa_matrix &rows = left.c.values, &columns = second ? second->c.values : rows;
  require(rows.d == columns.d && rows.type == columns.type, "x and y differ in features or dtype");
  require(!second || left.c.pair == second->c.pair, "x and y are for different pair kernels");
  void* target = output(out, rows.n, columns.n, rows.type);
  const int64_t stride = out.strides(0) / out.itemsize();
  WithoutGil release;
  check(pa_similarity(&left.c, second ? &second->c : nullptr, target, stride));
}

void product(const py::array& x, const py::array& y, py::array out) {
  const pa_matrix left = matrix_of(x), right = matrix_of(y);
  require(left.d == right.n && left.type == right.type, "x and y do not fit together");
  void* target = output(out, left.n, right.d, left.type);
  const int64_t stride = out.strides(0) / out.itemsize();
  WithoutGil release;
  check(pa_product(&left, &right, target, stride));
}

void add_transpose(py::array a) {
  const pa_matrix rows = matrix_of(a);
  require(rows.n == rows.d && (rows.n <= 1 || rows.stride == rows.n), "a must be square and contiguous");
  void* target = output(a, rows.n, rows.n, rows.type);
  WithoutGil release;
  check(pa_add_transpose(target, rows.type, rows.n));
}

// Orders are looked at here: one that is no permutation would lead outside of memory.
void require_permutations(const int32_t* orders, int64_t count, int64_t n) {
  std::vector<int64_t> seen(size_t(n), -1);  // the last order that has each number
  for (int64_t k = 0; k < count; ++k)
    for (const int32_t *at = orders + k * n, *end = at + n; at < end; ++at) {
      require(0 <= *at && *at < n && seen[size_t(*at)] != k, "orders must be permutations of 0 ... n - 1");
      seen[size_t(*at)] = k;
    }
}

py::array permuted_products(const py::array& a, const py::array& b, const py::array& orders) {
  const pa_matrix left = matrix_of(a), right = matrix_of(b);
  const int64_t n = left.n, count = orders.ndim() == 2 ? orders.shape(0) : 0;
  require(left.d == n && right.n == n && right.d == n && left.type == right.type, "a and b must be square and alike");
  const int32_t* at = contiguous<int32_t>(orders, count, n);
  require_permutations(at, count, n);
  py::array_t<double> out(count);
  double* target = out.mutable_data();
  {
    WithoutGil release;
    check(pa_permuted_products(&left, &right, at, count, target));
  }
  return out;
}

void topk(const py::array& similarities, int64_t k, int64_t own, py::array indices) {
  const pa_matrix s = matrix_of(similarities);
  require(s.d < (int64_t(1) << 31) && 1 <= k && k <= s.d - (own >= 0), "no so many columns");
  require(own < 0 || own <= s.d - s.n, "own must be a column of each row");
  require(indices.writeable(), "indices must be writeable");
  int32_t* target = contiguous<int32_t>(indices, s.n, k);
  WithoutGil release;
  check(pa_topk(&s, k, own, target));
}

py::tuple check_triplets(const py::array& triplets, int64_t n) {
  const pa_triplets given = triplets_of(triplets);
  pa_triplet_check report;
  {
    WithoutGil release;
    check(pa_check_triplets(&given, n, &report));
  }
  return py::make_tuple(report.out_of_range, report.repeated, report.smallest, report.largest);
}

// False for invalid triplets.
bool pair_products(const py::array& x, const py::array& triplets, const py::array& weights, py::array out) {
  const pa_matrix rows = matrix_of(x);
  const pa_triplets given = triplets_of(triplets);
  require(weights.ndim() == 2 && weights.shape(0) == given.t && weights.shape(1) == 3 &&
              float_type(weights) == rows.type && (weights.flags() & py::array::c_style),
          "weights must be contiguous, (t, 3), of the rows' dtype");
  require(out.strides(0) == rows.d * out.itemsize(), "output must be contiguous");
  void* target = output(out, rows.n, rows.d, rows.type);
  pa_status status;
  {
    WithoutGil release;
    status = pa_pair_products(&rows, &given, weights.data(), target);
  }
  if (status != PA_INVALID_TRIPLETS) check(status);
  return status == PA_OK;
}

// Triplets of which several places are equal and largest, or None for invalid triplets.
py::object assign(const py::array& values, const py::array& triplets, bool product, py::array places) {
  const pa_triplets given = triplets_of(triplets);
  const int64_t n = values.ndim() == 2 ? values.shape(0) : 0, k = values.ndim() == 2 ? values.shape(1) : 0;
  const pa_matrix rows = {contiguous<double>(values, n, k), n, k, k, PA_FLOAT64};
  require(places.writeable(), "places must be writeable");
  int16_t* target = contiguous<int16_t>(places, 1, given.t);
  int64_t tied = 0;
  pa_status status;
  {
    WithoutGil release;
    status = pa_assign(&rows, &given, product, target, &tied);
  }
  if (status == PA_INVALID_TRIPLETS) return py::none();
  check(status);
  return py::int_(tied);
}

// pyalign.backends.Wanted, with its arrays held for the call; `sums` is filled where it asks for them.
struct Asked {
  py::object choices, probabilities, similarities;
  pa_sums sums;
  pa_wanted c;

  Asked(const py::object& want, int64_t t, pa_float_type type) : sums(), c() {
    static const Attribute of_choices("choices"), of_probabilities("probabilities"), of_similarities("similarities"),
        of_sums("sums"), of_temperature("temperature");
    choices = of_choices.of(want);
    probabilities = of_probabilities.of(want);
    similarities = of_similarities.of(want);
    c.choices = int8_each(choices, t);
    c.probabilities = three_each(probabilities, t, type);
    c.similarities = three_each(similarities, t, type);
    c.sums = of_sums.of(want).cast<bool>() ? &sums : nullptr;
    c.temperature = of_temperature.of(want).cast<double>();
  }
  Asked(const Asked&) = delete;

  static void* three_each(const py::object& wanted, int64_t t, pa_float_type type) {
    if (wanted.is_none()) return nullptr;
    auto a = array_of(wanted);
    void* data = output(a, t, 3, type);
    require(t == 0 || a.strides(0) == 3 * a.itemsize(), "outputs per triplet must be contiguous");
    return data;
  }

  // False for invalid triplets, None where no sums were asked for.
  py::object result(pa_status status) const {
    if (status == PA_INVALID_TRIPLETS) return py::bool_(false);
    check(status);
    if (!c.sums) return py::none();
    return py::make_tuple(sums.right[0], sums.right[1], sums.right[2], sums.ties[0], sums.ties[1], sums.cross_entropy,
                          sums.entropy);
  }
};

py::object triplets_from_matrix(const py::array& similarities, const py::array& triplets, const py::object& want) {
  const pa_matrix s = matrix_of(similarities);
  require(s.n == s.d, "similarities must be square");
  const pa_triplets given = triplets_of(triplets);
  const Asked asked(want, given.t, s.type);
  pa_status status;
  {
    WithoutGil release;
    status = pa_triplets_from_matrix(&s, &given, &asked.c);
  }
  return asked.result(status);
}

// Both ways from rows to triplets.
py::object from_rows(decltype(&pa_triplets_from_rows) route, const py::object& x, const py::array& triplets,
                     const py::object& want) {
  const Prepared rows(x);
  const pa_triplets given = triplets_of(triplets);
  const Asked asked(want, given.t, rows.c.values.type);
  pa_status status;
  {
    WithoutGil release;
    status = route(&rows.c, &given, &asked.c);
  }
  return asked.result(status);
}

py::object triplets_from_rows(const py::object& x, const py::array& triplets, const py::object& want) {
  return from_rows(&pa_triplets_from_rows, x, triplets, want);
}

py::object triplets_in_buckets(const py::object& x, const py::array& triplets, const py::object& want) {
  return from_rows(&pa_triplets_in_buckets, x, triplets, want);
}

// targets: weights of the answers (t, 3), or None.
pa_triplet_loss loss_of(const py::object& targets, double temperature, double scale, int alternatives, int64_t t,
                        pa_float_type type) {
  require(alternatives == 2 || alternatives == 3, "alternatives must be 2 or 3");
  if (targets.is_none()) return {nullptr, temperature, scale, alternatives};
  const pa_matrix weights = three_of(array_of(targets));
  require(weights.n == t && weights.type == type, "targets must be (t, 3) of the similarities' dtype");
  return {weights.data, temperature, scale, alternatives};
}

// The cross-entropy in nats, or None for invalid triplets.
py::object triplet_gradient(const py::array& similarities, const py::array& triplets, const py::object& targets,
                            double temperature, double scale, py::array gradient, int alternatives) {
  const pa_matrix s = matrix_of(similarities);
  const pa_triplets given = triplets_of(triplets);
  void* target = square_output(gradient, s);
  const pa_triplet_loss loss = loss_of(targets, temperature, scale, alternatives, given.t, s.type);
  double cross_entropy = 0.0;
  pa_status status;
  {
    WithoutGil release;
    status = pa_triplet_gradient(&s, &given, &loss, target, &cross_entropy);
  }
  if (status == PA_INVALID_TRIPLETS) return py::none();
  check(status);
  return py::float_(cross_entropy);
}

// A plan and its memory.
struct Plan {
  std::vector<uint16_t> items, others;
  py::array_t<int64_t> order;
  std::vector<int64_t> first, second;
  pa_triplet_plan c;

  Plan(int64_t n, int64_t t) : items(3 * t), others(2 * t), order(t), c() {
    c.n = n;
    c.t = t;
    c.bands = pa_plan_bands(n, &c.shift);
    require(c.bands > 0 && c.bands <= 64, "too many items for a plan");
    first.resize(c.bands + 1);
    second.resize(c.bands * c.bands);
    c.items = items.data();
    c.others = others.data();
    c.order = order.mutable_data();
    c.first = first.data();
    c.second = second.data();
  }
};

// None for invalid triplets.
py::object plan_triplets(const py::array& triplets, int64_t n) {
  const pa_triplets given = triplets_of(triplets);
  auto plan = std::make_unique<Plan>(n, given.t);
  pa_status status;
  {
    WithoutGil release;
    status = pa_plan_triplets(&given, &plan->c);
  }
  if (status == PA_INVALID_TRIPLETS) return py::none();
  check(status);
  return py::cast(std::move(plan));
}

double planned_gradient(const py::array& similarities, const Plan& plan, const py::object& targets, double temperature,
                        double scale, py::array gradient, int alternatives) {
  const pa_matrix s = matrix_of(similarities);
  require(s.n == plan.c.n, "the plan is for another number of items");
  void* target = square_output(gradient, s);
  const pa_triplet_loss loss = loss_of(targets, temperature, scale, alternatives, plan.c.t, s.type);
  double cross_entropy = 0.0;
  WithoutGil release;
  check(pa_planned_gradient(&s, &plan.c, &loss, target, &cross_entropy));
  return cross_entropy;
}

void outcomes(const py::array& similarities, int alternatives, double temperature, const py::object& verdicts,
              const py::object& cross_entropy, const py::object& entropy) {
  const pa_matrix s = three_of(similarities);
  int8_t* target = int8_each(verdicts, s.n);
  void *first = one_each(cross_entropy, s.n, s.type), *second = one_each(entropy, s.n, s.type);
  WithoutGil release;
  check(pa_outcomes(&s, alternatives, temperature, target, first, second));
}

pa_resamples resamples_of(const py::array& values, int64_t t, const py::array& sums) {
  const int64_t v = values.shape(0), lanes = sums.ndim() == 2 ? sums.shape(1) : 0;
  require(sums.writeable(), "sums must be writeable");
  return {contiguous<int16_t>(values, v, t), v, lanes, contiguous<int64_t>(sums, 1 + v, lanes)};
}

// False for invalid triplets.
bool resample_items(const py::array& triplets, const py::array& multiplicities, const py::array& values,
                    py::array sums) {
  const pa_triplets given = triplets_of(triplets);
  const pa_resamples r = resamples_of(values, given.t, sums);
  const int64_t n = multiplicities.shape(0);
  const uint8_t* table = contiguous<uint8_t>(multiplicities, n, r.lanes);
  pa_status status;
  {
    WithoutGil release;
    status = pa_resample_items(&given, n, table, &r);
  }
  if (status == PA_INVALID_TRIPLETS) return false;
  check(status);
  return true;
}

void resample_rows(const py::array& keys, const py::array& values, py::array sums) {
  const pa_resamples r = resamples_of(values, values.shape(1), sums);
  const uint32_t* key = contiguous<uint32_t>(keys, r.lanes / 64, 64);
  WithoutGil release;
  check(pa_resample_rows(values.shape(1), key, &r));
}

// Triplets grouped by the objects that they share, and the memory of that.
struct Sharing {
  std::vector<int64_t> start, pairs, sets;
  std::vector<int32_t> rows, others;
  pa_sharing c;

  Sharing(int64_t n, int64_t t)
      : start(3 * (n + 1)),
        pairs(n + 1),
        sets(n + 1),
        rows(3 * t),
        others(3 * t),
        c{n, t, start.data(), rows.data(), others.data(), pairs.data(), sets.data()} {}
  Sharing(const Sharing&) = delete;

  // (n + 1,): how many groups there are of objects below each; held as long as the grouping is.
  static py::array_t<int64_t> counts(const std::vector<int64_t>& of, const py::object& owner) {
    return py::array_t<int64_t>(int64_t(of.size()), of.data(), owner);
  }
};

// None for invalid triplets.
py::object share_triplets(const py::array& triplets, int64_t n) {
  const pa_triplets given = triplets_of(triplets);
  require(n >= 0 && (given.t >> 31) == 0, "too many triplets to group");
  auto sharing = std::make_unique<Sharing>(n, given.t);
  pa_status status;
  {
    WithoutGil release;
    status = pa_share_triplets(&given, &sharing->c);
  }
  if (status == PA_INVALID_TRIPLETS) return py::none();
  check(status);
  return py::cast(std::move(sharing));
}

void sum_shared(const Sharing& sharing, const py::array& values, int64_t first, int64_t last, const py::array& objects,
                const py::array& pairs, const py::array& sets) {
  const int64_t bytes = values.itemsize(), k = values.ndim() == 2 ? values.shape(1) : 0;
  require(values.dtype().kind() == (bytes == 8 ? 'f' : 'i') && values.shape(0) == sharing.c.t && k > 0 &&
              (values.flags() & py::array::c_style),
          "expected contiguous int8, int16 or float64 of shape (t, k)");
  require(0 <= first && first <= last && last <= sharing.c.n, "no such objects");
  require(objects.writeable() && pairs.writeable() && sets.writeable(), "sums must be writeable");
  const auto between = [&](const std::vector<int64_t>& counts) { return counts[last] - counts[first]; };
  const pa_shared_sums sums = {values.data(),
                               k,
                               bytes,
                               first,
                               last,
                               contiguous<double>(objects, last - first, k),
                               contiguous<double>(pairs, between(sharing.pairs), k),
                               contiguous<double>(sets, between(sharing.sets), k)};
  WithoutGil release;
  check(pa_sum_shared(&sharing.c, &sums));
}

py::tuple temperature_sums(const py::array& similarities, int alternatives, const py::object& targets,
                           const py::object& weights, double beta, const py::object& confidences) {
  const pa_matrix s = three_of(similarities);
  const double *u = double_each(targets, s.n), *w = double_each(weights, s.n);
  double* wanted = static_cast<double*>(one_each(confidences, s.n, PA_FLOAT64));
  pa_loss_sums sums;
  {
    WithoutGil release;
    check(pa_temperature_sums(&s, alternatives, u, w, beta, wanted, &sums));
  }
  return py::make_tuple(sums.weight, sums.loss, sums.first, sums.second, sums.first_squared, sums.shortfall);
}

void ranks(const py::array& values, int64_t at_once, const py::object& order, const py::object& twice) {
  require(values.ndim() == 1 && (values.shape(0) <= 1 || values.strides(0) == values.itemsize()),
          "expected a contiguous list");
  const int64_t m = values.shape(0);
  require((m >> 30) == 0, "too many numbers to rank");
  const pa_float_type type = float_type(values);
  int32_t *places = list_of<int32_t>(order, m, true), *found = list_of<int32_t>(twice, m, true);
  const void* data = values.data();
  WithoutGil release;
  check(pa_ranks(data, type, m, at_once, places, found));
}

pa_rank_order rank_order_of(const py::array& items, const py::object& last, int64_t n) {
  const int64_t m = items.ndim() == 2 ? items.shape(0) : -1;
  require(m >= 0, "expected items of shape (m, 2)");
  const int32_t* given = contiguous<int32_t>(items, m, 2);
  for (int64_t k = 0; k < 2 * m; ++k) require(given[k] >= 0 && given[k] < n, "items must lie in [0, n)");
  const pa_rank_order order = {m, given, list_of<uint8_t>(last, m)};
  require(m == 0 || (order.last && order.last[m - 1]), "the last pair must end its equal ones");
  return order;
}

void rank_sums(const py::array& items, const py::object& last, const py::array& other_items,
               const py::object& other_last, const py::object& places, const py::array& multiplicities,
               const py::array& sums) {
  require(multiplicities.ndim() == 2, "expected multiplicities of shape (n, b)");
  const int64_t n = multiplicities.shape(0), b = multiplicities.shape(1);
  const pa_rank_order first = rank_order_of(items, last, n), second = rank_order_of(other_items, other_last, n);
  const int32_t* there = list_of<int32_t>(places, first.m);
  require(first.m == second.m && there != nullptr, "both orders must be of the same pairs");
  for (int64_t k = 0; k < first.m; ++k) require(there[k] >= 0 && there[k] < first.m, "places must lie in [0, m)");
  require(sums.writeable(), "sums must be writeable");
  const uint8_t* table = contiguous<uint8_t>(multiplicities, n, b);
  double* target = contiguous<double>(sums, 4, b);
  WithoutGil release;
  check(pa_rank_sums(&first, &second, there, n, table, b, target));
}

int64_t inversions(const py::object& values, const py::object& weights) {
  const int64_t m = array_of(values).size();
  const uint32_t* given = list_of<uint32_t>(values, m);
  const int32_t* each = list_of<int32_t>(weights, m);
  require(given != nullptr, "expected values");
  int64_t count = 0;
  WithoutGil release;
  check(pa_inversions(given, each, m, &count));
  return count;
}

void choice_similarity(const py::array& similarities, double temperature, py::array out) {
  const pa_matrix s = matrix_of(similarities);
  require(s.n == s.d && s.n >= 3, "similarities must be square, of three items or more");
  void* target = output(out, s.n, s.n, s.type);
  const int64_t stride = out.strides(0) / out.itemsize();
  WithoutGil release;
  check(pa_choice_similarity(&s, temperature, target, stride));
}

py::list isa_names() {
  py::list names;
  int runs = 0;
  for (int k = 0; const char* name = pa_isa_name(k, &runs); ++k) names.append(py::make_tuple(name, runs != 0));
  return names;
}

// files: (path, size, message) of each, as bytes. otherwise: the message where none of them is shorter than it was.
void begin_guard(const py::list& files, const py::bytes& otherwise) {
  std::vector<guard::File> given;
  for (const auto& one : files) {
    const auto file = one.cast<py::tuple>();
    given.push_back(
        {file[0].cast<std::string>(), file[2].cast<std::string>(), file[1].cast<decltype(guard::File::size)>()});
  }
  guard::begin(std::move(given), otherwise);
}

void set_isa(const char* name) { require(pa_set_isa(name) == PA_OK, "this processor cannot run that instruction set"); }

}  // namespace

PYBIND11_MODULE(_native, m) {
  m.doc() = "pyalign's CPU kernels; see csrc/include/pyalign.h";
  py::dtype::of<double>();  // finds numpy's functions, which without the GIL waits for it: not in a thread at the end
  m.attr("compiler") = PA_COMPILER;
  m.attr("thread_source") = PA_THREADS;
  m.attr("pair_kernels") = pair_kernels();
  py::class_<Sharing>(m, "Sharing")
      .def_property_readonly("pairs",
                             [](const py::object& s) { return Sharing::counts(s.cast<const Sharing&>().pairs, s); })
      .def_property_readonly("sets",
                             [](const py::object& s) { return Sharing::counts(s.cast<const Sharing&>().sets, s); });
  py::class_<Plan>(m, "Plan").def_property_readonly("order", [](const Plan& plan) { return plan.order; });
#define PA_DEFINE(name, count) m.def(#name, &name);
  PA_OPERATIONS(PA_DEFINE)
#undef PA_DEFINE
  m.def("begin_guard", &begin_guard);
  m.def("end_guard", &guard::end);
  m.def("isa", &pa_isa);
  m.def("set_isa", &set_isa);
  m.def("isa_names", &isa_names);
  m.def("threads", &pa_threads);
  m.def("set_threads", &pa_set_threads);
}
