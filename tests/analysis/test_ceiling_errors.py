"""Errors of the three ceilings: against loops over pairs of sets and of entries, and in simulated worlds."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import assume, given, settings
from support import draw_triplets, first_of_each, more_for_many_rows, seeds

from pyalign import Triplets, noise_ceiling
from pyalign.analysis.answers import find_repeats
from pyalign.analysis.ceiling.ceiling_fraction import CeilingForScores
from pyalign.analysis.ceiling.leave_one_out import repeated_sets
from pyalign.datasets.simulate import write_sample
from pyalign.stats.pooling import fit_by_answers

LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # columns that bring the odd item to the last place


def told_by(triplets, subjects):
    """Of each repeated set, ascending: its items, and the positions that each person called odd."""
    answers = defaultdict(lambda: defaultdict(list))
    for row, who in zip(triplets.tolist(), subjects, strict=True):
        items = tuple(sorted(row))
        answers[items][who].append(items.index(row[2]))
    return {items: told for items, told in sorted(answers.items()) if sum(map(len, told.values())) > 1}


def counts_of(told):
    return np.bincount([position for positions in told.values() for position in positions], minlength=3)


def predicted(told):
    """Answers that others could predict, and those that they do."""
    n, right = 0, 0.0
    for who, positions in told.items():
        others = counts_of({other: said for other, said in told.items() if other != who})
        if others.any():
            tied = np.flatnonzero(others == others.max())
            n += len(positions)
            right += sum((position in tied) / len(tied) for position in positions)
    return n, right


def error_by_loop(sets, weights, values, changes=None, centered=True, each=None):
    """The definition, pair by pair. changes: what the sum of weight * value loses without (set, person).

    each: how much an answer to each set counts; None: all the same.
    """
    each = [1.0] * len(sets) if each is None else each
    total = sum(weights)
    mean = sum(w * v for w, v in zip(weights, values, strict=True)) / total
    e = [w * (v - mean) for w, v in zip(weights, values, strict=True)]

    def over(rule, more=0.0):
        pairs = [(a, b) for a in range(len(sets)) for b in range(len(sets)) if rule(a, b)]
        left = total**2 - sum(weights[a] * weights[b] for a, b in pairs)
        return (sum(e[a] * e[b] for a, b in pairs) + more) / left if left > 1e-9 else math.nan

    many = more_for_many_rows(np.array(e)[:, None], np.array(weights, float), np.array(list(sets)), None, "objects")
    objects = over(lambda a, b: bool(set(sets[a]) & set(sets[b])), float(many[0, 0]))
    if math.isnan(objects):
        return math.nan
    variance = max(objects, over(lambda a, b: a == b))
    if changes is None:
        return math.sqrt(variance)
    people = both = same = 0.0
    for (s, p), one in changes.items():
        for (u, q), other in changes.items():
            if p == q:
                same += each[s] * each[u]
                people += one * other
                both += one * other * bool(set(sets[s]) & set(sets[u]))
    entries = sum(each[s] for s, _ in changes) ** 2
    scale = entries / (entries - same) / total**2
    return math.sqrt(max(variance, variance + (people - both) * scale, people * scale if centered else 0.0))


def jackknifed(told, psi, weights):
    """Changes of weight times psi of the counts of each set without each person, centered and scaled."""
    changes = {}
    for s, one in enumerate(told.values()):
        own = {}
        for who in one:
            others = counts_of({other: said for other, said in one.items() if other != who})
            own[s, who] = weights[s] * (psi(counts_of(one), s) - psi(others, s)) if others.any() else 0.0
        mean, m = np.mean(list(own.values())), len(own)
        changes |= {key: (change - mean) * math.sqrt((m - 1) / m) for key, change in own.items()}
    return changes


def share_of_majority(counts, _):
    return counts.max() / counts.sum()


def case(seed, t=60, n=9, people=6):
    return draw_triplets(seed, n, t), np.random.default_rng(seed).integers(0, people, t)


def expected(triplets, subjects, known, weighting):
    """By loops: the errors of the three."""
    kept = first_of_each(triplets, subjects) if known else np.arange(len(triplets))
    told = told_by(triplets[kept], subjects[kept].tolist() if known else range(len(triplets)))
    sets, numbers = list(told), [int(counts_of(one).sum()) for one in told.values()]
    each = [1.0 if weighting == "answers" else 1.0 / n for n in numbers]
    weights = [n * w for n, w in zip(numbers, each, strict=True)]
    _, mixture = fit_by_answers(np.array([counts_of(one) for one in told.values()]), np.array(weights))

    def influence(counts, s):
        return float(mixture(np.asarray(counts)[None], np.array([s]))[0])

    found = {}
    for name, psi in (("upper", share_of_majority), ("estimate", influence)):
        values = [psi(counts_of(one), s) for s, one in enumerate(told.values())]
        changes = jackknifed(told, psi, weights) if known else None
        found[name] = error_by_loop(sets, weights, values, changes, each=each)
    both = [(w * n, w * right) for w, (n, right) in zip(each, map(predicted, told.values()), strict=True)]
    share = sum(right for _, right in both) / sum(n for n, _ in both)
    worth = {}
    for s, one in enumerate(told.values()):
        n, right = both[s]
        for who in one:
            rest = predicted({other: said for other, said in one.items() if other != who})
            worth[s, who] = (right - share * n) / each[s] - (rest[1] - share * rest[0])
    of_size = defaultdict(list)
    for (s, _), change in worth.items():
        of_size[len(told[sets[s]])].append((change, each[s]))
    means = {size: sum(c * w for c, w in of) / sum(w for _, w in of) for size, of in of_size.items()}
    worth = {(s, who): each[s] * (change - means[len(told[sets[s]])]) for (s, who), change in worth.items()}
    values = [right / n if n else 0.0 for n, right in both]
    found["lower"] = error_by_loop(
        sets, [n for n, _ in both], values, worth if known else None, centered=False, each=each
    )
    return found


@pytest.mark.parametrize("weighting", ["answers", "triplets"])
@pytest.mark.parametrize("known", [False, True])
@settings(max_examples=6)
@given(seed=seeds)
def test_errors_are_those_of_loops_over_pairs_of_sets_and_of_entries(known, weighting, seed):
    triplets, subjects = case(seed, 120, 10, 8)
    by_loop = expected(triplets, subjects, known, weighting)
    assume(not any(map(math.isnan, by_loop.values())))
    people = noise_ceiling(triplets, subjects=subjects if known else None, weighting=weighting)
    found = {name: getattr(people.ceilings, name).standard_error for name in by_loop}
    assert found == pytest.approx(by_loop, rel=1e-7, abs=1e-8)  # a variance of 0 is one of roundings: 1e-17
    assert people.ci.by == ("objects+subjects" if known else "objects")


def test_without_shared_objects_the_error_of_the_majority_share_is_that_of_a_mean():
    rng = np.random.default_rng(0)
    triplets, counts = np.arange(300).reshape(100, 3), rng.multinomial(20, [0.6, 0.3, 0.1], 100)
    shares = counts.max(axis=1) / 20
    error = noise_ceiling(triplets, answers=counts).ceilings.upper.standard_error
    assert error == pytest.approx(shares.std(ddof=1) / 10, rel=1e-9)


def test_where_all_triplets_share_an_object_there_is_no_interval_and_a_note():
    triplets = [[0, 1, 2], [0, 2, 1], [3, 0, 4], [4, 0, 3]]
    people = noise_ceiling(triplets)
    assert people.ci is people.leave_one_out.ci is people.ceilings.estimate.ci is None
    why = "the effective number of objects is 4.5, below the minimum of 8"
    assert f"there is no interval over objects: {why}" in people.notes
    known = noise_ceiling(triplets, subjects=list("abab"))
    assert f"there is no interval over objects and participants: {why}" in known.notes
    assert known.ceilings.upper.standard_error is None


def test_degrees_of_freedom_are_those_of_the_fewer_objects_or_people():
    triplets, subjects = case(3, 300, 10, 4)
    for given_subjects, degrees_quantile in ((None, 2.262157), (subjects, 3.182446)):  # t of 9 and of 3
        ci = noise_ceiling(triplets, subjects=given_subjects).ceilings.lower.ci
        assert (ci.high - ci.low) / 2 == pytest.approx(degrees_quantile * ci.error, rel=1e-6)


def test_repeats_within_a_person_are_counted_and_left_out():
    triplets = np.array([[0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 1, 2], [3, 4, 5], [4, 3, 5], [6, 7, 8]])
    people = noise_ceiling(triplets, subjects=[1, 1, 1, 2, 1, 2, 2])
    assert people.n_repeats_within_person == 2
    assert any(
        note == "2 answers repeat one from the same participant to the same triplet and count in no ceiling"
        for note in people.notes
    )
    assert (people.n_distinct, people.n_answers, people.ceiling) == (2, 4, 1.0)  # both agree on both
    assert noise_ceiling(triplets).n_repeats_within_person is None
    assert noise_ceiling(triplets[[0, 3, 4, 5]], subjects=[1, 2, 1, 2]).n_repeats_within_person == 0


@pytest.mark.parametrize("name", ["upper", "lower", "estimate"])
def test_agreement_with_oneself_is_no_agreement_between_people(tmp_path, name):
    """Five people answer 300 triplets of the sample, and some of these again, always as they did before."""
    rows, rng = np.load(write_sample(tmp_path)[1]).astype(np.int64)[:300], np.random.default_rng(0)
    odd = np.where(rng.random((5, 300)) < 0.5, 2, rng.integers(0, 3, (5, 300)))
    told, who = np.concatenate([np.take_along_axis(rows, LAST[one], 1) for one in odd]), np.repeat(np.arange(5), 300)
    again = rng.permutation(1500)[:400]
    more, by = np.concatenate([told, told[again]]), np.concatenate([who, who[again]])
    once, twice = noise_ceiling(told, subjects=who), noise_ceiling(more, subjects=by)
    assert (once.n_repeats_within_person, twice.n_repeats_within_person) == (0, 400)
    assert getattr(twice.ceilings, name) == getattr(once.ceilings, name)
    assert getattr(noise_ceiling(more).ceilings, name).value > getattr(once.ceilings, name).value  # unknown
    parts = CeilingForScores.of((name, once), Triplets(told), who).parts
    of_more = CeilingForScores.of((name, twice), Triplets(more), by).parts
    np.testing.assert_allclose(of_more[:1500], parts * len(more) / 1500, rtol=1e-12)  # of a sum over all answers
    assert not of_more[1500:].any()


def test_entries_hold_all_answers_to_repeated_sets():
    triplets, subjects = case(7)
    sets = repeated_sets(find_repeats(triplets), subjects)
    entries = sets.entries
    assert (np.diff(entries.sets) >= 0).all()
    sums = np.zeros_like(sets.counts)
    np.add.at(sums, entries.sets, entries.own)
    np.testing.assert_array_equal(sums, sets.counts)


def world(rng, n=60, sets=150, people=40, each=8):
    """Answers of new people to triplets of new objects: some objects are hard, some people careless."""
    hard, careless = rng.random(n) < 0.4, rng.random(people) < 0.4
    triplets = np.unique(np.sort(draw_triplets(int(rng.integers(1 << 30)), n, sets), axis=1), axis=0)
    rows = np.repeat(np.arange(len(triplets)), each)
    who = rng.permuted(np.tile(np.arange(people), (len(triplets), 1)), axis=1)[:, :each].ravel()
    sure = 0.9 * 0.5 ** hard[triplets].sum(axis=1)
    guess = rng.random(len(rows)) > sure[rows] * np.where(careless[who], 0.4, 1.0)
    odd = np.where(guess, rng.integers(0, 3, len(rows)), 2)
    return np.take_along_axis(triplets[rows], LAST[odd], axis=1), who


@pytest.mark.slow
def test_intervals_hold_what_endless_objects_and_people_would_give_about_as_often_as_they_say():
    """Against the mean over worlds: of the bounds, whose bias depends on the numbers of answers, and the estimate."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(250):
        triplets, who = world(rng)
        found.append(noise_ceiling(triplets, subjects=who).ceilings)
    for name in ("upper", "lower", "estimate"):
        ones = [getattr(one, name) for one in found]
        truth = np.mean([one.value for one in ones])
        inside = np.mean([one.ci.low < truth < one.ci.high for one in ones])
        assert 0.90 <= inside <= 0.995, name
        errors = math.sqrt(np.mean([one.standard_error**2 for one in ones]))
        assert 0.9 < errors / np.std([one.value for one in ones]) < 1.3, name


def test_people_who_are_all_alike_add_nothing_to_the_errors():
    """30 of them, with 500 answers each: what others predict worse without one is no difference between people."""
    rng = np.random.default_rng(8)
    rows = np.repeat(np.arange(9000).reshape(3000, 3), 5, axis=0)
    odd = np.where(rng.random(len(rows)) < 0.5, 2, rng.integers(0, 3, len(rows)))
    triplets = np.take_along_axis(rows, LAST[odd], axis=1)
    who = rng.permuted(np.tile(np.arange(30), (3000, 1)), axis=1)[:, :5].ravel()
    plain, known = noise_ceiling(triplets).ceilings, noise_ceiling(triplets, subjects=who).ceilings
    for name in ("upper", "lower", "estimate"):
        error = getattr(plain, name).standard_error
        assert error <= getattr(known, name).standard_error < 1.35 * error, name
