"""Cross-validated embeddings: held-out figures, penalties that are chosen, other embeddings, journals, stability."""

from __future__ import annotations

import warnings
from dataclasses import astuple, replace

import numpy as np
import pytest
from planted_dimensions import planted, reference

import pyalign
from pyalign.data import Embeddings, Triplets
from pyalign.datasets.simulate import simulate
from pyalign.embedding.cross_validate import cross_validate_embedding, fit_embedding
from pyalign.embedding.fit import EmbeddingPenalty, moved_by_penalties, settled
from pyalign.embedding.folds import folds_of, halves_of, inner_part, read_answers, unit_of
from pyalign.embedding.stability import match_dimensions, stability_of, standard_errors
from pyalign.errors import InputError
from pyalign.journal import Journal

pytest.importorskip("scipy")
PENALTY = (1e-3, 0.03)
N, T = 40, 1500


@pytest.fixture(scope="module")
def world():
    """(N, 3) dimensions, answers, and 20 participants who gave as many each."""
    rows, triplets = planted(N, 3, T)
    return rows, triplets, np.arange(T) % 20


@pytest.fixture(scope="module")
def validation(world):
    rows, triplets, people = world
    other = {"truth": rows, "noise": np.random.default_rng(0).normal(size=(N, 5))}
    return cross_validate_embedding(
        triplets, penalties=[PENALTY], subjects=people, against=other, n_seeds=1, halves=True, n_resamples=4
    )


def test_held_out_figures_are_those_of_fits_to_the_rest(world, validation):
    _, triplets, people = world
    inputs = read_answers(triplets, subjects=people)
    for fold, result in zip(folds_of("triplets", inputs, 3, 0), validation.folds, strict=True):
        fit = fit_embedding(triplets[fold.train], shrinkage=PENALTY[0], sparsity=PENALTY[1])
        score = pyalign.score(fit.embedding.values, triplets[fold.test], measure="dot", ci=None)
        assert result.accuracy == pytest.approx(score.accuracy, abs=1e-12)
        assert result.cross_entropy == pytest.approx(score.cross_entropy, abs=1e-9)
        assert (result.n_train, result.n_test) == (len(fold.train), len(fold.test))
    assert validation.accuracy == pytest.approx(np.mean([fold.accuracy for fold in validation.folds]))
    assert validation.fit.n_triplets == T and validation.chance == pytest.approx(1 / 3)


def test_intervals_are_over_participants_where_they_are_known(world, validation):
    assert validation.accuracy_interval.by == "subjects"
    assert validation.accuracy_interval.low < validation.accuracy < validation.accuracy_interval.high
    without = cross_validate_embedding(world[1], penalties=[PENALTY], folds=2)
    assert without.accuracy_interval.by == "triplets"
    assert cross_validate_embedding(world[1], penalties=[PENALTY], folds=2, ci=None).accuracy_interval is None


def test_other_embeddings_are_judged_on_the_same_answers(world, validation):
    rows, triplets, _ = world
    truth, noise = validation.against
    score = pyalign.score(rows, triplets, measure="dot", ci=None)
    assert truth.accuracy == pytest.approx(score.accuracy, abs=0.002)  # folds differ in size by one triplet
    assert truth.difference == pytest.approx(validation.accuracy - truth.accuracy)
    assert truth.difference_interval.low < truth.difference < truth.difference_interval.high
    assert noise.difference_interval.low > 0 and noise.cross_entropy_difference_interval.high < 0
    assert truth.matched > 0.8 > noise.matched


def test_other_embeddings_are_brought_together_by_name(world):
    rows, triplets, _ = world
    names = tuple(f"object {k}" for k in range(N))
    shuffled = np.random.default_rng(3).permutation(N)
    other = Embeddings(rows[shuffled], tuple(names[k] for k in shuffled))
    named = cross_validate_embedding(Triplets(triplets, names), penalties=[PENALTY], folds=2, against={"truth": other})
    plain = cross_validate_embedding(triplets, penalties=[PENALTY], folds=2, against={"truth": rows})
    assert named.against == plain.against


