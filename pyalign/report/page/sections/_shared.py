"""What sections share: parts of several results, sets of triplets, figures with their data, notes as sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from pyalign.data import ODD_ONE_OUT
from pyalign.data.names import listing
from pyalign.documents import Interval
from pyalign.report.blocks import Code, Column, Facts, Figure, Fold, Section, Table, Text, Tiles, Value
from pyalign.report.charts.theme import rows_of
from pyalign.report.page.html import Panels
from pyalign.report.page.parts_html import Browser
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.words import intervals_over, one_line, says_file, short_labels

OF_A_CALL = ("backend", "n_dropped", "seed")  # what differs between calls that ask the same of other models
PLAIN = (str, int, float, bool)
OF_TRIPLETS = ("score", "compare", "probe", "calibrate", "ceiling")  # commands
MODEL = "\0"  # where a note names one
NAMED = 5  # models of a note by their names, behind which the others are counted
Of = TypeVar("Of")
Arguments = ParamSpec("Arguments")
Pooled = TypeVar("Pooled", bound=Any)
Part = Text | Facts | Code | Table | Figure | Tiles | Panels | Browser | Fold | None

# Parts


def section_of(name: str, title: str, lead: str, parts: Iterable[Part]) -> Section | None:
    """The section with those of the parts that are not None; None where there is none."""
    there = tuple(part for part in parts if part is not None)
    return Section(name, title, lead, there) if there else None


def parts_of_each(
    results: Iterable[Of], parts_of: Callable[Concatenate[Of, Arguments], Iterable[Part]], *arguments: Arguments.args,
    **options: Arguments.kwargs,
) -> Iterator[Part]:
    """The parts that ``parts_of(result, *arguments)`` gives of each result, all under different names."""
    for number, result in enumerate(results, start=1):
        for part in parts_of(result, *arguments, **options):
            yield part if number == 1 else _numbered(part, number)


def _numbered(part: Part, number: int) -> Part:
    """A part with its number in the names of all that it holds.

    Example:
        >>> figure = Figure("ranks", "", None, "", Table((), name="ranks-data"))
        >>> numbered = _numbered(figure, 2)
        >>> numbered.name, numbered.data.name
        ('ranks-2', 'ranks-2-data')
    """
    if part is None or isinstance(part, Text | Facts | Code):
        return part
    if isinstance(part, Fold):
        return replace(part, parts=tuple(_numbered(inner, number) for inner in part.parts))
    if isinstance(part, Figure) and part.data is not None:
        part = replace(part, data=replace(part.data, name=_number_in(part.data.name, number)))
    return replace(part, name=_number_in(part.name, number))


def _number_in(name: str, number: int) -> str:
    return re.sub("(?=-data$|-seen$|$)", f"-{number}", name, count=1)


def in_both_widths(draw: Callable[..., Any]) -> dict[str, Any]:
    """A chart as wide as a page, and as a telephone, as `Figure` takes them: what ``draw(width=...)`` gives."""
    return {"chart": draw(width="double"), "narrow": draw(width="single")}


def figure(name: str, caption: str, draw: Callable[..., Any], summary: str) -> Figure:
    """A figure with the numbers that it shows; `draw` as in `in_both_widths`."""
    charts = in_both_widths(draw)
    rows = rows_of(charts["chart"])
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns = tuple(_column(key, tuple(row.get(key) for row in rows)) for key in names)
    data = Table(columns, name=f"{name}-data", caption="What the figure shows, in numbers.")
    return Figure(name, caption, summary=summary, data=data, **charts)


def _column(name: str, values: tuple[Value, ...]) -> Column:
    present = [value for value in values if value is not None]
    form = "text"
    if present and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        form = "count" if all(isinstance(value, int) for value in present) else "number"
    return Column(name.replace("_", " "), values, form, places=4)


# Results


def pooled(results: Sequence[Pooled]) -> list[Pooled]:
    """Results that say the same of all but their models have their `results` and `differences` together.

    Of the same model the first one counts.

    Example:
        >>> import numpy as np, pyalign
        >>> a, b = (pyalign.neighborhoods({name: np.eye(4)}, k=2) for name in "ab")
        >>> [[result.embeddings for result in both.results] for both in pooled([a, b])]
        [['a', 'b']]
    """
    groups: dict[tuple[Any, ...], list[Pooled]] = {}
    for result in results:
        values = {field.name: getattr(result, field.name) for field in fields(result) if field.name not in OF_A_CALL}
        question = tuple((name, repr(value)) for name, value in values.items() if isinstance(value, PLAIN))
        groups.setdefault(question, []).append(result)
    return [_together(group) for group in groups.values()]


def _together(group: Sequence[Pooled]) -> Pooled:
    rows: dict[tuple[Any, ...], Any] = {}
    for row in (row for member in group for row in member.results):
        rows.setdefault((row.embeddings, getattr(row, "by", None)), row)
    result = replace(group[0], results=tuple(rows.values()))
    if not hasattr(result, "differences"):
        return result
    return replace(result, differences=tuple(row for member in group for row in member.differences or ()))


# Triplets: figures of different ones must not be compared


@dataclass(frozen=True)
class _DocumentTriplets:
    """The triplets of a document. `path`: where they came from; `sha256`, `shape`: of their values; None: not known."""

    path: str | None
    task: str
    sha256: str | None = None
    shape: tuple[int, ...] | None = None

    def fits(self, other: _DocumentTriplets) -> bool:
        """Whether they may be the same: by their values, else by where they came from and how many they are."""
        if self.task != other.task:
            return False
        if self.sha256 and other.sha256:
            return self.sha256 == other.sha256
        return self.path == other.path and (None in (self.shape, other.shape) or self.shape == other.shape)


def _triplets_of(result: Any) -> _DocumentTriplets:
    rows = getattr(result, "results", ())
    provenance = result.provenance or (rows[0].provenance if rows else None)
    task = getattr(result, "task", None) or (rows[0].task if rows else ODD_ONE_OUT)
    for array in () if provenance is None else provenance.inputs:
        if array.name == "triplets":
            return _DocumentTriplets(result.triplets, task, array.sha256, array.shape or None)
    return _DocumentTriplets(result.triplets, task)


@dataclass(frozen=True)
class TripletSets:
    """The sets of triplets that documents are of. `number`: that of the set of each document, by its `id`."""

    members: Sequence[Sequence[_DocumentTriplets]]
    number: Mapping[int, int]

    def of(self, document: Loaded) -> int:
        """The number of the set of a document."""
        return self.number[id(document)]

    def label(self, number: int) -> str:
        """What a set is called; where the names of two are the same, with the beginning of its hash or its number."""
        names = [
            file_label(next((triplets.path for triplets in members if triplets.path), None)) for members in self.members
        ]
        name = names[number]
        if names.count(name) == 1:
            return name
        digest = next((triplets.sha256 for triplets in self.members[number] if triplets.sha256), None)
        return f"{name} (SHA-256 {digest[:8]})" if digest else f"{name} ({names[: number + 1].count(name)})"

    def results(self, loaded: Sequence[Loaded]) -> list[tuple[list[Any], str]]:
        """The results of documents that are of one set, and what it is called."""
        numbers = dict.fromkeys(map(self.of, loaded))
        return [
            ([document.result for document in loaded if self.of(document) == number], self.label(number))
            for number in numbers
        ]


def triplet_sets(sources: Sources) -> TripletSets:
    """Documents whose values are known make sets; others join the one set that they fit, or make one of their own."""
    pairs = [(id(loaded), _triplets_of(loaded.result)) for loaded in sources.of(*OF_TRIPLETS)]
    sets: list[list[_DocumentTriplets]] = []
    number: dict[int, int] = {}
    for identity, triplets in sorted(pairs, key=lambda pair: not pair[1].sha256):
        fitting = [k for k, members in enumerate(sets) if any(triplets.fits(other) for other in members)]
        if len(fitting) != 1:
            sets.append([])
            fitting = [len(sets) - 1]
        sets[fitting[0]].append(triplets)
        number[identity] = fitting[0]
    return TripletSets(sets, number)


# Words


def percent(value: float | None) -> str:
    """A fraction in a sentence."""
    return "none" if value is None else f"{100 * value:.1f}%"


def and_intervals(intervals: Iterable[Interval | None]) -> str:
    """What intervals are over, behind what a caption says before; "" where there are none."""
    level = intervals_over(intervals)
    return f"; {level}" if level else ""


def file_label(path: Any) -> str:
    """A file as people call it: without folders and extension.

    Example:
        >>> file_label("data/triplets.npy"), file_label(None)
        ('triplets', 'triplets')
    """
    return short_labels([path])[path] if isinstance(path, str) and path else "triplets"


def of_file(label: str) -> str:
    """What stands behind the word "triplets": the file that they are of, where that is called something else.

    Example:
        >>> of_file("human"), of_file("triplets"), of_file("triplets (2)")
        (' of human', '', ' (2)')
    """
    return label.removeprefix("triplets") if re.fullmatch(r"triplets( \(.*)?", label) else f" of {label}"


def triplets_text(count: str, task: str, label: str) -> str:
    """How many triplets, of which task and file, in a caption.

    Example:
        >>> triplets_text("1", "anchored", "triplets"), triplets_text("300", "odd-one-out", "human")
        ('1 anchored triplet', '300 odd-one-out triplets of human')
    """
    return f"{count} {task} {'triplet' if count == '1' else 'triplets'}{of_file(label)}".lstrip()


def where(document: Loaded) -> str:
    """Where a document came from, for people."""
    return one_line(document.path.replace("\\", "/").rpartition("/")[2]) if document.path else "this session"


def notes_of(sources: Sources, documents: Sequence[Loaded]) -> tuple[str, ...]:
    """The notes of documents as sentences that call models what the page calls them, each once with all its models."""
    names = sorted(sources.labels, key=len, reverse=True)
    sentences: dict[str, dict[str, None]] = {}  # without the model -> the labels of those that it is of
    for text in dict.fromkeys(note for document in documents for note in document.result.notes):
        model = next((name for name in names if text.startswith(f"{name}: ") or (says_file(name) and name in text)), "")
        text = text.replace(model, MODEL, 1) if model else text
        for name in filter(says_file, names):
            text = text.replace(name, sources.label(name))
        sentences.setdefault(sentence(text), {})[sources.label(model)] = None
    return tuple(text.replace(MODEL, listing([*models], NAMED)) for text, models in sentences.items())


def sentence(text: str) -> str:
    """A note with a capital and a full stop, but for names at its beginning.

    Example:
        >>> sentence("in-sample: seen"), sentence("1 row is 0")
        ('In-sample: seen.', '1 row is 0.')
    """
    first = re.match(r"[a-z]{2,}(?![^ ,:-])", text)
    text = text[0].upper() + text[1:] if first else text
    return text if text.endswith((".", "!", "?")) else f"{text}."
