"""Files of weights: there, hashed, and in words of one line when they do not fit."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyalign.errors import InputError, MissingExtraError
from pyalign.io.paths import require_file

# Under which training scripts save what a model has learned: averages over its last steps first, as timm takes them.
WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model")
LONGEST = 300  # letters of a library's own words
NEEDS_CODE = "needs code of its own repository, which is not run"


def hash_file(spec: str, path: str) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        InputError: it is not there, is no regular file, or can't be read.
    """
    digest = hashlib.sha256()
    try:
        require_file(path)
        with open(path, "rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise InputError(f"{spec}: weights {path}: {error.strerror}") from error
    except InputError as error:
        raise InputError(f"{spec}: weights {error}") from error
    return digest.hexdigest()


def read_state(path: str) -> dict[str, Any]:
    """The tensors of a file, by name: of safetensors, or of torch, of which nothing but tensors is loaded.

    Raises:
        InputError: it holds no tensors by name; in addition to what the libraries raise.
    """
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
