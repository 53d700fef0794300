"""The result of an extraction: embeddings for each layer, and everything that is needed to reproduce them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pyalign._dataclass import dataclass, field, replace
from pyalign._result import Result
from pyalign.data.embeddings import Embeddings
from pyalign.documents import as_document, hidden
from pyalign.errors import InputError
from pyalign.extraction.encoder import Weights

# What else decides the rows, and stands in the manifest as it is.
SETTINGS = (
    "names_sha256", "preprocessing", "decoder", "background", "precision", "batch_size", "shard", "transform",
    "versions", "model_threads", "processor",
)


@dataclass(frozen=True)
class ExtractedLayer:
    """One layer of an extraction."""

    name: str  # the name of the layer.
    what: str  # a short description of the layer.
    pooling: str  # how tokens or a feature map became a row; "model" if the model pools itself.
    shape: tuple[int, ...]  # (n, d), with more axes if nothing was pooled.
    dtype: str  # the dtype of the embeddings.
    file: str | None = None  # the file in the folder; None if embeddings were kept in memory.
    sha256: str | None = None  # the SHA-256 of that file.


@dataclass(frozen=True)
class Failure:
    """An item without a row."""

    name: str  # the name of the item.
    reason: str  # why it could not be read, in a few words.


@dataclass(frozen=True)
class Extraction(Result):
    """Embeddings of items from the layers of a model; ``extraction["logits"]`` are those of one layer."""

    command: ClassVar[str] = "extract"
    rows: ClassVar[str] = "layers"

    model: str  # the name of the model, SOURCE:NAME.
    layers: tuple[ExtractedLayer, ...]  # the requested layers.
    n_items: int  # the number of items.
    n_rows: int  # the number of rows of each layer, that is, items without failures.
    modality: str  # "images" or "texts".
    items: str | None  # the source of the items, or None.
    order: str  # how the items are ordered.
    names: str  # the file in the folder with the name of each row.
    failures: tuple[Failure, ...]  # the items without a row.
    weights: Weights  # the weights of the model.
    preprocessing: Mapping[str, Any]  # how items are preprocessed for the model.
    decoder: str | None  # the decoder of the images; None for texts.
    background: tuple[int, ...] | None  # the background of transparent images, as (r, g, b); None for texts.
    precision: str  # "fp32" or "bf16".
    device: str  # the device that ran the model.
    batch_size: int  # the number of items per pass.
    versions: Mapping[str, str]  # the versions of the packages that were used.
    seconds: float  # the total time of all runs.
    items_per_second: float  # the number of items per second.
    items_sha256: str  # the SHA-256 of the names and contents of these items, which is that of the file `items.sha256`.
    fingerprint: str  # a hash of the items and of everything that determines their rows.
    # the linear map that was applied to the layer, with its file; None without a map.
    transform: Mapping[str, Any] | None = None
    shard: tuple[int, int] | None = None  # (i, k) for part i of k; None for all items.
    meta: Mapping[str, str] | None = None  # the entries that the user added.
    # the number of threads that ran the model on the CPU. Another number of threads may change the last digits of the
    # embeddings.
    model_threads: int | None = None
    processor: str | None = None  # the CPU. Other instruction sets may change the last digits of the embeddings.
    names_sha256: str | None = None  # the SHA-256 of the names of all items, including those in other parts.
    # a mapping of layers to (n, d) embeddings with names.
    embeddings: Mapping[str, Embeddings] | None = hidden(default=None)

    def state(self) -> dict[str, Any]:
        """Everything that determines the rows, except the content of the items, as JSON can represent it."""
        return state_of(vars(self), self.model, self.weights.sha256, self.layers)

    def __getitem__(self, layer: str) -> Embeddings:
        embeddings = (self.embeddings or {}).get(layer)
        if embeddings is None and not self.n_rows:
            raise InputError(f"layer {layer!r} has no rows: part {self.shard} of a run holds no items that can be read")
        if embeddings is None:
            raise InputError(f"layer must be one of {', '.join(known.name for known in self.layers)}; got {layer!r}")
        return embeddings

    def __len__(self) -> int:
        return self.n_rows


def state_of(settings: Mapping[str, Any], model: str, weights: str | None, layers: Sequence[Any]) -> dict[str, Any]:
    """Everything that determines the rows of an extraction, except the content of the items.

    Args:
        settings: the remaining entries by name, as an `Extraction` has them.
        model: the name of the model.
        weights: the SHA-256 of its weights.
        layers: the layers.
    """
    entries = {
        "model": model, "weights": weights, "layers": [[layer.name, layer.what, layer.pooling] for layer in layers],
        "device": settings["device"].partition(":")[0], **{name: settings[name] for name in SETTINGS},
    }
    state: dict[str, Any] = as_document(entries)
    return state


@dataclass(frozen=True)
class Done:
    """A batch that has been through the model."""

    rows: int  # how many.
    layers: Mapping[str, tuple[int, ...]]  # layer -> the shape of a row; empty without rows.
    rows_sha256: str  # of the rows of all layers.
    items: tuple[str, ...]  # SHA-256 of each item of the batch.
    failures: tuple[Failure, ...]  # the items without a row.
    seconds: float = field(compare=False)  # that the extraction had taken by then, in all runs together.


class Sink:
    """The destination of rows: `Memory`, or a `Folder` on disk.

    Attributes:
        done: the batches that are there, by number.
        shapes: of a row of each layer, as soon as there is one.
        rows, count: of rows, and of items with and without a row.
        notes: what was found of earlier runs, sentences.
    """

    path: Any = None

    def __init__(self) -> None:
        self.done: dict[int, Done] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.rows, self.count, self.seconds = 0, 0, 0.0
        self.notes: list[str] = []

    def enter(self, number: int, done: Done) -> None:
        """A batch is there."""
        self.done[number] = done
        self.rows, self.count = self.rows + done.rows, self.count + len(done.items)
        self.seconds = max(self.seconds, done.seconds)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The items without a row, in order."""
        return tuple(failure for _, done in sorted(self.done.items()) for failure in done.failures)

    @property
    def items(self) -> tuple[str, ...]:
        """SHA-256 of all items, in order."""
        return tuple(digest for _, done in sorted(self.done.items()) for digest in done.items)

    def add(
        self, number: int, rows: Mapping[str, np.ndarray], items: Sequence[str], failures: Sequence[Failure],
        seconds: float,
    ) -> None:
        """A batch: rows (b, ...) float32 of each layer, and the hashes of its items."""
        for name, part in rows.items():
            shape = self.shapes.setdefault(name, part.shape[1:])
            if part.shape[1:] != shape:
                raise InputError(f"layer {name!r} must have one shape; got {part.shape[1:]} after {shape}")
        count, shapes = len(next(iter(rows.values()))) if rows else 0, {name: self.shapes[name] for name in rows}
        self.enter(
            number, self._kept(number, rows, Done(count, shapes, "", tuple(items), tuple(failures), round(seconds, 3)))
        )

    def _kept(self, number: int, rows: Mapping[str, np.ndarray], done: Done) -> Done:
        """Keeps the rows of a batch; what is then known of it."""
        raise NotImplementedError

    def finish(self, extraction: Extraction, names: Sequence[str], hashes: str) -> Extraction:
        """The extraction with its embeddings. names: of the rows; hashes: the text of `HASHES`."""
        raise NotImplementedError

    def left(self, total: int) -> str:
        """A phrase that says what is left after an interrupt."""
        return "nothing was written"


class Memory(Sink):
    """Rows that are kept in memory, in the order in which they come."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, list[np.ndarray]] = {}

    def _kept(self, number: int, rows: Mapping[str, np.ndarray], done: Done) -> Done:
        for name, part in rows.items():
            self._rows.setdefault(name, []).append(part)
        return done

    def finish(self, extraction: Extraction, names: Sequence[str], hashes: str) -> Extraction:
        """See `Sink`."""
        rows = {name: np.concatenate(parts) for name, parts in self._rows.items()}
        return replace(extraction, embeddings={name: Embeddings(x, tuple(names)) for name, x in rows.items()})
