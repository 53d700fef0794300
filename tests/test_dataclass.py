"""Texts of fields stand at the fields, and `help()` shows them."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import pytest

import pyalign
import pyalign.results
from pyalign._dataclass import dataclass, field, field_texts, fields, is_dataclass

NOT_READ = """
import linecache
import numpy as np, pyalign, pyalign.results
x, triplets = np.eye(5), np.array([[0, 1, 2], [2, 3, 4]])
str(pyalign.score(x, triplets)), pyalign.results.Calibration, pyalign.Triplets
assert not [name for name in linecache.cache if "pyalign" in name]
print(len(pyalign.Triplets.__doc__))
assert any("triplets" in name for name in linecache.cache)
"""


@dataclass(frozen=True)
class Interval:
    """An interval.

    It holds its ends.

    Attributes:
        width: of what is in between.
    """

    # low, high: the ends; the lower one is
    # the first.
    low: float
    high: float
    name: str = "ä # no comment"  # what it is called: "x # y" is a name
    # how sure it is,
    # a fraction.
    level: float = 0.95
    rest: tuple[int, ...] = field(default=())  # everything else
    plain: int = 0

    @property
    def width(self) -> float:
        """How wide it is."""
        return self.high - self.low


@dataclass
class Plain:
    """Nothing is said of its fields."""

    low: float = 0.0


@dataclass
class Bare:
    low: float = 0.0


class TestTexts:
    def test_stand_in_the_docstring(self):
        assert inspect.getdoc(Interval).split("Attributes:\n")[1] == "\n".join(
            [
                "    low, high: the ends; the lower one is the first.",
                '    name: what it is called: "x # y" is a name',
                "    level: how sure it is, a fraction.",
                "    rest: everything else",
                "    width: of what is in between.",
            ]
        )
        assert inspect.getdoc(Interval).startswith("An interval.\n\nIt holds its ends.\n\nAttributes:\n")
        assert Interval(1, 2).__doc__ == Interval.__doc__

    def test_are_left_out_where_there_are_none(self):
        assert Plain.__doc__ == "Nothing is said of its fields."
        assert Bare.__doc__ == "Bare(low: 'float' = 0.0)"

    def test_are_missing_where_there_is_no_source(self):
        scope = {"__name__": __name__, "dataclass": dataclass}
        exec('@dataclass\nclass Made:\n    """Made of a text."""\n    low: float = 0.0  # an end\n', scope)
        assert scope["Made"].__doc__ == "Made of a text."
        assert field_texts(int) == []


def test_the_class_is_that_of_the_standard_library():
    assert is_dataclass(Interval) and [one.name for one in fields(Interval)][:3] == ["low", "high", "name"]
    with pytest.raises(AttributeError):
        Interval(1, 2).low = 3


def test_no_source_is_read_before_somebody_asks():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", NOT_READ], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


PUBLIC = {
    f"{module.__name__}.{name}": value
    for module in (pyalign, pyalign.results)
    for name in module.__all__
    if inspect.isclass(value := getattr(module, name)) and is_dataclass(value)
}


def test_every_field_of_a_public_class_is_described():
    missing = []
    for name, cls in PUBLIC.items():
        said = " ".join(" ".join(inspect.getdoc(one) or "" for one in cls.__mro__ if is_dataclass(one)).split())
        missing += [f"{name}.{one.name}" for one in fields(cls) if not re.search(rf"\b{one.name}\b[\w, ]*: ", said)]
    assert not missing
