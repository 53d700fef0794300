"""pyalign._checks: what passes unchanged, and every refusal with its message."""

from __future__ import annotations

import importlib.util
import inspect
import itertools

import numpy as np
import pytest
import scipy.sparse
from support import reals, whole

import pyalign
from pyalign import _checks
from pyalign.backends import TripletCheck, get_backend
from pyalign.errors import LONGEST, InputError, MissingExtraError
from pyalign.typing import Fraction, Positive, Ties

# Annotations


@_checks.checked
def annotated(
    x: object, k: Positive = 1, *more: int, ties: Ties = "wrong", share: Fraction | None = None, flag: bool = False,
    either: Ties | int = 3, **rest: object,
) -> object:
    return x, k, more, ties, share, flag, either, rest


def test_arguments_are_made_what_their_annotations_say_wherever_they_stand():
    given = annotated("x", np.int8(3), 7, 8, ties="fractional", share=np.float32(0.5), flag=1, either="none", other=2)
    assert given == ("x", 3, (7, 8), "fractional", 0.5, True, "none", {"other": 2})
    assert [type(one) for one in (given[1], given[4], given[5])] == [int, float, bool]
    assert annotated(None, k=2) == (None, 2, (), "wrong", None, False, 3, {})
    assert inspect.signature(annotated).parameters["k"].annotation == "Positive"
    for name, value in {"k": None, "ties": "x", "share": 1.5, "flag": None}.items():
        with pytest.raises(InputError, match=f"^{name} must .*; got {value!r}"):
            annotated("x", **{"k": 1} | {name: value})


# Embeddings


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_that_fit_are_taken_without_a_copy(dtype):
    x = reals(1, 6, 8, dtype=dtype)
    for rows in (x, x[::2], x[:, 2:5], x[1:4, :1], np.broadcast_to(x[0], (5, 8))):
        taken = _checks.as_rows(rows)
        assert np.shares_memory(taken, x) and taken.strides == rows.strides and taken.dtype == dtype


def unaligned(a):
    return np.frombuffer(b"0" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape)


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4", ">f8", "float16", ">i2", "int64"])
@pytest.mark.parametrize("arrange", [np.asfortranarray, lambda x: x[:, ::2], lambda x: x[::-1], unaligned, lambda x: x])
def test_rows_come_out_aligned_native_and_contiguous(dtype, arrange):
    """What the kernels rely on."""
    x = arrange(whole(2, 6, 8).astype(dtype))
    rows = _checks.as_rows(x)
    assert rows.flags.aligned and rows.dtype.isnative and rows.strides[1] == rows.itemsize and rows.strides[0] >= 0
    assert rows.dtype == (np.float64 if x.dtype.kind + str(x.itemsize) in ("f8", "i8") else np.float32)
    np.testing.assert_array_equal(rows, x)


@pytest.mark.parametrize(
    "x,message",
    [
        (np.zeros(3), "embeddings must have shape (n, d); got (3,)"),
        (np.zeros((2, 3, 4)), "embeddings must have shape (n, d); got (2, 3, 4)"),
        (1.0, "embeddings must have shape (n, d); got ()"),
        (np.zeros((0, 4)), "embeddings must have at least one row and one feature; got shape (0, 4)"),
        (np.zeros((4, 0)), "embeddings must have at least one row and one feature; got shape (4, 0)"),
        (np.zeros((2, 2), complex), "embeddings must hold real numbers; got dtype complex128"),
        (np.array([["a", "b"]]), "embeddings must hold real numbers; got dtype <U1"),
        (np.array([[None, 1]]), "embeddings must hold real numbers; got dtype object"),
        (np.zeros((2, 2), "M8[s]"), "embeddings must hold real numbers; got dtype datetime64[s]"),
    ],
)
def test_refuses_what_is_no_matrix_of_real_numbers(x, message, message_of):
    assert message_of(_checks.as_rows, x) == message
    assert message_of(_checks.as_rows, x, "y") == message.replace("embeddings", "y", 1)


def test_refuses_rows_of_different_lengths(message_of):
    assert message_of(_checks.as_rows, [[1, 2], [3]]).startswith("embeddings must have shape (n, d)")


