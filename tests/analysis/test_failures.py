"""Failures: against a loop over triplets, the order, what is written, and what is refused."""

from __future__ import annotations

import csv
import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import definition, draw_triplets, pairs_of, read_back, seeds, strict_json, whole

from pyalign import Embeddings, Triplets, find_failures
from pyalign.analysis.accuracy import TIES
from pyalign.data import Subjects
from pyalign.results import Failures


def three_models(seed, n=12):
    return {name: whole(seed + k, n, 2 + k, dtype=np.float64) for k, name in enumerate(("a", "b", "c"))}


def by_loop(models, triplets, ties):
    """For each triplet and model: 1 right, -1 wrong, 0 neither; and the margin."""
    kinds, margins = [], []
    for x in models.values():
        s = pairs_of(definition(x, x, "dot"), triplets)
        tied = (s == s.max(axis=0)).sum(axis=0)
        full = {"fractional": tied == 1, "wrong": tied == 1, "human_alignment": tied < 3}[ties]
        none = {"fractional": tied < 0, "wrong": tied > 1, "human_alignment": tied == 3}[ties]
        best = s[0] == s.max(axis=0)
        kinds.append(np.where(best & full, 1, np.where(~best | none, -1, 0)))
        margins.append(s[0] - np.maximum(s[1], s[2]))
    return np.array(kinds), np.array(margins)


@given(seeds)
def test_groups_are_those_of_a_loop(seed):
    models, triplets = three_models(seed), draw_triplets(seed, 12, 200)
    for ties in TIES:
        kinds, margins = by_loop(models, triplets, ties)
        found = find_failures(models, triplets, families=["one", "two", "two"], measure="dot", ties=ties)
        expected = {
            (None, None): (kinds == -1).all(axis=0),
            ("one", "two"): (kinds[0] == 1) & (kinds[1:] == -1).all(axis=0),
            ("two", "one"): (kinds[0] == -1) & (kinds[1:] == 1).all(axis=0),
        }
        assert [(group.right, group.wrong) for group in found.groups] == list(expected)
        assert found.n_wrong == tuple((kinds == -1).sum(axis=1))
        for group, mask in zip(found.groups, expected.values(), strict=True):
            assert sorted(group.rows) == np.flatnonzero(mask).tolist()
            assert group.n == mask.sum()
            np.testing.assert_array_equal(group.items, triplets[group.rows])
            np.testing.assert_array_equal(group.margins, margins[:, group.rows].T)


@given(seeds)
def test_choices_and_probabilities_are_those_of_a_loop(seed):
    models, triplets = three_models(seed), draw_triplets(seed, 12, 60)
    found = find_failures(models, triplets, measure="dot", temperature=3.0, min_models=1)
    for record in found.records(found.groups[0]):
        for name, x in models.items():
            # of the pair without position 0, 1, 2
            s = [float(x[record["items"][a]] @ x[record["items"][b]]) for a, b in ((1, 2), (0, 2), (0, 1))]
            best = [k for k in range(3) if s[k] == max(s)]
            assert record["choices"][name] == (best[0] if len(best) == 1 else -1)
            weights = np.exp((np.array(s) - max(s)) / 3.0)
            np.testing.assert_allclose(record["probabilities"][name], weights / weights.sum(), atol=1e-6)


@given(seeds)
def test_at_least_so_many_models_fail_and_most_come_first(seed):
    models, triplets = three_models(seed), draw_triplets(seed, 12, 200)
    kinds, margins = by_loop(models, triplets, "fractional")
    many = (kinds == -1).sum(axis=0)
    unit = margins / np.sqrt((margins**2).mean(axis=1, keepdims=True))
    for least in (1, 2, 3):
        group = find_failures(models, triplets, measure="dot", min_models=least).groups[0]
        assert group.n == len(group.rows) and sorted(group.rows) == np.flatnonzero(many >= least).tolist()
        assert (np.diff(many[group.rows]) <= 0).all()
        for count in range(least, 4):
            rows = group.rows[many[group.rows] == count]
            nearest = np.array([max(unit[k, row] for k in range(3) if kinds[k, row] == -1) for row in rows])
            assert (np.diff(nearest) >= -1e-12).all()
    every = find_failures(models, triplets, measure="dot").groups[0]
    np.testing.assert_array_equal(group.rows, every.rows)


