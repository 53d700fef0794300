"""The one place where modules of pyalign are imported by their names, when they are needed.

`load` serves tables of modules, such as the readers of file formats. What stands in a layer above its caller is not
named there at all: it registers itself under a word when it is imported, and `registered` gives what is registered.
`pyalign/__init__.py`, which stands above all layers, says which module registers under which word. `Kind` and `Entry`
are the rows of `pyalign/kinds.py`, which any layer reads.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pyalign._dataclass import dataclass

_modules: dict[str, str] = {}
_values: dict[str, Any] = {}


@dataclass(frozen=True)
class Entry:
    """A command as help and the reference list it."""

    command: str  # one or two words.
    what: str  # it does, a phrase.
    group: str  # of commands for one task, one of `GROUPS`.
    page: str  # of docs/ that says what it computes and why, without its suffix.
    rare: bool = False  # whether `pyalign --help` leaves it to `pyalign --help-all`.


@dataclass(frozen=True)
class Kind:
    """A kind of result. Modules and what they define are named as "MODULE:NAME", and loaded when they are used."""

    result: str  # the class, which is read back from documents.
    view: str = ""  # a function of a result and `verbose` that gives blocks; "": its values as they are.
    # names in `CHARTS`, that which says most of it first; without options, it alone is drawn.
    charts: tuple[str, ...] = ()
    # of the page that are made for it; each is a module of that name with a function of that name.
    sections: tuple[str, ...] = ()
    # functions that give such a result, as steps of a study (`Analysis`); the first is the one that the kind's own word
    # names.
    analyses: tuple[Any, ...] = ()
    entry: Entry | None = None  # the command that writes it, if there is one.
    # the page of the reference of functions, one of `docs/_ext/groups.py`; "": nothing of it is public.
    reference: str = ""


def load(name: str) -> Any:
    """The module of that name, or after a colon what it defines.

    Example:
        >>> load("pyalign.measures:MEASURES")["dot"].name
        'dot'
    """
    module, _, attribute = name.partition(":")
    imported = import_module(module)
    return getattr(imported, attribute) if attribute else imported


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
