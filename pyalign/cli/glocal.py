"""`pyalign glocal`: a linear map that predicts human answers and keeps who is near whom among other embeddings."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from pyalign.cli import _inputs, _kept, _options
from pyalign.cli._command import OUTPUT, Command, Outcome, option
from pyalign.cli.probe import MAP, OtherEmbeddings
from pyalign.errors import ConvergenceWarning
from pyalign.io.paths import Spec
from pyalign.io.transform import transform_bytes
from pyalign.progress import Progress

PENALTIES = ("identity", "frobenius", "squared")
TOLERANCE = 1e-2  # an iteration is the last that lowers the objective by less than 1e-7 of it


@dataclass(frozen=True)
class GlocalOptions(
    _options.Model, _options.TripletFile, _options.JudgedRows, OtherEmbeddings, _options.Running, _options.Output
):
    """The options of `pyalign glocal`."""

    other_embeddings: Spec = option(
        "file of (m, d) embeddings of other items by the same model; FILE::KEY", "--other-embeddings", "--images",
        required=True, metavar="Y", role="input",
    )  # fmt: skip
    out: str = option(
        "write the map; Ctrl-C leaves the best so far beside it", required=True, kind=_options.npz_file,
        metavar="W.npz", role="output", group=OUTPUT,
    )  # fmt: skip
    penalty: str = option(
        "what is penalised: |W - m I|^2, m the mean of its diagonal (default), |W| or |W|^2", default="identity",
        choices=PENALTIES, group=MAP,
    )  # fmt: skip
    strength: float = option(
        "of the penalty (default: 0.1)", "--strength", "--l2", default=0.1, kind=float, metavar="L", group=MAP
    )
    bias: bool = option("add a bias after W", default=False, group=MAP)
    seed: int = option("of the batches (default: 0)", default=0, kind=_options.seed, group=MAP)


def run(options: GlocalOptions, progress: Progress) -> Outcome:
    """Reads, fits."""
    _kept.check(options)
    triplets = _inputs.read_triplets(options, answered="glocal")
    x = _inputs.read_model(options, triplets)
    others = _inputs.read_embeddings(options.other_embeddings)
    from pyalign.probing.options import as_strength
    from pyalign.probing.probe import fit_probe

    decides: dict[str, Any] = {
        "penalty": options.penalty,
        "bias": options.bias,
        "seed": options.seed,
        "backend": options.backend,
    }
    strength = as_strength(options.strength)
    journal = _kept.open_journal(
        options.out,
        {"x": x, "triplets": triplets, "others": others},
        {**decides, **options.local(), "strength": strength},
    )
    with journal.kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the table says it
        fit = fit_probe(
            x, triplets, strength=strength, other_embeddings=others, tolerance=TOLERANCE, missing=options.missing,
            progress=progress, journal=journal, **decides, **options.local(),
        )  # fmt: skip
    return Outcome(fit, {options.out: transform_bytes(fit.transform)}, journal=journal)


COMMAND = Command(
    GlocalOptions, run, "pyalign glocal clip.npy -t t.npy --other-embeddings other.npy --out w.npz",
    about=("embeddings", "triplets"),
)  # fmt: skip
