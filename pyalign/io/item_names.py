"""The table of models that comes along: what is known of many published models, and which of them a name means.

`tools/model_table.py` makes it. Names meet whatever their case and signs: `clip_vit_b32` is `clip_ViT-B/32`. A row is
never guessed from a part of a name, apart from the layer at its end.

Tables of models: what is known of them in addition to their answers.

Files of names: one for each row, or for each item number.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pyalign.data import Categories
from pyalign.data.metadata import Metadata, Value, stem_of
from pyalign.data.names import listing
from pyalign.errors import InputError, shorten
from pyalign.io.arrays import NAMES, choose, open_npy, strings, text_array
from pyalign.io.documents import read_json
from pyalign.io.embeddings import load_embeddings, open_named
from pyalign.io.formats import check_format, open_file
from pyalign.io.layout import NAME_HEADERS, Row, cells_of, lines_of, read_rows
from pyalign.io.paths import TEXT, Array, PathLike, Spec, bad, check_file, errors_of, is_named, no_key, open_text
from pyalign.io.tables import Table, names_of

PLACE = Path(__file__).with_name("models.csv")
BUILT_IN = "builtin"  # what stands for the table where a file could be named
COLUMNS = (
    "model", "names", "architecture", "family", "objective", "data", "parameters", "image_size", "width",
    "imagenet_accuracy", "imagenet_zero_shot", "training_source", "size_source", "accuracy_source",
)
ABOUT = COLUMNS[3:11]  # what accuracies are related to
PERCENT = ABOUT[-2:]  # fractions, which are shown in %
LAYER = re.compile(r"[-_.:](?:penultimate|logits|avgpool|visual|norm|features|embeddings)$", re.IGNORECASE)
SCALE = 10.0  # a column whose numbers are that much larger or smaller than all of the table's has another unit


@cache
def model_rows() -> tuple[dict[str, str], ...]:
    """The rows, as the file has them: text, "" where nothing is known."""
    with PLACE.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def _places() -> tuple[dict[str, int], dict[str, int]]:
    """The row of each name as it is written, and without case and signs where that is of one row."""
    exact: dict[str, int] = {}
    rows_of: dict[str, set[int]] = {}
    for place, row in enumerate(model_rows()):
        for name in (row["model"], *row["names"].split()):
            exact[name] = place
            rows_of.setdefault(_plain(name), set()).add(place)
    for place, row in enumerate(model_rows()):
        if row["model"].startswith("open_clip:"):  # ViT-B-16 of OpenCLIP is not vit_b_16 of torchvision
            rows_of.get(_plain(row["architecture"]), set()).add(place)
    return exact, {name: rows.pop() for name, rows in rows_of.items() if len(rows) == 1}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9+]+", "", name.lower())


def row_of(name: str) -> dict[str, str] | None:
    """The row of a model by its name, or by the file of its embeddings; None where the table has none."""
    exact, plain = _places()
    stem = stem_of(name)
    file, _, key = stem.partition("::")
    for form in (name, stem, LAYER.sub("", stem), file, LAYER.sub("", file), key):
        place = exact.get(form, plain.get(_plain(form)))
        if place is not None:
            return model_rows()[place]
    return None


def built_in_metadata() -> Metadata:
    """All of the table, as `load_metadata` gives a file of one's own."""
    return _described({row["model"]: row for row in model_rows()})


def metadata_of_models(
    models: Sequence[str], own: Metadata | None = None, labels: Mapping[str, str] | None = None
) -> Metadata | None:
    """What is known of these models: the rows of one's own table, and of models without one those of the table here.

    Args:
        models: as results call them.
        own: a table of one's own, whose rows stand as they are. The rows of others have its columns, as far as the
            table has them in the same unit; None: all columns of the table.
        labels: what models are called in tables, by name.

    Returns:
        Metadata whose notes say which models were looked up; `own` where none was, so None without `own`.
    """
    called = labels or {}
    missing = list(dict.fromkeys(models))
    if own is not None:
        missing = [name for name, row in zip(missing, own.matched(missing, called).rows, strict=True) if row is None]
    rows = {name: row_of(name) or row_of(called.get(name, name)) for name in missing}
    known = {name: row for name, row in rows.items() if row is not None}
    if not known:
        return own
    pairs = [f"{name} ({row['model']})" for name, row in known.items()]
    table = "the table of models of pyalign (pyalign models list --metadata)"
    note = f"the metadata of {listing(pairs, 6)} come from {table}"
    looked_up = _described(known, (note,))
    return looked_up if own is None else _joined(own, looked_up)


