"""`pyalign transform`: embeddings through a learned linear map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyalign import _checks
from pyalign.cli import _inputs, _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.progress import Progress


@dataclass(frozen=True)
class TransformOptions(_options.Model, _options.Quiet):
    """The options of `pyalign transform`."""

    transform: Spec = option(
        "weights, mean, std, and perhaps bias: ((x - mean) / std) W + b", required=True, metavar="W.npz", role="input"
    )
    out: str = option("file to write", required=True, kind=_options.npy_file, metavar="Z.npy", role="output")


def run(options: TransformOptions, progress: Progress) -> Outcome:
    """Reads, multiplies."""
    from pyalign.io.transform import read_transform

    x = np.asarray(_inputs.read_embeddings(options.embeddings))
    try:
        _checks.require_finite(np.asarray(~np.isfinite(x).all(axis=1)))
    except InputError as error:
        raise InputError(f"{options.embeddings}: {error}") from error
    with np.errstate(over="ignore", invalid="ignore"):  # told below
        mapped = read_transform(options.transform).apply(x)
    lost = np.asarray(~np.isfinite(mapped).all(axis=1))
    if lost.any():
        raise InputError(f"row {int(lost.argmax())} overflows {mapped.dtype} after the map")
    told = f"{options.out}: {mapped.shape[0]:,} x {mapped.shape[1]:,} {mapped.dtype}"
    return Outcome(None, {options.out: mapped}, told)


COMMAND = Command(
    TransformOptions, run, "pyalign transform x.npy --transform w.npz --out z.npy", about=("embeddings", "transform")
)
