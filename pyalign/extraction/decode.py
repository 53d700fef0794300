"""`decode`: RGB pixels from the bytes of an image file, an array or a Pillow image, by stated rules.

Pillow's warnings and log are kept from the user while this thread decodes; other threads and other code keep theirs.
`warnings.catch_warnings` swaps a list that all threads share, so two threads that leave it in the wrong order undo each
other's filters. Here one filter stands in that list for good and matches in a thread that has asked for it alone.
"""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction.spelling import check_size, format_of, open_image
from pyalign.io.paths import is_memory, one_line

if TYPE_CHECKING:
    from PIL.Image import Image
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

WHITE = (255, 255, 255)
OPEN = ("JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000")  # Pillow's names
TRUNCATED = ("truncated", "not enough image data", "reached eof", "end of file", "eoferror")
_ORIENTATION, _BITS, _PHOTOMETRIC = 0x0112, 258, 262  # tags of EXIF and TIFF
_loading = threading.Lock()  # of images that are given: one may stand at two places, and Pillow loads it where it is


def decode(data: bytes | npt.NDArray[Any] | Image, background: tuple[int, int, int] = WHITE) -> Image:
    """The image as RGB, 8 bits each, upright.

    Bytes are those of a file: JPEG, PNG, GIF, BMP, TIFF, WebP or PPM, and AVIF and JPEG 2000 where Pillow was built
    with them. Arrays are uint8 of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), the last with alpha.

    - What EXIF (or XMP) says of orientation is applied; where it can't be read, the image stays as it is.
    - Alpha, a transparent color and transparent entries of a palette: ``(alpha * value + (255 - alpha) * background)
      / 255``, rounded.
    - Gray and 1 bit become three equal channels; a palette its colors.
    - CMYK, YCbCr: Pillow's plain conversion. Profiles of color (ICC) are not applied, to any image.
    - 16 bits of gray: ``value * 255 / 65535``, rounded; 12 bits in TIFF by 4095. 32 bits of whole numbers are taken for
      16, if all values fit. Of colors with 16 bits Pillow keeps the higher byte.
    - Floating point and CIELAB are refused.
    - Of animations the first frame, of several pages the first.

    Threads may call it at once; nothing that Pillow shares among them is changed, and its warnings are not shown.
    libtiff itself prints lines on broken TIFF.

    Args:
        background: the color behind transparent pixels, red, green, blue.

    Returns:
        A new image of mode RGB without any metadata.
    """
    pillow = pillow_image()
    check_background(background)
    what = "image"
    with quiet():
        try:
            if isinstance(data, np.ndarray):
                return _rgb(pillow, _from_array(pillow, data), background)
            if isinstance(data, pillow.Image):
                what = f"{data.format} image" if data.format else "Pillow image"
                return _rgb(pillow, _loaded(data), background)
            if isinstance(data, bytes):
                image_format = format_of(data)
                what = f"{image_format.name} image" if image_format else what
                image = open_image(data)
                image.load()
                return _rgb(pillow, image, background)
        except (InputError, ImportError, MemoryError):
            raise
        except Exception as error:
            raise _fault(what, error) from error
    raise InputError(f"must be bytes of a file, an array or a Pillow image; got {type(data).__name__}")


def pillow_image() -> Any:
    """The module `PIL.Image`, or the error that says what to install."""
    try:
        return import_module("PIL.Image")
    except ModuleNotFoundError as error:
        raise MissingExtraError("reading images", "Pillow", "extract") from error


def check_background(background: object) -> None:
    """Refuse what is no color."""
    channels = background if isinstance(background, tuple) and len(background) == 3 else (None,)
    if not all(isinstance(channel, int) and 0 <= channel <= 255 for channel in channels):
        raise InputError(f"background must be three whole numbers from 0 to 255; got {background!r}")


def _fault(what: str, error: Exception) -> InputError:
    """Pillow's words for what is wrong, which come as nearly any exception."""
    detail = one_line(str(error).strip() or type(error).__name__, 160)
    if is_memory(error) or "out of memory" in detail.lower():
        raise MemoryError(f"not enough memory to decode it ({detail})") from error
    if type(error).__name__ == "DecompressionBombError":  # of a frame that is larger than its canvas
        return InputError(f"has too many pixels ({detail})")
    if any(words in detail.lower() for words in TRUNCATED):
        return InputError("is truncated")
    return InputError(f"is no sound {what} ({detail})")


