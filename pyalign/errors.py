"""The errors that pyalign raises for what it was given.

Every message is one sentence on one line: the argument, the rule, and what came.

A missing extra says what pip has to install; the metadata of the installed distribution are the only list of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from packaging.requirements import Requirement


LONGEST, LONGEST_WORD = 1000, 300  # letters of a message, which shows what came, and of what has no space in it


class InputError(ValueError):
    """An argument or a file breaks a rule: ``triplets must have shape (t, 3); got (5, 2)``.

    Its message is one line, and can be printed, whatever an argument or a file holds: letters that a terminal would
    obey, or that are no text, are written out, and the lines of an array follow one another.
    """

    def __init__(self, message: object = "") -> None:
        line = printable(" ".join(part.strip() for part in str(message).split("\n")))
        if len(line) > LONGEST_WORD:
            line = re.sub(rf"\S{{{LONGEST_WORD + 1},}}", lambda word: f"{word[0][:200]}...{word[0][-50:]}", line)
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}...")


class Remedy(str):
    """What would help, as Python spells it; the command line has its own spelling of each that a message names.

    Args:
        argument: the argument of a function, or the option, that helps.
        value: what it should be.
        like: a name for a value that readers have to choose, such as ``path``.
        of: the function that takes it, where it is another than that which was called.
        python, shell: how either spells it, where that is not by the name of an argument and of an option.

    Example:
        >>> f"{Remedy('nan_policy', 'omit')} leaves them out; {Remedy('names', like='names', of='load_embeddings')}"
        'nan_policy="omit" leaves them out; load_embeddings(..., names=names)'
    """

    spelled: ClassVar[dict[str, Remedy]] = {}  # those that messages of this process may name.
    argument: str
    value: object
    like: str
    shell: str

    def __new__(
        cls, argument: str, value: object = None, *, like: str = "", of: str = "", python: str = "", shell: str = ""
    ) -> Remedy:
        held = like or (f'"{value}"' if isinstance(value, str) else repr(value))
        remedy = super().__new__(cls, python or (f"{of}(..., {argument}={held})" if of else f"{argument}={held}"))
        remedy.argument, remedy.value, remedy.like, remedy.shell = argument, value, like, shell
        cls.spelled[str(remedy)] = remedy
        return remedy

    @classmethod
    def of_both(cls, python: str, shell: str) -> Remedy:
        """What is no argument: in Python, and on the command line."""
        return cls("", python=python, shell=shell)


# Those that several modules name.
RESUME, OUT = Remedy("resume", True), Remedy("out", like="folder")
RESUME_EXTRACTION = Remedy("resume", True, of="extract")
ITEM_NAMES = Remedy("item_names", like="names", of="load_triplets")
LOAD_TRIPLETS = Remedy.of_both("load_triplets(path)", "-t FILE")
WITH_RDMS = Remedy("rdms", True, of="rsa", shell="'pyalign rsa --out DIR'")
POOL_MEAN, POOL_FLATTEN, POOL_NONE = (Remedy("pool", how) for how in ("mean", "flatten", "none"))


class MissingExtraError(ImportError):
    """A file format or a backend needs a package that is not installed; the message says what to install.

    Example:
        >>> print(MissingExtraError("a picture", "altair", "no such extra"))
        a picture needs altair, which is not installed: pip install altair
    """

    def __init__(self, what: str, package: str, extra: str) -> None:
        self._asked = what, package, extra
        super().__init__(f"{what} needs {package}, which is not installed: {pip_install(extra, package)}")

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str, str]]:
        """Made again by what it was made of, where a worker process hands it to its parent."""
        return type(self), self._asked


class ConvergenceWarning(UserWarning):
    """A fit ended before it was as close to its optimum as required; the message says what would bring it closer."""


class AssumptionWarning(UserWarning):
    """Something had to be assumed about the data, such as the order of items; the message says how to state it."""


class SlowWarning(UserWarning):
    """numpy does the work, since kernels are not compiled or can't be loaded; says what to install, once a process."""


def printable(text: str) -> str:
    """A text in which letters that can't be printed are written out.

    Example:
        >>> printable("a\\tb"), printable("\\udcff")
        ('a\\\\tb', '\\\\udcff')
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def shorten(value: object, limit: int = 40) -> str:
    """``repr`` of a value, cut so that a message stays one readable line."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def nearest(name: str, allowed: Iterable[str], cutoff: float = 0.4) -> str:
    """``; did you mean 'cosine'?``, or nothing when no allowed name is near. Case and dashes make no difference.

    Example:
        >>> nearest("cosin", ["dot", "cosine"]), nearest("--Mesure", ["--measure"]), nearest("x", ["dot"])
        ("; did you mean 'cosine'?", "; did you mean '--measure'?", '')
    """
    import difflib  # slow to import, and needed only for an error

    def plain(word: str) -> str:
        return word.lower().replace("-", "_").strip("_")

    spellings = {plain(word): word for word in allowed}
    near = difflib.get_close_matches(plain(str(name)), list(spellings), n=1, cutoff=cutoff)
    return f"; did you mean {spellings[near[0]]!r}?" if near else ""


DISTRIBUTION = "pyalign-kit"  # what pip calls it; the name pyalign belongs to another project on PyPI
NAMESAKE = "pyalign"
# What importlib.metadata and packaging raise: of a distribution that is not there, or of damaged metadata.
UNREADABLE = (ImportError, ValueError, TypeError, AttributeError, KeyError, OSError)


def pip_install(extra: str, package: str) -> str:
    """The command that installs a package of an extra, and whatever else of that extra is missing here.

    Args:
        extra: an extra of ours; where metadata are missing, as in a source tree, or damaged, only the package is named.
        package: as PyPI calls it; a version bound that it has is the one that is printed.
    """
    import shlex

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    wanted = {canonicalize_name(required.name): required for required in requirements(extra)}
    requirement = Requirement(package)
    name = canonicalize_name(requirement.name)
    if requirement.specifier or name not in wanted:
        wanted[name] = requirement
    missing = [str(required) for key, required in sorted(wanted.items()) if key == name or not _is_satisfied(required)]
    return shlex.join(["pip", "install", *missing])


def requirements(extra: str) -> list[Requirement]:
    """What an extra asks for in this environment, also by way of other extras; nothing where metadata can't be read."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    extras, collected = [extra], []
    try:
        listed = [Requirement(line) for line in requires(DISTRIBUTION) or ()]
        for name in extras:  # which grows
            for requirement in listed:
                if (
                    requirement.marker is None
                    or requirement.marker.evaluate({"extra": ""})
                    or not requirement.marker.evaluate({"extra": name})
                ):
                    continue
                requirement.marker = None
                if canonicalize_name(requirement.name) == DISTRIBUTION:
                    extras += sorted(requirement.extras - {*extras})
                else:
                    collected.append(requirement)
    except UNREADABLE:
        return []
    return collected


def note_of_namesake() -> str | None:
    """A sentence where the other project called pyalign is installed too: both install the folder pyalign."""
    from importlib.metadata import version

    try:
        number = version(NAMESAKE)
    except UNREADABLE:
        return None
    return (
        f"the distribution {NAMESAKE} {number}, which is not {DISTRIBUTION}, installs a folder pyalign too: uninstall "
        f"both ({NAMESAKE} and {DISTRIBUTION}), then install this one again"
    )


def _is_satisfied(requirement: Requirement) -> bool:
    from importlib.metadata import version

    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except UNREADABLE:
        return False
