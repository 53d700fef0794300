"""Files as experiments write them: the answers in them are read, and what is no answer is left out and counted."""

from __future__ import annotations

import json

import experiment_files
import numpy as np
import pytest

import pyalign
from pyalign.analysis.describe.file import describe_file
from pyalign.data.answer_columns import says
from pyalign.io import load_embeddings, load_rdms, load_triplets


def answers(triplets):
    names = triplets.names or [str(k) for k in range(int(np.max(triplets.values)) + 1)]
    rows = [[names[item] for item in row] for row in np.asarray(triplets.values).tolist()]
    return [(tuple(sorted(row[:2])), row[2]) if triplets.task == "odd-one-out" else tuple(row) for row in rows]


def people(triplets):
    return [triplets.subjects.labels[code] for code in triplets.subjects.codes]


def write(path, content):
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def trial(items=("ant", "bee", "cat"), response=0, **more):
    return {"stimuli": [*items], "response": response, **more}


def trials(t=20, **more):
    return [trial(np.roll(["ant", "bee", "cat", "dog"], k)[:3], k % 3, **more) for k in range(t)]


@pytest.mark.parametrize("kind", experiment_files.KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_the_answers_of_an_experiment_are_those_that_people_gave(tmp_path, refused, seed, kind):
    drawn = experiment_files.draw(seed, kind)
    path = write(tmp_path / drawn.name, drawn.text)
    found = load_triplets(path, **drawn.options)
    assert answers(found) == drawn.triplets and people(found) == drawn.people
    if drawn.empty:
        assert 'empty="omit" leaves such rows out' in refused(load_triplets, path)
        assert f": {drawn.empty} of {len(drawn.triplets) + drawn.empty} rows are left out: " in found.notes[0]
    (described,) = describe_file(path, drawn.options).arrays
    assert described.kind == "triplets" and described.layout.items() >= drawn.options.items()
    again = load_triplets(path, **described.layout)
    assert answers(again) == drawn.triplets and people(again) == drawn.people


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_times_are_columns_and_no_answers(tmp_path, suffix):
    rows = [row | {"rt": k % 3, "time_elapsed": (k + 1) % 3} for k, row in enumerate(trials())]
    text = experiment_files.json_to_csv(rows) if suffix == "csv" else json.dumps(rows)
    path = write(tmp_path / f"t.{suffix}", text)
    assert not any(says(name, "answer") for name in ("rt", "time_elapsed"))
    assert "rt" in describe_file(path).arrays[0].columns
    assert any("'response' holds its place" in note for note in load_triplets(path).notes)


# Which rows


def mixed():
    rows = trials(12, phase="test", block=1) + trials(9, phase="test", block="2") + trials(5, phase="practice", block=3)
    return [row | {"practice": row["phase"] == "practice"} for row in rows]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("phase=test", 21), (["phase=test"], 21), (["phase=test", "block=1"], 12), (["block=1", "block=2"], 21),
        (("block=3.0", "practice=True"), 5), ("practice=false", 21), ("1=0", 9),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_rows_with_the_values_are_kept_and_counted(tmp_path, suffix, where, kept):
    text = experiment_files.json_to_csv(mixed()) if suffix == "csv" else json.dumps(mixed())
    found = load_triplets(write(tmp_path / f"t.{suffix}", text), where=where)
    said = ", ".join(map(repr, [where] if isinstance(where, str) else where))
    assert len(found) == kept and found.notes[0].endswith(f": {kept} of 26 rows are kept: where {said}")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("phase", "where must be \"column=value\", or a list of these; got 'phase'"),
        ([3], 'where must be "column=value", or a list of these; got 3'),
        ("fase=test", "where: there is no column 'fase'; the columns are stimuli, response, phase, block, practice"),
        ("9=test", "where: there is no column '9'"),
        ("phase=main", "where: no row has 'main' in 'phase', which holds 'test', 'practice'"),
        (["phase=test", "block=3"], "where: no row has '3' in 'block', which holds "),
    ],
)
def test_a_condition_that_can_not_be_is_one_line(tmp_path, refused, where, said):
    assert said in refused(load_triplets, write(tmp_path / "t.json", mixed()), where=where)


