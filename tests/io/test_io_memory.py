"""Files for which memory or descriptors are not enough: that is said, and the file is not called unsound."""

from __future__ import annotations

import errno
import json
import pickle
import struct
import sys

import numpy as np
import pytest
from support import run_python

from pyalign.errors import InputError
from pyalign.io.paths import guarded, mapped

ROWS = 1 << 18  # of 64 float64: 128 MiB
SHORT = """
import resource, sys
from pyalign.io import load_embeddings
small, large = sys.argv[1:3]
load_embeddings(small)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (48 << 20), used + (48 << 20)))
"""


def write_npy(path, rows):
    np.lib.format.open_memmap(path, "w+", np.float64, (rows, 64)).flush()


def write_npz(path, rows):
    np.savez_compressed(path, x=np.zeros((rows, 64)))


def write_safetensors(path, rows):
    size = rows * 64 * 8
    header = json.dumps({"x": {"dtype": "F64", "shape": [rows, 64], "data_offsets": [0, size]}}).encode()
    header += b" " * (-len(header) % 8)  # data that are not aligned are copied
    with open(path, "wb") as handle:
        handle.write(struct.pack("<Q", len(header)) + header)
        handle.truncate(8 + len(header) + size)


def write_hdf5(path, rows):
    with pytest.importorskip("h5py").File(path, "w") as file:
        file.create_dataset("x", (rows, 64), np.float64)


def write_mat(path, rows):
    pytest.importorskip("scipy.io").savemat(path, {"x": np.zeros((rows, 64))})


def write_pickle(path, rows):
    with open(path, "wb") as handle:
        pickle.dump({"source": {"model": {"x": np.zeros((rows, 64))}}}, handle, protocol=4)


FILES = {
    ".npy": write_npy,
    ".npz": write_npz,
    ".safetensors": write_safetensors,
    ".h5": write_hdf5,
    ".mat": write_mat,
    ".pkl": write_pickle,
}


@pytest.fixture
def files(tmp_path):
    def make(suffix):
        paths = tmp_path / f"small{suffix}", tmp_path / f"large{suffix}"
        for path, rows in zip(paths, (4, ROWS), strict=True):
            FILES[suffix](path, rows)
        return tuple(map(str, paths))

    return make


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is counted by Linux")
@pytest.mark.parametrize("suffix", FILES)
def test_a_sound_file_that_is_larger_than_the_memory_is_not_called_unsound(files, suffix):
    code = """
try:
    load_embeddings(large)
except MemoryError as error:
    print(error)
"""
    paths = files(suffix)
    done = run_python(SHORT + code, arguments=paths)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{paths[1]}: not enough memory to read it (")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is counted by Linux")
def test_the_command_line_says_so_in_one_line(files):
    code = """
from pyalign.cli import main
sys.exit(main(["describe", large]))
"""
    paths = files(".npy")
    done = run_python(SHORT + code, arguments=paths)
    assert done.returncode == 1
    assert done.stderr.startswith(f"pyalign describe: error: {paths[1]}: not enough memory to read it (")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory"),
        OSError("Can't read data (memory allocation failed for raw data chunk)"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8000000000 bytes."),
        RuntimeError("unable to mmap 8000000000 bytes from file <x.pt>: Cannot allocate memory (12)"),
    ],
)
def test_every_librarys_words_for_memory_that_ran_out_are_known(error):
    def fail():
        raise error

    with pytest.raises(MemoryError, match=r"^x\.pt: not enough memory to read it \("):
        guarded("x.pt", "PyTorch", lambda: guarded("x.pt", "PyTorch", fail))


def test_a_false_length_is_still_a_fault_of_the_file(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 50) + b"few")
    with pytest.raises(InputError, match="is not a sound pickle file"):
        from pyalign.io import load_embeddings

        load_embeddings(path)


FEW = """
import gc, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
import numpy as np
from pyalign.io import load_embeddings
path = sys.argv[1]
def mapped():
    return sum(path in line for line in open("/proc/self/maps"))
"""
USED_UP = """
taken = [open("/dev/null")]
try:
    while True:
        taken.append(open("/dev/null"))
except OSError:
    pass
"""


def done_by(code, *paths):
    done = run_python(FEW + code, arguments=tuple(map(str, paths)))
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="maps are listed by Linux")
@pytest.mark.parametrize("order", ["C", "F"])
def test_more_models_are_mapped_than_files_may_be_open_and_are_let_go_with_their_last_view(tmp_path, order):
    x = np.asarray(np.random.default_rng(0).normal(size=(40, 300)), order=order)
    np.save(tmp_path / "x.npy", x)
    said = done_by(
        """
models = [load_embeddings(path).values for _ in range(600)]
assert all(np.array_equal(model, np.load(path)) for model in models)
print(mapped())
row = models[0][3]
del models
gc.collect()
print(mapped(), row.sum() == np.load(path)[3].sum())
del row
print(mapped())
""",
        tmp_path / "x.npy",
    )
    assert said == ["600", "1 True", "0"]


@pytest.mark.parametrize("suffix", [".safetensors", ".h5"])
def test_so_are_tensors_of_safetensors_and_hdf5(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    FILES[suffix](path, 5)
    code = "models = [load_embeddings(path).values for _ in range(400)]\nprint(sum(x.size for x in models))"
    assert done_by(code, path) == [str(400 * 5 * 64)]


def test_a_file_that_cannot_be_opened_for_want_of_descriptors_is_not_called_unsound(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(3))
    code = USED_UP + """
try:
    load_embeddings(path)
except OSError as error:
    del taken[:1]  # for the lines that are printed
    print(error)
"""
    assert done_by(code, tmp_path / "x.npy") == [f"[Errno 24] Too many open files: '{tmp_path}/x.npy'"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_neither_is_one_whose_reader_ran_out_of_them(number):
    def fail():
        raise OSError(number, "what a library says")

    with pytest.raises(OSError, match=r"Too many open files.*: 'x\.h5'") as raised:
        guarded("x.h5", "HDF5", lambda: guarded("x.h5", "HDF5", fail))
    assert raised.value.errno == number


def test_a_file_that_shrank_meanwhile_is_refused_before_it_is_mapped(tmp_path):
    (tmp_path / "x").write_bytes(bytes(80))
    assert mapped(tmp_path / "x", np.dtype("f8"), 8, (3, 3)).shape == (3, 3)
    with pytest.raises(ValueError, match="ends before"):
        mapped(tmp_path / "x", np.dtype("f8"), 16, (3, 3))
