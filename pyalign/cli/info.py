"""`pyalign info`: version, instruction set, threads, and what can run here."""

from __future__ import annotations

import argparse
import json
import platform
from typing import Any

import numpy as np

from pyalign import __version__
from pyalign.backends import backend_reasons, native
from pyalign.cli import _options


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign info`."""
    parser = _options.add_command(
        subparsers, "info", "version, instruction set, threads, and each backend", "pyalign info --json"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    return parser


def run(args: argparse.Namespace) -> None:
    """Prints what this installation can do."""
    facts = gather()
    if args.json:
        print(json.dumps(facts, indent=2))
        return
    for name in ("version", "python", "numpy", "processor"):
        print(f"{name:<18} {facts[name]}")
    sets = ", ".join(
        f"{isa}{'' if runs else ' (not on this processor)'}" for isa, runs in facts["instruction_sets"].items()
    )
    print(f"{'instruction set':<18} {facts['instruction_set'] or 'none'} of {sets or 'none'}")
    print(f"{'threads':<18} {facts['threads']}")
    for name, reason in facts["backends"].items():
        print(f"{'backend ' + name:<18} {'ready' if reason is None else f'cannot run: {reason}'}")


def gather() -> dict[str, Any]:
    """The facts, as JSON could hold them."""
    return {
        "version": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "processor": platform.machine(),
        "instruction_set": native.instruction_set(),
        "instruction_sets": native.instruction_sets(),
        "threads": native.num_threads(),
        "backends": backend_reasons(),
    }
