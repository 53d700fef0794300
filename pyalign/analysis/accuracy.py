"""One pass over the triplets, and the odd-one-out accuracy that comes of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.backends import Sums
from pyalign.errors import InputError
from pyalign.measures import Measure, get_measure
from pyalign.ops._door import open_door
from pyalign.ops._prepare import finite_mask
from pyalign.ops.triplets import TripletResults, checked_triplets, run_triplets

TIES = ("fractional", "wrong", "human_alignment")
NAN = ("raise", "omit")
CHANCE = 1 / 3
BY = ("objects", "triplets", "subjects")  # what intervals are over


@dataclass(frozen=True)
class GroupScore:
    """The score of the triplets that share a label.

    Attributes:
        group: the label.
        accuracy: fraction, ties counted as in the whole.
        n_triplets: how many triplets have the label.
        cross_entropy: nats per triplet.
        ci: interval of the accuracy, or None: not asked for, or resamples that hold none of the group, or for the
            closed form a single triplet, person or set of objects.
        standard_error: of the accuracy, or None likewise.
    """

    group: str
    accuracy: float
    n_triplets: int
    cross_entropy: float
    ci: tuple[float, float] | None = None
    standard_error: float | None = None


@dataclass(frozen=True, repr=False)
class Score:
    """How well similarities predict which item people called odd.

    Attributes:
        accuracy: fraction of triplets in which the human's pair is the most similar one, ties counted by `ties`.
        n_triplets: triplets that were scored.
        n_ties: triplets in which two or three pairs tie for the most similar.
        n_dropped: triplets left out because they touch a row with NaN or infinity (``nan="omit"``).
        cross_entropy: nats per triplet, mean of -log p(human's choice).
        mean_entropy: nats per triplet, of the model's own choice probabilities; at most log 3.
        measure: the similarity measure.
        temperature: p = softmax(s / temperature).
        ties: the rule for ties.
        backend: what computed it.
        ci: interval of the accuracy, (low, high) fractions; None unless asked for, as all that follow.
        cross_entropy_ci: interval of the cross-entropy, nats.
        standard_error: of the accuracy, a fraction.
        cross_entropy_standard_error: nats.
        ci_by: what is drawn anew: "objects", "triplets" or "subjects".
        ci_method: "bootstrap" or "analytic".
        confidence: of the intervals, a fraction.
        resamples: bootstrap resamples.
        seed: of the resamples.
        ceiling: the noise ceiling, a fraction.
        fraction_of_ceiling: how far the accuracy has come from chance (1/3, at 0) to the ceiling (at 1).
        groups: the scores of labelled groups of triplets.
    """

    accuracy: float
    n_triplets: int
    n_ties: int
    n_dropped: int
    cross_entropy: float
    mean_entropy: float
    measure: str
    temperature: float
    ties: str
    backend: str
    ci: tuple[float, float] | None = None
    cross_entropy_ci: tuple[float, float] | None = None
    standard_error: float | None = None
    cross_entropy_standard_error: float | None = None
    ci_by: str | None = None
    ci_method: str | None = None
    confidence: float | None = None
    resamples: int | None = None
    seed: int | None = None
    ceiling: float | None = None
    fraction_of_ceiling: float | None = None
    groups: tuple[GroupScore, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a dict that json can write, without those that were not asked for."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def __repr__(self) -> str:
        dropped = f", {self.n_dropped:,} dropped" if self.n_dropped else ""
        interval = f" [{self.ci[0]:.3%}, {self.ci[1]:.3%}] over {self.ci_by}" if self.ci else ""
        return (
            f"Score(accuracy={self.accuracy:.3%}{interval} of {self.n_triplets:,} triplets, {self.n_ties:,} ties "
            f"({self.ties}){dropped}, cross_entropy={self.cross_entropy:.5f} nats, "
            f"mean_entropy={self.mean_entropy:.5f} nats, measure={self.measure!r}, "
            f"temperature={self.temperature:g}, backend={self.backend!r})"
        )


def score_triplets(
    x: object,
    triplets: object,
    *,
    measure: str | Measure = "cosine",
    temperature: float = 1.0,
    ties: str = "fractional",
    nan: str = "raise",
    backend: str = "auto",
    choices: bool = False,
    probabilities: bool = False,
    similarities: bool = False,
) -> tuple[TripletResults, int]:
    """The pass behind `score`, with arrays where wanted, and the number of dropped triplets.

    A dropped triplet has choice -1, probabilities NaN and similarities NaN.
    """
    _checks.one_of(ties, TIES, "ties")
    _checks.one_of(nan, NAN, "nan")
    kept = None
    if nan == "omit":
        x, triplets, kept = without_bad_rows(x, triplets, backend)
    results = run_triplets(
        x,
        triplets,
        measure=measure,
        temperature=temperature,
        backend=backend,
        choices=choices,
        probabilities=probabilities,
        similarities=similarities,
        sums=True,
    )
    if kept is None:
        return results, 0
    return _spread(results, kept), int((~kept).sum())


def summarise(
    results: TripletResults, n_dropped: int, *, measure: str | Measure, temperature: float, ties: str
) -> Score:
    """A `Score` from the sums of one pass."""
    sums = results.sums
    assert sums is not None
    n = results.n_triplets
    cross_entropy, entropy = sums.cross_entropy / n, sums.entropy / n
    if not (np.isfinite(cross_entropy) and np.isfinite(entropy)):
        raise InputError(f"temperature must be large enough for a finite cross-entropy; got {temperature:g}")
    return Score(
        accuracy=accuracy_of(sums, n, ties),
        n_triplets=n,
        n_ties=sum(sums.ties),
        n_dropped=n_dropped,
        cross_entropy=cross_entropy,
        mean_entropy=entropy,
        measure=str(get_measure(measure)),
        temperature=float(temperature),
        ties=ties,
        backend=results.backend,
    )


def fraction_of_ceiling(accuracy: float, ceiling: float) -> float:
    """How far an accuracy has come on the way from chance (1/3) to the ceiling: 0 at chance, 1 at the ceiling.

    Args:
        accuracy: a fraction.
        ceiling: a fraction above 1/3, such as ``noise_ceiling(...).ceiling``.

    Raises:
        InputError: a fraction that is none, or a ceiling that is not above chance.

    Source: Schrimpf et al., "Brain-Score", 2018: scores are divided by their ceiling, here both above chance.

    Example:
        >>> round(fraction_of_ceiling(0.5, 0.6722), 4)
        0.4918
    """
    accuracy, ceiling = (
        _checks.real_number(value, name) for value, name in ((accuracy, "accuracy"), (ceiling, "ceiling"))
    )
    if not 0 <= accuracy <= 1:
        raise InputError(f"accuracy must be a fraction from 0 to 1; got {accuracy!r}")
    if not CHANCE < ceiling <= 1:
        raise InputError(f"ceiling must be a fraction above chance (1/3), at most 1; got {ceiling!r}")
    return (accuracy - CHANCE) / (ceiling - CHANCE)


def accuracy_of(sums: Sums, n: int, ties: str) -> float:
    """Accuracy (fraction) of n triplets under a rule for ties."""
    alone, two_way, three_way = sums.right
    if ties == "wrong":
        return alone / n
    if ties == "human_alignment":
        return (alone + two_way) / n
    return (6 * alone + 3 * two_way + 2 * three_way) / (6 * n)  # whole numbers: rounded once


def without_bad_rows(x: object, triplets: object, backend: str) -> tuple[Any, Any, np.ndarray | None]:
    """The finite rows of x, the triplets among them with rows numbered anew, and which triplets those are."""
    door = open_door(backend, x)
    rows = door.rows(x)
    index = checked_triplets(door, triplets, len(rows))
    finite = finite_mask(door.backend, rows)
    if finite.all():
        return rows, index, None
    items = door.host(index)
    kept: np.ndarray = finite[items].all(axis=1)
    if not kept.any():
        raise InputError(f"x must be finite in the rows of at least one triplet; all {len(kept)} touch NaN or infinity")
    renumbered = np.cumsum(finite) - 1
    return door.take(rows, finite), renumbered[items[kept]], kept


def _spread(results: TripletResults, kept: np.ndarray) -> TripletResults:
    """Arrays of the kept triplets in the places that they had among all; numpy arrays."""
    choices, probabilities, similarities = (
        None if array is None else _placed(_checks.as_array(array, "result", "(t, ...)"), kept)
        for array in (results.choices, results.probabilities, results.similarities)
    )
    return replace(results, choices=choices, probabilities=probabilities, similarities=similarities)


def _placed(array: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """-1 or NaN in the other places."""
    everywhere = np.full((len(kept), *array.shape[1:]), np.nan if array.dtype.kind == "f" else -1, array.dtype)
    everywhere[kept] = array
    return everywhere
