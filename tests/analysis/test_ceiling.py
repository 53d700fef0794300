"""Noise ceilings: against a plain loop over answers, in cases worked out by hand, and on real data."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from support import draw_triplets, first_of_each, read_back, reals, seeds, strict_json

import pyalign
from pyalign import Triplets, fraction_of_ceiling, noise_ceiling
from pyalign.analysis.ceiling.noise_ceiling import guessing_share


def by_loop(triplets, subjects=None, weighting="answers"):
    """The definitions, answer by answer, each of which counts the same, or as all to its triplet together do.

    Of the answers of one participant to one triplet only the first counts.
    """
    subjects = range(len(triplets)) if subjects is None else subjects
    answers = defaultdict(list)
    for (a, b, c), who in zip(np.asarray(triplets).tolist(), subjects, strict=True):
        if all(who != other for other, _ in answers[frozenset((a, b, c))]):
            answers[frozenset((a, b, c))].append((who, c))
    repeated = [told for told in answers.values() if len(told) > 1]
    shares, right, each, entropies, corrected, guessed, total = 0.0, [], [], 0.0, 0.0, 0.0, 0.0
    for told in repeated:
        called, weight = Counter(item for _, item in told), 1 if weighting == "answers" else 1 / len(told)
        shares += weight * max(called.values())
        entropies -= weight * sum(k * math.log(k / len(told)) for k in called.values())
        corrected += weight * (len(called) - 1) / 2
        guessed += weight * len(told) * guessing_share(len(told))
        total += weight * len(told)
        for who, item in told:
            others = Counter(other for person, other in told if person != who)
            if others:
                tied = [other for other, k in others.items() if k == max(others.values())]
                right.append((item in tied) / len(tied))
                each.append(weight)
    return {
        "ceiling": shares / total, "n_distinct": len(repeated), "n_answers": sum(map(len, repeated)),
        "leave_one_out": np.average(right, weights=each), "n_predicted": len(right), "guessing": guessed / total,
        "least_cross_entropy": entropies / total, "corrected_entropy": (entropies + corrected) / total,
    }


def same(found, expected):
    values = {name: getattr(found, name) for name in expected}
    assert values == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def flat(people):
    """All numbers, in a row."""
    document = people.to_dict()
    document |= {f"{name} {key}": value for name, one in document.pop("ceilings").items() for key, value in one.items()}
    rows = [value if isinstance(value, list) else [value] for value in document.values()]
    return [math.nan if value is None else value for row in rows for value in row if not isinstance(value, dict | str)]


@pytest.mark.parametrize("weighting", ["answers", "triplets"])
@given(seed=seeds)
def test_equal_a_loop_over_answers(weighting, seed):
    triplets = draw_triplets(seed, 5, 60)
    same(noise_ceiling(triplets, weighting=weighting), by_loop(triplets, weighting=weighting))


@pytest.mark.parametrize("weighting", ["answers", "triplets"])
@given(seed=seeds)
def test_with_persons_equal_a_loop_over_answers(weighting, seed):
    triplets, subjects = draw_triplets(seed, 5, 80), np.random.default_rng(seed).integers(0, 4, 80)
    found = noise_ceiling(triplets, subjects=subjects, weighting=weighting)
    same(found, by_loop(triplets, subjects, weighting))


@given(seeds)
def test_counts_give_what_their_answers_give(seed):
    rng = np.random.default_rng(seed)
    triplets = np.unique(np.sort(draw_triplets(seed, 6, 9), axis=1), axis=0)
    triplets = rng.permuted(triplets, axis=1)
    counts = rng.integers(0, 4, triplets.shape) + np.eye(3, dtype=int)[rng.integers(0, 3, len(triplets))]
    counts[0, 0] += 2
    orders = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])
    single = [
        row[orders[k]] for row, times in zip(triplets, counts, strict=True) for k in range(3) for _ in range(times[k])
    ]
    found, expected = noise_ceiling(triplets, answers=counts), noise_ceiling(np.array(single))
    assert flat(found) == pytest.approx(flat(expected), rel=1e-12, nan_ok=True)


def test_the_order_of_rows_items_and_names_of_persons_changes_nothing():
    triplets, subjects = draw_triplets(1, 9, 200), np.random.default_rng(1).integers(0, 5, 200)
    kept = first_of_each(triplets, subjects)  # of repeats within a participant the order says which is the first
    triplets, subjects = triplets[kept], subjects[kept]
    expected = noise_ceiling(triplets, subjects=subjects)
    mixed = np.random.default_rng(2).permutation(len(kept))
    swapped = triplets[mixed][:, [1, 0, 2]]
    names = np.array(["zoe", "ann", "bob", "eve", "kim"])[subjects[mixed]]
    found = noise_ceiling(swapped, subjects=names)
    assert flat(found) == pytest.approx(flat(expected), rel=1e-12)


def test_of_answers_in_agreement_and_as_many_that_differ():
    two = np.array([[0, 1, 2], [1, 0, 2], [3, 4, 5], [3, 5, 4]])
    people = noise_ceiling(np.concatenate([two, two + 6]))
    assert (people.ceiling, people.leave_one_out) == (0.75, 0.5)
    assert people.least_cross_entropy == pytest.approx(math.log(2) / 2)
    assert people.corrected_entropy == pytest.approx((2 * math.log(2) + 0.5) / 4)
    error = math.sqrt(1 / 12) / 2  # shares 1, 1/2, 1, 1/2: their standard deviation over sqrt(4)
    assert people.ceilings.upper.standard_error == pytest.approx(error)
    assert tuple(people.ci) == (pytest.approx(0.75 - 2.200985 * error), 1.0)  # t of 11, and no share is above 1


def test_a_person_who_repeats_an_answer_is_not_predicted_from_it():
    triplets, subjects = [[0, 1, 2], [0, 1, 2], [0, 2, 1]], ["a", "a", "b"]
    assert noise_ceiling(triplets).leave_one_out == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert noise_ceiling(triplets, subjects=subjects).leave_one_out == 0


def test_unanimous_people_have_a_ceiling_of_one_and_no_entropy():
    people = noise_ceiling(np.repeat([[0, 1, 2], [3, 4, 5], [6, 7, 8]], 4, axis=0), subjects=list("abcd") * 3)
    assert (people.ceiling, *people.ci, people.leave_one_out) == (1, 1, 1, 1)
    assert (people.least_cross_entropy, people.corrected_entropy) == (0, 0)


def test_guessing_leaves_the_leave_one_out_share_at_chance_but_not_the_majority_share():
    triplets = np.random.default_rng(3).permuted(
        np.repeat([[3 * k, 3 * k + 1, 3 * k + 2] for k in range(20_000)], 2, axis=0), axis=1
    )
    people = noise_ceiling(triplets)
    assert people.ceiling == pytest.approx(2 / 3, abs=0.01)
    assert people.guessing == pytest.approx(2 / 3, rel=1e-12)
    assert people.leave_one_out.low < 1 / 3 < people.leave_one_out.high


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_the_share_of_guessing_is_that_of_all_ways_to_guess(n):
    ways = [max(Counter(way).values()) / n for way in itertools.product(range(3), repeat=n)]
    assert guessing_share(n) == pytest.approx(np.mean(ways), rel=1e-12)


def test_the_share_of_guessing_goes_on_smoothly_past_what_is_exact():
    steps = np.diff([guessing_share(n) for n in (299, 300, 301, 302)])
    assert (steps < 0).all() and (steps > -2e-4).all()


def test_guessing_is_a_mean_as_the_ceiling_is():
    triplets = np.repeat([[0, 1, 2], [3, 1, 2], [4, 1, 2]], [2, 3, 3], axis=0)
    assert noise_ceiling(triplets).guessing == pytest.approx((2 * 2 / 3 + 6 * 17 / 27) / 8)
    assert noise_ceiling(triplets, weighting="triplets").guessing == pytest.approx((2 / 3 + 2 * 17 / 27) / 3)


def test_intervals_widen_with_confidence_and_are_centered():
    triplets = draw_triplets(5, 8, 300)
    narrow, wide = noise_ceiling(triplets, confidence_level=0.5), noise_ceiling(triplets, confidence_level=0.99)
    assert wide.ci[0] < narrow.ci[0] < narrow.ceiling < narrow.ci[1] < wide.ci[1]
    assert sum(narrow.leave_one_out.ci) / 2 == pytest.approx(narrow.leave_one_out)
    at_95 = noise_ceiling(triplets)
    assert at_95.ci[1] - at_95.ceiling == pytest.approx(
        2.364624 * at_95.ceilings.upper.standard_error, rel=1e-6
    )  # t of 7


@pytest.mark.slow
def test_leave_one_out_intervals_cover_the_truth_about_as_often_as_they_say():
    """Persons of two minds: answers depend on the person and on the triplet, so plain intervals would be too short."""
    means, inside = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        careful, easy = rng.random(40) < 0.5, rng.random(150) < 0.5
        sets = np.repeat(np.arange(150), 8)
        persons = np.concatenate([rng.choice(40, 8, replace=False) for _ in range(150)])
        p = np.where(careful[persons], 0.9, 0.4) * np.where(easy[sets], 1, 0.6)
        odd = np.where(rng.random(1200) < p, 2, rng.integers(0, 2, 1200))
        items = 3 * sets[:, None] + np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd]
        people = noise_ceiling(items, subjects=persons)
        means.append(people.leave_one_out)
        inside.append(people.leave_one_out.ci)
    truth = np.mean(means)
    coverage = np.mean([low < truth < high for low, high in inside])
    assert 0.90 <= coverage <= 0.99


def test_a_single_triplet_has_no_standard_error_and_json_says_null():
    people = noise_ceiling([[0, 1, 2], [0, 1, 2]])
    assert people.ceilings.upper.standard_error is None
    written = strict_json(people.to_json())
    assert written["ceiling"] == 1
    assert (written["ci"], written["leave_one_out_ci"]) == (None, None)


def test_a_document_keeps_its_keys_and_comes_back(tmp_path):
    triplets, subjects = draw_triplets(1, 9, 200), np.random.default_rng(1).integers(0, 5, 200)
    people = noise_ceiling(triplets, subjects=subjects, confidence_level=0.9)
    written = strict_json(people.to_json())
    assert written.keys() >= {
        "ceiling", "ci", "guessing", "n_distinct", "n_answers", "leave_one_out", "leave_one_out_ci",
        "n_predicted", "weighting", "least_cross_entropy",
        "corrected_entropy", "n_persons", "confidence", "remarks", "ceilings", "n_repeats_within_person",
    }
    assert (written["command"], written["confidence"], written["remarks"]) == ("ceiling", 0.9, [])
    assert written["ci"] == list(people.ci) == written["ceilings"]["upper"]["ci"]
    assert set(written["ceilings"]) == {"upper", "lower", "estimate"}
    assert {"value", "ci", "standard_error"} <= set(written["ceilings"]["estimate"])
    assert written["ceilings"]["lower"]["value"] == written["leave_one_out"]
    back = read_back(people, tmp_path)
    assert back == people
    assert (back.ceilings.upper.standard_error, back.confidence) == (people.ceilings.upper.standard_error, 0.9)
    assert [one.name for one in back.provenance.inputs] == ["triplets", "subjects"]


def test_a_document_of_what_does_not_exist_comes_back(tmp_path):
    back = read_back(noise_ceiling([[0, 1, 2], [0, 1, 2]]), tmp_path)
    assert back.n_persons is None and back.ceilings.upper.standard_error is None and back.ci is None


def test_answers_and_persons_come_with_the_triplets():
    triplets, persons = draw_triplets(1, 6, 200), np.random.default_rng(1).integers(0, 5, 200).astype(np.int32)
    known = Triplets(triplets, subjects=pyalign.data.Subjects(persons, tuple("abcde")))
    assert noise_ceiling(known) == noise_ceiling(triplets, subjects=persons)
    sets = np.unique(np.sort(triplets, axis=1), axis=0)
    counts = np.random.default_rng(2).integers(1, 9, sets.shape)
    in_file = Triplets(sets, positions=np.array([1, 2, 0], np.int8))
    turned = counts[:, [2, 0, 1]]  # by the positions in the file: column p came from place positions[p]
    expected = noise_ceiling(sets, answers=counts)
    assert noise_ceiling(in_file, answers=turned) == expected == noise_ceiling(in_file.with_answers(turned))


def test_triplets_of_names_and_frames_are_taken():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    triplets = draw_triplets(1, 8, 200)
    names = np.array(["dog", "ant", "cat", "elk", "bee", "fox", "gnu", "hen"])[triplets]
    frame = pandas.DataFrame(names, columns=["a", "b", "odd"]).sample(frac=1, random_state=1)
    assert flat(noise_ceiling(frame)) == pytest.approx(flat(noise_ceiling(triplets)), rel=1e-12, nan_ok=True)
    assert noise_ceiling(names) == noise_ceiling(names.tolist()) == noise_ceiling(pandas.DataFrame(names))
    people = pandas.Series(["ann", "bob"] * 100)
    known = noise_ceiling(frame, subjects=people)
    assert strict_json(known.to_json())["n_persons"] == 2
    assert noise_ceiling(triplets).to_frame().loc[0, "ci_low"] == noise_ceiling(triplets).ci.low


def test_triplets_without_answers_have_no_ceiling(message_of):
    unanswered = Triplets(np.array([[0, 1, 2], [2, 1, 0]]), answered=False)
    said = "ceiling needs human choices, which these triplets do not hold"
    assert message_of(noise_ceiling, unanswered) == said
    assert noise_ceiling(unanswered, answers=[[2, 0, 0], [1, 0, 0]]).n_answers == 3


def test_a_table_fits_80_columns():
    people = noise_ceiling(Triplets(draw_triplets(5, 8, 300), source="a/long/path/" * 5 + "t.npy"))
    assert all(len(line) <= 80 for line in people.table().splitlines() if "a/long" not in line)
    assert f"{100 * people.leave_one_out:.1f}%" in people.table()


def test_answers_that_never_agree_are_remarked_on():
    sets = np.arange(30).reshape(10, 3)
    different = np.concatenate([sets, sets[:, [0, 2, 1]]])
    people = noise_ceiling(different)
    assert "equal rows may have been removed" in people.remarks[0]
    assert people.notes[:1] == people.remarks
    agreeing = noise_ceiling(np.concatenate([different, sets[:1]]))
    assert agreeing.remarks == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"triplets": [[0, 1, 2], [3, 4, 5]]},
         "triplets must hold some that are answered at least twice; all 2 are answered once"),
        ({"subjects": [7, 7]}, "subjects must be at least two participants, so that one can be left out; got [7]"),
        ({"subjects": ["a"]}, "subjects must have one entry per triplet, shape (2,); got (1,)"),
        ({"subjects": [1.0, np.nan]}, "subjects must be finite; row 1 is nan"),
        ({"subjects": [True, False]}, "subjects must be numbers or strings; got dtype bool"),
        ({"triplets": [[0, 1, 2], [0, 1, 2], [3, 4, 5]], "subjects": [1, 1, 2]},
         "subjects must include two participants who answered the same triplet; no triplet has two"),
        ({"answers": [[0, 0, 1]]}, "answers must have shape (2, 3), a row for each triplet; got (1, 3)"),
        ({"answers": [[0.2, 0.3, 0.5]] * 2},
         "answers must be counts (whole numbers) here; got shares, which do not say of how many"),
        ({"answers": [[0, 0, 1], [0, 0, 0]]}, "answers must hold at least one answer in each row; row 1 is [0, 0, 0]"),
        ({"triplets": [[0, 1]]}, "triplets must have shape (t, 3); got (1, 2)"),
        ({"triplets": "answers.npy"},
         "triplets must be an array; got the path 'answers.npy': read it with load_triplets(path)"),
        ({"answers": [[0, 0, 1]] * 2, "subjects": [1, 2]},
         "subjects and answers must not both be given: counts do not say whose answer is whose"),
    ],
)
def test_what_has_no_ceiling_is_refused(message_of, options, message):
    assert message_of(noise_ceiling, **{"triplets": [[0, 1, 2], [2, 1, 0]], **options}) == message


def test_fraction_of_ceiling_is_0_at_chance_and_1_at_the_ceiling():
    assert fraction_of_ceiling(1 / 3, 0.6722) == 0
    assert fraction_of_ceiling(0.6722, 0.6722) == 1
    assert fraction_of_ceiling(0.2, 0.6722) < 0


@pytest.mark.parametrize("values", [(1.2, 0.6), (math.nan, 0.6), (0.5, 1 / 3), (0.5, 67.22), (0.5, math.nan)])
def test_fractions_that_are_none_are_refused(message_of, values):
    assert "must be a fraction" in message_of(fraction_of_ceiling, *values)


def test_a_ceiling_that_is_no_number_is_refused(message_of):
    assert message_of(fraction_of_ceiling, 0.5, "0.6x") == "ceiling must be a number; got '0.6x'"


@pytest.mark.parametrize("counts", [None, [[1, 2, 3]] * 2])
def test_the_largest_number_of_an_item_is_refused_in_one_line(message_of, counts):
    message = message_of(noise_ceiling, [[0, 1, 2**63 - 1]] * 2, answers=counts)
    assert message == "triplets must lie in [0, 9,223,372,036,854,775,807); got 9223372036854775807"
    assert noise_ceiling([[0, 1, 2**63 - 2]] * 2).ceiling == 1.0


# Real data


@pytest.fixture(scope="module")
def hard(data):
    file = np.load(data / "things" / "hard_440_choice_counts.npz")
    return file["triplets_sorted0"], file["odd_counts"]


def test_ceilings_of_the_440_hard_triplets_equal_a_direct_count(hard):
    triplets, counts = hard
    shares, right, best, answers, entropies = [], 0.0, 0, 0, 0.0
    for row in counts.tolist():
        total = sum(row)
        shares.append(max(row) / total)
        best, answers = best + max(row), answers + total
        entropies -= sum(k * math.log(k / total) for k in row if k)
        for position in range(3):
            others = [k - (p == position) for p, k in enumerate(row)]
            tied = [p for p in range(3) if others[p] == max(others)]
            right += row[position] * (position in tied) / len(tied)
    people = noise_ceiling(triplets, answers=counts)
    assert (people.n_distinct, people.n_answers, people.n_predicted) == (440, answers, answers)
    assert people.ceiling == pytest.approx(best / answers, rel=1e-12)
    assert not any("more answers" in note for note in people.notes)  # 199 to 208
    each = noise_ceiling(triplets, answers=counts, weighting="triplets")
    assert each.ceiling == pytest.approx(sum(shares) / 440, rel=1e-12)
    assert round(each.ceiling, 4) == 0.5786
    independent = np.std(shares, ddof=1) / math.sqrt(440)
    assert independent < people.ceilings.upper.standard_error < 1.1 * independent  # few of the triplets share objects
    ceilings = people.ceilings
    assert ceilings.lower.value < ceilings.estimate.value < ceilings.upper.value
    assert ceilings.estimate.value == pytest.approx(0.5759, abs=2e-4)
    assert people.leave_one_out == pytest.approx(right / answers, rel=1e-12)
    assert people.least_cross_entropy == pytest.approx(entropies / answers, rel=1e-12)
    assert round(people.ceiling, 4) == 0.5784


def test_ceilings_of_the_answers_with_persons_equal_a_direct_count(data):
    """127,304 answers of 264 persons: 706 triplets were answered by two of them or more, 92 in all."""
    answers = np.load(data / "things" / "human_triplets_127304.npy")
    people = noise_ceiling(answers[:, :3], subjects=answers[:, 3])
    same(people, by_loop(answers[:, :3], answers[:, 3].tolist()))
    assert (people.n_distinct, people.n_answers, people.n_persons) == (706, 2154, 92)
    assert len(np.unique(answers[:, 3])) == 264


def test_the_file_of_distinct_answers_is_remarked_on(data):
    """885 of its triplets are answered in two or three ways, none twice in the same."""
    people = noise_ceiling(np.load(data / "things" / "human_triplets_375429.npy"))
    assert people.n_distinct == 885
    assert people.leave_one_out == 0
    assert "2,139 answers" in people.remarks[0]


def test_is_public():
    assert pyalign.results.NoiseCeiling.__name__ == "NoiseCeiling"


def test_scores_say_which_ceiling_their_fraction_is_of(message_of, tmp_path):
    x, triplets = reals(1, 6, 4), draw_triplets(1, 6, 200)
    people = noise_ceiling(triplets)
    for ceiling, name, value in (
        (0.9, "given", 0.9),
        (people, "estimate", people.ceilings.estimate.value),
        (("upper", people.ceiling), "upper", people.ceiling),
        (("the authors'", 0.8), "the authors'", 0.8),
    ):
        found = pyalign.score(x, triplets, ceiling=ceiling)
        assert (found.ceiling_name, found.ceiling) == (name, value)
        assert found.fraction_of_ceiling == fraction_of_ceiling(found.accuracy, value)
        assert read_back(found, tmp_path) == found
    assert pyalign.score(x, triplets).ceiling_name is None
    assert "(name, number)" in message_of(pyalign.score, x, triplets, ceiling=(0.5, 0.6))
    assert "above chance" in message_of(pyalign.score, x, triplets, ceiling=("low", 0.2))
