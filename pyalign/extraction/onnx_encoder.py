"""Runs a graph of ONNX on images or texts, and makes rows of its tensors.

How images are prepared for an ONNX model, which does not say so itself: a JSON file next to it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyalign._dataclass import dataclass, field
from pyalign.errors import POOL_FLATTEN, POOL_MEAN, POOL_NONE, InputError, nearest
from pyalign.extraction.encoder import LOGITS, OF_MODEL, PENULTIMATE, Encoder, Layer, check_layers, require_rows
from pyalign.extraction.hub import one_line_errors
from pyalign.extraction.onnx_graph import End, Graph, ports
from pyalign.extraction.tokenizing import TextTokens, Tokenizer, nearby_file, padded, pool_tokens
from pyalign.io.documents import read_json

FEW, MORE = 2, 3  # items of the passes that find out shapes
DTYPES = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_,
}
# Positions in the batch, what is fed, and the mask of tokens (None: no tokens).
Feed = tuple[Sequence[int], Mapping[str, np.ndarray], np.ndarray | None]


@dataclass
class OnnxEncoder(Encoder):
    """A graph of ONNX."""

    graph: Graph = field(kw_only=True)  # that was read; session: that runs it.
    session: Any = field(kw_only=True)
    ends: Mapping[str, End] = field(kw_only=True)  # what `penultimate` and `logits` are, where that is clear.

    def __post_init__(self) -> None:
        self.inputs = ports(self.session.get_inputs())
        self.fixed = self.inputs[0].shape[0]  # items in a pass, where the graph takes no other number
        self._tensors: dict[str, str] = {}
        self._last: dict[str, bool] = {}  # of maps, whether their channels come last

    def feeds(self, prepared: Sequence[Any]) -> Iterator[Feed]:
        """What the graph is fed with, pass by pass."""
        raise NotImplementedError

    def blank(self, items: int) -> list[Any]:
        """Blank prepared items, as many as `items`, to find out shapes."""
        raise NotImplementedError

    def pooling(self, name: str, shape: tuple[int, ...], length: int, pool: str) -> str:
        """How a tensor with this shape for an item becomes a row; length: tokens of the texts."""
        raise NotImplementedError

    def row(self, layer: Layer, tensor: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """Rows of a tensor, (b, ...)."""
        raise NotImplementedError

    def resolve(self, names: Sequence[str], pool: str = "auto") -> list[Layer]:
        """See `Encoder`. The graph is tried out on blank items."""
        check_layers(names, pool)
        if pool != "auto" and all(name in self.ends for name in names):
            raise InputError(
                f"pool {pool} applies only to named tensors; {' and '.join(names)}: as the model pools them"
            )
        self._tensors = {name: self._tensor(name) for name in names}
        self._open(self._tensors.values())
        shapes, length = self._shapes([*dict.fromkeys(self._tensors.values())])
        return [self._layer(name, shapes[self._tensors[name]], length, pool) for name in names]

    def _layer(self, name: str, shape: tuple[int, ...], length: int, pool: str) -> Layer:
        end = self.ends.get(name)
        if end is None:
            node = self.graph.nodes.get(name)
            pooling = self.pooling(name, shape, length, pool)
            return Layer(
                name, f"output of {node.op if node else 'the graph'}, {shape_text(shape, length)}", pooling, name
            )
        pooling = end.pooling
        if pooling == OF_MODEL and len(shape) != 1:
            pooling = self.pooling(name, shape, length, "auto")
        return Layer(name, end.what, pooling)

    def _tensor(self, name: str) -> str:
        """The tensor of a layer's name."""
        if name in self.ends:
            return self.ends[name].tensor
        if name in self.graph.outputs or (name in self.graph.nodes and name not in self.graph.constants):
            return name
        has = ", ".join((*self.ends, *self.graph.outputs))
        if name in (PENULTIMATE, LOGITS):
            raise InputError(f"{self.spec} does not say which output is {name}; name it, or a tensor inside: {has}")
        raise InputError(f"{self.spec} has no layer {name!r}; it has {has} and its inner tensors"
                         f"{nearest(name, [*self.graph.outputs, *self.graph.nodes])}")

    def _open(self, tensors: Any) -> None:
        there = {output.name for output in self.session.get_outputs()}
        extra = [name for name in dict.fromkeys(tensors) if name not in there]
        if extra:
            self.session = self.graph.session(self.device, self.threads, extra)

    def _shapes(self, tensors: Sequence[str]) -> tuple[dict[str, tuple[int, ...]], int]:
        """The shape of each tensor for one item, and the number of tokens."""
        observed: dict[str, list[tuple[int, ...]]] = {name: [] for name in tensors}
        counts, length = (FEW, MORE) if self.fixed is None else (self.fixed,), 0
        for count in counts:
            for _, feed, mask in self.feeds(self.blank(count)):
                length = 0 if mask is None else mask.shape[1]
                for name, value in zip(tensors, self._pass(tensors, feed), strict=True):
                    observed[name].append(np.shape(value))
        for name, shapes in observed.items():
            if not all(shape[:1] == (count,) for shape, count in zip(shapes, counts, strict=False)):
                raise InputError(
                    f"layer {name!r} must have a row for each item; of {counts[0]} it has shape {shapes[0]}"
                )
        return {name: shapes[0][1:] for name, shapes in observed.items()}, length

    def _pass(self, tensors: Sequence[str], feed: Mapping[str, np.ndarray]) -> list[Any]:
        with one_line_errors(self.spec, "the graph can't be run"):
            return list(self.session.run(list(tensors), dict(feed)))

    def run(self, prepared: Sequence[Any], layers: Sequence[Layer]) -> list[npt.NDArray[Any]]:
        """See `Encoder`."""
        tensors = [self._tensors[layer.name] for layer in layers]
        rows: list[npt.NDArray[Any] | None] = [None] * len(layers)
        for positions, feed, mask in self.feeds(prepared):
            fed = len(next(iter(feed.values())))
            for k, tensor in enumerate(self._pass(tensors, feed)):
                part = self.row(layers[k], require_rows(np.asarray(tensor), fed, layers[k].name), mask)[
                    : len(positions)
                ]
                whole = rows[k]
                if whole is None:
                    whole = rows[k] = np.empty((len(prepared), *part.shape[1:]), np.float32)
                whole[list(positions)] = part
        return [row for row in rows if row is not None]

    def listed(self) -> list[tuple[str, str, str]]:
        """The ends, then the outputs, then the tensors inside, in the order of the file."""
        inner = [name for name in self.graph.nodes if name not in {*self.graph.constants, *self.graph.outputs}]
        ends = [(name, end.what, end.tensor) for name, end in self.ends.items()]
        names = dict.fromkeys([*(tensor for *_, tensor in ends), *self.graph.outputs, *inner])
        self._open(names)
        _, feed, mask = next(iter(self.feeds(self.blank(self.fixed or FEW))))
        values = dict(zip(names, self._pass([*names], feed), strict=True))
        length, count, shapes = 0 if mask is None else mask.shape[1], len(next(iter(feed.values()))), {}
        for name, value in values.items():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.shape[:1] == (count,):
                shapes[name] = shape_text(value.shape[1:], length)
        rows = [(name, what, shapes.get(tensor, "?")) for name, what, tensor in ends]
        others = [(name, "output of the graph", name) for name in self.graph.outputs]
        others += [(name, self.graph.nodes[name].op, name) for name in inner]
        return rows + [(name, what, shapes[tensor]) for name, what, tensor in others if tensor in shapes]


