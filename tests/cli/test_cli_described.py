"""A data set that `pyalign describe --out` has described once: what is written, and that every command reads it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from support import draw_triplets, reals, strict_json

import pyalign
from pyalign.cli import COMMANDS, load
from pyalign.cli._command import declared
from pyalign.datasets.simulate import FILES, write_sample
from pyalign.extraction.images import as_images

N, T = 30, 900
PEOPLE = [f"person {k % 9}" for k in range(T)]
TYPED = {"columns": "0,1,2", "subject_column": "3", "names": "names.txt"}
# What each command that reads triplets needs besides them.
CALLS = {
    "score": ("x.npy",),
    "compare": ("x.npy", "y.npy"),
    "ceiling": (),
    "calibrate": ("x.npy", "--split", "triplets"),
    "failures": ("x.npy", "y.npy"),
    "concepts": ("x.npy", "--categories", "kinds.txt"),
    "consistency": ("x.npy", "y.npy"),
    "dimensions predict": ("x.npy", "--dimensions", "human.npy", "--dimension-labels", "labels.txt"),
    "probe": ("x.npy", "--folds", "2", "--penalty", "10"),
    "embed": ("--folds", "2", "--penalty", "0.01", "--sparsity", "0"),
    "recover": ("x.npy", "y.npy", "--simulations", "10", "--temperature", "1"),
    "plan experiment": ("x.npy", "y.npy", "--difference", "0.2"),
}


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Files of one data set in the working folder: answers with people, names, categories, dimensions."""
    monkeypatch.chdir(tmp_path)
    x = reals(1, N, 6)
    drawn = draw_triplets(11, N, T // 3)
    np.save("answers.npy", np.c_[np.repeat(drawn, 3, axis=0), np.arange(T) % 9 + 10].astype(np.int16))
    np.save("x.npy", x)
    np.save("y.npy", x + reals(3, N, 6))
    np.save("human.npy", np.abs(reals(4, N, 5)))
    Path("names.txt").write_text("".join(f"object {k}\n" for k in range(N)))
    Path("kinds.txt").write_text("tool\nfood\nbird\n" * (N // 3))
    Path("labels.txt").write_text("big\nred\nround\nold\nsoft\n")
    return tmp_path


@pytest.fixture
def written(command, lab):
    """``written("answers.npy", ...)``: the description of these files as it is read back, and the notes."""

    def run(*args):
        ran = command("describe", *args, "--out", "mine.toml")
        assert ran.code == 0, ran.err
        return dict(pyalign.load_dataset("mine.toml").read.__self__.description.document), ran.err

    return run


# What is written


def test_files_are_told_apart_and_described(written, lab):
    os.mkdir("pictures")
    for k in range(N):
        Path("pictures", f"object {k}.png").write_bytes(b"")
    found, notes = written("answers.npy", "names.txt", "human.npy", "labels.txt", "kinds.txt", "pictures")
    assert found == {
        "names": "names.txt",
        "images": "pictures",
        "triplets": {"file": "answers.npy", "columns": [0, 1, 2], "odd_column": "last", "one_based": False},
        "embeddings": {"file": "human.npy", "dimensions": "labels.txt"},
        "categories": {"file": "kinds.txt"},
    }
    assert "answers.npy: taken are the last item for the odd one" in notes
    text = Path("mine.toml").read_text()
    assert "# the columns of the three items, from 0 or by header" in text
    assert not [name for name in os.listdir() if name.endswith(".tmp")]


def test_the_sample_is_described_with_its_pictures(command, tmp_path):
    write_sample(tmp_path / "demo")
    files = [tmp_path / "demo" / name for name in FILES[:5]]
    assert command("describe", *files, "--out", tmp_path / "demo" / "mine.toml").code == 0
    found = pyalign.load_dataset(tmp_path / "demo" / "mine.toml")
    assert set(found.parts) == {"triplets", "embeddings", "categories", "names", "images"}
    assert as_images(found.images().source).names[0] == "gorilla.webp"


def test_a_table_with_a_header_is_described_without_assumptions(written, lab):
    Path("t.csv").write_text("image1,image2,image3,choice,subject_id\n1,2,3,1,a\n4,5,30,3,b\n")
    found, notes = written("t.csv", "names.txt")
    assert found["triplets"] == {
        "file": "t.csv", "columns": ["image1", "image2", "image3"], "choice_column": "choice",
        "subject_column": "subject_id", "one_based": True,
    }
    assert "taken" not in notes


def test_the_weights_of_a_design_are_described_and_used(written, command, lab):
    weights = np.where(np.arange(T) % 7 == 0, 4.0, 0.5)
    rows = [
        f"{i},{j},{k},{p},{w},1.0" for (i, j, k, p), w in zip(np.load("answers.npy").tolist(), weights, strict=True)
    ]
    Path("answers.csv").write_text("\n".join(["item1,item2,odd,who,weight,covered", *rows]))
    toml, _ = written("answers.csv")
    assert toml["triplets"]["weight_column"] == "weight"
    described = pyalign.load_triplets("mine.toml")
    np.testing.assert_array_equal(described.weights, weights)
    assert not any("is not used" in note for note in described.notes)
    fitted = "note: weighted answers: effective number of answers "
    for name in ("probe", "embed"):
        pytest.importorskip("scipy", reason="scipy is not installed")
        ran = command(name, *CALLS[name], "-t", "mine.toml")
        assert ran.code == 0 and f"{fitted}{described.weights.effective_number:,.1f}" in ran.err
    assert "--weights answers.csv::weight" in command("describe", "answers.csv").out
    Path("answers.csv").write_text(Path("answers.csv").read_text().replace(",0.5,", ",-0.5,", 1))
    os.remove("mine.toml")
    assert "weight_column" not in written("answers.csv")[0]["triplets"]  # such a column holds something else


def test_two_alternatives_are_described(written, lab):
    Path("t.csv").write_text("anchor,left,right,choice\na,b,c,0\nc,a,b,1\n")
    found, _ = written("t.csv")
    assert found["triplets"]["task"] == "anchored" and found["triplets"]["choice_column"] == "choice"
    assert pyalign.load_triplets("mine.toml").task == "anchored"


def test_items_that_count_from_one_are_said_where_it_cannot_be_known(written, lab):
    np.save("t.npy", draw_triplets(1, N, 200) + 1)
    found, notes = written("t.npy")
    assert found["triplets"]["one_based"] is True and "items go from 1 to 30 and are taken to count from 1" in notes
    os.unlink("mine.toml")
    found, notes = written("t.npy", "names.txt")
    assert found["triplets"]["one_based"] is True and "from 1 to" not in notes  # the last is number 30 of 30


def test_options_of_the_same_call_go_into_the_description(written, lab):
    found, notes = written("answers.npy", "--columns", "2,1,0", "--subject-column", "3", "--item-names", "names.txt")
    assert found["names"] == "names.txt"
    assert found["triplets"]["columns"] == [2, 1, 0] and found["triplets"]["odd_column"] == "last"
    assert "taken are" not in notes


def test_options_that_are_zero_go_into_the_description_too(written, lab):
    Path("t.csv").write_text("p,1,2,3,1\nq,4,5,6,2\np,7,8,9,1\n")
    found, _ = written(
        "t.csv",
        "-t",
        "t.csv",
        "--columns",
        "1,2,3",
        "--choice-column",
        "4",
        "--choice-base",
        "0",
        "--subject-column",
        "0",
    )
    assert (found["triplets"]["choice_base"], found["triplets"]["subject_column"]) == (0, 0)


def test_people_and_counts_in_files_of_their_own(written, lab):
    np.save("t.npy", draw_triplets(1, N, 50))
    Path("who.txt").write_text("ann\nbob\n" * 25)
    np.save("counts.npy", np.random.default_rng(0).multinomial(8, [0.2, 0.3, 0.5], 50))
    found, _ = written("t.npy", "who.txt", "counts.npy", "names.txt")
    assert (found["triplets"]["subjects"], found["triplets"]["answers"]) == ("who.txt", "counts.npy")


def test_arrays_of_one_file_and_several_triplets_go_by_key(written, lab):
    np.savez("all.npz", triplets=draw_triplets(1, N, 50), human=np.abs(reals(1, N, 4)))
    found, _ = written("all.npz", "answers.npy", "names.txt")
    assert found["embeddings"] == {"file": "all.npz", "key": "human"}
    assert set(found["triplets"]) == {"all", "answers"} and found["triplets"]["all"]["key"] == "triplets"
    assert len(pyalign.load_triplets("mine.toml", key="all")) == 50


def test_judged_similarities_are_described_with_their_kind(written, lab):
    rdm = np.abs(reals(1, N, N))
    rdm += rdm.T
    np.fill_diagonal(rdm, 0)
    np.save("rdm.npy", rdm)
    found, notes = written("rdm.npy", "names.txt")
    assert found["judgments"] == {"file": "rdm.npy", "kind": "dissimilarity"} and "kind in the description" in notes
    os.unlink("mine.toml")
    assert written("rdm.npy", "--kind", "similarity")[0]["judgments"]["kind"] == "similarity"


def test_what_may_be_two_things_is_one_line_that_says_what_would_tell(refused, written, lab):
    np.save("human.npy", np.abs(reals(4, N, N)))
    Path("labels.txt").write_text("".join(f"dimension-{k}\n" for k in range(N)))
    told = refused("describe", "answers.npy", "human.npy", "labels.txt", "--out", "mine.toml")
    assert told == (
        "labels.txt: holds 30 names, which may be the names of the objects (--item-names FILE) or what the columns of "
        "embeddings are called (--dimension-labels FILE): say which"
    )
    found, _ = written("answers.npy", "human.npy", "--dimension-labels", "labels.txt")
    assert found["embeddings"] == {"file": "human.npy", "dimensions": "labels.txt"} and "names" not in found
    Path("other.txt").write_text("a\nb\n")
    told = refused("describe", "answers.npy", "names.txt", "other.txt", "--out", "new.toml")
    assert told.startswith("other.txt: holds 2 names, as many as nothing else has; one of --item-names FILE")
    Path("again.txt").write_text(Path("names.txt").read_text())
    told = refused("describe", "x.npy", "names.txt", "again.txt", "--out", "new.toml")
    assert told == "names.txt: may be the names of the objects, and so may again.txt: --item-names FILE says which"


@pytest.mark.parametrize(
    "args,told",
    [
        (("answers.npy", "--columns", "0,1,9"), "answers.npy: has columns 0 to 3; got column 9"),
        (("answers.npy", "names.txt", "--one-based"), "triplets hold a 0, so they are not 1-based"),
        (
            ("names.txt", "--columns", "0,1,2"),
            "columns must be said of one file of triplets (--triplets T says which it is); got 0",
        ),
        (("answers.npy", "--item-names", "labels.txt"), "must lie in [0, 5), the named items"),
        (("answers.npy", "--subjects", "labels.txt"), "must have as many entries as there are triplets in one file"),
        (("map.npz",), "described files must hold a part of a data set; none of them does"),
        (("absent.npy",), "absent.npy: No such file or directory"),
    ],
)
def test_what_does_not_fit_is_one_line_and_nothing_is_written(refused, lab, args, told):
    np.savez("map.npz", weights=np.eye(6), bias=np.zeros(6), mean=0.0, std=1.0)
    assert told in refused("describe", *args, "--out", "mine.toml")


def test_options_of_a_description_need_write(refused, lab):
    told = refused("describe", "answers.npy", "--columns", "0,1,2")
    assert told == "--columns 0,1,2 applies only to the description of a data set: add --out PATH.toml"


def test_a_file_that_is_there_is_never_replaced(refused, command, lab):
    Path("mine.toml").write_text("mine\n")
    told = refused("describe", "answers.npy", "--out", "mine.toml")
    assert told == "--out mine.toml is there already and is not replaced: remove it, or write to another"
    os.symlink("nowhere.toml", "link.toml")
    assert "is there already" in refused("describe", "answers.npy", "--out", "link.toml")
    assert command("describe", "answers.npy", "--out", "mine.txt").code == 2


def test_files_elsewhere_and_links_out_of_the_folder_are_refused(refused, command, lab):
    os.makedirs("data/below")
    os.rename("answers.npy", "data/below/answers.npy")
    told = refused("describe", "names.txt", "--out", "data/mine.toml")
    assert told.startswith("names.txt: is outside the folder of data/mine.toml: a description names files of its own")
    os.symlink("../names.txt", "data/names.txt")
    assert "data/names.txt: is outside the" in refused("describe", "data/names.txt", "--out", "data/mine.toml")
    assert command("describe", "data/below/answers.npy", "--out", "data/mine.toml").code == 0
    assert pyalign.load_dataset("data/mine.toml").triplets().source == "data/mine.toml"
    assert 'file = "below/answers.npy"' in Path("data/mine.toml").read_text()
    os.symlink("below", "data/link")  # a link within the folder
    os.unlink("data/mine.toml")
    assert command("describe", "data/link/answers.npy", "--out", "data/mine.toml").code == 0


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb]\n[c", "# a", "a'b", "\x1b[1mred", "{0}", "naïve 猫"])
def test_hostile_names_of_files_and_columns_stand_in_quotes(command, lab, name):
    header = [f"{name} {k}".replace("\n", " ").replace('"', '""') for k in range(3)]
    quoted = ",".join(f'"{one}"' for one in header)
    Path(f"{name}.csv").write_text(f"{quoted},odd\n1,2,3,1\n4,5,6,2\n7,8,9,0\n")
    ran = command("describe", f"./{name}.csv", "--columns", "0,1,2", "--choice-column", "odd", "--out", "mine.toml")
    assert ran.code == 0, ran.err
    assert len(pyalign.load_triplets("mine.toml")) == 3
    assert "\x1b" not in Path("mine.toml").read_text() + ran.err


def test_a_name_that_is_no_text_is_refused(refused, lab):
    name = os.fsdecode(b"\xff.npy")
    os.rename("answers.npy", name)
    assert "has a name that is no UTF-8 text" in refused("describe", name, "--out", "mine.toml")
    os.rename(name, "dataset:x.npy")
    told = refused("describe", "./dataset:x.npy", "--out", "mine.toml")
    assert "triplets.file must be a path in the folder of this file" in told


def test_several_files_are_one_document(command, lab):
    document = strict_json(command("describe", "answers.npy", "names.txt", "--json").out)
    assert document["command"] == "descriptions"
    assert [one["file"] for one in document["files"]] == ["answers.npy", "names.txt"]
    np.savez("all.npz", x=reals(1, N, 6), t=draw_triplets(1, N, 50))
    assert command("describe", "all.npz", "names.txt", "--csv", "all.csv").code == 0
    rows = [line.split(",")[:2] for line in Path("all.csv").read_text().splitlines()]
    assert rows == [["file", "kind"], ["all.npz", "embeddings"], ["all.npz", "triplets"], ["names.txt", "names"]]


# How it is read


def without(value, *names):
    """Without what says where a result comes from: the names of files, and the record."""
    if isinstance(value, dict):
        return {key: without(one, *names) for key, one in value.items() if key not in names}
    return [without(one, *names) for one in value] if isinstance(value, list) else value


def flag(name):
    return "--" + name.replace("_", "-")


def test_the_list_above_has_every_command_that_reads_triplets():
    reading = {name for name in COMMANDS if "triplets" in {one.name for one, _ in declared(load(name).options)}}
    assert reading - {"describe", "plot"} == set(CALLS)  # a picture has a test of its own


@pytest.mark.parametrize("name", CALLS)
def test_a_described_data_set_gives_what_the_typed_options_give(command, written, name):
    if name in ("calibrate", "probe", "embed"):
        pytest.importorskip("scipy", reason="scipy is not installed")
    written("answers.npy", "names.txt", "--categories", "kinds.txt", "--subject-column", "3")
    known = {one.name for one, _ in declared(load(name).options)}
    typed = [word for option, value in TYPED.items() if option in known for word in (flag(option), value)]
    documents = []
    for given in (("answers.npy", *typed), ("mine.toml",)):
        ran = command(*name.split(), *CALLS[name], "-t", *given, "--json")
        assert ran.code == 0, ran.err
        documents.append(
            without(json.loads(ran.out), "provenance", "triplets", "pilot", "seconds", "triplets_per_second")
        )
    assert documents[0] == documents[1]


@pytest.mark.parametrize("table", ["weight", "probability"])
@pytest.mark.parametrize("name", CALLS)
def test_weights_of_a_design_that_are_not_used_are_noted(command, lab, name, table):
    """Answers in the table of a design: 30.8% where 53.2% is true, without a word."""
    if name in ("calibrate", "probe", "embed"):
        pytest.importorskip("scipy", reason="scipy is not installed")
    answers, extra = np.load("answers.npy"), {"weight": "weight", "probability": "probability,covered"}[table]
    rows = [",".join(map(str, [*row, 0.25, 1.0][: 4 + len(extra.split(","))])) for row in answers.tolist()]
    Path("answers.csv").write_text("\n".join([f"a,b,odd,who,{extra}", *rows]))
    known = {one.name for one, _ in declared(load(name).options)}
    who = ("--subject-column", "who") if "subject_column" in known else ()
    ran = command(*name.split(), *CALLS[name], "-t", "answers.csv", "--columns", "a,b,odd", *who, "--json")
    assert ran.code == 0, ran.err
    told = f"answers.csv: its column '{table}' is not used, so that all answers count the same"
    assert told in ran.out and told in ran.err  # in the document too, which --quiet does not silence
    if table == "weight" and "weights" in known:
        ran = command(*name.split(), *CALLS[name], "-t", "answers.csv", "--columns", "a,b,odd", *who, "--weights",
                      "answers.csv", "--json")
        assert ran.code == 0 and "is not used" not in ran.out + ran.err


# The same, of answers that are names: more calls, since rows of human dimensions have no names of their own either.
OF_NAMES = {name: (name, *words) for name, words in CALLS.items()} | {
    "concepts of dimensions": ("concepts", "x.npy", "--dimensions", "human.npy"),
    "consistency of dimensions": ("consistency", "x.npy", "y.npy", "--dimensions", "human.npy"),
    "embed against": ("embed", "--folds", "2", "--penalty", "0.01", "--sparsity", "0", "--baseline", "x.npy"),
    "calibrate to people": ("calibrate", "x.npy", "--human", "y.npy"),
}


@pytest.mark.parametrize("name", OF_NAMES)
def test_rows_without_names_have_the_described_ones_if_answers_are_names(command, lab, name):
    answers = np.load("answers.npy")
    with open("table.csv", "w") as file:
        file.write("first,second,odd,who\n")
        file.writelines(f"object {i},object {j},object {k},p{p}\n" for i, j, k, p in answers)
    layout = ("--columns", "first,second,odd", "--subject-column", "who")
    assert command("describe", "--triplets", "table.csv", "names.txt", *layout, "--out", "mine.toml").code == 0
    words, *rest = OF_NAMES[name]
    named = () if words in ("ceiling", "embed") and "--baseline" not in rest else ("--names", "names.txt")
    documents = []
    for given in (("table.csv", *layout, *named), ("mine.toml",)):
        ran = command(*words.split(), *rest, "-t", *given, "--json")
        assert ran.code == 0, ran.err
        documents.append(
            without(json.loads(ran.out), "provenance", "triplets", "pilot", "seconds", "triplets_per_second")
        )
    assert documents[0] == documents[1]


def test_a_picture_of_described_triplets_has_the_same_numbers(command, written):
    pytest.importorskip("altair", reason="altair is not installed")
    written("answers.npy", "names.txt")
    np.save("three.npy", np.load("answers.npy")[:, :3])
    tables = []
    for given in ("three.npy", "mine.toml"):
        ran = command("plot", "--chart", "cards", "--dimensions", "human.npy", "--names", "names.txt", "-t", given,
                      "--out", "cards.html", "--csv", "cards.csv")
        assert ran.code == 0, ran.err
        tables.append(Path("cards.csv").read_text())
    assert tables[0] == tables[1]


@pytest.mark.parametrize("words", [
    ("plot", "--chart", "cards", "--names", "names.txt", "--out", "cards.html", "--csv", "out.csv"),
    ("neighbors", "objects", "x.npy", "-k", "3", "--permutations", "0", "--names", "names.txt", "--csv", "out.csv"),
])
def test_dimensions_have_the_labels_that_are_described(command, written, words):
    if words[0] == "plot":
        pytest.importorskip("altair", reason="altair is not installed")
    written("answers.npy", "names.txt", "human.npy", "labels.txt")
    tables = []
    for given in (("human.npy", "--dimension-labels", "labels.txt"), ("mine.toml",)):
        ran = command(*words, "--dimensions", *given)
        assert ran.code == 0, ran.err
        tables.append(Path("out.csv").read_text())
    assert tables[0] == tables[1] and "round" in tables[0]


def test_parts_are_named_by_the_description_with_a_key_or_without(command, written):
    written("answers.npy", "names.txt", "human.npy", "labels.txt", "kinds.txt", "--subject-column", "3")
    typed = (
        "answers.npy",
        "--columns",
        "0,1,2",
        "--subject-column",
        "3",
        "--names",
        "names.txt",
        "--dimensions",
        "human.npy",
        "--dimension-labels",
        "labels.txt",
    )
    described = ("mine.toml", "--dimensions", "mine.toml", "--categories", "mine.toml")
    documents = []
    for given in ((*typed, "--categories", "kinds.txt"), described):
        ran = command("concepts", "x.npy", "-t", *given, "--json")
        assert ran.code == 0, ran.err
        documents.append(without(json.loads(ran.out), "provenance", "triplets", "dimensions", "notes"))
    assert documents[0] == documents[1]
    text = Path("mine.toml").read_text().replace("[categories]", "[categories.by-eye]")
    Path("keyed.toml").write_text(text)
    ran = command("score", "x.npy", "-t", "keyed.toml", "--categories", "keyed.toml::by-eye", "--json")
    assert ran.code == 0 and '"bird"' in ran.out
    assert command("score", "keyed.toml", "-t", "keyed.toml", "--names", "keyed.toml", "--json").code == 0


def test_images_are_named_by_the_description(command, lab):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    os.mkdir("pictures")
    for name in ("b.png", "a.png"):
        image.new("RGB", (8, 8)).save(Path("pictures", name))
    assert command("describe", "pictures", "--out", "mine.toml").code == 0
    assert command("extract", "--images", "mine.toml", "--model", "pixels:4", "--out", "px").code == 0
    assert pyalign.load_embeddings("px").names == ("a.png", "b.png")


def test_rows_without_names_are_in_the_described_order_if_they_are_as_many(command, refused, written):
    _, notes = written("answers.npy", "names.txt")
    assert "names.txt: names the objects, in the order of their numbers and of rows that have no names" in notes
    ran = command("score", "x.npy", "-t", "mine.toml")
    assert ran.code == 0 and "order" not in ran.err.replace("is the order of rows right", "")
    np.save("many.npy", reals(1, N + 1, 4))
    told = refused("score", "many.npy", "-t", "mine.toml")
    assert told == "many.npy: has 31 rows and no names, 30 items are named: which row is whose?"


def test_an_option_wins_over_the_description_and_is_noted(command, written):
    written("answers.npy", "names.txt", "--subject-column", "3")
    Path("who.txt").write_text("".join(f"p{k % 4}\n" for k in range(T)))
    Path("others.txt").write_text("".join(f"thing {k}\n" for k in range(N)))
    ran = command(
        "score", "x.npy", "-t", "mine.toml", "--columns", "1,0,2", "--subjects", "who.txt", "--item-names",
        "others.txt", "--json", "s.json",
    )
    assert ran.code == 0
    assert "note: mine.toml: --columns 1,0,2 is used, not its columns (0, 1, 2)" in ran.err
    assert "note: mine.toml: --subjects who.txt is used, not its own" in ran.err
    assert "note: mine.toml names the items; other names were given, and are used" in ran.err
    ran = command("score", "x.npy", "-t", "mine.toml", "--columns", "0,1,2", "--subject-column", "3")
    assert ran.code == 0 and "is used" not in ran.err


def test_that_answers_are_not_recorded_is_said_by_the_description(command, refused, written):
    written("answers.npy", "--choice-column", "none", "--item-names", "names.txt")
    assert refused("compare", "x.npy", "y.npy", "-t", "mine.toml").endswith(
        "compare needs human choices, which mine.toml says are not recorded"
    )
    assert "mine.toml leaves no answers to fit to" in refused("calibrate", "x.npy", "-t", "mine.toml")
    alone = command("score", "x.npy", "-t", "mine.toml").out
    assert alone == command("score", "x.npy", "-t", "answers.npy", "--columns", "0,1,2", "--choice-column", "none").out
    assert "--ceiling needs human choices, which mine.toml" in refused(
        "score", "x.npy", "-t", "mine.toml", "--ceiling", "0.7"
    )


def test_all_files_are_recorded_with_their_hashes(command, written):
    from hashlib import sha256

    written("answers.npy", "names.txt", "human.npy", "labels.txt")
    assert command("concepts", "x.npy", "-t", "mine.toml", "--dimensions", "mine.toml", "--out", "out", "--figures",
                   "none", "--json", "c.json").code == 0
    for path in ("c.json", "out/concepts.json"):
        inputs = json.loads(Path(path).read_text())["provenance"]["inputs"]
        recorded = {one["source"]: one["sha256"] for one in inputs if one["name"] == "described file"}
        files = ("mine.toml", "answers.npy", "names.txt", "human.npy", "labels.txt")
        assert recorded == {name: sha256(Path(name).read_bytes()).hexdigest() for name in files}


def test_a_page_takes_the_parts_of_a_described_data_set_for_what_they_are(command, written):
    pytest.importorskip("altair", reason="altair is not installed")
    written("answers.npy", "names.txt", "human.npy", "labels.txt", "kinds.txt")
    options = ("-t", "mine.toml", "--dimensions", "mine.toml", "--categories", "mine.toml")
    assert command("concepts", "mine.toml", "x.npy", *options, "--json", "c.json").code == 0
    assert command("score", "x.npy", "-t", "mine.toml", "--json", "s.json").code == 0
    ran = command("report", "c.json", "s.json", "--out", "page.html")
    assert ran.code == 0 and "not the same" not in ran.err
    assert "described file" in Path("page.html").read_text()


def test_outputs_that_would_replace_a_described_file_are_refused(refused, written):
    written("answers.npy", "names.txt")
    told = refused("score", "x.npy", "-t", "mine.toml", "--choices", "answers.npy")
    assert told == "--choices answers.npy is the same file as answers.npy of mine.toml"


@pytest.mark.parametrize("changed", ["mine.toml", "names.txt", "answers.npy"])
def test_a_described_file_that_changes_meanwhile_is_an_error(written, lab, changed):
    from pyalign.cli._inputs import unchanged

    written("answers.npy", "names.txt")
    options = load("score").options(embeddings=(), triplets=pyalign.io.paths.Spec("mine.toml"))
    with unchanged("score", options) as check:
        check()
        os.utime(changed, ns=(1, 1))
        shown = changed if changed == "mine.toml" else f"mine.toml: {changed}"
        with pytest.raises(pyalign.errors.InputError, match=f"^{shown}: was changed while it was read$"):
            check()
        os.utime(changed)


def test_a_described_file_that_is_missing_is_one_line(refused, written):
    written("answers.npy", "names.txt")
    os.unlink("names.txt")
    assert refused("score", "x.npy", "-t", "mine.toml") == "mine.toml: 'names.txt' is not there, in ."
    Path("mine.toml").write_text("[triplets]\nfile = 3\n")
    told = refused("score", "x.npy", "-t", "mine.toml")
    assert told.startswith("mine.toml: triplets.file must be a path in the folder of this file") and told.endswith(
        "got 3"
    )
    Path("mine.toml").write_text('names = "names.txt"\n')
    assert refused("score", "x.npy", "-t", "mine.toml") == "mine.toml: has no triplets; it has names"


def test_rows_without_names_have_those_of_the_description_also_where_triplets_are_names(written, command, lab):
    names = Path("names.txt").read_text().splitlines()
    items = [",".join(names[item] for item in row) for row in np.load("answers.npy")[:, :3]]
    Path("named.csv").write_text("image1,image2,image3\n" + "\n".join(items) + "\n")
    written("named.csv", "names.txt")
    on = ("score", "x.npy", "--ci", "none", "--json", "--quiet")
    ran, numbered = command(*on, "-t", "mine.toml"), command(*on, "-t", "answers.npy", "--columns", "0,1,2")
    assert ran.code == 0, ran.err
    accuracies = [json.loads(one.out)["results"][0]["accuracy"] for one in (ran, numbered)]
    assert accuracies[0] == accuracies[1]
