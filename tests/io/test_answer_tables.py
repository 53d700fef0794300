"""Tables of answers are read as they were meant, or refused with the row and what would tell."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import answer_corpus
import numpy as np
import pytest

import pyalign
from pyalign.analysis.describe.file import describe_file
from pyalign.data import as_triplet_data
from pyalign.data.answer_columns import SERIES, WORDS
from pyalign.errors import InputError
from pyalign.io import load_rdms, load_triplets

SEPARATORS = {",": "t.csv", "\t": "t.tsv", ";": "semicolons.csv"}
NEVER_LOOKED_AT = 3744060691  # the detector was written with other seeds


def answers(triplets, base):
    """What triplets say: two alike and the odd one, or anchor, chosen, other, by name or by number in the file."""

    def called(item):
        return triplets.names[item] if triplets.names is not None else str(item + (base or 0))

    rows = [[called(item) for item in row] for row in np.asarray(triplets.values).tolist()]
    return [(tuple(sorted(row[:2])), row[2]) if triplets.task == "odd-one-out" else tuple(row) for row in rows]


def people_of(triplets):
    subjects = triplets.subjects
    return None if subjects is None else [subjects.labels[code] for code in subjects.codes]


def outcome(drawn, read):
    """What became of a table: "read", "refused", "right row", "wrong row", "noted" or "silent"."""
    try:
        triplets = read()
    except InputError as error:
        assert "\n" not in str(error)
        if drawn.task == "ratings":
            return "read" if "ratings of pairs" in str(error) else "refused"
        if drawn.bad is None:
            return "refused"
        return "right row" if f"row {drawn.bad[0]} (from 0)" in str(error) else "wrong row"
    right = (triplets.task, answers(triplets, drawn.base)) == (drawn.task, drawn.triplets)
    right = right and people_of(triplets) in (drawn.people, None if drawn.unknown == "participant" else drawn.people)
    if right and drawn.bad is None:
        return "read"
    noted = any("items are taken to count from" in note for note in triplets.notes)
    return "noted" if noted and not right else "silent"


def written(drawn, seed, folder):
    separator = list(SEPARATORS)[seed % 3]
    path = folder / SEPARATORS[separator]
    path.write_text(drawn.text(separator), encoding="utf-8")
    return path


def tally(seeds, folder):
    counts = Counter()
    for seed in seeds:
        drawn = answer_corpus.draw(seed)
        path = written(drawn, seed, folder)
        kind = ("known" if drawn.unknown is None else "unknown", "clean" if drawn.bad is None else "bad cell")
        counts[(*kind, outcome(drawn, lambda: load_triplets(path)))] += 1  # noqa: B023
    return counts


def check(counts):
    """No silent error; 95 % of clean files with known headers are read, 95 % of those with a bad cell name its row."""
    for known in ("known", "unknown"):
        assert not sum(counts[known, kind, "silent"] for kind in ("clean", "bad cell")), counts
    for kind, right in (("clean", "read"), ("bad cell", "right row")):
        of_kind = sum(count for key, count in counts.items() if key[:2] == ("known", kind))
        assert counts["known", kind, right] >= 0.95 * of_kind > 0, counts


def test_tables_of_experiments_are_read_rightly_or_refused(tmp_path):
    check(tally(range(200), tmp_path))


@pytest.mark.slow
def test_of_two_thousand_tables_none_is_read_wrongly(tmp_path):
    counts = tally(range(NEVER_LOOKED_AT, NEVER_LOOKED_AT + 2000), tmp_path)
    check(counts)
    read, named = counts["known", "clean", "read"], counts["known", "bad cell", "right row"]
    clean, bad, unknown = (sum(count for key, count in counts.items() if key[: len(kind)] == kind)
                           for kind in (("known", "clean"), ("known", "bad cell"), ("unknown",)))
    refused = unknown - counts["unknown", "clean", "read"]
    page = " ".join((Path(__file__).parents[2] / "docs" / "files.md").read_text().split())
    assert f"{read:,} of {clean:,} with known headers and sound cells were read" in page
    assert f"a bad cell named in all {named}," in page and named == bad
    assert f"{refused} of {unknown} with an unknown header were refused" in page


@pytest.mark.parametrize("seed", range(0, 120, 3))
def test_a_table_is_the_same_whichever_way_it_comes_in(tmp_path, seed):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    drawn = answer_corpus.draw(seed)
    path = written(drawn, seed, tmp_path)
    frame = pandas.read_csv(
        path, sep="," if path.suffix == ".csv" and ";" not in path.read_text()[:40] else None, engine="python"
    )
    of_file = outcome(drawn, lambda: load_triplets(path))
    assert outcome(drawn, lambda: as_triplet_data(frame)) == of_file
    (found,) = describe_file(path).arrays
    if of_file == "read" and drawn.task != "ratings":
        described = load_triplets(path, **found.layout)
        assert answers(described, drawn.base) == drawn.triplets
    else:
        assert found.layout is None


def test_the_corpus_has_sixty_words_of_real_exports():
    words, sets = answer_corpus.headers()
    of_sets = {header for key, headers in sets.items() if key[2] not in ("common", "unknown") for header in headers}
    assert len(of_sets | {word for (known, _), found in words.items() if known for word in found}) >= 60


def test_the_page_of_files_prints_the_words():
    page = (Path(__file__).parents[2] / "docs" / "files.md").read_text()
    for role, words in WORDS.items():
        assert f"| {role} | {words} |" in page
    assert f"| sets of items | {', '.join(SERIES)} |" in page


# Tables that were read wrongly without a word


def rows(make, t=40):
    return "".join(",".join(map(str, make(k))) + "\n" for k in range(t))


def read(tmp_path, text, **stated):
    path = tmp_path / "answers.csv"
    path.write_text(text, encoding="utf-8")
    return load_triplets(path, **stated)


def different(k):
    a = k % 7
    return f"o{a}", f"o{(a + 1 + k % 2) % 7}", f"o{(a + 4 + k % 3) % 7}"


def nine(k):
    return f"o{k % 9}", f"o{(k + 1 + k % 2) % 9}", f"o{(k + 4 + k % 3) % 9}"


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("anchor", ["reference", "target", "anchor", "query"])
def test_two_options_and_a_place_are_anchored(tmp_path, anchor, base):
    text = f"participant,{anchor},left,right,response\n"
    text += rows(lambda k: (f"p{k % 5}", *different(k), k // 2 % 2 + base))
    found = read(tmp_path, text)
    assert found.task == "anchored"
    expected = [(x, (y, z)[k // 2 % 2], (z, y)[k // 2 % 2]) for k, (x, y, z) in enumerate(map(different, range(40)))]
    assert answers(found, None) == expected
    assert any("which of two options" in note and "5 participants" in note for note in found.notes)


def test_places_one_and_two_of_three_items_are_no_odd_one_out(tmp_path, message_of):
    text = "image1,image2,image3,choice\n" + rows(lambda k: (*different(k), k % 2 + 1))
    told = message_of(read, tmp_path, text)
    assert "'choice' is one of 'image1', 'image2', 'image3' in 40 rows, and in none of them one of the three" in told
    assert 'task="anchored" and columns=(anchor, one, other); else choice_column=column says it is odd' in told


def test_an_item_that_is_never_odd_may_be_the_anchor(tmp_path, message_of):
    text = "Center,Left,Right,Answer\n" + rows(lambda k: (*different(k), different(k)[1 + k % 2]))
    told = message_of(read, tmp_path, text)  # as the data of strange fruit come from NEXT
    assert 'task="anchored" and columns=(Center, Left, Right)' in told
    found = read(tmp_path, text, task="anchored", columns=("Center", "Left", "Right"), choice_column="Answer")
    assert answers(found, None)[0][0] == "o0"


def test_one_wrong_cell_of_the_answers_is_named_and_no_other_column_is_taken(tmp_path, message_of):
    def row(k):
        return (*different(k), "banana" if k == 17 else different(k)[k % 3])

    told = message_of(read, tmp_path, "image1,image2,image3,odd\n" + rows(row, 5000))
    what = "5,000 answers; 'odd' is one of 'image1', 'image2', 'image3' in 4,999 rows; row 17 (from 0) holds 'banana'"
    assert what in told
    stated = {"columns": (0, 1, 2), "choice_column": "odd"}
    assert message_of(load_triplets, tmp_path / "answers.csv", **stated) == told


@pytest.mark.parametrize(
    "called", [("left", "middle", "right"), ("first", "second", "third"), ("A", "B", "C"), ("stim1", "stim2", "stim3")]
)
@pytest.mark.parametrize("as_item", [True, False])
def test_a_column_called_odd_next_to_three_others_is_the_answer(tmp_path, called, as_item):
    words = ["left", "middle", "right"] if called[0].startswith("stim") else called
    text = ",".join((*called, "odd")) + "\n"
    text += rows(lambda k: (*different(k), different(k)[k % 3] if as_item else words[k % 3]))
    found = read(tmp_path, text)
    assert [odd for _, odd in answers(found, None)] == [different(k)[k % 3] for k in range(40)]


def test_numbered_items_with_a_rating_are_ratings_of_pairs(tmp_path, message_of):
    text = "item1,item2,rating\n1,2,5\n2,3,4\n1,3,1\n"
    assert "holds ratings of pairs, not triplets" in message_of(read, tmp_path, text)
    (found,) = describe_file(tmp_path / "answers.csv").arrays
    assert (
        found.kind == "ratings of pairs" and found.shape == (text.count("\n") - 1, 3) and "pyalign rsa" in found.command
    )
    judged = load_rdms(tmp_path / "answers.csv", kind="similarity")
    assert judged.names == ("1", "2", "3") and judged.pairs().tolist() == [[5, 1, 4]]


def test_participants_who_answered_once_each_are_noted_and_give_intervals_over_objects(tmp_path):
    text = "image1,image2,image3,odd,subject\n" + rows(lambda k: (*nine(k), nine(k)[k % 3], f"s{k}"), 60)
    found = read(tmp_path, text)
    assert any("each participant answered once, so intervals are over objects" in note for note in found.notes)
    x = pyalign.Embeddings(np.random.default_rng(0).normal(size=(9, 4)), tuple(f"o{k}" for k in range(9)))
    assert pyalign.score(x, found).inference.over == "objects"
    found = read(tmp_path, text, columns=(0, 1, 2), choice_column="odd", subject_column="subject")
    assert found.notes == (f"{found.source}: each participant answered once, so intervals are over objects",)


RNG = np.random.default_rng(0)
DRAWN = np.array([RNG.permutation(30)[:3] for _ in range(300)])
WHO = np.arange(300) // 15
ANNA = np.array([f"anna{k}" for k in WHO])


def saved(folder, table, name):
    if name.endswith(".npy"):
        np.save(folder / name, table)
    else:
        (folder / name).write_text("".join(",".join(map(str, row)) + "\n" for row in table.tolist()))
    return folder / name


@pytest.mark.parametrize(
    ("name", "behind", "subject"),
    [
        ("t.npy", WHO, 3),
        ("t.csv", WHO + 1000, 3),
        ("t.csv", RNG.permutation(30)[WHO], 3),
        ("t.csv", ANNA, 3),
        ("t.npy", np.c_[np.arange(300), WHO], 4),  # numbers of rows
        ("t.npy", np.arange(300), None),
        ("t.npy", np.c_[WHO, 7 * WHO], None),  # which of the two?
        ("t.npy", RNG.permutation(WHO), None),  # or trials: nothing follows anything
        ("t.npy", np.arange(300) // 60, None),  # or blocks
    ],
)
def test_items_without_a_header_are_read_as_described_and_participants_where_that_is_sure(
    tmp_path, name, behind, subject
):
    path = saved(tmp_path, np.c_[DRAWN, behind], name)
    (found,) = describe_file(path).arrays
    assert found.layout == {"columns": [0, 1, 2]} | ({} if subject is None else {"subject_column": subject})
    triplets = load_triplets(path)
    np.testing.assert_array_equal(triplets.values, DRAWN)
    behind = np.c_[behind]
    assert people_of(triplets) == (None if subject is None else [str(x) for x in behind[:, subject - 3].tolist()])
    (note,) = triplets.notes
    assert "column 2 is taken to hold the odd item" in note and set(note.split("; ")[1:]) <= set(found.remarks)
    columns = range(3, 3 + behind.shape[1])
    assert [f"column {c} is not used" in note for c in columns] == [c != subject for c in columns]
    with_others = load_triplets(path, subjects=np.arange(300) % 2)
    assert with_others.subjects.labels == ("0", "1")


@pytest.mark.parametrize(
    "table",
    [
        np.c_[WHO, DRAWN],
        np.c_[DRAWN, DRAWN[:, 1]],  # the odd item?
        np.c_[DRAWN, np.arange(300) % 3],  # its place?
        np.c_[DRAWN, RNG.choice([37, 38, 39], 300)],  # a key?
        np.c_[DRAWN, np.array([RNG.permutation(30)[0] for _ in range(300)])],  # four items?
        np.c_[DRAWN[:, 0], DRAWN[:, 0], DRAWN[:, 1], WHO],
        np.c_[DRAWN, WHO][:11],
        np.c_[DRAWN, RNG.permutation(ANNA)],
    ],
)
def test_columns_without_a_header_that_are_not_sure_are_refused_by_both(tmp_path, message_of, table):
    path = saved(tmp_path, table, "t.npy" if table.dtype.kind == "i" else "t.csv")
    assert describe_file(path).arrays[0].layout is None
    assert "has 4 columns, not 3" in message_of(load_triplets, path)
    assert load_triplets(path, columns=(0, 1, 2)).shape == (len(table), 3)


def test_two_columns_that_may_each_be_the_answer_are_both_named(tmp_path, message_of):
    text = "image1,image2,image3,response,choice\n"
    text += rows(lambda k: (*different(k), different(k)[k % 3], different(k)[k // 3 % 3]))
    told = message_of(read, tmp_path, text)
    assert told.endswith("'response', 'choice' may each say which item is odd; choice_column=column says which")
    assert answers(read(tmp_path, text, choice_column="choice"), None)[1][1] == different(1)[0]


def test_an_item_under_a_header_that_nobody_knows_is_not_taken_for_the_odd_one(tmp_path, message_of):
    text = "image1,image2,image3,most_alike\n" + rows(lambda k: (*different(k), different(k)[k % 3]))
    assert "'most_alike' may say which item is odd; choice_column=column says which" in message_of(read, tmp_path, text)


def test_places_among_columns_of_unknown_order_are_refused(tmp_path, message_of):
    text = "q,p,r,odd\n" + rows(lambda k: (*(x[1:] for x in different(k)), k % 3))
    told = "'odd' holds places, and no header says in which order: columns=(q, p, r) says it"
    assert told in message_of(read, tmp_path, text)
    text = "q,p,r,odd\n" + rows(lambda k: (*different(k), different(k)[k % 3]))
    assert answers(read(tmp_path, text), None)[1][1] == different(1)[1]


def test_four_items_of_a_row_are_no_triplet(tmp_path, message_of):
    text = "A,B,C,D,choice\n" + rows(lambda k: (*different(k), f"x{k % 3}", k % 3))
    assert "has 5 columns, not 3" in message_of(read, tmp_path, text)


def test_the_item_and_the_place_that_disagree_are_both_named(tmp_path, message_of):
    text = "image1,image2,image3,odd_index,odd_item\n" + rows(lambda k: (*different(k), k % 3, different(k)[k % 3]))
    assert answers(read(tmp_path, text), None)[1][1] == different(1)[1]
    text = "image1,image2,image3,odd_index,odd_item\n" + rows(lambda k: (*different(k), k % 3, different(k)[-k % 3]))
    assert "'odd_index', 'odd_item' may each say which item is odd" in message_of(read, tmp_path, text)


def test_the_annotations_of_meadows_are_read(tmp_path):
    text = "task,participation,stim1_id,stim2_id,stim3_id,stim1_name,stim2_name,stim3_name,start,resp,label\n"
    time = "2020-09-14T18:18:43.196Z"
    text += rows(lambda k: ("odd", f"fox{k % 4}", *(f"{x}id" for x in different(k)), *different(k), time, time,
                            different(k)[k % 3]))
    assert answers(read(tmp_path, text), None)[1][1] == different(1)[1]


def nth(k):
    return different(k)[k % 3]


def shuffled(k):
    return np.roll([1, 2, 3], k // 3).tolist()


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("reference,left,right,v17", lambda k: (*different(k), k % 2), "'v17' may say which option was chosen; choice"),
        ("reference,left,right,rt", lambda k: (*different(k), k % 2), "no column is known to say which option was"),
        ("reference,left,right,odd", lambda k: (*different(k), k % 2), "'odd' may name the option that was not chosen"),
        ("query,a,b,c,choice", lambda k: (f"q{k % 5}", *different(k), k % 3), "'query' holds other items, to which"),
        ("img0,img1,img2,img3,choice", lambda k: (f"q{k % 5}", *different(k), k % 3), "has 5 columns, not 3"),
        ("stim1,stim2,stim3,pos1,pos2,pos3,key_press", lambda k: (*different(k), *shuffled(k), k % 3),
         "places may be those that 'pos1', 'pos2', 'pos3' hold"),
        ("left,middle,right", different, "no column is known to say which item is odd"),
        ("anchor,near,far,most_alike", lambda k: (*different(k), different(k)[1 + k % 2]), "say different things"),
        ("subject,trial,choice", lambda k: (k % 5, k, k % 3), "'subject' is not known to be a column of items"),
        ("item1,item2,same", lambda k: (k % 7, (k + 1) % 7, k % 2), "'same' is not known to be a column of items"),
        ("item1,item2,item3,choice", lambda k: (*different(k), "fgh"[k % 3]), "seems to say which item is odd, but"),
    ],
)
def test_what_other_columns_put_in_doubt_is_refused_by_all(tmp_path, message_of, header, row, said):
    assert said in message_of(read, tmp_path, header + "\n" + rows(row))
    with pytest.raises(InputError):
        pyalign.describe(str(tmp_path / "answers.csv")).triplets()


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("left,right,top,response", lambda k: (*different(k), ["ArrowLeft", "ArrowRight", "top"][k % 3])),
        ("image1,image2,image3,response", lambda k: (*different(k), f"Image {k % 3 + 1}")),
        ("subject,triplet,odd", lambda k: (k % 5, f'"{different(k)}"', nth(k))),
        ("image1;image2;image3;odd;rt", lambda k: (";".join((*different(k), nth(k), f"{k},5")),)),
        ("stim1,stim2,stim3,pos1,pos2,pos3,odd", lambda k: (*different(k), *shuffled(k), nth(k))),
    ],
)
def test_answers_in_other_words_are_read(tmp_path, header, row):
    assert [odd for _, odd in answers(read(tmp_path, header + "\n" + rows(row)), None)] == [*map(nth, range(40))]


def test_lists_of_numbers_are_numbers_of_items(tmp_path):
    text = "triplet,odd\n" + rows(lambda k: (f'"({k}, {k + 1}, {k + 2})"', k + k % 3))
    assert read(tmp_path, text).names is None
    assert [odd for _, odd in answers(read(tmp_path, text), 0)] == [str(k + k % 3) for k in range(40)]
    assert pyalign.describe(str(tmp_path / "answers.csv")).triplets().names is None


@pytest.mark.parametrize("header", ["image1,image2,image3,choice", "q,p,r,choice"])
def test_answers_next_to_columns_that_are_stated_are_not_passed_over(tmp_path, message_of, header):
    text, columns = header + "\n" + rows(lambda k: (*different(k), nth(k))), tuple(header.split(",")[:3])
    assert [odd for _, odd in answers(read(tmp_path, text, columns=columns), None)] == [*map(nth, range(40))]
    told = message_of(read, tmp_path, text.replace("choice", "v17"), columns=columns)
    assert "'v17' may say which item is odd" in told
    assert (read(tmp_path, text, columns=columns, odd_column="last").values[0] == [0, 1, 4]).all()


def test_a_table_of_which_no_part_is_known_is_described_by_nothing(tmp_path, message_of):
    (tmp_path / "names.txt").write_text("".join(f"o{k}\n" for k in range(7)))
    for separator in ",;":
        table = tmp_path / "answers.csv"
        table.write_text(("p,q,r,t\n" + rows(lambda k: (k % 5, *different(k)))).replace(",", separator))
        told = message_of(pyalign.describe(str(table), str(tmp_path / "names.txt")).toml)
        assert "no part of a data set is known in it; triplets=path and columns=(0, 1, 2) say" in told


# Bad input


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        (3, "o1/o2", "row 5 (from 0) holds 'o1/o2', which may be two answers in one cell"),
        (3, "", "row 5 (from 0) is empty"),
        (3, "2-Mar", "row 5 (from 0) holds '2-Mar'"),
        (3, "1,0", "row 5 (from 0) holds '1,0'"),
        (1, "", "row 5 (from 0) is empty, which is no item"),
        (1, "p3", "row 5 (from 0) holds 'p3', which is a participant"),
        (1, "2-Mar", "row 5 (from 0) holds '2-Mar', which is a date"),
        (4, "", "row 5 (from 0) is empty, where a participant is expected"),
    ],
)
def test_a_cell_that_cannot_be_is_one_line_with_its_row(tmp_path, message_of, column, cell, said):
    def row(k):
        cells = [*different(k), different(k)[k % 3], f"p{k % 5}"]
        cells[column] = f'"{cell}"' if k == 5 else cells[column]
        return cells

    told = message_of(read, tmp_path, "image1,image2,image3,odd,subject\n" + rows(row))
    assert said in told and "\n" not in told


def test_columns_of_equal_names_are_told_apart_or_named(tmp_path, message_of):
    text = "image1,image2,image3,odd,note,note\n"
    text += rows(lambda k: (*different(k), different(k)[k % 3], "a", "b"))
    assert len(read(tmp_path, text)) == 40
    text = "image1,image2,image3,odd,odd\n"
    text += rows(lambda k: (*different(k), different(k)[k % 3], different(k)[k // 3 % 3]))
    assert "'odd', 'odd' may each say which item is odd" in message_of(read, tmp_path, text)
    text = "image1,image2,image2,odd\n" + rows(lambda k: (*different(k), different(k)[k % 3]))
    assert read(tmp_path, text).positions[:3, 2].tolist() == [0, 1, 2]  # three others and odd, by their order


def test_a_byte_order_mark_is_no_part_of_the_first_header(tmp_path):
    text = "\ufeffimage1,image2,image3,odd\n" + rows(lambda k: (*different(k), different(k)[k % 3]))
    assert len(read(tmp_path, text)) == 40


def test_latin_1_is_one_line(tmp_path, message_of):
    path = tmp_path / "t.csv"
    path.write_bytes("image1,image2,image3,odd\nBär,Hund,Katze,Bär\n".encode("latin-1"))
    assert "UTF-8" in message_of(load_triplets, path)


@pytest.mark.slow
def test_a_million_columns_are_one_line(tmp_path, message_of):
    path = tmp_path / "t.csv"
    path.write_text("odd," + "a," * 999_998 + "b\n" + "1," * 999_999 + "2\n")
    assert "has 1000000 columns, not 3; header: 'odd, a, a, a" in message_of(load_triplets, path)


def test_decimal_commas_of_places_are_one_line(tmp_path, message_of):
    text = "image1;image2;image3;odd\n" + rows(lambda k: (";".join((*different(k), f"{k % 3 + 1},0")),))
    assert "'odd' seems to say which item is odd, but row 0 (from 0) holds '1,0'" in message_of(read, tmp_path, text)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("cell", ["inf", "-inf", "1e300"])
def test_a_number_that_no_item_has_is_one_line_with_its_row(tmp_path, cell):
    rows = [f"{k % 5},{(k + 1) % 5},{(k + 2) % 5}" for k in range(40)]
    rows[7] = f"1,2,{cell}"
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["item1,item2,odd", *rows]) + "\n")
    with pytest.raises(InputError) as caught:
        load_triplets(path, item_names=[f"object {k}" for k in range(5)])
    assert "\n" not in str(caught.value)
    assert describe_file(path).arrays
