"""What describe_file finds in files that others publish, and that the commands which it proposes read them."""

from __future__ import annotations

import json
import pickle
import shlex

import numpy as np
import pytest
from support import draw_triplets, reals

from pyalign.analysis.describe import file as module
from pyalign.analysis.describe.array import describe
from pyalign.analysis.describe.file import describe_file
from pyalign.data import TrainedOn, Transform
from pyalign.io import Spec, load_embeddings, load_triplets, read_answers, read_names, write_transform


def only(path):
    (found,) = describe_file(path).arrays
    return found


def options(command):
    """The words of a command line after each of its options."""
    words, found = shlex.split(command), {}
    for word in words[2:]:
        if word.startswith("--"):
            found[word] = []
        else:
            found[list(found)[-1]].append(word)
    return words[:2], {name: values[0] if values else True for name, values in found.items()}


def column(text):
    return int(text) if text.isdecimal() else text


def read_as_proposed(command):
    """`load_triplets` with the options of a command line."""
    start, given = options(command)
    assert start == ["pyalign", "score"] and given.pop("--embeddings") == "EMB"
    spec = Spec(given.pop("--triplets"))
    arguments = {"key": spec.key, "one_based": given.pop("--one-based", False)}
    if "--columns" in given:
        arguments["columns"] = tuple(map(column, given.pop("--columns").split(",")))
    for name in ("choice", "subject"):
        if f"--{name}-column" in given:
            arguments[f"{name}_column"] = column(given.pop(f"--{name}-column"))
    if "--choice-base" in given:
        arguments["choice_base"] = int(given.pop("--choice-base"))
    if "--task" in given:
        arguments["task"] = given.pop("--task")
    assert not given
    return load_triplets(spec.path, **arguments)


def things(tmp_path, name="t.csv", delimiter=",", t=60):
    """A table as THINGS publishes it, with persons as text."""
    rng = np.random.default_rng(0)
    items = draw_triplets(0, 30, t) + 1
    items[0] = 1, 2, 3
    choice = rng.integers(1, 4, t)
    lines = [delimiter.join(["image1", "image2", "image3", "choice", "subject_id", "RT", "note"])]
    for k, (row, which) in enumerate(zip(items.tolist(), choice.tolist(), strict=True)):
        lines.append(delimiter.join(map(str, [*row, which, f"A{k % 7}X", 0.5, "" if k % 2 else "NA"])))
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path, items, choice


@pytest.mark.parametrize(("name", "delimiter"), [("t.csv", ","), ("t.tsv", "\t"), ("my table's.csv", ";")])
def test_the_table_of_things_gets_the_whole_command(tmp_path, name, delimiter):
    path, items, choice = things(tmp_path, name, delimiter)
    found = only(path)
    assert (found.kind, found.shape, found.base, found.dtype) == ("triplets", (60, 7), 1, "int64")
    assert found.columns[:4] == ("image1", "image2", "image3", "choice")
    tail = "--columns image1,image2,image3 --choice-column choice --one-based --subject-column subject_id"
    assert found.command == f"pyalign score --embeddings EMB --triplets {shlex.quote(str(path))} {tail}"
    read = read_as_proposed(found.command)
    np.testing.assert_array_equal(read.values[:, 2], items[np.arange(60), choice - 1] - 1)
    assert read.subjects.labels == tuple(f"A{k}X" for k in range(7))


