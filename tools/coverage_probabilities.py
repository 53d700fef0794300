"""How often intervals of calibrations, agreement with many people and fractions of a noise ceiling hold the truth.

    python tools/coverage_probabilities.py [CELL ...] [--draws 1000] [--out tools/coverage_probabilities.csv] [--table]

Objects, people and answers are new in each draw, from the world of tools/coverage_worlds.py. True values are those of
one draw of so many objects that each is in one triplet; of held-out figures those at the temperature that was fitted.

The journal has a line for each hundred draws, as that of tools/inference.py. `--table` prints it as the tables of
docs/statistics-coverage.md.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from coverage_ceilings import CELLS as OF_CEILINGS
from coverage_lapses import CELLS as OF_LAPSES
from coverage_worlds import (
    PACKAGE,
    TEMPERATURE,
    TRUTH,
    Cell,
    Measured,
    apart,
    counted,
    drawn,
    people_apart,
    rows,
)
from inference import CHUNK, IDEAL, Tally, append, of_interval, read, share, shared, summed

import pyalign
from pyalign.datasets.simulate import random_triplets
from pyalign.documents import Interval

JOURNAL = Path(__file__).resolve().with_name("coverage_probabilities.csv")
LOG, APART = "in log T", "without covariance"
BETAS = np.geomspace(0.02, 4.0, 25)  # at which true values are known; between them by a straight line

# True values


@cache
def true_temperature(people: bool) -> float:
    """Of all objects (and people)."""
    x, odd = drawn(apart(4 * TRUTH), np.random.default_rng(1), 1, people_apart(4 * TRUTH, 1) if people else None)
    return pyalign.calibrate(x, rows(apart(4 * TRUTH), odd), measure="dot", split=None, ci=None).temperature


@cache
def true_figures(answers: int, people: bool) -> dict[str, np.ndarray]:
    """By name the true values at each of `BETAS`; of one answer to each triplet, or of so many that are counted."""
    triplets = apart()
    x, odd = drawn(
        triplets, np.random.default_rng(2), answers, people_apart(len(triplets), answers) if people else None
    )
    options = {"answers": counted(odd)} if answers > 1 else {}
    judged = triplets if answers > 1 else rows(triplets, odd)
    figures = [_at(x, judged, beta, options) for beta in BETAS]
    return {name: np.array([one[name] for one in figures]) for name in figures[0]}


def _at(x: np.ndarray, triplets: np.ndarray, beta: float, options: dict[str, np.ndarray]) -> dict[str, float]:
    """Held-out figures at an inverse temperature: those at T = 1 of rows that are scaled by its root."""
    one = pyalign.calibrate(x * math.sqrt(beta), triplets, measure="dot", split=None, ci=None, **options).only
    table = pyalign.agreement(
        x, triplets, measure="dot", temperature=1.0 / beta, ci=None, **options
    ) if options else None  # fmt: skip
    figures = {"cross-entropy": one.test.cross_entropy_before, "accuracy": one.test.accuracy}
    if table is not None:
        figures |= {"KL": table.kl or math.nan, "JS distance": table.js_distance}
    return figures


def at(known: np.ndarray, temperature: float) -> float:
    """A true value at a temperature."""
    return float(np.interp(math.log(1.0 / temperature), np.log(BETAS), known))


# What is measured


def calibrated(n: int, t: int, people: int = 0) -> Callable[[np.random.Generator], Measured]:
    """The temperature, and held-out figures."""

    def draw(rng: np.random.Generator) -> Measured:
        triplets = random_triplets(n, t, rng)
        who = rng.integers(0, people, (t, 1)) if people else None
        x, odd = drawn(triplets, rng, 1, who)
        over = "objects" if who is None else "objects+subjects"
        calibration = pyalign.calibrate(
            x, rows(triplets, odd), measure="dot", ci=over,
            subjects=None if who is None else who.ravel(),
        ).only  # fmt: skip
        truth, known = true_temperature(bool(people)), true_figures(1, bool(people))
        yield "T", PACKAGE, calibration.temperature_ci, calibration.temperature, truth
        yield "T", LOG, in_log(calibration.temperature, calibration.temperature_ci), calibration.temperature, truth
        for name, ci, value in (
            ("cross-entropy", calibration.test.cross_entropy_ci, calibration.test.cross_entropy),
            ("accuracy", calibration.test.accuracy_ci, calibration.test.accuracy),
        ):
            yield name, PACKAGE, ci, value, at(known[name], calibration.temperature)

    return draw


def in_log(temperature: float, known: Interval | None) -> Interval | None:
    """The interval that is symmetric in the logarithm, with the same error and quantile."""
    if known is None or known.low != known.low or not known.error:
        return None
    reach = (1.0 / known.low - 1.0 / temperature) * temperature
    return Interval(temperature * math.exp(-reach), temperature * math.exp(min(reach, 700.0)))


def counts(n: int, t: int, answers: int) -> Callable[[np.random.Generator], Measured]:
    """Divergences of a calibration on counts of answers to held-out objects."""

    def draw(rng: np.random.Generator) -> Measured:
        triplets = random_triplets(n, t, rng)
        x, odd = drawn(triplets, rng, answers)
        calibration = pyalign.calibrate(x, triplets, answers=counted(odd), measure="dot").only
        known, of = true_figures(answers, False), calibration.divergences
        assert of is not None
        yield (
            "cross-entropy",
            PACKAGE,
            calibration.test.cross_entropy_ci,
            calibration.test.cross_entropy,
            at(known["cross-entropy"], calibration.temperature),
        )
        yield "KL", PACKAGE, of.kl_ci, of.kl, at(known["KL"], calibration.temperature)
        yield (
            "JS distance",
            PACKAGE,
            of.js_distance_ci,
            of.js_distance,
            at(known["JS distance"], calibration.temperature),
        )

    return draw


FIGURES = {
    "r shares": "share_pearson", "r entropy": "entropy_pearson", "rho entropy": "entropy_spearman", "KL": "kl",
    "JS distance": "js_distance", "accuracy": "accuracy", "accuracy, of majority": "majority_accuracy",
    "majority share": "majority_share", "entropy of people": "human_entropy", "entropy": "model_entropy",
}  # fmt: skip


@cache
def true_agreement(answers: int, people: bool) -> dict[str, float]:
    """Of all objects (and people), with so many answers to each triplet."""
    triplets = apart()
    x, odd = drawn(
        triplets, np.random.default_rng(3), answers, people_apart(len(triplets), answers) if people else None
    )
    agreement = pyalign.agreement(
        x, triplets, answers=counted(odd), measure="dot", temperature=TEMPERATURE, ci=None
    ).only
    return {figure: getattr(agreement, name) for figure, name in FIGURES.items()}


def agreed(n: int, t: int, answers: int, people: int = 0) -> Callable[[np.random.Generator], Measured]:
    """Agreement with many people; of so many, each of whom answers as many triplets."""

    def draw(rng: np.random.Generator) -> Measured:
        triplets = np.unique(np.sort(random_triplets(n, t, rng), axis=1), axis=0)
        who = None
        if people:
            who = np.argsort(rng.random((len(triplets), people)), axis=1)[:, :answers]
        x, odd = drawn(triplets, rng, answers, who)
        options = {"measure": "dot", "temperature": TEMPERATURE, "ci": "objects+subjects" if people else "objects"}
        agreement = pyalign.agreement(
            x, rows(triplets, odd), subjects=None if who is None else who.ravel(), **options
        ).only  # fmt: skip
        truths = true_agreement(answers, bool(people))
        for figure, name in FIGURES.items():
            if figure != "entropy" or not people:  # participants are no matter to it
                yield figure, PACKAGE, getattr(agreement, f"{name}_ci"), getattr(agreement, name), truths[figure]

    return draw


@cache
def true_fraction(answers: int, people: bool) -> float:
    """Of the majority share of so many answers."""
    figures = true_agreement(answers, people)
    return (figures["accuracy"] - 1 / 3) / (figures["majority share"] - 1 / 3)


def of_ceiling(n: int, t: int, answers: int, people: int = 0) -> Callable[[np.random.Generator], Measured]:
    """The fraction of the ceiling of the same answers, with the covariance of both and without."""

    def draw(rng: np.random.Generator) -> Measured:
        triplets = np.unique(np.sort(random_triplets(n, t, rng), axis=1), axis=0)
        who = np.argsort(rng.random((len(triplets), people)), axis=1)[:, :answers] if people else None
        x, odd = drawn(triplets, rng, answers, who)
        answered, subjects = rows(triplets, odd), None if who is None else who.ravel()
        ceiling = ("upper", pyalign.noise_ceiling(answered, subjects=subjects))
        options = {"measure": "dot", "ci": "objects+subjects" if people else "objects"}
        truth = true_fraction(answers, bool(people))
        order = rng.permutation(len(answered))  # in which they are other answers, by their hash
        for way, some in ((PACKAGE, slice(None)), (APART, order)):
            score = pyalign.score(
                x, answered[some], ceiling=ceiling, subjects=None if subjects is None else subjects[some], **options
            ).only  # fmt: skip
            yield "fraction of ceiling", way, score.fraction_of_ceiling_ci, score.fraction_of_ceiling or 0.0, truth

    return draw


CELLS = (
    Cell("calibration", "60 objects, 600 triplets", calibrated(60, 600)),
    Cell("calibration", "60 objects, 2,000 triplets", calibrated(60, 2_000)),
    Cell("calibration", "60 objects, 20,000 triplets", calibrated(60, 20_000), 0.5),
    Cell("calibration", "100 objects, 6,000 triplets", calibrated(100, 6_000), 0.5),
    Cell("calibration", "100 objects, 6,000 triplets, 20 people", calibrated(100, 6_000, 20), 0.5),
    Cell("calibration", "100 objects, 2,000 triplets with 10 answers", counts(100, 2_000, 10), 0.5),
    Cell("agreement", "100 objects, 400 triplets with 10 answers", agreed(100, 400, 10), 0.5),
    Cell("agreement", "100 objects, 400 triplets with 10 answers of 20 people", agreed(100, 400, 10, 20), 0.3),
    Cell("fraction", "100 objects, 400 triplets with 5 answers", of_ceiling(100, 400, 5), 0.3),
    Cell("fraction", "100 objects, 400 triplets with 5 answers of 20 people", of_ceiling(100, 400, 5, 20), 0.3),
    *OF_CEILINGS,
    *OF_LAPSES,
)


def run_chunk(cell: Cell, chunk: int, draws: int = CHUNK) -> list[Tally]:
    """A line for each quantity and way."""
    tallies: dict[tuple[str, str], Tally] = {}
    for k in range(draws):
        for quantity, way, interval, estimate, truth in cell.draw(np.random.default_rng([cell.number, chunk, k])):
            counts = of_interval(interval, estimate, truth)
            if interval is not None and math.isinf(interval.high):
                counts["width"] = 0.0
            before = tallies.get((quantity, way)) or Tally(cell.name, 0, quantity, way, chunk)
            tallies[quantity, way] = before.plus(Tally(cell.name, 0, quantity, way, chunk, **counts))
    return list(tallies.values())


def table(lines: list[Tally], kind: str) -> list[str]:
    """The cells of a kind as Markdown."""
    lines_shown = ["| cell | quantity | interval | draws | bias | sd | held, % | below, above, % | width / ideal |",
             "| --- " * 9 + "|"]  # fmt: skip
    added = summed(lines)
    for cell in (one for one in CELLS if one.kind == kind):
        for (name, _, quantity, way), one in added.items():
            if name == cell.name:
                lines_shown.append(_row(cell, quantity, way, one))
    return lines_shown


def _row(cell: Cell, quantity: str, way: str, one: Tally) -> str:
    there = one.draws - one.missing
    held = share(there - one.below - one.above, there) + (f" ({one.missing:,} without)" if one.missing else "")
    wide = "" if quantity == "T" or one.sd < 1e-9 else f"{one.width / there / (2.0 * IDEAL * one.sd):.2f}"
    columns = [
        cell.name, quantity, way, f"{one.draws:,}", f"{one.estimate / one.draws:+.4f}", f"{one.sd:.4f}", held,
        f"{100 * one.below / there:.1f}, {100 * one.above / there:.1f}", wide,
    ]  # fmt: skip
    return "| " + " | ".join(columns) + " |"


# The calibration error


def calibration_errors(draws: int = 400) -> list[str]:
    """Mean ECE, floor and debiased ECE, of models that are right about people, or too sure, as Markdown."""
    lines = ["| model | answers | ECE of endless answers | ECE | floor | debiased |", "| --- " * 6 + "|"]
    rng = np.random.default_rng(4)
    for model, scale in (("right", 1.0), ("too sure, 1.15", 1.15), ("too sure, 1.3", 1.3), ("too sure, 2", 2.0)):
        endless = 0.0 if scale == 1.0 else _errors(500_000, scale, rng)[0]
        for t in (300, 1_000):
            means = np.mean([_errors(t, scale, rng) for _ in range(draws)], axis=0)
            lines.append(f"| {model} | {t:,} | {endless:.4f} | " + " | ".join(f"{one:.4f}" for one in means) + " |")
    return lines


def _errors(t: int, scale: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """Of a model whose logits are so many times those of people."""
    from pyalign.analysis.calibration.reliability import Confidences, equal_width_edges

    logits = rng.normal(size=(t, 3))
    sure, right = (1.0 / np.exp(k * (logits - logits.max(axis=1, keepdims=True))).sum(axis=1) for k in (scale, 1.0))
    hits = (rng.random(t) < right).astype(float)
    table = Confidences(sure, hits, np.ones(t), sure, None).reliability(equal_width_edges(10))
    return table.ece, table.ece_floor or 0.0, table.ece_debiased or 0.0


def effects() -> tuple[float, float]:
    """The shares of the variance of a credit that an object, and a person, has."""
    rng = np.random.default_rng(0)
    triplets, who = random_triplets(300, 60_000, rng), rng.integers(0, 200, (60_000, 1))
    x, odd = drawn(triplets, rng, 1, who)
    answered = rows(triplets, odd)
    credits = (pyalign.odd_one_out(x, answered, measure="dot") == 2).astype(float)
    return shared(credits, answered), shared(credits, who)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cells", nargs="*", help="beginnings of names of cells, or kinds (default: all)")
    parser.add_argument("--draws", type=int, default=1000, help="hundreds, times the share of the cell")
    parser.add_argument("--out", type=Path, default=JOURNAL)
    parser.add_argument("--table", action="store_true", help="print the tables, run nothing")
    parser.add_argument("--effects", action="store_true", help="print the effects of the world, run nothing")
    args = parser.parse_args()
    if args.effects:
        print("share of the variance of a credit by an object {:.4f}, by a person {:.4f}".format(*effects()))
        return 0
    if args.table:
        for kind in dict.fromkeys(cell.kind for cell in CELLS):
            print("\n".join(["", f"{kind}:", "", *table(read(args.out), kind)]))
        print("\n".join(["", "calibration error:", "", *calibration_errors()]))
        return 0
    for cell in CELLS:
        if args.cells and not any(one == cell.kind or cell.name.startswith(one) for one in args.cells):
            continue
        for chunk in range(math.ceil(args.draws * cell.share / CHUNK)):
            if (cell.name, chunk) not in {(one.cell, one.chunk) for one in read(args.out)}:
                append(args.out, run_chunk(cell, chunk))
        print("\n".join(row for row in table(read(args.out), cell.kind) if row.startswith(f"| {cell.name} |")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
