"""Several embeddings by several measures on the same triplets, in one result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from pyalign._dataclass import dataclass
from pyalign._result import Result, picked
from pyalign.documents import from_document, from_fields
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.typing import MeasureLike

One = TypeVar("One", bound=Result)


@dataclass(frozen=True)
class Several(Result, Generic[One]):
    """Results of one kind, embeddings by embeddings and measure by measure.

    Where there is one, its attributes can be read from the whole: ``scores.accuracy`` is ``scores.only.accuracy``.
    """

    rows: ClassVar[str] = "results"
    filled: ClassVar = ("results",)
    kind: ClassVar[type[Any]]

    results: tuple[One, ...]  # of each.
    triplets: str | None = None  # where the triplets came from, or None.

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[One]:
        return iter(self.results)

    def __getitem__(self, k: int | str) -> One:
        return picked(self.results, k)

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self.results))
        return shown if len(self.results) == 1 else f"{type(self).__name__}({shown})"

    @property
    def only(self) -> One:
        """The one result that there is."""
        if len(self.results) != 1:
            name = type(self).__name__
            raise InputError(f"only is of {name} with one result; got {len(self.results)}: take one of them by number")
        return self.results[0]

    def __getattr__(self, name: str) -> Any:
        results = self.__dict__.get("results", ())
        if len(results) == 1 and not name.startswith("_"):
            return getattr(results[0], name)
        known = results and not name.startswith("_") and hasattr(results[0], name)
        why = f" as a whole: take one of its {len(results)} results by number" if known else ""
        raise AttributeError(f"{type(self).__name__} has no {name!r}{why}", name=name, obj=self)

    def __dir__(self) -> list[str]:
        only = dir(self.results[0]) if len(self.results) == 1 else []
        return sorted({*super().__dir__(), *only})

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Any:
        """Reads a document, also one about a single result, which has no list of results."""
        if "results" in document:
            return from_fields(cls, document)
        one = from_document(cls.kind, document)
        return cls((one,), notes=one.notes, coverage=one.coverage, provenance=one.provenance, outputs=one.outputs)


def measures_of(measure: Any) -> tuple[MeasureLike, ...]:
    """One measure or a sequence of them, all known.

    Example:
        >>> measures_of("dot"), measures_of(["dot", "cosine"])
        (('dot',), ('dot', 'cosine'))
    """
    measures = tuple(measure) if isinstance(measure, list | tuple) else (measure,)
    if not measures:
        raise InputError("measure must be at least one; got none")
    for one in measures:
        get_measure(one)
    return measures
