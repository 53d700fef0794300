"""`pyalign datasets`, and data sets wherever commands take files."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support import reals, strict_json

import pyalign
from pyalign.datasets import DATASETS


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    folder = tmp_path / "root"
    monkeypatch.setenv("PYALIGN_DATA", str(folder))
    return folder


def told_folder(command, name):
    """Where a data set is, as the command line tells it."""
    return strict_json(command("datasets", "list", name, "--json").out)["folder"]


@pytest.fixture
def mine(tmp_path):
    """A folder of one's own."""
    folder = tmp_path / "lab"
    folder.mkdir()
    rdm = reals(1, 9, 9)
    np.save(folder / "rdm.npy", rdm + rdm.T)
    np.save(folder / "t.npy", np.array([[0, 1, 2], [3, 4, 5]]))
    np.save(folder / "x.npy", reals(2, 9, 4))
    (folder / "names.txt").write_text("\n".join(f"object {k}" for k in range(9)))
    (folder / "dataset.toml").write_text(
        'names = "names.txt"\ntriplets = "t.npy"\nembeddings = "x.npy"\n'
        '[judgments]\nfile = "rdm.npy"\nkind = "dissimilarity"\n'
    )
    return folder


def test_a_remembered_folder_that_has_gone_is_answered_with_the_commands(command, folder, monkeypatch):
    monkeypatch.setenv("PYALIGN_DATA", str(folder))
    (folder / "folders.json").write_text(json.dumps({"levels": str(folder / "gone")}))
    ran = command("score", "x.npy", "-t", "dataset:levels")
    assert ran.code == 1 and "'pyalign datasets fetch levels --folder DIR' says where it is stored now" in ran.err
    assert "'pyalign datasets fetch levels --folder none' forgets it" in ran.err


@pytest.mark.parametrize("name", ["levels", "mine"])
def test_a_folder_that_is_not_there_is_not_answered_with_the_same_command(command, folder, monkeypatch, name):
    monkeypatch.setenv("PYALIGN_DATA", str(folder))
    ran = command("datasets", "fetch", name, "--folder", "gone")
    assert ran.code == 1 and ran.err.endswith(f"dataset:{name}: {folder / 'gone'} does not exist\n")


def test_list_has_a_row_for_each_and_says_what_is_here(command, tmp_path):
    ran = command("datasets", "list")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(DATASETS)
    assert max(map(len, lines)) <= 80
    here = {line.split()[0]: line.split()[1] for line in lines[1:]}
    assert here["sample"] == "yes" and here["things"] == "-"
    assert command("datasets", "list", "--json", tmp_path / "d.json", "--csv", tmp_path / "d.csv").code == 0
    found = pyalign.load_result(tmp_path / "d.json")
    assert [one.name for one in found.datasets] == list(DATASETS)
    assert (tmp_path / "d.csv").read_text().startswith("name,")


@pytest.mark.parametrize("name", DATASETS)
def test_info_tells_source_license_citation_and_layout(command, name):
    ran = command("datasets", "list", name)
    long = max(map(len, ran.out.split())) + 10  # an address is not broken
    assert ran.code == 0 and max(map(len, ran.out.splitlines())) <= max(80, long)
    row = DATASETS[name]
    text = " ".join(ran.out.split())
    for told in (row.name, row.what, row.source, row.license, row.citation, *(what for _, what in row.layout)):
        assert " ".join(told.split()) in text
    document = strict_json(command("datasets", "list", name, "--json").out)
    assert document["parts"] == {part: list(keys) for part, keys in row.parts.items()}


def test_what_was_begun_is_not_here(command, root):
    (root / "things").mkdir(parents=True)
    for name in ("x.csv.part", "x.csv.part.json", "x.csv.sha256"):
        (root / "things" / name).write_text("")
    assert "things           -" in command("datasets", "list").out and "(not here)" in command(
        "datasets", "list", "things").out
    for name in ("unique_id.txt", "train_90.npy"):
        assert "things           -" in command("datasets", "list").out
        (root / "things" / name).write_text("x")
    assert "things           yes" in command("datasets", "list").out


def test_info_comes_back_as_a_result(command, tmp_path):
    assert command("datasets", "list", "things", "--json", tmp_path / "i.json").code == 0
    assert pyalign.load_result(tmp_path / "i.json").license == "CC BY 4.0"