def families_of(models: Sequence[str], table: Metadata | None) -> list[str] | None:
    """The family of each model by a table. A model without one is a family of its own; None where no family is known.

    Example:
        >>> models = ["clip_vit_b32", "mine", "vgg16"]
        >>> families_of(models, metadata_of_models(models))
        ['CLIP', 'mine', 'VGG']
    """
    if table is None or "family" not in table.columns:
        return None
    rows = table.matched(models).rows
    families = [None if row is None else table.value(row, "family") for row in rows]
    if not any(families):
        return None
    return [str(family or name) for family, name in zip(families, models, strict=True)]


def _described(rows: Mapping[str, Mapping[str, str]], notes: tuple[str, ...] = ()) -> Metadata:
    """Metadata of rows, by what their models are called."""
    table = [{"model": name, **{column: row[column] for column in ABOUT}} for name, row in rows.items()]
    return replace(Metadata.of(table, BUILT_IN, notes), percent=frozenset(PERCENT))


def _joined(own: Metadata, looked_up: Metadata) -> Metadata:
    """Rows of one's own, and then the others, with the columns of one's own."""
    columns: dict[str, tuple[Value, ...]] = {}
    notes = []
    for name, values in own.columns.items():
        more = looked_up.columns.get(name, (None,) * len(looked_up.models))
        if name in ABOUT and (wrong := _other_unit(name, values, more)):
            notes.append(wrong)
            more = (None,) * len(more)
        columns[name] = (*values, *more)
    return Metadata(
        (*own.models, *looked_up.models), columns, own.percent, (*own.notes, *looked_up.notes, *notes), own.source
    )


def _other_unit(name: str, values: Sequence[Value], more: Sequence[Value]) -> str:
    """Why values of one's own and of the table don't go into one column, or ""."""
    own = [value for value in values if value is not None]
    others = [value for value in more if value is not None]
    if not own or not others:
        return ""
    kinds = {isinstance(value, float) for value in (*own, *others)}
    if len(kinds) == 1 and isinstance(own[0], str):
        return ""
    known = [float(row[name]) for row in model_rows() if row[name]] if kinds == {True} else []
    first = next((value for value in own if isinstance(value, float)), own[0])
    if known and all(isinstance(value, float) and min(known) / SCALE <= value <= max(known) * SCALE for value in own):
        return ""
    return (
        f"column {name!r} is not filled from the table of models of pyalign, where it is in another unit: "
        f"{first if isinstance(first, str) else format(first, 'g')} here, {others[0]} there"
    )


LARGEST = 1 << 24  # bytes
MOST_CELLS = 2_000_000
COMMA = re.compile(r"[+-]?\d+,\d+ ?%?")


def load_metadata(path: PathLike) -> Metadata:
    """Read a table with a row for each model: `model`, and any other columns, such as family, data or seed.

    ``.csv`` (commas, or semicolons), ``.tsv``: under a header. ``.json``: a list of objects, or an object of such by
    model. What is read as a number, and what as text: see `Metadata.of`. "builtin" in place of a path is the table of
    published models that comes with pyalign.

    Raises:
        InputError: what the file does wrong, in one line that starts with its path.
        OSError: missing or forbidden.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "models.csv")
        ...     _ = path.write_text("model,family,parameters\\nclip,CLIP,151M\\nvgg,VGG,138M\\n")
        ...     load_metadata(path).columns
        {'family': ('CLIP', 'VGG'), 'parameters': (151000000.0, 138000000.0)}
    """
    if path == BUILT_IN:
        return built_in_metadata()
    rows = read_model_rows(path, "metadata")
    with errors_of(path):
        return Metadata.of(rows, os.fspath(path))


def read_model_rows(path: PathLike, what: str) -> list[dict[str, Any]]:
    """The rows of a table as `load_metadata` reads it, each by column: text, and in JSON numbers too.

    what: is read from it, for messages.
    """
    suffix = check_file(path, what, (".csv", ".tsv", ".json"))
    if os.path.getsize(path) > LARGEST:
        raise bad(path, f"must be a table of at most {LARGEST:,} bytes; got {os.path.getsize(path):,}")
    return list(_objects(path)) if suffix == ".json" else list(_rows(path, suffix))


