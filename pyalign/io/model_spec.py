"""What a representation is of, in the form of the registry of the Re-Align challenge (ICLR 2026).

The form is that of the challenge's evaluation contract, which calls itself a draft: a JSON object with `model_name`,
`source` (torchvision, timm, open_clip, custom), `weights` (text or null), `layer` (the path of a module), `embedding`
(pool, cls, flatten, mean), `input_size` ([height, width]), `preprocess` (`mean`, `std`, `resize`, `crop`) and
`output_dim`; further keys are allowed. Entries of the registry that others have shown lack `input_size` and
`output_dim`, so these and `preprocess` may be missing here.

What is assumed: three numbers of `input_size` are channels, height and width, as timm has them; a folder of
`pyalign extract` whose manifest names no way of pooling has the flattened output of its layer; weights without a name
go by their hash.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pyalign._dataclass import dataclass, field
from pyalign.data.names import listing
from pyalign.errors import InputError, shorten
from pyalign.io.documents import read_json
from pyalign.io.paths import PathLike, bad, check_file, checked_path
from pyalign.io.write import write_text

LARGEST = 1 << 20  # bytes
TEXTS = ("model_name", "source", "layer", "embedding")
KEYS = ("model_name", "source", "weights", "layer", "embedding", "input_size", "preprocess", "output_dim")
WAYS = ("pool", "cls", "flatten", "mean")


@dataclass(frozen=True)
class ModelSpec:
    """How a model is loaded and its embeddings are taken.

    Raises:
        InputError: a value of another type.

    Example:
        >>> spec = ModelSpec("resnet50", "timm", "a1_in1k", "global_pool", "flatten", (224, 224), output_dim=2048)
        >>> list(spec.to_dict())
        ['model_name', 'source', 'weights', 'layer', 'embedding', 'input_size', 'output_dim']
    """

    model_name: str  # such as "resnet50".
    source: str  # the package that knows it, such as "timm".
    weights: str | None  # their name there, or "sha256:..."; None for random ones.
    layer: str  # the module whose output it is.
    embedding: str  # what becomes of the output, such as "flatten".
    input_size: tuple[int, ...] | None = None  # (height, width) or (channels, height, width) of images.
    preprocess: Mapping[str, Any] | None = None  # what images go through, such as mean, std, resize, crop.
    output_dim: int | None = None  # d of the embeddings.
    more: Mapping[str, Any] = field(default_factory=dict)  # keys that are not read here; they are written back.

    def __post_init__(self) -> None:
        for name in TEXTS:
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise InputError(f"{name} must be text; got {shorten(value)}")
        if self.weights is not None and not isinstance(self.weights, str):
            raise InputError(f"weights must be text or null; got {shorten(self.weights)}")
        size = self.input_size
        if size is not None:
            if not _sizes(size, (2, 3)):
                raise InputError(f"input_size must be [height, width]; got {shorten(size)}")
            object.__setattr__(self, "input_size", tuple(size))
        if self.preprocess is not None and not isinstance(self.preprocess, Mapping):
            raise InputError(f"preprocess must be an object; got {shorten(self.preprocess)}")
        if self.output_dim is not None and not _positive(self.output_dim):
            raise InputError(f"output_dim must be a positive whole number; got {shorten(self.output_dim)}")
        if not isinstance(self.more, Mapping) or set(self.more) & set(KEYS):
            raise InputError(f"more must have other keys than {', '.join(KEYS)}; got {shorten(self.more)}")

    def to_dict(self) -> dict[str, Any]:
        """The object of the registry; what is not known is left out."""
        entries = {name: getattr(self, name) for name in KEYS}
        known = {name: value for name, value in entries.items() if value is not None or name == "weights"}
        if self.input_size is not None:
            known["input_size"] = list(self.input_size)
        return {**known, **self.more}

    def to_json(self) -> str:
        """The object of the registry as JSON text.

        Raises:
            InputError: values that JSON does not have.
        """
        try:
            return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"a specification must hold what JSON has: {error}") from error

    @classmethod
    def from_dict(cls, told: object) -> ModelSpec:
        """The specification that an object of the registry states.

        Raises:
            InputError: no object, a key that is missing, a value of another type.
        """
        if not isinstance(told, Mapping):
            raise InputError(f"a specification must be one object; got {shorten(told)}")
        missing = [name for name in (*TEXTS, "weights") if name not in told]
        if missing:
            raise InputError(f"a specification must have {', '.join(missing)}; it has {shorten(list(told), 200)}")
        known = {name: told[name] for name in KEYS if name in told}
        return cls(**known, more={name: value for name, value in told.items() if name not in KEYS})

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any], layer: str | None = None) -> ModelSpec:
        """The specification of a model, from the manifest of a folder of `pyalign extract`.

        Args:
            manifest: the document: `model` as "timm:resnet50", `layers` with `pooling`; where they are there `weights`
                with `origin` or `sha256`, `preprocessing` with `size` (channels, height, width).
            layer: which of the layers, where there are several.

        Raises:
            InputError: no such layer; what is missing.

        Example:
            >>> layer = {"name": "penultimate", "shape": [92, 2048]}
            >>> manifest = {"model": "timm:resnet50", "layers": [layer], "preprocessing": {"size": [3, 224, 224]}}
            >>> spec = ModelSpec.from_manifest(manifest)
            >>> spec.source, spec.model_name, spec.embedding, spec.input_size, spec.output_dim
            ('timm', 'resnet50', 'flatten', (224, 224), 2048)
        """
        chosen = _layer(manifest, layer)
        model = manifest.get("model")
        if not isinstance(model, str) or not model:
            raise InputError(f"model must be text; got {shorten(model)}")
        source, mark, name = model.partition(":")
        prepared = manifest.get("preprocessing")
        steps = {k: v for k, v in prepared.items() if k != "size"} if isinstance(prepared, Mapping) else None
        shape: Any = chosen.get("shape")
        return cls(
            model_name=name if mark else model,
            source=source if mark else "custom",
            weights=_weights(manifest),
            layer=chosen.get("name", ""),
            embedding=_way(chosen.get("pooling")),
            input_size=_size(prepared),
            preprocess=steps,
            output_dim=math.prod(shape[1:]) if _sizes(shape, (2, 3, 4, 5)) else None,
        )


def _positive(value: object) -> bool:
    return type(value) is int and 0 < value < 2**63


def _sizes(value: Any, lengths: tuple[int, ...]) -> bool:
    return isinstance(value, list | tuple) and len(value) in lengths and all(map(_positive, value))


def _layer(manifest: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
    listed = manifest.get("layers")
    layers = [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list | tuple) else []
    chosen = layers if name is None else [entry for entry in layers if entry.get("name") == name]
    if len(chosen) != 1:
        got = "none was chosen" if name is None else f"got {name!r}"
        raise InputError(f"layer must be one of {listing([str(entry.get('name')) for entry in layers])}; {got}")
    return chosen[0]


def _weights(manifest: Mapping[str, Any]) -> str | None:
    """Where the weights come from, or else their hash."""
    weights = manifest.get("weights")
    name, digest = (weights.get("origin"), weights.get("sha256")) if isinstance(weights, Mapping) else (weights, None)
    if isinstance(name, str) and name:
        return name
    return f"sha256:{digest}" if isinstance(digest, str) and digest else None


def _way(pool: object) -> str:
    """What becomes of the output of the layer: what it is called there, where that is a word of the registry."""
    return pool if isinstance(pool, str) and pool in WAYS else "flatten"


def _size(prepared: Any) -> tuple[int, ...] | None:
    size = prepared.get("size") if isinstance(prepared, Mapping) else None
    return tuple(size[-2:]) if size is not None and _sizes(size, (2, 3)) else None


def read_model_spec(path: PathLike) -> ModelSpec:
    """The specification in a ``.json`` file: one object.

    Raises InputError (the file's fault, in one line that starts with its path) and OSError.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.json")
    ...     write_model_spec(path, ModelSpec("resnet50", "torchvision", None, "fc", "flatten", more={"notes": "mine"}))
    ...     read_model_spec(path).more
    {'notes': 'mine'}
    """
    check_file(path, "specifications", (".json",))
    document = read_json(path, largest=LARGEST)
    try:
        return ModelSpec.from_dict(document)
    except InputError as error:
        raise bad(path, error) from error


def write_model_spec(path: PathLike, spec: ModelSpec) -> None:
    """Write it as a ``.json`` file, whole or not at all.

    Raises InputError (another extension, values that JSON does not have) and OSError.
    """
    if not checked_path(path).endswith(".json"):
        raise bad(path, "a specification is written as .json")
    write_text(path, spec.to_json())