def test_a_folder_is_remembered_and_told(command, refused, mine, folder, root):
    assert told_folder(command, "things") == str(root / "things")
    assert "there is no such data set" in refused("datasets", "list", "mine")
    assert command("datasets", "fetch", "mine", "--folder", mine).out == f"{mine}\n"
    assert told_folder(command, "mine") == str(mine)
    lines = command("datasets", "list", "--verbose").out.splitlines()
    assert lines[-1].split()[:2] == ["mine", "yes"] and lines[-1].endswith(f"in {mine}")
    assert "described by dataset.toml" in command("datasets", "list", "mine").out
    (mine / "mine.toml").write_text((mine / "dataset.toml").read_text())
    assert "described by mine.toml" in command("datasets", "list", mine / "mine.toml").out
    told = refused("datasets", "fetch", "thing", "--folder", folder)
    assert f"there is no such data set; did you mean 'things'?, and {folder} has no dataset.toml" in told
    told = refused("datasets", "fetch", "zzzzzz", "--folder", folder)
    assert f"there is no such data set, and {folder} has no dataset.toml" in told


def test_a_wrong_folder_is_not_remembered_and_a_remembered_one_is_forgotten(command, refused, folder, tmp_path):
    told = refused("datasets", "fetch", "kriegeskorte92", "--folder", folder)
    npz = "kriegeskorte92_images_and_behaviour.npz"
    held = f"lacks 92_behavRDMs.mat or {npz}; it holds t.npy, x.npy; to download it, name an empty folder"
    assert told == f"dataset:kriegeskorte92: {folder} {held}"
    assert "(not here)" in command("datasets", "list", "kriegeskorte92").out
    (folder / npz).write_bytes(b"PK")
    assert command("datasets", "fetch", "kriegeskorte92", "--folder", folder).out == f"{folder}\n"
    ran = command("datasets", "fetch", "kriegeskorte92", "--folder", "none")
    assert (ran.code, ran.out, ran.err) == (0, f"forgotten: kriegeskorte92 in {folder}\n", "")
    ran = command("datasets", "fetch", "kriegeskorte92", "--folder", "none")
    assert (ran.code, ran.out) == (0, "nothing is remembered of kriegeskorte92\n")
    assert "(not here)" in command("datasets", "list", "kriegeskorte92").out


def test_a_data_set_is_named_where_files_are(command, refused, mine, tmp_path, folder):
    ran = command("score", f"dataset:{mine}", "-t", f"dataset:{mine}", "--ci", "none", "--json")
    assert ran.code == 0
    assert strict_json(ran.out)["results"][0]["embeddings"] == f"dataset:{mine}"
    own = command("score", mine / "x.npy", "-t", mine / "t.npy", "--names", f"dataset:{mine}", "--ci", "none", "--json")
    accuracy = [strict_json(one.out)["results"][0]["accuracy"] for one in (ran, own)]
    assert accuracy[0] == accuracy[1]
    assert refused("score", "dataset:sample", "-t", "dataset:sample", "--one-based").endswith(
        "a data set knows how its files are laid out, so that one_based has no meaning"
    )
    assert "triplets hold a 0" in refused("score", f"dataset:{mine}", "-t", f"dataset:{mine}", "--one-based")
    assert "has no triplets 'x'" in refused("score", f"dataset:{mine}", "-t", f"dataset:{mine}::x")
    assert command("export", f"dataset:{mine}", "--out", tmp_path / "x.csv").code == 0
    assert (tmp_path / "x.csv").read_text().splitlines()[1].startswith('"object 0",')


def test_the_example_of_the_sample_runs(command):
    ran = command("score", "dataset:sample", "-t", "dataset:sample", "--categories", "dataset:sample", "--ci", "none",
                  "--json")
    assert round(100 * strict_json(ran.out)["results"][0]["accuracy"], 3) == 56.375
    assert "no human judgments" in ran.err


def test_images_of_a_data_set_are_extracted(command, data, tmp_path):
    pytest.importorskip("PIL", reason="pillow is not installed")
    assert command("datasets", "fetch", "kriegeskorte92", "--folder", data / "objects92").code == 0
    out = tmp_path / "px"
    assert command("extract", "--images", "dataset:kriegeskorte92", "--model", "pixels:8", "--out", out).code == 0
    assert pyalign.load_embeddings(out).names == pyalign.load_rdms("dataset:kriegeskorte92").names


