"""Weights of the Hugging Face hub: from its cache, else over the network, else one line at once.

Libraries retry for most of a minute where there is no network, so one short request asks first.

Where a model of transformers is: a folder, or the hub and its cache; found before anything is loaded.
Files of weights: there, hashed, and in words of one line when they do not fit.
"""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

from pyalign.data.provenance import digest_of_file
from pyalign.errors import InputError, MissingExtraError, Remedy
from pyalign.extraction.encoder import Request
from pyalign.io.paths import require_file

WAIT = 4.0  # seconds for the one request


def endpoint() -> str:
    """The hub's address, as its own library takes it."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def is_offline() -> str | None:
    """Why the hub can't be asked, in a few words; None where it answers."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE"):
            return f"{name} is set"
    return why_offline(endpoint())


def why_offline(address: str) -> str | None:
    """Why an address can't be asked, in a few words; None where something answers.

    A name may have many addresses, and looking it up has no limit of time, so the request has a thread of its own.
    """
    problem: list[str | None] = [f"no answer in {WAIT:g} s"]

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=WAIT):
                problem[0] = None
        except urllib.error.HTTPError:
            problem[0] = None  # it has answered
        except (OSError, ValueError, HTTPException) as error:
            problem[0] = " ".join(str(getattr(error, "reason", error)).split())[:80] or type(error).__name__

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(WAIT)
    parts = urllib.parse.urlsplit(address)
    host = f"{parts.scheme}://{parts.netloc}" if parts.netloc else address
    return None if problem[0] is None else f"{host} can't be reached ({problem[0]})"


def cached(repository: str, files: Sequence[str], revision: str | None = None) -> str | None:
    """The first of these files that the cache holds."""
    from huggingface_hub import try_to_load_from_cache

    for name in files:
        path = try_to_load_from_cache(repository, name, revision=revision)
        if isinstance(path, str):
            return path
    return None


def fetch(spec: str, repository: str, files: Sequence[str], revision: str | None = None) -> str:
    """The path of the first of these files: from the cache, or fetched into it."""
    repository, _, tagged = repository.partition("@")
    revision = revision or tagged or None
    path = cached(repository, files, revision)
    if path is not None:
        return path
    require_online(spec, repository, files)
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    with one_line_errors(spec, f"its weights could not be fetched from {endpoint()}/{repository}"):
        for name in files:
            try:
                return str(hf_hub_download(repository, name, revision=revision))
            except EntryNotFoundError:
                continue
    raise InputError(f"{spec}: {endpoint()}/{repository} holds none of {', '.join(files)}")


def require_online(spec: str, repository: str, files: Sequence[str] = ()) -> None:
    """Raises where the hub does not answer: where the weights were looked for, and what would fetch them."""
    reason = is_offline()
    if reason is None:
        return
    from huggingface_hub.constants import HF_HUB_CACHE

    place = os.path.join(HF_HUB_CACHE, f"models--{repository.replace('/', '--')}")
    command = " ".join(["hf download", repository, *files[:1]])
    raise InputError(
        f"{spec}: its weights are not in the cache ({place}) and {reason}; where there is a network, '{command}' "
        f"fetches them: bring the cache here, or give the file as {Remedy('checkpoint', like='path')}"
    )


FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


def folder_of(spec: str, name: str, alternatives: Sequence[str] = ()) -> str:
    """The folder with a model's config and one of the `alternatives`: as given, or in the hub's cache."""
    if os.path.isdir(name):
        for files in (("config.json",), alternatives):
            if files and not any(os.path.isfile(os.path.join(name, file)) for file in files):
                raise InputError(f"{spec}: {name} must hold {' or '.join(files)}")
        return name
    if name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise InputError(f"{spec}: must be a folder, or a repository such as facebook/dinov2-small; {name} is neither")
    folder = os.path.dirname(fetch(spec, name, ("config.json",)))
    if alternatives:
        fetch(spec, name, alternatives)
    return folder


