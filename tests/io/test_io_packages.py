"""HDF5, MATLAB and PyTorch files."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

from pyalign.errors import MissingExtraError
from pyalign.io import load_embeddings
from pyalign.io.isolated import torch_entries

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3) / 4


@pytest.mark.parametrize("suffix", ["h5", "hdf5"])
def test_hdf5_by_path_preferred_name_or_alone(tmp_path, refused, suffix):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / f"x.{suffix}"
    with h5py.File(path, "w") as file:
        file["clip/visual"] = VALUES
    np.testing.assert_array_equal(load_embeddings(path), VALUES)
    with h5py.File(path, "a") as file:
        file["clip/text"] = VALUES.astype("f2") * 2
    assert "clip/text (2, 3) float16, clip/visual (2, 3) float32" in refused(load_embeddings, path)
    for key in ("clip/text", "/clip/text"):
        found = load_embeddings(path, key=key)
        assert found.dtype == np.float16
        np.testing.assert_array_equal(found, VALUES * 2)
    with h5py.File(path, "a") as file:
        file["features"] = VALUES * 3
    np.testing.assert_array_equal(load_embeddings(path), VALUES * 3)
    assert "no array 'clip'" in refused(load_embeddings, path, key="clip")


def test_hdf5_brings_the_names_of_its_rows(tmp_path, refused):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["features"], file["names"] = VALUES, ["dog", "ä"]
        file["fixed"] = np.array([b"a", b"b"])
        file["none"] = h5py.Empty("f4")
        file["outside"] = h5py.ExternalLink("other.h5", "/x")
        file["records"] = np.ones((2, 2), "f4,f4")
    assert load_embeddings(tmp_path / "x.h5").names == ("dog", "ä")
    assert "no array 'outside'" in refused(load_embeddings, tmp_path / "x.h5", key="outside")
    assert "real numbers" in refused(load_embeddings, tmp_path / "x.h5", key="records")
    assert "real numbers" in refused(load_embeddings, tmp_path / "x.h5", key="names")


def test_hdf5_without_arrays_or_cut_short(tmp_path, refused):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "x.h5"
    h5py.File(path, "w").close()
    assert "holds no arrays" in refused(load_embeddings, path)
    with h5py.File(path, "w") as file:
        file["features"] = np.ones((500, 50))
    whole = path.read_bytes()
    for length in (1, 100, len(whole) // 2):
        path.write_bytes(whole[:length])
        assert "not a sound HDF5 file" in refused(load_embeddings, path)


def test_mat_keeps_matlabs_types(tmp_path, refused):
    scipy_io = pytest.importorskip("scipy.io")
    path = tmp_path / "x.mat"
    scipy_io.savemat(path, {"rdm": np.arange(6.0).reshape(2, 3)}, do_compression=True)
    assert load_embeddings(path).dtype == np.float64
    np.testing.assert_array_equal(load_embeddings(path), np.arange(6).reshape(2, 3))
    scipy_io.savemat(path, {"a": VALUES, "b": VALUES * 2, "label": "text", "cell": np.array([1, "x"], object)})
    assert "a (2, 3) float32, b (2, 3) float32" in refused(load_embeddings, path)
    found = load_embeddings(path, key="b")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, VALUES * 2)
    for key in ("label", "cell"):
        assert "real numbers" in refused(load_embeddings, path, key=key)


def test_mat_doubles_that_matlab_stored_in_one_byte_each_are_doubles(tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    path = tmp_path / "x.mat"
    scipy_io.savemat(path, {"x": np.arange(6, dtype="u1").reshape(2, 3)})
    raw = bytearray(path.read_bytes())
    assert raw[144] == 9  # the class of the variable: uint8
    raw[144] = 6  # double, its data still in bytes
    path.write_bytes(raw)
    found = load_embeddings(path)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.arange(6).reshape(2, 3))


def test_mat_refuses_sparse_and_cut_files(tmp_path, refused):
    scipy_io = pytest.importorskip("scipy.io")
    sparse = pytest.importorskip("scipy.sparse")
    path = tmp_path / "x.mat"
    scipy_io.savemat(path, {"s": sparse.eye(3)})
    assert "not a full array" in refused(load_embeddings, path)
    scipy_io.savemat(path, {"x": np.ones((40, 40))})
    whole = path.read_bytes()
    for length in (1, 60, 200, len(whole) // 2):
        path.write_bytes(whole[:length])
        assert "not a sound .mat file" in refused(load_embeddings, path)


def test_mat_73_is_hdf5_with_columns_first(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "x.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["rdm"] = VALUES.T
        file["#refs#/a"] = VALUES.T
    with open(path, "r+b") as handle:
        handle.write(b"MATLAB 7.3 MAT-file")
    np.testing.assert_array_equal(load_embeddings(path), VALUES)


def test_mat_of_the_things_rdm(data):
    pytest.importorskip("scipy")
    rdm = load_embeddings(data / "things/RDM48_triplet.mat").values
    assert rdm.shape == (48, 48)
    np.testing.assert_allclose(rdm, rdm.T)


@pytest.mark.parametrize("suffix", ["pt", "pth"])
def test_torch_tensor_or_dict(tmp_path, refused, suffix):
    torch = pytest.importorskip("torch")
    path = tmp_path / f"x.{suffix}"
    torch.save(torch.from_numpy(VALUES).requires_grad_(), path)
    np.testing.assert_array_equal(load_embeddings(path), VALUES)
    tensors = {"a": torch.from_numpy(VALUES), "clip": {"b": torch.ones(2, 2).half()}, "epoch": 3}
    torch.save(tensors, path)
    assert "a (2, 3) float32, clip/b (2, 2) float16" in refused(load_embeddings, path)
    assert load_embeddings(path, key="clip/b").dtype == np.float16
    torch.save({"x": torch.from_numpy(VALUES), "names": ["dog", "ä"]}, path)
    assert load_embeddings(path).names == ("dog", "ä")


def test_torch_bfloat16_becomes_the_same_numbers_in_float32(tmp_path):
    torch = pytest.importorskip("torch")
    values = torch.randn(4, 6).bfloat16().T
    torch.save(values, tmp_path / "x.pt")
    found = load_embeddings(tmp_path / "x.pt")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values.float().numpy())


def test_the_size_of_torch_tensors_is_that_of_the_arrays_that_they_become(tmp_path):
    torch = pytest.importorskip("torch")
    from pyalign.io._isolated_torch import _described

    for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.uint8):
        torch.save(torch.ones(4, 6, dtype=dtype), tmp_path / "x.pt")
        (entry,) = torch_entries(tmp_path / "x.pt").values()
        assert _described(torch.ones(4, 6, dtype=dtype))[2] == entry.load().nbytes


def test_torch_refuses_other_objects_without_running_them(tmp_path, refused):
    torch = pytest.importorskip("torch")
    path = tmp_path / "x.pt"

    class Run:
        def __reduce__(self):
            return pytest.fail, ("unpickled",)

    torch.save({"x": torch.ones(2, 2), "y": Run()}, path)
    assert "only tensors are read" in refused(load_embeddings, path)
    torch.save(torch.eye(2).to_sparse(), path)
    assert "not a sound PyTorch file" in refused(load_embeddings, path)
    torch.save(torch.ones(2, 2, dtype=torch.complex64), path)
    assert "complex64" in refused(load_embeddings, path)
    torch.save(torch.ones(40, 40), path)
    whole = path.read_bytes()
    for raw in (whole[:10], whole[: len(whole) // 2], b"not a file of torch"):
        path.write_bytes(raw)
        refused(load_embeddings, path)


@pytest.mark.parametrize(
    ("name", "package"), [("x.h5", "h5py"), ("x.mat", "scipy"), ("x.parquet", "pyarrow"), ("x.pt", "torch")]
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch, name, package):
    (tmp_path / name).write_bytes(b"x")
    for module in [module for module in sys.modules if module.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError) as caught:
        load_embeddings(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert re.search(rf"needs {package}, which is not installed: pip install .*\b{package}\b", str(caught.value))


# Files that make the libraries crash, hang or tell what is in other files


def heap_file(path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["features"], file["names"] = VALUES, ["dog", "cat"]
    raw = bytearray(path.read_bytes())
    start = raw.index(b"GCOL")
    place = start + 16
    while int.from_bytes(raw[place : place + 2], "little"):
        place += 16 + -(-int.from_bytes(raw[place + 8 : place + 16], "little") // 8) * 8
    return raw, place


@pytest.mark.parametrize("length", [0, 8, 15])
def test_a_heap_of_text_without_an_end_is_refused(tmp_path, refused, length):
    path = tmp_path / "x.h5"
    raw, gap = heap_file(path)
    assert load_embeddings(path).names == ("dog", "cat")
    raw[gap + 8 : gap + 16] = length.to_bytes(8, "little")
    path.write_bytes(raw)
    assert "a heap of text with a gap of no length" in refused(load_embeddings, path)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_an_hdf5_dataset_without_rows_or_columns_is_refused(tmp_path, refused, shape):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = np.empty(shape, np.float32)
    assert refused(load_embeddings, tmp_path / "x.h5") == f"embeddings are empty; got shape {shape}"


def test_hdf5_data_in_other_files_are_not_read(tmp_path, refused):
    h5py = pytest.importorskip("h5py")
    path, secret = tmp_path / "x.h5", tmp_path / "secret"
    secret.write_bytes(b"s" * 60)
    with h5py.File(path, "w") as file:
        file.create_dataset("outside", (6, 10), "u1", external=[(str(secret), 0, 60)])
    assert refused(load_embeddings, path) == "'outside' keeps its data in other files, which are not read"
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = VALUES
    layout = h5py.VirtualLayout(shape=(2, 3), dtype="f4")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "x", shape=(2, 3))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("virtual", layout)
    assert refused(load_embeddings, path) == "'virtual' keeps its data in other files, which are not read"


def mat_bytes(tmp_path, packed=False, **variables):
    path = tmp_path / "x.mat"
    pytest.importorskip("scipy.io").savemat(path, variables, do_compression=packed)
    return path, bytearray(path.read_bytes())


@pytest.mark.parametrize("kind", [0, 19, 65535])
@pytest.mark.parametrize("packed", [False, True])
def test_mat_elements_of_an_unknown_type_end_another_process(tmp_path, refused, kind, packed):
    path, raw = mat_bytes(tmp_path, features=VALUES)
    place = raw.index(b"features") + 8
    assert raw[place] == 7  # single
    raw[place : place + 4] = kind.to_bytes(4, "little")
    if packed:
        import zlib

        body = zlib.compress(bytes(raw[128:]))
        raw = raw[:128] + (15).to_bytes(4, "little") + len(body).to_bytes(4, "little") + body
    path.write_bytes(raw)
    assert "is not a sound .mat file (" in refused(load_embeddings, path)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (152, 12, "is not a sound .mat file ("),  # the type of the dimensions
        (160, 2**31 - 1, "bytes that become 25769803764, more than 100 times as many"),
        (188, 1000, "is not a sound .mat file ("),  # the size of the element
        (132, 64, "is not a sound .mat file ("),  # of the whole variable
        (144, 6 + (8 << 8), "is not a sound .mat file ("),  # said to be complex
    ],
)
def test_mat_variables_that_are_not_as_they_say_are_refused(tmp_path, refused, place, value, said):
    path, raw = mat_bytes(tmp_path, features=VALUES)
    raw[place : place + 4] = value.to_bytes(4, "little")
    path.write_bytes(raw)
    assert said in refused(load_embeddings, path)


def test_mat_cells_are_listed_and_never_read(tmp_path, refused):
    cell = np.array([np.eye(2), "text"], dtype=object)
    path, _ = mat_bytes(tmp_path, x=VALUES, cell=cell)
    np.testing.assert_array_equal(load_embeddings(path, key="x"), VALUES)
    assert refused(load_embeddings, path, key="cell") == "variable 'cell' is a cell, not a full array of real numbers"


@pytest.mark.parametrize("packed", [False, True])
def test_mat_files_of_many_kinds_pass_the_check(tmp_path, packed):
    cell = np.array([np.eye(2), "text", np.array([[1 + 2j]])], dtype=object)
    many = {"cell": cell, "struct": {"a": 1, "b": "text"}, "c": np.eye(2) * 1j, "i": np.arange(3, dtype="i8"), "t": "ä"}
    path, _ = mat_bytes(tmp_path, packed, x=np.random.default_rng(0).normal(size=(700, 300)), **many)
    assert load_embeddings(path, key="x").shape == (700, 300)
    assert load_embeddings(path, key="x").dtype == np.float64


def test_torch_dicts_that_explode_are_refused(tmp_path, refused):
    torch = pytest.importorskip("torch")
    wide = torch.ones(2, 2)
    for _ in range(4):
        wide = {str(key): wide for key in range(40)}
    torch.save(wide, tmp_path / "x.pt")
    assert refused(load_embeddings, tmp_path / "x.pt") == "holds more than 100000 tensors"


HOSTILE = """
import subprocess
import sys
from pyalign.errors import InputError
from pyalign.io import load_embeddings
from pyalign.io.contents import contents
for read in (load_embeddings, lambda path: list(contents(path))):
    try:
        found = read(sys.argv[1])
        print("read", [one.fault for one in found] if isinstance(found, list) else found.shape)
    except InputError as error:
        print("refused", error)
