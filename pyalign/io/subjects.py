"""Who gave each answer, and how many gave it: a column of persons, and counts of answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyalign.data import Subjects
from pyalign.io.entries import Entry, choose, strings
from pyalign.io.names import first_column
from pyalign.io.npy import npz_entries, open_npy
from pyalign.io.numbers import EXACT, whole_numbers
from pyalign.io.paths import TEXT, Array, PathLike, bad, check_file, no_key
from pyalign.io.tables import open_table
from pyalign.io.text import is_number

KNOWN = (".npy", ".npz", *TEXT)
HEADERS = {
    f"{word}{end}"
    for word in ("subject", "participant", "person", "worker", "annotator", "user")
    for end in ("", "s", "_id", "id", "_nr", "_number")
}  # above a single column of strings


def read_subjects(path: PathLike, *, key: str | None = None, noun: str = "subject") -> Subjects:
    """The persons who gave t answers, or other labels of theirs, from a file of t numbers or strings.

    path: a 1-d ``.npy``, ``.npz`` (with a key), or a text file, one a line; each of these also ``.gz``. A first line
        such as ``subject`` or ``participant_id`` is a header, and so is one word above numbers.
    noun: what messages call them.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "subjects.txt")
    ...     _ = path.write_text("subject\\n10\\n9\\n10\\n")
    ...     read_subjects(path)
    Subjects(codes=array([1, 0, 1], dtype=int32), labels=('9', '10'))
    """
    suffix = check_file(path, f"{noun}s", KNOWN)
    if suffix == ".npz":
        return code_subjects(path, choose(path, npz_entries(path), key, _is_row).load(), noun)
    no_key(path, key)
    return code_subjects(path, open_npy(path) if suffix == ".npy" else _lines(path, suffix, noun), noun)


def read_counts(path: PathLike, *, key: str | None = None) -> Array:
    """(t, 3) whole numbers: how many people called each position of t triplets odd. Formats as `read_triplets`.

    Whether there are t rows, none negative, is checked where they are used.
    """
    table = open_table(path, key, False, "counts")
    if table.width != 3:
        raise bad(path, f"counts must have 3 columns; got {table.width}")
    return whole_numbers(path, table.take((0, 1, 2), None, None).items, "counts")


def code_subjects(path: PathLike, values: Array | Sequence[str], noun: str = "subject") -> Subjects:
    """Numbers or strings (t,) as codes and their labels."""
    if isinstance(values, np.ndarray):
        if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "iufUS":
            held = f"shape {values.shape}, dtype {values.dtype}"
            raise bad(path, f"{noun}s must be a filled 1-d array of numbers or strings; got {held}")
        if values.dtype.kind in "iuf":
            return _code_numbers(path, values, noun)
        values = strings(path, values)
    if "" in values:
        raise bad(path, f"row {values.index('')} (from 0) has no {noun}")
    if all(map(is_number, values)):
        numbers = np.array(values, dtype=np.float64)
        if not (np.abs(numbers) >= EXACT).any():  # there numbers that differ may read as one
            return _code_numbers(path, numbers, noun)
    codes: dict[str, int] = {}
    found = np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.int32)
    labels = sorted(codes)
    rank = np.empty(len(labels), dtype=np.int32)
    rank[[codes[label] for label in labels]] = np.arange(len(labels), dtype=np.int32)
    return Subjects(rank[found], tuple(labels))


def _code_numbers(path: PathLike, values: Array, noun: str) -> Subjects:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.isfinite(values).argmin())
        raise bad(path, f"row {row} (from 0) has no {noun}: {values[row]}")
    numbers, codes = np.unique(values, return_inverse=True)
    labels = tuple(str(int(number)) if number == int(number) else repr(number) for number in numbers.tolist())
    return Subjects(codes.reshape(-1).astype(np.int32), labels)


def _is_row(entry: Entry) -> bool:
    return len(entry.shape) == 1


def _lines(path: PathLike, suffix: str, noun: str) -> list[str]:
    labels, several = first_column(path, suffix)
    if several:
        hint = "; of a triplet file choose one with --subject-column" if noun == "subject" else ""
        raise bad(path, f"{noun}s must be one column{hint}")
    while labels and not labels[-1]:
        labels.pop()
    if "" in labels:
        raise bad(path, f"line {labels.index('') + 1} has no {noun}; without one the rows below it would shift")
    if labels and (labels[0].lower() in HEADERS or _above_numbers(labels)):
        del labels[0]
    if not labels:
        raise bad(path, f"holds no {noun}s")
    return labels


def _above_numbers(labels: list[str]) -> bool:
    return len(labels) > 1 and not is_number(labels[0]) and all(map(is_number, labels[1:]))
