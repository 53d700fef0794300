"""`pyalign rsa`: what it prints and writes is what the function returns; bad input of every kind is one line."""

from __future__ import annotations

import os

import numpy as np
import pytest
from support import reals, strict_json

import pyalign

N, P = 14, 4


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Rows a.npy and b.csv (with names, in another order), matrices of people, and two models' matrices."""
    monkeypatch.chdir(tmp_path)
    a, b = reals(1, N, 5), reals(2, N, 4)
    names = [f"object {k}" for k in range(N)]
    people = np.stack([1 - pyalign.similarity(a + 0.7 * reals(3 + k, N, 5), measure="pearson") for k in range(P)])
    np.save("a.npy", a)
    np.savez("people.npz", rdms=people, more=people[:2], names=np.array(names))
    np.save("mean.npy", people.mean(axis=0))
    np.save("stack.npy", people[:2])
    order = np.random.default_rng(0).permutation(N)
    rows = (",".join([names[k], *map(repr, map(float, b[k]))]) for k in order)
    (tmp_path / "b.csv").write_text("name,x,y,z,w\n" + "\n".join(rows) + "\n")
    (tmp_path / "names.txt").write_text("\n".join(names) + "\n")
    return {"a": a, "b": b, "people": people, "names": tuple(names)}


HUMAN = ("--human", "people.npz::rdms", "--kind", "dissimilarity")
QUICK = ("--resamples", 40)


def document(ran):
    assert ran.code == 0, ran.err
    return strict_json(ran.out)


def test_the_document_is_what_the_function_returns(command, files):
    how = ("--measure", "pearson", "cosine", "--correlation", "spearman", "pearson")
    ran = command("rsa", "a.npy", "b.csv", *HUMAN, *how, *QUICK, "--permutations", 30, "--matrix", "stack.npy",
                  "--json")
    found = document(ran)
    human = pyalign.RDMs(files["people"], "dissimilarity", files["names"])
    x = {"a.npy": files["a"], "b.csv": pyalign.Embeddings(files["b"].astype(np.float64), files["names"])}
    rdms = {f"stack.npy[{k}]": files["people"][k] for k in range(2)}
    expected = pyalign.rsa(x, human, measure=["pearson", "cosine"], correlation=["spearman", "pearson"],
                           ci=pyalign.Resampling("auto", n_resamples=40), n_permutations=30,
                           matrix=rdms)
    for key in ("results", "pairs"):
        theirs = strict_json(expected.to_json())[key]
        assert len(found[key]) == len(theirs) > 0
        for one, other in zip(found[key], theirs, strict=True):
            assert one.keys() == other.keys()
            assert one.get("value") == pytest.approx(other.get("value"), abs=1e-12)
            assert one.get("standard_error") == pytest.approx(other.get("standard_error"), abs=1e-9)
    assert (found["human"], found["kind"], found["n_people"]) == ("people.npz::rdms", "dissimilarity", P)
    assert [one["name"] for one in found["provenance"]["inputs"]][:2] == ["a.npy", "b.csv"]
    assert "row i is taken for object i" in ran.err  # a.npy has no names
    assert "b.csv" not in ran.err  # b.csv has, and they are found


def test_the_table_never_shows_the_ceiling_beside_the_correlation_with_the_mean(command, files):
    ran = command("rsa", "a.npy", "b.csv", *HUMAN, *QUICK, "--labels", "first", "second")
    assert ran.code == 0
    blocks = ran.out.split("\n\n")
    assert blocks[0].startswith("correlation with the mean matrix of the participants") and "ceiling" not in blocks[0]
    assert blocks[1].startswith("mean over participants of the correlation with each, and its noise ceiling")
    assert "first" in blocks[0] and "second" in blocks[1] and "their ranks" in blocks[1]
    assert "14 objects, 91 pairs; 4 participants" in " ".join(blocks[0].split())
    assert "intervals (dual bootstrap, 40 resamples, seed 0) over objects and participants" in " ".join(ran.out.split())
    assert "first - second" in blocks[4] and blocks[4].startswith("differences of correlations with the mean matrix")
    assert "first - second" in blocks[5] and blocks[5].startswith("differences of means over participants")


def test_labels_cannot_break_a_table(command, files):
    args = ("--human", "mean.npy", "--kind", "dissimilarity", "--ci", "none", "--labels", "two\nlines\x1b[31m")
    ran = command("rsa", "a.npy", *args)
    assert "two\\nlines\\x1b[31m" in ran.out and "\x1b" not in ran.out


