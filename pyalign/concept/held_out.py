"""Predictions of human dimensions for objects that the fit has not seen: folds over objects, ridge inside.

One decomposition serves all penalties and all targets. With rows centred, X = U S V', the fit at penalty a is mean(y) +
U S^2 / (S^2 + a) U'y. A row's residual when it is left out is its residual e over 1 - h, h the diagonal of that map
(Allen 1974), so no fit is made again. What a row that was not fitted is predicted as needs its products with the fitted
rows alone.

Source: Rifkin and Lippert, "Notes on regularized least squares", MIT-CSAIL-TR-2007-025.

The result of `pyalign.score_concepts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign._process import Progress, silent
from pyalign._result import OfTask, Result
from pyalign.concept.prototypes import Prototype
from pyalign.data import ODD_ONE_OUT
from pyalign.data.names import in_order
from pyalign.documents import Interval, as_document, csv_of, flat, from_fields
from pyalign.errors import InputError
from pyalign.ops.resample import permutation
from pyalign.typing import Correction

LEAST = 3  # objects to fit on: leave-one-out leaves two
AT_ONCE = 1 << 22  # numbers that are held at once
ROUNDING = 1e-7  # of the smallest penalty: what products of rows, which square their condition, may err by


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What fits to the other folds predict."""

    predictions: np.ndarray  # (n, k), each row by a fit that did not see it.
    # (n, k) of the dimensions over the objects that each fit was made on: what it would say without features.
    means: np.ndarray
    penalties: np.ndarray  # (folds, k), chosen by leave-one-out.
    # (n, k) twice, how much the sums of squared residuals of all others from predictions and from means would grow were
    # the object in no fit, with the penalties as they are; None where nobody asked.
    without: tuple[np.ndarray, np.ndarray] | None = None


def folds_of(n: int, folds: object, names: Sequence[str] | None = None, seed: int = 0) -> np.ndarray:
    """(n,) the fold of each object, from 0: of about equal size, drawn at random, or as given by a label of each.

    Draws are those of the names in their order, where there are names: an object's fold does not depend on its row.
    """
    if np.ndim(folds) == 0:  # type: ignore[arg-type]
        count = _checks.whole_number(folds, "folds", 2)
        if count > n:
            raise InputError(f"folds must be at most as many as objects ({n:,}); got {count:,}")
        order = np.arange(n) if names is None else in_order(names)
        fold = np.empty(n, np.int64)
        fold[order[permutation(n, 0, seed=seed)]] = np.arange(n) % count
    else:
        labels = _checks.as_array(folds, "folds", "(n,)")
        if labels.shape != (n,) or labels.dtype.kind not in "biuUS":
            raise InputError(f"folds must be a number, or a label for each of {n:,} objects; got shape {labels.shape} "
                             f"of {labels.dtype}")
        fold = np.unique(labels, return_inverse=True)[1].reshape(n)
    sizes = np.bincount(fold)
    if len(sizes) < 2:
        raise InputError("folds must be at least two; got one label")
    if n - int(sizes.max()) < LEAST:
        raise InputError(f"folds must leave at least {LEAST} objects to fit on; the largest leaves {n - sizes.max()}")
    return fold


