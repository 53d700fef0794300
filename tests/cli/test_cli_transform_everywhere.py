"""`--transform` in each command that reads embeddings: what comes out is what the mapped embeddings give."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign.cli import COMMANDS as EVERY_COMMAND
from pyalign.cli import load

T = ("-t", "t.npy")
COMMANDS = {
    "compare": ("compare", "x.npz", "y.npz", *T, "--ci", "none"),
    "consistency": ("consistency", "x.npz", "y.npz", *T, "--ci", "none"),
    "failures": ("failures", "x.npz", "y.npz", *T),
    "calibrate": ("calibrate", "x.npz", *T),
    "agreement": ("calibrate", "x.npz", *T, "--answers", "counts.npy", "--temperature", 1),
    "recover": ("recover", "x.npz", "y.npz", *T, "--simulations", "2", "--count", "50"),
    "rsa": ("rsa", "x.npz", "y.npz", "--human", "human.npz", "--kind", "similarity", "--ci", "none"),
    "cka": ("cka", "x.npz", "y.npz", "--permutations", "9"),
    "dimensions predict": ("dimensions", "predict", "x.npz", "y.npz", "--dimensions", "human-dimensions.npy"),
    "plan triplets": ("plan", "triplets", "x.npz", "y.npz", "-n", "9", "--out", "design.csv"),
    "neighbors": ("neighbors", "search", "x.npz", "-k", "2"),
}
# What has no --transform: it learns or compares maps, or its rows are not what it is about.
WITHOUT = {"probe", "transfer", "triplets simulate", "plot"}
NAMES = [f"item {k}" for k in range(30)]


@pytest.fixture
def files(folder, x):
    """x.npz and y.npz of the same 30 named items, and a map of six features, with the record of its fit."""
    y = np.tanh(x @ reals(8, 6, 6))
    triplets = pyalign.sample_triplets(x, 400, temperature=0.3, seed=0)
    np.save("t.npy", triplets)
    transform = pyalign.fit_probe(pyalign.Embeddings(x, NAMES), triplets[:150], penalty=1e-3).transform
    pyalign.write_transform("w.npz", transform)
    transform = pyalign.load_transform("w.npz")
    for name, rows in (("x", x), ("y", y)):
        np.savez(f"{name}.npz", x=rows, names=NAMES)
        np.savez(f"mapped-{name}.npz", x=transform.apply(rows), names=NAMES)
    np.savez("human.npz", rdm=np.corrcoef(reals(5, 30, 9)), names=NAMES)
    np.save("human-dimensions.npy", np.abs(reals(7, 30, 2)))
    np.save("counts.npy", np.random.default_rng(6).integers(1, 6, (len(np.load("t.npy")), 3)))
    return folder


def figures(value):
    """A document without what tells of files and of time, at any depth."""
    if isinstance(value, list):
        return [figures(one) for one in value]
    if isinstance(value, dict):
        kept = {
            key: one
            for key, one in value.items()
            if key not in ("provenance", "notes", "transform", "seconds", "triplets_per_second")
        }
        return {figures(key): figures(one) for key, one in kept.items()}
    return value.removeprefix("mapped-") if isinstance(value, str) else value


def test_each_command_that_reads_embeddings_has_it():
    options = {name: {field.name for field in fields(load(name).options)} for name in EVERY_COMMAND}
    without = {name for name, there in options.items() if "embeddings" in there and "transform" not in there}
    assert without == WITHOUT


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_as_if_the_mapped_embeddings_were_read(command, files, name):
    words = COMMANDS[name]
    ran = command(*words, "--transform", "w.npz", "--json", "--quiet")
    assert (ran.code, ran.err) == (0, ""), ran.err
    mapped = command(*(f"mapped-{word}" if word in ("x.npz", "y.npz") else word for word in words), "--json", "--quiet")
    assert figures(json.loads(ran.out)) == figures(json.loads(mapped.out))


def test_a_note_says_what_the_fit_has_seen_and_which_measure_it_was_for(command, files):
    ran = command(*COMMANDS["compare"], "--transform", "w.npz")
    assert "note: x.npz through w.npz: in-sample: the fit of the map has seen" in ran.err
    assert "note: x.npz through w.npz: it was fitted for --measure dot" in ran.err
    ran = command(*COMMANDS["rsa"], "--transform", "w.npz")
    assert "note: x.npz through w.npz: in-sample: its fit has seen 100% of these objects" in ran.err


def test_a_map_of_other_features_is_refused_in_one_line(refused, files):
    np.savez("wide.npz", x=reals(1, 30, 7), names=NAMES)
    message = refused("compare", "wide.npz", "x.npz", *T, "--transform", "w.npz")
    shape = "embeddings must have the 6 features of the transform; got shape (30, 7)"
    assert message == f"wide.npz: --transform w.npz: {shape}"


def test_mapped_rows_keep_the_record_of_the_map_in_an_npz(command, files):
    assert command("export", "x.npz", "--transform", "w.npz", "--out", "z.npz").err == ""
    told = "z.npz: these rows come from a fit to 150 triplets for measure dot: figures on what it has seen"
    assert any(note.startswith(told) for note in pyalign.load_embeddings("z.npz").notes)
    ran = command("score", "z.npz", *T, "--ci", "none")
    assert ran.code == 0 and f"note: {told} are in-sample" in ran.err
    ran = command("export", "x.npz", "--transform", "w.npz", "--out", "z.csv")
    assert "note: z.csv does not say which triplets the map was fitted to; a .npz would" in ran.err


def test_a_damaged_record_is_refused_in_one_line(refused, files):
    np.savez("z.npz", features=reals(1, 30, 6), names=NAMES, pyalign_record=np.array("{}"))
    assert "z.npz: holds a record that is not sound" in refused("score", "z.npz", *T)


@pytest.mark.parametrize("name", ["score", "rsa", "neighbors"])
def test_a_published_map_is_named_by_its_model(command, files, monkeypatch, name):
    words = {**COMMANDS, "score": ("score", "x.npz", *T, "--ci", "none")}[name]
    monkeypatch.setenv("PYALIGN_DATA", str(files / "data"))
    (files / "data" / "glocal").mkdir(parents=True)
    transform = replace(pyalign.load_transform("w.npz"), trained=None)  # published maps don't say what they have seen
    for path in (files / "data" / "glocal" / "clip_RN50.npz", "w.npz"):
        pyalign.write_transform(path, transform)
    by_name = command(*words, "--transform", "glocal:clip_RN50", "--json")
    by_file = command(*words, "--transform", "w.npz", "--json", "--quiet")
    assert by_name.code == by_file.code == 0, by_name.err
    assert figures(json.loads(by_name.out)) == figures(json.loads(by_file.out))
    if name != "neighbors":
        assert "its SHA-256" in by_name.err and "was not published and is recorded in" in by_name.err
    ran = command(*words, "--transform", "glocal:efficientnet")
    assert ran.code == 1 and "glocal:efficientnet: gLocal has published no map of it" in ran.err
