"""Worlds of known truth, and what is measured in them by all modules that have `CASES`: `python tools/simulate.py`."""

import importlib
import pkgutil
from functools import cache
from os.path import dirname

from .harness import NOMINAL, NOTHING, SIZE, Case, Found  # noqa: F401
from .triplets import true_scores  # noqa: F401
from .worlds import *  # noqa: F403


@cache
def every_case() -> list[Case]:
    modules = [importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules([dirname(__file__)])]
    return [case for module in modules for case in getattr(module, "CASES", ())]
