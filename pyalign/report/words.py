"""Words of tables, charts and pages: names of models that fit, figures as people read them, what intervals are over."""

from __future__ import annotations

import math
import os
import sys
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pyalign.data import alternatives_of, chance_of
from pyalign.documents import Interval
from pyalign.io.formats import FORMATS
from pyalign.io.paths import suffix_of
from pyalign.stats.resampling import Inference

TRANSFORMED = " (transformed)"  # behind the name of what a transform made of embeddings
WIDTH = 80  # where no terminal says otherwise
ELSEWHERE = "the verbose table and the JSON document have all"  # of what a table leaves out
CORRECTED = {"holm": "Holm", "benjamini-hochberg": "B.-H."}  # how p-values were corrected, in a header
SINGULAR = {
    "dimensions": "dimension",
    "categories": "category",
    "levels": "level",
    "entropy": "bin of entropy",
}  # of what concepts are
OVER = {
    "objects": "objects, with participants treated as fixed",
    "subjects": "participants, with objects treated as fixed",
    "objects+subjects": "objects and participants",
    "triplets": "triplets of these objects, with objects and participants treated as fixed",
}
Labels = Mapping[str, str]  # of models: name -> what it is called


def one_line(text: str) -> str:
    r"""A file name as it is, but for what would break a line or cannot be shown, which is escaped.

    Example:
        >>> print(one_line("two\nlines.npy"))
        two\nlines.npy
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def noted(notes: Sequence[str], width: int | None, verbose: bool = False) -> str:
    """Notes on one line, or on more where it is narrow; words that are longer, such as paths, only if `verbose`."""
    limit = width or WIDTH
    words = "; ".join(notes).split(" ")
    text = " ".join(word if verbose else shorten_left(word, limit) for word in words)
    return "\n".join(textwrap.wrap(text, limit, break_long_words=False, break_on_hyphens=False))


def terminal_width() -> int | None:
    """Columns of the terminal behind stdout, or None where there is none to fit."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return None


