"""Words of tables: names that fit, figures as people read them, what intervals are over."""

from __future__ import annotations

import math
import os
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

from pyalign.data import alternatives_of, chance_of
from pyalign.io.formats import FORMATS
from pyalign.io.paths import suffix_of

TRANSFORMED = " (transformed)"  # behind the name of what a transform made of embeddings
WIDTH = 80  # where no terminal says otherwise
ELSEWHERE = "the verbose table and the JSON document have all"  # of what a table leaves out


def one_line(text: str) -> str:
    r"""A file name as it is, but for what would break a line or cannot be shown, which is escaped.

    Example:
        >>> print(one_line("two\nlines.npy"))
        two\nlines.npy
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def noted(notes: Sequence[str], width: int | None, verbose: bool = False) -> str:
    """Notes on one line, or on more where it is narrow; words that are longer, such as paths, only if `verbose`.

    Example:
        >>> noted(["triplets: t.npy", "chance 33.333 %"], None)
        'triplets: t.npy; chance 33.333 %'
    """
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
    """The columns of a terminal that a text takes: two for wide characters, none for combining ones.

    Example:
        >>> shown_width("name"), shown_width("日本語"), shown_width("e\\u0301")
        (4, 6, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def ending(text: str, width: int) -> str:
    """The end of a text, with "…" before it where it is longer."""
    if shown_width(text) <= width:
        return text
    start = max(0, len(text) - width + 1)
    while shown_width(text[start:]) > width - 1:
        start += 1
    return "…" + text[start:]


def beginning(text: str, width: int) -> str:
    """The beginning of a text, with "…" behind it where it is longer."""
    if shown_width(text) <= width:
        return text
    end = width - 1
    while shown_width(text[:end]) > width - 1:
        end -= 1
    return text[:end] + "…"


def shorten_left(text: str, width: int) -> str:
    """The end of a path, which tells files apart, in at most `width` characters.

    Example:
        >>> shorten_left("features/clip/visual.npy", 12)
        '…/visual.npy'
    """
    return ending(text, width)


def shortened(names: Sequence[str], width: int) -> list[str]:
    """Names in at most `width` characters: their ends, or their beginnings where only these tell them apart.

    Example:
        >>> shortened(["features/clip.npy", "features/vgg.npy"], 8), shortened(["clip_features", "vgg_features"], 8)
        (['…lip.npy', '…vgg.npy'], ['clip_fe…', 'vgg_fea…'])
    """
    ends = [shorten_left(name, width) for name in names]
    if len(set(ends)) == len(set(names)):
        return ends
    beginnings = [beginning(name, width) for name in names]
    return beginnings if len(set(beginnings)) == len(set(names)) else ends


def short_labels(names: Sequence[str]) -> dict[str, str]:
    """Short forms of the names of models that are files: what tells them apart, without folders and extensions.

    A name that is no file's, as `says_file` knows it, is what people call the model, and stays whole.

    Example:
        >>> short_labels(["out/clip/visual.npy", "out/vgg.h5::fc7", "CLIP ViT-B/32", "word2vec v1.5"])
        {'out/clip/visual.npy': 'visual', 'out/vgg.h5::fc7': 'vgg::fc7', 'CLIP ViT-B/32': 'CLIP ViT-B/32', \
'word2vec v1.5': 'word2vec v1.5'}
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
    suffix = suffix_of(path)
    return suffix if suffix in FORMATS and len(suffix) < len(path.replace(os.sep, "/").rpartition("/")[2]) else None


def _short(name: str, parts: int) -> str:
    if name.endswith(TRANSFORMED):
        return _short(name.removesuffix(TRANSFORMED), parts) + TRANSFORMED
    if not says_file(name):
        return name
    path, mark, key = name.rpartition("::") if "::" in name else (name, "", "")
    last = "/".join(path.replace(os.sep, "/").rstrip("/").split("/")[-parts:])
    return last[: len(last) - len(_known(last) or "")] + mark + key


def percent(share: float | None) -> str:
    """A fraction as people read it.

    Example:
        >>> percent(0.5), percent_interval((0.4912, 0.51)), percent(None)
        ('50.000 %', '49.120 to 51.000 %', '-')
    """
    return "-" if share is None or share != share else f"{100 * share:.3f} %"


def chance_note(task: str) -> str:
    """The accuracy of a model that knows nothing.

    Example:
        >>> chance_note("anchored"), nats_note("anchored"), nats_note("odd-one-out")
        ('chance 50.000 %', 'nats (log 2 = 0.69315)', 'nats (log 3 = 1.09861)')
    """
    return f"chance {percent(chance_of(task))}"


def nats_note(task: str) -> str:
    """The unit of cross-entropies, and that of a model that knows nothing."""
    k = alternatives_of(task)
    return f"nats (log {k} = {math.log(k):.5f})"


def percent_interval(interval: Iterable[float] | None) -> str:
    """An interval of fractions as people read it."""
    if interval is None:
        return "-"
    low, high = interval
    return f"{100 * low:.3f} to {100 * high:.3f} %" if low == low else "-"


OVER = {
    "objects": ("objects", "people are not counted"),
    "subjects": ("people", "other objects are not counted"),
    "objects+subjects": ("objects and people", ""),
    "triplets": ("triplets of these objects", "neither other objects nor other people are counted"),
}


def p_text(p: float | None) -> str:
    """A p-value as people read it.

    Example:
        >>> p_text(0.0312), p_text(1e-20), p_text(None)
        ('0.0312', '<0.0001', '-')
    """
    return "-" if p is None else "<0.0001" if p < 1e-4 else f"{p:.3g}"


def over(by: str | None) -> str:
    """What intervals are over, and what they leave out.

    Example:
        >>> over("objects")
        'objects, people are not counted'
    """
    what, without = OVER.get(by or "", (str(by), ""))
    return f"{what}, {without}" if without else what


def over_text(by: str | None, method: str | None, resamples: int | None, seed: int | None) -> str:
    """How intervals were found, and what they are over.

    Example:
        >>> over_text("objects+subjects", "corrected", None, 0)
        'intervals (closed form) over objects and people'
        >>> over_text("objects", "bootstrap", 1000, 0)
        'intervals (bootstrap, 1,000 resamples, seed 0) over objects, people are not counted'
    """
    how = "closed form" if resamples is None else f"{method}, {resamples:,} resamples, seed {seed}"
    return f"intervals ({how}) over {over(by)}"
