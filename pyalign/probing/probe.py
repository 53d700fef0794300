"""What public functions of this package are given: brought together by names, checked, on the host; and its record.

The public functions that fit a probe. They align the data by names and record them in the result.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter
from pyalign.analysis.notes import notes_on_order
from pyalign.data import (
    ODD_ONE_OUT, Aligned, KeptRows, Provenance, Subjects, TrainedOn, Transform, align, as_embeddings, as_triplet_data,
)
from pyalign.data.align import named_rows
from pyalign.data.answers import checked_labels
from pyalign.data.missing import Coverage, with_rows
from pyalign.data.names import in_order
from pyalign.errors import ConvergenceWarning, InputError
from pyalign.fitting.algebra import Algebra, host_rows, host_triplets, valid_triplets
from pyalign.fitting.objective import answer_weights, weighing_notes
from pyalign.fitting.place import HostAlgebra, algebra_for
from pyalign.journal import Journal, journal_of
from pyalign.probing.fit import Asked, Maker, ProbeFit, fit_path
from pyalign.probing.held_out import scored
from pyalign.probing.local import LocalProblem, other_batches
from pyalign.probing.parameters import SHARES, LocalOptions, ProbeOptions, as_penalties, as_penalty, options_of
from pyalign.probing.problem import Problem, Watch, finite_rows
from pyalign.typing import AnswersLike, BackendName, EmbeddingsLike, Penalties, Policy, TripletsLike


@dataclass(frozen=True, eq=False)
class Inputs:
    """Rows, triplets and answers of a fit.

    Attributes:
        given: all of these by their names, for the record.
    """

    on: Algebra  # where losses are computed.
    # (m, d) finite, on the host: the rows of the objects that triplets name, in the order of their names, so that
    # neither the order of rows nor rows of other objects have an effect on a fit or on folds.
    x: np.ndarray
    index: np.ndarray  # (t, 3) rows of x, valid, on the host.
    items: np.ndarray  # (m,) which rows of the embeddings these are.
    answers: np.ndarray | None  # (t, 3) weights of the answers; None: one each, the last item.
    subjects: np.ndarray | None  # (t,) who answered, or None.
    others: np.ndarray | None  # (m, d) other embeddings, on the host, or None.
    aligned: Aligned  # x and triplets as they came.
    arguments: Mapping[str, Any]
    coverage: Coverage | None  # how many of the triplets these are; None where none may be left out.

    @property
    def asked(self) -> Asked:
        """The triplets of rows and their answers, by themselves."""
        return Asked(self.x, self.index, self.answers)

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be assumed."""
        return self.aligned.notes

    @property
    def task(self) -> str:
        """The task of the triplets."""
        return self.aligned.triplets.task

    def provenance(self, options: Mapping[str, Any], seed: int | None) -> Provenance:
        """The provenance of a result that is made of these inputs."""
        missing = "raise" if self.coverage is None else "omit"
        return Provenance.now(self.arguments, {**options, "missing": missing}, self.on.backend.name, seed)

    def beside(self, others: object) -> Inputs:
        """These with other embeddings, None for none, in the order of their names: batches are drawn of these."""
        if others is None:
            return self
        known = as_embeddings(others, "other_embeddings")
        rows = host_rows(self.on, known.values, "other_embeddings")
        rows = rows if known.names is None else rows[in_order(known.names)]
        return replace(self, others=rows, arguments={**self.arguments, "other_embeddings": others})

    def recorded(
        self, transform: Transform, measure: str, temperature: float, provenance: Provenance,
        held_out: Mapping[str, Any] | None = None, kept: KeptRows | None = None,
    ) -> Transform:
        """The map with the record of what it was fitted to."""
        x = self.aligned.x if isinstance(self.aligned.x, np.ndarray) else host_rows(self.on, self.aligned.x)
        trained = TrainedOn.of(
            x, self.aligned.index, measure=measure, temperature=temperature, names=self.aligned.names,
            held_out=held_out, task=self.task,
        )
        return replace(transform, trained=replace(trained, provenance=provenance, kept=kept or trained.kept))