def predict_held_out(
    x: np.ndarray, y: np.ndarray, fold: np.ndarray, penalties: np.ndarray, *, standardize: bool = False,
    errors: bool = False, progress: Progress = silent, stage: str = "folds",
) -> HeldOut:
    """Ridge from rows (n, d) to dimensions (n, k), each object predicted by the fit to all folds but its own.

    standardize: whether features are divided by their deviation over the objects of each fit.
    errors: whether to find out what each object has to do with the predictions of others.
    """
    count = int(fold.max()) + 1
    predictions, means, chosen = np.empty_like(y), np.empty_like(y), np.empty((count, y.shape[1]))
    of_fits, of_means = np.zeros_like(y), np.zeros_like(y)
    rows = Rows(x, float(penalties.min()))
    for f in range(count):
        progress(stage, f, count)
        fitted, out = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        scaled = Rows(_scaled(x, fitted), float(penalties.min())) if standardize else rows
        spectrum = scaled.spectrum(fitted, out)
        chosen[f] = chosen_penalties(spectrum, y[fitted], penalties)
        predictions[out], means[out] = spectrum.predicted(y[fitted], chosen[f]), y[fitted].mean(axis=0)
        if errors:
            of_fits[fitted] += spectrum.without(y[fitted], chosen[f], y[out] - predictions[out])
            shift = (y[fitted] - means[out][0]) / (len(fitted) - 1)  # of the mean, without the object
            of_means[fitted] += 2.0 * shift * (y[out] - means[out]).sum(axis=0) + shift**2 * len(out)
    return HeldOut(predictions, means, chosen, (of_fits, of_means) if errors else None)