def _from_array(pillow: Any, array: npt.NDArray[Any]) -> Any:
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))):
        rule = "must be uint8 of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4)"
        raise InputError(f"{rule}; got shape {array.shape}, dtype {array.dtype}")
    if array.size == 0:
        raise InputError(f"has no pixels: shape {array.shape}")
    plain = np.ascontiguousarray(array[:, :, 0] if array.shape[2:] == (1,) else array)
    return pillow.fromarray(plain)


def _loaded(image: Any) -> Any:
    """A Pillow image that was given, its pixels read if they were not."""
    if image.format is not None and image.format not in OPEN:
        raise InputError(f"is {image.format}, which is not read")
    if 0 in image.size:
        raise InputError(f"has no pixels: size {image.size}")
    check_size(image.size)
    with _loading:
        image.load()
        # The palette of an image is changed where it stands when that is converted.
        return image.copy() if image.mode in ("P", "PA") else image


def _rgb(pillow: Any, image: Any, background: tuple[int, int, int]) -> Any:
    if image.mode.startswith("I"):
        image = _eight_bits(pillow, image)
    if image.mode in ("F", "LAB"):
        kind = "floating point" if image.mode == "F" else "CIELAB"
        raise InputError(f"has pixels in {kind}, which are not read")
    turn = _turn(pillow, image)
    if _is_transparent(image):
        image = image.convert("RGBA")
        canvas = pillow.new("RGB", image.size, background)
        canvas.paste(image, (0, 0), image)
        image = canvas
    else:
        image = image.convert("RGB")  # a copy, if it is RGB
    if turn is not None:
        image = image.transpose(turn)
    image.info = {}
    return image


def _is_transparent(image: Any) -> bool:
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        return True
    if image.mode == "P" and image.palette is not None and image.palette.mode.endswith("A"):
        return True
    return image.mode in ("1", "L", "P", "RGB") and image.info.get("transparency") is not None


def _eight_bits(pillow: Any, image: Any) -> Any:
    """Gray of more bits as L, or as LA where one gray is transparent."""
    values = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    most = 4095 if tags.get(_BITS) == (12,) else 65535
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > most:
        raise InputError(f"has gray values from {low} to {high}; only 0 to {most} are read")
    gray = ((values.astype(np.uint32) * 510 + most) // (2 * most)).astype(np.uint8)
    if tags.get(_PHOTOMETRIC) == 0:  # white is zero, which Pillow turns round for 8 bits and fewer alone
        gray = 255 - gray
    reduced = pillow.fromarray(gray)
    transparent = image.info.get("transparency")
    if transparent is not None:
        opaque = np.where(values == transparent, 0, 255).astype(np.uint8)
        reduced = pillow.merge("LA", (reduced, pillow.fromarray(opaque)))
    reduced.info = {key: value for key, value in image.info.items() if key != "transparency"}
    return reduced


def _turn(pillow: Any, image: Any) -> Any:
    """What `PIL.ImageOps.exif_transpose` would do, but that EXIF which can't be read is no error."""
    ways = pillow.Transpose
    turns = {
        2: ways.FLIP_LEFT_RIGHT, 3: ways.ROTATE_180, 4: ways.FLIP_TOP_BOTTOM, 5: ways.TRANSPOSE,
        6: ways.ROTATE_270, 7: ways.TRANSVERSE, 8: ways.ROTATE_90,
    }
    try:
        return turns.get(image.getexif().get(_ORIENTATION))
    except MemoryError:
        raise
    except Exception:
        return None


class _State(threading.local):
    quiet = False


class _WhereQuiet(type):
    """The warnings that a filter is for: all in a quiet thread, none in others."""

    def __subclasscheck__(cls, category: type) -> bool:
        return _state.quiet


class _Anything(Warning, metaclass=_WhereQuiet):
    pass


class _Log(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not _state.quiet


_state, _log = _State(), _Log()
LOGGERS = ("PIL.TiffImagePlugin",)  # that say more than debugging lines


@contextmanager
def quiet() -> Iterator[None]:
    """While this is entered, what the thread warns of is dropped."""
    first = warnings.filters[:1]
    if not first or first[0][2] is not _Anything:  # another filter, such as "error", has come before it
        warnings.simplefilter("ignore", _Anything)
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_log)
    before, _state.quiet = _state.quiet, True
    try:
        yield
    finally:
        _state.quiet = before
