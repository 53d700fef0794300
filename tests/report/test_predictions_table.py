"""Predicted human dimensions as tables that fit."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets

from pyalign import predict_dimensions
from pyalign.report.concepts import MOST_DIMENSIONS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 30))
HUMAN = X[:, :25] + RNG.normal(size=(60, 25))
LABELS = [f"something to do with things that are of kind {k}" for k in range(25)]
MIXED = X + HUMAN @ np.ones((25, 30))
MODELS = {"/data/features/of/a/first/penultimate.npy": X, "/data/features/of/a/second/penultimate.npy": MIXED}


@pytest.fixture(scope="module")
def found():
    return predict_dimensions(MODELS, HUMAN, labels=LABELS, triplets=draw_triplets(0, 60, 300))


def test_tables_fit_80_columns_and_say_what_they_leave_out(found):
    text = found.table()
    assert max(map(len, text.splitlines())) <= 80
    left_out = (
        f"the 10 best and the 10 worst of {len(LABELS)} dimensions: the verbose table and the JSON document have all"
    )
    assert left_out in " ".join(text.split())
    assert text.count("something to do") <= 3 * MOST_DIMENSIONS
    assert "3 folds of objects (seed 0), R^2 on those held" in text


def test_the_dimensions_of_each_model_stand_under_its_name_in_html_and_latex(found):
    html, latex = found._repr_html_(), found.to_latex()
    for name in ("first/penultimate", "second/penultimate"):
        assert html.count(f"<caption>{name}</caption>") == 1 and f"<p>{name}</p>" not in html
        assert rf"\par\smallskip {name}\par" in latex


def test_verbose_tables_have_everything(found):
    text = found.table(verbose=True)
    assert all(text.count(label) >= 3 for label in LABELS)
    assert "within folds" in text and "penalties" in text and "s.e." in text


def test_dimensions_are_sorted_from_the_best(found):
    lines = [line for line in found.table(verbose=True).splitlines() if line.startswith("something")]
    values = [float(line[len(LABELS[-1]) :].split()[0]) for line in lines[: len(LABELS)]]
    assert values == sorted(values, reverse=True)


def test_one_model_without_intervals_has_no_columns_for_them():
    text = str(predict_dimensions(X, HUMAN[:, :3], ci=None, folds=np.arange(60) % 3, standardize="features"))
    assert "interval" not in text and "accuracy" not in text
    assert "(as given)" in text and "features standardized" in text


def test_three_models_are_named_in_their_differences():
    text = str(predict_dimensions({"clip": X, "vgg": X[:, 5:], "dino": X[:, 9:]}, HUMAN[:, :2]))
    assert all(f"{a} - {b}" in text for a, b in (("clip", "vgg"), ("clip", "dino"), ("vgg", "dino")))
    assert "means for 3" in text
