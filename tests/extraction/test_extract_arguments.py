"""An extraction that is resumed with another argument never gives rows of the call before."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

import pyalign
from pyalign.errors import InputError
from pyalign.extraction.extract import extract


def scaled(by):
    """A preprocessing; all of these have one name."""
    return lambda picture: np.asarray(picture, np.float32)[:8, :8].transpose(2, 0, 1) / by


def tiny(seed):
    """A model of 8 x 8 pixels."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed)
    parts = torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 5)
    return torch.nn.Sequential(*parts)


def checkpoint():
    import torch

    torch.save(tiny(5).state_dict(), "w.pth")
    return "w.pth"


DECIDE_NOTHING = {"out", "resume", "n_jobs", "progress", "device"}  # there is no other device here
# Another value of each argument, and what the call needs besides.
ANOTHER = {
    "model": (lambda: tiny(1), {}),
    "images": (lambda: sorted(Path("p").glob("*.bmp"))[1:], {}),
    "layers": (lambda: ("logits",), {}),
    "texts": (lambda: ["dog"], {}),
    "preprocess": (lambda: scaled(128), {}),
    "pool": (lambda: "flatten", {"layers": ("0",)}),
    "checkpoint": (checkpoint, {}),
    "batch_size": (lambda: 3, {}),
    "precision": (lambda: "bf16", {}),
    "compile": (lambda: True, {}),
    "shard": (lambda: (1, 2), {}),
    "unreadable": (lambda: "raise", {}),
    "decoder": (lambda: "torchvision", {}),
    "background": (lambda: "black", {}),
    "prompt": (lambda: "a {}", {}),
    "transform": (lambda: pyalign.Transform(np.eye(4, dtype=np.float32), None, 0.0, 1.0), {}),
    "meta": (lambda: {"lab": "7"}, {}),
    "n_threads": (lambda: 1, {}),
}


def after_a_batch(stage, done, total):
    if done >= 2:
        raise KeyboardInterrupt


@pytest.mark.parametrize("ended", ["interrupted", "finished"])
@pytest.mark.parametrize("argument", sorted(inspect.signature(extract).parameters.keys() - DECIDE_NOTHING))
def test_it_never_gives_rows_of_another_call(bitmaps, argument, ended):
    """An argument that is new has to be entered above; it is refused, or decides what is not there yet."""
    (bitmaps / "01.bmp").write_bytes(b"junk")
    other, more = ANOTHER[argument]
    given = {"model": tiny(0), "images": "p", "preprocess": scaled(255), "batch_size": 2, "unreadable": "omit", **more}
    if ended == "finished":
        extract(**given, out="e")
    else:
        with pytest.raises(KeyboardInterrupt):
            extract(**given, out="e", progress=after_a_batch)
    changed = {**given, argument: other()}
    if (argument, ended) == ("meta", "interrupted"):
        assert extract(**changed, out="e", resume=True).meta == {"lab": "7"}
        return
    with pytest.raises(InputError) as caught:
        extract(**changed, out="e", resume=True)
    assert len(str(caught.value).splitlines()) == 1
    assert extract(**given, out="e", resume=True).failures
