"""Odd-one-out accuracy with what is needed to trust it."""

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
BY = ("objects", "triplets", "subjects")  # what intervals are over


@dataclass(frozen=True)
class GroupScore:
    """The score of the triplets that share a label.

    Attributes:
        group: the label.
        accuracy: fraction, ties counted as in the whole.
        n_triplets: how many triplets have the label.
        cross_entropy: nats per triplet.
        ci: interval of the accuracy, or None: not asked for, or resamples that hold none of the group.
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


def score(
    x: object,
    triplets: object,
    *,
    measure: str | Measure = "cosine",
    temperature: float = 1.0,
    ties: str = "fractional",
    nan: str = "raise",
    backend: str = "auto",
    ci: str | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    ci_method: str = "bootstrap",
    subjects: object = None,
    groups: object = None,
    ceiling: float | None = None,
) -> Score:
    """Odd-one-out accuracy of embeddings on human triplets.

    Args:
        x: (n, d) real numbers, one row per item.
        triplets: (t, 3) integers in [0, n); the last column is the item that the person called odd.
        measure: see `pyalign.similarity`.
        temperature: divides the similarities before the softmax; concerns cross-entropy and entropy alone.
        ties: what a tie for the most similar pair counts. ``"fractional"``: 1/m when the human's pair is among the m
            tied ones, the only rule whose expectation is right for a random model; ``"wrong"``: nothing;
            ``"human_alignment"``: 1 for a two-way tie, nothing for a three-way one, as in the published code.
        nan: ``"raise"``, or ``"omit"`` to leave out triplets that touch a row with NaN or infinity.
        backend: see `pyalign.similarity`.
        ci: what intervals and standard errors are over; None: there are none. ``"objects"``: other objects like
            these, by the pigeonhole bootstrap; ``"triplets"``: other triplets of these objects; ``"subjects"``: other
            people.
        confidence: of the intervals.
        resamples: bootstrap resamples.
        seed: the same seed gives the same intervals on every backend and with any number of threads.
        ci_method: ``"bootstrap"``, or ``"analytic"`` for closed forms: estimate +- z standard errors, which for objects
            are clustered by shared objects.
        subjects: (t,) who answered each triplet, any labels; for ``ci="subjects"``.
        groups: (t,) labels of the triplets, to be scored each by itself too.
        ceiling: noise ceiling (`pyalign.noise_ceiling`), a fraction above 1/3; gives `fraction_of_ceiling`.

    Returns:
        A `Score`.

    Raises:
        InputError: as `pyalign.odd_one_out`; for an unknown rule; for resamples that leave no triplet.

    Source: Muttenthaler et al., "Human alignment of neural network representations", ICLR 2023, section 3; Owen, "The
    pigeonhole bootstrap", Annals of Applied Statistics 2007.

    Example:
        >>> import numpy as np
        >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> score(x, [[0, 1, 2], [2, 3, 0], [0, 2, 3]]).accuracy.__round__(3)
        0.667
    """
    if ci is None and groups is None:
        results, n_dropped = score_triplets(
            x, triplets, measure=measure, temperature=temperature, ties=ties, nan=nan, backend=backend
        )
        result = summarise(results, n_dropped, measure=measure, temperature=temperature, ties=ties)
    else:
        from pyalign.analysis import outcomes, with_intervals  # they build on this module

        plan = with_intervals.plan_of(ci, ci_method, confidence, resamples, seed)
        options: dict[str, Any] = {"measure": measure, "temperature": temperature, "ties": ties, "nan": nan}
        found = outcomes.triplet_outcomes(x, triplets, **options, backend=backend)
        result = with_intervals.with_intervals(found, triplets, plan, subjects=subjects, groups=groups)
    return result if ceiling is None else with_ceiling(result, ceiling)


def with_ceiling(result: Score, ceiling: float) -> Score:
    """The score with its place between chance and a noise ceiling."""
    from pyalign.analysis.ceiling import fraction_of_ceiling  # few need it

    return replace(result, ceiling=ceiling, fraction_of_ceiling=fraction_of_ceiling(result.accuracy, ceiling))


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
        x, triplets, kept = _without_bad_rows(x, triplets, backend)
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


def accuracy_of(sums: Sums, n: int, ties: str) -> float:
    """Accuracy (fraction) of n triplets under a rule for ties."""
    alone, two_way, three_way = sums.right
    if ties == "wrong":
        return alone / n
    if ties == "human_alignment":
        return (alone + two_way) / n
    return (alone + two_way / 2 + three_way / 3) / n


def _without_bad_rows(x: object, triplets: object, backend: str) -> tuple[Any, Any, np.ndarray | None]:
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
