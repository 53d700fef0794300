"""Models of one's own: what a function gives, `module:PACKAGE.MODULE:FUNCTION` or `module:FILE.py:FUNCTION`.

Runs the code of that file or package, with all that it imports. A package is looked for in the working directory first,
or in the folder of `module:FOLDER/PACKAGE.MODULE:FUNCTION`. The function takes nothing and returns (module,
transform), a module with an attribute `preprocess`, or an `Encoder`.

`logits` is the output of the module. `penultimate` is what the one `nn.Linear` is given whose output that is; a module
that ends in another way has none, and its layers are asked for by name.
"""

from __future__ import annotations

import copy
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import torch
from torch import nn

from pyalign.errors import InputError, nearest
from pyalign.extraction.encoder import LOGITS, PENULTIMATE, Encoder, Request, Weights
from pyalign.extraction.hub import hash_file, one_line_errors, read_state
from pyalign.extraction.layers import find_classifier, tap
from pyalign.extraction.torch_encoder import TorchEncoder, first_tensor, hash_of, settings
from pyalign.parts import digest_of

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
EXAMPLE = "torchvision.models.ResNet50_Weights.DEFAULT.transforms()"


def load(name: str, request: Request) -> Encoder:
    """What the function of PLACE:FUNCTION gives; runs that code."""
    spec = f"module:{name}"
    place, _, function = name.rpartition(":")
    if not place or not function.isidentifier():
        raise InputError(f"module must be PACKAGE.MODULE:FUNCTION or FILE.py:FUNCTION; got {name!r}")
    code = _imported(spec, place)
    made = getattr(code, function, None)
    if not callable(made):
        known = [
            attribute
            for attribute in vars(code)
            if callable(getattr(code, attribute)) and not attribute.startswith("_")
        ]
        raise InputError(f"{spec}: {place} must have a function {function}{nearest(function, known)}")
    torch.manual_seed(request.seed or 0)
    with one_line_errors(spec, f"{function}() has failed"):
        returned = made()
    if isinstance(returned, Encoder):
        if request.checkpoint is not None or request.seed is not None:
            raise InputError(f"{spec} gives an encoder, whose weights are its own: neither checkpoint nor seed applies")
        return returned
    module, transform = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, None)
    if not isinstance(module, nn.Module):
        raise InputError(
            f"{spec}: {function}() must return (module, transform) or an Encoder; got {type(returned).__name__}"
        )
    transform = transform or getattr(module, "preprocess", None)
    if not callable(transform):
        raise InputError(
            f"{spec}: {function}() must return (module, transform), where transform makes (c, h, w) floats of an "
            f"RGB image of Pillow; got no transform: return module, {EXAMPLE}"
        )
    weights = _weights(spec, module, request)
    file = getattr(code, "__file__", None)
    code_hash = {"code": hash_file(spec, file)} if file else {}
    return _encoder(spec, module, transform, weights, code_hash, request, None)


def encoder_of(
    module: nn.Module, preprocess: Callable[[Any], Any] | None, *, name: str, request: Request,
    size: tuple[int, int, int] | None = None,
) -> TorchEncoder:
    """An encoder of a module of Python; a copy is run, so that the module stays as it is.

    Args:
        module: any module that takes a batch (b, c, h, w).
        preprocess: makes (c, h, w) floats of an RGB image of Pillow.
        name: of the model, for the results.
        request: device and precision; a checkpoint is loaded into the copy.
        size: (c, h, w) of what `preprocess` gives; None: that of what it makes of a picture.
    """
    spec = f"module:{name}"
    if not callable(preprocess):
        raise InputError(f"a module needs preprocess, such as preprocess={EXAMPLE}; got {preprocess!r}")
    with one_line_errors(spec, "the module can't be copied"):
        own = copy.deepcopy(module)
    return _encoder(spec, own, preprocess, _weights(spec, own, request), {}, request, size)


