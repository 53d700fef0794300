"""What a misspelt name of a model was meant to be.

A name is known under other spellings: `ViT-B/32`, `vit_b_32` and `vit_base_patch32_224` have words in common once `b`
is `base` and `patch` is nothing. What has all words of a name, and the fewest others, is what was meant.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

NEAR, MOST = 0.6, 3  # of difflib, from which on a name is proposed; how many are
LONG = {
    "b": "base", "g": "giant", "h": "huge", "l": "large", "n": "nano", "rn": "resnet", "s": "small", "t": "tiny",
    "ti": "tiny", "p": "", "patch": "", "px": "", "v": "", "imagenet": "", "vitb": "vit base", "vitg": "vit giant",
    "vitl": "vit large", "vits": "vit small",
}  # fmt: skip
# Names of families, for which the words alone would find something that few mean.
FAMILIES = {
    "clip": ("ViT-B-32/openai", "vit_base_patch32_clip_224.openai", "vit_large_patch14_clip_224.openai"),
    "convnext": ("convnext_base", "convnext_tiny", "convnext_large"),
    "dino": ("vit_base_patch16_224.dino", "vit_small_patch16_224.dino"),
    "dinov2": ("vit_base_patch14_dinov2", "vit_small_patch14_dinov2", "vit_large_patch14_dinov2"),
    "dinov3": ("vit_base_patch16_dinov3", "vit_small_patch16_dinov3"),
    "efficientnet": ("efficientnet_b0", "tf_efficientnet_b0"),
    "mobilenet": ("mobilenetv3_large_100", "mobilenetv2_100"),
    "resnet": ("resnet50", "resnet18"),
    "sbert": ("all-MiniLM-L6-v2", "all-mpnet-base-v2"),
    "siglip": ("vit_base_patch16_siglip_224",),
    "swin": ("swin_base_patch4_window7_224",),
    "vgg": ("vgg16", "vgg19"),
    "vit": ("vit_base_patch16_224", "vit_b_16"),
}


class Known(NamedTuple):
    """The names of a source in its order; `first`: those that stand for an architecture without a tag."""

    names: tuple[str, ...]
    first: frozenset[str] = frozenset()


def plain(name: str) -> str:
    """A name without case and signs, under which spellings meet: `ViT-B/32` and `vit_b_32`."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def words(name: str) -> Counter[str]:
    """The words and numbers of a name, abbreviations at length.

    Example:
        >>> sorted(words("ViT-B/32")), sorted(words("vit_base_patch32_224"))
        (['32', 'base', 'vit'], ['224', '32', 'base', 'vit'])
    """
    parts = (LONG.get(part, part) for part in re.findall(r"[a-z]+|\d+", name.lower()))
    split = (word for part in parts for word in part.split())
    return Counter(word[:-1] if len(word) > 3 and word.endswith("v") else word for word in split)  # mobilenetv2


class Entry(NamedTuple):
    """A name that may be proposed: as it is written, without its source, and of which architecture it is a tag."""

    spec: str
    name: str
    bare: str
    rank: int


def closest(name: str, known: Iterable[str] | Mapping[str, Known]) -> list[str]:
    """The names that a misspelt one was probably meant to be, best first; at most three.

    An architecture stands before its tags, and its default tag before the others.

    Args:
        name: as it was written, with or without a source.
        known: the names; or those of several sources, which are proposed with their source.

    Example:
        >>> closest("ViT-B-32", ["resnet50", "vit_b_32", "vit_b_16"])[0]
        'vit_b_32'
        >>> closest("resnet-50", ["resnet50.a1_in1k", "resnet50.a2_in1k", "resnet51q.ra2_in1k"])
        ['resnet50', 'resnet50.a1_in1k', 'resnet50.a2_in1k']
    """
    entries = _entries(known if isinstance(known, Mapping) else {"": Known(tuple(known))})
    wanted = name.partition(":")[2] or name
    architectures = _architectures(entries)
    specs = [*_of_family(wanted, entries, architectures), *_by_words(wanted, entries, architectures)]
    if not specs:
        forms: dict[str, Entry] = {}
        for entry in (*architectures, *entries):
            forms.setdefault(plain(entry.name), entry)
        specs = [forms[form].spec for form in difflib.get_close_matches(plain(wanted), forms, MOST, NEAR)]
    return list(dict.fromkeys(specs))[:MOST]


def _entries(sources: Mapping[str, Known]) -> list[Entry]:
    """All names, those with default tags first within an architecture."""
    entries = []
    for source, known in sources.items():
        head = f"{source}:" if source else ""
        for k, name in enumerate(sorted(known.names, key=lambda name: name not in known.first)):
            entries.append(Entry(head + name, name, re.split(r"[./]", name, maxsplit=1)[0], k))
    return entries


def _architectures(entries: Iterable[Entry]) -> list[Entry]:
    """One entry for each architecture; what needs a tag, as after a slash, is proposed with its first."""
    by_name: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        source = entry.spec.removesuffix(entry.name)
        spec = entry.spec if "/" in entry.name else source + entry.bare
        by_name.setdefault((source, entry.bare), Entry(spec, entry.bare, entry.bare, entry.rank))
    return list(by_name.values())


def _of_family(wanted: str, entries: list[Entry], architectures: list[Entry]) -> list[str]:
    names = FAMILIES.get(plain(wanted), ())
    there = [*architectures, *entries]
    return [entry.spec for name in names for entry in there if entry.name == name]


def _by_words(wanted: str, entries: list[Entry], architectures: list[Entry]) -> list[str]:
    """What has all the words: architectures, and the tags of one that has no other words."""
    wanted_words = words(wanted)
    if not wanted_words:
        return []
    matches = _with_words(wanted, wanted_words, architectures) or _with_words(wanted, wanted_words, entries)
    if not matches:
        return _other_tag(wanted, entries)
    exact = [entry for entry in matches if words(entry.name) == wanted_words]
    for best in exact[:1]:
        source = best.spec.partition(":")[0] if ":" in best.spec else ""
        exact += [entry for entry in entries if entry.bare == best.bare and entry.spec.startswith(source)]
    return [entry.spec for entry in (*exact, *matches)]


def _with_words(wanted: str, wanted_words: Counter[str], entries: Iterable[Entry]) -> list[Entry]:
    scored = []
    for place, entry in enumerate(entries):
        has = words(entry.name)
        if wanted_words <= has:
            scored.append(((has - wanted_words).total(), plain(entry.name) != plain(wanted), place, entry))
    return [entry for *_, entry in sorted(scored, key=lambda row: row[:3])][:MOST]


def _other_tag(wanted: str, entries: list[Entry]) -> list[str]:
    """The tags of an architecture that was named with one that it has not, the nearest first."""
    bare, *tag = re.split(r"[./]", wanted, maxsplit=1)
    there = {
        entry.name[len(entry.bare) + 1 :]: entry.spec for entry in entries if tag and plain(entry.bare) == plain(bare)
    }
    near = sorted(there, key=lambda other: -difflib.SequenceMatcher(None, "".join(tag), other).ratio())
    return [there[known_tag] for known_tag in near][:MOST]


def propose(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'a' or 'b'?``, or nothing where no name is near."""
    matches = closest(name, known)
    return f"; did you mean {' or '.join(map(repr, matches))}?" if matches else ""
