"""JPEG images decoded by torchvision, all others by Pillow: faster, and up to a grey level or two different."""

from __future__ import annotations

from typing import Any

import torch
from torchvision.io import ImageReadMode, decode_jpeg

from pyalign.errors import InputError
from pyalign.extraction._formats import open_image
from pyalign.extraction.decode import WHITE
from pyalign.extraction.decode import decode as by_pillow


def decode(data: Any, background: tuple[int, int, int] = WHITE) -> Any:
    """As `pyalign.extraction.decode.decode`; a JPEG in RGB or grey goes through torchvision, turned as EXIF says.

    Raises:
        InputError: as there.
    """
    if not isinstance(data, bytes):
        return by_pillow(data, background)
    header = open_image(data)  # no pixels yet: what it refuses is refused
    if header.format != "JPEG" or header.mode not in ("RGB", "L"):
        return by_pillow(data, background)
    try:
        raw = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        pixels = decode_jpeg(raw, ImageReadMode.RGB, apply_exif_orientation=True)
    except RuntimeError as error:
        raise InputError(f"is no sound JPEG image ({' '.join(str(error).split())[:160]})") from error
    return by_pillow(pixels.permute(1, 2, 0).contiguous().numpy(), background)