def test_refuses_masked_values(message_of):
    """np.asarray would take what lies under the mask."""
    x = np.ma.masked_array(reals(3, 3, 2), mask=[[0, 0], [0, 1], [0, 0]])
    assert message_of(_checks.as_rows, x).startswith("embeddings must")


def test_takes_masked_arrays_that_mask_nothing():
    x = np.ma.masked_array(reals(3, 3, 2))
    np.testing.assert_array_equal(_checks.as_rows(x), x.data)


# Triplets


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "int64"])
def test_triplets_that_fit_are_taken_without_a_copy(dtype):
    a = np.arange(60).reshape(10, 6).astype(dtype)
    one = np.broadcast_to(a[0, :3], (9, 3))
    for triplets in (a[:, :3], a[::2, ::2], a[::-1, 2::-1], np.asfortranarray(a)[:, 3:], one):
        taken = _checks.as_triplets(triplets)
        assert taken.dtype == dtype and taken.strides == triplets.strides
        assert taken.ctypes.data == triplets.ctypes.data


@pytest.mark.parametrize(
    "given,taken",
    [
        ("int8", "int16"),
        ("uint8", "int16"),
        ("uint32", "int64"),
        ("uint64", "int64"),
        (">i2", "int16"),
        (">i8", "int64"),
    ],
)
def test_other_integers_become_the_nearest_that_fits(given, taken):
    triplets = np.array([[0, 1, 127], [3, 2, 1]], given)
    assert _checks.as_triplets(triplets).dtype == np.dtype(taken)
    np.testing.assert_array_equal(_checks.as_triplets(triplets), triplets)


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64"])
def test_triplets_come_out_aligned(dtype):
    triplets = np.arange(30).reshape(10, 3).astype(dtype)
    records = np.zeros(10, [("flag", "i1"), ("items", dtype, 3)])
    records["items"] = triplets
    for odd in (unaligned(triplets), records["items"]):
        taken = _checks.as_triplets(odd)
        assert taken.flags.aligned and all(stride % taken.itemsize == 0 for stride in taken.strides)
        np.testing.assert_array_equal(taken, triplets)


@pytest.mark.parametrize(
    "triplets,message",
    [
        (np.zeros((5, 2), int), "triplets must have shape (t, 3); got (5, 2)"),
        (
            np.zeros((5, 4), int),
            "triplets must have shape (t, 3); got (5, 4): which three columns are the items, as in "
            "triplets[:, [0, 1, 2]]?",
        ),
        (np.zeros(3, int), "triplets must have shape (t, 3); got (3,)"),
        ([], "triplets must have shape (t, 3); got (0,)"),
        (np.zeros((0, 3), int), "triplets must not be empty; got shape (0, 3)"),
        (np.full((5, 3), 0.5), "triplets must be integers; got dtype float64: are embeddings and triplets swapped?"),
        (
            np.array([[0, 1, 2], [0, np.nan, 1.0]]),
            "triplets must be integers; got dtype float64: give triplets.astype(int), of the rows without NaN",
        ),
        (np.zeros((5, 3), bool), "triplets must be integers; got dtype bool"),
        (np.array([["a", "b", "c"]]), "triplets must be integers; got dtype <U1"),
        (np.array([[0, 1, 2**63]], np.uint64), "triplets must lie in [0, n); got 9223372036854775808"),
    ],
)
def test_refuses_what_is_no_table_of_triplets(triplets, message, message_of):
    assert message_of(_checks.as_triplets, triplets) == message


def test_refuses_triplets_of_different_lengths(message_of):
    assert message_of(_checks.as_triplets, [[0, 1, 2], [0, 1]]).startswith("triplets must have shape (t, 3)")


@pytest.mark.parametrize(
    "report,message",
    [
        (TripletCheck(1, -1, 0, 9), "triplets must lie in [0, 9); row 1 is [8, 9, 1]"),
        (TripletCheck(1, -1, 1, 9), "triplets must lie in [0, 9); row 1 is [8, 9, 1]; is it 1-based?"),
        (TripletCheck(1, -1, 1, 10), "triplets must lie in [0, 9); row 1 is [8, 9, 1]"),
        (TripletCheck(1, 0, 0, 9), "triplets must lie in [0, 9); row 1 is [8, 9, 1]"),
        (TripletCheck(-1, 0, 0, 8), "triplets must name three different items; row 0 is [2, 2, 1]"),
    ],
)
def test_says_which_triplet_breaks_which_rule(report, message, message_of):
    assert message_of(_checks.require_valid, report, np.array([[2, 2, 1], [8, 9, 1]]), 9) == message


