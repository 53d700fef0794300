"""What the name of a model names on the disk: a file or folder that its source reads, or runs.

What a misspelled name of a model was meant to be.

The formats that are read, each by its plugin of Pillow, after its header was looked at.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from io import BytesIO
from typing import Any, NamedTuple

from pyalign.errors import InputError


class OnDisk(NamedTuple):
    """What a spec names on the disk: `path` between `before` and `after`.

    Attributes:
        sure: whether it can be nothing else; otherwise it may be a name in a hub, or a tag.
        is_code: whether it is run.
    """

    before: str
    path: str
    after: str = ""
    sure: bool = True
    is_code: bool = False

    def at(self, path: str) -> str:
        """The spec with another path."""
        return f"{self.before}{path}{self.after}"


def on_disk(spec: str) -> OnDisk | None:
    """What a spec names, or may name, on the disk; None where it names nothing there.

    Example:
        >>> on_disk("random:0:module:nets/mine.py:net")
        OnDisk(before='random:0:module:', path='nets/mine.py', after=':net', sure=True, is_code=True)
        >>> on_disk("timm:resnet50") is None
        True
    """
    source, _, name = spec.partition(":")
    if source == "random":
        seed, _, inner = name.partition(":")
        location = on_disk(inner)
        return None if location is None else location._replace(before=f"random:{seed}:{location.before}")
    if source == "module":
        path, colon, function = name.rpartition(":")
        return OnDisk("module:", path, f"{colon}{function}", is_code=True)
    if source == "onnx":
        return OnDisk("onnx:", name)
    if source in ("transformers", "sentence-transformers"):
        return OnDisk(f"{source}:", name, sure=False)
    if source in ("timm", "open_clip") and name.startswith("local-dir:"):
        return OnDisk(f"{source}:local-dir:", name.removeprefix("local-dir:"))
    if source == "open_clip" and ":" not in name and "/" in name:
        architecture, _, weights = name.partition("/")
        return OnDisk(f"open_clip:{architecture}/", weights, sure=False)
    return None


def from_folder(spec: str, folder: str) -> str:
    """A spec whose relative paths start from the working directory, made of one whose paths start from a folder."""
    location = on_disk(spec)
    if location is None or not location.path or os.path.isabs(location.path) or os.path.realpath(folder) == os.getcwd():
        return spec
    place = os.path.join(folder, location.path)
    if location.sure or os.path.exists(place):
        return location.at(place)
    if os.path.exists(location.path):
        raise InputError(
            f"{spec}: there is no {place}, and {location.path} of the working directory is not taken for it"
        )
    return spec


def require_plain_files(spec: str, folder: str) -> None:
    """Raises where the folder of a model, if it is one, holds a pipe or a device: a library would wait for it.

    Links are followed to files, as the cache of a hub has them.
    """
    for at, _, names in os.walk(folder):
        for path in (os.path.join(at, name) for name in names):
            with suppress(OSError):  # gone, or a link that leads nowhere, which its library says
                if not stat.S_ISREG(os.stat(path).st_mode):
                    raise InputError(f"{spec}: {path} is not a regular file")


NEAR, MOST = 0.6, 3  # of difflib, from which on a name is proposed; how many are
LONG = {
    "b": "base", "g": "giant", "h": "huge", "l": "large", "n": "nano", "rn": "resnet", "s": "small", "t": "tiny",
    "ti": "tiny", "p": "", "patch": "", "px": "", "v": "", "imagenet": "", "vitb": "vit base", "vitg": "vit giant",
    "vitl": "vit large", "vits": "vit small",
}
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
    """The words and numbers of a name, abbreviations at length."""
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
    """The names that a misspelled one was probably meant to be, best first; at most three.

    An architecture stands before its tags, and its default tag before the others.

    Args:
        name: as it was written, with or without a source.
        known: the names; or those of several sources, which are proposed with their source.
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


MOST_PIXELS = 89_478_485  # Pillow's own bound: a quarter of a GB of RGB; not its variable, which others may change

Size = tuple[int, int]


class Format(NamedTuple):
    """What tells a format, and what reads it.

    known: whether the first bytes of a file are those of the format. plugin: the class, in a module of Pillow.
    size: pixels as the header has them, for formats whose size Pillow says only after taking memory; None if missing.
    """

    name: str
    known: Callable[[bytes], bool]
    plugin: str
    size: Callable[[bytes], Size | None] | None = None


def open_image(data: bytes) -> Any:
    """The image in the bytes of a file, its pixels not read yet."""
    if not data:
        raise InputError("is empty (0 bytes)")
    image_format = format_of(data)
    if image_format is None:
        raise InputError(f"is no image in a format that is read ({', '.join(supported.name for supported in FORMATS)})")
    if image_format.size is not None and (size := image_format.size(data)) is not None:
        check_size(size)
    image = _plugin(image_format)(BytesIO(data))
    check_size(image.size)
    if image_format.name == "TIFF":
        tags = image.tag_v2
        check_size((int(tags.get(_TILE_WIDTH, 1)), int(tags.get(_TILE_LENGTH, 1))))
    if image_format.name == "PNG":
        _mend_transparency(image, data)
    return image


