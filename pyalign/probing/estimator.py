"""`TripletProbe`: a probe as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from dataclasses import fields
from typing import Any, Literal

from pyalign._process import Progress, silent
from pyalign.analysis.score import score
from pyalign.data import Transform
from pyalign.errors import MissingExtraError
from pyalign.journal import Journal, journal_of
from pyalign.probing.fit import INNER_FOLDS, Choice, ProbeFit, choose_penalty, fit_path
from pyalign.probing.parameters import LocalOptions, ProbeOptions, as_penalty
from pyalign.probing.probe import Inputs, completed, maker, read_inputs, warned, watch_over
from pyalign.probing.problem import Problem, Watch
from pyalign.stats.splits import TripletKFold
from pyalign.typing import AnswersLike, BackendName, EmbeddingsLike, Policy, TripletsLike, WeightsLike

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise MissingExtraError("TripletProbe", "scikit-learn", "probe") from error


class TripletProbe(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The linear map of a representation that best predicts human odd-one-out choices, as a scikit-learn estimator.

    It minimizes the mean cross-entropy of triplets under S = Z Z^T with Z = standardize(x) W (+ b), plus the penalty
    times a norm of W. Rows of x are objects, and triplets take the place of y.

    Args:
        penalty: the regularization penalty, or ``"auto"``: it is chosen on held-out objects (three inner folds), and
            the map is then fitted to all objects.
        norm, rank, bias, measure, temperature, standardize, tolerance, max_iterations: see `pyalign.ProbeOptions`.
        smoothing: the pseudo-count that is added to the answers for each position.
        missing: how `fit` and `score` treat triplets of items without a row: ``"raise"`` or ``"omit"``, as in
            `pyalign.score`.
        backend: the backend of loss and gradient, see `pyalign.fit_probe`.
        seed: the seed of the inner folds and of the start.

    Attributes:
        transform_: the map, a `pyalign.Transform`; `pyalign.write_transform` saves it.
        penalty_: the penalty.
        fit_: the `ProbeFit`, with its duality gap.
        choice_: how the penalty was chosen; None unless it was ``"auto"``.
        n_features_in_: the number of features, d.

    Source: Muttenthaler et al., "Human alignment of neural network representations", ICLR 2023, section 5.

    Example:
        >>> from pyalign.datasets.simulate import random_embeddings, simulate
        >>> x = random_embeddings(60, 8)
        >>> probe = TripletProbe(penalty=0.01).fit(x, simulate(x, 3000, measure="dot").triplets)
        >>> probe.transform(x).shape[0], probe.fit_.gap < 1e-4
        (60, True)
    """

    transform_: Transform
    penalty_: float
    fit_: ProbeFit
    choice_: Choice | None
    n_features_in_: int

    def __init__(
        self, *, penalty: float | str = "auto", norm: str = "squared", rank: int | str = "full", bias: bool = False,
        measure: Literal["dot", "cosine"] = "dot", temperature: float = 1.0, standardize: str = "global",
        tolerance: float = 1e-4, max_iterations: int = 1000, smoothing: float = 0.0,
        missing: Policy = "raise", backend: BackendName = "auto", seed: int = 0,
    ) -> None:
        self.penalty = penalty
        self.norm = norm
        self.rank = rank
        self.bias = bias
        self.measure = measure
        self.temperature = temperature
        self.standardize = standardize
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.smoothing = smoothing
        self.missing = missing
        self.backend = backend
        self.seed = seed

    def fit(
        self, x: EmbeddingsLike, triplets: TripletsLike, answers: AnswersLike | None = None,
        weights: WeightsLike | None = None, *, progress: Progress = silent, journal: Journal | None = None,
    ) -> TripletProbe:
        """Fit the map to triplets.

        Args:
            x: (n, d) real numbers, one row per item.
            triplets: (t, 3) integers in [0, n), or names; the last column is the odd one out.
            answers: (t, 3) counts or proportions of the answers, see `pyalign.fit_probe`.
            weights: (t,) weights of the triplets, see `pyalign.fit_probe`.
            progress, journal: see `pyalign.fit_probe`.

        Returns:
            The fitted estimator.

        Raises:
            InputError: as `pyalign.score`, and for an unknown option.

        Warns:
            ConvergenceWarning: the fit stopped before it reached the optimum.
            UserWarning: the fit was interrupted by Ctrl-C, and the probe is the best map so far.
        """
        given, options = {**locals(), **self.get_params()}, self._options()
        penalty = None if self.penalty == "auto" else as_penalty(self.penalty, auto=True)
        inputs = read_inputs(x, triplets, answers=answers, weights=weights, missing=self.missing, backend=self.backend)
        self.n_features_in_ = inputs.x.shape[1]
        watch = watch_over(inputs, LocalOptions(), progress, journal_of(journal, "TripletProbe.fit", given))
        try:
            self.fit_ = warned(self._search(inputs, options, penalty, watch))
        except KeyboardInterrupt:
            best = watch.journal.best
            if best is None:
                raise
            self.fit_ = best.value
            warnings.warn("interrupted: the probe is the best map so far, not the optimum", stacklevel=2)
        self.penalty_, self.transform_ = self.fit_.penalty, self.fit_.transform
        return self

    def _search(self, inputs: Inputs, options: ProbeOptions, penalty: float | None, watch: Watch) -> ProbeFit:
        self.choice_ = None
        if penalty is None:
            self.choice_ = choose_penalty(
                inputs.asked, options, splitter=TripletKFold("objects", INNER_FOLDS, options.seed),
                watch=watch.at("inner"), make=maker(inputs, LocalOptions()),
            )
            penalty = self.choice_.penalty
        problem = Problem(inputs.x, inputs.index, options, inputs.answers, inputs.on, inputs.task)
        fit = next(fit_path(problem, [penalty], watch=watch))
        return completed(fit, inputs, LocalOptions())

    def transform(self, x: EmbeddingsLike) -> Any:
        """Apply the map to rows.

        Args:
            x: (n, d) real numbers.

        Returns:
            (n, r) float64 if x is float64, otherwise float32; see `pyalign.Transform.apply`.
        """
        check_is_fitted(self)
        return self.transform_.apply(x)  # type: ignore[arg-type]  # of a data set too

    def score(self, x: EmbeddingsLike, triplets: TripletsLike) -> float:
        """Compute the odd-one-out accuracy of the mapped rows.

        Args:
            x: (n, d) real numbers.
            triplets: (t, 3) integers in [0, n), or names; the last column is the odd one out.

        Returns:
            The accuracy, a fraction.
        """
        z = self.transform(x)
        result = score(
            z, triplets, measure=self.measure, temperature=self.temperature, missing=self.missing, backend=self.backend,
            ci=None,
        )
        return float(result.accuracy)

    def _options(self) -> ProbeOptions:
        names = [field.name for field in fields(ProbeOptions)]
        return ProbeOptions(**{name: value for name, value in self.get_params().items() if name in names})
