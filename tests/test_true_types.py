"""Types of arguments are what functions take: each word of a `Literal` is accepted, and other words are refused.

So are numbers out of the range that a type states, and what is no flag.
Where a word does not fit what else is given, or needs a package or a device, the reason is that, and not the word.
"""

from __future__ import annotations

import importlib
import inspect
import re
import typing
import warnings
from typing import Literal, get_args, get_origin

import numpy as np
import pytest
from support import MEASURES, draw_triplets

import pyalign
from pyalign.cli import load
from pyalign.cli._command import declared

N, MANY = 12, 3
X, Y = (np.random.default_rng(seed).normal(size=(N, 4)) + 2 for seed in (0, 1))
TRIPLETS = draw_triplets(2, N, 90)
WHO = np.arange(90) % 6
HUMAN = X @ X.T
CLASSES = np.arange(N) % MANY
MAP = pyalign.Transform(np.eye(4), None, 0.0, 1.0)
CHOICES = np.arange(90) % 3

# How each function is called; some arguments need others.
CALLS = {
    "EmbeddingOptions": pyalign.EmbeddingOptions,
    "ProbeOptions": lambda **a: pyalign.ProbeOptions(**({"norm": "identity"} | a if "measure" in a else a)),
    "TripletEmbedding": lambda **a: pyalign.TripletEmbedding(shrinkage=0.1, **a).fit(TRIPLETS),
    "TripletProbe": lambda **a: pyalign.TripletProbe(
        penalty=1.0, **({"norm": "identity"} | a if "measure" in a else a)
    ).fit(X, TRIPLETS),
    "agreement": lambda **a: pyalign.agreement(X, np.tile(TRIPLETS[:30], (3, 1)), min_answers=2, subjects=WHO, **a),
    "build_index": lambda **a: pyalign.build_index(X, **a),
    "calibrate": lambda **a: pyalign.calibrate(X, TRIPLETS, subjects=WHO, **a),
    "choice_probabilities": lambda **a: pyalign.choice_probabilities(triplets=TRIPLETS, **rows(a)),
    "choice_similarity": lambda **a: pyalign.choice_similarity(**rows(a)),
    "cka": lambda **a: pyalign.cka({"a": X, "b": Y}, n_permutations=9, **a),
    "compare": lambda **a: pyalign.compare({"a": X, "b": Y}, TRIPLETS, subjects=WHO, **a),
    "cross_validate_embedding": lambda **a: pyalign.cross_validate_embedding(
        TRIPLETS, folds=2, penalties=[(0.1, 0.0)], subjects=WHO, n_dimensions=2, **a
    ),
    "cross_validate_probe": lambda **a: pyalign.cross_validate_probe(
        X, TRIPLETS, **{"folds": 2, "repeats": 1, "penalties": [1.0], "subjects": WHO} | a
    ),
    "describe": lambda **a: pyalign.describe("matrix.npy", **a),
    "embedding_path": lambda **a: pyalign.embedding_path(TRIPLETS, penalties=[(0.1, 0.0)], **a),
    "error_consistency": lambda **a: pyalign.error_consistency(
        {"a": X, "b": Y}, TRIPLETS, subjects=WHO, dimensions=np.abs(Y), min_triplets=1, **a
    ),
    "extract": lambda **a: pyalign.extract("torchvision:resnet18", "no such folder", **a),
    "find_failures": lambda **a: pyalign.find_failures({"a": X, "b": Y}, TRIPLETS, **a),
    "fit_embedding": lambda **a: pyalign.fit_embedding(TRIPLETS, shrinkage=0.1, **a),
    "fit_probe": lambda **a: pyalign.fit_probe(X, TRIPLETS, penalty=1.0, **a),
    "layer_similarity": lambda **a: pyalign.layer_similarity({"a": X}, {"b": Y}, n_permutations=9, **a),
    "load_rdms": lambda **a: pyalign.load_rdms("matrix.npy", **a),
    "load_triplets": lambda **a: pyalign.load_triplets("t.npy", **({"task": "anchored"} if "anchor" in a else {}), **a),
    "neighborhoods": lambda **a: pyalign.neighborhoods(
        {"a": X, "b": Y}, Y, before=X, categories=CLASSES, k=2, n_permutations=9, **a
    ),
    "neighbors": lambda **a: pyalign.neighbors(X, k=2, **a),
    "noise_ceiling": lambda **a: pyalign.noise_ceiling(np.tile(TRIPLETS[:30], (3, 1)), **a),
    "odd_one_out": lambda **a: pyalign.odd_one_out(triplets=TRIPLETS, **rows(a)),
    "permutation_test": lambda **a: pyalign.permutation_test(X, TRIPLETS, n_permutations=9, **a),
    "plan_triplets": lambda **a: pyalign.plan_triplets(X, Y, 20, **a),
    "plot": lambda **a: pyalign.plot(pyalign.score({"a": X, "b": Y}, TRIPLETS), **a),
    "predict_dimensions": lambda **a: pyalign.predict_dimensions(X, np.abs(Y), folds=2, **a),
    "probe_path": lambda **a: pyalign.probe_path(X, TRIPLETS, **{"penalties": [1.0, 2.0]} | a),
    "recover": lambda **a: pyalign.recover(
        {"a": X, "b": Y}, TRIPLETS, n_triplets=[20], n_simulations=2, temperature=1.0, folds=2, **a
    ),
    "rsa": lambda **a: pyalign.rsa({"a": X, "b": Y}, **{"human": human(a), "n_permutations": 9} | a),
    "sample_triplets": lambda **a: pyalign.sample_triplets(
        n_triplets=20, categories=None if a.get("scheme", "uniform") == "uniform" else CLASSES, **rows(a),
    ),
    "score": lambda **a: (
        pyalign.score(matrix=HUMAN, triplets=TRIPLETS, **a)
        if "kind" in a
        else pyalign.score({"a": X}, TRIPLETS, subjects=WHO, **a)
    ),
    "score_choices": lambda **a: pyalign.score_choices({"a": CHOICES}, TRIPLETS, subjects=WHO, **a),
    "score_concepts": lambda **a: pyalign.score_concepts(
        X, TRIPLETS, subjects=WHO, dimensions=None if a.get("entropy") == "answers" else np.abs(Y), **a
    ),
    "similarity": lambda **a: pyalign.similarity(X, **a),
    "transfer": lambda **a: pyalign.transfer(X, MAP, {"t": TRIPLETS}, k=2, **a),
    "triplet_gradient": lambda **a: pyalign.triplet_gradient(HUMAN, TRIPLETS, **a),
}


