"""What a probe reaches on human answers about objects that it has not seen; no figure is of triplets that chose it."""

from __future__ import annotations

import pytest

from pyalign import cross_validate_probe, load_embeddings, load_triplets, score


@pytest.fixture(scope="module")
def things(data):
    return data / "things"


@pytest.mark.slow
def test_held_out_accuracy(things):
    x, triplets = load_embeddings(things / "clip_vit_b32.npy"), load_triplets(things / "human_triplets_375429.npy")
    found = cross_validate_probe(x, triplets, repeats=1, penalties=0.0337)  # as docs/probing.md has chosen
    assert found.zero_shot_accuracy == pytest.approx(0.5045, abs=0.002)
    assert found.accuracy >= 0.592
    assert found.cross_entropy <= 0.89
    assert max(fold.gap for fold in found.folds) <= 1e-4
    low, high = found.accuracy_interval
    assert low < found.accuracy < high < low + 0.03
    # The map that was fitted to everything knows what it is scored on, and so is above that.
    fitted = score(found.fit.transform.apply(x), triplets, measure="dot")
    assert found.accuracy < fitted.accuracy < found.accuracy + 0.2
