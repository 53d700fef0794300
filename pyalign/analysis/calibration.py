"""The temperature at which a model's choice probabilities fit people's choices best, and how well they then do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.analysis.accuracy import NAN, TIES, score_triplets
from pyalign.analysis.answers import Answers
from pyalign.analysis.reliability import Reliability, equal_mass_edges, equal_width_edges, reliability
from pyalign.analysis.targets import as_targets
from pyalign.analysis.temperature import interval, minimise, standard_error
from pyalign.backends import LossSums, get_host_backend
from pyalign.errors import InputError
from pyalign.measures import Measure, get_measure
from pyalign.ops._door import open_door
from pyalign.ops.triplets import checked_triplets
from pyalign.stats.divergences import entropy, js_distance, kl_of_logs, log_choice_probabilities
from pyalign.stats.splits import SPLITS, TripletHoldOut

MOST_BINS = 10_000


@dataclass(frozen=True)
class Part:
    """How the model does on one part of the triplets, before (T = 1) and after (the fitted T).

    Attributes:
        n_triplets: triplets in the part.
        n_answers: answers to them: the sum of the counts; elsewhere one a triplet.
        accuracy: fraction of the answers that are the model's choice; no temperature changes it.
        cross_entropy_before, cross_entropy: nats per answer, mean of -log p(answer).
    """

    n_triplets: int
    n_answers: int
    accuracy: float
    cross_entropy_before: float
    cross_entropy: float


@dataclass(frozen=True)
class Divergences:
    """How far the model's probabilities are from the soft targets of the test part, before and after.

    Attributes:
        target_entropy: nats; the least cross-entropy that any model could have.
        kl_before, kl: nats, KL(targets || model): cross-entropy less `target_entropy`.
        js_distance_before, js_distance: mean root of the Jensen-Shannon divergence in nats; at most 0.8326.

    All are means over answers.
    """

    target_entropy: float
    kl_before: float
    kl: float
    js_distance_before: float
    js_distance: float


@dataclass(frozen=True, repr=False)
class Calibration:
    """A fitted temperature, and how well calibrated the probabilities are with it.

    Attributes:
        temperature: p = softmax(s / temperature), in the units of the similarities.
        standard_error: of the temperature, by the sandwich estimator, triplets taken for independent.
        temperature_ci: 95 % interval, from that error in log temperature.
        fit, test: the part that chose the temperature, and the one that didn't; the same where nothing was split.
        ece_equal_width_before, ece_equal_mass_before: expected calibration error of the test part at T = 1.
        equal_width, equal_mass: reliability of the test part at the fitted T, with its `ece`.
        divergences: from soft targets, or None for choices.
        targets: "choices" (the last item is odd), "counts" or "probabilities".
        split, held_out, seed: how the parts were drawn; None where nothing was split.
        n_unused: triplets in neither part, as their items are of both.
        n_dropped: triplets of the parts left out because they touch a row with NaN or infinity.
        measure, ties, backend: as in `pyalign.Score`.
        steps: of the optimisation.
    """

    temperature: float
    standard_error: float
    temperature_ci: tuple[float, float]
    fit: Part
    test: Part
    ece_equal_width_before: float
    ece_equal_mass_before: float
    equal_width: Reliability
    equal_mass: Reliability
    divergences: Divergences | None
    targets: str
    split: str | None
    held_out: float | None
    seed: int | None
    n_unused: int
    n_dropped: int
    measure: str
    ties: str
    backend: str
    steps: int

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a dict that json can write."""
        return asdict(self)

    def __repr__(self) -> str:
        return (
            f"Calibration(temperature={self.temperature:.5g} +- {self.standard_error:.2g}, fit on "
            f"{self.fit.n_triplets:,} triplets, {self.test.n_triplets:,} others: cross-entropy "
            f"{self.test.cross_entropy_before:.5f} -> {self.test.cross_entropy:.5f} nats, "
            f"ece {self.ece_equal_width_before:.4f} -> {self.equal_width.ece:.4f}, accuracy={self.test.accuracy:.3%}, "
            f"measure={self.measure!r}, targets={self.targets!r}, split={self.split!r}, backend={self.backend!r})"
        )


