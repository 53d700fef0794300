"""What a page is made from: documents that were read, metadata of their models, images of their objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pyalign.report.page import naming


@dataclass(frozen=True)
class Loaded:
    """A document. `path`: where it came from, "" for a result of this process; `document`: what it holds."""

    path: str
    document: Mapping[str, Any]

    @property
    def command(self) -> str:
        """Of which command it is."""
        return str(self.document["command"])


@dataclass(frozen=True)
class Given:
    """All that sections are made from.

    Attributes:
        documents: sound documents, in the order in which they were given.
        metadata: of models, a `Metadata`, or None.
        images: of objects, as `as_images` gives them, or None.
        faults: what could not be used, a line each.
    """

    documents: tuple[Loaded, ...]
    metadata: Any = None
    images: Any = None
    faults: tuple[str, ...] = field(default=())

    def of(self, *commands: str) -> tuple[Loaded, ...]:
        """The documents of these commands."""
        return tuple(one for one in self.documents if one.command in commands)

    @cached_property
    def labels(self) -> dict[str, str]:
        """What models are called, by what documents call their embeddings; the same on the whole page."""
        return naming.labels_of([one.document for one in self.documents])

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the page must know of its documents, a sentence each."""
        return naming.remarks_of([(one.path, one.document) for one in self.documents])

    def label(self, name: str) -> str:
        """The label of one; its name where it is not known."""
        return self.labels.get(name, name)
