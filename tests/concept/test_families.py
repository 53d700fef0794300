"""Means over families of models, concept by concept, and the differences of families with corrected p."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support import draw_triplets, read_back

import pyalign

N = 30
FAMILIES = ["net", "net", "text"]


@pytest.fixture(scope="module")
def asked():
    rng = np.random.default_rng(0)
    human = np.abs(rng.normal(size=(N, 3)))
    triplets = draw_triplets(1, N, 900)
    odd = pyalign.odd_one_out(human, triplets, measure="dot")
    answers = np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
    models = {
        name: human + noise * rng.normal(size=human.shape) for name, noise in zip("abc", (0.3, 0.8, 2.0), strict=True)
    }
    return models, answers, human


@pytest.fixture(scope="module")
def found(asked):
    models, answers, human = asked
    return pyalign.score_concepts(models, answers, human, families=FAMILIES, dimension_labels=["x", "y", "z"])


def test_the_mean_of_a_family_is_a_row_next_to_its_models(found, tmp_path):
    assert [scores.embeddings for scores in found.results] == ["a", "b", "c", "mean of net", "mean of text"]
    a, b, c, net, text = found.results
    for one, other, mean in zip(a.concepts, b.concepts, net.concepts, strict=True):
        assert mean.accuracy == pytest.approx((one.accuracy + other.accuracy) / 2)
        assert mean.n_triplets == one.n_triplets and mean.cross_entropy is not None
    assert net.accuracy == pytest.approx((a.accuracy + b.accuracy) / 2)
    assert [row.ci for row in text.concepts] == [row.ci for row in c.concepts]  # a family of one model
    assert read_back(found, tmp_path) == found


def test_the_interval_of_a_mean_is_that_of_the_mean_credits(asked, found):
    """The error of a weighted sum of accuracies, by the covariance that `compare` gives for the same triplets."""
    models, answers, _ = asked
    compared = pyalign.compare(models, answers)
    covariance = np.array(compared.covariance)
    weights = np.array([0.5, 0.5, 0.0])
    assert found.results[3].ci.error == pytest.approx(np.sqrt(weights @ covariance @ weights), rel=0.02)


def test_families_are_compared_and_their_p_values_corrected_by_themselves(asked, found):
    models, answers, human = asked
    of_families = [row for row in found.differences if row.embeddings.startswith("mean")]
    assert [(row.embeddings, row.other, row.concept) for row in of_families] == [
        ("mean of net", "mean of text", label) for label in "xyz"
    ]
    net, text = found.results[3:]
    for row, one, other in zip(of_families, net.concepts, text.concepts, strict=True):
        assert row.difference == pytest.approx(one.accuracy - other.accuracy)
        assert row.ci.low < row.difference < row.ci.high
    without = pyalign.score_concepts(models, answers, human, dimension_labels=["x", "y", "z"])
    of_models = found.differences[: len(without.differences)]
    assert found.differences == (*of_models, *of_families) and found.results[:3] == without.results
    for rows in (of_models, of_families, without.differences):
        p = np.array(sorted(row.p_value for row in rows))
        holm = np.minimum(1, np.maximum.accumulate(p * np.arange(len(p), 0, -1)))
        np.testing.assert_allclose(sorted(row.p_adjusted for row in rows), holm)
    # Variances are drawn toward their mean over all pairs, which those of families are among: errors move a little.
    for row, plain in zip(of_models, without.differences, strict=True):
        moved = {name: getattr(row, name) for name in ("p_value", "p_adjusted", "ci", "cross_entropy_ci")}
        assert row == replace(plain, **moved)
        for one, other in ((row.ci, plain.ci), (row.cross_entropy_ci, plain.cross_entropy_ci)):
            assert one.error == pytest.approx(other.error, rel=0.1)
            assert (one.low + one.high) / 2 == pytest.approx((other.low + other.high) / 2)


def test_bad_families_are_one_line(asked, message_of):
    models, answers, human = asked
    score = pyalign.score_concepts
    assert "one per model (3); got 2" in message_of(score, models, answers, human, families=["a", "b"])
    assert "at least two different ones" in message_of(score, models, answers, human, families=["a"] * 3)
    few = pyalign.Resampling("objects", n_resamples=50, method="bootstrap")
    assert "got a bootstrap" in message_of(score, models, answers, human, families=FAMILIES, ci=few)
    renamed = dict(zip(("mean of net", "b", "c"), models.values(), strict=True))
    assert "must not be called 'mean of net'" in message_of(score, renamed, answers, human, families=FAMILIES)


def test_pictures_and_pages_show_the_means(found):
    pytest.importorskip("altair", reason="altair is not installed")
    from pyalign.report.charts import chart
    from pyalign.report.charts.theme import rows_of
    from pyalign.report.page.sections.concepts import concepts
    from pyalign.report.page.sources import Loaded, Sources

    rows = {(row["item"], row["model"]): row["value"] for row in rows_of(chart(found))}
    for row in found.results[3].concepts:
        assert rows[row.concept, "mean of net"] == row.accuracy
    assert concepts(Sources((Loaded("concepts.json", found),))) is not None
