"""Embeddings of every format give the score of the plain matrix."""

from __future__ import annotations

import gzip
import pickle

import numpy as np
import pytest


def save_text(path, x, delimiter, header, names):
    rows = [[*(["" if header is None else "name"] if names else []), *(header or [])]] if header else []
    rows += [[*([f"n{k}"] if names else []), *map(repr, row)] for k, row in enumerate(x.tolist())]
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "wt") as file:
        file.writelines(delimiter.join(row) + "\n" for row in rows)
    return path


def save_mat(x):
    pytest.importorskip("scipy.io").savemat("e.mat", {"features": x, "note": "text"})
    return "e.mat"


def save_mat_key(x):
    pytest.importorskip("scipy.io").savemat("k.mat", {"fc6": x[::-1], "fc7": x})
    return "k.mat::fc7"


def save_h5(x):
    with pytest.importorskip("h5py").File("e.h5", "w") as file:
        file["clip/visual"], file["clip/text"] = x, x[::-1]
    return "e.h5::clip/visual"


def save_safetensors(x):
    pytest.importorskip("safetensors.numpy").save_file({"a": x, "b": x[::-1].copy()}, "e.safetensors")
    return "e.safetensors::a"


def save_torch(x):
    torch = pytest.importorskip("torch")
    torch.save(torch.from_numpy(x), "e.pt")
    return "e.pt"


def save_torch_key(x):
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.from_numpy(x), "b": torch.zeros(2, 2)}, "k.pt")
    return "k.pt::a"


def save_pickle(x):
    with open("e.pkl", "wb") as file:
        pickle.dump({"custom": {"clip": {"penultimate": x, "logits": x[::-1].copy()}}}, file)
    return "e.pkl::custom/clip/penultimate"


def save_npz(x):
    np.savez("e.npz", x)
    return "e.npz"


def save_npz_key(x):
    np.savez_compressed("k.npz", fc6=x[::-1], fc7=x)
    return "k.npz::fc7"


HEADER = [f"f{k}" for k in range(6)]
SAVERS = {
    "npz": save_npz,
    "npz with a key": save_npz_key,
    "csv": lambda x: save_text("e.csv", x, ",", None, False),
    "csv with a header": lambda x: save_text("h.csv", x, ",", HEADER, False),
    "csv with names": lambda x: save_text("n.csv", x, ",", None, True),
    "csv with a header and names": lambda x: save_text("hn.csv", x, ",", HEADER, True),
    "tsv.gz with a header and names": lambda x: save_text("e.tsv.gz", x, "\t", HEADER, True),
    "txt": lambda x: save_text("e.txt", x, " ", None, False),
    "mat": save_mat,
    "mat with a key": save_mat_key,
    "h5 with a key": save_h5,
    "safetensors with a key": save_safetensors,
    "pt": save_torch,
    "pt with a key": save_torch_key,
    "pickle of human_alignment": save_pickle,
}


@pytest.mark.parametrize("saver", SAVERS)
def test_every_format_gives_the_score_of_the_plain_matrix(results, folder, x, saver):
    plain, other = results(embeddings=["x.npy", SAVERS[saver](x)])
    assert (other["accuracy"], other["n_ties"]) == (plain["accuracy"], plain["n_ties"])
    assert other["cross_entropy"] == pytest.approx(plain["cross_entropy"], rel=1e-6)


def test_files_of_different_formats_stand_in_one_table(score, folder, x):
    names = ["x.npy", save_npz_key(x), save_pickle(x), SAVERS["csv"](x)]
    rows = score("--verbose", embeddings=names).out.splitlines()[1:5]
    assert [line.split()[0] for line in rows] == names
    assert len({line.split()[2] for line in rows}) == 1


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4", "int16"])
def test_npy_of_every_type_and_order(results, truth, folder, triplets, dtype, order):
    x = np.random.default_rng(5).integers(-9, 10, (30, 6)).astype(dtype)
    np.save("other.npy", np.asarray(x, order=order))
    (row,) = results("--measure", "neg_sqeuclidean", embeddings=["other.npy"])
    assert row["accuracy"] == pytest.approx(truth(x, triplets, "neg_sqeuclidean").credit["fractional"], abs=1e-12)


@pytest.mark.parametrize(
    "spec,pieces",
    [
        ("k.npz", ["fc6 (30, 6) float32", "fc7 (30, 6) float32", "FILE::KEY"]),
        ("k.npz::fc9", ["'fc9'", "fc6", "fc7"]),
        ("x.npy::fc9", ["one array", "'fc9'"]),
    ],
)
def test_a_wrong_key_says_which_there_are(score_refused, folder, x, spec, pieces):
    save_npz_key(x)
    message = score_refused(embeddings=[spec])
    assert all(piece in message for piece in pieces)


@pytest.mark.parametrize("spec", ["k.npz::", "::fc6"])
def test_a_key_without_a_file_or_a_file_without_its_key_is_a_usage_error(command, folder, spec):
    ran = command("score", spec, "-t", "t.npy")
    assert ran.code == 2 and f"argument EMB: {spec}: write FILE::KEY, with a name on both sides of '::'\n" in ran.err


def test_a_file_name_may_hold_two_colons(results, folder, x):
    np.save("a::b.npy", x)
    assert results(embeddings=["a::b.npy"])[0]["accuracy"] == results()[0]["accuracy"]


def test_a_missing_package_names_the_extra(score_refused, folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    (folder / "e.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    message = score_refused(embeddings=["e.h5"])
    assert "h5py" in message
    assert "pip install h5py" in message
