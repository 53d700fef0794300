"""Sections of the page on probes, reliability, RSA, similarities and consistency: every number is the document's."""

from __future__ import annotations

import pytest

import pyalign
from pyalign._result import read_result
from pyalign.report.blocks import Figure, Fold, Table, Text
from pyalign.report.page.sections.accuracy import probes
from pyalign.report.page.sections.comparisons import cka, consistency, reliability, rsa
from pyalign.report.page.sources import Loaded, Sources

from .test_matrix_charts import alike, pictures  # noqa: F401  fixtures
from .test_model_charts import answered, calibrations, correlations, embeddings, probe  # noqa: F401  fixtures

pytest.importorskip("altair", reason="altair is not installed")
pytest.importorskip("scipy", reason="scipy is not installed")


def given(*results):
    """Results as the page has them, models called by their names."""
    read = [read_result(one, "a result") if isinstance(one, dict) else one for one in results]
    found = Sources(tuple(Loaded("", one) for one in read))
    found.__dict__["labels"] = {"near": "Near <i>"}
    return found


def parts(section, kind):
    found = []
    for part in section.parts:
        found += [inner for inner in part.parts if isinstance(inner, kind)] if isinstance(part, Fold) else []
        found += [part] if isinstance(part, kind) else []
    return found


def values(table, header):
    return next(column.values for column in table.columns if column.header == header)


def intervals(table, header):
    column = next(column for column in table.columns if column.header == header)
    return [None if low is None else [low, high] for low, high in zip(column.low, column.high, strict=True)]


def is_well_made(section):
    """Names differ, columns are of one length, each figure has a summary with numbers and its data."""
    tables, figures = parts(section, Table), parts(section, Figure)
    names = [section.name, *(one.name for one in (*tables, *figures)), *(one.data.name for one in figures)]
    assert len(set(names)) == len(names)
    for table in (*tables, *(one.data for one in figures)):
        assert len({len(column.values) for column in table.columns}) == 1 and table.caption
        assert all(len(column.low) in (0, len(column.values)) for column in table.columns)
    assert all(any(c.isdigit() for c in one.summary) and one.data.columns for one in figures)
    return True


def test_sections_without_their_documents_are_none():
    assert [one(given()) for one in (probes, reliability, rsa, cka, consistency)] == [None] * 5


def test_probes_beside_zero_shot(probe):  # noqa: F811
    document = probe.to_dict()
    section = probes(given(probe))
    table, folds = parts(section, Table)
    assert is_well_made(section) and values(table, "model") == ("far",)
    assert values(table, "zero-shot") == (document["zero_shot_accuracy"],)
    assert values(table, "probed") == (document["accuracy"],) and values(table, "gain") == (document["difference"],)
    assert intervals(table, "zero-shot") == [document["zero_shot_interval"]]
    assert intervals(table, "probed") == [document["accuracy_interval"]]
    assert intervals(table, "gain") == [document["difference_interval"]]
    assert values(folds, "accuracy") == tuple(fold["accuracy"] for fold in document["folds"])
    assert values(folds, "zero-shot") == tuple(fold["zero_shot_accuracy"] for fold in document["folds"])
    assert "Lowest: " in parts(section, Figure)[0].summary
    assert "held-out objects" in table.caption and "over objects" in table.caption


def test_a_probe_without_an_interval_of_its_gain_says_so(probe):  # noqa: F811
    document = {name: value for name, value in probe.to_dict().items() if name != "difference_interval"}
    section = probes(given(document))
    assert intervals(parts(section, Table)[0], "gain") == []
    assert "Hollow: the result has no interval of it." in parts(section, Figure)[0].summary


def test_reliability_of_each_model(calibrations):  # noqa: F811
    rows = calibrations.to_dict()["results"]
    section = reliability(given(calibrations))
    (table,), (figure,) = parts(section, Table), parts(section, Figure)
    assert is_well_made(section) and values(table, "model") == ("Near <i>", "far")
    assert values(table, "T") == tuple(row["temperature"] for row in rows)
    assert intervals(table, "T") == [row["temperature_ci"] for row in rows]
    assert values(table, "ECE") == tuple(row["equal_width"]["ece"] for row in rows)
    assert values(table, "ECE, T = 1") == tuple(row["ece_equal_width_before"] for row in rows)
    assert values(table, "accuracy") == tuple(row["test"]["accuracy"] for row in rows)
    assert values(figure.data, "accuracy") == tuple(
        value for row in rows for value in row["equal_mass"]["accuracy"] if value is not None
    )
    least = min(row["equal_mass"]["ece"] for row in rows)
    assert f"{least:.3f}" in figure.summary


