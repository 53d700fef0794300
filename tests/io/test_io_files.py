"""Names, paths and keys, writing, and what importing pyalign.io costs."""

from __future__ import annotations

import errno
import gzip
import inspect
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from support import run_python

import pyalign
import pyalign.datasets
import pyalign.datasets.simulate
import pyalign.io
from pyalign.analysis.describe.file import describe_file
from pyalign.data import match_names
from pyalign.errors import InputError
from pyalign.integrations import human_alignment
from pyalign.io import Spec, load_embeddings, load_triplets, read_names, write_array, write_text
from pyalign.study.file import read_study
from pyalign.study.preset import draft_study
from pyalign.study.tour import take_tour

READERS = [load_embeddings, load_triplets, read_names]


@pytest.mark.parametrize(
    ("file", "raw", "names"),
    [
        ("n.txt", "dog\nice cream\nsalt, pepper\n", ("dog", "ice cream", "salt, pepper")),
        ("n.txt", "\ufeffdog\r\ncat\r\n\r\n", ("dog", "cat")),
        ("n.txt", "#1\nname\n", ("#1", "name")),
        ("n.txt.gz", "dog\ncat", ("dog", "cat")),
        ("n.csv", 'name,x\n"salt, pepper",1\ncat,2\n', ("salt, pepper", "cat")),
        ("n.csv", "object\nname\n", ("object", "name")),
        ("n.csv", "object,animal\ndog,1\n", ("dog",)),
        ("n.tsv.gz", "uniqueID\tx\nice cream\t1\nä\t2\n", ("ice cream", "ä")),
    ],
)
def test_names_stand_one_a_line(tmp_path, file, raw, names):
    data = raw.encode()
    (tmp_path / file).write_bytes(gzip.compress(data) if file.endswith(".gz") else data)
    assert read_names(tmp_path / file) == names


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a\n\nb\n", "line 2 has no name"),
        (b"\n\n", "holds no names"),
        (b"a\nb\0\n", "line 2 holds a NUL byte"),
        (b"a\n\xe9\n", "not UTF-8"),
    ],
)
@pytest.mark.parametrize("suffix", ["txt", "csv", "tsv"])
def test_names_at_fault_are_refused(tmp_path, refused, raw, said, suffix):
    (tmp_path / f"n.{suffix}").write_bytes(raw)
    assert said in refused(read_names, tmp_path / f"n.{suffix}")


def test_names_from_npy(tmp_path, refused):
    path = tmp_path / "n.npy"
    for values in (np.array(["dog", "ä"]), np.array([b"dog", "ä".encode()])):
        np.save(path, values)
        assert read_names(path) == ("dog", "ä")
    np.save(path, np.array([b"a", b"\xe9"]))
    assert "not UTF-8" in refused(read_names, path)
    for values in (np.arange(3), np.array([["a"]]), np.array([], "U1")):
        np.save(path, values)
        assert "1-D array of text" in refused(read_names, path)


def test_the_names_of_things(data):
    names = read_names(data / "things/unique_id.txt")
    assert len(names) == len(set(names)) == 1854
    assert names[:2] == ("aardvark", "abacus")
    assert len(read_names(data / "things/things_concepts.tsv")) == 1854


def test_names_are_matched_to_rows():
    rows = match_names(("b", "c", "b"), ["c", "a", "b"]).rows
    assert rows.dtype == np.int32
    np.testing.assert_array_equal(rows, [2, 0, 2])
    assert match_names((), ["a"]).rows.shape == (0,)


def test_missing_and_doubled_names_are_listed():
    with pytest.raises(InputError, match=r"^no row is named 'x0', 'x1', 'x2', 'x3', 'x4' and 2 more \(7 of 8 items"):
        match_names([*(f"x{index}" for index in range(7)), "a"], ["a"])
    with pytest.raises(InputError, match=r"^row names must differ; 'a', 'b' occur more than once"):
        match_names(["c"], ["a", "b", "c", "b", "a"])


def parts(text):
    spec = Spec(text)
    assert spec == str(text) and Spec(spec) is spec
    return spec.path, spec.key


