"""Weights of answers: a number for each, from a file of them or from the table of a design."""

from __future__ import annotations

import numpy as np

from pyalign.data import Weights
from pyalign.data.weights import UNUSED
from pyalign.io.arrays import WEIGHTS, choose
from pyalign.io.formats import check_format, open_file
from pyalign.io.numbers import exact_numbers
from pyalign.io.paths import Array, PathLike, bad
from pyalign.io.tables import Table, column_index

WEIGHT, PROBABILITY, COVERED = "weight", "probability", "covered"  # columns of a design, see `pyalign.plan_triplets`


def read_weights(path: PathLike, *, key: str | None = None) -> Weights:
    """The weights of t answers, in their order.

    Args:
        path: a text file, one per line, with or without a header (also ``.gz``); a table with a column ``weight``, such
            as that of a design; or a 1-d array in any of the other formats of `load_embeddings`.
        key: which array of a file that holds several, or which column of a table, by header or by number from 0.

    Returns:
        `Weights`, which are checked where they are used. The column ``covered`` of a design goes along.

    Raises:
        InputError: the file's fault, in one line that starts with its path.
        OSError: missing or forbidden.
        MissingExtraError: the format needs a package.

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
        return (f'{path}: its column {WEIGHT!r} {UNUSED}; weight_column="{WEIGHT}" uses it, where weights are taken',)
    if {PROBABILITY, COVERED} <= {*header}:
        return (f"{path}: its column {PROBABILITY!r} {UNUSED}; a weight of 1 / probability makes up for it",)
    return ()


def _column(path: PathLike, table: Table, columns: tuple[int, ...]) -> Array:
    values = table.read(columns, ()).numbers
    if values.dtype.kind not in "iuf":
        raise bad(path, f"weights must be numbers; got dtype {values.dtype}")
    numbers: Array = values.astype(np.float64)
    return numbers
