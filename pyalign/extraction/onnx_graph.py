"""A file of ONNX: its hash, its graph, and sessions that give any of its tensors."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pyalign._dataclass import dataclass, field
from pyalign.errors import InputError, Remedy
from pyalign.extraction.encoder import LOGITS, OF_MODEL, PENULTIMATE, Weights
from pyalign.extraction.hub import hash_file, one_line_errors

FOLDER_OF_DATA = "session.model_external_initializers_file_folder_path"
QUIET = 3  # the severity from which onnxruntime speaks: errors
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
PLAIN = ("Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Add")  # after a linear map, nothing else
ENDS = ("Softmax", "LogSoftmax", "Sigmoid")
LINEAR = ("Gemm", "MatMul")
FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)", "tensor(bfloat16)")
# Names that exporters give, and nothing else is called: the first that a graph has.
TOKENS = ("last_hidden_state", "token_embeddings")
POOLED = ("sentence_embedding", "penultimate", "pooler_output", "pooled_output", "embeddings", "embedding", "features")
OF_BERT = ("pooler_output", "pooled_output")  # a map of one token, made for another task
JOINT = ("text_embeds", "image_embeds")
TRAINED = ("logits",)


class Port(NamedTuple):
    """An input or output: shape with None where it is free; type as onnxruntime names it."""

    name: str
    shape: tuple[int | None, ...]
    type: str


class Node(NamedTuple):
    """What makes a tensor: the operation, and its inputs."""

    op: str
    inputs: tuple[str, ...]


class Head(NamedTuple):
    """The last linear map of a graph: its input, its output, and what follows ("" for nothing)."""

    before: str
    after: str
    then: str


@dataclass
class Graph:
    """A model that was read."""

    # spec, path: of the file.
    spec: str
    path: str
    weights: Weights  # of the file, and of those next to it that hold its weights.
    nodes: dict[str, Node] = field(default_factory=dict)  # what makes each tensor, in the order of the file.
    constants: set[str] = field(default_factory=set)  # names of tensors that hold weights.
    outputs: tuple[str, ...] = ()  # of the graph.

    def head(self, output: str) -> Head | None:
        """The linear map that makes an output, where nothing but its bias, a reshape or a softmax follows it."""
        name, after, then = output, output, ""
        while (node := self.nodes.get(name)) is not None:
            free = [tensor for tensor in node.inputs if tensor and tensor not in self.constants]
            if len(free) != 1:
                return None
            if node.op in LINEAR and len(node.inputs) > 1:
                return Head(free[0], after, then)
            if node.op not in (*PLAIN, *ENDS):
                return None
            name = free[0]
            if node.op in ENDS:
                after, then = name, node.op
        return None

    def session(self, device: str, threads: int, extra: Sequence[str] = ()) -> Any:
        """A session on "cpu" or "cuda" that gives some inner tensors too."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = QUIET
        source: Any = self.path
        kind, _, number = device.partition(":")
        providers: list[Any] = [(CUDA, {"device_id": int(number or 0)}), CPU] if kind == "cuda" else [CPU]
        with one_line_errors(self.spec, f"{self.path} can't be run"):
            if extra:
                options.add_session_config_entry(FOLDER_OF_DATA, os.path.dirname(os.path.abspath(self.path)))
                source = _with_outputs(self.path, extra)
            session = onnxruntime.InferenceSession(source, options, providers=providers)
        if kind == "cuda" and CUDA not in session.get_providers():
            on_host = Remedy("device", "cpu")
            raise InputError(f"device {device}: onnxruntime could not use it for {self.path}; take {on_host}")
        return session