@pytest.mark.parametrize(
    ("lines", "tail", "first"),
    [
        (["8,3,5", "2,9,1"], "--one-based", [7, 2, 4]),
        (["8,3,5", "2,9,0"], "", [8, 3, 5]),
        (["i,j,odd", "8,3,5", "2,9,0"], "", [8, 3, 5]),
        (["odd,i,j", "8,3,5", "2,9,0"], "--columns i,j,odd", [3, 5, 8]),
        (["trial,odd_item,a,b", "1,8,3,5", "2,2,9,0"], "--columns a,b,odd_item", [3, 5, 8]),
        (["dog,cat,house", "cat,dog,bus", "bus,house,dog"], "", [2, 1, 3]),
        (["item1,item2,odd_item,worker", "dog,cat,bus,7", "cat,dog,bus,3"],
         "--columns item1,item2,odd_item --subject-column worker", [2, 1, 0]),
        (["dog cat bus", "cat dog bus", "bus dog cat"], "", [2, 1, 0]),
        (["anchor,positive,negative", "8,3,5", "2,9,0"], "--task anchored", [8, 3, 5]),
        (["left,right,ref,vote,worker", "8,3,5,0,ann", "2,9,0,1,bob"],
         "--task anchored --columns ref,left,right --choice-column vote --subject-column worker",
         [5, 8, 3]),
        (["reference,a,b,choice", "8,3,5,2", "2,9,1,1"],
         "--task anchored --columns reference,a,b --choice-column choice --one-based", [7, 4, 2]),
        (["item1,item2,item3,response,worker", "8,5,3,0,ann", "2,9,0,2,bob"],
         "--columns item1,item2,item3 --choice-column response --subject-column worker", [5, 3, 8]),
        (["item1,item2,item3,rt,odd_one", "8,5,3,9,8", "2,9,0,1,9"],
         "--columns item1,item2,item3 --choice-column odd_one", [5, 3, 8]),
        (["item1,item2,item3,correct_odd,response_time,odd", "8,5,3,5,0,2", "2,9,0,9,1,0"],
         "--columns item1,item2,item3 --choice-column odd", [8, 5, 3]),
    ],
)
def test_the_proposed_command_reads_the_triplets(tmp_path, lines, tail, first):
    path = tmp_path / "t.txt"
    path.write_text("\n".join(lines) + "\n")
    found = only(path)
    assert found.kind == "triplets"
    assert found.command == f"pyalign score --embeddings EMB --triplets {path} {tail}".rstrip()
    assert read_as_proposed(found.command).values[0].tolist() == first


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["8,3,5,1", "2,9,7,3"], "has 4 columns, and no header says which three hold the items"),
        (["8,3,5,21", "2,9,7,3", "2,8,7,21"], "has 4 columns, and no header says which three hold the items"),
        (["image1,image2,image3,choice", "8,3,5,1", "2,9,7,1"], "holds only 1, which fits both ways of counting"),
        (["item1,item2,item3,worker", "dog,cat,bus,7", "cat,dog,bus,3"], "no column is known to say which item is odd"),
        (["anchor,a,b,vote", "8,3,5,0.25", "2,9,0,0.75"], "'vote' seems to say which option was chosen, but row 0"),
    ],
)
def test_what_is_not_sure_is_not_proposed(tmp_path, lines, said):
    path = tmp_path / "t.txt"
    path.write_text("\n".join(lines) + "\n")
    found = only(path)
    assert (found.kind, found.command, found.layout) == ("triplets", None, None) and said in found.fault


def test_an_exported_experiment_is_read_by_the_item_that_was_chosen(tmp_path):
    path = tmp_path / "export.csv"
    rows = [f"{k},{a}.jpg,{b}.jpg,{c}.jpg,{b}.jpg,P{k % 2}" for k, (a, b, c) in enumerate(["abc", "bcd", "dab", "cda"])]
    text = "rt,image_1,image_2,image_3,odd_one,subject_id\n" + "\n".join(rows) + "\n"
    path.write_text(text)
    found = only(path)
    assert "--choice-column odd_one --subject-column subject_id" in found.command
    assert found.remarks == (
        "4 answers to which of three items is odd", "'image_1', 'image_2', 'image_3' hold 4 items by name",
        "'odd_one' holds the item itself, in all 4 rows", "'subject_id' holds 2 participants",
    )
    triplets = read_as_proposed(found.command)
    assert [triplets.names[item] for item in triplets.values[0]] == ["a.jpg", "c.jpg", "b.jpg"]
    path.write_text(text.replace("b.jpg,c.jpg,b.jpg", "b.jpg,c.jpg,"))
    found = only(path)
    assert found.layout is None and "in 3 rows; row 0 (from 0) is empty" in found.fault
    path.write_text(text.replace("odd_one", "stimulus"))
    assert "'stimulus' may say which item is odd; choice_column=column says which" in only(path).fault


