"""Keys of what is kept and used again: whatever it was made of counts, and a journal serves no other run."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import warnings
from collections import OrderedDict
from contextlib import suppress
from dataclasses import fields, is_dataclass, make_dataclass, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from planted_dimensions import planted

import pyalign
import pyalign.data
import pyalign.embedding
import pyalign.probing
from pyalign.data import Answers, Embeddings, Subjects, Transform, Triplets, Weights
from pyalign.data.provenance import Input
from pyalign.datasets.simulate import random_embeddings
from pyalign.embedding.fit import EmbeddingOptions
from pyalign.errors import InputError
from pyalign.journal import NO_INPUTS, OTHER, Journal
from pyalign.parts import digest_of, key_of
from pyalign.probing.estimator import TripletProbe
from pyalign.probing.parameters import ProbeOptions
from pyalign.stats.resampling import Resampling

# Digests


def contents(package):
    """What the modules of a package define, by module and name."""
    modules = [
        importlib.import_module(found.name) for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    ]
    return {
        (module.__name__, name): value
        for module in modules
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__
    }


OF_DATA = [
    kind
    for kind in contents(pyalign.data).values()
    if isinstance(kind, type) and is_dataclass(kind) and kind is not Input
]
KINDS = [*OF_DATA, ProbeOptions, EmbeddingOptions, Resampling]


def empty(kind):
    """An instance whose fields are all None."""
    made = object.__new__(kind)
    for field in fields(kind):
        object.__setattr__(made, field.name, None)
    return made


def test_there_are_kinds_of_data():
    assert {Triplets, Embeddings, Answers, Weights, pyalign.RDMs, Transform} < {*KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_each_field_of_each_kind_of_data_and_options_counts(kind):
    for field in fields(kind):
        changed = empty(kind)
        object.__setattr__(changed, field.name, "other")
        assert digest_of(changed) != digest_of(empty(kind)), field.name


def test_a_field_that_triplets_get_counts_by_itself():
    def digest(*new, **values):
        kind = make_dataclass("Triplets", [(name, Any, None) for name in new], bases=(Triplets,), frozen=True, eq=False)
        return digest_of(kind([[0, 1, 2]], **values))

    assert digest() == digest() and digest("more", more=np.ones(1)) == digest("more", more=np.ones(1))
    assert len({digest(), digest("more"), digest("more", more=np.ones(1)), digest("more", more=np.zeros(1))}) == 4


@pytest.mark.parametrize("other", [{"codes": np.array([0, 1, 1], np.int32)}, {"labels": ("a", "c")}], ids=repr)
def test_people_count_by_who_and_what_they_are_called(other):
    people = Subjects(np.array([0, 1, 0], np.int32), ("a", "b"))
    assert digest_of(people._replace(**other)) != digest_of(people)


NAN, TEXT = float("nan"), np.array(["dog", "cat"], object)
DIFFERENT = [
    (0, False, 0.0, None, "0", "None", "", b"", [], {}, set(), [0], {"0": 0}, {0: 0}, [[]], [None], np.int8(1)),
    (NAN, float("inf"), -float("inf"), 0.0, -0.0, "nan", np.array([NAN]), np.array(NAN)),
    (["ab", "c"], ["a", "bc"], ["abc"], [["a", "b"], "c"], ["a", ["b", "c"]], "abc", [["a"], ["b", "c"]]),
    ([1, 2], [2, 1], [1.0, 2.0], ["1", "2"], [[1], [2]], {1, 2}, np.array([1, 2]), {1: 2}, [True, 2]),
    tuple(np.zeros(shape, kind) for shape in (4, (2, 2), (4, 1), (1, 4)) for kind in ("i4", "u4", "f4", "S4")),
    (np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2), np.arange(6).reshape(2, 3)[::-1], np.arange(6)),
    (np.array([(1, 2)], "i4,i4"), np.array([(1, 2)], [("a", "i4"), ("b", "i4")]), np.array([[1, 2]], "i4")),
    (np.array([1], "M8[s]"), np.array([1], "M8[D]"), np.array([1], "m8[s]"), np.array([1])),
    (TEXT, TEXT[::-1], TEXT.astype("U"), TEXT.astype("S"), TEXT.reshape(2, 1), TEXT.tolist()),
    (np.array([1, "1"], object), np.array([1, 1], object), np.array([1.0, "1"], object), np.array([True, "1"], object)),
    ({"a": 1, "b": 2}, {"a": 2, "b": 1}, {"b": 2, "a": 1}, [["a", 1], ["b", 2]], ["table", [["a", 1], ["b", 2]]]),
    (Embeddings(np.eye(2), ("a", "b")), Embeddings(np.eye(2), ("b", "a")), Embeddings(np.eye(2)), np.eye(2)),
    (Triplets([[0, 1, 2]]), Embeddings([[0, 1, 2]]), [[0, 1, 2]]),
    (Input("x", None, (2,), "f4", "a1"), Input("x", None, (2,), "f4", "a2"), Input("x", None, (2,), "f4")),
]


@pytest.mark.parametrize("number", range(len(DIFFERENT)))
def test_different_values_have_different_digests(number):
    digests = [digest_of(value) for value in DIFFERENT[number]]
    assert len({*digests}) == len(digests)


SAME = [
    (X_AS_C := np.arange(6.0).reshape(2, 3), np.asfortranarray(X_AS_C), np.repeat(X_AS_C, 2, axis=0)[::2]),
    (0.5, np.float64(0.5), np.float32(0.5)),
    (3, np.int64(3), np.uint8(3)),
    (True, np.True_),
    ("dog", np.str_("dog")),
    ((1, 2), [1, 2], range(1, 3), {1: "a", 2: "b"}.keys(), {"a": 1, "b": 2}.values()),
    ({"b", "a", "c"}, {"c", "a", "b"}, frozenset("abc")),
    ({"a": [1]}, OrderedDict(a=(1,))),
    (Embeddings([[1.0, 2.0]]), Embeddings(np.array([[1.0, 2.0]]))),
]


@pytest.mark.parametrize("number", range(len(SAME)))
def test_equal_values_have_one_digest(number):
    assert len({digest_of(value) for value in SAME[number]}) == 1


def test_tensors_count_by_dtype_and_values():
    torch = pytest.importorskip("torch")
    x = torch.arange(4.0)
    assert digest_of(x) == digest_of(x.clone().requires_grad_())
    assert len({*map(digest_of, (x, x.double(), x.bfloat16(), x.half(), x.flip(0), x.reshape(2, 2)))}) == 6


def test_tables_of_pandas_count_by_labels_values_and_order():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, index=["dog", "cat"])
    others = [
        frame, frame[["b", "a"]], frame[::-1], frame.rename(index={"dog": "cow"}), frame.rename(columns={"a": "c"}),
        frame.astype("f4"), frame.assign(a=["1", "2"]), frame.assign(b=[3.0, NAN]), frame.to_numpy(), frame["a"],
    ]
    assert len({*map(digest_of, others)}) == len(others)
    assert digest_of(frame) == digest_of(frame.copy())


NO_VALUES = [(k for k in range(3)), len, object(), 1j, Triplets, [len], {"a": iter([])}, np.array([len], object)]


@pytest.mark.parametrize("value", NO_VALUES, ids=lambda value: type(value).__name__)
def test_what_has_no_key_is_one_line(value, message_of):
    assert message_of(digest_of, value).startswith("a key can be made only of arrays, tables, numbers and text; got ")


def test_a_key_is_of_the_function_and_the_version_too(monkeypatch):
    keys = [key_of("fit", {"x": 1}), key_of("fits", {"x": 1}), key_of("fit", {"x": 1}, {}), key_of("fit", {}, {"x": 1})]
    assert key_of("fit", {"x": 1, "y": 2}) == key_of("fit", {"y": 2, "x": 1})
    monkeypatch.setattr("pyalign.parts.__version__", "99")
    assert len({*keys, key_of("fit", {"x": 1})}) == 5


# Journals: each argument of each function that has one

N, D = 18, 3
X, TRIPLETS = random_embeddings(N, D, seed=1), planted(N, D, 500)[1]
NAMED = Triplets(TRIPLETS, subjects=np.arange(500) % 9, weights=np.ones(500))
PAIR = (0.002, 0.03)
FOUND = [value for package in (pyalign.probing, pyalign.embedding) for value in contents(package).values()]


def functions_with_journals():
    """Functions and methods that report progress and may be given a journal, by name."""
    methods = [method for kind in FOUND if inspect.isclass(kind) for method in vars(kind).values()]
    for function in filter(inspect.isfunction, [*FOUND, *methods]):
        given = inspect.signature(function).parameters
        if {"journal", "progress"} <= given.keys() and given["journal"].default is None:
            yield function.__qualname__, function


FUNCTIONS = dict(functions_with_journals())
# What a call needs; the options of `**options`; and how an estimator is called.
CALLS: dict[str, tuple[dict[str, Any], type | None]] = {
    "cross_validate_probe": ({"embeddings": X, "triplets": NAMED, "penalties": 0.05}, ProbeOptions),
    "fit_probe": ({"embeddings": X, "triplets": NAMED, "penalty": 0.05}, ProbeOptions),
    "TripletProbe.fit": ({"x": X, "triplets": NAMED}, None),
    "cross_validate_embedding": ({"triplets": NAMED, "penalties": [PAIR]}, EmbeddingOptions),
    "fit_embedding": ({"triplets": NAMED, "shrinkage": 0.002}, EmbeddingOptions),
}
IDENTITY = {"norm": "identity"}
# Another value of arguments for which none follows from their type, and what else the call then needs.
OTHERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "embeddings": (X[::-1], {}),
    "x": (X[::-1], {}),
    "triplets": (replace(NAMED, weights=np.arange(1.0, 501)), {}),
    "answers": (np.tile([1, 1, 2], (500, 1)), {}),
    "weights": (np.arange(1.0, 501), {}),
    "subjects": (np.arange(500) % 10, {"split": "subjects"}),
    "other_embeddings": (X + 1, IDENTITY),
    "held_out": (TRIPLETS[:9], {}),
    "names": ([f"object {k}" for k in range(N)], {}),
    "against": ({"truth": X}, {}),
    "start": (Transform(np.eye(D), None, 0.0, 1.0), {}),
    "fit_embedding start": (np.ones((N, D)), {}),
    "split": ("subjects", {}),
    "missing": ("omit", {}),
    "cross_validate_embedding missing": ("zero", {}),
    "fit_embedding missing": ("zero", {}),
    "ci": (Resampling("auto", confidence_level=0.9), {}),
    "backend": ("numpy", {}),
    "penalty": (0.06, {}),
    "penalties": (0.06, {}),
    "cross_validate_embedding penalties": ([(0.002, 0.04)], {}),
    "sparsity": (0.03, {}),
    "rank": ("diagonal", {}),
    "norm": ("frobenius", {}),
    "standardize": ("none", {}),
    "measure": ("cosine", IDENTITY),
    "temperature": (2.0, {}),
    "n_dimensions": (4, {}),
    "signed": (True, {}),
    "cross_validate_probe folds": (2, {}),  # four of 18 objects leave a fold without triplets
    "cross_validate_embedding signed": (True, {"penalties": [(0.002, None)]}),
    "seed": (7, {}),
    "n_batches": (3, {}),
    "n_resamples": (2, {}),
    "shrinkage": (0.003, {}),
}  # type: ignore[dict-item]


def arguments_of(name):
    """Each argument and option of a function or its estimator that may decide a figure: name, annotation, default."""
    function, kind = FUNCTIONS[name], CALLS[name][1]
    places = [function, *((TripletProbe.__init__,) if "." in name else ())]
    for place in places:
        hints = get_type_hints(place)
        for argument in inspect.signature(place).parameters.values():
            if argument.kind != argument.VAR_KEYWORD and argument.name not in NO_INPUTS:
                yield argument.name, hints.get(argument.name), argument.default
    if kind is not None:
        named = {argument for place in places for argument in inspect.signature(place).parameters}
        hints = get_type_hints(kind)
        yield from ((field.name, hints[field.name], field.default) for field in fields(kind) if field.name not in named)


def another(name, argument, hint, default):
    """Another value of an argument, and what else the call needs with it."""
    for key in (f"{name} {argument}", argument):
        if key in OTHERS:
            return OTHERS[key]
    if isinstance(default, bool):
        return not default, {}
    if isinstance(default, int):
        return default + 1, {}
    if isinstance(default, float):
        return default + 0.5, {}
    words = [word for part in (hint, *get_args(hint)) if get_origin(part) is Literal for word in get_args(part)]
    assert words, f"OTHERS must have another value of {argument} of {name}"
    return next(word for word in words if word != default), {}


def call(name, given, journal, progress=None):
    """Calls a function, or makes an estimator and fits it."""
    function = FUNCTIONS[name]
    more = {"journal": journal} if progress is None else {"journal": journal, "progress": progress}
    if "." not in name:
        return function(**given, **more)
    of_fit = inspect.signature(function).parameters.keys()
    model = TripletProbe(**{key: value for key, value in given.items() if key not in of_fit})
    return model.fit(**{key: value for key, value in given.items() if key in of_fit}, **more)


def begun(name, given, journal):
    """Begins a call, and ends it when it first reports."""

    def stop(*_):
        raise KeyboardInterrupt

    with suppress(KeyboardInterrupt), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call(name, given, journal, stop)


TABLE = [(name, *argument) for name in CALLS for argument in arguments_of(name)]


def test_each_function_with_a_journal_is_in_the_table():
    assert FUNCTIONS.keys() == CALLS.keys()


@pytest.mark.parametrize(("name", "argument", "hint", "default"), TABLE, ids=[f"{row[0]}-{row[1]}" for row in TABLE])
def test_a_journal_refuses_a_call_that_differs_in_any_argument(name, argument, hint, default):
    chosen = another(name, argument, hint, default)
    if chosen is None:
        return
    value, more = chosen
    given, journal = {**CALLS[name][0], **more}, Journal()
    begun(name, given, journal)
    assert journal.of
    begun(name, given, journal)  # the same call goes on
    with pytest.raises(InputError, match=f"^journal holds {OTHER}; take a new one for each run$"):
        call(name, {**given, argument: value}, journal)


# Journals: what users do with them


MODELS = {"good": 3 * planted(N, D, 500)[0], "bad": X}


def probes(x, **more):
    return pyalign.cross_validate_probe(x, TRIPLETS, repeats=1, penalties=0.05, split="triplets", **more)


def embeddings(triplets, **more):
    return pyalign.cross_validate_embedding(triplets, penalties=[PAIR], folds=2, **more)


@pytest.mark.parametrize(
    ("validate", "inputs"),
    [(probes, [*MODELS.values()]), (embeddings, [TRIPLETS, TRIPLETS[:, ::-1]])],
    ids=["probes", "embeddings"],
)
def test_one_journal_over_a_loop_of_models_never_gives_one_the_figures_of_another(validate, inputs):
    """The second is refused; it had the accuracy of the first, whose folds are called the same."""
    first, second = (validate(given) for given in inputs)
    assert first.accuracy != second.accuracy
    journal = Journal()
    assert validate(inputs[0], journal=journal).accuracy == first.accuracy
    for _ in range(2):
        with pytest.raises(InputError, match="take a new one for each run"):
            validate(inputs[1], journal=journal)
    assert validate(inputs[0], journal=journal).accuracy == first.accuracy
    assert [validate(given, journal=Journal()).accuracy for given in inputs] == [first.accuracy, second.accuracy]


def test_values_that_change_in_their_array_are_another_run():
    x, journal = MODELS["good"].copy(), Journal()
    probes(x, journal=journal)
    x[0] += 1
    with pytest.raises(InputError, match="take a new one for each run"):
        probes(x, journal=journal)


def test_a_journal_of_another_version_is_refused(monkeypatch, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        probes(MODELS["good"], journal=Journal.open(tmp_path / "j.json"), progress=stop_at("fold 2/3"))
    monkeypatch.setattr("pyalign.parts.__version__", "99")
    with pytest.raises(InputError, match=rf"j\.json: left by {OTHER}; delete it, or run as before$"):
        probes(MODELS["good"], journal=Journal.open(tmp_path / "j.json", resume=True))


def stop_at(stage):
    """A callback that is Ctrl-C where a stage begins so."""

    def progress(text, *_):
        if text.startswith(stage):
            raise KeyboardInterrupt

    return progress


def test_a_journal_that_goes_on_if_it_can_begins_again_for_another_run(tmp_path):
    def at_second_fold(x):
        seen = []
        with pytest.raises(KeyboardInterrupt):
            journal = Journal.open(tmp_path / "j.json", resume=None)
            probes(x, journal=journal, progress=lambda text, *_: seen.append(text) or stop_at("fold 2/3")(text))
        return any(text.startswith("fold 1/3") for text in seen)

    x, y = MODELS["good"], MODELS["good"] + 1
    assert [at_second_fold(given) for given in (x, x, y, y, x)] == [True, False, True, False, True]


def test_an_argument_that_can_be_read_only_once_is_refused_in_one_line(message_of):
    names = iter([f"object {k}" for k in range(N)])
    message = message_of(pyalign.fit_embedding, TRIPLETS, shrinkage=0.002, journal=Journal(), names=names)
    assert message == "a key can be made only of arrays, tables, numbers and text; got list_iterator"
