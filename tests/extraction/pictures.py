"""Small pictures in every format, and files made by hand that Pillow does not write."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np


def colors(h=19, w=23, channels=3, seed=0):
    """uint8 (h, w, channels): squares of 4 pixels, which every format packs."""
    small = np.random.default_rng(seed).integers(0, 256, (-(-h // 4), -(-w // 4), channels))
    return np.kron(small, np.ones((4, 4, 1), int)).astype(np.uint8)[:h, :w]


def saved(image, form, **options):
    """The bytes of a file."""
    file = io.BytesIO()
    if "append_images" in options:  # an image keeps what it was saved with before
        options["append_images"] = [one.copy() for one in options["append_images"]]
    image.copy().save(file, form, **options)
    return file.getvalue()


def files(h=19, w=23):
    """name -> bytes: each format and kind of packing."""
    from PIL import Image, features

    rgb = Image.fromarray(colors(h, w))
    rgba, gray = Image.fromarray(colors(h, w, 4)), rgb.convert("L")
    more = {"save_all": True, "append_images": [rgb.rotate(180), rgb.rotate(90)]}
    deep = Image.fromarray((np.arange(h * w).reshape(h, w) * 7).astype(np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    found = {
        "jpeg": saved(rgb, "JPEG", exif=exif), "progressive": saved(rgb, "JPEG", progressive=True),
        "jpeg-gray": saved(gray, "JPEG"), "jpeg-cmyk": saved(rgb.convert("CMYK"), "JPEG"),
        "mpo": saved(rgb, "MPO", **more),
        "png": saved(rgb, "PNG", exif=exif), "png-alpha": saved(rgba, "PNG"),
        "png-palette": saved(rgb.quantize(5), "PNG"),
        "png-1": saved(gray.convert("1"), "PNG"), "png-16": saved(deep, "PNG"), "apng": saved(rgb, "PNG", **more),
        "gif": saved(rgb.quantize(7), "GIF"), "gif-moving": saved(rgb, "GIF", **more),
        "bmp": saved(rgb, "BMP"), "bmp-1": saved(gray.convert("1"), "BMP"),
        "bmp-palette": saved(rgb.quantize(9), "BMP"),
        "tiff": saved(rgb, "TIFF", exif=exif), "tiff-lzw": saved(rgba, "TIFF", compression="tiff_lzw"),
        "tiff-jpeg": saved(rgb, "TIFF", compression="jpeg"),
        "tiff-zip": saved(deep, "TIFF", compression="tiff_deflate"),
        "tiff-fax": saved(gray.convert("1"), "TIFF", compression="group4"), "tiff-pages": saved(rgb, "TIFF", **more),
        "ppm": saved(rgb, "PPM"), "pgm": saved(gray, "PPM"), "pbm": saved(gray.convert("1"), "PPM"),
        "plain": b"P3 2 2 255 1 2 3 4 5 6 7 8 9 10 11 12\n",
    }
    if features.check("webp"):
        found |= {"webp": saved(rgb, "WEBP"), "webp-lossless": saved(rgba, "WEBP", lossless=True)}
        found |= {"webp-alpha": saved(rgba, "WEBP"), "webp-moving": saved(rgb, "WEBP", **more)}
    if features.check("jpg_2000"):
        found |= {"jp2": saved(rgb, "JPEG2000"), "j2k": saved(gray, "JPEG2000", no_jp2=True)}
        found |= {"jp2-layers": saved(rgb, "JPEG2000", irreversible=True, quality_layers=[20, 5], tile_size=(16, 16))}
    if features.check("avif"):
        found |= {"avif": saved(rgb, "AVIF", exif=exif), "avif-alpha": saved(rgba, "AVIF")}
    return found


def chunk(kind, data):
    """Of PNG, its sum right."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, bits, color, rows, *extra):
    """A PNG of rows that are not packed yet, with chunks before them."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    middle = b"".join(chunk(*one) for one in extra)
    return b"\x89PNG\r\n\x1a\n" + head + middle + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(width, height, bits, photometric, pixels, order="<", **tags):
    """A TIFF of one strip that is not packed; `tags` as tag_NUMBER=value."""
    told = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: height, 279: len(pixels)}
    told |= {int(name.removeprefix("tag_")): value for name, value in tags.items()}
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, told[tag]) for tag in sorted(told))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(pixels))
    return head + pixels + struct.pack(order + "H", len(told)) + entries + bytes(4)
