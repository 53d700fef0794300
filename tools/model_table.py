"""Makes pyalign/io/models.csv, the table of models that comes along, from the installed libraries.

    python tools/model_table.py              compares the table with what the libraries say, and fails where they differ
    python tools/model_table.py --write      writes it

All weights of torchvision's classifiers are rows of their own accord. `model_table.csv` lists the models of the other
sources, with what no library states: the family, how they were trained, accuracies, and where each of these was read.
Figures whose source was not read are empty. Parameters, input sizes and widths come from the model itself, which is
built on torch's meta device, where it takes no memory: `width` is that of the layer that pyalign calls penultimate. A
model with a tower for texts counts the parameters of the one for images.
"""

from __future__ import annotations

import csv
import io
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torchvision

from pyalign.io.item_names import COLUMNS, PLACE

LIST = Path(__file__).with_name("model_table.csv")
FAMILIES = {  # of the classifiers of torchvision, by what their names begin with
    "alexnet": "AlexNet", "convnext": "ConvNeXt", "densenet": "DenseNet", "efficientnet": "EfficientNet",
    "googlenet": "Inception", "inception": "Inception", "maxvit": "MaxViT", "mnasnet": "MNASNet",
    "mobilenet": "MobileNet", "regnet": "RegNet", "resnet": "ResNet", "resnext": "ResNeXt", "shufflenet": "ShuffleNet",
    "squeezenet": "SqueezeNet", "swin": "Swin", "vgg": "VGG", "vit": "ViT", "wide_resnet": "ResNet",
}
Figures = tuple[int, int, int]  # parameters, image size, width


def main() -> None:
    """Makes the table; writes or compares it."""
    text = table()
    if "--write" in sys.argv:
        PLACE.write_text(text, encoding="utf-8")
        return
    before = PLACE.read_text(encoding="utf-8").splitlines()
    changed = [line for line in text.splitlines() if line not in before]
    if changed:
        sys.exit(f"{PLACE.name} has {len(changed)} lines that the libraries say otherwise; the first is {changed[0]}")


def table() -> str:
    """The text of the CSV."""
    rows = [*_of_torchvision(), *_listed()]
    twice = _twice([name for row in rows for name in (row["model"], *row["names"].split())])
    if twice:
        raise SystemExit(f"two models are called {twice}")
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: row.get(name, "") for name in COLUMNS} for row in rows)
    return out.getvalue()


def _twice(names: list[str]) -> str:
    return next((name for k, name in enumerate(names) if name in names[:k]), "")


def _of_torchvision() -> Iterator[dict[str, Any]]:
    for architecture in torchvision.models.list_models(module=torchvision.models):
        weights = torchvision.models.get_model_weights(architecture)
        for chosen in weights:
            accuracy = chosen.meta["_metrics"]["ImageNet-1K"]["acc@1"]
            if accuracy != accuracy:  # weights for features, without a classifier that was trained
                continue
            of_instagram = "SWAG" in chosen.name
            spec = f"torchvision:{architecture}"
            family = next(name for start, name in FAMILIES.items() if architecture.startswith(start))
            yield {
                "model": f"{spec}/{chosen.name}",
                "names": f"{spec} {architecture}" if chosen is weights.DEFAULT else "",
                "architecture": architecture,
                "family": family,
                "objective": "weakly supervised, fine-tuned" if of_instagram else "supervised",
                "data": "Instagram, ImageNet-1k" if of_instagram else "ImageNet-1k",
                "training_source": f"name of the weights in torchvision {torchvision.__version__.partition('+')[0]}",
                **sized(f"{spec}/{chosen.name}"),
                "imagenet_accuracy": fraction(str(accuracy)),
                "accuracy_source": f"torchvision {torchvision.__version__.partition('+')[0]}",
            }


def _listed() -> Iterator[dict[str, Any]]:
    with LIST.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            source, _, name = row["model"].partition(":")
            names = [*row["names"].split(), *(_names_of_timm(name) if source == "timm" else ())]
            built = row["like"] or (row["model"] if source in ("timm", "open_clip") else "")
            yield {
                **row,
                "names": " ".join([*names, *(_names_of_clip(name) if source == "open_clip" else ())]),
                "architecture": _architecture(source, name, row["like"]),
                **(sized(built) if built else {}),
                "imagenet_accuracy": fraction(row["accuracy"]),
                "imagenet_zero_shot": fraction(row["zero_shot"]),
            }


def _names_of_timm(name: str) -> tuple[str, ...]:
    """The name without its tag, where the tag is timm's default; by itself only where torchvision has no such model."""
    import timm

    architecture, _, tag = name.partition(".")
    if timm.get_pretrained_cfg(architecture).tag != tag:
        return ()
    taken = architecture in torchvision.models.list_models(module=torchvision.models)
    return (f"timm:{architecture}", *(() if taken else (architecture,)))