def calibrate(
    x: object,
    triplets: object,
    *,
    targets: object = None,
    measure: str | Measure = "cosine",
    split: str | None = "objects",
    held_out: float = 0.5,
    seed: int = 0,
    bins: int = 10,
    ties: str = "fractional",
    nan: str = "raise",
    backend: str = "auto",
) -> Calibration:
    """The temperature that minimises the cross-entropy of choices, fitted on one part and reported on another.

    Args:
        x: (n, d) real numbers, one row per item.
        triplets: (t, 3) integers in [0, n). Without targets the last column is the item that the person called odd.
        targets: None, or (t, 3) by odd position: integers are counts of answers, and a triplet then weighs as much as
            it has answers; floats are probabilities that sum to 1, such as those that `pyalign.choice_probabilities`
            gives for a concept embedding, and triplets weigh the same.
        measure: see `pyalign.similarity`.
        split: ``"objects"``: the items are split at random; the temperature is fitted on the triplets whose items are
            all in one part and reported on those whose items are all in the other. ``"triplets"``: triplets are split,
            whatever their items. None: fitted and reported on all.
        held_out: the fraction of objects (or triplets) to report on.
        seed: of the split.
        bins: of the reliability tables.
        ties: see `pyalign.score`.
        nan: see `pyalign.score`.
        backend: see `pyalign.similarity`; the temperature itself is fitted on the host.

    Returns:
        A `Calibration`.

    Raises:
        InputError: as `pyalign.score`; for targets that are no counts or probabilities; for a part without triplets;
            and where no temperature is best: the model agrees no better than chance, or with every answer.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017; for triplets Muttenthaler et al., ICLR
    2023, appendix on temperature scaling.

    Example:
        >>> from pyalign.datasets.simulate import random_embeddings, simulate
        >>> x = random_embeddings(200, 16)
        >>> people = simulate(x, 100_000, temperature=0.25)
        >>> calibration = calibrate(x, people.triplets)
        >>> abs(calibration.temperature - 0.25) < 4 * calibration.standard_error
        True
    """
    _checks.one_of(ties, TIES, "ties")
    _checks.one_of(nan, NAN, "nan")
    _check_bins(bins)
    door = open_door(backend, x)
    rows = door.rows(x)
    index = door.host(checked_triplets(door, triplets, len(rows)))
    soft = None if targets is None else as_targets(targets, len(index))
    parts = None
    if split is not None:
        _checks.one_of(split, SPLITS[:2], "split")
        _checks.fraction(held_out, "held_out")
        parts = next(TripletHoldOut(split, held_out, seed, len(rows)).split(index))
    chosen = None if parts is None else np.concatenate(parts)
    kept = index if chosen is None else index.take(chosen, axis=0)
    results, n_dropped = score_triplets(
        rows, kept, measure=measure, ties=ties, nan=nan, backend=backend, similarities=True
    )
    similarities = np.ascontiguousarray(_checks.as_array(results.similarities, "result", "(t, 3)"))
    soft = soft if soft is None or chosen is None else soft.take(chosen)
    answers = Answers(get_host_backend(backend), similarities, soft, ties)
    fit, test = (answers, answers) if parts is None else answers.halves(len(parts[0]))
    if n_dropped:
        fit, test = fit.present(), test.present()
    return _report(
        fit,
        test,
        bins,
        targets="choices" if soft is None else soft.kind,
        split=split,
        held_out=None if split is None else float(held_out),
        seed=None if split is None else int(seed),
        n_unused=len(index) - len(kept),
        n_dropped=n_dropped,
        measure=str(get_measure(measure)),
        ties=ties,
        backend=results.backend,
    )


def _check_bins(bins: int) -> None:
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or not 1 <= bins <= MOST_BINS:
        raise InputError(f"bins must be a whole number from 1 to {MOST_BINS:,}; got {bins!r}")


def _report(fit: Answers, test: Answers, bins: int, **how: Any) -> Calibration:
    """Fits on one part, looks at both."""
    minimum = minimise(fit.sums)
    at_minimum = fit.sums(minimum.beta)
    temperature = 1.0 / minimum.beta
    error = standard_error(at_minimum) * temperature**2
    before, unsure = test.with_confidences(1.0)
    after, sure = test.with_confidences(minimum.beta)
    accuracy, weights = test.accuracy(), test.weights
    edges, masses = equal_width_edges(bins), equal_mass_edges(sure, weights, bins)
    return Calibration(
        temperature=temperature,
        standard_error=error,
        temperature_ci=interval(temperature, error),
        fit=_part(fit, fit.accuracy(), fit.sums(1.0), at_minimum),
        test=_part(test, accuracy, before, after),
        ece_equal_width_before=reliability(unsure, accuracy, weights, edges).ece,
        ece_equal_mass_before=reliability(unsure, accuracy, weights, equal_mass_edges(unsure, weights, bins)).ece,
        equal_width=reliability(sure, accuracy, weights, edges),
        equal_mass=reliability(sure, accuracy, weights, masses),
        divergences=_divergences(test, temperature),
        steps=minimum.steps,
        **how,
    )


def _part(answers: Answers, accuracy: np.ndarray, before: LossSums, after: LossSums) -> Part:
    return Part(
        n_triplets=len(accuracy),
        n_answers=round(after.weight),
        accuracy=float(np.average(accuracy, weights=answers.weights)),
        cross_entropy_before=before.loss / before.weight,
        cross_entropy=after.loss / after.weight,
    )


def _divergences(answers: Answers, temperature: float) -> Divergences | None:
    if answers.soft is None:
        return None
    p, weights = answers.soft.p, answers.weights
    pairs = []
    for t in (1.0, temperature):
        logs = log_choice_probabilities(answers.similarities, t)
        pairs.append((kl_of_logs(p, logs), js_distance(p, np.exp(logs))))
    columns = entropy(p), pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1]
    return Divergences(*(float(np.average(column, weights=weights)) for column in columns))
