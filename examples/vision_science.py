"""Models of vision science for pyalign: `pyalign extract --model module:vision_science.py:NAME`.

Each function gives a module and its transform. It needs the package of the model's authors, which fetches the weights:

    cornet      pip install git+https://github.com/dicarlolab/CORnet; areas are layers: --layer V4 IT
    dreamsim    pip install dreamsim; --layer logits is its embedding
    harmonized  pip install harmonization, on Keras; --layer logits
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torchvision import transforms

Pair = tuple[nn.Module, Callable[[Any], torch.Tensor]]
IMAGENET = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Calls(nn.Module):
    """A module whose output is what a function makes of a batch."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def cornet() -> Pair:
    """CORnet-S (Kubilius et al. 2019), which is published inside a DataParallel."""
    import cornet

    steps = [transforms.Resize((224, 224)), transforms.ToTensor(), IMAGENET]
    return cornet.cornet_s(pretrained=True, map_location="cpu").module, transforms.Compose(steps)


def dreamsim() -> Pair:
    """DreamSim (Fu et al. 2023): compare its rows by cosine. Its transform gives a batch of one image."""
    from dreamsim import dreamsim

    model, prepare = dreamsim(pretrained=True, device="cpu", dreamsim_type="ensemble")
    return Calls(model.embed, model), lambda image: prepare(image)[0]


def harmonized() -> Pair:
    """The harmonized ViT-B/16 (Fel et al. 2022). Its images are (n, height, width, channel), from 0 to 255."""
    import numpy as np
    from harmonization.models import load_ViT_B16, preprocess_input

    model = load_ViT_B16()

    def run(x: torch.Tensor) -> torch.Tensor:
        images = preprocess_input(x.permute(0, 2, 3, 1).numpy())
        return torch.from_numpy(np.array(model(images), dtype=np.float32))

    def prepare(image: Any) -> torch.Tensor:
        return torch.from_numpy(np.asarray(image.resize((224, 224)), dtype=np.float32)).permute(2, 0, 1)

    return Calls(run), prepare
