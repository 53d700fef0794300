"""The folder that ``pyalign extract`` writes: an array for each layer, the names of the rows, a manifest of both.

One without a manifest may be of thingsvision, see below.

The manifest is a stranger's file like any other: it names files of its own folder alone, and what it says of them is
checked against them.

The folder that thingsvision writes: ``features.npy``, or another of its formats, and ``file_names.txt`` with a line
for each row.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from pyalign._dataclass import dataclass
from pyalign.data.names import listing
from pyalign.errors import RESUME_EXTRACTION, InputError, shorten
from pyalign.io.arrays import (
    EMBEDDINGS, NAME_KEYS, Entry, choose, describe, names_array, npy_entries, open_npy, type_name, under_key,
)
from pyalign.io.documents import read_json
from pyalign.io.isolated import hdf5_entries, mat_entries, torch_entries
from pyalign.io.layout import whole_lines
from pyalign.io.paths import Array, PathLike, bad, check_file, suffix_of
from pyalign.io.tables import read_rows
from pyalign.io.text import text_table

MANIFEST, UNFINISHED = "manifest.json", ".unfinished"
LEARNED = "embedding.npz"  # the rows in a folder that pyalign embed writes
SCHEMA = 1
LARGEST = 32 << 20  # bytes of a manifest
MOST_DIMENSIONS = 32
MOST_NAMED = 3  # layers that a message names
LONGEST_NAME = 255  # bytes of a file's name, letters of a layer's


class Layer(NamedTuple):
    """One layer, as the manifest has it: its name, the file in the folder, and what that holds."""

    name: str
    file: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` says."""

    model: str  # such as "timm:resnet50".
    layers: tuple[Layer, ...]  # at least one, each with n_rows rows.
    names: str  # the file with the names of the rows.
    n_rows: int  # how many.
    document: Mapping[str, Any]  # all of it, with the keys that are not read here.


def read_manifest(folder: PathLike) -> Manifest:
    """The manifest of a folder, checked in itself; the files that it names are checked when they are read.

    Example:
        >>> import json, pathlib, tempfile
        >>> layer = {"name": "logits", "file": "logits.npy", "shape": [92, 1000], "dtype": "float32"}
        >>> document = {"command": "extract", "schema": 1, "model": "timm:resnet50", "layers": [layer]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "manifest.json")
        ...     _ = path.write_text(json.dumps({**document, "names": "names.txt", "n_rows": 92}))
        ...     read_manifest(folder).layers[0].shape
        (92, 1000)
    """
    if not os.path.lexists(os.path.join(folder, MANIFEST)):
        if os.path.isdir(os.path.join(folder, UNFINISHED)):
            raise bad(folder, f"is an unfinished extraction: go on with {RESUME_EXTRACTION}")
        learned = os.path.join(os.fspath(folder), LEARNED)
        instead = f"; did you mean {learned}?" if os.path.isfile(learned) else ""
        raise bad(folder, f"is a folder without {MANIFEST}: no output of pyalign extract{instead}")
    with _file(folder, MANIFEST) as path:
        return _parse(path, read_json(path, largest=LARGEST))


def _parse(path: PathLike, document: Any) -> Manifest:
    """Every value that is used, checked; messages start with the path of the manifest."""
    if not isinstance(document, dict) or document.get("command") != "extract":
        raise bad(path, "is no manifest of pyalign extract")
    schema, n, model = (document.get(key) for key in ("schema", "n_rows", "model"))
    if type(schema) is not int or schema != SCHEMA:
        raise bad(path, f"schema must be {SCHEMA} for this version; got {shorten(schema)}")
    if type(n) is int and n == 0 and document.get("shard"):
        raise bad(path, "holds no rows: it is a part of a run; merge the parts")
    if type(n) is not int or not 1 <= n < 2**63:
        raise bad(path, f"n_rows must be a positive whole number; got {shorten(n)}")
    if not isinstance(model, str):
        raise bad(path, f"model must be text; got {shorten(model)}")
    listed = document.get("layers")
    if not isinstance(listed, list) or not listed:
        raise bad(path, f"layers must be a list of at least one; got {shorten(listed)}")
    layers = tuple(_layer(path, entry, n) for entry in listed)
    names = _plain(path, document.get("names"), "names")
    for values, what in (
        ([layer.name for layer in layers], "layers"), ([layer.file for layer in layers], "files of layers"),
    ):
        if len(set(values)) != len(values):
            (twice, times), *_ = Counter(values).most_common(1)
            raise bad(path, f"{what} must differ; {twice!r} occurs {times} times")
    return Manifest(model, layers, names, n, document)