def config_of(spec: str, folder: str) -> Any:
    """The config of a folder."""
    import transformers

    path = os.path.join(folder, "config.json")
    with one_line_errors(spec, f"{path} is no config of transformers"):
        with open(path, encoding="utf-8") as handle:
            document = json.load(handle)
        kind = document.get("model_type")
        if kind not in transformers.CONFIG_MAPPING and "auto_map" in document:
            raise InputError(f"{spec} {NEEDS_CODE}")
        for kernel in kernels_in(document):
            raise InputError(f"{spec} {NEEDS_CODE}: {path} names the kernel {kernel!r:.80}")
        with quietly():
            return transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)


def kernels_in(document: Any, key: str = "") -> Iterator[str]:
    """The kernels of repositories, programs of somebody's, that a configuration names for its attention.

    Example:
        >>> [*kernels_in({"text_config": {"attn_implementation": "some/kernel"}, "attn_implementation": "sdpa"})]
        ['some/kernel']
    """
    if isinstance(document, dict):
        for name, value in document.items():
            yield from kernels_in(value, key if key.endswith("_implementation") else name)
    elif isinstance(document, str) and key.endswith("_implementation") and "/" in document:
        yield document


def file_of(spec: str, name: str, folder: str, request: Request) -> tuple[str, str]:
    """The file of weights, or their index, and where it is from."""
    place = request.checkpoint or (name if os.path.isdir(name) else None)
    if place is not None and os.path.isdir(place):
        weights_file = next((path for file in FILES if os.path.isfile(path := os.path.join(place, file))), None)
        if weights_file is None:
            raise InputError(f"{spec}: {place} must hold {' or '.join(FILES)}")
        return weights_file, place
    if place is not None:
        hash_file(spec, place)
        return place, place
    path = fetch(spec, name, FILES)
    if path.endswith(".index.json"):
        with open(path, encoding="utf-8") as handle:
            shards = sorted({*json.load(handle)["weight_map"].values()})
        for shard in shards:
            fetch(spec, name, (shard,))
    return path, f"{endpoint()}/{name}"


@contextmanager
def quietly() -> Iterator[None]:
    """Inside, transformers prints neither progress nor advice."""
    import transformers

    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


# Under which training scripts save what a model has learned: averages over its last steps first, as timm takes them.
WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model")
LONGEST = 300  # letters of a library's own words
NEEDS_CODE = "needs code of its own repository, which is not run"


def hash_file(spec: str, path: str) -> str:
    """SHA-256 of a file's bytes."""
    try:
        require_file(path)
        return digest_of_file(path)
    except OSError as error:
        raise InputError(f"{spec}: weights {path}: {error.strerror}") from error
    except InputError as error:
        raise InputError(f"{spec}: weights {error}") from error


def read_state(path: str) -> dict[str, Any]:
    """The tensors of a file, by name: of safetensors, or of torch, of which nothing but tensors is loaded."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return dict(load_file(path))
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about pickles that it then refuses
        state = torch.load(path, map_location="cpu", weights_only=True)
    while isinstance(state, dict) and (inner := next((name for name in WRAPPERS if name in state), None)):
        state = state[inner]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"weights {path} must be tensors by name, as a model's state_dict() is")
    parallel = "module."  # of a model that was trained on several devices
    if state and all(name.startswith(parallel) for name in state):
        state = {name.removeprefix(parallel): value for name, value in state.items()}
    return dict(state)


@contextmanager
def one_line_errors(spec: str, what: str) -> Iterator[None]:
    """Whatever a library raises inside becomes one line; what is ours keeps its words."""
    try:
        yield
    except (InputError, MissingExtraError, MemoryError, KeyboardInterrupt):
        raise
    except SystemExit as error:  # code of a script: pyalign would end as if all were done
        raise InputError(f"{spec}: {what}: it ends the program (sys.exit({error.code!r}))") from error
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        if "weights_only" in words:  # torch proposes to run the file's code
            words = "it does not hold only tensors"
        elif "trust_remote_code" in words:  # and others that of its repository
            words = f"it {NEEDS_CODE}"
        words = f"there is no {words}" if isinstance(error, KeyError) else words
        shown = words if len(words) <= LONGEST else f"{words[: LONGEST - 3]}..."
        raise InputError(f"{spec}: {what}: {shown}") from error
