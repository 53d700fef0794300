"""Choices in the shape of Brain-Score's odd-one-out task, their score with an interval, a subject for the benchmark."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign import Embeddings
from pyalign.errors import MissingExtraError
from pyalign.integrations.brainscore import HEBART2023_CEILING, OddOneOutSubject, brain_score, odd_one_out_choices

N, T = 20, 400
X = reals(1, N, 6, dtype=np.float64)
IDS = draw_triplets(2, N, T)
ASSEMBLIES = "brainscore_core.supported_data_standards.brainio.assemblies"


def theirs(similarities, triplets):
    """What the task does, by its description: the item outside the first of the most similar pairs 01, 02, 12."""
    choices = []
    for i, j, k in triplets:
        pairs = [similarities[i, j], similarities[i, k], similarities[j, k]]
        choices.append([k, j, i][pairs.index(max(pairs))])
    return np.array(choices)


class Assembly:
    """What a `BehavioralAssembly` holds, where brainscore_core is not installed."""

    def __init__(self, data, coords, dims):
        self.values, self.coords, self.dims = np.array(data), coords, dims

    def __len__(self):
        return len(self.values)


@pytest.fixture(params=["stand-in", "real"])
def assembly_class(request, monkeypatch):
    if request.param == "real":
        return pytest.importorskip(ASSEMBLIES, reason="brainscore_core is not installed").BehavioralAssembly
    module = ModuleType(ASSEMBLIES)
    module.BehavioralAssembly = Assembly
    parts = ASSEMBLIES.split(".")
    for k in range(1, len(parts)):
        monkeypatch.setitem(sys.modules, ".".join(parts[:k]), ModuleType(".".join(parts[:k])))
    monkeypatch.setitem(sys.modules, ASSEMBLIES, module)
    return Assembly


@pytest.mark.parametrize("measure,similarities", [("dot", X @ X.T), ("cosine", pyalign.similarity(X))])
@pytest.mark.parametrize("shape", [(T, 3), (3 * T,)])
def test_choices_are_the_ids_that_the_task_gives(measure, similarities, shape):
    actual = odd_one_out_choices(X, IDS.reshape(shape), measure=measure)
    np.testing.assert_array_equal(actual, theirs(similarities, IDS))
    assert actual.dtype == IDS.dtype


def test_ids_of_text_and_numbers_find_rows_by_their_names():
    names = [f"image_{k}" for k in range(N)]
    order = np.random.default_rng(3).permutation(N)
    expected = np.array(names)[theirs(X @ X.T, IDS)]
    actual = odd_one_out_choices(Embeddings(X, names)[order], np.array(names)[IDS])
    np.testing.assert_array_equal(actual, expected)
    numbered = Embeddings(X, [str(k) for k in range(N)])[order]
    np.testing.assert_array_equal(odd_one_out_choices(numbered, IDS), theirs(X @ X.T, IDS))


def test_a_tie_is_one_of_the_tied_items_by_chance_and_the_same_again():
    """All items are equal: the first pair would always be right in this benchmark, where the third item is odd."""
    actual = odd_one_out_choices(np.ones((N, 2)), IDS)
    share = (actual[:, None] == IDS).mean(axis=0)
    assert share == pytest.approx(np.full(3, 1 / 3), abs=0.08)
    np.testing.assert_array_equal(actual, odd_one_out_choices(np.ones((N, 2)), IDS))
    two = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # 0, 1, 2 are equal; of 0, 1, 3 the odd one is 3
    assert odd_one_out_choices(two, [[0, 1, 3], [3, 0, 2]]).tolist() == [3, 3]
    tied = odd_one_out_choices(np.eye(4)[:, :2], [[0, 2, 1]] * 50)  # 0 and 1 are as near to 2 as to each other
    assert {*tied.tolist()} == {0, 1, 2}


def test_the_score_is_the_fraction_of_the_way_from_chance_to_the_ceiling():
    ids = np.where(np.random.default_rng(5).random((T, 1)) < 0.5, IDS, odd_last(IDS))
    actual = brain_score(X, ids)
    plain = pyalign.score(X, ids, measure="dot")
    assert actual.raw == plain.accuracy == pytest.approx((theirs(X @ X.T, ids) == ids[:, 2]).mean())
    assert actual.ceiling == HEBART2023_CEILING == 0.6767
    expected = [(value - 1 / 3) / (0.6767 - 1 / 3) for value in (plain.accuracy, plain.ci.low, plain.ci.high)]
    assert [actual.score, actual.ci.low, actual.ci.high] == pytest.approx(expected, rel=1e-9)
    assert actual.ci.by == "objects"
    assert brain_score(X, ids, ceiling=0.9).score == pytest.approx((plain.accuracy - 1 / 3) / (0.9 - 1 / 3))
    assert brain_score(X, ids, ci=None).ci is None


def odd_last(ids):
    """The triplets with the item last that X chooses."""
    odd = (theirs(X @ X.T, ids)[:, None] == ids).argmax(axis=1)
    return np.take_along_axis(ids, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)


def test_the_score_is_bounded_as_that_of_the_benchmark_and_its_interval_is_not():
    perfect, worst = odd_last(IDS), odd_last(IDS)[:, [2, 0, 1]]
    assert brain_score(X, perfect).score == 1 and brain_score(X, perfect).unbounded == pytest.approx(1.941, abs=1e-3)
    assert brain_score(X, worst).score == 0 and brain_score(X, worst).raw == 0
    mostly = np.where(np.arange(T)[:, None] % 10, worst, perfect)
    assert brain_score(X, mostly).score == 0 and brain_score(X, mostly).ci.high < 0


def test_ties_are_counted_by_their_fraction_and_a_note_says_so():
    actual = brain_score(np.ones((N, 2)), IDS)
    assert actual.raw == pytest.approx(1 / 3) and actual.score == pytest.approx(0, abs=1e-12)
    assert actual.notes[-1] == (
        "400 triplets tie: each choice is one of the tied items at random (seed 0), and the score counts the fraction"
    )


def test_an_assembly_has_the_dimensions_and_labels_of_the_task(assembly_class):
    actual = brain_score(X, IDS).to_assembly()
    assert isinstance(actual, assembly_class)
    assert tuple(actual.dims) == ("choice", "presentation") and actual.values.shape == (1, T)
    np.testing.assert_array_equal(actual.values[0], theirs(X @ X.T, IDS))
    labels = actual.coords["stimulus_id"][1] if assembly_class is Assembly else actual["presentation"].values
    assert labels[0] == "|".join(map(str, IDS[0])) and len(labels) == T


def test_a_subject_takes_the_task_as_the_benchmark_calls_it(assembly_class):
    subject = OddOneOutSubject(
        Embeddings(X, [f"thing {k}" for k in range(N)]), identifier="clip", name_column="unique_id"
    )
    assert (subject.identifier, subject.visual_degrees()) == ("clip", 8)
    flat = IDS.reshape(-1)
    stimuli = {"stimulus_id": flat, "unique_id": np.array([f"thing {k}" for k in flat])}
    subject.start_task("odd_one_out")
    actual = subject.look_at(stimuli, 1)
    np.testing.assert_array_equal(np.array(actual.values)[0], theirs(X @ X.T, IDS))  # ids, though rows have other names
    by_id = OddOneOutSubject(X)
    by_id.start_task("odd_one_out")
    np.testing.assert_array_equal(np.array(by_id.look_at(stimuli).values)[0], theirs(X @ X.T, IDS))


def test_the_benchmark_itself_gives_the_same_score(monkeypatch):
    """Its data are taken from here, since they are not published with the package."""
    pytest.importorskip("brainscore_vision", reason="brainscore_vision is not installed")
    benchmark = pytest.importorskip("brainscore_vision.benchmarks.hebart2023.benchmark")
    core = pytest.importorskip("brainscore_core.supported_data_standards.brainio.stimuli")
    ids = np.where(np.random.default_rng(5).random((T, 1)) < 0.7, IDS, odd_last(IDS))
    stimuli = core.StimulusSet([{"stimulus_id": k, "unique_id": f"thing {k}"} for k in range(N)])
    stimuli.identifier, stimuli.stimulus_paths = "Hebart2023", {k: f"{k}.jpg" for k in range(N)}
    columns = {f"image_{p + 1}": ("presentation", ids[:, p]) for p in range(3)}
    assembly = pytest.importorskip(ASSEMBLIES).BehavioralAssembly(np.zeros(T), coords=columns, dims=["presentation"])
    monkeypatch.setattr(benchmark, "load_dataset", lambda name: assembly)
    monkeypatch.setattr(benchmark, "load_stimulus_set", lambda name: stimuli)
    named = Embeddings(X, [f"thing {k}" for k in range(N)])[::-1]
    actual = benchmark.Hebart2023Match()(OddOneOutSubject(named, name_column="unique_id"))
    ours = brain_score(X, ids)
    assert actual.attrs["raw"] == pytest.approx(ours.raw) and actual.item() == pytest.approx(ours.score)
    assert actual.attrs["ceiling"].item() == ours.ceiling and 0 < ours.score < 1


# Bad input


def test_bad_ids_and_ceilings_are_refused(message_of):
    assert (
        message_of(odd_one_out_choices, X, IDS[:, :2]) == "stimulus_ids must have shape (t, 3) or (3 t,); got (400, 2)"
    )
    assert message_of(odd_one_out_choices, X, IDS.ravel()[:-1]) == (
        "stimulus_ids must have shape (t, 3) or (3 t,); got (1199,)"
    )
    assert message_of(odd_one_out_choices, X, IDS + 1).startswith("triplets must lie in [0, 20)")
    assert message_of(odd_one_out_choices, X, IDS + 0.5).startswith("stimulus_ids must be whole numbers or text; got")
    message = message_of(odd_one_out_choices, Embeddings(X, [f"thing {k}" for k in range(N)]), IDS)
    assert "no row is named '0'" in message
    for ceiling in (1 / 3, 0.1, 1.5, float("nan")):
        assert "ceiling" in message_of(brain_score, X, IDS, ceiling=ceiling)


def test_other_tasks_and_missing_columns_are_refused(message_of):
    subject = OddOneOutSubject(X)
    assert message_of(subject.start_task, "label") == "task must be one of odd_one_out; got 'label'"
    named = OddOneOutSubject(X, name_column="unique_id")
    stimuli = SimpleNamespace(columns=["stimulus_id"])
    assert message_of(named.look_at, stimuli) == "stimuli must have a column 'unique_id'; got stimulus_id"


def test_without_brainscore_an_assembly_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, ASSEMBLIES, None)
    with pytest.raises(MissingExtraError, match=r"needs brainscore-core, .* pip install brainscore-core"):
        brain_score(X, IDS).to_assembly()
