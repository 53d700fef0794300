"""Figures of real data, to 1e-5: for every backend, instruction set, index type, memory order and number of threads."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from pyalign import choice_similarity, compare, error_consistency, noise_ceiling, odd_one_out, score
from pyalign.ops.triplets import run_triplets
from pyalign.stats.resampling import BY, Resampling

# file, measure, accuracy, ties, cross-entropy at T = 1 (None: not published)
FIGURES = {
    "clip": ("clip_vit_b32.npy", "cosine", 0.50469, 0, 1.07558),
    "efficientnet": ("efficientnet_lite0_penultimate.npy", "cosine", 0.43680, None, None),
    "logits": ("efficientnet_lite0_logits.npy", "cosine", 0.46393, 87, None),
    "word2vec": ("word2vec.npy", "cosine", 0.46726, None, None),
    "spose66": ("spose_embedding_66d_sorted.txt", "dot", 0.64749, None, None),
    "spose49": ("spose_embedding_49d_sorted.txt", "dot", 0.64038, None, None),
    "vice": ("vice_42d.npy", "dot", 0.63807, None, None),
}
# As stored (None: in half precision), and one file of each measure in every precision.
STORED = {"clip": None, "efficientnet": None, "logits": None, "word2vec": np.float32}
CASES = [*((name, STORED.get(name, np.float64)) for name in FIGURES),
         ("clip", np.float32), ("clip", np.float64), ("spose66", np.float32)]


@pytest.fixture(scope="module")
def things(data):
    """``things(name)``: the file's array."""
    kept = {}

    def load(name):
        if name not in kept:
            path = data / "things" / name
            kept[name] = np.loadtxt(path) if path.suffix == ".txt" else np.load(path)
        return kept[name]

    return load


@pytest.fixture
def triplets(things):
    return things("human_triplets_127304.npy")[:, :3]  # int16, every fourth column left out


of_all_files = pytest.mark.parametrize(("name", "dtype"), CASES)


@of_all_files
def test_figures(host_backend, route, things, triplets, name, dtype):
    have_the_figures(host_backend, things, triplets, name, dtype)


@pytest.mark.of_kernels
@of_all_files
def test_figures_by_torch(route, things, triplets, name, dtype):
    pytest.importorskip("torch", reason="torch is not installed")
    have_the_figures("torch", things, triplets, name, dtype)


def have_the_figures(backend, things, triplets, name, dtype):
    file, measure, accuracy, ties, cross_entropy = FIGURES[name]
    x = things(file).astype(dtype) if dtype else things(file)
    assert dtype or x.dtype == np.float16
    ours = score(x, triplets, measure=measure, ci=None, backend=backend)
    assert ours.n_triplets == 127_304
    assert ours.accuracy == pytest.approx(accuracy, abs=1e-5)
    assert ties is None or ours.n_ties == ties
    assert cross_entropy is None or ours.cross_entropy == pytest.approx(cross_entropy, abs=1e-5)


@pytest.fixture(scope="module", params=FIGURES)
def slice_of_300(request, things):
    """Rows, triplets, measure and the reference's results; made before a route is forced: it takes the rows."""
    file, measure, *_ = FIGURES[request.param]
    items, renumbered = np.unique(things("human_triplets_127304.npy")[:300, :3], return_inverse=True)
    x, triplets = things(file)[items], renumbered.reshape(300, 3)
    decisions = odd_one_out(x, triplets, measure=measure, backend="reference")
    return x, triplets, measure, decisions, score(x, triplets, measure=measure, backend="reference")


def test_the_reference_agrees_on_a_slice(backend, route, slice_of_300):
    x, triplets, measure, decisions, reference = slice_of_300
    ours = score(x, triplets, measure=measure, backend=backend)
    assert (ours.accuracy, ours.n_ties) == (reference.accuracy, reference.n_ties)
    assert ours.cross_entropy == pytest.approx(reference.cross_entropy, rel=2e-6)
    assert ours.mean_entropy == pytest.approx(reference.mean_entropy, rel=2e-6)
    np.testing.assert_array_equal(odd_one_out(x, triplets, measure=measure, backend=backend), decisions)