def test_where_and_empty_serve_tables_without_a_header_and_arrays(tmp_path):
    path = write(tmp_path / "t.csv", "0,1,2,a\n1,2,3,b\n,3,4,a\n3,4,5,a\n")
    found = load_triplets(path, columns=(0, 1, 2), where="3=a", empty="omit")
    assert found.values.tolist() == [[0, 1, 2], [3, 4, 5]]
    np.save(tmp_path / "t.npy", np.array([[0, 1, 2], [1, np.nan, 3], [2, 3, 4]]))
    assert load_triplets(tmp_path / "t.npy", empty="omit").values.tolist() == [[0, 1, 2], [2, 3, 4]]


def test_an_unknown_policy_is_one_line(tmp_path, refused):
    told = refused(load_triplets, write(tmp_path / "t.json", mixed()), empty="drop")
    assert told.startswith("empty must be one of raise, omit; got 'drop'")


# Empty cells


def test_a_participant_without_a_name_or_without_answers_is_left_out_and_counted(tmp_path, refused):
    rows = [row for k in range(50) for row in trials(4, subject=f"p{k}")]
    unnamed = [row | {"subject": None if row["subject"] == "p7" else row["subject"]} for row in rows]
    path = write(tmp_path / "t.json", unnamed)
    told = refused(load_triplets, path)
    assert "row 28 (from 0) is empty, where a participant is expected; empty" in told
    found = load_triplets(path, empty="omit")
    assert len(found.subjects.labels) == 49 and "p7" not in found.subjects.labels
    assert found.notes[0].endswith(": 4 of 200 rows are left out: 4 without a participant")
    silent = [row | {"response": None if row["subject"] == "p7" else row["response"]} for row in rows]
    found = load_triplets(write(tmp_path / "s.csv", experiment_files.json_to_csv(silent)), empty="omit")
    assert len(found.subjects.labels) == 49
    assert found.notes[0].endswith(": 4 of 200 rows are left out: 4 without an answer")


@pytest.mark.parametrize("word", ["", "null", "NA", "None", "NaN", "undefined", "[]"])
def test_what_stands_in_an_empty_cell_does_not_matter(tmp_path, word):
    lines = [f"a{k % 5},a{(k + 1) % 5},a{(k + 2) % 5},{word if k == 7 else k % 3}" for k in range(20)]
    path = write(tmp_path / "t.csv", "\n".join(["image1,image2,image3,response", *lines]) + "\n")
    assert load_triplets(path, empty="omit").notes[0].endswith("1 of 20 rows is left out: 1 without an answer")


def test_a_row_that_is_wrong_is_not_left_out_and_is_counted_among_those_that_are(tmp_path, refused):
    rows = [trial(response=None), *trials()]
    rows[9]["response"] = "banana"
    told = refused(load_triplets, write(tmp_path / "t.json", rows), empty="omit")
    assert "row 8 (from 0, of those that are kept) holds 'banana'" in told


def test_nothing_but_empty_rows_is_one_line(tmp_path, refused):
    path = write(tmp_path / "t.json", [trial(response=None) for _ in range(4)])
    told = refused(load_triplets, path, choice_column="response", empty="omit")
    assert told == '4 of 4 rows hold no answer, 4 without an answer; empty="omit" leaves such rows out'
    assert "seems to say which item is odd, but row 0 (from 0) is empty" in refused(load_triplets, path)


# Bad input


