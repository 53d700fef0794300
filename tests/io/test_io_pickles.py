"""Pickles of features[source][model][module]: arrays come in, nothing runs."""

from __future__ import annotations

import collections
import io
import os
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyalign.errors import InputError
from pyalign.io import load_embeddings, read_names
from pyalign.io.tensor_files import pickle_entries, read_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def write(path, value, protocol=None):
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol))
    return path


def tree(**arrays):
    return {"timm": {"resnet50": arrays}}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["float16", "float32", ">f8", "int64", "bool"])
def test_reads_arrays_of_every_protocol(tmp_path, protocol, dtype):
    values = np.arange(10).reshape(2, 5).astype(dtype)
    path = write(tmp_path / "x.pkl", tree(logits=values, penultimate=values[:, ::-1]), protocol)
    found = load_embeddings(path, key="timm/resnet50/logits")
    np.testing.assert_array_equal(found.values, values)
    assert found.values.dtype == values.dtype.newbyteorder("=")
    assert found.names is None
    np.testing.assert_array_equal(load_embeddings(path, key="timm/resnet50/penultimate"), values[:, ::-1])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_keeps_fortran_order_and_transposes(tmp_path, protocol):
    values = np.arange(24.0).reshape(2, 3, 4)
    for array in (np.asfortranarray(values[0]), values[0].T, values.transpose(1, 0, 2)[:, 1]):
        np.testing.assert_array_equal(load_embeddings(write(tmp_path / "x.pickle", array, protocol)), array)
    if protocol == 5:
        path = write(tmp_path / "x.pickle", values.transpose(2, 0, 1), protocol)
        with pytest.raises(InputError, match=r"got \(4, 2, 3\)"):
            load_embeddings(path)


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_reads_pickles_of_numpy_1_and_2(tmp_path, core):
    raw = pickle.dumps(tree(x=np.eye(2)), 2)
    assert b"numpy._core.multiarray" in raw or b"numpy.core.multiarray" in raw
    raw = raw.replace(b"numpy._core.", b"numpy.core.").replace(b"numpy.core.", core + b".")
    np.testing.assert_array_equal(load_embeddings(write(tmp_path / "x.pkl", raw)), np.eye(2))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_dicts_with_defaults_and_text_are_read(tmp_path, protocol):
    features = collections.defaultdict(dict)
    features["resnet50"]["logits"] = np.eye(2)
    path = write(tmp_path / "x.pkl", {"timm": features}, protocol)
    np.testing.assert_array_equal(load_embeddings(path, key="timm/resnet50/logits"), np.eye(2))
    names, shared = np.array(["dog", "b\u00e4r", "\U0001f600"]), [np.str_("a"), np.float32(0.5), 3]
    read = read_pickle(
        write(path, {"names": names, "lists": [shared, shared], "swapped": names.astype(">U3")}, protocol)
    )
    assert read["names"].tolist() == read["swapped"].tolist() == names.tolist()
    assert read["lists"] == [["a", 0.5, 3]] * 2 and read["lists"][0] is read["lists"][1]
    assert read_names(write(path, {"names": names}, protocol)) == tuple(names)


def test_dicts_that_hold_themselves_and_lists_that_explode_take_no_time(tmp_path):
    endless: dict = {"a": 1}
    endless["again"] = endless
    assert read_pickle(write(tmp_path / "x.pkl", endless)) == {"a": 1, "again": None}
    level = [np.eye(1)]
    for _ in range(60):
        level = [level, level]
    assert len(read_pickle(write(tmp_path / "x.pkl", {"x": level}))["x"]) == 2


@pytest.mark.parametrize("letters", [b"\xff\xff\xff\xff", b"\x00\xd8\x00\x00"])
def test_text_that_is_no_text_is_refused(tmp_path, refused, letters):
    raw = pickle.dumps({"names": np.array(["Q"])}, 5)
    place = raw.index(b"Q\0\0\0")
    assert "can't decode" in refused(
        load_embeddings, write(tmp_path / "x.pkl", raw[:place] + letters + raw[place + 4 :])
    )


