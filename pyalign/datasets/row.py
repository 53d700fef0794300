"""What is known of a data set: a row of the table of `registry`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

DESCRIBED, COMPARED, OURS = "described", "compared", "ours"


class Remote(NamedTuple):
    """A file that can be fetched.

    file: its name here. url: where it is. hash: "sha256:..." or "md5:...", as its publishers or others have recorded
    it; None: recorded at the first fetch. unpack: whether it is an archive of which the content is wanted.
    """

    file: str
    url: str
    hash: str | None = None
    unpack: bool = False


@dataclass(frozen=True)
class Row:
    """A data set.

    Attributes:
        name: under which it is known, ``dataset:NAME``.
        what: a phrase.
        module: of this package, without its underscore, which reads it.
        parts: what it holds, with the keys of each; without a key the function decides, or says which there are.
        source: where it is published.
        licence: as its publishers have it; "not stated" where they say nothing.
        citation: a line.
        layout: the files that are expected, and what is in them; names of folders end in a slash.
        checked: how the layout is known: "compared" with the published files, "described" by public code or its own
            documentation, "ours".
        files: what can be fetched.
        kind: of judgments.
        home: the data set in whose folder it is.
        note: what else to know.
        needs: the files and folders without which there is nothing to read: one of each group, by the paths that the
            reader looks for.
    """

    name: str
    what: str
    module: str
    parts: Mapping[str, tuple[str, ...]]
    source: str
    licence: str
    citation: str
    layout: tuple[tuple[str, str], ...]
    checked: str = DESCRIBED
    files: tuple[Remote, ...] = ()
    kind: str | None = None
    home: str | None = None
    note: str = ""
    needs: tuple[tuple[str, ...], ...] = ()
