"""Worlds of known truth, and what is measured in them by all modules that have `CASES`: `python tools/simulate.py`."""

import importlib
import pkgutil
from functools import cache
from os.path import dirname

from .harness import Case
from .variance import beside


@cache
def every_case() -> list[Case]:
    modules = [importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules([dirname(__file__)])]
    cases = [case for module in modules for case in getattr(module, "CASES", ())]
    return cases + [case for case in map(beside, cases) if case is not None]