def test_numbers_of_a_map_are_arrays_of_no_dimension(tmp_path):
    path = write(tmp_path / "x.pkl", {"m": {"weights": np.eye(2), "mean": 1, "std": 0.5, "n": 3, "big/mean": 1 << 70}})
    assert {key: entry.load().tolist() for key, entry in pickle_entries(path).items() if not entry.shape} == {
        "m/mean": 1.0,
        "m/std": 0.5,
    }


def test_one_array_needs_no_key_and_several_are_listed(tmp_path, refused):
    path = write(tmp_path / "x.pkl", tree(logits=np.eye(2), penultimate=np.eye(3)))
    message = refused(load_embeddings, path)
    assert "timm/resnet50/logits (2, 2) float64, timm/resnet50/penultimate (3, 3) float64" in message
    assert "no array 'logits'; it holds timm" in refused(load_embeddings, path, key="logits")
    np.testing.assert_array_equal(load_embeddings(write(path, tree(logits=np.eye(2)))), np.eye(2))
    assert "holds no arrays" in refused(load_embeddings, write(path, {"a": [1, 2.5, "x", None]}))
    assert "got ()" in refused(load_embeddings, write(path, np.float64(3)))


class Run:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_that_runs_a_command_is_refused_and_does_not_run(tmp_path, refused, protocol):
    trace = tmp_path / "trace"
    raw = pickle.dumps(tree(x=np.eye(2), y=Run(os.system, f"touch {trace}")), protocol)
    message = refused(load_embeddings, write(tmp_path / "x.pkl", raw))
    assert "it asks for 'posix.system'" in message or "it asks for 'nt.system'" in message
    assert not trace.exists()
    pickle.loads(raw)  # the attack is real
    assert trace.exists()