def test_a_clean_report_passes():
    assert _checks.require_valid(TripletCheck(-1, -1, 0, 8), np.zeros((0, 3), int), 9) is None


# Values


@pytest.mark.parametrize(
    "bad,message",
    [
        ([0, 1, 0], "embeddings must be finite; 1 of 3 rows holds NaN or infinity, first row 1"),
        ([0, 1, 1], "embeddings must be finite; 2 of 3 rows hold NaN or infinity, first row 1"),
    ],
)
def test_says_how_many_rows_are_not_finite(bad, message, message_of):
    assert message_of(_checks.require_finite, np.array(bad, bool)) == message
    assert message_of(_checks.require_finite, np.array(bad, bool), "y") == message.replace("embeddings", "y")
    _checks.require_finite(np.zeros(3, bool))


def test_squares_that_overflow_do_not_make_a_row_infinite():
    x = np.array([[1e200, 1], [np.nan, 0], [np.inf, 1e200], [1, 2]])
    with np.errstate(over="ignore"):
        squares = (x * x).sum(axis=1)
    np.testing.assert_array_equal(_checks.not_finite(get_backend(), x, squares), [False, True, True, False])


@pytest.mark.parametrize(
    "dtype,square,message",
    [
        (
            "float32",
            2.0**126,
            "embeddings must be scaled down for measure 'dot' or pass float64; row 1 has length 9.22e+18, "
            "whose square overflows float32",
        ),
        (
            "float64",
            2.0**1021,
            "embeddings must be scaled down for measure 'dot'; row 1 has length 4.74e+153, whose square overflows "
            "float64",
        ),
        (
            "float64",
            np.inf,
            "embeddings must be scaled down for measure 'dot'; row 1 has length inf, whose square overflows float64",
        ),
    ],
)
def test_refuses_rows_whose_products_overflow(dtype, square, message, message_of):
    squares = np.array([1.0, square])
    assert message_of(_checks.require_products, squares, np.dtype(dtype), "dot") == message
    assert message_of(_checks.require_products, squares, np.dtype(dtype), "dot", "y") == message.replace(
        "embeddings", "y", 1
    )
    _checks.require_products(squares / 2 if np.isfinite(square) else np.ones(2), np.dtype(dtype), "dot")


@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 3, 3)])
def test_refuses_similarities_that_are_not_square(shape, message_of):
    assert message_of(_checks.as_similarities, np.zeros(shape)) == f"matrix must have shape (n, n); got {shape}"


def test_similarities_are_real_numbers(message_of):
    message = message_of(_checks.as_similarities, np.eye(3) * 1j)
    assert message == "matrix must hold real numbers; got dtype complex128"
    assert message_of(_checks.as_similarities, np.zeros((0, 0))).startswith("matrix must have at least one row")


@pytest.mark.parametrize("temperature", [1e-30, 1, 1.5, np.float32(2), np.array(3.0), 1e30])
def test_a_temperature_is_a_positive_number(temperature):
    assert _checks.as_temperature(temperature) == float(temperature)


@pytest.mark.parametrize(
    "temperature", [0, -1, 1e-31, 1e31, float("nan"), float("inf"), "warm", None, [1, 2], 1j, np.array([1.0, 2.0])]
)
def test_refuses_any_other_temperature(temperature, message_of):
    expected = f"temperature must be a positive number (1e-30 to 1e30); got {temperature!r}"
    assert message_of(_checks.as_temperature, temperature) == expected


@pytest.mark.parametrize(
    "value,message",
    [
        ("blu", "color must be one of red, blue; got 'blu'; did you mean 'blue'?"),
        ("xyzzy", "color must be one of red, blue; got 'xyzzy'"),
        (7, "color must be one of red, blue; got 7"),
        (None, "color must be one of red, blue; got None"),
    ],
)
def test_refuses_an_unknown_choice_and_proposes_the_nearest(value, message, message_of):
    assert _checks.one_of("blue", ("red", "blue"), "color") == "blue"
    assert message_of(_checks.one_of, value, ("red", "blue"), "color") == message


