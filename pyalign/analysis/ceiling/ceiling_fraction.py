"""A noise ceiling as accuracies are held against it: how well it is known, and what its error shares with theirs.

The fraction of the ceiling is R = (a - c) / (k - c), with the accuracy a, the ceiling k and the chance level c. Its
interval holds the R for which a - c - R (k - c) may be 0 (Fieller), by the ends that the accuracy's own interval has:
where the ceiling has no error, the interval is that of the accuracy on the new scale. Where the ceiling's own interval
reaches chance there is none.

Where both come from the same answers, their errors are correlated. An answer adds its residual to the accuracy, and its
part of what its triplet adds to the ceiling; the covariance is that of two means over answers that share objects, as
`pyalign.stats.clustered` has it. People enter by what the ceiling would lose without a participant's answers to a
triplet.

Source: Fieller, "Some problems in interval estimation", JRSS B 1954; with intervals that are not symmetric, Donner and
Zou, "Closed-form confidence intervals for functions of the normal mean and standard deviation", 2012.
"""

from __future__ import annotations

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.analysis.answers import Repeats, first_answers
from pyalign.analysis.ceiling.leave_one_out import (
    NamedCeiling, NoiseCeiling, RepeatedSets, as_named_ceiling, leave_one_out, people_of_ceiling, repeated_sets,
)
from pyalign.analysis.ceiling.noise_ceiling import changes_without, majority_shares
from pyalign.data import Triplets, chance_of
from pyalign.data.provenance import Input
from pyalign.documents import Interval
from pyalign.stats.clustered import Dependence
from pyalign.stats.intervals import NORMAL, quantile, ratio_ends, ratio_error
from pyalign.stats.pooling import fit_by_answers
from pyalign.stats.resampling import codes_of

FIELLER = "fieller"
KNOWN = "the interval of the fraction of the ceiling treats the ceiling as known"


@dataclass(frozen=True)
class CeilingForScores:
    """One ceiling, for scores of some triplets."""

    # name, value: see `pyalign.analysis.ceiling.leave_one_out.as_named_ceiling`.
    name: str
    value: float
    ci: Interval | None = None  # its interval; None where its error is not known.
    # float64 (t, 2), what each of the t answers adds to the error of the ceiling, of objects and of people, in units in
    # which the ceiling is a mean over answers; None where it is of other answers.
    parts: np.ndarray | None = None

    @classmethod
    def of(cls, ceiling: NamedCeiling, triplets: Triplets, subjects: object = None) -> CeilingForScores:
        """The ceiling for scores on these triplets, which `subjects` answered where that is known."""
        name, value = as_named_ceiling(ceiling)
        people = people_of_ceiling(ceiling)
        if people is None:
            return cls(name, value)
        ci = getattr(people.ceilings, name).ci
        plain = triplets.answers is None and triplets.weights is None
        same = ci is not None and plain and _is_of(people, triplets)
        return cls(name, value, ci, _parts(name, triplets, subjects) if same else None)

    def interval(self, accuracy: float, ci: Interval, task: str, covariance: float = 0.0) -> Interval | None:
        """The interval of the fraction of the ceiling; None where the interval of the ceiling reaches chance.

        Args:
            accuracy: a fraction, with the interval `ci`.
            task: of the triplets.
            covariance: of the errors of the accuracy and of the ceiling.
        """
        chance = chance_of(task)
        over, whole = accuracy - chance, self.value - chance
        spread, error = 0.0, 0.0
        if self.ci is not None and self.ci.error is not None:
            levels = (quantile(one.confidence, NORMAL) for one in (ci, self.ci))
            spread, error = max(self.ci.high - self.value, self.value - self.ci.low), self.ci.error
            spread *= next(levels) / next(levels)
        own = ci.error or 0.0
        correlation = max(-1.0, min(1.0, covariance / (own * error))) if own * error > 0.0 else 0.0
        ends = ratio_ends(over, whole, (accuracy - ci.low, ci.high - accuracy), spread, correlation)
        if ends is None:
            return None
        both = correlation * own * error
        return replace(
            ci, low=ends[0], high=ends[1], method=ci.method if self.ci is None else FIELLER,
            error=ratio_error(over, whole, np.array([[own**2, both], [both, error**2]])),
        )

    def covariance(self, credits: np.ndarray, dependence: Dependence) -> float:
        """The covariance of the ceiling's error with that of the mean of credits (t,); 0 if the answers differ."""
        if self.parts is None:
            return 0.0
        table = np.column_stack([np.ones(len(credits)), credits, self.parts])
        candidates = dependence.errors(table).candidates
        if dependence.by == "subjects":
            return float(candidates[0][0, 2])
        if dependence.both is None:
            return float(candidates[0][0, 1])
        either, objects = candidates[:2]
        return float(objects[0, 1] + either[0, 2] - objects[0, 2])

    def note(self, ci: Interval | None, fraction_ci: Interval | None) -> tuple[str, ...]:
        """What a reader should know of the interval of the fraction, where the accuracy has one."""
        if ci is None:
            return ()
        if fraction_ci is None:
            return ("there is no interval of the fraction of the ceiling: that of the ceiling reaches chance",)
        if self.ci is None:
            return (f"{KNOWN}: it has no standard error",)
        if self.ci.by != ci.by:
            return (
                f"the interval of the fraction of the ceiling is over {ci.by}, with an error of the ceiling over "
                f"{self.ci.by}",
            )
        return ()