def _layer(path: PathLike, entry: Any, n: int) -> Layer:
    if not isinstance(entry, dict):
        raise bad(path, f"a layer must be an object; got {shorten(entry)}")
    fields: list[Any] = [entry.get(key) for key in ("name", "file", "shape", "dtype")]
    name, file, shape, dtype = fields
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise bad(path, f"the name of a layer must be a word; got {shorten(name)}")
    file = _plain(path, file, f"the file of layer {name!r}")
    if not file.endswith(".npy"):
        raise bad(path, f"the file of layer {name!r} must end in .npy; got {shorten(file)}")
    sizes = isinstance(shape, list) and 1 <= len(shape) <= MOST_DIMENSIONS
    if not sizes or not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        raise bad(path, f"the shape of layer {name!r} must be a list of whole numbers; got {shorten(shape)}")
    if shape[0] != n:
        raise bad(path, f"layer {name!r} must have n_rows {n} rows; its shape is {shorten(shape)}")
    if not isinstance(dtype, str):
        raise bad(path, f"the dtype of layer {name!r} must be text; got {shorten(dtype)}")
    return Layer(name, file, tuple(shape), dtype)


def _plain(path: PathLike, name: Any, what: str) -> str:
    """The name of a file in the folder itself."""
    plain = isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\:\0")
    if not plain or not name.isprintable() or len(name.encode()) > LONGEST_NAME:
        raise bad(path, f"{what} must be the name of a file in the folder; got {shorten(name)}")
    file_name: str = name
    return file_name


@contextmanager
def _file(folder: PathLike, name: str) -> Iterator[str]:
    """As `file_in`, of a file that the manifest names."""
    try:
        with file_in(folder, name) as path:
            yield path
    except FileNotFoundError as error:
        raise bad(folder, f"{name}: is not there, and {MANIFEST} names it") from error


def folder_entries(folder: PathLike) -> dict[str, Entry]:
    """The layers by name, mapped when they are loaded; then the names of the rows, under one of `NAME_KEYS`."""
    if _of_thingsvision(folder):
        return thingsvision_entries(folder)
    manifest = read_manifest(folder)
    entries = {layer.name: Entry(layer.shape, layer.dtype, partial(_load, folder, layer)) for layer in manifest.layers}
    key = next(key for key in (*NAME_KEYS, "names of rows") if key not in entries)
    return {**entries, key: Entry((manifest.n_rows,), "str", partial(_names, folder, manifest))}


def choose_layer(folder: PathLike, entries: Mapping[str, Entry], key: str | None) -> Entry:
    """The layer of that name; without one the only layer."""
    layers = {name: entry for name, entry in entries.items() if entry.dtype != "str"}
    if key is not None:
        return under_key(folder, layers, key)
    if len(layers) > 1:
        each = " ".join(f"{os.fspath(folder)}::{name}" for name in [*layers][:MOST_NAMED])
        more = " ..." if len(layers) > MOST_NAMED else ""
        choose = f"choose one as {os.fspath(folder)}::LAYER, or take each as a model: {each}{more}"
        raise bad(folder, f"holds several layers, {choose}: {describe(layers)}")
    return next(iter(layers.values()))


def _load(folder: PathLike, layer: Layer) -> Array:
    with _file(folder, layer.file) as path:
        array = open_npy(path)
        if array.shape != layer.shape or type_name(array.dtype) != layer.dtype:
            stated = f"{layer.shape} {shorten(layer.dtype)[1:-1]}"
            raise bad(path, f"holds {array.shape} {array.dtype}, and {MANIFEST} says {stated}")
    return array


def _names(folder: PathLike, manifest: Manifest) -> Array:
    """The names (n,) as an array of Python strings: the whole line is the name."""
    with _file(folder, manifest.names) as path:
        return names_array(whole_lines(path, manifest.n_rows))


def _of_thingsvision(folder: PathLike) -> bool:
    ours = any(os.path.lexists(os.path.join(folder, name)) for name in (MANIFEST, UNFINISHED))
    return not ours and is_thingsvision(folder)


def holds_rows(folder: PathLike) -> bool:
    """Whether it is a folder of `extract`, or one of thingsvision with features and names."""
    names = {*os.listdir(folder)}
    return MANIFEST in names or (FILE_NAMES in names and features_in(folder) is not None)


def folder_model(folder: PathLike) -> str | None:
    """The model that its manifest names; thingsvision names none. Raises as `read_manifest`."""
    return None if _of_thingsvision(folder) else read_manifest(folder).model


def folder_notes(folder: PathLike) -> tuple[str, ...]:
    """What a user of the rows should know of their names."""
    return thingsvision_notes(folder) if _of_thingsvision(folder) else ()


