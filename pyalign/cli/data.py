"""`pyalign describe`: what files and folders seem to be; and a description of the data set that they are.

`pyalign datasets ...`: what is known of published data sets, where they are, and how they come here.
`pyalign export`: embeddings in another format, with the names of their rows, as they are or after a linear map.
"""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, fields, replace
from pyalign._process import Progress
from pyalign.analysis.describe.array import Description
from pyalign.analysis.describe.dataset import describe
from pyalign.analysis.describe.file import FileDescription, FileDescriptions
from pyalign.analysis.notes import notes_on_order
from pyalign.cli import _inputs, _options, _shared_options
from pyalign.cli._command import OUTPUT, Command, Outcome, Output, given_options, option, paths, refuse_unused
from pyalign.cli._outputs import require_other_files
from pyalign.cli._wording import Wording
from pyalign.data import KINDS, Embeddings, Transform
from pyalign.data.align import align, asked_items
from pyalign.data.provenance import digest_of_file
from pyalign.datasets import DATASETS
from pyalign.datasets.dataset import dataset_info, forget_dataset, list_datasets, remember_dataset
from pyalign.datasets.description import Parts, described_at
from pyalign.datasets.simulate import write_sample
from pyalign.errors import InputError
from pyalign.io.embeddings import WRITERS, embedding_files
from pyalign.io.folder import read_manifest
from pyalign.io.paths import Spec, errors_of, suffix_of
from pyalign.io.transform import model_spec
from pyalign.typing import MatrixKind

SET = "data set (for --out), if a file was recognized wrongly"
ROLES = ("triplets", "item_names", "subjects", "answers", "categories", "dimensions", "dimension_labels", "images")


@dataclass(frozen=True)
class DescribeOptions(_options.SomeTriplets, _options.People, _options.ManyAnswers, _options.Output):
    """The options of `pyalign describe`."""

    files: tuple[Spec, ...] = option(
        "files of embeddings, triplets, answers or names, a linear map, images in a folder or a .tar,"
        " folders written by `pyalign extract`; FILE::KEY picks an array", required=True, nargs="+", metavar="FILE",
        role="input", positional=True,
    )
    out: str | None = option(
        "describe the files as one data set, in a new .toml file in their folder, which every command accepts as -t",
        kind=_options.ending(".toml"), metavar="PATH.toml", group=OUTPUT,
    )
    categories: Spec | None = option("categories of the objects", group=SET)
    dimensions: Spec | None = option("embeddings or human dimensions", group=SET)
    dimension_labels: Spec | None = option(_shared_options.LABELS, group=SET)
    images: Spec | None = option("images of the objects", group=SET)
    kind: MatrixKind | None = option(
        "whether larger values of a matrix mean more similar or more dissimilar", choices=KINDS, group=SET
    )


def run_describe(options: DescribeOptions, progress: Progress) -> Outcome:
    """Reads, describes; and writes what the files are to one data set."""
    stated = {role: spec for role in ROLES if (spec := getattr(options, role)) is not None}
    if options.out is None:
        own = {field.name for field in fields(_options.Output)} | {"files", "where", "empty"}
        refuse_unused(options, set(given_options(options)) - own, "the description of a data set: add --out PATH.toml")
    elif os.path.lexists(options.out) and not options.out.startswith("/dev/"):
        raise InputError(f"--out {options.out} is there already and is not replaced: remove it, or write to another")
    layout = options.layout()
    layout |= {} if options.subject_column is None else {"subject_column": options.subject_column}
    files = dict.fromkeys((*options.files, *stated.values()))
    given = (_images(spec) if spec == options.images else spec for spec in files)
    described = describe(*given, kind=options.kind, **stated, **layout)
    shown = tuple(_in_words(file, options) for file in described.files)
    result = shown[0] if len(shown) == 1 else FileDescriptions(shown)
    if options.out is None:
        return Outcome(result)
    document, notes = described.draft()
    text, parts = described_at(options.out, document)
    note = f"{options.out} describes {', '.join(document)}"
    return Outcome(result, {options.out: text}, notes=(*notes, *_check(parts), note))