def test_what_at_least_two_models_get_wrong_is_called_so():
    found = find_failures(three_models(5), draw_triplets(6, 12, 100), measure="dot", min_models=2, limit=3)
    assert "wrong for at least 2 models, the clearest:" in str(found)
    assert found.to_records()[0]["wrong"] == "at least 2 models" and found.to_dict()["at_least"] == 2


def test_anchored_triplets_tell_which_option_a_model_leaves():
    line = np.array([[0.0], [1.0], [5.0]])
    found = find_failures({"line": line}, Triplets(np.array([[0, 2, 1]]), task="anchored"), measure="neg_euclidean")
    record = found.to_dict()["groups"][0]["triplets"][0]
    left = 1 / (1 + np.exp(-4.0))  # the chosen option is 5 away, the other 1
    assert record["choices"] == {"line": 1}
    np.testing.assert_allclose(record["probabilities"]["line"], [0, left, 1 - left], atol=1e-6)


def test_ties_are_no_choice_and_documents_without_choices_are_read(tmp_path):
    found = find_failures({"constant": np.ones((5, 3))}, draw_triplets(1, 5, 4), ties="wrong")
    document = found.to_dict()
    records = document["groups"][0]["triplets"]
    assert all(record["choices"] == {"constant": -1} for record in records)
    for name in ("choices", "probabilities"):
        for record in records:
            del record[name]
    for name in ("temperature", "at_least"):
        document.pop(name, None)
    old = Failures.from_document(document)
    assert old.temperature is None and old.groups[0].choices is None
    assert "choices" not in old.to_dict()["groups"][0]["triplets"][0]


def test_the_clearest_come_first_whatever_the_length_of_the_rows():
    models, triplets = three_models(5), draw_triplets(6, 12, 300)
    found = find_failures(models, triplets, measure="dot").groups[0]
    _, margins = by_loop(models, triplets, "fractional")
    unit = margins / np.sqrt((margins**2).mean(axis=1, keepdims=True))
    nearest = unit[:, found.rows].max(axis=0)
    assert (np.diff(nearest) >= -1e-12).all() and np.ptp(nearest) > 0.1
    longer = find_failures({**models, "b": 1000 * models["b"]}, triplets, measure="dot").groups[0]
    np.testing.assert_array_equal(longer.rows, found.rows)


def test_a_model_without_margins_leaves_the_order_to_the_others():
    x, triplets = three_models(5)["b"], draw_triplets(6, 12, 300)
    options = {"measure": "dot", "ties": "wrong"}
    alone = find_failures({"x": x}, triplets, **options).groups[0]
    beside = find_failures({"x": x, "constant": np.ones((12, 2))}, triplets, **options).groups[0]
    np.testing.assert_array_equal(beside.rows, alone.rows)


def test_a_limit_keeps_the_clearest_and_the_count():
    models, triplets = three_models(5), draw_triplets(6, 12, 300)
    whole_list, short = (find_failures(models, triplets, measure="dot", limit=limit).groups[0] for limit in (None, 3))
    assert short.n == whole_list.n > 3
    assert short.rows.tolist() == whole_list.rows[:3].tolist()
    assert len(find_failures(models, triplets, measure="dot", limit=0).groups[0].rows) == 0


def test_a_thousand_of_each_group_are_listed_where_no_other_limit_is_asked_for():
    rng = np.random.default_rng(0)
    models, triplets = {"a": rng.normal(size=(30, 2)), "b": rng.normal(size=(30, 2))}, draw_triplets(6, 30, 9000)
    whole, short = (find_failures(models, triplets, **asked) for asked in ({"limit": None}, {}))
    assert [len(group.rows) for group in short.groups] == [1000] and short.groups[0].n > 2000
    assert whole.first(1000) == short and len(whole.groups[0].rows) == short.groups[0].n
    assert whole.first(1000).provenance.options == short.provenance.options
    assert len(strict_json(short.to_json())["groups"][0]["triplets"]) == 1000
    assert whole.first(10**9) == whole


