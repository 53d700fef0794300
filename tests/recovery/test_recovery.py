"""Model recovery as a whole: models that differ, that don't, that hardly do; sizes, seeds, threads, bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import NATIVE, draw_triplets, read_back, reals

import pyalign
from pyalign import calibrate, recover
from pyalign.data import Embeddings, Triplets
from pyalign.datasets.simulate import random_embeddings, simulate
from pyalign.probing import ProbeOptions
from pyalign.recovery.recovered import Recovery


@pytest.fixture(scope="module")
def people():
    """Rows of 40 items and 3,000 answers of people with T = 0.2."""
    x = random_embeddings(40, 8, seed=1)
    return x, simulate(x, 3000, temperature=0.2, seed=1).triplets


def nearly(x, share, seed=9):
    """x with a share of noise."""
    return x + share * x.std() * reals(seed, *x.shape)


def test_models_that_differ_are_recovered(people):
    x, triplets = people
    models = {"x": x, "noisy": nearly(x, 1.0), "noisier": nearly(x, 2.0, 3)}
    found = recover(models, triplets, n_simulations=20)
    assert found.models == ("x", "noisy", "noisier")
    assert found.confusion == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert (found.recovery_rate, found.n_triplets, found.n_ties, found.simulations) == (1.0, 3000, 0, 20)
    assert [row.mistaken_for for row in found.by_model] == [None] * 3
    assert found.n_needed is not None
    assert 20 <= found.n_needed < 1000
    assert not [note for note in found.notes if "tie" in note]


def test_a_copy_of_a_model_ties_with_it_and_that_is_told(people):
    x, triplets = people
    found = recover({"x": x, "copy": x.copy()}, triplets, n_simulations=7)
    assert found.confusion == ((0.5, 0.5), (0.5, 0.5))
    assert (found.recovery_rate, found.n_ties, found.n_needed, found.n_needed_within) == (0.5, 14, None, None)
    assert found.curve[-1].n_triplets == 3000  # no number of triplets would help
    (told,) = [note for note in found.notes if "tie" in note]
    assert told.startswith("models tie for the best on 14 of 14 simulated data sets (answered by x, copy)")


def test_models_whose_similarities_differ_by_a_scale_alone_tie(people):
    x, triplets = people
    found = recover({"x": x, "twice": 3 * x}, triplets, measure="dot", n_simulations=5, n_triplets=[500])
    assert (found.recovery_rate, found.n_ties) == (0.5, 10)


def test_models_that_hardly_differ_lie_in_between_and_more_triplets_help(people):
    x, triplets = people
    found = recover({"x": x, "near": nearly(x, 0.008)}, triplets, n_simulations=150, n_triplets=[30, 3000, 100_000])
    rates = [one.recovery_rate for one in found.curve]
    assert 0.4 < rates[0] < 0.65
    assert rates[0] < rates[1] < rates[2]
    assert rates[2] > 0.95
    assert [one.drawn for one in found.curve] == [0, 0, 97_000]
    assert found.n_triplets == 3000
    assert 3000 < found.n_needed <= 100_000
    assert found.n_needed_within == (3000, 100_000)


@pytest.mark.suite("test")  # it is the first to see a fault of tools/mutations.csv
def test_doubles_go_on_until_the_target_is_reached_and_no_further(people):
    x, triplets = people
    models = {"x": x, "near": nearly(x, 0.005)}
    found = recover(models, triplets, n_simulations=20, target=0.9)
    sizes = [one.n_triplets for one in found.curve]
    beyond = [size for size in sizes if size >= 3000]
    assert beyond == [3000 * 2**k for k in range(len(beyond))]
    assert all(one.recovery_rate < 0.9 for one in found.curve[:-1])
    assert found.curve[-1].recovery_rate >= 0.9
    short = recover(models, triplets, n_simulations=8, target=0.999, most_triplets=7000)
    assert short.curve[-1].n_triplets == 6000
    assert short.n_needed is None


def test_halves_go_down_until_the_rate_is_below_the_target_or_few_are_left(people):
    x, triplets = people
    found = recover({"x": x, "near": nearly(x, 0.2)}, triplets, n_simulations=40)
    sizes = [one.n_triplets for one in found.curve]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 3000
    assert sizes[0] >= 20
    assert len(sizes) >= 7


def test_the_rate_is_the_mean_of_the_diagonal_and_rows_sum_to_one(people):
    x, triplets = people
    models = {"x": x, "near": nearly(x, 0.2), "other": nearly(x, 0.3, 4)}
    found = recover(models, triplets, n_simulations=30, n_triplets=[200])
    confusion = np.array(found.confusion)
    np.testing.assert_allclose(confusion.sum(axis=1), 1, rtol=1e-12)
    assert found.recovery_rate == pytest.approx(confusion.diagonal().mean())
    for k, row in enumerate(found.by_model):
        assert row.recovery_rate == confusion[k, k]
        others = np.delete(confusion[k], k)
        assert row.mistaken_share == others.max()
        assert row.mistaken_for != row.model
    assert found.n_triplets == 200  # no size is that of the study


def test_intervals_are_wilsons_over_simulations(people):
    from scipy.stats import binomtest

    x, triplets = people
    found = recover({"x": x, "near": nearly(x, 0.2)}, triplets, n_simulations=30, n_triplets=[20], confidence_level=0.9)
    assert 0.5 < found.recovery_rate < 1
    right = round(found.recovery_rate * 60)
    expected = binomtest(right, 60).proportion_ci(0.9, method="wilson")
    assert tuple(found.ci) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert (found.ci.by, found.ci.method, found.ci.confidence) == ("simulations", "wilson", 0.9)
    of_one = found.by_model[0]
    expected = binomtest(round(of_one.recovery_rate * 30), 30).proportion_ci(0.9, method="wilson")
    assert tuple(of_one.ci) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_temperatures_are_those_of_calibrate(people):
    x, triplets = people
    models = {"x": x, "near": nearly(x, 0.3)}
    found = recover(models, triplets, measure={"x": "cosine", "near": "dot"}, n_simulations=1, n_triplets=[10])
    for row, measure in zip(found.by_model, ("cosine", "dot"), strict=True):
        expected = calibrate(models[row.model], triplets, measure=measure, split=None).temperature
        assert row.temperature == pytest.approx(expected, rel=1e-9)
        assert row.measure == measure
    assert found.temperatures == "fitted"


def test_given_temperatures_are_taken_and_need_no_answers(people):
    x, triplets = people
    asked = Triplets(triplets, answered=False)
    models = {"x": x, "near": nearly(x, 0.3)}
    found = recover(models, asked, temperature={"x": 0.1, "near": 0.5}, n_simulations=2, n_triplets=[50])
    assert [row.temperature for row in found.by_model] == [0.1, 0.5]
    assert found.temperatures == "given"


def test_people_who_answer_at_random_tell_no_models_apart(people):
    x, triplets = people
    models = {"x": x, "other": random_embeddings(40, 8, seed=5)}
    sharp = recover(models, triplets, temperature=0.1, n_simulations=50, n_triplets=[300])
    blunt = recover(models, triplets, temperature=100.0, n_simulations=50, n_triplets=[300])
    assert sharp.recovery_rate == 1.0
    assert 0.3 < blunt.recovery_rate < 0.7


def test_the_seed_decides_and_what_else_is_tried_does_not(people):
    x, triplets = people
    models = {"x": x, "near": nearly(x, 0.1)}
    options = {"n_simulations": 40, "temperature": 0.2}
    one = recover(models, triplets, n_triplets=[300], **options)
    again = recover(models, triplets, n_triplets=[100, 300, 4000], **options)
    other = recover(models, triplets, n_triplets=[300], seed=1, **options)
    assert one.confusion == recover(models, triplets, n_triplets=[300], **options).confusion
    assert again.curve[1].recovery_rate == one.recovery_rate
    assert other.confusion != one.confusion


def test_the_result_does_not_depend_on_the_number_of_threads(people, set_threads):
    x, _ = people
    triplets = simulate(x, 40_000, temperature=0.2, seed=2).triplets
    models = {"x": x, "near": nearly(x, 0.005)}
    results = []
    for threads in (1, 2, 3):
        set_threads(threads)
        found = recover(models, triplets, n_simulations=10, n_triplets=[20_000, 60_000])
        results.append((found.confusion, found.curve, [row.temperature for row in found.by_model]))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("backend", [NATIVE, "numpy", "reference"])
def test_backends_choose_alike(people, backend):
    x, triplets = people
    models = {"x": x, "near": nearly(x, 0.2)}
    options = {"n_simulations": 5, "n_triplets": [150], "temperature": 0.2}
    found = recover(models, triplets[:200], backend=backend, **options)
    assert found.confusion == recover(models, triplets[:200], **options).confusion


def test_anchored_triplets_have_two_alternatives(people):
    x, _ = people
    index = draw_triplets(4, 40, 4000, np.int32)
    asked = Triplets(index, task="anchored")
    models = {"x": x, "other": random_embeddings(40, 8, seed=5)}
    found = recover(models, asked, temperature=0.2, n_simulations=20)
    assert (found.task, found.recovery_rate) == ("anchored", 1.0)
    flat = recover(models, asked, temperature=0.2, n_simulations=20, n_triplets=[3])
    assert 0.5 <= flat.recovery_rate < 1.0


def test_rows_are_matched_by_name(people):
    x, triplets = people
    names = tuple(f"item{k}" for k in range(40))
    order = np.random.default_rng(0).permutation(40)
    models = {"x": Embeddings(x, names), "same": Embeddings(x[order], tuple(names[k] for k in order))}
    asked = Triplets(triplets, names=names, numbered=True)
    assert recover(models, asked, n_simulations=3, n_triplets=[500]).n_ties == 6


def test_the_document_has_the_promised_keys_and_is_read_back(people, tmp_path):
    x, triplets = people
    found = recover({"x": x, "near": nearly(x, 0.2)}, triplets, n_simulations=10, n_triplets=[100, 200])
    document = json.loads(found.to_json())
    assert document["command"] == "recover"
    assert document["models"] == ["x", "near"]
    assert np.array(document["confusion"]).shape == (2, 2)
    assert {"recovery_rate", "n_triplets", "ci", "curve", "n_needed", "chance"} <= document.keys()
    assert document["chance"] == 0.5
    again = read_back(found, tmp_path)
    assert isinstance(again, Recovery)
    assert again == found
    assert len(found.to_records()) == 2
    assert "recovered" in str(found)
    assert "Recovery(recovery_rate=" in repr(found)


def test_progress_tells_the_size_and_the_simulation(people):
    x, triplets = people
    told = []
    recover({"x": x, "near": nearly(x, 0.2)}, triplets, n_simulations=2, n_triplets=[100],
            progress=lambda *stage: told.append(stage))
    assert told == [("similarities", 0, None), ("100 triplets, simulation", 0, 2), ("100 triplets, simulation", 1, 2)]


# Probes


@pytest.fixture(scope="module")
def few():
    """Two models of 30 items with few features, which a map cannot make alike, and 4,000 triplets."""
    return {"a": reals(1, 30, 2), "b": reals(2, 30, 2)}, draw_triplets(3, 30, 4000, np.int32)


def test_probes_recover_models_that_no_map_makes_alike(few):
    models, triplets = few
    found = recover(models, triplets, measure="dot", temperature=0.3, refit="probe", n_simulations=3, n_triplets=[4000])
    assert found.confusion == ((1, 0), (0, 1))
    assert (found.refit, found.folds, found.simulations) == ("probe", 3, 3)


def test_a_map_hides_what_a_temperature_tells_apart(few):
    """One model is the other with a feature stretched, which a map can undo; the smaller penalty then decides."""
    models, triplets = few
    stretched = {"x": models["a"], "stretched": (models["a"] * [1.0, 3.0]).astype(np.float32)}
    options = {"measure": "dot", "temperature": 0.3, "n_triplets": [2000]}
    by_temperature = recover(stretched, triplets, n_simulations=10, **options)
    by_probe = recover(stretched, triplets, refit="probe", n_simulations=4, penalties=0.001, **options)
    assert by_temperature.recovery_rate == 1.0
    assert by_probe.recovery_rate <= 0.75
    assert max(row.mistaken_share for row in by_probe.by_model) >= 0.5


def test_probes_of_copies_tie(few):
    models, triplets = few
    found = recover({"a": models["a"], "copy": models["a"].copy()}, triplets, measure="dot", temperature=0.3,
                    refit="probe", n_simulations=2, n_triplets=[1500], penalties=0.01)
    assert (found.recovery_rate, found.n_ties) == (0.5, 4)


def test_probes_try_a_quarter_and_a_half_by_default(few):
    models, triplets = few
    found = recover(models, triplets, measure="dot", temperature=0.3, refit="probe", n_simulations=1, penalties=0.01,
                    probe=ProbeOptions(rank=2))
    assert [one.n_triplets for one in found.curve] == [1000, 2000, 4000]


# Bad input


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"n_triplets": []}, "n_triplets must be numbers of triplets; got []"),
        ({"n_triplets": [1]}, "n_triplets must be a whole number from 2 to 2,147,483,647; got 1"),
        ({"n_triplets": 100}, "n_triplets must be a sequence of numbers of triplets; got 100"),
        ({"measure": {"x": "dot"}}, "measure must name each model; it lacks 'other'"),
        ({"temperature": {"x": 1, "other": 1, "z": 1}}, "temperature must name each model; 'z' is no model"),
        ({"temperature": 0}, "temperature must be a positive number (1e-30 to 1e30); got 0"),
        ({"probe": 3}, "probe must be a ProbeOptions; got int"),
        ({"refit": "probe", "penalties": "some"}, "penalties must be 'auto' or numbers; got 'some'"),
    ],
)
def test_what_no_option_can_be_is_refused(people, message_of, options, expected):
    x, triplets = people
    models = {"x": x, "other": nearly(x, 0.2)}
    assert message_of(recover, models, triplets, **options) == expected


def test_two_models_of_the_same_items_are_needed(people, message_of):
    x, triplets = people
    assert message_of(recover, {"x": x}, triplets) == "models must be at least two; got 1"
    assert message_of(recover, x, triplets) == "models must map names to embeddings, as a dict does; got ndarray"
    expected = "models must have the same number of items; got x: 40, y: 39"
    assert message_of(recover, {"x": x, "y": x[:39]}, triplets) == expected


def test_a_model_at_chance_has_no_temperature_and_is_named(people, message_of):
    x, triplets = people
    told = message_of(recover, {"x": x, "against": reals(8, 40, 3)}, triplets)
    assert told.startswith("against: similarities must agree with the answers better than chance")
    assert told.endswith("; temperature must then be given")


def test_bad_rows_and_triplets_are_told_with_the_model(people, message_of):
    x, triplets = people
    holes = x.copy()
    holes[3, 1] = np.nan
    assert message_of(recover, {"x": x, "holes": holes}, triplets).startswith("holes: embeddings must be finite")
    wrong = triplets.copy()
    wrong[5, 2] = 40
    assert "triplets must lie in [0, 40)" in message_of(recover, {"x": x, "y": nearly(x, 0.1)}, wrong)


def test_answers_of_many_people_and_none_are_refused(people, message_of):
    x, triplets = people
    models = {"x": x, "y": nearly(x, 0.1)}
    counted = Triplets(triplets).with_answers(np.ones((3000, 3), int))
    expected = "recover needs one answer to each triplet; got counts of many people's answers"
    assert message_of(recover, models, counted) == expected
    expected = "recover without a temperature needs human choices, which these triplets do not hold"
    assert message_of(recover, models, Triplets(triplets, answered=False)) == expected


def test_folds_without_triplets_are_refused(few, message_of):
    models, triplets = few
    told = message_of(recover, models, triplets[:40], measure="dot", temperature=1.0, refit="probe", n_triplets=[3],
                      penalties=0.1, n_simulations=1)
    assert told.startswith("a split over objects must leave triplets on both sides")


def test_it_is_public():
    assert pyalign.results.Recovery is Recovery


# Real data


def test_human_triplets_tell_apart_what_networks_words_and_people_say(data):
    """The temperature of CLIP is that of the published answers; a few hundred of them tell the three apart."""
    things = data / "things"
    triplets = np.load(things / "human_triplets_127304.npy")[:, :3]
    files = {"clip": "clip_vit_b32.npy", "words": "word2vec.npy", "vice": "vice_42d.npy"}
    models = {name: np.load(things / file) for name, file in files.items()}
    measure = {"clip": "cosine", "words": "cosine", "vice": "dot"}
    found = recover(models, triplets, measure=measure, n_simulations=10, n_triplets=[30, 300, 127_304])
    assert [round(row.temperature, 3) for row in found.by_model] == [0.121, 0.192, 1.046]
    assert found.confusion == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert found.curve[0].recovery_rate < 0.95 < found.curve[1].recovery_rate
    assert 30 < found.n_needed < 300
