"""The text of a study file that was drafted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pyalign.io.toml import key_of, quoted

HEAD = """\
# A study of pyalign: pyalign study run THIS FILE. Paths are relative to this file.
# Lines that begin with # are left out; docs/study.md says what else a study can have.
"""
KINDS = {
    "triplets": "what people answered; the odd item is last, unless odd_column says otherwise",
    "human": "matrices of people, for rsa",
    "dimensions": "human dimensions: what concepts, consistency and predict go by",
    "categories": "of the objects",
}


def written(draft: Any) -> str:
    """The file of a draft: what was found as it stands there, the rest as comments."""
    lines = [HEAD, 'title = "Agreement with human similarity judgments"']
    lines += _top(draft)
    lines += ["", "[models]  # the name of each, and where its embeddings are stored", *_models(draft)]
    for kind, what in KINDS.items():
        lines += ["", *_sets(kind, what, draft.sets.get(kind, []))]
    return "\n".join([*lines, "", *_steps(draft)]) + "\n"


def _top(draft: Any) -> Iterator[str]:
    yield _line("names", draft.names, "names.txt", "of the rows of embeddings that have none, and of item numbers")
    yield _line("images", draft.images, "photos", "of the objects: pictures in the report")
    yield _line("metadata", draft.metadata, "models.csv", "model, family, objective, ...: a row for each of [models]")


def _line(key: str, value: str, example: str, what: str) -> str:
    return f"{key} = {quoted(value)}  # {what}" if value else f"# {key} = {quoted(example)}  # {what}"


def _models(draft: Any) -> Iterator[str]:
    for name, spec in draft.models.items():
        yield f"{key_of(name)} = {quoted(spec)}"
    lite = 'lite0 = { extract = "efficientnet-lite:0", layer = "penultimate" }'
    yield lite if draft.images and not draft.models else f"# {lite}  # of [images]; needs the extra 'extract'"


def _sets(kind: str, what: str, sets: list[Mapping[str, Any]]) -> Iterator[str]:
    """The first as it is; others below it, for the user to choose."""
    if not sets:
        yield f"# [{kind}]  # {what}"
        yield '# file = "..."'
        return
    yield f"[{kind}]  # {what}"
    for name, value in sets[0].items():
        yield f"{name} = {quoted(value)}"
    for other in sets[1:]:
        yield f"# or: {', '.join(f'{name} = {quoted(value)}' for name, value in other.items())}"


def _steps(draft: Any) -> Iterator[str]:
    """The steps that the draft has inputs for; the others are commented out."""
    have = {kind for kind in KINDS if draft.sets.get(kind)}
    several = len(draft.models) > 1
    people = any("subject_column" in entry or "subjects" in entry for entry in draft.sets.get("triplets", [])[:1])
    weighted = any("weight_column" in entry for entry in draft.sets.get("triplets", [])[:1])
    triplets, concepts = "triplets" in have, bool({"dimensions", "categories"} & have)
    alike = triplets and not weighted  # these steps have no use for weights
    wide = draft.sets.get("human") is not None
    rows = (
        ("score", triplets, (), "accuracy, with intervals"),
        ("compare", triplets and several, (), "paired differences"),
        ("ceiling", triplets and people, (), "how well people predict people: needs repeated triplets"),
        ("calibrate", triplets, (), "temperature and reliability"),
        ("concepts", alike and concepts, (), "accuracy for each human concept"),
        ("consistency", alike and several, (), "whether models err on the same triplets"),
        ("failures", alike, ("limit = 1000",), "triplets that every model gets wrong"),
        ("rsa", wide, (), "correlation with matrices of people"),
        ("cka", several, (), "similarity of the models to each other"),
        ("predict", False, (), "human dimensions from the embeddings, by ridge regression; minutes"),
        ("neighbors", False, ('queries = ["name of an object"]',), "nearest rows"),
        ("recover", False, (), "whether the triplets can tell the models apart"),
        ("probe", False, (), "a linear map that predicts the answers, cross-validated; minutes for each model"),
    )
    yield "# Steps are functions of pyalign; their arguments follow. A second step of one function has a"
    yield '# name of its own: [steps.score-dot] with function = "score".'
    for name, possible, options, what in rows:
        mark = "" if possible else "# "
        yield f"{mark}[steps.{name}]  # {what}"
        yield from (f"{mark}{option}" for option in options)