def test_takes_torch_tensors_with_a_graph_and_in_bfloat16():
    torch = pytest.importorskip("torch")
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    np.testing.assert_array_equal(_checks.as_rows(x), [[1, 2], [3, 4]])
    rows = _checks.as_rows(x.detach().bfloat16())
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, [[1, 2], [3, 4]])


def test_values_that_come_twice_are_named(message_of):
    _checks.different([1, 2], ["a", "b"], "number")
    assert message_of(_checks.different, [1, 2, 1], ["a", "b", "a!"], "number") == "number must differ; got 'a!' twice"


# Whatever comes, for every argument of every public function

N, T = 30, 120
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
TRIPLETS = np.array([RNG.permutation(N)[:3] for _ in range(T)])
SIMILARITIES = pyalign.similarity(X)
HUMAN = np.abs(RNG.normal(size=(N, 3)))
KINDS = [f"kind {k % 3}" for k in range(N)]
MODELS = {"a": X, "b": -X[:, :2], "c": X[:, 1:]}
SCORES = pyalign.score({f"m{k}": RNG.normal(size=(N, 4)) for k in range(6)}, TRIPLETS)
METADATA = [{"model": f"m{k}", "size": k} for k in range(6)]
PIXELS = np.zeros((2, 8, 8, 3), np.uint8)
FEW = {"n_permutations": 3, "ci": pyalign.Resampling("auto", n_resamples=5)}
# A call of each that is right; each argument is then replaced by what can't be right.
CALLS = {
    "agreement": {"models": X, "triplets": TRIPLETS, "answers": RNG.integers(1, 5, (T, 3))},
    "as_images": {"source": PIXELS},
    "build_index": {"embeddings": X, "index": "flat"},
    "calibrate": {"models": X, "triplets": TRIPLETS, "split": None},
    "choice_probabilities": {"embeddings": X, "triplets": TRIPLETS},
    "choice_similarity": {"embeddings": X},
    "cka": {"models": MODELS, "n_permutations": 3},
    "layer_similarity": {"x": MODELS, "y": MODELS, "n_permutations": 3},
    "compare": {"models": MODELS, "triplets": TRIPLETS},
    "score_concepts": {"models": X, "triplets": TRIPLETS, "dimensions": HUMAN, "min_triplets": 2},
    "error_consistency": {"models": MODELS, "triplets": TRIPLETS},
    "cross_validate_probe": {"embeddings": X, "triplets": TRIPLETS, "folds": 2, "penalties": [10.0]},
    "cross_validate_embedding": {"triplets": TRIPLETS, "folds": 2, "penalties": [(0.005, 0.0)]},
    "embedding_path": {"triplets": TRIPLETS, "penalties": [(0.005, 0.0)]},
    "extract": {"model": "pixels:1", "images": PIXELS},
    "fit_embedding": {"triplets": TRIPLETS, "shrinkage": 0.005, "sparsity": 0.0},
    "find_failures": {"models": MODELS, "triplets": TRIPLETS},
    "fit_probe": {"embeddings": X, "triplets": TRIPLETS, "penalty": 10.0},
    "fraction_of_ceiling": {"accuracy": 0.5, "ceiling": 0.6},
    "abstraction_levels": {"triplets": TRIPLETS, "fine": KINDS, "coarse": KINDS},
    "list_models": {"pattern": "p*", "source": "pixels"},
    "load_encoder": {"spec": "pixels:1"},
    "match_dimensions": {"x": X, "y": HUMAN},
    "neighborhoods": {
        "models": X, "human": HUMAN, "before": -X, "categories": KINDS, "threshold": 0.9, "k": 3, **FEW},
    "neighbors": {"embeddings": X, "queries": X, "k": 3},
    "noise_ceiling": {"triplets": np.vstack([TRIPLETS[:40]] * 3)},
    "odd_one_out": {"embeddings": X, "triplets": TRIPLETS},
    "permutation_test": {"embeddings": X, "triplets": TRIPLETS, "n_permutations": 3},
    "plan_experiment": {
        "pilot": pyalign.Components(objects=0.002, subjects=0.001, answers=0.4),
        "difference": 0.2,
        "n_objects": [40],
        "n_subjects": [10],
    },
    "plan_triplets": {"x": X, "y": -X[::-1], "n_triplets": 20},
    "predict_dimensions": {"models": X, "dimensions": HUMAN, "folds": 2, "penalties": [1.0], "ci": None},
    "probe_path": {"embeddings": X, "triplets": TRIPLETS, "penalties": [10.0]},
    "recover": {"models": MODELS, "triplets": TRIPLETS, "n_simulations": 10, "temperature": 1.0},
    "regress_metadata": {"result": SCORES, "metadata": METADATA},
    "rsa": {"models": X, "human": 1 - SIMILARITIES, "kind": "dissimilarity"},
    "sample_triplets": {"embeddings": X, "n_triplets": 20},
    "score": {"models": X, "triplets": TRIPLETS},
    "score_choices": {"choices": RNG.integers(0, 3, T), "triplets": TRIPLETS},
    "similarity": {"embeddings": X, "others": X},
    "transfer": {"embeddings": X, "maps": pyalign.Transform(np.eye(4), None, 0.0, 1.0), "on": {"t": TRIPLETS}},
    "triplet_gradient": {"matrix": SIMILARITIES, "triplets": TRIPLETS},
    "Answers": {"kind": "shares", "shares": np.full((3, 3), 1 / 3), "totals": None},
    "Categories": {"members": np.ones((N, 2), bool), "labels": ("a", "b")},
    "Embeddings": {"values": X, "names": [str(k) for k in range(N)]},
    "RDMs": {"values": 1 - SIMILARITIES, "kind": "dissimilarity"},
    "Resampling": {"by": "objects"},
    "Transform": {"weights": np.eye(4), "bias": None, "mean": 0.0, "std": 1.0},
    "TripletPlan": {"triplets": TRIPLETS, "n": N},
    "Triplets": {"values": TRIPLETS},
}
# Whose arguments are files and results, which have tests of their own.
OTHERS = {"plot", "run_study", "run_unit", "study_units", "write_embeddings", "write_report", "write_transform",
          "merge_extractions", "describe"}