def rows(options):  # with embeddings, or with the matrix whose kind they say
    return options | ({"embeddings": None, "matrix": HUMAN} if "kind" in options else {"embeddings": X})


def human(options):
    """A matrix for `rsa`, which for intervals over participants is one of each of several."""
    several = "subjects" in str(options.get("ci"))
    matrix = np.stack([HUMAN + HUMAN.T * k for k in (1, 2, 3, 4)]) if several else HUMAN
    return matrix if "kind" in options else pyalign.RDMs(matrix, "similarity")


def words_of(annotation):
    """The words of the `Literal` types in a type, once each."""
    if get_origin(annotation) is Literal:
        return [word for word in get_args(annotation) if isinstance(word, str)]
    return [*dict.fromkeys(word for part in get_args(annotation) for word in words_of(part))]


def typed(function):
    """argument -> its words, of a function or class."""
    scope, found = vars(typing) | vars(importlib.import_module(function.__module__)), {}
    for name, argument in inspect.signature(function).parameters.items():
        text = re.sub(r"\b(PathLike|NamedCeiling) \|", "", str(argument.annotation))  # these are texts
        found[name] = words_of(eval(text, scope)) if argument.annotation is not argument.empty else []
    return {name: words for name, words in found.items() if words}


PUBLIC = [getattr(pyalign, name) for name in pyalign.__all__ if not name.startswith("_")]
PUBLIC = [
    one for one in PUBLIC if callable(one) and not (inspect.isclass(one) and issubclass(one, Exception | Warning))
]
ARGUMENTS = {one.__name__: words for one in PUBLIC if (words := typed(one))}
WORDS = [(name, *pair) for name, arguments in ARGUMENTS.items() for pair in arguments.items()]