def shown_width(text: str) -> int:
    """The columns of a terminal that a text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def shorten_left(text: str, width: int) -> str:
    """The end of a text, which tells files apart, in at most `width` characters."""
    if shown_width(text) <= width:
        return text
    start = max(0, len(text) - width + 1)
    while shown_width(text[start:]) > width - 1:
        start += 1
    return "…" + text[start:]


def beginning(text: str, width: int) -> str:
    """The beginning of a text, with "…" behind it where it is longer."""
    return shorten_left(text[::-1], width)[::-1]


def shortened(names: Sequence[str], width: int) -> list[str]:
    """Names in at most `width` characters: their ends, or their beginnings where only these tell them apart."""
    ends, beginnings = ([cut(name, width) for name in names] for cut in (shorten_left, beginning))
    apart = len(set(names))
    return beginnings if len(set(ends)) != apart == len(set(beginnings)) else ends


def short_labels(names: Sequence[str]) -> dict[str, str]:
    """Short forms of models' names: of files, the parts of the path that differ, without extensions.

    A name that does not look like a file's (see `says_file`) stays whole.

    Example:
        >>> short_labels(["out/vgg.h5::fc7", "CLIP ViT-B/32"])
        {'out/vgg.h5::fc7': 'vgg::fc7', 'CLIP ViT-B/32': 'CLIP ViT-B/32'}
        >>> list(short_labels(["a/x.npy", "b/x.npy"]).values())
        ['a/x', 'b/x']
        >>> list(short_labels(["a/x.npy (transformed)"]).values())
        ['x (transformed)']
    """
    distinct = list(dict.fromkeys(names))
    for parts in range(1, 32):
        short = [one_line(_short(name, parts)) for name in distinct]
        if len(set(short)) == len(short):
            return dict(zip(distinct, short, strict=True))
    return {name: one_line(name) for name in distinct}


def says_file(name: str) -> bool:
    """Whether a name is that of a file by what it says itself, so that a document means the same on every machine.

    It ends in an extension that readers know, has a `::KEY` behind such a file or a folder, or starts as paths do.

    Example:
        >>> [says_file(name) for name in ("b/32.npy", "models/b::fc7", "./b/32", "CLIP ViT-B/32", "openai/clip")]
        [True, True, True, False, False]
    """
    path, mark, _ = name.rpartition("::")
    if mark:
        return " " not in path or _known(path) is not None
    return _known(name) is not None or name.startswith(("/", "./", "../", "~/"))


def _known(path: str) -> str | None:
    """The extension of a path where readers know it; a name before it is needed."""
    suffix = "" if "\0" in path else suffix_of(path)
    return suffix if suffix in FORMATS and len(suffix) < len(path.replace(os.sep, "/").rpartition("/")[2]) else None


def _short(name: str, parts: int) -> str:
    if name.endswith(TRANSFORMED):
        return _short(name.removesuffix(TRANSFORMED), parts) + TRANSFORMED
    if not says_file(name):
        return name
    path, mark, key = name.rpartition("::") if "::" in name else (name, "", "")
    last = "/".join(path.replace(os.sep, "/").rstrip("/").split("/")[-parts:])
    return last[: len(last) - len(_known(last) or "")] + mark + key


def model_labels(
    models: Iterable[tuple[str, str | None]], verbose: bool = False, labels: Labels | None = None
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
    own: dict[str, str] = {}
    for name, label in models:
        own[name] = label or own.get(name, "")
    return dict(zip(own, different(called(list(own.items()), labels, verbose)), strict=True))


def labels_of(result: object, verbose: bool = False, labels: Labels | None = None) -> dict[str, str]:
    """The labels of the models of a result, which has them as `results` or as `models`."""
    rows = getattr(result, "results" if hasattr(result, "results") else "models")
    names = [
        row if isinstance(row, str) else row.embeddings if hasattr(row, "embeddings") else row.model for row in rows
    ]
    own = [getattr(row, "label", None) for row in rows]
    return model_labels(zip(names, own, strict=True), verbose, labels)


def called(models: Sequence[tuple[str, str | None]], labels: Labels | None = None, verbose: bool = False) -> list[str]:
    """What models are called, row by row: by labels of a page, by their own, or by (short forms of) their names.

    Example:
        >>> called([("out/clip.npy", None), ("out/vgg.npy", "VGG"), ("out/clip.npy", None)])
        ['clip', 'VGG', 'clip']
    """
    short = {} if verbose else short_labels([name for name, _ in models])
    return [one_line((labels or {}).get(name) or label or short.get(name, name)) for name, label in models]


def different(names: Sequence[str]) -> list[str]:
    """Names that differ: a second of the same name has its number behind it.

    Example:
        >>> different(["red", "round", "red"])
        ['red', 'round', 'red (2)']
    """
    seen = Counter[str]()
    out = []
    for name in names:
        seen[name] += 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out


def counted(n: int, singular: str, plural: str = "") -> str:
    """How many of what.

    Example:
        >>> counted(1, "model"), counted(1200, "person", "people")
        ('1 model', '1,200 people')
    """
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def spread(counts: Iterable[int]) -> str:
    """The least to the largest of counts, such as "10 to 2,000"; of one the count."""
    ordered = sorted(counts)
    return " to ".join(f"{n:,}" for n in dict.fromkeys((ordered[0], ordered[-1])))


def number(value: float | None, places: int = 4) -> str:
    """A correlation or a share as people read it, in a sentence.

    Example:
        >>> number(0.51234), number(0.51234, 3), number(None), number(float("nan"))
        ('0.5123', '0.512', '-', '-')
    """
    return "-" if value is None or value != value else f"{value:.{supported(value, places)}f}"


def supported(value: float, places: int) -> int:
    """Digits after the point: of 10 and more at most five digits in all, which single precision supports."""
    whole = len(str(int(min(abs(value), 1e9))))
    return places if whole == 1 else max(0, min(places, 5 - whole))


def percent(share: float | None, places: int = 1) -> str:
    """A fraction as people read it.

    Example:
        >>> percent(0.5), percent_interval((0.4912, 0.51)), percent(None)
        ('50.0%', '49.1 to 51.0%', '-')
    """
    return "-" if share is None or share != share else f"{100 * share:.{places}f}%"


def percent_interval(interval: Iterable[float] | None) -> str:
    """An interval of fractions as people read it."""
    if interval is None:
        return "-"
    low, high = interval
    return f"{100 * low:.1f} to {100 * high:.1f}%" if low == low else "-"


def p_text(p: float | None) -> str:
    """A p-value as people read it.

    Example:
        >>> p_text(0.0312), p_text(1e-20), p_text(None)
        ('0.0312', '<0.0001', '-')
    """
    return "-" if p is None else "<0.0001" if p < 1e-4 else f"{p:.3g}"


def source_note(what: str, name: str | None) -> str:
    """What figures are of, such as the file of triplets; "" where it is not known."""
    return f"{what}: {one_line(name)}" if name else ""


def dropped_note(n: int, why: str = "NaN") -> str:
    """How many triplets, or objects, count nowhere; "" where all do."""
    return f"{n:,} dropped ({why})" if n else ""


def chance_note(task: str) -> str:
    """The accuracy of a model that knows nothing.

    Example:
        >>> chance_note("anchored"), nats_note("anchored"), nats_note("odd-one-out")
        ('chance 50.0%', 'nats (log 2 = 0.69315)', 'nats (log 3 = 1.09861)')
    """
    return f"chance {percent(chance_of(task))}"


def nats_note(task: str) -> str:
    """The unit of cross-entropies, and that of a model that knows nothing."""
    k = alternatives_of(task)
    return f"nats (log {k} = {math.log(k):.5f})"


def interval_header(confidence: float | None) -> str:
    """The header of a column of intervals.

    Example:
        >>> interval_header(0.95), interval_header(None)
        ('95% interval', 'interval')
    """
    return "interval" if confidence is None else f"{100 * confidence:g}% interval"


def header_of(how: Inference) -> str:
    """The header of the intervals of a result; "" where it has none."""
    return "" if how.over is None else interval_header(how.level)


def over_words(by: str) -> str:
    """What intervals are over, in a sentence.

    Example:
        >>> over_words("objects+subjects")
        'objects and participants'
    """
    return by.replace("subjects", "participants").replace("+", " and ")


def over(by: str | None) -> str:
    """What intervals are over, and what they leave out.

    Example:
        >>> over("objects")
        'objects, with participants treated as fixed'
    """
    return OVER.get(by or "", str(by))


def over_text(how: Inference) -> str:
    """How intervals were found, and what they are over; "" where there are none.

    Example:
        >>> over_text(Inference("objects+subjects", "corrected"))
        'intervals (closed form) over objects and participants'
        >>> over_text(Inference("objects", "bootstrap", resamples=1000, seed=0))
        'intervals (bootstrap, 1,000 resamples, seed 0) over objects, with participants treated as fixed'
    """
    return "" if how.over is None else f"intervals ({drawn_text(how)}) over {over(how.over)}"


def drawn_text(how: Inference) -> str:
    """How intervals were found."""
    return "closed form" if how.resamples is None else f"{how.method}, {how.resamples:,} resamples, seed {how.seed}"


def p_header(correction: str) -> str:
    """The header of a column of corrected p-values.

    Example:
        >>> p_header("holm")
        'p (Holm)'
    """
    return f"p ({CORRECTED[correction]})"


def corrected_for(correction: str | None, tests: int, what: str) -> str:
    """For how many tests p-values were corrected; "" without any."""
    return f"{p_header(correction)} corrected for {counted(tests, what)}" if correction and tests else ""


def effective_text(how: Inference) -> str:
    """The effective numbers that a result holds; "" where there are none."""
    figures = ((how.effective_objects, "objects"), (how.effective_subjects, "participants"))
    numbers = [f"{value:,.1f} {what}" for value, what in figures if value is not None]
    return f"effective numbers: {', '.join(numbers)}" if numbers else ""


def weighted_text(effective_answers: float | None) -> str:
    """A note that answers were weighted, and how many unweighted ones they are worth; "" where they were not.

    Example:
        >>> weighted_text(1234.56)
        'weighted answers: effective number of answers 1,234.6'
    """
    return (
        "" if effective_answers is None else f"weighted answers: effective number of answers {effective_answers:,.1f}"
    )


def each_text(weighting: str) -> str:
    """What counts the same in a mean."""
    return f"each {weighting.removesuffix('s')} counts the same"


def intervals_over(intervals: Iterable[Interval | None]) -> str:
    """What intervals are over, and how often they hold; "" where there is none.

    Example:
        >>> intervals_over([Interval(0, 1, by="objects+subjects"), None, Interval(0, 1, by="objects", confidence=0.9)])
        '95% intervals over objects and participants or 90% intervals over objects'
    """
    words = []
    for interval in intervals:
        if interval is not None and interval.low == interval.low and interval.high == interval.high:
            level = f"{100 * interval.confidence:g}% intervals"
            words.append(f"{level} over {over_words(interval.by)}" if interval.by else level)
    return " or ".join(dict.fromkeys(words))


def bars_text(intervals: Iterable[Interval | None]) -> str:
    """A sentence on what the bars of a chart are over; "" where there are none.

    Example:
        >>> bars_text([Interval(0, 1, by="objects")]), bars_text([None])
        ('Bars: 95% intervals over objects.', '')
    """
    text = intervals_over(intervals)
    return f"Bars: {text}." if text else ""