def _in_words(described: FileDescription, options: DescribeOptions) -> FileDescription:
    """The description with remedies as the command line spells them."""
    say = Wording(options)
    return replace(described, arrays=tuple(replace(x, remarks=tuple(map(say, x.remarks))) for x in described.arrays))


def _images(spec: Spec) -> FileDescription:
    """A folder, a list or an archive of images, which are not opened."""
    from pyalign.extraction.images import as_images

    names = as_images(spec).names
    return FileDescription(spec, (Description("images", (len(names),), "files", names=names[:3]),))


def _check(parts: Parts) -> tuple[str, ...]:
    """Reads all parts; raises where they don't fit the description, or each other; what answers say of rows' order."""
    read = dict[str, Any]()
    for part, keys in parts.keys().items():
        for key in keys or (None,):
            read[part] = parts.read(part, key, {})
            if part == "triplets":
                asked_items(read[part])
    x, triplets = read.get("embeddings"), read.get("triplets")
    if x is not None and triplets is not None:
        with suppress(InputError):  # of items without a row, which commands tell of
            return notes_on_order(align(x, triplets), x.source, confirm=True)
    return ()


DESCRIBE = Command(
    DescribeOptions, run_describe, "pyalign describe answers.npy names.txt --out mine.toml", about=("files",)
)


# pyalign datasets list


@dataclass(frozen=True)
class ListOptions(_options.Output):
    """The options of `pyalign datasets list`."""

    name: str | None = option(
        "one data set, or a folder with a dataset.toml, such as ./mine: its source, license, citation, layout, place",
        metavar="NAME", words=DATASETS, positional=True,
    )


def run_list(options: ListOptions, progress: Progress) -> Outcome:
    """Lists, or tells of one."""
    return Outcome(list_datasets() if options.name is None else dataset_info(options.name))


LIST = Command(ListOptions, run_list, "pyalign datasets list")


# pyalign datasets fetch


@dataclass(frozen=True)
class FetchOptions(_options.Output):
    """The options of `pyalign datasets fetch`."""

    name: str = option(
        "name of a data set (see `pyalign datasets list`); with --folder also a new one, if a dataset.toml is there",
        required=True, metavar="NAME", words=DATASETS, positional=True,
    )
    folder: str | None = option(
        "folder that holds the data set, which is checked and remembered; an empty one is downloaded to (default: "
        "PYALIGN_DATA, otherwise the user's cache). none: forget the folder. Of sample: where to write its files",
    )


def run_fetch(options: FetchOptions, progress: Progress) -> Outcome:
    """Fetches what is not here yet; or remembers, or forgets, where it is."""
    from pyalign.datasets.fetch import Fetched, FetchedFile, fetch_dataset

    name, folder = options.name, options.folder
    if folder == "none":
        refuse_unused(options, ("json", "csv", "latex"), "a data set, and --folder none forgets its folder")
        gone = forget_dataset(name)
        return Outcome(text=f"nothing is remembered of {name}" if gone is None else f"forgotten: {name} in {gone}")
    if name == "sample":
        if folder is None:
            raise InputError("dataset:sample: is part of pyalign, and needs no download; --folder DIR writes its files")
        written = write_sample(folder)
        files = tuple(FetchedFile(path.name, digest_of_file(path), True, "nothing") for path in written)
        return Outcome(Fetched(name, folder, files), text="\n".join(map(str, written)))
    if folder is None or _is_for_download(name, folder):
        return Outcome(fetch_dataset(name, folder, progress=progress))
    try:
        place = str(remember_dataset(name, folder).folder)
    except InputError as error:
        hint = "; to download it, name an empty folder" if name in DATASETS and DATASETS[name].files else ""
        raise InputError(f"{error}{hint}") from error
    return Outcome(Fetched(name, place, ()), text=place)