@given(seeds, st.booleans(), st.integers(0, 4))
def test_columns_hold_what_records_do(seed, named, limit):
    models, triplets = three_models(seed), draw_triplets(seed, 12, 60)
    people = [f"p{k}" for k in np.random.default_rng(seed).integers(0, 9, 60)]
    if named:
        models = {name: Embeddings(x, [f"n{k}" for k in range(12)]) for name, x in models.items()}
    families, options = ["one", "two", "two"], {"measure": "dot", "subjects": people}
    found = find_failures(models, triplets, families=families, **options).first(limit)
    assert found.groups == find_failures(models, triplets, families=families, limit=limit, **options).groups
    columns, at = found.columns(), 0
    called = dict(zip(columns.get("item_numbers", np.arange(0)).tolist(), columns.get("item_names", []), strict=True))
    for k, group in enumerate(found.groups):
        assert (columns["n"][k], columns["wrong"][k]) == (group.n, found.who_fails(group))
        for record in found.records(group):
            row = {name: columns[name][at].item() for name in ("row", "human_share", "n_answers", "subject")}
            assert columns["group"][at] == k
            row["human_share"] = None if np.isnan(row["human_share"]) else row["human_share"]
            assert row == {name: record[name] for name in row}
            assert columns["items"][at].tolist() == record["items"]
            assert columns["margins"][at].tolist() == [record["margins"][name] for name in columns["models"]]
            assert columns["choices"][at].tolist() == [record["choices"][name] for name in columns["models"]]
            assert record["names"] == ([called[item] for item in record["items"]] if named else None)
            at += 1
    assert at == len(columns["row"]) == len(columns["group"]) == len(columns["probabilities"])
    assert ("subject" in columns) == (at > 0)


def test_a_model_never_fails_where_it_is_right_and_one_model_alone_lists_its_errors():
    x, triplets = np.array([[0.0], [1.0], [5.0]]), np.array([[0, 1, 2], [0, 2, 1], [2, 1, 0]])
    found = find_failures({"line": x}, triplets, measure="neg_euclidean")
    assert found.groups[0].rows.tolist() == [1, 2]
    assert found.groups[0].margins[:, 0].tolist() == [-4, -3]
    assert found.n_wrong == (2,)


def test_ties_and_constant_models_are_neither_right_nor_wrong_unless_ties_are_wrong():
    constant, triplets = np.ones((5, 3)), draw_triplets(1, 5, 20)
    assert find_failures({"constant": constant}, triplets).n_wrong == (0,)
    assert find_failures({"constant": constant}, triplets, ties="wrong").n_wrong == (20,)


def test_shares_are_given_where_answers_repeat():
    triplets = [[0, 1, 2], [1, 0, 2], [2, 1, 0], [3, 4, 5]]
    found = find_failures({"constant": np.ones((6, 2))}, triplets, ties="wrong").groups[0]
    by_row = dict(zip(found.rows.tolist(), zip(found.human_shares, found.n_answers, strict=True), strict=True))
    assert by_row[0] == by_row[1] == (pytest.approx(2 / 3), 3)
    assert by_row[2] == (pytest.approx(1 / 3), 3)
    assert np.isnan(by_row[3][0]) and by_row[3][1] == 1


def test_with_counts_the_majority_is_right_and_what_has_none_is_left_out():
    line = np.array([[0.0], [1.0], [5.0], [7.0]])
    triplets, counts = [[3, 2, 1], [2, 0, 1], [0, 1, 3]], [[3, 3, 0], [9, 0, 1], [4, 5, 1]]
    found = find_failures({"line": line}, triplets, answers=counts, measure="neg_euclidean")
    assert (found.n_triplets, found.n_undecided) == (2, 1)
    assert found.groups[0].rows.tolist() == [2]
    assert found.groups[0].items.tolist() == [[0, 3, 1]]
    assert found.groups[0].human_shares.tolist() == [0.5]
    assert found.groups[0].n_answers.tolist() == [10]


def test_counts_of_one_answer_each_give_what_the_answers_give():
    models, triplets = three_models(2), draw_triplets(3, 12, 50)
    _, first = np.unique(np.sort(triplets, axis=1), axis=0, return_index=True)
    triplets = triplets[first]
    by_answer = find_failures(models, triplets, measure="dot").groups[0]
    turned = triplets[:, [2, 0, 1]]
    by_count = find_failures(models, turned, answers=np.tile([1, 0, 0], (len(triplets), 1)), measure="dot").groups[0]
    np.testing.assert_array_equal(by_count.rows, by_answer.rows)
    np.testing.assert_array_equal(by_count.margins, by_answer.margins)
    np.testing.assert_array_equal(by_count.items[:, 2], by_answer.items[:, 2])
    np.testing.assert_array_equal(by_count.items[:, :2], np.sort(by_answer.items[:, :2], axis=1))


