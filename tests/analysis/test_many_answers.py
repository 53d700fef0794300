"""What `calibrate` and `agreement` share: one form of answers, rows matched by name, several models, documents."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from support import draw_triplets, reals, seeds

import pyalign
from pyalign import agreement, calibrate, choice_probabilities
from pyalign.analysis.notes import notes_on_rows
from pyalign.data import Embeddings, Triplets, as_answers
from pyalign.data.align import NAMELESS, align
from pyalign.datasets.simulate import simulate
from pyalign.io import load_triplets

N, T = 30, 600
NAMES = tuple(f"item{k:02d}" for k in range(N))
ORDER = np.random.default_rng(7).permutation(N)


@pytest.fixture(scope="module")
def x():
    return reals(1, N, 6)


@pytest.fixture(scope="module")
def triplets(x):
    return simulate(x, T, temperature=0.4, seed=2).triplets


@pytest.fixture(scope="module")
def counts():
    return np.random.default_rng(0).integers([0, 0, 2], [4, 4, 6], (T, 3))


def figures(result):
    """All numbers of a result, without what it is called."""
    document = replace(getattr(result, "only", result), notes=(), provenance=None, embeddings=None).to_dict()
    return {name: value for name, value in document.items() if name != "seconds"}


def near(result):
    """The same numbers but for rounding."""

    def approximate(value):
        if isinstance(value, dict):
            return {name: approximate(one) for name, one in value.items()}
        if isinstance(value, list):
            return [approximate(one) for one in value]
        return pytest.approx(value, rel=1e-5, abs=1e-6) if isinstance(value, float) else value

    return approximate(figures(result))


def strictly(text):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


# One form of answers


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("function", [calibrate, agreement])
def test_counts_are_counts_in_every_dtype(x, triplets, counts, function, dtype):
    assert function(x, triplets, answers=counts.astype(dtype)) == function(x, triplets, answers=counts)


@pytest.mark.parametrize("function", [calibrate, agreement])
def test_answers_of_the_triplets_are_used_and_those_of_the_call_come_first(x, triplets, counts, function):
    attached = Triplets(triplets).with_answers(counts)
    expected = function(x, triplets, answers=counts)
    assert function(x, attached) == expected
    assert function(x, Triplets(triplets).with_answers(counts[::-1]), answers=counts) == expected
    assert function(x, attached[:400]) == function(x, triplets[:400], answers=counts[:400])
    assert function(x, triplets, answers=as_answers(counts, T)) == expected


def test_calibration_says_of_which_kind_the_answers_are(x, triplets, counts):
    shares = counts / counts.sum(axis=1, keepdims=True)
    found = [calibrate(x, triplets, answers=one) for one in (None, counts, shares)]
    assert [(one.answers, one.targets) for one in found] == [
        ("choices", "choices"), ("counts", "counts"), ("shares", "probabilities")
    ]
    assert [one.divergences is None for one in found] == [True, False, False]


@given(seeds)
def test_the_same_shares_of_as_many_answers_are_the_same_as_counts(seed):
    x, triplets = reals(seed, 20, 4), draw_triplets(seed, 20, 300)
    counts = 1 + np.random.default_rng(seed).multinomial(7, [0.3, 0.3, 0.4], 300)
    p = choice_probabilities(x, triplets, measure="dot")
    counts[np.arange(300), p.argmax(axis=1)] += 10
    by_counts = calibrate(x, triplets, answers=counts, measure="dot")
    by_shares = calibrate(x, triplets, answers=counts / 20, measure="dot")
    assert by_shares.temperature == pytest.approx(by_counts.temperature, rel=1e-9)
    assert by_shares.divergences.kl == pytest.approx(by_counts.divergences.kl, rel=1e-9)
    assert by_shares.fit.n_answers * 20 == by_counts.fit.n_answers


@pytest.mark.parametrize("function", [calibrate, agreement])
def test_answers_are_by_the_positions_in_the_file_however_reading_has_moved_them(
    tmp_path, x, triplets, counts, function
):
    """One file, read in four ways; the odd column of it says nothing beside counts."""
    choice = np.random.default_rng(3).integers(0, 3, T)
    path = tmp_path / "t.csv"
    path.write_text(
        "a,b,c,choice\n" + "".join(f"{a},{b},{c},{k}\n" for (a, b, c), k in zip(triplets, choice, strict=True))
    )
    layout = {"columns": ("a", "b", "c")}
    ways = {
        "as they stand": load_triplets(path, **layout, odd_column="none"),
        "last": load_triplets(path, **layout, odd_column="last"),
        "first": load_triplets(path, **layout, odd_column="first"),
        "by a column": load_triplets(path, **layout, choice_column="choice", choice_base=0),
    }
    assert [ways[name].positions is None for name in ways] == [True, True, False, False]
    expected = function(x, triplets, answers=counts)
    for read in ways.values():
        assert figures(function(x, read, answers=counts)) == near(expected)
        assert figures(function(x, read.with_answers(counts))) == near(expected)
    unmoved = agreement(x, np.asarray(ways["by a column"]), answers=counts)
    assert figures(unmoved) != near(agreement(x, triplets, answers=counts))


def test_shares_of_a_concept_embedding_go_back_by_the_positions_of_the_same_triplets(x, triplets):
    first = Triplets(triplets[:, [2, 0, 1]], positions=np.array([2, 0, 1]))
    concept = np.abs(reals(5, N, 4))
    expected = calibrate(x, triplets, answers=choice_probabilities(concept, triplets, measure="dot"))
    found = calibrate(x, first, answers=choice_probabilities(concept, first, measure="dot"))
    assert figures(found) == near(expected)


@pytest.mark.parametrize(("function", "name"), [(calibrate, "calibrate"), (agreement, "agreement")])
def test_triplets_that_nobody_answered_are_refused_but_with_answers(message_of, x, triplets, counts, function, name):
    open_ones = Triplets(triplets, answered=False)
    assert message_of(function, x, open_ones) == (f"{name} needs human choices, which these triplets do not hold")
    assert function(x, open_ones, answers=counts) == function(x, triplets, answers=counts)


@pytest.mark.parametrize("function", [calibrate, agreement])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (5, "triplets must have shape (t, 3); got ()"),
        ([[0, 1]], "triplets must have shape (t, 3); got (1, 2)"),
        (np.zeros((0, 3), int), "triplets must not be empty; got shape (0, 3)"),
        ([[0, 1, 30]], "triplets must lie in [0, 30); row 0 is [0, 1, 30]"),
    ],
)
def test_wrong_triplets_are_refused_before_their_answers(message_of, x, function, wrong, message):
    assert message_of(function, x, wrong, answers=[[1, 2, 3]]) == message


# Rows by name


@pytest.mark.parametrize("function", [calibrate, agreement])
@pytest.mark.parametrize("split", ["whole numbers", "names"])
def test_a_frame_in_another_order_of_rows_gives_the_same_numbers(x, triplets, counts, function, split):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    if split == "names":
        frame = pandas.DataFrame(x[ORDER], index=[NAMES[k] for k in ORDER])
        given = Triplets(triplets, NAMES, numbered=True)
    else:
        frame, given = pandas.DataFrame(x[ORDER], index=ORDER), triplets
    assert figures(function(frame, given, answers=counts)) == near(function(x, triplets, answers=counts))


@pytest.mark.parametrize("function", [calibrate, agreement])
def test_triplets_of_names_find_their_rows(x, triplets, counts, function):
    """A split draws items: that of the names in their order, which is the order of the numbers here."""
    named = [[NAMES[k] for k in row] for row in triplets]
    found = function(Embeddings(x[ORDER], [NAMES[k] for k in ORDER]), named, answers=counts)
    assert figures(found) == near(function(x, triplets, answers=counts))


def test_all_models_meet_one_split_whatever_the_order_of_their_rows(x, triplets):
    models = {"a": Embeddings(x, NAMES), "b": Embeddings(x[ORDER], [NAMES[k] for k in ORDER])}
    one, other = calibrate(models, triplets)
    assert (one.fit.n_triplets, one.n_unused) == (other.fit.n_triplets, other.n_unused)
    assert figures(other) == near(one)


def test_rows_of_other_items_do_not_move_the_split(x, triplets):
    more = Embeddings(np.concatenate([reals(9, 20, 6), x]), [*(f"other{k}" for k in range(20)), *NAMES])
    given = Triplets(triplets, NAMES, numbered=True)
    assert figures(calibrate(more, given)) == near(calibrate(Embeddings(x, NAMES), given))


# Several models and measures


@pytest.mark.parametrize(
    ("function", "kind"),
    [(calibrate, pyalign.results.Calibrations), (agreement, pyalign.results.Agreements)],
    ids=["calibrate", "agreement"],
)
def test_models_and_measures_come_one_after_the_other_as_each_alone(x, triplets, counts, function, kind):
    models, stages = {"one": x, "two": x[:, :3]}, []
    found = function(
        models, triplets, answers=counts, measure=["dot", "cosine"], progress=lambda *stage: stages.append(stage)
    )
    assert isinstance(found, kind) and len(found) == 4
    assert [(one.embeddings, one.measure) for one in found] == [
        ("one", "dot"), ("one", "cosine"), ("two", "dot"), ("two", "cosine")
    ]
    assert stages == [("one dot", 0, 4), ("one cosine", 1, 4), ("two dot", 2, 4), ("two cosine", 3, 4)]
    for one in found:
        alone = function(models[one.embeddings], triplets, answers=counts, measure=one.measure)
        assert alone.embeddings is None and figures(alone) == figures(one)
    assert figures(function(x, triplets, answers=counts, measure=["dot"])[0]) == figures(found[0])


@pytest.mark.parametrize("function", [calibrate, agreement])
def test_an_error_of_one_model_is_told_with_its_name(message_of, x, triplets, counts, function):
    read = replace(Triplets(triplets), source="t.npy")
    models = {"good": x, "short": x[:10]}
    assert message_of(function, models, read, answers=counts).startswith(
        "short with t.npy: triplets must lie in [0, 10)"
    )
    named = [[NAMES[k] for k in row] for row in triplets]
    assert message_of(function, models, named, answers=counts).startswith(
        "good: the triplets hold names; give the rows'"
    )
    assert (
        message_of(function, {}, triplets, answers=counts)
        == "models must hold at least one model; got an empty mapping"
    )
    assert message_of(function, x, triplets, measure=()) == "measure must be at least one; got none"
    assert message_of(function, x, triplets, measure=["dot", "cosin"]).endswith("got 'cosin'; did you mean 'cosine'?")


@pytest.mark.parametrize("function", [calibrate, agreement])
def test_a_result_says_what_it_was_made_from_and_what_is_odd_about_it(x, triplets, counts, function):
    wide = np.concatenate([x, np.zeros((1, 6), np.float32)])
    found = function(wide, triplets, answers=counts, backend="numpy")
    notes = notes_on_rows(wide, align(wide, triplets))
    assert len(notes) == 2 and set(notes) <= set(found.notes)
    recorded = found.only.provenance
    assert [one.name for one in recorded.inputs] == ["embeddings", "triplets", "answers"]
    assert recorded.inputs[0].shape == (31, 6) and recorded.backend == "numpy"
    assert recorded.options["measure"] == "cosine" and recorded.options["ties"] == "fractional"


@pytest.mark.parametrize("function", [calibrate, agreement])
def test_what_was_assumed_about_the_order_of_items_is_said_once(x, triplets, counts, function):
    models = {"a": Embeddings(x, NAMES), "b": Embeddings(x[ORDER], [NAMES[k] for k in ORDER])}
    found = function(models, triplets, answers=counts)
    assumed = [note for note in found.notes if note.startswith("item numbers are taken as row numbers of a")]
    assert len(assumed) == 1 and all(assumed[0] in one.notes for one in found)
    assert figures(found[1]) == near(found[0])


def test_a_calibration_at_chance_says_so(x, triplets):
    """The answers are drawn at random, and happen to agree with the model in a few more than a third."""
    mixed = np.random.default_rng(1).permuted(triplets, axis=1)
    assert any("above chance" in note for note in calibrate(x, mixed).notes)
    assert calibrate(x, triplets).notes == (NAMELESS,)


# Documents


def read_back(result, tmp_path):
    path = tmp_path / "result.json"
    path.write_text(result.to_json())
    return pyalign.load_result(path)


def cases(x, triplets, counts):
    constant = np.ones((N, 2), np.float32)
    yield calibrate(x, triplets)
    yield calibrate(x, triplets, split=None, bins=1)
    yield calibrate({"a": x, "b": x[:, :3]}, triplets, answers=counts, measure=["cosine", "dot"], bins=2)
    yield agreement(x, triplets, answers=counts)
    yield agreement(constant, triplets, answers=counts, min_answers=8)  # bins without triplets, no correlations
    yield agreement({"a": x, "constant": constant}, triplets, answers=counts, measure=["dot"])


def test_documents_are_strict_json_and_come_back_as_an_equal_object(tmp_path, x, triplets, counts):
    for result in cases(x, triplets, counts):
        strictly(result.to_json())
        found = read_back(result, tmp_path)
        assert type(found) is type(result) and repr(found.results) == repr(result.results)  # nan is not nan
        assert found.to_json() == result.to_json() and found.table() == result.table()


def test_a_correlation_that_does_not_exist_is_null_and_comes_back_as_nan(tmp_path, triplets, counts):
    result = agreement(np.ones((N, 2), np.float32), triplets, answers=counts).only
    document = strictly(result.to_json())
    names = ("share_pearson", "entropy_pearson", "entropy_spearman")
    assert [document[name] for name in names] == [None] * 3
    assert all(math.isnan(getattr(read_back(result, tmp_path), name)) for name in names)


CALIBRATION_KEYS = {
    "temperature", "standard_error", "temperature_ci", "fit", "test", "ece_equal_width_before", "ece_equal_mass_before",
    "equal_width", "equal_mass", "divergences", "targets", "split", "n_unused", "n_dropped",
    "measure", "ties", "backend", "steps", "embeddings", "seconds",
}
AGREEMENT_KEYS = {
    "n_distinct", "n_answers", "n_dropped", "share_pearson", "entropy_pearson", "entropy_spearman", "model_entropy",
    "human_entropy", "kl", "js_distance", "accuracy", "majority_accuracy", "majority_share", "bins", "min_answers",
    "measure", "temperature", "ties", "backend", "embeddings",
}


@pytest.mark.parametrize(("function", "keys"), [(calibrate, CALIBRATION_KEYS), (agreement, AGREEMENT_KEYS)])
def test_documents_have_the_keys_that_programs_read(x, triplets, counts, function, keys):
    read = replace(Triplets(triplets), source="t.npy")
    document = strictly(function({"x.npy": x}, read, answers=counts).to_json())
    assert document["version"] == pyalign.__version__ and document["triplets"] == "t.npy"
    (row,) = document["results"]
    assert keys <= set(row) and row["embeddings"] == "x.npy"


def test_an_interval_stands_as_two_numbers_with_its_error_beside(x, triplets):
    found = calibrate(x, triplets, split=None).only
    document = strictly(found.to_json())
    assert document["temperature_ci"] == [found.temperature.ci.low, found.temperature.ci.high]
    assert document["standard_error"] == found.standard_error == found.temperature.ci.error
    assert document["intervals"]["temperature_ci"]["by"] == "objects"
    assert (document["split"], document["divergences"]) == (None, None)


# Tables


@pytest.mark.parametrize("function", [calibrate, agreement])
def test_tables_fit_80_columns_unless_all_is_asked_for(x, triplets, counts, function):
    models = {f"features/of/a/long/folder/model_{k}/penultimate_layer.npy": x[:, : 3 + k] for k in range(2)}
    found = function(models, triplets, answers=counts, measure=["neg_sqeuclidean", "dot"])
    assert max(map(len, found.table().splitlines())) <= 80
    assert max(map(len, found.table(width=60).splitlines())) <= 60 or function is agreement  # bins have 74
    everything = found.table(verbose=True)
    assert max(map(len, everything.splitlines())) > 80
    assert all(name in everything for name in models) and not any(name in found.table() for name in models)
    assert "model_0/penultimate_layer" in found.table()


def test_what_is_the_same_in_all_rows_is_said_below(x, triplets):
    table = calibrate({"a": x, "b": x[:, :3]}, triplets, measure=["dot"]).table()
    assert "measure" not in table.splitlines()[0] and "measure dot" in table
    assert calibrate(x, triplets).table().splitlines()[0].split()[:2] == ["embeddings", "measure"]
