"""What a file seems to be, and the command line that reads it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._result import Result
from pyalign.analysis.describe.array import Description, describe, objects_of_pairs
from pyalign.data import ODD_ONE_OUT, Embeddings, RDMs, Transform, as_embeddings
from pyalign.data.answer_table import RATINGS, AnswerTable, recognized, require_items, unnamed_table
from pyalign.data.metadata import joined
from pyalign.data.trials import answered_rows
from pyalign.errors import InputError, Remedy
from pyalign.io.answers import WEIGHT
from pyalign.io.arrays import JUDGMENTS, LABELS_KEY
from pyalign.io.contents import Content, content_of, contents
from pyalign.io.embeddings import load_embeddings
from pyalign.io.folder import folder_model, holds_rows
from pyalign.io.formats import open_file
from pyalign.io.image_files import images_below, images_in
from pyalign.io.item_names import load_categories, read_names
from pyalign.io.paths import TEXT, Spec, checked_path, suffix_of
from pyalign.io.rdm_files import PICKLES, find_rdms
from pyalign.io.tables import Table, frame_table
from pyalign.io.transform import holds_transform, load_transform
from pyalign.io.triplets import with_remedy

RDMS = "RDMs"  # of another tool, which knows that they are dissimilarities
MOST = 100  # arrays of a file that are described


@dataclass(frozen=True)
class FileDescription(Result):
    """What is in a file."""

    command: ClassVar[str] = "describe"
    rows: ClassVar[str] = "arrays"

    file: str  # as it was asked for, FILE or FILE::KEY.
    arrays: tuple[Description, ...]  # a description of each array, or of the table.
    left_out: int = 0  # how many more arrays there are.
    model: str | None = None  # what a folder of `pyalign extract` is of.


@dataclass(frozen=True)
class FileDescriptions(Result):
    """What is in several files."""

    command: ClassVar[str] = "descriptions"

    files: tuple[FileDescription, ...]  # a description of each.

    def to_records(self) -> list[dict[str, Any]]:
        """A row for each array, with its file."""
        return [{"file": file.file, **row} for file in self.files for row in file.to_records()]


def describe_file(spec: Any, stated: Mapping[str, Any] | None = None) -> FileDescription:
    """What each array of a file seems to be, with the command line that reads it.

    Args:
        spec: a file of any of the formats, a folder of `pyalign extract`, images in a folder or a .tar, or FILE::KEY
            for one of the arrays of a file. Or a DataFrame, or structured rows.
        stated: arguments of `load_triplets` that say which columns of a table of answers are what.
    """
    label = type(spec).__name__
    table = frame_table(label, spec)
    if table is not None and table.columns is not None:
        content = content_of(table.columns, table.header)
        one = _of_table(label, content, stated or {}, partial(as_embeddings, spec, label))
        return FileDescription(label, (replace(one, command=None),))
    _checks.require_dense(spec, "spec")
    whole = checked_path(spec, "spec")
    parsed = Spec(spec)
    path, key = parsed.path, parsed.key
    if key is None and os.path.isfile(path) and holds_transform(path):
        return FileDescription(whole, (_of_transform(path, load_transform(path)),))
    rdms = _rdms_in(path, key)
    if rdms is not None:
        return FileDescription(whole, (_of_rdms(whole, rdms),))
    if key is None and (images := _images_in(path)):
        command = shlex.join(["pyalign", "extract", "--images", path, "--out", "OUT"])
        one = Description("images", (len(images),), "files", names=tuple(images[:3]), command=command)
        return FileDescription(whole, (one,))
    model = folder_model(path) if os.path.isdir(path) else None
    parts = contents(path, key)
    arrays = tuple(_of_content(path, content, stated or {}) for content in islice(parts, MOST))
    return FileDescription(whole, arrays, sum(1 for _ in parts), model)


def _of_content(path: str, content: Content, stated: Mapping[str, Any] | None = None) -> Description:
    if content.numbers is not None:
        return _of_table(path, content, stated or {})
    spec = path if content.key is None else f"{path}::{content.key}"
    if content.fault is not None:
        return Description("other", (), "unknown", remarks=(content.fault,), key=content.key)
    try:
        description = describe(content.values, content.key or os.path.basename(path))
    except InputError as error:
        shape, dtype = content.values.shape, str(content.values.dtype)
        return Description("other", shape, dtype, remarks=(str(error),), key=content.key)
    if description.kind == "triplets":
        table = Content(values=content.values, numbers=tuple(range(content.values.shape[1])))
        answers = unnamed_table(table.columns)
        of_file = _of_triplets(spec, description, stated) if answers is None else _of_answers(spec, table, answers)
        return replace(of_file, key=content.key, dtype=description.dtype)
    names = None if content.names is None else content.names[:3]
    if content.listed and content.values.ndim < 3 and objects_of_pairs(content.values) == content.listed:
        kind, line = "condensed matrices", _command(RATINGS, spec)
        remark = f"each row is the pairs of the {content.listed} objects that the file names"
        return replace(description, kind=kind, key=content.key, remarks=(remark,), command=line)
    if content.key == LABELS_KEY:
        remark = "labels of dimensions, which are read with the embeddings next to them"
        return replace(description, key=content.key, remarks=(remark, *description.remarks))
    return replace(description, key=content.key, names=names, command=_command(description.kind, spec))


def _command(kind: str, spec: str) -> str | None:
    """A command that reads a file of this kind."""
    score = ["pyalign", "score", "--embeddings"]
    rsa = ["pyalign", "rsa", "--embeddings", "EMB", "--human", spec, "--kind"]
    lines = {
        "embeddings": [*score, spec, "--triplets", "TRIPLETS"],
        "names": [*score, "EMB", "--triplets", "TRIPLETS", "--names", spec],
        "transform": [*score, "EMB", "--triplets", "TRIPLETS", "--transform", spec],
        RDMS: [*rsa, "dissimilarity"],
        RATINGS: [*rsa, "KIND"],
        "answers": ["pyalign", "calibrate", "--embeddings", "EMB", "--triplets", "TRIPLETS", "--answers", spec],
    }
    return shlex.join(lines[kind]) if kind in lines else None


def _images_in(path: str) -> Sequence[str]:
    """The images of a folder or of an archive, none where it is something else."""
    if os.path.isdir(path):
        return () if holds_rows(path) else images_below(path)[0]
    return images_in(path) if suffix_of(path) == ".tar" else ()


def _rdms_in(path: str, key: str | None) -> RDMs | None:
    suffix = "" if os.path.isdir(path) else suffix_of(path)
    opened = open_file(path, JUDGMENTS) if suffix in (".h5", ".hdf5", ".mat", *PICKLES) else {}
    return None if isinstance(opened, Table) or suffix in ("", *TEXT) else find_rdms(path, key, opened)


def _of_rdms(spec: str, rdms: RDMs) -> Description:
    """RDMs of another tool, as `load_rdms` reads them."""
    return replace(
        describe(rdms.pairs().ravel()), kind="dissimilarities", shape=rdms.matrices().shape,
        remarks=tuple(note.removeprefix(f"{rdms.source}: ") for note in rdms.notes),
        names=None if rdms.names is None else rdms.names[:3], command=_command(RDMS, spec),
    )


def _of_transform(path: str, transform: Transform) -> Description:
    d, r = transform.weights.shape
    bias = "no bias" if transform.bias is None else "a bias"
    mean, std = ("mean", "std") if transform.mean is None else (f"{transform.mean:g}", f"{transform.std:g}")
    remarks = [f"maps {d} features to {r}: ((x - {mean}) / {std}) @ weights, with {bias}"]
    remarks += ["mean and std are not in the file: they are those of the features x"] if transform.mean is None else []
    record = transform.trained
    if record is None:
        remarks.append("nothing records what it was fitted to: scores of triplets that the fit has seen are too high")
    else:
        fitted = f"fitted to {record.n_triplets:,} triplets of {len(record.items):,} items"
        remarks.append(f"{fitted}, for {record.measure} at temperature {record.temperature:g}")
        held = ", ".join(f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}"
                         for name, value in (record.held_out or {}).items())
        remarks.append(f"on what the fit has not seen: {held}" if held else "no figures of triplets it has not seen")
    return Description(
        "transform", (d, r), str(transform.weights.dtype), float(np.min(transform.weights)),
        float(np.max(transform.weights)), first_row=tuple(transform.weights[0, :8].tolist()),
        remarks=tuple(remarks), command=_command("transform", path),
    )


# Tables


def _of_table(  # noqa: C901
    path: str, table: Content, stated: Mapping[str, Any], in_memory: Callable[[], Embeddings] | None = None
) -> Description:
    """in_memory: gives what the table is as embeddings, where it is not in a file."""
    asked, notes = {name: stated[name] for name in ("where", "empty") if name in stated}, tuple[str, ...]()
    lists = any(label.startswith(("[", "(")) for column in table.texts.values() for label in column.labels)
    if table.header is not None and table.fault is None and (asked or lists):
        try:
            kept = answered_rows(table.header, table.columns, stated)
        except InputError as error:
            return _unsure(table, error)
        table, notes = content_of(kept.columns, kept.header), kept.notes
    matrix = not table.texts and table.fault is None and len(table.values) > 0
    if matrix and table.width == 1:
        return _of_content(path, Content(values=table.values[:, 0]))
    description = describe(table.values, os.path.basename(path)) if matrix else None
    names: tuple[str, ...] | None = None
    if table.fault is None and table.width > 1:
        try:
            answers = recognized(table.header or (), table.width, lambda: table.columns, stated)
            if answers is not None:
                return _of_answers(path, table, answers, asked, notes)
            if table.width == len(table.texts) == 3:
                items, names = joined(table.columns)
                description = describe(items) if len(names) * 3 <= items.size * 2 else None
            if description is not None and (description.kind == "triplets" or names):
                require_items(table.header or (), stated)
                return replace(_of_triplets(path, description, stated, names), columns=table.header)
        except InputError as error:
            return _unsure(table, error)
    if description is not None and description.kind != "embeddings":
        return replace(description, columns=table.header, command=_command(description.kind, path))
    if len(table.texts) < 2 or in_memory is not None:
        return _of_embeddings(path, table, in_memory or partial(load_embeddings, path))
    return _of_words(path, table)


def _shape(table: Content) -> tuple[int, int]:
    return max([len(table.values), *(len(column.codes) for column in table.texts.values())]), table.width


def _unsure(table: Content, error: InputError) -> Description:
    said = with_remedy(str(error))
    return Description("triplets", _shape(table), "other", columns=table.header, fault=said, remarks=(said,))


def _of_triplets(
    spec: str, description: Description, stated: Mapping[str, Any] | None, names: tuple[str, ...] | None = None
) -> Description:
    """Three columns, the last of which is odd; of more nobody knows which."""
    base, width = None if names is not None else description.base, description.shape[1]
    layout = {"one_based": True} if base == 1 else {}
    fault = f"has {width} columns, and no header says which three hold the items: {Remedy('columns', (0, 1, 2))}"
    remarks = (x for x in description.remarks if names is None or "--one-based" not in x)
    return replace(
        description,
        base=base,
        dtype="int64" if suffix_of(spec) in TEXT and not description.nan_rows else description.dtype,
        remarks=tuple(x for x in remarks if "stored as floats" not in x or suffix_of(spec) not in TEXT),
        names=None if names is None else names[:3],
        command=_score(spec, layout) if width == 3 else None,
        layout=layout if width == 3 else None,
        fault=None if width == 3 or "columns" in (stated or {}) else fault,
    )


def _of_answers(
    spec: str, table: Content, answers: AnswerTable, asked: Mapping[str, Any] = MappingProxyType({}),
    notes: tuple[str, ...] = (),
) -> Description:
    """A table of answers, of whose columns the detector is sure; asked: which of its rows these are."""
    if answers.task == RATINGS:
        return Description(RATINGS, _shape(table), "other", remarks=answers.sentences, columns=table.header,
                           command=_command(RATINGS, spec))
    columns = [table.columns[c] for c in answers.items]
    named = answers.lowest is None
    items, names = joined(columns) if named else (np.stack([*map(np.asarray, columns)], axis=1).astype(np.int64), None)
    description = describe(items)
    base = answers.lowest if answers.lowest in (0, 1) else None
    layout, said = {**layout_of(table, answers, base), **asked}, (*answers.sentences, *answers.notes)
    return replace(
        description,
        kind="triplets",
        base=base,
        shape=(len(items), table.width),
        remarks=(*(x for x in description.remarks if not named or "--one-based" not in x), *notes, *said),
        names=None if names is None else names[:3],
        columns=table.header,
        command=_score(spec, layout),
        layout=layout,
        sentences=said,
    )


def layout_of(table: Content, columns: AnswerTable, base: int | None) -> dict[str, Any]:
    """The arguments of `load_triplets` that read a table of triplets, but for those that it would take by itself."""
    layout: dict[str, Any] = {} if columns.task == ODD_ONE_OUT else {"task": columns.task}
    if table.width > 3 or columns.items != (0, 1, 2):
        layout["columns"] = _called(table, columns.items)
    if columns.choice is not None:
        layout["choice_column"] = _called(table, [columns.choice])[0]
    layout |= {"one_based": True} if base == 1 else {}
    if columns.subject is not None:
        layout["subject_column"] = _called(table, [columns.subject])[0]
    if table.header is not None and table.header.count(WEIGHT) == 1:
        weights = table.columns[table.header.index(WEIGHT)]
        layout |= {"weight_column": WEIGHT} if isinstance(weights, np.ndarray) and (weights > 0).all() else {}
    return layout


def _score(spec: str, layout: Mapping[str, Any]) -> str:
    """A command line that scores triplets of this layout."""
    return shlex.join(["pyalign", "score", "--embeddings", "EMB", "--triplets", spec, *_flags(spec, layout)])


def _flags(spec: str, layout: Mapping[str, Any]) -> Iterator[str]:
    """The same on the command line."""
    for name, value in layout.items():
        if name == "weight_column":
            yield from ("--weights", f"{spec}::{value}")
            continue
        if name == "where":
            yield from (word for one in ([value] if isinstance(value, str) else value) for word in ("--where", one))
            continue
        yield "--" + name.replace("_", "-")
        if value is not True:
            yield ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _called(table: Content, columns: Sequence[int]) -> list[int | str]:
    """Columns by their headers, where all of these can be distinguished on a command line; else by number."""
    header = table.header or ()
    names = [header[c] for c in columns if header]
    plain = all(x and "," not in x and not x.lstrip("-").isdecimal() and header.count(x) == 1 for x in names)
    return [*names] if names and plain else [*columns]


def _of_embeddings(path: str, table: Content, load: Callable[[], Embeddings]) -> Description:
    """A table as embeddings, as a reader would read it, with what is noticed then."""
    try:
        x = load()
        description = describe(x.values)
    except InputError as error:
        remark = str(error).removeprefix(f"{path}: ")
        return Description("other", _shape(table), "float64", remarks=(remark,), columns=table.header)

    notes = tuple(note.removeprefix(f"{path}: ") for note in x.notes)
    return replace(
        description, kind="embeddings", base=None, repeated_items=None, columns=table.header,
        remarks=(*notes, *description.remarks) if description.kind == "embeddings" else notes,
        names=None if x.names is None else x.names[:3], command=_command("embeddings", path),
    )


def _of_words(path: str, table: Content) -> Description:
    """Columns of text, and others: names, if the first column is some; categories, if labels stand next to them."""
    if table.width == 2 and suffix_of(path).startswith((".csv", ".tsv")):
        categories = load_categories(path)
        if categories.names is not None and len(categories.labels) < len(categories.names):
            n, remark = len(categories.names), f"{len(categories.labels):,} categories of named objects (--categories)"
            return Description("labels", (n,), "str", first_row=categories.labels[:8], remarks=(remark,),
                               columns=table.header)
    shape = _shape(table)
    remarks = [f"{len(table.texts)} of {table.width} columns hold text"]
    remarks += [f"no two rows share column {c}: it may name them (--name-column)"
                for c, column in table.texts.items() if len(column.labels) == shape[0]][:1]
    try:
        names = read_names(path)
    except InputError:
        names = ()
    cells = table.texts[0].cells() if 0 in table.texts else ()
    if not names or len(set(names)) < len(names) or names != cells[-len(names) :]:
        return Description("other", shape, "str", remarks=tuple(remarks), columns=table.header)
    remarks.append("the first column is read as names")
    return Description(
        "names", shape, "str", first_row=names[:8], remarks=tuple(remarks), names=names[:3], columns=table.header,
        command=_command("names", path),
    )