def test_what_one_model_was_not_asked_is_left_out_for_all():
    models, triplets = three_models(2), draw_triplets(3, 12, 200)
    broken = {**models, "b": models["b"].copy()}
    broken["b"][4] = np.inf
    found = find_failures(broken, triplets, measure="dot", nan_policy="omit", families=["one", "two", "three"])
    kept = (triplets != 4).all(axis=1)
    alone = find_failures(models, triplets[kept], measure="dot", families=["one", "two", "three"])
    assert (found.n_triplets, found.n_dropped) == (kept.sum(), (~kept).sum())
    assert found.n_wrong == alone.n_wrong
    for with_rest, without in zip(found.groups, alone.groups, strict=True):
        np.testing.assert_array_equal(with_rest.rows, np.flatnonzero(kept)[without.rows])


def test_the_table_and_the_document_hold_every_triplet_with_names_margins_shares_and_persons():
    models, triplets = three_models(5), draw_triplets(6, 12, 100)
    names = [f"item, {k}" for k in range(12)]
    people = np.array(["ann", "bob"])[np.arange(100) % 2]
    named = {**models, "b": Embeddings(models["b"], names)}
    found = find_failures(named, triplets, families=["one", "two", "two"], subjects=people, measure="dot")
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    document = strict_json(found.to_json())
    assert (document["command"], document["n_triplets"], document["ties"]) == ("failures", 100, "fractional")
    assert document == found.to_dict()
    assert list(document)[-3:] == ["groups", "notes", "provenance"]
    listed = [(group, record) for group in document["groups"] for record in group["triplets"]]
    assert len(rows) == len(listed) == sum(group.n for group in found.groups)
    _, margins = by_loop(models, triplets, "fractional")
    for cells, (group, record) in zip(rows, listed, strict=True):
        row = record["row"]
        assert record["items"] == triplets[row].tolist()
        assert record["names"] == [names[item] for item in record["items"]]
        assert list(record["margins"].values()) == margins[:, row].tolist()
        assert record["subject"] == cells["subject"] == people[row]
        assert (cells["right"], cells["wrong"]) == (group["right"] or "", group["wrong"] or "every model")
        assert [cells["name_1"], cells["name_2"], cells["odd_name"]] == record["names"]
        assert [int(cells[key]) for key in ("row", "item_1", "item_2", "odd_item")] == [row, *record["items"]]
        assert [float(cells[f"margin {model}"]) for model in models] == list(record["margins"].values())
        assert cells["human_share"] == ("" if record["human_share"] is None else str(record["human_share"]))
        assert int(cells["n_answers"]) == record["n_answers"]


def test_numbers_of_single_precision_are_written_as_short_as_they_are():
    x = np.array([[0.1], [0.3], [1.0]], np.float32)
    record = find_failures({"x": x}, [[0, 2, 1]], measure="neg_euclidean").to_dict()["groups"][0]["triplets"][0]
    margin = np.float32(-0.9) + np.float32(0.2)
    assert record["margins"]["x"] == pytest.approx(float(margin), abs=1e-6)
    assert len(str(record["margins"]["x"])) <= 11


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("known", [False, True])
def test_documents_come_back(tmp_path, dtype, known):
    models = {name: x.astype(dtype) + dtype(0.1) for name, x in three_models(5).items()}
    options = {"families": ["one", "two", "two"], "limit": 40}
    if known:
        models["a"] = Embeddings(models["a"], [f"item {k}" for k in range(12)])
        options["subjects"] = np.arange(300) % 7
    found = find_failures(models, draw_triplets(6, 12, 300), **options)
    back = read_back(found, tmp_path)
    assert back == found
    assert back.groups[0].margins.dtype == dtype
    assert [one.name for one in back.provenance.inputs] == [*models, "triplets", *["subjects"] * known]
    nothing = find_failures(models, draw_triplets(6, 12, 300), limit=0)
    assert read_back(nothing, tmp_path) == nothing


def test_another_margin_or_row_makes_another_result(tmp_path):
    models, triplets = three_models(5), draw_triplets(6, 12, 300)
    one, other = (find_failures(models, triplets, limit=limit) for limit in (3, 4))
    assert one != other
    other = find_failures({**models, "a": models["a"] + 1e-3}, triplets, limit=3)
    assert one != other


