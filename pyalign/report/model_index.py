"""Figures for cards of models on the Hugging Face Hub: the key `model-index` of a card's metadata, as YAML.

What a card must have of each figure: a task of the Hub (type, name), a data set (type, name) and metrics (type, value,
name, args). Fractions stay fractions, unrounded; what they are over stands among their args.

Source: github.com/huggingface/hub-docs, modelcard.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyalign.analysis.accuracy import Score, Scores
from pyalign.data.metadata import stem_of
from pyalign.documents import Interval, as_document, ci_of
from pyalign.errors import InputError
from pyalign.io.paths import needed
from pyalign.pairwise.rsa_result import Rsa, RsaResult
from pyalign.probing.cross_validate import ProbeCrossValidation
from pyalign.report.words import short_labels

TASK_NAMES = {"odd-one-out": "Odd-one-out of three, as people choose", "anchored": "Which of two is more like a third"}
RSA_NAME = "Similarity judgments"
TYPES = {"spearman": "spearmanr", "pearson": "pearsonr", "kendall": "kendalltau"}  # as the Hub calls its metrics
UNKNOWN = "human-similarity-judgments"
Metric = dict[str, Any]


def model_index_of(result: Any, dataset: str | None = None, name: str | None = None, task: str = "") -> str:
    """The YAML; see `pyalign._result.OnCards.to_model_index`."""
    hub = needed("to_model_index", "huggingface_hub", "extract")
    from huggingface_hub.repocard_data import eval_results_to_model_index

    entries: dict[str, dict[tuple[str, str], list[Any]]] = {}
    for model, source, question, metrics in _figures(result):
        data = dataset or (stem_of(source.removeprefix("dataset:")) if source else UNKNOWN)
        entries.setdefault(model, {}).setdefault((question, data), []).extend(metrics)
    if not entries:
        raise InputError("result must have a figure for the card of a model; got none")
    if name is not None and len(entries) > 1:
        raise InputError(f"name must be left out where there are several models; got {name!r:.60} for {len(entries)}")
    labels, index = short_labels(list(entries)), []
    for model, tasks in entries.items():
        index.append({"name": name or labels[model], "results": []})
        for (question, data), found in tasks.items():
            figures = [hub.EvalResult(task, data, data, task_name=question, **metric) for metric in found]
            index[-1]["results"] += eval_results_to_model_index("", figures)[0]["results"]
    return str(hub.utils.yaml_dump(as_document({"model-index": index}), sort_keys=False))


def _figures(result: Any) -> Iterator[tuple[str, str | None, str, tuple[Metric, ...]]]:
    """For each model its name, the file of what people said, or None, what they were asked, and the figures."""
    if isinstance(result, Score):
        result = Scores((result,))
    if isinstance(result, Scores):
        for row in result:
            if row.accuracy is not None:
                model = row.label or row.embeddings or "model"
                yield model, result.triplets, TASK_NAMES.get(row.task, row.task), _of_score(row, row.accuracy)
    elif isinstance(result, ProbeCrossValidation):
        yield result.embeddings or "model", result.triplets, TASK_NAMES.get(result.task, result.task), _of_probe(result)
    elif isinstance(result, Rsa):
        for correlation in result.results:
            if correlation.value == correlation.value:
                name = correlation.label or correlation.embeddings or "model"
                yield name, result.human, RSA_NAME, (_of_correlation(correlation, result),)


def _metric(kind: str, value: float, name: str, interval: Interval | None, **args: Any) -> Metric:
    """A figure with its interval and what that is over."""
    if interval is not None and interval.low == interval.low:
        args |= {"interval": list(interval), "confidence": interval.confidence, "over": interval.by,
                 "standard_error": interval.error}
    known = {key: argument for key, argument in args.items() if argument is not None}
    return {"metric_type": kind, "metric_value": value, "metric_name": name, "metric_args": known}


def _of_score(row: Score, accuracy: float) -> tuple[Metric, ...]:
    by = f", {row.measure}" if row.measure else ""
    sample = ", in-sample" if row.in_sample is not None and row.in_sample.objects else ""
    args: dict[str, Any] = {
        "measure": row.measure, "transform": row.transform, "ties": row.ties, "n_triplets": row.n_triplets
    }
    first = _metric("accuracy", accuracy, f"Accuracy{by}{sample}", row.ci, **args, chance=row.chance)
    if row.cross_entropy is None:
        return (first,)
    args |= {"temperature": row.temperature, "unit": "nats"}
    name = f"Cross-entropy{by}{sample}"
    return first, _metric("cross_entropy", row.cross_entropy, name, ci_of(row.cross_entropy), **args)


def _of_probe(result: ProbeCrossValidation) -> tuple[Metric, ...]:
    held_out = f"held-out {result.split}"
    args: dict[str, Any] = {"held_out": result.split, "folds": len(result.folds)}
    return (
        _metric("accuracy", result.accuracy, f"Accuracy after a linear map, {held_out}", result.accuracy_interval,
                **args, chance=result.chance),
        _metric("cross_entropy", result.cross_entropy, f"Cross-entropy after a linear map, {held_out}",
                result.cross_entropy_interval, **args, unit="nats"),
        _metric("accuracy", result.zero_shot_accuracy, "Accuracy as it is, the same triplets",
                result.zero_shot_interval, **args, chance=result.chance),
    )


def _of_correlation(row: RsaResult, result: Rsa) -> Metric:
    by = f", {row.measure}" if row.measure else ""
    kind = TYPES.get(row.correlation, row.correlation)
    return _metric(kind, row.value, f"RSA, {row.correlation}{by}", row.ci, measure=row.measure,
                   n_objects=row.n_objects, n_pairs=row.n_pairs, n_people=result.n_people)
