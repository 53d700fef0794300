"""`pyalign describe`: as text and as JSON, for each kind of file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pyalign.analysis.describe.file import describe_file

KEYS = {
    "kind", "shape", "dtype", "smallest", "largest", "base", "duplicate_rows", "repeated_items", "nan_rows",
    "zero_rows", "first_row", "remarks", "key", "names", "columns", "command",
}


def no_constant(name):
    raise AssertionError(f"{name} is not JSON")


@pytest.fixture
def described(command, folder):
    """``described("t.npy")``: the one array of the JSON document, what is not known as None; the text of the same file
    is checked to hold its figures."""

    def run(name):
        ran = command("describe", name, "--json")
        assert (ran.code, ran.err) == (0, "")
        whole = json.loads(ran.out, parse_constant=no_constant)
        assert (whole["command"], whole["file"], whole["left_out"]) == ("describe", name, 0)
        (found,) = whole["arrays"]
        assert found.keys() <= KEYS
        document = {key: found.get(key) for key in KEYS}
        text = command("describe", name)
        assert (text.code, text.err) == (0, "")
        facts = dict(line.strip().split("  ", 1) for line in text.out.splitlines()[1:] if "  " in line.strip())
        facts = {key: value.strip() for key, value in facts.items()}
        rows, columns = document["shape"]
        assert text.out.splitlines()[0] == name
        assert facts["shape"] == f"{rows:,} x {columns:,}"
        assert facts["dtype"] == document["dtype"]
        for key in ("duplicate_rows", "nan_rows", "zero_rows", "repeated_items"):
            label = key.replace("_", " ").replace("nan", "NaN")
            assert facts.get(label) == (None if document[key] is None else f"{document[key]:,}")
        assert document["kind"] in facts["seems"]
        assert all(remark in text.out for remark in document["remarks"])
        assert document["command"] is None or document["command"] in text.out
        return document

    return run


@pytest.mark.parametrize("one", [0, 1])
@pytest.mark.parametrize("suffix", ["npy", "csv"])
def test_triplets_and_their_base(described, triplets, one, suffix):
    np.save("a.npy", triplets + one)
    np.savetxt("a.csv", triplets + one, fmt="%d", delimiter=",")
    found = described(f"a.{suffix}")
    assert (found["kind"], found["shape"], found["base"]) == ("triplets", [400, 3], one)
    assert (found["smallest"], found["largest"]) == (one, 29 + one)
    assert found["first_row"] == (triplets[0] + one).tolist()
    assert any("--one-based" in remark for remark in found["remarks"]) == bool(one)


def test_triplets_whose_smallest_item_tells_no_base(described, triplets):
    np.save("a.npy", triplets + 7)
    assert described("a.npy")["base"] is None


def test_triplets_as_floats(described, triplets):
    np.save("a.npy", triplets.astype(np.float64))
    found = described("a.npy")
    assert (found["kind"], found["dtype"]) == ("triplets", "float64")
    assert any("float" in remark for remark in found["remarks"])


def test_four_columns_ask_who_answered_or_which_three_are_items(described, triplets):
    np.save("a.npy", np.c_[triplets, np.arange(400) % 7])
    found = described("a.npy")
    assert (found["kind"], found["shape"]) == ("triplets", [400, 4])
    assert "column 3 is not used: --subject-column K says who answered" in found["remarks"]
    np.save("a.npy", np.c_[np.arange(400) % 7, triplets])
    assert any("--columns" in remark for remark in described("a.npy")["remarks"])


def test_repeated_items_and_duplicate_rows_of_triplets(described, triplets):
    triplets[[3, 9, 11]] = [5, 5, 6], [7, 1, 7], [2, 8, 8]
    triplets[20:24] = triplets[0]
    np.save("a.npy", triplets)
    found = described("a.npy")
    assert found["repeated_items"] == 3
    assert found["duplicate_rows"] == 400 - len(np.unique(triplets, axis=0)) >= 4


def test_triplets_of_names(described):
    with open("a.csv", "w", encoding="utf-8") as file:
        file.write("dog,cat,house\ncat,dog,bus\nbus,süß,dog\n")
    found = described("a.csv")
    assert (found["kind"], found["shape"]) == ("triplets", [3, 3])
    assert found["names"] == ["bus", "cat", "dog"]
    assert found["first_row"] == [2, 1, 3]  # their places among the sorted names


def test_embeddings_with_nan_zero_and_duplicate_rows(described, x):
    x[[2, 3]] = np.nan
    x[4, 1] = -np.inf
    x[[5, 6, 7]] = 0
    x[8] = x[9]
    np.save("a.npy", x)
    found = described("a.npy")
    assert (found["kind"], found["dtype"], found["shape"]) == ("embeddings", "float32", [30, 6])
    assert (found["nan_rows"], found["zero_rows"]) == (3, 3)
    assert found["duplicate_rows"] == 4  # one of NaN, two of zeros, one of numbers
    assert (found["base"], found["repeated_items"]) == (None, None)
    finite = x[np.isfinite(x)]
    assert (found["smallest"], found["largest"]) == (pytest.approx(finite.min()), pytest.approx(finite.max()))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_first_row_of_nan_is_still_json(described, x, value):
    x[0] = value
    np.save("a.npy", x)
    assert described("a.npy")["nan_rows"] == 1


def test_embeddings_of_nan_alone_have_no_range(described, x):
    np.save("a.npy", np.full_like(x, np.nan))
    found = described("a.npy")
    assert (found["smallest"], found["largest"], found["nan_rows"]) == (None, None, 30)


def test_clean_embeddings_need_no_remark(described):
    found = described("x.npy")
    assert (found["kind"], found["remarks"]) == ("embeddings", [])


def test_embeddings_with_names(described, x):
    with open("a.csv", "w") as file:
        file.writelines(f"n{k},{','.join(map(str, row))}\n" for k, row in enumerate(x.tolist()))
    found = described("a.csv")
    assert (found["names"], found["shape"]) == (["n0", "n1", "n2"], [30, 6])


def test_a_similarity_matrix(described, x):
    np.save("a.npy", x @ x.T)
    found = described("a.npy")
    assert found["kind"] == "similarities"
    assert found["shape"] == [30, 30]


def test_a_matrix_of_distances_is_not_called_similarities_without_a_word(described, x):
    np.save("a.npy", np.linalg.norm(x[:, None] - x, axis=2))
    found = described("a.npy")
    assert found["kind"] == "dissimilarities"
    assert any("distance" in remark or "dissimilarit" in remark for remark in found["remarks"])


def test_an_array_of_a_file_of_several(described, x, triplets):
    np.savez("several.npz", x=x, t=triplets)
    assert described("several.npz::t")["kind"] == "triplets"
    assert described("several.npz::x")["kind"] == "embeddings"


@pytest.mark.parametrize("lines", [["object 0", "object 1", "object 2"], ["dog 7", "dog 8"]])
def test_lines_of_a_word_and_a_number_are_names(folder, lines):
    Path("names.txt").write_text("\n".join(lines) + "\n")
    found = describe_file("names.txt").arrays[0]
    assert (found.kind, tuple(found.first_row)) == ("names", tuple(lines))


@pytest.mark.parametrize(
    "text", ["ant 1.5\nant 2.5\nbee 3.5\n", "ant 1\nbee 2\ncup 3\n", "ant 1 2\nant 3 4\nbee 5 6\n"]
)
def test_rows_with_names_before_them_are_embeddings(described, text):
    Path("x.txt").write_text(text)
    assert described("x.txt")["kind"] == "embeddings"


def test_parquet_triplets(described, triplets):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table(dict(zip("abc", triplets.T, strict=True))), "t.parquet")
    assert described("t.parquet")["kind"] == "triplets"


@pytest.mark.parametrize(
    "name,kind,shape",
    [
        ("things/human_triplets_127304.npy", "triplets", [127304, 4]),
        ("things/clip_vit_b32.npy", "embeddings", [1854, 512]),
        ("things/spose_embedding_66d_sorted.txt", "embeddings", [1854, 66]),
    ],
)
def test_real_files(described, data, name, kind, shape):
    found = described(str(data / name))
    assert (found["kind"], found["shape"], found["nan_rows"]) == (kind, shape, 0)


def test_the_zero_row_of_the_real_features_is_found(described, data):
    assert described(str(data / "things" / "efficientnet_lite0_logits.npy"))["zero_rows"] == 1


def test_a_wide_table_does_not_list_every_column(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    header = ",".join(["word", *(f"f{k}" for k in range(300))])
    rows = [",".join([f"w{row}", *(["0.5"] * 299), str(row)]) for row in range(4)]
    (tmp_path / "x.csv").write_text("\n".join([header, *rows]) + "\n")
    assert "columns         word, f0, f1, " in command("describe", "x.csv").out
    assert "f18 and 281 more\n" in command("describe", "x.csv").out


def test_ratings_of_pairs_of_words_are_counted_by_their_rows(command, folder):
    pairs = [(a, b) for a in "cdghop" for b in "cdghop" if a < b]
    (folder / "pairs.csv").write_text(
        "word1,word2,score\n" + "".join(f"{a},{b},{k / 9}\n" for k, (a, b) in enumerate(pairs))
    )
    shown = command("describe", "pairs.csv").out
    assert "ratings of pairs" in shown and "15 x 3" in shown
