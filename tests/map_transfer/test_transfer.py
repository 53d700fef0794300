"""Embeddings before and after maps: each figure is that of the function that computes it alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support import draw_triplets, read_back, reals

import pyalign
from pyalign.datasets import load_dataset
from pyalign.errors import InputError
from pyalign.map_transfer.transfer import BEFORE, transfer
from pyalign.map_transfer.transfer_result import voted

N = 60
NAMES = tuple(f"object {k}" for k in range(N))
HUMAN = reals(0, N, 3, dtype=np.float64)
X = pyalign.Embeddings(np.concatenate([HUMAN, 2 * reals(1, N, 3)], axis=1), NAMES, "x.npy")
TOWARD = pyalign.Transform(np.diag([1.0, 1, 1, 0.2, 0.2, 0.2]), None, 0.0, 1.0)
AWAY = pyalign.Transform(np.diag([0.1, 0.1, 0.1, 1, 1, 1.0]), None, 0.0, 1.0)
KINDS = pyalign.Categories.of([f"kind {k % 4}" for k in range(N)])
KINDS = replace(KINDS, names=NAMES)


def answered(rows=HUMAN, count=900):
    shown = draw_triplets(2, N, count)
    odd = pyalign.odd_one_out(rows, shown)
    values = np.take_along_axis(shown, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
    return pyalign.Triplets(values, names=NAMES)


TRIPLETS = answered()
PEOPLE = pyalign.RDMs(np.corrcoef(HUMAN), "similarity", NAMES)


@pytest.fixture(scope="module")
def found():
    return transfer(X, {"toward": TOWARD, "away": AWAY}, {"t": TRIPLETS, "rdm": PEOPLE}, categories=KINDS, k=5)


def of(found, map, on, figure, within=None, category=None):
    key = map, on, figure, within, category
    (row,) = [r for r in found.figures if (r.map, r.on, r.figure, r.within, r.category) == key]
    return row


def test_accuracies_and_their_difference_are_those_of_a_comparison(found):
    z = {name: one.apply(X) for name, one in (("toward", TOWARD), ("away", AWAY))}
    compared = pyalign.compare({BEFORE: X, **z}, TRIPLETS, baseline=BEFORE)
    for pair in compared.pairs:
        row = of(found, pair.a, "t", "accuracy")
        assert (row.difference, row.ci, row.p_value) == (pair.difference, pair.ci, pair.p_value)
        assert row.n == compared.n_triplets and row.after - row.before == pytest.approx(row.difference)
    assert of(found, "toward", "t", "accuracy").ci.low > 0 > of(found, "away", "t", "accuracy").ci.high


def test_within_categories_only_triplets_of_three_objects_of_one_count(found):
    kinds = np.arange(N) % 4
    index = TRIPLETS.values
    one = pyalign.Triplets(index[(kinds[index] == kinds[index][:, :1]).all(axis=1)], names=NAMES)
    row = of(found, "toward", "t", "accuracy", "categories")
    assert (row.n, row.before) == (len(one), pyalign.score(X, one, ci=None).accuracy)
    assert row.after == pyalign.score(TOWARD.apply(X), one, ci=None).accuracy


def test_correlations_and_their_difference_are_those_of_rsa_the_other_way_round(found):
    compared = pyalign.rsa({BEFORE: X, "toward": TOWARD.apply(X)}, PEOPLE)
    row, (pair,) = of(found, "toward", "rdm", "rsa"), compared.pairs
    assert (row.before, row.after, row.n) == (*(one.value for one in compared.results), N * (N - 1) // 2)
    assert row.difference == pytest.approx(-pair.difference)
    assert tuple(row.ci) == pytest.approx((-pair.ci.high, -pair.ci.low)) and row.p_value == pytest.approx(pair.p_value)


def test_within_categories_only_pairs_of_two_objects_of_one_count(found):
    kinds = np.arange(N) % 4
    masked = np.where(kinds[:, None] == kinds, np.corrcoef(HUMAN), np.nan)
    alone = pyalign.rsa(X, pyalign.RDMs(masked, "similarity", NAMES), ci=None)[0]
    row = of(found, "away", "rdm", "rsa", "categories")
    assert (row.before, row.n) == (pytest.approx(alone.value), 4 * (15 * 14 // 2))


def test_neighbors_kept_are_those_of_neighborhoods(found):
    row = of(found, "toward", "", "neighbors kept")
    assert row.after == pytest.approx(pyalign.neighborhoods(TOWARD.apply(X), before=X, k=5)[0].kept)
    assert (row.before, row.difference) == (1.0, pytest.approx(row.after - 1.0)) and row.ci.low < row.difference


def test_votes_are_counted_one_by_one():
    def expected(lists, members):
        right = []
        for own, near in zip(members, lists, strict=True):
            counts = members[near].sum(axis=0)
            best = np.flatnonzero(counts == counts.max())
            first = [sum(len(near) - k for k, one in enumerate(near) if members[one, c]) for c in best]
            right.append(bool(counts.max() and own[best[int(np.argmax(first))]]))
        return right

    rng = np.random.default_rng(0)
    members = rng.random((30, 4)) < 0.35
    lists = np.stack([rng.permutation(30)[:6] for _ in range(30)])
    assert voted(lists, members).tolist() == expected(lists, members)


def test_votes_are_compared_over_all_objects_and_for_each_category(found):
    near = pyalign.neighbors(X, k=5).indices
    right = voted(near, KINDS.members)
    whole = of(found, "toward", "", "k-NN accuracy")
    assert (whole.n, whole.before) == (N, pytest.approx(right.mean()))
    for label in KINDS.labels:
        row = of(found, "toward", "", "k-NN accuracy", None, label)
        assert row.before == pytest.approx(right[KINDS.members[:, KINDS.labels.index(label)]].mean()) and row.n == 15


def test_a_map_that_changes_nothing_wins_and_loses_nothing():
    same = pyalign.Transform(np.eye(6), None, 0.0, 1.0)
    for row in transfer(X, same, {"t": TRIPLETS, "rdm": PEOPLE}, categories=KINDS, k=5).figures:
        assert row.before == pytest.approx(row.after) and row.difference == pytest.approx(0.0)
        assert row.ci is None or row.ci.low <= 0 <= row.ci.high


def test_intervals_are_paired_and_narrower_than_those_of_either_side(found):
    """Where a map changes few of the neighbors."""
    gentle = pyalign.Transform(np.diag([1.0, 1, 1, 0.8, 0.8, 0.8]), None, 0.0, 1.0)
    row = of(transfer(X, gentle, {}, categories=KINDS, k=5), "map", "", "k-NN accuracy")
    assert row.ci.error < np.hypot(row.before.error, row.after.error)
    assert {r.ci.by for r in found.figures if r.ci is not None} == {"objects"}
    bare = transfer(X, TOWARD, {"t": TRIPLETS}, ci=None)
    assert all(r.ci is r.before.ci is r.after.ci is None for r in bare.figures) and bare.confidence is None


@pytest.mark.parametrize("side", ["before", "after", "difference"])
def test_errors_of_votes_are_those_of_leaving_objects_out_with_what_a_pair_does_counted_once(found, side):
    near = [pyalign.neighbors(x, k=6).indices for x in (X, TOWARD.apply(X))]
    sign = {"before": (1, 0), "after": (0, 1), "difference": (-1, 1)}[side]

    def votes(without=-1):
        """Of each object with one of the others left out, and the next in line in its place."""
        lists = [np.array([[j for j in row if j != without][:5] for row in one]) for one in near]
        return sum(s * voted(one, KINDS.members).astype(float) for s, one in zip(sign, lists, strict=True))

    whole = votes()
    together = np.array([whole - votes(j) for j in range(N)]).T  # (i, j): of j on i
    for label in (None, *KINDS.labels):
        own = np.ones(N, bool) if label is None else KINDS.members[:, KINDS.labels.index(label)]
        n, residuals = own.sum(), np.where(own, whole - whole[own].mean(), 0.0)
        effects = residuals + together[own].sum(axis=0)
        variance = max((residuals**2).sum(), (effects**2).sum() - (together[own] ** 2).sum())
        row = of(found, "toward", "", "k-NN accuracy", None, label)
        ci = {"before": row.before.ci, "after": row.after.ci, "difference": row.ci}[side]
        assert (0.0 if ci is None else ci.error) == pytest.approx(np.sqrt(variance / n / (n - 1)))


def test_of_categories_there_are_intervals_that_hold_together(found, tmp_path):
    alone = transfer(X, TOWARD, {}, categories=KINDS, k=5)
    for row in found.figures:
        assert (row.simultaneous_ci is None) == (row.category is None or row.ci is None)
        if row.simultaneous_ci is not None:
            low, high = row.simultaneous_ci
            assert low <= row.ci.low <= row.ci.high <= high and (low, high) != tuple(row.ci)
            assert (row.simultaneous_ci.method, row.simultaneous_ci.error) == ("sidak", row.ci.error)
            if row.map == "toward":  # one map among two needs more
                fewer = of(alone, "map", "", "k-NN accuracy", None, row.category).simultaneous_ci
                assert low <= fewer.low <= fewer.high <= high
    assert read_back(found, tmp_path).figures == found.figures


def test_a_map_that_raises_agreement_and_lowers_it_within_categories_is_warned_of():
    centers = 5 * reals(5, 4, 2)
    human = np.concatenate([centers[np.arange(N) % 4], reals(6, N, 2)], axis=1)
    x = pyalign.Embeddings(np.concatenate([0.2 * human[:, :2], human[:, 2:], 2 * reals(7, N, 2)], axis=1), NAMES)
    toward = pyalign.Transform(np.diag([10.0, 10, 0, 0, 0.3, 0.3]), None, 0.0, 1.0)
    people = pyalign.RDMs(-((human[:, None] - human) ** 2).sum(axis=2), "similarity", NAMES)
    told = transfer(x, {"w": toward}, {"rdm": people}, categories=KINDS, measure="neg_euclidean").notes
    assert any("w raises rsa on rdm and lowers it within categories (more than its interval)" in note for note in told)


def test_the_measure_of_a_map_is_that_of_its_fit_unless_another_is_asked_for():
    fit = pyalign.fit_probe(X, TRIPLETS, penalty=0.1)
    own = transfer(X, {"probe": fit.transform}, {"t": TRIPLETS}, ci=None)
    assert own.measures == ("cosine", "dot")
    assert own.figures[0].after == pyalign.score(fit.transform.apply(X), TRIPLETS, measure="dot", ci=None).accuracy
    assert any("in-sample: the fit of the map has seen 100% of these triplets" in note for note in own.notes)
    on_matrix = transfer(X, {"probe": fit.transform}, {"rdm": PEOPLE}, ci=None).notes
    assert "rdm, probe: in-sample: the fit of the map has seen 100% of these objects" in on_matrix
    asked = transfer(X, {"probe": fit.transform}, {"t": TRIPLETS}, ci=None, measure="cosine")
    assert asked.measures == ("cosine", "cosine")


@pytest.mark.parametrize(("name", "one"), [("triplets", TRIPLETS), ("judgments", PEOPLE)])
def test_one_set_is_taken_without_a_name(name, one):
    found = transfer(X, TOWARD, one, ci=None)
    assert found.figures == transfer(X, TOWARD, {name: one}, ci=None).figures
    assert {row.on for row in found.figures} == {name, ""}


def test_what_a_set_cannot_give_is_said_and_the_rest_is_computed():
    other = pyalign.RDMs(np.eye(5), "similarity", tuple("abcde"))
    found = transfer(X, TOWARD, {"t": TRIPLETS, "elsewhere": other})
    assert [(out.on, out.figure) for out in found.left_out] == [
        ("t", "accuracy within categories"), ("elsewhere", "rsa"), ("", "k-NN accuracy")
    ]
    assert {out.note for out in found.left_out} <= {*found.notes}
    assert "no categories" in found.left_out[0].reason and {row.on for row in found.figures} == {"t", ""}


def test_a_map_that_takes_all_rows_to_one_point_takes_no_figure_from_the_others():
    nothing = pyalign.Transform(np.zeros((6, 6)), None, 0.0, 1.0)
    found = transfer(X, {"toward": TOWARD, "nothing": nothing}, {"rdm": PEOPLE}, categories=KINDS, k=5, ci=None)
    assert [row.map for row in found.figures if row.figure == "rsa"] == ["toward", "toward"]
    assert "rdm: rsa after nothing is left out: the correlation is not defined" in found.notes
    assert "rdm: rsa within categories after nothing is left out: the correlation is not defined" in found.notes


def test_a_data_set_gives_its_triplets_and_its_categories():
    sample = load_dataset("sample")
    rng = np.random.default_rng(0)
    x = pyalign.Embeddings(rng.normal(size=(411, 8)), sample.names())
    transform = pyalign.Transform(rng.normal(size=(8, 8)), None, 0.0, 1.0)
    found = transfer(x, transform, {"sample": sample}, ci=None)
    assert transfer(x, transform, sample, ci=None).figures == found.figures
    figures = {("sample", "accuracy"), ("", "neighbors kept"), ("", "k-NN accuracy")}
    assert {(row.on, row.figure) for row in found.figures} == figures
    assert {row.category for row in found.figures if row.category} == {*sample.categories().labels}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"maps": pyalign.Transform(np.eye(5), None, 0.0, 1.0)}, "map: embeddings must have the 5 features"),
        ({"maps": {}}, "maps must be at least one; got none"),
        ({"maps": {"a": np.eye(6)}}, "maps must hold pyalign.Transform; got ndarray for 'a'"),
        ({"maps": {BEFORE: TOWARD}}, "maps must have other names than 'before the map'"),
        ({"k": N}, "k must be a whole number from 1 to 59"),
        ({"on": [1]}, "triplets must have shape (t, 3); got (1,)"),
        ({"maps": [TOWARD]}, "maps must be a Transform, or map names to several; got list"),
    ],
)
def test_what_is_wrong_is_one_line(changes, message):
    with pytest.raises(InputError) as caught:
        transfer(X, **{"maps": TOWARD, "on": {}, **changes})
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_it_is_read_back_and_drawn(found, tmp_path):
    (tmp_path / "transfer.json").write_text(found.to_json())
    again = pyalign.load_result(tmp_path / "transfer.json")
    assert again.figures == found.figures and again.left_out == found.left_out
    rows = again.plot().to_dict()
    text = str(rows)
    assert "rdm: rsa within categories, toward" in text and "neighbors kept, in-sample unknown, away" in text