def read_inputs(
    x: object, triplets: object, *, answers: object = None, weights: object = None, subjects: object = None,
    missing: Policy = "raise", backend: BackendName = "auto",
) -> Inputs:
    """Everything checked; answers and subjects are those of the triplets unless they are given."""
    triplet_data = as_triplet_data(triplets)
    if answers is not None:
        triplet_data = triplet_data.with_answers(answers)
    if not triplet_data.answered:
        raise InputError("a probe needs human choices, which these triplets do not hold")
    present = with_rows(x, triplet_data, missing, subjects=subjects)
    triplet_data, subjects = present.triplets, present.of(subjects, "subjects")
    aligned = align(x, triplet_data)
    on = algebra_for(backend, aligned.x)
    rows = finite_rows(host_rows(on, aligned.x))
    aligned = replace(aligned, index=valid_triplets(host_triplets(on, aligned.index), *map(int, rows.shape)))
    items, index = named_rows(aligned)
    on = on if triplet_data.task == ODD_ONE_OUT else _host_for_two(on, backend)
    people = triplet_data.subjects if subjects is None else subjects
    weights = triplet_data.weights if weights is None else present.of(weights, "weights")
    if isinstance(people, Subjects):
        people = people.codes  # in the order of the labels, which may be numbers
    weighed = answer_weights(len(index), triplet_data.answers, weights)
    order = notes_on_order(aligned, aligned.embeddings.source or "embeddings", rows)
    aligned = replace(aligned, notes=(*weighing_notes(aligned.notes, weights), *order))
    arguments = {"embeddings": aligned.embeddings, "triplets": triplet_data, "answers": answers, "weights": weights}
    return Inputs(
        on, rows[items], index, items, weighed, None if people is None else checked_labels(people, len(index)),
        None, aligned, {name: value for name, value in arguments.items() if value is not None}, present.coverage,
    )


def _host_for_two(on: Algebra, backend: BackendName) -> Algebra:
    """Where anchored triplets are fitted: on the host, whose kernels alone choose between two."""
    if isinstance(on, HostAlgebra):
        return on
    if backend != "auto":
        expected = "native or numpy, on the host, for anchored triplets"
        raise InputError(f"backend must be {expected}; got {backend!r}")
    return algebra_for()


COMMON = (
    "answers", "weights", "other_embeddings", "local_weight", "tau", "batch_size", "n_batches", "missing", "backend",
    "progress",
)


