"""Ceilings where triplets have different numbers of answers, which may go with how hard they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, seeds

import pyalign
from pyalign import noise_ceiling, score_choices

BOTH = ("answers", "triplets")
LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # columns that bring the odd item to the last place


def world(seed, easy=20, hard=4, each=200, n=120):
    """Triplets on which nearly all agree, others on which few do, and counts of answers to either."""
    rng = np.random.default_rng(seed)
    triplets = np.unique(np.sort(draw_triplets(seed, n, 3 * each), axis=1), axis=0)
    triplets = rng.permutation(triplets)[: 2 * each]
    p = np.repeat([[0.9, 0.05, 0.05], [0.5, 0.3, 0.2]], each, axis=0)
    numbers = np.repeat([easy, hard], each)
    return triplets, p, np.array([rng.multinomial(k, q) for k, q in zip(numbers, p, strict=True)])


def one_row_an_answer(triplets, counts):
    """The same answers, the odd item last, and which triplet each is to."""
    rows = np.repeat(np.arange(len(triplets)), counts.sum(axis=1))
    odd = np.concatenate([np.repeat(np.arange(3), row) for row in counts])
    return np.take_along_axis(triplets[rows], LAST[odd], axis=1), rows


def three(people):
    return people.ceilings.lower, people.ceilings.estimate, people.ceilings.upper


@pytest.mark.parametrize("weighting", BOTH)
def test_all_ceilings_are_of_one_weighting_where_easy_triplets_have_more_answers(weighting):
    """200 triplets with 20 answers and 200 with 4: the estimate was below the lower ceiling."""
    outside = 0
    for seed in range(12):
        triplets, p, counts = world(seed)
        best, numbers = p.max(axis=1), counts.sum(axis=1)
        truth = np.average(best, weights=numbers if weighting == "answers" else None)
        people = noise_ceiling(triplets, answers=counts, weighting=weighting)
        lower, estimate, upper = three(people)
        assert people.weighting == weighting
        assert lower.value < estimate.value < upper.value
        assert lower.value < truth + 2 * lower.standard_error and truth < upper.value + 2 * upper.standard_error
        assert abs(estimate.value - truth) < 4 * estimate.standard_error < 0.12
        outside += not estimate.ci.low < truth < estimate.ci.high
    assert outside <= 2


def test_the_ideal_observer_has_reached_the_ceiling():
    """Its fraction of the ceiling was 1.4; it is 1, within the interval, as often as that says."""
    outside, fractions = 0, []
    for seed in range(12):
        triplets, _, counts = world(seed)
        rows, of = one_row_an_answer(triplets, counts)
        ideal = np.array([np.flatnonzero(row == triplets[k, 0])[0] for row, k in zip(rows, of, strict=True)])
        found = score_choices(ideal, rows, ceiling=noise_ceiling(rows)).only
        low, high = found.fraction_of_ceiling.ci
        fractions.append(found.fraction_of_ceiling)
        outside += not low <= 1 <= high
    assert outside <= 2
    assert np.mean(fractions) == pytest.approx(1, abs=0.01)


@given(seed=seeds, n=st.integers(5, 12), t=st.integers(40, 150), weighting=st.sampled_from(BOTH), known=st.booleans())
def test_the_estimate_is_never_outside_of_the_other_two(seed, n, t, weighting, known):
    subjects = np.random.default_rng(seed).integers(0, 30, t) if known else None
    lower, estimate, upper = three(noise_ceiling(draw_triplets(seed, n, t), subjects=subjects, weighting=weighting))
    assert lower.value <= estimate.value <= upper.value


@pytest.mark.parametrize("known", [False, True])
def test_where_all_triplets_have_as_many_answers_the_two_weightings_are_the_same(known):
    triplets, _, counts = world(3, easy=5, hard=5, each=40)
    rows, _ = one_row_an_answer(triplets, counts)
    who = np.arange(len(rows)) % 7 if known else None
    by_answers, by_triplets = (noise_ceiling(rows, subjects=who, weighting=one) for one in BOTH)
    left, right = by_answers.to_dict(), by_triplets.to_dict()
    assert (left.pop("weighting"), right.pop("weighting")) == BOTH
    for document in (left, right):
        document.pop("provenance")
    assert left == right
    assert not any("more answers" in note for note in by_answers.notes)


def test_triplets_that_were_answered_once_change_no_ceiling():
    triplets, _, counts = world(4, each=60, n=60)
    rows, _ = one_row_an_answer(triplets, counts)
    once = draw_triplets(9, 60, 500) + 60
    once = once[np.unique(np.sort(once, axis=1), axis=0, return_index=True)[1]]
    for weighting in BOTH:
        alone, among = (noise_ceiling(one, weighting=weighting) for one in (rows, np.concatenate([rows, once])))
        assert (among.ceilings, among.guessing, among.notes) == (alone.ceilings, alone.guessing, alone.notes)


def test_a_note_says_that_triplets_with_more_answers_are_easier_or_harder():
    for easy, hard, what in ((20, 4, "easier"), (4, 20, "harder"), (3, 2, "easier")):
        triplets, _, counts = world(1, easy, hard)
        (note,) = [one for one in noise_ceiling(triplets, answers=counts).notes if "more answers" in one]
        assert note.startswith(f"triplets with more answers are {what}: two participants agree in")
        assert "ceilings are over answers" in note and "weighting='triplets'" in note
        people = noise_ceiling(triplets, answers=counts, weighting="triplets")
        assert any("ceilings are over triplets" in one and "weighting='answers'" in one for one in people.notes)


def test_no_note_is_there_where_the_number_of_answers_has_nothing_to_do_with_how_hard_a_triplet_is():
    """Numbers from 2 to 60, whose shares of the majority differ by themselves; some people are careless."""
    noted = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        triplets, p, _ = world(seed, each=100)
        numbers = 2 + np.minimum(58, rng.lognormal(1.5, 1, 200)).astype(int)
        counts = np.array([rng.multinomial(k, q) for k, q in zip(rng.permutation(numbers), p, strict=True)])
        noted += any("more answers" in note for note in noise_ceiling(triplets, answers=counts).notes)
    assert noted <= 3


def test_somebody_who_repeats_an_answer_is_no_sign_of_easy_triplets():
    """Two hundred triplets that one participant answered ten times more, always in the same way."""
    rng = np.random.default_rng(2)
    triplets, p, _ = world(2)
    counts = np.array([rng.multinomial(4, q) for q in np.tile(p[-1], (400, 1))])
    rows, of = one_row_an_answer(triplets, counts)
    who = np.arange(len(rows)) % 4
    again = np.flatnonzero((of < 200) & (who == 0))
    rows = np.concatenate([rows, np.repeat(rows[again], 10, axis=0)])
    who = np.append(who, np.repeat(0, 10 * len(again)))
    assert any("more answers" in note for note in noise_ceiling(rows).notes)
    assert not any("more answers" in note for note in noise_ceiling(rows, subjects=who).notes)


def test_another_weighting_is_refused(message_of):
    said = message_of(noise_ceiling, [[0, 1, 2], [0, 1, 2]], weighting="rows")
    assert said == "weighting must be one of answers, triplets; got 'rows'"
    assert pyalign.noise_ceiling([[0, 1, 2], [0, 1, 2]]).weighting == "answers"