def test_one_matrix_says_nothing_of_people(command, files):
    ran = command("rsa", "a.npy", "--human", "mean.npy", "--kind", "dissimilarity", *QUICK)
    assert "people" not in ran.out and "ceiling" not in ran.out and "correlation with the human matrix" in ran.out
    found = document(command("rsa", "a.npy", "--human", "mean.npy", "--kind", "dissimilarity", *QUICK, "--json"))
    assert found["results"][0]["per_person"] is None and found["results"][0]["ceiling"] is None
    assert (found["ci_by"], found["ci_method"]) == ("objects", "bootstrap")


def test_names_of_the_judged_objects_match_rows(command, files):
    args = ("--human", "mean.npy", "--kind", "dissimilarity", "--item-names", "names.txt", "--ci", "none", "--json")
    ran = command("rsa", "b.csv", *args)
    expected = pyalign.rsa(files["b"], files["people"].mean(axis=0), kind="dissimilarity", ci=None)[0].value
    assert document(ran)["results"][0]["value"] == pytest.approx(expected)
    assert ran.err == ""


def test_several_images_of_an_object_become_one_row(command, files):
    names = np.repeat([f"{name}/image_{k}.jpg" for name in files["names"] for k in range(2)], 1)
    x = np.repeat(files["a"], 2, axis=0) + np.tile([[0.1], [-0.1]], (N, 1))
    np.savez("images.npz", features=x, names=names)
    found = document(command("rsa", "images.npz", *HUMAN, "--per-object", "mean", "--ci", "none", "--json", "--quiet"))
    expected = pyalign.rsa(files["a"], files["people"], kind="dissimilarity", ci=None)[0].value
    assert found["results"][0]["value"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("suffix", ["npy", "npz", "mat", "csv", "h5"])
def test_every_format_of_judgments_gives_the_same(command, files, suffix):
    mean = files["people"].mean(axis=0)
    if suffix == "npz":
        np.savez("h.npz", rdm=mean)
    elif suffix == "npy":
        np.save("h.npy", mean[np.triu_indices(N, 1)])
    elif suffix == "mat":
        pytest.importorskip("scipy.io").savemat("h.mat", {"rdms": np.moveaxis(files["people"], 0, 2), "x": np.eye(2)})
    elif suffix == "csv":
        np.savetxt("h.csv", mean, delimiter=",", fmt="%.17g")
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File("h.h5", "w") as handle:
            handle["group/rdm"] = mean
    spec = "h.mat::rdms" if suffix == "mat" else f"h.{suffix}"
    found = document(command("rsa", "a.npy", "--human", spec, "--kind", "dissimilarity", "--ci", "none", "--json",
                             "--quiet"))
    expected = pyalign.rsa(files["a"], mean, kind="dissimilarity", ci=None)[0].value
    assert found["results"][0]["value"] == pytest.approx(expected, abs=1e-12)


def test_the_result_of_a_file_comes_back(command, files, tmp_path):
    assert command("rsa", "a.npy", "b.csv", *HUMAN, *QUICK, "--json", "r.json", "--csv", "r.csv", "--quiet").code == 0
    back = pyalign.load_result("r.json")
    assert len(back.results) == 2 and back.command == "rsa" and "mean over participants" in str(back)
    header, *rows = (tmp_path / "r.csv").read_text().splitlines()
    assert header.startswith("embeddings,measure,correlation,value,") and len(rows) == 2
    assert command("rsa", "a.npy", *HUMAN, *QUICK, "--json", "again.json", "--quiet").code == 0


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("a.npy", "--human", "nothing.npy", "--kind", "similarity"), "nothing.npy: No such file or directory"),
        (("a.npy", "--human", "people.npz", "--kind", "similarity"), "people.npz: holds several arrays"),
        (("a.npy", "--human", "people.npz::no", "--kind", "similarity"), "people.npz: has no array 'no'"),
        (("a.npy", "--human", "a.npy", "--kind", "similarity"), "a.npy: judgments must be a square matrix"),
        (("--human", "mean.npy", "--kind", "similarity"), "error: --embeddings, --matrix, or both are needed"),
        (("a.npy", *HUMAN, "--measure", "pearson,cosine"), "separate measures by spaces"),
        (("a.npy", *HUMAN, "--correlation", "rho"), "correlation must be one of"),
        (("a.npy", *HUMAN, "--ci", "none", "--resamples", "9"), "--resamples 9 applies only to intervals"),
        (("a.npy", *HUMAN, "--confidence", "1.5"), "confidence_level must lie between 0 and 1; got 1.5"),
        (("a.npy", "a.npy", *HUMAN), "--embeddings must differ; got a.npy 2 times"),
        (("a.npy", *HUMAN, "--matrix", "mean.npy", "mean.npy"), "--matrix must differ; got mean.npy 2 times"),
        (("a.npy", "--human", "mean.npy", "--kind", "dissimilarity", "--ci", "subjects"), "ci subjects needs"),
        (("few.npy", *HUMAN), "error: few.npy must have a row for each of 14 judged objects"),
        (("a.npy", *HUMAN, "--matrix", "a.npy"), "a.npy: judgments must be a square matrix, or condensed"),
        (("a.npy", *HUMAN, "--matrix", "crooked.npy"), "error: crooked.npy must be symmetric; [0, 1] is"),
        (("a.npy", *HUMAN, "--matrix", "blank.npy"), "error: blank.npy must have a value for at least one pair"),
        (("a.npy", *HUMAN, "--measure", "cosine", "cosine"), "error: measure must differ; got 'cosine' twice"),
        (("a.npy", *HUMAN, "--correlation", "rho-a", "rho-a"), "error: correlation must differ; got 'rho-a' twice"),
        (("a.npy", *HUMAN, "--ci", "none", "--seed", "4"), "--seed 4 applies only to random steps"),
        (("--matrix", "mean.npy", *HUMAN, "--measure", "dot"), "--measure dot applies only to embeddings, and"),
        (("a.npy", "--human", "", "--kind", "similarity"), "error: '': No such file or directory"),
        (("a.npy", "--human", "crooked.npy", "--kind", "dissimilarity"), "human must be symmetric; [0, 1] is"),
        (("nan.npy", *HUMAN), "nan.npy must be finite; 1 of 14 rows holds NaN or infinity, first row 3"),
        (("a.npy", *HUMAN, "--item-names", "few.txt"), "names must be those that the objects have in the file"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(command, files, tmp_path, args, told):
    np.save("few.npy", files["a"][:5])
    crooked = files["people"][0].copy()
    crooked[0, 1] += 1
    np.save("crooked.npy", crooked)
    np.save("blank.npy", np.full((N, N), np.nan))
    holes = files["a"].copy()
    holes[3, 0] = np.nan
    np.save("nan.npy", holes)
    (tmp_path / "few.txt").write_text("one\ntwo\n")
    before = set(os.listdir())
    out = () if "--json" in args else ("--json", "out.json")
    ran = command("rsa", *args, *(() if "--resamples" in args or "none" in args else QUICK), *out)
    assert ran.code == 1 and ran.out == ""
    assert len(ran.err.splitlines()) == 1 and ran.err.startswith("pyalign rsa: error: ") and told in ran.err
    assert set(os.listdir()) == before


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("a.npy", "--human", "condensed.npy"), 1),
        (("a.npy", "--kind", "similarity"), 2),
        (("a.npy", "--human", "mean.npy", "--kind", "distances"), 2),
    ],
)
def test_human_and_kind_must_be_said(command, files, args, code):
    np.save("condensed.npy", files["people"].mean(axis=0)[np.triu_indices(files["people"].shape[-1], 1)])
    ran = command("rsa", *args)
    assert ran.code == code and "pyalign rsa: error:" in ran.err
    told = "condensed.npy: --kind dissimilarity or --kind similarity must say what it holds; got neither"
    assert code == 2 or told in ran.err


