"""Errors by the entropy of people's answers: the bins, the least error, the picture and the page."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from support import read_back

import pyalign
from pyalign.analysis.agreement import ENTROPIES
from pyalign.report.blocks import Figure
from pyalign.report.charts import chart, charts_of
from pyalign.report.charts.entropy import LEAST
from pyalign.report.charts.theme import rows_of
from pyalign.report.page.sections.comparisons import agreement
from pyalign.report.page.sources import Loaded, Sources

pytest.importorskip("altair", reason="altair is not installed")

N, T = 20, 150
EVERY = np.array(list(combinations(range(N), 3)))
TRIPLETS = EVERY[np.random.default_rng(1).permutation(len(EVERY))[:T]]
COUNTS = np.random.default_rng(2).multinomial(20, np.random.default_rng(3).dirichlet((0.4, 0.4, 0.4), size=T))


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    models = {"zoo/clip.npy": rng.normal(size=(N, 4)), "zoo/vgg.npy": rng.normal(size=(N, 4))}
    return pyalign.agreement(models, TRIPLETS, answers=COUNTS)


def entropies():
    shares = COUNTS / COUNTS.sum(axis=1, keepdims=True)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return -(shares * logs).sum(axis=1)


def test_each_triplet_is_in_the_bin_of_the_entropy_of_its_answers(found):
    h, shares = entropies(), COUNTS.max(axis=1) / 20
    assert (ENTROPIES[0], ENTROPIES[-1]) == (0.0, np.log(3)) and (np.diff(ENTROPIES) > 0).all()
    for one in found:
        assert sum(bin_.n_distinct for bin_ in one.entropy_bins) == T
        for k, bin_ in enumerate(one.entropy_bins):
            inside = (h + 1e-12 >= bin_.low) & ((h + 1e-12 < bin_.high) | (k == 5))
            assert bin_.n_distinct == inside.sum()
            assert bin_.majority_share == pytest.approx(shares[inside].mean())
    mean = sum(bin_.n_distinct * bin_.accuracy for bin_ in found[0].entropy_bins) / T
    assert mean == pytest.approx(found[0].accuracy)


def test_the_accuracy_of_a_bin_is_that_of_its_triplets(found):
    h = entropies()
    bin_ = found[0].entropy_bins[3]
    inside = (h >= bin_.low) & (h < bin_.high)
    x = np.random.default_rng(0).normal(size=(N, 4))
    alone = pyalign.agreement(x, TRIPLETS[inside], answers=COUNTS[inside], ci=None)
    assert bin_.accuracy == pytest.approx(alone.accuracy)


def test_a_line_for_each_model_and_the_least_possible_error(found):
    rows = rows_of(chart(found))
    for name, one in (("clip", found[0]), ("vgg", found[1])):
        own = [row for row in rows if row["model"] == name]
        for row, bin_ in zip(own, one.entropy_bins, strict=True):
            assert (row["value"], row["n"]) == (1 - bin_.accuracy, bin_.n_distinct)
            assert (row["low"], row["high"]) == (1 - bin_.accuracy.ci.high, 1 - bin_.accuracy.ci.low)
    least = [row["value"] for row in rows if row["model"] == LEAST]
    assert least == [1 - bin_.majority_share for bin_ in found[0].entropy_bins] and least == sorted(least)


def test_a_page_shows_it_and_an_earlier_document_has_no_such_picture(found, tmp_path, message_of):
    assert read_back(found, tmp_path) == found
    section = agreement(Sources((Loaded("agreement.json", found),)))
    (figure,) = [part for part in section.parts if isinstance(part, Figure)]
    most = max(1 - bin_.accuracy for one in found for bin_ in one.entropy_bins if bin_.accuracy is not None)
    assert f"error {100 * most:.1f}%. Lowest: " in figure.summary
    before = replace(found, results=tuple(replace(one, entropy_bins=None) for one in found))
    assert charts_of(before) == ()
    assert "or an agreement computed by this version" in message_of(chart, before, "entropy")
    section = agreement(Sources((Loaded("agreement.json", before),)))
    assert not [part for part in section.parts if isinstance(part, Figure)]