def format_of(data: bytes) -> Format | None:
    """The format that the first bytes tell."""
    head = bytes(data[:32])
    return next((candidate for candidate in FORMATS if candidate.known(head)), None)


def check_size(size: Size) -> None:
    """Refuse an image whose pixels would take too much memory."""
    width, height = size
    if width * height > MOST_PIXELS:
        raise InputError(f"has {width:,} x {height:,} pixels, more than {MOST_PIXELS:,}")


_TILE_WIDTH, _TILE_LENGTH = 322, 323  # tags of TIFF


def _plugin(image_format: Format) -> Any:
    """The class that reads a format; refuses one that this Pillow was built without."""
    from PIL import features

    module, name, feature = image_format.plugin.split()
    if feature != "-" and not features.check(feature):
        raise InputError(f"is {image_format.name}, which the installed Pillow does not read")
    return getattr(import_module(f"PIL.{module}ImagePlugin"), name)


def _webp_size(data: bytes) -> Size | None:
    """The canvas: Pillow's decoder takes its memory before it tells the size.

    Source: RFC 9649, 2.5 to 2.7.
    """
    if len(data) < int.from_bytes(data[4:8], "little") + 8:
        raise InputError("is truncated")
    chunk, body = data[12:16], data[20:30]
    if chunk == b"VP8X" and len(body) == 10:
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if chunk == b"VP8L" and body[:1] == b"/":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg2000_size(data: bytes) -> Size | None:
    """The size of the codestream, which decides about memory; the box around it may say another.

    Pillow gives black pixels for a stream that ends behind its header, so its end mark is looked for. It can't be
    within the data of a tile: behind FF no byte above 8F stands there. Source: ITU-T T.800, A.3 to A.5, I.4.
    """
    place = 0
    while not data.startswith(b"\xff\x4f\xff\x51", place):
        if place + 8 > len(data):
            raise InputError("is truncated")
        length, kind = struct.unpack_from(">I4s", data, place)
        header = 16 if length == 1 else 8
        if length == 1:
            length = int.from_bytes(data[place + 8 : place + 16], "big")
        if kind == b"jp2c":
            place += header
            if not data.startswith(b"\xff\x4f\xff\x51", place):
                raise InputError("is no sound JPEG 2000 image (no codestream)")
            break
        if length < header:
            raise InputError("is no sound JPEG 2000 image (a box of no length)")
        place += length
    if len(data) < place + 24 or data.find(b"\xff\xd9", place) < 0:
        raise InputError("is truncated")
    right, bottom, left, top = struct.unpack_from(">IIII", data, place + 8)
    return right - left, bottom - top


def _mend_transparency(image: Any, data: bytes) -> None:
    """The transparent gray of a PNG in the values that Pillow spreads its pixels to, which it forgets for 2 and 4 bits.

    Colors of 16 bits lose their lower byte, so it is not known which of them are the transparent one.
    """
    value = image.info.get("transparency")
    bits = data[24]
    if value is None or image.mode not in ("L", "RGB"):
        return
    if image.mode == "RGB" and bits == 16:
        raise InputError("is PNG with one transparent color of 16 bits, which is not read")
    if image.mode == "L" and bits in (2, 4):
        image.info["transparency"] = (value & (1 << bits) - 1) * {2: 85, 4: 17}[bits]


def _mark(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(marks)


def _is_ppm(head: bytes) -> bool:
    return head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in b" \t\n\v\f\r#"


FORMATS = (
    Format("JPEG", _mark(b"\xff\xd8\xff"), "Jpeg JpegImageFile jpg"),
    Format("PNG", _mark(b"\x89PNG\r\n\x1a\n"), "Png PngImageFile zlib"),
    Format("GIF", _mark(b"GIF87a", b"GIF89a"), "Gif GifImageFile -"),
    Format("BMP", _mark(b"BM"), "Bmp BmpImageFile -"),
    Format("TIFF", _mark(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "Tiff TiffImageFile -"),
    Format("WebP", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", "WebP WebPImageFile webp", _webp_size),
    Format("PPM", _is_ppm, "Ppm PpmImageFile -"),
    Format(
        "AVIF",
        lambda head: head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"mif1", b"msf1"),
        "Avif AvifImageFile avif",
    ),
    Format(
        "JPEG 2000",
        _mark(b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  \r\n\x87\n"),
        "Jpeg2K Jpeg2KImageFile jpg_2000",
        _jpeg2000_size,
    ),
)