def test_all_answers_to_a_set_are_on_one_side(world):
    _, triplets, _ = world
    twice = np.vstack([triplets, triplets[:, [2, 0, 1]]])
    inputs = read_answers(twice)
    unit = unit_of("triplets", inputs)
    assert (unit[:T] == unit[T:]).all()
    for fold in folds_of("triplets", inputs, 3, 0):
        assert not set(unit[fold.train]) & set(unit[fold.test])
        fitted, held = inner_part("triplets", inputs, fold.train, 0)
        assert not set(unit[fitted]) & set(unit[held]) and len(fitted) + len(held) == len(fold.train)
    first, second = halves_of("triplets", inputs, 0)
    assert not set(unit[first]) & set(unit[second]) and len(first) + len(second) == 2 * T


def test_participants_are_held_out_as_a_whole(world):
    _, triplets, people = world
    inputs = read_answers(triplets, subjects=people)
    for fold in folds_of("subjects", inputs, 4, 0):
        assert not set(people[fold.train]) & set(people[fold.test])
    result = cross_validate_embedding(triplets, subjects=people, split="subjects", folds=2, penalties=[PENALTY])
    assert result.split == "subjects" and result.accuracy_interval.by == "subjects"


def test_chooses_a_penalty_by_answers_of_the_training_side(world):
    _, triplets, _ = world
    result = cross_validate_embedding(triplets, folds=2, penalties="path")
    for fold in result.folds:
        best = min(fold.path, key=lambda point: point.cross_entropy)
        scale = (0.9 * fold.n_train / fold.n_train) ** 0.75
        assert fold.shrinkage == pytest.approx(best.shrinkage * scale, rel=0.01)
        assert [point.shrinkage for point in fold.path] == sorted(point.shrinkage for point in fold.path)
    geometric = np.sqrt(result.folds[0].shrinkage * result.folds[1].shrinkage)
    assert result.fit.shrinkage == pytest.approx(geometric * (result.folds[0].n_train / T) ** 0.75)
    assert result.accuracy > 0.6


def test_settles_where_most_fits_have_the_same_number_of_dimensions():
    rng = np.random.default_rng(0)
    for _ in range(300):
        numbers = np.sort(rng.integers(0, 6, rng.integers(1, 13)))[::-1].tolist()
        counts = np.bincount(numbers, minlength=6)[1:]
        if not counts.any():
            assert settled(numbers) is None
            continue
        number = max(k for k in range(1, 6) if counts[k - 1] == counts.max())
        first, middle = settled(numbers)
        run = numbers[first : first + counts.max()]
        assert set(run) == {number} and number not in numbers[:first]
        assert middle - first == (len(run) - 1) // 2


def test_the_number_of_dimensions_is_the_one_that_settles(world):
    """It is the true one, where the least cross-entropy of the plain path leaves more."""
    rows, triplets, _ = world
    result, plain = (cross_validate_embedding(triplets, folds=2, penalties=way) for way in ("auto", "path"))
    assert result.fit.n_dimensions == rows.shape[1] < plain.fit.n_dimensions
    assert result.cross_entropy < plain.cross_entropy
    for fold in result.folds:
        relaxed = [point for point in fold.path if point.relaxed]
        settling = [point.n_dimensions for point in fold.path if not point.relaxed]
        best = min(relaxed, key=lambda point: point.cross_entropy)
        assert best.n_dimensions == max(set(settling) - {0}, key=lambda one: (settling.count(one), one))
        assert best.cross_entropy <= min(point.cross_entropy for point in fold.path)
        assert fold.shrinkage == pytest.approx(best.shrinkage * 0.9**0.75, rel=0.01)
    assert not any(point.relaxed for point in plain.path)


def test_without_a_number_that_settles_held_out_answers_choose_it():
    """Dimensions that get weaker and weaker disappear one after the other."""
    rng = np.random.default_rng(3)
    rows = rng.gamma(1.5, 0.7, (60, 12)) * (rng.random((60, 12)) < 0.3) * 0.8 ** np.arange(12) * 2
    triplets = simulate(rows, 12_000, measure="dot", temperature=1.0).triplets
    result = cross_validate_embedding(triplets, folds=2, halves=False, ci=None)
    for fold in result.folds:
        least = [min(p.cross_entropy for p in fold.path if p.relaxed is way) for way in (True, False)]
        assert least[0] < least[1] and 4 <= fold.n_dimensions < 12


