"""The browser of failures: every number is the document's, it is small, and names are text."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from support import draw_triplets

import pyalign
from pyalign._result import read_result
from pyalign.report.page.html import Page, json_script
from pyalign.report.page.parts_html import Browser
from pyalign.report.page.parts_html import failures_data as data_of
from pyalign.report.page.parts_html import is_wrong
from pyalign.report.page.sections.accuracy import failures, most_of
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.page.write import written

N = 14
NAMES = ("<script>alert(1)</script>", 'a "b" & c', "שלום", *(f"object {k}" for k in range(3, N)))


def document(families=("a", "b", "b"), **options):
    rng = np.random.default_rng(0)
    models = {name: pyalign.Embeddings(rng.normal(size=(N, 3)), NAMES) for name in ("x/one.npy", "x/two.npy", "three")}
    triplets = draw_triplets(2, N, 150)
    triplets = np.concatenate([triplets, triplets[:60, [1, 0, 2]], triplets[:20, [2, 0, 1]]])
    found = pyalign.find_failures(models, triplets, families=families, temperature=0.3, **options)
    return json.loads(found.to_json())


def section(*documents):
    loaded = (Loaded(f"{k}.json", read_result(one, f"{k}.json")) for k, one in enumerate(documents))
    return failures(Sources(tuple(loaded)))


def browser(*documents):
    return [part for part in section(*documents).parts if isinstance(part, Browser)]


def test_every_number_is_that_of_the_document():
    held = document(min_models=1)
    (part,) = browser(held)
    records = {record["row"]: record for group in held["groups"] for record in group["triplets"]}
    assert len(part.rows) == len(records) > 100
    for k, row in enumerate(part.rows):
        record = records[row]
        assert list(part.items[k]) == record["names"]
        assert (part.shares[k], part.answers[k]) == (record["human_share"], record["n_answers"])
        for model, verdict in zip(held["models"], part.verdicts[k], strict=True):
            choice = record["choices"][model]
            assert verdict.choice == ("t" if choice == -1 else str(choice))
            assert is_wrong(verdict.choice) == (record["margins"][model] < 0)
            assert verdict.chosen == record["probabilities"][model][choice]
            assert verdict.human == record["probabilities"][model][2]
        assert {held["groups"].index(group) for group in held["groups"] if record in group["triplets"]} == set(
            part.groups_of[k]
        )


def test_the_script_reads_the_same_in_thousandths():
    (part,) = browser(document(min_models=1))
    spoken = json.loads(json.dumps(data_of(part, Page())))
    for key, values in (("rows", part.rows), ("shares", part.shares), ("answers", part.answers)):
        assert tuple(spoken[key]) == values
    for k, verdicts in enumerate(part.verdicts):
        assert [spoken["names"][spoken["items"][3 * k + i]] for i in range(3)] == list(part.items[k])
        assert spoken["groupsOf"][k] == list(part.groups_of[k])
        code = spoken["codes"][k]
        assert len(code) == 4 * len(verdicts)
        for m, verdict in enumerate(verdicts):
            number = sum(spoken["letters"].index(code[4 * m + i]) * 64 ** (3 - i) for i in range(4))
            assert spoken["choices"][number // 1002**2] == verdict.choice
            assert number // 1002 % 1002 == round(1000 * verdict.chosen) and number % 1002 == round(
                1000 * verdict.human
            )


def test_documents_without_choices_tell_right_from_wrong_by_their_margins():
    held = document(min_models=1)
    for group in held["groups"]:
        for record in group["triplets"]:
            del record["choices"], record["probabilities"]
    (part,) = browser(held)
    margins = {record["row"]: record["margins"] for group in held["groups"] for record in group["triplets"]}
    for row, verdicts in zip(part.rows, part.verdicts, strict=True):
        assert [verdict.choice for verdict in verdicts] == [
            "w" if m < 0 else "r" for m in margins[row].values()
        ]
    assert "does not say what models choose" in str(section(held).parts)


def test_a_tie_counts_as_wrong_where_the_document_says_so():
    constant = {"same": np.ones((5, 2))}
    found = pyalign.find_failures(constant, draw_triplets(1, 5, 9), ties="wrong")
    (part,) = browser(json.loads(found.to_json()))
    assert part.ties_are_wrong and {v.choice for verdicts in part.verdicts for v in verdicts} == {"t"}
    assert "wrong: 1 of 1 models" in written(part, Page())


def test_the_clearest_of_each_group_are_kept_where_there_is_no_room(monkeypatch):
    from pyalign.report.page.sections import accuracy as module

    monkeypatch.setattr(module, "MOST", 9)
    held = document()
    (part,) = browser(held)
    assert len(part.rows) == 9
    first = {group["triplets"][rank]["row"] for group in held["groups"] for rank in range(2)}
    assert first <= {*part.rows}
    assert f"lists {sum(len(group['triplets']) for group in held['groups']):,}" in part.caption


def test_several_documents_have_numbers_of_their_own():
    one, other = browser(document(), document(min_models=1, families=None))
    assert (one.name, other.name, other.first) == ("failures", "failures-2", 1 + len(one.rows))


def test_the_table_counts_what_each_model_gets_wrong():
    held = document()
    table = section(held).parts[0]
    columns = {column.header: column for column in table.columns}
    assert list(columns["wrong"].values) == held["n_wrong"]
    assert list(columns["share"].values) == [wrong / held["n_triplets"] for wrong in held["n_wrong"]]
    assert list(columns["family"].values) == ["a", "b", "b"]
    assert list(columns["model"].values) == ["one", "two", "three"]


def test_a_plain_list_stands_there_without_scripts_and_names_are_text():
    (part,) = browser(document(min_models=1))
    html = written(part, Page())
    assert html.count("<li>") == 12 and "<noscript>" in html
    assert "<script" not in html and "&lt;script&gt;" in html
    assert "</script" not in json_script("failures", data_of(part, Page()))[:-9]


def test_pictures_are_asked_for_by_number():
    sprites = SimpleNamespace(tile=lambda name: None if name == NAMES[0] else len(name))
    (part,) = browser(document(min_models=1))
    spoken = data_of(part, Page(sprites=sprites))
    assert spoken["tiles"] == [None if name == NAMES[0] else len(name) for name in spoken["names"]]


def test_no_failures_no_section():
    assert section() is None
    assert section(document(limit=0)) is None


@pytest.mark.parametrize(("models", "failures_of"), [(100, 1000), (300, 404)])
def test_many_models_take_less_than_a_megabyte(models, failures_of):
    """100 models and 1,000 failures; of 300 models as many failures as there is room for."""
    names = [f"a model with a name of some length {k}" for k in range(models)]
    record = {
        "margins": dict.fromkeys(names, -0.1), "human_share": 0.8333333333333334, "n_answers": 6,
        "subject": None, "choices": dict.fromkeys(names, 1), "probabilities": {name: [0.2, 0.5, 0.3] for name in names},
    }
    rows = [
        {**record, "row": k, "items": [k, k + 1, k + 2], "names": [f"object {k + i}" for i in range(3)]}
        for k in range(1000)
    ]
    held = {
        **document(), "models": names, "families": None, "n_triplets": 5000, "n_wrong": [2000] * models,
        "measure": "cosine", "ties": "fractional",
        "groups": [{"right": None, "wrong": None, "n": 1000, "triplets": rows}],
    }
    (part,) = browser(held)
    assert len(part.rows) == failures_of == most_of(models, 1)
    assert len(json.dumps(data_of(part, Page()))) < 600_000
