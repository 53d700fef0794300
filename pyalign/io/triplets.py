"""Human triplets: three items, the one that the person called odd put last."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pyalign.data import Triplets
from pyalign.io.columns import Column, OddColumn, by_name, check_options, choice_positions, odd_last, resolve
from pyalign.io.numbers import from_one, whole_numbers
from pyalign.io.paths import PathLike, bad
from pyalign.io.subjects import code_subjects
from pyalign.io.tables import open_table


def load_triplets(
    path: PathLike,
    *,
    key: str | None = None,
    columns: Sequence[Column] | None = None,
    odd_column: OddColumn = "last",
    choice_column: Column | None = None,
    choice_base: int | None = None,
    one_based: bool = False,
    subject_column: Column | None = None,
    item_names: Sequence[str] | None = None,
) -> Triplets:
    """Read (t, 3) triplets of item numbers or names, the item that the person called odd put last.

    Of a canonical ``.npy`` of int16, uint16, int32 or int64 the values are mapped from the disk, read-only, without a
    copy.

    Args:
        path: ``.npy``, ``.npz``, ``.csv``, ``.tsv``, ``.txt`` (each also ``.gz``) or ``.parquet``.
        key: which array of a ``.npz`` that holds several.
        columns: the three item columns of a wider table, from 0 or by header.
        odd_column: "last" (as human_alignment, gLocal, SPoSE and VICE write them), "first", or "none" (not recorded).
        choice_column: the column that holds the odd item's place among the three, from 0 or by header.
        choice_base: whether that place counts from 0 or from 1; without it, its range decides.
        one_based: item numbers count from 1; the result counts from 0.
        subject_column: the column, of numbers or strings, that says who answered, from 0 or by header.
        item_names: the item that each number stands for, in order; embeddings with names are then matched by name.

    Returns:
        `Triplets`, with positions where columns were moved, names where the file holds names.

    Raises:
        InputError: the file's fault, in one line that starts with its path. Item numbers are not compared with a
            number of items, nor with each other: the operations do that.
        OSError: missing or forbidden.
        MissingExtraError: the format needs a package.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "triplets.csv")
        ...     _ = path.write_text("image1,image2,image3,choice\\n8,3,5,1\\n2,9,4,3\\n")
        ...     load_triplets(path, choice_column="choice", one_based=True).values
        array([[2, 4, 7],
               [1, 8, 3]], dtype=int32)
    """
    check_options(columns, odd_column, choice_column, choice_base)
    table = open_table(path, key, by_name(columns, choice_column, subject_column))
    items, choice, subject = resolve(path, table, columns, choice_column, subject_column)
    read = table.take(items, choice, subject)
    values = whole_numbers(path, read.items)
    if one_based:
        if read.item_names is not None:
            raise bad(path, "holds names, so one_based has no meaning")
        values = from_one(path, values)
    place = None
    if read.choice is not None:
        place = choice_positions(path, whole_numbers(path, read.choice, "the choice column"), choice_base)
    values, positions = odd_last(values, place, odd_column)
    return Triplets(
        values,
        *_names(path, read.item_names, item_names),
        positions=positions,
        answered=odd_column != "none",
        subjects=None if read.subject is None else code_subjects(path, read.subject),
        source=os.fspath(path) if key is None else f"{os.fspath(path)}::{key}",
    )


def _names(
    path: PathLike, found: tuple[str, ...] | None, stated: Sequence[str] | None
) -> tuple[tuple[str, ...] | None, bool]:
    """What the numbers stand for, and whether that was stated from outside."""
    if stated is None:
        return found, False
    if found is not None:
        raise bad(path, f"holds names ({found[0]!r}, ...) itself, so item_names (--item-names) have no meaning")
    return tuple(map(str, stated)), True
