"""How images are prepared for an ONNX model, which does not say so itself: a JSON file next to it.

`FILE.onnx.json` has these keys, of which `crop` and `channels` may be left out:

    size           [height, width] that the model takes, or a side; it may be left out where the graph has it
    resize         the shorter side, the ratio kept; or [height, width], the ratio lost
    crop           "center": the middle of that size
    interpolation  nearest, bilinear, bicubic, lanczos, box or hamming, as Pillow has them
    scale          by which levels from 0 to 255 are multiplied first
    mean, std      of the three channels, in their order: (x * scale - mean) / std
    channels       "RGB", or "BGR"

A `preprocessor_config.json`, as the Hugging Face hub has it, is taken where that file is not there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyalign.errors import InputError, nearest
from pyalign.extraction.tokenizing import nearby_file
from pyalign.io.documents import read_json

EXAMPLE = {
    "size": [224, 224], "resize": 256, "interpolation": "bilinear", "scale": 1 / 255,
    "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "channels": "RGB",
}
KEYS = (*EXAMPLE, "crop")
INTERPOLATIONS = (
    "nearest",
    "lanczos",
    "bilinear",
    "bicubic",
    "box",
    "hamming",
)  # at the numbers that Pillow gives them
LARGEST, MOST_PIXELS = 8192, 1 << 28
OF_HUB = ("size", "crop_size", "resample", "rescale_factor", "image_mean", "image_std", "do_resize", "do_center_crop",
          "do_rescale", "do_normalize", "do_convert_rgb")
HARMLESS = ("image_processor_type", "feature_extractor_type", "processor_class", "data_format", "device",
            "input_data_format", "return_tensors", "default_to_square", "_valid_processor_keys")


@dataclass(frozen=True)
class Recipe:
    """What happens to an image. See the module for the fields."""

    file: str
    size: tuple[int, int]
    resize: int | tuple[int, int]
    interpolation: str
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: str = "RGB"

    def apply(self, image: Any) -> npt.NDArray[np.float32]:
        """(height, width, 3) of an RGB image of Pillow."""
        height, width = self.size
        down, across = self.resize if isinstance(self.resize, tuple) else self._kept(image.width, image.height)
        if down * across > MOST_PIXELS:
            raise InputError(f"an image of {image.width} x {image.height} pixels is too long to be resized")
        resized = image.resize((across, down), INTERPOLATIONS.index(self.interpolation))
        top, left = (down - height) // 2, (across - width) // 2
        levels = np.asarray(resized.crop((left, top, left + width, top + height)), np.float32)
        if self.channels == "BGR":
            levels = levels[:, :, ::-1]
        mean, std = (np.array(part, np.float32) for part in (self.mean, self.std))
        return np.ascontiguousarray((levels * np.float32(self.scale) - mean) / std, np.float32)

    def _kept(self, width: int, height: int) -> tuple[int, int]:
        """Height and width with the shorter side as asked for."""
        assert isinstance(self.resize, int)
        longer = int(self.resize * max(width, height) / min(width, height))
        return (self.resize, longer) if height <= width else (longer, self.resize)

    def manifest_entry(self) -> dict[str, Any]:
        """The recipe as a manifest has it."""
        return {
            "library": "onnxruntime", "file": self.file, "size": [3, *self.size],
            "resize": list(self.resize) if isinstance(self.resize, tuple) else self.resize, "crop": "center",
            "interpolation": self.interpolation, "scale": self.scale, "mean": list(self.mean), "std": list(self.std),
            "channels": self.channels,
        }


def read_recipe(spec: str, path: str, size: tuple[int, int] | None) -> Recipe:
    """The recipe next to a model's file.

    size: (height, width) that the graph takes; None where it takes any.

    Raises:
        InputError: there is none, or it is not sound; one line that shows what to write.
    """
    own = f"{path}.json"
    file = own if os.path.isfile(own) else nearby_file(path, "preprocessor_config.json")
    if file is None:
        example = json.dumps({**EXAMPLE, "size": list(size or (224, 224))})
        raise InputError(f"{spec} does not say how its images are prepared: write {own}, such as {example}")
    document = read_json(file)
    if not isinstance(document, dict):
        raise InputError(f"{file}: must hold an object; got {type(document).__name__}")
    return _checked(file, document if file == own else _of_hub(file, document), size)


def _checked(file: str, entries: Mapping[str, Any], graph: tuple[int, int] | None) -> Recipe:
    unknown = [key for key in entries if key not in KEYS]
    if unknown:
        raise InputError(f"{file}: keys must be of {', '.join(KEYS)}; got {unknown[0]!r}{nearest(unknown[0], KEYS)}")
    absent = [key for key in KEYS if key not in entries and key not in ("size", "crop", "channels")]
    if absent or (graph is None and "size" not in entries):
        raise InputError(f"{file}: must have {(absent or ['size'])[0]!r}, such as {json.dumps(EXAMPLE)}")
    size = _pair(file, "size", entries["size"]) if "size" in entries else graph
    if isinstance(size, int):
        size = (size, size)
    assert size is not None
    if graph is not None and size != graph:
        raise InputError(f"{file}: size must be {list(graph)}, which the graph takes; got {list(size)}")
    resize = _pair(file, "resize", entries["resize"])
    if any(
        have < want for have, want in zip((resize, resize) if isinstance(resize, int) else resize, size, strict=True)
    ):
        raise InputError(f"{file}: resize must not be smaller than size {list(size)}; got {entries['resize']}")
    for key, words in (("interpolation", INTERPOLATIONS), ("channels", ("RGB", "BGR")), ("crop", ("center",))):
        if key in entries and entries[key] not in words:
            raise InputError(f"{file}: {key} must be one of {', '.join(words)}; got {entries[key]!r:.80}")
    mean, std = (_three(file, key, entries[key]) for key in ("mean", "std"))
    if 0 in std or not _is_number(entries["scale"]):
        raise InputError(f"{file}: scale must be a number and std without 0; got {entries['scale']!r:.80}, {list(std)}")
    return Recipe(
        file, size, resize, entries["interpolation"], float(entries["scale"]), mean, std, entries.get("channels", "RGB")
    )


def _pair(file: str, key: str, value: Any) -> int | tuple[int, int]:
    parts = value if isinstance(value, list) and len(value) == 2 else [value]
    if not all(type(part) is int and 1 <= part <= LARGEST for part in parts):
        raise InputError(f"{file}: {key} must be a number of pixels or [height, width]; got {value!r:.80}")
    return parts[0] if len(parts) == 1 else (parts[0], parts[1])


def _three(file: str, key: str, value: Any) -> tuple[float, ...]:
    if not (isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))):
        raise InputError(f"{file}: {key} must be three numbers, one a channel; got {value!r:.80}")
    return tuple(map(float, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_hub(file: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A preprocessor_config.json of the hub in the words of this module."""
    strange = [key for key in config if key not in (*OF_HUB, *HARMLESS)]
    if strange:
        raise InputError(
            f"{file}: {strange[0]!r} is not known here: write MODEL.onnx.json, such as {json.dumps(EXAMPLE)}"
        )
    size, crop = _edges(config.get("size")), _edges(config.get("crop_size"))
    crops = config.get("do_center_crop", "crop_size" in config) and crop is not None
    recipe: dict[str, Any] = {"resize": size if config.get("do_resize", True) else None}
    final = crop if crops else size
    if final is not None:
        recipe["size"] = final
    resample = config.get("resample", 2)
    in_range = type(resample) is int and 0 <= resample < len(INTERPOLATIONS)
    recipe["interpolation"] = INTERPOLATIONS[resample] if in_range else resample
    recipe["scale"] = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1.0
    normalizes = config.get("do_normalize", True)
    for key, name, neutral in (("mean", "image_mean", [0.0] * 3), ("std", "image_std", [1.0] * 3)):
        recipe[key] = config.get(name) if normalizes else neutral
    return recipe


def _edges(value: Any) -> Any:
    if isinstance(value, dict) and "height" in value and "width" in value:
        return [value["height"], value["width"]]
    return value["shortest_edge"] if isinstance(value, dict) and set(value) == {"shortest_edge"} else value
