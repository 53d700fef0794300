"""MATLAB files of all versions give numbers, text and the fields of structs; broken ones are refused."""

from __future__ import annotations

from functools import partial

import numpy as np
import peer_files
import pytest

from pyalign.errors import InputError
from pyalign.io import load_embeddings
from pyalign.io.isolated import mat_entries

scipy_io = pytest.importorskip("scipy.io")
TYPES = "f8 f4 i1 u1 i2 u2 i4 u4 i8 u8".split()
STEP = 23  # bytes from one damage to the next: some crash scipy, and then its process is started again


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("code", [*TYPES, "?"])
def test_version_5_comes_back_as_scipy_reads_it(tmp_path, code, packed):
    path = tmp_path / "x.mat"
    for shape in ((1, 1), (2, 5), (1, 6), (700, 301)):
        values = (np.arange(np.prod(shape)) % 120).reshape(shape).astype(code)
        scipy_io.savemat(path, {"before": "text", "x": values, "y": values[:1]}, do_compression=packed)
        found = load_embeddings(path, key="x").values
        expected = scipy_io.loadmat(path, mat_dtype=True)["x"]
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_version_5_of_the_other_byte_order(tmp_path):
    big = partial(peer_files.element, order="big")
    values = np.arange(6.0).reshape(2, 3)
    body = big(6, (6).to_bytes(4, "big") + bytes(4)) + big(5, np.array([2, 3], ">i4").tobytes())
    body += big(1, b"x") + big(9, values.astype(">f8").tobytes("F"))
    path = tmp_path / "x.mat"
    path.write_bytes(b"MATLAB".ljust(124) + b"\x01\x00MI" + big(14, body))
    np.testing.assert_array_equal(scipy_io.loadmat(path)["x"], values)
    np.testing.assert_array_equal(load_embeddings(path), values)


@pytest.mark.parametrize("code", ["f8", "f4", "i4", "i2", "u2", "u1"])
def test_version_4_comes_back_as_scipy_reads_it(tmp_path, refused, code):
    values = np.arange(10).reshape(2, 5).astype(code)
    path = tmp_path / "x.mat"
    scipy_io.savemat(path, {"x": values, "label": "text", "c": values * 1j}, format="4")
    found = load_embeddings(path, key="x").values
    assert found.dtype == scipy_io.loadmat(path)["x"].dtype == np.dtype(code)
    np.testing.assert_array_equal(found, values)
    assert "complex numbers" in refused(load_embeddings, path, key="c")
    assert mat_entries(path)["label"].load().tolist() == ["text"]


@pytest.mark.parametrize("packed", [False, True])
def test_complex_numbers_are_refused(tmp_path, refused, packed):
    path = tmp_path / "x.mat"
    scipy_io.savemat(path, {"x": np.eye(2) + 1j, "y": np.eye(2)}, do_compression=packed)
    assert refused(load_embeddings, path, key="x") == "variable 'x' holds complex numbers, not real ones"
    np.testing.assert_array_equal(load_embeddings(path, key="y"), np.eye(2))


