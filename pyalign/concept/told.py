"""How often predicted human dimensions tell the odd one out, beside the human dimensions and the embeddings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pyalign.analysis.accuracy import Score
from pyalign.analysis.score import score
from pyalign.concept.objects import Objects
from pyalign.concept.predicted import DimensionPredictions
from pyalign.data import Aligned, Embeddings, Triplets, align, require_answers, require_odd_one_out
from pyalign.data.missing import Coverage, with_rows
from pyalign.data.triplets import require_one_answer_each
from pyalign.errors import InputError
from pyalign.ops._door import open_door
from pyalign.ops.triplets import checked_triplets
from pyalign.progress import Progress
from pyalign.stats.resampling import Resampling

MADE_FROM = (
    "the human dimensions were made from triplets: where these are among them, their own accuracy is not held out, "
    "and the accuracy of the predicted ones is held out by objects alone"
)


@dataclass(frozen=True, eq=False)
class Asked:
    """Triplets, checked before anything is fitted.

    Attributes:
        aligned: with the human dimensions.
        index: (t, 3) rows of these, of objects that are kept.
        measure: by which dimensions choose.
        human: the score of the human dimensions.
        plan: of intervals.
        coverage: how many triplets are of objects with rows; None where all must be.
    """

    aligned: Aligned
    index: np.ndarray
    measure: str
    human: Score
    plan: Resampling | None
    coverage: Coverage | None


def asked_of(objects: Objects, triplets: object, measure: str, plan: Resampling | None, missing: str) -> Asked:
    """Triplets of the objects, and what the human dimensions say of them.

    Raises:
        InputError: what `pyalign.score` refuses; triplets of another task; none of objects that are kept.
    """
    human = Embeddings(objects.human, objects.names)
    present = with_rows(human if objects.names is None else human[objects.there], triplets, missing)
    aligned = align(human, present.triplets, "dimensions")
    require_odd_one_out(aligned.triplets, "predict_dimensions")
    require_answers(aligned.triplets, "predict_dimensions")
    require_one_answer_each(aligned.triplets, "predict_dimensions")
    door = open_door("auto", objects.human)
    index = door.host(checked_triplets(door, aligned.index, len(objects.human)))
    index = index[objects.kept[index].all(axis=1)]
    if not len(index):
        raise InputError("triplets must name objects without NaN or infinity; got none that do")
    score_of_human = score(objects.human, Triplets(index), measure=measure, ci=plan, nan="omit")
    coverage = present.coverage and replace(present.coverage, **_counts(objects))
    return Asked(aligned, index, measure, score_of_human, plan, coverage)


def _counts(objects: Objects) -> dict[str, int]:
    """Of the objects of the dimensions, of which triplets may be about a part."""
    return {"n_objects": int(objects.there.sum()), "of_objects": len(objects.there)}


def scored(found: DimensionPredictions, objects: Objects, asked: Asked, progress: Progress) -> DimensionPredictions:
    """With accuracies on these triplets: of predictions, all and within folds; of human dimensions; of embeddings."""
    assert found.fold_of is not None
    fold = found.fold_of[asked.index]
    whole, inside = Triplets(asked.index), Triplets(asked.index[(fold == fold[:, :1]).all(axis=1)])
    results = []
    for number, one in enumerate(found.results):
        progress("accuracies", number, len(found.results))
        x, rows = one.predictions, objects.rows[one.embeddings]
        all_ = score(x, whole, measure=asked.measure, ci=asked.plan, nan="omit")
        within = score(x, inside, measure=asked.measure, nan="omit").accuracy if len(inside) else None
        bare = score(rows, whole, measure="cosine", nan="omit").accuracy
        told = replace(one, accuracy=all_.accuracy, accuracy_ci=all_.ci, own_accuracy=bare)
        results.append(replace(told, accuracy_within_folds=within, n_within_folds=len(inside)))
    return replace(
        found, results=tuple(results), triplets=asked.aligned.triplets.source, n_triplets=len(asked.index),
        coverage=asked.coverage, measure=str(asked.measure), human_accuracy=asked.human.accuracy,
        human_accuracy_ci=asked.human.ci,
        notes=tuple(dict.fromkeys((*found.notes, *asked.aligned.notes, MADE_FROM))),
    )  # fmt: skip
