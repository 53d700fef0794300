"""Families of models: the means of their accuracies and cross-entropies, as further models of every part."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.analysis.comparison.paired_intervals import ClosedForm
from pyalign.analysis.failures.failures import require_families
from pyalign.concept.parts import Part
from pyalign.errors import InputError
from pyalign.stats.resampling import Resampling

MEAN = "mean of {}"


def is_mean(name: str) -> bool:
    """Whether a row is of a family of models and not of one model.

    Example:
        >>> is_mean("mean of ResNet"), is_mean("resnet50")
        (True, False)
    """
    return name.startswith(MEAN.format(""))


@dataclass(frozen=True, eq=False)
class Families:
    """Means over the models of each family."""

    names: tuple[str, ...]  # what the means are called.
    weights: np.ndarray  # (f, m), how much each of the m models counts in each mean.

    @classmethod
    def of(cls, families: Sequence[str] | None, models: Sequence[str], plan: Resampling | None) -> Families | None:
        """Those of the families of models; None without.

        Raises:
            InputError: another number of families than models, a single family, a model that is called as a mean, or
                intervals by a bootstrap, which has no errors of means.

        Example:
            >>> Families.of(["net", "net", "text"], ["a", "b", "c"], None).weights
            array([[0.5, 0.5, 0. ],
                   [0. , 0. , 1. ]])
        """
        if families is None:
            return None
        require_families(models, families)
        if plan is not None and not plan.closed:
            raise InputError("families need intervals in closed form, or none; got a bootstrap")
        different = list(dict.fromkeys(families))
        names = tuple(MEAN.format(family) for family in different)
        taken = set(names) & set(models)
        if taken:
            raise InputError(f"models must not be called {min(taken)!r}, as the mean of a family is called")
        members = np.array([[own == family for own in families] for family in different], np.float64)
        return cls(names, members / members.sum(axis=1, keepdims=True))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every two of them."""
        return list(combinations(self.names, 2))

    def added(self, part: Part) -> Part:
        """A part with the means as further models, after the others: their errors follow from those of the models."""
        every = np.concatenate([np.eye(self.weights.shape[1]), self.weights])
        estimates = part.estimates @ every.T
        form = part.intervals
        if isinstance(form, ClosedForm):
            accuracies, nats = (errors.along(every) for errors in form.errors)
            form = replace(form, estimates=estimates, errors=(accuracies, nats))
        return replace(part, estimates=estimates, intervals=form)
