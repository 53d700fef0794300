"""Who gave each answer: a column of participants, as codes and labels."""

from __future__ import annotations

import numpy as np

from pyalign.data import Subjects
from pyalign.data.answer_words import says
from pyalign.data.texts import Texts, coded
from pyalign.io.arrays import SUBJECTS, choose, strings
from pyalign.io.formats import check_format, open_file
from pyalign.io.lines import is_number
from pyalign.io.names import first_column
from pyalign.io.numbers import EXACT
from pyalign.io.paths import TEXT, Array, PathLike, bad, no_key
from pyalign.io.tables import Table


def read_subjects(path: PathLike, *, key: str | None = None, noun: str = "subject") -> Subjects:
    """The participants who gave t answers, or other labels of theirs, from a file of t numbers or strings.

    path: a text file, one per line (also ``.gz``), a 1-d array in any of the other formats (with a key, where there are
        several), or a ``.parquet`` of one column. A first line such as ``subject`` or ``participant_id`` is a header,
        and so is one word above numbers.
    noun: what messages call them.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "subjects.txt")
    ...     _ = path.write_text("subject\\n10\\n9\\n10\\n")
    ...     read_subjects(path)
    Subjects(codes=array([1, 0, 1], dtype=int32), labels=('9', '10'))
    """
    suffix = check_format(path, f"{noun}s")
    if suffix in TEXT:
        no_key(path, key)
        return code_subjects(path, coded(_lines(path, suffix, noun)), noun)
    opened = open_file(path, SUBJECTS)
    if not isinstance(opened, Table):
        return code_subjects(path, choose(path, opened, key, SUBJECTS.likely).load(), noun)
    no_key(path, key)
    if opened.width != 1:
        raise bad(path, f"{noun}s must be one column; got {opened.width}")
    return code_subjects(path, opened.read((), (0,)).texts[0], noun)


def code_subjects(path: PathLike, values: Texts | Array, noun: str = "subject") -> Subjects:
    """Numbers or text (t,) as codes and their labels; text of numbers alone is in the order of the numbers."""
    if not isinstance(values, Texts):
        if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "iufUSO":
            description = f"shape {values.shape}, dtype {values.dtype}"
            raise bad(path, f"{noun}s must be a filled 1-d array of numbers or strings; got {description}")
        if values.dtype.kind in "iuf":
            return _code_numbers(path, values, noun)
        values = coded(strings(path, values))
    if "" in values.labels:
        row = int(np.argmax(values.codes == values.labels.index("")))
        raise bad(path, f"row {row} (from 0) has no {noun}")
    if all(map(is_number, values.labels)):
        numbers = np.array(values.labels, dtype=np.float64)
        if not (np.abs(numbers) >= EXACT).any():  # there numbers that differ may read as one
            return _code_numbers(path, numbers[values.codes], noun)
    labels = sorted(values.labels)
    place = {label: rank for rank, label in enumerate(labels)}
    rank = np.array([place[label] for label in values.labels], dtype=np.int32)
    return Subjects(rank[values.codes], tuple(labels))


def _code_numbers(path: PathLike, values: Array, noun: str) -> Subjects:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.isfinite(values).argmin())
        raise bad(path, f"row {row} (from 0) has no {noun}: {values[row]}")
    return Subjects.of(values)


def _lines(path: PathLike, suffix: str, noun: str) -> list[str]:
    labels, several = first_column(path, suffix)
    if several:
        remedy = "; of a triplet file choose one with load_triplets(..., subject_column=column)"
        hint = remedy if noun == "subject" else ""
        raise bad(path, f"{noun}s must be one column{hint}")
    while labels and not labels[-1]:
        labels.pop()
    if "" in labels:
        raise bad(path, f"line {labels.index('') + 1} has no {noun}; without one the rows below it would shift")
    if labels and (says(labels[0], "participant") or _above_numbers(labels)):
        del labels[0]
    if not labels:
        raise bad(path, f"holds no {noun}s")
    return labels


def _above_numbers(labels: list[str]) -> bool:
    return len(labels) > 1 and not is_number(labels[0]) and all(map(is_number, labels[1:]))
