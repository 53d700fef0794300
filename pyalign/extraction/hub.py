"""Weights of the Hugging Face hub: from its cache, else over the network, else one line at once.

Libraries retry for most of a minute where there is no network, so one short request asks first.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Sequence

from pyalign.errors import InputError
from pyalign.extraction.weights import one_line_errors

WAIT = 4.0  # seconds for the one request


def endpoint() -> str:
    """The hub's address, as its own library takes it."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def is_offline() -> str | None:
    """Why the hub can't be asked, in a few words; None where it answers."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE"):
            return f"{name} is set"
    try:
        with urllib.request.urlopen(urllib.request.Request(endpoint(), method="HEAD"), timeout=WAIT):
            return None
    except urllib.error.HTTPError:
        return None  # it has answered
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return f"{endpoint()} can't be reached ({' '.join(str(reason).split())[:80]})"


def cached(repository: str, files: Sequence[str], revision: str | None = None) -> str | None:
    """The first of these files that the cache holds."""
    from huggingface_hub import try_to_load_from_cache

    for name in files:
        found = try_to_load_from_cache(repository, name, revision=revision)
        if isinstance(found, str):
            return found
    return None


def fetch(spec: str, repository: str, files: Sequence[str], revision: str | None = None) -> str:
    """The path of the first of these files: from the cache, or fetched into it.

    Raises:
        InputError: it is neither there nor to be had; says where it was looked for and what would fetch it.
    """
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
        "fetches them: bring the cache here, or give the file with --checkpoint"
    )
