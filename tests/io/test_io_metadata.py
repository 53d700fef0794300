"""Files of metadata, and what they do wrong."""

from __future__ import annotations

import random

import pytest

import pyalign
from pyalign.io.item_names import load_metadata

ROWS = {"family": ("CLIP", "VGG"), "parameters": (151e6, 138e6), "note": ("one, two", 'a "b"')}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", 'model,family,parameters,note\nclip,CLIP,151M,"one, two"\nvgg,VGG,1.38e8,"a ""b"""\n'),
        ("m.csv", '\ufeffModel;family;parameters;note\n# why\nclip;CLIP;151M;one, two\n\nvgg;VGG;138M;"a ""b"""\n'),
        ("m.tsv", 'model\tfamily\tparameters\tnote\nclip\tCLIP\t151 M\tone, two\nvgg\tVGG\t138M\t"a ""b"""\n'),
        ("m.json", '[{"model": "clip", "family": "CLIP", "parameters": 151e6, "note": "one, two"},'
                   ' {"model": "vgg", "family": "VGG", "parameters": "138M", "note": "a \\"b\\""}]'),
        ("m.json", '{"clip": {"family": "CLIP", "parameters": "151M", "note": "one, two"},'
                   ' "vgg": {"family": "VGG", "parameters": "138M", "note": "a \\"b\\""}}'),
    ],
)
def test_all_formats_give_the_same_table(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = load_metadata(tmp_path / name)
    assert found.models == ("clip", "vgg") and found.columns == ROWS
    assert found.source == str(tmp_path / name) and found.notes == ()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.csv", "name,x\na,1\n", "line 1: the header has no column 'model': 'name, x'"),
        ("m.csv", "model,x,x\na,1,2\n", "line 1: the header has 'x' twice"),
        ("m.csv", "model,\na,1\n", "line 1: the header has no name for a column"),
        ("m.csv", "model,x\na,1,2\n", "line 2 has 3 columns; the header has 2"),
        ("m.csv", "model,x\na\n", "line 2 has 1 column; the header has 2"),
        ("m.csv", "model,x\n,1\n", "line 2 names no model"),
        ("m.csv", "model,x\n", "metadata must have a row for each model; got none"),
        ("m.csv", "# only a comment\n", "is empty (no rows)"),
        ("m.csv", 'model,x\na,b"c\n', "line 2 has a quote within a cell"),
        ("m.csv", "model,x\n#a,1\n", "line 2 starts with # and could be a comment or a row"),
        ("m.csv", "model;x\na;1,5\n", "line 2: '1,5' could have a decimal comma"),
        ("m.csv", "model,x\na,\0\n", "line 2 holds a NUL byte"),
        ("m.json", "3", "must be a list of objects"),
        ("m.json", "[3]", "row 1 must be an object; got 3"),
        ("m.json", '[{"model": "a", "x": [1]}]', "row 1: 'x' must be text or a number; got [1]"),
        ("m.json", '[{"model": "a", "x": NaN}]', "holds NaN"),
        ("m.json", '[{"x": 1}]', "row 1 has x"),
        ("m.txt", "model\na\n", "unknown extension '.txt'"),
    ],
)
def test_what_a_file_does_wrong_is_one_line_with_its_path(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(pyalign.InputError) as caught:
        load_metadata(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: ") and message in told and "\n" not in told


def test_what_is_no_text_or_not_there_is_said(tmp_path):
    path = tmp_path / "m.csv"
    path.write_bytes(b"model,x\n\xff,1\n")
    with pytest.raises(pyalign.InputError, match="is not UTF-8 text"):
        load_metadata(path)
    with pytest.raises(FileNotFoundError):
        load_metadata(tmp_path / "none.csv")


def test_names_are_text_whatever_they_hold(tmp_path):
    path = tmp_path / "m.csv"
    names = ("<script>alert(1)</script>", "=1+1", "\u202eabc", "🦜", "a'b")
    path.write_text("model,x\n" + "".join(f'"{name}",1\n' for name in names), encoding="utf-8")
    assert load_metadata(path).models == names


def test_however_a_file_is_damaged_it_is_read_or_refused_in_one_line(tmp_path):
    """Bytes, cuts and pieces of other files, 400 times."""
    rng = random.Random(0)
    valid = [
        b'model,family,parameters\nclip,"CLIP ""x""",151M\nvgg,VGG,76.1%\n', b"model;x\na;1\nb;2.5\n",
        b'[{"model": "a", "x": 1e3, "y": null}, {"model": "b", "x": "2M"}]', b'{"a": {"x": 1}, "b": {"x": true}}',
    ]
    outcomes = set()
    for _ in range(400):
        raw = bytearray(rng.choice(valid))
        for _ in range(rng.choice((1, 2, 4))):
            place = rng.randrange(len(raw) or 1)
            piece = bytes(rng.choice(valid)[: rng.randrange(8)]) if rng.random() < 0.5 else bytes([rng.randrange(256)])
            raw[place : place + rng.choice((0, 1, 5))] = piece
        path = tmp_path / rng.choice(("m.csv", "m.tsv", "m.json"))
        path.write_bytes(bytes(raw) or b"\n")
        try:
            load_metadata(path)
            outcomes.add("read")
        except pyalign.InputError as error:
            assert str(error).startswith(f"{path}: ") and len(str(error).splitlines()) == 1
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