def test_a_document_of_all_failures_takes_little_memory():
    """A line at a time; as a tree of dicts it took 3 kB a triplet, and 300 bytes of text."""
    models = {"a": whole(1, 12, 3), "b": whole(2, 12, 3)}
    found = find_failures(models, draw_triplets(6, 12, 20_000), measure="dot", limit=None)
    listed = len(found.groups[0].rows)
    assert listed > 5_000
    tracemalloc.start()
    text = found.to_json()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000 + 1000 * listed
    assert len(text.splitlines()) == pytest.approx(listed, abs=200)


def test_the_rows_of_a_frame_are_the_listed_triplets():
    pytest.importorskip("pandas", reason="pandas is not installed")
    found = find_failures(three_models(5), draw_triplets(6, 12, 100), families=["one", "two", "two"], measure="dot")
    frame = found.to_frame()
    assert len(frame) == sum(group.n for group in found.groups)
    assert frame["margin b"].tolist() == [m for group in found.groups for m in group.margins[:, 1].tolist()]
    empty = find_failures({"line": np.arange(3.0)[:, None]}, [[0, 1, 2]], measure="neg_euclidean", limit=0)
    assert empty.to_records() == []
    assert empty.to_csv() == "right,wrong,row,item_1,item_2,odd_item,margin line,human_share,n_answers\n"


def test_permuted_frames_with_names_give_the_same_failures():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    names = np.array([f"item {k}" for k in range(12)])
    models, triplets = three_models(5), draw_triplets(6, 12, 200)
    expected = find_failures(models, triplets, measure="dot")
    frames = {
        name: pandas.DataFrame(x, index=names).sample(frac=1, random_state=k)
        for k, (name, x) in enumerate(models.items())
    }
    found = find_failures(frames, pandas.DataFrame(names[triplets]), measure="dot")
    assert found.n_wrong == expected.n_wrong
    ours, theirs = found.groups[0], expected.groups[0]
    assert ours.rows.tolist() == theirs.rows.tolist()
    np.testing.assert_array_equal(ours.margins, theirs.margins)
    for record, items in zip(found.records(ours), theirs.items, strict=True):
        assert record["names"] == names[items].tolist()


def test_rows_of_an_order_that_nobody_stated_are_noted():
    models, triplets = three_models(5), draw_triplets(6, 12, 200)
    names = [f"item {k}" for k in range(12)]
    named = find_failures({**models, "b": Embeddings(models["b"], names)}, triplets, measure="dot")
    assert any("item numbers are taken as row numbers of b" in note for note in named.notes)
    stated = find_failures(
        {**models, "b": Embeddings(models["b"], names)},
        Triplets(triplets, names=tuple(names), numbered=True),
        measure="dot",
    )
    assert not any("taken as row numbers" in note for note in stated.notes)


def test_answers_and_persons_come_with_the_triplets():
    models, triplets = three_models(2), draw_triplets(3, 12, 50)
    people = Subjects(np.arange(50, dtype=np.int32) % 2, ("ann", "bob"))
    group = find_failures(models, Triplets(triplets, subjects=people), measure="dot").groups[0]
    assert group.subjects.tolist() == [("ann", "bob")[row % 2] for row in group.rows]
    counts, positions = np.random.default_rng(1).integers(0, 5, (50, 3)), np.array([2, 0, 1], np.int8)
    counts[:, 0] += 1
    in_file = np.empty_like(counts)
    in_file[:, positions] = counts  # the column p of the triplets came from place positions[p]
    expected = find_failures(models, triplets, answers=counts, measure="dot")
    moved = Triplets(triplets, positions=positions)
    assert expected == find_failures(models, moved, answers=in_file, measure="dot")
    assert expected == find_failures(models, moved.with_answers(in_file), measure="dot")
    assert expected.n_undecided > 0 and expected.groups[0].n > 0


def test_tables_fit_80_columns_and_name_everything_when_asked():
    names = [f"an item with a long name, number {k}" for k in range(12)]
    models = {f"features/of/model/{name}.npy": Embeddings(x, names) for name, x in three_models(5).items()}
    models |= {f"features/of/model/{k}.npy": Embeddings(whole(k, 12, 3), names) for k in range(6)}
    families = ["a family with a long name", *["b"] * 8]
    found = find_failures(models, draw_triplets(6, 12, 5000), measure="dot", families=families)
    assert max(map(len, found.table().splitlines())) <= 80
    assert "margin 1" in found.table()
    verbose = found.table(verbose=True)
    first = next(found.records(found.groups[0]))["names"]
    assert "margin features/of/model/5.npy" in verbose and f"{first[0]}, {first[1]} | {first[2]}" in verbose
    assert "a family with a long name" in verbose