UNUSED = {"model"}  # names weights, which are looked for
WHATEVER = {
    "None": None, "whole number": 5, "fraction": 3.5, "NaN": np.nan, "huge": 10**30, "text": "text", "no text": "",
    "bytes": b"x", "object": object(), "function": len, "class": int, "list": [], "tuple": (), "dict": {}, "set": {1},
    "0-d": np.array(5.0), "1-d": np.zeros(3), "empty": np.zeros((0, 3)), "3-d": np.zeros((3, 3, 3)),
    "objects": np.array([None, 1], object), "table of objects": np.full((T, 3), None),
    "text array": np.full((T, 3), "a"),
    "sparse": scipy.sparse.csr_matrix(X), "long text": "x" * 10**6, "long name": {"x" * 10**6: X},
    "square": SIMILARITIES, "complex": np.zeros((N, 4), complex), "NaN array": np.full((N, 4), np.nan),
    "ragged": [[1, 2], [3]],
    "list of None": [None], "list of lists": [[]], "name to number": {"a": 5}, "name to None": {"a": None},
    "name to text": {"a": "text"}, "number to rows": {5: X},
}


if importlib.util.find_spec("torch") is not None:
    import torch

    WHATEVER["sparse tensor"] = torch.eye(N, 4).to_sparse()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_whatever_comes_for_an_argument_is_taken_or_refused_in_one_line(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for what `out` names
    function, right = getattr(pyalign, name), CALLS[name]
    faults = []
    for argument, what in itertools.product(set(inspect.signature(function).parameters) - UNUSED, WHATEVER):
        if argument == "progress" and callable(WHATEVER[what]):
            continue  # what a function of the caller's raises is its own
        try:
            function(**{**right, argument: WHATEVER[what]})
        except (InputError, MissingExtraError, OSError) as error:
            if len(str(error).splitlines()) != 1 or len(str(error)) > LONGEST or "--" in str(error):  # flags: no Python
                faults.append(f"{argument} = {what}: {error}")
        except Exception as error:
            if argument != "options":  # those of **options are arguments of their own
                faults.append(f"{argument} = {what}: {type(error).__name__}: {error}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("what", ["square", "text", "long text", "object", "list"])
def test_a_kind_of_a_matrix_that_knows_its_own_is_checked_too(what, message_of):
    human = pyalign.RDMs(1 - SIMILARITIES, "dissimilarity")
    for function, given in ((pyalign.rsa, {"models": X, "human": human}),
                            (pyalign.score, {"triplets": TRIPLETS, "matrix": human})):
        said = message_of(function, **given, kind=WHATEVER[what])
        assert said.startswith("kind must be one of dissimilarity, similarity; got ") and len(said) <= LONGEST


def test_a_message_keeps_both_ends_of_a_long_word_and_what_follows_it():
    said = str(InputError(f"path /{'x' * 10**6}.npy is wrong; got {'y ' * 10**6}"))
    assert said.startswith("path /xxx") and "xxx.npy is wrong; got y y" in said and len(said) == LONGEST


JOURNALS = [name for name in CALLS if "journal" in inspect.signature(getattr(pyalign, name)).parameters]


@pytest.mark.parametrize("name", JOURNALS)
@pytest.mark.parametrize("what", ["text", "square", "dict", "function"])
def test_what_is_no_journal_is_refused(name, what, message_of):
    said = message_of(getattr(pyalign, name), **{**CALLS[name], "journal": WHATEVER[what]})
    assert said.startswith("journal must be a Journal of pyalign.journal, or None; got ")


def test_the_list_above_has_every_public_function_and_what_people_make_themselves():
    functions = {name for name in pyalign.__all__ if inspect.isfunction(getattr(pyalign, name))}
    read = {name for name in functions if name.startswith(("load_", "read_")) and name != "load_encoder"}
    data = {name for name in pyalign.__all__ if getattr(pyalign, name) in (
        pyalign.Answers, pyalign.Categories, pyalign.Embeddings, pyalign.RDMs, pyalign.Resampling,
        pyalign.Transform, pyalign.TripletPlan, pyalign.Triplets)}
    assert functions - read - OTHERS | data == set(CALLS)


@pytest.mark.parametrize(
    "name,argument",
    [
        ("agreement", "models"), ("calibrate", "models"), ("cka", "models"), ("compare", "models"),
        ("neighborhoods", "models"), ("score_concepts", "models"), ("error_consistency", "models"),
        ("find_failures", "models"),
        ("predict_dimensions", "models"), ("recover", "models"), ("rsa", "models"), ("score", "models"),
        ("score_choices", "choices"),
    ],
)
def test_no_model_at_all_is_refused(name, argument, message_of):
    assert "got" in message_of(getattr(pyalign, name), **{**CALLS[name], argument: {}})


@pytest.mark.parametrize("name", [name for name, right in CALLS.items() if "triplets" in right])
def test_what_is_no_table_of_triplets_is_refused_by_its_name(name, message_of):
    for what in ("whole number", "0-d", "1-d", "3-d", "objects", "empty", "list", "object", "class"):
        said = message_of(getattr(pyalign, name), **{**CALLS[name], "triplets": WHATEVER[what]})
        assert said.removeprefix("a: ").startswith("triplets must "), what  # of several models the first is named


@pytest.mark.parametrize(
    "given,said",
    [
        ({"answers": np.ones((T, 3))}, "answers must be pyalign.Answers; got ndarray: triplets.with_answers(array)"),
        ({"subjects": np.zeros(3)}, "subjects must have one entry per triplet, shape (120,); got (3,)"),
        ({"positions": np.zeros(2)}, "positions must have shape (3,) or (120, 3); got (2,)"),
        ({"names": 5}, "names must be a sequence of names; got 5"),
        ({"source": 5}, "source must be text or None; got 5"),
        ({"notes": "a note"}, "notes must be a sequence of sentences; got 'a note'"),
        ({"answered": "no"}, "answered must be True or False; got 'no'"),
        ({"values": 5}, "triplets must have shape (t, 3); got ()"),
    ],
)
def test_triplets_of_other_parts_are_refused(given, said, message_of):
    assert message_of(pyalign.Triplets, **{"values": TRIPLETS, **given}).startswith(said)
