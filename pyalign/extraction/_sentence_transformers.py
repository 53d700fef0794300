"""Sentence embeddings: `sentence-transformers:NAME`, as the hub has it, or `sentence-transformers:FOLDER`.

`penultimate` is what the model's pooling gives, before any normalization. `logits` is what its dense layers make of it,
the space that was trained, where it has such layers. A prompt that the model's configuration has is not added.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import torch

from pyalign.errors import InputError, Remedy
from pyalign.extraction import hub
from pyalign.extraction.encoder import LOGITS, PENULTIMATE, Request, Weights
from pyalign.extraction.hub import NEEDS_CODE, hash_file, kernels_in, one_line_errors
from pyalign.extraction.tokenizing import TorchTexts, refuse_compile
from pyalign.extraction.torch_encoder import choose_device, hash_of
from pyalign.io.documents import read_json

KEY = "sentence_embedding"
# What a folder's files may name to be looked up: anything else, such as torch.distributed.run.main, would be run.
STEP = re.compile(r"sentence_transformers(\.\w+)*\.[A-Z]\w*")
LAYER = re.compile(r"torch\.nn(\.\w+)*\.[A-Z]\w*")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
OWNER = "sentence-transformers"  # of names without one
KNOWN = (
    "LaBSE", "all-MiniLM-L12-v2", "all-MiniLM-L6-v2", "all-distilroberta-v1", "all-mpnet-base-v2",
    "distiluse-base-multilingual-cased-v2", "multi-qa-MiniLM-L6-cos-v1", "multi-qa-mpnet-base-dot-v1",
    "paraphrase-MiniLM-L3-v2", "paraphrase-MiniLM-L6-v2", "paraphrase-mpnet-base-v2",
    "paraphrase-multilingual-MiniLM-L12-v2", "paraphrase-multilingual-mpnet-base-v2", "sentence-t5-base",
)


def load(name: str, request: Request) -> TorchTexts:
    """The model of a name, or in a folder."""
    spec = f"sentence-transformers:{name}"
    refuse_compile(spec, request.compile)
    if request.checkpoint is not None and not os.path.isdir(request.checkpoint):
        raise InputError(f"checkpoint of {spec} must be a folder of sentence-transformers; got {request.checkpoint}")
    place = request.checkpoint or name
    is_folder = os.path.isdir(place)
    if not is_folder and (os.path.isabs(place) or place.startswith(".")):
        raise InputError(f"{spec}: there is no folder {place}")
    repository = place if "/" in place else f"{OWNER}/{place}"
    model = _open(spec, place if is_folder else repository, is_folder, choose_device(request.device))
    if request.seed is not None:
        _draw(spec, model, request.seed)
        weights = Weights(f"random, seed {request.seed}", hash_of(model))
    else:
        origin = place if is_folder else f"{hub.endpoint()}/{repository}"
        weights = Weights(origin, hash_of(model), _file_hash(spec, place) if is_folder else None)
    return _encoder_of(spec, model, weights, request)


def _open(spec: str, place: str, is_folder: bool, device: str) -> Any:
    from sentence_transformers import SentenceTransformer

    if is_folder and not any(os.path.isfile(os.path.join(place, name)) for name in ("modules.json", "config.json")):
        raise InputError(f"{spec}: {place} must hold modules.json or config.json")
    there = os.path.join(place, "") if is_folder else hub.cached(place, ("modules.json", "config.json"))
    if there is None:
        hub.require_online(spec, place)
    with one_line_errors(spec, f"{place} can't be loaded"), _quiet():
        if there is not None:
            _refuse_code(spec, os.path.dirname(there))
        # without safetensors torch reads weights alone; code of the folder is not run
        return SentenceTransformer(place, device=device, local_files_only=there is not None, trust_remote_code=False)


def _refuse_code(spec: str, folder: str) -> None:
    """Refuses a folder whose files name anything but modules of the library and layers of torch."""
    for at, _, files in os.walk(folder):
        for file in sorted(file for file in files if file.endswith(("config.json", "modules.json"))):
            path = os.path.join(at, file)
            document = read_json(path, strict=False)
            steps = document if file == "modules.json" and isinstance(document, list) else []
            for name in _foreign(document if isinstance(document, dict) else {}, steps):
                raise InputError(f"{spec} {NEEDS_CODE}: {path} names {name!r:.80}")


def _foreign(document: Mapping[str, Any], steps: Sequence[Any]) -> Iterator[str]:
    """What a configuration, or a list of modules, names in addition."""
    types = document.get("types")  # of a router
    named = [step.get("type") for step in steps if isinstance(step, dict)]
    named += types.values() if isinstance(types, dict) else ()
    yield from (str(name) for name in named if not STEP.fullmatch(str(name)))
    for key, known in (("activation_function", LAYER), ("tokenizer_class", STEP)):
        value = str(document.get(key) or "")  # one without a dot is of transformers
        if "." in value and not known.fullmatch(value):
            yield value
    yield from kernels_in(document)


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars of transformers."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _encoder_of(spec: str, model: Any, weights: Weights, request: Request) -> TorchTexts:
    modules = list(model)
    kinds = [type(module).__name__ for module in modules]
    dense = "Dense" in kinds
    how = next((_how(module.get_config_dict()) for module in modules if type(module).__name__ == "Pooling"), None)
    meanings = {PENULTIMATE: f"sentence embedding before normalization, {how or 'as the model pools it'}"}
    if dense:
        meanings[PENULTIMATE] += ", before the dense layers"
        meanings[LOGITS] = "sentence embedding after the dense layers, before normalization"

    def collate(prepared: Sequence[Any]) -> tuple[Any, torch.Tensor]:
        features = getattr(model, "preprocess", None) or model.tokenize
        made = {key: _moved(value, model.device) for key, value in features(list(prepared)).items()}
        mask = made.get("attention_mask")
        return made, torch.ones(len(prepared), 1) if mask is None else mask

    def ends(features: Any) -> Mapping[str, torch.Tensor]:
        embeddings, features = dict[str, torch.Tensor](), dict(features)
        for module, kind in zip(modules, kinds, strict=True):
            if kind == "Normalize":
                break
            features = module(features)
            if KEY in features:
                embeddings.setdefault(PENULTIMATE, features[KEY].clone())
                embeddings[LOGITS] = features[KEY]
        if not embeddings:
            raise InputError(f"{spec} must give a sentence embedding; its modules are {', '.join(kinds)}")
        return embeddings

    prompt_name = getattr(model, "default_prompt_name", None)
    of_prompt = f"{model.prompts[prompt_name]!r}" if prompt_name else ""
    added = Remedy("prompt", like="text")
    own = f"{spec} has a prompt of its own, {of_prompt}, which {added} would add" if prompt_name else ""
    preprocessing = {
        "library": "sentence-transformers", "longest": model.max_seq_length, "pooling": how, "modules": kinds,
    }
    versions = {name: version(name) for name in ("sentence-transformers", "transformers", "tokenizers", "torch")}
    return TorchTexts(
        spec, weights, preprocessing, versions, notes=(own,) * bool(own), modality="texts", device=str(model.device),
        precision=request.precision, module=model, tokenize=str, collate=collate, ends=ends, meanings=meanings,
    )


def _how(config: Mapping[str, Any]) -> str:
    """The pooling of a configuration, new or old."""
    old = [key.removeprefix("pooling_mode_") for key, on in config.items() if on is True and "pooling_mode_" in key]
    return str(config.get("pooling_mode") or " and ".join(old))


def _moved(value: Any, device: Any) -> Any:
    return value.to(device) if isinstance(value, torch.Tensor) else value


def _draw(spec: str, model: Any, seed: int) -> None:
    """Weights drawn at random instead of the trained ones."""
    torch.manual_seed(seed)
    with one_line_errors(spec, "random weights can't be drawn"):
        first = model[0]
        name = next(name for name, child in first.named_children() if hasattr(child, "config"))
        inner = getattr(first, name)
        setattr(first, name, type(inner)(inner.config).to(model.device))
        for module in list(model)[1:]:
            for part in module.modules():
                if isinstance(part, torch.nn.Linear):
                    part.reset_parameters()


def _file_hash(spec: str, folder: str) -> str | None:
    """The SHA-256 of the file of weights, where there is exactly one."""
    weight_files = [os.path.join(at, name) for at, _, files in os.walk(folder) for name in files if name in WEIGHTS]
    return hash_file(spec, weight_files[0]) if len(weight_files) == 1 else None


def names() -> list[str]:
    """Some that are often used; others of the hub, and folders, may stand there too."""
    return list(KNOWN)