def _is_of(people: NoiseCeiling, triplets: Triplets) -> bool:
    """Whether a ceiling is that of these very answers, by the hash of its input."""
    inputs = () if people.provenance is None else people.provenance.inputs
    counted = any(one.name == "answers" for one in inputs)  # of the same rows, but other answers
    recorded = next((one for one in inputs if one.name == "triplets" and not counted), None)
    scored = Input.of("triplets", triplets)
    if recorded is None or (tuple(recorded.shape), recorded.dtype) != (scored.shape, scored.dtype):
        return False
    return recorded.sha256 is not None and recorded.sha256 == scored.sha256


def _parts(name: str, triplets: Triplets, subjects: object) -> np.ndarray:
    """See `CeilingForScores.parts`."""
    persons = None if subjects is None else codes_of(subjects, len(triplets))
    repeats, first = first_answers(triplets, persons)
    once = np.arange(len(triplets))[first]
    sets = repeated_sets(repeats, None if persons is None else persons[once])
    weights, weighted, changes = _sums(name, sets)
    total, t = weights.sum(), len(triplets)
    residuals = (weighted - weights * (weighted.sum() / total)) / total
    rows, set_of = _rows_of(repeats)
    parts = np.zeros((t, 2))
    parts[once[rows], 0] = t * (residuals / sets.answers)[set_of]
    if persons is not None and changes is not None:
        order = np.lexsort((persons[once[rows]], set_of))  # of the entries
        parts[once[rows[order]], 1] = t * changes / total
    return parts


def _sums(name: str, sets: RepeatedSets) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """(u,) the weights of the sets, (u,) weight times value, and (e,) what their sum loses without each entry."""
    if name == "lower":
        others = leave_one_out(sets)
        return others.table[:, 0], others.table[:, 1], others.worth
    totals, every = sets.totals, np.arange(len(sets.counts))
    totals = np.ones(len(every)) if totals is None else totals
    psi = majority_shares if name == "upper" else fit_by_answers(sets.counts, totals)[1]
    changes, entries = None, sets.entries
    if entries is not None:
        changes = changes_without(sets.counts, entries, psi) * totals[entries.sets]
    return totals, totals * psi(sets.counts, every), changes


def _rows_of(repeats: Repeats) -> tuple[np.ndarray, np.ndarray]:
    """The answers to triplets with two answers or more, and the number of the triplet among these."""
    chosen = repeats.answers >= 2
    rows = np.flatnonzero(chosen[repeats.inverse])
    return rows, (np.cumsum(chosen) - 1)[repeats.inverse[rows]]