@pytest.mark.parametrize("suffix", ["npy", "csv"])
def test_triplets_without_some_answers_are_still_triplets(tmp_path, suffix):
    values = draw_triplets(0, 30, 60).astype(float)
    values[7, 1] = np.nan
    path = tmp_path / f"t.{suffix}"
    np.save(path, values) if suffix == "npy" else np.savetxt(path, values, delimiter=",")
    found = only(path)
    told = "1 row holds NaN or infinity: an answer is missing"
    assert found.kind == "triplets" and found.remarks[-1].startswith(told)


def test_headers_that_a_command_line_cannot_hold_go_by_number(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('image1,image2,image3,"who, then",subject id\n8,3,5,1,a\n2,9,0,2,b\n')
    table = next(iter(module.contents(path)))
    assert module._called(table, [3]) == [3] and module._called(table, [4]) == ["subject id"]


@pytest.mark.parametrize("width", [3, 4])
@pytest.mark.parametrize("suffix", ["npy", "npz", "h5", "mat", "pt", "pkl", "parquet"])
def test_triplets_of_every_format(tmp_path, suffix, width):
    values = np.c_[draw_triplets(0, 30, 60), np.arange(60) % 5][:, :width].astype(np.int32)
    path = tmp_path / f"t.{suffix}"
    save(path, {"t": values})
    found = only(path)
    assert (found.kind, found.shape) == ("triplets", (60, width))
    np.testing.assert_array_equal(read_as_proposed(found.command).values, values[:, :3])


def save(path, arrays):
    """Several arrays in a file of a format that holds them; the first in one that does not."""
    one = next(iter(arrays.values()))
    if path.suffix == ".npy":
        np.save(path, one)
    elif path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            for key, a in arrays.items():
                file[key] = a.tolist() if a.dtype.kind == "U" else a
    elif path.suffix == ".mat":
        pytest.importorskip("scipy.io").savemat(path, arrays)
    elif path.suffix == ".pt":
        torch = pytest.importorskip("torch")
        torch.save({key: a.tolist() if a.dtype.kind == "U" else torch.from_numpy(a) for key, a in arrays.items()}, path)
    elif path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(arrays))
    else:
        pyarrow = pytest.importorskip("pyarrow")
        table = pyarrow.table({f"c{k}": one[:, k] for k in range(one.shape[1])})
        pytest.importorskip("pyarrow.parquet").write_table(table, path)


@pytest.mark.parametrize("suffix", ["npz", "h5", "mat", "pt", "pkl"])
def test_each_array_of_several_is_described(tmp_path, suffix):
    rdm = np.abs(reals(1, 12, 1) - reals(1, 12, 1).T)
    arrays = {
        "x": reals(0, 12, 7),
        "t": draw_triplets(0, 12, 40),
        "counts": np.random.default_rng(0).multinomial(20, [0.5, 0.3, 0.2], 40),
        "rdm": rdm,
        "names": np.array([f"n{k}" for k in range(12)]),
    }
    if suffix in ("mat", "pkl"):
        del arrays["names"]
    path = tmp_path / f"x.{suffix}"
    save(path, arrays)
    found = {one.key: one for one in describe_file(path).arrays}
    kinds = {"x": "embeddings", "t": "triplets", "counts": "answers", "rdm": "dissimilarities", "names": "names"}
    assert {key: one.kind for key, one in found.items()} == {key: kinds[key] for key in arrays}
    assert found["x"].names == (("n0", "n1", "n2") if "names" in arrays else None)
    assert found["rdm"].command is None
    _, given = options(found["x"].command)
    np.testing.assert_array_equal(load_embeddings(Spec(given["--embeddings"]).path, key="x"), arrays["x"])
    start, given = options(found["counts"].command)
    spec = Spec(given["--answers"])
    assert start == ["pyalign", "calibrate"]
    np.testing.assert_array_equal(read_answers(spec.path, key=spec.key), arrays["counts"])
    (one,) = describe_file(f"{path}::rdm").arrays
    assert one == found["rdm"]
    save(path, {"rdms": np.stack([rdm] * 3)})
    assert describe_file(path).arrays[0].remarks == ("3 matrices of 12 items, of as many people or models",)


def test_names_as_lines_of_words(tmp_path):
    path = tmp_path / "n.txt"
    for lines in (["ice cream", "dog", "a hot dog"], ["dog", "cat"], ["hot dog", "red car"], ["a b c", "d e f"]):
        path.write_text("\n".join(lines) + "\n")
        found = only(path)
        assert (found.kind, found.shape, found.first_row) == ("names", (len(lines),), tuple(lines))
        _, given = options(found.command)
        assert read_names(given["--names"]) == tuple(lines)