def test_the_most_dimensions_that_are_asked_for_may_settle(world):
    result = cross_validate_embedding(world[1], folds=2, n_dimensions=2)
    assert result.fit.n_dimensions == 2 and all(fold.n_dimensions == 2 for fold in result.folds)


def test_signed_fits_have_no_number_that_settles(world):
    result = cross_validate_embedding(world[1], folds=2, signed=True, halves=False)
    assert not any(point.relaxed for point in result.path)


def test_a_path_that_settles_goes_on_after_an_interruption(world):
    _, triplets, _ = world
    whole, journal = cross_validate_embedding(triplets, folds=2), Journal()

    def stop(text, passes, total):
        if "fold 2/2, penalty 14" in journal.steps:  # a relaxed one
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validate_embedding(triplets, folds=2, journal=journal, progress=stop)
    resumed = cross_validate_embedding(triplets, folds=2, journal=journal)
    assert resumed.fit.embedding.values.tobytes() == whole.fit.embedding.values.tobytes()
    assert (resumed.stability, resumed.path) == (whole.stability, whole.path)


def test_a_penalty_that_is_best_at_an_end_is_noted(world):
    _, triplets, _ = world
    result = cross_validate_embedding(triplets, folds=2, penalties=[(1e-4, None), (2e-4, None), (4e-4, None)])
    assert all(fold.at_edge for fold in result.folds)


class Stages:
    """A progress callback that keeps the texts."""

    def __init__(self):
        self.texts = []

    def __call__(self, text, passes, total):
        self.texts.append(text)


def test_goes_on_after_an_interruption_where_it_was(world):
    _, triplets, _ = world
    options = {"penalties": [PENALTY, (2e-3, 0.06)], "folds": 2, "n_seeds": 1, "halves": True, "n_resamples": 2}
    whole = cross_validate_embedding(triplets, **options)
    for stage in ("fold 2/2", "resample 2/2"):
        journal = Journal()

        def stop(text, passes, total, stage=stage):
            if text.startswith(stage):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            cross_validate_embedding(triplets, **options, journal=journal, progress=stop)
        assert journal.steps
        stages = Stages()
        resumed = cross_validate_embedding(triplets, **options, journal=journal, progress=stages)
        assert resumed.fit.embedding.values.tobytes() == whole.fit.embedding.values.tobytes()
        assert resumed.standard_errors.tobytes() == whole.standard_errors.tobytes()
        assert (resumed.stability, resumed.accuracy) == (whole.stability, whole.accuracy)
        assert not any(text.startswith("fold 1/2") for text in stages.texts)


def test_a_path_goes_on_at_the_next_penalty(world):
    _, triplets, _ = world
    options = {"penalties": [(5e-4, 0.015), PENALTY, (2e-3, 0.06)], "folds": 2, "halves": False}
    whole, journal = cross_validate_embedding(triplets, **options), Journal()

    def stop(text, passes, total):
        if "fold 2/2, penalty 2" in journal.steps:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validate_embedding(triplets, **options, journal=journal, progress=stop)
    assert list(journal.steps) == ["fold 1/2", "fold 2/2, penalty 1", "fold 2/2, penalty 2"]
    resumed = cross_validate_embedding(triplets, **options, journal=journal)
    assert resumed.fit.embedding.values.tobytes() == whole.fit.embedding.values.tobytes()
    strip = [replace(fold, seconds=0.0) for fold in resumed.folds]
    assert strip == [replace(fold, seconds=0.0) for fold in whole.folds]
    assert list(journal.steps) == ["fold 1/2", "fold 2/2", "refit"]


def test_an_interruption_leaves_the_best_embedding_so_far(world):
    journal, count = Journal(), iter(range(10**6))

    def stop(text, passes, total):
        if next(count) == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_embedding(world[1], shrinkage=1e-3, progress=stop, journal=journal)
    best = journal.best.value
    assert best.interrupted and not best.converged and best.embedding.values.shape[0] == N