def _scaled(x: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """Features over their deviation on the fitted rows; one that is constant there says nothing, and is 0."""
    part = x[fitted]
    deviations = part.std(axis=0)
    varies = np.ptp(part, axis=0) > 0
    return (x - part.mean(axis=0)) * np.divide(1.0, deviations, out=np.zeros_like(deviations), where=varies)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The decomposition of centred rows, and other rows in its terms."""

    left: np.ndarray  # (n, r) orthonormal columns U, each of mean 0.
    squares: np.ndarray  # (r,) squared singular values.
    others: np.ndarray  # (m, r) the other rows, less the mean of the fitted ones, times V S.
    complete: bool  # whether the columns span all that has mean 0: r = n - 1.

    @classmethod
    def of_rows(cls, x: np.ndarray, others: np.ndarray) -> Spectrum:
        """The spectrum by a singular value decomposition of x (n, d)."""
        mean = x.mean(axis=0)
        left, values, right = np.linalg.svd(_reflected(x - mean)[1:], full_matrices=False)
        return cls(_back(left), values**2, ((others - mean) @ right.T) * values, len(values) == len(x) - 1)

    @classmethod
    def of_products(cls, products: np.ndarray, others: np.ndarray) -> Spectrum:
        """The spectrum by an eigenvalue decomposition of products (n, n) of rows; others (m, n): theirs with the rows.

        All rows may have been moved together before their products were taken.
        """
        inside = _reflected(_reflected(products).T)[1:, 1:]
        values, vectors = np.linalg.eigh(inside)
        left = _back(vectors)
        return cls(left, np.maximum(values, 0.0), (others - products.mean(axis=0)) @ left, True)

    def left_out(self, y: np.ndarray, penalty: float) -> np.ndarray:
        """(n, k) residuals of targets y (n, k), each of a fit to all other rows."""
        centred = y - y.mean(axis=0)
        inside = self.left.T @ centred
        shrunk = penalty / (self.squares + penalty)
        residual, rest = self.left @ (shrunk[:, None] * inside), (self.left**2) @ shrunk
        if not self.complete:  # what no feature reaches
            residual += centred - self.left @ inside
            rest += 1.0 - 1.0 / len(y) - (self.left**2).sum(axis=1)
        left_out: np.ndarray = residual / rest[:, None]
        return left_out

    def predicted(self, y: np.ndarray, penalties: np.ndarray) -> np.ndarray:
        """(m, k) targets of the other rows, from fits to y (n, k) at a penalty (k,) of each."""
        mean = y.mean(axis=0)
        inside = self.left.T @ (y - mean)
        predictions: np.ndarray = mean + self.others @ (inside / (self.squares[:, None] + penalties))
        return predictions

    def without(self, y: np.ndarray, penalties: np.ndarray, residuals: np.ndarray) -> np.ndarray:
        """(n, k) how much the sum of squared residuals (m, k) of the other rows grows without each fitted row.

        A fit without row i predicts another row j by A_ji e_i less, A what the prediction of j owes to each fitted row
        and e_i the left-out residual.
        """
        grown = np.empty_like(y)
        for penalty in np.unique(penalties):
            of = penalties == penalty
            out = self.left_out(y[:, of], float(penalty))
            linear, square = np.zeros_like(out), np.zeros((len(y), 1))
            for start in range(0, len(self.others), step := max(1, AT_ONCE // len(y))):
                part = slice(start, start + step)
                owed = 1.0 / len(y) + (self.others[part] / (self.squares + penalty)) @ self.left.T
                linear += owed.T @ residuals[part][:, of]
                square += np.einsum("ji,ji->i", owed, owed)[:, None]
            grown[:, of] = out * (2.0 * linear + out * square)
        return grown


def chosen_penalties(spectrum: Spectrum, y: np.ndarray, penalties: np.ndarray) -> np.ndarray:
    """(k,) for each target the first penalty whose left-out residuals have the least mean square."""
    squares = [(spectrum.left_out(y, float(penalty)) ** 2).mean(axis=0) for penalty in penalties]
    chosen: np.ndarray = penalties[np.argmin(squares, axis=0)]
    return chosen


class Rows:
    """Rows (n, d) of which parts are fitted: their products are computed once for all parts, where these decide."""

    def __init__(self, x: np.ndarray, least: float) -> None:
        """least: the smallest penalty."""
        self._x = x - x.mean(axis=0)
        self._least = least
        self._products: np.ndarray | None = None

    def spectrum(self, fitted: np.ndarray, others: np.ndarray) -> Spectrum:
        """The spectrum of the fitted rows, with the other rows in its terms; both are indices.

        By products where there are no more rows than features, if the smallest penalty hides their rounding; else by a
        singular value decomposition.
        """
        if len(fitted) - 1 <= self._x.shape[1]:
            if self._products is None:
                self._products = self._x @ self._x.T
            products = self._products[:, fitted]
            spectrum = Spectrum.of_products(products[fitted], products[others])
            if float(spectrum.squares[-1]) * np.finfo(np.float64).eps <= ROUNDING * self._least:
                return spectrum
        return Spectrum.of_rows(self._x[fitted], self._x[others])


def _reflected(a: np.ndarray) -> np.ndarray:
    """A reflection of the n rows that brings what they have in common into the first: the others are contrasts."""
    mirror = np.full(len(a), 1.0 / np.sqrt(len(a)))
    mirror[0] += 1.0
    reflected: np.ndarray = a - np.outer(mirror, (2.0 / (mirror @ mirror)) * (mirror @ a))
    return reflected


def _back(contrasts: np.ndarray) -> np.ndarray:
    """(n, r) of what is (n - 1, r) among the contrasts."""
    return _reflected(np.concatenate([np.zeros((1, contrasts.shape[1])), contrasts]))


Grouped: TypeAlias = Literal["dimensions", "categories", "levels", "entropy"]
BY: tuple[Grouped, ...] = get_args(Grouped)


@dataclass(frozen=True)
class ConceptScore:
    """How well the triplets of one concept are predicted."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    concept: str  # the label of the dimension, category, level or bin of entropy.
    n_triplets: int  # the number of triplets that are assigned to it.
    n_objects: int  # the number of different objects in these triplets.
    accuracy: float | None  # the accuracy on these triplets, a fraction; None without triplets.
    # the interval of the accuracy, or None. If it was requested but does not exist, `note` says why.
    ci: Interval | None
    cross_entropy: float | None  # nats per triplet; None without triplets, and for choices without probabilities.
    cross_entropy_ci: Interval | None  # the interval of the cross-entropy, in nats.
    note: str | None = None  # why there is no interval, or None.
    # the simultaneous interval of the accuracy over all concepts of the model; None for a bootstrap, and for the
    # unassigned triplets.
    simultaneous_ci: Interval | None = None
    # two-sided, for the hypothesis of no difference from the accuracy on all triplets; None as `simultaneous_ci`.
    p_value: float | None = None
    p_adjusted: float | None = None  # the p-value, corrected over all concepts of the model with the same `by`.
    # effective_objects, effective_subjects: the effective numbers of objects and participants that intervals are over;
    # None if they are at least half of the count. See `pyalign.stats.degrees`.
    effective_objects: float | None = None
    effective_subjects: float | None = None
    # the accuracy shrunk towards that of the other concepts of the model, the more the less certain it is; a fraction.
    # None without an interval, or if fewer than five concepts have one. See `pyalign.stats.pooling`.
    pooled: float | None = None
    pooled_ci: Interval | None = None  # the interval of `pooled`.
    p_lowest: float | None = None  # the probability that no other concept has a lower true accuracy.
    p_highest: float | None = None  # the probability that no other concept has a higher true accuracy.

    @property
    def standard_error(self) -> float | None:
        """The standard error of the accuracy, a fraction."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class ConceptScores:
    """The scores of one model for each concept."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    embeddings: str  # the name of the model; ``(transformed)`` is appended after a transform.
    by: Grouped  # how concepts are defined: by "dimensions", "categories", "levels" or "entropy".
    concepts: tuple[ConceptScore, ...]  # the score of each concept, in the order of the dimensions or categories.
    unassigned: ConceptScore | None  # the score on the triplets without a concept, or None.
    # the number of triplets that were scored. If each triplet has one concept, this is the sum over the concepts and
    # `unassigned`.
    n_triplets: int
    n_ties: int  # the number of tied triplets, including recorded answers that name no item.
    accuracy: float  # the accuracy on all triplets, a fraction.
    ci: Interval | None  # its interval.
    # the cross-entropy on all triplets, in nats; None for choices without probabilities, or if some human choice has
    # probability 0.
    cross_entropy: float | None
    cross_entropy_ci: Interval | None  # its interval.
    label: str | None = None  # a shorter name for tables, or None.
    transform: str | None = None  # the map that was applied to the rows first, or None.
    # the standard deviation of true accuracies between concepts, a fraction; None if no concept has a `pooled`
    # accuracy.
    spread: float | None = None
    spread_ci: Interval | None = None  # its interval.

    @property
    def standard_error(self) -> float | None:
        """The standard error of the accuracy, a fraction."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class ConceptDifference:
    """The difference between two models on the same triplets of one concept."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    embeddings: str  # the name of the first model.
    other: str  # the name of the second model.
    by: Grouped  # how concepts are defined; see `ConceptScores`.
    concept: str  # the label of the concept.
    n_triplets: int  # the number of triplets of the concept.
    difference: float | None  # the accuracy of `embeddings` minus that of `other`, a fraction.
    ci: Interval | None  # its paired interval.
    p_value: float | None  # two-sided, for the hypothesis of no difference.
    p_adjusted: float | None  # the p-value, corrected over all concepts and pairs of models with the same `by`.
    cross_entropy_difference: float | None  # the cross-entropy of `embeddings` minus that of `other`, in nats.
    cross_entropy_ci: Interval | None  # its paired interval.

    @property
    def standard_error(self) -> float | None:
        """The standard error of the difference, a fraction."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class TopObjects:
    """The objects with the largest weights on a dimension."""

    concept: str  # the label of the dimension.
    top: tuple[Prototype, ...]  # the objects, largest weight first.


@dataclass(frozen=True)
class Concepts(OfTask, Result):
    """The scores of one or more models per human concept."""

    command: ClassVar[str] = "concepts"
    rows: ClassVar[str] = "results"
    derived: ClassVar[tuple[str, ...]] = ("chance",)
    among: ClassVar = {"results.embeddings": ("differences.embeddings", "differences.other")}

    results: tuple[ConceptScores, ...]  # a result for each model and each way of grouping.
    # the differences between every two models, or after and before a transform, for each concept.
    differences: tuple[ConceptDifference, ...]
    n_triplets: int  # the number of triplets on which all models were scored.
    n_objects: int  # the number of objects in these triplets.
    n_subjects: int | None  # the number of participants who answered them; None if intervals are not over participants.
    # the number of triplets left out because a row has NaN or infinity, or a recorded choice is missing.
    n_dropped: int
    min_triplets: int  # the number of triplets below which a concept has no interval.
    measure: str | None  # the similarity measure of the embeddings; None without embeddings.
    temperature: float | None  # the temperature of the choice probabilities; None without embeddings.
    ties: str  # how tied triplets count.
    correction: Correction  # how p-values are corrected over all concepts.
    seed: int  # the seed of all random draws.
    backend: str  # the backend that computed the result.
    # the number of triplets for which several dimensions have the same weight; these are assigned to the lowest. None
    # without dimensions.
    n_assignment_ties: int | None = None
    assign: str | None = None  # how the weights of a pair were combined; None without dimensions.
    top: int | None = None  # the number of dimensions to which each triplet was assigned; None without dimensions.
    ci_by: str | None = None  # what intervals are over; None without intervals.
    ci_method: str | None = None  # how intervals were computed; None without intervals.
    confidence: float | None = None  # the confidence level of the intervals; None without intervals.
    resamples: int | None = None  # the number of bootstrap resamples, or None.
    # effective_objects, effective_subjects: the effective numbers of objects and participants that intervals are over;
    # None if they are at least half of the count. See `pyalign.stats.degrees`.
    effective_objects: float | None = None
    effective_subjects: float | None = None
    triplets: str | None = None  # the source of the triplets, or None.
    dimensions: str | None = None  # the source of the dimensions, or None.
    task: str = ODD_ONE_OUT  # the task of the triplets, which determines `chance`.
    # the objects with the largest weights on each dimension; None if they were not requested.
    top_objects: tuple[TopObjects, ...] | None = None
    # whose entropy the bins by "entropy" are of, "dimensions" or "answers"; None without such bins.
    entropy: str | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Concepts:
        """The result of a document; models have the same number of concepts, and differences are of all of them."""
        found = from_fields(cls, document)
        for by in BY:
            numbers = {len(scores.concepts) for scores in found.results if scores.by == by}
            differences = sum(difference.by == by for difference in found.differences)
            if len(numbers) > 1 or 0 < differences < max(numbers, default=0):
                raise InputError(f"'concepts' of {by} must be the same for all models and their 'differences'")
        return found

    @property
    def entropy_bins(self) -> tuple[ConceptScores, ...] | None:
        """The scores of each model by bins of entropy; None without such bins."""
        return tuple(scores for scores in self.results if scores.by == "entropy") or None

    def to_records(self) -> list[dict[str, Any]]:
        """A flat row for each concept of each result, with the unassigned triplets last."""
        records = []
        for result in self.results:
            head = {"embeddings": result.embeddings, "by": result.by}
            head |= {} if result.label is None else {"label": result.label}
            rest = () if result.unassigned is None else (result.unassigned,)
            records += [{**head, **_record(row)} for row in (*result.concepts, *rest)]
        return records

    def differences_csv(self, escape: bool = False) -> str:
        """The differences as CSV with a header, one per row; for `escape` see `Result.to_csv`."""
        return csv_of(list(map(_record, self.differences)), escape)


def _record(row: ConceptScore | ConceptDifference) -> dict[str, Any]:
    """A flat row that has columns for the ends of its intervals even if there is none."""
    record: dict[str, Any] = {}
    for name, value in flat(as_document(row)):
        ends = {f"{name}_low": None, f"{name}_high": None} if name.endswith("ci") else {name: value}
        record.update(ends)
    return record
