"""The best of several models, with a figure that the choice has not touched."""

from __future__ import annotations

import numpy as np

from pyalign.analysis.comparison import BestModel
from pyalign.analysis.ledger import Ledger
from pyalign.analysis.outcomes import CREDIT_UNIT
from pyalign.errors import InputError
from pyalign.stats.clustered import Dependence
from pyalign.stats.intervals import FRACTION, student_interval
from pyalign.stats.resampling import Resampling
from pyalign.stats.splits import within

SPLITS = 50  # of the objects into halves


def best_model(ledger: Ledger, index: np.ndarray, n: int, dependence: Dependence, plan: Resampling) -> BestModel:
    """The most accurate of the models of a ledger, as it does on objects that have not chosen it.

    The objects are split at random into halves, again and again. The most accurate model on the triplets within one
    half is scored on those within the other; the figure is the mean over both ways and all splits: a weighted mean over
    triplets, each of which counts as often as it was scored, with the models that were chosen there. Its interval takes
    the choices as they are.

    Args:
        index: (t, 3) integers in [0, n), the objects of the ledger's triplets.
        dependence: of these triplets.
        plan: of the interval; its seed is that of the splits.
    """
    names, figures, chosen = ledger.names, [], np.zeros(len(ledger.names))
    table = np.zeros((len(ledger.credits), 2))  # how much each triplet counts, and that times its credits
    rng = np.random.Generator(np.random.Philox(plan.seed))
    for _ in range(SPLITS):
        half = rng.permutation(n) < n // 2
        parts = within(index, half), within(index, ~half)
        if not all(map(len, parts)):
            continue
        sums = [ledger.credits[part, 1:].sum(axis=0, dtype=np.int64) for part in parts]
        for choice, part in ((sums[0], parts[1]), (sums[1], parts[0])):
            best = int(choice.argmax())
            credits = ledger.credits[part, 1 + best] / CREDIT_UNIT
            figures.append(float(credits.mean()))
            table[part] += np.stack([np.ones(len(part)), credits], axis=1) / len(part)
            chosen[best] += 1
    if not figures:
        raise InputError("choose_best needs triplets within both halves of the objects; no split has left some")
    found = dependence.errors(table)
    accuracy, (error,) = float(np.mean(figures)), found.errors
    accuracies = ledger.estimates[0]
    top = int(accuracies.argmax())
    return BestModel(
        model=names[top],
        in_sample_accuracy=float(accuracies[top]),
        accuracy=accuracy,
        ci=student_interval(accuracy, float(error), found.degrees, plan, FRACTION) if found.known else None,
        chosen={name: float(share) for name, share in zip(names, chosen / len(figures), strict=True) if share},
        n_choices=len(figures),
        seed=plan.seed,
    )
