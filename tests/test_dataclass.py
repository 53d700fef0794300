"""Texts of fields stand at the fields, and `help()` shows them."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import re
import subprocess
import sys
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor

import pytest

import pyalign
import pyalign.results
from pyalign._dataclass import asdict, dataclass, field, field_texts, fields, is_dataclass, replace

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


QUESTIONS = {
    "signature": lambda cls: str(inspect.signature(cls)),
    "fields": lambda cls: [(one.name, one.default) for one in fields(cls)],
    "parameters": lambda cls: repr(cls.__dataclass_params__),
    "default of a field": lambda cls: cls.b,
    "match": lambda cls: cls.__match_args__,
    "repr without init": lambda cls: re.sub(" at 0x.*", "", repr(unmade(cls))),
    "equal without init": lambda cls: (unmade(cls) == unmade(cls), unmade(cls) == 3, unmade(cls) != unmade(cls, 5)),
    "hash without init": lambda cls: hash(unmade(cls)) == hash(unmade(cls)),
    "hashable": lambda cls: isinstance(unmade(cls), Hashable),
    "order": lambda cls: (unmade(cls) < unmade(cls, 5), unmade(cls) >= unmade(cls, 5)),
    "set without init": lambda cls: setattr(unmade(cls), "a", 3),
    "delete without init": lambda cls: delattr(unmade(cls), "a"),
    "replace": lambda cls: vars(replace(unmade(cls), b=9)),
    "init": lambda cls: vars(cls(1)),
    "too few": lambda cls: cls(),
    "unknown keyword": lambda cls: cls(1, z=2),
    "copy": lambda cls: vars(copy.deepcopy(unmade(cls))),
    "dictionary": lambda cls: asdict(unmade(cls)),
}


def made_by(decorator, options):
    """A new class of two fields."""
    body = {"__doc__": "Two fields.", "__annotations__": {"a": "int", "b": "int"}, "b": field(default=4)}
    return decorator(**options)(type("Two", (), body))


def unmade(cls, a=1):
    """An object whose class was never called, as pickle makes it."""
    one = object.__new__(cls)
    one.__dict__.update(a=a, b=2)
    return one


def answer(question, cls):
    try:
        return QUESTIONS[question](cls)
    except (TypeError, AttributeError) as error:
        return type(error).__name__, re.sub(r"'<?[\w.]*Two'?", "Two", str(error))


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


@pytest.mark.parametrize("options", [
    {"frozen": True}, {"frozen": True, "eq": False}, {"frozen": True, "repr": False}, {}, {"eq": False},
    {"frozen": True, "order": True},
])  # fmt: skip
class TestAClassThatWaits:
    """Whatever is asked for first, it is as if the standard library had made the class at once."""

    @staticmethod
    def both(options):
        return made_by(dataclass, options), made_by(dataclasses.dataclass, options)

    @pytest.mark.parametrize("question", QUESTIONS)
    def test_answers_as_that_of_the_standard_library(self, options, question):
        ours, theirs = (answer(question, cls) for cls in self.both(options))
        assert ours == theirs

    def test_its_subclass_has_its_fields(self, options):
        found = []
        for decorator in (dataclass, dataclasses.dataclass):
            base = made_by(decorator, options)
            constant = {"__doc__": "", "__annotations__": {"k": "ClassVar[int]"}, "k": 0, "__module__": "typing"}
            base = decorator(**options)(type("Constant", (base,), constant))
            body = {"__doc__": "", "__annotations__": {"c": "int", "b": "str", "a": "str"}, "c": 7, "a": "x"}
            below = decorator(**options)(type("Below", (base,), body))
            described = [(one.name, one.default, one.type) for one in fields(below)]
            found.append((described, vars(below("1", 2, 3)), below.__match_args__, below(c=1) == base("x")))
        assert found[0] == found[1]

    def test_the_nearest_base_wins_as_it_does_there(self, options):
        found = []
        for decorator in (dataclass, dataclasses.dataclass):
            decorated, base = decorator(**options), made_by(decorator, options)
            left = decorated(type("Left", (base,), {"__doc__": "", "__annotations__": {"c": "int"}, "c": 1}))
            right = decorated(type("Right", (base,), {"__doc__": "", "__annotations__": {"b": "int"}, "b": 5}))
            plain = type("Plain", (left,), {"b": 8})
            bare = decorated(type("Bare", (plain, right), {"__annotations__": {"d": "int"}, "d": 6}))
            both = decorated(type("Both", (bare,), {"__doc__": ""}))
            found.append((vars(both(0)), both.b, [vars(one(0)) for one in (plain, right, bare, left)]))
        assert found[0] == found[1]

    def test_an_interrupted_one_is_made_again(self, options):
        cls = self.both(options)[0]
        assert cls(1).b == 4
        waiting = vars(cls)["__waiting_dataclass__"]
        waiting.waiting = ["__init__", "__signature__", "__replace__"]  # as if it had ended before its last line
        waiting.make()
        assert vars(cls(1, 2)) == {"a": 1, "b": 2} and waiting.waiting == []

    def test_threads_make_it_once(self, options):
        for _ in range(20):
            cls = self.both(options)[0]
            with ThreadPoolExecutor(8) as pool:
                objects = [*pool.map(lambda k, cls=cls: cls(k, b=k), range(64))]
            assert [vars(one) for one in objects] == [{"a": k, "b": k} for k in range(64)]


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
