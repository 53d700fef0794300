"""Results travel as JSON and come back; what is no result is refused in one line."""

from __future__ import annotations

import copy
import json
import math
import pathlib
import pickle
import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from multiprocessing import get_context

import numpy as np
import pytest
from every_document import committed, restructured
from hypothesis import given, settings
from hypothesis import strategies as st
from result_variants import LABELS, MAKERS, PLAN, TRIPLETS, T, X

import pyalign
from pyalign import documents
from pyalign._checks import require_finite
from pyalign._result import SCHEMA, Result, class_of, read_result
from pyalign.data import Embeddings
from pyalign.documents import Interval, as_document, from_document
from pyalign.errors import InputError, MissingExtraError
from pyalign.kinds import KINDS


@pytest.fixture(params=MAKERS)
def result(request):
    return MAKERS[request.param]()


def strictly(text):
    """The document, where NaN and Infinity are errors."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


# Documents


def test_every_document_parses_strictly_and_says_what_it_is(result):
    document = strictly(result.to_json())
    assert document == result.to_dict()
    assert document["command"] == result.command
    assert (document["schema"], document["version"]) == (SCHEMA, pyalign.__version__)
    assert list(document)[:3] == ["command", "schema", "version"]
    assert list(document)[-1] == "provenance"


def test_a_result_comes_back_from_its_document(result, tmp_path):
    path = tmp_path / "result.json"
    path.write_text(result.to_json())
    back = pyalign.load_result(path)
    assert type(back) is type(result)
    assert back == result
    assert back.to_json() == result.to_json()
    assert str(back) == str(result)
    assert back.provenance == result.provenance


def test_every_kind_of_result_is_a_result_with_its_own_command():
    for command in KINDS:
        kind = class_of(command)
        if issubclass(kind, Result):
            assert kind.command == command


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(), st.floats(),
        st.floats(width=32).map(np.float32), st.floats(width=16).map(np.float16), st.floats().map(np.longdouble),
        st.integers(-5, 5).map(np.int16), st.booleans().map(np.bool_), st.just(Interval(0.5, math.nan, math.inf)),
        st.lists(st.floats(), max_size=3).map(np.array), st.complex_numbers(), st.binary(max_size=3), st.just(Interval),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.frozensets(st.floats(), max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers(), st.floats()), inner, max_size=3),
        st.builds(lambda v: Holder(v), inner),
    ),
    max_leaves=8,
)


@dataclass(frozen=True)
class Holder(Result):
    """Any value."""

    value: object = 0


@settings(max_examples=200)
@given(values)
def test_a_document_of_anything_is_strict_json_and_stays_as_it_is(value):
    document = as_document(value)
    text = json.dumps(document, allow_nan=False)
    assert strictly(text) == document
    assert as_document(document) == document


def test_finite_numbers_keep_their_value():
    for value in (0.1, np.float32(0.1), np.float16(0.1), np.int64(2**62), 1e308, -0.0):
        assert as_document(value) == value
        assert type(as_document(value)) in (float, int)


def test_the_rest_of_an_interval_stands_in_a_place_of_its_own():
    found = pyalign.score(X, TRIPLETS, ci=PLAN)
    document = found.only.to_dict()
    assert document["ci"] == [found.ci.low, found.ci.high]
    assert document["intervals"]["ci"] == {
        "error": found.ci.error, "by": "objects", "method": "bootstrap", "confidence": 0.9,
    }
    assert document["standard_error"] == found.ci.error
    assert (document["ci_by"], document["ci_method"], document["confidence"]) == ("objects", "bootstrap", 0.9)


def test_what_was_not_asked_for_is_left_out_and_what_is_not_known_is_null():
    document = pyalign.score(X, pyalign.Triplets(TRIPLETS, answered=False)).only.to_dict()
    assert (document["accuracy"], document["cross_entropy"]) == (None, None)
    assert not {"ci", "groups", "ceiling", "intervals", "choices", "probabilities"} & set(document)


def test_an_unknown_key_of_a_later_version_is_overlooked():
    document = {**pyalign.score(X, TRIPLETS).only.to_dict(), "later": 1}
    assert from_document(pyalign.results.Score, document).accuracy == document["accuracy"]


def test_models_of_any_key_have_its_text_for_a_name(tmp_path):
    for found in (
        pyalign.score({1: X, 2: -X}, TRIPLETS, keep="choices"), pyalign.compare({1: X, 2: -X}, TRIPLETS, ci=PLAN)):
        path = tmp_path / "result.json"
        path.write_text(found.to_json())
        assert pyalign.load_result(path) == found
        assert "1" in str(found)


# Documents that are none


@pytest.fixture
def refused(tmp_path, message_of):
    """``refused(document)``: what `load_result` says about it, behind the path."""

    def run(document):
        path = tmp_path / "result.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        message = message_of(pyalign.load_result, path)
        assert message.startswith(f"{path}: ")
        return message.removeprefix(f"{path}: ")

    return run


@pytest.mark.parametrize("document", [[], 1, "null", {}, {"schema": 1}, {"schema": 1, "command": None}])
def test_what_is_no_result_is_refused(refused, document):
    assert refused(document) == "is no result of pyalign: it says no command"


@pytest.mark.parametrize("schema", [SCHEMA + 1, SCHEMA - 1, -1, True, 1.0, "1", None, [1]])
def test_another_schema_is_refused(refused, schema):
    message = refused({**pyalign.score(X, TRIPLETS).to_dict(), "schema": schema})
    told = f"made by pyalign {pyalign.__version__}; this version ({pyalign.__version__}) reads {SCHEMA}"
    assert message == f"is a result of 'score' with schema {schema!r}, {told}"


@pytest.mark.parametrize("command", ["scores", ""])
def test_another_command_is_refused(refused, command):
    message = refused({**pyalign.score(X, TRIPLETS).to_dict(), "command": command})
    assert message.startswith(f"is a result of {command!r}, which is no command that this version")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d.pop("accuracy"), "'accuracy' is missing"),
        (lambda d: d.update(accuracy="0.5"), "'accuracy' holds '0.5', which does not fit"),
        (lambda d: d.update(n_triplets=None), "'n_triplets' holds None, which does not fit"),
        (lambda d: d.update(n_triplets=1.5), "'n_triplets' holds 1.5, which does not fit"),
        (lambda d: d.update(n_triplets=True), "'n_triplets' holds True, which does not fit"),
        (lambda d: d.update(accuracy=10**400), f"'accuracy' holds 1{59 * '0'}, which does not fit"),
        (lambda d: d.update(ci=[0.1]), "'ci' holds 1 values in place of the ends of an interval"),
        (lambda d: d.update(ci=["a", "b"]), "'ci' holds 'a', which does not fit"),
        (lambda d: d["intervals"]["ci"].update(by=3), "'intervals.ci.by' holds 3, which does not fit"),
        (lambda d: d["intervals"].update(ci=[]), "'intervals.ci' holds [], which does not fit"),
        (lambda d: d.update(intervals=[]), "'intervals' holds [], which does not fit"),
        (lambda d: d["groups"].append({}), "'group' is missing"),
        (lambda d: d["provenance"].pop("time"), "'time' is missing"),
        (lambda d: d["provenance"].update(options=None), "'options' holds None, which does not fit"),
        (lambda d: d.update(provenance=[]), "'provenance' holds [], which does not fit"),
        (lambda d: d.update(notes=[1]), "'notes' holds 1, which does not fit"),
    ],
)
def test_a_damaged_result_says_where(refused, change, expected):
    document = pyalign.score(X, TRIPLETS, ci=PLAN, groups=LABELS).only.to_dict()
    change(document)
    assert refused(document) == f"is a damaged result of 'score': {expected}"


def places(document, path=()):
    """Every place in a document, by the keys and numbers that lead there."""
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inside:
        yield (*path, key)
        yield from places(value, (*path, key))


JUNK = (None, True, -1, 1.5, 10**400, "text", [], [1], [None, "a", {}], {}, {"a": 1}, [[1, 2], 3])  # by turns


@pytest.mark.parametrize(
    "name",
    ["score over objects", "comparison", "comparison in closed form", "permutation", "calibration", "two failures"],
)
def test_however_a_document_is_damaged_it_loads_or_is_refused_in_one_line(name, monkeypatch):
    document = strictly(MAKERS[name]().to_json())
    outcomes = set()
    for k, place in enumerate(places(document)):
        for value in (KeyError, *JUNK[k % 4 :: 4]):  # KeyError: the place is gone
            damaged = copy.deepcopy(document)
            holder = damaged
            for key in place[:-1]:
                holder = holder[key]
            if value is KeyError:
                del holder[place[-1]]
            else:
                holder[place[-1]] = value
            monkeypatch.setattr("pyalign.io.documents.read_json", lambda path, damaged=damaged: damaged)
            try:
                strictly(pyalign.load_result("x.json").to_json())
                outcomes.add("loaded")
            except pyalign.InputError as error:
                assert str(error).startswith("x.json: is ")
                assert len(str(error).splitlines()) == 1
                outcomes.add("refused")
    assert outcomes == {"loaded", "refused"}


@pytest.fixture(scope="module")
def documents_of_all():
    """name -> document, of every command."""
    found = committed("every", "other")
    assert {one["command"] for one in found.values()} == {*KINDS}
    return found


def test_a_pickled_result_keeps_the_hashes_of_inputs_that_are_gone():
    x = X.copy()
    found = pyalign.score(x, TRIPLETS)
    digest = pyalign.data.fingerprint(x)
    raw = pickle.dumps(found)
    assert len(raw) < 10_000  # the inputs do not go along
    del x, found
    assert pickle.loads(raw).provenance.inputs[0].sha256 == digest


def test_errors_come_back_from_other_processes():
    """A pool whose worker raises what its parent can't unpickle breaks, and the message is lost."""
    bad = X.copy()
    bad[[0, 3]] = np.nan
    raised = [MissingExtraError("a picture", "altair", "report")]
    for call in (
        lambda: pyalign.score(bad, TRIPLETS),
        lambda: pyalign.score(X[:2], TRIPLETS),
        lambda: require_finite(np.isnan(bad[:, 0])),
    ):
        with pytest.raises(InputError) as caught:
            call()
        raised.append(caught.value)
    for error in raised:
        back = pickle.loads(pickle.dumps(error))
        assert type(back) is type(error) and str(back) == str(error)
    assert back.rows.tolist() == [0, 3]


