"""`pyalign info`: version, instruction set, threads, what can run here, and which faiss."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyalign._extras import note_of_namesake, pip_install
from pyalign._version import __version__
from pyalign.backends import backend_reasons, native, slow_because
from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome
from pyalign.cli._outputs import described
from pyalign.nearest.scan import EXTRAS, faiss_facts
from pyalign.progress import Progress


@dataclass(frozen=True)
class InfoOptions(_options.Document):
    """The options of `pyalign info`."""


def run(options: InfoOptions, progress: Progress) -> Outcome:
    """What this installation can do."""
    facts = gather()
    return described(options, facts, _lines(facts))


def _lines(facts: dict[str, Any]) -> str:
    instruction_sets = facts["instruction_sets"].items()
    sets = ", ".join(f"{isa}{'' if runs else ' (not on this CPU)'}" for isa, runs in instruction_sets)
    lines = [(name, facts[name]) for name in ("version", "python", "numpy", "processor")]
    lines += [("instruction set", f"{facts['instruction_set'] or 'none'} of {sets or 'none'}")]
    lines += [("threads", facts["threads"]), ("compiler", facts["compiler"] or "none")]
    for name, reason in facts["backends"].items():
        lines.append((f"backend {name}", "ready" if reason is None else f"cannot run: {reason}"))
    lines.append(("faiss", _faiss(facts["faiss"])))
    lines += [("note", facts[name]) for name in ("speed", "note") if facts[name]]
    return "\n".join(f"{name:<18} {value}" for name, value in lines)


def _faiss(facts: dict[str, Any]) -> str:
    """The distributions, what the one that is there can do, and a word where there are several."""
    if facts["version"] is None:
        if "error" in facts:
            return f"cannot be imported: {facts['error']}"
        return "not installed: " + ", or ".join(pip_install(extra, name) for extra, name in EXTRAS.items())
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    parts = [packages or f"{facts['version']}, of no known distribution", f"{facts['gpus']} GPUs"]
    parts += [facts["options"]] if facts["options"] else []
    return "; ".join(parts) + (f"\n{'':<18} note: {facts['note']}" if facts["note"] else "")


def gather() -> dict[str, Any]:
    """The facts, as JSON could hold them."""
    reasons = backend_reasons()
    return {
        "version": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "processor": platform.machine(),
        "instruction_set": native.instruction_set(),
        "instruction_sets": native.instruction_sets(),
        "threads": native.num_threads(),
        "compiler": native.compiler(),
        "backends": reasons,
        "speed": None if reasons["native"] is None else slow_because(reasons["native"]),
        "faiss": faiss_facts(),
        "note": note_of_namesake(),
    }


COMMAND = Command(InfoOptions, run, "pyalign info --json")
