"""What sparsity costs: embeddings of THINGS along penalties, `python -m benchmarks.embed_sparsity FOLDER`.

Each path has one ratio of sparsity to n times shrinkage and goes from its weakest penalty to its strongest. All fits
see the answers to sets of three that the test set does not hold; figures are of the test set, so none chose anything.
Each fit also has figures without its entries below `SMALL`, which are set to 0 without another fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.embed_grid import answers_of_things
from benchmarks.probe_grid import run
from pyalign import score
from pyalign.embedding.fit import Fitter, by_mass
from pyalign.embedding.inputs import read_answers
from pyalign.embedding.options import EmbeddingOptions, EmbeddingPenalty

PATHS = {  # ratio: shrinkage in e-6
    0.5: (10.0, 12.0, 14.0, 16.0),
    1.0: (7.0, 8.5, 10.0, 12.0),
    3.0: (4.0, 4.2, 4.4, 4.6, 4.8, 5.0),
    5.0: (2.7, 2.8, 2.9, 3.0, 3.1),
    10.0: (1.5, 1.6, 1.7, 1.8, 1.9),
    20.0: (0.8, 0.85, 0.9, 0.95),
}
SMALL = 0.2
CUT = f", those below {SMALL:g} set to 0"
FIGURES = ("accuracy", "%"), ("cross-entropy", "nats"), ("dimensions", ""), ("entries that are 0", "%")


def measure(folder: Path) -> Iterator[tuple[str, float, str]]:
    """What, figure and unit, as soon as each is there."""
    train, test = answers_of_things(folder)
    fitter = Fitter(read_answers(train).loss(), EmbeddingOptions())
    for ratio, path in PATHS.items():
        penalties = [EmbeddingPenalty(1e-6 * one, ratio * fitter.loss.n * 1e-6 * one) for one in path]
        for shrinkage, fit in zip(path, fitter.path(penalties), strict=True):
            what = f"sparsity {ratio:g} n times shrinkage, shrinkage {shrinkage:g}e-6"
            for cut, rows in (("", fit.rows), (CUT, np.where(fit.rows < SMALL, 0.0, fit.rows))):
                for (figure, unit), value in zip(FIGURES, _figures(by_mass(rows), test), strict=True):
                    yield f"{what}: {figure}{cut}", value, unit
            yield f"{what}: objective", fit.objective, "nats"


def _figures(rows: np.ndarray, test: np.ndarray) -> tuple[float, float, float, float]:
    """Those of `FIGURES`, on the test set."""
    held = score(rows, test, measure="dot", ci=None)
    assert held.accuracy is not None and held.cross_entropy is not None
    return 100 * held.accuracy, held.cross_entropy, rows.shape[1], 100 * float(np.mean(rows == 0))


def table(rows: Iterable[tuple[str, str, str]]) -> str:
    """Markdown, a line for each fit."""
    fits: dict[str, list[str]] = {}
    for what, figure, unit in rows:
        fit, _, column = what.partition(": ")
        if column != "objective":
            fits.setdefault(fit, []).append(f"{float(figure):,.4g} {unit}".strip())
    names = [name for name, _ in FIGURES]
    head = "penalties", *names, *(f"{name}, cut" for name in names)
    lines = [head, ("---",) * len(head), *((fit, *figures) for fit, figures in fits.items())]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


if __name__ == "__main__":
    run("embed-sparsity", __doc__.splitlines()[0], measure, table)
