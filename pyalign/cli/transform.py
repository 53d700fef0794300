"""`pyalign transform`: embeddings through a learned linear map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyalign import _checks
from pyalign.cli import _inputs, _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.cli.export import embeddings_file, rows_to_write
from pyalign.errors import InputError
from pyalign.io.paths import Spec, suffix_of
from pyalign.progress import Progress


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


def run(options: TransformOptions, progress: Progress) -> Outcome:
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


COMMAND = Command(
    TransformOptions, run, "pyalign transform x.npy --transform w.npz --out z.npy", about=("embeddings", "transform")
)
