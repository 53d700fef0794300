"""The one place where modules of pyalign are imported by their names, when they are needed.

`load` serves tables of modules, such as the readers of file formats. What stands in a layer above its caller is not
named there at all: it registers itself under a word when it is imported, and `registered` gives what is registered.
`pyalign/__init__.py`, which stands above all layers, says which module registers under which word.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_modules: dict[str, str] = {}
_values: dict[str, Any] = {}


def load(name: str) -> Any:
    """The module of that name, or after a colon what it defines.

    Example:
        >>> load("pyalign.measures:MEASURES")["dot"].name
        'dot'
    """
    module, _, attribute = name.partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def expect(**modules: str) -> None:
    """Says which module registers under which word when it is imported."""
    _modules.update(modules)


def register(word: str, value: Any) -> None:
    """Registers what `registered` gives from now on."""
    _values[word] = value


def registered(word: str) -> Any:
    """What is registered under a word; the module that registers it is imported first."""
    if word not in _values:
        import_module(_modules[word])
    return _values[word]