@pytest.mark.parametrize(
    "value",
    [
        collections.OrderedDict(a=1), {1, 2}.__class__, io.BytesIO(b"x"), np.load, np.array([["a", "b"]], dtype=object),
        np.array([[1, 2]], dtype="f4,f4"), np.array([["a", "b"]]), np.ma.masked_array([[1.0]], mask=[[True]]),
        np.random.default_rng(0), Run(getattr, "text", "upper"), Run(eval, "1"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_everything_but_plain_arrays_is_refused(tmp_path, refused, value, protocol):
    refused(load_embeddings, write(tmp_path / "x.pkl", {"x": value}, protocol))


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
DTYPE = b"cnumpy\ndtype\n(S'f8'\nI00\nI01\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"cnumpy\ndtype\n(S'O8'\ntR.", "dtype 'O8'"),
        (b"cnumpy\ndtype\n(I5\ntR.", "dtype 5"),
        (b"cnumpy\nndarray\n(I3\ntR.", "a call of ndarray"),
        (b"cnumpy\nndarray\n(dS'shape'\nI5\nsb.", "a change to ndarray"),
        (RECONSTRUCT + b"(dS'__defaults__'\nI5\nsb.", "a change to _reconstruct"),
        (b"c_codecs\nencode\n(S'x'\nS'zlib'\ntR.", "text in 'zlib'"),
        (b"c_codecs\ndecode\n(S'x'\nS'zlib'\ntR.", "_codecs.decode"),
        (b"cbuiltins\ngetattr\n.", "builtins.getattr"),
        (b"cnumpy.core.multiarray\n_reconstruct.__globals__\n.", "it asks for"),
        (RECONSTRUCT + b"(tR.", "an array without data"),
        (RECONSTRUCT + b"(tR(I1\n(I2\nI2\nt" + DTYPE + b"I00\nS'1234'\ntb.", "shape (2, 2) with 4 bytes"),
        (RECONSTRUCT + b"(tR(I1\n(I-1\nt" + DTYPE + b"I00\nS'12345678'\ntb.", "without a shape"),
        (RECONSTRUCT + b"(tR(I1\n(I1\ntI5\nI00\nS'12345678'\ntb.", "Python objects"),
        (RECONSTRUCT + b"(tR(dS'array'\nI5\nsb.", "not a sound pickle file"),
        (b"P123\n.", "not a sound pickle file"),
        (b"\x80\x05\x82\x01.", "not a sound pickle file"),
        (b"\x80\x05\x96" + b"\xff" * 7 + b"\x7f.", "not a sound pickle file"),
        (b"", "is empty (0 bytes)"),
        (b"not a pickle", "not a sound pickle file"),
    ],
)
def test_hand_written_attacks_are_refused(tmp_path, refused, raw, said):
    assert said in refused(load_embeddings, write(tmp_path / "x.pkl", raw))


def test_deep_endless_and_exploding_dicts_are_refused(tmp_path, refused):
    endless: dict = {}
    endless["again"] = endless
    assert "deeper than 4" in refused(load_embeddings, write(tmp_path / "x.pkl", endless))
    deep = {"a": {"b": {"c": {"d": {"e": np.eye(2)}}}}}
    assert "deeper than 4" in refused(load_embeddings, write(tmp_path / "x.pkl", deep))
    np.testing.assert_array_equal(load_embeddings(write(tmp_path / "x.pkl", deep["a"])), np.eye(2))
    wide = np.eye(2)
    for _ in range(4):
        wide = {key: wide for key in range(100)}
    assert "more than 100000 arrays" in refused(load_embeddings, write(tmp_path / "x.pkl", wide))


def test_a_high_number_in_the_memo_takes_no_memory(tmp_path, refused):
    path = write(tmp_path / "x.pkl", bytes.fromhex("80047d72ffffff012e"))
    tracemalloc.start()
    try:
        assert refused(load_embeddings, path) == "holds no arrays"
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


NESTED = b"".join(b"h" + bytes([k]) + b"h" + bytes([k]) + b"\x86\x940" for k in range(25))
COLLIDING = b"".join(b"\x8a\x0b" + (((1 << 61) - 1) * k).to_bytes(11, "little") + b"N" for k in range(1, 3000))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\x80\x04})\x940" + NESTED + b"h\x19K\x01s.", "a key tuple; keys are text"),
        (b"\x80\x04}(" + COLLIDING + b"u.", "a key int; keys are text"),
        (b"\x80\x04}(G" + bytes(8) + b"Nu.", "a key 0.0; keys are text"),
        (b"\x80\x04\x8f.", "an instruction 143 for objects"),
        pytest.param(b"\x80\x04]" + b"]" * 2_000_001 + b".", "more than 2000000 instructions", marks=pytest.mark.slow),
        (b"\x80\x04])R.", "a call of what is no function"), (b"\x80\x04}]b.", "a state for what has none"),
        (b"\x80\x04X\xff\xff\xff\x7f", "it ends early"),
        (RECONSTRUCT + b"(tR(I1\n(" + b"I1\n" * 40 + b"t" + DTYPE + b"I00\nS'12345678'\ntb.", "without a shape"),
    ],
)
def test_pickles_that_take_time_or_memory_are_refused_before(tmp_path, refused, raw, said):
    assert said in refused(load_embeddings, write(tmp_path / "x.pkl", raw))


def test_a_text_that_is_the_data_of_many_arrays_is_refused(tmp_path, refused):
    one = RECONSTRUCT + b"(tR(I1\n(I1000\nt" + DTYPE + b"I00\ng9\ntb"
    raw = b"(dS'" + b"x" * 8000 + b"'\np9\n0" + b"".join(b"S'%d'\n" % key + one + b"s" for key in range(3)) + b"."
    path = write(tmp_path / "x.pkl", raw)
    assert "data of several arrays in one text" in refused(load_embeddings, path)


def test_dicts_without_arrays_that_explode_are_refused(tmp_path, refused):
    wide: dict = {}
    for _ in range(3):
        wide = {key: wide for key in range(400)}
    assert refused(load_embeddings, write(tmp_path / "x.pkl", wide)) == "holds more than 100000 arrays"


@given(place=st.integers(0, 2000), new=st.binary(max_size=4), cut=st.booleans())
@settings(max_examples=300)
def test_a_damaged_pickle_is_refused_or_reads_well(tmp_path_factory, place, new, cut):
    raw = pickle.dumps(tree(logits=np.eye(3), other=np.ones(2, "f2")), 4)
    place %= len(raw)
    path = tmp_path_factory.mktemp("damage") / "x.pkl"
    write(path, b"\x80" + raw[1:place] if cut else raw[:place] + new + raw[place + len(new) :])
    try:
        assert load_embeddings(path).ndim == 2
    except InputError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
