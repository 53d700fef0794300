"""`pyalign export`: embeddings in another format, with the names of their rows.

`pyalign transform`: embeddings through a learned linear map.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.cli import _inputs, _options
from pyalign.cli._command import Command, Outcome, Output, option, paths
from pyalign.cli._outputs import require_apart
from pyalign.data import Embeddings, TrainedOn
from pyalign.errors import InputError
from pyalign.io.export import WRITERS, embedding_files
from pyalign.io.folder import read_manifest
from pyalign.io.model_spec import ModelSpec
from pyalign.io.paths import Spec, bad, suffix_of
from pyalign.progress import Progress

SPECIFICATION = ".json"


def embeddings_file(text: str) -> str:
    """A file to write as its name says."""
    if suffix_of(text) not in WRITERS:
        raise argparse.ArgumentTypeError(f"expected a name that ends in {', '.join(WRITERS)}; got {text!r}")
    return text


def export_file(text: str) -> str:
    """Embeddings, or a specification as .json."""
    return text if text.endswith(SPECIFICATION) else embeddings_file(text)


@dataclass(frozen=True)
class ExportOptions(_options.Model, _options.RowNames, _options.Quiet):
    """The options of `pyalign export`."""

    out: str = option(
        "file to write: .npz, .safetensors, .parquet or .csv with the names of the rows, or .npy with the names in "
        "FILE.names.txt next to it; or .json, with the model, layer and preprocessing of a folder written by `pyalign "
        "extract`, in the format of the Re-Align registry", required=True, kind=export_file, metavar="FILE",
        role="output",
    )


def run_export(options: ExportOptions, progress: Progress) -> Outcome:
    """Reads, writes."""
    if options.out.endswith(SPECIFICATION):
        return Outcome(None, {options.out: _spec(options).to_json()}, f"{options.out}: the specification of the model")
    x = _inputs.read_model(options)
    files, line = rows_to_write(options, options.out, x)
    return Outcome(None, files, line, notes=x.notes)


def rows_to_write(
    options: Any, out: str, x: Embeddings, trained: TrainedOn | None = None
) -> tuple[dict[str, Output], str]:
    """Embeddings as the name of the output says, by path, and a line about them.

    trained: the record of the map that they went through.

    Raises:
        InputError: the names next to --out would replace an input or another output.
    """
    files: dict[str, Output] = {os.fspath(path): content for path, content in embedding_files(out, x, trained)}
    inputs = [path for of_flag in paths(options, "input").values() for path in of_flag]
    outputs = [(flag, path) for flag, of_flag in paths(options, "output").items() for path in of_flag]
    name_files = [("--out (its names)", path) for path in files if path != out]
    require_apart(inputs, [*outputs, *name_files])
    n, d = x.shape
    names = "no names" if x.names is None else f"names in {next(iter(files))}" if len(files) > 1 else "with names"
    return files, f"{out}: {n:,} x {d:,} {x.dtype}, {names}"


def _spec(options: ExportOptions) -> ModelSpec:
    path, layer = options.embeddings.path, options.embeddings.key
    if not os.path.isdir(path):
        raise InputError(f"{options.embeddings}: --out {options.out} needs a folder of pyalign extract")
    try:
        return ModelSpec.from_manifest(read_manifest(path).document, layer)
    except InputError as error:
        raise error if str(error).startswith(f"{path}:") else bad(path, error) from error


EXPORT = Command(ExportOptions, run_export, "pyalign export E::penultimate --out x.parquet", about=("embeddings",))


@dataclass(frozen=True)
class TransformOptions(_options.Model, _options.RowNames, _options.Quiet):
    """The options of `pyalign transform`."""

    transform: Spec = option(
        "linear map with weights, mean, std and optional bias: ((x - mean) / std) W + b",
        required=True,
        metavar="W.npz",
        role="input",
    )
    out: str = option(
        "file to write: .npz, .safetensors, .parquet or .csv with the names of the rows, or .npy with"
        " the names in FILE.names.txt next to it", required=True, kind=embeddings_file, metavar="FILE", role="output",
    )


def run_transform(options: TransformOptions, progress: Progress) -> Outcome:
    """Reads, multiplies."""
    from pyalign.io.transform import load_transform

    x = _inputs.read_model(options)
    try:
        _checks.require_finite(np.asarray(~np.isfinite(np.asarray(x)).all(axis=1)))
    except InputError as error:
        raise InputError(f"{options.embeddings}: {error}") from error
    with np.errstate(over="ignore", invalid="ignore"):  # told below
        transform = load_transform(options.transform)
        mapped = transform.apply(x)
    lost = np.asarray(~np.isfinite(np.asarray(mapped)).all(axis=1))
    if lost.any():
        raise InputError(f"row {int(lost.argmax())} overflows {mapped.dtype} after the map")
    files, line = rows_to_write(options, options.out, mapped, transform.trained)
    kept = transform.trained is None or suffix_of(options.out) == ".npz"
    lost_record = () if kept else (f"{options.out} does not say which triplets the map was fitted to; a .npz would",)
    return Outcome(None, files, line, notes=(*mapped.notes, *lost_record))


TRANSFORM = Command(
    TransformOptions, run_transform, "pyalign transform x.npy --transform w.npz --out z.npy",
    about=("embeddings", "transform"),
)
