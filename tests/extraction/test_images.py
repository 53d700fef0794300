"""Images keep their names and a stated order, wherever they lie."""

from __future__ import annotations

import io
import os
import pathlib
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from pyalign.errors import InputError
from pyalign.extraction import images as module
from pyalign.extraction.finished import UNREADABLE, listing, sha256_of, sha256_of_items
from pyalign.extraction.images import Images, as_images

pytest.importorskip("PIL", reason="Pillow is not installed")
from pictures import colors, files
from PIL import Image

from pyalign.extraction.decode import decode

RAW = files()["png"]
FOLDER_ORDER = "plain string order of paths below the folder"


def write(folder, *names, raw=RAW):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw + name.encode("utf-8", "surrogateescape"))
    return folder


def contents(images):
    return [images.open(k) for k in range(len(images))]


# A folder


def test_a_folder_gives_its_images_in_plain_string_order(tmp_path):
    names = [
        "b/2.jpg",
        "b/10.PNG",
        "a.JPEG",
        "b-c/x.webp",
        "B/x.tif",
        "ä/é.bmp",
        "b/d/e.ppm",
        "z.Avif",
        "z.jp2",
        "z.gif",
    ]
    images = as_images(write(tmp_path, *names))
    assert images.names == tuple(sorted(names)) and images.order == FOLDER_ORDER and len(images) == len(names)
    assert images.names[:2] == ("B/x.tif", "a.JPEG") and images.names.index("b-c/x.webp") < images.names.index(
        "b/10.PNG"
    )
    assert images.source == str(tmp_path) and images.notes == ()
    assert contents(images) == [RAW + name.encode() for name in sorted(names)]


def test_what_is_hidden_is_left_out_and_other_files_are_counted(tmp_path):
    hidden = [".a.jpg", ".git/b.jpg", "__MACOSX/c.jpg", "d/.e/f.jpg", "d/._g.jpg", ".DS_Store"]
    write(tmp_path, "x.jpg", *hidden, "d/t.txt", "c.csv", "Thumbs.db", "noend", "jpg")
    images = as_images(tmp_path)
    assert images.names == ("x.jpg",)
    assert images.notes == ("5 files are no images: Thumbs.db, c.csv, d/t.txt, ...",)
    write(tmp_path / "one", "y.png", "z.svg")
    assert as_images(tmp_path / "one").notes == ("1 file is no image: z.svg",)


def test_links_are_followed_and_loops_are_not(tmp_path):
    write(tmp_path, "data/a.jpg", "pool/b.jpg", "one.jpg")
    os.symlink(tmp_path / "pool", tmp_path / "data/linked")
    os.symlink(tmp_path, tmp_path / "data/up")
    os.symlink(".", tmp_path / "data/self")
    os.symlink("../data", tmp_path / "pool/data")
    os.symlink(tmp_path / "one.jpg", tmp_path / "data/z.jpg")
    assert as_images(tmp_path / "data").names == ("a.jpg", "linked/b.jpg", "up/one.jpg", "z.jpg")


def test_a_folder_of_several_paths_is_listed_once_where_it_lies_or_under_the_first_link_to_it(tmp_path):
    write(tmp_path, "data/m/a.jpg", "pool/b.jpg")
    for name in ("data/a", "data/z"):
        os.symlink(tmp_path / "data/m", tmp_path / name)
    for name in ("data/k", "data/b", "data/m/c"):
        os.symlink(tmp_path / "pool", tmp_path / name)
    assert as_images(tmp_path / "data").names == ("b/b.jpg", "m/a.jpg")


def test_folders_with_two_links_each_are_listed_in_time(tmp_path):
    for k in range(26):  # 2**26 paths lead to the last one
        (tmp_path / str(k)).mkdir()
        for name in ("x", "y"):
            os.symlink(tmp_path / str(k + 1), tmp_path / str(k) / name)
    write(tmp_path, "26/a.jpg")
    assert as_images(tmp_path / "0").names == ("/".join("x" * 26) + "/a.jpg",)