def _imported(spec: str, place: str) -> Any:
    """The module of a file or of a dotted name."""
    if not place.endswith(".py"):
        before, _, dotted = place.rpartition("/")
        folder = os.path.abspath(before)
        sys.path.insert(0, folder)  # as `python -m` would
        try:
            with one_line_errors(spec, f"{place} can't be imported"):
                module = import_module(dotted)
        finally:
            sys.path.remove(folder)
        _require_here(spec, module, folder)
        return module
    hash_file(spec, place)
    name = f"_pyalign_module_{abs(hash(os.path.abspath(place))):x}"
    module_spec = spec_from_file_location(name, place)
    assert module_spec is not None and module_spec.loader is not None
    code = module_from_spec(module_spec)
    sys.modules[name] = code  # dataclasses look their module up
    with one_line_errors(spec, f"{place} can't be run"):
        module_spec.loader.exec_module(code)
    return code


def _require_here(spec: str, module: Any, folder: str) -> None:
    """Raises where Python had a module of that name already, from elsewhere: it would run instead of the one here."""
    first = str(module.__name__).partition(".")[0]
    here = [path for name in (f"{first}.py", first) if os.path.exists(path := os.path.join(folder, name))]
    file = getattr(module, "__file__", None)
    if here and file and not os.path.realpath(file).startswith(os.path.realpath(folder) + os.sep):
        raise InputError(f"{spec}: {module.__name__} was imported before, from {file}; {here[0]} can't take its place")


def _weights(spec: str, module: nn.Module, request: Request) -> Weights:
    """The weights that a module has, or those of a checkpoint, which it then has."""
    path = request.checkpoint
    if path is None:
        drawn = f"random, seed {request.seed}" if request.seed is not None else f"as {spec} gives them"
        return Weights(drawn, hash_of(module))
    described = hash_file(spec, path)
    with one_line_errors(spec, f"{path} does not fit"):
        module.load_state_dict(read_state(path))
    return Weights(path, hash_of(module), described)


def _encoder(
    spec: str, module: nn.Module, transform: Callable[[Any], Any], weights: Weights, code_hash: Mapping[str, Any],
    request: Request, size: tuple[int, int, int] | None,
) -> TorchEncoder:
    module.eval()
    size, gives = _tried_out(spec, transform, size)
    options = settings(request)
    blank = torch.zeros(2, *size, device=options["device"])
    module.to(options["device"])
    with torch.inference_mode(), one_line_errors(spec, "the module can't be run"):
        classifier = find_classifier(module, lambda: first_tensor(module(blank)))
    meanings = {LOGITS: "output of the module"}
    fetch = None
    if classifier is not None:
        meanings = {PENULTIMATE: f"what {classifier[0]}, the last layer, is given", **meanings}
        fetch = tap(classifier[1])

    def ends(batch: torch.Tensor, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        last = first_tensor(module(batch))
        return {LOGITS: last} if fetch is None else {LOGITS: last, PENULTIMATE: fetch()}

    return TorchEncoder(
        spec, weights,
        {"library": "module", "size": list(size), "text": _described(transform), "gives": gives, **code_hash},
        {name: version(name) for name in ("torch", "pillow")}, module=module, transform=transform, ends=ends,
        meanings=meanings, size=size, **options,
    )


def _tried_out(
    spec: str, transform: Callable[[Any], Any], size: tuple[int, int, int] | None
) -> tuple[tuple[int, int, int], str]:
    """The shape that is known or that a transform gives, and the digest of what it makes of one picture.

    Of a transform that is random it is "random".
    """
    from PIL import Image

    slope = Image.linear_gradient("L")
    picture = Image.merge("RGB", (slope, slope.rotate(90), Image.radial_gradient("L")))
    with one_line_errors(spec, "the transform can't prepare an RGB image of Pillow"):
        once, again = transform(picture), transform(picture)
        shape = size or tuple(once.shape)
        gives = digest_of(once)
        gives = gives if gives == digest_of(again) else "random"
    if len(shape) != 3:
        raise InputError(f"{spec}: the transform must give (c, h, w); got {shape}")
    return shape, gives


def _described(transform: Any) -> str:
    """A transform in words that are the same in another process."""
    name = getattr(transform, "__qualname__", None)
    if name is not None:
        return f"{transform.__module__}.{name}"
    return ADDRESS.sub("", " ".join(repr(transform).split()))


def names() -> list[str]:
    """None: the functions are the user's."""
    return []
