"""Choices of a model or a participant: for each triplet a position, a name, or probabilities."""

from __future__ import annotations

import numpy as np

from pyalign.data.answer_words import says
from pyalign.data.texts import Texts
from pyalign.io.arrays import CHOICES, choose, names_array, strings
from pyalign.io.formats import check_format, open_file
from pyalign.io.lines import is_number
from pyalign.io.names import first_column
from pyalign.io.paths import TEXT, Array, PathLike, bad, no_key
from pyalign.io.tables import Table

NO_ANSWER = {"", "nan"}  # among names


def read_choices(path: PathLike, *, key: str | None = None) -> Array:
    """Read what `pyalign.score_choices` takes: t positions or names, or (t, 3) probabilities; (t, 2) of two options.

    Args:
        path: a text file, one choice a line (also ``.csv``, ``.tsv``, ``.gz``), with or without a header such as
            ``choice``; ``nan`` says that there is no answer, ``-1`` that it names none, ``-2``
            that the triplet was left out. Or columns of probabilities. Or an array in any of the other formats of
            `load_embeddings`.
        key: which array of a file that holds several.

    Returns:
        (t,) numbers, or (t,) texts as Python's strings, "" for no answer; or (t, k) numbers.

    Raises:
        InputError: the file's fault, in one line that starts with its path.
        OSError: missing or forbidden.
        MissingExtraError: the format needs a package.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "choices.csv")
        ...     _ = path.write_text("choice\\n0\\n2\\nnan\\n")
        ...     read_choices(path)
        array([ 0.,  2., nan])
    """
    suffix = check_format(path, CHOICES.what)
    if suffix in TEXT:
        lines, several = first_column(path, suffix)
        if not several and not _are_rows_of_numbers(lines):
            no_key(path, key)
            return _of_cells(path, _below_header(path, lines))
    opened = open_file(path, CHOICES)
    if isinstance(opened, Table):
        no_key(path, key)
        return _of_table(path, opened)
    array: Array = choose(path, opened, key, CHOICES.likely).load()
    if array.ndim not in (1, 2) or array.dtype.kind not in "iufUSO" or array.size == 0:
        rule = "t positions or names, or probabilities (t, 3)"
        raise bad(path, f"choices must be {rule}; got shape {array.shape}, dtype {array.dtype}")
    if array.dtype.kind in "iuf":
        return array
    if array.ndim != 1:
        raise bad(path, f"choices by name must be one column; got shape {array.shape}")
    return _of_cells(path, list(strings(path, array)))


def _are_rows_of_numbers(lines: list[str]) -> bool:
    """Whether a line is several numbers apart by spaces."""
    cells = lines[-1].split() if lines else []
    return len(cells) > 1 and all(map(is_number, cells))


def _below_header(path: PathLike, lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines.pop()
    if "" in lines:
        raise bad(path, f"line {lines.index('') + 1} is empty; write nan where there is no answer")
    above_numbers = len(lines) > 1 and not is_number(lines[0]) and all(map(is_number, lines[1:]))
    heads = [line.lower() == "name" or (line.isidentifier() and says(line, "answer")) for line in lines[:2]]
    if above_numbers or heads in ([True], [True, False]):  # of two in a row, both are names
        lines = lines[1:]
    if not lines:
        raise bad(path, "holds no choices")
    return lines


def _of_cells(path: PathLike, cells: list[str]) -> Array:
    """Numbers where all are, else names."""
    if all(map(is_number, cells)):
        return np.array([float(cell) for cell in cells])
    return names_array(["" if cell.lower() in NO_ANSWER else cell for cell in cells])


def _of_table(path: PathLike, table: Table) -> Array:
    if table.width == 1 and table.text[0]:
        column = table.read((), (0,)).texts[0]
        return _of_cells(path, list(column.cells() if isinstance(column, Texts) else strings(path, column)))
    if any(table.text):
        raise bad(path, f"choices must be one column, or only probabilities; got {table.width} columns, some of text")
    values = table.read(tuple(range(table.width)), ()).numbers
    return values[:, 0] if table.width == 1 else values