def _is_for_download(name: str, folder: str) -> bool:
    """Whether that is an empty folder, or one of a download that was begun, of a data set that can be downloaded."""
    files, place = DATASETS[name].files if name in DATASETS else (), Path(folder)
    begun = (place / f"{remote.file}{end}" for remote in files for end in (".part", ".sha256"))
    return bool(files) and place.is_dir() and (not any(place.iterdir()) or any(path.exists() for path in begun))


FETCH = Command(FetchOptions, run_fetch, "pyalign datasets fetch things")


# pyalign export

SPECIFICATION = ".json"


def export_file(text: str) -> str:
    """Embeddings, as the name of the file says, or a specification as .json."""
    if not text.endswith(SPECIFICATION) and suffix_of(text) not in WRITERS:
        raise argparse.ArgumentTypeError(f"expected a name that ends in {', '.join(WRITERS)}; got {text!r}")
    return text


@dataclass(frozen=True)
class ExportOptions(_options.Model, _options.RowNames, _options.Mapped, _options.Quiet):
    """The options of `pyalign export`."""

    out: str = option(
        "file to write: .npz, .safetensors, .parquet or .csv with the names of the rows, or .npy with the names in "
        "FILE.names.txt next to it; or .json, with the model, layer and preprocessing of a folder written by `pyalign "
        "extract`, in the format of the Re-Align registry", required=True, kind=export_file, metavar="FILE",
    )


def run_export(options: ExportOptions, progress: Progress) -> Outcome:
    """Reads, multiplies, writes; a note where the file does not hold the record of the map."""
    if options.out.endswith(SPECIFICATION):
        refuse_unused(options, ("transform",), f"embeddings, and --out {options.out} is a specification")
        return Outcome(None, {options.out: _spec(options)}, f"{options.out}: the specification of the model")
    x, trained = _inputs.read_model(options), None
    lost: tuple[str, ...] = ()
    if (transform := _inputs.read_transform(options.transform)) is not None:
        x, trained = _after(transform, x, options.embeddings), transform.trained
        if trained is not None and suffix_of(options.out) != ".npz":
            lost = (f"{options.out} does not say which triplets the map was fitted to; a .npz would",)
    files: dict[str, Output] = {os.fspath(path): content for path, content in embedding_files(options.out, x, trained)}
    inputs = [path for of_flag in paths(options, "input").values() for path in of_flag]
    name_files = [("--out (its names)", path) for path in files if path != options.out]
    require_other_files(inputs, [("--out", options.out), *name_files])
    n, d = x.shape
    names = "no names" if x.names is None else f"names in {next(iter(files))}" if len(files) > 1 else "with names"
    return Outcome(None, files, f"{options.out}: {n:,} x {d:,} {x.dtype}, {names}", notes=(*x.notes, *lost))


def _after(transform: Transform, x: Embeddings, spec: Spec) -> Embeddings:
    """The rows after the map; raises where they were not finite, or no longer are."""
    try:
        _checks.require_finite(np.asarray(~np.isfinite(np.asarray(x)).all(axis=1)))
    except InputError as error:
        raise InputError(f"{spec}: {error}") from error
    with np.errstate(over="ignore", invalid="ignore"):  # reported below
        mapped = transform.apply(x)
    overflows = np.asarray(~np.isfinite(np.asarray(mapped)).all(axis=1))
    if overflows.any():
        raise InputError(f"row {int(overflows.argmax())} overflows {mapped.dtype} after the map")
    return mapped


def _spec(options: ExportOptions) -> str:
    path, layer = options.embeddings.path, options.embeddings.key
    if not os.path.isdir(path):
        raise InputError(f"{options.embeddings}: --out {options.out} needs a folder of pyalign extract")
    with errors_of(path):
        return model_spec(read_manifest(path).document, layer)


EXPORT = Command(
    ExportOptions, run_export, "pyalign export E::penultimate --out x.parquet", about=("embeddings", "transform")
)
