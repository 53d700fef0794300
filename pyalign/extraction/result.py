"""What an extraction gives: embeddings for each layer, and everything that is needed to make them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from pyalign._result import Result
from pyalign.data.embeddings import Embeddings
from pyalign.documents import as_document, hidden
from pyalign.errors import InputError
from pyalign.extraction.encoder import Weights


@dataclass(frozen=True)
class ExtractedLayer:
    """One layer of an extraction.

    Attributes:
        name: of the layer.
        what: it is, a phrase.
        pooling: how tokens or a map became a row; "model" where the model does that itself.
        shape: (n, d), or more axes where nothing was pooled.
        dtype: of the values.
        file: in the folder; None where it was kept in memory.
        sha256: of that file.
    """

    name: str
    what: str
    pooling: str
    shape: tuple[int, ...]
    dtype: str
    file: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Failure:
    """An item that has no row.

    Attributes:
        name: of the item.
        reason: why it could not be read, a few words.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Extraction(Result):
    """Embeddings of items by the layers of a model; ``extraction["logits"]`` are those of one.

    Attributes:
        model: its name, SOURCE:NAME.
        layers: one for each that was asked for.
        n_items: that were given.
        n_rows: that each layer has: items less failures.
        modality: "images" or "texts".
        items: where the items came from, and order: how they are put in order.
        names: the file in the folder with the name of each row.
        failures: items without a row.
        weights: which the model had.
        preprocessing: what happened to an item before the model saw it.
        decoder: what read the images; background: what stands behind transparent ones.
        transform: the file of a linear map that was applied to the layer; None for none.
        precision, device, batch_size: how it ran.
        model_threads: that computed the model on the processor; processor: which it was. Rows of another number of
            threads or other instructions may differ in the last digits.
        shard: (i, k) where these are part i of k.
        versions: of the packages that computed.
        meta: what the user adds.
        names_sha256: SHA-256 of the names of all items, also of those in other parts.
        items_sha256: of the names and contents of these items: that of the file `items.sha256`. Folders of earlier
            versions have no `names_sha256`, and theirs is of names and sizes.
        fingerprint: of the items and of all that decides their rows.
        seconds: that it took, of all runs together; items_per_second.
        embeddings: layer -> (n, d) rows with their names.
    """

    command: ClassVar[str] = "extract"
    rows: ClassVar[str] = "layers"

    model: str
    layers: tuple[ExtractedLayer, ...]
    n_items: int
    n_rows: int
    modality: str
    items: str | None
    order: str
    names: str
    failures: tuple[Failure, ...]
    weights: Weights
    preprocessing: Mapping[str, Any]
    decoder: str | None
    background: tuple[int, ...] | None
    precision: str
    device: str
    batch_size: int
    versions: Mapping[str, str]
    seconds: float
    items_per_second: float
    items_sha256: str
    fingerprint: str
    transform: Mapping[str, Any] | None = None
    shard: tuple[int, int] | None = None
    meta: Mapping[str, str] | None = None
    model_threads: int | None = None
    processor: str | None = None
    names_sha256: str | None = None
    embeddings: Mapping[str, Embeddings] | None = hidden(default=None)

    def state(self) -> dict[str, Any]:
        """All that decides the rows but what is in the items, as json can write it."""
        return state_of(self, self.model, self.weights.sha256, self.layers)

    def __getitem__(self, layer: str) -> Embeddings:
        embeddings = (self.embeddings or {}).get(layer)
        if embeddings is None and not self.n_rows:
            raise InputError(f"layer {layer!r} has no rows: part {self.shard} of a run holds no items that can be read")
        if embeddings is None:
            raise InputError(f"layer must be one of {', '.join(known.name for known in self.layers)}; got {layer!r}")
        return embeddings

    def __len__(self) -> int:
        return self.n_rows


def state_of(settings: Any, model: str, weights: str | None, layers: Sequence[Any]) -> dict[str, Any]:
    """All that decides the rows of an extraction but what is in the items, as json can write it.

    settings: has the rest as attributes: an `Extraction`, or what will become one.
    """
    rest = (
        "names_sha256", "preprocessing", "decoder", "background", "precision", "batch_size", "shard", "transform",
        "versions", "model_threads", "processor",
    )  # fmt: skip
    entries = {
        "model": model, "weights": weights, "layers": [[layer.name, layer.what, layer.pooling] for layer in layers],
        "device": settings.device.partition(":")[0], **{name: getattr(settings, name) for name in rest},
    }  # fmt: skip
    state: dict[str, Any] = as_document(entries)
    return state


class Sink(Protocol):
    """Where rows go: `Memory`, or a `Folder` on the disk."""

    path: Any
    failures: list[Failure]
    items: list[str]  # SHA-256 of the items that are done
    notes: list[str]

    @property
    def next(self) -> int: ...

    @property
    def rows(self) -> int: ...

    @property
    def seconds(self) -> float: ...

    def add(
        self, rows: Mapping[str, np.ndarray], items: Sequence[str], failures: Sequence[Failure], seconds: float
    ) -> None: ...

    def finish(
        self, names: Sequence[str], hashes: str,
        manifest: Callable[[Mapping[str, tuple[tuple[int, ...], str | None]]], str],
    ) -> Mapping[str, Any]: ...  # fmt: skip

    def left(self, total: int) -> str: ...


class Memory:
    """Rows that are kept in memory."""

    path = None

    def __init__(self, first: int) -> None:
        self.next, self.rows, self.seconds = first, 0, 0.0
        self.failures: list[Failure] = []
        self.items: list[str] = []
        self.notes: list[str] = []
        self._parts: dict[str, list[np.ndarray]] = {}

    def add(
        self, rows: Mapping[str, np.ndarray], items: Sequence[str], failures: Sequence[Failure], seconds: float
    ) -> None:
        """The next batch."""
        self.next, self.seconds = self.next + 1, seconds
        self.rows += len(next(iter(rows.values()))) if rows else 0
        self.items += items
        self.failures += failures
        for name, part in rows.items():
            self._parts.setdefault(name, []).append(part)

    def finish(
        self, names: Sequence[str], hashes: str,
        manifest: Callable[[Mapping[str, tuple[tuple[int, ...], str | None]]], str],
    ) -> Mapping[str, Any]:  # fmt: skip
        """The arrays."""
        arrays = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        manifest({name: (array.shape, None) for name, array in arrays.items()})
        return arrays

    def left(self, total: int) -> str:
        """What an interrupt leaves."""
        return "nothing was written"