def test_the_diagonal_shows_the_kind_and_contradicts_another(command, files):
    ran = command("rsa", "a.npy", "--human", "mean.npy", "--json")
    stated = command("rsa", "a.npy", "--human", "mean.npy", *HUMAN[2:], "--json")
    assert document(ran)["results"] == document(stated)["results"]
    assert "note: mean.npy is taken for dissimilarities, as its diagonal shows" in ran.err
    ran = command("rsa", "a.npy", "--human", "mean.npy", "--kind", "similarity")
    assert (ran.code, ran.out) == (1, "")
    told = "error: mean.npy must be of --kind dissimilarity, since its diagonal has the smallest number of every row"
    assert told in ran.err and len(ran.err.splitlines()) == 1


def test_a_data_set_says_its_kind_itself(command, files, data, tmp_path, monkeypatch):
    (tmp_path / "sets" / "kriegeskorte92").mkdir(parents=True)
    name = "kriegeskorte92_images_and_behaviour.npz"
    (tmp_path / "sets" / "kriegeskorte92" / name).write_bytes((data / "objects92" / name).read_bytes())
    monkeypatch.setenv("PYALIGN_DATA", str(tmp_path / "sets"))
    args = ("--human", "dataset:kriegeskorte92", "--ci", "none", "--json", "--quiet")
    features = f"{data / 'objects92' / 'alexnet_fc_92.npz'}::fc8"
    ran = command("rsa", features, *args)
    assert document(ran)["results"][0]["value"] == pytest.approx(0.52261, abs=5e-6)
    wrong = command("rsa", features, *args, "--kind", "similarity")
    assert wrong.code == 1 and "kind must be that of" in wrong.err