def test_real_dimensions_and_real_triplets_meet_by_name(command, data, tmp_path):
    assert command("datasets", "fetch", "things", "--folder", data / "things").code == 0
    lab = tmp_path / "lab"
    lab.mkdir()
    for name in ("unique_id.txt", "human_triplets_127304.npy"):
        (lab / name).write_bytes((data / "things" / name).read_bytes())
    (lab / "dataset.toml").write_text(
        'names = "unique_id.txt"\n[triplets]\nfile = "human_triplets_127304.npy"\ncolumns = [0, 1, 2]\n'
        "subject_column = 3\n"
    )
    figures = {"spose66": 64.749, "spose49": 64.038, "vice42": 63.807}
    for name, expected in figures.items():
        ran = command("score", f"dataset:{name}", "-t", f"dataset:{lab}", "--measure", "dot", "--ci", "none", "--json")
        assert (ran.code, ran.err) == (0, "")
        assert round(100 * strict_json(ran.out)["results"][0]["accuracy"], 3) == expected


# Fetching: tests/datasets/test_fetch.py has all faults; here is what a person sees


@pytest.fixture
def served(monkeypatch):
    """A server on loopback with one data set, "mine", of one file."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    from pyalign.datasets.registry import Remote, Row

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path.endswith("/x.bin")
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", "5" if found else "0")
            self.end_headers()
            self.wfile.write(b"bytes" if found else b"")

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{http.server_port}"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        row = Row("mine", "a test", "_sample", {"names": ()}, "nowhere", "none", "none", (("x.bin", "bytes"),),
                  files=(Remote("x.bin", f"{address}/x.bin"),), note="take care")
        monkeypatch.setitem(DATASETS, "mine", row)
        yield address
        http.shutdown()


def test_fetch_tells_checksums_where_it_lies_and_what_to_know(command, served, root, tmp_path):
    ran = command("datasets", "fetch", "mine")
    assert ran.code == 0
    assert [line.split() for line in ran.out.splitlines()] == [
        ["file", "fetched", "compared", "with", "sha256"],
        ["x.bin", "now", "nothing", "277089d91c0b"],
        [str(root / "mine")],
    ]
    assert "note: x.bin has no published checksum" in ran.err and "note: take care" in ran.err
    assert command("datasets", "fetch", "mine", "--json", tmp_path / "f.json").code == 0
    found = pyalign.load_result(tmp_path / "f.json")
    assert [(one.is_new, one.checked) for one in found.files] == [(False, "first fetch")]
    assert told_folder(command, "mine") == str(root / "mine")


def test_fetch_into_an_empty_folder_and_again(command, served, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    for is_new in (True, False):
        ran = command("datasets", "fetch", "mine", "--folder", here, "--json")
        assert ran.code == 0 and (here / "x.bin").read_bytes() == b"bytes"
        assert [one["is_new"] for one in strict_json(ran.out)["files"]] == [is_new]
    assert told_folder(command, "mine") == str(here)


@pytest.mark.parametrize("there", ["no folder", "a folder of something else", "a file"])
def test_a_wrong_folder_begins_no_download(refused, served, root, tmp_path, monkeypatch, there):
    monkeypatch.setitem(DATASETS, "mine", replace(DATASETS["mine"], needs=(("x.bin",),)))
    wrong = tmp_path / "wrong"
    if there == "a file":
        wrong.write_text("x")
    elif there == "a folder of something else":
        wrong.mkdir()
        (wrong / "y.txt").write_text("y")
    before = sorted(wrong.rglob("*"))
    message = refused("datasets", "fetch", "mine", "--folder", wrong)
    assert message.startswith(f"dataset:mine: {wrong} ") and message.endswith("to download it, name an empty folder")
    assert sorted(wrong.rglob("*")) == before and wrong.exists() == (there != "no folder") and not root.exists()


def test_what_cannot_be_fetched_is_one_line(command, refused, served, folder, monkeypatch):
    assert "has no address that is known; get it from" in refused("datasets", "fetch", "vice42")
    assert "there is no such data set to fetch" in refused("datasets", "fetch", "nothing")
    told = "dataset:sample: is part of pyalign, and needs no download; --folder DIR writes its files"
    assert refused("datasets", "fetch", "sample") == told
    monkeypatch.setitem(DATASETS, "mine", DATASETS["mine"].__class__(**{
        **vars(DATASETS["mine"]), "files": (DATASETS["mine"].files[0]._replace(url=f"{served}/gone"),)
    }))
    assert command("datasets", "fetch", "mine").err == f"pyalign datasets fetch: error: {served}/gone: 404 Not Found\n"