def _objects(path: PathLike) -> Iterator[dict[str, Any]]:
    """The rows of a JSON document."""
    document = read_json(path, largest=LARGEST)
    if isinstance(document, dict) and all(isinstance(row, dict) for row in document.values()):
        document = [{"model": name, **row} for name, row in document.items()]
    if not isinstance(document, list):
        raise bad(path, f"must be a list of objects, or an object of them by model; got {shorten(document)}")
    for number, row in enumerate(document, 1):
        if not isinstance(row, dict):
            raise bad(path, f"row {number} must be an object; got {shorten(row)}")
        for name, value in row.items():
            if isinstance(value, dict | list):
                raise bad(path, f"row {number}: {name!r:.60} must be text or a number; got {shorten(value)}")
        yield row


def _rows(path: PathLike, suffix: str) -> Iterator[dict[str, str]]:
    """The rows of a text table, by their header."""
    delimiter = "\t" if suffix == ".tsv" else _delimiter(path)
    first = next(read_rows(path, delimiter), None)
    if first is None:
        raise bad(path, "is empty (no rows)")
    header = _header(path, first)
    place = header.index("model")
    for number, row in enumerate(read_rows(path, delimiter, lambda row: len(row.cells) == len(header))):
        if number > 0:
            _check_row(path, row, header, place, delimiter)
            yield dict(zip(header, row.cells, strict=True))
        if number * len(header) > MOST_CELLS:
            raise bad(path, f"must be a table of at most {MOST_CELLS:,} cells")


def _check_row(path: PathLike, row: Row, header: tuple[str, ...], place: int, delimiter: str) -> None:
    if len(row.cells) != len(header):
        many = f"{len(row.cells)} column{'s' * (len(row.cells) != 1)}"
        raise bad(path, f"line {row.line} has {many}; the header has {len(header)}")
    if not row.cells[place]:
        raise bad(path, f"line {row.line} names no model")
    commas = next((cell for cell in row.cells if delimiter == ";" and COMMA.fullmatch(cell)), None)
    if commas is not None:
        raise bad(path, f"line {row.line}: {shorten(commas)} could have a decimal comma; write it with a point")


def _header(path: PathLike, row: Row) -> tuple[str, ...]:
    header = tuple(cell.strip() for cell in row.cells)
    known = [name for name in header if name.lower() == "model"]
    if len(known) != 1:
        what = "no column 'model'" if not known else "two columns 'model'"
        raise bad(path, f"line {row.line}: the header has {what}: {shorten(', '.join(header), 120)}")
    header = tuple("model" if name == known[0] else name for name in header)
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None or "" in header:
        raise bad(path, f"line {row.line}: the header " + ("has no name for a column" if twice is None else
                        f"has {twice!r:.60} twice"))
    return header


def _delimiter(path: PathLike) -> str:
    """A comma, or the semicolon that spreadsheets write where a comma is a decimal point."""
    first = next(iter(read_rows(path, ",")), None)
    by_semicolons = first is not None and len(first.cells) == 1 and ";" in first.cells[0]
    return ";" if by_semicolons else ","


# Headers of a column of names. Beside other columns "object" and the like are too; alone they may be names.
HEADERS = {"name", "names", "id", "unique_id", "uniqueid", "filename", "file_name", "object_name"}


def read_names(path: PathLike, *, key: str | None = None) -> tuple[str, ...]:
    """One name a line, in the order of the file.

    ``.txt``: the line up to a tab, so names may hold spaces and commas. ``.csv`` and ``.tsv``: the first column,
    without a header such as ``name`` or ``uniqueID``. Each also ``.gz``. ``.parquet``: its only column of text, or its
    index. In other formats, and in folders, a 1-D array of text; `key` says which, where there are several.
    ``dataset:NAME``: those of its objects.
    """
    if is_named(path):
        named: tuple[str, ...] = open_named(path, "names", key)
        return named
    if os.path.isdir(path):
        return _from_array(path, key)
    suffix = check_format(path, "names")
    if suffix not in TEXT:
        return _from_array(path, key)
    no_key(path, key)
    names, several = first_column(path, suffix)
    if not without_blanks(path, names, "has no name; without one the rows below it would shift"):
        raise bad(path, "holds no names")
    known = HEADERS | NAME_HEADERS if several else HEADERS
    if suffix.startswith((".csv", ".tsv")) and names[0].lower() in known:
        del names[0]
    if not names:
        raise bad(path, "holds a header and no names")
    return tuple(names)


