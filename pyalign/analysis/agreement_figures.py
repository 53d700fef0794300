"""The figures that compare a model's choices with the answers of many people, triplet by triplet.

Each is a mean over triplets, or a correlation, whose influence values take the place of the values of a mean. Both can
be computed for other answers to the same triplets, such as those without one participant.

Errors of figures of agreement with many people, over objects, over people, or over both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.analysis.ceiling.leave_one_out import Entries
from pyalign.analysis.ceiling.noise_ceiling import centered_changes, variance_with_people
from pyalign.documents import Estimate, Interval
from pyalign.errors import InputError
from pyalign.stats.clustered import Dependence
from pyalign.stats.degrees import EffectiveNumber, are_enough, effective_numbers
from pyalign.stats.divergences import entropy, js_distance, kl_of_logs
from pyalign.stats.intervals import FRACTION, POSITIVE, correlation_interval, proportion_interval, student_interval
from pyalign.stats.regression import Influence, of_pearson, of_spearman, pearson, spearman
from pyalign.stats.resampling import Clusters, Resampling

ENTROPIES = tuple(math.log(3) * k / 6 for k in range(7))  # nats: edges of bins of the entropy of people's answers
OF_BINS = ("majority_share", "accuracy", "majority_accuracy", "majority_probability")


@dataclass(frozen=True)
class ModelChoices:
    """What a model chooses in c triplets."""

    credits: np.ndarray  # (c, 3), what its choice counts when the item at that position was called odd.
    probabilities: np.ndarray | None = None  # (c, 3), that each is odd; None where there are none.
    logs: np.ndarray | None = None  # (c, 3), of these.
    entropy: np.ndarray | None = None  # (c,), nats.

    def take(self, triplets: np.ndarray) -> ModelChoices:
        """The choices in some triplets, each as often as its number occurs."""
        every = (self.credits, self.probabilities, self.logs, self.entropy)
        return ModelChoices(*(None if one is None else one[triplets] for one in every))  # type: ignore[arg-type]

    def values(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """The values (c,) of the triplets for each figure, which is their mean; the answers are counts (c, 3)."""
        shares = counts / counts.sum(axis=1)[:, None]
        top = counts == counts.max(axis=1, keepdims=True)
        majority = top / top.sum(axis=1, keepdims=True)
        values = {
            "majority_share": shares.max(axis=1),
            "accuracy": (shares * self.credits).sum(axis=1),
            "majority_accuracy": (majority * self.credits).sum(axis=1),
        }
        if self.probabilities is not None and self.logs is not None and self.entropy is not None:
            values["majority_probability"] = (majority * self.probabilities).sum(axis=1)
            values["model_entropy"] = self.entropy
            values["kl"] = kl_of_logs(shares, self.logs)
            values["js_distance"] = js_distance(shares, self.probabilities)
        return {**values, "human_entropy": entropy(np.sort(shares, axis=1))}


@dataclass(frozen=True)
class Correlations:
    """Correlations of a model's probabilities with people's shares, and of its entropy with theirs."""

    values: dict[str, float]  # by figure; NaN where either side is constant, or has no probabilities.
    # shares, pearson, spearman: their influences; None where there is no correlation.
    shares: Influence | None = None
    pearson: Influence | None = None
    spearman: Influence | None = None

    @classmethod
    def of(cls, model: ModelChoices, counts: np.ndarray) -> Correlations:
        """The correlations over all triplets."""
        if model.probabilities is None or model.entropy is None:
            return cls(dict.fromkeys(("share_pearson", "entropy_pearson", "entropy_spearman"), math.nan))
        shares = counts / counts.sum(axis=1)[:, None]
        p, q = model.probabilities.ravel(), shares.ravel()
        entropies = model.entropy, entropy(np.sort(shares, axis=1))
        values = {
            "share_pearson": pearson(p, q),
            "entropy_pearson": pearson(*entropies),
            "entropy_spearman": spearman(*entropies),
        }
        return cls(values, of_pearson(p, q), of_pearson(*entropies), of_spearman(*entropies))

    def influences(self, model: ModelChoices, counts: np.ndarray) -> dict[str, np.ndarray]:
        """(c,) by correlation: how far the answers to each triplet move it; their mean over all triplets is 0."""
        if model.probabilities is None or model.entropy is None:
            return {}
        shares = counts / counts.sum(axis=1)[:, None]
        influences: dict[str, np.ndarray] = {}
        if self.shares is not None:
            each = self.shares(model.probabilities.ravel(), shares.ravel())
            influences["share_pearson"] = each.reshape(-1, 3).mean(axis=1)
        human = entropy(np.sort(shares, axis=1))
        for name, influence in (("entropy_pearson", self.pearson), ("entropy_spearman", self.spearman)):
            if influence is not None:
                influences[name] = influence(model.entropy, human)
        return influences


# By how far people agree


def bins_of(columns: np.ndarray, place: np.ndarray, limits: np.ndarray) -> tuple[AgreementBin, ...]:
    """The means of each bin.

    Args:
        columns: (4, c), the fields of `AgreementBin` in their order, for each triplet; (3, c) without probabilities.
        place: (c,), the bin of each; see `places_of`.
        limits: of the bins.
    """
    sizes = np.bincount(place, minlength=len(limits) - 1)
    bins = []
    for k, size in enumerate(sizes.tolist()):
        means: list[Estimate | None] = [Estimate(mean) for mean in columns[:, place == k].mean(axis=1)] if size else []
        means += [None] * (4 - len(means))
        bins.append(AgreementBin(float(limits[k]), float(limits[k + 1]), size, *means))
    return tuple(bins)


def places_of(values: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """(c,): the bin of each majority share, or entropy; 3/10 and an edge 0.3 may differ in the last bit."""
    return np.clip(np.searchsorted(limits, values + 1e-12, side="right") - 1, 0, len(limits) - 2)


@dataclass(frozen=True)
class AgreementBin:
    """The triplets on which participants agree to this extent; None in an empty bin or without probabilities."""

    # low, high: of the majority share, or of the entropy of people's answers in nats; low <= value < high, in the last
    # bin also value = high.
    low: float
    high: float
    n_distinct: int  # triplets in the bin.
    majority_share: Estimate | None  # mean, what the best model could have as accuracy.
    accuracy: Estimate | None  # mean share of people's answers that the model predicts.
    majority_accuracy: Estimate | None  # mean credit of the model when the majority's answer is the right one.
    majority_probability: Estimate | None  # mean probability that the model gives to the majority's answer.


ACCURACIES = ("accuracy", "majority_accuracy")
CORRELATIONS = ("share_pearson", "entropy_pearson", "entropy_spearman")
WITHIN = {
    "majority_share": FRACTION, "majority_probability": FRACTION, "kl": POSITIVE,
    "model_entropy": (0.0, math.log(3.0)), "human_entropy": (0.0, math.log(3.0)),
    "js_distance": (0.0, math.sqrt(math.log(2.0))),
}
Values = Callable[
    [np.ndarray, np.ndarray], Mapping[str, np.ndarray]
]  # of counts (m, 3), answers to these triplets (m,)


@dataclass(frozen=True)
class AgreementErrors:
    """The groups of dependent triplets and answers, which are found once for all figures."""

    plan: Resampling  # over what intervals are.
    triplets: Dependence  # by their objects, or each by itself.
    entries: Entries | None  # who gave which answers; None where people don't count.
    people: Dependence | None  # the entries by their objects and people, or None.
    numbers: tuple[EffectiveNumber, ...]  # effective ones.

    @classmethod
    def of(cls, triplets: np.ndarray, entries: Entries | None, plan: Resampling) -> AgreementErrors:
        """The errors of means over distinct triplets (c, 3); the plan says what intervals generalize over."""
        over_people = "subjects" in plan.by
        if over_people and entries is None:
            raise InputError(
                "subjects must identify who answered each triplet for intervals over participants; got none"
            )
        items = np.unique(triplets, return_inverse=True)[1].reshape(triplets.shape)
        rows = Resampling("triplets" if plan.by == "triplets" else "objects")
        people, clusters = None, Clusters.of(items)
        if over_people and entries is not None:
            clusters = Clusters.of(items[entries.sets], entries.persons)
            people = Dependence.of(clusters, Resampling("objects+subjects"))
        dependence = Dependence.of(Clusters.of(items), rows)
        numbers = effective_numbers(clusters, plan.by)
        return cls(plan, dependence, entries if over_people else None, people, numbers)

    def with_intervals(
        self, estimates: Mapping[str, float], values: Values, counts: np.ndarray, weights: np.ndarray | None = None
    ) -> dict[str, Estimate]:
        """Each figure with its interval; one whose error is not known is left out.

        Args:
            estimates: by figure.
            values: of each triplet, by figure.
            counts: (c, 3), the answers.
            weights: (c,) of the triplets; None: all count the same.
        """
        weights = np.ones(len(counts)) if weights is None else weights
        by_figure = {name: one for name, one in values(counts, np.arange(len(counts))).items()
                     if name in estimates and np.isfinite(estimates[name])}
        if not by_figure or not are_enough(self.numbers):
            return {}
        table = np.stack([weights, *(weights * one for one in by_figure.values())], axis=1)
        errors = self.triplets.errors(table)
        changes = None if self.entries is None else self._changes(values, counts, weights / weights.sum())
        known: dict[str, Estimate] = {}
        for k, name in enumerate(by_figure):
            error, degrees = self._error(
                float(errors.errors[k]), float(errors.degrees_of_means[k]), None if changes is None else changes[name]
            )
            if error == error:
                ci = self._interval(name, estimates[name], error, degrees, errors.rows)
                known[name] = Estimate(estimates[name], ci)
        return known

    def _changes(self, values: Values, counts: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
        """(e,) by figure: how much it changes without each entry."""
        entries = self.entries
        assert entries is not None
        without = counts[entries.sets] - entries.own
        there = without.any(axis=1)
        sets, whole = entries.sets, values(counts, np.arange(len(counts)))
        left = values(without[there], sets[there])
        changes_of = {}
        for name, each in whole.items():
            changes = np.zeros(len(sets))
            changes[there] = each[sets[there]] - left[name]
            changes_of[name] = weights[sets] * centered_changes(changes, entries, len(counts))
        return changes_of

    def _error(self, error: float, degrees: float, changes: np.ndarray | None) -> tuple[float, float]:
        """The standard error with that over people, and its degrees of freedom; NaN where it is not known."""
        if changes is None or self.people is None:
            return error, degrees
        fewest = min(one.value * (one.count - 1) / one.count for one in self.numbers)
        if self.plan.by == "subjects":
            return math.sqrt(variance_with_people(0.0, self.people, changes, over_objects=False)), fewest
        return math.sqrt(variance_with_people(error**2, self.people, changes)), min(degrees, fewest)

    def _interval(self, name: str, estimate: float, error: float, degrees: float, rows: float) -> Interval:
        if name in CORRELATIONS:
            return correlation_interval(estimate, error, degrees, self.plan)
        if name in ACCURACIES:
            return proportion_interval(estimate, error, degrees, rows, self.plan)
        return student_interval(estimate, error, degrees, self.plan, WITHIN[name])
