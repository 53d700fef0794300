"""Scores through a map use its measure and say what its fit has seen."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, reals

from pyalign import Embeddings, Transform, load_transform, score, write_transform
from pyalign.analysis.score import choice_model
from pyalign.data import Overlap, TrainedOn
from pyalign.data.transform import triplet_hashes

N = 30
X = reals(1, N, 4)
NAMES = tuple(f"item {k}" for k in range(N))
FITTED = draw_triplets(2, 20, 200)  # of the first 20 items
NEW = draw_triplets(3, N, 100)
NEW = NEW[~np.isin(triplet_hashes(NEW), triplet_hashes(FITTED))]


def fitted(names=None, held_out=None):
    trained = TrainedOn.of(X, FITTED, measure="dot", temperature=4.0, names=names, held_out=held_out)
    return Transform(np.eye(4, 3), None, 0.5, 2.0, trained, "W.npz")


def notes_of(found):
    return [note for note in found.notes if "in-sample" in note]


def test_the_recorded_measure_and_temperature_are_used():
    w = fitted()
    found = score(X, NEW, transform=w)
    plain = score(w.apply(X), NEW, measure="dot", temperature=4.0)
    assert (found.measure, found.temperature, found.transform) == ("dot", 4.0, "W.npz")
    assert (found.accuracy, found.cross_entropy) == (plain.accuracy, plain.cross_entropy)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((None, None), ("dot", 4.0)),
        ((None, 2.0), ("dot", 2.0)),
        (("dot", None), ("dot", 4.0)),
        (("cosine", None), ("cosine", 1.0)),
        (("cosine", 3.0), ("cosine", 3.0)),
    ],
)
def test_what_is_asked_for_comes_first(options, expected):
    assert choice_model(fitted(), *options) == expected


@pytest.mark.parametrize("w", [np.eye(4), "W.npz"])
def test_a_map_is_a_transform(message_of, w):
    assert message_of(score, X, NEW, transform=w) == (
        f"transform must be a pyalign.Transform; got {type(w).__name__} (of a file: load_transform(path))"
    )


@pytest.mark.parametrize("transform", [None, Transform(np.eye(4), None, 0.0, 1.0)])
def test_without_a_record_it_is_cosine_and_1(transform):
    assert choice_model(transform, None, None) == ("cosine", 1.0)


def test_a_score_of_what_was_fitted_is_in_sample():
    found = score(X, FITTED, transform=fitted())
    assert found.in_sample == Overlap(1.0, 1.0)
    assert notes_of(found) == [
        "in-sample: the fit of the map has seen 100% of these triplets and 100% of their objects"
    ]
    assert "in-sample" in str(found)


def test_shares_are_those_of_triplets_and_objects():
    triplets = np.concatenate([FITTED[:50], NEW[:50]])
    found = score(X, triplets, transform=fitted(held_out={"accuracy": 0.5912, "over": "objects"}))
    objects = np.mean([item < 20 for item in np.unique(triplets)])
    assert found.in_sample == Overlap(0.5, pytest.approx(objects))
    assert notes_of(found) == [
        f"in-sample: the fit of the map has seen 50% of these triplets and {100 * objects:.3g}% of their objects; "
        "on held-out objects it had 59.12%"
    ]


def test_new_triplets_of_seen_objects_are_said_to_be_of_seen_objects():
    of_seen = NEW[(NEW < 20).all(axis=1)]
    assert len(of_seen)
    found = score(X, of_seen, transform=fitted())
    assert found.in_sample == Overlap(0.0, 1.0)
    assert notes_of(found) == ["in-sample: the fit of the map has seen 100% of their objects"]


def test_of_new_objects_nothing_is_said():
    new = 20 + draw_triplets(4, 10, 60)
    found = score(X, new, transform=fitted())
    assert found.in_sample == Overlap(0.0, 0.0)
    assert notes_of(found) == []
    assert "in-sample" not in str(found)


def test_names_tell_seen_objects_in_other_embeddings():
    other = Embeddings(reals(9, N, 4)[::-1], NAMES[::-1])
    triplets = np.array(NAMES)[FITTED]
    assert score(other, triplets, transform=fitted(NAMES)).in_sample == Overlap(1.0, 1.0)
    assert score(other, triplets, transform=fitted()).in_sample is None


def test_other_embeddings_without_names_can_not_be_told():
    found = score(X + 1, FITTED, transform=fitted(NAMES))
    assert found.in_sample is None
    assert notes_of(found) == [
        "whether this score is in-sample can't be determined: the embeddings are others than those of the map's "
        "fit, and "
        "there are no names to go by"
    ]


def test_a_map_without_a_record_is_unknown():
    found = score(X, FITTED, transform=Transform(np.eye(4), None, 0.0, 1.0))
    assert found.in_sample is None
    assert notes_of(found) == ["the map does not say what it was fitted to: whether this score is in-sample is unknown"]


def test_too_few_triplets_for_the_sketch_are_an_unknown_share():
    x, many = reals(0, 300, 4), draw_triplets(0, 300, 200_000)
    trained = TrainedOn.of(x, many, measure="dot", temperature=1.0)
    hashes = triplet_hashes(many)
    unknown = many[hashes > trained.sketch[-1]][:20]
    found = score(x, unknown, transform=Transform(np.eye(4), None, 0.0, 1.0, trained))
    assert found.in_sample == Overlap(None, 1.0)
    assert notes_of(found) == [
        "in-sample: the fit of the map has seen an unknown share of these triplets and 100% of their objects"
    ]


def test_the_record_survives_the_file(tmp_path):
    write_transform(tmp_path / "w.npz", fitted(NAMES, {"accuracy": 0.5, "over": "objects"}))
    w = load_transform(tmp_path / "w.npz")
    a, b = (
        score(X, FITTED, transform=w), score(X, FITTED, transform=fitted(NAMES, {"accuracy": 0.5, "over": "objects"})))
    assert (a.in_sample, notes_of(a), a.measure) == (b.in_sample, notes_of(b), b.measure)
