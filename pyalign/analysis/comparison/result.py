"""What `pyalign.compare` finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from pyalign._result import OfTask, Result, picked
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.stats.components import Components
from pyalign.typing import Correction

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class ModelLayer:
    """The model and the layer that a representation comes from.

    Attributes:
        of: the model.
        name: of the layer.
        place: in the order of the model's layers here, from 0.
        known: whether the order is that of the manifest of an extraction; else it is that in which they were given.
    """

    of: str
    name: str
    place: int
    known: bool


@dataclass(frozen=True)
class ModelResult:
    """One model among several.

    Attributes:
        model: its name.
        accuracy: fraction, of the triplets that all models could be scored on.
        ci: interval of the accuracy; None where none was asked for, or no two triplets are
            independent; so are the others.
        cross_entropy: nats; None of choices without probabilities, or where that of some human's choice is 0.
        cross_entropy_ci: interval, nats.
        n_ties: tied triplets, or answers that name none.
        rank: by accuracy, 1 is best; equal accuracies share the mean of their ranks.
        rank_ci: interval of the rank, that holds for all models together: one more than the models that are better, and
            one for each that is not worse, by the simultaneous intervals of differences. By a bootstrap it is that of
            the resamples, for each model by itself.
        measure: its similarity measure; "similarity matrix" or "dissimilarity matrix" where one was given in place of
            embeddings. None of choices, and in documents of earlier versions, where all models had that of the
            comparison.
        model_choices: how a model's own choices were given: "positions", "names" or "probabilities"; None where
            similarities decided.
        layer: which layer of which model it is; None where it is not one of several layers of a model.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    model: str
    accuracy: float
    ci: Interval | None
    cross_entropy: float | None
    cross_entropy_ci: Interval | None
    n_ties: int
    rank: float
    rank_ci: Interval | None
    measure: str | None = None
    model_choices: str | None = None
    layer: ModelLayer | None = None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the accuracy, a fraction."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class PairResult:
    """Two models, a and b, on the same triplets. Whether they err on the same ones says `pyalign.error_consistency`.

    Attributes:
        a, b: their names.
        difference: accuracy of a less that of b, a fraction.
        ci: its interval, by itself; None where no two triplets are independent.
        p_value: two-sided, of no difference.
        p_adjusted: the same, corrected over all pairs by the rule of the comparison.
        cross_entropy_difference: nats, a less b; None where one of them has none.
        cross_entropy_ci: its interval.
        simultaneous_ci: interval of the difference that holds for all pairs together (max-t); None by a bootstrap.
        p_max_t: the p-value that belongs to it: that of the largest of all pairs' t under no difference anywhere.
        p_equivalence: of a difference of at least the margin of the comparison either way: small where the two are
            equivalent within it; None without a margin.
        p_equivalence_adjusted: the same, corrected as `p_adjusted` is.
        components: variance components of the difference of the credits of an answer, square fractions: how much
            objects, participants and both account for. None without intervals in closed form.
        cross_entropy_components: the same of the difference of cross-entropies, square nats.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    a: str
    b: str
    difference: float
    ci: Interval | None
    p_value: float | None
    p_adjusted: float | None
    cross_entropy_difference: float | None
    cross_entropy_ci: Interval | None
    simultaneous_ci: Interval | None = None
    p_max_t: float | None = None
    p_equivalence: float | None = None
    p_equivalence_adjusted: float | None = None
    components: Components | None = None
    cross_entropy_components: Components | None = None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the difference, a fraction."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class BestModel:
    """The best of the models, with a figure that is free of the choice.

    Attributes:
        model: the most accurate on all triplets.
        in_sample_accuracy: its accuracy there, which the choice has pushed up.
        accuracy: fraction: chosen on the triplets of one half of the objects, scored on those of the other, mean over
            the splits.
        ci: its interval.
        chosen: how often each model was chosen, a fraction of the choices.
        n_choices: how many there were: two for each split that left triplets on both sides.
        seed: of the splits.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    model: str
    in_sample_accuracy: float
    accuracy: float
    ci: Interval | None
    chosen: Mapping[str, float]
    n_choices: int
    seed: int

    @property
    def standard_error(self) -> float | None:
        """The standard error, a fraction, of the accuracy that is free of the choice."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class Comparison(OfTask, Result):
    """What `compare` found.

    Attributes:
        models: in the order in which they were given.
        pairs: every two of them, or each with the baseline.
        n_triplets: triplets that all models were scored on.
        n_objects: objects in them.
        n_subjects: people who answered them; None where intervals do not count people.
        n_dropped: triplets left out because they touch a row with NaN or infinity, or of a matrix a pair that is NaN,
            or have no answer, in any of them.
        resamples: of a bootstrap, else None.
        seed: the seed of all random draws.
        measure: of all embeddings; None where they have different ones, or there are none.
        temperature, ties: the options; no temperature of choices only.
        ci_by, ci_method, confidence: over what intervals are, how they were found, how often they hold; None without.
        correction: how `p_adjusted` is corrected over all pairs: "holm" or "benjamini-hochberg".
        covariance: of the accuracies (m, m), in the order of the models, positive semi-definite; None by a bootstrap,
            or without intervals.
        cross_entropy_covariance: the same of the cross-entropies, square nats; None also where a model has none.
        effective_objects, effective_subjects: effective numbers of those that intervals are over; None where they are
            at least half of the count. See `pyalign.stats.effective`.
        baseline: the model that all others are compared with; None: every two are.
        margin: within which models are held to be equivalent, a fraction; None where that is not tested.
        best: the best of the models, where it was asked for.
        triplets: where the triplets came from, or None.
        task: the task of the triplets; `chance` follows from it.
        effective_answers: of weighted answers, how many of equal weight would say as much; None where all count the
            same.
        best_layers: the best layer of each model of which there are several, where it was asked for.
    """

    command: ClassVar[str] = "compare"
    rows: ClassVar[str] = "models"
    filled: ClassVar = ("models",)
    derived: ClassVar[tuple[str, ...]] = ("chance",)
    along: ClassVar = {"covariance": ("models", "models"), "cross_entropy_covariance": ("models", "models")}
    among: ClassVar = {"models.model": ("pairs.a", "pairs.b", "baseline", "best.model", "best_layers.model")}

    models: tuple[ModelResult, ...]
    pairs: tuple[PairResult, ...]
    n_triplets: int
    n_dropped: int
    resamples: int | None
    seed: int
    measure: str | None
    temperature: float | None
    ties: str
    ci_by: str | None
    ci_method: str | None
    confidence: float | None
    correction: Correction
    n_objects: int
    n_subjects: int | None
    covariance: Matrix | None = None
    cross_entropy_covariance: Matrix | None = None
    effective_objects: float | None = None
    effective_subjects: float | None = None
    baseline: str | None = None
    margin: float | None = None
    best: BestModel | None = None
    triplets: str | None = None
    task: str = ODD_ONE_OUT
    effective_answers: float | None = None
    best_layers: tuple[BestModel, ...] | None = None

    def __getitem__(self, k: int | str) -> ModelResult:
        """A model by its name or number."""
        return picked(self.models, k)

    @property
    def between_neighbors(self) -> tuple[PairResult, ...]:
        """The pairs of models that stand next to each other by rank."""
        ranked = sorted(self.models, key=lambda model: model.rank)
        neighbors = {frozenset((a.model, b.model)) for a, b in pairwise(ranked)}
        return tuple(pair for pair in self.pairs if frozenset((pair.a, pair.b)) in neighbors)

    @property
    def layers(self) -> tuple[ModelResult, ...] | None:
        """The models that are layers, model by model, in their order; None where there are none."""
        of = list(dict.fromkeys(model.layer.of for model in self.models if model.layer is not None))
        found = [(of.index(model.layer.of), model.layer.place, model) for model in self.models if model.layer]
        return tuple(model for _, _, model in sorted(found, key=lambda one: one[:2])) or None
