"""Features of photographs: pyalign, the loop of thingsvision restated, and the loop that an expert would write on timm.

All three have the model ready and start from files; the loops end with an array, pyalign also with the names.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import cases
from benchmarks.cases import CASES, SEED, VIT, Case
from benchmarks.processes import ROOT, run, scratch
from benchmarks.timing import FEWER, ONCE, SUBJECT, Comparison, Way, bound

BATCH = 32
MODELS = {"efficientnet-lite0": "efficientnet-lite:0", "vit-s-16": "random:0:timm:vit_small_patch16_224"}
TIMED = {VIT.name: 500}  # images on which a case is timed, where not on all
SIZES = ((500, 375), (375, 500), (500, 333))  # of most photographs in ImageNet
Features = Callable[[], np.ndarray]
Make = Callable[[Case, Path], Features]


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


def our_features(case: Case, folder: Path, precision: str = "fp32") -> Features:
    """`pyalign.extract`, into memory."""
    import pyalign
    from pyalign.extraction.encoder import Request
    from pyalign.extraction.sources import load_encoder

    model = load_encoder(_spec(case), Request(precision=precision))
    return lambda: np.asarray(pyalign.extract(model, folder, batch_size=BATCH)["penultimate"].values)


def _spec(case: Case) -> str:
    return MODELS[case.name.removeprefix("photographs-")]


def _plain_model(case: Case) -> tuple[Any, Any]:
    """The module and its transform, as timm gives them."""
    import torch

    from pyalign.extraction.sources import load_encoder

    ready = load_encoder(_spec(case))
    return ready.module.to(memory_format=torch.contiguous_format), ready.transform


def thingsvision_loop(case: Case, folder: Path) -> Features:
    """Batches read and prepared one after the other, a hook on the module, features copied batch by batch."""
    import torch
    from PIL import Image

    model, transform = _plain_model(case)
    module = model.get_submodule("fc_norm" if case is VIT else "global_pool")

    def extract() -> np.ndarray:
        kept: dict[str, Any] = {}
        handle = module.register_forward_hook(lambda _, __, output: kept.update(features=output))
        found, files = [], sorted(map(str, folder.iterdir()))
        with torch.no_grad():
            for start in range(0, len(files), BATCH):
                images = [transform(Image.open(file).convert("RGB")) for file in files[start : start + BATCH]]
                model(torch.stack(images))
                found.append(kept["features"].clone().cpu().detach().numpy())
        handle.remove()
        return np.vstack([part.reshape(len(part), -1) for part in found])

    return extract


def timm_loop(case: Case, folder: Path) -> Features:
    """A DataLoader with two processes, channels-last memory for convolutions, inference mode."""
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    model, transform = _plain_model(case)
    layout = torch.contiguous_format if case is VIT else torch.channels_last
    model = model.to(memory_format=layout)

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
            for batch in DataLoader(Files(sorted(map(str, folder.iterdir()))), BATCH, num_workers=2):
                features = model.forward_features(batch.contiguous(memory_format=layout))
                found.append(model.forward_head(features, pre_logits=True))
        return np.asarray(torch.cat(found).numpy())

    return extract


CONTENDERS: dict[str, Make] = {
    "pyalign": our_features,
    "pyalign fp32": our_features,
    "pyalign bf16": partial(our_features, precision="bf16"),
    "thingsvision": thingsvision_loop,
    "timm loop": timm_loop,
}


def seconds(case: Case, name: str) -> float:
    """What a contender takes for all images of a case, in a process of its own; checks what it finds.

    In one process the memory that one contender keeps would serve the others.
    """
    n = TIMED.get(case.name, case.n)
    place, reference = (Path(scratch().name, f"{case.name}-{one}.npy") for one in (name, "pyalign"))
    if name != "pyalign" and not reference.exists():
        seconds(case, "pyalign")
    command = (sys.executable, "-m", "benchmarks.extract_peers", case.name, name, photographs(n), place)
    found = float(run(*command, folder=ROOT).split()[-1])
    if name != "pyalign bf16":
        own = np.load(reference)
        np.testing.assert_allclose(np.load(place), own, rtol=0, atol=1e-5 * np.abs(own).max())
    return found * case.n / n


PEAK = """
import sys, resource
import pyalign
pyalign.extract(sys.argv[1], sys.argv[2], out=sys.argv[3])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
"""


def peak_memory(n: int) -> float:
    """Megabytes that a process takes at most that extracts n small images by a tiny model."""
    out = Path(scratch().name, f"extracted-{n}")
    shutil.rmtree(out, ignore_errors=True)
    folder = photographs(n, 50, ((48, 48),))
    return float(run(sys.executable, "-c", PEAK, "random:0:timm:test_vit", folder, out))


def _way(name: str, at_least: float | None = None) -> Way:
    """A contender in processes of its own."""
    return Way(lambda case: lambda: seconds(case, name), reports=True, at_least=at_least)


EXTRACT = (
    *(Comparison("extract", case, {
        SUBJECT: _way("pyalign"), "thingsvision": _way("thingsvision", 1.5), "timm loop": _way("timm loop", 0.95),
    }, FEWER) for case in (cases.LITE0, VIT)),
    Comparison("extract, bf16", VIT, {
        SUBJECT: _way("pyalign bf16"), "pyalign fp32": _way("pyalign fp32", 2), "timm loop": _way("timm loop", 2),
    }, FEWER),
    Comparison("memory of extract", cases.MANY_IMAGES, {
        SUBJECT: Way(lambda case: lambda: peak_memory(case.n), reports=True), "limit": bound(2000.0),
        "pyalign of 1,000": Way(lambda case: lambda: peak_memory(1000), reports=True),
    }, ONCE, unit="MB"),
)


def main() -> None:
    """Print the seconds of one contender, and save what it finds."""
    name, contender, folder, out = sys.argv[1:]
    features = CONTENDERS[contender](CASES[name], Path(folder))
    start = time.perf_counter()
    found = features()
    print(time.perf_counter() - start)
    np.save(out, found)


if __name__ == "__main__":
    main()