def test_a_link_that_leads_nowhere_is_no_image_that_is_silently_lost(tmp_path):
    os.symlink("nowhere.jpg", tmp_path / "a.jpg")
    images = as_images(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"a\.jpg"):
        images.open(0)


def test_an_empty_folder_is_refused(tmp_path, message_of):
    assert message_of(as_images, tmp_path) == f"{tmp_path}: holds no images"
    write(tmp_path, "a.txt")
    assert message_of(as_images, tmp_path) == f"{tmp_path}: holds no images (1 file is no image: a.txt)"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a\nb.jpg", r"names must be text on one line; 'a\nb.jpg' holds a line break"),
        ("a\rb.jpg", r"names must be text on one line; 'a\rb.jpg' holds a carriage return"),
        ("a\udcffb.jpg", r"names must be UTF-8; got 'a\udcffb.jpg'"),
    ],
)
def test_names_that_a_list_could_not_hold_are_refused(tmp_path, message_of, name, said):
    write(tmp_path, "0.jpg", name, "z.jpg")
    assert message_of(as_images, tmp_path) == f"{tmp_path}: {said}"
    assert message_of(as_images, [RAW and colors()] * 3, names=["x", name, "y"]) == said


@pytest.mark.slow
def test_a_hundred_thousand_names_take_little_time_and_memory(tmp_path):
    for k in range(100):
        (tmp_path / f"class {k:03}").mkdir()
        for j in range(1000):
            os.close(os.open(tmp_path / f"class {k:03}" / f"image_{j:05}.jpeg", os.O_CREAT | os.O_WRONLY))
    start = time.process_time()
    images = as_images(tmp_path)
    taken = time.process_time() - start
    assert len(images) == 100_000 and images.names[-1] == "class 099/image_00999.jpeg"
    assert taken < 2
    del images
    tracemalloc.start()
    images = as_images(tmp_path)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 150 * 100_000 and len(images) == 100_000


def test_files_that_are_none_are_refused_when_they_are_opened(tmp_path, message_of):
    os.mkfifo(tmp_path / "a.jpg")
    write(tmp_path, "b.jpg")
    images = as_images(tmp_path)
    assert message_of(images.open, 0) == f"{tmp_path}/a.jpg: is not a regular file"
    os.truncate(tmp_path / "b.jpg", (1 << 30) + 1)  # nothing but a hole
    assert message_of(images.open, 1) == f"{tmp_path}/b.jpg: has 1,073,741,825 bytes, more than 1,073,741,824"
    for k in (-1, 2):
        with pytest.raises(IndexError):
            images.open(k)


# A list


def test_a_list_gives_its_lines_in_their_order(tmp_path):
    write(tmp_path, "im/b.jpg", "im/a b, c.jpg", "x.png")
    lines = ["im/b.jpg", str(tmp_path / "x.png"), "im/a b, c.jpg", "im/../x.png"]
    path = tmp_path / "list.txt"
    path.write_text("\ufeff" + "\r\n".join(lines) + "\n\n")
    images = as_images(path)
    assert images.names == tuple(lines) and images.order == "as listed" and images.source == str(path)
    assert [raw[len(RAW) :].decode() for raw in contents(images)] == ["im/b.jpg", "x.png", "im/a b, c.jpg", "x.png"]


@pytest.mark.parametrize(("suffix", "mark"), [(".csv", ","), (".tsv", "\t")])
def test_a_table_gives_its_first_column_without_a_header(tmp_path, suffix, mark):
    write(tmp_path, "b.jpg", "a.jpg")
    path = tmp_path / f"list{suffix}"
    path.write_text(f"path{mark}class\nb.jpg{mark}1\na.jpg{mark}2\n")
    images = as_images(path)
    assert images.names == ("b.jpg", "a.jpg") and images.notes == ("the first line, 'path', is taken for a header",)
    path.write_text("b.jpg\na.jpg\n")
    assert as_images(path).names == ("b.jpg", "a.jpg") and as_images(path).notes == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.jpg\nx.jpg\nb.jpg\ny.jpg\n", "2 of 4 files are not there, first 'x.jpg'"),
        ("x.jpg\n", "its file is not there, first 'x.jpg'"),
        ("a.jpg\n.\n", "1 of 2 files are not there, first '.'"),
        ("a.jpg\n\nb.jpg\n", "line 2 is blank"),
        ("\n\n", "lists no images"),
        ("a.jpg\nb.jpg\na.jpg\n", "image names must differ; 'a.jpg' occurs more than once"),
        ("a.jpg\n\0\n", "line 2 holds a NUL byte: not a text file, or not UTF-8"),
    ],
)
def test_lists_at_fault_are_refused(tmp_path, message_of, text, said):
    write(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "list.txt").write_text(text)
    assert message_of(as_images, tmp_path / "list.txt") == f"{tmp_path}/list.txt: {said}"


