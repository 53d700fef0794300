"""An evaluation during training next to its steps: `python -m benchmarks.training_grid .`; needs timm.

CPU seconds of one thread. 100 steps are extrapolated from the fastest of a few.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.probe_grid import run

STEPS, OBJECTS, TRIPLETS = 2, 1854, 30_000


def measure(folder: Path) -> Iterator[tuple[str, float, str]]:
    """What an evaluation costs besides the pass that computes the rows, and that pass, per 100 training steps."""
    import timm
    import torch

    from pyalign.integrations.training import AlignmentEvery

    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = timm.create_model("vit_small_patch16_224", num_classes=100)
    optimizer = torch.optim.AdamW(network.parameters())
    images, labels = torch.randn(32, 3, 224, 224), torch.randint(0, 100, (32,))

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    step()
    steps = [_cpu(step) for _ in range(STEPS)]
    hundred = 100 * min(steps)
    yield "100 training steps of a ViT-S/16 at batch 32", hundred, "CPU s"
    rows = torch.randn(OBJECTS, network.num_features)
    draw = np.random.default_rng(0)
    triplets = np.stack([draw.permutation(OBJECTS)[:3] for _ in range(TRIPLETS)])
    every = AlignmentEvery(1, triplets, lambda network: rows)
    every(network)
    evaluation = min(_cpu(lambda: every(network)) for _ in range(3))
    share = "evaluation of 1,854 objects and 30,000 triplets with an interval"
    yield share, evaluation, "CPU s"
    yield f"{share} / 100 training steps", 100 * evaluation / hundred, "%"
    with torch.no_grad():
        forward = _cpu(lambda: network(images)) * OBJECTS / len(images)
    yield "pass of the network over 1,854 images / 100 training steps", 100 * forward / hundred, "%"


def _cpu(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


if __name__ == "__main__":
    run("training", __doc__.splitlines()[0], measure)
