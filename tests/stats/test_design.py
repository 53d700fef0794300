"""What a design is expected to give, against sums over drawn designs and against what is known in simple cases."""

from __future__ import annotations

import math
from itertools import combinations
from statistics import NormalDist

import numpy as np
import pytest
from support import draw_triplets

from pyalign.stats.clustered import Dependence
from pyalign.stats.components import Components, Design, Outlook
from pyalign.stats.intervals import quantile
from pyalign.stats.resampling import Clusters, Resampling

ALL = Components(objects=0.03, subjects=0.02, both=0.01, pairs=0.02, triplets=0.1, answers=0.5)


def design(n, p, m):
    return Design(n, p, m, float(n), float(p))


@pytest.mark.parametrize("n", [5, 6, 9, 40])
def test_probabilities_of_common_objects_are_those_of_all_pairs_of_triplets(n):
    first, counts = {0, 1, 2}, np.zeros(4)
    for other in combinations(range(n), 3):
        counts[len(first & set(other))] += 1
    np.testing.assert_allclose(design(n, 1, 1).in_common(), counts / counts.sum(), atol=1e-12)


def covariance(components, triplets, people):
    """(t, t) of the values of these answers."""
    found = np.zeros((len(triplets), len(triplets)))
    for s, one in enumerate(triplets):
        for u, other in enumerate(triplets):
            k, same = len(set(one) & set(other)), people[s] == people[u]
            found[s, u] = k * components.objects + k * (k - 1) / 2 * components.pairs + (k == 3) * components.triplets
            found[s, u] += same * (components.subjects + k * components.both)
    return found + components.answers * np.eye(len(triplets))


@pytest.mark.parametrize("people", [6, 30])
def test_the_standard_error_is_that_of_drawn_designs(people):
    """The mean variance over random triplets, whose covariances are added up one by one; of many or two by a person."""
    variances = []
    for seed in range(60):
        triplets = draw_triplets(seed, 15, 60).tolist()
        variances.append(covariance(ALL, triplets, np.arange(60) % people).mean())
    outlook = Outlook(ALL, design(15, people, 60 // people))
    assert outlook.error**2 == pytest.approx(np.mean(variances), rel=0.02)


def test_sums_of_squares_and_degrees_of_freedom_are_those_of_drawn_studies():
    """Of values with these covariances; a study of 15 objects has few degrees of freedom."""
    rng, squares, variances, degrees = np.random.default_rng(0), [], [], []
    for seed in range(150):
        triplets, people = draw_triplets(seed, 15, 120), np.arange(120) % 6
        root = np.linalg.cholesky(covariance(ALL, triplets.tolist(), people))
        table = np.column_stack([np.ones(120), root @ rng.normal(size=120)])
        errors = Dependence.of(Clusters.of(triplets, people), Resampling("objects+subjects")).errors(table)
        squares.append([one.squares[0, 0] for one in errors.sums])
        variances.append(errors.errors[0] ** 2)
        degrees.append(errors.degrees_of_means[0])
    outlook = Outlook(ALL, design(15, 6, 20))
    weights, found, freedom = outlook._turned_out
    assert outlook._squares == pytest.approx(np.mean(squares, axis=0), rel=0.15)
    assert weights @ found == pytest.approx(np.mean(variances), rel=0.1)
    assert weights @ freedom == pytest.approx(np.mean(degrees), rel=0.15)


def test_with_very_many_of_all_power_is_that_of_a_known_standard_error():
    outlook = Outlook(ALL, design(50_000, 50_000, 20))
    difference = 2.5 * outlook.error
    expected = NormalDist().cdf(2.5 - 1.959964) + NormalDist().cdf(-2.5 - 1.959964)
    assert outlook.power(difference, 0.95) == pytest.approx(expected, abs=0.003)
    assert outlook.width(0.95) == pytest.approx(2 * 1.959964 * outlook.error, rel=0.003)


def test_of_no_difference_the_power_is_at_most_about_the_level():
    for n, p, m in ((8, 4, 20), (30, 10, 100), (200, 50, 50)):
        assert Outlook(ALL, design(n, p, m)).power(1e-9, 0.95) < 0.055


def test_with_people_only_it_is_the_t_test_of_their_means():
    """No effects of objects, very many answers of each: degrees of freedom are people less one."""
    outlook = Outlook(Components(objects=0.0, subjects=0.02, answers=0.2), design(2000, 12, 100_000))
    assert outlook.error == pytest.approx(math.sqrt(0.02 / 12), rel=0.001)
    assert outlook.degrees == pytest.approx(11.0, rel=0.05)
    assert outlook.width(0.95) == pytest.approx(2 * quantile(0.95, 11) * outlook.error, rel=0.04)


def test_without_a_component_of_participants_errors_are_over_objects_only():
    only = Components(objects=0.03, pairs=0.02, triplets=0.1, answers=0.56)
    outlook = Outlook(only, design(30, 10, 100))
    assert not outlook.over_subjects
    assert outlook.error == Outlook(only, design(30, 1, 1000)).error
    assert outlook.error < Outlook(ALL, design(30, 10, 100)).error


@pytest.mark.parametrize("less", ["objects", "people", "answers"])
def test_less_of_anything_is_less_power(less):
    n, p, m = 60, 20, 50
    small = {"objects": (30, p, m), "people": (n, 10, m), "answers": (n, p, 25)}[less]
    assert Outlook(ALL, design(*small)).power(0.2, 0.95) < Outlook(ALL, design(n, p, m)).power(0.2, 0.95)


def test_uneven_objects_and_people_count_as_fewer():
    even = Outlook(ALL, design(60, 20, 50))
    assert even.error < Outlook(ALL, Design(60, 20, 50, 20.0, 20.0)).error
    assert even.error < Outlook(ALL, Design(60, 20, 50, 60.0, 6.0)).error