@dataclass
class OnnxImages(OnnxEncoder):
    """A graph that takes images. `last`: whether the channels come last."""

    recipe: Recipe = field(kw_only=True)
    last: bool = field(kw_only=True)

    def prepare(self, item: Any) -> npt.NDArray[Any]:
        """(3, h, w) of an RGB image, or (h, w, 3)."""
        pixels = self.recipe.apply(item)
        return np.ascontiguousarray(pixels if self.last else pixels.transpose(2, 0, 1), DTYPES[self.inputs[0].type])

    def blank(self, items: int) -> list[Any]:
        """See `OnnxEncoder`."""
        height, width = self.recipe.size
        shape = (height, width, 3) if self.last else (3, height, width)
        return [np.zeros(shape, DTYPES[self.inputs[0].type])] * items

    def feeds(self, prepared: Sequence[Any]) -> Iterator[Feed]:
        """See `OnnxEncoder`. A graph with a fixed number of items gets the last again where there are too few."""
        size = self.fixed or len(prepared)
        for start in range(0, len(prepared), size):
            part = list(prepared[start : start + size])
            filled = part if self.fixed is None else part + part[-1:] * (size - len(part))
            yield range(start, start + len(part)), {self.inputs[0].name: np.stack(filled)}, None

    def pooling(self, name: str, shape: tuple[int, ...], length: int, pool: str) -> str:
        """See `OnnxEncoder`. A graph does not say which token is that of the class: the mean is over all."""
        if len(shape) <= 1 or all(k == 1 for k in shape[1:]):
            return "flatten" if len(shape) != 1 else "none"
        if len(shape) == 3:
            self._last[name] = shape[0] == shape[1] != shape[2]
        if pool == "cls" and len(shape) != 2:
            raise InputError(f"pool cls needs tokens; layer {name!r} has shape {shape}: {POOL_MEAN} or {POOL_FLATTEN}")
        if pool in ("auto", "mean") and len(shape) > 3:
            raise InputError(f"layer {name!r} has shape {shape} for an item: {POOL_FLATTEN} or {POOL_NONE}")
        return "mean" if pool == "auto" else pool

    def row(self, layer: Layer, tensor: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """See `OnnxEncoder`."""
        x = tensor.astype(np.float32)
        if layer.pooling == "cls":
            return x[:, 0]
        if layer.pooling == "flatten":
            return x.reshape(len(x), -1)
        if layer.pooling == "mean":
            return x.mean(axis=1) if x.ndim == 3 else x.mean(axis=(1, 2) if self._last[layer.name] else (2, 3))
        return np.moveaxis(x, -1, 1) if layer.pooling == "none" and self._last.get(layer.name) else x


@dataclass
class OnnxTexts(OnnxEncoder):
    """A graph that takes tokens. `roles`: which of ids, mask, types and positions each input is."""

    tokenizer: Tokenizer = field(kw_only=True)
    roles: Mapping[str, str] = field(kw_only=True)

    def prepare(self, item: Any) -> TextTokens:
        """The tokens of a text."""
        return self.tokenizer.tokens(item)

    def blank(self, items: int) -> list[Any]:
        """See `OnnxEncoder`."""
        return [self.tokenizer.tokens("a word")] * items

    def feeds(self, prepared: Sequence[Any]) -> Iterator[Feed]:
        """See `OnnxEncoder`. Without a mask the graph would see what fills up, so that texts of one length meet."""
        ids = next(port for port in self.inputs if self.roles[port.name] == "ids")
        length = ids.shape[1]
        for group in self._groups(prepared, length):
            size = self.fixed or len(group)
            for start in range(0, len(group), size):
                part = group[start : start + size]
                filled = part if self.fixed is None else part + part[-1:] * (size - len(part))
                arrays = padded([prepared[k] for k in filled], self.tokenizer.pad, length)
                feed: dict[str, np.ndarray] = {
                    port.name: arrays[self.roles[port.name]].astype(DTYPES[port.type]) for port in self.inputs
                }
                yield part, feed, arrays["mask"]

    def _groups(self, prepared: Sequence[TextTokens], length: int | None) -> list[list[int]]:
        if length is not None or "mask" in self.roles.values():
            return [list(range(len(prepared)))]
        groups: dict[int, list[int]] = {}
        for k, tokens in enumerate(prepared):
            groups.setdefault(len(tokens.ids), []).append(k)
        return list(groups.values())

    def pooling(self, name: str, shape: tuple[int, ...], length: int, pool: str) -> str:
        """See `OnnxEncoder`."""
        if len(shape) == 1:
            return "none"
        if len(shape) != 2 or shape[0] != length or pool in ("flatten", "none"):
            raise InputError(f"layer {name!r} must be rows, or tokens with pool mean or cls; it has shape "
                             f"{shape_text(shape, length)}, pool {pool}")
        return "mean" if pool == "auto" else pool

    def row(self, layer: Layer, tensor: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """See `OnnxEncoder`."""
        x = tensor.astype(np.float32)
        if layer.pooling in ("none", OF_MODEL):
            return x
        assert mask is not None
        return pool_tokens(x, mask, layer.pooling)


def shape_text(shape: Sequence[int], length: int = 0) -> str:
    """A shape in words, that of tokens as such.

    Example:
        >>> shape_text((4, 384), 4), shape_text((3, 7, 7))
        ('tokens x 384', '3 x 7 x 7')
    """
    return " x ".join("tokens" if length and not k and size == length else str(size) for k, size in enumerate(shape))


EXAMPLE = {
    "size": [224, 224], "resize": 256, "interpolation": "bilinear", "scale": 1 / 255,
    "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "channels": "RGB",
}
KEYS = (*EXAMPLE, "crop")
INTERPOLATIONS = (
    "nearest",
    "lanczos",
    "bilinear",
    "bicubic",
    "box",
    "hamming",
)  # at the numbers that Pillow gives them
LARGEST, MOST_PIXELS = 8192, 1 << 28
OF_HUB = ("size", "crop_size", "resample", "rescale_factor", "image_mean", "image_std", "do_resize", "do_center_crop",
          "do_rescale", "do_normalize", "do_convert_rgb")
HARMLESS = ("image_processor_type", "feature_extractor_type", "processor_class", "data_format", "device",
            "input_data_format", "return_tensors", "default_to_square", "_valid_processor_keys")


@dataclass(frozen=True)
class Recipe:
    """What happens to an image. See the module for the fields."""

    file: str
    size: tuple[int, int]
    resize: int | tuple[int, int]
    interpolation: str
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: str = "RGB"

    def apply(self, image: Any) -> npt.NDArray[np.float32]:
        """(height, width, 3) of an RGB image of Pillow."""
        height, width = self.size
        down, across = self.resize if isinstance(self.resize, tuple) else self._kept(image.width, image.height)
        if down * across > MOST_PIXELS:
            raise InputError(f"an image of {image.width} x {image.height} pixels is too long to be resized")
        resized = image.resize((across, down), INTERPOLATIONS.index(self.interpolation))
        top, left = (down - height) // 2, (across - width) // 2
        levels = np.asarray(resized.crop((left, top, left + width, top + height)), np.float32)
        if self.channels == "BGR":
            levels = levels[:, :, ::-1]
        mean, std = (np.array(part, np.float32) for part in (self.mean, self.std))
        return np.ascontiguousarray((levels * np.float32(self.scale) - mean) / std, np.float32)

    def _kept(self, width: int, height: int) -> tuple[int, int]:
        """Height and width with the shorter side as asked for."""
        assert isinstance(self.resize, int)
        longer = int(self.resize * max(width, height) / min(width, height))
        return (self.resize, longer) if height <= width else (longer, self.resize)

    def manifest_entry(self) -> dict[str, Any]:
        """The recipe as a manifest has it."""
        return {
            "library": "onnxruntime", "file": self.file, "size": [3, *self.size],
            "resize": list(self.resize) if isinstance(self.resize, tuple) else self.resize, "crop": "center",
            "interpolation": self.interpolation, "scale": self.scale, "mean": list(self.mean), "std": list(self.std),
            "channels": self.channels,
        }


def read_recipe(spec: str, path: str, size: tuple[int, int] | None) -> Recipe:
    """The recipe next to a model's file.

    size: (height, width) that the graph takes; None where it takes any.
    """
    own = f"{path}.json"
    file = own if os.path.isfile(own) else nearby_file(path, "preprocessor_config.json")
    if file is None:
        example = json.dumps({**EXAMPLE, "size": list(size or (224, 224))})
        raise InputError(f"{spec} does not say how its images are prepared: write {own}, such as {example}")
    document = read_json(file)
    if not isinstance(document, dict):
        raise InputError(f"{file}: must hold an object; got {type(document).__name__}")
    return _checked(file, document if file == own else _of_hub(file, document), size)


def _checked(file: str, entries: Mapping[str, Any], graph: tuple[int, int] | None) -> Recipe:
    unknown = [key for key in entries if key not in KEYS]
    if unknown:
        raise InputError(f"{file}: keys must be of {', '.join(KEYS)}; got {unknown[0]!r}{nearest(unknown[0], KEYS)}")
    absent = [key for key in KEYS if key not in entries and key not in ("size", "crop", "channels")]
    if absent or (graph is None and "size" not in entries):
        raise InputError(f"{file}: must have {(absent or ['size'])[0]!r}, such as {json.dumps(EXAMPLE)}")
    size = _pair(file, "size", entries["size"]) if "size" in entries else graph
    if isinstance(size, int):
        size = (size, size)
    assert size is not None
    if graph is not None and size != graph:
        raise InputError(f"{file}: size must be {list(graph)}, which the graph takes; got {list(size)}")
    resize = _pair(file, "resize", entries["resize"])
    if any(
        have < want for have, want in zip((resize, resize) if isinstance(resize, int) else resize, size, strict=True)
    ):
        raise InputError(f"{file}: resize must not be smaller than size {list(size)}; got {entries['resize']}")
    for key, words in (("interpolation", INTERPOLATIONS), ("channels", ("RGB", "BGR")), ("crop", ("center",))):
        if key in entries and entries[key] not in words:
            raise InputError(f"{file}: {key} must be one of {', '.join(words)}; got {entries[key]!r:.80}")
    mean, std = (_three(file, key, entries[key]) for key in ("mean", "std"))
    if 0 in std or not _is_number(entries["scale"]):
        raise InputError(f"{file}: scale must be a number and std without 0; got {entries['scale']!r:.80}, {list(std)}")
    return Recipe(
        file, size, resize, entries["interpolation"], float(entries["scale"]), mean, std, entries.get("channels", "RGB")
    )


def _pair(file: str, key: str, value: Any) -> int | tuple[int, int]:
    parts = value if isinstance(value, list) and len(value) == 2 else [value]
    if not all(type(part) is int and 1 <= part <= LARGEST for part in parts):
        raise InputError(f"{file}: {key} must be a number of pixels or [height, width]; got {value!r:.80}")
    return parts[0] if len(parts) == 1 else (parts[0], parts[1])


def _three(file: str, key: str, value: Any) -> tuple[float, ...]:
    if not (isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))):
        raise InputError(f"{file}: {key} must be three numbers, one a channel; got {value!r:.80}")
    return tuple(map(float, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_hub(file: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A preprocessor_config.json of the hub in the words of this module."""
    strange = [key for key in config if key not in (*OF_HUB, *HARMLESS)]
    if strange:
        raise InputError(
            f"{file}: {strange[0]!r} is not known here: write MODEL.onnx.json, such as {json.dumps(EXAMPLE)}"
        )
    size, crop = _edges(config.get("size")), _edges(config.get("crop_size"))
    crops = config.get("do_center_crop", "crop_size" in config) and crop is not None
    recipe: dict[str, Any] = {"resize": size if config.get("do_resize", True) else None}
    final = crop if crops else size
    if final is not None:
        recipe["size"] = final
    resample = config.get("resample", 2)
    in_range = type(resample) is int and 0 <= resample < len(INTERPOLATIONS)
    recipe["interpolation"] = INTERPOLATIONS[resample] if in_range else resample
    recipe["scale"] = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1.0
    normalizes = config.get("do_normalize", True)
    for key, name, neutral in (("mean", "image_mean", [0.0] * 3), ("std", "image_std", [1.0] * 3)):
        recipe[key] = config.get(name) if normalizes else neutral
    return recipe


def _edges(value: Any) -> Any:
    if isinstance(value, dict) and "height" in value and "width" in value:
        return [value["height"], value["width"]]
    return value["shortest_edge"] if isinstance(value, dict) and set(value) == {"shortest_edge"} else value