def read_graph(spec: str, path: str) -> Graph:
    """The graph in a file."""
    import onnx

    sha256 = hash_file(spec, path)
    with one_line_errors(spec, f"{path} can't be read as ONNX"):
        model = onnx.load(path, load_external_data=False)
    if not model.graph.node or not model.graph.output:
        raise InputError(f"{spec}: {path} can't be read as ONNX: it holds no graph")
    digest, files = hashlib.sha256(f"{sha256}\n".encode()), _data_files(spec, path, model)
    for name in files:
        digest.update(
            f"{name} {hash_file(spec, os.path.join(os.path.dirname(os.path.abspath(path)), name))}\n".encode()
        )
    weights = Weights(path, digest.hexdigest() if files else sha256, None if files else sha256)
    made = Graph(spec, path, weights, outputs=tuple(output.name for output in model.graph.output))
    made.constants = {initializer.name for initializer in model.graph.initializer}
    made.constants |= {initializer.values.name for initializer in model.graph.sparse_initializer}
    for node in model.graph.node:
        for name in filter(None, node.output):
            made.nodes[name] = Node(node.op_type, tuple(node.input))
            # weights that are cast or unpacked are weights still
            if all(tensor in made.constants for tensor in node.input) and (node.input or node.op_type == "Constant"):
                made.constants.add(name)
    return made


def _data_files(spec: str, path: str, model: Any) -> list[str]:
    """The files next to a model in which its weights are, as it names them."""
    import onnx

    locations: set[str] = set()
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            locations.update(entry.value for entry in tensor.external_data if entry.key == "location")
    folder = os.path.dirname(os.path.abspath(path))
    for name in locations:
        if os.path.isabs(name) or os.path.relpath(os.path.normpath(os.path.join(folder, name)), folder).startswith(
            ".."
        ):
            raise InputError(f"{spec}: {path} must have its weights next to it; got {name!r:.120}")
    return sorted(locations)


def _tensors(graph: Any) -> Iterator[Any]:
    """All tensors with values, those of inner graphs too."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer:
                    yield from _tensors(inner)


def _with_outputs(path: str, names: Sequence[str]) -> bytes:
    """The model with more outputs; onnxruntime finds their types."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return bytes(model.SerializeToString())


def ports(node_args: Sequence[Any]) -> list[Port]:
    """Inputs or outputs of a session."""
    return [
        Port(node_arg.name, tuple(k if isinstance(k, int) and k > 0 else None for k in node_arg.shape), node_arg.type)
        for node_arg in node_args
    ]


def choose_device(device: str) -> str:
    """Where onnxruntime runs: "cpu", or "cuda" with a number."""
    import onnxruntime

    kind, _, number = device.partition(":")
    there = CUDA in onnxruntime.get_available_providers()
    if device == "auto":
        return "cuda:0" if there else "cpu"
    if device == "cpu":
        return device
    if kind != "cuda" or not (number or "0").isdecimal():
        raise InputError(f"device of onnx must be auto, cpu or cuda:N; got {device!r}")
    if not there:
        raise InputError(f"device {device} needs the package onnxruntime-gpu; this onnxruntime has no CUDA")
    return f"cuda:{number or 0}"


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
    floats = [port for port in outputs if port.type in FLOATS]
    if modality == "texts" and (end := _of_tokens(floats, pooling)) is not None:
        return {PENULTIMATE: end, **_named(floats)}, ()
    if len(floats) == 1:
        return _of_only(graph, floats[0].name)
    skipped = OF_BERT if modality == "texts" else ()
    pooled = next((name for name in POOLED if name not in skipped and name in {port.name for port in floats}), None)
    ends = {} if pooled is None else {PENULTIMATE: End(pooled, f"output {pooled}, as the model pools it", OF_MODEL)}
    return {**ends, **_named(floats)}, ()


def _named(floats: Sequence[Port]) -> dict[str, End]:
    """The output that is `logits` by its name."""
    names = {port.name for port in floats}
    for name in (*JOINT, *TRAINED):
        if name in names:
            what = "joint space of images and text" if name in JOINT else "output of the classifier"
            return {LOGITS: End(name, f"output {name}, {what}", OF_MODEL)}
    return {}


def _of_tokens(floats: Sequence[Port], pooling: str) -> End | None:
    """The sentence embedding: the model's own, or its tokens pooled; BERT's pooler is none."""
    names = {port.name for port in floats}
    if POOLED[0] in names:
        return End(POOLED[0], f"output {POOLED[0]}, as the model pools it", OF_MODEL)
    tokens = [port.name for port in floats if port.name in TOKENS] or [
        port.name for port in floats if len(port.shape) == 3
    ]
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
