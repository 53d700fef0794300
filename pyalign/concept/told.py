"""How often predicted human dimensions tell the odd one out, beside the human dimensions and the embeddings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pyalign.analysis.notes import merged
from pyalign.analysis.score import score
from pyalign.concept.objects import Objects
from pyalign.concept.predicted import DimensionPredictions
from pyalign.data import Embeddings, Triplets, align, require_answers, require_odd_one_out
from pyalign.progress import Progress
from pyalign.stats.resampling import Resampling

MADE_FROM = (
    "the human dimensions were made from triplets: where these are among them, their own accuracy is not held out, "
    "and the accuracy of the predicted ones is held out by objects alone"
)


def scored(
    found: DimensionPredictions, objects: Objects, triplets: object, measure: str, plan: Resampling | None,
    progress: Progress,
) -> DimensionPredictions:  # fmt: skip
    """With accuracies on triplets: of predictions, all and within folds; of the human dimensions; of the embeddings.

    All over the same triplets: those that touch no object that was left out.
    """
    human = Embeddings(objects.human, objects.names)
    aligned = align(human, triplets, "dimensions")
    require_odd_one_out(aligned.triplets, "predict_dimensions")
    require_answers(aligned.triplets, "predict_dimensions")
    index = np.asarray(aligned.index)
    assert found.fold_of is not None
    kept = (found.fold_of[index] >= 0).all(axis=1) if index.size else np.ones(len(index), bool)
    index = index[kept]
    options: dict[str, Any] = {"ci": plan, "nan": "omit"}
    own = score(objects.human, Triplets(index), measure=measure, **options)
    fold = found.fold_of[index]
    inside = Triplets(index[(fold == fold[:, :1]).all(axis=1)])
    results = []
    for number, one in enumerate(found.results):
        progress("accuracies", number, len(found.results))
        assert one.predictions is not None
        all_ = score(one.predictions, Triplets(index), measure=measure, **options)
        bare = score(objects.rows[one.embeddings], Triplets(index), measure="cosine", nan="omit")
        within = score(one.predictions, inside, measure=measure, nan="omit").accuracy if len(inside) else None
        results.append(
            replace(one, accuracy=all_.accuracy, accuracy_ci=all_.ci, accuracy_within_folds=within,
                    n_within_folds=len(inside), own_accuracy=bare.accuracy)
        )  # fmt: skip
    return replace(
        found, results=tuple(results), triplets=aligned.triplets.source, n_triplets=len(index), measure=str(measure),
        human_accuracy=own.accuracy, human_accuracy_ci=own.ci, notes=merged(aligned.notes, (MADE_FROM,)),
    )  # fmt: skip
