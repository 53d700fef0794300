"""Models against each other without intervals: the same figures, and nothing that an interval would have said."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, read_back, reals

import pyalign
from pyalign.report.page.write import make_report
from pyalign.stats.resampling import Inference

X = {name: reals(seed, 30, 6) for seed, name in enumerate("abc")}
TRIPLETS = draw_triplets(7, 30, 500, np.int32)
OF_MODELS = ("model", "accuracy", "cross_entropy", "n_ties", "rank")
OF_PAIRS = ("a", "b", "difference", "cross_entropy_difference")


@pytest.fixture(scope="module")
def bare():
    return pyalign.compare(X, TRIPLETS, ci=None)


def test_figures_are_those_with_intervals_and_the_rest_is_none(bare):
    expected = pyalign.compare(X, TRIPLETS)
    for one, other in zip(bare.models, expected.models, strict=True):
        assert [getattr(one, name) for name in OF_MODELS] == [getattr(other, name) for name in OF_MODELS]
        assert (one.ci, one.cross_entropy_ci, one.rank_ci, one.standard_error) == (None,) * 4
    for one, other in zip(bare.pairs, expected.pairs, strict=True):
        assert [getattr(one, name) for name in OF_PAIRS] == [getattr(other, name) for name in OF_PAIRS]
        bare_pair = (one.ci, one.cross_entropy_ci, one.p_value, one.p_adjusted, one.simultaneous_ci, one.p_max_t)
        assert bare_pair == (None,) * 6
    assert bare.inference == Inference(seed=0) and bare.covariance is None
    assert (bare.n_objects, bare.n_triplets, bare.n_subjects) == (30, 500, None)
    assert bare.notes == tuple(note for note in expected.notes if "interval" not in note)


def test_the_table_has_no_columns_of_dashes(bare):
    text = bare.table(200, True)
    for word in ("interval", "s.e.", "p (", "max-t", "Holm", "None", "closed form"):
        assert word not in text
    assert "difference" in text
    header = str(bare).splitlines()[0].split()
    assert header[:3] == ["model", "accuracy", "rank"]


def test_documents_tables_and_pages_are_made_of_it(bare, tmp_path):
    assert read_back(bare, tmp_path) == bare
    assert bare.to_csv().splitlines()[0].startswith("model,accuracy")
    assert "None" not in bare.to_latex()
    path = tmp_path / "compare.json"
    path.write_text(bare.to_json())
    made = make_report([path], tmp_path / "page.html")
    assert {"leaderboard", "differences"} <= set(made.sections)
    assert "None" not in made.html.split("<script", 1)[0]
    assert "0 of 3 pairs differ" not in made.html


def test_a_picture_is_drawn_of_it(bare):
    pytest.importorskip("altair")
    assert pyalign.plot(bare) is not None


def test_metadata_are_set_against_it_without_an_interval(bare):
    metadata = [{"model": name, "size": size} for size, name in enumerate("abc")]
    found = pyalign.regress_metadata(bare, metadata)
    assert any("without intervals" in note for note in found.notes)


def test_what_is_about_intervals_is_refused(message_of):
    said = message_of(pyalign.compare, X, TRIPLETS, ci=None, choose_best=True)
    assert said == "choose_best needs intervals; got ci=None"