def test_a_result_shows_what_it_is():
    assert Failures.command == "failures"
    found = find_failures(three_models(5), draw_triplets(6, 12, 100), measure="dot", limit=5)
    assert "wrong for every model, the clearest:" in str(found)
    shown = found._repr_html_()
    assert "wrong for every model, the clearest" in shown and shown.count("<tr>") == len(found.table().splitlines()) - 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"models": {}}, "models must be at least one; got none"),
        ({"families": ["a"]}, "families must be one per model (2); got 1"),
        ({"families": ["a", "a"]}, "families must be at least two different ones; got only 'a'"),
        ({"models": {"p": np.eye(3), "q": np.eye(4)}}, "models must have the same number of items; got p: 3, q: 4"),
        ({"limit": -1}, "limit must be a whole number from 0 to 2,147,483,647; got -1"),
        ({"min_models": 3}, "min_models must be a whole number from 1 to 2; got 3"),
        ({"temperature": 0}, "temperature must be a positive number (1e-30 to 1e30); got 0"),
        ({"limit": 1.5}, "limit must be a whole number from 0 to 2,147,483,647; got 1.5"),
        ({"models": [[[1.0]]]}, "models must map names to embeddings, as a dict does; got list"),
        ({"subjects": [1, 2]}, "subjects must have one entry per triplet, shape (1,); got (2,)"),
        ({"answers": [[1, 2]]}, "answers must have shape (1, 3), a row for each triplet; got (1, 2)"),
        ({"answers": [[0.5, 0.25, 0.25]]},
         "answers must be counts (whole numbers) here; got shares, which do not say of how many"),
        ({"answers": [[2, 2, 1]]}, "answers must have a majority in at least one triplet; all 1 tie"),
        ({"answers": [[2, 1, 1]], "subjects": [1]},
         "subjects and answers must not both be given: counts do not say whose answer is whose"),
        ({"models": {"p": np.eye(3), "q": np.diag([1, np.nan, 1])}},
         'q: embeddings must be finite; 1 of 3 rows holds NaN or infinity, first row 1; nan_policy="omit" leaves '
         "them out"),
        ({"triplets": Triplets(np.array([[0, 1, 2]]), answered=False)},
         "failures needs human choices, which these triplets do not hold"),
        ({"triplets": [["a", "b", "c"]]}, "p: the triplets hold names; give the rows' names: Embeddings(x, names)"),
        ({"triplets": [[0, 1, 3]]}, "p: triplets must lie in [0, 3); row 0 is [0, 1, 3]"),
    ],
)
def test_what_cannot_be_listed_is_refused(message_of, options, message):
    given = {"models": {"p": np.eye(3), "q": np.eye(3)}, "triplets": [[0, 1, 2]], **options}
    assert message_of(find_failures, **given) == message


def test_models_that_were_never_asked_the_same_are_refused(message_of):
    p, q = np.eye(6), np.eye(6)
    p[0], q[5] = np.nan, np.nan
    said = message_of(find_failures, {"p": p, "q": q}, [[0, 1, 2], [3, 4, 5]], nan_policy="omit")
    assert said == "models must all be finite in the rows of at least one triplet; of 2 there is none"


# Real data


def test_on_real_models_failures_add_up(data):
    answers = np.load(data / "things" / "human_triplets_127304.npy")
    models = {
        name: np.load(data / "things" / f"{name}.npy")
        for name in ("clip_vit_b32", "efficientnet_lite0_penultimate", "efficientnet_lite0_logits")
    }
    found = find_failures(models, answers[:, :3], subjects=answers[:, 3], families=["clip", "conv", "conv"], limit=10)
    assert found.n_triplets == 127_304
    assert 1 - found.n_wrong[0] / 127_304 == pytest.approx(0.50469, abs=1e-5)
    everyone = found.groups[0]
    assert everyone.n < min(found.n_wrong)
    assert (everyone.margins < 0).all()
    np.testing.assert_array_equal(everyone.subjects, answers[everyone.rows, 3])
