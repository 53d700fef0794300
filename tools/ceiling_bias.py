"""How far the three noise ceilings are from the truth, and how sure one is of it: the table of docs/ceilings.md.

    python tools/ceiling_bias.py                    # half a minute
    python tools/ceiling_bias.py --repetitions 50   # less sure

A row is a distribution of choice probabilities over triplets, a number of triplets and of answers to each. Truth is the
mean largest choice probability. Triplets share no objects, so that what is seen are bias and errors alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from pyalign.analysis.ceiling.ceiling_result import BOUNDS
from pyalign.analysis.ceiling.noise_ceiling import noise_ceiling

Draw = Callable[[np.random.Generator, int], np.ndarray]


def softmax(scale: float) -> Draw:
    """Probabilities of people who compare normal similarities of that standard deviation."""

    def draw(rng: np.random.Generator, u: int) -> np.ndarray:
        p = np.exp(scale * rng.normal(size=(u, 3)))
        probabilities: np.ndarray = p / p.sum(axis=1, keepdims=True)
        return probabilities

    return draw


def two_kinds(rng: np.random.Generator, u: int) -> np.ndarray:
    """Half of the triplets are clear, half nearly guesses."""
    return np.where(rng.random((u, 1)) < 0.5, [0.96, 0.02, 0.02], rng.dirichlet([8, 8, 8], u))


WORLDS: dict[str, Draw] = {
    "uniform": lambda rng, u: rng.dirichlet([1, 1, 1], u),
    "softmax 1": softmax(1.0),
    "softmax 2": softmax(2.0),
    "two kinds": two_kinds,
}
SIZES = ((1000, 3), (1000, 5), (1000, 10), (1000, 20), (100, 20), (400, 200))  # triplets, answers to each


def main() -> None:
    """Prints a row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=200, metavar="R")
    options = parser.parse_args()
    print("| Probabilities | Triplets | Answers | Truth | Bias: upper | lower | estimate | s.e. / s.d. | Coverage |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name, draw in WORLDS.items():
        truth = float(draw(np.random.default_rng(1), 1_000_000).max(axis=1).mean())
        for u, answers in SIZES:
            print(row(name, draw, truth, u, answers, options.repetitions), flush=True)


def row(name: str, draw: Draw, truth: float, u: int, answers: int, repetitions: int) -> str:
    """One line of the table."""
    triplets = np.arange(3 * u).reshape(u, 3)
    values, errors, covered = [], [], 0
    for seed in range(repetitions):
        rng = np.random.default_rng(seed)
        found = noise_ceiling(triplets, answers=rng.multinomial(answers, draw(rng, u))).ceilings
        values.append([getattr(found, one).value for one in BOUNDS])
        ci = found.estimate.ci
        assert ci is not None and ci.error is not None
        errors.append(ci.error)
        covered += ci.low < truth < ci.high
    bias = np.mean(values, axis=0) - truth
    ratio = float(np.sqrt(np.mean(np.square(errors))) / np.std(np.array(values)[:, 2], ddof=1))
    cells = [f"{one:+.4f}" for one in bias]
    return (
        f"| {name} | {u:,} | {answers} | {truth:.3f} | {' | '.join(cells)} | {ratio:.2f} | "
        f"{100 * covered / repetitions:.0f} % |"
    )


if __name__ == "__main__":
    main()