def test_stability_has_three_levels(validation):
    assert [one.over for one in validation.stability] == ["seeds", "halves", "resamples"]
    assert [one.n_fits for one in validation.stability] == [1, 2, 4]
    seeds, halves, resamples = validation.stability
    assert seeds.above_8 == 1.0 and seeds.similarity > 0.99
    assert 0.5 < halves.similarity < resamples.similarity < 1
    assert all(one.low <= one.correlation <= one.high for one in resamples.dimensions)
    errors = validation.standard_errors
    assert errors.shape == validation.fit.embedding.values.shape and 0 < np.median(errors[errors > 0]) < 0.5


def test_stability_is_that_of_matched_columns():
    rng = np.random.default_rng(0)
    rows = np.abs(rng.normal(size=(50, 3)))
    turned = rows[:, [2, 0, 1]]
    one = stability_of("seeds", rows, [(rows, turned), (rows, rng.normal(size=(50, 2)))])
    assert one.above_8 == pytest.approx(3 / 5)  # two columns can't match three
    assert sorted(each.n_matched for each in one.dimensions) == [1, 2, 2] and one.n_matched == 3
    assert [each.high for each in one.dimensions] == pytest.approx([1.0, 1.0, 1.0])
    halves = stability_of("halves", rows, [(turned, rows + 1)])
    assert [each.correlation for each in halves.dimensions] == pytest.approx([1.0] * 3)


def test_a_dimension_without_a_match_has_no_figures_and_is_in_no_mean():
    rng = np.random.default_rng(0)
    rows = np.abs(rng.normal(size=(50, 3)))
    dead = rows[:, :2].copy()
    dead[:, 1] = 2.0  # a constant column matches nothing
    for over, pairs in (("halves", [(rows[:, :1], rows)]), ("seeds", [(rows, dead), (rows, rows[:, :1])])):
        one = stability_of(over, rows, pairs, interval=True)
        first, *others = one.dimensions
        assert first.correlation == pytest.approx(1.0) and first.n_matched == len(pairs)
        for other in others:
            assert astuple(other)[1:] == (None, None, None, None, None, 0)
        assert (one.above_8, one.above_9, one.n_matched) == (1.0, 1.0, 1)
    nothing = stability_of("seeds", rows, [(rows, rows[:, :0])])
    assert (nothing.similarity, nothing.above_8, nothing.vice_above_8, nothing.n_matched) == (None, None, None, 0)


def test_reproducibility_as_in_vice_is_judged_on_other_objects():
    rng = np.random.default_rng(0)
    rows = np.abs(rng.normal(size=(100, 2)))
    order = np.random.default_rng(0).permutation(100)
    broken = rows.copy()
    broken[order[80:], 1] = rng.normal(size=20)  # only on the objects that judge
    found = [stability_of("seeds", rows, [(rows, other)]).vice_above_8 for other in (rows[:, ::-1], broken)]
    assert found == [1.0, 0.5]
    assert stability_of("halves", rows, [(rows, rows)]).vice_above_8 is None


def test_standard_errors_are_deviations_of_matched_columns_and_the_bias():
    rng = np.random.default_rng(0)
    rows = np.abs(rng.normal(size=(200, 2)))
    draws = [rows + 0.1 * rng.normal(size=rows.shape) for _ in range(40)]
    swapped = [one[:, ::-1] if k % 2 else one for k, one in enumerate(draws)]
    expected = np.sqrt(np.var(draws, axis=0, ddof=1) + 0.25)
    np.testing.assert_allclose(standard_errors(rows, swapped, np.full(rows.shape, -0.5)), expected)


