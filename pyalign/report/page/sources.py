"""What a page is made from: results that were read, metadata of their models, images of their objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from pyalign._version import __version__
from pyalign.report.page import naming

Of = TypeVar("Of")


@dataclass(frozen=True)
class Loaded:
    """A result. `path`: where it came from, "" for one of this process; `version`: of pyalign, which made it."""

    path: str
    result: Any
    version: str = __version__

    @property
    def command(self) -> str:
        """Of which command it is."""
        return str(self.result.command)


@dataclass(frozen=True)
class Sources:
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

    def loaded(self, kind: type[Any]) -> tuple[Loaded, ...]:
        """Those whose result is of a class, with where each came from."""
        return tuple(one for one in self.documents if isinstance(one.result, kind))

    def results(self, kind: type[Of]) -> tuple[Of, ...]:
        """The results of a class."""
        return tuple(one.result for one in self.loaded(kind))

    @cached_property
    def labels(self) -> dict[str, str]:
        """What models are called, by what results call their embeddings; the same on the whole page."""
        return naming.labels_of([one.result for one in self.documents])

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the page must know of its documents, a sentence each."""
        return naming.remarks_of([(one.path, one.result, one.version) for one in self.documents])

    def label(self, name: str) -> str:
        """The label of one; its name where it is not known."""
        return self.labels.get(name, name)