def _from_array(path: PathLike, key: str | None) -> tuple[str, ...]:
    opened = open_file(path, NAMES)
    if isinstance(opened, Table):
        no_key(path, key)
        return names_of(path, opened)
    array: Array = choose(path, opened, key, NAMES.likely, "names").load()
    if array.ndim != 1 or array.dtype.kind not in "USO" or array.size == 0:
        raise bad(path, f"names must be a 1-D array of text; got shape {array.shape}, dtype {array.dtype}")
    return strings(path, array)


def first_column(path: PathLike, suffix: str) -> tuple[list[str], bool]:
    """The cells of the first column, and whether other columns stand next to them."""
    rows, several = list[str](), False
    quotes = suffix.startswith(".csv")
    with open_text(path) as handle:
        for number, line in lines_of(path, handle):
            cells = cells_of(path, number, line, ",") if quotes else tuple(line.split("\t"))
            several = len(cells) > 1 if number == 1 else several
            rows.append(cells[0].strip())
    return rows, several


def without_blanks(path: PathLike, cells: list[str], said: str) -> list[str]:
    """The cells of a column without those at its end that are empty; raises where another is: what is `said` of it."""
    while cells and not cells[-1]:
        cells.pop()
    if "" in cells:
        raise bad(path, f"line {cells.index('') + 1} {said}")
    return cells


LABEL_HEADERS = {"category", "label", "class", "group"}


def load_categories(path: PathLike) -> Categories:
    """A label for each object, or memberships of 0 and 1, in the order of the file; with names where the file has them.

    ``.txt``: one label a line. ``.csv`` and ``.tsv`` (each also ``.gz``): one column of labels, one of names and one of
    labels, or a column of 0 and 1 per category, under a header. ``.npy``: labels (n,), whole numbers or text, or
    memberships (n, c).
    ``dataset:NAME``, ``dataset:NAME::KEY``: those of a data set.

    Raises InputError (what the file does wrong, in one line that starts with its path) and OSError.
    """
    if is_named(path):
        spec = Spec(path)
        named: Categories = open_named(spec.path, "categories", spec.key)
        return named
    suffix = check_file(path, "categories", (".npy", *TEXT))
    if suffix == ".npy":
        array = open_npy(path)
        if array.ndim not in (1, 2) or array.size == 0:
            raise bad(path, f"categories must have shape (n,) or (n, c); got {array.shape}")
        return Categories.of(array if array.ndim == 1 else _zeros_and_ones(path, array))
    if suffix.startswith(".txt") or not _several_columns(path, suffix):
        return Categories.of(text_array(path, read_names(path)))
    labeled = _labels_by_name(path, suffix)
    if labeled is not None:
        return labeled
    try:
        embeddings = load_embeddings(path)
    except InputError as error:
        if "name_column" not in str(error):
            raise
        rule = "categories must be one column of labels, names and labels in two, or columns of 0 and 1"
        raise bad(path, f"{rule}; got several columns of text") from error
    return Categories.of(
        _zeros_and_ones(path, embeddings.values), _labels_of_columns(path, suffix, embeddings.shape[1]),
        embeddings.names,
    )


def _several_columns(path: PathLike, suffix: str) -> bool:
    with open_text(path) as handle:
        return ("," if suffix.startswith(".csv") else "\t") in handle.readline()


def _labels_by_name(path: PathLike, suffix: str) -> Categories | None:
    """Those of a table of two columns, names and labels, of which some are neither 0 nor 1; an empty label is none."""
    rows = [row.cells for row in read_rows(path, "," if suffix.startswith(".csv") else "\t")]
    if {len(cells) for cells in rows} != {2} or not {label for _, label in rows[1:]} - {"0", "1"}:
        return None
    headed = rows[0][0].lower() in HEADERS | NAME_HEADERS or rows[0][1].lower() in LABEL_HEADERS
    names, labels = zip(*rows[headed:], strict=True)
    return Categories.of(text_array(path, labels), names=names)


def _labels_of_columns(path: PathLike, suffix: str, columns: int) -> tuple[str, ...] | None:
    """The names of the last columns, where the first line is no row of numbers."""
    with open_text(path) as handle:
        cells = handle.readline().rstrip("\n").split("," if suffix.startswith(".csv") else "\t")
    named = tuple(cell.strip().strip('"') for cell in cells[-columns:])
    return None if all(cell in ("0", "1") for cell in named) else named


def _zeros_and_ones(path: PathLike, values: Array) -> Array:
    if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise bad(path, f"several columns of categories must hold 0 and 1; got dtype {values.dtype} with other values")
    return values.astype(bool)
