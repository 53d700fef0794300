"""The formats that are read, each by its plugin of Pillow, after its header was looked at.

`PIL.Image.open` would try every plugin that is there, some of which start other programs; and it warns of large images
instead of refusing them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from typing import Any, NamedTuple

from pyalign.errors import InputError

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
    """The image in the bytes of a file, its pixels not read yet.

    Raises:
        InputError: empty, of no format that is read, or of too many pixels. What Pillow raises of a broken header
            passes through.
    """
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
    """The transparent grey of a PNG in the values that Pillow spreads its pixels to, which it forgets for 2 and 4 bits.

    Colours of 16 bits lose their lower byte, so it is not known which of them are the transparent one.
    """
    value = image.info.get("transparency")
    bits = data[24]
    if value is None or image.mode not in ("L", "RGB"):
        return
    if image.mode == "RGB" and bits == 16:
        raise InputError("is PNG with one transparent colour of 16 bits, which is not read")
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