def test_a_key_is_split_from_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parts("x.npy") == ("x.npy", None)
    assert parts("x.h5::clip/visual") == ("x.h5", "clip/visual")
    assert parts("a::b.h5::k") == ("a::b.h5", "k")
    (tmp_path / "a::b.npy").touch()
    assert parts("a::b.npy") == ("a::b.npy", None)
    assert parts(tmp_path / "a::b.npy") == (str(tmp_path / "a::b.npy"), None)
    assert parts("a::b.npy::k") == ("a::b.npy", "k")
    (tmp_path / "a").touch()
    assert parts("a::b.npy") == ("a", "b.npy")
    for spec in ("x.h5::", "::k"):
        with pytest.raises(InputError, match="FILE::KEY"):
            Spec(spec)


@pytest.mark.parametrize("read", READERS)
def test_a_missing_file_raises_the_systems_error(tmp_path, read):
    with pytest.raises(FileNotFoundError, match=r"absent\.csv"):
        read(tmp_path / "absent.csv")


@pytest.mark.parametrize("read", READERS)
def test_a_forbidden_file_raises_the_systems_error(tmp_path, read):
    (tmp_path / "closed.npy").write_bytes(b"x")
    (tmp_path / "closed.npy").chmod(0)
    if os.access(tmp_path / "closed.npy", os.R_OK):
        pytest.skip("this user may read every file")
    with pytest.raises(PermissionError, match=r"closed\.npy"):
        read(tmp_path / "closed.npy")


@pytest.mark.parametrize("read", READERS)
def test_folders_pipes_empty_files_and_unknown_extensions(tmp_path, refused, read):
    (tmp_path / "d.npy").mkdir()
    told = "is a folder, not a file" if read is load_triplets else "is a folder without manifest.json: no output of "
    assert refused(read, tmp_path / "d.npy").startswith(told)
    os.mkfifo(tmp_path / "p.npy")
    assert refused(read, tmp_path / "p.npy") == "is not a regular file"
    for name in ("e.npy", "e.csv"):
        (tmp_path / name).touch()
        assert refused(read, tmp_path / name) == "is empty (0 bytes)"
    (tmp_path / "x.xls").write_bytes(b"x")
    assert "unknown extension '.xls'" in refused(read, tmp_path / "x.xls")
    assert "are read from .npy, " in refused(read, tmp_path / "x.xls")
    (tmp_path / "x.npy.gz").write_bytes(b"x")
    assert "unknown extension '.npy.gz'" in refused(read, tmp_path / "x.npy.gz")
    (tmp_path / "x").write_bytes(b"x")
    assert "no extension" in refused(read, tmp_path / "x")


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "U3"])
def test_a_written_array_comes_back(tmp_path, dtype):
    values = np.arange(6).reshape(2, 3).astype(dtype)
    write_array(str(tmp_path / "x.npy"), np.asfortranarray(values))
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), values)
    assert os.listdir(tmp_path) == ["x.npy"]


def test_a_written_file_follows_the_umask_and_links_stay(tmp_path):
    (tmp_path / "link.json").symlink_to(tmp_path / "x.json")
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "link.json", '{"ä": 1}\n')
    finally:
        os.umask(before)
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "x.json").read_bytes() == '{"ä": 1}\n'.encode()
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("behind", ["file", "nothing", "pipe"])
def test_what_a_run_keeps_replaces_a_link_and_leaves_what_it_points_to(tmp_path, behind):
    target = tmp_path / "target"
    if behind == "pipe":
        os.mkfifo(target)
    elif behind == "file":
        target.write_text("precious")
    (tmp_path / "link.json").symlink_to(target)
    write_text(tmp_path / "link.json", "{}", follow_links=False)
    assert not (tmp_path / "link.json").is_symlink() and (tmp_path / "link.json").read_text() == "{}"
    assert target.exists() == (behind != "nothing") and (behind != "file" or target.read_text() == "precious")


def test_objects_are_not_written(tmp_path):
    with pytest.raises(InputError, match=r"x\.npy: Python objects"):
        write_array(tmp_path / "x.npy", np.array([None]))
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch, existing, failure):
    path = tmp_path / "x.npy"
    if existing:
        write_array(path, np.eye(2))

    def fail(handle, *_, **__):
        handle.write(b"half")
        raise failure

    monkeypatch.setattr(np.lib.format, "write_array", fail)
    with pytest.raises(type(failure)) as caught:
        write_array(path, np.ones(5))
    if isinstance(failure, OSError):
        assert str(path) in str(caught.value)
    assert os.listdir(tmp_path) == ["x.npy"] * existing
    if existing:
        np.testing.assert_array_equal(load_embeddings(path), np.eye(2))