COMMANDS_OF = {  # the function that a command calls
    "calibrate": "calibrate", "ceiling": "noise_ceiling", "cka": "cka", "compare": "compare",
    "concepts": "score_concepts", "consistency": "error_consistency", "dimensions predict": "predict_dimensions",
    "embed": "cross_validate_embedding", "extract": "extract", "failures": "find_failures",
    "neighbors objects": "neighborhoods", "neighbors search": "neighbors",
    "plot": "plot", "probe": "cross_validate_probe", "recover": "recover",
    "rsa": "rsa", "score": "score", "transfer": "transfer",
}


@pytest.fixture(scope="module", autouse=True)
def files(tmp_path_factory):
    """Where functions that read find their files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("files"))
        np.save("matrix.npy", HUMAN)
        np.save("t.npy", TRIPLETS)
        yield


def refusal(name, argument, word):
    """What a function says of a word; "" where it takes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            CALLS[name](**{argument: word})
        except (pyalign.InputError, pyalign.MissingExtraError) as error:
            return str(error)
    return ""


def test_every_function_with_such_a_type_is_called():
    assert {*ARGUMENTS} == {*CALLS}


@pytest.mark.parametrize(("name", "argument", "words"), WORDS, ids=lambda part: part if isinstance(part, str) else "")
def test_words_of_a_type_are_accepted_and_others_refused_with_the_list(name, argument, words):
    if {*MEASURES} <= {*words}:
        words = [*words, "rbf:0.5"]
    said = {word: refusal(name, argument, word) for word in words}
    refused = {
        word: one for word, one in said.items() if f"got {word!r}" in one or one.startswith(f"{argument} must be")
    }
    assert not refused
    said = refusal(name, argument, "no such word")
    assert "got 'no such word'" in said and all(word.partition(":")[0] in said for word in words), said


# Of the types of numbers in `pyalign.typing`, and of flags: what lies outside.
OUTSIDE = {
    "NotNegative": (-1, 2**31, 1.5, True), "Positive": (0, "many"), "AtLeastTwo": (1, [3]), "Number": (0, 2**20 + 1),
    "Fraction": (0.0, 1, np.nan, "half"), "Temperature": (0, np.inf, True, "warm"), "bool": (2, "yes"),
}
CHECKED = [one for one in PUBLIC if hasattr(one, "__wrapped__")]
RANGES = [
    (function, name, kind)
    for function in CHECKED
    for name, argument in inspect.signature(function).parameters.items()
    if (kind := str(argument.annotation).removesuffix(" | None")) in OUTSIDE
]


@pytest.mark.parametrize(("function", "argument", "kind"), RANGES, ids=lambda part: getattr(part, "__name__", part))
def test_numbers_outside_of_a_type_are_refused_before_anything_else(function, argument, kind, message_of):
    parameters = inspect.signature(function).parameters
    nothing = {name: None for name, one in parameters.items() if one.default is one.empty}
    for value in OUTSIDE[kind]:
        said = message_of(function, **nothing | {argument: value})
        assert said.startswith(f"{argument} must ") and said.endswith(f"; got {value!r}")


def test_functions_that_state_a_range_check_it():
    stated = re.compile(r"\b(NotNegative|Positive|AtLeastTwo|Fraction|Temperature)\b")
    assert {one for one in PUBLIC if stated.search(str(inspect.signature(one)))} <= {*CHECKED}


@pytest.mark.parametrize("command", COMMANDS_OF)
def test_an_option_has_the_words_that_the_function_takes(command):
    typed = ARGUMENTS[COMMANDS_OF[command]]
    options = {field.name: option for field, option in declared(load(command).options)}
    wrong = {
        name: (options[name].choices, words)
        for name, words in typed.items()
        if name in options and options[name].choices and {*options[name].choices} - {"none"} != {*words} - {"none"}
    }
    assert not wrong