def test_bias_by_penalties_is_that_of_a_damped_newton_step():
    rows, triplets = planted(12, 2, 300)
    penalty = EmbeddingPenalty(2e-3, 1e-2)
    fit = fit_embedding(triplets, shrinkage=penalty.shrinkage, sparsity=penalty.sparsity, tolerance=1e-6)
    rows, inputs = fit.embedding.values, read_answers(triplets)
    moved = moved_by_penalties(inputs.loss(), penalty, rows)
    free, step = np.flatnonzero(rows), 1e-5
    hessian = np.zeros((len(free), len(free)))
    for k, place in enumerate(free):
        for sign in (1, -1):
            near = rows.copy()
            near.flat[place] += sign * step
            hessian[k] += sign * reference(near, triplets, 0.0, 0.0)[1].ravel()[free] / (2 * step)
    damped = (hessian + hessian.T) / 2 + 4 * penalty.shrinkage * np.eye(len(free))
    slope = 2 * penalty.shrinkage * rows.ravel()[free] + penalty.sparsity / len(rows)
    expected = -np.linalg.solve(damped, slope)
    assert not moved[rows == 0].any() and expected.mean() < -0.05
    assert np.linalg.norm(moved.ravel()[free] - expected) < 0.05 * np.linalg.norm(expected)


def test_matching_is_one_to_one_with_the_largest_sum():
    from itertools import permutations

    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 4))
    y[:, 1] = 3.0  # a constant column correlates with nothing
    matched = match_dimensions(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        c = np.nan_to_num(np.corrcoef(x.T, y.T)[:4, 4:])
    assert np.nansum(matched.correlations) == pytest.approx(max(sum(c[range(4), p]) for p in permutations(range(4))))
    assert sorted(matched.second.tolist()) == [0, 1, 2, 3]
    assert np.isnan(matched.correlations[matched.second == 1])


def test_matching_goes_by_name():
    x = np.random.default_rng(0).normal(size=(4, 2))
    other = Embeddings(x[::-1], tuple("dcba"))
    assert match_dimensions(Embeddings(x, tuple("abcd")), other).correlations == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.ones((3, 1)), np.ones((4, 1)), "a row for each object; got 3 and 4 rows"),
        (np.ones((3, 1)), np.full((3, 1), np.nan), "y must hold finite numbers"),
        (Embeddings(np.ones((2, 1)), ("a", "b")), Embeddings(np.ones((2, 1)), ("a", "c")), "only one of them has 'b'"),
    ],
)
def test_embeddings_of_other_objects_are_refused(first, second, message):
    with pytest.raises(InputError, match=message):
        match_dimensions(first, second)


SMALL = planted(12, 2, 300)[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "objects"}, "split must be triplets or subjects: an object without answers has no row"),
        ({"split": "people"}, "split must be one of triplets, subjects; got 'people'"),
        ({"split": "subjects"}, "subjects must identify who answered each triplet with split 'subjects'"),
        ({"folds": 4000}, r"at most the number of sets of three objects"),
        ({"n_resamples": 1}, "n_resamples must be 0 or at least 2; got 1"),
        ({"ci": "objects"}, "ci must be auto, subjects, triplets or none here; got 'objects'"),
        ({"ci": "subjects"}, "subjects must identify who answered each triplet for intervals"),
        ({"penalties": "most"}, r"penalties must be 'auto', 'path' or pairs \(shrinkage, sparsity\); got 'most'"),
        ({"penalties": [(9.0, None)]}, "the penalties leave nothing of the embedding"),
        ({"against": {"a": np.ones((5, 2))}}, "row"),
    ],
)
def test_bad_input_gets_one_line(options, message):
    with pytest.raises(InputError, match=message) as error:
        cross_validate_embedding(SMALL, **options)
    assert "\n" not in str(error.value)


def test_a_fold_that_leaves_an_object_without_answers_is_named():
    triplets = np.vstack([SMALL, [[0, 1, 12]]])
    with pytest.raises(InputError, match=r"fold \d leaves none for 12: use fewer objects, or more folds"):
        cross_validate_embedding(triplets, penalties=[PENALTY])


def test_comes_back_from_its_document(validation):
    from pyalign.documents import from_document
    from pyalign.embedding.embedding_result import EmbeddingCrossValidation

    read = from_document(EmbeddingCrossValidation, validation.to_dict())
    assert read.fit.dimensions == validation.fit.dimensions and read.stability == validation.stability
    assert read.folds == validation.folds and read.fit.embedding is None
