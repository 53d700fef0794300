"""What sections share: parts of several results, sets of triplets, figures with their data, notes as sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, groupby
from typing import Any, TypeVar

from pyalign._dataclass import dataclass, field, fields, replace
from pyalign._registry import load
from pyalign._result import kinds
from pyalign.data import ODD_ONE_OUT
from pyalign.data.names import listing
from pyalign.report.blocks import (
    Block, Code, Column, Facts, Figure, Fold, Foot, Paragraph, Section, Table, Text, Tiles, Value, filled,
)
from pyalign.report.charts import CHARTS, charts_of, drawing
from pyalign.report.charts.theme import marks_of, rows_of
from pyalign.report.page.html import Panels
from pyalign.report.page.parts_html import Browser
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.words import one_line, says_file, short_labels

OF_A_CALL = ("backend", "n_dropped", "seed")  # what differs between calls that ask the same of other models
PLAIN = (str, int, float, bool)
OF_TRIPLETS = ("score", "compare", "probe", "calibrate", "ceiling")  # commands
MODEL = "\0"  # where a note names one
NAMED = 5  # models of a note by their names, behind which the others are counted
Labels = Mapping[str, str]
Pooled = TypeVar("Pooled", bound=Any)
Part = Text | Facts | Code | Table | Figure | Tiles | Panels | Browser | Fold | None

# Parts


def section_of(name: str, title: str, lead: str, parts: Iterable[Part]) -> Section | None:
    """The section with those of the parts that are not None, all under different names; None where there is none."""
    seen = Counter[str]()
    there = tuple(_numbered(part, seen) for part in parts if part is not None)
    return Section(name, title, lead, there) if there else None


def _numbered(part: Part, seen: Counter[str]) -> Part:
    """A part; of a name that there has been, its number stands behind it, and in the names of all that it holds.

    Example:
        >>> figure = Figure("ranks", "", None, "", Table((), name="ranks-data"))
        >>> numbered = _numbered(figure, Counter(["ranks"]))
        >>> numbered.name, numbered.data.name
        ('ranks-2', 'ranks-2-data')
    """
    if part is None or isinstance(part, Text | Facts | Code):
        return part
    if isinstance(part, Fold):
        return replace(part, parts=tuple(_numbered(inner, seen) for inner in part.parts))
    seen[part.name] += 1
    if (number := seen[part.name]) == 1:
        return part
    if isinstance(part, Figure) and part.data is not None:
        part = replace(part, data=replace(part.data, name=_number_in(part.data.name, number)))
    return replace(part, name=_number_in(part.name, number))


def _number_in(name: str, number: int) -> str:
    return re.sub("(?=-data$|-seen$|$)", f"-{number}", name, count=1)


MARKS = Table(())  # in place of the numbers of a figure: those of its marks


def figure(name: str, draw: Callable[..., Any], triplets: str | None = None, data: Table | None = MARKS) -> Figure:
    """A figure with the file that it is of and its ends in words, which its title does not say, and its numbers.

    `draw`: makes a chart as wide as a page, and as a telephone, by ``draw(width=...)``; `triplets`: the file that they
    are of, or what it is called; `data`: the numbers, None if they are in another table.
    """
    chart, narrow = (draw(width=width) for width in ("double", "single"))
    on = of_file(file_label(triplets))
    if data is MARKS:
        rows = rows_of(chart)
        columns = tuple(_column(key, tuple(row.get(key) for row in rows)) for key in dict.fromkeys(chain(*rows)))
        data = Table(columns, caption="What the figure shows, in numbers.")
    caption = " ".join(filter(None, (on and f"Triplets{on}.", _ends_of(marks_of(chart)[:1]))))
    data = None if data is None else replace(data, name=f"{name}-data")
    return Figure(name, caption, chart, f"{chart.description} {caption}".strip(), data, narrow)


def _ends_of(sets: Sequence[Sequence[Mapping[str, Value]]]) -> str:
    """The highest and the lowest of the marks with a value, in words; "" where there are not two.

    Example:
        >>> _ends_of([[{"row": "a", "column": "b", "value": 0.5}, {"spoken": "c: 10%", "value": 0.1}]])
        'Highest: a, b: 0.500. Lowest: c: 10%.'
    """
    known = [(value, mark) for marks in sets for mark in marks if isinstance(value := mark.get("value"), float)]
    if len({value for value, _ in known}) < 2:
        return ""
    words = []
    for value, mark in (pick(known, key=lambda one: one[0]) for pick in (max, min)):
        names = ", ".join(one for one in mark.values() if isinstance(one, str))
        words.append(mark.get("spoken") or f"{names}: {value:.3f}")
    return "Highest: {}. Lowest: {}.".format(*words)


def _column(name: str, values: tuple[Value, ...]) -> Column:
    present = [value for value in values if value is not None]
    form = "text"
    if present and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        form = "count" if all(isinstance(value, int) for value in present) else "number"
    return Column(name.replace("_", " "), values, form, places=4)


# Sections that are rows

MOST_ROWS = 1000  # of a table of a view; the document has the others
MOST_NOTES = 3  # that stand unfolded
Drawn = tuple[str, str] | tuple[str, str, str]  # the name of a figure, the kind of chart, and what `by` of that is


@dataclass(frozen=True)
class Row:
    """A section of a title, a lead, the charts of its results, the tables of their views, and their notes.

    Results are those of the kinds that name the section. `figures`: of a result, each drawn if that is enough for it;
    `data`: their numbers by kinds of charts, if not those of the marks; None: they are in the tables. `together`: the
    results of a kind, of which some may be one; `more`: what else there is of one, by the names of models on the page.
    """

    name: str
    title: str
    lead: str
    figures: Sequence[Drawn] | Callable[[Any], Sequence[Drawn]] = ()
    data: Mapping[str, Callable[..., Table | None]] = field(default_factory=dict)
    together: Callable[[Sources, str], Iterable[Any]] = lambda sources, word: (one.result for one in sources.of(word))
    more: Callable[[Any, Labels], Iterable[Part]] | None = None

    def __call__(self, sources: Sources) -> Section | None:
        """The section; None where there is no result of it."""
        words = [word for word, kind in kinds().items() if self.name in kind.sections]
        return self.of([result for word in words for result in self.together(sources, word)], sources)

    @property
    def __name__(self) -> str:
        """The name, as that of a function."""
        return self.name

    def of(self, results: Sequence[Any], sources: Sources, first: Iterable[Part] = ()) -> Section | None:
        """The section of these results, and of other parts before them."""
        parts = [part for result in results for part in self._parts(result, sources.labels)]
        return section_of(self.name, self.title, self.lead, [*first, *parts, notes_part(sources, results)])

    def _parts(self, result: Any, labels: Labels) -> Iterator[Part]:
        figures = self.figures(result) if callable(self.figures) else self.figures
        for name, chart, *by in figures:
            if chart in charts_of(result):
                options = {"labels": labels, **dict(zip(("by",), by, strict=False))}
                data = self.data[chart](result, labels, *by) if chart in self.data else MARKS
                draw = partial(drawing(chart), [result] if CHARTS[chart].several else result, **options)
                yield figure(name, draw, getattr(result, "triplets", None), data)
        if self.more is not None:
            yield from self.more(result, labels)
        yield from parts_of_view(load(kinds()[result.command].view)(result, True, labels))


def parts_of_view(blocks: Iterable[Block]) -> Iterator[Part]:
    """The tables of a view that have a name, each with the first note below it; other notes, and text, by themselves.

    Tables of the same fold that follow each other are in one. What intervals are over is said of each table of some.
    """
    waiting, over = list[Table](), ""
    for block in [*blocks, Foot(())]:
        if isinstance(block, Table):
            waiting.append(block)
        elif isinstance(block, Foot) and waiting:
            heads = (column.ends for one in waiting for column in one.columns if column.ends.endswith("% interval"))
            level = next(heads, "interval")
            notes = [re.sub(r"(?<!% )\bintervals (?=\(|over )", f"{level}s ", note) for note in block.notes]
            said = next((note for note in notes if "intervals " in note), "")
            over = said or over
            further = [] if said or not over else [over]
            tables = [
                _captioned(one, notes + further * any(column.low for column in one.columns))
                for one in waiting if one.name and one.columns[0].values
            ]
            for fold, group in groupby(tables, lambda one: one.fold):
                parts = tuple(group)
                yield from (Fold(fold, parts),) if fold else parts
            waiting = []
        elif isinstance(block, Foot | Paragraph):
            text = block.text if isinstance(block, Paragraph) else "; ".join(block.notes)
            yield from (Text((sentence(text),)),) if text else ()


def _captioned(table: Table, notes: Sequence[str]) -> Table:
    """A table of a view for a page, without columns that have no value, and at most so many rows, the first."""
    count, about = len(table.columns[0].values), [table.caption or table.title.removesuffix(":"), "; ".join(notes)]
    if count > MOST_ROWS:
        about.append(f"the first {MOST_ROWS:,} of {count:,} rows; the document has all")
        rows = table.order[:MOST_ROWS]
        table = replace(table, columns=tuple(_cut(column, rows) for column in table.columns))
    return replace(table, columns=filled(table.columns), caption=" ".join(sentence(text) for text in about if text))


def _cut(column: Column, rows: Sequence[int]) -> Column:
    def cut(of: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(of[k] for k in rows if of)

    return replace(column, values=cut(column.values), low=cut(column.low), high=cut(column.high))


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


def pooled_of(sources: Sources, word: str) -> list[Any]:
    """The results of a kind, as `pooled`."""
    return pooled([loaded.result for loaded in sources.of(word)])


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
    """The sets of triplets that documents are of. `number`: that of the set of each document, by its result's `id`."""

    members: Sequence[Sequence[_DocumentTriplets]]
    number: Mapping[int, int]

    def of(self, document: Loaded) -> int:
        """The number of the set of a document."""
        return self.number[id(document.result)]

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
    pairs = [(id(loaded.result), _triplets_of(loaded.result)) for loaded in sources.of(*OF_TRIPLETS)]
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


def notes_part(sources: Sources, results: Sequence[Any]) -> Part:
    """The notes of results in small letters, many of them folded; None where there are none."""
    notes = notes_of(sources, results)
    text = Text(notes, "note") if notes else None
    return Fold(f"{len(notes)} notes", (text,)) if len(notes) > MOST_NOTES else text


def notes_of(sources: Sources, results: Sequence[Any]) -> tuple[str, ...]:
    """The notes of results as sentences that call models what the page calls them, each once with all its models."""
    names = sorted(sources.labels, key=len, reverse=True)
    sentences: dict[str, dict[str, None]] = {}  # without the model -> the labels of those that it is of
    for text in dict.fromkeys(note for result in results for note in result.notes):
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