FULL_DISK = """
import resource, sys, numpy as np
from pyalign.io import write_array, write_text
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
for write in (lambda p: write_array(p, np.ones(10_000)), lambda p: write_text(p, "x" * 100_000)):
    try:
        write(sys.argv[1])
    except OSError as error:
        print(error.errno, error)
"""


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path):
    pytest.importorskip("resource")
    path = tmp_path / "x.npy"
    run = [sys.executable, "-c", FULL_DISK, str(path)]
    lines = subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [str(errno.EFBIG)] * 2
    assert all(str(path) in line and ".tmp" not in line for line in lines)
    assert os.listdir(tmp_path) == []


def test_text_that_is_no_unicode_is_refused_and_leaves_nothing(tmp_path, message_of):
    said = message_of(write_text, tmp_path / "a.txt", "a\udcffb")
    assert said == "text must be Unicode to be written; got '\\udcff'"
    assert not os.listdir(tmp_path)


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    (tmp_path / "d").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_text(tmp_path / "d", "{}")
    assert str(caught.value).endswith(f"'{tmp_path / 'd'}'")
    assert os.listdir(tmp_path) == ["d"]


HEAVY = ["csv", "gzip", "scipy", "h5py", "torch", "pyarrow", "safetensors"]
IMPORTS = """
import sys, numpy
before = set(sys.modules)
import pyalign.io
{}
print(*sorted(set(sys.modules) - before))
"""


def heavy_imports(more):
    run = [sys.executable, "-c", IMPORTS.format(more)]
    new = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    assert "pyalign.io" in new
    return [module for module in HEAVY if module in new]


def test_importing_io_brings_no_format_with_it():
    assert heavy_imports("") == []


def test_the_test_of_imports_can_fail():
    assert heavy_imports("import gzip") == ["gzip"]


# What is no path


def score():
    return pyalign.score(np.eye(3), [[0, 1, 2]], measure="dot")


