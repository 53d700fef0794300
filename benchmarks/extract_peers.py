"""Features of photographs: pyalign, the loop of thingsvision restated, and the loop that an expert would write on timm.

All three have the model ready and start from files; the loops end with an array, pyalign also with the names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import SEED, Case
from benchmarks.processes import run, scratch

BATCH = 32
MODELS = {"efficientnet-lite0": "efficientnet-lite:0", "vit-s-16": "random:0:timm:vit_small_patch16_224"}
SIZES = ((500, 375), (375, 500), (500, 333))  # of most photographs in ImageNet
Features = Callable[[], np.ndarray]


@lru_cache(maxsize=2)
def photographs(n: int, few: int = 50, sizes: tuple[tuple[int, int], ...] = SIZES) -> Path:
    """A folder of n JPEG files; `few` different pictures of smooth noise, about 60 kB each."""
    from PIL import Image

    folder = Path(scratch().name, f"photographs-{n}-{len(sizes)}-{sizes[0][0]}")
    folder.mkdir(exist_ok=True)
    rng, made = np.random.default_rng(SEED), list[Path]()
    for k in range(n):
        path = folder / f"{k:06}.jpg"
        if k >= few:
            path.hardlink_to(made[k % few])
            continue
        width, height = sizes[k % len(sizes)]
        coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        noise = rng.integers(-12, 13, (height, width, 3))
        Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)).save(path, quality=85)
        made.append(path)
    return folder


@lru_cache(maxsize=2)
def encoder(case: Case) -> Any:
    """The model of a case, as pyalign has it."""
    from pyalign.extraction.sources import load_encoder

    return load_encoder(MODELS[case.name.removeprefix("photographs-")])


def our_features(case: Case, **options: Any) -> Features:
    """`pyalign.extract`, into memory."""
    import pyalign

    model, folder = encoder(case), photographs(case.n)
    return lambda: np.asarray(pyalign.extract(model, folder, batch_size=BATCH, **options)["penultimate"].values)


def our_half_features(case: Case) -> Features:
    """The same with products in bfloat16."""
    import pyalign
    from pyalign.extraction.encoder import Request
    from pyalign.extraction.sources import load_encoder

    spec, folder = MODELS[case.name.removeprefix("photographs-")], photographs(case.n)
    model = load_encoder(spec, Request(precision="bf16"))
    return lambda: np.asarray(pyalign.extract(model, folder, batch_size=BATCH)["penultimate"].values)


def files_of(case: Case) -> list[str]:
    """The paths, in order."""
    return sorted(map(str, photographs(case.n).iterdir()))


def thingsvision_loop(case: Case) -> Features:
    """Batches read and prepared one after the other, a hook on the module, features copied batch by batch."""
    import torch
    from PIL import Image

    ready = encoder(case)
    model, transform = ready.module, ready.transform
    module = model.get_submodule(
        "global_pool" if hasattr(model, "global_pool") and case.name.endswith("0") else "fc_norm"
    )

    def extract() -> np.ndarray:
        kept: dict[str, Any] = {}
        handle = module.register_forward_hook(lambda _, __, output: kept.update(features=output))
        found, files = [], files_of(case)
        with torch.no_grad():
            for start in range(0, len(files), BATCH):
                images = [transform(Image.open(file).convert("RGB")) for file in files[start : start + BATCH]]
                model(torch.stack(images))
                found.append(kept["features"].clone().cpu().detach().numpy())
        handle.remove()
        return np.vstack([part.reshape(len(part), -1) for part in found])

    return extract


def timm_loop(case: Case) -> Features:
    """A DataLoader with two processes, channels-last memory for convolutions, inference mode."""
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    ready = encoder(case)
    model, transform = ready.module, ready.transform
    convolutional = case.name.endswith("0")

    class Files(Dataset[Any]):
        def __init__(self, files: list[str]) -> None:
            self.files = files

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, k: int) -> Any:
            return transform(Image.open(self.files[k]).convert("RGB"))

    def extract() -> np.ndarray:
        found = []
        with torch.inference_mode():
            for batch in DataLoader(Files(files_of(case)), BATCH, num_workers=2):
                batch = batch.contiguous(memory_format=torch.channels_last) if convolutional else batch
                found.append(model.forward_head(model.forward_features(batch), pre_logits=True))
        return torch.cat(found).numpy()

    return extract


PEAK = """
import sys, resource
import pyalign
pyalign.extract(sys.argv[1], sys.argv[2], out=sys.argv[3])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
"""


def peak_memory(case: Case, n: int) -> float:
    """Megabytes that a process takes at most that extracts n small images by a tiny model."""
    out = Path(scratch().name, f"extracted-{n}")
    folder = photographs(n, 50, ((48, 48),))
    return float(run(sys.executable, "-c", PEAK, "random:0:timm:test_vit", folder, out))
