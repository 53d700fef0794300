"""Several embeddings by several measures on the same triplets: one after the other, in one result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

from pyalign import _checks
from pyalign.analysis.notes import merged
from pyalign.data import Aligned, Embeddings, Triplets
from pyalign.data.align import aligned, one_order
from pyalign.data.similarities import Similarities
from pyalign.documents import from_document, from_fields
from pyalign.errors import InputError
from pyalign.measures import Measure, get_measure
from pyalign.progress import Progress
from pyalign.results import Result

One = TypeVar("One", bound=Result)
Chosen = TypeVar("Chosen")  # a measure, or None


@dataclass(frozen=True)
class Several(Result, Generic[One]):
    """Results of one kind, embeddings by embeddings and measure by measure.

    Attributes:
        results: of each.
        triplets: where the triplets came from, or None.
    """

    rows: ClassVar[str] = "results"
    kind: ClassVar[type[Any]]

    results: tuple[One, ...]
    triplets: str | None = None

    def __post_init__(self) -> None:
        if not self.results:
            raise InputError("results must be at least one; got none")

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[One]:
        return iter(self.results)

    def __getitem__(self, k: int) -> One:
        return self.results[k]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Any:
        """Of a document about one, that."""
        return from_fields(cls, document) if "results" in document else from_document(cls.kind, document)


def measures_of(measure: Any) -> tuple[str | Measure, ...]:
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


def of_each(
    x: Embeddings | Mapping[str, Embeddings], triplets: Triplets, measures: Sequence[Chosen], progress: Progress,
    begin: Callable[[Aligned, str | None], Callable[[Chosen], One]], called: str = "x",
) -> tuple[One, ...]:  # fmt: skip
    """What `begin` makes of each embeddings, called with each measure.

    Args:
        x: embeddings, or a mapping from names to them; these share the order of items that the first with names has.
            `Similarities` have no measure: `begin` is called with the first of `measures`.
        called: what x is, where it has no name.
        begin: takes embeddings with triplets and their name, or None; gives a function of a measure.
    """
    models: dict[str | None, Embeddings] = {None: x} if isinstance(x, Embeddings) else dict(x.items())
    if isinstance(x, Mapping):
        triplets, notes = one_order(x, triplets)
        triplets = replace(triplets, notes=merged(triplets.notes, notes)) if notes else triplets
    found: list[One] = []
    each = {name: measures[:1] if isinstance(values, Similarities) else measures for name, values in models.items()}
    for name, values in models.items():
        ready = aligned(values, triplets, name or called)  # whose errors name the embeddings themselves
        with _told(name, triplets.source), _checks.may_omit_rows(ready.names):
            run = begin(ready, name)
            for measure in each[name]:
                progress(f"{name or called} {measure or ''}".rstrip(), len(found), sum(map(len, each.values())))
                found.append(run(measure))
    return tuple(found)


@contextmanager
def _told(name: str | None, source: str | None) -> Iterator[None]:
    """An error of one model among several is told with its name and where the triplets are from."""
    try:
        yield
    except InputError as error:
        if name is None:
            raise
        raise InputError(f"{' with '.join(filter(None, (name, source)))}: {error}") from error
