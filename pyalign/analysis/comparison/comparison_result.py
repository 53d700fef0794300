"""What `pyalign.compare` finds."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

from pyalign._dataclass import dataclass
from pyalign._result import OfTask, Result, picked
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.stats.components import Components
from pyalign.typing import Correction

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class ModelLayer:
    """The model and the layer that a representation comes from."""

    of: str  # the model.
    name: str  # of the layer.
    place: int  # in the order of the model's layers here, from 0.
    known: bool  # whether the order is that of the manifest of an extraction; else it is that in which they were given.


@dataclass(frozen=True)
class ModelResult:
    """One model among several."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    model: str  # its name.
    accuracy: float  # fraction, of the triplets that all models could be scored on.
    # interval of the accuracy; None where none was asked for, or no two triplets are independent; so are the others.
    ci: Interval | None
    # nats; None of choices without probabilities, or where that of some human's choice is 0.
    cross_entropy: float | None
    cross_entropy_ci: Interval | None  # interval, nats.
    n_ties: int  # tied triplets, or answers that name none.
    rank: float  # by accuracy, 1 is best; equal accuracies share the mean of their ranks.
    # interval of the rank, that holds for all models together: one more than the models that are better, and one for
    # each that is not worse, by the simultaneous intervals of differences. By a bootstrap it is that of the resamples,
    # for each model by itself.
    rank_ci: Interval | None
    # its similarity measure; "similarity matrix" or "dissimilarity matrix" where one was given in place of embeddings.
    # None of choices, and in documents of earlier versions, where all models had that of the comparison.
    measure: str | None = None
    # how a model's own choices were given: "positions", "names" or "probabilities"; None where similarities decided.
    model_choices: str | None = None
    # which layer of which model it is; None where it is not one of several layers of a model.
    layer: ModelLayer | None = None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the accuracy, a fraction."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class PairResult:
    """Two models, a and b, on the same triplets. Whether they err on the same ones says `pyalign.error_consistency`."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    # a, b: their names.
    a: str
    b: str
    difference: float  # accuracy of a less that of b, a fraction.
    ci: Interval | None  # its interval, by itself; None where no two triplets are independent.
    p_value: float | None  # two-sided, of no difference.
    p_adjusted: float | None  # the same, corrected over all pairs by the rule of the comparison.
    cross_entropy_difference: float | None  # nats, a less b; None where one of them has none.
    cross_entropy_ci: Interval | None  # its interval.
    # interval of the difference that holds for all pairs together (max-t); None by a bootstrap.
    simultaneous_ci: Interval | None = None
    # the p-value that belongs to it: that of the largest of all pairs' t under no difference anywhere.
    p_max_t: float | None = None
    # of a difference of at least the margin of the comparison either way: small where the two are equivalent within it;
    # None without a margin.
    p_equivalence: float | None = None
    p_equivalence_adjusted: float | None = None  # the same, corrected as `p_adjusted` is.
    # variance components of the difference of the credits of an answer, square fractions: how much objects,
    # participants and both account for. None without intervals in closed form.
    components: Components | None = None
    cross_entropy_components: Components | None = None  # the same of the difference of cross-entropies, square nats.

    @property
    def standard_error(self) -> float | None:
        """The standard error of the difference, a fraction."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class BestModel:
    """The best of the models, with a figure that is free of the choice."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    model: str  # the most accurate on all triplets.
    in_sample_accuracy: float  # its accuracy there, which the choice has pushed up.
    # fraction: chosen on the triplets of one half of the objects, scored on those of the other, mean over the splits.
    accuracy: float
    ci: Interval | None  # its interval.
    chosen: Mapping[str, float]  # how often each model was chosen, a fraction of the choices.
    n_choices: int  # how many there were: two for each split that left triplets on both sides.
    seed: int  # of the splits.

    @property
    def standard_error(self) -> float | None:
        """The standard error, a fraction, of the accuracy that is free of the choice."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class Comparison(OfTask, Result):
    """What `compare` found."""

    command: ClassVar[str] = "compare"
    rows: ClassVar[str] = "models"
    filled: ClassVar = ("models",)
    derived: ClassVar[tuple[str, ...]] = ("chance",)
    along: ClassVar = {"covariance": ("models", "models"), "cross_entropy_covariance": ("models", "models")}
    among: ClassVar = {"models.model": ("pairs.a", "pairs.b", "baseline", "best.model", "best_layers.model")}

    models: tuple[ModelResult, ...]  # in the order in which they were given.
    pairs: tuple[PairResult, ...]  # every two of them, or each with the baseline.
    n_triplets: int  # triplets that all models were scored on.
    # triplets left out because they touch a row with NaN or infinity, or of a matrix a pair that is NaN, or have no
    # answer, in any of them.
    n_dropped: int
    resamples: int | None  # of a bootstrap, else None.
    seed: int  # the seed of all random draws.
    measure: str | None  # of all embeddings; None where they have different ones, or there are none.
    # temperature, ties: the options; no temperature of choices only.
    temperature: float | None
    ties: str
    # ci_by, ci_method, confidence: over what intervals are, how they were found, how often they hold; None without.
    ci_by: str | None
    ci_method: str | None
    confidence: float | None
    correction: Correction  # how `p_adjusted` is corrected over all pairs: "holm" or "benjamini-hochberg".
    n_objects: int  # objects in them.
    n_subjects: int | None  # people who answered them; None where intervals do not count people.
    # of the accuracies (m, m), in the order of the models, positive semi-definite; None by a bootstrap, or without
    # intervals.
    covariance: Matrix | None = None
    # the same of the cross-entropies, square nats; None also where a model has none.
    cross_entropy_covariance: Matrix | None = None
    # effective_objects, effective_subjects: effective numbers of those that intervals are over; None where they are at
    # least half of the count. See `pyalign.stats.degrees`.
    effective_objects: float | None = None
    effective_subjects: float | None = None
    baseline: str | None = None  # the model that all others are compared with; None: every two are.
    # within which models are held to be equivalent, a fraction; None where that is not tested.
    margin: float | None = None
    best: BestModel | None = None  # the best of the models, where it was asked for.
    triplets: str | None = None  # where the triplets came from, or None.
    task: str = ODD_ONE_OUT  # the task of the triplets; `chance` follows from it.
    # of weighted answers, how many of equal weight would say as much; None where all count the same.
    effective_answers: float | None = None
    # the best layer of each model of which there are several, where it was asked for.
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