# Objects of Python


def test_sequences_of_paths_have_them_as_names(tmp_path):
    write(tmp_path, "b.jpg", "a.jpg")
    paths = [tmp_path / "b.jpg", str(tmp_path / "a.jpg")]
    images = as_images(paths)
    assert images.names == tuple(map(str, paths)) and images.order == "as given" and images.source is None
    assert contents(images) == [path.read_bytes() for path in map(pathlib.Path, paths)]
    assert as_images(paths, names=["x", "y"]).names == ("x", "y")


def test_arrays_and_pillow_images_are_numbered_or_named(tmp_path):
    write(tmp_path, "a.jpg")
    items = [colors(), Image.fromarray(colors()), tmp_path / "a.jpg"] * 4
    images = as_images(items)
    assert images.names == ("00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11")
    assert images.notes == ("images have no names and are numbered",)
    assert images.open(0) is items[0] and images.open(1) is items[1] and images.open(2) == RAW + b"a.jpg"
    assert [decode(images.open(k)).size for k in range(3)] == [(23, 19), (23, 19), (19, 23)]  # the file is turned
    stacked = np.stack([colors(seed=k) for k in range(3)])
    named = as_images(stacked, names=("c", "b", "a"))
    assert named.names == ("c", "b", "a") and named.notes == () and np.array_equal(named.open(1), stacked[1])
    assert as_images(stacked[..., 0]).open(2).shape == (19, 23)


def test_image_folders_of_torchvision_have_paths_below_their_root(tmp_path):
    datasets = pytest.importorskip("torchvision.datasets", reason="torchvision is not installed")
    for k in range(3):
        (tmp_path / "data" / "dog").mkdir(parents=True, exist_ok=True)
        Image.fromarray(colors(seed=k)).save(tmp_path / "data" / "dog" / f"{k}.png")
    images = as_images(datasets.ImageFolder(str(tmp_path / "data")))
    assert images.names == ("dog/0.png", "dog/1.png", "dog/2.png") and images.order == "as the data set lists them"
    assert np.array_equal(np.asarray(decode(images.open(2))), colors(seed=2))
    assert as_images(SimpleNamespace(imgs=[(tmp_path / "data/dog/1.png", 0)])).names == (f"{tmp_path}/data/dog/1.png",)


class Image_:
    """Of the library datasets, as far as it is used."""

    def __init__(self, decode=True):
        self.decode = decode


Image_.__name__ = "Image"


class Rows:
    def __init__(self, rows, features, decoded=True):
        self.rows, self.features, self.decoded = rows, features, decoded

    def cast_column(self, column, kind):
        return Rows(self.rows, self.features, kind.decode)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, k):
        assert isinstance(k, str) or not self.decoded, "an image is decoded"
        return [row[k] for row in self.rows] if isinstance(k, str) else self.rows[k]