@pytest.mark.parametrize("name", ["x.csv", "x.tsv"])
def test_embeddings_with_names_and_an_index(tmp_path, name):
    path = tmp_path / name
    rows = [["", "name", "f0", "f1"], *([k, f"n{k}", k + 0.5, k / 7] for k in range(9))]
    path.write_text("\n".join(("," if name == "x.csv" else "\t").join(map(str, row)) for row in rows) + "\n")
    found = only(path)
    assert (found.kind, found.shape, found.names) == ("embeddings", (9, 2), ("n0", "n1", "n2"))
    assert found.remarks == ("column 0 counts the rows and is left out",)
    assert found.command == f"pyalign score --embeddings {path} --triplets TRIPLETS"


def test_a_name_for_each_row_beside_counts_is_no_subject(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("".join(f"n{k},{k},{k + 3},{2 * k + 1}\n" for k in range(12)))
    assert only(path).kind == "embeddings"


@pytest.mark.parametrize(
    ("text", "kind", "shape", "remark"),
    [
        ("kind,word,n\nanimal,dog,1.5\nanimal,cat,2.5\ntool,saw,3.5\n", "other", (3, 3),
         "no two rows share column 1: it may name them (--name-column)"),
        ("f0,f1\n0.5,\n1.5,2.5\n", "other", (2, 2), "line 2, column 2: '' is not a number"),
        ("object\tcategory\nsaw\ttool\napple\tfood\npear\tfood\n", "labels", (3,),
         "2 categories of named objects (--categories)"),
    ],
)
def test_a_table_of_words_says_what_they_may_be(tmp_path, text, kind, shape, remark):
    path = tmp_path / ("x.tsv" if "\t" in text else "x.csv")
    path.write_text(text)
    found = only(path)
    assert (found.kind, found.shape, found.remarks[-1]) == (kind, shape, remark)


def test_a_transform_says_what_it_maps_and_was_trained_on(tmp_path):
    path = tmp_path / "w.npz"
    x, t = reals(0, 30, 5), draw_triplets(0, 20, 90)
    write_transform(path, Transform(reals(1, 5, 2), None, 0.25, 2.0))
    found = only(path)
    assert (found.kind, found.shape, found.key) == ("transform", (5, 2), None)
    assert found.remarks[0] == "maps 5 features to 2: ((x - 0.25) / 2) @ weights, with no bias"
    assert found.remarks[1].startswith("nothing records what it was fitted to")
    assert found.command == f"pyalign score --embeddings EMB --triplets TRIPLETS --transform {path}"
    held_out = {"accuracy": 0.59, "over": "objects"}
    record = TrainedOn.of(x, t, measure="dot", temperature=0.5, held_out=held_out)
    write_transform(path, Transform(reals(1, 5, 2), reals(2, 2), 0.25, 2.0, record))
    found = only(path)
    assert found.remarks[1:] == (
        "fitted to 90 triplets of 20 items, for dot at temperature 0.5",
        "on what the fit has not seen: accuracy 0.5900, over objects",
    )
    assert only(f"{path}::weights").kind == "embeddings"


def test_what_can_not_be_read_is_listed_with_the_reason(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, x=reals(0, 5, 4), z=np.ones(3, complex), empty=np.empty((0, 2)), o=np.array([{}], object))
    found = {one.key: one for one in describe_file(path).arrays}
    assert [found[key].kind for key in ("x", "z", "empty", "o")] == ["embeddings", "other", "other", "other"]
    assert "complex128" in found["z"].remarks[0] and "(0, 2)" in found["empty"].remarks[0]
    assert "Python objects" in found["o"].remarks[0]


def test_a_file_of_very_many_arrays_is_described_in_part(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    np.savez(tmp_path / "x.npz", **{f"a{k}": np.eye(5) for k in range(8)})
    found = describe_file(tmp_path / "x.npz")
    assert (len(found.arrays), found.left_out) == (3, 5)


def test_the_facts_are_json(tmp_path):
    x = reals(0, 5, 4)
    x[0] = np.nan
    np.savez(tmp_path / "x.npz", x=x, names=np.array(list("abcde")))
    found = json.loads(json.dumps(describe_file(tmp_path / "x.npz").to_dict(), allow_nan=False))
    assert (found["left_out"], [one["kind"] for one in found["arrays"]]) == (0, ["embeddings", "names"])


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is empty (0 bytes)"), (b"1,2\n3,4\n5\n", "line 3 has 1 column"),
        (b"\xff\xfe1,2", "not UTF-8"), (b"\0\n", "NUL"),
    ],
)
def test_a_file_at_fault_is_refused_in_one_line(tmp_path, message_of, raw, said):
    path = tmp_path / "x.csv"
    path.write_bytes(raw)
    message = message_of(describe_file, path)
    assert message.startswith(f"{path}: ") and said in message
    with pytest.raises(FileNotFoundError):
        describe_file(tmp_path / "absent.npz")