def test_results_come_back_from_other_processes():
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        found = pool.submit(pyalign.score, X, TRIPLETS).result()
    here = pyalign.score(X, TRIPLETS)
    assert found.accuracy == here.accuracy
    assert [one.to_dict() for one in found.provenance.inputs] == [one.to_dict() for one in here.provenance.inputs]


UNFIT = {  # what is done to a sound document -> what is said of it
    "cka: a row is gone": ("cka", lambda d: d["results"][0]["matrix"].pop(), "'matrix' must hold 4 values"),
    "cka: a value is gone": ("cka", lambda d: d["results"][0]["p_value"][0].pop(), "'p_value' must hold 4 values"),
    "cka: a model more": ("cka", lambda d: d["results"][0]["models"].append("c"), "'matrix' must hold 5 values"),
    "layers: a row is gone": ("layers", lambda d: d["matrix"].pop(), "'matrix' must hold 2 values"),
    "compare: a covariance": ("compare", lambda d: d["covariance"].pop(), "'covariance' must hold 4 values"),
    "compare: another model": ("compare", lambda d: d["pairs"][0].update(a="other"), "'pairs.a' must be one of"),
    "calibrate: a bin": ("calibrate", lambda d: d["results"][0]["equal_width"]["accuracy"].pop(), "'accuracy'"),
    "concepts: a concept": ("concepts", lambda d: d["results"][0]["concepts"].pop(), "'concepts' of dimensions must"),
    "consistency: another model": ("consistency", lambda d: d["pairs"][0].update(a="other"), "'pairs.a' must be one"),
    "consistency: no triplets": ("consistency", lambda d: d.update(n_triplets=0), "'n_triplets' must not be empty"),
    "embed: another word": ("embed", lambda d: d["stability"][0].update(over="years"), "'over' holds 'years', which"),
    "failures: a count": ("failures", lambda d: d["n_wrong"].pop(), "'n_wrong' must hold 4 values"),
    "failures: another model": (
        "failures", lambda d: d["groups"][0]["triplets"][0]["margins"].update(other=1.0), "must be of the models"
    ),
    "failures: numbers for names": (
        "failures", lambda d: d["groups"][0]["triplets"][0].update(names=[1, 2, 3]), "'names' holds 1, which"
    ),
    "neighborhoods: a name": ("neighborhoods", lambda d: d["results"][0]["duplicates"][0]["names"].pop(), "'names'"),
    "neighborhoods: another model": (
        "neighborhoods", lambda d: d["differences"][0].update(a="other"), "'differences.a' must be one of"
    ),
    "neighbors: no first rank": ("neighbors", lambda d: [one.update(rank=2) for one in d["results"]], "n_queries"),
    "neighbors: more queries": ("neighbors", lambda d: d.update(n_queries=10**9), "n_queries must be"),
    "neighbors: more ranks": ("neighbors", lambda d: d.update(k=10**9), "k must be 1 or more"),
    "recover: a row is gone": ("recover", lambda d: d["confusion"].pop(), "'confusion' must hold 2 values"),
    "recover: a model": ("recover", lambda d: d["by_model"].pop(), "'by_model' must hold 2 values"),
    "rsa: another correction": ("rsa", lambda d: d.update(correction="none"), "'correction' holds 'none', which"),
    "study: no steps": ("study", lambda d: d.update(steps=[]), "'steps' must not be empty or 0"),
}


