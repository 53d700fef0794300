"""The arrays of a file: list them, choose the one that is wanted, find the row names next to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.data.names import listing
from pyalign.io.bounds import SMALL
from pyalign.io.headers import HeaderRule, embedding_header, triplet_header
from pyalign.io.paths import Array, PathLike, bad, no_key

# A 1-D array of strings under one of these keys names the rows of the array next to it.
LABELS_KEY = "dimension_labels"  # what the columns of embeddings are called
NAME_KEYS = ("names", "item_names", "row_names", "object_names", "file_names", "filenames", "image_names")

NOISE = {"noise", "cov", "covariance", "prec", "precision"}  # words in the names of what is no data


@dataclass(frozen=True)
class Entry:
    """One array of a file, not read yet; `inner`: it is a field of another, which is chosen by its key alone."""

    shape: tuple[int, ...]
    dtype: str  # numpy's name, or the file's own for types that numpy lacks
    load: Callable[[], Array]
    inner: bool = False


Entries = Mapping[str, Entry]
Listed = tuple[str, tuple[int, ...], str, int, str]  # key, shape, type, bytes, and where it is in the file


def describe(entries: Entries) -> str:
    """``fc6 (92, 4096) float32, fc7 (92, 4096) float32``."""
    return listing([f"{key or 'array'} {entry.shape} {entry.dtype}" for key, entry in entries.items()])


def is_float_matrix(entry: Entry) -> bool:
    """Embeddings are the two-dimensional floats of a file."""
    return len(entry.shape) == 2 and "float" in entry.dtype


def is_square_or_stack(entry: Entry) -> bool:
    """Judgments of pairs are the square matrices of floats of a file, or stacks of them."""
    shape = entry.shape
    square = len(shape) in (2, 3) and (shape[-1] == shape[-2] or shape[0] == shape[1])
    return square and "float" in entry.dtype


def is_integer_table(entry: Entry) -> bool:
    """Triplets are the two-dimensional integers of a file."""
    return len(entry.shape) == 2 and entry.dtype.lstrip("u").startswith("int")


def is_of_noise(key: str) -> bool:
    """Whether a word of a name says that an array is of noise, such as "noiseCov"."""
    return any(word.lower().rstrip("s") in NOISE for word in re.findall("[A-Z]?[a-z]+|[A-Z]+", key))


def names_next_to(entries: Entries) -> list[str]:
    """The keys of lists that name the rows of the array next to them."""
    return [key for key in NAME_KEYS if key in entries and entries[key].dtype in ("str", "bytes")]


def choose(
    path: PathLike, entries: Entries, key: str | None, likely: Callable[[Entry], bool], preferred: str | None = None,
    beside: Collection[str] = (),
) -> Entry:  # fmt: skip
    """The entry under ``key``; without a key the only entry, the preferred one, or the only likely one.

    beside: keys of what belongs to the array that is wanted. What is called noise is only read by its key.
    """
    if not entries:
        raise bad(path, "holds no arrays")
    if key is not None:
        if list(entries) == [""]:
            no_key(path, key)
        return under_key(path, entries, key)
    own = {name: entry for name, entry in entries.items() if name not in beside} or entries
    if preferred is not None and preferred in own:
        own = {preferred: own[preferred]}
    elif len(own) > 1:
        own = {name: entry for name, entry in own.items() if likely(entry) and not entry.inner}
    sound = [entry for name, entry in own.items() if not is_of_noise(name)]
    if len(sound) == 1:
        return sound[0]
    several = "several arrays" if len(entries) > 1 else "an array of noise"
    raise bad(path, f"holds {several}, choose one as FILE::KEY: {describe(entries)}")


def under_key(path: PathLike, entries: Entries, key: str) -> Entry:
    entry = entries.get(key) or entries.get(key.strip("/"))
    if entry is None:
        raise bad(path, f"has no array {key!r}; it holds {describe(entries)}")
    return entry


def row_names(
    path: PathLike, entries: Entries, rows: int, keys: Sequence[str] = NAME_KEYS, what: str = "rows"
) -> tuple[str, ...] | None:
    """The strings stored next to an array under one of ``NAME_KEYS`` or other keys, when there are any."""
    for key in keys:
        entry = entries.get(key)
        if entry is None or len(entry.shape) != 1 or entry.dtype not in ("str", "bytes"):
            continue
        if entry.shape[0] != rows:
            raise bad(path, f"{key!r} holds {entry.shape[0]} names for {rows} {what}")
        return strings(path, entry.load())
    return None


def strings(path: PathLike, array: Array) -> tuple[str, ...]:
    """A 1-D array of text (or of UTF-8 bytes, or of Python strings from HDF5) as a tuple of str."""
    try:
        return tuple(item.decode() if isinstance(item, bytes) else str(item) for item in array.tolist())
    except UnicodeDecodeError as error:
        raise bad(path, "holds names that are not UTF-8") from error


def text_array(path: PathLike, cells: Sequence[str], shape: Sequence[int] | None = None) -> Array:
    """Strings as an array of them, which is as wide everywhere as the longest."""
    nbytes = len(cells) * 4 * max(map(len, cells), default=0)
    if nbytes > SMALL + 8 * sum(map(len, cells)):
        raise bad(path, f"holds a name of {max(map(len, cells))} letters among {len(cells)}")
    array: Array = np.array(cells, dtype=np.str_)
    return array if shape is None else array.reshape(shape)


def names_array(names: Sequence[str]) -> Array:
    """Strings as an array (n,) of Python's, each as long as it is."""
    array: Array = np.empty(len(names), object)
    array[:] = names
    return array


def type_name(dtype: object) -> str:
    """numpy's name of a dtype, with every width of text called ``str`` or ``bytes``."""
    kind, name = getattr(dtype, "kind", ""), str(getattr(dtype, "name", dtype))
    return {"U": "str", "S": "bytes"}.get(kind, name)


@dataclass(frozen=True)
class Wanted:
    """What is looked for in a file."""

    what: str  # what messages call it.
    likely: Callable[[Entry], bool]  # which of several arrays it is.
    has_header: HeaderRule  # whether the first row of a text table is a header.
    preferred: str | None = None  # the name of the array that it is, where there is one.
    short_header: bool = False  # whether a header may lack its first cell, as R writes it.
    folder: bool = False  # whether a folder of `pyalign extract` may hold it.


# Where nothing else is said, thingsvision's HDF5 files hold the matrix as "features".
EMBEDDINGS = Wanted("embeddings", is_float_matrix, embedding_header, "features", True, folder=True)
TRIPLETS = Wanted("triplets", is_integer_table, triplet_header)
ANSWERS = Wanted("answers", lambda entry: len(entry.shape) == 2 and entry.shape[1] == 3, embedding_header)
NAMES = Wanted(
    "names", lambda entry: len(entry.shape) == 1 and entry.dtype in ("str", "bytes"), embedding_header, folder=True
)
CHOICES = Wanted("choices", lambda entry: len(entry.shape) == 1 or entry.shape[-1:] in ((2,), (3,)), embedding_header)
WEIGHTS = Wanted("weights", lambda entry: len(entry.shape) == 1 and "float" in entry.dtype, embedding_header)
SUBJECTS = Wanted("subjects", lambda entry: len(entry.shape) == 1, embedding_header)
JUDGMENTS = Wanted("judgments", is_square_or_stack, embedding_header)
