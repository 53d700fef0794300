"""An embedding as a step of a study: its document, and its rows next to it."""

from __future__ import annotations

import numpy as np
import pytest
from planted_dimensions import planted

import pyalign
from pyalign.study.run import run_study

pytest.importorskip("scipy")
STUDY = """\
names = "names.txt"
[models]
noise = "noise.npy"
[triplets]
file = "answers.npy"
[steps.embed]
folds = 2
penalties = [[1e-3, 0.03]]
"""


def test_a_step_writes_the_rows_of_the_embedding(tmp_path):
    _, triplets = planted(30, 2, 1500)
    np.save(tmp_path / "answers.npy", triplets)
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).normal(size=(30, 4)))
    names = [f"object {k}" for k in range(30)]
    (tmp_path / "names.txt").write_text("\n".join(names) + "\n")
    (tmp_path / "study.toml").write_text(STUDY)
    run_study(tmp_path / "study.toml", tmp_path / "results")
    rows = pyalign.load_embeddings(tmp_path / "results" / "steps" / "embed.npz")
    own = pyalign.cross_validate_embedding(pyalign.Triplets(triplets, tuple(names)), folds=2, penalties=[(1e-3, 0.03)])
    assert rows.names == tuple(names)
    np.testing.assert_array_equal(rows.values, own.fit.embedding.values)
    assert pyalign.load_result(tmp_path / "results" / "steps" / "embed.json").accuracy == own.accuracy