TRANSFORM = pyalign.Transform(np.eye(2), None, 0.0, 1.0)
# Each argument of a public function that is a path, by the name of the function: a call with that argument.
PATHS = {
    "pyalign.NeighborIndex.save path": lambda p: pyalign.build_index(np.eye(3), index="flat").save(p),
    "pyalign.describe files": pyalign.describe,
    "pyalign.extract out": lambda p: pyalign.extract("pixels:1", [np.zeros((9, 9, 3), np.uint8)], out=p),
    "pyalign.load_dataset folder": lambda p: pyalign.load_dataset("things", p),
    "pyalign.load_dataset name": lambda p: pyalign.load_dataset(p),
    "pyalign.datasets.remember_dataset folder": lambda p: pyalign.datasets.remember_dataset("things", p),
    "pyalign.load_embeddings path": pyalign.load_embeddings,
    "pyalign.load_index path": pyalign.load_index,
    "pyalign.load_rdms path": lambda p: pyalign.load_rdms(p, kind="similarity"),
    "pyalign.load_metadata path": pyalign.load_metadata,
    "pyalign.load_result path": pyalign.load_result,
    "pyalign.load_triplets path": pyalign.load_triplets,
    "pyalign.merge_extractions out": lambda p: pyalign.merge_extractions([], p),
    "pyalign.merge_extractions parts": lambda p: pyalign.merge_extractions([p], "out"),
    "pyalign.plot csv": lambda p: pyalign.plot(score(), csv=p),
    "pyalign.plot out": lambda p: pyalign.plot(score(), out=p),
    "pyalign.load_transform path": pyalign.load_transform,
    "pyalign.run_study out": lambda p: pyalign.run_study("study.toml", p),
    "pyalign.run_study path": pyalign.run_study,
    "pyalign.run_unit out": lambda p: pyalign.run_unit("study.toml", p, "score"),
    "pyalign.run_unit path": lambda p: pyalign.run_unit(p, "results", "score"),
    "pyalign.study_units out": lambda p: pyalign.study_units("study.toml", p),
    "pyalign.study_units path": pyalign.study_units,
    "pyalign.write_embeddings path": lambda p: pyalign.write_embeddings(p, np.eye(2)),
    "pyalign.write_report path": lambda p: pyalign.write_report(score(), p),
    "pyalign.write_transform path": lambda p: pyalign.write_transform(p, TRANSFORM),
    "pyalign.io.holds_transform path": pyalign.io.holds_transform,
    "pyalign.io.load_categories path": pyalign.io.load_categories,
    "pyalign.io.read_answers path": pyalign.io.read_answers,
    "pyalign.io.read_choices path": pyalign.io.read_choices,
    "pyalign.io.read_names path": pyalign.io.read_names,
    "pyalign.io.read_subjects path": pyalign.io.read_subjects,
    "pyalign.io.read_weights path": pyalign.io.read_weights,
    "pyalign.io.Spec spec": pyalign.io.Spec,
    "pyalign.io.write_array path": lambda p: pyalign.io.write_array(p, np.eye(2)),
    "pyalign.io.write_files files": lambda p: pyalign.io.write_files([("a.txt", "a"), (p, "b")]),
    "pyalign.io.write_text path": lambda p: pyalign.io.write_text(p, "a"),
    "pyalign.datasets.fetch_dataset folder": lambda p: pyalign.datasets.fetch_dataset("things", p),
    "pyalign.datasets.simulate.write_sample folder": pyalign.datasets.simulate.write_sample,
    "pyalign.integrations.human_alignment.read_temperatures path": human_alignment.read_temperatures,
    "pyalign.integrations.human_alignment.find_temperature path": lambda p: human_alignment.find_temperature(p, "a/b"),
    "pyalign.analysis.describe.file.describe_file spec": describe_file,
    "pyalign.study.file.read_study path": read_study,
    "pyalign.study.preset.draft_study folder": draft_study,
    "pyalign.study.preset.draft_study relative_to": lambda p: draft_study(".", p),
    "pyalign.study.tour.take_tour out": take_tour,
}
# Arguments that may be a path among other things.
TEXTS = {
    "as_images": pyalign.as_images,
    "as_images of a list": lambda p: pyalign.as_images([p]).open(0),
    "extract": lambda p: pyalign.extract("pixels:1", p),
    "write_report": lambda p: pyalign.write_report(p, "a.html"),
    "write_report of a list": lambda p: pyalign.write_report([p], "a.html"),
    "plot": lambda p: pyalign.plot(p),
    "regress_metadata": lambda p: pyalign.regress_metadata(p, p),
    "embeddings": lambda p: pyalign.similarity(p),
    "triplets": lambda p: pyalign.odd_one_out(np.eye(3), p),
    "judgments": lambda p: pyalign.RDMs(p, "similarity"),
    "metadata": lambda p: pyalign.write_report(score(), "a.html", metadata=p),
}


class OfBytes:
    def __repr__(self):
        return "OfBytes()"

    def __fspath__(self):
        return b"x.npy"


NO_TEXTS = ["a\0b.npy", "a\ud800b.npy", "dataset:a\0b", "dataset:\udfff"]
NO_PATHS = [True, 0, 1, 3.5, b"x.npy", ["x.npy"], {}, OfBytes(), *NO_TEXTS]


def open_files():
    return {*os.listdir("/proc/self/fd")} if os.path.isdir("/proc/self/fd") else set()


@pytest.mark.parametrize("name", PATHS)
def test_what_is_no_path_is_refused_and_no_file_is_touched(tmp_path, monkeypatch, message_of, name):
    monkeypatch.chdir(tmp_path)
    before, argument = open_files(), name.split()[-1]
    called = {"files": "spec", "parts": "parts"}.get(argument, argument)
    for path in NO_PATHS:
        said = message_of(PATHS[name], path)
        rule = "have no NUL and no lone surrogate in it" if path in NO_TEXTS else "be text or an os.PathLike of text"
        assert re.match(rf"(path|spec|{called}) must {rule}; got ", said), said
        assert said.isprintable() and not os.listdir(tmp_path) and open_files() <= before, path