def test_data_sets_of_hugging_face_give_bytes_or_files(tmp_path, message_of):
    write(tmp_path, "a.jpg")
    rows = [
        {"picture": {"bytes": RAW, "path": None}, "file_name": "x", "label": 1},
        {"picture": {"bytes": None, "path": str(tmp_path / "a.jpg")}, "file_name": "y", "label": 1},
        {"picture": None, "file_name": "z", "label": 1},
    ]
    kinds = {"picture": Image_(), "file_name": "text", "label": "int"}
    images = as_images(Rows(rows, kinds))
    assert images.names == ("x", "y", "z") and images.order == "as in the data set"
    assert images.open(0) == RAW and images.open(1) == RAW + b"a.jpg"
    assert message_of(images.open, 2) == "row 2 of 'picture' has no image"
    assert as_images(Rows(rows, {"picture": Image_(), "label": "int"})).names == ("0", "1", "2")
    told = message_of(as_images, Rows(rows, {"label": "int"}))
    assert told == "a data set must have one column of images; it has no column of images"
    assert message_of(as_images, Rows([], kinds)) == "there are no images"


def test_data_sets_of_the_library_itself():
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    if not hasattr(datasets, "Dataset"):
        pytest.skip("datasets is a folder of tests")
    held = {"image": [Image.fromarray(colors(seed=k)) for k in range(3)], "file_name": ["a", "b", "c"]}
    kinds = datasets.Features({"image": datasets.Image(), "file_name": datasets.Value("string")})
    data = datasets.Dataset.from_dict(held, features=kinds)
    for one in (data, data.with_format("torch"), data.select([0, 1, 2])):
        images = as_images(one)
        assert images.names == ("a", "b", "c")
        assert all(np.array_equal(np.asarray(decode(images.open(k))), colors(seed=k)) for k in range(3))


@pytest.mark.parametrize(
    ("source", "names", "said"),
    [
        ([], None, "there are no images"),
        (3, None, "images must be a path, a data set, or a sequence of images; got int"),
        (b"raw", None, "images must be a path, a data set, or a sequence of images; got bytes"),
        ([RAW], None, "images must be paths, Pillow images or arrays; item 0 is bytes"),
        (np.zeros((2, 3, 4)), None, "an array of images must be uint8 of shape (n, h, w) or (n, h, w, 1 | 3 | 4); "
         "got shape (2, 3, 4), dtype float64"),
        ([colors()], ["a", "b"], "names must be one for each of 1 images; got 2"),
        ([colors()], "a", "names must be a sequence of text, one for each image; got 'a'"),
        ([colors()], [1], "names must be a sequence of text, one for each image"),
        ([colors()] * 2, ["a", "a"], "image names must differ; 'a' occurs more than once"),
        ([colors()], ["a\0b"], "names must be text on one line; 'a\\x00b' holds a NUL"),
        ([colors()], [""], "names must be text on one line; '' is empty"),
        (SimpleNamespace(samples=[1]), None, "samples of a data set must be pairs of a path and a class"),
        (SimpleNamespace(samples=[]), None, "there are no images"),
        (SimpleNamespace(samples=[("a", 0)]), ["a"], "names must be None for a data set of files, which has names"),
    ],
)
def test_objects_at_fault_are_refused(source, names, said, message_of):
    assert message_of(lambda: as_images(source, names=names)) == said


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.zip", "a.tar.xz"])
def test_packed_archives_are_refused(tmp_path, message_of, name):
    write(tmp_path, name)
    assert "is packed, so that images in it can't be read one by one" in message_of(as_images, tmp_path / name)


def test_other_files_are_refused(tmp_path, message_of):
    write(tmp_path, "a.npy", "b", "c.jpg", "d.txt")
    kinds = "a folder, a list (.txt, .csv, .tsv), a .tar, .h5, .hdf5 or .parquet"
    assert (
        message_of(as_images, tmp_path / "a.npy")
        == f"{tmp_path}/a.npy: images are read from {kinds}; got the extension '.npy'"
    )
    assert message_of(as_images, tmp_path / "b").endswith("got no extension")
    assert "is one image" in message_of(as_images, tmp_path / "c.jpg")
    assert message_of(as_images, f"{tmp_path}/d.txt::x") == f"{tmp_path}/d.txt: has no keys: 'x' has no meaning"
    assert "must be None for a folder" in message_of(lambda: as_images(tmp_path, names=["a"]))
    for missing in ("none", "none.tar", "none.h5", "none.parquet::x"):
        with pytest.raises(FileNotFoundError):
            as_images(tmp_path / missing)


