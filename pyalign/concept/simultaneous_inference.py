"""All concepts of a model at once: intervals that hold together, and whether each differs from the whole.

Intervals hold together where each has the confidence c^(1 / k) of k concepts, c that of all. That is exact where
concepts are independent, and safe where they depend on each other, for intervals around normal means.

The accuracy of a concept, p_c, is a part of that of all triplets, p, with w the share of the triplets. The variance of
p_c - p is V_c + V - 2 w V_c, and no less than the share (1 - w)^2 V_c that the concept has in it. V_c is that of a
concept with the accuracy of the whole, as in the score test that intervals of proportions belong to: p (1 - p) over the
number of independent triplets, p_c (1 - p_c) over the variance of p_c. What triplets of other concepts share with this
one through their objects is not counted: where it is positive, the test is safe. The degrees of freedom are those of
the concept.

Source: Sidak, "Rectangular confidence regions for the means of multivariate normal distributions", JASA 1967; Wilson,
JASA 1927.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyalign.analysis.comparison.paired_outcomes import ACCURACY, ClosedForm
from pyalign.concept.parts import Part
from pyalign.documents import Interval
from pyalign.stats.intervals import independent_rows, two_sided_p
from pyalign.stats.multiple import corrected, sidak


@dataclass(frozen=True)
class SimultaneousInference:
    """What a concept has among all concepts of a model; see `ConceptScore`."""

    simultaneous_ci: Interval | None = None
    p_value: float | None = None
    p_adjusted: float | None = None


def simultaneous_inference(k: int, parts: Sequence[Part], whole: Part, correction: str) -> list[SimultaneousInference]:
    """The simultaneous inference on each part for model k; an empty list without intervals in closed form."""
    count = sum(isinstance(part.intervals, ClosedForm) for part in parts)
    p_values = [_p_value(k, part, whole) for part in parts]
    return [
        SimultaneousInference(_simultaneous(k, part, count), p, adjusted)
        for part, p, adjusted in zip(parts, p_values, corrected(p_values, correction), strict=True)
    ]


def _simultaneous(k: int, part: Part, count: int) -> Interval | None:
    form = part.intervals
    if not isinstance(form, ClosedForm):
        return None
    plan = replace(form.plan, confidence_level=sidak(form.plan.confidence_level, count))
    interval = replace(form, plan=plan).own(k, ACCURACY)
    return None if interval is None else replace(interval, method="sidak", confidence=float(form.plan.confidence_level))


def _p_value(k: int, part: Part, whole: Part) -> float | None:
    """The p-value of no difference from the whole; None where the concept is the whole, or has no error."""
    own, all_ = part.intervals, whole.intervals
    if not (isinstance(own, ClosedForm) and isinstance(all_, ClosedForm)) or part.n_triplets == whole.n_triplets:
        return None
    errors, of_all = own.errors[ACCURACY], float(all_.errors[ACCURACY].errors[k]) ** 2
    accuracy, expected = float(part.estimates[ACCURACY, k]), float(whole.estimates[ACCURACY, k])
    if accuracy == expected:
        return 1.0
    independent = independent_rows(accuracy, float(errors.errors[k]), errors.rows)
    variance, share = expected * (1.0 - expected) / independent, part.n_triplets / whole.n_triplets
    variance = max(variance * (1.0 - 2.0 * share) + of_all, (1.0 - share) ** 2 * variance)
    t = abs(accuracy - expected) / math.sqrt(variance) if variance > 0.0 else math.inf
    return two_sided_p(t, float(errors.degrees_of_means[k]))
