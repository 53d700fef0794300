"""gLocal: a linear map that predicts human answers and keeps who is near whom among other images.

Minimises (1 - alpha) * mean cross-entropy of triplets + alpha * `LocalTerm` + l2 * penalty, by full-batch L-BFGS from a
multiple of the identity.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pyalign.analysis.neighbors import neighbor_overlap
from pyalign.data import Transform
from pyalign.probing.algebra import algebra_for, host_rows, host_triplets
from pyalign.probing.choose import scored
from pyalign.probing.glocal_problem import GlocalOptions, GlocalProblem
from pyalign.probing.options import ProbeOptions, options_of
from pyalign.probing.parameters import Full
from pyalign.probing.problem import Map
from pyalign.probing.solve import minimise
from pyalign.probing.threads import one_blas_thread

NEIGHBOURS = (1, 10)
FIRST_SIMILARITY = 0.1  # size of the similarities that the first map gives: well below a nat
Reporter = Callable[[int, float], None]


def silent(passes: int, objective: float) -> None:
    """A reporter that does nothing."""


@dataclass(frozen=True)
class GlocalFit:
    """A fitted gLocal map.

    Attributes:
        transform: the map, for rows as they came: ``((x - mean) / std) @ weights + bias``.
        objective: nats; (1 - alpha) * cross_entropy + alpha * local_cross_entropy + l2 * penalty.
        cross_entropy: nats, mean over the triplets of the fit.
        accuracy: fraction of the triplets of the fit, which flatters: score others.
        local_cross_entropy: nats, mean over the images.
        teacher_entropy: nats; the least that `local_cross_entropy` can be.
        penalty: the norm that l2 multiplies.
        neighbors_kept: for k = 1 and 10, the fraction of an image's k nearest others (by cosine) that are among them
            after the map too; see `pyalign.neighbor_overlap`. Of all images, also those in no batch. Empty where
            Ctrl-C came while they were counted.
        gradient_norm: of the objective by the parameters, where the fit ended.
        n_triplets, n_images, n_batches: images that took part, and their batches.
        n_iterations, n_passes: of L-BFGS; a pass is one loss with its gradient over all triplets and batches.
        seconds: that it took.
        interrupted: whether Ctrl-C stopped it; the map is the best so far.
        backend: what computed it.
        options: of the fit.
    """

    transform: Transform
    objective: float
    cross_entropy: float
    accuracy: float
    local_cross_entropy: float
    teacher_entropy: float
    penalty: float
    neighbors_kept: dict[int, float]
    gradient_norm: float
    n_triplets: int
    n_images: int
    n_batches: int
    n_iterations: int
    n_passes: int
    seconds: float
    interrupted: bool
    backend: str
    options: GlocalOptions

    def to_dict(self) -> dict[str, Any]:
        """The figures as a dict that json can write, without the map."""
        figures = {name: value for name, value in vars(self).items() if name not in ("transform", "options")}
        figures["neighbors_kept"] = {str(k): kept for k, kept in self.neighbors_kept.items()}
        if not np.isfinite(self.gradient_norm):  # of a fit that was interrupted before its first pass
            figures["gradient_norm"] = None
        return {**figures, "options": asdict(self.options)}


def fit_glocal(
    x: object, triplets: object, images: object, *, report: Reporter = silent, backend: str = "auto", **options: Any
) -> GlocalFit:
    """The map that makes x predict the answers while other images keep their neighbours.

    Args:
        x: (n, d) real numbers, one row per item. Its mean and deviation standardize, as in the probe.
        triplets: (t, 3) integers in [0, n); the last column is the item that the person called odd.
        images: (m, d), the same representation of other images, at least three. Without them there is nothing local to
            keep; images of many kinds, unlike x's, are best.
        report: called with (pass, objective) after each pass.
        backend: where both losses and their gradients are computed: see `fit_probe`. Images may lie where x does, or
            on the host.
        options: alpha (0.25), the share of the local loss, from 0 to below 1; tau (0.1), which divides the cosines;
            l2 (0.1), strength of the penalty; penalty ``"identity"``, |W - m I|_F^2 with m = mean(diag W),
            ``"frobenius"``, |W|_F, un-squared as published, or ``"squared"``; bias (False); batch_size (1024), the most
            images among which neighbours are looked for; batches (None: all), how many batches take part; tolerance
            (1e-7), the relative fall of the objective below which an iteration is the last; max_iterations (1000); seed
            (0), of the batches.

    Returns:
        A `GlocalFit`.

    Raises:
        InputError: as `pyalign.score`; images with other features or fewer than three; an unknown option.
        MissingExtraError: scipy is not installed.

    Source: Muttenthaler et al., "Improving neural network representations using human similarity judgments", NeurIPS
    2023, equation 5. There by SGD; the published code also leaves the images unstandardized when it trains, not when it
    applies the map. Here both are standardized, and the teacher is the images as they came.

    Example:
        >>> from pyalign.datasets.simulate import random_embeddings, simulate
        >>> x = random_embeddings(60, 8)
        >>> fit = fit_glocal(x, simulate(x, 3000, measure="dot").triplets, random_embeddings(50, 8, seed=1))
        >>> fit.transform.weights.shape, fit.local_cross_entropy >= fit.teacher_entropy
        ((8, 8), True)
    """
    began = time.perf_counter()
    chosen = options_of(GlocalOptions, options, ("report", "backend"))
    probe = ProbeOptions(penalty=chosen.penalty, bias=chosen.bias, seed=chosen.seed)
    on = algebra_for(backend, x)
    rows, index = host_rows(on, x), host_triplets(on, triplets)
    problem = GlocalProblem(
        rows, index, probe, on=on, images=host_rows(on, images, "images"), alpha=chosen.alpha, tau=chosen.tau,
        batch_size=chosen.batch_size, batches=chosen.batches,
    )  # fmt: skip
    fit = _Fit(problem, chosen)
    with one_blas_thread():
        solved = minimise(
            fit.function, fit.start(), tolerance=chosen.tolerance, iterations=chosen.max_iterations,
            watch=lambda passes, value, _: report(passes, value),
        )  # fmt: skip
        transform = problem.transform(fit.as_map(solved.theta))

        def figures() -> tuple[float, dict[str, float]]:
            return scored(transform.apply(rows), index, None, "dot", on=on).accuracy, fit.losses(solved.theta)

        try:
            (accuracy, losses), interrupted = figures(), solved.interrupted
        except KeyboardInterrupt:  # the map is there, and its figures take no longer than a pass
            (accuracy, losses), interrupted = figures(), True
    kept: dict[int, float] = {}
    try:
        k = [number for number in NEIGHBOURS if number < len(problem.images)]
        kept = neighbor_overlap(problem.images, transform.apply(problem.images), k=k)
    except KeyboardInterrupt:
        interrupted = True
    return GlocalFit(
        transform=transform,
        **losses,
        accuracy=accuracy,
        neighbors_kept=kept,
        gradient_norm=solved.gradient_norm,
        n_triplets=problem.n_triplets,
        n_images=problem.local_term.count,
        n_batches=len(problem.local_term.batches),
        n_iterations=solved.iterations,
        n_passes=solved.passes,
        seconds=time.perf_counter() - began,
        interrupted=interrupted,
        backend=on.backend.name,
        options=chosen,
    )


class _Fit:
    """The objective as a function of a flat vector: weights of full rank and, where wanted, the bias."""

    def __init__(self, problem: GlocalProblem, options: GlocalOptions) -> None:
        self.problem, self.options = problem, options
        self.form = Full(problem.basis, problem.directions, options.penalty)

    def start(self) -> np.ndarray:
        """A multiple of the identity, in whose similarities nothing is decided yet."""
        d = self.problem.d
        scale = np.sqrt(FIRST_SIMILARITY / np.sqrt(d))
        theta = self.form.start(self.problem.basis.coordinates(scale * np.eye(d)))
        return np.concatenate([theta, np.zeros(d if self.options.bias else 0)])

    def as_map(self, theta: np.ndarray) -> Map:
        """Weights and bias of the parameters."""
        bias = theta[self.form.size :] if self.options.bias else np.zeros(self.form.shape[1])
        return Map(self.form.weights(theta[: self.form.size]), bias)

    def function(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """The objective and its derivative by the parameters."""
        slope = self.problem.slope(self.as_map(theta))
        norm, by_norm = self.form.penalty(theta[: self.form.size])
        by_theta = self.form.pull_back(theta, slope.weights) + self.options.l2 * by_norm
        value = slope.value + self.options.l2 * norm
        return value, np.concatenate([by_theta, slope.bias]) if self.options.bias else by_theta

    def losses(self, theta: np.ndarray) -> dict[str, float]:
        """Both losses and the penalty, in float64."""
        at, alpha, local = self.as_map(theta), self.problem.alpha, self.problem.wide_local_term
        nats = self.problem.term.widened(at.weights, at.bias).value
        local_nats, norm = local(at.weights, at.bias).value, self.form.penalty(theta[: self.form.size])[0]
        return {
            "objective": (1 - alpha) * nats + alpha * local_nats + self.options.l2 * norm,
            "cross_entropy": nats,
            "local_cross_entropy": local_nats,
            "teacher_entropy": local.entropy(),
            "penalty": norm,
        }