KINDS = {
    "things/RDM48_triplet.mat": ["dissimilarities"],
    "things/category27.tsv": ["embeddings"],
    "things/clip_vit_b32.npy": ["embeddings"],
    "things/hard_440_choice_counts.npz": ["triplets", "answers"],
    "things/human_triplets_127304.npy": ["triplets"],
    "things/human_triplets_375429.npy": ["triplets"],
    "things/sortindex.txt": ["labels"],
    "things/spose_66d_labels.txt": ["names"],
    "things/spose_embedding_49d_sorted.txt": ["embeddings"],
    "things/things_concepts.tsv": ["other"],
    "things/unique_id.txt": ["names"],
    "objects92/alexnet_fc_92.npz": ["embeddings"] * 3,
    "objects92/kriegeskorte92_images_and_behaviour.npz": ["other", *["labels"] * 5, "dissimilarities"],
    "glocal/resnet18_avgpool_transform.npz": ["transform"],
}


@pytest.mark.parametrize("file", KINDS)
def test_published_files(data, file):
    found = describe_file(data / file).arrays
    assert [one.kind for one in found] == KINDS[file]
    for one in found:
        if one.kind == "triplets":
            assert read_as_proposed(one.command).values.shape == (one.shape[0], 3)


def test_labels_of_dimensions_are_not_called_names_of_objects(tmp_path):
    labels = np.array(["big", "red", "old"])
    np.savez(tmp_path / "embedding.npz", embeddings=np.random.default_rng(0).random((9, 3)), dimension_labels=labels)
    found = {one.key: one for one in describe_file(tmp_path / "embedding.npz").arrays}["dimension_labels"]
    assert found.command is None and found.remarks[0].startswith("labels of dimensions")


def test_rows_that_may_be_pairs_are_said_to_be_either_and_with_names_of_the_objects_are_pairs(tmp_path):
    path, pairs = tmp_path / "x.npz", np.abs(reals(1, 3, 15))
    np.savez(path, rdms=pairs)
    (found,) = describe_file(path).arrays
    may = "may be 3 condensed matrices of 6 objects, 6 x 5 / 2 numbers each (pyalign rsa --human)"
    assert found.kind == "embeddings" and may in found.remarks
    np.savez(path, rdms=pairs, names=[f"n{k}" for k in range(6)])
    found = describe_file(path).arrays[0]
    assert found.kind == "condensed matrices"
    assert found.remarks == ("each row is the pairs of the 6 objects that the file names",)
    assert found.command == f"pyalign rsa --embeddings EMB --human {path}::rdms --kind KIND"
    np.savez(path, rdms=pairs, names=["a", "b", "c"])
    assert describe_file(path).arrays[0].names == ("a", "b", "c")
    np.save(tmp_path / "x.npy", pairs[0])
    (found,) = describe_file(tmp_path / "x.npy").arrays
    assert found.kind == "labels"
    assert "may be a condensed matrix of 6 objects, 6 x 5 / 2 numbers each (pyalign rsa --human)" in found.remarks


@pytest.mark.parametrize("values", [-np.ones((3, 15)), np.ones((3, 14)), np.ones((16, 15)), np.ones((3, 15), int)])
def test_rows_that_are_no_pairs_are_not_said_to_be(values):
    assert not any("condensed" in remark for remark in describe(values).remarks)
