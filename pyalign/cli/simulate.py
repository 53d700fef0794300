"""`pyalign simulate`: embeddings and triplets whose accuracy is known beforehand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pyalign.cli import _inputs, _options
from pyalign.cli._command import Command, Outcome, Output, option
from pyalign.cli._outputs import require_apart, require_new_folder
from pyalign.datasets.simulate import Simulation, random_embeddings, simulate
from pyalign.measures import MEASURES, get_measure
from pyalign.progress import Progress

WRITTEN = ("embeddings.npy", "triplets.npy", "expected.json")


@dataclass(frozen=True)
class SimulateOptions:
    """The options of `pyalign simulate`."""

    folder: str = option(
        "folder to write embeddings.npy, triplets.npy and expected.json to", required=True, metavar="DIR",
        positional=True,
    )  # fmt: skip
    embeddings: str | None = option(
        "embeddings to simulate people with (default: random ones)", metavar="E", role="input"
    )
    items: int = option("random items (default: 1854)", default=1854, kind=_options.count, metavar="N")
    features: int = option("their features (default: 768)", default=768, kind=_options.count, metavar="D")
    triplets: int = option("triplets (default: 4,700,000)", default=4_700_000, kind=_options.count, metavar="T")
    measure: str = option("similarity measure (default: cosine)", default="cosine", metavar="M", words=MEASURES)
    temperature: float = option("p = softmax(s / T) (default: 0.1)", default=0.1, kind=float, metavar="T")
    seed: int = option("seed (default: 0)", default=0, kind=_options.seed, metavar="S")


def run(options: SimulateOptions, progress: Progress) -> Outcome:
    """Draws, and says what to expect."""
    get_measure(options.measure)
    require_new_folder(options.folder)
    folder = Path(options.folder)
    if options.embeddings:
        written = [("the output", str(folder / name)) for name in WRITTEN if folder.is_dir()]
        require_apart([options.embeddings], written)
        x = np.asarray(_inputs.read_embeddings(options.embeddings).values)
    else:
        x = random_embeddings(options.items, options.features, options.seed)
    drawn = simulate(x, options.triplets, measure=options.measure, temperature=options.temperature, seed=options.seed)

    def expected(outputs: Mapping[str, str]) -> str:
        names = {os.path.basename(path): digest for path, digest in outputs.items()}
        return replace(drawn, provenance=None, outputs=names).to_json() + "\n"  # the same bytes every time

    files: dict[str, Output] = {
        str(folder / WRITTEN[0]): x,
        str(folder / WRITTEN[1]): drawn.triplets,
        str(folder / WRITTEN[2]): expected,
    }
    return Outcome(drawn, files, f"{folder}: {len(x):,} x {x.shape[1]:,} embeddings, {_told(drawn)}")


def _told(drawn: Simulation) -> str:
    accuracy = f"accuracy {100 * drawn.expected_accuracy:.3f} % +- {100 * drawn.standard_error:.3f} %"
    return (
        f"{drawn.n_triplets:,} triplets\nexpected with measure {drawn.measure} at T = {drawn.temperature:g}: "
        f"{accuracy} (over other answers to these triplets), cross-entropy {drawn.expected_cross_entropy:.5f} nats"
    )


COMMAND = Command(SimulateOptions, run, "pyalign simulate big --items 1854 --features 768 --triplets 4700000")
