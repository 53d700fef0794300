"""What `pyalign.agreement` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyalign.analysis.several import Several
from pyalign.results import Result


@dataclass(frozen=True)
class AgreementBin:
    """The triplets on which people agree so far. Fractions; None in an empty bin.

    Attributes:
        low, high: of the majority share; low <= share < high, in the last bin also share = high.
        n_distinct: triplets in the bin.
        majority_share: mean, what the best model could have as accuracy.
        accuracy: mean share of people's answers that the model predicts.
        majority_accuracy: mean credit of the model when the majority's answer is the right one.
        majority_probability: mean probability that the model gives to the majority's answer.
    """

    low: float
    high: float
    n_distinct: int
    majority_share: float | None
    accuracy: float | None
    majority_accuracy: float | None
    majority_probability: float | None


@dataclass(frozen=True)
class Agreement(Result):
    """How a model's choices compare with those of many people, over distinct triplets that each count the same.

    Correlations are NaN where either side is constant.

    Attributes:
        n_distinct: triplets with at least `min_answers` answers, over which everything here is taken.
        n_answers: answers to them.
        n_dropped: such triplets left out because they touch a row with NaN or infinity (``nan="omit"``).
        share_pearson: correlation of the model's probabilities with people's shares, over all three choices of every
            triplet: 3 n_distinct pairs of numbers.
        entropy_pearson, entropy_spearman: correlation of the model's entropy with that of people.
        model_entropy, human_entropy: means, nats; that of people is too low for few answers.
        kl: mean Kullback-Leibler divergence of the model from people, nats: people || model.
        js_distance: mean Jensen-Shannon distance, the root of a divergence in nats; at most sqrt(log 2) = 0.8326.
        accuracy: mean share of people's answers that the model predicts.
        majority_accuracy: mean credit when the majority's answer is the right one; of m tied ones each counts 1/m.
        majority_share: mean, the highest `accuracy` that any model could have.
        bins: the same by majority share.
        min_answers, measure, temperature, ties, backend: how it was computed.
        embeddings: what the embeddings are called, or None.
        label: a shorter name for tables, or None.
    """

    command: ClassVar[str] = "agreement"

    n_distinct: int
    n_answers: int
    n_dropped: int
    share_pearson: float
    entropy_pearson: float
    entropy_spearman: float
    model_entropy: float
    human_entropy: float
    kl: float
    js_distance: float
    accuracy: float
    majority_accuracy: float
    majority_share: float
    bins: tuple[AgreementBin, ...]
    min_answers: int
    measure: str
    temperature: float
    ties: str
    backend: str
    embeddings: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class Agreements(Several[Agreement]):
    """The agreement of several embeddings, by several measures, with the same people.

    Attributes:
        results: an `Agreement` each, embeddings by embeddings.
        triplets: where the triplets came from, or None.
    """

    command: ClassVar[str] = "agreement"
    kind: ClassVar[type[Agreement]] = Agreement

    results: tuple[Agreement, ...]