def test_rsa_names_both_ceilings(correlations):  # noqa: F811
    rows = correlations.to_dict()["results"]
    section = rsa(given(correlations))
    table, people, against, ceilings, differences, of_means = parts(section, Table)
    assert is_well_made(section)
    each = [row["per_person"] for row in rows]
    assert values(against, "less lower") == tuple(one["against_lower"]["difference"] for one in each)
    assert intervals(against, "of lower") == [one["of_lower"]["ci"] for one in each]
    assert values(against, "disattenuated") == tuple(one["disattenuated"]["value"] for one in each)
    first = rows[0]["ceiling"]
    assert values(ceilings, "value")[:3] == (first["lower"], first["upper"], first["reliability"])
    assert intervals(ceilings, "value")[:2] == [first["lower_ci"], first["upper_ci"]]
    means = [pair.per_person for pair in correlations.pairs]
    assert values(of_means, "mean") == tuple(one.difference for one in means)
    assert values(of_means, "p (Holm)") == tuple(one.p_adjusted for one in means)
    assert values(table, "correlation") == tuple(row["value"] for row in rows)
    assert intervals(table, "correlation") == [row["ci"] for row in rows]
    assert values(people, "mean") == tuple(row["per_person"]["mean"] for row in rows)
    assert values(people, "ceiling, lower") == tuple(row["ceiling"]["lower"] for row in rows)
    assert values(people, "ceiling, upper") == tuple(row["ceiling"]["upper"] for row in rows)
    assert values(differences, "correlation") == tuple(pair.difference for pair in correlations.pairs)
    assert "30 objects, 435 pairs; 5 participants; 95% intervals (closed form) over objects" in table.caption
    best = max(rows, key=lambda row: row["value"])
    assert f"{best['value']:.3f}" in parts(section, Figure)[0].summary


def test_rsa_with_one_human_matrix_has_no_ceiling(answered, embeddings):  # noqa: F811
    people = ((answered[0][:, None] - answered[0]) ** 2).sum(axis=2)
    section = rsa(given(pyalign.rsa(embeddings, people, kind="dissimilarity")))
    table, *others = parts(section, Table)
    assert is_well_made(section) and "ceiling, lower" not in [one.header for each in others for one in each.columns]
    assert "Correlation with the human matrix." in table.caption and values(table, "correlation")


def test_weights_are_of_models_as_the_page_calls_them(answered, embeddings):  # noqa: F811
    people = ((answered[0][:, None] - answered[0]) ** 2).sum(axis=2)
    found = pyalign.rsa(embeddings, people, kind="dissimilarity", measure=["cosine", "pearson"], weighted=True, ci=None)
    texts = [text.paragraphs[0] for text in parts(rsa(given(found)), Text)]
    weight = found.weighted[0].weights["near cosine"]
    assert any(f"Near <i> cosine {weight:.3f}" in text for text in texts)


def test_figures_call_models_what_the_page_calls_them(correlations, calibrations, alike):  # noqa: F811
    for section in (rsa(given(correlations)), reliability(given(calibrations))):
        models = {value for column in parts(section, Figure)[0].data.columns for value in column.values}
        assert "Near <i>" in models and "near" not in models
    sources = given(alike)
    sources.labels["a"] = "Alpha"
    rows = values(parts(cka(sources), Figure)[0].data, "row")
    assert "Alpha" in rows and "a" not in rows


def test_similarities_of_models_by_each_measure(alike):  # noqa: F811
    section = cka(given(alike))
    table, differences = parts(section, Table)
    assert is_well_made(section) and [one.name for one in parts(section, Figure)] == ["cka-figure", "cka-figure-2"]
    every = [(one.measure, each) for one in alike for each in one.differences]
    assert values(differences, "difference") == tuple(each.difference for _, each in every)
    assert values(differences, "less with") == tuple(each.b for _, each in every)
    assert values(differences, "measure") == tuple(measure for measure, _ in every)
    held = {one["measure"]: one for one in alike.to_dict()["results"]}
    scores = {(name, each["first"], each["second"]): each["ci"] for name, one in held.items() for each in one["scores"]}
    keys = list(zip(*(values(table, header) for header in ("measure", "model", "and")), strict=True))
    assert intervals(table, "similarity") == [scores[key] for key in keys] and len(keys) == 12
    for name, header in (("matrix", "similarity"), ("calibrated", "calibrated"), ("p_value", "p")):
        for (measure, a, b), value in zip(keys, values(table, header), strict=True):
            place = held[measure]["models"].index
            assert value == held[measure][name][place(a)][place(b)]
    assert "4 models; 40 objects" in table.caption


def test_layers_of_two_models(pictures):  # noqa: F811
    found = pyalign.layer_similarity({"a": pictures["a"], "c": pictures["c"]}, {"b": pictures["b"]}, n_permutations=20)
    section = cka(given(found))
    (table,) = parts(section, Table)
    assert is_well_made(section) and values(table, "b") == tuple(row[0] for row in found.matrix)
    assert f"{found.value:.3f}" in table.caption


def test_kappa_with_bounds_and_missed_concepts(pictures, triplets, human):  # noqa: F811
    found = pyalign.error_consistency(pictures, triplets, ci="objects", dimensions=human)
    document = found.to_dict()
    section = consistency(given(found))
    table, missed = parts(section, Table)
    assert is_well_made(section)
    held = {(pair["a"], pair["b"]): pair for pair in document["pairs"]}
    keys = zip(values(table, "model"), values(table, "and"), strict=True)
    pairs = [held[key] for key in keys]
    for header, name in (("kappa", "kappa"), ("least", "kappa_min"), ("most", "kappa_max"), ("p", "p_value"),
                         ("copied", "copy_probability")):
        assert values(table, header) == tuple(pair[name] for pair in pairs)
    assert intervals(table, "kappa") == [pair["ci"] for pair in pairs] and len(pairs) == 6
    concepts = sorted(document["missed"], key=lambda row: -row["explained"])
    assert values(missed, "missed") == tuple(row["n_missed"] for row in concepts)
    assert values(missed, "excess") == tuple(row["excess"] for row in concepts)
    assert f"all models miss {found.n_missed:,}" in table.caption
