"""Answers to triplets: how often, or with which probability, each of the three items was called odd.

Choices of a model or a participant: for each triplet a position, a name, or probabilities.
Who gave each answer: a column of participants, as codes and labels.
Weights of answers: a number for each, from a file of them or from the table of a design.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pyalign.data import ODD_ONE_OUT, Subjects, Weights, alternatives_of
from pyalign.data.answer_columns import says
from pyalign.data.answers import UNUSED
from pyalign.data.metadata import Texts, coded
from pyalign.errors import InputError, Remedy
from pyalign.io.arrays import ANSWERS, CHOICES, SUBJECTS, WEIGHTS, choose, names_array, strings
from pyalign.io.formats import check_format, open_file, open_table
from pyalign.io.item_names import first_column, without_blanks
from pyalign.io.layout import always, is_number
from pyalign.io.paths import TEXT, Array, PathLike, bad, no_key
from pyalign.io.tables import EXACT, Column, Table, by_name, column_index, exact_numbers


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
    without_blanks(path, lines, "is empty; write nan where there is no answer")
    heads = [line.lower() == "name" or (line.isidentifier() and says(line, "answer")) for line in lines[:2]]
    if _above_numbers(lines) or heads in ([True], [True, False]):  # of two in a row, both are names
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
        remedy = f"; of a triplet file choose one with {Remedy('subject_column', like='column', of='load_triplets')}"
        hint = remedy if noun == "subject" else ""
        raise bad(path, f"{noun}s must be one column{hint}")
    without_blanks(path, labels, f"has no {noun}; without one the rows below it would shift")
    if labels and (says(labels[0], "participant") or _above_numbers(labels)):
        del labels[0]
    if not labels:
        raise bad(path, f"holds no {noun}s")
    return labels


def _above_numbers(labels: list[str]) -> bool:
    return len(labels) > 1 and not is_number(labels[0]) and all(map(is_number, labels[1:]))


WEIGHT, PROBABILITY, COVERED = "weight", "probability", "covered"  # columns of a design, see `pyalign.plan_triplets`


def read_weights(path: PathLike, *, key: str | None = None) -> Weights:
    """The weights of t answers, in their order.

    Args:
        path: a text file, one per line, with or without a header (also ``.gz``); a table with a column ``weight``, such
            as that of a design; or a 1-d array in any of the other formats of `load_embeddings`.
        key: which array of a file that holds several, or which column of a table, by header or by number from 0.

    Returns:
        `Weights`, which are checked where they are used. The column ``covered`` of a design goes along.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "design.csv")
        ...     _ = path.write_text("item1,item2,item3,weight\\nant,bee,cat,0.8\\nant,bee,dog,2\\n")
        ...     read_weights(path).values
        array([0.8, 2. ])
    """
    check_format(path, WEIGHTS.what)
    content = open_file(path, WEIGHTS)
    if isinstance(content, Table):
        if key is not None:
            return weights_in(path, content, column_index(path, content, key))
        if content.width == 1:
            return weights_in(path, content, 0)
        if WEIGHT not in (content.header or ()):
            raise bad(
                path, f"weights must be one column, or a table with a column {WEIGHT!r}; got {content.width} columns"
            )
        return weights_in(path, content, (content.header or ()).index(WEIGHT))
    array: Array = choose(path, content, key, WEIGHTS.likely).load()
    if array.ndim != 1 or array.dtype.kind not in "iuf" or array.size == 0:
        raise bad(path, f"weights must be a 1-d array of numbers; got shape {array.shape}, dtype {array.dtype}")
    return Weights(exact_numbers(path, array, "weights").astype(np.float64))


def weights_in(path: PathLike, table: Table, column: int) -> Weights:
    """The weights in a column of a table, with what its column ``covered`` says of them, where it has one."""
    if table.text[column]:
        raise bad(path, f"{table.called(column)} holds {table.head[0][column]!r:.40}, not weights")
    header = table.header or ()
    if COVERED not in header:
        return Weights(_column(path, table, (column,))[:, 0])
    numbers = _column(path, table, (column, header.index(COVERED)))
    covered = float(numbers[0, 1])
    if not 0.0 < covered <= 1.0 or (numbers[:, 1] != covered).any():
        raise bad(
            path, f"column {COVERED!r} must hold one fraction, the same in all rows; got {covered:g} in the first"
        )
    return Weights(numbers[:, 0].copy(), covered)


def notes_on_unused(path: PathLike, table: Table) -> tuple[str, ...]:
    """A sentence about a table whose rows have weights that are not used."""
    header = table.header or ()
    if WEIGHT in header:
        used = Remedy("weight_column", WEIGHT, shell="--weights FILE")
        return (f"{path}: its column {WEIGHT!r} {UNUSED}; {used} uses it, where weights are taken",)
    if {PROBABILITY, COVERED} <= {*header}:
        return (f"{path}: its column {PROBABILITY!r} {UNUSED}; a weight of 1 / probability makes up for it",)
    return ()


def _column(path: PathLike, table: Table, columns: tuple[int, ...]) -> Array:
    values = table.read(columns, ()).numbers
    if values.dtype.kind not in "iuf":
        raise bad(path, f"weights must be numbers; got dtype {values.dtype}")
    numbers: Array = values.astype(np.float64)
    return numbers
