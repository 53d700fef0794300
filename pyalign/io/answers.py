"""Answers to triplets: how often, or with which probability, each of the three items was called odd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pyalign.data import ODD_ONE_OUT, alternatives_of
from pyalign.errors import InputError
from pyalign.io.arrays import ANSWERS
from pyalign.io.formats import open_table
from pyalign.io.headers import always
from pyalign.io.numbers import exact_numbers
from pyalign.io.paths import Array, PathLike, bad
from pyalign.io.tables import Column, by_name, column_index


def read_answers(
    path: PathLike, *, key: str | None = None, columns: Sequence[Column] | None = None, task: str = ODD_ONE_OUT
) -> Array:
    """Read (t, 3) numbers, counts or shares of the three items of t triplets, as `pyalign.data.as_answers` takes them.

    Args:
        path: any of the formats of `load_embeddings`.
        key: which array of a file that holds several.
        columns: the three columns of a wider table, which may be that of the triplets, from 0 or by header.
        task: of ``"anchored"`` triplets there are two columns, one for each option.

    Returns:
        (t, 3) numbers, or (t, 2), of the type in the file. Whether they are counts or shares is judged where they are
        used.

    Raises:
        InputError: the file's fault, in one line that starts with its path.
        OSError: missing or forbidden.
        MissingExtraError: the format needs a package.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "answers.csv")
        ...     _ = path.write_text("first,second,third\\n1,2,0\\n4,0,9\\n")
        ...     read_answers(path)
        array([[1., 2., 0.],
               [4., 0., 9.]])
    """
    width = alternatives_of(task)
    if columns is not None and (isinstance(columns, str) or len(columns) != width):
        rule = "two, as in 3,4 or first,second" if width == 2 else "three, as in 3,4,5 or first,second,third"
        raise InputError(f"columns must be {rule}; got {columns!r}")
    named = by_name(*(columns or ()))
    table = open_table(path, key, replace(ANSWERS, has_header=always) if named else ANSWERS)
    if columns is None and table.width != width:
        raise bad(path, f"answers must have {width} columns; got {table.width}; columns says which")
    chosen = tuple(column_index(path, table, column) for column in columns or range(width))
    values = table.read(chosen, ()).numbers
    if values.dtype.kind not in "biuf":
        raise bad(path, f"answers must be numbers; got dtype {values.dtype}")
    return exact_numbers(path, values, "answers")