"""


OUTSIDE = "'features' keeps its data in other files, which are not read"
BOMB = "holds more than 100000 tensors"
UNKNOWN = "is not a sound .mat file ("
GAP = "is not a sound HDF5 file (a heap of text with a gap of no length)"


@pytest.mark.parametrize(
    ("name", "said", "listed"),
    [
        ("hang.h5", GAP, None),
        ("h_external_raw.h5", OUTSIDE, f"read [{OUTSIDE!r}]"),
        ("ob.mat", UNKNOWN, None),
        ("p_wide.pt", BOMB, None),
    ],
)
def test_hostile_files_are_refused_in_time(data, name, said, listed):
    """Each of them made a reader crash, hang or tell what is in another file."""
    path = data / "hostile" / name
    run = subprocess.run([sys.executable, "-c", HOSTILE, str(path)], capture_output=True, text=True, timeout=100)
    assert (run.returncode, run.stderr) == (0, "")
    first, second = run.stdout.splitlines()
    if name == "ob.mat":  # scipy crashes, in another process
        assert first.startswith(f"refused {path}: {said}") and second.startswith(f"read ['{said}")
        return
    assert first == f"refused {path}: {said}"
    if name == "hang.h5":
        assert second.startswith("read [None, ") and second.endswith(f"{GAP!r}]")
    else:
        assert second == (listed or f"refused {path}: {said}")
