"""Weights of the Hugging Face hub: from its cache, else over the network, else one line at once.

Libraries retry for most of a minute where there is no network, so one short request asks first.
"""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException

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
    """The path of the first of these files: from the cache, or fetched into it.

    Raises:
        InputError: it is not there and can't be fetched; says where it was looked for and what would fetch it.
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
        "fetches them: bring the cache here, or give the file as checkpoint=path"
    )