def fit_probe(
    embeddings: EmbeddingsLike, triplets: TripletsLike, *, penalty: float, answers: AnswersLike | None = None,
    weights: ArrayLike | None = None, start: Transform | None = None, other_embeddings: EmbeddingsLike | None = None,
    local_weight: float = 0.25, tau: float = 0.1, batch_size: int = 1024, n_batches: int | None = None,
    missing: Policy = "raise", backend: BackendName = "auto", progress: Progress | None = None,
    journal: Journal | None = None, **options: Any,
) -> ProbeFit:
    """Fit the linear map W of embeddings that minimizes the mean cross-entropy of human choices plus a penalty on W.

    Args:
        embeddings: (n, d) real numbers, one row per item: an array, a tensor, a DataFrame whose index is the names, or
            `Embeddings`.
        triplets: (t, 3) integers in [0, n), or names; the last column is the odd one out. Of `Triplets`, the names,
            the task and the counts are used.
        penalty: the regularization penalty, by which a norm of W is multiplied; see `ProbeOptions` for the norm.
        answers: (t, 3) counts of how often each position was chosen as odd (whole numbers), or proportions. The loss is
            then the mean over all answers. None: the answers of the triplets, or else one answer per triplet, the last
            item. For anchored triplets (t, 2), one column per option.
        weights: (t,) additional weights of the triplets.
        start: a map to start from, with at most as many columns as `rank` allows; with ``norm="identity"``, other
            embeddings or a diagonal map, with d columns.
        other_embeddings: (m, d), the same representation of at least three other items, whose neighbors the map should
            preserve (gLocal). The loss is (1 - local_weight) times that of the triplets plus local_weight times the
            cross-entropy between softmax(cosines / tau) among these items before and after the map. Use
            ``norm="identity"``; ``"frobenius"`` and ``"squared"`` are also accepted.
        local_weight, tau, batch_size, n_batches: see `pyalign.probing.LocalOptions`.
        missing: see `pyalign.score`.
        backend: the backend that computes loss and gradient. ``"auto"``: the first backend that can run on the device
            of the embeddings; for those on the host, the compiled kernels. ``"cuda"``, ``"triton"`` or ``"torch"``:
            this backend, on the device of the embeddings; for those on the host, on the current CUDA device, or for
            torch on the CPU. Rows, triplets and answers stay there for the whole fit. Anchored triplets are fitted on
            the host.
        progress: a callback that gets the stage, the number of passes, and None.
        journal: a `Journal` that keeps the best map so far, a `ProbeFit`; after Ctrl-C it is `journal.best`.
        options: the fields of `ProbeOptions`.

    Returns:
        A `ProbeFit`, whose transform records the data of the fit.

    Raises:
        InputError: as `pyalign.score`, for an unknown option, and for a backend that can't run here.
        MissingExtraError: scipy is not installed.

    Warns:
        ConvergenceWarning: the fit stopped before it reached the optimum.

    Source: Muttenthaler et al., ICLR 2023, section 5 (there with ``|W|_F``, by Adam); with other embeddings
    Muttenthaler et al., NeurIPS 2023, equation 5.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> fit = fit_probe(rng.normal(size=(8, 4)), [[0, 1, 2], [3, 4, 5], [6, 7, 0]], penalty=0.01)
        >>> fit.cross_entropy < 1.0, fit.gap < 1e-4, fit.transform.trained.n_triplets
        (True, True, 3)
    """
    given, progress = dict(locals()), reporter(progress)
    chosen = options_of(ProbeOptions, options, ("penalty", "start", "journal", *COMMON))
    weight, local = as_penalty(penalty), LocalOptions(local_weight, tau, batch_size, n_batches)
    inputs = read_inputs(embeddings, triplets, answers=answers, weights=weights, missing=missing, backend=backend)
    inputs = inputs.beside(other_embeddings)
    problem = maker(inputs, local)(inputs.x, inputs.index, chosen, inputs.answers)
    first = None if start is None else problem.map_of(start)
    watch = watch_over(inputs, local, progress, journal_of(journal, "fit_probe", given))
    fit = next(fit_path(problem, [weight], start=first, watch=watch, figures=True))
    return warned(completed(fit, inputs, local))


def probe_path(
    embeddings: EmbeddingsLike, triplets: TripletsLike, *, penalties: Penalties = "auto",
    answers: AnswersLike | None = None, weights: ArrayLike | None = None,
    other_embeddings: EmbeddingsLike | None = None, local_weight: float = 0.25, tau: float = 0.1,
    batch_size: int = 1024, n_batches: int | None = None, missing: Policy = "raise", backend: BackendName = "auto",
    progress: Progress | None = None, **options: Any,
) -> tuple[ProbeFit, ...]:
    """Fit a probe for several penalties, largest first; each fit starts from the map of the one before.

    Args:
        embeddings, triplets, answers, weights, other_embeddings, local_weight, tau, batch_size, n_batches, missing,
            backend, progress, options: see `fit_probe`.
        penalties: the penalties, in any order; or ``"auto"`` for eight penalties between 0.1 and 0.001 times the
            smallest penalty for which the best map is zero.

    Returns:
        A `ProbeFit` for each penalty, largest first. They share rows, coordinates and sorted triplets.

    Raises:
        InputError: as `fit_probe`.
        MissingExtraError: scipy is not installed.

    Warns:
        ConvergenceWarning: a fit stopped before it reached the optimum.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> path = probe_path(rng.normal(size=(8, 4)), [[0, 1, 2], [3, 4, 5], [6, 7, 0]], penalties=[0.01, 0.1])
        >>> [fit.penalty for fit in path], path[0].cross_entropy > path[1].cross_entropy
        ([0.1, 0.01], True)
    """
    progress = reporter(progress)
    chosen = options_of(ProbeOptions, options, ("penalties", *COMMON))
    stated, local = as_penalties(penalties), LocalOptions(local_weight, tau, batch_size, n_batches)
    inputs = read_inputs(embeddings, triplets, answers=answers, weights=weights, missing=missing, backend=backend)
    inputs = inputs.beside(other_embeddings)
    problem = maker(inputs, local)(inputs.x, inputs.index, chosen, inputs.answers)
    fits = list(
        fit_path(problem, stated or problem.penalties_of(SHARES), watch=Watch(progress, stage="path"), figures=True)
    )
    return tuple(warned(completed(fit, inputs, local)) for fit in fits)