def test_a_document_that_is_cut_off_is_one_line(tmp_path, refused):
    whole = json.dumps(trials())
    for end in (1, 30, len(whole) // 2, len(whole) - 1):
        assert "is not JSON: " in refused(load_triplets, write(tmp_path / "t.json", whole[:end]))
    assert "is not JSON: " in refused(load_triplets, write(tmp_path / "t.txt", whole[: len(whole) // 2]))


@pytest.mark.parametrize("text", ["[" * 20 + "{}" + "]" * 20, "[" * 100_000, '{"data": [' * 20 + "]}" * 20])
def test_documents_nested_without_end_are_one_line(tmp_path, refused, text):
    assert refused(load_triplets, write(tmp_path / "t.json", text))
    assert refused(describe_file, write(tmp_path / "t.jsonl", text))


def test_a_cell_nested_without_end_is_no_list(tmp_path, refused):
    rows = [*trials(), trial() | {"stimuli": "[" * 5000 + "]" * 5000}]
    assert "is empty, which is no item" in refused(load_triplets, write(tmp_path / "t.json", rows))


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_of_json_is_one_line(tmp_path, refused, word):
    text = json.dumps(trials(rt=5)).replace('"rt": 5', f'"rt": {word}', 1)
    assert word.lstrip("-") in refused(load_triplets, write(tmp_path / "t.json", text))


@pytest.mark.parametrize("text", ["3", "[]", '["a", "b"]', "[[]]", '"text"', "[1, {}]", "{}"])
def test_a_document_without_trials_is_one_line(tmp_path, refused, text):
    refused(load_triplets, write(tmp_path / "t.json", text))


def test_a_document_of_pyalign_is_named(tmp_path, refused):
    result = pyalign.score(np.eye(4), np.array([[0, 1, 2], [1, 2, 3]]), ci=None)
    path = write(tmp_path / "t.json", result.to_dict())
    assert refused(load_triplets, path) == "is a document of pyalign 'score', not a table"


def test_trials_are_no_embeddings_and_no_matrix(tmp_path, refused):
    path = write(tmp_path / "t.json", trials())
    assert refused(load_embeddings, path) == "a JSON file holds trials, and no embeddings"
    assert refused(load_rdms, path, kind="similarity") == "a JSON file holds trials, and no judgments"


def two_designs(listed):
    anchored = [{"reference": "ant", "left": "bee", "right": "cat", "response": k % 2} for k in range(10)]
    options = [{"reference": "ant", "stimuli": ["bee", "cat"], "response": k % 2} for k in range(10)]
    whole = [{"image1": a, "image2": b, "image3": c, "response": row["response"]}
             for row in trials() for a, b, c in [row["stimuli"]]]
    return trials(20) + options if listed else whole + anchored


@pytest.mark.parametrize("listed", [True, False])
def test_answers_of_two_designs_are_one_line_and_one_of_them_can_be_kept(tmp_path, refused, listed):
    rows = [row | {"kind": "odd" if k < 20 else "anchored"} for k, row in enumerate(two_designs(listed))]
    path = write(tmp_path / "t.json", rows)
    told = refused(load_triplets, path, empty="omit")
    assert "answers of two designs" in told and "20 rows" in told and "10" in told
    assert told.endswith('where="column=value" keeps the rows of one')
    assert len(load_triplets(path, where="kind=odd")) == 20
    found = load_triplets(path, where="kind=anchored")
    assert found.task == "anchored" and answers(found) == [("ant", "bee", "cat"), ("ant", "cat", "bee")] * 5


def test_numbers_of_participants_that_no_float_holds_stay_apart(tmp_path):
    rows = [row | {"subject": 9007199254740992 + k // 10} for k, row in enumerate(trials(20))]
    found = load_triplets(write(tmp_path / "t.json", rows))
    assert found.subjects.labels == ("9007199254740992", "9007199254740993")


def test_a_quote_within_a_cell_is_refused_where_no_cell_has_several_lines(tmp_path, refused):
    lines = "".join(f"a{k % 5},a{(k + 1) % 5},a{(k + 2) % 5}\n" for k in range(20))
    path = write(tmp_path / "t.csv", f'image1,image2,odd\n"x",y,5" disk\n{lines}')
    assert "line 2 has a quote within a cell" in refused(load_triplets, path)


def test_a_participant_with_two_lists_is_one_line(tmp_path, refused):
    lists = [trials(6, subject=f"p{k}") for k in (0, 1, 2, 1)]
    path = write(tmp_path / "t.txt", "\n".join(map(json.dumps, lists)))
    told = refused(load_triplets, path)
    assert told == (
        "participant 'p1' has several lists of trials, 2, 4: where=\"list=2\" keeps one, "
        'subject_column="subject" takes all'
    )
    assert len(load_triplets(path, subject_column="subject")) == 24
    assert len(load_triplets(path, where=["list=1", "list=2", "list=3"])) == 18


def test_a_list_without_answers_is_no_second_list(tmp_path):
    lists = [[], [{"subject": "p1", "age": 30}], trials(6, subject="p1"), trials(6, subject="p2")]
    found = load_triplets(write(tmp_path / "t.txt", "\n".join(map(json.dumps, lists))), empty="omit")
    assert len(found) == 12 and found.subjects.labels == ("p1", "p2")
