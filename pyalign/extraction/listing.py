"""What models there are, and what a misspelt name was meant to be."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable

from pyalign.errors import MissingExtraError
from pyalign.extraction.sources import SOURCES, module_of

NEAR = 0.6  # of difflib, from which on a name is proposed


def list_models(pattern: str | None = None, source: str | None = None) -> list[str]:
    """The models that installed sources know, as SOURCE:NAME, in plain string order within a source.

    Args:
        pattern: that the name must contain, or match where it has * or ?; letters of either case.
        source: one source; None: all that are installed.

    Example:
        >>> list_models("pixels*")
        ['pixels:64']
    """
    found = []
    for name in SOURCES if source is None else (source,):
        try:
            known = module_of(name).names()
        except MissingExtraError:
            if source is not None:
                raise
            continue
        found += [f"{name}:{one}" for one in sorted(known)]
    return found if pattern is None else [one for one in found if _fits(one, pattern)]


def _fits(spec: str, pattern: str) -> bool:
    low, wanted = spec.lower(), pattern.lower()
    if any(sign in wanted for sign in "*?["):
        return fnmatch.fnmatchcase(low, wanted) or fnmatch.fnmatchcase(low.partition(":")[2], wanted)
    return wanted in low


def plain(name: str) -> str:
    """A name without case and signs, under which spellings meet: `ViT-B/32` and `vit_b_32`."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def closest(name: str, known: Iterable[str] | None = None) -> list[str]:
    """The names that a misspelt one was probably meant to be, best first; at most three.

    Example:
        >>> closest("ViT-B-32", ["resnet50", "vit_b_32", "vit_b_16"])[0]
        'vit_b_32'
    """
    candidates = list_models() if known is None else list(known)
    wanted = plain(name)
    by_form: dict[str, str] = {}
    for one in candidates:
        for form in (plain(one), plain(one.partition(":")[2])):
            by_form.setdefault(form, one)
    exact = [by_form[wanted]] if wanted in by_form else []
    near = [by_form[form] for form in difflib.get_close_matches(wanted, by_form, 6, NEAR)]
    return list(dict.fromkeys([*exact, *near]))[:3]


def propose(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'a', 'b'?``, or nothing where no name is near."""
    found = closest(name, known)
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""