def maker(inputs: Inputs, local: LocalOptions) -> Maker:
    """A function that makes a problem from rows, triplets, options and answers, with a local term if there is one."""
    if inputs.others is None:
        return partial(Problem, on=inputs.on, task=inputs.task)
    return partial(LocalProblem, on=inputs.on, task=inputs.task, others=(inputs.others, local))


def watch_over(inputs: Inputs, local: LocalOptions, progress: Progress, journal: Journal) -> Watch:
    """The watch over a run, whose maps record all triplets, although the fit of a fold uses only some of them."""
    return Watch(progress, journal, recorded=lambda fit: recorded(fit, inputs, local))


def completed(
    fit: ProbeFit, inputs: Inputs, local: LocalOptions, held_out: Mapping[str, Any] | None = None
) -> ProbeFit:
    """A fit to all inputs, with the record of its data, its accuracy, and notes."""
    options, fit = fit.options, recorded(fit, inputs, local, held_out)
    rows = fit.transform.apply(inputs.x)
    model = options.measure, options.temperature, inputs.on, inputs.task
    return replace(fit, accuracy=scored(rows, inputs.index, inputs.answers, *model).accuracy)


def recorded(fit: ProbeFit, inputs: Inputs, local: LocalOptions, held_out: Mapping[str, Any] | None = None) -> ProbeFit:
    """A fit whose map records the data of the fit, with notes."""
    options = fit.options
    settings = {"penalty": fit.penalty, **options.to_dict(), **({} if inputs.others is None else local.to_dict())}
    provenance = inputs.provenance(settings, options.seed)
    kept = kept_rows(inputs, local, options.seed)
    transform = inputs.recorded(fit.transform, options.measure, options.temperature, provenance, held_out, kept)
    return replace(fit, transform=transform, coverage=inputs.coverage, notes=inputs.notes, provenance=provenance)


def kept_rows(inputs: Inputs, local: LocalOptions, seed: int) -> KeptRows | None:
    """Those of the other embeddings that are in batches, if their neighbors count anything."""
    if inputs.others is None or not local.local_weight:
        return None
    rows = np.sort(np.concatenate(other_batches(len(inputs.others), local.batch_size, local.n_batches, seed)))
    names = as_embeddings(inputs.arguments["other_embeddings"]).names
    named = None if names is None else [names[row] for row in in_order(names)[rows]]  # others are in that order
    return KeptRows.of(inputs.others[rows], named)


def warned(fit: ProbeFit) -> ProbeFit:
    """The fit; warns if it stopped before its optimum. For functions that the user calls."""
    if not fit.converged:
        distance = "" if fit.gap is None else f": the objective may be {fit.gap:.2g} nats above it"
        options = fit.options
        more = f"tolerance ({options.tolerance:g}) or max_iterations ({options.max_iterations})"
        warnings.warn(
            f"the fit with penalty {fit.penalty:.4g} ended before its optimum{distance}; raise the penalty, {more}",
            ConvergenceWarning,
            stacklevel=3,
        )
    return fit
