"""Models with random weights: what an architecture does before it has learned anything."""

from __future__ import annotations

from dataclasses import replace

from pyalign.errors import InputError
from pyalign.extraction.encoder import Encoder, Request
from pyalign.extraction.sources import module_of, split_spec

UNFIT = ("random", "pixels", "onnx")  # sources whose weights can't be drawn


def load(name: str, request: Request) -> Encoder:
    """The model of SEED:SOURCE:NAME, with weights that its library draws from the seed."""
    seed, _, spec = name.partition(":")
    if not (seed.isdecimal() and len(seed) <= 18) or not spec:
        raise InputError(f"random must be random:SEED:SOURCE:NAME, such as random:0:timm:resnet50; got {name!r}")
    source, inner = split_spec(spec)
    if source in UNFIT:
        raise InputError(f"random weights can't be drawn for {source}; got {name!r}")
    if request.checkpoint is not None:
        raise InputError(f"checkpoint has no meaning for random weights; got {request.checkpoint}")
    found: Encoder = module_of(source).load(inner, replace(request, seed=int(seed)))
    found.spec = f"random:{int(seed)}:{found.spec}"
    return found


def names() -> list[str]:
    """None: any model of another source may stand behind the seed."""
    return []