def test_images_that_are_listed_already_come_back(message_of):
    images = as_images([colors()])
    assert as_images(images) is images
    assert repr(images) == "Images(1 from Python, as given: 0)"
    assert "must be None" in message_of(lambda: as_images(images, names=["a"]))


# Hashes of contents


def hash_of(source):
    """The hash of the names and contents of images."""
    images = as_images(source)
    return sha256_of(listing(images.names, sha256_of_items(images.open, range(len(images)), 2)))


def test_a_hash_of_images_tells_names_order_and_contents(tmp_path):
    write(tmp_path / "x", "a.jpg", "b.jpg")
    write(tmp_path / "y", "a.jpg", "b.jpg")
    first = hash_of(tmp_path / "x")
    os.utime(tmp_path / "y/a.jpg", (0, 0))
    assert hash_of(tmp_path / "y") == first  # a copy
    found = {first}
    raw = bytearray((tmp_path / "y/a.jpg").read_bytes())
    raw[-1] ^= 1  # of the same size
    (tmp_path / "y/a.jpg").write_bytes(raw)
    found.add(hash_of(tmp_path / "y"))
    (tmp_path / "x/c.jpg").write_bytes(RAW)
    found.add(hash_of(tmp_path / "x"))
    for lines in ("a.jpg\nb.jpg", "b.jpg\na.jpg"):
        (tmp_path / "x/list.txt").write_text(lines)
        found.add(hash_of(tmp_path / "x/list.txt"))
    assert len(found) == 4  # the list in the folder's order is the folder that it was
    arrays = [hash_of([array]) for array in (colors(), colors(4, 4), colors(4, 4, seed=1))]
    assert len(set(arrays)) == 3


def test_a_pillow_image_counts_by_its_pixels_whatever_file_it_came_from(tmp_path):
    image = Image.fromarray(colors(6, 5))
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "a.bmp")
    same = [image, Image.open(tmp_path / "a.png"), Image.open(tmp_path / "a.bmp")]
    assert len({hash_of([one]) for one in same}) == 1
    assert hash_of([Image.fromarray(colors(6, 5, seed=1))]) != hash_of([image])


def test_an_image_that_can_not_be_read_has_a_hash_of_its_own(tmp_path):
    import pandas

    pandas.DataFrame({"image": [RAW, None]}).to_parquet(tmp_path / "images.parquet")
    images = as_images(tmp_path / "images.parquet")
    assert list(sha256_of_items(images.open, range(2), 1)) == [sha256_of(RAW), UNREADABLE]


# Threads


def test_threads_open_images_at_once(tmp_path):
    write(tmp_path, *(f"{k}.jpg" for k in range(200)))
    images = as_images(tmp_path)
    expected = contents(images)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(images.open, [*range(200)] * 3)) == expected * 3


def test_listing_images_loads_no_library_of_images(tmp_path):
    write(tmp_path, "a.jpg")
    code = (
        "import sys; from pyalign.extraction.images import as_images; print(as_images(sys.argv[1]).open(0)[:4]);"
        "print([name for name in ('PIL', 'torch', 'h5py', 'pyarrow', 'torchvision') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [r"b'\x89PNG'", "[]"], done.stderr


def test_every_suffix_of_the_formats_that_are_decoded_is_known():
    from PIL import Image as pillow

    pillow.init()
    wanted = {"JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000", "MPO"}
    known = {suffix[1:] for suffix, form in pillow.registered_extensions().items() if form in wanted}
    assert known - module.SUFFIXES <= {"avifs", "pfm", "pam"} and known | {"j2c", "jpc", "jpx"} >= module.SUFFIXES


def test_what_is_made_by_hand_is_checked_too(message_of):
    class Nothing:
        def read(self, k):
            return io.BytesIO()

        def sizes(self):
            return ()

    assert message_of(Images, (), "as given", None, Nothing()) == "there are no images"
    with pytest.raises(InputError, match="must differ"):
        Images(("a", "a"), "as given", None, Nothing())
