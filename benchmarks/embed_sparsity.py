"""What sparsity costs: embeddings of THINGS along penalties, `python -m benchmarks.embed_sparsity FOLDER`.

Each path has one ratio of sparsity to n times shrinkage and goes from its weakest penalty to its strongest. All fits
see the answers to sets of three that the test set does not hold; figures are of the test set, so none chose anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.embed_grid import answers_of_things
from benchmarks.probe_grid import run
from pyalign import score
from pyalign.embedding.fit import Fitter
from pyalign.embedding.inputs import read_answers
from pyalign.embedding.options import EmbeddingOptions, EmbeddingPenalty

PATHS = {  # ratio: shrinkage in e-6
    0.5: (10.0, 12.0, 14.0, 16.0),
    1.0: (7.0, 8.5, 10.0, 12.0),
    3.0: (3.5, 4.0, 4.5, 5.0),
}


def measure(folder: Path) -> Iterator[tuple[str, float, str]]:
    """What, figure and unit, as soon as each is there."""
    train, test = answers_of_things(folder)
    fitter = Fitter(read_answers(train).loss(), EmbeddingOptions())
    for ratio, path in PATHS.items():
        penalties = [EmbeddingPenalty(1e-6 * one, ratio * fitter.loss.n * 1e-6 * one) for one in path]
        for shrinkage, fit in zip(path, fitter.path(penalties), strict=True):
            what = f"sparsity {ratio:g} n times shrinkage, shrinkage {shrinkage:g}e-6"
            held = score(fit.rows, test, measure="dot", ci=None)
            assert held.accuracy is not None and held.cross_entropy is not None
            yield f"{what}: accuracy on the test set", 100 * held.accuracy, "%"
            yield f"{what}: cross-entropy on the test set", held.cross_entropy, "nats"
            yield f"{what}: dimensions", fit.rows.shape[1], ""
            yield f"{what}: entries that are 0, of these dimensions", 100 * float(np.mean(fit.rows == 0)), "%"
            yield f"{what}: objective", fit.objective, "nats"


def table(rows: Iterable[tuple[str, str, str]]) -> str:
    """Markdown, a line for each fit."""
    fits: dict[str, list[str]] = {}
    for what, figure, unit in rows:
        fit, _, column = what.partition(": ")
        if column != "objective":
            fits.setdefault(fit, []).append(f"{float(figure):,.4g} {unit}".strip())
    head = "penalties", "accuracy", "cross-entropy", "dimensions", "entries that are 0"
    lines = [head, ("---",) * len(head), *((fit, *figures) for fit, figures in fits.items())]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


if __name__ == "__main__":
    run("embed-sparsity", __doc__.splitlines()[0], measure, table)
