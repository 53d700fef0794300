"""The pixels of the images, as a baseline: what a model must do better than."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from pyalign._dataclass import dataclass
from pyalign.errors import InputError
from pyalign.extraction.encoder import OF_MODEL, PENULTIMATE, Encoder, Layer, Request, Weights, check_layers

SIDE, MOST = 64, 1024


@dataclass
class Pixels(Encoder):
    """The middle square of each image, in so many pixels."""

    side: int = SIDE

    def prepare(self, item: Any) -> npt.NDArray[np.uint8]:
        """(side, side, 3) of an RGB image."""
        from PIL import Image, ImageOps

        return np.asarray(ImageOps.fit(item, (self.side, self.side), Image.Resampling.BICUBIC))

    def resolve(self, names: Sequence[str], pool: str = "auto") -> list[Layer]:
        """See `Encoder`."""
        check_layers(names, pool)
        if list(names) != [PENULTIMATE] or pool != "auto":
            raise InputError(f"pixels have one layer, {PENULTIMATE}; got {', '.join(names)}, pool {pool}")
        return [Layer(PENULTIMATE, self._described(), OF_MODEL)]

    def run(self, prepared: Sequence[Any], layers: Sequence[Layer]) -> list[npt.NDArray[Any]]:
        """See `Encoder`."""
        return [(np.stack(prepared).reshape(len(prepared), -1) / np.float32(255)).astype(np.float32)]

    def listed(self) -> list[tuple[str, str, str]]:
        """See `Encoder`."""
        return [(PENULTIMATE, self._described(), str(3 * self.side**2))]

    def _described(self) -> str:
        return f"RGB of {self.side} x {self.side} pixels, from 0 to 1"


def load(name: str, request: Request) -> Pixels:
    """Pixels of images of so many pixels a side."""
    side = int(name or SIDE) if (name or "0").isdecimal() and len(name) <= 5 else 0
    if not 1 <= side <= MOST:
        raise InputError(f"pixels:SIDE takes a whole number from 1 to {MOST:,}; got {name!r}")
    if request.checkpoint is not None:
        raise InputError(f"checkpoint has no meaning for pixels; got {request.checkpoint}")
    resized = {"size": [3, side, side], "resize": "the middle square", "interpolation": "bicubic", "library": "pillow"}
    return Pixels(f"pixels:{side}", Weights("none", None), resized, {"pillow": version("pillow")}, side=side)


def names() -> list[str]:
    """The default."""
    return [str(SIDE)]
