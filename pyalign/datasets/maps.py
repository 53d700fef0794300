"""The maps that gLocal has published, by the names of their models: ``glocal:clip_RN50`` wherever a map can be named.

Source: Muttenthaler et al., "Improving neural network representations using human similarity judgments", NeurIPS 2023;
addresses as the authors' repository and thingsvision (tests/helper.py, docs/Alignment.md) have them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pyalign._registry import register
from pyalign.data import Transform
from pyalign.datasets.fetch import checksum_file, fetch_file
from pyalign.datasets.places import root
from pyalign.datasets.registry import Remote
from pyalign.errors import InputError, nearest
from pyalign.io.paths import PUBLISHED_MAP
from pyalign.io.transform import load_transform

ADDRESS = "https://raw.githubusercontent.com/LukasMut/gLocal/main/transforms"
FOLDER = "glocal"  # among the data sets
MAPS = {  # model -> the module whose output the map is for
    "OpenCLIP_ViT-L-14_laion2b_s32b_b82k": "visual", "OpenCLIP_ViT-L-14_laion400m_e32": "visual",
    "clip_RN50": "visual", "clip_ViT-L/14": "visual", "dino-vit-base-p16": "norm", "dino-vit-base-p8": "norm",
    "dinov2-vit-base-p14": "norm", "dinov2-vit-large-p14": "norm",
    "alexnet": "classifier.4", "resnet18": "avgpool", "resnet50": "avgpool", "vgg16": "classifier.3",
}


HASHES = {  # of those that are known; others are compared with their first fetch
    "resnet18": "sha256:7a2bb20c8662eff5b3c0e27e5614b56be782479ec99d26d1ffd01a01777d7d3c",
}


def place_of(model: str) -> Path:
    """Where the map of a model is kept, whether it is there or not."""
    return root() / FOLDER / f"{model.replace('/', '-')}.npz"


def published_map(model: str) -> Transform:
    """The map of a model; it is fetched at its first use.

    Raises:
        InputError: gLocal has published no map of the model; it can't be fetched, or is another file than before.
    """
    spec = f"{PUBLISHED_MAP}{model}"
    if model not in MAPS:
        known = f"it has of {', '.join(MAPS)}"
        raise InputError(f"{spec}: gLocal has published no map of it{nearest(model, MAPS) or f'; {known}'}")
    path, module = place_of(model), MAPS[model]
    place = path.parent
    place.mkdir(parents=True, exist_ok=True)
    remote = Remote(path.name, f"{ADDRESS}/{model}/{module}/transform.npz", HASHES.get(model))
    file = fetch_file(FOLDER, remote, place)
    notes = [f"{spec} was fitted to triplets of THINGS: scores on THINGS are in-sample"]
    if file.checked == "nothing":
        where = f"from {remote.url}; its SHA-256, {file.sha256}, was not published and is recorded"
        notes.append(f"{spec} is {'now ' if file.is_new else ''}{where} in {checksum_file(path)}")
    return replace(load_transform(path), source=spec, notes=tuple(notes))


register("published_map", published_map)
