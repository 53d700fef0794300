"""Groups of a score in one hierarchical model: labels, participants, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, read_back, reals

import pyalign
from pyalign import Resampling
from pyalign.stats.pooling import common_covariance, partially_pooled

N, T = 60, 4000
TRIPLETS = draw_triplets(3, N, T)
PEOPLE = np.arange(T) % 8
CHANCES = np.array([0.3, 0.5, 0.5, 0.55, 0.5, 0.7, 0.5, 0.45])
RIGHT = np.where(np.random.default_rng(6).random(T) < CHANCES[PEOPLE], 2, 0)


def scored(**options):
    return pyalign.score_choices(RIGHT, TRIPLETS, **options).only


def test_groups_are_pooled_by_their_errors():
    score = scored(groups=PEOPLE, ci="objects")
    errors = [group.ci.error for group in score.groups]
    sizes = [group.n_triplets for group in score.groups]
    common = common_covariance(score.ci.error, T, sizes, errors)
    expected = partially_pooled(
        [group.accuracy for group in score.groups], errors, sizes, Resampling("objects", "corrected"), common
    )
    assert (score.group_spread, tuple(score.group_spread.ci)) == (expected.spread, tuple(expected.spread_ci))
    for group, other in zip(score.groups, expected.groups, strict=True):
        assert (group.pooled, group.pooled.ci, group.p_lowest, group.p_highest) == (
            other.accuracy, other.ci, other.p_lowest, other.p_highest,
        )
        assert abs(group.pooled - score.accuracy) < abs(group.accuracy - score.accuracy) + 0.01
    assert max(score.groups, key=lambda group: group.p_lowest).group == "0"
    assert score.group_spread.ci.low < CHANCES.std() < score.group_spread.ci.high


def test_participants_are_groups_of_their_own_with_intervals_over_objects():
    """The whole is over objects and participants; what one of them answered is over objects."""
    score = scored(groups="subjects", subjects=[f"person {who}" for who in PEOPLE])
    assert score.ci.by == "objects+subjects"
    assert [group.group for group in score.groups] == [f"person {k}" for k in range(8)]
    assert {group.ci.by for group in score.groups} == {"objects"} == {score.group_spread.ci.by}
    by_objects = scored(groups=PEOPLE, ci="objects")
    told = "intervals of groups over objects"
    assert told in score.table() and told not in by_objects.table()
    assert score.group_spread == pytest.approx(by_objects.group_spread)
    assert [g.p_lowest for g in score.groups] == [g.p_lowest for g in by_objects.groups]
    known = pyalign.Triplets(TRIPLETS, subjects=PEOPLE)
    again = pyalign.score(reals(1, N, 4), known, groups="subjects").only
    assert [group.n_triplets for group in again.groups] == [T // 8] * 8


@pytest.mark.parametrize(
    "options",
    [
        {"groups": PEOPLE, "ci": None}, {"groups": PEOPLE, "ci": Resampling("objects", n_resamples=50)},
        {"groups": PEOPLE % 4, "ci": "objects"}, {"groups": PEOPLE, "ci": "objects+subjects", "subjects": PEOPLE},
    ],
)
def test_need_five_groups_with_errors_in_closed_form(options):
    """A group of one participant has no interval over participants."""
    score = scored(**options)
    assert score.group_spread is score.groups[0].pooled is None
    assert "pooled" not in str(score)


def test_a_group_that_is_too_small_takes_no_part():
    labels = np.where(np.arange(T) < 2, 8, PEOPLE)
    score = scored(groups=labels, ci="objects")
    assert [group.pooled is None for group in score.groups] == [False] * 8 + [True]


def test_are_shown_and_come_back(tmp_path):
    found = pyalign.score_choices(RIGHT, TRIPLETS, groups=PEOPLE, ci="objects")
    assert read_back(found, tmp_path) == found
    score, text = found.only, " ".join(str(found).split())
    assert f"of groups differ by a standard deviation of {100 * score.group_spread:.1f}%, 95% interval" in text
    assert f"{100 * score.groups[0].pooled:.1f}%" in text and "pooled: accuracy drawn towards" in text


def test_bad_words_are_one_line(message_of):
    told = message_of(pyalign.score_choices, RIGHT, TRIPLETS, groups="subjects")
    assert told == "groups 'subjects' needs to know who answered each triplet: give subjects"
    told = message_of(pyalign.score, reals(1, N, 4), TRIPLETS, groups="people")
    assert told == "groups must be labels, Categories or the word 'subjects'; got 'people'"
