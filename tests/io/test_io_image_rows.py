"""Images in HDF5 and Parquet are read in a separate process, by and by, never more than a piece of the file at once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pyalign.extraction.images import as_images
from pyalign.io import image_files

N = 300
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 5, 7, 3)).astype(np.uint8)
FILES = [bytes([k % 256]) * (k % 97) + b"\0" for k in range(N)]
NAMES = [f"item {k}" for k in range(N)]


@pytest.fixture
def hdf5(tmp_path):
    """``hdf5(options of a dataset, **others)``: the path of a file."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")

    def write(key="images", data=PIXELS, beside=None, **options):
        path = tmp_path / "x.h5"
        with h5py.File(path, "w") as file:
            if isinstance(data, list):
                kept = file.create_dataset(key, (len(data),), dtype=h5py.vlen_dtype(np.uint8))
                for k, raw in enumerate(data):
                    kept[k] = np.frombuffer(raw, np.uint8)
            else:
                file.create_dataset(key, data=data, **options)
            for name, value in (beside or {}).items():
                file[name] = value
        return path

    return write


@pytest.fixture
def parquet(tmp_path):
    """``parquet(columns, **options)``: the path of a file."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

    def write(columns, **options):
        path = tmp_path / "x.parquet"
        pq.write_table(pa.table(columns), path, **options)
        return path

    return write


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(image_files, "PIECE", 1000)


def all_of(images):
    return [images.open(k) for k in range(len(images))]


@pytest.mark.parametrize("options", [{}, {"chunks": (7, 5, 7, 3), "compression": "gzip"}, {"chunks": (200, 2, 7, 1)}])
def test_pixels_come_back_by_row(hdf5, options, small_pieces):
    images = as_images(hdf5(beside={"names": NAMES}, **options))
    assert images.names == tuple(NAMES) and images.order == "by row" and images.notes == ()
    assert np.array_equal(all_of(images), PIXELS)
    images = as_images(hdf5(data=PIXELS[..., 0], **options) if not options else hdf5(data=PIXELS))
    assert images.names[:2] == ("000", "001") and images.notes == ("images have no names and are numbered",)
    assert as_images(hdf5(), names=NAMES).names == tuple(NAMES)


def test_files_within_hdf5_come_back_by_row(hdf5, small_pieces):
    images = as_images(hdf5(data=FILES, beside={"file_names": NAMES}))
    assert images.names == tuple(NAMES) and all_of(images) == FILES
    fixed = np.array([raw[:-1] + b"." for raw in FILES])
    assert all_of(as_images(f"{hdf5(data=fixed)}::images")) == fixed.tolist()


def test_a_key_chooses_and_names_are_looked_for_beside_it_first(hdf5, message_of):
    beside = {"b/names": NAMES[::-1], "names": NAMES, "labels": np.arange(N), "other": PIXELS[:2]}
    path = hdf5("b/images", beside=beside)
    assert as_images(f"{path}::b/images").names == tuple(NAMES[::-1])
    assert as_images(f"{path}::/b/images").source == f"{path}::/b/images"
    said = "holds several arrays, choose one as FILE::KEY: b/images (300, 5, 7, 3) uint8, other (2, 5, 7, 3) uint8"
    assert message_of(as_images, path) == f"{path}: {said}"


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (PIXELS.astype("f4"), "got shape (300, 5, 7, 3), float32"),
        (np.moveaxis(PIXELS, 3, 1), "got shape (300, 3, 5, 7), uint8"),
        (PIXELS[0, 0], "got shape (7, 3), uint8"),
        (np.arange(4), "got shape (4,), int64"),
    ],
)
def test_datasets_that_hold_no_images_are_refused(hdf5, message_of, data, got):
    path = hdf5(data=data)
    rule = "uint8 of shape (n, h, w), (n, h, w, 1), (n, h, w, 3) or (n, h, w, 4), or the bytes of n files"
    assert message_of(as_images, f"{path}::images") == f"{path}: 'images' must be {rule}; {got}"


def test_empty_and_inflated_datasets_are_refused(hdf5, message_of, tmp_path):
    h5py = pytest.importorskip("h5py")
    assert message_of(as_images, hdf5(data=PIXELS[:0])).endswith("'images' is empty: shape (0, 5, 7, 3)")
    assert "has no array 'x'" in message_of(as_images, f"{hdf5()}::x")
    for shape in ((10**12, 8, 8, 3), (10**9, 1, 1, 1), (10, 100_000, 100_000)):
        with h5py.File(tmp_path / "y.h5", "w") as file:
            file.create_dataset("images", shape, np.uint8, chunks=tuple(min(one, 64) for one in shape))
        assert "which is not unpacked" in message_of(as_images, tmp_path / "y.h5")
    with h5py.File(tmp_path / "z.h5", "w") as file:
        file["names"] = ["a"]
        file["images"] = PIXELS
    assert message_of(as_images, tmp_path / "z.h5").endswith("'names' holds 1 names for 300 rows")


@pytest.mark.parametrize("options", [{}, {"row_group_size": 7}, {"row_group_size": 100, "compression": "none"}])
def test_bytes_and_paths_come_back_as_the_library_datasets_writes_them(parquet, options, small_pieces):
    cells = [{"bytes": raw, "path": name} for raw, name in zip(FILES, NAMES, strict=True)]
    images = as_images(parquet({"label": list(range(N)), "image": cells}, **options))
    assert images.names == tuple(NAMES) and images.order == "by row" and images.notes == ()
    assert all_of(images) == FILES
    assert [images.open(k) for k in (N - 1, 0, 150, 149, 7)] == [FILES[k] for k in (N - 1, 0, 150, 149, 7)]


def test_names_are_another_column_where_paths_do_not_tell_images_apart(parquet):
    cells = [{"bytes": raw, "path": "image.png"} for raw in FILES]
    note = "'image.path' has gaps or the same text twice, and does not name the images"
    images = as_images(parquet({"image": cells, "file_name": NAMES}))
    assert images.names == tuple(NAMES) and images.notes == (note,)
    images = as_images(parquet({"image": cells, "text": NAMES}))
    assert images.names[0] == "000" and images.notes == (note, "images have no names and are numbered")
    assert all_of(as_images(parquet({"a.b": FILES, "name": NAMES}))) == FILES


def test_columns_are_chosen_by_name(parquet, message_of):
    path = parquet({"a": FILES, "b": FILES[::-1], "c": NAMES})
    assert all_of(as_images(f"{path}::b")) == FILES[::-1]
    assert message_of(as_images, path) == f"{path}: holds several columns of images, choose one as FILE::COLUMN: a, b"
    assert message_of(as_images, f"{path}::d") == f"{path}: has no column 'd'; it holds a, b, c"
    rule = "must be binary, or bytes and path as the library datasets writes them; got string"
    assert message_of(as_images, f"{path}::c") == f"{path}: column 'c' {rule}"
    assert message_of(as_images, parquet({"c": NAMES})) == f"{path}: holds no column of images (c)"


def test_rows_without_an_image_are_named_when_they_are_opened(parquet, message_of):
    path = parquet(
        {"image": [{"bytes": b"x", "path": "a"}, {"bytes": None, "path": "b"}, None, {"bytes": b"y", "path": "d"}]}
    )
    images = as_images(path)
    assert images.open(0) == b"x" and images.open(3) == b"y"
    for k in (1, 2):
        assert message_of(images.open, k) == f"{path}: row {k} of 'image.bytes' has no bytes".replace(
            "image.bytes", "image"
        )


def test_a_file_that_changes_is_refused(hdf5, parquet, message_of):
    for write in (hdf5, lambda: parquet({"a": FILES})):
        path = write()
        images = as_images(path)
        with open(path, "ab") as file:
            file.write(b"more")
        assert message_of(images.open, 0) == f"{path}: has changed since its rows were listed"


def test_threads_that_read_in_order_ask_for_pieces_not_for_rows(parquet, hdf5, small_pieces, monkeypatch):
    asked = []
    real = image_files.ask

    def ask(*args, **options):
        asked.append(args[3])
        return real(*args, **options)

    monkeypatch.setattr(image_files, "ask", ask)
    cases = [
        (lambda: parquet({"a": FILES}, row_group_size=60), FILES), (lambda: hdf5(data=FILES), FILES), (hdf5, PIXELS),
    ]
    for write, expected in cases:
        images = as_images(write())
        asked.clear()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(images.open, range(N)))
        assert found == expected if expected is FILES else np.array_equal(found, expected)
        assert asked.count("picture_rows") < N // 2  # 15 or 33 where no thread is overtaken, 111 on a busy machine


def test_the_libraries_are_not_loaded_here(hdf5, parquet):
    code = """
import sys
from pyalign.extraction.images import as_images
for path in sys.argv[1:]: as_images(path).open(3)
print([name for name in ("h5py", "pyarrow") if name in sys.modules])
"""
    command = [sys.executable, "-c", code, str(hdf5()), str(parquet({"a": FILES}))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peaks are those of Linux")
def test_a_large_row_group_is_read_from_front_to_back_without_being_held(parquet, tmp_path):
    """The separate process takes pages, not the group, which is the file."""
    rng = np.random.default_rng(0)
    rows = [rng.bytes(1 << 20) for _ in range(200)]
    images = as_images(parquet({"a": rows}, compression="none", use_dictionary=False, write_batch_size=4))
    assert all(images.open(k) == rows[k] for k in range(200))
    from pyalign.io import isolated

    (worker,) = [one for (_, package), one in isolated._workers.items() if package == "pyarrow"]
    with open(f"/proc/{worker.process.pid}/status") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    assert peak < 250 << 10, f"{peak >> 10} MB"
