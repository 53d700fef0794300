"""The installed distribution of faiss: three of them install the same folder, and the last one wins."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

EXTRAS = {"neighbors": "faiss-cpu", "neighbors-gpu": "faiss-gpu", "neighbors-cuvs": "faiss-gpu-cuvs"}
DISTRIBUTIONS = (*EXTRAS.values(), "faiss-gpu-cu11", "faiss-gpu-cu12")


def faiss_packages() -> dict[str, str]:
    """The distributions of faiss that are installed, with their versions."""
    versions = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def note_of_packages() -> str | None:
    """A sentence where several distributions are installed; None otherwise."""
    versions = faiss_packages()
    if len(versions) < 2:
        return None
    names = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"{names} install the same folder faiss: the last one installed is used; uninstall all, then install one"


def faiss_facts() -> dict[str, Any]:
    """What `pyalign info` says of faiss, which is imported for it: distributions, version, GPUs, instruction set.

    Returns:
        {"packages": {name: version}, "version", "gpus", "options", "note"}; version is None where there is no faiss,
        and "error" says why where it can't be imported.
    """
    facts: dict[str, Any] = {"packages": faiss_packages(), "version": None, "note": note_of_packages()}
    if "faiss" not in sys.modules and find_spec("faiss") is None:
        return facts
    try:
        import faiss
    except Exception as error:  # a library that does not load says so in many ways
        return facts | {"error": (str(error).strip().splitlines() or [type(error).__name__])[0]}
    gpus = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
    options = faiss.get_compile_options().strip() if hasattr(faiss, "get_compile_options") else None
    return facts | {"version": faiss.__version__, "gpus": gpus, "options": options}
