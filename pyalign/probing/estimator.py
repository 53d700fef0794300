"""`TripletProbe`: a probe as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pyalign import _checks
from pyalign.analysis.score import score
from pyalign.errors import InputError, MissingExtraError
from pyalign.probing.algebra import algebra_for, host_rows, host_triplets
from pyalign.probing.answers import answer_weights
from pyalign.probing.choose import Choice, choose_strength
from pyalign.probing.fit import ProbeFit, fit_path, warned
from pyalign.probing.options import ProbeOptions, as_strength
from pyalign.probing.problem import Problem, finite_rows, valid_triplets
from pyalign.probing.recipe import RecipeFit, fit_recipe

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise MissingExtraError("TripletProbe", "scikit-learn", "probe") from error

if TYPE_CHECKING:
    from pyalign.data import Transform


SOLVERS = ("lbfgs", "adam")


class TripletProbe(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The linear map of a representation that best predicts which item people call odd.

    Minimises the mean cross-entropy of triplets under S = Z Z^T, Z = standardize(x) W (+ b), plus l2 times a norm of W,
    to its optimum. Rows are objects; triplets stand where scikit-learn has y.

    Args:
        l2: strength of the penalty, or ``"auto"``: chosen on held-out objects (three inner folds), then refitted.
        penalty, rank, bias, measure, temperature, standardize, tolerance, max_iterations: see
            `pyalign.probing.ProbeOptions`.
        smoothing: pseudo-counts added to the answers for each position.
        solver: ``"lbfgs"``, to the optimum; ``"adam"``, the published recipe for replication
            (`pyalign.probing.recipe.fit_recipe`), which has its own penalty, "frobenius", and l2 = 1e-3 unless
            given, ends when its training loss stops falling, and takes no other option.
        backend: where loss and gradient are computed: see `pyalign.fit_probe`. ``"adam"`` works on the host.
        seed: of the inner folds and the start.

    Attributes:
        transform_: the map, a `pyalign.Transform`; `pyalign.write_transform` saves it.
        l2_: the strength.
        fit_: figures of the fit, with the certificate of its optimum; a `RecipeFit` from ``"adam"``.
        choice_: how the strength was chosen; None where it was given.
        n_features_in_: d.

    Source: Muttenthaler et al., "Human alignment of neural network representations", ICLR 2023, section 5.

    Example:
        >>> from pyalign.datasets.simulate import random_embeddings, simulate
        >>> x = random_embeddings(60, 8)
        >>> probe = TripletProbe(l2=0.01).fit(x, simulate(x, 3000, measure="dot").triplets)
        >>> probe.transform(x).shape[0], probe.fit_.gap < 1e-4
        (60, True)
    """

    def __init__(
        self,
        *,
        l2: float | str = "auto",
        penalty: str = "squared",
        rank: int | str = "full",
        bias: bool = False,
        measure: str = "dot",
        temperature: float = 1.0,
        standardize: str = "global",
        tolerance: float = 1e-4,
        max_iterations: int = 1000,
        smoothing: float = 0.0,
        solver: str = "lbfgs",
        backend: str = "auto",
        seed: int = 0,
    ) -> None:
        self.l2 = l2
        self.penalty = penalty
        self.rank = rank
        self.bias = bias
        self.measure = measure
        self.temperature = temperature
        self.standardize = standardize
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.smoothing = smoothing
        self.solver = solver
        self.backend = backend
        self.seed = seed

    def fit(self, x: object, triplets: object, targets: object = None, weights: object = None) -> TripletProbe:
        """Fits the map.

        Args:
            x: (n, d) real numbers, one row per item.
            triplets: (t, 3) integers in [0, n); the last column is the item that the person called odd.
            targets, weights: soft targets (t, 3) and weights (t,), see `pyalign.fit_probe`.

        Raises:
            InputError: as `pyalign.score`, and for an unknown option.

        Warns:
            ConvergenceWarning: the fit ended before its optimum.
        """
        options = self._options()
        l2 = None if self.l2 == "auto" else as_strength(self.l2, auto=True)
        on = algebra_for(self.backend, x)
        rows = finite_rows(host_rows(on, x))
        index = valid_triplets(host_triplets(on, triplets), len(rows))
        self.n_features_in_ = rows.shape[1]
        if _checks.one_of(self.solver, SOLVERS, "solver") == "adam":
            return self._by_recipe(rows, index, l2, given=targets is not None or weights is not None)
        answers = answer_weights(len(index), targets, weights)
        choice: Choice | None = None
        fit: ProbeFit | None = None
        if l2 is None:
            make = partial(Problem, on=on)
            choice = choose_strength(rows, index, options, answers=answers, seed=options.seed, make=make)
            l2, fit = choice.l2, choice.best if choice.interrupted else None
            if choice.interrupted and fit is None:
                raise KeyboardInterrupt
        interrupted = fit is not None
        try:
            fit = fit or next(fit_path(Problem(rows, index, options, answers, on), [l2]))
        except KeyboardInterrupt:  # before the first pass of the last fit
            if choice is None or choice.best is None:
                raise
            fit, interrupted = choice.best, True
        self.fit_: ProbeFit | RecipeFit = fit
        if interrupted or fit.interrupted:
            warnings.warn("interrupted: the probe is the best map so far, not the optimum", stacklevel=2)
        else:
            warned(fit)
        self.choice_, self.l2_ = choice, self.fit_.l2
        self.transform_: Transform = self.fit_.transform
        return self

    def _by_recipe(self, rows: np.ndarray, index: np.ndarray, l2: float | None, given: bool) -> TripletProbe:
        """The published training; refuses options that it would not read."""
        if self.backend != "auto":
            raise InputError(
                f"backend must be 'auto' with solver 'adam', which works on the host; got {self.backend!r}"
            )
        unread = {**self._options().to_dict(), "seed": 0} != {**ProbeOptions(penalty=self.penalty).to_dict(), "seed": 0}
        if unread or given or self.penalty not in ("squared", "frobenius"):
            raise InputError(
                "solver 'adam' takes l2 and seed alone, and one answer for each triplet; got other options"
            )
        self.fit_ = fit_recipe(rows, index, l2=1e-3 if l2 is None else l2, seed=self.seed)
        self.choice_, self.l2_, self.transform_ = None, self.fit_.l2, self.fit_.transform
        return self

    def transform(self, x: object) -> Any:
        """x (n, d) mapped: (n, r) float64 where x is, else float32; see `pyalign.Transform.apply`."""
        check_is_fitted(self)
        return self.transform_.apply(x)

    def score(self, x: object, triplets: object) -> float:
        """Odd-one-out accuracy (fraction) of the mapped rows on triplets of x's rows."""
        z = self.transform(x)
        found = score(z, triplets, measure=self.measure, temperature=self.temperature, backend=self.backend)
        return found.accuracy

    def _options(self) -> ProbeOptions:
        names = ProbeOptions.__dataclass_fields__
        return ProbeOptions(**{name: value for name, value in self.get_params().items() if name in names})