def folder_files(folder: PathLike) -> tuple[str, ...]:
    """The names of the files that belong to it, as far as the manifest can be read."""
    if _of_thingsvision(folder):
        return (features_in(folder) or "", FILE_NAMES)
    try:
        manifest = read_manifest(folder)
    except (InputError, OSError):
        return (MANIFEST,)
    return (MANIFEST, manifest.names, *(layer.file for layer in manifest.layers))


FILE_NAMES = "file_names.txt"
READERS = {".npy": npy_entries, ".hdf5": hdf5_entries, ".pt": torch_entries, ".mat": mat_entries}
FEATURES = tuple(f"features{suffix}" for suffix in (*READERS, ".txt"))  # the first counts


@contextmanager
def file_in(folder: PathLike, name: str) -> Iterator[str]:
    """The path of a file in the folder, which is no link; what is wrong with it starts with the folder."""
    path = os.path.join(folder, name)
    try:
        if os.path.islink(path):
            raise bad(path, "is a link, which is not followed out of the folder")
        check_file(path, "files of a folder", (os.path.splitext(name)[1].lower(),))
        yield path
    except InputError as error:
        raise bad(folder, f"{name}: {str(error).removeprefix(f'{path}: ')}") from error


def features_in(folder: PathLike) -> str | None:
    """The name of the file of features in a folder."""
    return next((name for name in FEATURES if os.path.lexists(os.path.join(folder, name))), None)


def is_thingsvision(folder: PathLike) -> bool:
    """Whether features are there, or the file of names."""
    return features_in(folder) is not None or os.path.lexists(os.path.join(folder, FILE_NAMES))


def thingsvision_entries(folder: PathLike) -> dict[str, Entry]:
    """The features, mapped when they are loaded from ``.npy``, and the names of the rows where there are some."""
    features = _features(folder)
    entries = {"features": features}
    if os.path.lexists(os.path.join(folder, FILE_NAMES)):
        rows = features.shape[0] if features.shape else 0
        entries["file_names"] = Entry((rows,), "str", partial(_names_in_folder, folder, rows))
    return entries


def _features(folder: PathLike) -> Entry:
    name = features_in(folder)
    if name is None:
        parts = sorted(part for part in os.listdir(folder) if part.startswith("features_"))
        in_parts = f": they are in parts, {listing(parts, 2)}, which must be stacked" if parts else ""
        raise bad(folder, f"is a folder of thingsvision without features{in_parts}")
    with file_in(folder, name) as path:
        if name.endswith(".txt"):
            array = read_rows(path, text_table(path, EMBEDDINGS), None)[0]
            return Entry(array.shape, type_name(array.dtype), lambda: array)
        opened = READERS[suffix_of(name)](path)
        if name.endswith(".mat") and "features" not in opened:
            raise bad(path, "holds an array for each image, and not in which order the images were: save npy")
        return choose(path, opened, None, EMBEDDINGS.likely, EMBEDDINGS.preferred)


def _names_in_folder(folder: PathLike, rows: int) -> Array:
    return names_array(below_images(_lines(folder, rows))[1])


def _lines(folder: PathLike, rows: int) -> list[str]:
    with file_in(folder, FILE_NAMES) as path:
        return whole_lines(path, rows)


def below_images(names: list[str]) -> tuple[str, list[str]]:
    """The folder of images that all paths share, with a slash, and the paths below it; bare names as they are.

    The last folder of a path is that of its object, so that it stays where all images are of one object.

    Example:
        >>> below_images(["/data/ant/1.jpg", "/data/bee/1.jpg"])
        ('/data/', ['ant/1.jpg', 'bee/1.jpg'])
        >>> below_images(["ant.jpg", "bee.jpg"])
        ('', ['ant.jpg', 'bee.jpg'])
    """
    paths = [name.replace("\\", "/") for name in names]
    folders = min((path.count("/") for path in paths), default=0)
    if not folders:
        return "", names
    first, last = min(paths).split("/"), max(paths).split("/")
    shared = next((k for k in range(folders - 1) if first[k] != last[k]), folders - 1)
    root = "".join(f"{part}/" for part in first[:shared])
    return root, [path.removeprefix(root) for path in paths]


def thingsvision_notes(folder: PathLike) -> tuple[str, ...]:
    """What a user of the rows should know of their names."""
    shown, path = os.fspath(folder), os.path.join(folder, FILE_NAMES)
    if not os.path.lexists(path):
        return (f"{shown}: has no {FILE_NAMES}, so its rows have no names",)
    root = below_images(_lines(folder, _features(folder).shape[0]))[0]
    return (f"{shown}: names are the paths of {FILE_NAMES} below {root}",) if root else ()
