"""Accuracy by the entropy of people's choice: of the choice that human dimensions predict, or of repeated answers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from support import draw_triplets, read_back

import pyalign
from pyalign.concept.groupings import ENTROPY_OF
from pyalign.report.page.sections.concepts import concepts
from pyalign.report.page.sources import Loaded, Sources

EDGES = ENTROPY_OF["dimensions"]
N = 30
FAMILIES = ["net", "net", "text"]
ODD_LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])


@pytest.fixture(scope="module")
def asked():
    rng = np.random.default_rng(0)
    human = 1.5 * np.abs(rng.normal(size=(N, 3)))
    shown = draw_triplets(1, N, 900)
    p = pyalign.choice_probabilities(human, shown, measure="dot")
    odd = (rng.random((len(shown), 1)) > p.cumsum(axis=1)).sum(axis=1)
    answers = np.take_along_axis(shown, ODD_LAST[odd], axis=1)
    models = {name: human + s * rng.normal(size=human.shape) for name, s in zip("abc", (0.3, 0.8, 2.0), strict=True)}
    return models, answers, human


@pytest.fixture(scope="module")
def found(asked):
    models, answers, human = asked
    return pyalign.score_concepts(models, answers, human, entropy="dimensions", families=FAMILIES, measure="dot")


def entropy_of(p):
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1)


def distinct(answers):
    return answers[np.unique(np.sort(answers, axis=1), axis=0, return_index=True)[1]]


def inside(h, k):
    return (h + 1e-9 >= EDGES[k]) & (h + 1e-9 < EDGES[k + 1])


def test_bins_are_of_the_entropy_of_the_choice_that_the_dimensions_predict(asked, found):
    models, answers, human = asked
    s = human @ human.T
    pairs = np.stack([s[answers[:, a], answers[:, b]] for a, b in ((1, 2), (0, 2), (0, 1))], axis=1)
    e = np.exp(pairs - pairs.max(axis=1, keepdims=True))
    h = entropy_of(e / e.sum(axis=1, keepdims=True))
    for name, scores in zip(models, found.entropy_bins, strict=False):
        assert [row.n_triplets for row in scores.concepts] == [inside(h, k).sum() for k in range(11)]
        for k, row in enumerate(scores.concepts):
            alone = pyalign.score(models[name], answers[inside(h, k)], measure="dot", ci="objects")
            assert row.accuracy == alone.accuracy and tuple(row.ci) == pytest.approx(tuple(alone.ci))
    errors = [1 - row.accuracy for row in found.entropy_bins[0].concepts]
    assert errors[0] < 0.15 < 0.45 < errors[-1] and EDGES == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1)


def test_other_groups_are_as_without_and_families_have_means_and_differences(asked, found, tmp_path):
    models, answers, human = asked
    without = pyalign.score_concepts(models, answers, human, families=FAMILIES, measure="dot")
    assert tuple(one for one in found.results if one.by == "dimensions") == without.results
    a, b, _, net, text = found.entropy_bins
    assert net.concepts[2].accuracy == pytest.approx((a.concepts[2].accuracy + b.concepts[2].accuracy) / 2)
    rows = [row for row in found.differences if row.by == "entropy" and row.embeddings == "mean of net"]
    assert [row.difference for row in rows] == pytest.approx(
        [one.accuracy - other.accuracy for one, other in zip(net.concepts, text.concepts, strict=True)]
    )
    assert all(row.p_adjusted >= row.p_value for row in rows)
    assert read_back(found, tmp_path) == found


def test_dimensions_that_serve_the_entropy_alone_group_nothing(asked, found, message_of):
    models, answers, human = asked
    alone = pyalign.score_concepts(
        models, answers, human, entropy="dimensions", top=0, families=FAMILIES, measure="dot"
    )
    assert alone.results == found.entropy_bins and (alone.assign, alone.top) == (None, None)
    assert "assigned" not in str(alone)
    for options in ({}, {"entropy": "dimensions", "limit": 3}, {"entropy": "answers"}):
        assert "top must be" in message_of(pyalign.score_concepts, models, answers, human, top=0, **options)


def test_answers_to_the_same_items_in_any_order_have_one_entropy(asked):
    models, answers, _ = asked
    ask = distinct(answers)[:200]
    repeated = np.concatenate([ask, ask[:80][:, [1, 0, 2]], ask[:40][:, [2, 0, 1]]])  # the last are other answers
    found = pyalign.score_concepts(models, repeated, entropy="answers", ci=None)
    scores = found.entropy_bins[0]
    thirds = -(2 * math.log(2 / 3) + math.log(1 / 3)) / 3
    expected = {0: 2 * 40, int(thirds / math.log(3) * 6): 3 * 40}
    assert {k: row.n_triplets for k, row in enumerate(scores.concepts) if row.n_triplets} == expected
    assert scores.unassigned.n_triplets == 120
    assert found.entropy == "answers" and "too little entropy" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"entropy": "people"}, "entropy must be one of dimensions, answers; got 'people'"),
        ({"entropy": "dimensions"}, "entropy='dimensions' needs dimensions, which predict the choices; got none"),
        ({"entropy": "answers"}, "needs triplets that at least two people answered; got none"),
        ({}, "dimensions, categories or levels must say what the concepts are; got none of them"),
    ],
)
def test_what_has_no_entropy_is_one_line(asked, message_of, changes, message):
    models, answers, _ = asked
    assert message in message_of(pyalign.score_concepts, models, distinct(answers), **changes)


def test_a_picture_has_a_line_for_each_family_or_for_each_model(found, message_of):
    pytest.importorskip("altair", reason="altair is not installed")
    from pyalign.report.charts import chart, default_chart
    from pyalign.report.charts.theme import rows_of
    from pyalign.report.plot import figures

    rows = rows_of(chart(found, "entropy"))
    assert list(dict.fromkeys(row["model"] for row in rows)) == ["mean of net", "mean of text"]
    for row, one in zip(rows, found.entropy_bins[3].concepts, strict=False):
        assert (row["value"], row["n"], row["low"]) == (1 - one.accuracy, one.n_triplets, 1 - one.ci.high)
    of_models = rows_of(chart(found, "entropy", by="models"))
    assert list(dict.fromkeys(row["model"] for row in of_models)) == ["a", "b", "c"]
    assert "by must be one of families, models" in message_of(chart, found, "entropy", by="people")
    assert default_chart(found) == "concepts" and set(figures(found)) == {"concepts", "entropy"}
    drawn = [part for part in concepts(Sources((Loaded("c.json", found),))).parts if hasattr(part, "chart")]
    assert [part.name for part in drawn] == ["concepts-chart", "entropy-chart"]
    for shown in (drawn[1].summary, str(chart(replace(found, dimensions="a/spose.npy"), "entropy").to_dict()["title"])):
        assert "by the entropy of the choice that the human dimensions predict" in shown
    assert "900 triplets" in shown and "predict (spose)" in shown


def test_a_page_of_two_results_has_each_name_once(asked, found):
    models, answers, human = asked
    alone = pyalign.score_concepts(models, answers, human[:, :2], entropy="dimensions", top=0)
    section = concepts(Sources((Loaded("a.json", found), Loaded("b.json", alone))))
    names = [part.name for part in section.parts if hasattr(part, "chart")]
    assert names == ["concepts-chart", "entropy-chart", "entropy-chart-2"]
    inside = [table.name for part in section.parts for table in getattr(part, "parts", ())]
    assert len(inside) == len({*inside})


def test_a_picture_of_answers_alone_is_of_their_entropy(asked, message_of):
    pytest.importorskip("altair", reason="altair is not installed")
    from pyalign.report.charts import chart, default_chart

    models, answers, _ = asked
    twice = np.concatenate([answers, answers])
    found = pyalign.score_concepts(models, twice, entropy="answers", ci=None)
    assert default_chart(found) == "entropy"
    assert "all answers to a triplet" in str(chart(found).to_dict()["title"]["subtitle"])
    assert "needs a result of concepts with families" in message_of(chart, found, "entropy", by="families")
