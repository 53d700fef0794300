"""What is run on items: a model with its preparation, whatever library it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyalign import _checks
from pyalign._dataclass import dataclass, field
from pyalign.errors import InputError
from pyalign.io.paths import checked_path

PENULTIMATE, LOGITS = "penultimate", "logits"
POOLINGS = ("auto", "cls", "mean", "flatten", "none")
MODALITIES = ("images", "texts")
PRECISIONS = ("fp32", "bf16")
THREADS = 2  # of a model: a fixed number, so that rows are the same wherever they are computed
OF_MODEL = "model"  # the pooling of a layer that the model pools itself


@dataclass(frozen=True)
class Weights:
    """Identifies the weights of a model."""

    origin: str  # where they come from: a package, a file, a repository, or the seed that drew them.
    # of all parameters and buffers, by name, whatever file they came in; of an ONNX model its file's.
    sha256: str | None
    file_sha256: str | None = None  # of the file they came in; None where there is none, or several.


@dataclass(frozen=True)
class Layer:
    """One output of a model, as rows."""

    name: str  # as it is asked for, and of its file.
    what: str  # what it is, a phrase.
    pooling: str  # how it becomes a row: "model" where the model does that itself.
    module: str | None = None  # of which module it is the output; None for the ends of the model.


@dataclass(frozen=True)
class Request:
    """How a model is asked for."""

    checkpoint: str | None = None  # a file or folder with its weights; None: those that its name says.
    seed: int | None = None  # of random weights, instead of trained ones; None for trained.
    device: str = "auto"  # as torch names it; "auto": a CUDA device where there is one.
    precision: str = "fp32"  # "fp32", or "bf16" for bfloat16 products.
    compile: bool = False  # whether torch compiles the model.
    # "images" or "texts": which tower of a model that has both; other models take what they take.
    modality: str = "images"
    threads: int = THREADS  # that compute the model on the processor.

    def __post_init__(self) -> None:
        if self.checkpoint is not None:
            object.__setattr__(self, "checkpoint", checked_path(self.checkpoint, "checkpoint"))
        for name, word, words in (("precision", self.precision, PRECISIONS), ("modality", self.modality, MODALITIES)):
            _checks.one_of(word, words, name)


@dataclass
class Encoder:
    """A model, ready to run."""

    spec: str  # the name by which it was loaded, such as "timm:resnet50".
    weights: Weights  # where its weights come from, and their hash.
    preprocessing: Mapping[str, Any]  # what happens to an item before the model sees it, as json can write it.
    versions: Mapping[str, str]  # of the packages that compute, by name.
    notes: tuple[str, ...] = field(default=(), kw_only=True)  # what a user should know, a sentence each.
    modality: str = field(default="images", kw_only=True)  # what its items are, "images" or "texts".
    device: str = field(default="cpu", kw_only=True)  # the device that it runs on.
    precision: str = field(default="fp32", kw_only=True)  # the precision of its products.
    # the number of threads on the CPU; the last digits of rows depend on it.
    threads: int = field(default=THREADS, kw_only=True)

    def prepare(self, item: Any) -> Any:
        """One item (an RGB image of PIL, or a text) as the model takes it. Called by several threads at once."""
        raise NotImplementedError

    def resolve(self, names: Sequence[str], pool: str = "auto") -> list[Layer]:
        """The layers of these names.

        Raises:
            InputError: a name that the model has not, or a pooling that does not fit.
        """
        raise NotImplementedError

    def run(self, prepared: Sequence[Any], layers: Sequence[Layer]) -> list[npt.NDArray[Any]]:
        """One pass over b prepared items: an array (b, ...) float32 for each layer, of memory of its own."""
        raise NotImplementedError

    def listed(self) -> list[tuple[str, str, str]]:
        """What may be asked for: name, what it is, shape for one item."""
        raise NotImplementedError


def check_layers(names: Sequence[str], pool: str) -> None:
    """Raises InputError for a list of layers that nothing can be made of."""
    if isinstance(names, str) or not names:
        raise InputError(f"layers must be one or more names; got {names!r}")
    twice = [name for name in names if list(names).count(name) > 1]
    if twice:
        raise InputError(f"layers must differ; got {twice[0]!r} twice")
    _checks.one_of(pool, POOLINGS, "pool")


def require_rows(rows: np.ndarray, b: int, layer: str) -> np.ndarray:
    """The rows of a layer, checked: one for each item, finite numbers."""
    if rows.shape[:1] != (b,):
        raise InputError(f"layer {layer!r} gives {rows.shape[0] if rows.ndim else 'no'} rows for {b} items")
    return rows