@pytest.mark.parametrize("index_dtype", ["int16", "uint16", "int32", "int64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_index_type_and_memory_order_change_nothing(isa, things, triplets, index_dtype, order):
    x = things("efficientnet_lite0_logits.npy")
    expected = run_triplets(x, triplets, choices=True, sums=True)
    ours = run_triplets(np.asfortranarray(x), np.array(triplets, index_dtype, order=order), choices=True, sums=True)
    assert ours.sums == expected.sums
    np.testing.assert_array_equal(ours.choices, expected.choices)


def test_the_number_of_threads_changes_nothing(isa, route, things, triplets, set_threads):
    scores = set()
    for threads in (1, 2, 3, 8):
        set_threads(threads)
        scores.add(score(things("clip_vit_b32.npy"), triplets))
    assert len(scores) == 1


def test_ties_of_the_logits_come_from_the_missing_image(things, triplets):
    """The row of yo-yo is zero: a tie needs a triplet that holds it."""
    x = things("efficientnet_lite0_logits.npy")
    zero = np.flatnonzero(~x.any(axis=1))
    assert len(zero) == 1
    tied = odd_one_out(x, triplets) == -1
    assert (triplets[tied] == zero[0]).any(axis=1).all() and tied.sum() == 87


def test_intervals_of_real_people(things):
    """Over people and triplets as plain sums give it; over objects wider, over both widest; and accuracy within."""
    answers = things("human_triplets_127304.npy")
    x, triplets, people = things("clip_vit_b32.npy"), answers[:, :3], answers[:, 3]
    over = {by: score(x, triplets, ci=by, subjects=people).ci for by in BY}
    right = odd_one_out(x, triplets) == 2
    off = [(right[people == person] - right.mean()).sum() for person in np.unique(people)]
    answered = np.array([(people == person).sum() for person in np.unique(people)])
    often = (1 - 1 / 264) / (1 - answered / len(right))  # people with more answers than others count a little more
    assert len(off) == 264
    independent = len(right) ** 2 - np.sum(np.square(answered))
    assert over["subjects"].error == pytest.approx(np.sqrt(np.sum(often * np.square(off)) / independent), rel=1e-9)
    _, sets = np.unique(np.sort(triplets, axis=1), axis=0, return_inverse=True)  # some were answered several times
    off, answered = np.bincount(sets.ravel(), right - right.mean()), np.bincount(sets.ravel())
    assert len(off) == 125_644
    independent = len(right) ** 2 - np.sum(np.square(answered))
    assert over["triplets"].error == pytest.approx(np.sqrt(np.sum(np.square(off)) / independent), rel=1e-9)
    assert over["triplets"].error < over["subjects"].error < over["objects"].error < over["objects+subjects"].error
    assert over["objects+subjects"].error == pytest.approx(0.0043, abs=0.0003)
    assert score(x, triplets, ci="auto", subjects=people).ci == over["objects+subjects"]
    assert all(low < 0.50469 < high for low, high in over.values())


SHARES = {  # of the variance by an object and by a person, as in docs/small-samples.md
    ("clip_vit_b32.npy",): (0.0090, 0.0044),
    ("efficientnet_lite0_penultimate.npy",): (0.0035, 0.0008),
    ("word2vec.npy",): (0.0096, 0.0031),
    ("clip_vit_b32.npy", "efficientnet_lite0_penultimate.npy"): (0.0057, 0.0014),
    ("clip_vit_b32.npy", "word2vec.npy"): (0.0045, 0.0007),
    ("efficientnet_lite0_penultimate.npy", "word2vec.npy"): (0.0057, 0.0012),
}


def test_shares_of_variance_by_an_object_and_by_a_person(things):
    """Of one model's credits, and of the differences of two; within what the estimated mean takes."""
    answers = things("human_triplets_127304.npy")
    models = {file: things(file) for names in SHARES for file in names}
    scores = score(models, answers[:, :3], subjects=answers[:, 3])
    found = {(one.embeddings,): one.components for one in scores}
    pairs = compare(models, answers[:, :3], subjects=answers[:, 3]).pairs
    found |= {(pair.a, pair.b): pair.components for pair in pairs}
    for names, expected in SHARES.items():
        shares = found[names].object_share, found[names].subject_share
        assert shares == pytest.approx(expected, abs=0.00015), names
    clip = found[("clip_vit_b32.npy",)]
    assert clip.variance == pytest.approx(0.25, abs=1e-4)
    assert (clip.objects, clip.subjects) == pytest.approx((0.0022, 0.0011), abs=1e-4)


def test_standard_errors_of_the_concept_dimensions(things):
    """Of SPoSE-66 by dot products, 64.749%: over objects, over people, over either."""
    answers = things("human_triplets_127304.npy")
    x, triplets, people = things("spose_embedding_66d_sorted.txt"), answers[:, :3], answers[:, 3]
    errors = [
        score(x, triplets, measure="dot", ci=by, subjects=people).standard_error
        for by in ("objects", "subjects", "objects+subjects")
    ]
    assert errors == pytest.approx([0.002798, 0.004682, 0.005282], abs=1e-6)


def test_people_who_answer_a_triplet_again_do_not_lift_the_ceiling(things):
    """212 of the 2,392 repeated answers; the estimate is that of the first of each person and triplet."""
    answers = things("human_triplets_127304.npy")
    every = noise_ceiling(answers[:, :3], subjects=answers[:, 3])
    assert every.n_repeats_within_person == 212
    asked = np.column_stack([np.sort(answers[:, :3], axis=1), answers[:, 3]])
    first = np.sort(np.unique(asked, axis=0, return_index=True)[1])
    once = noise_ceiling(answers[first, :3], subjects=answers[first, 3])
    assert once.n_repeats_within_person == 0
    values = [every.ceilings.estimate.value, once.ceilings.estimate.value]
    assert values == pytest.approx([0.6746, 0.6746], abs=1e-4)


def test_errors_over_the_objects_of_the_data_are_those_of_plain_sums_by_object(things, triplets):
    """By inclusion and exclusion in a dictionary: 127,304 triplets of 1,854 objects."""
    right = (odd_one_out(things("clip_vit_b32.npy"), triplets) == 2).astype(np.float64)
    residuals, total, dependent = right - right.mean(), 0.0, 0
    for size, sign in ((1, 1), (2, -1), (3, 1)):
        sums, counts = Counter(), Counter()
        for row, residual in zip(np.sort(triplets, axis=1).tolist(), residuals.tolist(), strict=True):
            for group in combinations(row, size):
                sums[group] += residual
                counts[group] += 1
        if size == 1:  # objects with more triplets than others count a little more
            usual = 1 - 3 / len(counts)
            sums = {one: s * np.sqrt(usual / (1 - counts[one] / len(triplets))) for one, s in sums.items()}
        total += sign * sum(s * s for s in sums.values())
        dependent += sign * sum(c * c for c in counts.values())
    expected = np.sqrt(total / (len(triplets) ** 2 - dependent))
    for method in ("corrected", "bootstrap"):
        plan = Resampling("objects", method)
        found = score(things("clip_vit_b32.npy"), triplets, ci=plan).standard_error
        assert found == pytest.approx(expected, rel=1e-9)


def test_models_of_the_data_are_ranked_and_near_ones_are_not_told_apart(things, triplets):
    models = {name: things(f"{name}.npy") for name in ("clip_vit_b32", "word2vec", "efficientnet_lite0_logits")}
    found = compare(models, triplets, choose_best=True)
    assert found.best.chosen == {"clip_vit_b32": 1.0}
    assert [model.rank for model in found.models] == [1, 2, 3]
    assert tuple(found.models[0].rank_ci) == (1, 1) and tuple(found.models[1].rank_ci) == (2, 3)
    pairs = {(pair.a, pair.b): pair for pair in found.pairs}
    near = pairs["word2vec", "efficientnet_lite0_logits"]
    assert near.ci[0] < 0 < near.ci[1] and near.p_adjusted > 0.05
    far = pairs["clip_vit_b32", "word2vec"]
    assert far.ci[0] > 0.02 and far.p_adjusted < 0.01
    errors = error_consistency(models, triplets, ci=None).pairs
    assert all(0 < pair.kappa < 0.4 and pair.both_wrong > pair.both_wrong_expected for pair in errors)


def test_models_that_know_nothing_do_not_pass_for_good_ones(things, triplets):
    n = 1854
    random = np.random.default_rng(0).normal(size=(n, 64))
    found = compare({"random": random, "constant": np.ones((n, 3)), "clip": things("clip_vit_b32.npy")}, triplets)
    by_name = {model.model: model for model in found.models}
    assert by_name["random"].ci[0] < 1 / 3 < by_name["random"].ci[1]
    assert by_name["constant"].accuracy == pytest.approx(1 / 3, rel=1e-12) and by_name["constant"].n_ties == 127_304
    assert tuple(by_name["clip"].rank_ci) == (1, 1)


# The objects of RDM48_triplet.mat, in its order.
FORTY_EIGHT = """
    pizza beaver macadamia tarantula clothes doormat hammer mistletoe washcloth drain furnace tea chariot
    coaster music_box rolling_pin knob bookshelf candelabra table metal_detector bumper turban flagpole
    plaster_cast tuba camera1 rudder canvas dice toolbox trigger bowler_hat headphones file1 bench navel
    canister tiara hopscotch trophy punching_bag jet telegraph bag laptop tape_measure bucket
""".split()


@pytest.mark.parametrize(
    "name,among,over_all", [("spose66", 0.90601, 0.89486), ("spose49", 0.89959, 0.88724)], ids=["spose66", "spose49"]
)
def test_choice_similarity_of_the_concept_dimensions_is_what_people_do(data, things, backend, name, among, over_all):
    """Pearson of 1 - choice similarity with all triplets of 48 objects answered by people, the third one of the 48.

    Over third objects among all 1,854 it is lower.
    """
    loadmat = pytest.importorskip("scipy.io", reason="scipy is not installed").loadmat
    human = loadmat(data / "things" / "RDM48_triplet.mat")["RDM48_triplet"]
    names = (data / "things" / "unique_id.txt").read_text().split()
    rows, pairs = [names.index(one) for one in FORTY_EIGHT], np.triu_indices(48, 1)
    x = things(FIGURES[name][0])
    found = np.corrcoef(1 - choice_similarity(x[rows], backend=backend)[pairs], human[pairs])[0, 1]
    assert found == pytest.approx(among, abs=1e-5)
    if backend == "native":
        of_all = choice_similarity(x, backend=backend)[np.ix_(rows, rows)]
        assert np.corrcoef(1 - of_all[pairs], human[pairs])[0, 1] == pytest.approx(over_all, abs=1e-5)
