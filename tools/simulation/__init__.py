"""How often intervals hold the true value, and tests find what is there: `python tools/simulate.py`.

`harness` runs cases, `worlds` draws data, and every other module here that has `CASES` says what is measured.
"""

import importlib
import pkgutil
from functools import cache
from os.path import dirname

from .harness import NOMINAL, NOTHING, SIZE, Case, Found, run  # noqa: F401
from .worlds import *  # noqa: F403


@cache
def every_case() -> list[Case]:
    modules = [importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules([dirname(__file__)])]
    return [case for module in modules for case in getattr(module, "CASES", ())]
