"""Human triplets: three items, the one that the person called odd put last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyalign.errors import InputError
from pyalign.io.columns import Column, OddColumn, by_name, check_options, choice_positions, odd_last, resolve
from pyalign.io.names import match_names
from pyalign.io.numbers import from_one, whole_numbers
from pyalign.io.paths import Array, PathLike, bad
from pyalign.io.subjects import code_subjects
from pyalign.io.tables import open_table


@dataclass(frozen=True)
class TripletFile:
    """What a triplet file holds.

    triplets: (t, 3) integers, the odd item last. A canonical ``.npy`` of int16, uint16, int32 or int64 is
        mapped from the disk, read-only, without a copy.
    item_names: the sorted distinct names when the file holds names; ``triplets`` then index into them.
    positions: None when the columns stand as in the file. Otherwise int8 (3,) or (t, 3): ``positions[p]`` is
        the place (0, 1, 2), among the item columns of the file (in the order of ``columns``), of column p.
    subjects: int32 (t,), who gave each answer, as indices into ``subject_labels``; None without a subject column.
    subject_labels: the distinct persons, in order.
    """

    triplets: Array
    item_names: tuple[str, ...] | None
    positions: Array | None
    subjects: Array | None = None
    subject_labels: tuple[str, ...] | None = None


def read_triplets(
    path: PathLike,
    *,
    key: str | None = None,
    columns: Sequence[Column] | None = None,
    odd_column: OddColumn = "last",
    choice_column: Column | None = None,
    choice_base: int | None = None,
    one_based: bool = False,
    subject_column: Column | None = None,
) -> TripletFile:
    """Read (t, 3) triplets of item numbers or names.

    path: ``.npy``, ``.npz``, ``.csv``, ``.tsv``, ``.txt`` (each also ``.gz``) or ``.parquet``.
    key: which array of a ``.npz`` that holds several.
    columns: the three item columns of a wider table, from 0 or by header.
    odd_column: "last" (as human_alignment, gLocal, SPoSE and VICE write them), "first", or "none" (as is).
    choice_column: the column that holds the odd item's place among the three, from 0 or by header.
    choice_base: whether that place counts from 0 or from 1; without it, its range decides.
    one_based: item numbers count from 1; the result counts from 0.
    subject_column: the column, of numbers or strings, that says who answered, from 0 or by header.

    Raises InputError (the file's fault, in one line that starts with its path), OSError (missing or
    forbidden), MissingExtraError (the format needs a package). Item numbers are not compared with a number
    of items, nor with each other: the operations do that.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "triplets.csv")
    ...     _ = path.write_text("image1,image2,image3,choice\\n8,3,5,1\\n2,9,4,3\\n")
    ...     read_triplets(path, choice_column="choice", one_based=True).triplets
    array([[2, 4, 7],
           [1, 8, 3]], dtype=int32)
    """
    check_options(columns, odd_column, choice_column, choice_base)
    table = open_table(path, key, by_name(columns, choice_column, subject_column))
    items, choice, subject = resolve(path, table, columns, choice_column, subject_column)
    read = table.take(items, choice, subject)
    triplets = whole_numbers(path, read.items)
    if one_based:
        if read.item_names is not None:
            raise bad(path, "holds names, so one_based has no meaning")
        triplets = from_one(path, triplets)
    place = None
    if read.choice is not None:
        place = choice_positions(path, whole_numbers(path, read.choice, "the choice column"), choice_base)
    triplets, positions = odd_last(triplets, place, odd_column)
    if read.subject is None:
        return TripletFile(triplets, read.item_names, positions)
    return TripletFile(triplets, read.item_names, positions, *code_subjects(path, read.subject))


def load_triplets(
    path: PathLike,
    *,
    names: Sequence[str] | None = None,
    key: str | None = None,
    columns: Sequence[Column] | None = None,
    odd_column: OddColumn = "last",
    choice_column: Column | None = None,
    choice_base: int | None = None,
    one_based: bool = False,
) -> Array:
    """The (t, 3) triplets alone, as rows of the embeddings; the options are those of ``read_triplets``.

    names: the name of each row of the embeddings; needed when the file holds names, not looked at otherwise.
    """
    file = read_triplets(
        path,
        key=key,
        columns=columns,
        odd_column=odd_column,
        choice_column=choice_column,
        choice_base=choice_base,
        one_based=one_based,
    )
    if file.item_names is None:
        return file.triplets
    if names is None:
        raise bad(path, f"holds names ({file.item_names[0]!r}, ...); give the names of the embeddings' rows")
    try:
        rows: Array = match_names(file.item_names, names)[file.triplets]
    except InputError as error:
        raise bad(path, error) from error
    return rows
