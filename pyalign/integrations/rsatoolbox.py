"""RDMs of rsatoolbox as RDMs or models of pyalign, and back.

rsatoolbox takes every matrix for dissimilarities, and keeps what is known of its patterns (objects) and RDMs in
descriptors. Here the kind of a matrix is stated, and names and participants have fields of their own.

>>> from types import SimpleNamespace
>>> rdms = SimpleNamespace(                       # as an RDMs of rsatoolbox: two participants, three objects
...     dissimilarities=np.array([[0.1, 0.9, 0.8], [0.2, 0.7, 0.9]]), dissimilarity_measure=None, descriptors={},
...     pattern_descriptors={"stimulus": ["cat", "dog", "car"], "index": [0, 1, 2]},
...     rdm_descriptors={"subject": ["s1", "s2"], "index": [0, 1]})
>>> judged = from_rdms(rdms)
>>> judged.names, judged.people
(('cat', 'dog', 'car'), ('s1', 's2'))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._registry import register
from pyalign.data import Embeddings, RDMs, as_embeddings
from pyalign.data.judgments import above, objects_of
from pyalign.data.similarities import one_or_several, several
from pyalign.errors import InputError, MissingExtraError
from pyalign.measures import Measure, get_measure
from pyalign.ops.similarity import similarity
from pyalign.typing import EmbeddingsLike, MeasureLike, Models

INDEX = "index"  # the descriptor that rsatoolbox adds by itself: the numbers of patterns or RDMs
NEGATED = "negated similarity"  # the dissimilarity measure of RDMs that are made of similarities
SOURCE, NOTES = "source", "notes"  # descriptors that keep these fields of `RDMs`
NAME, SUBJECT, MODEL = "name", "subject", "model"  # descriptors that are made here
NO_PEOPLE = "each is taken for another participant's"
RDMS_HAVE = ("dissimilarities", "dissimilarity_measure", "descriptors", "pattern_descriptors", "rdm_descriptors")


def from_rdms(rdms: Any, *, name_descriptor: str | None = None, subject_descriptor: str | None = None) -> RDMs:
    """The matrices of participants in an `RDMs` of rsatoolbox.

    Args:
        rdms: an `rsatoolbox.rdm.RDMs` of p RDMs; each is the matrix of one participant.
        name_descriptor: the pattern descriptor with the names of the objects. By default it is the one whose values
            are text and differ between all patterns. Where there is none, it is the one of whole numbers that differ;
            the index that rsatoolbox adds counts only if it is not 0, 1, 2, ..., as for a part of the patterns.
        subject_descriptor: the RDM descriptor with the names of the participants, chosen by the same rule where there
            are several RDMs.

    Returns:
        `RDMs` of kind "dissimilarity"; of kind "similarity" where `to_rdms` has made the RDMs of similarities.
        Values are condensed: (p, m), or (m,) of one RDM unless `subject_descriptor` says whose it is. Notes say
        what is not carried over.

    Raises:
        InputError: not an `RDMs`; two descriptors that could be the names, or the participants; an unknown descriptor,
            or one that is the same for two patterns.
    """
    _require_rdms(rdms)
    names = _chosen_descriptor(rdms.pattern_descriptors, name_descriptor, "name_descriptor", "pattern", "the names")
    values, subjects = np.asarray(rdms.dissimilarities), None
    if len(values) > 1 or subject_descriptor is not None:
        subjects = _chosen_descriptor(
            rdms.rdm_descriptors, subject_descriptor, "subject_descriptor", "RDM", "the participants"
        )
    kept = rdms.descriptors.get(NOTES, ())
    notes = [*([kept] if isinstance(kept, str) else map(str, kept)), *_left_out(rdms, names, subjects)]
    if subjects is None and len(values) > 1:
        notes.append(f"rdms: no RDM descriptor differs between all {len(values)} RDMs, so {NO_PEOPLE}")
    kind = "dissimilarity"
    if rdms.dissimilarity_measure == NEGATED:
        kind, values = "similarity", 0.0 - values
    if len(values) == 1 and subjects is None:
        values = values[0]
    elif values.shape[0] == values.shape[1]:  # which `RDMs` would take for one matrix of that many objects
        values = np.stack([RDMs(row, kind).matrices() for row in values])
    source = rdms.descriptors.get(SOURCE)
    return RDMs(
        values, kind, _texts(rdms.pattern_descriptors, names), _texts(rdms.rdm_descriptors, subjects),
        None if source is None else str(source), tuple(notes),
    )


def models_from_rdms(
    rdms: Any, *, name_descriptor: str | None = None, model_descriptor: str | None = None
) -> dict[str, RDMs]:
    """The RDMs of several models by their names, as `pyalign.rsa(..., matrix=...)` and `pyalign.score` take them.

    Args:
        rdms: an `rsatoolbox.rdm.RDMs` with an RDM for each model.
        name_descriptor: see `from_rdms`.
        model_descriptor: the RDM descriptor with the names of the models, chosen as the participants in `from_rdms`.

    Returns:
        name of the model -> `RDMs` of one matrix, condensed. Where no descriptor differs between all RDMs, the
        models are called "model 1" and so on, as those of a list.

    Raises:
        InputError: as `from_rdms`.
    """
    _require_rdms(rdms)
    chosen = _chosen_descriptor(rdms.rdm_descriptors, model_descriptor, "model_descriptor", "RDM", "the models")
    judged = from_rdms(rdms, name_descriptor=name_descriptor, subject_descriptor=chosen)
    models = judged.people or tuple(f"model {k}" for k in range(1, len(rdms.dissimilarities) + 1))
    notes = tuple(note for note in judged.notes if NO_PEOPLE not in note)
    return {
        model: RDMs(pairs, judged.kind, judged.names, None, judged.source, notes)
        for model, pairs in zip(models, judged.pairs(), strict=True)
    }


register("rdm_models", models_from_rdms)


def to_rdms(matrices: EmbeddingsLike | RDMs | Models, *, measure: MeasureLike = "cosine") -> Any:
    """An `RDMs` of rsatoolbox.

    Args:
        matrices: `RDMs`, with an RDM for each participant. Or (n, d) embeddings, or a mapping from the names of
            models to embeddings, or to `RDMs` of one matrix and of the same kind: an RDM for each model.
        measure: of embeddings: the dissimilarity is 1 - s of similarities that are at most 1 (cosine, pearson, rbf),
            and -s of others: the distance itself of ``"neg_euclidean"``.

    Returns:
        `rsatoolbox.rdm.RDMs`, with the names in the pattern descriptor "name", and participants or models in the RDM
        descriptor "subject" or "model". Similarities are negated, and `dissimilarity_measure` says so; `from_rdms`
        restores them. Of negated numbers the cosine of rsatoolbox's `compare` has no meaning, all others do. The
        diagonal is left out.

    Raises:
        InputError: models of other objects, of which some have names, or matrices of several participants in a
            mapping; a matrix that is not symmetric, or holds infinity; what `pyalign.similarity` refuses.
        MissingExtraError: rsatoolbox is not installed.
    """
    try:
        from rsatoolbox.rdm import RDMs as TheirRDMs
    except ImportError as error:
        raise MissingExtraError("to_rdms", "rsatoolbox", "rsatoolbox") from error
    if isinstance(matrices, RDMs):
        descriptors = {SOURCE: matrices.source, NOTES: list(matrices.notes)}
        return TheirRDMs(
            _less_alike(matrices), NEGATED if matrices.kind == "similarity" else None,
            {key: value for key, value in descriptors.items() if value},
            _descriptor(SUBJECT, matrices.people), _descriptor(NAME, matrices.names),
        )
    embeddings = several(matrices)
    models = _same_objects(one_or_several(embeddings))
    names_of_models = _descriptor(MODEL, tuple(models) if isinstance(embeddings, Mapping) else None)
    first = next(iter(models.values()))
    if isinstance(first, RDMs):
        label = NEGATED if first.kind == "similarity" else None
        values = [_less_alike(model)[0] for model in models.values()]
    else:
        chosen = get_measure(measure)
        label = f"1 - {chosen}" if chosen.kernel.bounded else f"-{chosen}".removeprefix("-neg_")
        values = [_distances(model, chosen) for model in models.values()]
    return TheirRDMs(np.stack(values), label, {}, names_of_models, _descriptor(NAME, first.names))


def _require_rdms(rdms: Any) -> None:
    """Raises for what is no `RDMs`, and for descriptors of another length than patterns or RDMs."""
    if not all(hasattr(rdms, attribute) for attribute in RDMS_HAVE):
        raise InputError(f"rdms must be an RDMs of rsatoolbox; got {type(rdms).__name__}")
    shape = np.shape(rdms.dissimilarities)
    if len(shape) != 2 or 0 in shape:
        raise InputError(f"rdms must hold dissimilarities of shape (p, m); got {shape}")
    patterns = objects_of(shape[1:])
    for descriptors, what, count in (
        (rdms.pattern_descriptors, "pattern", patterns),
        (rdms.rdm_descriptors, "RDM", len(rdms.dissimilarities)),
    ):
        for name, values in descriptors.items():
            if len(values) != count:
                raise InputError(f"rdms must have {count} values of {what} descriptor {name!r}; got {len(values)}")


def _chosen_descriptor(
    descriptors: Mapping[str, Sequence[Any]], chosen: str | None, argument: str, what: str, which: str
) -> str | None:
    """The descriptor that is named, or the only one that could be what is looked for; None where there is none."""
    if chosen is not None:
        _checks.one_of(chosen, tuple(descriptors), argument)
        values = [*map(str, descriptors[chosen])]
        twice = next((value for k, value in enumerate(values) if value in values[:k]), None)
        if twice is not None:
            raise InputError(f"{argument} must differ between {what}s; {chosen!r} has {twice!r} twice")
        return chosen
    different = {name: [*values] for name, values in descriptors.items() if len(set(map(str, values))) == len(values)}
    text = [name for name, values in different.items() if all(isinstance(value, str) for value in values)]
    numbers = [
        name
        for name, values in different.items()
        if all(isinstance(value, int | np.integer) for value in values)
        and not (name == INDEX and values == list(range(len(values))))
    ]
    candidates = text or numbers
    if len(candidates) > 1:
        listed = " or ".join(map(repr, candidates))
        convert = "models_from_rdms" if "model" in argument else "from_rdms"
        raise InputError(f"{argument} of {convert} must say which {what} descriptor holds {which}, {listed}; got None")
    return candidates[0] if candidates else None


def _texts(descriptors: Mapping[str, Sequence[Any]], chosen: str | None) -> tuple[str, ...] | None:
    return None if chosen is None else tuple(map(str, descriptors[chosen]))


def _left_out(rdms: Any, names: str | None, subjects: str | None) -> list[str]:
    """A sentence for each part of an `RDMs` of rsatoolbox that those of pyalign have no field for."""
    notes = []
    if rdms.dissimilarity_measure not in (None, NEGATED):
        notes.append(f"rdms: the dissimilarity measure, {str(rdms.dissimilarity_measure)!r}, is not carried over")
    for what, descriptors, carried in (
        ("descriptor", rdms.descriptors, (SOURCE, NOTES)),
        ("pattern descriptor", rdms.pattern_descriptors, (INDEX, names)),
        ("RDM descriptor", rdms.rdm_descriptors, (INDEX, subjects)),
    ):
        notes += [f"rdms: the {what} {name!r} is not carried over" for name in descriptors if name not in carried]
    return notes


def _descriptor(name: str, values: Sequence[str] | None) -> dict[str, list[str]]:
    return {} if values is None else {name: list(values)}


def _less_alike(judged: RDMs) -> np.ndarray:
    """(p, m): numbers that are larger for what is less alike."""
    pairs = judged.pairs()
    return 0.0 - pairs if judged.kind == "similarity" else pairs


def _distances(model: Embeddings, measure: Measure) -> np.ndarray:
    """(m,) float64: the dissimilarities of the rows, of the pairs above the diagonal."""
    similarities = _checks.as_array(similarity(model, measure=measure), "similarities", "(n, n)")
    pairs = np.empty(len(similarities) * (len(similarities) - 1) // 2)
    above(similarities, pairs)
    return (1.0 if measure.kernel.bounded else 0.0) - pairs


def _same_objects(models: Mapping[str, Any]) -> dict[str, Any]:
    """Models as `Embeddings`, or all as `RDMs` of one matrix and one kind, with objects in the same order."""
    if not models:
        raise InputError("matrices must hold at least one model; got an empty mapping")
    judged = any(isinstance(model, RDMs) for model in models.values())
    first_name, ordered = next(iter(models)), dict[str, Any]()
    for name, value in models.items():
        if judged and not isinstance(value, RDMs):
            raise InputError(f"{name} must be RDMs, as another model is; got {type(value).__name__}")
        model: Any = value if judged else as_embeddings(value, name)
        first = ordered.get(first_name, model)
        if judged and model.n_people is not None:
            raise InputError(f"{name} must be one matrix; got those of {model.n_people} participants")
        if judged and model.kind != first.kind:
            raise InputError(f"{name} must be of kind {first.kind!r}, as {first_name} is; got {model.kind!r}")
        count, expected = (one.n if judged else len(one) for one in (model, first))
        if count != expected:
            raise InputError(f"{name} must have {expected} objects, as {first_name} has; got {count}")
        ordered[name] = _in_order(model, first, name, first_name)
    return ordered


def _in_order(model: Any, first: Any, name: str, first_name: str) -> Any:
    if model.names == first.names:
        return model
    if model.names is None or first.names is None:
        without, other = (name, first_name) if model.names is None else (first_name, name)
        raise InputError(f"{without} must have names, as {other} has; got none")
    if missing := sorted({*first.names} - {*model.names}):
        raise InputError(f"{name} must have the names of {first_name}; no object is named {missing[0]!r}")
    return model.select(first.names)


register("rdms", from_rdms)