def test_a_small_packed_variable_does_not_become_a_huge_one(tmp_path, refused):
    import zlib

    def element(kind, raw):
        return kind.to_bytes(4, "little") + len(raw).to_bytes(4, "little") + raw + bytes(-len(raw) % 8)

    n = 300_000_000
    head = element(6, (9).to_bytes(4, "little") + bytes(4)) + element(5, np.array([1, n], "i4").tobytes())
    head += element(1, b"x") + (2).to_bytes(4, "little") + n.to_bytes(4, "little")
    packer = zlib.compressobj()
    packed = packer.compress((14).to_bytes(4, "little") + (len(head) + n).to_bytes(4, "little") + head)
    for _ in range(n // 1_000_000):
        packed += packer.compress(bytes(1_000_000))
    packed += packer.flush()
    path = tmp_path / "x.mat"
    raw = (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed
    path.write_bytes(b"MATLAB".ljust(124) + b"\x00\x01IM" + raw)
    assert "bytes that become 300000000, more than 100 times as many" in refused(load_embeddings, path)


@pytest.mark.parametrize("version", ["4", "5"])
def test_one_byte_changed_is_refused_or_read(tmp_path, version):
    path = tmp_path / "x.mat"
    scipy_io.savemat(path, {"x": np.arange(6.0).reshape(2, 3), "cell": np.eye(2)}, format=version)
    whole = path.read_bytes()
    for place in range(0, len(whole), STEP):
        for value in (0, 8, 255):
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            try:
                load_embeddings(path, key="x")
            except InputError as error:
                assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_fields_of_structs_have_their_names_in_matlab(tmp_path, packed):
    rng = np.random.default_rng(0)
    sets = {f"set{k}": {"pairwisedistances": rng.random((3, 10 * k)), "label": "text", "n": 5.0} for k in (1, 2)}
    stack = np.zeros((1, 3), dtype=[("RDM", object), ("name", object)])
    for k in range(3):
        stack[0, k] = (rng.random((4, 4)), f"person {k}")
    path = tmp_path / "x.mat"
    scipy_io.savemat(path, {"before": np.eye(2), "BEHAVIOR": sets, "rdms": stack}, do_compression=packed)
    for k in (1, 2):
        found = load_embeddings(path, key=f"BEHAVIOR.set{k}.pairwisedistances").values
        np.testing.assert_array_equal(found, sets[f"set{k}"]["pairwisedistances"])
    for k in range(3):
        np.testing.assert_array_equal(load_embeddings(path, key=f"rdms({k + 1}).RDM").values, stack[0, k]["RDM"])
    np.testing.assert_array_equal(load_embeddings(path).values, np.eye(2))  # what is inside is asked for by name


def test_a_struct_itself_is_no_array_and_text_in_it_holds_no_numbers(tmp_path, refused):
    path = tmp_path / "x.mat"
    scipy_io.savemat(path, {"s": {"x": np.eye(2), "label": "text"}, "empty": np.zeros((0, 0), [("a", object)])})
    assert "is a struct" in refused(load_embeddings, path, key="s")
    assert "must be real numbers (floats or integers); got <U4" in refused(load_embeddings, path, key="s.label")
    assert "s.x (2, 2) float64" in refused(load_embeddings, path, key="t")


@pytest.mark.parametrize("packed", [False, True])
def test_a_struct_of_which_any_byte_is_changed_is_one_line_or_read(tmp_path, packed):
    path = tmp_path / "x.mat"
    scipy_io.savemat(path, {"s": {"x": np.eye(2), "t": {"y": np.arange(3.0)}}}, do_compression=packed)
    raw = path.read_bytes()
    for place in range(128, len(raw), STEP):
        for value in (0, 14, 255):
            path.write_bytes(raw[:place] + bytes([value]) + raw[place + 1 :])
            try:
                load_embeddings(path, key="s.t.y")
            except InputError as error:
                assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_the_rows_of_text_are_strings_in_every_coding(tmp_path, refused, packed):
    path, expected = tmp_path / "x.mat", ["dog.png", "fée 22.png", "x"]
    text = {"names": np.array(expected), "one": "hi", "none": ""}
    scipy_io.savemat(path, {"x": np.eye(3), **text}, do_compression=packed)
    x = load_embeddings(path)
    assert x.names == tuple(expected)
    assert [list(mat_entries(path)[key].load()) for key in ("one", "none")] == [["hi"], []]
    for code, coding in ((4, "utf-16-le"), (16, "utf-8"), (17, "utf-16-le"), (18, "utf-32-le")):
        path.write_bytes(peer_files.mat(peer_files.text("names", expected, code, coding)))
        assert list(mat_entries(path)["names"].load()) == expected
    raw = path.read_bytes()
    place = raw.index(np.array([3, 10], "<i4").tobytes())
    path.write_bytes(raw[:place] + np.array([3, 11], "<i4").tobytes() + raw[place + 8 :])
    assert "is not a sound .mat file (" in refused(load_embeddings, path, key="names")
    path.write_bytes(peer_files.mat(peer_files.text("names", expected, 16, "latin-1")))
    assert "holds text that is not in the coding that it names" in refused(load_embeddings, path, key="names")


def test_structs_that_nest_for_ever_are_refused(tmp_path, refused):
    inner = {"x": np.eye(2)}
    for _ in range(40):
        inner = {"s": inner}
    path = tmp_path / "x.mat"
    scipy_io.savemat(path, inner)
    assert "structs in structs, more than 32 deep" in refused(load_embeddings, path)


def test_a_struct_that_claims_many_fields_is_refused(tmp_path, refused):
    path = tmp_path / "x.mat"
    scipy_io.savemat(path, {"s": {"x": np.eye(2)}})
    raw = bytearray(path.read_bytes())
    place = raw.index((5).to_bytes(4, "little") + (8).to_bytes(4, "little")) + 8
    raw[place : place + 8] = np.array([60_000, 60_000], "<i4").tobytes()
    path.write_bytes(raw)
    assert "reading it takes more than" in refused(load_embeddings, path)


# Version 7.3


def test_version_73_gives_the_names_and_the_numbers_of_version_7(tmp_path):
    pytest.importorskip("h5py")
    rng, old, new = np.random.default_rng(0), tmp_path / "old.mat", tmp_path / "new.mat"
    sets = {f"set{k}": {"pairs": rng.random((3, 10 * k)), "label": "fée"} for k in (1, 2)}
    people = [{"RDM": rng.random((4, 4)), "name": f"person {k}", "inner": {"x": rng.random((2, 3))}} for k in range(3)]
    records = np.zeros((1, 3), dtype=[(name, object) for name in people[0]])
    records[0] = [tuple(one.values()) for one in people]
    x = rng.random((5, 2))
    scipy_io.savemat(old, {"x": x, "BEHAVIOR": sets, "rdms": records, "text": "hi"})
    peer_files.write_73(new, x=x, BEHAVIOR=sets, rdms=people, text="hi", empty=None)
    expected = {key: entry for key, entry in mat_entries(old).items() if entry.dtype != "struct"}
    actual = mat_entries(new)
    assert sorted(actual) == sorted(expected)
    for key, entry in expected.items():
        assert (actual[key].shape, actual[key].dtype, actual[key].inner) == (entry.shape, entry.dtype, entry.inner)
        np.testing.assert_array_equal(actual[key].load(), entry.load())


def test_structs_of_version_73_that_hold_themselves_or_follow_links_are_refused_or_left_out(tmp_path, refused):
    h5py, path = pytest.importorskip("h5py"), tmp_path / "x.mat"
    peer_files.write_73(path, x=np.eye(2), s={"y": np.eye(3)})
    with h5py.File(path, "a") as file:
        file["s/link"] = h5py.SoftLink("/x")
        file["s/outside"] = h5py.ExternalLink("other.mat", "/x")
    assert list(mat_entries(path)) == ["s.y", "x"]
    with h5py.File(path, "a") as file:
        file["s/itself"] = file["s"]
    assert refused(load_embeddings, path) == "holds structs in structs, more than 32 deep"