@pytest.mark.parametrize("text", NO_TEXTS, ids=ascii)
@pytest.mark.parametrize("name", TEXTS)
def test_text_that_no_path_can_be_is_refused_wherever_a_path_may_stand(tmp_path, monkeypatch, message_of, name, text):
    monkeypatch.chdir(tmp_path)
    said = message_of(TEXTS[name], text)
    assert said.isprintable() and not os.listdir(tmp_path)


def test_every_public_argument_that_is_a_path_is_checked_above():
    """By the annotations of all public functions and methods, so that a new one without a check is found here."""
    found = set()
    for module in (pyalign, pyalign.io, pyalign.datasets):
        for name in module.__all__:
            thing = getattr(module, name)
            methods = [one for one in vars(thing) if not one.startswith("_")] if inspect.isclass(thing) else [None]
            for method in methods:
                function = thing if method is None else getattr(thing, method)
                if callable(function) and getattr(thing, "__module__", "").startswith("pyalign"):
                    called = ".".join(filter(None, (module.__name__, name, method)))
                    found |= {f"{called} {one}" for one in paths_of(function)}
    twice = {one for one in found if one.startswith("pyalign.io") and one.replace("pyalign.io", "pyalign") in found}
    twice |= {one for one in found if one.startswith("pyalign.datasets.load_dataset")}
    assert len(found) > 25 and found - twice <= set(PATHS)


def paths_of(function):
    """The arguments whose annotation says that they are paths."""
    try:
        given = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return set()
    return {one.name for one in given if "PathLike" in str(one.annotation)}


@pytest.mark.parametrize("stream", [0, 1, 2])
def test_an_index_is_not_read_from_a_stream_of_the_caller(stream):
    code = f"""
import pyalign
for path in ({stream}, bool({stream})):
    try:
        pyalign.load_index(path)
    except pyalign.InputError as error:
        print(error)
print("still open")
"""
    ran = run_python(code)
    assert (ran.returncode, ran.stdout.splitlines()[-1], ran.stderr) == (0, "still open", "")


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux")
def test_a_file_whose_name_is_no_text_is_a_file_like_others(tmp_path, message_of):
    path = os.path.join(tmp_path, os.fsdecode(b"x\xff.npy"))
    np.save(path, np.eye(3))
    assert load_embeddings(path).shape == (3, 3)
    np.save(path, np.zeros(3))
    said = message_of(load_embeddings, path)
    assert "x\\udcff.npy" in said and said.isprintable()


@pytest.mark.parametrize(
    ("file", "raw"),
    [
        ("c.tsv", "object\tcategory\nsaw, big\ttool\napple\tfood\nvase\t\n"),
        ("c.csv", 'stimulus,category\n"saw, big",tool\napple,food\nvase,\n'),
        ("c.csv", '"saw, big",tool\napple,food\nvase,\n'),
    ],
)
def test_categories_are_labels_next_to_names(tmp_path, file, raw):
    path = tmp_path / file
    path.write_text(raw)
    categories = pyalign.io.load_categories(path)
    assert (categories.labels, categories.names) == (("food", "tool"), ("saw, big", "apple", "vase"))
    assert categories.members.astype(int).tolist() == [[0, 1], [1, 0], [0, 0]]


def test_two_columns_of_0_and_1_are_two_categories_and_more_text_is_refused(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("tool,food\n1,0\n0,1\n")
    categories = pyalign.io.load_categories(path)
    assert (categories.labels, categories.names) == (("tool", "food"), None)
    path.write_text("object,kind,class\nsaw,tool,thing\napple,food,plant\n")
    with pytest.raises(
        InputError, match=r"^.*c.csv: categories must be one column of labels, names and labels in two, "
    ):
        pyalign.io.load_categories(path)


@pytest.mark.parametrize(("start", "kind"), [(b"\x93NUMPY\x01\x00", "a .npy file"), (b"PK\x03\x04\xb5", "an archive")])
def test_a_binary_file_in_the_place_of_text_is_called_what_it_is(tmp_path, start, kind):
    path = tmp_path / "x.csv"
    path.write_bytes(start + b"\xff\x00" * 20)
    with pytest.raises(InputError, match=f"is not UTF-8 text .*; it starts as {kind}"):
        load_embeddings(path)
    with pytest.raises(InputError, match=f"it starts as {kind}"):
        pyalign.load_result(path)
