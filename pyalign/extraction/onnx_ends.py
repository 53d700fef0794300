"""What `penultimate` and `logits` are in a graph of ONNX, where its outputs' names or its last operations say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pyalign.extraction.encoder import LOGITS, OF_MODEL, PENULTIMATE
from pyalign.extraction.onnx_graph import Graph, Port

FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)", "tensor(bfloat16)")
# Names that exporters give, and nothing else is called: the first that a graph has.
TOKENS = ("last_hidden_state", "token_embeddings")
POOLED = ("sentence_embedding", "penultimate", "pooler_output", "pooled_output", "embeddings", "embedding", "features")
OF_BERT = ("pooler_output", "pooled_output")  # a map of one token, made for another task
JOINT = ("text_embeds", "image_embeds")
TRAINED = ("logits",)


class End(NamedTuple):
    """An end of the model: its tensor, what it is, and how tokens become a row ("model": it has no tokens)."""

    tensor: str
    what: str
    pooling: str


def ends_of(
    graph: Graph, outputs: Sequence[Port], modality: str, pooling: str
) -> tuple[dict[str, End], tuple[str, ...]]:
    """The ends of a graph that are clear, and what to know of them.

    pooling: of tokens, for texts.
    """
    floats = [one for one in outputs if one.type in FLOATS]
    if modality == "texts" and (found := _of_tokens(floats, pooling)) is not None:
        return {PENULTIMATE: found, **_named(floats)}, ()
    if len(floats) == 1:
        return _of_only(graph, floats[0].name)
    skipped = OF_BERT if modality == "texts" else ()
    pooled = next((name for name in POOLED if name not in skipped and name in {one.name for one in floats}), None)
    ends = {} if pooled is None else {PENULTIMATE: End(pooled, f"output {pooled}, as the model pools it", OF_MODEL)}
    return {**ends, **_named(floats)}, ()


def _named(floats: Sequence[Port]) -> dict[str, End]:
    """The output that is `logits` by its name."""
    names = {one.name for one in floats}
    for name in (*JOINT, *TRAINED):
        if name in names:
            what = "joint space of images and text" if name in JOINT else "output of the classifier"
            return {LOGITS: End(name, f"output {name}, {what}", OF_MODEL)}
    return {}


def _of_tokens(floats: Sequence[Port], pooling: str) -> End | None:
    """The sentence embedding: the model's own, or its tokens pooled; BERT's pooler is none."""
    names = {one.name for one in floats}
    if POOLED[0] in names:
        return End(POOLED[0], f"output {POOLED[0]}, as the model pools it", OF_MODEL)
    tokens = [one.name for one in floats if one.name in TOKENS] or [one.name for one in floats if len(one.shape) == 3]
    if len(tokens) != 1:
        return None
    return End(tokens[0], f"{pooling} of the tokens of output {tokens[0]}", pooling)


def _of_only(graph: Graph, name: str) -> tuple[dict[str, End], tuple[str, ...]]:
    """The ends of a graph with one output: around its last linear map, if it ends in one."""
    head = graph.head(name)
    if head is None:
        node = graph.nodes.get(name)
        last = node.op if node else "nothing"
        note = (
            f"{graph.spec}: its graph ends in {last} and in no linear map, so penultimate is its only output {name!r}; "
            "whether that is a feature its maker knows"
        )
        return {PENULTIMATE: End(name, f"the only output, {name}", OF_MODEL)}, (note,)
    what = f"output of the last linear map, {head.after}" + (f", before {head.then}" if head.then else "")
    before = End(head.before, f"input of the last linear map, {head.before}", OF_MODEL)
    return {PENULTIMATE: before, LOGITS: End(head.after, what, OF_MODEL)}, ()