@pytest.mark.parametrize("what", UNFIT)
def test_a_document_whose_parts_do_not_fit_is_refused_when_it_is_read(what, documents_of_all, refused):
    name, change, told = UNFIT[what]
    document = copy.deepcopy(documents_of_all[name])
    change(document)
    message = refused(document)
    assert message.startswith(f"is a damaged result of '{document['command']}': ") and told in message


def test_whatever_loads_answers_however_it_was_damaged(documents_of_all):
    """Some damage of each command; `make fuzz` does more of it, and makes pages."""
    outcomes = Counter()
    for name, document in documents_of_all.items():
        rng = random.Random(name)
        for _ in range(6):
            damaged = restructured(document, rng)
            try:
                found = read_result(damaged, "x.json")
            except pyalign.InputError as error:
                assert str(error).startswith("x.json: is ") and len(str(error).splitlines()) == 1
                outcomes["refused"] += 1
                continue
            for text in (str(found), found.table(40, True), found.to_csv(), found.to_latex(), found._repr_html_()):
                text.encode()
            strictly(found.to_json())
            outcomes["loaded"] += 1
    assert min(outcomes["refused"], outcomes["loaded"]) > 30


def test_reading_shows_nothing(tmp_path, documents_of_all):
    """In a process of its own, in which the module that writes tables is imported when the first is shown."""
    paths = []
    for k, document in enumerate(documents_of_all.values()):
        paths.append(str(tmp_path / f"{k}.json"))
        pathlib.Path(paths[-1]).write_text(json.dumps(document))
    code = """
import sys, pyalign
for path in sys.argv[1:]:
    pyalign.load_result(path)
assert "pyalign.report.text" not in sys.modules
print(pyalign.load_result(sys.argv[1]).table()[:5])
assert "pyalign.report.text" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("defect", [AttributeError, KeyError, TypeError, ZeroDivisionError, RecursionError])
def test_a_defect_of_ours_is_no_damage_of_the_document(defect, documents_of_all, monkeypatch):
    def fail(*_):
        raise defect("ours")

    monkeypatch.setattr(type(read_result(documents_of_all["study"], "x.json")), "from_document", fail, raising=False)
    with pytest.raises(defect, match="ours"):
        read_result(documents_of_all["study"], "x.json")


def test_text_that_no_page_can_hold_is_refused_when_it_is_read(refused):
    document = pyalign.score(X, TRIPLETS).only.to_dict()
    for where in (("notes", ["half \ud800 a pair"]), ("embeddings", "caf\udce9.npy"), ("measure", "\ud800")):
        told = "is a damaged result of 'score': text must be Unicode; got half of a surrogate pair in "
        assert refused({**document, where[0]: where[1]}).startswith(told)


@pytest.mark.parametrize(
    ("name", "kept"),
    [("caf\udce9.npy", r"caf\udce9.npy"), ("\udcff\udcfe", r"\udcff\udcfe"), ("\ud83d", r"\ud83d"), ("😀", "😀"),
     (r"a\udcff", r"a\udcff"), ("\\\udcff", r"\\udcff"), ("é\ud83d😀\ude00", "é\\ud83d😀\\ude00")],
)
def test_names_of_files_that_are_no_unicode_are_written_so_that_they_can_be_read(tmp_path, name, kept):
    found = pyalign.score({name: X}, TRIPLETS)
    near = pyalign.neighbors(Embeddings(X, source=name), k=2)
    for result, called in ((found, "embeddings"), (near, "embeddings")):
        (tmp_path / "r.json").write_text(result.to_json())
        back = pyalign.load_result(tmp_path / "r.json")
        assert getattr(back[0] if result is found else back, called) == kept


# Intervals


def test_an_interval_unpacks_as_its_ends():
    one = Interval(0.25, 0.75, error=0.1, by="objects")
    low, high = one
    assert (low, high) == (0.25, 0.75) == tuple(one) == (one[0], one[1]) == (one[-2], one[-1])
    assert len(one) == 2
    assert 0.25 in one
    assert "{:.2f} to {:.2f}".format(*one) == "0.25 to 0.75"
    with pytest.raises(IndexError):
        one[2]


# Tables of rows


# In a notebook


def test_what_comes_back_holds_no_arrays():
    kept = pyalign.score(X, TRIPLETS, keep=["choices", "probabilities"]).only
    assert kept.choices.shape == (T,)
    back = from_document(pyalign.results.Score, kept.to_dict())
    assert (back.choices, back.probabilities) == (None, None)
    assert back == kept
    assert {one.name for one in fields(kept) if one.metadata.get("hidden")} == {"choices", "probabilities", "missing"}


def test_how_a_type_is_read_is_found_once_however_many_values_a_document_holds(monkeypatch):
    """A page reads documents of hundreds of thousands of values: hints are looked at by class, not by value."""
    looked = []
    asked = documents.get_origin
    monkeypatch.setattr(documents, "get_origin", lambda hint: looked.append(hint) or asked(hint))
    documents._plan.cache_clear()
    interval = [0.1, 0.2]
    from_document(Several, {"scores": {"a": interval}, "both": [1, 2], "either": 1, "other": 1})
    first = len(looked)
    found = from_document(Several, {"scores": {str(k): interval for k in range(500)}, "both": [1, 2], "either": 1,
                                    "other": 1})
    assert len(found.scores) == 500 and first > 0 and len(looked) == first


def test_of_several_types_the_first_that_fits_is_taken():
    """Though typing calls unions equal whose order differs."""
    found = from_document(Several, {"scores": {}, "both": [1, None], "either": 3, "other": 3})
    assert (type(found.either), type(found.other)) == (int, float)
    assert found.both[0] == 1.0 and math.isnan(found.both[1])


@dataclass(frozen=True)
class Several:
    scores: dict[str, Interval]
    both: tuple[float, float]
    either: int | float | None
    other: float | int


@pytest.mark.parametrize("command", ["score", "agreement", "compare", "rsa", "neighborhoods"])
def test_results_of_models_are_indexed_by_name(command):
    few = np.random.default_rng(0).normal(size=(12, 3))
    models, counts = {"clip": few, "vgg": few[:, :2]}, np.full((4, 3), 2)
    triplets = np.arange(12).reshape(4, 3)
    found = {
        "score": lambda: pyalign.score(models, triplets), "compare": lambda: pyalign.compare(models, triplets, ci=None),
        "agreement": lambda: pyalign.agreement(models, triplets, answers=counts),
        "rsa": lambda: pyalign.rsa(models, few @ few.T, kind="similarity", ci=None),
        "neighborhoods": lambda: pyalign.neighborhoods(models, k=2),
    }[command]()
    assert found["vgg"] == found[1] and found["clip"] == found[0] != found["vgg"]
    with pytest.raises(InputError, match=r"^the name of a result must be one of clip, vgg; got 'clop'; did you mean"):
        found["clop"]


def test_a_name_with_several_results_is_no_index():
    found = pyalign.score({"a": X, "b": X}, TRIPLETS, measure=["dot", "cosine"])
    with pytest.raises(InputError, match=r"^'a' has 2 results, such as one for each measure: take one by number$"):
        found["a"]
