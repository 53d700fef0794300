"""What views and sections share: names of models and of concepts, columns of pairs, words of headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pyalign.documents import Interval
from pyalign.report.blocks import TEXT, Column
from pyalign.report.words import one_line, short_labels, shortened

CORRECTED = {"holm": "Holm", "benjamini-hochberg": "B.-H."}  # how p-values were corrected, in a header
SINGULAR = {"dimensions": "dimension", "categories": "category", "levels": "level"}  # of what concepts are


def counted(n: int, one: str, more: str = "") -> str:
    """How many of what.

    Example:
        >>> counted(1, "model"), counted(1200, "person", "people")
        ('1 model', '1,200 people')
    """
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def number(value: float | None, places: int = 4) -> str:
    """A correlation or a share as people read it, in a sentence.

    Example:
        >>> number(0.51234), number(0.51234, 3), number(None), number(float("nan"))
        ('0.5123', '0.512', '-', '-')
    """
    return "-" if value is None or value != value else f"{value:.{places}f}"


def interval_header(confidence: float | None) -> str:
    """The header of a column of intervals.

    Example:
        >>> interval_header(0.95), interval_header(None)
        ('95 % interval', 'interval')
    """
    return "interval" if confidence is None else f"{100 * confidence:g} % interval"


def intervals_over(intervals: Iterable[Interval | None]) -> str:
    """What intervals are over, and how often they hold; "" where there is none.

    Example:
        >>> intervals_over([Interval(0, 1, by="objects+subjects"), None, Interval(0, 1, by="objects", confidence=0.9)])
        '95 % intervals over objects and people or 90 % intervals over objects'
    """
    words = []
    for one in intervals:
        if one is not None and one.low == one.low and one.high == one.high:
            level = f"{100 * one.confidence:g} % intervals"
            words.append(f"{level} over {over_words(one.by)}" if one.by else level)
    return " or ".join(dict.fromkeys(words))


def over_words(by: str) -> str:
    """What intervals are over, in a sentence.

    Example:
        >>> over_words("objects+subjects")
        'objects and people'
    """
    return by.replace("subjects", "people").replace("+", " and ")


def bars_text(intervals: Iterable[Interval | None]) -> str:
    """The same for the bars of a chart.

    Example:
        >>> bars_text([Interval(0, 1, by="objects")]), bars_text([None])
        ('Bars: 95 % intervals over objects.', '')
    """
    text = intervals_over(intervals)
    return f"Bars: {text}." if text else ""


def model_labels(
    models: Sequence[tuple[str, str | None]], verbose: bool = False, labels: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What models are called: their own labels, else short forms of their names; all different.

    Args:
        models: names, each with its own label or None.
        verbose: names in full, but for those that have a label.
        labels: of a page, which count before these; None: there are none.

    Example:
        >>> model_labels([("out/clip.npy", None), ("out/vgg.npy", "VGG")])
        {'out/clip.npy': 'clip', 'out/vgg.npy': 'VGG'}
        >>> model_labels([("out/clip.npy", None)], labels={"out/clip.npy": "CLIP"})
        {'out/clip.npy': 'CLIP'}
    """
    names = list(dict.fromkeys(name for name, _ in models))
    short = {name: one_line(name) for name in names} if verbose else short_labels(names)
    own = {name: one_line(label) for name, label in models if label}
    called = {name: (labels or {}).get(name) or own.get(name) or short[name] for name in names}
    return dict(zip(names, different([called[name] for name in names]), strict=True))


def called(models: Sequence[tuple[str, str | None]], labels: Mapping[str, str] | None = None) -> list[str]:
    """What models are called, row by row: by labels of a page, by their own, or by short forms of their names.

    Example:
        >>> called([("out/clip.npy", None), ("out/vgg.npy", "VGG"), ("out/clip.npy", None)])
        ['clip', 'VGG', 'clip']
    """
    short = short_labels([name for name, _ in models])
    return [one_line((labels or {}).get(name) or label or short[name]) for name, label in models]


def different(names: Sequence[str]) -> list[str]:
    """Names that differ: a second of the same name has its number behind it.

    Example:
        >>> different(["red", "round", "red"])
        ['red', 'round', 'red (2)']
    """
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out


def pairs_column(header: str, pairs: Sequence[tuple[str, str]], labels: Mapping[str, str]) -> Column:
    """Both models of each pair in a text, in half of the room each where it is narrow.

    Example:
        >>> pairs_column("difference", [("a", "b")], {"a": "clip", "b": "vgg"}).values
        ('clip - vgg',)
    """

    def fit(room: int) -> list[str]:
        names = list(labels.values())
        half = dict(zip(names, shortened(names, (room - 3) // 2), strict=True))
        return [f"{half[labels[a]]} - {half[labels[b]]}" for a, b in pairs]

    return Column(header, tuple(f"{labels[a]} - {labels[b]}" for a, b in pairs), fit=fit, only=TEXT)


def concepts_column(header: str, names: Sequence[str]) -> Column:
    """Labels of concepts, whose beginnings are kept where a text is narrow.

    Example:
        >>> concepts_column("dimension", ["food-related"]).fit(6)
        ['food-…']
    """
    lines = tuple(map(one_line, names))
    return Column(header, lines, fit=lambda room: [n if len(n) <= room else n[: room - 1] + "…" for n in lines])