def _names_of_clip(name: str) -> tuple[str, ...]:
    """As gLocal calls models of OpenCLIP."""
    return (f"OpenCLIP_{name.replace('/', '_')}",)


def _architecture(source: str, name: str, like: str) -> str:
    if ":" in like:
        return re.split(r"[./]", like.partition(":")[2])[0]
    return {"timm": name.partition(".")[0], "open_clip": name.partition("/")[0]}.get(
        source, like.removesuffix("Config")
    )


def fraction(percent: str) -> str:
    """An accuracy as the table has it.

    Example:
        >>> fraction("76.130"), fraction("")
        ('0.7613', '')
    """
    return f"{float(percent) / 100:.6g}" if percent else ""


def sized(model: str) -> dict[str, Any]:
    """The figures of a model that is built, and with which library it was."""
    source = model.partition(":")[0] if ":" in model else "transformers"
    package = {"open_clip": "open_clip_torch"}.get(source, source)
    parameters, image_size, width = figures(model)
    built = f"built with {source} {version(package).partition('+')[0]}"
    return {"parameters": parameters, "image_size": image_size, "width": width, "size_source": built}


def figures(model: str) -> Figures:
    """The parameters, the image size and the width of the penultimate layer of a model that is built.

    Args:
        model: SOURCE:NAME of torchvision, timm or open_clip; or a configuration of transformers, with its defaults.
    """
    source, colon, name = model.partition(":")
    with torch.device("meta"), torch.inference_mode(), warnings.catch_warnings(), _widths_of_regnets():
        warnings.simplefilter("ignore")
        return BUILDERS[source](name) if colon else _transformers(model)


@contextmanager
def _widths_of_regnets() -> Iterator[None]:
    """Inside, torchvision computes the widths of its RegNets on the CPU, since tensors on meta have no values."""
    block, computed = torchvision.models.regnet.BlockParams, torchvision.models.regnet.BlockParams.from_init_params

    def on_cpu(**options: Any) -> Any:
        with torch.device("cpu"):
            return computed(**options)

    with mock.patch.object(block, "from_init_params", on_cpu):
        yield


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _torchvision(name: str) -> Figures:
    from pyalign.extraction import _torchvision as source

    architecture, chosen = source._chosen(name, name)
    module = torchvision.models.get_model(architecture, **_arguments(architecture, chosen)).eval()
    seen: list[torch.Tensor] = []
    source._classifier(module)[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    side = int(chosen.transforms().crop_size[0])
    module(torch.empty(1, 3, side, side))
    if _count(module) != chosen.meta["num_params"]:
        raise SystemExit(
            f"{name} has {_count(module):,} parameters, of which torchvision says {chosen.meta['num_params']:,}"
        )
    return _count(module), side, int(seen[-1].shape[1])


def _arguments(architecture: str, chosen: Any) -> Mapping[str, Any]:
    if architecture == "inception_v3":
        return {"aux_logits": True, "init_weights": False}
    if architecture == "googlenet":  # torchvision counts it without its auxiliary classifiers
        return {"aux_logits": False, "init_weights": False}
    return {"image_size": chosen.meta["min_size"][0]} if architecture.startswith("vit_") else {}


def _timm(name: str) -> Figures:
    import timm

    module = timm.create_model(name, pretrained=False).eval()
    size = module.pretrained_cfg["input_size"]
    features = module.forward_head(module.forward_features(torch.empty(1, *size)), pre_logits=True)
    return _count(module), int(size[-1]), int(features.shape[-1])


def _open_clip(name: str) -> Figures:
    import open_clip

    from pyalign.extraction._open_clip import PENULTIMATE, _image_side

    architecture, _, tag = name.partition("/")
    if tag not in open_clip.list_pretrained_tags_by_model(architecture):
        raise SystemExit(f"open_clip has no {name}")
    visual = (
        open_clip.create_model(architecture, device="meta", load_weights=False, pretrained_text=False).eval().visual
    )
    side = visual.image_size if isinstance(visual.image_size, int) else visual.image_size[0]
    parameters = _count(visual)
    features = _image_side(visual)[0](torch.empty(1, 3, side, side), ())[PENULTIMATE]
    return parameters, int(side), int(features.shape[-1])


def _transformers(configuration: str) -> Figures:
    import transformers

    whole = getattr(transformers, configuration)()
    config = getattr(whole, "vision_config", whole)
    module = transformers.AutoModel.from_config(config).eval()
    width = getattr(config, "hidden_size", None) or config.hidden_sizes[-1]
    return _count(module), int(getattr(config, "image_size", 224)), int(width)


BUILDERS = {"torchvision": _torchvision, "timm": _timm, "open_clip": _open_clip}

if __name__ == "__main__":
    main()
