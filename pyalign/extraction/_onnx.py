"""A model in a file of ONNX: `onnx:FILE`.

What it takes follows from its inputs: one of four axes is images (NCHW or NHWC, by where the three channels are), ids
of tokens are texts. The file does not say how items are prepared. For images a JSON file next to it does
(`onnx_pictures`), for texts `tokenizer.json` or `vocab.txt` (`tokenizing`). A layer is an output or any tensor inside,
by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pyalign.errors import InputError
from pyalign.extraction.encoder import Encoder, Request
from pyalign.extraction.onnx_encoder import DTYPES, OnnxImages, OnnxTexts, read_recipe
from pyalign.extraction.onnx_graph import FLOATS, Graph, Port, choose_device, ends_of, ports, read_graph
from pyalign.extraction.tokenizing import load_tokenizer, nearby_pooling

TEXTS = "texts"
ROLES = (("mask", "mask"), ("type", "types"), ("segment", "types"), ("position", "positions"))  # by parts of a name


def load(name: str, request: Request) -> Encoder:
    """The model in a file."""
    spec = f"onnx:{name}"
    if request.checkpoint is not None:
        raise InputError(f"checkpoint has no meaning for onnx, whose file holds its weights; got {request.checkpoint}")
    if request.precision != "fp32" or request.compile:
        raise InputError(f"{spec}: precision and compile are those of the file; got {request.precision}"
                         f"{', compile' if request.compile else ''}")
    device = choose_device(request.device)
    graph = read_graph(spec, name)
    session = graph.session(device, request.threads)
    inputs, outputs = ports(session.get_inputs()), ports(session.get_outputs())
    made = {"graph": graph, "session": session, "device": device, "threads": request.threads}
    if _takes_images(inputs):
        return _images(graph, inputs[0], outputs, made)
    if roles := _roles(inputs):
        return _texts(graph, inputs, roles, outputs, made)
    signature = ", ".join(f"{port.name} {port.type} {_shape(port)}" for port in inputs) or "none"
    raise InputError(
        f"{spec} must take one batch of images (4 axes, float) or tokens (ids, int64); its inputs: {signature}"
    )


def _takes_images(inputs: Sequence[Port]) -> bool:
    return len(inputs) == 1 and len(inputs[0].shape) == 4 and inputs[0].type in FLOATS and inputs[0].type in DTYPES


def _images(graph: Graph, port: Port, outputs: Sequence[Port], made: dict[str, Any]) -> Encoder:
    _, first, second, third = port.shape
    if 3 not in (first, third) and None not in (first, third):
        raise InputError(f"{graph.spec} must take three channels, on the second axis or the last; got {_shape(port)}")
    last = third == 3 and first != 3
    height, width = (first, second) if last else (second, third)
    recipe = read_recipe(graph.spec, graph.path, None if height is None or width is None else (height, width))
    ends, notes = ends_of(graph, outputs, "images", "auto")
    preprocessing = {**recipe.manifest_entry(), "layout": "NHWC" if last else "NCHW"}
    return OnnxImages(
        graph.spec, graph.weights, preprocessing, _versions("pillow"), notes=notes, recipe=recipe, last=last, ends=ends,
        **made,
    )


def _texts(
    graph: Graph, inputs: Sequence[Port], roles: dict[str, str], outputs: Sequence[Port], made: dict[str, Any]
) -> Encoder:
    ids = next(port for port in inputs if roles[port.name] == "ids")
    tokenizer = load_tokenizer(graph.spec, graph.path, ids.shape[1])
    pooling, pooling_file = nearby_pooling(graph.spec, graph.path)
    ends, notes = ends_of(graph, outputs, TEXTS, pooling)
    if ids.shape[1] is not None and "mask" not in roles.values():
        notes = (*notes, f"{graph.spec} takes {ids.shape[1]} tokens and no mask: it sees what fills up short texts")
    preprocessing = {
        "library": "onnxruntime", "tokenizer": tokenizer.file, "longest": tokenizer.longest, "pad": tokenizer.pad,
        "pooling": pooling, "pooling_file": pooling_file,
    }
    return OnnxTexts(
        graph.spec, graph.weights, preprocessing, _versions("tokenizers"), notes=notes, modality=TEXTS, ends=ends,
        tokenizer=tokenizer, roles=roles, **made,
    )


def _roles(inputs: Sequence[Port]) -> dict[str, str]:
    """The role of each input: ids, mask, types or positions. None where one is something else."""
    roles = {port.name: next((role for part, role in ROLES if part in port.name.lower()), "ids") for port in inputs}
    fits = all(len(port.shape) == 2 and port.type in DTYPES for port in inputs)
    whole = [port for port in inputs if roles[port.name] == "ids" and "int" in port.type]
    return roles if fits and len(whole) == 1 and len(set(roles.values())) == len(roles) else {}


def _shape(port: Port) -> str:
    return f"({', '.join('?' if k is None else str(k) for k in port.shape)})"


def _versions(package: str) -> dict[str, str]:
    return {name: version(name) for name in ("onnxruntime", "onnx", package)}


def names() -> list[str]:
    """None: any file may stand there."""
    return []
