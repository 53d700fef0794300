"""Embeddings of THINGS next to SPoSE's and VICE's loops: `python -m benchmarks.embed_grid FOLDER`, FOLDER as in tests.

Fits see the answers to sets of three that the test set does not hold; penalties are chosen by a tenth of them. Peers
run on one thread, and CPU seconds are compared. Epochs of these loops are extrapolated from a few batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.embed_peers import BATCH, VICE_BATCH, autograd_by_rows, autograd_gradient, spose_step, vice_step
from benchmarks.figures import run
from pyalign import load_triplets, score
from pyalign.embedding.choose import choose_penalty
from pyalign.embedding.fit import Fitter, Objective
from pyalign.embedding.inputs import read_answers, unit_of
from pyalign.embedding.options import EmbeddingOptions, EmbeddingPenalty
from pyalign.fitting.objective import TripletLoss

SHARES = (8, 4, 2, 1)  # one in so many of the training answers
BATCHES, D, MANY = 200, 100, 4_700_000
PART, ROUNDS = 20_000, 5  # triplets of autograd by rows; ratios are medians over rounds
N = 1854


def cpu_seconds(call: Callable[[], object], repeats: int = 1) -> float:
    """The least of some calls."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times)


def answers_of_things(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The test set of THINGS, and before it the answers to sets of three that it does not hold."""
    things = folder / "things"
    every = np.asarray(load_triplets(things / "human_triplets_375429.npy"))
    test = np.asarray(load_triplets(things / "human_triplets_127304.npy", columns=(0, 1, 2)))
    unit = unit_of("triplets", read_answers(np.vstack([every, test])))
    return every[~np.isin(unit[: len(every)], unit[len(every) :])], test


def measure(folder: Path) -> Iterator[tuple[str, float, str]]:
    """What, figure and unit, as soon as each is there."""
    train, test = answers_of_things(folder)
    order = np.random.default_rng(0).permutation(len(train))
    for share in SHARES:
        part = train[np.sort(order[: len(train) // share])]
        yield from _fit(f"1/{share} of the answers" if share > 1 else "all answers", part, test)
    yield from _peers(train)


def _fit(what: str, triplets: np.ndarray, test: np.ndarray) -> Iterator[tuple[str, float, str]]:
    inputs, options = read_answers(triplets), EmbeddingOptions()
    began = time.process_time()
    choice = choose_penalty(inputs, np.arange(len(triplets)), options, None, "triplets", 0)
    chosen = time.process_time()
    fit = Fitter(inputs.loss(), options).at(choice.penalty, choice.rows)
    ended = time.process_time()
    held = score(fit.rows, test, measure="dot", ci=None)
    assert held.accuracy is not None and held.cross_entropy is not None
    yield f"{what}: triplets of the fit", len(triplets), ""
    yield f"{what}: accuracy on the test set", 100 * held.accuracy, "%"
    yield f"{what}: cross-entropy on the test set", held.cross_entropy, "nats"
    yield f"{what}: dimensions", fit.rows.shape[1], ""
    yield f"{what}: entries that are 0, of these dimensions", 100 * float(np.mean(fit.rows == 0)), "%"
    yield f"{what}: shrinkage", 1e6 * fit.penalty.shrinkage, "e-6"
    yield f"{what}: passes of the choice", choice.n_passes, ""
    yield f"{what}: the choice", chosen - began, "CPU s"
    yield f"{what}: passes of the fit", fit.n_passes, ""
    yield f"{what}: the fit", ended - chosen, "CPU s"


def _peers(train: np.ndarray) -> Iterator[tuple[str, float, str]]:
    import torch

    torch.set_num_threads(1)
    rows = np.abs(np.random.default_rng(0).normal(0.1, 0.3, (N, D)))
    many = np.random.default_rng(1).integers(0, N - 2, (MANY, 3)).astype(np.int32)
    many[:, 1] += many[:, 1] >= many[:, 0]
    low, high = np.sort(many[:, :2], axis=1).T
    many[:, 2] += (many[:, 2] >= low).astype(np.int32)
    many[:, 2] += many[:, 2] >= high
    for what, triplets in (("248,661 answers", train), ("4.7 million answers", many)):
        objective, single = (
            Objective(TripletLoss(N, triplets.astype(np.int32), np.dtype(kind)), EmbeddingPenalty(1e-5))
            for kind in (np.float64, np.float32)
        )
        autograd = autograd_gradient(rows, triplets)
        single(rows)
        autograd()
        times = [(cpu_seconds(lambda single=single: single(rows), 3), cpu_seconds(autograd)) for _ in range(ROUNDS)]  # type: ignore[misc]
        own = float(np.median([first for first, _ in times]))
        yield f"{what}: a full gradient, float32", 1e3 * own, "CPU ms"
        objective(rows)
        yield f"{what}: a full gradient, float64", 1e3 * cpu_seconds(lambda o=objective: o(rows), 3), "CPU ms"  # type: ignore[misc]
        ratio = float(np.median([second / first for first, second in times]))
        yield f"{what}: torch's autograd through the (n, n) matrix, in gradients", ratio, ""
        autograd = autograd_by_rows(rows, triplets[:PART])
        by_rows = cpu_seconds(autograd) * len(triplets) / PART
        yield f"{what}: torch's autograd by rows, extrapolated, in gradients", by_rows / own, ""
        for name, one_hot, batches in (("rows looked up", False, BATCHES), ("one-hot rows", True, BATCHES // 10)):
            epoch, _ = spose_step(N, D, triplets[: batches * BATCH], 0.008, one_hot)
            epoch()
            whole = cpu_seconds(epoch) / batches * len(triplets) / BATCH
            yield f"{what}: an epoch of SPoSE's loop, {name}, extrapolated", whole, "CPU s"
            yield f"{what}: an epoch of SPoSE's loop, {name}, in gradients", whole / own, ""
        epoch, _ = vice_step(N, D, triplets[: BATCHES // 10 * VICE_BATCH])
        epoch()
        whole = cpu_seconds(epoch) / (BATCHES // 10) * len(triplets) / VICE_BATCH
        yield f"{what}: an epoch of VICE's loop, extrapolated", whole, "CPU s"
        yield f"{what}: an epoch of VICE's loop, in gradients", whole / own, ""


if __name__ == "__main__":
    run("embed", __doc__.splitlines()[0], measure)
